"""The one loop: E-step and M-step in turn, until nothing is left to gain.

It sees an opaque model (e_step, sweep, m_step, expected, log_prior, rounding, feasible, vacant,
reseeded, as_sound, finite; acceleration) and opaque parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from functools import cached_property
from typing import Any, NamedTuple

from .quasi_newton import Plain

# Gains per sample above this are far from rounding errors in any model worth climbing.
_CLEAR = 1e-6


class Reason(Enum):
    """Why a climb ended; the values are sentences.

    Attributes
    ----------
    CONVERGED : Reason
        The estimated remaining gain is at most ``tol``.

    MAX_ITER : Reason
        ``max_iter`` passes were made.

    CALLBACK : Reason
        A callback returned a true value.

    ROUNDING : Reason
        A plain pass lowered the objective, by no more than rounding errors may explain.

    Examples
    --------
    >>> from emix.em import Reason
    >>> print(Reason.CONVERGED)
    The estimated remaining gain is at most tol.
    """

    CONVERGED = "The estimated remaining gain is at most tol."
    MAX_ITER = "The climb made as many passes as max_iter allows."
    CALLBACK = "A callback stopped the climb."
    ROUNDING = "A plain pass lowered the objective by what rounding errors may explain."

    def __str__(self) -> str:
        return self.value


class Pass(NamedTuple):
    """One sweep over the data, per sample.

    free_energy is F(q, theta) with the q of the sweep before, objective is F after the
    E-step at this theta, with a q of this entropy. Both include the log-prior of theta;
    evidence is the log-likelihood, where the E-step's rule tells it.
    """

    free_energy: float
    objective: float
    entropy: float
    log_prior: float
    evidence: float
    remaining: float
    extrapolated: bool
    accepted: bool


class Result(NamedTuple):
    """Parameters, the objective there, and how it went; status says why it ended."""

    params: Any
    objective: float
    passes: tuple[Pass, ...]
    converged: bool
    remaining: float
    status: str
    stats: Any = None  # at the parameters
    reason: Reason | None = None  # None while a climb is under way

    @property
    def n_iter(self) -> int:
        """M-steps taken: the sweeps after the first, which only evaluates the start."""
        return len(self.passes) - 1

    @property
    def stopped(self) -> bool:
        return self.reason is Reason.CALLBACK


class Point:
    """Parameters and the expected statistics there; the M-step of these and what it gains
    are found when they are asked for."""

    def __init__(self, model: Any, params: Any, stats: Any):
        self._model, self.params, self.stats = model, params, stats
        self.expected = model.expected(stats, params)
        self.entropy = stats.value - self.expected

    @cached_property
    def following(self) -> Any:
        return self._model.m_step(self.stats, self.params)

    @cached_property
    def gain(self) -> float:
        return self._model.expected(self.stats, self.following) - self.expected

    @cached_property
    def noise(self) -> float:
        """Differences of F that rounding may make here."""
        return self._model.rounding(self.stats, self.params)


class RemainingGain:
    """Estimate of what plain EM would still gain (Aitken): gains shrink by a rate r per
    step, so what follows a gain g is g r / (1 - r).

    r is the ratio of two consecutive M-step gains, which is available without a further
    sweep; the largest of the last few is used. After accelerated steps, which hide slow
    directions behind fast ones, 1 / (1 - r) is not taken to be less than their ``reach``. An
    acceleration that has an estimate of its own comes first.
    """

    _MEMORY = 4
    finite = False

    def __init__(self):
        self._rates: list[float] = []
        self.likely = math.inf  # the estimate by the rates that were seen

    def update(self, gain: float, before: float, after: float, reach: float) -> float:
        """gain of the last plain step, whose M-step gained ``before``; the next will gain
        ``after``."""
        rate = after / before if before > 0.0 else 0.0
        self._rates = [*self._rates[-self._MEMORY + 1 :], rate]
        gain = max(gain, before)
        self.likely = _series(gain, max(self._rates))
        return max(self.likely, reach * gain)

    def told(self, likely: float, bound: float) -> float:
        """By the acceleration."""
        self.likely = likely
        return bound

    def says(self, tol: float) -> str:
        return f"estimated remaining gain at most tol={tol:g}"


class NextGain:
    """What the next M-step gains: zero where a climb of finitely many steps ends. On the way
    there it is likely to gain as much again as in its last step."""

    finite = True
    likely = math.inf

    def update(self, gain: float, before: float, after: float, reach: float) -> float:
        self.likely = gain
        return after

    def says(self, tol: float) -> str:
        return f"an M-step gains at most tol={tol:g}" if tol else "nothing moves any more"


def _series(gain: float, rate: float) -> float:
    """g r + g r² + ..."""
    return gain * rate / (1.0 - rate) if rate < 1.0 else math.inf


class Ascent:
    """A climb that can be interrupted and taken up again with a tighter tol or more passes.

    A point is assessed (M-step, estimate of the remaining gain), then left by a sweep over
    the data: at an extrapolated point if there is one and F does not fall there, else at
    the M-step's.
    """

    def __init__(self, model: Any, params: Any, *, accelerate: bool):
        self._model, self.params = model, params
        self._acceleration = model.acceleration() if accelerate else Plain()
        self._gauge = NextGain() if model.finite else RemainingGain()
        self._stats = model.e_step(params)
        self.passes: list[Pass] = []
        self._remaining = math.inf
        self._gain = 0.0
        self._before = None  # the last M-step's gain, if the step from it was plain
        self._point: Point | None = None  # once it is assessed
        self._vacant = False  # whether rows may yet be given to components that have none
        self._stuck = ""
        self._announced = 0
        # what the next entry of passes says: energy, extrapolated
        self._arrival = (self._stats.value, False)

    def run(
        self, *, tol: float, max_iter: int, watch: Callable[[Ascent], bool] | None = None
    ) -> Result:
        """Climb until the estimated remaining gain of the objective is at most tol, or
        max_iter M-steps are made in all. ``watch`` is called after each; True stops. Where a
        model's climbs are finite, tol may be zero: they end where no M-step gains anything."""
        while True:
            if self._point is None:
                self._assess()
            n_iter = len(self.passes) - 1
            fresh, self._announced = n_iter > self._announced, n_iter
            stopped = fresh and watch is not None and watch(self)
            if n_iter and self._arrived(tol):
                return self._result(Reason.CONVERGED, self._gauge.says(tol))
            if self._stuck:
                return self._result(Reason.ROUNDING, self._stuck)
            if stopped:
                return self._result(Reason.CALLBACK, "stopped by a callback")
            if n_iter >= max_iter:
                return self._result(Reason.MAX_ITER, f"max_iter={max_iter} reached")
            self._sweep()

    def _arrived(self, tol: float) -> bool:
        if self._vacant or not (tol > 0.0 or self._gauge.finite):
            return False
        return self._remaining <= max(tol, self._noise())

    @property
    def within_reach(self) -> float:
        """The objective that the climb seems to lead to."""
        return self.objective + self._gauge.likely

    @property
    def objective(self) -> float:
        return self._stats.value

    def _result(self, reason: Reason, status: str) -> Result:
        passes, converged = tuple(self.passes), reason is Reason.CONVERGED
        ending = self._remaining, status, self._stats, reason
        return Result(self.params, self.objective, passes, converged, *ending)

    def _assess(self) -> None:
        """What the next step is, and what is left to gain."""
        model, stats = self._model, self._stats
        self._point = point = Point(model, self.params, stats)
        self._vacant = model.vacant(stats)
        self._acceleration.push(point)
        self._estimate_remaining()
        energy, extrapolated = self._arrival
        self._record(stats, self.params, energy, extrapolated, True, point.entropy)

    def _estimate_remaining(self) -> None:
        """By the acceleration if it can tell, or the gains of the last two plain steps."""
        estimate = self._acceleration.estimate(self._point)
        if estimate is not None:
            self._remaining = self._gauge.told(*estimate)
        elif self._before is not None:
            gains = self._gain, self._before, self._point.gain
            self._remaining = self._gauge.update(*gains, self._acceleration.reach)
        else:
            return
        if self._telling() <= self._noise():
            self._remaining = min(self._remaining, self._noise())

    def _record(self, stats, params, energy, extrapolated, accepted, entropy=None) -> None:
        if entropy is None:
            entropy = stats.value - self._model.expected(stats, params)
        log_prior = self._model.log_prior(params)
        parts = (stats.value, entropy, log_prior, stats.evidence)
        self.passes.append(Pass(energy, *parts, self._remaining, extrapolated, accepted))

    def _telling(self) -> float:
        """The gain that tells whether there is more to come."""
        if self._gauge.finite:
            return self._point.gain
        return max(self._acceleration.next_gain(self._point), self._gain)

    def _noise(self) -> float:
        """Differences of F that rounding may make; looked into when the gain is small."""
        return 0.0 if self._telling() > _CLEAR else self._point.noise

    def _sweep(self) -> None:
        """To a point with re-seeded components if some are vacant, else to an extrapolated
        one or, where there is none, the M-step's; nowhere if F is not higher at the first or
        lower at the second, which is then not tried again."""
        if self._vacant:
            self._vacant = False
            trial = self._model.reseeded(self._stats, self.params)
            if trial is not None:
                self._try_reseeded(trial)
            return
        trial = self._extrapolate()
        if trial is not None:
            self._try_extrapolated(trial)
            return
        point = self._point
        params, tried = self._model.sweep(point.following)
        gain = tried.value - self.objective
        energy = self.objective + point.gain
        if gain < 0.0 and -gain > point.noise:
            if point.gain <= point.noise:  # there was nothing to gain in the first place
                self._remaining = min(self._remaining, point.noise)
            self._record(tried, params, energy, False, False)
            self._stuck = f"rounding errors exceed the gain: a step lowered F by {-gain:.2g}"
            return
        self._before = point.gain
        self._arrive(params, tried, energy, extrapolated=False)

    def _try_reseeded(self, trial: Any) -> None:
        """Kept if F rises, and no component is left with too few rows for a covariance."""
        energy = self._model.expected(self._stats, trial) + self._point.entropy
        tried = self._model.e_step(trial)
        settled = self._model.m_step(tried, trial)
        sound = self._model.as_sound(settled, self._point.following)
        if tried.value <= self.objective or not sound:
            self._record(tried, trial, energy, False, False)
            return
        self._before, self._remaining = None, math.inf
        self._arrive(trial, tried, energy, extrapolated=False)

    def _try_extrapolated(self, trial: Any) -> None:
        energy = self._model.expected(self._stats, trial) + self._point.entropy
        tried = self._model.e_step(trial)
        if tried.value < self.objective:
            self._record(tried, trial, energy, True, False)
            self._acceleration.rejected()
            return
        self._acceleration.accepted(tried.value - self.objective)
        self._before = None
        self._arrive(trial, tried, energy, extrapolated=True)

    def _arrive(self, params: Any, stats: Any, energy: float, extrapolated: bool) -> None:
        self._gain = stats.value - self.objective
        self.params, self._stats, self._point = params, stats, None
        self._arrival = (energy, extrapolated)

    def _extrapolate(self) -> Any:
        """Parameters that the acceleration proposes, or None."""
        model, point = self._model, self._point

        def settle(stats):
            if not model.feasible(stats):
                return None
            params = model.m_step(stats, point.params)
            floored = params.n_floored
            keeps = not floored.any() or floored.sum() <= point.following.n_floored.sum()
            return params if keeps else None

        return self._acceleration.propose(settle)
