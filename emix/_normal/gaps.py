"""The normal family on blocks of rows with gaps: a kernel that conditions on what is seen.

A row has features o and lacks features m. With y = x_o - mu_o, log_joint is that of the marginal
normal, log pi + log N(y | 0, S_oo), and the statistics are expectations given what is seen:

    E[x_m] = mu_m + S_mo S_oo⁻¹ y,   Cov[x_m] = S_mm - S_mo S_oo⁻¹ S_om

(Ghahramani & Jordan 1994, section 3.3; Little & Rubin 2002, chapter 11). With the precision
P = S⁻¹ and v = P y, holes of y at zero, they are also (the *hole form*)

    E[x_m] = mu_m - P_mm⁻¹ v_m,   Cov[x_m] = P_mm⁻¹,   log|S_oo| = log|S| + log|P_mm|,
    S_oo⁻¹ = P_oo - P_om P_mm⁻¹ P_mo.

For dense covariances there are

- ``Conditioned``: a factor of S_oo for each pattern; accurate wherever a covariance is positive
  definite, and fast where patterns are few.
- ``Holes``: the hole form row by row, for all patterns with equally many holes at a time; fast
  where patterns are many.
- ``Marginals``, a kernel of its own: the hole form pattern by pattern, then matrix products as for
  complete data; fast where a pattern has some rows.

The hole form is inaccurate where a covariance is nearly singular.
"""

from __future__ import annotations

import threading
from typing import Any, Protocol

import numpy as np

from .._rows.patterns import GappedRows, Group, Point, groups
from .._rows.room import Buffers
from .covariances import Structure
from .gaussian import LOG_2PI, BlockKernel, about, cancels
from .stats import Stats


class Conditioning(Protocol):
    """The normals of all components given what is seen, for a group of columns that lack equally
    many features. The room (K, d, columns) holds what ``condition`` leaves to the others, which see
    the group's columns of it alone."""

    def condition(self, z: np.ndarray, room: np.ndarray, group: Group, value: np.ndarray) -> Any:
        """Fills value (K, columns) with log|S_oo⁻¹| / 2 - yᵀ S_oo⁻¹ y / 2, and the room; z and
        the room have the columns of the block. What it returns is handed to the others."""

    def add(
        self,
        room: np.ndarray,
        group: Group,
        held: Any,
        resp: np.ndarray,
        first: np.ndarray,
        second: np.ndarray,
    ) -> None:
        """Adds the first and second moments of the group's columns."""

    def filled(self, room: np.ndarray, group: Group, held: Any) -> np.ndarray:
        """E[z | what is seen, k] of the group's columns, (K, d, columns)."""


class ByGroups(BlockKernel):
    """A kernel that conditions group by group. Features hold z, with zeros for what is missing,
    and the index of each row's pattern; rows come sorted by it.

    Scratch holds (K, d, m) numbers that ``log_joint`` leaves to ``accumulate`` and ``filled``,
    with what else it found for the block kept by thread.
    """

    def __init__(
        self, structure: Structure, point: Point, rows: GappedRows, conditioning: Conditioning
    ):
        self.structure, self.point, self.conditioning = structure, point, conditioning
        self.patterns, self.refund = rows.patterns, rows.log_unit_of_holes
        self.n_components, self.d = point.means.shape
        self.n_features, self.n_scratch = self.d + 1, self.n_components * self.d
        self.second_shape = structure.shape(self.n_components, self.d)
        self.size = self.n_components * (1 + self.d) + int(np.prod(self.second_shape))
        self._held = threading.local()

    def features(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        features = np.empty((self.d + 1, m))
        return features, features

    def prepare(self, buffers: Buffers) -> None:
        np.copyto(buffers.z, 0.0, where=np.isnan(buffers.z))

    def log_joint(self, buffers: Buffers) -> np.ndarray:
        z, index = buffers.z[:-1], buffers.z[-1].astype(np.intp)
        room = buffers.scratch.reshape(-1)[: self.n_scratch * len(index)]
        room = room.reshape(self.n_components, self.d, len(index))
        found = list(groups(index, self.patterns.n_holes))
        value, held = buffers.log_joint, []
        for group in found:
            own = value[:, group.start : group.stop]
            held.append(self.conditioning.condition(z, room, group, own))
            n_seen = self.d - int(self.patterns.n_holes[group.patterns[0]])
            common = self.refund[group.patterns] - 0.5 * LOG_2PI * n_seen
            own += common[group.of_column]
        value += self.point.log_weights[:, None]
        self._held.block = (room, found, held)
        return value

    def locate(self, buffers: Buffers) -> None:
        """Statistics need what ``log_joint`` leaves."""
        self.log_joint(buffers)

    def accumulate(self, buffers: Buffers, scale: np.ndarray | None, sums: np.ndarray) -> None:
        """After ``log_joint`` of the same block."""
        room, found, held = self._held.block
        resp = buffers.resp if scale is None else np.multiply(buffers.resp, scale, buffers.resp)
        weight, first, second = self._parts(sums)
        weight += resp.sum(axis=1)
        for group, own in zip(found, held, strict=True):
            at = slice(group.start, group.stop)
            self.conditioning.add(room[:, :, at], group, own, resp[:, at], first, second)

    def _parts(self, sums):
        n_components, d = self.n_components, self.d
        weight, first, second = np.split(sums, [n_components, n_components * (1 + d)])
        return weight, first.reshape(n_components, d), second.reshape(self.second_shape)

    def stats(self, value: float, sums: np.ndarray) -> Stats:
        """About the origin of the units where nothing cancels."""
        weight, first, second = self._parts(sums)
        stats = Stats.of(self.structure, weight, first, second, self.point.means, value)
        if cancels(self.structure, self.point):
            return stats
        return about(self.structure, stats, self.point.origin)

    def filled(self, buffers: Buffers) -> np.ndarray:
        """E[z | what is seen, k] after ``log_joint``, (K, d, m)."""
        room, found, held = self._held.block
        out = np.empty_like(room)
        for group, own in zip(found, held, strict=True):
            at = slice(group.start, group.stop)
            out[:, :, at] = self.conditioning.filled(room[:, :, at], group, own)
        return out


def stacked(matrices: np.ndarray) -> np.ndarray:
    """Matrices with the components' axis, of length one where they share one."""
    return matrices.reshape(-1, *matrices.shape[-2:])
