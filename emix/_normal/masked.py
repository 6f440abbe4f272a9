"""Diagonal and isotropic covariances on blocks of rows with gaps: no patterns are needed.

Given the component, features are independent: a missing value is as likely as ever, and what is
seen tells nothing of it.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from .._rows.patterns import GappedRows, Point
from .._rows.room import Buffers
from .._rows.tiles import inner, times
from .covariances import Structure
from .gaussian import LOG_2PI, BlockKernel
from .stats import Stats


class _OfWhatIsSeen(BlockKernel):
    """With features (products, z, s, 1) of rows about some origin, s one for what is seen,
    log_joint and statistics are one matrix product each.

    A missing value counts as the mean and its variance (less the noise, which the M-step adds).
    """

    def __init__(
        self,
        structure: Structure,
        point: Point,
        noise: np.ndarray,
        rows: GappedRows,
        offset: np.ndarray,
        n_products: int,
    ):
        """offset (K, d) is where the means are, seen from the origin."""
        self.structure, self.point, self.noise = structure, point, noise
        self.n_components, self.d = point.means.shape
        self.n_products, self.offset = n_products, offset
        self.width = n_products + 2 * self.d + 1
        self.size = self.n_components * self.width
        form = structure.form
        matrices = form.precision(structure.sharing.per_component(point.factors, self.n_components))
        self.precision = form.variances(matrices, self.d)
        log_scale = np.log(rows.scale)
        each = offset * offset * self.precision + LOG_2PI - np.log(self.precision)
        # the units of what is missing are none of the density's
        of_seen = -0.5 * (each + noise * self.precision) - log_scale
        common = point.log_weights + log_scale.sum()
        products = form.coefficients(matrices)[:, :n_products]
        parts = products, self.precision * offset, of_seen, common[:, None]
        self.coefficients = np.concatenate(parts, axis=1)

    def _parts(self, features: np.ndarray) -> list[np.ndarray]:
        """Products, z, s and 1."""
        return np.split(features, [self.n_products, self.n_products + self.d, self.width - 1])

    def _stats(self, value: float, sums: np.ndarray, origin: np.ndarray, known=0.0) -> Stats:
        """known are second moments of what is seen that are not among the sums."""
        structure, form = self.structure, self.structure.form
        products, first, seen, weight = (
            part.T for part in self._parts(sums.reshape(self.n_components, -1).T)
        )
        lacking = weight - seen
        first = first + lacking * self.offset
        squares = lacking * (self.offset * self.offset + 1.0 / self.precision - self.noise)
        second = form.outer(squares, np.ones_like(squares))
        if self.n_products:
            second = second + form.unpack(products, self.d)
        second = structure.sharing.weighted(np.ones(self.n_components), second) + known
        return Stats.of(structure, weight[:, 0], first, second, origin, value)


class Masked(_OfWhatIsSeen):
    """About the origin of the units. Where all components share a covariance, squares are common to
    them: they do not move responsibilities, and their sum over rows is known beforehand."""

    has_odds = True

    def __init__(
        self,
        structure: Structure,
        point: Point,
        noise: np.ndarray,
        rows: GappedRows,
        is_partition: bool = True,
    ):
        n_products = structure.form.n_products(point.means.shape[1])
        if is_partition:
            n_products = structure.sharing.n_own(n_products)
        super().__init__(structure, point, noise, rows, point.means, n_products)
        self._rows = rows
        self.n_features, self.n_scratch = self.width, 0

    @cached_property
    def moments(self) -> np.ndarray:
        """Means of the features over all rows, (width,)."""
        seen, first, squares = self._rows.means_of_seen
        form = self.structure.form
        products = form.pack(form.outer(squares, np.ones(self.d)))[: self.n_products]
        return np.concatenate([products, first, seen, np.ones(1)])

    def features(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        features = np.empty((self.n_features, m))
        features[-1] = 1.0
        return features, self._parts(features)[1]

    def prepare(self, buffers: Buffers) -> None:
        products, z, seen, _ = self._parts(buffers.features)
        missing = np.isnan(z)
        np.copyto(z, 0.0, where=missing)
        if self.n_products:
            self.structure.form.fill_products(z, products)
        np.logical_not(missing, out=missing)
        seen[...] = missing

    def log_joint(self, buffers: Buffers) -> np.ndarray:
        return times(self.coefficients, buffers.features, out=buffers.log_joint)

    def common(self, buffers: Buffers) -> np.ndarray | float:
        if self.n_products:
            return 0.0
        z = self._parts(buffers.features)[1]
        return -0.5 * self.structure.form.squared_distance(self.point.factors, z)

    def accumulate(self, buffers: Buffers, scale: np.ndarray | None, sums: np.ndarray) -> None:
        resp = buffers.resp if scale is None else np.multiply(buffers.resp, scale, buffers.resp)
        sums += inner(resp, buffers.features).ravel()

    def stats(self, value: float, sums: np.ndarray) -> Stats:
        if self.n_products:
            return self._stats(value, sums, self.point.origin)
        squares = self._rows.means_of_seen[2]
        value -= 0.5 * float(self.precision[0] @ squares)
        known = self.structure.form.outer(squares, np.ones(self.d))
        return self._stats(value, sums, self.point.origin, known)

    def filled(self, buffers: Buffers) -> np.ndarray:
        """E[z | what is seen, k] after ``log_joint``, (K, d, m)."""
        _, z, seen, _ = self._parts(buffers.features)
        return np.where(seen > 0.0, z, self.point.means[:, :, None])


class MaskedResiduals(_OfWhatIsSeen):
    """About every component's own mean, where moments about one origin would cancel; z and s are
    kept of the rows."""

    def __init__(
        self,
        structure: Structure,
        point: Point,
        noise: np.ndarray,
        rows: GappedRows,
        is_partition: bool = True,
    ):
        n_products = structure.form.n_products(point.means.shape[1])
        super().__init__(structure, point, noise, rows, np.zeros_like(point.means), n_products)
        self.n_features, self.n_scratch = 2 * self.d, self.width

    def features(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        features = np.empty((self.n_features, m))
        return features, features[: self.d]

    def prepare(self, buffers: Buffers) -> None:
        z, seen = np.split(buffers.features, 2)
        missing = np.isnan(z)
        np.copyto(z, 0.0, where=missing)
        seen[...] = ~missing

    def _residuals(self, buffers: Buffers, k: int) -> np.ndarray:
        """The features of z - mu_k."""
        products, y, own, one = self._parts(buffers.scratch)
        z, seen = np.split(buffers.features, 2)
        np.subtract(z, self.point.means[k, :, None], out=y)
        y *= seen
        self.structure.form.fill_products(y, products)
        own[...], one[...] = seen, 1.0
        return buffers.scratch

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
        return self._stats(value, sums, self.point.means)

    def filled(self, buffers: Buffers) -> np.ndarray:
        """E[z | what is seen, k] after ``log_joint``, (K, d, m)."""
        z, seen = np.split(buffers.features, 2)
        return np.where(seen > 0.0, z, self.point.means[:, :, None])
