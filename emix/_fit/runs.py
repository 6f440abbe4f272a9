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
    climbed = all_climbed(best, runs, starts.given_up)
    return in_data_units(model, best, starts.n_collapsed, climbed)


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
    """The outcomes of all starts. A climb that was given up is taken up again if nothing better was
    found."""
    runs: list[Run] = []
    given_up: dict[int, tuple[Ascent, tuple[Result, ...]]] = {}
    attempts = starts.climbs(until=lambda: any(run.is_sound for run in runs))
    for index, attempt in enumerate(attempts):
        observer.begin_init(index)
        guard = Guard(model) if attempt.may_give_up else None
        climb, results = _climbed(model, attempt, rng, observer, guard)
        observer.end_init(model, results[-1])
        if attempt.is_cut_short and results[-1].reason is Reason.MAX_ITER:
            cut = results[-1]._replace(status=CUT_SHORT, reason=Reason.CUT_SHORT)
            results = (*results[:-1], cut)
        runs.append(judge(model, *results))
        starts.n_collapsed += runs[-1].degenerate
        if guard is not None and guard.has_fired:
            given_up[index] = climb, results[:-1]
            runs[-1] = replace(runs[-1], given_up=UNSOUND)
    if all(run.degenerate for run in runs):
        best = max(range(len(runs)), key=lambda i: runs[i].rank)
        if best in given_up:
            climb, earlier = given_up[best]
            left = problem.max_iter - sum(result.n_iter for result in earlier)
            watch = observer.watcher(model, earlier)
            runs[best] = judge(
                model, *earlier, climb.run(tol=problem.tol, max_iter=left, watch=watch)
            )
    return runs


class Guard:
    """Whether a climb is to be given up, as a component is unsound by now; looked into after every
    few passes."""

    _EVERY = 8

    def __init__(self, model: Judged):
        self._model = model
        self._count = 0
        self.has_fired = False

    def __call__(self, climb: Ascent) -> bool:
        self._count += 1
        if self._count % self._EVERY == 0:
            self.has_fired = self._model.soundness.is_degenerate(climb.params)
        return self.has_fired


def _climbed(
    model: Any,
    attempt: Attempt,
    rng: np.random.RandomState,
    observer: Observer,
    guard: Guard | None = None,
) -> tuple[Ascent, tuple[Result, ...]]:
    """The last climb, and the results of all phases, each from where the last one ended and the
    first from where the climb is; max_iter passes in all. The guard watches the last phase: what
    is given up there can go on there."""
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
        is_last = len(results) + 1 == len(problem.phases)
        watch = _both(observer.watcher(model, results), guard if is_last else None)
        results = (*results, climb.run(tol=problem.tol, max_iter=left, watch=watch))
        if results[-1].stopped:
            break
    return climb, results


def _both(watch: Callable | None, guard: Guard | None) -> Callable | None:
    """What to call after every pass: either may stop the climb."""
    if watch is None or guard is None:
        return watch or guard
    return lambda climb: bool(watch(climb)) | guard(climb)
