"""From a mixture of any family to its best climb."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .._em.ascent import Ascent
from .._em.results import BEATEN, UNSOUND, Climbed, Result
from .._families import start
from .._families.start import Begun
from .._mixture.mixture import Mixture
from .fit import Run
from .problem import Phase
from .runs import Observer, all_climbed, climb_all
from .starts import Attempt, begin, run_a_little

# Objectives (nats per row) that differ by less are tied, and the first start wins: rounding errors,
# which depend on the order of the rows, must not choose.
_TIED = 1e-8
# Short climbs whose objectives differ by less (nats per row) lead to the same maximum.
_SAME = 1e-6


@dataclass(frozen=True)
class FamilyProblem:
    """What a fit is told. See ``problem.Terms``; max_iter holds for all phases."""

    n_components: int
    n_init: int
    tol: float
    max_iter: int
    accelerate: bool
    phases: tuple[Phase, ...]
    nudged: Callable = start.nudged


class Best(NamedTuple):
    """The best run, how many ended with components that rest on too little, and what all starts
    led to, the best one's first."""

    run: Run
    n_collapsed: int
    starts: tuple[Climbed, ...]


def best_climb(
    model: Mixture,
    begun: Begun,
    problem: FamilyProblem,
    rng: np.random.RandomState,
    observer: Observer,
) -> Best:
    """From the starts that can still win after short climbs, and from others where none of these
    leads to a sound result."""
    attempts = FamilyStarts(model, begun, problem)
    runs = climb_all(model, attempts, problem, rng, observer)
    unsound = [model.space.components.n_unsound(run.result.params) for run in runs]
    eligible = [run for run, count in zip(runs, unsound, strict=True) if count == min(unsound)]
    top = max(run.result.objective for run in eligible)
    best = next(run for run in eligible if run.result.objective >= top - _TIED)
    return Best(best, attempts.n_collapsed, all_climbed(best, runs, attempts.given_up))


class _Tried(NamedTuple):
    """A short climb, where it is, and how many of its components rest on too little; whether it is
    promising: it may still win, and no earlier one is as high."""

    climb: Ascent
    result: Result
    n_unsound: int
    is_promising: bool


class FamilyStarts:
    """Climbs from given or drawn parameters; see ``starts.Attempts``."""

    def __init__(self, model: Mixture, begun: Begun, problem: FamilyProblem):
        self._model, self._begun, self._problem = model, begun, problem
        self.n_collapsed = 0
        self.given_up: list[Climbed] = []  # in short climbs

    def climbs(self, until: Callable[[], bool]) -> Iterator[Attempt]:
        model, problem, ground = self._model, self._problem, self._begun.ground
        climbs = [begin(ground, params, problem) for params in self._begun.params]
        if len(climbs) == 1 and ground is model:
            yield Attempt(climbs[0], problem)
            return
        for tried in self._ranked(climbs):
            if tried.is_promising or not until():
                whole = ground is model
                climb = tried.climb if whole else begin(model, tried.climb.params, problem)
                yield Attempt(climb, problem)
            else:
                self._give_up(tried)

    def _ranked(self, climbs: list[Ascent]) -> list[_Tried]:
        """The climbs after some passes: promising ones first, in their order, whose objective and
        likely gain reach the best objective; then others by their objective; those with unsound
        components, whose objective has no bound, come last."""
        results = [run_a_little(climb, self._problem) for climb in climbs]
        n_unsound = self._model.space.components.n_unsound
        unsound = np.array([n_unsound(climb.params) for climb in climbs])
        objectives = np.array([climb.objective for climb in climbs])
        fewest = unsound == unsound.min()
        top = objectives[fewest].max()
        reaches = np.array([climb.within_reach >= top - _TIED for climb in climbs])
        eligible = fewest & reaches
        promising = eligible & _is_new(np.where(eligible, objectives, np.nan))
        tried = map(_Tried, climbs, results, unsound.tolist(), promising.tolist())
        return sorted(tried, key=_place)

    def _give_up(self, tried: _Tried) -> None:
        where = "" if self._begun.ground is self._model else ", on a sample of the rows"
        is_sound = not tried.n_unsound
        why = (BEATEN if is_sound else UNSOUND) + where
        self.given_up.append(Climbed(tried.result, tried.result.n_iter, is_sound, why))


def _place(tried: _Tried) -> tuple[bool, int, float]:
    height = 0.0 if tried.is_promising else -tried.result.objective
    return not tried.is_promising, tried.n_unsound, height


def _is_new(objectives: np.ndarray) -> np.ndarray:
    """Which differ from all before: climbs of one height are on the way to one maximum."""
    gaps = np.abs(np.subtract.outer(objectives, objectives))
    return ~(np.tril(gaps <= _SAME, -1)).any(axis=1)
