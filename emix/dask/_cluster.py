"""The cluster: what is asked of dask's client, and how parts of rows are asked there."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from typing import Any

import cloudpickle
from distributed import Client, get_client

from .._rows.parts import Part, PartQuestion
from .._threads import one_blas_thread

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


class Cluster:
    """A client, and the one door by which results come back from the workers."""

    def __init__(self, client: Client):
        self.client = client

    def n_threads(self) -> int:
        """Threads of all workers."""
        return sum(self.client.nthreads().values())

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
        name = f"{self.fit}-{next(self._counter)}"
        level = self._submitted(_answered, self._parts, packed, f"emix-pass-{name}")
        while len(level) > _FAN_IN:
            groups = [level[i : i + _FAN_IN] for i in range(0, len(level), _FAN_IN)]
            level = self._submitted(_merged, groups, packed, f"emix-sum-{name}-{len(groups)}")
        return question.merged(self._cluster.gathered(level))

    def _submitted(self, work: Callable, items: list, packed: Any, name: str) -> list:
        keys = [f"{name}-{i}" for i in range(len(items))]
        return self._cluster.client.map(work, items, packed=packed, key=keys, pure=False)


def _answered(part: Part, packed: bytes) -> Any:
    with one_blas_thread():
        return cloudpickle.loads(packed).of(part)


def _merged(answers: list, packed: bytes) -> Any:
    with one_blas_thread():
        return cloudpickle.loads(packed).merged(answers)
