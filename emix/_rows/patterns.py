"""Rows with gaps: which features each row has, and such rows in blocks.

A pattern is a set of missing features. Rows of one pattern have the same conditional
distributions up to their means, so what depends on the pattern alone is found once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from .blocks import KEPT_BYTES, Block, Rows
from .grid import Mapper, Span, block_rows, spans
from .room import Room

# Patterns up to which an index takes two bytes a row; it takes four beyond. Two bytes are sorted by
# digits, which is fast.
_FEW = 65536
# Rows that are sorted by pattern at a time: more rows make longer runs of one pattern, fewer leave
# neighbours in X close together, where X is read from a file.
_SORTED = 131072


def has_gaps(X: np.ndarray) -> bool:
    """Whether some value is NaN. The sum tells for all but sums that overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        total = float(np.add.reduce(X, axis=None))
    return math.isnan(total) and any(
        bool(np.isnan(X[start:stop]).any()) for start, stop in _sweep(X)
    )


def _sweep(X: np.ndarray) -> list[Span]:
    n, d = X.shape
    return spans(n, block_rows(24 * d))


class Point(NamedTuple):
    """What kernels need of a mixture; covariances and factors have the structure's shape.
    Statistics are given about the origin (K, d) where nothing cancels."""

    log_weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    factors: np.ndarray
    origin: np.ndarray


class Patterns:
    """The patterns of n rows.

    holes (P, d) tells what is missing, by ascending number of holes; index (n,) is the pattern
    of each row.
    """

    def __init__(self, holes: np.ndarray, index: np.ndarray):
        self.holes, self.index = holes, index
        self.n_holes = holes.sum(axis=1)

    @cached_property
    def seen(self) -> np.ndarray:
        """(P, d) of floats, 1 for what is seen."""
        return (~self.holes).astype(float)

    def features(self, pattern: int) -> tuple[np.ndarray, np.ndarray]:
        """Indices of what the pattern has, and of what it lacks."""
        hole = self.holes[pattern]
        return np.flatnonzero(~hole), np.flatnonzero(hole)

    def of(self, rows: np.ndarray | slice) -> Patterns:
        """Those of some of the rows; the table is the same."""
        return Patterns(self.holes, self.index[rows])

    def found_in(self, X: np.ndarray) -> Patterns:
        """Those of rows X (m, d) with these patterns; the table is the same."""
        codes = _codes(self.holes)
        order = np.argsort(codes)
        at = np.searchsorted(codes, _codes(np.isnan(X)), sorter=order)
        return Patterns(self.holes, order[at].astype(self.index.dtype))

    def weight(self, weight: np.ndarray | None) -> np.ndarray:
        """Weight of the rows of each pattern, (P,)."""
        return np.bincount(self.index, weight, len(self.holes)).astype(float)


def patterns_of(X: np.ndarray) -> Patterns:
    """The patterns of the rows of X, found in one pass."""
    d = X.shape[1]
    parts, indices = [], []
    for start, stop in _sweep(X):
        part, index = np.unique(_codes(np.isnan(X[start:stop])), return_inverse=True)
        parts.append(part)
        indices.append(index.ravel())
    codes = np.unique(np.concatenate(parts))
    holes = _decoded(codes, d)
    order = np.argsort(holes.sum(axis=1), kind="stable")
    rank = np.empty(len(order), dtype=np.uint16 if len(order) <= _FEW else np.int32)
    rank[order] = np.arange(len(order))
    ranks = [
        rank[np.searchsorted(codes, part)][own] for part, own in zip(parts, indices, strict=True)
    ]
    return Patterns(holes[order], np.concatenate(ranks))


