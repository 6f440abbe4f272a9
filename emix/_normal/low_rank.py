"""Covariances of few factors: C = W Wᵀ + D, loadings W (d, q), D diagonal.

A matrix is kept as q + 1 rows of d numbers: the columns of W, then the diagonal of D. Its factor,
of the same shape, has A = D^(-1/2) W in place of W, and D^(-1/2): A does not depend on the units of
the features. With M = 1 + Aᵀ A (q, q) everything takes work and memory that grow with d, not with
its square (Woodbury 1950):

    C⁻¹ = D⁻¹ - D^(-1/2) A M⁻¹ Aᵀ D^(-1/2),    log|C| = log|D| + log|M|.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .protocols import Bound

# A noise variance at the least is equal to it but for rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class LowRank:
    """Matrices of so many factors, (..., q + 1, d)."""

    n_factors: int

    correlates, one_unit, has_loadings = True, False, True
    held = "the noise of"
    positive = "symmetric, positive-definite"

    def shape(self, d: int) -> tuple[int, ...]:
        return (self.n_factors + 1, d)

    def n_products(self, d: int) -> int:
        """Expected products of y (d,) and its factors f (q,): y fᵀ, y_i², f fᵀ, and f."""
        q = self.n_factors
        return q * d + d + q * q + q

    def n_variances(self, d: int) -> int:
        return d

    def n_loadings(self, d: int) -> int:
        """Free ones: a rotation of the factors changes nothing, so that q (q - 1) / 2 may be
        chosen."""
        q = self.n_factors
        return d * q - q * (q - 1) // 2

    def parts(self, stack: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """W (..., q, d) and D (..., d), or A and D^(-1/2)."""
        return stack[..., :-1, :], stack[..., -1, :]

    def of_parts(self, loadings: np.ndarray, noise: np.ndarray) -> np.ndarray:
        return np.concatenate([loadings, noise[..., None, :]], axis=-2)

    def factor(self, covariance: np.ndarray) -> np.ndarray:
        """A and D^(-1/2)."""
        loadings, noise = self.parts(covariance)
        root = 1.0 / np.sqrt(noise)
        return self.of_parts(loadings * root[..., None, :], root)

    def invert(self, factor: np.ndarray) -> np.ndarray:
        """W and D."""
        loadings, root = self.parts(factor)
        return self.of_parts(loadings / root[..., None, :], 1.0 / root**2)

    def inner_matrix(self, factor: np.ndarray) -> np.ndarray:
        """M = 1 + Aᵀ A, (..., q, q)."""
        loadings, _ = self.parts(factor)
        return np.eye(self.n_factors) + loadings @ loadings.swapaxes(-1, -2)

    def regression(self, factor: np.ndarray) -> np.ndarray:
        """B (..., q, d), with E[f | y] = B y: M⁻¹ Aᵀ D^(-1/2)."""
        loadings, root = self.parts(factor)
        return np.linalg.solve(self.inner_matrix(factor), loadings * root[..., None, :])

    def log_det(self, factor: np.ndarray, d: int) -> np.ndarray:
        """log|C⁻¹| / 2."""
        return (
            np.log(factor[..., -1, :]).sum(-1)
            - 0.5 * np.linalg.slogdet(self.inner_matrix(factor))[1]
        )

    def variances(self, matrix: np.ndarray, d: int) -> np.ndarray:
        """diag(C), (..., d)."""
        loadings, noise = self.parts(matrix)
        return noise + np.square(loadings).sum(axis=-2)

    def precisions(self, factor: np.ndarray, d: int) -> np.ndarray:
        """diag(C⁻¹), (..., d): D⁻¹ (1 - diag(A M⁻¹ Aᵀ)). With A = V S Rᵀ the latter are
        sum_i V_ji² s_i² / (1 + s_i²), of which 1 - ... is taken without cancelling."""
        loadings, root = self.parts(factor)
        _, s, v = np.linalg.svd(loadings, full_matrices=False)
        v2 = np.square(v)
        explained = np.maximum(1.0 - v2.sum(axis=-2), 0.0)
        left = (v2 / (1.0 + s * s)[..., None]).sum(axis=-2) + explained
        return left * root * root

    def matrix(self, covariance: np.ndarray) -> np.ndarray:
        """C itself, (..., d, d)."""
        loadings, noise = self.parts(covariance)
        found = loadings.swapaxes(-1, -2) @ loadings
        at = np.arange(noise.shape[-1])
        found[..., at, at] += noise
        return found

    def unwhiten(self, factor: np.ndarray, normal: np.ndarray) -> np.ndarray:
        """Rows with this covariance from standard normal ones, by the symmetric root of 1 + A Aᵀ:
        D^(1/2) (1 + V (sqrt(1 + S²) - 1) Vᵀ) e, where A = V S Rᵀ."""
        loadings, root = self.parts(factor)
        _, s, v = np.linalg.svd(loadings, full_matrices=False)
        longer = np.sqrt(1.0 + s * s) - 1.0
        return (normal + ((normal @ v.T) * longer) @ v) / root

    def squared_distances(self, factors: np.ndarray, y: np.ndarray, means: np.ndarray):
        """(y - mu_k)ᵀ C_k⁻¹ (y - mu_k), (K, m), of the rows of y (m, d) about means (K, d): with
        f = E[f | y] it is |D^(-1/2) (y - mu - W f)|² + |f|², in which nothing cancels."""
        out = np.empty((len(means), len(y)))
        for k, (factor, mean) in enumerate(zip(factors, means, strict=True)):
            loadings, root = self.parts(factor)
            white = (y - mean) * root
            found = np.linalg.solve(self.inner_matrix(factor), loadings @ white.T)
            white -= found.T @ loadings
            out[k] = np.vecdot(white, white) + np.square(found).sum(axis=0)
        return out

    def rescale(self, covariance, factor, scale):
        """Covariance and factor of S x, S = diag(scale)."""
        loadings, noise = self.parts(covariance)
        moved = self.of_parts(loadings * scale, noise * scale * scale)
        return moved, self.rescale_factor(factor, scale)

    def rescale_factor(self, factor, scale):
        loadings, root = self.parts(factor)
        return self.of_parts(loadings, root / scale)

    def loadings(self, covariance: np.ndarray, bound: Bound, count: int) -> np.ndarray:
        """One for features whose noise is at the bound, (d,)."""
        return (covariance[..., -1, :] <= bound.least * (1.0 + _ROUNDING)).astype(float)

    def canonical(self, covariance: np.ndarray) -> np.ndarray:
        """The same matrices with factors turned so that Wᵀ D⁻¹ W is diagonal and falls (Lawley &
        Maxwell 1971, section 2.3), and that the largest of the loadings of each, in units of the
        noise, is positive."""
        loadings, root = self.parts(self.factor(covariance))
        _, s, v = np.linalg.svd(loadings, full_matrices=False)
        at = np.abs(v).argmax(axis=-1)
        signs = np.sign(np.take_along_axis(v, at[..., None], axis=-1))
        turned = s[..., None] * v * np.where(signs == 0.0, 1.0, signs)
        return self.of_parts(turned / root[..., None, :], covariance[..., -1, :])
