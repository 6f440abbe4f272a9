"""Rows as the search sees them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._rows.patterns import rows_over
from .._rows.sample import DistinctRows

# Rows that starts from neighbours are compared on. The more there are, the longer it takes, and the
# surer is the comparison of small components.
_SAMPLE = 4096


class Rows(NamedTuple):
    """Rows with their weights. ``table`` is what estimators are fitted to, with the names of
    features if there are any; ``array`` (n, d) are its numbers."""

    table: Any
    array: np.ndarray
    weight: np.ndarray | None

    def taken(self, index: np.ndarray) -> Rows:
        """Some of the rows."""
        array = self.array[index]
        return Rows(array, array, None if self.weight is None else self.weight[index])

    @property
    def weights(self) -> np.ndarray:
        """Of every row, (n,)."""
        return np.ones(len(self.array)) if self.weight is None else self.weight


class Part(NamedTuple):
    """Rows that all cells are fitted to, and what they are scored on; a systematic sample of the
    distinct rows, with weights in place of repetitions, all of them if they are few; and the
    number of distinct rows, or an upper bound where they are many."""

    rows: Rows
    held_out: Rows | None
    sample: Rows
    n_distinct: int


def part(rows: Rows, held_out: Rows | None = None) -> Part:
    d = rows.array.shape[1]
    distinct = DistinctRows(rows_over(rows.array, rows.weight, np.zeros(d), np.ones(d)))
    n_distinct = distinct.count
    found, _ = distinct.sample(_SAMPLE)
    weight = None if found.weight is None else found.weight * found.weight_unit
    return Part(rows, held_out, Rows(found.X, found.X, weight), n_distinct)
