"""The best known healthy maxima: searched once, stored, raised whenever a higher one is found."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.exceptions import ConvergenceWarning

from healthy import LEVELS, STANDARD, metric_of, shape_of
from plain_em import Climbed, Mixtures, PlainEM
from quality_problems import QualityProblem

STORE = Path(__file__).with_name("results") / "known" / "maxima.json"

Heights = dict[str, float]
# Beside the heights of the levels: the best standard one that the starts of the search lead to
# without splits and merges, a bar that a multi-start search of the usual kind sets.
STARTS_ALONE = "standard, best of many starts alone"

_TOL, _PASSES = 1e-6, 400  # of the climbs that look for maxima
_POLISH_TOL, _POLISH_PASSES = 1e-10, 20_000  # of the few that are kept
_SAME = 1e-4  # maxima closer than this per row are taken for one
_KEPT = 6  # maxima of each level that are polished, and that split and merge starts from
_ROUNDS = 4  # of splits and merges, as long as they find something
_MOVES = 24  # splits and merges tried of each maximum in a round
_BATCH = 3e6  # entries of the responsibilities of the starts that climb together
_N_SEEDS = 12  # of each kind of start


class BestKnown:
    """Heights by problem and level, mean log-likelihood per row in the metric of the data.

    In the metric, the rows of a table and the standardised ones have the same maxima where the
    structure is invariant to the scale of a feature. A stored height counts only for the same
    rows: `key` tells them apart by a sum.
    """

    def __init__(self, path: Path = STORE) -> None:
        self.path = path
        self._heights: dict[str, Heights] = json.loads(path.read_text()) if path.exists() else {}

    def of(self, problem: QualityProblem) -> Heights | None:
        """Heights of a problem by level; None if it was not searched."""
        return self._heights.get(key(problem))

    def raise_to(self, problem_key: str, heights: Heights) -> None:
        """Take the heights that are above the known ones."""
        known = self._heights.setdefault(problem_key, {})
        for level, height in heights.items():
            known[level] = max(height, known.get(level, -np.inf))

    def save(self) -> None:
        """Write the file, a problem a line."""
        lines = (
            f"{json.dumps(name)}: {json.dumps({k: round(v, 7) for k, v in heights.items()})}"
            for name, heights in sorted(self._heights.items())
        )
        self.path.parent.mkdir(exist_ok=True, parents=True)
        self.path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def key(problem: QualityProblem) -> str:
    """Name of the problem's maxima, with a sum that tells whether the rows are the same."""
    scaling = f"-{problem.scaling}" if problem.structure == "spherical" else ""
    rows = metric_of(problem.X, problem.structure).rows(problem.X)
    return (
        f"{problem.table}{scaling}-{problem.structure}-k{problem.n_components}"
        f" {np.square(rows[::2]).sum():.2f}"
    )


def search(problem: QualityProblem, n_seeds: int = _N_SEEDS) -> Heights:
    """Height of the best healthy maximum found, for each level of health that has one.

    Many starts (K-means in several metrics, rows at random, agglomeration, labels at random,
    the true ones) climb by plain EM; then splits and merges of the best, until they
    find nothing higher; the best few are polished. What the starts alone lead to is told too.
    """
    climber = Climber(problem)
    found = climber.climb(_first_labels(problem, n_seeds))
    alone = climber.polished_heights(found)
    rng = np.random.default_rng(0)
    for _ in range(_ROUNDS):
        best = climber.best(found)
        moved = climber.climb([move for one in best for move in climber.moves(one, rng)])
        before, found = climber.heights(found), found + moved
        after = climber.heights(found)
        if all(after[level] - before.get(level, -np.inf) < _SAME for level in after):
            break
    heights = climber.polished_heights(found)
    return heights | ({STARTS_ALONE: alone[STANDARD]} if STANDARD in alone else {})


