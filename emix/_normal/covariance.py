"""Covariance structures: what second moments they need, and statistics -> covariances.

A structure is a *form* (dense, diagonal or isotropic matrices) and whether all components
share one matrix (pooled). Forms work on stacks: any number of leading axes.

In every form a covariance C is kept with its factor U, upper triangular, C⁻¹ = U Uᵀ; the
factor of a diagonal or isotropic matrix is the reciprocal standard deviation.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy.linalg import rq
from scipy.linalg.lapack import dpotrf, dtrtri

# Variances below this, for features scaled to unit variance, are rounding.
FLOOR = 1e-15
# Eigenvalues of a dense covariance are rounding below this share of the data's largest one.
DENSE_FLOOR = 64 * 2.0**-52

# Stacks of at least so many matrices of at most so many features are factorised by NumPy's stacked
# functions, which take half the time of calls of LAPACK one by one (measured for 3 to 80 of them).
_MANY, _SMALL = 16, 8
# Moments about one origin lose about tr(P_k) |mu_k|² of the 1e16 that a float64 resolves.
# Beyond this, residuals about each mean are used: errors of log_joint stay below 1e-9.
MOMENT_LIMIT = 1e6
# Precisions in the units of the data whose squares are far from the range of a float64.
_MODERATE = (1e-120, 1e120)

# Residuals of rows about all means that are sooner computed than what saves them.
_FEW_NUMBERS = 2000


class Factored(NamedTuple):
    """Covariance, its factor U, and how many of its variances the floor holds up."""

    covariance: np.ndarray
    factor: np.ndarray
    n_floored: np.ndarray


class Bound(Protocol):
    """A least covariance F: what C >= F makes of the M-step's covariances."""

    least: np.ndarray

    def factorise(self, covariance: np.ndarray) -> Factored:
        """For each of a stack argmax of -log|C| - tr(C⁻¹ S) over C >= F, S the given matrix."""


class DenseBound:
    """F (d, d). With its Cholesky factor R, C >= F is R⁻¹ C R⁻ᵀ >= 1: eigenvalues of this
    below one are raised to one."""

    def __init__(self, form: Dense, least: np.ndarray):
        self.least, self._form = least, form
        self._root = np.linalg.cholesky(least)
        self._inverse = dtrtri(self._root, lower=1)[0]

    def factorise(self, covariance: np.ndarray) -> Factored:
        d = covariance.shape[-1]
        stack = covariance.reshape(-1, d, d)
        factor, n_floored = _factor(stack), np.zeros(len(stack), dtype=int)
        if factor is None:
            held = np.arange(len(stack))
            factor = np.empty_like(stack)
        else:
            # the trace of F C⁻¹ bounds its eigenvalues: where it is small the constraint is idle
            traces = np.square(self._root.T @ factor).sum(axis=(-2, -1))
            held = np.flatnonzero(traces > 1.0)
        if len(held):
            stack = stack.copy()
            stack[held], factor[held], n_floored[held] = self._raised(stack[held])
        # eigenvalues that are rounding beside the largest
        size = np.square(factor).sum(axis=(-2, -1)) * np.trace(stack, axis1=-2, axis2=-1)
        for k in np.flatnonzero(~(size * DENSE_FLOOR < 1.0)):
            fitted = self._form.factorise(stack[k], DENSE_FLOOR * self._form.largest(stack[k]))
            stack = stack.copy()
            stack[k], factor[k] = fitted.covariance, fitted.factor
            n_floored[k] = max(n_floored[k], fitted.n_floored)
        shape = covariance.shape
        return Factored(stack.reshape(shape), factor.reshape(shape), n_floored.reshape(shape[:-2]))

    def _raised(self, stack: np.ndarray) -> Factored:
        root, inverse = self._root, self._inverse
        inner = inverse @ stack @ inverse.T
        values, vectors = np.linalg.eigh(0.5 * (inner + inner.swapaxes(-1, -2)))
        n_floored = np.count_nonzero(values < 1.0, axis=-1)
        values = np.maximum(values, 1.0)
        axes = root @ vectors
        above = (axes * values[..., None, :]) @ axes.swapaxes(-1, -2)
        stack = np.where((n_floored > 0)[:, None, None], above, stack)
        factor = _factor(stack)
        if factor is None:
            # beside a variance this small another is so large that Cholesky's factor has no digits
            factor = _factor_of_roots(inverse.T @ (vectors / np.sqrt(values)[..., None, :]))
        return Factored(stack, factor, n_floored)


