"""Newton's method with a trust region, in EM's own metric.

Near a point the objective is F + g·d - d·(1 - M) d / 2, d in units of the complete data's
information and M the share of it that is missing: EM's step is d = g, Newton's solves
(1 - M) d = g. |d| is how far the mixture moves, whatever the units. A longer step than the radius
is replaced by the best one of its length (Moré & Sorensen 1983), which exists also where 1 - M is
not positive definite.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np
from scipy.linalg.lapack import dposv, dsyevd

from .protocols import Estimate, P, Point, S

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


class Quadratic(Protocol[S]):
    """F near a point, to second order: F + gradient·d - d·(1 - missing) d / 2."""

    gradient: np.ndarray
    missing: np.ndarray

    def statistics(self, step: np.ndarray) -> S:
        """Those after a step d, to first order."""


class Curved(Protocol[P, S]):
    """What Newton's steps ask of a family."""

    def curvature(self, params: P, stats: S) -> Quadratic[S] | None:
        """None where it does not tell how F goes on: EM goes on there."""

    def settle(self, stats: S, point: Point[P, S]) -> P | None:
        """The M-step of statistics after a step, None where no data have such."""


class Newton:
    """Trust region steps.

    decrement is what the maximum of the quadratic approximation has more than the last point;
    infinite where it has none, or none that can be believed.
    """

    reach = 5.0  # of plain steps in between, see QuasiNewton

    def __init__(self, family: Curved[P, S]):
        self._family = family
        self._radius, self._n_points = _FIRST, 0
        self._here = self._step = self._eigen = None

    def push(self, point: Point[P, S]) -> None:
        """The next point of the climb; its curvature, and the step from it."""
        self._here = self._family.curvature(point.params, point.stats)
        self._eigen = self._step = None
        self._n_points += 1
        if self._here is not None:
            self._look()

    def remaining(self, point: Point[P, S]) -> Estimate | None:
        return None if self._here is None else Estimate(self.decrement, self.decrement)

    def next_gain(self, point: Point[P, S]) -> float:
        return point.gain if self._step is None else self._step.promise

    def _look(self) -> None:
        """Newton's step if it is short enough, else one of the radius."""
        gradient = self._here.gradient
        _, d, failed = dposv(self._information(), gradient)
        self.decrement = math.inf if failed else 0.5 * float(d @ gradient)
        if not failed and (length := math.sqrt(d @ d)) <= self._radius:
            self._step = Step(d, length, self.decrement)
        elif self._n_points > _PLAIN:
            values, along = self._decompose()
            if values[0] > -_FLAT:
                self.decrement = 0.5 * float(along @ (along / np.maximum(values, _FLAT)))
            self._step = self._within(self._radius)

    def _information(self) -> np.ndarray:
        information = -self._here.missing
        information.flat[:: len(information) + 1] += 1.0
        return information

    def _decompose(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues of the information, and the gradient along its eigenvectors."""
        if self._eigen is None:
            values, vectors, failed = dsyevd(self._information())
            if failed:
                raise np.linalg.LinAlgError("the eigenvalues of the information were not found")
            self._eigen = values, vectors
        return self._eigen[0], self._here.gradient @ self._eigen[1]

    def _within(self, radius: float) -> Step:
        """argmax of the approximation over |d| <= radius: (1 - M + s) d = g."""
        values, along = self._decompose()
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
        return Step(self._eigen[1] @ part, length, promise)

    def propose(self, point: Point[P, S]) -> P | None:
        """The M-step of the statistics after the step, which is halved until there is one, a few
        times; else None."""
        if self._step is None or self._radius < _LEAST:
            return None
        for _ in range(_HALVINGS):
            if not self._step.promise > 0.0:
                return None
            params = self._family.settle(self._here.statistics(self._step.d), point)
            if params is not None:
                return params
            self._shrink(0.5 * self._step.length)
        return None

    def accepted(self, gain: float) -> None:
        """The proposal gained so much; how much of its promise that is says how far to go next."""
        step = self._step
        if self._n_points <= _PLAIN:
            return
        if gain < _POOR * step.promise:
            self._radius = max(0.5 * step.length, 0.5 * _LEAST)
        elif gain > _GOOD * step.promise and step.length > 0.8 * self._radius:
            self._radius = min(2.0 * self._radius, _LARGEST)

    def rejected(self) -> None:
        """The proposal lowered the objective: a shorter step from the same point is next."""
        self._shrink(0.25 * self._step.length)

    def _shrink(self, radius: float) -> None:
        self._radius = max(radius, 0.5 * _LEAST)
        self._step = self._within(self._radius)
