"""The cluster: what is asked of dask's client, and how parts of rows are asked there."""

from __future__ import annotations

import itertools
import uuid
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cloudpickle
from distributed import Client, KilledWorker, get_client
from distributed.client import FutureCancelledError, FuturesCancelledError
from distributed.comm import CommClosedError

from .._fitted.threads import one_blas_thread
from .._rows.parts import Part, PartQuestion

# Answers are merged so many at a time, by a tree that the number of parts alone decides.
_FAN_IN = 8
# A question of more bytes is sent to the workers once, not with each of its tasks.
_BROADCAST = 50_000


def client_of(chosen: Client | None) -> Client:
    """The client that was chosen, or the one that was made last."""
    if chosen is None:
        try:
            chosen = get_client()
        except ValueError:
            raise ValueError(
                "A dask collection is read by the workers of a cluster, and there is no client of "
                "one. Make a client first: from distributed import Client; client = Client()"
            ) from None
    if chosen.asynchronous:
        raise ValueError("client is asynchronous, and fit waits: make it by Client(...)")
    return chosen


_LOST = (
    "the workers lost rows that cannot be computed again, with a worker that is gone. Rows that "
    "were scattered from memory have no recipe: make X of files, or by dask.array.from_array, and "
    "call fit again"
)
_FULL = (
    "a part of the rows does not fit in the memory of a worker, or ends its process in another "
    "way. Pass float32, give the workers more memory, or more workers: there are as many parts as "
    "threads, and each worker holds its parts in memory"
)
_GONE = (
    "the scheduler of the cluster is gone. Start a cluster again, make a client of it, and call "
    "fit again"
)


class Cluster:
    """A client, and the one door by which tasks go to the workers and results come back."""

    def __init__(self, client: Client):
        self.client = client
        # of those that nobody waits for any more dask lets go
        self._tasks: weakref.WeakSet = weakref.WeakSet()

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Errors of the cluster become errors that say what to do. Whatever ends the work, an
        interrupt too, ends its tasks on the cluster, and frees what the workers hold for it: not
        only when Python has collected its garbage."""
        try:
            with self._told():
                yield
        except BaseException:
            if self.client.status == "running":
                self.client.cancel(list(self._tasks))
            raise
        finally:
            for future in list(self._tasks):
                future.release()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (KilledWorker, MemoryError) as error:
            raise RuntimeError(f"emix.dask: {_FULL} ({error})") from error
        except (FutureCancelledError, FuturesCancelledError, OSError) as error:
            is_there = self.client.status == "running"
            if is_there and isinstance(error, OSError) and not isinstance(error, CommClosedError):
                raise  # of a file that a worker cannot read, say
            raise RuntimeError(f"emix.dask: {_LOST if is_there else _GONE}") from error

    def n_threads(self) -> int:
        """Threads of all workers."""
        return sum(self.client.nthreads().values())

    def computed(self, values: list) -> list:
        """Futures of what dask has yet to compute."""
        return self._kept(self.client.compute(values))

    def mapped(self, work: Callable, items: list, **options: Any) -> list:
        """Futures of work(item) for all items."""
        return self._kept(self.client.map(work, items, pure=False, **options))

    def _kept(self, futures: list) -> list:
        self._tasks.update(futures)
        return futures

    def gathered(self, futures: list) -> list:
        """Results of tasks, or the error of one of them."""
        return self.client.gather(futures)


class ClusterParts:
    """Parts that workers hold; see ``parts.Parts``. Tasks are named by what they are for."""

    def __init__(self, cluster: Cluster, parts: list):
        self._cluster, self._parts = cluster, parts
        self.fit = uuid.uuid4().hex
        self._counter = itertools.count()

    def answer(self, question: PartQuestion) -> Any:
        packed: Any = cloudpickle.dumps(question)
        if len(packed) > _BROADCAST:
            packed = self._cluster.client.scatter(packed, broadcast=True, hash=False)
        count = next(self._counter)
        # what stands before the long number is what the dashboard shows
        level = self._submitted(_answered, self._parts, packed, f"emix pass {count}-{self.fit}")
        while len(level) > _FAN_IN:
            groups = [level[i : i + _FAN_IN] for i in range(0, len(level), _FAN_IN)]
            level = self._submitted(
                _merged, groups, packed, f"emix sum-{self.fit}-{count}-{len(groups)}"
            )
        return question.merged(self._cluster.gathered(level))

    def _submitted(self, work: Callable, items: list, packed: Any, name: str) -> list:
        keys = [f"{name}-{i}" for i in range(len(items))]
        return self._cluster.mapped(work, items, packed=packed, key=keys)


def _answered(part: Part, packed: bytes) -> Any:
    with one_blas_thread():
        return cloudpickle.loads(packed).of(part)


def _merged(answers: list, packed: bytes) -> Any:
    with one_blas_thread():
        return cloudpickle.loads(packed).merged(answers)
