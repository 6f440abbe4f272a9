"""Newton's method with a trust region, in EM's own metric.

Near a point the objective is F + g·d - d·(1 - M) d / 2, d in units of the complete data's
information and M the share of it that is missing: EM's step is d = g, Newton's solves
(1 - M) d = g. |d| is how far the mixture moves, whatever the units. A longer step than the radius
is replaced by the best one of its length (Moré & Sorensen 1983), which exists also where 1 - M is
not positive definite.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from scipy.linalg.lapack import dposv, dsyevd

from .protocols import Estimate, P, Point, S

T = TypeVar("T", covariant=True)  # statistics

# The radius to begin with, and the largest: from some |d| of this order on, the normal densities
# before and after have little in common.
_FIRST, _LARGEST, _LEAST = 0.4, 4.0, 1e-7
# At the first points a step is Newton's own or none: EM leads faster to where others are good, and
# two climbs of one step are to be one of two.
_PLAIN = 2
# Shares of the promised gain below which the radius shrinks, and above which it grows.
_POOR, _GOOD = 0.25, 0.75
# Curvature below this, in units of the complete data's, may be rounding.
_FLAT = 1e-7
# Steps for the length of a step, which may exceed the radius by this factor.
_SECULAR_STEPS, _CLOSE = 8, 1.2
_HALVINGS = 6


class Step(NamedTuple):
    """A step, its length, and what it promises to gain."""

    d: np.ndarray
    length: float
    promise: float


class Quadratic(Protocol[T]):
    """F near a point, to second order: F + gradient·d - d·(1 - missing) d / 2."""

    gradient: np.ndarray
    missing: np.ndarray

    def statistics(self, step: np.ndarray) -> T:
        """Those after a step d, to first order."""


class Curved(Protocol[P, S]):
    """What Newton's steps ask of a family."""

    def curvature(self, params: P, stats: S) -> Quadratic[S] | None:
        """None where it does not tell how F goes on: EM goes on there."""

    def settle(self, stats: S, point: Point[P, S]) -> P | None:
        """The M-step of statistics after a step, None where no data have such."""


class Region(Generic[S]):
    """Steps by the approximation near a point."""

    def __init__(self, here: Quadratic[S]):
        self.here = here

    @property
    def information(self) -> np.ndarray:
        information = -self.here.missing
        information.flat[:: len(information) + 1] += 1.0
        return information

    @cached_property
    def eigen(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues of the information, in rising order, and its eigenvectors."""
        values, vectors, failed = dsyevd(self.information)
        if failed:
            raise np.linalg.LinAlgError("the eigenvalues of the information were not found")
        return values, vectors

    @property
    def along(self) -> np.ndarray:
        """The gradient along the eigenvectors."""
        return self.here.gradient @ self.eigen[1]

    def newton(self) -> Step | None:
        """Newton's step, None where the approximation has no maximum."""
        _, d, failed = dposv(self.information, self.here.gradient)
        return None if failed else Step(d, math.sqrt(d @ d), 0.5 * float(d @ self.here.gradient))

    def within(self, radius: float) -> Step:
        """argmax of the approximation over |d| <= radius: (1 - M + s) d = g."""
        (values, vectors), along = self.eigen, self.along
        least = np.abs(along) / radius  # of values + shift, or a coordinate alone is too long
        shift = max(0.0, float(np.max(least - values)))
        for _ in range(_SECULAR_STEPS):
            curved = np.maximum(np.maximum(values + shift, least), 1e-300)
            part = along / curved
            length = math.sqrt(part @ part)
            if length <= _CLOSE * radius:
                break
            slope = float(part @ (part / curved))
            shift += (length - radius) / radius * length * length / slope
        promise = float(part @ (along - 0.5 * values * part))
        return Step(vectors @ part, length, promise)


class Newton(Generic[P, S]):
    """Trust region steps.

    decrement is what the maximum of the quadratic approximation has more than the last point;
    infinite where it has none, or none that can be believed.
    """

    reach = 5.0  # of plain steps in between, see QuasiNewton

    def __init__(self, family: Curved[P, S]):
        self._family = family
        self._radius, self._n_points = _FIRST, 0
        self._region: Region[S] | None = None  # None where EM goes on
        self._step: Step | None = None
        self.decrement = math.inf

    @property
    def is_blind(self) -> bool:
        """Whether the curvature at the last point does not tell how F goes on."""
        return self._region is None

    def push(self, point: Point[P, S]) -> None:
        """The next point of the climb; its curvature, and the step from it."""
        here = self._family.curvature(point.params, point.stats)
        self._n_points += 1
        self._region = self._step = None
        if here is not None:
            self._region = Region(here)
            self._step = self._first(self._region)

    def remaining(self, point: Point[P, S]) -> Estimate | None:
        return None if self._region is None else Estimate(self.decrement, self.decrement)

    def next_gain(self, point: Point[P, S]) -> float:
        return point.gain if self._step is None else self._step.promise

    def _first(self, region: Region[S]) -> Step | None:
        """Newton's step if it is short enough, else one of the radius."""
        own = region.newton()
        self.decrement = math.inf if own is None else own.promise
        if own is not None and own.length <= self._radius:
            return own
        if self._n_points <= _PLAIN:
            return None
        values, along = region.eigen[0], region.along
        if values[0] > -_FLAT:
            self.decrement = 0.5 * float(along @ (along / np.maximum(values, _FLAT)))
        return region.within(self._radius)

    def propose(self, point: Point[P, S]) -> P | None:
        """The M-step of the statistics after the step, which is halved until there is one, a few
        times; else None."""
        if self._region is None or self._step is None or self._radius < _LEAST:
            return None
        for _ in range(_HALVINGS):
            if not self._step.promise > 0.0:
                return None
            params = self._family.settle(self._region.here.statistics(self._step.d), point)
            if params is not None:
                return params
            self._step = self._shorter(self._region, 0.5 * self._step.length)
        return None

    def accepted(self, gain: float) -> None:
        """The proposal gained so much; how much of its promise that is says how far to go next."""
        step = self._step
        if step is None or self._n_points <= _PLAIN:
            return
        if gain < _POOR * step.promise:
            self._radius = max(0.5 * step.length, 0.5 * _LEAST)
        elif gain > _GOOD * step.promise and step.length > 0.8 * self._radius:
            self._radius = min(2.0 * self._radius, _LARGEST)

    def rejected(self) -> None:
        """The proposal lowered the objective: a shorter step from the same point is next."""
        if self._region is not None and self._step is not None:
            self._step = self._shorter(self._region, 0.25 * self._step.length)

    def _shorter(self, region: Region[S], radius: float) -> Step:
        self._radius = max(radius, 0.5 * _LEAST)
        return region.within(self._radius)
