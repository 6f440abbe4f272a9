"""Covariances of few factors that fit given ones best.

Maximum of sum over k of weight_k (-log|C_k| - tr(C_k⁻¹ S_k)) over C_k = W_k W_kᵀ + D_k. Given D, W
is of the first eigenvectors of D^(-1/2) S D^(-1/2), and given W, D is what it leaves of the
diagonal of S (Jöreskog 1967): neither step lowers the sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .covariances import Structure

# Passes, and the relative change of a noise variance that ends them. They are for starts.
_PASSES, _SETTLED = 200, 1e-8
# Least noise, as a share of a feature's variance.
_LEAST = 1e-6


def nearest_factors(structure: Structure, weight: np.ndarray, scatter: np.ndarray) -> np.ndarray:
    """Covariances (K, q + 1, d) of the structure, for general ones S (K, d, d)."""
    form: Any = structure.form
    variances = scatter.diagonal(axis1=-2, axis2=-1)
    noise = _shared(structure, weight, 1.0 / np.linalg.inv(scatter).diagonal(axis1=-2, axis2=-1))
    for _ in range(_PASSES):
        loadings = _loadings(form.n_factors, scatter, noise)
        left = np.maximum(variances - np.square(loadings).sum(axis=1), _LEAST * variances)
        before, noise = noise, _shared(structure, weight, left)
        if np.abs(noise / before - 1.0).max() <= _SETTLED:
            break
    return form.of_parts(_loadings(form.n_factors, scatter, noise), noise)


def _loadings(q: int, scatter: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Wᵀ (K, q, d), given the noise (K, d)."""
    root = np.sqrt(noise)
    values, vectors = np.linalg.eigh(scatter / (root[:, :, None] * root[:, None, :]))
    length = np.sqrt(np.maximum(values[:, -q:] - 1.0, 0.0))
    return (vectors[:, :, -q:] * length[:, None, :]).swapaxes(1, 2) * root[:, None, :]


def _shared(structure: Structure, weight: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """Noise (K, d) of the structure, from what it would be for each feature and component."""
    estimator: Any = structure.estimator
    return estimator.of_each(estimator.pooled(weight, variances), variances.shape)
