"""The one loop: E-step and M-step in turn, until nothing is left to gain.

It sees an opaque model (e_step, sweep, m_step, expected, log_prior, rounding, feasible, vacant,
reseeded, as_sound, finite; for acceleration natural and about) and opaque parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from .quasi_newton import Plain, Point, QuasiNewton

# Gains per sample above this are far from rounding errors in any model worth climbing.
_CLEAR = 1e-6
# Over overlapping mixtures, with rates of up to 0.9995, the estimate was a bound with this
# multiple of the longest reach; without any it fell short by up to 5000 times.
_REACHES = 5.0
_STOPPED = "stopped by a callback"


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

    @property
    def n_iter(self) -> int:
        """M-steps taken: the sweeps after the first, which only evaluates the start."""
        return len(self.passes) - 1

    @property
    def stopped(self) -> bool:
        return self.status == _STOPPED


class RemainingGain:
    """Estimate of what plain EM would still gain (Aitken): gains shrink by a rate r per
    step, so what follows a gain g is g r / (1 - r).

    r is the ratio of two consecutive M-step gains, which is available without a further
    sweep; the largest of the last few is used. Quasi-Newton steps have an estimate of their
    own, the gain that their approximation promises. In both cases fast directions may hide slow
    ones, so that 1 / (1 - r) is with acceleration not taken to be less than some multiple of
    the largest that was seen along a step.
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
        return max(self.likely, _REACHES * reach * gain)

    def promised(self, decrement: float, after: float, reach: float) -> float:
        """The quadratic approximation promises this gain; the next M-step will gain ``after``."""
        self.likely = max(decrement, reach * after)
        return max(decrement, _REACHES * reach * after)

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
        self._acceleration = QuasiNewton(model) if accelerate else Plain()
        self._gauge = NextGain() if model.finite else RemainingGain()
        self._stats = model.e_step(params)
        self.passes: list[Pass] = []
        self._remaining = math.inf
        self._gain = 0.0
        self._before = None  # the last M-step's gain, if the step from it was plain
        self._following = None  # the M-step's parameters, once this point is assessed
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
            if self._following is None:
                self._assess()
            n_iter = len(self.passes) - 1
            fresh, self._announced = n_iter > self._announced, n_iter
            stopped = fresh and watch is not None and watch(self)
            if n_iter and self._arrived(tol):
                return self._result(True, self._gauge.says(tol))
            if self._stuck:
                return self._result(False, self._stuck)
            if stopped:
                return self._result(False, _STOPPED)
            if n_iter >= max_iter:
                return self._result(False, f"max_iter={max_iter} reached")
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

    def _result(self, converged: bool, status: str) -> Result:
        passes = tuple(self.passes)
        remaining, stats = self._remaining, self._stats
        return Result(self.params, self.objective, passes, converged, remaining, status, stats)

    def _assess(self) -> None:
        """M-step here, and what is left to gain."""
        model, stats = self._model, self._stats
        expected = model.expected(stats, self.params)
        self._following = model.m_step(stats, self.params)
        self._entropy = stats.value - expected
        self._after = model.expected(stats, self._following) - expected
        self._bound = None
        self._vacant = model.vacant(stats)
        self._acceleration.push(Point(self.params, stats, self._following))
        self._estimate_remaining()
        energy, extrapolated = self._arrival
        self._record(stats, self.params, energy, extrapolated, True, self._entropy)

    def _estimate_remaining(self) -> None:
        """From the approximation if there is one, or the gains of the last two plain steps."""
        reach, decrement = self._acceleration.reach, self._acceleration.decrement
        if decrement is not None:
            self._remaining = self._gauge.promised(decrement, self._after, reach)
        elif self._before is not None:
            self._remaining = self._gauge.update(self._gain, self._before, self._after, reach)
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
        return self._after if self._gauge.finite else max(self._after, self._gain)

    def _noise(self) -> float:
        """Differences of F that rounding may make here; looked into when the gain is small."""
        if self._telling() > _CLEAR:
            return 0.0
        if self._bound is None:
            self._bound = self._model.rounding(self._stats, self._following)
        return self._bound

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
        params, tried = self._model.sweep(self._following)
        gain = tried.value - self.objective
        energy = self.objective + self._after
        if gain < 0.0 and -gain > self._model.rounding(self._stats, self._following):
            self._record(tried, params, energy, False, False)
            self._stuck = f"rounding errors exceed the gain: a step lowered F by {-gain:.2g}"
            return
        self._before = self._after
        self._arrive(params, tried, energy, extrapolated=False)

    def _try_reseeded(self, trial: Any) -> None:
        """Kept if F rises, and no component is left with too few rows for a covariance."""
        energy = self._model.expected(self._stats, trial) + self._entropy
        tried = self._model.e_step(trial)
        settled = self._model.m_step(tried, trial)
        sound = self._model.as_sound(settled, self._following)
        if tried.value <= self.objective or not sound:
            self._record(tried, trial, energy, False, False)
            return
        self._before, self._remaining = None, math.inf
        self._arrive(trial, tried, energy, extrapolated=False)

    def _try_extrapolated(self, trial: Any) -> None:
        energy = self._model.expected(self._stats, trial) + self._entropy
        tried = self._model.e_step(trial)
        if tried.value < self.objective:
            self._record(tried, trial, energy, True, False)
            self._acceleration.rejected()
            return
        self._acceleration.accepted()
        self._before = None
        self._arrive(trial, tried, energy, extrapolated=True)

    def _arrive(self, params: Any, stats: Any, energy: float, extrapolated: bool) -> None:
        self._gain = stats.value - self.objective
        self.params, self._stats, self._following = params, stats, None
        self._arrival = (energy, extrapolated)

    def _extrapolate(self) -> Any:
        """Parameters of extrapolated statistics, or None."""
        model, following = self._model, self._following
        found = []

        def feasible(point):
            if not model.feasible(point):
                return False
            found.append(model.m_step(point, following))
            return found[-1].n_floored.sum() <= following.n_floored.sum()

        return found[-1] if self._acceleration.propose(feasible) else None
