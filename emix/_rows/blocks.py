"""Rows in blocks: read in standard units, reduced by threads on a fixed grid."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

from .grid import TILE, Mapper, Span, shares, spans
from .room import Buffers, Kept, Room, Worker
from .weights import in_unit, unit_of

# Of a block that is looked at once, without matrix products of all components.
_SWEEP_BYTES = 1024 * 1024
# Features of all rows are kept from pass to pass if they take no more than this: a part of
# the last cache, and a bound on memory.
KEPT_BYTES = 24 * 1024 * 1024

_MANY_FEATURES = 16

# Half a range above this is that of values whose differences no float64 holds.
_LARGEST_HALF = 0.5 * float(np.finfo(np.float64).max)
# Variance, in squares of half the range, that rows of the least weight that counts make.
_LEAST_SHARE = 1e-16


class Job(Protocol):
    """A sum over all rows, block by block.

    ``size`` numbers are summed; blocks have about ``block_rows`` rows. ``worker`` is what blocks
    are loaded for (a kernel), or None where the job reads them itself. A job holds arrays and
    small objects alone, so that it can be sent to where the rows are.
    """

    size: int
    block_rows: int

    @property
    def worker(self) -> Worker | None: ...

    def add(self, block: Block, sums: np.ndarray) -> None:
        """Add what the rows of the block have to sums (size,)."""


class Sums:
    """What a job sends of its sums from where rows lie elsewhere: all of them."""

    def packed(self, sums: np.ndarray) -> np.ndarray:
        """Those of the numbers that are needed."""
        return sums

    def unpacked(self, packed: np.ndarray) -> np.ndarray:
        """(size,), from the numbers that are needed."""
        return packed


class Question(Protocol):
    """What is asked of all rows, and how answers for some of the rows each become one.

    It holds arrays and small objects alone, and so do its answers: they may have to travel.
    """

    def of(self, rows: Rows) -> Any:
        """The answer for these rows."""

    def merged(self, answers: list[Any]) -> Any:
        """The answer for the rows of all of them, in their order."""


class AtHand(NamedTuple):
    """Rows that can be looked at one by one: all of them, or the sample of them that is here.

    ``n_distinct`` is how many distinct rows there are in all, or an estimate or upper bound.
    """

    rows: Rows
    are_all: bool
    n_distinct: int


class Block(NamedTuple):
    """Rows start:stop in the order in which they are swept."""

    rows: Rows
    start: int
    stop: int

    @property
    def at(self) -> slice | np.ndarray:
        """Where the rows are in X: what else has an entry per row is indexed with it."""
        return self.rows.at(self.start, self.stop)

    @property
    def weight(self) -> np.ndarray | None:
        """(m,)"""
        return self.rows.weights(self.start, self.stop)

    def read(self) -> np.ndarray:
        """z (d, m), in an array of its own."""
        z = np.empty((self.rows.d, self.stop - self.start))
        self.rows.read(self.start, self.stop, z)
        return z

    def loaded(self, worker: Worker) -> Buffers:
        """This thread's buffers for the worker, holding the rows."""
        return self.rows.loaded(worker, self.start, self.stop)


