"""Distinct rows in the order of their values, and samples of them.

What is computed from these depends neither on the order of the rows nor on whether a row is
repeated or weighted.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from .blocks import AtHand, Rows
from .grid import spans
from .parts import Part
from .sketch import summary_of

# Sorting more rows takes longer than a pass over them.
_MOST_COUNTED = 16384
# More than 2^20 rows are not sorted. Sorting takes 25 to 40 bytes a row, 40 MB at this number, and
# more time than a sketch. Neither depends on the order of the rows or on their repetition. A sketch
# depends on the unit of the data, which sorting does not.
MOST_SORTED = 2**20
# A sketch keeps 16384 rows, or more where more are asked for: as many as starts are computed from.
_SKETCHED = 16384
# Where leading features do not tell rows apart, so many times as many are tried: few sorts, of more
# features than may be needed. Seven tables of rounded columns (2000 to 16,000 rows, 2 to 20
# features) are sorted in 0.65 to 1 of the time that a factor of two takes, digits in 1.3.
_MORE = 4
# Rows that are compared with the ones before them at a time: what is made of them takes half a MB.
_COMPARED = 65536


class DistinctRows:
    """The rows that have weight, equal ones merged. Where rows are very many or lie elsewhere,
    those of a sample."""

    def __init__(self, rows: Rows):
        self._given, self.d = rows.at_hand, rows.d
        self._sketched: tuple[int, _Ordered] | None = None

    @cached_property
    def _sorted(self) -> _Ordered:
        return _Ordered(self._given)

    @property
    def _are_many(self) -> bool:
        return self._given.are_all and self._given.rows.n > MOST_SORTED

    def _ordered(self, size: int) -> _Ordered:
        """From which so many rows can be taken."""
        if not self._are_many:
            return self._sorted
        if self._sketched is None or self._sketched[0] < size:
            size = max(size, _SKETCHED)
            self._sketched = size, _Ordered(_sketch(self._given.rows, size))
        return self._sketched[1]

    @property
    def count(self) -> int:
        """How many there are, or an upper bound where they are many and not sorted yet; an estimate
        of it where there is a sample."""
        known = "_sorted" in vars(self) or not self._given.are_all
        if self._sketched is not None:
            return self._sketched[1].count
        if self._are_many or (self._given.n_distinct > _MOST_COUNTED and not known):
            return self._given.n_distinct
        return self._sorted.count

    def sample(self, size: int) -> tuple[Rows, bool]:
        """Rows with their weights, and whether they are all: a systematic sample, in which a row's
        weight is how often it was taken."""
        return self._ordered(size).sample(size)

    def values(self, size: int) -> np.ndarray:
        """About so many of the distinct rows, whatever their weights, in units (d, m)."""
        return self._ordered(size).values(size)


class _Ordered:
    """Distinct rows in the order of their values."""

    def __init__(self, at_hand: AtHand):
        self._rows, self._are_all, count = at_hand
        self._order, self._weight = _merged(self._rows)
        self.count = len(self._order) if self._are_all else count

    def sample(self, size: int) -> tuple[Rows, bool]:
        order, weight = self._order, self._weight
        is_more = len(order) > size
        if is_more:
            cumulative = np.cumsum(weight)
            points = (0.5 + np.arange(size)) / size * cumulative[-1]
            picked = np.searchsorted(cumulative, points, side="right").clip(max=len(order) - 1)
            picked, counts = np.unique(picked, return_counts=True)
            order, weight = order[picked], counts.astype(float)
        return self._rows.chosen(order, weight), self._are_all and not is_more

    def values(self, size: int) -> np.ndarray:
        order = self._order
        rows = self._rows.chosen(order[:: -(-len(order) // size)], None)
        z = np.empty((rows.d, rows.n))
        rows.read(0, rows.n, z)
        return z


class _Whole:
    """All rows as one part, which is here; see ``parts.Parts``."""

    fit = ""

    def __init__(self, rows: Rows):
        self._part = Part(rows.X, rows.weight)

    def answer(self, question):
        return question.merged([question.of(self._part)])


def _sketch(rows: Rows, size: int) -> AtHand:
    found = summary_of(_Whole(rows), size, seed=0)
    return AtHand(rows.like(found.X, found.weight), found.are_all, found.count)


def _merged(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the distinct rows, and their weights."""
    order, again = _sorted_order(rows)
    weight = np.ones(len(order)) if rows.weight is None else rows.weight[order]
    if len(again):
        first = np.delete(np.arange(len(order)), again)
        order, weight = order[first], np.add.reduceat(weight, first)
    return order, weight


def _sorted_order(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Lexicographic order of the rows that have weight, by as many leading features as tell them
    apart, and the positions in it of rows that equal the one before."""
    used = slice(None) if rows.weight is None else np.flatnonzero(rows.weight > 0.0)

    def column(j: int) -> np.ndarray:
        return rows.column(j)[used]

    order, n_sorted = np.argsort(column(0)), 1
    while True:
        ties = _ties(column, order, range(n_sorted))
        again = _equal_to_last(column, order, ties, range(n_sorted, rows.d))
        if len(again) == len(ties):
            break
        n_sorted = min(_MORE * n_sorted, rows.d)
        order = np.lexsort([column(j) for j in reversed(range(n_sorted))])
    return np.arange(rows.n)[used][order], again


def _ties(column: Callable[[int], np.ndarray], order: np.ndarray, features: range) -> np.ndarray:
    """All positions i where rows order[i - 1] and order[i] agree."""
    found = [
        _equal_to_last(column, order, np.arange(max(start, 1), stop), features)
        for start, stop in spans(len(order), _COMPARED)
    ]
    return np.concatenate(found)


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
