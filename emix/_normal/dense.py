"""General symmetric matrices."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy.linalg.lapack import dtrtri
from scipy.special import multigammaln

from .bounds import DenseBound
from .factors import factor_of, factor_of_roots, inverse_transposed
from .protocols import Bound, Factored
from .rounding import DENSE_FLOOR, FLOOR


@lru_cache(maxsize=64)
def _packing(d: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions of the packed upper triangle in the matrix (p,), of the matrix in the packed
    triangle (d, d), and the factors that make P's entries the coefficients of -xᵀPx/2."""
    rows, cols = np.triu_indices(d)
    packed = np.empty((d, d), dtype=np.intp)
    packed[rows, cols] = packed[cols, rows] = np.arange(rows.size)
    return rows * d + cols, packed, np.where(rows == cols, -0.5, -1.0)


@lru_cache(maxsize=64)
def _pairs(d: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """For the features (z_i z_j, z_i, 1), taken as products of (z, 1) with itself: where H_ai and
    H_aj lie in a matrix H (d + 1, d + 1), a an index of one feature's factor and i of another's;
    (p, p) each. Also how often (i, j) and (j, i) differ, and the rows z_i² - 1."""
    rows, cols = np.triu_indices(d)
    rows = np.concatenate([rows, np.arange(d + 1)])
    cols = np.concatenate([cols, np.full(d + 1, d)])
    at = np.stack([a[:, None] * (d + 1) + b for a in (rows, cols) for b in (rows, cols)])
    square = (rows == cols) & (rows < d)
    return (
        at,
        np.where(rows == cols, 0.5, 1.0),
        np.flatnonzero(square),
        np.sqrt(np.where(square, 0.5, 1.0))[:, None],
    )


class Dense:
    """General symmetric matrices (..., d, d); products z_i z_j, i <= j, packed by rows."""

    correlates, one_unit, has_loadings = True, False, False
    held = "a direction of"
    positive = "symmetric, positive-definite"

    def __reduce__(self) -> str:
        return "DENSE"

    def is_positive(self, stack: np.ndarray) -> bool:
        symmetric = np.allclose(stack, stack.swapaxes(-1, -2))
        return symmetric and bool((np.linalg.eigvalsh(stack) > 0.0).all())

    def n_free(self, d: int) -> int:
        return d * (d + 1) // 2

    n_products = n_free

    def n_variances(self, d: int) -> int:
        return d

    def shape(self, d: int) -> tuple[int, ...]:
        return (d, d)

    def fill_products(self, z: np.ndarray, out: np.ndarray) -> None:
        d, at = len(z), 0
        for i in range(d):
            np.multiply(z[i], z[i:], out=out[at : at + d - i])
            at += d - i

    def unpack(self, products: np.ndarray, d: int) -> np.ndarray:
        return products.take(_packing(d)[1], axis=-1)

    def pack(self, matrix: np.ndarray) -> np.ndarray:
        d = matrix.shape[-1]
        return matrix.reshape(*matrix.shape[:-2], d * d).take(_packing(d)[0], axis=-1)

    def coefficients(self, precision: np.ndarray) -> np.ndarray:
        """-P/2 as coefficients of the packed products."""
        return self.pack(precision) * _packing(precision.shape[-1])[2]

    def outer(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return a[..., :, None] * b[..., None, :]

    def from_variances(self, v: np.ndarray) -> np.ndarray:
        """The member of the form nearest to diag(v)."""
        return np.diag(v)

    def mean_matrix(self, second: np.ndarray, d: int) -> np.ndarray:
        return second

    def floor(self, total: np.ndarray) -> float:
        """Eigenvalues below this are rounding, for data with this second moment."""
        return max(FLOOR, DENSE_FLOOR * self.largest(total))

    def largest(self, total: np.ndarray) -> float:
        """The largest variance in any direction."""
        return float(np.linalg.eigvalsh(total)[-1])

    def whitening(self, total: np.ndarray, least: float) -> np.ndarray | None:
        """W (d, d) with W z of unit covariance, for data of this second moment; zero for directions
        of less than this share of the largest variance. None where the form has no metric of its
        own."""
        values, vectors = np.linalg.eigh(total)
        kept = values > max(values[-1] * least, 0.0)
        return (vectors * np.where(kept, np.where(kept, values, 1.0) ** -0.5, 0.0)).T

    def bound(self, least: np.ndarray) -> DenseBound:
        return DenseBound(self, least)

    def above(self, covariance: np.ndarray, bound: Bound, d: int) -> np.ndarray:
        """Variances (..., d) in units of the bound, in ascending order."""
        inverse = dtrtri(np.linalg.cholesky(bound.least), lower=1)[0]
        return np.linalg.eigvalsh(inverse @ covariance @ inverse.T)

    def loadings(self, covariance: np.ndarray, bound: Bound, count: int) -> np.ndarray:
        """Of the space of combinations of features that hardly vary, features in units of their
        own standard deviations: the norms of the projections of the features on it."""
        inverse = dtrtri(np.linalg.cholesky(bound.least), lower=1)[0]
        _, vectors = np.linalg.eigh(inverse @ covariance @ inverse.T)
        combinations = inverse.T @ vectors[:, :count]
        basis, _ = np.linalg.qr(np.sqrt(np.diagonal(covariance))[:, None] * combinations)
        return np.linalg.norm(basis, axis=1)

    def least(self, total, scale, share, rounding) -> np.ndarray:
        """share D R D + rounding, R the data's second moment and D their local scales (d,); one in
        place of eigenvalues of R that are rounding."""
        values, vectors = np.linalg.eigh(total)
        values = np.where(values < rounding, 1.0, values)
        axes = scale[:, None] * vectors
        local = (axes * values) @ axes.T
        lowest = DENSE_FLOOR * float(np.linalg.eigvalsh(local)[-1])
        return share * local + lowest * np.eye(len(scale))

    def factorise(self, covariance: np.ndarray, floor: float | np.ndarray) -> Factored:
        fitted = self.unconstrained(covariance, floor)
        return self._constrain(covariance, floor) if fitted is None else fitted

    def unconstrained(self, covariance: np.ndarray, least: float | np.ndarray) -> Factored | None:
        """None unless all variances are known to be greater than this."""
        factor = factor_of(covariance)
        # 1 / least eigenvalue <= |U|²
        if factor is None or np.vdot(factor, factor) * least > 1.0:
            return None
        return Factored(covariance, factor, np.zeros(covariance.shape[:-2], dtype=int))

    def _constrain(self, covariance: np.ndarray, floor: float | np.ndarray) -> Factored:
        """Nearest in likelihood: eigenvalues below the floor are raised to it."""
        values, vectors = np.linalg.eigh(covariance)
        floored = values < floor
        values = np.where(floored, floor, values)
        covariance = np.where(
            np.asarray(floored.any(-1))[..., None, None],
            (vectors * values[..., None, :]) @ vectors.swapaxes(-1, -2),
            covariance,
        )
        factor = factor_of_roots(vectors / np.sqrt(values)[..., None, :])
        return Factored(covariance, factor, floored.sum(-1))

    def orthonormal(self, factor: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """L (..., p, p): for T = (products, z, 1), p features, those of L T(z) are orthonormal if z
        has this mean and factor. With y = Uᵀ (z - mean) they are (y_i² - 1) / sqrt 2, y_i y_j,
        y_i and 1."""
        d = mean.shape[-1]
        at, halved, squares, scale = _pairs(d)
        affine = np.zeros((*factor.shape[:-2], d + 1, d + 1))
        affine[..., :d, :d] = factor.swapaxes(-1, -2)
        affine[..., :d, d] = -self.whiten(factor, mean)
        affine[..., d, d] = 1.0
        parts = affine.reshape(*affine.shape[:-2], -1).take(at, axis=-1)
        found = parts[..., 0, :, :] * parts[..., 3, :, :]
        found += parts[..., 1, :, :] * parts[..., 2, :, :]
        found *= halved
        found[..., squares, -1] -= 1.0
        found *= scale
        return found

    def at_floor(
        self, covariances: np.ndarray, n_floored: np.ndarray, bound: Bound
    ) -> np.ndarray | None:
        d = covariances.shape[-1]
        is_held = n_floored == d
        if (n_floored > 0).sum() > is_held.sum():
            return None
        return np.tile(is_held[:, None], self.n_products(d))

    def factor_of_precision(self, precision: np.ndarray) -> np.ndarray:
        """U upper triangular with U Uᵀ = precision: a Cholesky from the last row up."""
        flipped = np.linalg.cholesky(precision[..., ::-1, ::-1])
        return flipped[..., ::-1, ::-1]

    def invert(self, factor: np.ndarray) -> np.ndarray:
        """Covariance (U Uᵀ)⁻¹ of a factor."""
        root = inverse_transposed(factor.swapaxes(-1, -2))  # U⁻¹
        return root.swapaxes(-1, -2) @ root

    def log_det(self, factor: np.ndarray, d: int) -> np.ndarray:
        return np.add.reduce(np.log(factor.diagonal(axis1=-2, axis2=-1)), axis=-1)

    def precision(self, factor: np.ndarray) -> np.ndarray:
        return factor @ factor.swapaxes(-1, -2)

    def variances(self, matrix: np.ndarray, d: int) -> np.ndarray:
        """its diagonal, (..., d)."""
        return matrix.diagonal(axis1=-2, axis2=-1)

    def precisions(self, factor: np.ndarray, d: int) -> np.ndarray:
        return self.variances(self.precision(factor), d)

    def apply(self, precision: np.ndarray, a: np.ndarray) -> np.ndarray:
        """P a, row by row."""
        if precision.ndim == 2:
            return a @ precision
        return np.matmul(precision, a[..., None])[..., 0]

    def inner(self, precision: np.ndarray, covariance: np.ndarray, d: int) -> np.ndarray:
        """tr(P C), one C for all P."""
        return np.tensordot(precision, covariance, axes=2)

    def gradient_step(self, factor: np.ndarray, target: np.ndarray, step: float):
        """U (I + step G), G = triu(I - Uᵀ T U) with half its diagonal: along the gradient of
        log|U| - tr(Uᵀ T U)/2 in the units of U; None where it would be singular."""
        d = factor.shape[-1]
        white = factor.swapaxes(-1, -2) @ target @ factor
        gradient = np.triu(np.eye(d) - white) * (1.0 - 0.5 * np.eye(d))
        moved = np.eye(d) + step * gradient
        return factor @ moved if np.min(np.diagonal(moved, 0, -2, -1)) > 0.0 else None

    def whiten(self, factor: np.ndarray, a: np.ndarray) -> np.ndarray:
        """Uᵀ a, row by row."""
        if factor.ndim == 2:
            return a @ factor
        return np.matmul(a[..., None, :], factor)[..., 0, :]

    def trace(self, factor: np.ndarray, reference: np.ndarray, d: int) -> np.ndarray:
        """tr(P C) of factors U of P and R of C⁻¹, one R for all: |R⁻¹ U|², which does not
        cancel where both are nearly singular."""
        ratio = inverse_transposed(reference.T) @ factor
        return np.square(ratio).sum(axis=(-2, -1))

    def bartlett(self, d: int) -> np.ndarray:
        """A Wishart matrix of n degrees of freedom has the determinant of its scale times
        independent chi-squares of n - bartlett degrees."""
        return np.arange(d, dtype=float)

    def wishart_count(self, degrees: float, d: int) -> float:
        return degrees + d + 1.0

    def log_inverse_wishart(self, degrees: float, scale: np.ndarray, d: int) -> float:
        half = 0.5 * degrees
        log_det = np.linalg.slogdet(scale)[1]
        return half * log_det - half * d * math.log(2.0) - multigammaln(half, d)

    def log_jacobian(self, scale: np.ndarray) -> float:
        return float((scale.size + 1) * np.log(scale).sum())

    def log_tail(self, factor: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Student's log(1 + |Uᵀ y|²), over the features that share a chi-square, (m,)."""
        return np.log1p(self.squared_distance(factor, y))

    def squared_distance(self, factor: np.ndarray, y: np.ndarray) -> np.ndarray:
        """|Uᵀ y|² for the columns of y (d, m)."""
        white = factor.T @ y
        return np.einsum("ij,ij->j", white, white)

    def residual_distances(self, factors: np.ndarray, y: np.ndarray, means: np.ndarray):
        """|U_kᵀ (y - mu_k)|², (K, m), of the rows of y (m, d) about means (K, d), by residuals;
        U may be one for all components."""
        white = np.matmul(y - means[:, None], factors)
        return np.vecdot(white, white)

    squared_distances = residual_distances

    def log_tails(self, factors: np.ndarray, y: np.ndarray, means: np.ndarray) -> np.ndarray:
        """``log_tail`` of the rows of y (m, d) about means (K, d), (K, m)."""
        return np.log1p(self.squared_distances(factors, y, means))

    def weighted_second(self, y: np.ndarray, resp: np.ndarray) -> np.ndarray:
        """sum_i resp_i y_i y_iᵀ; one factor twice, so that BLAS does half the work."""
        rooted = y * np.sqrt(resp)
        return rooted @ rooted.T

    def unwhiten(self, factor: np.ndarray, normal: np.ndarray) -> np.ndarray:
        """Rows with this covariance from standard normal ones: U⁻ᵀ e, each."""
        return normal @ inverse_transposed(factor.T)

    def rescale(self, covariance, factor, scale):
        """Covariance and factor of S x, S = diag(scale)."""
        covariance = covariance * np.multiply.outer(scale, scale)
        return covariance, self.rescale_factor(factor, scale)

    def rescale_factor(self, factor, scale):
        """Factor of S x, S = diag(scale)."""
        return factor / scale[:, None]


DENSE = Dense()
