"""Least covariances: what C >= F makes of the M-step's covariances."""

from __future__ import annotations

import numpy as np
from scipy.linalg.lapack import dtrtri

from .factors import definite_factors, factor_of, factor_of_roots
from .protocols import Factored, Form
from .rounding import DENSE_FLOOR


class DenseBound:
    """F (d, d). With its Cholesky factor R, C >= F is R⁻¹ C R⁻ᵀ >= 1: eigenvalues of this
    below one are raised to one."""

    def __init__(self, form: Form, least: np.ndarray):
        self.least, self._form = least, form
        self._root = np.linalg.cholesky(least)
        self._inverse = dtrtri(self._root, lower=1)[0]

    def factorise(self, covariance: np.ndarray) -> Factored:
        d = covariance.shape[-1]
        stack = covariance.reshape(-1, d, d)
        factor, definite = definite_factors(stack)
        n_floored = np.zeros(len(stack), dtype=int)
        # the trace of F C⁻¹ bounds its eigenvalues: where it is small the constraint is idle; a
        # component of one row has so little scatter that it overflows
        with np.errstate(over="ignore"):
            traces = np.square(self._root.T @ factor).sum(axis=(-2, -1))
        held = np.flatnonzero((traces > 1.0) | ~definite)
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
        factor = factor_of(stack)
        if factor is None:
            # beside a variance this small another is so large that Cholesky's factor has no digits
            factor = factor_of_roots(inverse.T @ (vectors / np.sqrt(values)[..., None, :]))
        return Factored(stack, factor, n_floored)


class VarianceBound:
    """F (d,) or (): variances one by one."""

    def __init__(self, form: Form, least: np.ndarray):
        self.least, self._form = least, form

    def factorise(self, covariance: np.ndarray) -> Factored:
        return self._form.factorise(covariance, self.least)
