"""Multiples of the identity."""

from __future__ import annotations

import math

import numpy as np

from . import scalars
from .bounds import VarianceBound
from .protocols import Bound, Factored
from .rounding import FLOOR
from .scalars import stretch


class Isotropic:
    """Multiples of the identity (...,); the product is |z|². A stack of scalars."""

    correlates, one_unit, has_loadings = False, True, False
    held = "a direction of"
    positive = "positive"

    def __reduce__(self) -> str:
        return "ISOTROPIC"

    def is_positive(self, stack: np.ndarray) -> bool:
        return scalars.are_positive(stack)

    def n_free(self, d: int) -> int:
        return 1

    n_products = n_free

    def n_variances(self, d: int) -> int:
        return 1

    def shape(self, d: int) -> tuple[int, ...]:
        return ()

    def fill_products(self, z: np.ndarray, out: np.ndarray) -> None:
        np.einsum("ij,ij->j", z, z, out=out[0])

    def unpack(self, products: np.ndarray, d: int) -> np.ndarray:
        return products[..., 0]

    def pack(self, matrix: np.ndarray) -> np.ndarray:
        return stretch(matrix)

    def coefficients(self, precision: np.ndarray) -> np.ndarray:
        return -0.5 * stretch(precision)

    def outer(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.asarray((a * b).sum(-1))

    def from_variances(self, v: np.ndarray) -> np.ndarray:
        return np.asarray(v.mean())

    def mean_matrix(self, second: np.ndarray, d: int) -> np.ndarray:
        """E|y|² = d times the variance."""
        return second / d

    def floor(self, total: np.ndarray) -> float:
        return FLOOR

    def largest(self, total: np.ndarray) -> float:
        return max(float(total), 1.0)

    def whitening(self, total: np.ndarray, least: float) -> np.ndarray | None:
        return None

    def bound(self, least: np.ndarray) -> VarianceBound:
        return VarianceBound(self, least)

    def above(self, covariance: np.ndarray, bound: Bound, d: int) -> np.ndarray:
        return np.repeat(stretch(covariance / bound.least), d, axis=-1)

    def loadings(self, covariance: np.ndarray, bound: Bound, count: int) -> np.ndarray:
        return np.zeros(1)

    def least(self, total, scale, share, rounding) -> np.ndarray:
        """share times the mean of D²."""
        return np.asarray(share * np.mean(scale * scale))

    def unconstrained(self, covariance: np.ndarray, least: float) -> Factored | None:
        if not np.min(covariance) >= least:
            return None
        return Factored(
            covariance, 1.0 / np.sqrt(covariance), np.zeros(covariance.shape, dtype=int)
        )

    def factorise(self, covariance: np.ndarray, floor: float | np.ndarray) -> Factored:
        floored = covariance < floor
        covariance = np.where(floored, floor, covariance)
        factor = 1.0 / np.sqrt(covariance)
        return Factored(covariance, factor, floored.astype(int))

    def orthonormal(self, factor: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """As for dense matrices: (|y|² - d) / sqrt(2 d), y_i and 1."""
        d = mean.shape[-1]
        found, root = scalars.linear_rows(stretch(factor), mean, 1), math.sqrt(0.5 / d)
        shift = -stretch(factor) * mean
        found[..., 0, 0] = root * factor * factor
        found[..., 0, 1:-1] = 2.0 * root * stretch(factor) * shift
        found[..., 0, -1] = root * (np.vecdot(shift, shift) - d)
        return found

    def at_floor(
        self, covariances: np.ndarray, n_floored: np.ndarray, bound: Bound
    ) -> np.ndarray | None:
        return n_floored[:, None] > 0

    def factor_of_precision(self, precision: np.ndarray) -> np.ndarray:
        return np.sqrt(precision)

    def invert(self, factor: np.ndarray) -> np.ndarray:
        return 1.0 / factor**2

    def log_det(self, factor: np.ndarray, d: int) -> np.ndarray:
        return d * np.log(factor)

    def precision(self, factor: np.ndarray) -> np.ndarray:
        return factor * factor

    def variances(self, matrix: np.ndarray, d: int) -> np.ndarray:
        return np.repeat(stretch(matrix), d, axis=-1)

    def precisions(self, factor: np.ndarray, d: int) -> np.ndarray:
        return self.variances(self.precision(factor), d)

    def apply(self, precision: np.ndarray, a: np.ndarray) -> np.ndarray:
        return stretch(precision) * a

    def inner(self, precision: np.ndarray, covariance: np.ndarray, d: int) -> np.ndarray:
        return d * precision * covariance

    def gradient_step(self, factor: np.ndarray, target: np.ndarray, step: float):
        return scalars.gradient_step(factor, target, step)

    def whiten(self, factor: np.ndarray, a: np.ndarray) -> np.ndarray:
        return stretch(factor) * a

    def trace(self, factor: np.ndarray, reference: np.ndarray, d: int) -> np.ndarray:
        return d * np.square(factor / reference)

    def bartlett(self, d: int) -> np.ndarray:
        return np.zeros(1)

    def wishart_count(self, degrees: float, d: int) -> float:
        return (degrees + 2.0) / d

    def log_inverse_wishart(self, degrees: float, scale: np.ndarray, d: int) -> float:
        return scalars.log_inverse_gamma(0.5 * degrees, 0.5 * (d * scale))

    def log_jacobian(self, scale: np.ndarray) -> float:
        return float(2.0 * np.log(scale[0]))

    def log_tail(self, factor: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.log1p(self.squared_distance(factor, y))

    def squared_distance(self, factor: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.einsum("ij,ij->j", y, y) * factor**2

    def residual_distances(self, factors: np.ndarray, y: np.ndarray, means: np.ndarray):
        white = (y - means[:, None]) * stretch(stretch(factors))
        return np.vecdot(white, white)

    def squared_distances(self, factors: np.ndarray, y: np.ndarray, means: np.ndarray):
        """As for diagonal matrices."""
        precisions = factors * factors
        own = precisions * np.vecdot(means, means)
        if not scalars.are_moderate(precisions, own):
            return self.residual_distances(factors, y, means)
        distances = np.matmul((-2.0 * precisions)[:, None] * means, y.T)
        distances += np.multiply.outer(precisions, np.vecdot(y, y))
        distances += own[:, None]
        return distances

    def log_tails(self, factors: np.ndarray, y: np.ndarray, means: np.ndarray) -> np.ndarray:
        white = (y - means[:, None]) * stretch(stretch(factors))
        return np.log1p(np.vecdot(white, white))

    def weighted_second(self, y: np.ndarray, resp: np.ndarray) -> np.ndarray:
        return np.einsum("ij,ij->j", y, y) @ resp

    def unwhiten(self, factor: np.ndarray, normal: np.ndarray) -> np.ndarray:
        return normal / factor

    def rescale(self, covariance, factor, scale):
        return covariance * scale[0] ** 2, self.rescale_factor(factor, scale)

    def rescale_factor(self, factor, scale):
        return factor / scale[0]


ISOTROPIC = Isotropic()
