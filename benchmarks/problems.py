"""Seeded data and starts, the same for every peer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

_CHUNK = 8192  # rows made at a time, so that making X needs no memory beside X


@dataclass(frozen=True)
class Cell:
    """What to make: `n` rows of `d` features, `k` components of one covariance `structure`.

    The structure `kmeans` is K-means: one variance, equal weights, hard assignments.
    `separation` is the standard deviation of the cluster means, in units of the clusters' own.
    """

    structure: str
    n: int
    d: int
    k: int
    separation: float = 1.5
    seed: int = 0
    quick: bool = False

    @property
    def name(self) -> str:
        """Name on the command line and in the tables."""
        name = f"{self.structure}-{self.n}x{self.d}-k{self.k}"
        if self.separation != 1.5:
            name += f"-sep{self.separation:g}"
        return name + (f"-seed{self.seed}" if self.seed else "")

    def flops(self) -> int:
        """Floating point operations of one pass by the symmetric count.

        One product of the n x p features with p x K parameters, and one of the K x n
        responsibilities with the features, 2 n p K each. Features of x: `x xᵀ` (its upper
        triangle), its diagonal or its trace; x; and 1. For `tied` and `kmeans` the scatter of
        x does not change from pass to pass, so that only x and 1 count.
        """
        quadratic = {"full": self.d * (self.d + 1) // 2, "diag": self.d, "spherical": 1}
        n_features = quadratic.get(self.structure, 0) + self.d + 1
        return 2 * 2 * self.n * n_features * self.k

    def bytes(self) -> int:
        """Bytes of X, which a pass reads once."""
        return 8 * self.n * self.d

    def exponentials(self) -> int:
        """Exponentials of one pass: one for each row and component, none for `kmeans`."""
        return 0 if self.structure == "kmeans" else self.n * self.k


@dataclass(frozen=True)
class TwoNormalsCell:
    """`n` rows of one feature: N(0, 1) with weight .4 and N(distance, .8²)."""

    n: int
    distance: float
    quick: bool = False

    @property
    def name(self) -> str:
        """Name on the command line and in the tables."""
        return f"two-normals-{self.n}-distance{self.distance:g}"


@dataclass(frozen=True, eq=False)
class Problem:
    """Data and a start in the shapes of scikit-learn's attributes."""

    cell: Cell
    X: np.ndarray
    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray

    @property
    def precisions(self) -> np.ndarray:
        """Inverse of the start's covariances."""
        if self.cell.structure in ("diag", "spherical"):
            return 1.0 / self.covariances
        return np.linalg.inv(self.covariances)

    @cached_property
    def responsibilities(self) -> np.ndarray:
        """Of the start's means, with the variances of the first rows for all of them."""
        deviations = self.X[:10_000].std(axis=0)
        x, means = self.X / deviations, self.means / deviations
        log_joint = x @ means.T - 0.5 * np.square(means).sum(axis=1)
        resp = np.exp(log_joint - log_joint.max(axis=1, keepdims=True))
        return resp / resp.sum(axis=1, keepdims=True)


PASS_CELLS = (
    Cell("full", 100_000, 2, 3, quick=True),
    Cell("full", 100_000, 2, 20),
    Cell("full", 1_000_000, 2, 5),
    Cell("full", 100_000, 10, 10, quick=True),
    Cell("full", 100_000, 10, 50),
    Cell("full", 100_000, 50, 10),
    Cell("full", 50_000, 100, 20),
    Cell("full", 20_000, 200, 5, quick=True),
    Cell("tied", 100_000, 10, 10, quick=True),
    Cell("diag", 100_000, 10, 10, quick=True),
    Cell("diag", 100_000, 50, 50),
    Cell("spherical", 100_000, 10, 10, quick=True),
    Cell("kmeans", 100_000, 10, 10, 0.7, quick=True),
)

MIXTURE_CELLS = tuple(cell for cell in PASS_CELLS if cell.structure != "kmeans")

VARIATIONAL_CELLS = (
    Cell("full", 100_000, 10, 20, quick=True),
    Cell("full", 50_000, 50, 10),
)

# Overlapping mixtures; plain EM needs 50 to 800 passes to 1e-6 of the maximum.
MAXIMUM_CELLS = (
    Cell("full", 20_000, 2, 3, 1.5, seed=1, quick=True),
    Cell("full", 50_000, 2, 2, 0.6, quick=True),
    Cell("full", 30_000, 10, 3, 0.5),
    Cell("full", 100_000, 2, 2, 0.8),
    Cell("full", 50_000, 1, 2, 0.75, seed=1),
    Cell("full", 20_000, 10, 8, 0.8),
    Cell("full", 20_000, 8, 6, 0.7, seed=1),
    Cell("full", 20_000, 5, 5, 0.6, seed=1),
    Cell("full", 20_000, 3, 4, 1.0),
    Cell("full", 20_000, 2, 2, 0.6, seed=2),
    Cell("full", 50_000, 1, 2, 0.75, seed=2),
    Cell("full", 50_000, 2, 2, 0.6, seed=1),
)

