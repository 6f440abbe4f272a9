"""Distinct rows in the order of their values, and samples of them.

What is computed from these depends neither on the order of the rows nor on whether a row is
repeated or weighted.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from .blocks import Rows

# Sorting more rows takes longer than a pass over them.
_MOST_COUNTED = 16384


class DistinctRows:
    """The rows that have weight: sorted, equal ones merged."""

    def __init__(self, rows: Rows):
        self._rows = rows

    @cached_property
    def _sorted(self) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the distinct rows, and their weights."""
        rows = self._rows
        order = _sorted_order(rows)
        if rows.weight is None:
            weight = np.ones(rows.n)
        else:
            weight = rows.weight[order]
            order, weight = order[weight > 0.0], weight[weight > 0.0]
        same = _equal_neighbours(rows, order, np.arange(len(order) - 1), range(rows.d))
        if len(same):
            first = np.delete(np.arange(len(order)), same + 1)
            order, weight = order[first], np.add.reduceat(weight, first)
        return order, weight

    @property
    def count(self) -> int:
        """How many there are, or an upper bound where they are many and not sorted yet."""
        n = self._rows.n
        if n > _MOST_COUNTED and "_sorted" not in vars(self):
            return n
        return len(self._sorted[0])

    def sample(self, size: int) -> tuple[Rows, bool]:
        """Rows with their weights, and whether they are all: a systematic sample, in which a row's
        weight is how often it was taken."""
        order, weight = self._sorted
        complete = len(order) <= size
        if not complete:
            cumulative = np.cumsum(weight)
            points = (0.5 + np.arange(size)) / size * cumulative[-1]
            picked = np.searchsorted(cumulative, points, side="right").clip(max=len(order) - 1)
            picked, counts = np.unique(picked, return_counts=True)
            order, weight = order[picked], counts.astype(float)
        return self._at(order, weight), complete

    def values(self, size: int) -> np.ndarray:
        """About so many of the distinct rows, whatever their weights, in units (d, m)."""
        order, _ = self._sorted
        rows = self._at(order[:: -(-len(order) // size)], None)
        z = np.empty((rows.d, rows.n))
        rows.read(0, rows.n, z)
        return z

    def _at(self, order, weight) -> Rows:
        return self._rows.chosen(order, weight)


def _sorted_order(rows: Rows) -> np.ndarray:
    """Lexicographic order of the rows, by as many leading features as tell them apart."""
    d = rows.d
    order = np.argsort(rows.column(0))
    used = 1
    while used < d:
        ties = _equal_neighbours(rows, order, np.arange(rows.n - 1), range(used))
        if len(_equal_neighbours(rows, order, ties, range(used, d))) == len(ties):
            break
        used = min(2 * used, d)
        order = np.lexsort([rows.column(j) for j in reversed(range(used))])
    return order


def _equal_neighbours(rows, order, positions, features):
    """Those positions i where rows order[i] and order[i + 1] agree; a feature at a time."""
    for j in features:
        column = rows.column(j)
        positions = positions[column[order[positions]] == column[order[positions + 1]]]
    return positions
