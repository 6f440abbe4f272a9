"""The normal family on blocks of rows with gaps: kernels that condition on what is seen.

A row has features o and lacks features m. With y = x_o - mu_o, log_joint is that of the marginal
normal, log pi + log N(y | 0, S_oo), and the statistics are expectations given what is seen:

    E[x_m] = mu_m + S_mo S_oo⁻¹ y,   Cov[x_m] = S_mm - S_mo S_oo⁻¹ S_om

(Ghahramani & Jordan 1994, section 3.3; Little & Rubin 2002, chapter 11). With the precision
P = S⁻¹ and v = P y, holes of y at zero, they are also (the *hole form*)

    E[x_m] = mu_m - P_mm⁻¹ v_m,   Cov[x_m] = P_mm⁻¹,   log|S_oo| = log|S| + log|P_mm|,
    S_oo⁻¹ = P_oo - P_om P_mm⁻¹ P_mo.

Kernels of dense covariances:

- Conditioned: a factor of S_oo for each pattern; accurate wherever a covariance is positive
  definite, and fast where patterns are few.
- Holes: the hole form row by row, for all patterns with equally many holes at a time; fast where
  patterns are many.
- Marginals (``marginals``): the hole form pattern by pattern, then matrix products as for complete
  data; fast where a pattern has some rows.

The hole form is inaccurate where a covariance is nearly singular.
"""

from __future__ import annotations

import threading

import numpy as np

from .._rows.patterns import GappedRows, Group, Point, groups
from .._rows.room import Buffers
from .covariances import Structure
from .dense import DENSE
from .gaussian import LOG_2PI, BlockKernel, about, cancels
from .rounding import DENSE_FLOOR
from .stats import Stats