class VarianceBound:
    """F (d,) or (): variances one by one."""

    def __init__(self, form: Diagonal | Isotropic, least: np.ndarray):
        self.least, self._form = least, form

    def factorise(self, covariance: np.ndarray) -> Factored:
        return self._form.factorise(covariance, self.least)


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


def _inverse_transposed(lower: np.ndarray) -> np.ndarray:
    """L⁻ᵀ of a stack of lower triangular matrices; exactly upper triangular."""
    d = lower.shape[-1]
    stack = lower.reshape(-1, d, d)
    inverse = np.empty_like(stack)
    for k, matrix in enumerate(stack):
        inverse[k] = dtrtri(matrix.T)[0]
    return inverse.reshape(lower.shape)


def _factor(covariance: np.ndarray) -> np.ndarray | None:
    """U of C = (U Uᵀ)⁻¹ for a stack of matrices, or None unless all are positive definite. With
    the Cholesky factor R of C = Rᵀ R it is R⁻¹."""
    d = covariance.shape[-1]
    stack = covariance.reshape(-1, d, d)
    if len(stack) >= _MANY and d <= _SMALL:
        return _factors_at_once(covariance)
    factor = np.empty_like(stack)
    for k, matrix in enumerate(stack):
        root, failed = dpotrf(matrix.T)
        if failed:
            return None
        factor[k] = dtrtri(root)[0]
    return factor.reshape(covariance.shape)


def _factors_at_once(covariance: np.ndarray) -> np.ndarray | None:
    try:
        lower = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return None
    return np.triu(np.linalg.inv(lower).swapaxes(-1, -2))


def _factor_of_roots(roots: np.ndarray) -> np.ndarray:
    """U of C⁻¹ = A Aᵀ = (R Q)(R Q)ᵀ = R Rᵀ for a stack of matrices A."""
    factor = np.empty_like(roots)
    for index in np.ndindex(roots.shape[:-2]):
        upper = rq(roots[index], mode="r")
        factor[index] = upper * np.where(np.diagonal(upper) < 0, -1.0, 1.0)
    return factor


def _scalar_gradient_step(factor: np.ndarray, target: np.ndarray, step: float):
    """Where factors are numbers: u (1 + step (1 - u² t) / 2)."""
    moved = 1.0 + 0.5 * step * (1.0 - factor * factor * target)
    return factor * moved if np.min(moved) > 0.0 else None


def _linear(factor: np.ndarray, mean: np.ndarray, p: int) -> np.ndarray:
    """The rows y_i = u_i (z_i - mean_i) and 1 of ``orthonormal``, after p others."""
    size = p + mean.shape[-1] + 1
    found = np.zeros((*mean.shape[:-1], size, size))
    own = np.arange(p, size - 1)
    found[..., own, own] = factor
    found[..., own, -1] = -factor * mean
    found[..., -1, -1] = 1.0
    return found


def _are_moderate(precisions: np.ndarray, squares: np.ndarray) -> bool:
    """Whether squares of rows, in units in which the components have these precisions, neither
    overflow nor cancel; squares (K,) are the components' distances from the origin."""
    least, most = _MODERATE
    in_range = least <= precisions.min() and precisions.max() <= most
    return bool(in_range and squares.max() <= MOMENT_LIMIT)


def _stretch(scalar: np.ndarray) -> np.ndarray:
    """A trailing axis of length one."""
    return np.asarray(scalar)[..., None]


