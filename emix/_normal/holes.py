"""Normals given what is seen, by what the precision says of the holes."""

from __future__ import annotations

import numpy as np

from .._rows.patterns import GappedRows, Group, Patterns, Point
from .covariances import Structure
from .gaps import ByGroups, stacked


def by_holes(
    structure: Structure,
    point: Point,
    noise: np.ndarray,
    rows: GappedRows,
    is_partition: bool = True,
) -> ByGroups:
    """Without noise."""
    return ByGroups(structure, point, rows, Holes(structure, point, rows.patterns))


class Holes:
    """See ``gaps.Conditioning``. By the hole form, without noise; the room holds what was seen and
    what is expected, less the means."""

    def __init__(self, structure: Structure, point: Point, patterns: Patterns):
        form, factors, d = structure.form, stacked(point.factors), point.means.shape[1]
        self._structure, self._means, self._patterns = structure, point.means, patterns
        self._precision, self._half = form.precision(factors), form.log_det(factors, d)

    def condition(self, z, room, group, value):
        columns = slice(group.start, group.stop)
        y = room[:, :, columns]
        np.subtract(z[:, columns], self._means[:, :, None], out=y)
        n_holes = int(self._patterns.n_holes[group.patterns[0]])
        inverses, places = None, None
        if n_holes:
            missing = np.nonzero(self._patterns.holes[group.patterns])[1].reshape(-1, n_holes).T
            places = missing[:, group.of_column], np.arange(len(group.of_column))
            inverses, half = self._roots(missing)
        for k in range(len(self._means)):
            at = k % len(self._precision)  # of stacks with one entry a matrix
            own = np.ascontiguousarray(y[k])
            if n_holes:
                own[places] = 0.0
            v = self._precision[at] @ own
            value[k] = np.einsum("im,im->m", own, v)
            if n_holes:
                roots = inverses[at].take(group.of_column, axis=2)
                white = np.einsum("ijm,jm->im", roots, v[places])
                value[k] -= np.einsum("im,im->m", white, white)
                own[places] = -np.einsum("jim,jm->im", roots, white)
                value[k] += half[at].take(group.of_column)
            value[k] *= -0.5
            value[k] += self._half[at]
            y[k] = own
        return inverses, missing if n_holes else None

    def _roots(self, missing):
        """L⁻¹ (1 or K, h, h, p) of P_mm = L Lᵀ for the holes (h, p) of patterns, and log|P_mm|."""
        return roots_of_inverses(self._precision[:, missing[:, None, :], missing[None, :, :]])

    def add(self, room, group, held, resp, first, second):
        (inverses, missing), d = held, first.shape[1]
        form, sharing = self._structure.form, self._structure.sharing
        for k in range(len(self._means)):
            y = np.ascontiguousarray(room[k])
            first[k] += y @ resp[k]
            second[sharing.at(k)] += form.weighted_second(y, resp[k])
        if inverses is None:
            return
        weight = sharing.summed(_weight_of_patterns(group, resp))
        place = (missing[:, None, :] * d + missing[None, :, :]).ravel()
        stack = stacked(second)
        for own, roots, sums in zip(weight, inverses, stack, strict=True):
            found = np.einsum("aip,ajp->ijp", roots, roots)
            sums += np.bincount(place, (found * own).ravel(), d**2).reshape(sums.shape)

    def filled(self, room, group, held):
        return room + self._means[:, :, None]


def _weight_of_patterns(group: Group, resp: np.ndarray) -> np.ndarray:
    """(K, p)."""
    starts = np.flatnonzero(np.append(True, np.diff(group.of_column)))
    return np.add.reduceat(resp, starts, axis=1)


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