class OfPatterns(BlockKernel):
    """What kernels of dense covariances have in common. Features hold z, with zeros for what is
    missing, and the index of each row's pattern; rows come sorted by it."""

    def __init__(
        self,
        structure: Structure,
        point: Point,
        noise: np.ndarray,
        rows: GappedRows,
        is_partition: bool = True,
    ):
        self.structure, self.point, self.noise = structure, point, noise
        self.patterns, self.refund = rows.patterns, rows.log_unit_of_holes
        self.n_components, self.d = point.means.shape
        self.n_features = self.d + 1

    def features(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        features = np.empty((self.d + 1, m))
        return features, features

    def prepare(self, buffers: Buffers) -> None:
        np.copyto(buffers.z, 0.0, where=np.isnan(buffers.z))

    def log_joint(self, buffers: Buffers) -> np.ndarray:
        raise NotImplementedError

    def locate(self, buffers: Buffers) -> None:
        """Statistics need what ``log_joint`` leaves."""
        self.log_joint(buffers)

    def stacked(self, matrices: np.ndarray) -> np.ndarray:
        """Matrices with the components' axis, of length one where they share one."""
        return matrices.reshape(-1, self.d, self.d)

    def _about_origin(self, stats: Stats) -> Stats:
        """Statistics about the origin of the units where nothing cancels."""
        if cancels(self.structure, self.point):
            return stats
        return about(self.structure, stats, self.point.origin)


class _RowByRow(OfPatterns):
    """Scratch holds (K, d, m) numbers that ``log_joint`` leaves to ``accumulate`` and ``filled``,
    with what else it found for the block kept by thread."""

    def __init__(
        self,
        structure: Structure,
        point: Point,
        noise: np.ndarray,
        rows: GappedRows,
        is_partition: bool = True,
    ):
        super().__init__(structure, point, noise, rows, is_partition)
        self.n_scratch = self.n_components * self.d
        self.second_shape = structure.shape(self.n_components, self.d)
        self.size = self.n_components * (1 + self.d) + int(np.prod(self.second_shape))
        self._held = threading.local()

    def log_joint(self, buffers: Buffers) -> np.ndarray:
        z, index = buffers.z[:-1], buffers.z[-1].astype(np.intp)
        room = buffers.scratch.reshape(-1)[: self.n_scratch * len(index)]
        room = room.reshape(self.n_components, self.d, len(index))
        found = list(groups(index, self.patterns.n_holes))
        value, held = buffers.log_joint, []
        for group in found:
            held.append(self._condition(z, room, group, value[:, group.start : group.stop]))
            common = self.refund[group.patterns] - 0.5 * LOG_2PI * self._n_seen(group)
            value[:, group.start : group.stop] += common[group.of_column]
        value += self.point.log_weights[:, None]
        self._held.block = (room, found, held)
        return value

    def _n_seen(self, group: Group) -> int:
        return self.d - int(self.patterns.n_holes[group.patterns[0]])

    def _condition(self, z, room, group, value):
        """Fills value (K, columns) with log|S_oo⁻¹| / 2 - yᵀ S_oo⁻¹ y / 2 and the room; what it
        returns is kept for the statistics."""
        raise NotImplementedError

    def _add(self, room, group, held, resp, first, second):
        """Adds the first and second moments of a group's columns."""
        raise NotImplementedError

    def _filled(self, room, group, held):
        """E[z | what is seen, k] of a group's columns, (K, d, m)."""
        raise NotImplementedError

    def accumulate(self, buffers: Buffers, scale: np.ndarray | None, sums: np.ndarray) -> None:
        """After ``log_joint`` of the same block."""
        room, found, held = self._held.block
        resp = buffers.resp if scale is None else np.multiply(buffers.resp, scale, buffers.resp)
        weight, first, second = self._parts(sums)
        weight += resp.sum(axis=1)
        for group, own in zip(found, held, strict=True):
            columns = slice(group.start, group.stop)
            self._add(room[:, :, columns], group, own, resp[:, columns], first, second)

    def _parts(self, sums):
        n_components, d = self.n_components, self.d
        weight, first, second = np.split(sums, [n_components, n_components * (1 + d)])
        return weight, first.reshape(n_components, d), second.reshape(self.second_shape)

    def stats(self, value: float, sums: np.ndarray) -> Stats:
        weight, first, second = self._parts(sums)
        stats = Stats.of(self.structure, weight, first, second, self.point.means, value)
        return self._about_origin(stats)

    def _weight_of_patterns(self, group: Group, resp: np.ndarray) -> np.ndarray:
        """(K, p)."""
        starts = np.flatnonzero(np.append(True, np.diff(group.of_column)))
        return np.add.reduceat(resp, starts, axis=1)

    def filled(self, buffers: Buffers) -> np.ndarray:
        """E[z | what is seen, k] after ``log_joint``, (K, d, m)."""
        room, found, held = self._held.block
        out = np.empty_like(room)
        for group, own in zip(found, held, strict=True):
            columns = slice(group.start, group.stop)
            out[:, :, columns] = self._filled(room[:, :, columns], group, own)
        return out


class Conditioned(_RowByRow):
    """By white coordinates w = Uᵀ y, S_oo⁻¹ = U Uᵀ: with G = S_:o U,

    sum r E[y] = G f,  sum r E[y yᵀ] = G (q - N I) Gᵀ + N S,  f = sum r w, q = sum r w wᵀ.
    """

    def _condition(self, z, room, group, value):
        held = []
        covariance = self.stacked(self.point.covariances)
        for at, first, last in _runs(group):
            seen, _ = self.patterns.features(group.patterns[at])
            factor = _factor(covariance[:, seen[:, None], seen])
            y = z[seen, group.start + first : group.start + last]
            y = y - self.point.means[:, seen, None]
            white = np.matmul(factor.swapaxes(1, 2), y)
            room[:, : len(seen), group.start + first : group.start + last] = white
            value[:, first:last] = -0.5 * np.einsum("kim,kim->km", white, white)
            half = np.log(factor.diagonal(axis1=1, axis2=2)).sum(axis=1)
            spread = np.matmul(factor.swapaxes(1, 2) * self.noise[seen], factor)
            half -= 0.5 * spread.trace(axis1=1, axis2=2)
            value[:, first:last] += half[:, None]
            held.append((np.matmul(covariance[:, :, seen], factor), spread, first, last))
        return held

    def _add(self, room, group, held, resp, first, second):
        covariance = self.stacked(self.point.covariances)
        summed = self.structure.sharing.summed
        for gain, spread, a, b in held:
            white, own = room[:, : gain.shape[2], a:b], resp[:, a:b]
            weight = own.sum(axis=1)
            first += np.matmul(gain, np.einsum("kim,km->ki", white, own)[:, :, None])[:, :, 0]
            inner = np.matmul(white * own[:, None, :], white.swapaxes(1, 2))
            inner, weight = summed(inner), summed(weight)[:, None, None]
            inner += weight * (spread - np.eye(gain.shape[2]))
            found = np.matmul(np.matmul(gain, inner), gain.swapaxes(1, 2))
            found += weight * (covariance - np.diag(self.noise))
            second += found.reshape(second.shape)

    def _filled(self, room, group, held):
        out = np.empty((self.n_components, self.d, len(group.of_column)))
        for gain, _, a, b in held:
            out[:, :, a:b] = np.matmul(gain, room[:, : gain.shape[2], a:b])
        return out + self.point.means[:, :, None]


def _factor(covariance: np.ndarray) -> np.ndarray:
    """U of C⁻¹ = U Uᵀ for a stack of matrices, whose eigenvalues are positive but for rounding."""
    if not covariance.size:
        return covariance
    least = DENSE_FLOOR * covariance.trace(axis1=1, axis2=2).min()
    return DENSE.factorise(covariance, least).factor


def _runs(group: Group):
    """(place among the group's patterns, first, last column of the group)."""
    inner = np.flatnonzero(np.diff(group.of_column)) + 1
    edges = [0, *inner.tolist(), len(group.of_column)]
    return zip(range(len(group.patterns)), edges[:-1], edges[1:], strict=True)


class Holes(_RowByRow):
    """By the hole form, without noise; the room holds what was seen and what is expected, less
    the means."""

    def __init__(self, structure, point, noise, rows, is_partition=True):
        super().__init__(structure, point, noise, rows, is_partition)
        form, factors = structure.form, self.stacked(point.factors)
        self.precision, self.half = form.precision(factors), form.log_det(factors, self.d)

    def _condition(self, z, room, group, value):
        columns = slice(group.start, group.stop)
        y = room[:, :, columns]
        np.subtract(z[:, columns], self.point.means[:, :, None], out=y)
        n_holes = self.d - self._n_seen(group)
        inverses, places = None, None
        if n_holes:
            missing = np.nonzero(self.patterns.holes[group.patterns])[1].reshape(-1, n_holes).T
            places = missing[:, group.of_column], np.arange(len(group.of_column))
            inverses, half = self._roots(missing)
        for k in range(self.n_components):
            at = k % len(self.precision)  # of stacks with one entry a matrix
            own = np.ascontiguousarray(y[k])
            if n_holes:
                own[places] = 0.0
            v = self.precision[at] @ own
            value[k] = np.einsum("im,im->m", own, v)
            if n_holes:
                roots = inverses[at].take(group.of_column, axis=2)
                white = np.einsum("ijm,jm->im", roots, v[places])
                value[k] -= np.einsum("im,im->m", white, white)
                own[places] = -np.einsum("jim,jm->im", roots, white)
                value[k] += half[at].take(group.of_column)
            value[k] *= -0.5
            value[k] += self.half[at]
            y[k] = own
        return inverses, missing if n_holes else None

    def _roots(self, missing):
        """L⁻¹ (1 or K, h, h, p) of P_mm = L Lᵀ for the holes (h, p) of patterns, and log|P_mm|."""
        return roots_of_inverses(self.precision[:, missing[:, None, :], missing[None, :, :]])

    def _add(self, room, group, held, resp, first, second):
        inverses, missing = held
        for k in range(self.n_components):
            y = np.ascontiguousarray(room[k])
            first[k] += y @ resp[k]
            second[self.structure.sharing.at(k)] += self.structure.form.weighted_second(y, resp[k])
        if inverses is None:
            return
        weight = self.structure.sharing.summed(self._weight_of_patterns(group, resp))
        place = (missing[:, None, :] * self.d + missing[None, :, :]).ravel()
        stack = second.reshape(-1, self.d, self.d)
        for own, roots, sums in zip(weight, inverses, stack, strict=True):
            found = np.einsum("aip,ajp->ijp", roots, roots)
            sums += np.bincount(place, (found * own).ravel(), self.d**2).reshape(sums.shape)

    def _filled(self, room, group, held):
        return room + self.point.means[:, :, None]


def roots_of_inverses(stack: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """L⁻¹ (..., h, h, p) of positive definite L Lᵀ, which are overwritten, and log|L Lᵀ| (..., p).

    Inverses themselves would lose twice the digits: errors of L⁻¹ v do not grow with its square.
    """
    h, log_det = stack.shape[-2], np.zeros(stack.shape[:-3] + stack.shape[-1:])
    inverse = np.zeros_like(stack)
    for j in range(h):
        pivot = stack[..., j, j, :]
        log_det = log_det + np.log(pivot)
        column = stack[..., j:, j, :] / np.sqrt(pivot)[..., None, :]
        stack[..., j:, j, :] = column
        below = column[..., 1:, :]
        stack[..., j + 1 :, j + 1 :, :] -= below[..., :, None, :] * below[..., None, :, :]
    for i in range(h):
        own = 1.0 / stack[..., i, i, :]
        inverse[..., i, i, :] = own
        left = np.einsum("...jp,...jkp->...kp", stack[..., i, :i, :], inverse[..., :i, :i, :])
        inverse[..., i, :i, :] = -own[..., None, :] * left
    return inverse, log_det
