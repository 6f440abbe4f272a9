"""No acceleration."""

from __future__ import annotations

from .protocols import Estimate, P, Point, S


class Plain:
    """An ``Acceleration`` that proposes nothing and knows nothing; others begin with it."""

    reach = 0.0

    def push(self, point: Point[P, S]) -> None:
        pass

    def remaining(self, point: Point[P, S]) -> Estimate | None:
        return None

    def next_gain(self, point: Point[P, S]) -> float:
        return point.gain

    def propose(self, point: Point[P, S]) -> P | None:
        return None

    def accepted(self, gain: float) -> None:
        pass

    def rejected(self) -> None:
        pass
