"""The one loop: E-step and M-step in turn, until nothing is left to gain.

It sees an opaque model (e_step, m_step, expected, feasible, about) and opaque parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .squarem import Plain, Squarem

_EPS = 2.0**-52


class Pass(NamedTuple):
    """One sweep over the data, per sample.

    free_energy is F(q, theta) with the q of the sweep before, objective is F after the
    E-step at this theta; their difference is the KL gap that the E-step closed.
    """

    free_energy: float
    objective: float
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

    @property
    def n_iter(self) -> int:
        """M-steps taken: the sweeps after the first, which only evaluates the start."""
        return len(self.passes) - 1


class RemainingGain:
    """Estimate of what plain EM would still gain (Aitken): gains shrink by a rate r per
    step, so what follows a gain g is g r / (1 - r).

    r is the ratio of two consecutive M-step gains, which is available without a further
    sweep; the largest of the last few is used, as extrapolation hides the slow directions
    for a moment.
    """

    _MEMORY = 4

    def __init__(self):
        self._rates: list[float] = []

    def update(self, gain: float, before: float, after: float) -> float:
        """gain of the last plain step, whose M-step gained ``before``; the next will gain
        ``after``."""
        rate = after / before if before > 0.0 else 0.0
        self._rates = [*self._rates[-self._MEMORY + 1 :], rate]
        rate = max(self._rates)
        if rate >= 1.0:
            return float("inf")
        return max(gain, before) * max(rate, 0.0) / (1.0 - rate)


class Ascent:
    """A climb that can be interrupted and taken up again with a tighter tol or more passes.

    A point is assessed (M-step, estimate of the remaining gain), then left by a sweep over
    the data: at an extrapolated point if there is one and F does not fall there, else at
    the M-step's.
    """

    def __init__(self, model: Any, params: Any, *, accelerate: bool):
        self._model, self._params = model, params
        self._squarem = Squarem() if accelerate else Plain()
        self._gauge = RemainingGain()
        self._stats = model.e_step(params)
        value = self._stats.value
        self._passes = [Pass(value, value, float("inf"), False, True)]
        self._remaining = float("inf")
        self._gain = 0.0
        self._before = None  # the last M-step's gain, if the step from it was plain
        self._following = None  # the M-step's parameters, once this point is assessed
        self._stuck = ""

    @property
    def params(self) -> Any:
        return self._params

    def run(
        self,
        *,
        tol: float,
        max_iter: int,
        watch: Callable[[Any, tuple[Pass, ...]], bool] | None = None,
    ) -> Result:
        """Climb until the estimated remaining gain of the objective is at most tol, or
        max_iter M-steps are made in all. ``watch`` is called after each; True stops."""
        stopped = False
        while True:
            fresh = self._following is None
            if fresh:
                self._assess()
            n_iter = len(self._passes) - 1
            if n_iter and tol > 0.0 and self._remaining <= max(tol, self._noise):
                return self._result(True, f"estimated remaining gain at most tol={tol:g}")
            if self._stuck:
                return self._result(False, self._stuck)
            if fresh and n_iter and watch is not None:
                stopped = watch(self._params, tuple(self._passes))
            if stopped:
                return self._result(False, "stopped by a callback")
            if n_iter >= max_iter:
                return self._result(False, f"max_iter={max_iter} reached")
            self._sweep(max_iter - n_iter)

    def _result(self, converged: bool, status: str) -> Result:
        return Result(
            self._params,
            self._stats.value,
            tuple(self._passes),
            converged,
            self._remaining,
            status,
        )

    def _assess(self) -> None:
        """M-step here, and what is left to gain."""
        model, stats = self._model, self._stats
        expected, noise = model.expected(stats, self._params)
        self._following = model.m_step(stats, self._params)
        best, more = model.expected(stats, self._following)
        self._noise = max(noise, more, _EPS * abs(stats.value))
        self._entropy = stats.value - expected
        self._after = best - expected
        self._squarem.push(stats)
        if self._before is not None:
            self._remaining = self._gauge.update(self._gain, self._before, self._after)
            if max(self._after, self._gain) <= self._noise:
                self._remaining = min(self._remaining, self._noise)
        self._passes[-1] = self._passes[-1]._replace(remaining=self._remaining)

    def _sweep(self, sweeps_left: int) -> None:
        """To the next point; two sweeps if an extrapolated one is tried in vain."""
        trial = self._extrapolate()
        if trial is not None:
            if self._try_extrapolated(trial) or sweeps_left == 1:
                return
        tried = self._model.e_step(self._following)
        gain = tried.value - self._stats.value
        accepted = gain >= -self._noise
        self._note(self._stats.value + self._after, tried, False, accepted)
        if not accepted:
            self._stuck = f"rounding errors exceed the gain: a step lowered F by {-gain:.2g}"
            return
        self._gain, self._before = gain, self._after
        self._params, self._stats, self._following = self._following, tried, None

    def _try_extrapolated(self, trial: Any) -> bool:
        energy = self._model.expected(self._stats, trial)[0] + self._entropy
        tried = self._model.e_step(trial)
        accepted = tried.value >= self._stats.value
        self._note(energy, tried, True, accepted)
        if accepted:
            self._squarem.accepted()
            self._params, self._stats, self._following = trial, tried, None
            self._before = None
        else:
            self._squarem.rejected()
        return accepted

    def _note(self, energy, tried, extrapolated, accepted) -> None:
        remaining = self._remaining
        self._passes.append(Pass(energy, tried.value, remaining, extrapolated, accepted))

    def _extrapolate(self) -> Any:
        """Parameters of extrapolated statistics, or None."""
        model, following = self._model, self._following
        found = []

        def feasible(point):
            if not model.feasible(point):
                return False
            found.append(model.m_step(point, following))
            return found[-1].n_floored.sum() <= following.n_floored.sum()

        def align(iterate, reference):
            return model.about(iterate, reference.origin)

        return found[-1] if self._squarem.propose(feasible, align) is not None else None
