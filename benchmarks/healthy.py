"""When a fit is healthy, said in the metric of the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Least eigenvalue of a component's covariance in the metric of the data, as a share of the
# variance of all rows: a component flatter than a hundredth of the data's width. Larger values
# call narrow but true clusters unhealthy, smaller ones let components on a few nearly equal
# rows win. `quality.py` says how its shares depend on it.
HEALTHY_EIGENVALUE = 1e-4
_SLACK = 0.01  # rows that a component lacks because others claim a little of its rows


@dataclass(frozen=True)
class Metric:
    """An affine map that takes the units out: `Z = (X - origin) @ axes`.

    `full` and `tied` covariances are whitened by the covariance of all rows, `diag` ones
    standardised, `spherical` ones divided by the root of the mean variance of the features: what
    each structure is invariant to.
    """

    origin: np.ndarray
    axes: np.ndarray

    def rows(self, X: np.ndarray) -> np.ndarray:
        """Rows, (n, d)."""
        return (X - self.origin) @ self.axes

    def covariances(self, covariances: np.ndarray) -> np.ndarray:
        """Covariances, (K, d, d)."""
        return self.axes.T @ covariances @ self.axes


def metric_of(X: np.ndarray, structure: str) -> Metric:
    """The metric of the rows, (n, d), for a structure."""
    deviations = X.std(axis=0)
    origin = X.mean(axis=0)
    if structure == "spherical":
        return Metric(origin, np.eye(X.shape[1]) / np.sqrt(np.square(deviations).mean()))
    standard = np.diag(1.0 / deviations)
    if structure == "diag":
        return Metric(origin, standard)
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov((X - origin) @ standard, rowvar=False)))
    return Metric(origin, standard @ vectors / np.sqrt(values))


@dataclass(frozen=True)
class Shape:
    """Of a fit in the metric: rows of its smallest component, least eigenvalue of any."""

    rows: float
    eigenvalue: float


def shape_of(weights: np.ndarray, covariances: np.ndarray, n: int) -> Shape:
    """Shape of a fit of n rows with covariances, (K, d, d), in the metric."""
    if not np.isfinite(covariances).all():
        return Shape(0.0, 0.0)
    return Shape(float(n * weights.min()), float(np.linalg.eigvalsh(covariances).min()))


@dataclass(frozen=True)
class Level:
    """How much a fit must have to be called healthy.

    `rows` times d + 1 of total responsibility in each component for `full` (rows enough for a
    covariance), times 2 for other structures, and an eigenvalue in the metric.
    """

    eigenvalue: float
    rows: int = 1

    def holds(self, shape: Shape, structure: str, d: int) -> bool:
        """Whether a fit of this shape is healthy."""
        needed = self.rows * (d + 1 if structure == "full" else 2)
        return shape.rows >= needed - _SLACK and shape.eigenvalue >= self.eigenvalue


STANDARD = "standard"
LEVELS = {
    STANDARD: Level(HEALTHY_EIGENVALUE),
    "10 times the eigenvalue": Level(10 * HEALTHY_EIGENVALUE),
    "a tenth of the eigenvalue": Level(0.1 * HEALTHY_EIGENVALUE),
    "twice the rows": Level(HEALTHY_EIGENVALUE, rows=2),
}


def expanded(covariances: np.ndarray, structure: str, k: int, d: int) -> np.ndarray:
    """Covariances in scikit-learn's shape of a structure, as matrices, (K, d, d)."""
    if structure == "full":
        return covariances
    if structure == "tied":
        return np.tile(covariances, (k, 1, 1))
    variances = covariances if structure == "diag" else np.tile(covariances[:, None], (1, d))
    return variances[:, :, None] * np.eye(d)
