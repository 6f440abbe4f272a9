"""Diagonal matrices."""

from __future__ import annotations

import math

import numpy as np

from . import scalars
from .bounds import VarianceBound
from .protocols import Bound, Factored
from .rounding import FLOOR


class Diagonal:
    """Diagonal matrices (..., d); products z_i²."""

    correlates, one_unit, has_loadings = False, False, False
    held = "a direction of"
    positive = "positive"

    def __reduce__(self) -> str:
        return "DIAGONAL"

    def is_positive(self, stack: np.ndarray) -> bool:
        return scalars.are_positive(stack)

    def n_free(self, d: int) -> int:
        return d

    n_products = n_free

    def n_variances(self, d: int) -> int:
        return d

    def shape(self, d: int) -> tuple[int, ...]:
        return (d,)

    def fill_products(self, z: np.ndarray, out: np.ndarray) -> None:
        np.multiply(z, z, out=out)

    def unpack(self, products: np.ndarray, d: int) -> np.ndarray:
        return products

    def pack(self, matrix: np.ndarray) -> np.ndarray:
        return matrix

    def coefficients(self, precision: np.ndarray) -> np.ndarray:
        return -0.5 * precision

    def outer(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return a * b

    def from_variances(self, v: np.ndarray) -> np.ndarray:
        return v

    def mean_matrix(self, second: np.ndarray, d: int) -> np.ndarray:
        return second

    def floor(self, total: np.ndarray) -> float:
        return FLOOR

    def largest(self, total: np.ndarray) -> float:
        return max(float(np.max(total)), 1.0)

    def whitening(self, total: np.ndarray, least: float) -> np.ndarray | None:
        return None

    def bound(self, least: np.ndarray) -> VarianceBound:
        return VarianceBound(self, least)

    def above(self, covariance: np.ndarray, bound: Bound, d: int) -> np.ndarray:
        return np.sort(covariance / bound.least, axis=-1)

    def loadings(self, covariance: np.ndarray, bound: Bound, count: int) -> np.ndarray:
        return np.zeros(1)

    def least(self, total, scale, share, rounding) -> np.ndarray:
        """share D²; the local scale of a constant feature is one."""
        return share * scale * scale

    def unconstrained(self, covariance: np.ndarray, least: float) -> Factored | None:
        if not np.min(covariance) >= least:
            return None
        return Factored(
            covariance, 1.0 / np.sqrt(covariance), np.zeros(covariance.shape[:-1], dtype=int)
        )

    def factorise(self, covariance: np.ndarray, floor: float | np.ndarray) -> Factored:
        floored = covariance < floor
        covariance = np.where(floored, floor, covariance)
        factor = 1.0 / np.sqrt(covariance)
        return Factored(covariance, factor, floored.sum(-1))

    def orthonormal(self, factor: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """As for dense matrices: (y_i² - 1) / sqrt 2, y_i and 1."""
        d = mean.shape[-1]
        found, shift, squares = scalars.linear_rows(factor, mean, d), -factor * mean, np.arange(d)
        found[..., squares, squares] = math.sqrt(0.5) * factor * factor
        found[..., squares, d + squares] = math.sqrt(2.0) * factor * shift
        found[..., :d, -1] = math.sqrt(0.5) * (shift * shift - 1.0)
        return found

    def at_floor(
        self, covariances: np.ndarray, n_floored: np.ndarray, bound: Bound
    ) -> np.ndarray | None:
        return covariances <= bound.least

    def factor_of_precision(self, precision: np.ndarray) -> np.ndarray:
        return np.sqrt(precision)

    def invert(self, factor: np.ndarray) -> np.ndarray:
        return 1.0 / factor**2

    def log_det(self, factor: np.ndarray, d: int) -> np.ndarray:
        return np.log(factor).sum(-1)

    def precision(self, factor: np.ndarray) -> np.ndarray:
        return factor * factor

    def variances(self, matrix: np.ndarray, d: int) -> np.ndarray:
        return matrix

    def precisions(self, factor: np.ndarray, d: int) -> np.ndarray:
        return self.variances(self.precision(factor), d)

    def apply(self, precision: np.ndarray, a: np.ndarray) -> np.ndarray:
        return precision * a

    def inner(self, precision: np.ndarray, covariance: np.ndarray, d: int) -> np.ndarray:
        return precision @ covariance

    def gradient_step(self, factor: np.ndarray, target: np.ndarray, step: float):
        return scalars.gradient_step(factor, target, step)

    def whiten(self, factor: np.ndarray, a: np.ndarray) -> np.ndarray:
        return factor * a

    def trace(self, factor: np.ndarray, reference: np.ndarray, d: int) -> np.ndarray:
        return np.square(factor / reference).sum(axis=-1)

    def bartlett(self, d: int) -> np.ndarray:
        return np.zeros(d)

    def wishart_count(self, degrees: float, d: int) -> float:
        return degrees + 2.0

    def log_inverse_wishart(self, degrees: float, scale: np.ndarray, d: int) -> float:
        return scalars.log_inverse_gamma(0.5 * degrees, 0.5 * scale)

    def log_jacobian(self, scale: np.ndarray) -> float:
        return float(2.0 * np.log(scale).sum())

    def log_tail(self, factor: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.log1p((y * factor[:, None]) ** 2).sum(axis=0)

    def squared_distance(self, factor: np.ndarray, y: np.ndarray) -> np.ndarray:
        white = y * factor[:, None]
        return np.einsum("ij,ij->j", white, white)

    def residual_distances(self, factors: np.ndarray, y: np.ndarray, means: np.ndarray):
        white = (y - means[:, None]) * factors[..., None, :]
        return np.vecdot(white, white)

    def squared_distances(self, factors: np.ndarray, y: np.ndarray, means: np.ndarray):
        """|U_kᵀ (y - mu_k)|², (K, m), by moments about the origin where these do not cancel."""
        precisions = factors * factors
        scaled = precisions * means
        own = np.vecdot(scaled, means)
        if not scalars.are_moderate(precisions, own):
            return self.residual_distances(factors, y, means)
        scaled *= -2.0
        distances = np.matmul(scaled, y.T)
        distances += np.matmul(precisions, (y * y).T)
        distances += own[:, None]
        return distances

    def log_tails(self, factors: np.ndarray, y: np.ndarray, means: np.ndarray) -> np.ndarray:
        white = (y - means[:, None]) * factors[..., None, :]
        white *= white
        return np.log1p(white, out=white).sum(axis=-1)

    def weighted_second(self, y: np.ndarray, resp: np.ndarray) -> np.ndarray:
        return (y * y) @ resp

    def unwhiten(self, factor: np.ndarray, normal: np.ndarray) -> np.ndarray:
        return normal / factor

    def rescale(self, covariance, factor, scale):
        return covariance * scale * scale, self.rescale_factor(factor, scale)

    def rescale_factor(self, factor, scale):
        return factor / scale


DIAGONAL = Diagonal()
