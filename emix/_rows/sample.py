"""Distinct rows in the order of their values, and samples of them.

What is computed from these depends neither on the order of the rows nor on whether a row is
repeated or weighted.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from .blocks import Rows

# Sorting more rows takes longer than a pass over them.
_MOST_COUNTED = 16384


class DistinctRows:
    """The rows that have weight: sorted, equal ones merged. Where rows lie elsewhere, those of the
    sample that is at hand."""

    def __init__(self, rows: Rows):
        self._rows, self._are_all, self._count = rows.at_hand
        self.d = rows.d

    @cached_property
    def _sorted(self) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the distinct rows, and their weights."""
        rows = self._rows
        order, again = _sorted_order(rows)
        weight = np.ones(len(order)) if rows.weight is None else rows.weight[order]
        if len(again):
            first = np.delete(np.arange(len(order)), again)
            order, weight = order[first], np.add.reduceat(weight, first)
        return order, weight

    @property
    def count(self) -> int:
        """How many there are, or an upper bound where they are many and not sorted yet; an estimate
        of it where a sample is at hand."""
        if not self._are_all or (self._count > _MOST_COUNTED and "_sorted" not in vars(self)):
            return self._count
        return len(self._sorted[0])

    def sample(self, size: int) -> tuple[Rows, bool]:
        """Rows with their weights, and whether they are all: a systematic sample, in which a row's
        weight is how often it was taken."""
        order, weight = self._sorted
        is_more = len(order) > size
        if is_more:
            cumulative = np.cumsum(weight)
            points = (0.5 + np.arange(size)) / size * cumulative[-1]
            picked = np.searchsorted(cumulative, points, side="right").clip(max=len(order) - 1)
            picked, counts = np.unique(picked, return_counts=True)
            order, weight = order[picked], counts.astype(float)
        return self._at(order, weight), self._are_all and not is_more

    def values(self, size: int) -> np.ndarray:
        """About so many of the distinct rows, whatever their weights, in units (d, m)."""
        order, _ = self._sorted
        rows = self._at(order[:: -(-len(order) // size)], None)
        z = np.empty((rows.d, rows.n))
        rows.read(0, rows.n, z)
        return z

    def _at(self, order, weight) -> Rows:
        return self._rows.chosen(order, weight)


def _sorted_order(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Lexicographic order of the rows that have weight, by as many leading features as tell them
    apart, and the positions in it of rows that equal the one before."""
    used = slice(None) if rows.weight is None else np.flatnonzero(rows.weight > 0.0)

    def column(j: int) -> np.ndarray:
        return rows.column(j)[used]

    order, n_sorted = np.argsort(column(0)), 1
    while True:
        all_of_them = np.arange(1, len(order))
        ties = _equal_to_last(column, order, all_of_them, range(n_sorted))
        again = _equal_to_last(column, order, ties, range(n_sorted, rows.d))
        if len(again) == len(ties):
            break
        n_sorted = min(2 * n_sorted, rows.d)
        order = np.lexsort([column(j) for j in reversed(range(n_sorted))])
    return np.arange(rows.n)[used][order], again


def _equal_to_last(
    column: Callable[[int], np.ndarray], order: np.ndarray, positions: np.ndarray, features: range
) -> np.ndarray:
    """Those positions i where rows order[i - 1] and order[i] agree; a feature at a time."""
    for j in features:
        if not len(positions):
            break
        values = column(j)
        positions = positions[values[order[positions - 1]] == values[order[positions]]]
    return positions
