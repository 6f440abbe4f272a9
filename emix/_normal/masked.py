"""Diagonal and isotropic covariances on blocks of rows with gaps: no patterns are needed.

Given the component, features are independent: a missing value is as likely as ever, and what is
seen tells nothing of it.
"""

from __future__ import annotations

import numpy as np

from .._rows.patterns import GappedRows, Point
from .._rows.room import Buffers
from .._rows.tiles import inner, times
from .covariances import Structure
from .gaussian import LOG_2PI, BlockKernel
from .stats import Stats


class Masked(BlockKernel):
    """With features (z², z, s, 1), s one for what is seen, log_joint and statistics are one matrix
    product each. About the origin of the units.

    A missing value counts as the mean and its variance (less the noise, which the M-step adds).
    """

    def __init__(self, structure: Structure, point: Point, noise: np.ndarray, rows: GappedRows):
        self.structure, self.point, self.noise = structure, point, noise
        self.log_scale = np.log(rows.scale)
        self.n_components, self.d = point.means.shape
        factors = structure.sharing.per_component(point.factors, self.n_components)
        precision = structure.form.precision(factors)
        self.precision = structure.form.variances(precision, self.d)
        self.n_features = 3 * self.d + 1
        self.size = self.n_components * (3 * self.d + 1)
        self.n_scratch = 0
        self.coefficients = self._about(point.means)

    def _about(self, offset: np.ndarray) -> np.ndarray:
        """Coefficients of the features of y, whose mean is at the offset; (K, 3 d + 1)."""
        precision = self.precision
        each = offset * offset * precision + LOG_2PI - np.log(precision) + self.noise * precision
        # the units of what is missing are none of the density's
        of_seen = -0.5 * each - self.log_scale
        common = self.point.log_weights + self.log_scale.sum()
        return np.concatenate(
            [-0.5 * precision, precision * offset, of_seen, common[:, None]], axis=1
        )

    def features(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        features, d = np.empty((self.n_features, m)), self.d
        features[-1] = 1.0
        return features, features[d : 2 * d]

    def prepare(self, buffers: Buffers) -> None:
        squares, z, seen = (buffers.features[i * self.d : (i + 1) * self.d] for i in range(3))
        missing = np.isnan(z)
        np.copyto(z, 0.0, where=missing)
        np.multiply(z, z, out=squares)
        np.logical_not(missing, out=missing)
        seen[...] = missing

    def log_joint(self, buffers: Buffers) -> np.ndarray:
        return times(self.coefficients, buffers.features, out=buffers.log_joint)

    def accumulate(self, buffers: Buffers, scale: np.ndarray | None, sums: np.ndarray) -> None:
        resp = buffers.resp if scale is None else np.multiply(buffers.resp, scale, buffers.resp)
        sums += inner(resp, buffers.features).ravel()

    def stats(self, value: float, sums: np.ndarray) -> Stats:
        return self._completed(value, sums, self.point.means, self.point.origin)

    def _completed(self, value, sums, offset, origin):
        """Statistics about the origin, where the means are at the offset."""
        structure, d = self.structure, self.d
        square, first, seen, weight = np.split(
            sums.reshape(self.n_components, -1), [d, 2 * d, 3 * d], axis=1
        )
        lacking = weight - seen
        first = first + lacking * offset
        square = square + lacking * (offset * offset + 1.0 / self.precision - self.noise)
        second = structure.form.outer(square, np.ones_like(square))
        second = structure.sharing.weighted(np.ones(self.n_components), second)
        return Stats.of(structure, weight[:, 0], first, second, origin, value)

    def filled(self, buffers: Buffers) -> np.ndarray:
        """E[z | what is seen, k] after ``log_joint``, (K, d, m)."""
        z, seen = np.split(buffers.features[self.d : 3 * self.d], 2)
        return np.where(seen > 0.0, z, self.point.means[:, :, None])


class MaskedResiduals(Masked):
    """The same about every component's own mean, where moments about one origin would cancel."""

    def __init__(self, structure: Structure, point: Point, noise: np.ndarray, rows: GappedRows):
        super().__init__(structure, point, noise, rows)
        self.coefficients = self._about(np.zeros_like(point.means))
        self.n_scratch = 3 * self.d + 1

    def _residuals(self, buffers: Buffers, k: int) -> np.ndarray:
        """The features of y = z - mu_k."""
        d, found = self.d, buffers.scratch
        z, seen = np.split(buffers.features[d : 3 * d], 2)
        y = np.subtract(z, self.point.means[k, :, None], out=found[d : 2 * d])
        y *= seen
        np.multiply(y, y, out=found[:d])
        found[2 * d :] = buffers.features[2 * d :]
        return found

    def log_joint(self, buffers: Buffers) -> np.ndarray:
        out = buffers.log_joint
        for k, own in enumerate(self.coefficients):
            np.matmul(own, self._residuals(buffers, k), out=out[k])
        return out

    def accumulate(self, buffers: Buffers, scale: np.ndarray | None, sums: np.ndarray) -> None:
        resp = buffers.resp if scale is None else np.multiply(buffers.resp, scale, buffers.resp)
        for k, own in enumerate(sums.reshape(self.n_components, -1)):
            own += self._residuals(buffers, k) @ resp[k]

    def stats(self, value: float, sums: np.ndarray) -> Stats:
        means = self.point.means
        return self._completed(value, sums, np.zeros_like(means), means)
