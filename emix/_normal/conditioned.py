"""Normals given what is seen, by the covariance of what is seen of each pattern."""

from __future__ import annotations

import numpy as np

from .._rows.patterns import GappedRows, Group, Patterns, Point
from .covariances import Structure
from .dense import DENSE
from .gaps import ByGroups, stacked
from .rounding import DENSE_FLOOR


def conditioned(
    structure: Structure,
    point: Point,
    noise: np.ndarray,
    rows: GappedRows,
    is_partition: bool = True,
) -> ByGroups:
    return ByGroups(structure, point, rows, Conditioned(structure, point, noise, rows.patterns))


class Conditioned:
    """See ``gaps.Conditioning``. By white coordinates w = Uᵀ y, S_oo⁻¹ = U Uᵀ: with G = S_:o U,

    sum r E[y] = G f,  sum r E[y yᵀ] = G (q - N I) Gᵀ + N S,  f = sum r w, q = sum r w wᵀ.
    """

    def __init__(self, structure: Structure, point: Point, noise: np.ndarray, patterns: Patterns):
        self._structure, self._means, self._noise = structure, point.means, noise
        self._patterns, self._covariance = patterns, stacked(point.covariances)

    def condition(self, z, room, group, value):
        held = []
        covariance = self._covariance
        for at, first, last in _runs(group):
            seen, _ = self._patterns.features(group.patterns[at])
            factor = _factor(covariance[:, seen[:, None], seen])
            y = z[seen, group.start + first : group.start + last]
            y = y - self._means[:, seen, None]
            white = np.matmul(factor.swapaxes(1, 2), y)
            room[:, : len(seen), group.start + first : group.start + last] = white
            value[:, first:last] = -0.5 * np.einsum("kim,kim->km", white, white)
            half = np.log(factor.diagonal(axis1=1, axis2=2)).sum(axis=1)
            spread = np.matmul(factor.swapaxes(1, 2) * self._noise[seen], factor)
            half -= 0.5 * spread.trace(axis1=1, axis2=2)
            value[:, first:last] += half[:, None]
            held.append((np.matmul(covariance[:, :, seen], factor), spread, first, last))
        return held

    def add(self, room, group, held, resp, first, second):
        covariance = self._covariance
        summed = self._structure.sharing.summed
        for gain, spread, a, b in held:
            white, own = room[:, : gain.shape[2], a:b], resp[:, a:b]
            weight = own.sum(axis=1)
            first += np.matmul(gain, np.einsum("kim,km->ki", white, own)[:, :, None])[:, :, 0]
            inner = np.matmul(white * own[:, None, :], white.swapaxes(1, 2))
            inner, weight = summed(inner), summed(weight)[:, None, None]
            inner += weight * (spread - np.eye(gain.shape[2]))
            found = np.matmul(np.matmul(gain, inner), gain.swapaxes(1, 2))
            found += weight * (covariance - np.diag(self._noise))
            second += found.reshape(second.shape)

    def filled(self, room, group, held):
        out = np.empty_like(room)
        for gain, _, a, b in held:
            out[:, :, a:b] = np.matmul(gain, room[:, : gain.shape[2], a:b])
        return out + self._means[:, :, None]


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
