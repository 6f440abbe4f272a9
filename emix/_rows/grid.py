"""The fixed grid of blocks of rows, and the threads that work on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from itertools import pairwise

# Large enough that threads meet rarely at the interpreter's lock (each NumPy call should take
# tens of microseconds), small enough for the caches.
BLOCK_BYTES = 8 * 1024 * 1024
# Rows of a tile, in which matrix products take blocks. Not a power of two: arrays of whole tiles
# would have their rows at multiples of a page, where they contend for the same cache sets.
TILE = 488
_FEWEST_ROWS, MOST_ROWS = TILE, 128 * TILE
# Partial sums are formed per share of the grid, whatever the number of threads, and added
# in order: the bits of the total do not depend on who did what.
_SHARES, _SHARES_BYTES = 32, 64 * 1024 * 1024

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