# One size at a time, from n = 20000, d = 5, K = 5.
SCALING_CELLS = {
    "n": tuple(
        Cell("full", n, 5, 5, quick=n <= 20_000) for n in (200, 2000, 20_000, 200_000, 2_000_000)
    ),
    "d": tuple(Cell("full", 20_000, d, 5, quick=d <= 20) for d in (1, 2, 5, 10, 20, 50, 100)),
    "k": tuple(Cell("full", 20_000, 5, k, quick=k <= 20) for k in (2, 5, 10, 20, 50, 100)),
}

FIT_CELLS = (
    Cell("full", 1000, 2, 3, 6.0, quick=True),
    Cell("full", 1000, 2, 3, quick=True),
)

MEMORY_CELLS = (
    Cell("full", 200_000, 10, 50, quick=True),
    Cell("full", 1_000_000, 10, 50),
)

THREAD_CELLS = (
    Cell("full", 1_000_000, 2, 5),
    Cell("full", 100_000, 10, 50, quick=True),
    Cell("full", 100_000, 50, 10),
    Cell("full", 50_000, 100, 20),
)

TWO_NORMALS_CELLS = (
    TwoNormalsCell(1000, 4.0, quick=True),
    TwoNormalsCell(1000, 3.0),
    TwoNormalsCell(1000, 2.5, quick=True),
    TwoNormalsCell(1000, 2.0),
    TwoNormalsCell(1_000_000, 4.0),
    TwoNormalsCell(1_000_000, 3.0),
    TwoNormalsCell(1_000_000, 2.5, quick=True),
)


def make_two_normals(cell: TwoNormalsCell) -> np.ndarray:
    """Draw the data of a cell, (n, 1)."""
    rng = np.random.default_rng([cell.n, round(100 * cell.distance)])
    first = rng.uniform(size=cell.n) < 0.4
    X = rng.normal(size=cell.n)
    return np.where(first, X, cell.distance + 0.8 * X)[:, None]


def make(cell: Cell) -> Problem:
    """Draw the data of a cell and its start."""
    rng = np.random.default_rng([cell.seed, cell.n, cell.d, cell.k])
    X = _clusters(cell, rng)
    head = X[:10_000]
    return Problem(
        cell=cell,
        X=X,
        weights=np.full(cell.k, 1.0 / cell.k),
        means=head[rng.choice(len(head), cell.k, replace=False)],
        covariances=_spread(cell, head.var(axis=0)),
    )


def _clusters(cell: Cell, rng: np.random.Generator) -> np.ndarray:
    """Rows of normal clusters: random means, and for `full` mild random covariances."""
    means = cell.separation * rng.normal(size=(cell.k, cell.d))
    factors = np.broadcast_to(np.eye(cell.d), (cell.k, cell.d, cell.d))
    if cell.structure == "full":
        factors = factors + 0.3 / np.sqrt(cell.d) * rng.normal(size=factors.shape)
    labels = np.sort(rng.integers(cell.k, size=cell.n))
    order = rng.permutation(cell.n)
    X = np.empty((cell.n, cell.d))
    for k in range(cell.k):
        rows = order[slice(*np.searchsorted(labels, [k, k + 1]))]
        for chunk in np.split(rows, range(_CHUNK, len(rows), _CHUNK)):
            X[chunk] = means[k] + rng.normal(size=(len(chunk), cell.d)) @ factors[k].T
    return X


def _spread(cell: Cell, variances: np.ndarray) -> np.ndarray:
    """Covariances of the start: the variances of the data, in the shape of the structure."""
    return {
        "full": lambda: np.tile(np.diag(variances), (cell.k, 1, 1)),
        "tied": lambda: np.diag(variances),
        "diag": lambda: np.tile(variances, (cell.k, 1)),
        "spherical": lambda: np.full(cell.k, variances.mean()),
        "kmeans": lambda: variances.mean(),
    }[cell.structure]()


def mean_log_likelihood(X, weights, means, covariances) -> float:
    """Mean log-likelihood of `full` covariances: one judge for all peers, written plainly."""
    log_joint = np.empty((len(weights), len(X)))
    for k, (mean, covariance) in enumerate(zip(means, covariances, strict=True)):
        factor = np.linalg.cholesky(covariance)
        residuals = np.linalg.solve(factor, (X - mean).T)
        log_joint[k] = (
            np.log(weights[k])
            - np.log(np.diag(factor)).sum()
            - 0.5 * (len(mean) * np.log(2 * np.pi) + (residuals**2).sum(axis=0))
        )
    top = log_joint.max(axis=0)
    return float(np.mean(top + np.log(np.exp(log_joint - top).sum(axis=0))))