class Dense:
    """General symmetric matrices (..., d, d); products z_i z_j, i <= j, packed by rows."""

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

    def loadings(self, covariance: np.ndarray, bound: Bound) -> np.ndarray:
        """Absolute loadings (d,) of the features on the direction in which a covariance is least
        beside the bound, in units of the features' own."""
        root = np.linalg.cholesky(bound.least)
        inverse = dtrtri(root, lower=1)[0]
        _, vectors = np.linalg.eigh(inverse @ covariance @ inverse.T)
        direction = (root @ vectors[:, 0]) / np.sqrt(np.diagonal(bound.least))
        return np.abs(direction) / np.linalg.norm(direction)

    def least(self, total, scale, share, rounding) -> np.ndarray:
        """share D R D + rounding, R the data's second moment and D their local scales (d,); one in
        place of eigenvalues of R that are rounding."""
        values, vectors = np.linalg.eigh(total)
        values = np.where(values < rounding, 1.0, values)
        axes = scale[:, None] * vectors
        local = (axes * values) @ axes.T
        lowest = DENSE_FLOOR * float(np.linalg.eigvalsh(local)[-1])
        return share * local + lowest * np.eye(len(scale))

    def factorise(self, covariance: np.ndarray, floor: float) -> Factored:
        fitted = self.unconstrained(covariance, floor)
        return self._constrain(covariance, floor) if fitted is None else fitted

    def unconstrained(self, covariance: np.ndarray, least: float) -> Factored | None:
        """None unless all variances are known to be greater than this."""
        factor = _factor(covariance)
        # 1 / least eigenvalue <= |U|²
        if factor is None or np.vdot(factor, factor) * least > 1.0:
            return None
        return Factored(covariance, factor, np.zeros(covariance.shape[:-2], dtype=int))

    def _constrain(self, covariance: np.ndarray, floor: float) -> Factored:
        """Nearest in likelihood: eigenvalues below the floor are raised to it."""
        values, vectors = np.linalg.eigh(covariance)
        floored = values < floor
        values = np.where(floored, floor, values)
        covariance = np.where(
            floored.any(-1)[..., None, None],
            (vectors * values[..., None, :]) @ vectors.swapaxes(-1, -2),
            covariance,
        )
        factor = _factor_of_roots(vectors / np.sqrt(values)[..., None, :])
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

    def factor_of_precision(self, precision: np.ndarray) -> np.ndarray:
        """U upper triangular with U Uᵀ = precision: a Cholesky from the last row up."""
        flipped = np.linalg.cholesky(precision[..., ::-1, ::-1])
        return flipped[..., ::-1, ::-1]

    def invert(self, factor: np.ndarray) -> np.ndarray:
        """Covariance (U Uᵀ)⁻¹ of a factor."""
        root = _inverse_transposed(factor.swapaxes(-1, -2))  # U⁻¹
        return root.swapaxes(-1, -2) @ root

    def log_det(self, factor: np.ndarray, d: int) -> np.ndarray:
        return np.add.reduce(np.log(factor.diagonal(axis1=-2, axis2=-1)), axis=-1)

    def precision(self, factor: np.ndarray) -> np.ndarray:
        return factor @ factor.swapaxes(-1, -2)

    def variances(self, precision: np.ndarray, d: int) -> np.ndarray:
        """diag(P), (..., d)."""
        return precision.diagonal(axis1=-2, axis2=-1)

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
        ratio = _inverse_transposed(reference.T) @ factor
        return np.square(ratio).sum(axis=(-2, -1))

    def bartlett(self, d: int) -> np.ndarray:
        """A Wishart matrix of n degrees of freedom has the determinant of its scale times
        independent chi-squares of n - bartlett degrees."""
        return np.arange(d, dtype=float)

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
        return normal @ _inverse_transposed(factor.T)

    def rescale(self, covariance, factor, scale):
        """Covariance and factor of S x, S = diag(scale)."""
        covariance = covariance * np.multiply.outer(scale, scale)
        return covariance, self.rescale_factor(factor, scale)

    def rescale_factor(self, factor, scale):
        """Factor of S x, S = diag(scale)."""
        return factor / scale[:, None]


