"""How many threads a fit may use, and BLAS held to one inside each of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController

from ._rows.grid import Mapper, workers


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
