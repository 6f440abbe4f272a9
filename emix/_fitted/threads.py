"""How many threads a fit may use, and BLAS held to one inside each of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

from .._rows.grid import Mapper, workers


@cache
def _blas() -> ThreadpoolController:
    """The BLAS libraries of this process; looking for them takes milliseconds."""
    return ThreadpoolController().select(user_api="blas")


@contextmanager
def thread_budget(parallel: bool) -> Iterator[Mapper]:
    """An order-keeping map over as many threads as BLAS was allowed on entry.

    Work that is not worth sharing runs in this thread and touches no limit.
    """
    if not parallel:
        yield map
        return
    libraries = _blas()
    n_threads = max((lib["num_threads"] for lib in libraries.info()), default=1)
    if n_threads == 1:
        yield map
        return
    with libraries.limit(limits=1), workers(n_threads) as mapper:
        yield mapper


class _OneThread:
    """BLAS held to one thread as long as some thread is inside; the last to leave restores it."""

    def __init__(self) -> None:
        self._lock, self._inside = Lock(), 0
        self._limit: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._limit = _blas().limit(limits=1)
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._limit.restore_original_limits()


_one_thread = _OneThread()


def one_blas_thread() -> _OneThread:
    """A context in which BLAS has one thread, for several threads of this process at a time: the
    bits of its sums do not depend on how many there are."""
    return _one_thread
