"""Working memory for blocks of rows, and features of rows that are kept from pass to pass."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import NamedTuple, Protocol

import numpy as np

from .grid import MOST_ROWS, TILE


class Buffers(NamedTuple):
    """Working arrays for a block of m rows: features holds what the kernel needs of the rows,
    and nothing else; z is the part of it that the block is read into. kept is for what log_joint
    leaves to the statistics, where a kernel has room for it."""

    features: np.ndarray
    z: np.ndarray
    scratch: np.ndarray
    log_joint: np.ndarray
    resp: np.ndarray
    work: np.ndarray
    norm: np.ndarray
    kept: np.ndarray | None = None


class Worker(Protocol):
    """What works on loaded blocks: a kernel.

    Per row it needs n_features numbers, n_working of which it makes log_joint, resp, work, norm and
    perhaps kept, and n_scratch for at most ``chunk`` rows at a time.
    """

    n_features: int
    n_scratch: int
    chunk: int

    @property
    def keeper(self) -> type:
        """The kind of worker whose features these are."""

    @property
    def n_working(self) -> int: ...

    def features(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        """Room for the features of m rows, and the part of it that rows are read into."""

    def working(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """log_joint, resp, work, norm and perhaps kept from an array (n_working, m)."""

    def prepare(self, buffers: Buffers) -> None:
        """Fill the features that are not z."""


def bytes_per_row(worker: Worker) -> int:
    return 8 * worker.n_features + 8 * pool_size(worker, MOST_ROWS) // MOST_ROWS


def pool_size(worker: Worker, m: int) -> int:
    """Numbers that ``allocate`` needs besides the features."""
    return worker.n_working * m + worker.n_scratch * min(m, worker.chunk)


def allocate(worker: Worker, m: int, pool: np.ndarray | None = None) -> Buffers:
    """Buffers for m rows, out of the pool; all are contiguous, or NumPy's functions would take
    twice as long."""
    pool = np.empty(pool_size(worker, m)) if pool is None else pool
    size, columns = worker.n_working * m, min(m, worker.chunk)
    scratch = pool[size : size + worker.n_scratch * columns].reshape(-1, columns)
    rows = pool[:size].reshape(-1, m)
    return Buffers(*worker.features(m), scratch, *worker.working(rows))


class Room:
    """Each thread's buffers, kept from block to block; rows that are swept in turn share them."""

    def __init__(self) -> None:
        self._local = threading.local()

    def buffers(self, worker: Worker, m: int, most: int) -> Buffers:
        """For m rows of a worker whose blocks have at most so many."""
        shape = _shape(worker)
        held = getattr(self._local, "held", None)
        if held is None or held.shape != shape or held.rows < m:
            # blocks differ by a tile at most, and a smaller one may come first
            held = self._local.held = _Held(worker, shape, min(m + TILE, most))
        return held.buffers(worker, m)


def _shape(worker: Worker) -> Hashable:
    """What buffers that can serve another worker have in common."""
    return type(worker), worker.n_features, worker.n_working, worker.n_scratch


class _Held:
    """Buffers of one shape, for blocks of at most so many rows."""

    def __init__(self, worker: Worker, shape: Hashable, rows: int):
        self.shape, self.rows = shape, rows
        self._pool = np.empty(pool_size(worker, rows))
        self._buffers: dict[int, Buffers] = {}

    def buffers(self, worker: Worker, m: int) -> Buffers:
        if m not in self._buffers:
            self._buffers[m] = allocate(worker, m, self._pool)
        return self._buffers[m]


class Kept:
    """Features of blocks that one kind of worker keeps from pass to pass; of None, none."""

    def __init__(self, kind: Hashable = None):
        self._kind = kind
        self._blocks: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}

    def serving(self, worker: Worker | None, n: int, n_bytes: int) -> Kept:
        """Those for this worker, if those of all n rows fit; others' are dropped."""
        if worker is None:
            return self
        fits = 8 * worker.n_features * n <= n_bytes
        kind = (worker.keeper, worker.n_features) if fits else None
        return self if kind == self._kind else Kept(kind)

    def of(
        self, worker: Worker, start: int, stop: int
    ) -> tuple[np.ndarray, np.ndarray, bool] | None:
        """Features of a block, the part that rows are read into, and whether they are there yet;
        None where nothing is kept."""
        if self._kind is None:
            return None
        is_filled = (start, stop) in self._blocks
        if not is_filled:
            self._blocks[start, stop] = worker.features(stop - start)
        return *self._blocks[start, stop], is_filled
