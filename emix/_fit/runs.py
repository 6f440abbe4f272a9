"""From a problem to its solution: climbs from all starts, the best of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from .._em.ascent import Ascent
from .._em.results import UNSOUND, Climbed, Reason, Result
from .._mixture.mixture import Mixture
from .._mixture.posterior import at_temperature
from .._normal.gaussian import Params
from .._rows.blocks import Rows
from .fit import Fit, Judged, Run, in_data_units, judge
from .problem import Problem, Terms, make_model
from .starts import Attempt, Attempts, Starts, begin

# What a fit says that ends with these passes: more of them would lead somewhere worse.
CUT_SHORT = "ended early: the climb leads to a degenerate component"


class Observer:
    """Told how a fit goes; the estimator prints, and passes it on to callbacks."""

    def begin_init(self, index: int) -> None:
        pass

    def watcher(
        self, model: Mixture, earlier: tuple[Result, ...]
    ) -> Callable[[Ascent], bool] | None:
        """What to call after every pass, if anything; True stops the run."""
        return None

    def end_init(self, model: Mixture, result: Result) -> None:
        pass


def fit_mixture(
    rows: Rows, problem: Problem, rng: np.random.RandomState, observer: Observer
) -> Fit:
    """The best of all runs, one without degenerate components if there is any."""
    model = make_model(rows, problem)
    starts = Starts(model, problem, rng)
    runs = climb_all(model, starts, problem, rng, observer)
    best = max(runs, key=lambda run: run.rank)
    fit = in_data_units(model, best, starts.n_collapsed)
    return replace(fit, starts=all_climbed(best, runs, starts.given_up))


def all_climbed(best: Run, runs: list[Run], given_up: list[Climbed]) -> tuple[Climbed, ...]:
    """What all starts led to: the best run's first, then the others by their rank."""
    others = [run.climbed for run in runs if run is not best] + given_up
    others.sort(key=lambda climbed: climbed.rank, reverse=True)
    return best.climbed, *others


def climb_all(
    model: Any,
    starts: Attempts,
    problem: Terms,
    rng: np.random.RandomState,
    observer: Observer,
) -> list[Run]:
    """The outcomes of all starts. Climbs that are given up are taken up again if there is nothing
    better than the highest of them."""
    runs: list[Run] = []
    given_up: dict[int, Ascent] = {}
    attempts = starts.climbs(until=lambda: any(run.is_sound for run in runs))
    for index, attempt in enumerate(attempts):
        observer.begin_init(index)
        guard = Guard(model, attempt.climb.params) if attempt.may_give_up else None
        results = _climbed(model, attempt, rng, observer, guard)
        observer.end_init(model, results[-1])
        if attempt.is_cut_short and results[-1].reason is Reason.MAX_ITER:
            cut = results[-1]._replace(status=CUT_SHORT, reason=Reason.CUT_SHORT)
            results = (*results[:-1], cut)
        runs.append(judge(model, *results))
        starts.n_collapsed += runs[-1].degenerate
        if guard is not None and guard.has_fired:
            given_up[index] = attempt.climb
            runs[-1] = replace(runs[-1], given_up=UNSOUND)
    if all(run.degenerate for run in runs):
        best = max(range(len(runs)), key=lambda i: runs[i].result.objective)
        if best in given_up:
            climb, watch = given_up[best], observer.watcher(model, ())
            result = climb.run(tol=problem.tol, max_iter=problem.max_iter, watch=watch)
            runs[best] = judge(model, result)
    return runs


class Guard:
    """Whether a climb from a sound start is to be given up, as a component is unsound by now. It is
    looked into when the floor holds more variances than before, and after some passes."""

    _EVERY = 8

    def __init__(self, model: Judged, params: Params):
        self._model = model
        self._held = int(params.n_floored.sum())
        self._is_on = not model.soundness.is_degenerate(params)
        self._count = 0
        self.has_fired = False

    def __call__(self, climb: Ascent) -> bool:
        held = int(climb.params.n_floored.sum())
        self._count += 1
        if self._is_on and (held > self._held or self._count % self._EVERY == 0):
            self.has_fired = self._model.soundness.is_degenerate(climb.params)
        self._held = held
        return self.has_fired


def _climbed(
    model: Any,
    attempt: Attempt,
    rng: np.random.RandomState,
    observer: Observer,
    guard: Guard | None = None,
) -> tuple[Result, ...]:
    """The results of all phases, each from where the last one ended and the first from where
    the climb is; max_iter passes in all."""
    climb, problem = attempt.climb, attempt.problem
    results: tuple[Result, ...] = ()
    temperature = problem.phases[0].temperature
    for phase in problem.phases:
        left = problem.max_iter - sum(result.n_iter for result in results)
        params = results[-1].params if results else climb.params
        if phase.temperature != temperature:
            temperature = phase.temperature
            model = model.ruled(at_temperature(temperature))
            params = problem.nudged(model, params, rng) if left else params
        if phase.variant is not None:
            climb = Ascent(phase.variant(model), params)
        elif results:
            climb = begin(model, params, problem)
        watch = _both(observer.watcher(model, results), guard)
        results = (*results, climb.run(tol=problem.tol, max_iter=left, watch=watch))
        if results[-1].stopped:
            break
    return results


def _both(watch: Callable | None, guard: Guard | None) -> Callable | None:
    """What to call after every pass: either may stop the climb."""
    if watch is None or guard is None:
        return watch or guard
    return lambda climb: bool(watch(climb)) | guard(climb)
