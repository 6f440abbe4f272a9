"""Weighted normals as a density to compute with: moments, marginals, log-densities.

Any covariance C is kept by its root R, upper triangular with C = Rᵀ R. Roots of sub-blocks of C,
and of sums of covariances, come from QR decompositions of columns of R. No covariance is
inverted, so that the condition of R counts and not its square.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

from .._normal.covariances import Structure
from .._normal.gaussian import LOG_2PI, log_of_weights

# Squares of numbers of standard deviations beyond this would overflow.
_FARTHEST = 1e140


class Normals(NamedTuple):
    """log_weights (K,), means (K, d), roots (K, d, d)."""

    log_weights: np.ndarray
    means: np.ndarray
    roots: np.ndarray

    @classmethod
    def of(cls, structure: Structure, weights, means, factors) -> Normals:
        """From the parameters of a mixture; factors in the structure's shape."""
        weights, means, factors = (np.asarray(a, dtype=float) for a in (weights, means, factors))
        n_components, d = means.shape
        structure, factors = structure.general(factors)
        own = structure.sharing.matrices(factors)
        roots = np.array([structure.form.unwhiten(factor, np.eye(d)) for factor in own])
        log_weights = log_of_weights(weights / weights.sum())
        return cls(log_weights, means, np.broadcast_to(roots, (n_components, d, d)))

    @property
    def weights(self) -> np.ndarray:
        return np.exp(self.log_weights)

    @property
    def covariances(self) -> np.ndarray:
        """(K, d, d)."""
        return self.roots.swapaxes(-1, -2) @ self.roots

    @property
    def log_dets(self) -> np.ndarray:
        """log|R_k|, half of log|C_k|, (K,)."""
        return np.log(self.roots.diagonal(axis1=-2, axis2=-1)).sum(axis=-1)

    def marginal(self, features: np.ndarray) -> Normals:
        """The normals of some features, in this order."""
        roots = triangular(self.roots[:, :, features])
        return Normals(self.log_weights, self.means[:, features], roots)

    def reordered(self, order: np.ndarray) -> Normals:
        return Normals(self.log_weights[order], self.means[order], self.roots[order])

    def log_densities(self, X: np.ndarray) -> np.ndarray:
        """log N(x | k), (n, K)."""
        columns = []
        for root, mean in zip(self.roots, self.means, strict=True):
            white = whitened(root, X - mean)
            columns.append(-0.5 * np.vecdot(white, white))
        return np.stack(columns, axis=-1) - self.log_dets - 0.5 * X.shape[1] * LOG_2PI

    def log_joint(self, X: np.ndarray) -> np.ndarray:
        """log w_k N(x | k), (n, K)."""
        return self.log_densities(X) + self.log_weights

    def log_density(self, X: np.ndarray) -> np.ndarray:
        """log p(x), (n,)."""
        return logsumexp(self.log_joint(X), axis=-1)

    def sample(self, n_samples: int, rng: np.random.RandomState) -> np.ndarray:
        """Rows of the mixture, in the order of components, (n_samples, d)."""
        counts = rng.multinomial(n_samples, self.weights / self.weights.sum())
        labels = np.repeat(np.arange(len(counts)), counts)
        normal = rng.standard_normal((n_samples, self.means.shape[1]))
        return self.means[labels] + np.matmul(normal[:, None, :], self.roots[labels])[:, 0]


def triangular(roots: np.ndarray) -> np.ndarray:
    """Upper triangular R of positive diagonal with Rᵀ R = Aᵀ A, for A (..., m, d) with m >= d."""
    upper = np.asarray(np.linalg.qr(roots, mode="r"))
    signs = np.where(upper.diagonal(axis1=-2, axis2=-1) < 0.0, -1.0, 1.0)
    return np.triu(upper * signs[..., None])


def whitened(root: np.ndarray, y: np.ndarray) -> np.ndarray:
    """R⁻ᵀ y row by row, (n, d): its squares add up to yᵀ C⁻¹ y."""
    white = y @ inverse(root)
    # what is larger would overflow when squared
    return np.clip(white, -_FARTHEST, _FARTHEST, out=white)


def inverse(root: np.ndarray) -> np.ndarray:
    """R⁻¹, upper triangular: the factor U of the precision C⁻¹ = U Uᵀ."""
    if not len(root):
        return root
    return solve_triangular(root, np.eye(len(root)), check_finite=False)


def total_moments(weights: np.ndarray, means: np.ndarray, covariances: np.ndarray):
    """Mean (..., d) and covariance (..., d, d) of mixtures: weights (..., K), means (..., K, d),
    covariances (..., K, d, d). The covariance is that within components plus that between."""
    mean = np.einsum("...k,...ki->...i", weights, means)
    y = means - mean[..., None, :]
    within = np.einsum("...k,...kij->...ij", weights, covariances)
    return mean, within + np.einsum("...k,...ki,...kj->...ij", weights, y, y)
