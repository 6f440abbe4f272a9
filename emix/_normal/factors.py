"""Factors U of stacks of matrices, C⁻¹ = U Uᵀ, U upper triangular."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.linalg import rq
from scipy.linalg.lapack import dpotrf, dtrtri

# Stacks of at least 16 matrices of at most 8 features are factorised by NumPy's stacked functions.
# They take half the time of calls of LAPACK one by one (measured for 3 to 80 matrices).
_MANY, _SMALL = 16, 8
_EPSILON = 2.0**-52


def inverse_transposed(lower: np.ndarray) -> np.ndarray:
    """L⁻ᵀ of a stack of lower triangular matrices; exactly upper triangular."""
    d = lower.shape[-1]
    stack = lower.reshape(-1, d, d)
    inverse = np.empty_like(stack)
    for k, matrix in enumerate(stack):
        inverse[k] = dtrtri(matrix.T)[0]
    return inverse.reshape(lower.shape)


def factor_of(covariance: np.ndarray) -> np.ndarray | None:
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
    return np.linalg.inv(lower).swapaxes(-1, -2) * _upper(covariance.shape[-1])


@lru_cache(maxsize=_SMALL)
def _upper(d: int) -> np.ndarray:
    """One in the upper triangle."""
    return np.triu(np.ones((d, d)))


def definite_factors(stack: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """U of matrices (k, d, d), zero for those that are not positive definite, and which are."""
    factor, definite = factor_of(stack), np.ones(len(stack), dtype=bool)
    if factor is not None:
        return factor, definite
    factor = np.zeros_like(stack)
    for k, matrix in enumerate(stack):
        root, failed = dpotrf(matrix.T)
        if failed:
            definite[k] = False
        else:
            factor[k] = dtrtri(root)[0]
    return factor, definite


def factor_of_roots(roots: np.ndarray) -> np.ndarray:
    """U of C⁻¹ = A Aᵀ = (R Q)(R Q)ᵀ = R Rᵀ for a stack of matrices A. It is known to rounding of
    the sizes of its rows: where an entry of the diagonal is less it could be zero, and C infinite.
    """
    factor = np.empty_like(roots)
    for index in np.ndindex(roots.shape[:-2]):
        upper = rq(roots[index], mode="r")
        factor[index] = upper * np.where(np.diagonal(upper) < 0, -1.0, 1.0)
    diagonal = np.einsum("...ii->...i", factor)
    np.maximum(diagonal, _EPSILON * np.abs(factor).max(axis=-1), out=diagonal)
    return factor
