"""Newton's method for two normals: proposals where they lead uphill, EM's steps elsewhere."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.linalg.lapack import dposv

from .._em.protocols import Estimate, Point
from .._normal.gaussian import Params
from .two_normals import Sums, TwoNormals, numbers_of

# Components with less than this share are left to EM: gradients do not vanish where they die.
_DYING = 1e-10
# A proposal moves a mean by at most one standard deviation, and changes the logarithm of a
# deviation or the log-odds of the weight by at most one.
_LONGEST = 1.0
# Least curvature, of one in labelled rows, that is believed.
_FLATTEST = 1e-6
# Promises below this are believed (nats per row): rounding hides whether they are kept.
_SURE = 1e-12


class Proposal(NamedTuple):
    """Parameters, the gain that the quadratic approximation promises there and at its own
    maximum, and its least curvature."""

    params: Params
    promise: float
    decrement: float
    curvature: float


class Kept(NamedTuple):
    """What a proposal that was accepted had promised, and what it gained."""

    promise: float
    gain: float

    @property
    def missing(self) -> float:
        """By how much they differ, beyond half of the promise."""
        return abs(self.gain - self.promise) - 0.5 * self.promise


class Newton:
    """An ``Acceleration`` of ``TwoNormals``.

    A proposal is tried once at a point. Once one has gained about what the quadratic approximation
    promised, its decrement is the estimate of the remaining gain.
    """

    reach = 0.0

    def __init__(self, model: TwoNormals):
        self._model, self._radius = model, _LONGEST
        self._here: Proposal | None = None  # None where EM is left alone
        self._is_fresh = False
        self._kept: Kept | None = None  # if it led to this point
        self._left = math.inf

    def push(self, point: Point[Params, Sums]) -> None:
        kept, self._kept, self._here = self._kept, None, None
        if min(point.stats.count) < _DYING:
            return
        self._here = proposal(self._model, point.stats, point.params, self._radius)
        self._is_fresh, self._left = True, math.inf
        if self._here.curvature > -_FLATTEST and _is_believed(self._here, kept, point):
            self._left = self._here.decrement

    def remaining(self, point: Point[Params, Sums]) -> Estimate | None:
        return None if self._here is None else Estimate(self._left, self._left)

    def next_gain(self, point: Point[Params, Sums]) -> float:
        """All that is left; infinite where nothing can be believed, as next to a saddle."""
        return point.gain if self._here is None else self._left

    def propose(self, point: Point[Params, Sums]) -> Params | None:
        is_fresh, self._is_fresh = self._is_fresh, False
        return self._here.params if self._here is not None and is_fresh else None

    def accepted(self, gain: float) -> None:
        assert self._here is not None, "only what was proposed is accepted"
        self._kept = Kept(self._here.promise, gain)
        self._radius = min(2.0 * self._radius, _LONGEST)

    def rejected(self) -> None:
        self._radius *= 0.25


def _is_believed(here: Proposal, kept: Kept | None, point: Point) -> bool:
    """Whether the last step was Newton's and gained what it promised, to a half; or there is
    nothing left to promise."""
    if kept is None:
        return here.decrement <= max(_SURE, point.rounding)
    return kept.missing <= 0.0 or kept.missing <= point.rounding


def proposal(model: TwoNormals, sums: Sums, params: Params, radius: float) -> Proposal:
    """Newton's step, in units in which the information of labelled rows is about one: its
    curvatures are 1 - the rates of EM. Where one is not positive its size is used, so that
    the step goes uphill; steps are shortened if they are longer than the radius."""
    unit = _unit(model, sums, params)
    information = model.information(sums, params) / unit
    information /= unit[:, None]
    slope = model.gradient(sums, params) / unit
    for k in _at_the_floor(slope, params):
        slope[k] = 0.0
        information[k] = information[:, k] = 0.0
        information[k, k] = 1.0
    step, curvature = _uphill(information, slope)
    decrement = 0.5 * float(slope @ step)
    moves = (step / unit).tolist()
    length = _length(moves, params)
    part = min(radius / length, 1.0) if length > 0.0 else 1.0
    moved = _moved(model, params, [part * move for move in moves])
    return Proposal(moved, part * (2.0 - part) * decrement, decrement, curvature)


def _unit(model: TwoNormals, sums: Sums, params: Params) -> np.ndarray:
    """Roots of the information of labelled rows."""
    count, (weights, _, _, factors) = sums.count, numbers_of(params)
    squares = [weights[0] * weights[1], factors[0] ** 2 * count[0], factors[1] ** 2 * count[1]]
    if model.equal_variance:
        squares += [2.0 * (count[0] + count[1])]
    else:
        squares += [2.0 * count[0], 2.0 * count[1]]
    return np.sqrt(squares)


def _length(moves: list[float], params: Params) -> float:
    """The largest of the moves of log-odds, of means in deviations, and of log deviations."""
    factors = numbers_of(params).factors
    odds, *shifts = moves
    means = abs(shifts[0] * factors[0]), abs(shifts[1] * factors[1])
    return max(abs(odds), *means, *map(abs, shifts[2:]))


def _at_the_floor(slope: np.ndarray, params: Params) -> list[int]:
    """Log deviations at the floor that would go below it."""
    floored = params.n_floored
    if not floored.any():
        return []
    held = floored.reshape(-1) * (slope[3:] <= 0.0)
    return (3 + np.flatnonzero(held)).tolist()


def _moved(model: TwoNormals, params: Params, step: list[float]) -> Params:
    weights, means, variances, _ = numbers_of(params)
    odds = weights[1] / weights[0] * math.exp(step[0])
    return model.params(
        [1.0 / (1.0 + odds), odds / (1.0 + odds)],
        [means[0] + step[1], means[1] + step[2]],
        [variances[0] * math.exp(2.0 * step[3]), variances[1] * math.exp(2.0 * step[-1])],
    )


def _uphill(information: np.ndarray, slope: np.ndarray) -> tuple[np.ndarray, float]:
    """information⁻¹ slope, with the sizes of its curvatures in place of those that are not
    positive; and the least curvature, or a positive number if all are clearly positive."""
    factor, step, failed = dposv(information, slope)
    if not failed and (least := min(factor.diagonal().tolist()) ** 2) > _FLATTEST:
        return step, least
    curvature, axes = np.linalg.eigh(information)
    bent = np.maximum(np.abs(curvature), _FLATTEST)
    return axes @ (axes.T @ slope / bent), float(curvature[0])
