"""Accelerations that see parameters alone, and know nothing of the family."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import numpy as np

from .plain import Plain
from .protocols import Estimate, P, Point, S
from .schemes import Move, Scheme, Units

# The bound on what is left is this multiple of the estimate by the slowest rate seen, since a
# direction in which the climb has hardly moved may be slower. What was left was at most 0.21 of
# the bound (30 climbs, see ``schemes``).
_REACHES = 5.0


class Placed(Protocol):
    """Parameters that are a vector of free numbers, (size,)."""

    @property
    def vector(self) -> np.ndarray: ...


V = TypeVar("V", bound=Placed)


class Aitken(Plain):
    """No acceleration, and the remaining gain by the objective alone, as M-steps need not tell what
    they gain: the gains g of passes shrink by a rate r, and g r / (1 - r) is left; r is the
    largest of the last few."""

    def __init__(self) -> None:
        self._objective, self._gain = -math.inf, math.inf
        self._rates: deque[float] = deque(maxlen=4)

    def push(self, point: Point[P, S]) -> None:
        before, self._gain = self._gain, point.stats.value - self._objective
        self._objective = point.stats.value
        if 0.0 < before < math.inf:
            self._rates.append(max(self._gain, 0.0) / before)

    def remaining(self, point: Point[P, S]) -> Estimate:
        rate = max(self._rates, default=1.0)
        if self._gain <= 0.0:
            return Estimate(0.0, 0.0)
        left = self._gain * rate / (1.0 - rate) if rate < 1.0 else math.inf
        return Estimate(left, left)

    def next_gain(self, point: Point[P, S]) -> float:
        """All that is left: a gain that is rounding may have many like it to come."""
        return self.remaining(point).likely


class Slowest:
    """1 / (1 - rate) of the slowest direction seen, and what it says of a gain g of EM's next step:
    at most g / (1 - rate) is left."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.is_bent = True  # whether the last steps saw none, or one of a rate of one or more

    def see(self, slowest: float) -> None:
        """Where the rate is one or more, as it is near a saddle, there is no telling for now."""
        self.is_bent = not 0.0 < slowest < math.inf
        if not self.is_bent:
            self.longest = max(self.longest, slowest)

    def left(self, gain: float) -> Estimate:
        if gain <= 0.0:
            return Estimate(0.0, 0.0)
        if math.isnan(gain) or self.is_bent:
            return Estimate(math.inf, math.inf)
        return Estimate(self.longest * gain, _REACHES * self.longest * gain)


class OnParameters(Generic[V, S]):
    """An ``Acceleration`` by a scheme that extrapolates vectors of parameters.

    place(vector, following) gives parameters to try, or None. What EM's next step gains is known
    where the M-step tells it, or after a plain step. Where neither is so, nothing can be said of
    what is left, and once some steps gained at most ``proof`` in all a plain one looks.
    """

    reach = 0.0

    def __init__(
        self, scheme: Scheme, place: Callable[[np.ndarray, V], V | None], proof: float
    ) -> None:
        self._scheme, self._place, self._proof = scheme, place, proof
        self._last: Point[V, S] | None = None
        self._units, self._slowest = Units(), Slowest()
        self._gain = math.nan  # of EM's step, where it is known
        self._gains: list[float] = []  # of the steps since the last plain one
        self._refused = False

    def push(self, point: Point[V, S]) -> None:
        """The next point of the climb, and the step to it."""
        before, self._last = self._last, point
        self._gain, self._refused = point.gain, False
        if before is None:
            return
        is_plain = point.params is before.following
        if math.isnan(self._gain) and is_plain:
            self._gain = max(point.stats.value - before.stats.value, 0.0)
        if is_plain:
            self._gains = []
        with np.errstate(invalid="ignore", over="ignore"):
            self._learn(before, point, is_plain)

    def _learn(self, before: Point[V, S], point: Point[V, S], is_plain: bool) -> None:
        step = point.params.vector - before.params.vector
        step_of_f = point.following.vector - before.following.vector - step
        units = self._units.after(step, point.params.vector)
        if not (np.isfinite(step).all() and np.isfinite(units.scaled(step_of_f)).all()):
            self._scheme.forget()  # free coordinates are infinite at the edge of the parameters
            return
        self._units = units
        slowest = self._scheme.learn(Move(step, step_of_f, is_plain), units)
        if slowest is not None:
            self._slowest.see(slowest)

    def remaining(self, point: Point[V, S]) -> Estimate:
        return self._slowest.left(self._gain)

    def next_gain(self, point: Point[V, S]) -> float:
        """An accelerated step is to gain all that is left."""
        return self.remaining(point).likely

    def propose(self, point: Point[V, S]) -> V | None:
        if self._refused or self._is_to_look():
            return None
        u = point.params.vector
        with np.errstate(over="ignore", invalid="ignore"):
            f = point.following.vector - u
            vector = self._scheme.next(u, f, self._units, self._slowest.is_bent)
        if vector is None or not np.isfinite(vector).all():
            return None
        return self._place(vector, point.following)

    def _is_to_look(self) -> bool:
        patience = self._scheme.patience
        last = self._gains[-patience:]
        return math.isnan(self._gain) and len(last) == patience and sum(last) <= self._proof

    def accepted(self, gain: float) -> None:
        self._gains.append(gain)
        self._scheme.accepted()

    def rejected(self) -> None:
        self._refused = True
        self._scheme.rejected()
