"""Default fits to rows with gaps, beside the best maxima known: `python missing_starts.py`.

Rows of iris, wine and Old Faithful lose values, completely at random or, but for the first feature,
the more often the greater that is. Told are the share of default fits that end healthy and within
0.005 nats per row of the best healthy maximum that any fit found, their mean distance from it, and
the processor time of a fit. Further fits from many starts, and one from the fit of the complete
rows, search for maxima. `--best FILE` keeps these heights for other versions of the package.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_iris, load_wine
from threadpoolctl import threadpool_limits

from emix import GaussianMixture
from emix.datasets import load_faithful
from healthy import HEALTHY_EIGENVALUE, Level, metric_of, shape_of

TABLES = {"iris": load_iris, "wine": load_wine, "faithful": load_faithful}
STRUCTURES = ("full", "tied", "diag", "spherical")
SHARES, COMPONENTS = (0.05, 0.2, 0.4), (2, 3)
_NEAR = 0.005  # nats per row
_HEALTHY = Level(HEALTHY_EIGENVALUE)


class Problem(NamedTuple):
    table: str
    at_random: str
    share: float
    n_components: int
    covariance_type: str


def problems(tables: Sequence[str]) -> Iterator[Problem]:
    for table in tables:
        for at_random in ("MCAR", "MAR"):
            for share in SHARES:
                for k in COMPONENTS:
                    # wine has too few rows for free covariances of 13 features
                    for structure in STRUCTURES[table == "wine" :]:
                        yield Problem(table, at_random, share, k, structure)


def punched(X: np.ndarray, problem: Problem) -> np.ndarray:
    """A copy with gaps."""
    rng, gapped = np.random.RandomState(0), X.copy()
    if problem.at_random == "MCAR":
        gapped[rng.uniform(size=X.shape) < problem.share] = np.nan
        return gapped
    rank = (X[:, 0].argsort().argsort() + 0.5) / len(X)
    chance = np.minimum(2.0 * problem.share * rank, 0.95)
    gapped[:, 1:][rng.uniform(size=(len(X), X.shape[1] - 1)) < chance[:, None]] = np.nan
    return gapped


class Fits:
    """Of one problem, with the best healthy height."""

    def __init__(self, problem: Problem, best: float):
        self.complete = TABLES[problem.table]().data
        self.X = punched(self.complete, problem)
        self.problem, self.best = problem, best
        self._metric = metric_of(self.complete, problem.covariance_type.replace("tied", "full"))

    def height(self, mixture: GaussianMixture) -> float:
        """Log-likelihood per row; minus infinity where a component is not healthy."""
        structure, d = self.problem.covariance_type, self.X.shape[1]
        covariances = np.linalg.inv(_dense(mixture.precisions_, structure, len(mixture.means_), d))
        shape = shape_of(mixture.weights_, self._metric.covariances(covariances), len(self.X))
        return mixture.lower_bound_ if _HEALTHY.holds(shape, structure, d) else -np.inf

    def fit(self, X: np.ndarray, seed: int, **options) -> GaussianMixture:
        mixture = GaussianMixture(
            self.problem.n_components,
            covariance_type=self.problem.covariance_type,
            random_state=seed,
            **options,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return mixture.fit(X)

    def search(self) -> None:
        """Raises the best height."""
        known = self.fit(self.complete, 0)
        given = {f"{name}_init": getattr(known, f"{name}_") for name in ("weights", "means")}
        found = [self.fit(self.X, 0, precisions_init=known.precisions_, **given)]
        for start in ("kmeans", "random_from_data", "k-means++"):
            found.append(self.fit(self.X, 1000, init_params=start, n_init=4, max_iter=200))
        self.best = max(self.best, *map(self.height, found))

    def judged(self, seeds: int) -> tuple[list[float], list[float]]:
        """Heights and seconds of default fits."""
        heights, seconds = [], []
        for seed in range(seeds):
            began = time.process_time()
            mixture = self.fit(self.X, seed)
            seconds.append(time.process_time() - began)
            heights.append(self.height(mixture))
        self.best = max(self.best, *heights)
        return heights, seconds


def _dense(precisions, structure, n_components, d) -> np.ndarray:
    if structure == "tied":
        return np.repeat(precisions[None], n_components, axis=0)
    if structure == "diag":
        return precisions[:, :, None] * np.eye(d)
    if structure == "spherical":
        return precisions[:, None, None] * np.eye(d)
    return precisions


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--best", type=Path, help="file of the heights that are known")
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    args = parser.parse_args(arguments)
    known = json.loads(args.best.read_text()) if args.best and args.best.exists() else {}
    rows = []
    for problem in problems(args.tables):
        key = " ".join(map(str, problem))
        fits = Fits(problem, known.get(key, -np.inf))
        if key not in known:
            fits.search()
        rows.append((problem, fits, *fits.judged(args.seeds)))
        known[key] = fits.best
        if args.best:
            args.best.write_text(json.dumps(known))
        print(".", end="", file=sys.stderr, flush=True)
    report(rows)


def report(rows: list) -> None:
    print("| missing | fits | at the best | distance | seconds |")
    print("|---|---|---|---|---|")
    for at_random in ("MCAR", "MAR"):
        for share in SHARES:
            own = [row for row in rows if row[0][1:3] == (at_random, share)]
            away = np.array([fits.best - np.array(heights) for _, fits, heights, _ in own]).ravel()
            seconds = np.mean([seconds for *_, seconds in own])
            finite = away[np.isfinite(away)].clip(0.0)
            print(
                f"| {share:.0%} {at_random} | {away.size} | {np.mean(away <= _NEAR):.0%} "
                f"| {finite.mean():.4f} | {seconds:.2f} |"
            )


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
