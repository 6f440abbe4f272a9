"""Rows in several parts that lie elsewhere: in other processes, on other machines.

Parameters go out, sums come back. What is asked of the parts is small, and so are their answers;
rows stay where they are. Here is a sample of them, which starts come from.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import add
from typing import Any, NamedTuple, Protocol

import numpy as np

from .blocks import AtHand, Job, Question, Rows, moments_of
from .room import Room
from .weights import in_unit, unit_of

# Fits whose working memory a process keeps from pass to pass, about 10 MB for each of its threads:
# parts come and go. More fits that take turns allocate anew.
_FITS = 2


@lru_cache(maxsize=_FITS)
def _room(fit: str) -> Room:
    return Room()


class Part(NamedTuple):
    """Rows X (m, d) with their weights, None or (m,)."""

    X: np.ndarray
    weight: np.ndarray | None

    def rows(self, shift: np.ndarray, scale: np.ndarray, weight_unit: float, fit: str) -> Rows:
        weight = None if self.weight is None else in_unit(self.weight, weight_unit)
        # features are not kept: a part may be gone by the next pass
        room = _room(fit)
        return Rows(self.X, weight, shift, scale, room=room, kept_bytes=0, weight_unit=weight_unit)


class PartQuestion(Protocol):
    """A ``Question`` of parts."""

    def of(self, part: Part) -> Any: ...

    def merged(self, answers: list[Any]) -> Any: ...


class PackingJob(Job, Protocol):
    """A job that knows which of its sums are needed; see ``blocks.Sums``."""

    def packed(self, sums: np.ndarray) -> np.ndarray: ...

    def unpacked(self, packed: np.ndarray) -> np.ndarray: ...


class Parts(Protocol):
    """Where parts lie, and how they are asked.

    Answers are merged a few at a time, by a tree that the number of parts alone decides: then the
    bits of the result do not depend on who answers first. The question is sent to each part, so
    that it is pickled. ``fit`` is a name that no other fit has.
    """

    fit: str

    def answer(self, question: PartQuestion) -> Any: ...


@dataclass(frozen=True)
class Summary:
    """What is known of all rows: how many, their weight, range and dtype; and the sample X, weight
    with the number of distinct rows, or an estimate of it where these are not all."""

    n: int
    total_weight: float
    is_weighted: bool
    low: np.ndarray
    high: np.ndarray
    X: np.ndarray
    weight: np.ndarray
    are_all: bool
    count: int


class PartedRows:
    """What ``Rows`` are to a mixture, over parts; without gaps."""

    patterns = None

    def __init__(self, parts: Parts, summary: Summary, shift: np.ndarray, scale: np.ndarray):
        self._parts, self._summary = parts, summary
        self.n, self.d = summary.n, len(summary.low)
        self.total_weight, self.is_weighted = summary.total_weight, summary.is_weighted
        self.weight_unit = unit_of(self.total_weight)
        self.own_weight = self.total_weight / self.weight_unit
        self.shift, self.scale = shift, scale

    @property
    def at_hand(self) -> AtHand:
        found = self._summary
        weight, unit = in_unit(found.weight, self.weight_unit), self.weight_unit
        rows = Rows(found.X, weight, self.shift, self.scale, weight_unit=unit)
        return AtHand(rows, found.are_all, found.count)

    def answer(self, question: Question) -> Any:
        """The answer for all rows."""
        units = self.shift, self.scale, self.weight_unit
        return self._parts.answer(_InUnits(question, units, self._parts.fit))

    def total(self, job: PackingJob) -> np.ndarray:
        """What the job sums over all rows, (size,)."""
        return job.unpacked(self.answer(_Total(job)))

    def mean(self, job: PackingJob) -> np.ndarray:
        """The total per unit of weight."""
        return self.total(job) / self.own_weight

    def in_units(self, shift: np.ndarray, scale: np.ndarray) -> PartedRows:
        return PartedRows(self._parts, self._summary, shift, scale)

    def extremes(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and greatest value of every feature among the rows that have weight."""
        return self._summary.low, self._summary.high

    def with_values(self) -> PartedRows:
        """Rows without any value have no weight; there are none."""
        return self

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and mean square of every feature."""
        return moments_of(self)


class _InUnits:
    """A question of rows in these units."""

    def __init__(self, question: Question, units: tuple[np.ndarray, np.ndarray, float], fit: str):
        self._question, self._units, self._fit = question, units, fit

    def of(self, part: Part) -> Any:
        return self._question.of(part.rows(*self._units, self._fit))

    def merged(self, answers: list[Any]) -> Any:
        return self._question.merged(answers)


class _Total:
    """The sums of a job, packed."""

    def __init__(self, job: PackingJob):
        self._job = job

    def of(self, rows: Rows) -> np.ndarray:
        return self._job.packed(rows.total(self._job))

    def merged(self, answers: list[np.ndarray]) -> np.ndarray:
        return reduce(add, answers)
