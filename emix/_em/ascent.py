"""The one loop: E-step and M-step in turn, until nothing is left to gain.

It sees a ``protocols.Model`` and a ``protocols.Acceleration``, and opaque parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Generic

from .gauges import Gauge, NextGain, RemainingGain
from .plain import Plain
from .protocols import Acceleration, Model, P, Repair, S, Turn
from .results import Pass, Reason, Result


class Point(Generic[P, S]):
    """Parameters and the expected statistics there; the M-step of these and what it gains
    are found when they are asked for."""

    def __init__(self, model: Model[P, S], params: P, stats: S):
        self._model, self.params, self.stats = model, params, stats
        self.expected = model.expected(stats, params)
        self.entropy = stats.value - self.expected

    @cached_property
    def following(self) -> P:
        return self._model.m_step(self.stats, self.params)

    @cached_property
    def gain(self) -> float:
        return self._model.expected(self.stats, self.following) - self.expected

    @cached_property
    def rounding(self) -> float:
        """Differences of F that rounding may make here."""
        return self._model.rounding(self.stats, self.params)


class Ascent(Generic[P, S]):
    """A climb that can be interrupted and taken up again with a tighter tol or more passes.

    A point is assessed (M-step, estimate of the remaining gain), then left by a pass over
    the data: at an extrapolated point if there is one and F does not fall there, else at
    the M-step's.
    """

    def __init__(
        self,
        model: Model[P, S],
        params: P,
        acceleration: Acceleration[P, S] | None = None,
        turn: Turn[P, S] | None = None,
    ):
        self._model = model
        self._acceleration = Plain() if acceleration is None else acceleration
        self._turn = turn
        self._gauge: Gauge = NextGain() if model.is_combinatorial else RemainingGain()
        self._point = Point(model, params, model.e_step(params))
        self._is_new = True  # whether it is yet to be assessed
        self.passes: list[Pass] = []
        self._remaining = math.inf
        self._gain = 0.0
        self._before: float | None = None  # the last M-step's gain, if the step from it was plain
        self._repair: Repair | None = None  # to be tried before the next pass
        self._stuck = ""
        self._announced = 0
        # what the next entry of passes says: energy, extrapolated
        self._arrival = (self.objective, False)

    def run(
        self, *, tol: float, max_iter: int, watch: Callable[[Ascent], bool] | None = None
    ) -> Result:
        """Climb until the estimated remaining gain of the objective is at most tol, or
        max_iter M-steps are made in all. ``watch`` is called after each; True stops. Where a
        model's climbs are finite, tol may be zero: they end where no M-step gains anything."""
        while True:
            if self._is_new:
                self._assess(self._point)
            n_iter = len(self.passes) - 1
            fresh, self._announced = n_iter > self._announced, n_iter
            stopped = fresh and watch is not None and watch(self)
            if n_iter and self._arrived(tol):
                return self._result(Reason.CONVERGED, self._gauge.reason(tol))
            if self._stuck:
                return self._result(Reason.ROUNDING, self._stuck)
            if stopped:
                return self._result(Reason.CALLBACK, "stopped by a callback")
            if n_iter >= max_iter:
                return self._result(Reason.MAX_ITER, f"max_iter={max_iter} reached")
            self._step()

    def _arrived(self, tol: float) -> bool:
        if self._repair is not None or not (tol > 0.0 or self._gauge.ends_exactly):
            return False
        return self._remaining <= max(tol, self._point.rounding)

    @property
    def within_reach(self) -> float:
        """The objective that the climb seems to lead to."""
        return self.objective + self._gauge.likely

    @property
    def params(self) -> P:
        return self._point.params

    @property
    def stats(self) -> S:
        return self._point.stats

    @property
    def objective(self) -> float:
        return self._point.stats.value

    def _result(self, reason: Reason, status: str) -> Result:
        ending = self._remaining, status, self._point.stats, reason
        return Result(self.params, self.objective, tuple(self.passes), *ending)

    def _assess(self, point: Point[P, S]) -> None:
        """What the next step is, and what is left to gain."""
        self._is_new = False
        self._repair = self._model.repair(point.stats, point.params)
        self._acceleration.push(point)
        self._estimate_remaining(point)
        energy, extrapolated = self._arrival
        self._record(point.stats, point.params, energy, extrapolated, True, point.entropy)

    def _estimate_remaining(self, point: Point[P, S]) -> None:
        """By the acceleration if it can tell, or the gains of the last two plain steps."""
        estimate = self._acceleration.remaining(point)
        if estimate is not None:
            self._remaining = self._gauge.trust(estimate, point)
        elif self._before is not None:
            gains = self._gain, self._before, point.gain
            self._remaining = self._gauge.update(*gains, self._acceleration.reach)
        else:
            return
        following = self._acceleration.next_gain(point)
        if self._gauge.telling(point, self._gain, following) <= point.rounding:
            self._remaining = min(self._remaining, point.rounding)

    def _record(self, stats, params, energy, extrapolated, accepted, entropy=None) -> None:
        if entropy is None:
            entropy = stats.value - self._model.expected(stats, params)
        log_prior = self._model.log_prior(params)
        parts = (stats.value, entropy, log_prior, stats.evidence)
        self.passes.append(Pass(energy, *parts, self._remaining, extrapolated, accepted))

    def _step(self) -> None:
        """To repaired parameters if there are some, else to those of the acceleration or, where it
        has none, of the M-step; nowhere if F is not higher at the first or lower at the others,
        which are then not tried again. A climb that takes its turn makes a plain step first, as the
        other acceleration knows nothing of this point."""
        if self._turn is not None and len(self.passes) > self._turn.after:
            turned, self._turn = self._turn.at(self.params), None
            self._model, self._acceleration = turned or (self._model, self._acceleration)
        if self._repair is not None:
            repair, self._repair = self._repair, None
            self._try_repaired(repair)
            return
        trial = self._acceleration.propose(self._point)
        if trial is None:
            self._sweep()
        else:
            self._try_extrapolated(trial)

    def _sweep(self) -> None:
        point = self._point
        params, tried = self._model.sweep(point.following)
        gain = tried.value - self.objective
        energy = self.objective + point.gain
        if gain < 0.0 and -gain > point.rounding:
            if point.gain <= point.rounding:  # there was nothing to gain in the first place
                self._remaining = min(self._remaining, point.rounding)
            self._record(tried, params, energy, False, False)
            self._stuck = f"rounding errors exceed the gain: a step lowered F by {-gain:.2g}"
            return
        self._before = point.gain
        self._arrive(params, tried, energy, extrapolated=False)

    def _try_repaired(self, repair: Repair) -> None:
        """Kept if F rises, and where EM goes on from there is as sound as where it would have
        gone on from here."""
        trial = repair.params
        energy, tried = self._at(trial)
        settled = self._model.m_step(tried, trial)
        is_sound = repair.is_sound(settled, self._point.following)
        if tried.value <= self.objective or not is_sound:
            self._record(tried, trial, energy, False, False)
            return
        self._before, self._remaining = None, math.inf
        self._arrive(trial, tried, energy, extrapolated=False)

    def _try_extrapolated(self, trial: P) -> None:
        energy, tried = self._at(trial)
        if tried.value < self.objective:
            self._record(tried, trial, energy, True, False)
            self._acceleration.rejected()
            return
        self._acceleration.accepted(tried.value - self.objective)
        self._before = None
        self._arrive(trial, tried, energy, extrapolated=True)

    def _at(self, trial: P) -> tuple[float, S]:
        """F at trial parameters with the present q, and the statistics there."""
        energy = self._model.expected(self._point.stats, trial) + self._point.entropy
        return energy, self._model.e_step(trial)

    def _arrive(self, params: P, stats: S, energy: float, extrapolated: bool) -> None:
        self._gain = stats.value - self.objective
        self._point, self._is_new = Point(self._model, params, stats), True
        self._arrival = (energy, extrapolated)
