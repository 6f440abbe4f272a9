"""Dense covariances on blocks of rows with gaps, by the marginal normals of all patterns.

T(z) = (products, z, 1) with holes at zero: log_joint = eta_p T(z), where eta_p are the natural
parameters of the marginal normals of a pattern; and sums of T(z) over the rows of a pattern, times
their responsibilities, are all that statistics need (``regression``).

Where all components share a covariance, S_oo⁻¹ is common to them: products do not move
responsibilities, their sums over rows are known beforehand, and T needs none.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .._rows.grid import TILE
from .._rows.patterns import GappedRows, Point, runs_of
from .._rows.room import Buffers
from .._rows.tiles import inner, times
from .covariances import Structure
from .gaps import stacked
from .gaussian import LOG_2PI, BlockKernel
from .regression import Regression, Sums
from .stats import Stats

# Bytes of matrices (d, d) that are worked on at a time, and of those that are kept.
_CHUNK, _KEPT = 4 * 1024 * 1024, 32 * 1024 * 1024


class Marginals(BlockKernel):
    """Features are T, and the index of each row's pattern."""

    def __init__(
        self,
        structure: Structure,
        point: Point,
        noise: np.ndarray,
        rows: GappedRows,
        is_partition: bool = True,
    ):
        self.structure, self.point, self.noise, self._rows = structure, point, noise, rows
        self.patterns, self.refund = rows.patterns, rows.log_unit_of_holes
        self.n_components, self.d = point.means.shape
        form, factors = structure.form, stacked(point.factors)
        # components per covariance, and covariances
        self._each = self.n_components // len(factors), len(factors)
        own = form.n_products(self.d)
        # those that are known of all rows are left out
        self.n_products = structure.sharing.n_own(own) if is_partition else own
        self.width = self.n_products + self.d + 1
        self.n_features, self.n_scratch = self.width + 1, 0
        self.precision = np.ascontiguousarray(form.precision(factors).transpose(1, 2, 0))
        self.half = form.log_det(factors, self.d)
        self.means = point.means.T.reshape(self.d, *self._each)
        self.second_shape = structure.shape(self.n_components, self.d)
        if self.n_products:
            self._place_of_products = form.unpack(np.arange(self.n_products), self.d)
        self.shape = (len(self.patterns.holes), self.n_components, self.width)
        self.size = int(np.prod(self.shape))
        self.eta = np.empty(self.shape)
        keeps = 16 * len(factors) * len(self.patterns.holes) * self.d**2 <= _KEPT
        self._kept: dict[int, Regression] = {}
        for part in self._parts():
            regression = self._regression(part)
            self.eta[part] = self._joined(self._natural(part, regression))
            if keeps:
                self._kept[part.start] = regression

    def _parts(self) -> Iterator[slice]:
        """Runs of patterns with equally many holes, not too many at a time."""
        counts = self.patterns.n_holes
        size = max(1, _CHUNK // (8 * self.n_components * self.d**2))
        for n_holes in np.unique(counts):
            first, last = np.searchsorted(counts, [n_holes, n_holes + 1])
            for start in range(first, last, size):
                yield slice(start, min(start + size, last))

    def _regression(self, part: slice) -> Regression:
        kept = self._kept.get(part.start)
        return Regression.of(self.precision, self.patterns.holes[part]) if kept is None else kept

    def _regression_of(self, pattern: int) -> Regression:
        return Regression.of(self.precision, self.patterns.holes[[pattern]])

    def _joined(self, parts: list[np.ndarray]) -> np.ndarray:
        """(p, K, width) from arrays (..., K / c, p, c)."""
        found = np.concatenate(parts).transpose(2, 1, 3, 0)
        return found.reshape(len(found), self.n_components, self.width)

    def _natural(self, part: slice, regression: Regression) -> list[np.ndarray]:
        """Coefficients of the products, of z and of 1."""
        white, log_det, means = regression.white, regression.log_det, self.means
        of_means = np.einsum("ajpc,jkc->akpc", white, means)
        lin = np.einsum("ijc,jkc->ikc", self.precision, means)[:, :, None]
        lin = lin - np.einsum("ajpc,akpc->jkpc", white, of_means)
        n_seen = self.d - len(regression.missing)
        twice = np.einsum("jkpc,jkc->kpc", lin, means) + n_seen * LOG_2PI + log_det
        if self.noise.any():
            own = np.einsum("jjc->jc", self.precision)[:, None]
            own = own - np.einsum("ajpc,ajpc->jpc", white, white)
            twice += np.tensordot(self.noise, own, axes=1)
        const = self.point.log_weights.reshape(self._each[0], 1, -1) + self.half
        const = const + self.refund[part][:, None] - 0.5 * twice
        return [self._of_products(white), lin, const[None]]

    def _of_products(self, white: np.ndarray) -> np.ndarray:
        """(n_products, 1, p, c); none where the components share them."""
        form, d = self.structure.form, self.d
        if not self.n_products:
            return np.empty((0, self._each[0], *white.shape[2:]))
        found = np.zeros((self.n_products, int(np.prod(white.shape[2:]))))
        room = np.empty_like(found)
        for rows in white:
            form.fill_products(rows.reshape(d, -1), room)
            found += room
        found *= -form.coefficients(np.ones((d, d)))[:, None]
        found = found.reshape(self.n_products, 1, *white.shape[2:])
        found = found + form.coefficients(self.precision.transpose(2, 0, 1)).T[:, None, None]
        return np.repeat(found, self._each[0], axis=1)

    def features(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        features = np.empty((self.n_features, m))
        return features, features[self.n_products : -1]

    def prepare(self, buffers: Buffers) -> None:
        features, z = buffers.features, buffers.z[:-1]
        np.copyto(z, 0.0, where=np.isnan(z))
        if self.n_products:
            self.structure.form.fill_products(z, features[: self.n_products])
        features[-1] = features[-2]  # the index of patterns, where T has its one
        features[-2] = 1.0

    def _runs(self, buffers: Buffers) -> tuple[np.ndarray, list[tuple[int, int, int]]]:
        """T (width, m), and (pattern, first, last) of the runs of one pattern."""
        return buffers.features[:-1], runs_of(buffers.features[-1])

    def log_joint(self, buffers: Buffers) -> np.ndarray:
        features, runs = self._runs(buffers)
        out = buffers.log_joint
        for pattern, a, b in runs:
            product = times if b - a > TILE else np.matmul
            product(self.eta[pattern], features[:, a:b], out=out[:, a:b])
        return out

    def common(self, buffers: Buffers) -> np.ndarray | float:
        if self.n_products:
            return 0.0
        features, runs = self._runs(buffers)
        z = features[:-1]
        found = self.structure.form.squared_distance(self.point.factors, z)
        for pattern, a, b in runs:
            white = self._regression_of(pattern).white[:, :, 0, 0] @ z[:, a:b]
            found[a:b] -= np.einsum("am,am->m", white, white)
        return -0.5 * found

    def accumulate(self, buffers: Buffers, scale: np.ndarray | None, sums: np.ndarray) -> None:
        features, runs = self._runs(buffers)
        resp = buffers.resp if scale is None else np.multiply(buffers.resp, scale, buffers.resp)
        total = sums.reshape(self.shape)
        for pattern, a, b in runs:
            own, rows = resp[:, a:b], features[:, a:b]
            total[pattern] += inner(own, rows) if b - a > TILE else own @ rows.T

    def stats(self, value: float, sums: np.ndarray) -> Stats:
        total, noise = sums.reshape(self.shape), self.noise
        weight, first, second = self._of_what_is_seen(total.sum(axis=0))
        for part in self._parts():
            regression, own = self._regression(part), self._sums(part, total[part])
            value += self._common(regression, own.second)
            if noise.any():
                own = own.clouded((self.patterns.seen[part] * noise).T)
            regression.complete(own, self.means, first, second)
        if noise.any():
            second -= self._noise_of_holes(total)
        first = first.reshape(self.d, -1).T
        second = second.transpose(2, 0, 1).reshape(self.second_shape)
        return Stats.of(self.structure, weight, first, second, self.point.origin, value)

    def _of_what_is_seen(self, whole: np.ndarray) -> tuple[np.ndarray, ...]:
        """Sums of 1, z (d, K / c, c) and z zᵀ (d, d, c), from those of T over all rows, (K, ...)"""
        weight, first = whole[:, -1], whole[:, self.n_products : -1]
        if self.n_products:
            products = whole.T[: self.n_products].reshape(-1, *self._each).sum(axis=1)
            second = products[self._place_of_products]
        else:
            second = self._rows.seconds.sum(axis=2, keepdims=True)
        return weight, first.T.reshape(self.means.shape).copy(), second.copy()

    def _sums(self, part: slice, total: np.ndarray) -> Sums:
        """Of the rows of some patterns."""
        own = total.reshape(len(total), *self._each, self.width)
        own = np.ascontiguousarray(own.transpose(3, 1, 0, 2))
        weight, first = own[-1], own[self.n_products : -1]
        if self.n_products:
            second = own[: self.n_products].sum(axis=1)[self._place_of_products]
        else:
            second = self._rows.seconds[:, :, part, None]
        return Sums(weight, first, second)

    def _common(self, regression: Regression, second: np.ndarray) -> float:
        """The sum of what log_joint leaves out."""
        if self.n_products:
            return 0.0
        white = np.einsum("alpc,ljpc->ajpc", regression.white, second)
        explained = np.vdot(white, regression.white)
        return -0.5 * float(np.vdot(self.precision, second.sum(axis=2)) - explained)

    def _noise_of_holes(self, total: np.ndarray) -> np.ndarray:
        """(d, d, c): the M-step adds noise to all variances."""
        weight = self.patterns.holes.T @ total[:, :, -1]
        weight = weight.reshape(self.d, *self._each).sum(axis=1)
        return np.eye(self.d)[:, :, None] * (self.noise[:, None] * weight)

    def filled(self, buffers: Buffers) -> np.ndarray:
        """E[z | what is seen, k], (K, d, m)."""
        features, runs = self._runs(buffers)
        z = features[self.n_products : -1]
        out = np.repeat(z[None], self.n_components, axis=0)
        for pattern, a, b in runs:
            regression = self._regression_of(pattern)
            base = regression.expected(self.means).reshape(-1, self.n_components)
            gain = regression.gain[:, :, 0].transpose(2, 0, 1)
            out[:, regression.missing[:, 0], a:b] = base.T[:, :, None] - gain @ z[:, a:b]
        return out