class Diagonal:
    """Diagonal matrices (..., d); products z_i²."""

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

    def loadings(self, covariance: np.ndarray, bound: Bound) -> np.ndarray:
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
        found, shift, squares = _linear(factor, mean, d), -factor * mean, np.arange(d)
        found[..., squares, squares] = math.sqrt(0.5) * factor * factor
        found[..., squares, d + squares] = math.sqrt(2.0) * factor * shift
        found[..., :d, -1] = math.sqrt(0.5) * (shift * shift - 1.0)
        return found

    def factor_of_precision(self, precision: np.ndarray) -> np.ndarray:
        return np.sqrt(precision)

    def invert(self, factor: np.ndarray) -> np.ndarray:
        return 1.0 / factor**2

    def log_det(self, factor: np.ndarray, d: int) -> np.ndarray:
        return np.log(factor).sum(-1)

    def precision(self, factor: np.ndarray) -> np.ndarray:
        return factor * factor

    def variances(self, precision: np.ndarray, d: int) -> np.ndarray:
        return precision

    def apply(self, precision: np.ndarray, a: np.ndarray) -> np.ndarray:
        return precision * a

    def inner(self, precision: np.ndarray, covariance: np.ndarray, d: int) -> np.ndarray:
        return precision @ covariance

    def gradient_step(self, factor: np.ndarray, target: np.ndarray, step: float):
        return _scalar_gradient_step(factor, target, step)

    def whiten(self, factor: np.ndarray, a: np.ndarray) -> np.ndarray:
        return factor * a

    def trace(self, factor: np.ndarray, reference: np.ndarray, d: int) -> np.ndarray:
        return np.square(factor / reference).sum(axis=-1)

    def bartlett(self, d: int) -> np.ndarray:
        return np.zeros(d)

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
        if not _are_moderate(precisions, own):
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


