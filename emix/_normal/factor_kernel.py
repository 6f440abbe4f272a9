"""Factor analysers on blocks of rows: log-densities, and statistics with the factors as latent.

Given its component k, a row is x = mu_k + W_k f + e, f standard normal of q numbers and e of the
variances D_k. Its factors have, given the row, the mean B y, y = x - mu_k, and the covariance
V = M⁻¹ (``low_rank``), so that the statistics

    sum_i resp_ik (y fᵀ, y_j², f fᵀ, f, y, 1)

have expectations that take n K d q operations, and no matrix (d, d).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._rows.room import Buffers
from .covariances import Structure
from .gaussian import LOG_2PI, BlockKernel, scaled
from .stats import Stats, layout_of

# Of the rows of a block the share that a component may have nothing of, for these to be left out:
# picking the others out takes as long as a few sums over them.
_LEFT_OUT = 0.5


class FactorKernel(BlockKernel):
    """noise (d,) is that of the normal cloud that each row stands for."""

    def __init__(self, structure: Structure, params: Any, noise: np.ndarray):
        """params has log_weights, means and factors."""
        form: Any = structure.form
        self.structure, self.means = structure, params.means
        self.n_components, self.d = params.means.shape
        self.n_factors, self._noise = form.n_factors, noise
        loadings, root = form.parts(params.factors)
        self._loadings, self._precision = loadings / root[:, None, :], root * root
        self._regression = form.regression(params.factors)
        self._spread = np.linalg.inv(form.inner_matrix(params.factors))
        self.const = params.log_weights + form.log_det(params.factors, self.d)
        self.const = self.const - 0.5 * self.d * LOG_2PI
        if noise.any():
            self.const = self.const - 0.5 * form.precisions(params.factors, self.d) @ noise
        self.layout = layout_of(structure, self.n_components, self.d)
        self.size, self.n_features = self.layout.size, self.d
        self.n_scratch = 2 * self.d + 2 * self.n_factors

    def features(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        z = np.empty((self.d, m))
        return z, z

    def _room(self, buffers: Buffers) -> list[np.ndarray]:
        """Two arrays (d, m), and two (q, m)."""
        d, q = self.d, self.n_factors
        return np.split(buffers.scratch, [d, 2 * d, 2 * d + q])

    def log_joint(self, buffers: Buffers) -> np.ndarray:
        y, rest, f, _ = self._room(buffers)
        out = buffers.log_joint
        for k, mean in enumerate(self.means):
            np.subtract(buffers.z, mean[:, None], out=y)
            np.matmul(self._regression[k], y, out=f)
            np.matmul(self._loadings[k].T, f, out=rest)
            np.subtract(y, rest, out=rest)
            np.multiply(rest, rest, out=rest)
            np.matmul(self._precision[k], rest, out=out[k])
            out[k] += np.einsum("qm,qm->m", f, f)
        out *= -0.5
        out += self.const[:, None]
        return out

    def accumulate(self, buffers: Buffers, scale: np.ndarray | None, sums: np.ndarray) -> None:
        resp = scaled(buffers.resp, scale)
        for k, own in enumerate(self.layout.matrix(sums)):
            some = np.flatnonzero(resp[k])
            if some.size <= _LEFT_OUT * resp.shape[1]:
                y = buffers.z[:, some] - self.means[k][:, None]
                self._add(k, y, y * y, self._regression[k] @ y, resp[k, some], own)
            else:
                y, squares, f, _ = self._room(buffers)
                np.subtract(buffers.z, self.means[k][:, None], out=y)
                np.multiply(y, y, out=squares)
                np.matmul(self._regression[k], y, out=f)
                self._add(k, y, squares, f, resp[k], own)

    def _add(self, k, y, squares, f, resp, own) -> None:
        """To the statistics of component k, but for the covariance of its factors."""
        products, square, spread, mean, first, weight = split(own, self.d, self.n_factors)
        weighted = f * resp
        products += weighted @ y.T
        square += squares @ resp
        spread += weighted @ f.T
        mean += weighted.sum(axis=1)
        first += y @ resp
        weight += resp.sum()

    def stats(self, value: float, sums: np.ndarray) -> Stats:
        """About the means. E[f fᵀ | y] = f fᵀ + V; with the cloud's e, of variances N, y and f
        become y + e and f + B e."""
        products, square, spread, _, _, weight = split(
            self.layout.matrix(sums), self.d, self.n_factors
        )
        weight = weight[..., None]
        spread += weight * self._spread
        if self._noise.any():
            clouded = self._regression * self._noise
            products += weight * clouded
            square += weight[..., 0] * self._noise
            spread += weight * (clouded @ self._regression.swapaxes(-1, -2))
        return Stats(self.layout, sums, self.means, value)


def split(stack: np.ndarray, d: int, q: int) -> tuple[np.ndarray, ...]:
    """Views of statistics (..., width): f yᵀ (..., q, d), y² (..., d), f fᵀ (..., q, q),
    f (..., q), y (..., d) and 1 (..., 1)."""
    edges = np.cumsum([q * d, d, q * q, q, d])
    parts = np.split(stack, edges, axis=-1)
    lead = stack.shape[:-1]
    return parts[0].reshape(*lead, q, d), parts[1], parts[2].reshape(*lead, q, q), *parts[3:]
