"""Coordinates of parameters near given ones; see ``differences.Coordinates``."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._normal.covariances import Structure


class Weights:
    """Logarithms of ratios to the largest weight; weights of zero, and known ones, stay."""

    def __init__(self, weights: np.ndarray, are_known: bool):
        self._weights = weights
        used = np.flatnonzero(weights > 0.0)
        self._moved = used[used != weights.argmax()] if not are_known else used[:0]
        self.size = len(self._moved)

    def at(self, free: np.ndarray) -> np.ndarray:
        found = self._weights.copy()
        found[self._moved] *= np.exp(free)
        return found / found.sum()


class OfLines:
    """Of regressions: coefficients and intercepts in standard deviations of the errors, and
    logarithms of variances."""

    def __init__(self, params: Any, has_intercept: bool, weights_are_known: bool):
        self._params, self._weights = params, Weights(params.weights, weights_are_known)
        count, q = params.coefficients.shape
        self._sizes = [self._weights.size, count * q, count * has_intercept, count]
        self.size = sum(self._sizes)

    def at(self, free: np.ndarray) -> Any:
        start, deviations = self._params, np.sqrt(self._params.variances)
        weights, coefficients, intercepts, variances = np.split(free, np.cumsum(self._sizes)[:-1])
        moved = coefficients.reshape(start.coefficients.shape) * deviations[:, None]
        return start._replace(
            weights=self._weights.at(weights),
            coefficients=start.coefficients + moved,
            intercepts=start.intercepts + deviations * (intercepts if intercepts.size else 0.0),
            variances=start.variances * np.exp(variances),
        )


class OfStudents:
    """Of t components: means in the directions of a root R of the scale matrix, matrices R G Rᵀ,
    and logarithms of the degrees of freedom; ``tails`` numbers them, -1 where they stay."""

    def __init__(
        self, structure: Structure, params: Any, tails: np.ndarray, weights_are_known: bool
    ):
        self._structure, self._params, self._tails = structure, params, tails
        self._weights = Weights(params.weights, weights_are_known)
        self._lead = structure.sharing.leading(len(params.weights))
        self._d = params.means.shape[1]
        self._is_dense = params.covariances.ndim - len(self._lead) == 2
        roots = np.linalg.cholesky if self._is_dense else np.sqrt
        self._roots = roots(params.covariances)
        self._tril = np.tril_indices(self._d)
        each = len(self._tril[0]) * int(np.prod(self._lead))
        of_matrices = each if self._is_dense else params.covariances.size
        self._n_tails = len(np.unique(tails[tails >= 0]))
        self._sizes = [self._weights.size, params.means.size, of_matrices, self._n_tails]
        self.size = sum(self._sizes)

    def at(self, free: np.ndarray) -> Any:
        start, structure = self._params, self._structure
        weights, means, matrices, tails = np.split(free, np.cumsum(self._sizes)[:-1])
        covariances = self._matrices(matrices)
        dof, moved = start.dof.copy(), self._tails >= 0
        dof[moved] *= np.exp(tails[self._tails[moved]])
        return start._replace(
            weights=self._weights.at(weights),
            means=self._moved_means(means.reshape(start.means.shape)),
            covariances=covariances,
            factors=structure.form.factorise(covariances, 0.0)[1],
            dof=dof,
        )

    def _moved_means(self, steps: np.ndarray) -> np.ndarray:
        roots = self._structure.sharing.per_component(self._roots, len(steps))
        if self._is_dense:
            return self._params.means + np.einsum("kij,kj->ki", roots, steps)
        return self._params.means + np.reshape(roots, (len(steps), -1)) * steps

    def _matrices(self, free: np.ndarray) -> np.ndarray:
        if not self._is_dense:
            return self._params.covariances * np.exp(free.reshape(self._params.covariances.shape))
        shear = np.zeros((*self._lead, self._d, self._d))
        shear[..., *self._tril] = free.reshape(*self._lead, -1)
        root = self._roots @ (np.eye(self._d) + shear)
        return root @ np.swapaxes(root, -1, -2)