class Rows:
    """Rows of X in units z = (x - shift) / scale, feature-major (d, m), block by block.

    X is only ever read, a block at a time: it may be a memory map, of any memory order and
    of float32. Weights are None or (n,); rows of weight zero are read as z = 0, as their own
    values times zero need not be zero: they may overflow. patterns tell what is
    missing in rows that have gaps (``patterns.GappedRows``).

    ``weight`` and what is summed of rows is in units of ``weight_unit``: one that suits weights
    whose sum is very small or large, unless the weights are given in a unit already.
    ``total_weight`` is how many rows they are, and ``own_weight`` the same in the unit.
    """

    patterns: Any = None

    def __init__(
        self,
        X: np.ndarray,
        weight: np.ndarray | None,
        shift: np.ndarray,
        scale: np.ndarray,
        mapper: Mapper = map,
        room: Room | None = None,
        kept_bytes: int = KEPT_BYTES,
        weight_unit: float | None = None,
    ):
        self.room = Room() if room is None else room
        self._kept, self.kept_bytes = Kept(), kept_bytes
        self.X = X
        self.n, self.d = X.shape
        total = float(self.n if weight is None else weight.sum())
        unit = unit_of(total) if weight_unit is None else 1.0
        self.weight = None if weight is None else in_unit(weight, unit)
        self.own_weight = total / unit
        self.weight_unit = unit if weight_unit is None else weight_unit
        self.total_weight = self.own_weight * self.weight_unit
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

    def total(self, job: Job) -> np.ndarray:
        """What the job sums over all rows, (size,): partial sums in the order of the grid."""

        def work(share: list[Span]) -> np.ndarray:
            sums = np.zeros(job.size)
            # a sum of exponentials that under- or overflows is noticed and done again
            with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
                for start, stop in share:
                    job.add(Block(self, start, stop), sums)
            return sums

        self._kept = self._kept.serving(job.worker, self.n, self.kept_bytes)
        total, *others = self.map(work, shares(self.n, job.block_rows, job.size))
        for part in others:
            total = total + part
        return total

    def mean(self, job: Job) -> np.ndarray:
        """The total per unit of weight."""
        return self.total(job) / self.own_weight

    def loaded(self, worker: Worker, start: int, stop: int) -> Buffers:
        """This thread's buffers for the worker, holding rows start:stop."""
        buffers = self.room.buffers(worker, stop - start, self.n)
        found = self._kept.of(worker, start, stop)
        if found is not None:
            features, z, is_filled = found
            buffers = buffers._replace(features=features, z=z)
            if is_filled:
                return buffers
        self.read(start, stop, buffers.z)
        worker.prepare(buffers)
        return buffers

    @property
    def is_weighted(self) -> bool:
        return self.weight is not None

    @property
    def at_hand(self) -> AtHand:
        return AtHand(self, True, self.n)

    def answer(self, question: Question) -> Any:
        """The answer for all rows."""
        return question.of(self)

    def in_units(self, shift: np.ndarray, scale: np.ndarray) -> Rows:
        unit = self.weight_unit
        return Rows(self.X, self.weight, shift, scale, self.map, self.room, weight_unit=unit)

    def extremes(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and greatest value of every feature among the rows that have weight."""
        return _range(self)

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and mean square of every feature."""
        return moments_of(self)

    def with_values(self) -> Rows:
        """Rows without any value have no weight."""
        return self

    def chosen(self, index: np.ndarray, weight: np.ndarray | None) -> Rows:
        """Some of the rows, with weights of their own."""
        return self.like(np.asarray(self.X[index]), weight)

    def like(self, X: np.ndarray, weight: np.ndarray | None) -> Rows:
        """Some of the rows, of these values, with weights of their own."""
        unit = self.weight_unit
        return Rows(X, weight, self.shift, self.scale, room=self.room, weight_unit=unit)

    def part(self, start: int, stop: int) -> Rows:
        """Rows start:stop."""
        X, weight = self.X[start:stop], self.weights(start, stop)
        kept = self.room, self._share(start, stop), self.weight_unit
        return Rows(X, weight, self.shift, self.scale, self.map, *kept)

    def _share(self, start: int, stop: int) -> int:
        """Of the bytes that may be kept, those for rows start:stop."""
        return self.kept_bytes * (stop - start) // self.n

    def column(self, j: int) -> np.ndarray:
        """Values of a feature that sort and compare, (n,)."""
        return self.X[:, j]


def standard_units(rows: Rows) -> Rows:
    """The same rows, shifted by their mean and scaled by their standard deviations.

    Two passes, so that neither a distant origin nor squares that overflow can spoil them:
    half ranges first, then moments in those units. A constant feature has no spread, and one is
    its unit; its magnitude is, if its values differ by rounding.
    """
    low, high = rows.extremes()
    middle, half = 0.5 * low + 0.5 * high, 0.5 * high - 0.5 * low
    if half.max() > _LARGEST_HALF:
        raise ValueError(
            "Differences in X are outside the range of floating-point numbers; scale X, for "
            "instance with sklearn.preprocessing.StandardScaler"
        )
    constant = half <= 4e-16 * np.maximum(np.abs(low), np.abs(high))
    middle = np.where(constant, low, middle)
    half = np.where(constant, np.where(low == high, 1.0, np.abs(low)), half)
    half = np.maximum(half, 1e-290)
    mean, square = rows.in_units(middle, half).moments()
    # rows of nearly all the weight may be equal, and the others' share be lost in rounding
    spread = np.where(constant, 1.0, np.sqrt(np.maximum(square - mean * mean, _LEAST_SHARE)))
    shift = np.where(constant, low, middle + half * mean)
    return rows.in_units(shift, half * spread)


def in_one_unit(rows: Rows) -> Rows:
    """The same rows, with one unit for all features, the root mean square of their own."""
    largest = rows.scale.max()
    unit = largest * np.sqrt(np.mean((rows.scale / largest) ** 2))
    return rows.in_units(rows.shift, np.full(rows.d, unit))


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


def moments_of(rows: Any) -> tuple[np.ndarray, np.ndarray]:
    """Mean and mean square of every feature."""
    mean, square = rows.mean(_Moments(rows.d)).reshape(2, -1)
    return mean, square


class _Moments(Sums):
    """Sums of every feature and of its square, (2 d,)."""

    worker = None

    def __init__(self, d: int):
        self.size, self.block_rows = 2 * d, _sweep_rows(d)

    def add(self, block: Block, sums: np.ndarray) -> None:
        z, weight = block.read(), block.weight
        first, second = sums.reshape(2, -1)
        weighted = z if weight is None else z * weight
        first += weighted.sum(axis=1)
        second += np.einsum("ij,ij->i", weighted, z)