class Climber:
    """Climbs of one problem, and which of them are healthy."""

    def __init__(self, problem: QualityProblem) -> None:
        self.structure = problem.structure
        self.k = problem.n_components
        self.metric = metric_of(problem.X, problem.structure)
        self.rows = self.metric.rows(problem.X)
        self.em = PlainEM(self.rows, problem.structure)

    def climb(self, labels: list[np.ndarray]) -> list[Climbed]:
        """From labels of the rows, many at once."""
        size = max(1, int(_BATCH / (self.k * len(self.rows))))
        found: list[Climbed] = []
        for begin in range(0, len(labels), size):
            chosen = np.array(labels[begin : begin + size])
            starts = (chosen[:, None, :] == np.arange(self.k)[:, None]).astype(float)
            found += self.em.climb(starts, _TOL, _PASSES)
        return found

    def polish(self, mixture: Mixtures) -> Climbed | None:
        """Climb on to the maximum; None where that ends singular."""
        mixtures = Mixtures(*(array[None] for array in mixture))
        responsibilities, _ = self.em.responsibilities(mixtures)
        return next(iter(self.em.climb(responsibilities, _POLISH_TOL, _POLISH_PASSES)), None)

    def polished_heights(self, found: list[Climbed]) -> Heights:
        """Best maximum of each level that the best climbs lead to."""
        polished = [self.polish(one.mixture) for one in self.best(found)]
        return self.heights([one for one in polished if one is not None])

    def heights(self, found: list[Climbed]) -> Heights:
        """Best of each level; a level of which no climb is healthy has none."""
        best: Heights = {}
        for one in found:
            for level in self.levels(one.mixture):
                best[level] = max(one.log_likelihood, best.get(level, -np.inf))
        return best

    def levels(self, mixture: Mixtures) -> list[str]:
        """Levels at which a mixture is healthy."""
        shape = shape_of(mixture.weights, mixture.covariances, len(self.rows))
        d = self.rows.shape[1]
        return [name for name, level in LEVELS.items() if level.holds(shape, self.structure, d)]

    def best(self, found: list[Climbed]) -> list[Climbed]:
        """The best few different ones of each level."""
        chosen: dict[int, Climbed] = {}
        ordered = sorted(found, key=lambda one: -one.log_likelihood)
        for level in LEVELS:
            kept: list[Climbed] = []
            for one in ordered:
                if len(kept) == _KEPT:
                    break
                new = not kept or kept[-1].log_likelihood - one.log_likelihood > _SAME
                if new and level in self.levels(one.mixture):
                    kept.append(one)
            chosen.update((id(one), one) for one in kept)
        return list(chosen.values())

    def moves(self, one: Climbed, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """Labels with two components merged and another one split, some of all ways."""
        mixtures = Mixtures(*(array[None] for array in one.mixture))
        labels = self.em.responsibilities(mixtures)[0][0].argmax(axis=0)
        ways = [
            (i, j, s) for i, j in combinations(range(self.k), 2) for s in range(self.k) if s != j
        ]
        for way in rng.permutation(len(ways))[:_MOVES]:
            i, j, s = ways[way]
            moved = np.where(labels == j, i, labels)
            members = np.flatnonzero(moved == s)
            if len(members) >= 2:
                centred = self.rows[members] - self.rows[members].mean(axis=0)
                axis = np.linalg.svd(centred, full_matrices=False)[2][0]
                if rng.uniform() < 0.5:
                    axis = rng.normal(size=len(axis))
                sides = centred @ axis
                moved[members[sides > np.median(sides)]] = j
                yield moved


def _first_labels(problem: QualityProblem, n_seeds: int) -> list[np.ndarray]:
    """Starts of many kinds, as labels of the rows, (n,)."""
    rng = np.random.default_rng(1)
    k, X = problem.n_components, problem.X
    deviations = X.std(axis=0)
    metrics: list[np.ndarray] = [X, X / deviations, metric_of(X, "full").rows(X)]
    labels = [] if problem.labels is None else [np.unique(problem.labels, return_inverse=True)[1]]
    labels = [known for known in labels if known.max() < k]
    for rows in metrics:
        labels += [kind(rows, k, rng) for kind in _KINDS for _ in range(n_seeds)]
        labels += [AgglomerativeClustering(k).fit_predict(rows)]
    labels += [rng.integers(k, size=len(X)) for _ in range(n_seeds)]
    return labels


def _kmeans(rows: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return KMeans(k, n_init=1, random_state=rng.integers(2**31)).fit_predict(rows)


def _kmeans_of_some(rows: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """K-means of a quarter of the rows."""
    some = rng.choice(len(rows), max(k, len(rows) // 4), replace=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        means = KMeans(k, n_init=1, random_state=rng.integers(2**31)).fit(rows[some])
    return means.predict(rows)


def _nearest(rows: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """The nearest of K rows at random."""
    chosen = rows[rng.choice(len(rows), k, replace=False)]
    return np.square(rows[:, None] - chosen).sum(axis=2).argmin(axis=1)


_KINDS: tuple[Callable, ...] = (_kmeans, _kmeans_of_some, _nearest)
