"""What to do with missing values: `python missing_treatments.py` prints the table of the guide.

Two thirds of the rows of a table, of which values of all features but the first are missing, the
more often the greater the first is. Mixtures are fitted by their defaults after each treatment, and
scored on the last third, without gaps. The error of correlations is that of one normal fitted to
the treated rows, against the rows before values were removed.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_iris, load_wine
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, SimpleImputer
from threadpoolctl import threadpool_limits

from emix import GaussianMixture
from emix.datasets import load_faithful

DIVISIONS, _CHANCE = 40, 0.6


class Table(NamedTuple):
    title: str
    load: Callable
    n_components: int
    covariance_type: str


TABLES = (
    Table("Old Faithful, 2 components", load_faithful, 2, "full"),
    Table("iris, 2 components", load_iris, 2, "full"),
    Table("wine, 3 components, tied", load_wine, 3, "tied"),
)


def _iterated(X: np.ndarray) -> np.ndarray:
    return IterativeImputer(random_state=0, max_iter=30, tol=0.01).fit_transform(X)


def _without_gaps(X: np.ndarray) -> np.ndarray:
    return X[~np.isnan(X).any(axis=1)]


TREATMENTS: dict[str, Callable] = {
    "`GaussianMixture` on the rows with gaps": np.copy,
    "after `IterativeImputer`": _iterated,
    "after `SimpleImputer`, means": SimpleImputer().fit_transform,
    "rows without gaps only": _without_gaps,
}
COMPLETE = "nothing removed"


def divided(X: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows to learn from, complete and with gaps, and rows to score."""
    rng = np.random.RandomState(seed)
    rows, n = rng.permutation(X), 2 * len(X) // 3
    complete, test = rows[:n], rows[n:]
    rank = complete[:, 0].argsort().argsort() / n
    gapped = complete.copy()
    for j in range(1, X.shape[1]):
        gapped[rng.uniform(size=n) < _CHANCE * rank, j] = np.nan
    return complete, gapped, test


def correlations(X: np.ndarray) -> np.ndarray:
    covariance = GaussianMixture().fit(X).covariances_[0]
    deviations = np.sqrt(np.diagonal(covariance))
    upper = np.triu_indices(len(covariance), 1)
    return (covariance / np.multiply.outer(deviations, deviations))[upper]


class Results:
    """Of all divisions of a table."""

    def __init__(self, table: Table):
        self.table, self.scores, self.errors = table, {}, {}
        self.rows, self.missing = [], []

    def add(self, seed: int) -> None:
        complete, gapped, test = divided(self.table.load().data, seed)
        expected = correlations(complete)
        self.missing.append(np.isnan(gapped).mean())
        self.rows.append((len(_without_gaps(gapped)), len(gapped)))
        self._score(COMPLETE, complete, test)
        for name, treatment in TREATMENTS.items():
            treated = treatment(gapped)
            self._score(name, treated, test)
            error = np.abs(correlations(treated) - expected).mean()
            self.errors.setdefault(name, []).append(error)

    def _score(self, name: str, treated: np.ndarray, test: np.ndarray) -> None:
        table = self.table
        mixture = GaussianMixture(
            table.n_components, covariance_type=table.covariance_type, random_state=0
        )
        self.scores.setdefault(name, []).append(mixture.fit(treated).score(test))


def report(results: list[Results]) -> None:
    def line(name, cells):
        print("| " + " | ".join([name, *cells]) + " |")

    line("", [each.table.title for each in results])
    print("|" + "---|" * (len(results) + 1))
    line("missing", [f"{np.mean(each.missing):.0%}" for each in results])
    medians = [np.median(each.rows, axis=0) for each in results]
    line("rows without gaps", [f"{some:.0f} of {n:.0f}" for some, n in medians])
    line("**held-out log-density**", ["" for _ in results])
    for name in (COMPLETE, *TREATMENTS):
        line(name, [f"{np.median(each.scores[name]):.4g}" for each in results])
    line("**mean error of correlations**", ["" for _ in results])
    for name in TREATMENTS:
        line(name, [f"{np.mean(each.errors[name]):.3f}" for each in results])


def main() -> None:
    results = [Results(table) for table in TABLES]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for each in results:
            for seed in range(DIVISIONS):
                each.add(seed)
            print(".", end="", file=sys.stderr, flush=True)
    report(results)


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