class Isotropic:
    """Multiples of the identity (...,); the product is |z|². A stack of scalars."""

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
        return _stretch(matrix)

    def coefficients(self, precision: np.ndarray) -> np.ndarray:
        return -0.5 * _stretch(precision)

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
        return np.repeat(_stretch(covariance / bound.least), d, axis=-1)

    def loadings(self, covariance: np.ndarray, bound: Bound) -> np.ndarray:
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
        found, root = _linear(_stretch(factor), mean, 1), math.sqrt(0.5 / d)
        shift = -_stretch(factor) * mean
        found[..., 0, 0] = root * factor * factor
        found[..., 0, 1:-1] = 2.0 * root * _stretch(factor) * shift
        found[..., 0, -1] = root * (np.vecdot(shift, shift) - d)
        return found

    def factor_of_precision(self, precision: np.ndarray) -> np.ndarray:
        return np.sqrt(precision)

    def invert(self, factor: np.ndarray) -> np.ndarray:
        return 1.0 / factor**2

    def log_det(self, factor: np.ndarray, d: int) -> np.ndarray:
        return d * np.log(factor)

    def precision(self, factor: np.ndarray) -> np.ndarray:
        return factor * factor

    def variances(self, precision: np.ndarray, d: int) -> np.ndarray:
        return np.repeat(_stretch(precision), d, axis=-1)

    def apply(self, precision: np.ndarray, a: np.ndarray) -> np.ndarray:
        return _stretch(precision) * a

    def inner(self, precision: np.ndarray, covariance: np.ndarray, d: int) -> np.ndarray:
        return d * precision * covariance

    def gradient_step(self, factor: np.ndarray, target: np.ndarray, step: float):
        return _scalar_gradient_step(factor, target, step)

    def whiten(self, factor: np.ndarray, a: np.ndarray) -> np.ndarray:
        return _stretch(factor) * a

    def trace(self, factor: np.ndarray, reference: np.ndarray, d: int) -> np.ndarray:
        return d * np.square(factor / reference)

    def bartlett(self, d: int) -> np.ndarray:
        return np.zeros(1)

    def log_tail(self, factor: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.log1p(self.squared_distance(factor, y))

    def squared_distance(self, factor: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.einsum("ij,ij->j", y, y) * factor**2

    def residual_distances(self, factors: np.ndarray, y: np.ndarray, means: np.ndarray):
        white = (y - means[:, None]) * _stretch(_stretch(factors))
        return np.vecdot(white, white)

    def squared_distances(self, factors: np.ndarray, y: np.ndarray, means: np.ndarray):
        """As for diagonal matrices."""
        precisions = factors * factors
        own = precisions * np.vecdot(means, means)
        if not _are_moderate(precisions, own):
            return self.residual_distances(factors, y, means)
        distances = np.matmul((-2.0 * precisions)[:, None] * means, y.T)
        distances += np.multiply.outer(precisions, np.vecdot(y, y))
        distances += own[:, None]
        return distances

    def log_tails(self, factors: np.ndarray, y: np.ndarray, means: np.ndarray) -> np.ndarray:
        white = (y - means[:, None]) * _stretch(_stretch(factors))
        return np.log1p(np.vecdot(white, white))

    def weighted_second(self, y: np.ndarray, resp: np.ndarray) -> np.ndarray:
        return np.einsum("ij,ij->j", y, y) @ resp

    def unwhiten(self, factor: np.ndarray, normal: np.ndarray) -> np.ndarray:
        return normal / factor

    def rescale(self, covariance, factor, scale):
        return covariance * scale[0] ** 2, self.rescale_factor(factor, scale)

    def rescale_factor(self, factor, scale):
        return factor / scale[0]


_UNIT = Isotropic()

Form = Dense | Diagonal | Isotropic


class Structure(NamedTuple):
    """A form of covariance, and whether the components share one matrix."""

    form: Form
    pooled: bool

    def shape(self, n_components: int, d: int) -> tuple[int, ...]:
        """Shape of the array of covariances."""
        return self.form.shape(d) if self.pooled else (n_components, *self.form.shape(d))

    def sharing(self, n_components: int) -> int:
        """How many components share a matrix."""
        return n_components if self.pooled else 1

    def n_free(self, n_components: int, d: int) -> int:
        """Free parameters in the covariances."""
        return self.form.n_free(d) * (1 if self.pooled else n_components)

    def per_component(self, stack: np.ndarray, n_components: int) -> np.ndarray:
        """The stack with the components' axis, also where they share one matrix."""
        return np.broadcast_to(stack, (n_components, *stack.shape)) if self.pooled else stack

    def squared_distances(self, factors: np.ndarray, y: np.ndarray, means: np.ndarray):
        """|U_kᵀ (y - mu_k)|², (K, m), of the rows of y (m, d) about means (K, d); where all
        components share U, in its coordinates."""
        if not self.pooled:
            return self.form.squared_distances(factors, y, means)
        white = self.form.whiten(factors, y)
        return _UNIT.squared_distances(np.ones(len(means)), white, self.form.whiten(factors, means))

    def mean_about(self, second, weight, divisor, taken) -> np.ndarray:
        """Mean second moments about the means: sums of moments less what is taken off the mean of
        each component; over all components if they share a matrix. divisor is the weight, one
        where there is none."""
        if self.pooled:
            return (second - self.over_components(weight, taken)) / weight.sum()
        return second / divisor.reshape(-1, *[1] * (taken.ndim - 1)) - taken

    def kept(self, alive: np.ndarray, new: np.ndarray, old: np.ndarray) -> np.ndarray:
        """The old matrices of components that are not alive."""
        if self.pooled:
            return new
        return np.where(alive.reshape(-1, *[1] * (new.ndim - 1)), new, old)

    def estimate(self, weight, scatter, before: Any, floor: Any) -> Factored:
        """The most likely covariances above the floor, with their factors: argmax of

            sum over components of weight_k (-log|C_k| - tr(C_k⁻¹ S_k)),

        scatter S in the shape of the covariances. Not less likely than ``before``."""
        return floor.factorise(scatter)

    @property
    def is_general(self) -> bool:
        """Whether each component has axes of its own."""
        return isinstance(self.form, Dense) and not self.pooled

    def over_components(self, weight: np.ndarray, stack: np.ndarray) -> np.ndarray:
        """weight_k stack_k, summed over k if the structure is pooled."""
        if self.pooled:
            return np.tensordot(weight, stack, axes=1)
        return weight.reshape(-1, *[1] * (stack.ndim - 1)) * stack


FULL = Structure(Dense(), pooled=False)
TIED = Structure(Dense(), pooled=True)
DIAG = Structure(Diagonal(), pooled=False)
SPHERICAL = Structure(Isotropic(), pooled=False)
TIED_DIAG = Structure(Diagonal(), pooled=True)
TIED_SPHERICAL = Structure(Isotropic(), pooled=True)
