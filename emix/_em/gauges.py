"""How much is left to gain, and when that is little enough to stop."""

from __future__ import annotations

import math
from typing import Protocol

from .protocols import Estimate, Point


class Gauge(Protocol):
    """``likely`` is what is likely left, and what the methods return is a bound on it.

    Where it ``ends_exactly``, climbs end after finitely many steps, also with a tol of zero.
    """

    likely: float
    ends_exactly: bool

    def update(self, gain: float, before: float, after: float, reach: float) -> float:
        """After a plain step that gained ``gain``, and whose M-step gained ``before``; the next
        will gain ``after``. Plain gains hide directions of 1 / (1 - rate) = ``reach``."""

    def trust(self, estimate: Estimate, point: Point) -> float:
        """After a step of which an acceleration has an estimate."""

    def telling(self, point: Point, last: float, following: float) -> float:
        """The gain that tells whether there is more to come: the last step gained ``last``, and
        the next is expected to gain ``following``."""

    def reason(self, tol: float) -> str:
        """Why a climb ended that has converged."""


class RemainingGain:
    """Estimate of what plain EM would still gain (Aitken): gains shrink by a rate r per
    step, so what follows a gain g is g r / (1 - r).

    r is the ratio of two consecutive M-step gains, which is available without a further
    pass; the largest of the last few is used. After accelerated steps, which hide slow
    directions behind fast ones, 1 / (1 - r) is not taken to be less than their ``reach``. An
    acceleration that has an estimate of its own comes first.
    """

    _MEMORY = 4
    ends_exactly = False

    def __init__(self) -> None:
        self._rates: list[float] = []
        self.likely = math.inf

    def update(self, gain: float, before: float, after: float, reach: float) -> float:
        rate = after / before if before > 0.0 else 0.0
        self._rates = [*self._rates[-self._MEMORY + 1 :], rate]
        gain = max(gain, before)
        self.likely = _series(gain, max(self._rates))
        return max(self.likely, reach * gain)

    def trust(self, estimate: Estimate, point: Point) -> float:
        self.likely = estimate.likely
        return estimate.bound

    def telling(self, point: Point, last: float, following: float) -> float:
        return max(following, last)

    def reason(self, tol: float) -> str:
        return f"estimated remaining gain at most tol={tol:g}"


class NextGain:
    """What the next M-step gains: zero where a climb of finitely many steps ends. On the way
    there it is likely to gain as much again as in its last step."""

    ends_exactly = True

    def __init__(self) -> None:
        self.likely = math.inf

    def update(self, gain: float, before: float, after: float, reach: float) -> float:
        self.likely = gain
        return after

    def trust(self, estimate: Estimate, point: Point) -> float:
        """The objective is no smooth function: an estimate of what is left says little."""
        self.likely = max(estimate.likely, point.gain)
        return point.gain

    def telling(self, point: Point, last: float, following: float) -> float:
        return point.gain

    def reason(self, tol: float) -> str:
        return f"an M-step gains at most tol={tol:g}" if tol else "nothing moves any more"


def _series(gain: float, rate: float) -> float:
    """g r + g r² + ..."""
    return gain * rate / (1.0 - rate) if rate < 1.0 else math.inf
