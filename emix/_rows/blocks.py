"""Rows in blocks: read in standard units, reduced by threads on a fixed grid."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

# Large enough that threads meet rarely at the interpreter's lock (each NumPy call should take
# tens of microseconds), small enough for the caches.
BLOCK_BYTES = 8 * 1024 * 1024
# Of a block that is looked at once, without matrix products of all components.
_SWEEP_BYTES = 1024 * 1024
# Matrix products take blocks in tiles of so many rows. Not a power of two: arrays of whole tiles
# would have their rows at multiples of a page, where they contend for the same cache sets.
TILE = 488
_FEWEST_ROWS, MOST_ROWS = TILE, 128 * TILE
# Partial sums are formed per share of the grid, whatever the number of threads, and added
# in order: the bits of the total do not depend on who did what.
_SHARES, _SHARES_BYTES = 32, 64 * 1024 * 1024

_MANY_FEATURES = 16

# Variance, in squares of half the range, that rows of the least weight that counts make.
_LEAST_SHARE = 1e-16

Span = tuple[int, int]
Mapper = Callable[[Callable, Iterable], Iterator]


def block_rows(bytes_per_row: int) -> int:
    """Rows of a block, whole tiles, from the memory that one row needs."""
    rows = BLOCK_BYTES // bytes_per_row // TILE * TILE
    return min(max(rows, _FEWEST_ROWS), MOST_ROWS)


@lru_cache(maxsize=16)
def spans(n: int, rows: int) -> list[Span]:
    """Blocks of at most about this many rows: an even number of them unless half a block is
    enough, so that two threads get the same work, and whole tiles but for the last."""
    count = -(-n // rows)
    count += count % 2 if 2 * n > rows else 0
    inner = {TILE * round(n * i / (count * TILE)) for i in range(1, count)}
    return list(pairwise([0, *sorted(inner - {0}), n]))


@lru_cache(maxsize=16)
def shares(n: int, rows: int, size: int = 1) -> list[list[Span]]:
    """Runs of consecutive blocks, as equal as can be: few enough for their sums of this size."""
    blocks = spans(n, rows)
    count = min(_SHARES, len(blocks), max(4, _SHARES_BYTES // (8 * size)))
    edges = [len(blocks) * i // count for i in range(count + 1)]
    return [blocks[a:b] for a, b in pairwise(edges)]


@contextmanager
def workers(n_threads: int) -> Iterator[Mapper]:
    """A map that keeps its order, over this many threads, the calling one included.

    Each gets a run of consecutive items: one hand-over per thread and call.
    """
    if n_threads == 1:
        yield map
        return
    with ThreadPoolExecutor(n_threads - 1) as pool:

        def mapped(work, items):
            items = list(items)
            edges = [len(items) * i // n_threads for i in range(n_threads + 1)]
            own, *others = [items[a:b] for a, b in pairwise(edges)]
            futures = [pool.submit(_all, work, run) for run in others if run]
            results = _all(work, own)
            for future in futures:
                results += future.result()
            return results

        yield mapped


def _all(work: Callable, items: list) -> list:
    return [work(item) for item in items]


class Rows:
    """Rows of X in units z = (x - shift) / scale, feature-major (d, m), block by block.

    X is only ever read, a block at a time: it may be a memory map, of any memory order and
    of float32. Weights are None or (n,); rows of weight zero are read as z = 0, as their own
    values times zero need not be zero: they may overflow. patterns tell what is
    missing in rows that have gaps (``patterns.GappedRows``).
    """

    patterns: Any = None

    def __init__(
        self,
        X: np.ndarray,
        weight: np.ndarray | None,
        shift: np.ndarray,
        scale: np.ndarray,
        mapper: Mapper = map,
    ):
        self.X = X
        self.n, self.d = X.shape
        self.weight = weight
        self.total_weight = float(self.n if weight is None else weight.sum())
        self._idle = None if weight is None or weight.all() else weight == 0.0
        self.shift, self.scale = shift, scale
        self.map = mapper
        self._shift, self._inverse = shift[:, None], 1.0 / scale[:, None]
        # values of a feature lie so far apart that a mere copy, which NumPy takes in tiles, pays
        self._spread_out = self.d >= _MANY_FEATURES and X.flags.c_contiguous

    def read(self, start: int, stop: int, out: np.ndarray) -> None:
        """z of rows start:stop into out (d, stop - start)."""
        if self._idle is None:
            self._read(start, stop, out)
            return
        with np.errstate(over="ignore"):
            self._read(start, stop, out)
        out[:, self._idle[start:stop]] = 0.0

    def _read(self, start: int, stop: int, out: np.ndarray) -> None:
        if self._spread_out:
            out[...] = self.X[start:stop].T
            out -= self._shift
        else:
            np.subtract(self.X[start:stop].T, self._shift, out=out)
        out *= self._inverse

    def at(self, start: int, stop: int) -> slice | np.ndarray:
        """Where the rows of a block are in X: what else has an entry per row is indexed with it."""
        return slice(start, stop)

    def weights(self, start: int, stop: int) -> np.ndarray | None:
        return None if self.weight is None else self.weight[start:stop]

    def reduce(
        self, work: Callable[[list[Span]], np.ndarray], rows: int, size: int = 1
    ) -> np.ndarray:
        """Sum of work(share), of this size, over the shares of the grid in their order."""
        total = None
        for part in self.map(work, shares(self.n, rows, size)):
            total = part if total is None else total + part
        return total

    def in_units(self, shift: np.ndarray, scale: np.ndarray) -> Rows:
        return Rows(self.X, self.weight, shift, scale, self.map)

    def extremes(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and greatest value of every feature among the rows that have weight."""
        return _range(self)

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and mean square of every feature."""
        return _moments(self)

    def chosen(self, index: np.ndarray, weight: np.ndarray | None) -> Rows:
        """Some of the rows, with weights of their own."""
        return Rows(np.asarray(self.X[index]), weight, self.shift, self.scale)

    def part(self, start: int, stop: int) -> Rows:
        """Rows start:stop."""
        X, weight = self.X[start:stop], self.weights(start, stop)
        return Rows(X, weight, self.shift, self.scale, self.map)

    def column(self, j: int) -> np.ndarray:
        """Values of a feature that sort and compare, (n,)."""
        return self.X[:, j]


def standard_units(rows: Rows) -> Rows:
    """The same rows, shifted by their mean and scaled by their standard deviations.

    Two sweeps, so that neither a distant origin nor squares that overflow can spoil them:
    half ranges first, then moments in those units. A constant feature has no spread, and one is
    its unit; its magnitude is, if its values differ by rounding.
    """
    low, high = rows.extremes()
    middle, half = 0.5 * low + 0.5 * high, 0.5 * high - 0.5 * low
    constant = half <= 4e-16 * np.maximum(np.abs(low), np.abs(high))
    middle = np.where(constant, low, middle)
    half = np.where(constant, np.where(low == high, 1.0, np.abs(low)), half)
    half = np.maximum(half, 1e-290)
    mean, square = rows.in_units(middle, half).moments()
    # rows of nearly all the weight may be equal, and the others' share be lost in rounding
    spread = np.where(constant, 1.0, np.sqrt(np.maximum(square - mean * mean, _LEAST_SHARE)))
    shift = np.where(constant, low, middle + half * mean)
    return rows.in_units(shift, half * spread)


def _sweep_rows(d: int) -> int:
    """Rows of a block that is read once, for sums of some features: with what is made of them
    they stay in the second cache, which takes half the time (20,000 rows of 16 and 30 features,
    AMD EPYC)."""
    return max(_SWEEP_BYTES // (24 * d) // TILE, 1) * TILE


def _range(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest value of every feature among the rows that have weight."""
    size = _sweep_rows(rows.d)
    low, high = np.full(rows.d, np.inf), np.full(rows.d, -np.inf)
    for start, stop in spans(rows.n, size):
        block = rows.X[start:stop]
        weight = rows.weights(start, stop)
        if weight is not None and weight.min() == 0.0:
            block = block[weight > 0.0]
        if len(block):
            block = np.ascontiguousarray(block.T)
            np.minimum(low, block.min(axis=1), out=low)
            np.maximum(high, block.max(axis=1), out=high)
    return low, high


def _moments(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Mean and mean square of every feature."""
    size = _sweep_rows(rows.d)

    def work(share):
        sums = np.zeros((2, rows.d))
        for start, stop in share:
            z = np.empty((rows.d, stop - start))
            rows.read(start, stop, z)
            weight = rows.weights(start, stop)
            weighted = z if weight is None else z * weight
            sums[0] += weighted.sum(axis=1)
            sums[1] += np.einsum("ij,ij->i", weighted, z)
        return sums

    mean, square = rows.reduce(work, size) / rows.total_weight
    return mean, square
