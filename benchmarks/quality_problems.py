"""Real tables and synthetic problems whose fits `quality.py` judges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.stats import ortho_group
from sklearn import datasets
from sklearn.decomposition import PCA

from emix.datasets import load_faithful

STRUCTURES = ("full", "tied", "diag", "spherical")
TABLES = ("iris", "wine", "breast_cancer", "digits", "diabetes", "faithful")
SCALINGS = ("raw", "standardised")
COMPONENTS = (2, 3, 4, 5, 6)
N_SYNTHETIC = 240

# Names of the sizes, with the number of rows below which they end.
SIZES = {"n < 150": 150, "n < 500": 500, "n >= 500": float("inf")}

_DIGITS_FEATURES = 10
_N_TEST = 2000
_SEED = 20261126  # of all synthetic problems
# Rows that the smallest component of a synthetic problem can expect: a component must be able
# to show its covariance, or the known answer is no answer.
_LEAST_ROWS = {"full": lambda d: 2 * (d + 1), "tied": lambda d: 6}


@dataclass(frozen=True, eq=False)
class QualityProblem:
    """Rows to fit `n_components` of a `structure` to, and what is known of them.

    `labels` of the rows, `X_test` and `labels_test` are None where there are none.
    """

    table: str
    scaling: str
    structure: str
    n_components: int
    X: np.ndarray
    labels: np.ndarray | None = None
    X_test: np.ndarray | None = None
    labels_test: np.ndarray | None = None

    @property
    def name(self) -> str:
        """Name in the tables."""
        scaling = "" if self.scaling == "raw" else "-" + self.scaling
        return f"{self.table}{scaling}-{self.structure}-k{self.n_components}"

    @property
    def size(self) -> str:
        """Group of the number of rows."""
        return next(name for name, end in SIZES.items() if len(self.X) < end)

    @property
    def synthetic(self) -> bool:
        """Whether the rows were drawn from a mixture of the structure."""
        return self.X_test is not None


def real_problems(
    tables: Sequence[str], structures: Sequence[str], components: Sequence[int]
) -> Iterator[QualityProblem]:
    """All fits of the real tables, raw and standardised."""
    for table in tables:
        X, labels = _load(table)
        for scaling in SCALINGS:
            scaled = X if scaling == "raw" else (X - X.mean(axis=0)) / X.std(axis=0)
            for structure in structures:
                for n_components in components:
                    yield QualityProblem(table, scaling, structure, n_components, scaled, labels)


def synthetic_problems(n_problems: int, structures: Sequence[str]) -> Iterator[QualityProblem]:
    """The first of the 240 problems; structures take turns."""
    for index in range(n_problems):
        structure = STRUCTURES[index % len(STRUCTURES)]
        if structure in structures:
            yield _synthetic(index, structure)


@cache
def _load(table: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Rows of a table, (n, d), and the class of each, where the table has classes."""
    if table == "faithful":
        return load_faithful().data, None
    if table == "diabetes":
        return datasets.load_diabetes(scaled=False).data, None
    X, labels = getattr(datasets, f"load_{table}")(return_X_y=True)
    if table == "digits":
        X = PCA(_DIGITS_FEATURES, svd_solver="full").fit_transform(X)
    return X, labels


def _synthetic(index: int, structure: str) -> QualityProblem:
    """Problem `index`: sizes, separation, weights and shapes vary, all from one seed.

    Separation is the distance of the two nearest means over the root of the mean variance
    of the components, 1 to 5.
    """
    rng = np.random.default_rng([_SEED, index])
    n, d, weights = _sizes(rng, structure)
    k = len(weights)
    covariances = _covariances(rng, structure, k, d)
    spread = np.sqrt(np.trace(covariances, axis1=1, axis2=2).mean() / d)
    means = _means(rng, k, d) * spread * np.exp(rng.uniform(0.0, np.log(5.0)))
    factors = np.linalg.cholesky(covariances)

    def draw(n_rows: int) -> tuple[np.ndarray, np.ndarray]:
        labels = rng.choice(k, n_rows, p=weights)
        noise = rng.normal(size=(n_rows, d))
        return means[labels] + np.einsum("nij,nj->ni", factors[labels], noise), labels

    X, labels = draw(n)
    X_test, labels_test = draw(_N_TEST)
    table = f"synthetic{index:03d}"
    return QualityProblem(table, "raw", structure, k, X, labels, X_test, labels_test)


def _sizes(rng: np.random.Generator, structure: str) -> tuple[int, int, np.ndarray]:
    """Rows, features and weights, drawn again until the smallest component has rows enough."""
    least = _LEAST_ROWS.get(structure, _LEAST_ROWS["tied"])
    while True:
        n = round(np.exp(rng.uniform(np.log(40.0), np.log(1500.0))))
        d, k = rng.integers(1, 9), rng.integers(2, 7)
        equal = rng.uniform() < 0.5
        weights = np.full(k, 1.0 / k) if equal else rng.dirichlet(np.full(k, 3.0))
        if n * weights.min() >= least(d):
            return n, int(d), weights


def _covariances(rng: np.random.Generator, structure: str, k: int, d: int) -> np.ndarray:
    """Random covariances of a structure, (k, d, d), up to ten times as long as wide."""
    n_shapes = 1 if structure == "tied" else k
    sizes = np.exp(0.5 * rng.normal(size=n_shapes))
    axes = np.exp(rng.uniform(-1.0, 1.0) * np.log(10.0) * rng.uniform(size=(n_shapes, d)))
    if structure == "spherical":
        axes = np.ones_like(axes)
    rotations = np.broadcast_to(np.eye(d), (n_shapes, d, d))
    if structure in ("full", "tied") and d > 1:
        drawn = ortho_group.rvs(d, size=n_shapes, random_state=rng)
        rotations = drawn.reshape(n_shapes, d, d)
    scaled = rotations * (sizes[:, None] * axes)[:, None, :]
    return np.broadcast_to(scaled @ scaled.swapaxes(1, 2), (k, d, d)) + np.zeros((k, 1, 1))


def _means(rng: np.random.Generator, k: int, d: int, n_tries: int = 20) -> np.ndarray:
    """Means with the nearest two at distance 1; of some draws the one that spreads least."""
    pairs = np.triu_indices(k, 1)
    draws = rng.normal(size=(n_tries, k, d))
    distances = np.linalg.norm(draws[:, pairs[0]] - draws[:, pairs[1]], axis=2)
    best = np.argmax(distances.min(axis=1) / distances.max(axis=1))
    return draws[best] / distances[best].min()