def _codes(holes: np.ndarray) -> np.ndarray:
    """One sortable value for each row (m, d) of bool: its bits, in whole words."""
    bits = np.packbits(holes, axis=1)
    words = np.zeros((len(bits), -(-bits.shape[1] // 8) * 8), dtype=np.uint8)
    words[:, : bits.shape[1]] = bits
    kind = np.uint64 if words.shape[1] == 8 else np.dtype((np.void, words.shape[1]))
    return words.view(kind)[:, 0]


def _decoded(codes: np.ndarray, d: int) -> np.ndarray:
    bits = codes.view(np.uint8).reshape(len(codes), -1)
    return np.unpackbits(bits, axis=1, count=d).astype(bool)


class Group(NamedTuple):
    """Columns start:stop of a block that lack equally many features, by pattern.

    patterns (p,) are the distinct ones; of_column (stop - start,) says which of them each
    column has.
    """

    start: int
    stop: int
    patterns: np.ndarray
    of_column: np.ndarray


def runs_of(index: np.ndarray) -> list[tuple[int, int, int]]:
    """(pattern, first, last) of the runs of equal entries."""
    first = np.flatnonzero(np.append(True, index[1:] != index[:-1]))
    patterns, edges = index[first].astype(np.intp).tolist(), [*first.tolist(), len(index)]
    return list(zip(patterns, edges[:-1], edges[1:], strict=True))


def groups(index: np.ndarray, n_holes: np.ndarray) -> Iterator[Group]:
    """By the number of holes, for an index of patterns (m,) that is sorted, or some parts of it."""
    first = np.flatnonzero(np.append(True, index[1:] != index[:-1]))
    distinct, edges = index[first], np.append(first, len(index))
    counts = n_holes[distinct]
    starts = np.flatnonzero(np.append(True, counts[1:] != counts[:-1]))
    for a, b in zip(starts, np.append(starts[1:], len(counts)), strict=True):
        sizes = np.diff(edges[a : b + 1])
        of_column = np.repeat(np.arange(b - a), sizes)
        yield Group(int(edges[a]), int(edges[b]), distinct[a:b], of_column)


class GappedRows(Rows):
    """Rows some of whose values are NaN; they are read as they are, and sorted by pattern."""

    def __init__(
        self,
        X: np.ndarray,
        weight: np.ndarray | None,
        shift: np.ndarray,
        scale: np.ndarray,
        mapper: Mapper,
        patterns: Patterns,
        room: Room | None = None,
        kept_bytes: int = KEPT_BYTES,
        weight_unit: float | None = None,
    ):
        super().__init__(X, weight, shift, scale, mapper, room, kept_bytes, weight_unit)
        self.patterns = patterns

    @cached_property
    def _order(self) -> np.ndarray:
        """Rows by pattern, some at a time: so that they lie not too far apart."""
        index, parts = self.patterns.index, range(0, self.n, _SORTED)
        return np.concatenate(
            [start + np.argsort(index[start : start + _SORTED], kind="stable") for start in parts]
        )

    @cached_property
    def _index(self) -> np.ndarray:
        return self.patterns.index[self._order]

    @cached_property
    def _weight(self) -> np.ndarray | None:
        return None if self.weight is None else self.weight[self._order]

    def at(self, start: int, stop: int) -> np.ndarray:
        return self._order[start:stop]

    def weights(self, start: int, stop: int) -> np.ndarray | None:
        return None if self._weight is None else self._weight[start:stop]

    @cached_property
    def _sums_of_seen(self) -> np.ndarray:
        return self.total(_Seen(self.d)).reshape(3, -1)

    @property
    def means_of_seen(self) -> np.ndarray:
        """Means over all rows of what is seen of 1, z and z², zero where nothing is, (3, d)."""
        return self._sums_of_seen / self.own_weight

    @cached_property
    def seconds(self) -> np.ndarray:
        """Mean over all rows of z zᵀ, holes at zero, by pattern: (d, d, P) add up to it."""
        found = self.mean(_Seconds(len(self.patterns.holes), self.d))
        return np.ascontiguousarray(found.reshape(-1, self.d, self.d).transpose(1, 2, 0))

    def runs(self, start: int, stop: int) -> list[tuple[int, int, int]]:
        """(pattern, first, last) of the runs of one pattern in a block, counted from its start."""
        return runs_of(self._index[start:stop])

    @cached_property
    def log_unit_of_holes(self) -> np.ndarray:
        """log of the product of the units of what each pattern lacks, (P,): what log-densities of
        the rest lack to those of all features, when all are converted alike."""
        return self.patterns.holes @ np.log(self.scale)

    def read(self, start: int, stop: int, out: np.ndarray) -> None:
        """z into the first d rows of out (d or d + 1, stop - start), and the index of each row's
        pattern into a further one."""
        if 8 * self.n * (self.d + 1) <= self.kept_bytes:
            out[...] = self._sorted[: len(out), start:stop]
        else:
            self._read_by_pattern(start, stop, out)

    @cached_property
    def _sorted(self) -> np.ndarray:
        """z and the index of all rows, (d + 1, n): it takes far longer to gather than to copy."""
        found = np.empty((self.d + 1, self.n))
        for start, stop in _sweep(self.X):
            self._read_by_pattern(start, stop, found[:, start:stop])
        return found

    def _read_by_pattern(self, start: int, stop: int, out: np.ndarray) -> None:
        order, z = self._order[start:stop], out[: self.d]
        with np.errstate(over="ignore"):  # of rows that have no weight
            np.subtract(np.take(self.X, order, axis=0).T, self._shift, out=z)
            z *= self._inverse
        if self._idle is not None:
            z[:, self._idle[order]] = 0.0
        if len(out) > self.d:
            out[self.d] = self._index[start:stop]

    def in_units(self, shift: np.ndarray, scale: np.ndarray) -> GappedRows:
        return self._as(self.X, self.weight, (shift, scale), self.map, self.patterns)

    @property
    def empty(self) -> np.ndarray:
        """Which rows of X have no value, (n,)."""
        return self.patterns.holes.all(axis=1)[self.patterns.index]

    def with_values(self) -> GappedRows:
        if not self.empty.any():
            return self
        weight = np.where(self.empty, 0.0, 1.0 if self.weight is None else self.weight)
        return self._as(self.X, weight, (self.shift, self.scale), self.map, self.patterns)

    def _as(
        self,
        X: np.ndarray,
        weight: np.ndarray | None,
        units: tuple[np.ndarray, np.ndarray],
        mapper: Mapper,
        patterns: Patterns,
    ) -> GappedRows:
        """Rows of the same room and unit of weight."""
        unit = self.weight_unit
        return GappedRows(X, weight, *units, mapper, patterns, self.room, weight_unit=unit)

    def chosen(self, index: np.ndarray, weight: np.ndarray | None) -> GappedRows:
        X, patterns = np.asarray(self.X[index]), self.patterns.of(index)
        return self._as(X, weight, (self.shift, self.scale), map, patterns)

    def like(self, X: np.ndarray, weight: np.ndarray | None) -> GappedRows:
        return self._as(X, weight, (self.shift, self.scale), map, self.patterns.found_in(X))

    def part(self, start: int, stop: int) -> GappedRows:
        X, weight = super().part(start, stop).X, super().weights(start, stop)
        patterns = self.patterns.of(slice(start, stop))
        kept = self.room, self._share(start, stop), self.weight_unit
        return GappedRows(X, weight, self.shift, self.scale, self.map, patterns, *kept)

    def filled(self, z: np.ndarray) -> np.ndarray:
        """A copy of X with values z (n, d), in units, in place of what is missing."""
        return np.where(np.isnan(self.X), self.shift + self.scale * z, self.X)

    def column(self, j: int) -> np.ndarray:
        """Values that sort and compare: what is missing is greater than all, and equal."""
        column = self.X[:, j]
        return np.where(np.isnan(column), np.inf, column)

    def extremes(self) -> tuple[np.ndarray, np.ndarray]:
        """Of what is seen."""
        low, high = np.full(self.d, np.inf), np.full(self.d, -np.inf)
        for start, stop in _sweep(self.X):
            block, weight = self.X[start:stop], super().weights(start, stop)
            if weight is not None:
                block = block[weight > 0.0]
            seen = ~np.isnan(block)
            np.minimum(low, block.min(axis=0, where=seen, initial=np.inf), out=low)
            np.maximum(high, block.max(axis=0, where=seen, initial=-np.inf), out=high)
        return low, high

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Of what is seen; zero where nothing is."""
        seen, mean, square = self._sums_of_seen
        seen = np.where(seen > 0.0, seen, 1.0)
        return mean / seen, square / seen


class _Seconds:
    """Sums of z zᵀ over the rows of every pattern, (P d d,)."""

    worker = None

    def __init__(self, n_patterns: int, d: int):
        self.size, self.block_rows = n_patterns * d * d, block_rows(24 * d)
        self._shape = (n_patterns, d, d)

    def add(self, block: Block, sums: np.ndarray) -> None:
        z, weight, total = block.read(), block.weight, sums.reshape(self._shape)
        z[np.isnan(z)] = 0.0
        weighted = z if weight is None else z * weight
        rows: Any = block.rows  # with gaps
        for pattern, a, b in rows.runs(block.start, block.stop):
            total[pattern] += weighted[:, a:b] @ z[:, a:b].T


class _Seen:
    """Sums over what is seen of every feature: of 1, of z and of z², (3 d,)."""

    worker = None

    def __init__(self, d: int):
        self.size, self.block_rows = 3 * d, block_rows(24 * d)

    def add(self, block: Block, sums: np.ndarray) -> None:
        z, weight = block.read(), block.weight
        count, first, second = sums.reshape(3, -1)
        missing = np.isnan(z)
        z[missing] = 0.0
        weight = np.ones(z.shape[1]) if weight is None else weight
        count += ~missing @ weight
        first += z @ weight
        second += np.square(z) @ weight


def rows_over(
    X: np.ndarray,
    weight: np.ndarray | None,
    shift: np.ndarray,
    scale: np.ndarray,
    mapper: Mapper = map,
) -> Rows:
    """The rows of X, which may have gaps."""
    if not has_gaps(X):
        return Rows(X, weight, shift, scale, mapper)
    return GappedRows(X, weight, shift, scale, mapper, patterns_of(X))
