"""Rows of one feature in their order, or a sample of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._mixture.start import SAMPLE_ROWS
from .._rows.blocks import Block, Rows
from .._rows.grid import block_rows
from .._rows.sample import DistinctRows
from .._rows.weights import given_again

# Many rows are counted in bins of equal width in place of being sorted, unless one of the bins
# holds more than this share of them.
_BINS, _CROWDED = 65536, 1.0 / 2048
# Rows at either end that are taken as they are: outliers weigh as much as many others.
_ENDS = 64


def sorted_sample(rows: Rows) -> tuple[np.ndarray, np.ndarray, bool]:
    """Distinct values x in ascending order and their weights, of all rows or of a systematic
    sample; and whether of all."""
    if rows.weight is not None:
        sample, complete = DistinctRows(rows).sample(SAMPLE_ROWS)
        assert sample.weight is not None, "a sample of distinct rows has weights"
        # all of them add up to what they did, which tells what a nat is worth
        counts = given_again(sample.weight, sample.weight_unit) if complete else sample.weight
        return sample.X[:, 0].astype(float), counts, complete
    if rows.n <= SAMPLE_ROWS:
        return *_merged(np.sort(rows.X[:, 0]), np.ones(rows.n)), True
    bins = _binned(rows)
    is_crowded = bins.counts.max() > _CROWDED * rows.n
    low, inside, high = _by_sorting(rows) if is_crowded else _by_counting(rows, bins)
    share = SAMPLE_ROWS / rows.n
    weight = [np.full(len(low), share), np.ones(len(inside)), np.full(len(high), share)]
    return *_merged(np.concatenate([low, inside, high]), np.concatenate(weight)), False


def _merged(x: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Equal neighbours as one."""
    first = np.flatnonzero(np.append(True, x[1:] != x[:-1]))
    return x[first].astype(float), np.add.reduceat(weight, first)


class Bins(NamedTuple):
    """Numbers of rows in bins of equal width, in the units of the rows, and where the first
    begins."""

    counts: np.ndarray
    low: float
    width: float


def _binned(rows: Rows) -> Bins:
    ends = np.array([rows.X.min(), rows.X.max()], dtype=float)
    low, high = ((ends - rows.shift) / rows.scale).tolist()
    width = (high - low) / (_BINS - 1) or 1.0

    return Bins(rows.total(_Counts(low, width)), low, width)


class _Counts:
    """Numbers of rows in bins."""

    worker, size = None, _BINS

    def __init__(self, low: float, width: float):
        self._low, self._width, self.block_rows = low, width, block_rows(64)

    def add(self, block: Block, sums: np.ndarray) -> None:
        z = (block.read()[0] - self._low) / self._width
        # rounding may put the least value below zero, by less than one
        sums += np.bincount(z.astype(np.intp), minlength=_BINS)


def _by_sorting(rows: Rows) -> tuple[np.ndarray, ...]:
    """The rows x at the low end, a systematic sample of the others, and those at the high end."""
    x = np.sort(rows.X[:, 0])
    at = (2 * np.arange(SAMPLE_ROWS) + 1) * rows.n // (2 * SAMPLE_ROWS)
    return x[:_ENDS], x[at[(at >= _ENDS) & (at < rows.n - _ENDS)]], x[-_ENDS:]


def _by_counting(rows: Rows, bins: Bins) -> tuple[np.ndarray, ...]:
    """The same, as if the rows between the ends were spread evenly in their bins."""
    counts, low, width = bins
    cumulative = np.cumsum(counts)
    first = np.searchsorted(cumulative, _ENDS) + 1
    last = np.searchsorted(cumulative, rows.n - _ENDS)
    at = (np.arange(SAMPLE_ROWS) + 0.5) / SAMPLE_ROWS * rows.n
    index = np.searchsorted(cumulative, at, side="right")
    inside = (index >= first) & (index < last)
    at, index = at[inside], index[inside]
    part = (at - cumulative[index]) / counts[index] + 1.0
    x = rows.X[:, 0]
    edges = (low + np.array([first, last]) * width) * rows.scale + rows.shift
    bottom, top = np.sort(x[x < edges[0]]), np.sort(x[x >= edges[1]])
    return bottom, (low + (index + part) * width) * rows.scale + rows.shift, top
