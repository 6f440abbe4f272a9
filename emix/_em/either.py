"""Newton's steps, or quasi-Newton's where the curvature does not tell how F goes on."""

from __future__ import annotations

from typing import Generic, Protocol

from .newton import Curved, Newton
from .protocols import Acceleration, Estimate, Exponential, P, Point, V
from .quasi_newton import QuasiNewton


class Family(Curved[P, V], Exponential[P, V], Protocol[P, V]):
    """What both ask for."""


class NewtonOrQuasi(Generic[P, V]):
    """Quasi-Newton's steps begin anew wherever Newton's have been made."""

    def __init__(self, family: Family[P, V]):
        self._family = family
        self._newton: Newton[P, V] = Newton(family)
        self._active: Acceleration[P, V] = self._newton

    def push(self, point: Point[P, V]) -> None:
        self._newton.push(point)
        if not self._newton.is_blind:
            self._active = self._newton
            return
        if self._active is self._newton:
            self._active = QuasiNewton(self._family)
        self._active.push(point)

    @property
    def reach(self) -> float:
        return self._active.reach

    def remaining(self, point: Point[P, V]) -> Estimate | None:
        return self._active.remaining(point)

    def next_gain(self, point: Point[P, V]) -> float:
        return self._active.next_gain(point)

    def propose(self, point: Point[P, V]) -> P | None:
        return self._active.propose(point)

    def accepted(self, gain: float) -> None:
        self._active.accepted(gain)

    def rejected(self) -> None:
        self._active.rejected()
