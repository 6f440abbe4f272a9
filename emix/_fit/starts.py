"""Where climbs begin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from .._em.ascent import Ascent, Result
from .._em.quasi_newton import QuasiNewton
from .._em.results import BEATEN, UNSOUND, Climbed
from .._mixture import start
from .._mixture.curvature import NewtonLater, patience
from .._mixture.late import Late
from .._mixture.mixture import Mixture
from .._mixture.search import can_race, leading
from .._normal.gaussian import Params
from .fit import judge
from .problem import Problem, Terms

STARTS: dict[str, Callable] = {
    "kmeans": start.kmeans,
    "k-means++": start.kmeans_plusplus,
    "random": start.random,
    "random_from_data": start.random_from_data,
}

# A short climb ends after 20 passes, or when 1e-4 nats per row are left to gain. Starts are
# compared then.
_SHORT_PASSES = 20
_SHORT_TOL = 1e-4
# Starts that are tried in addition where no result is sound.
_RETRIES = 1
# Winners of a race that are compared in short climbs where a structure ties components to each
# other, of which races know nothing. With one, fits of iris and Old Faithful (eight structures, two
# to four components, four seeds) fell behind mclust's in 9 cells of 48, with four in 5; they take
# two and a half times as long.
_TOGETHER = 4
# Passes of plain EM where acceleration leads to a singular component: on the way there the
# likelihood can be flat for very long.
_CAUTIOUS = 30


def begin(model: Mixture, params: Any, problem: Terms) -> Ascent:
    """A climb by EM, as fast as it can be made if that is wanted. Hard assignments settle in few
    passes, and extrapolated parameters are not those of any."""
    if not problem.accelerate or model.is_combinatorial:
        return Ascent(model, params)
    newton = NewtonLater(model, patience(model, params))
    found = newton.at(params) if not newton.after else None
    if found is not None:
        bent, steps = found
        return Ascent(bent, params, steps)
    acceleration = QuasiNewton if model.space.is_free else Late
    return Ascent(model, params, acceleration(model), newton)


def run_a_little(climb: Ascent, problem: Terms) -> Result:
    """A short climb, after which starts are compared."""
    passes = min(problem.max_iter, _SHORT_PASSES)
    return climb.run(tol=max(problem.tol, _SHORT_TOL), max_iter=passes)


class Attempt(NamedTuple):
    """A climb that was begun, and how it goes on: with these settings; whether there is something
    else to try, so that it may be given up; whether it ends before it has to."""

    climb: Ascent
    problem: Terms
    may_give_up: bool = False
    is_cut_short: bool = False


class Attempts(Protocol):
    """Climbs to make; more of them, or fewer, by what those before led to."""

    n_collapsed: int  # starts that were passed over

    def climbs(self, until: Callable[[], bool]) -> Iterator[Attempt]:
        """Until there is a sound result, and perhaps more."""


class Starts:
    """Where to climb from: given, assigned or drawn parameters."""

    def __init__(self, model: Mixture, problem: Problem, rng: np.random.RandomState):
        self._model, self._problem, self._rng = model, problem, rng
        # means that every start begins with: given ones, or those of labelled rows
        self._means = None
        if problem.given.means is not None:
            self._means = (problem.given.means - model.rows.shift) / model.rows.scale
        elif model.constraint is not None:
            self._means = model.constraint.means(model.likelihood.rows)
        self.n_collapsed = 0
        self.given_up: list[Climbed] = []  # in short climbs

    def climbs(self, until: Callable[[], bool]) -> Iterator[Attempt]:
        """From the promising starts; where none of them leads to a sound result, from more until
        one does."""
        problem, model = self._problem, self._model
        if problem.given.complete():
            yield self._attempt(problem.given.override(model, None))
        elif not isinstance(problem.start, str):
            yield self._attempt(self._assigned())
        elif problem.n_components == 1 and self._means is None:
            whole = start.whole(model.likelihood, 1)
            yield self._attempt(model.begin(problem.given.override(model.likelihood, whole)))
        elif problem.searches and self._means is None and can_race(model, problem.n_components):
            yield from self._searched(until)
        else:
            yield from self._drawn(until)

    def _drawn(self, until: Callable[[], bool]) -> Iterator[Attempt]:
        problem, model = self._problem, self._model
        rows, complete = start.sample_of(model, problem.n_components)
        sample = model.over(rows, same_moments=complete)
        # such means are used as they are: the climb begins there, on all rows
        whole = complete or self._means is not None
        for climb in self._promising(sample, model if whole else sample):
            yield Attempt(climb, problem)
        # from given means every draw is the same, and from too few rows no result is sound
        few = model.space.distinct.count < problem.n_components * model.soundness.needed
        for _ in range(0 if few or self._means is not None or not problem.max_iter else _RETRIES):
            if until():
                return
            yield self._attempt(self._draw(sample))

    def _attempt(self, params: Params, may_give_up: bool = False) -> Attempt:
        return Attempt(self._climb(self._model, params), self._problem, may_give_up)

    def _climb(self, model: Mixture, params: Params) -> Ascent:
        if model.constraint is not None and self._means is None:
            params = model.constraint.aligned(model, params)
        return begin(model, params, self._problem)

    def _searched(self, until: Callable[[], bool]) -> Iterator[Attempt]:
        """From the start that wins a race, or from n_init that can still win; from others that did
        well if these do not lead to a sound result."""
        problem, model = self._problem, self._model
        found = leading(model.likelihood, problem.n_components, self._rng, problem.n_init)
        found = [model.begin(problem.given.override(model.likelihood, each)) for each in found]
        if model.likelihood is not model and len(found) > 1 and problem.max_iter:
            found = self._by_short_climbs(found)
        first = found[0]
        is_sound = not model.soundness.is_degenerate(first)
        may_give_up = problem.n_init == 1 and is_sound
        n_init = problem.n_init if model.structure.is_free else max(problem.n_init, _TOGETHER)
        if n_init > 1 and problem.max_iter:
            climbs = [self._climb(model, params) for params in found[:n_init]]
            for climb in self._selected(model, climbs):
                yield Attempt(climb, problem, may_give_up)
            found = found[n_init:]
        else:
            yield self._attempt(found.pop(0), may_give_up)
        # sound starts come first: if this one is not, the others are not either
        if until() or not problem.max_iter or not is_sound:
            return
        # other starts first: of 32 fits one led to a sound result in 15, plain EM in 3
        for params in found[:_RETRIES]:
            yield self._attempt(params, may_give_up)
            if until():
                return
        yield from self._cautious(first)

    def _by_short_climbs(self, found: list[Params]) -> list[Params]:
        """Where climbs lead to from starts that raced on another likelihood than the model's, on
        the sample that starts come from; sound ones first, then the highest."""
        rows, complete = start.sample_of(self._model, self._problem.n_components)
        ground = self._model if complete else self._model.over(rows, same_moments=False)
        climbs = [self._climb(ground, params) for params in found]
        runs = [judge(ground, run_a_little(climb, self._problem)) for climb in climbs]
        order = sorted(range(len(runs)), key=lambda i: runs[i].rank, reverse=True)
        return [climbs[i].params for i in order]

    def _cautious(self, params: Params) -> Iterator[Attempt]:
        """By plain EM from a sound start: all of the way, or as far as it is sound."""
        problem, model = self._problem, self._model
        limit = min(_CAUTIOUS, problem.max_iter)
        climb = Ascent(model, params)
        plain = replace(problem, accelerate=False, max_iter=limit)
        yield Attempt(climb, plain, is_cut_short=limit < problem.max_iter)
        if model.soundness.is_degenerate(climb.params):
            # the start itself was sound: a step of plain EM from it is, too
            step = replace(problem, accelerate=False, max_iter=1)
            yield Attempt(Ascent(model, params), step, is_cut_short=problem.max_iter > 1)
        elif limit < problem.max_iter and len(climb.passes) > limit:
            # a sound maximum may lie ahead
            yield self._attempt(climb.params, may_give_up=True)

    def _promising(self, sample: Mixture, ground: Mixture) -> Iterator[Ascent]:
        """From n_init starts, or from those of them that can still win.

        Several starts, or starts from a sample that is smaller than the data, first climb a
        little on the ground: the sample if it is smaller. Those go on whose objective and
        estimated remaining gain reach the best objective.
        """
        problem, model = self._problem, self._model
        count = problem.n_init if self._means is None else 1
        drawn = [self._draw(sample) for _ in range(count)]
        climbs = [self._climb(ground, params) for params in drawn]
        if len(climbs) > 1 or ground is sample:
            climbs = self._selected(ground, climbs)
        for climb in climbs:
            yield climb if ground is model else self._climb(model, climb.params)

    def _selected(self, ground: Mixture, climbs: list[Ascent]) -> list[Ascent]:
        ends = [judge(ground, run_a_little(climb, self._problem)).climbed for climb in climbs]
        sound = [climb for climb, end in zip(climbs, ends, strict=True) if end.is_sound]
        self.n_collapsed += len(climbs) - len(sound)
        kept = sorted(sound or climbs, key=lambda c: -c.objective)
        kept = kept[:1] + [c for c in kept[1:] if c.within_reach > kept[0].objective]
        where = "" if ground is self._model else ", on a sample of the rows"
        for climb, end in zip(climbs, ends, strict=True):
            if climb not in kept:
                why = (BEATEN if end.is_sound else UNSOUND) + where
                self.given_up.append(end._replace(given_up=why))
        return kept

    def _draw(self, sample: Mixture) -> Params:
        problem, likelihood = self._problem, sample.likelihood
        if self._means is not None:
            drawn = start.from_means(likelihood, self._means)
        else:
            drawn = STARTS[str(problem.start)](likelihood, problem.n_components, self._rng)
        return sample.begin(problem.given.override(likelihood, drawn))

    def _assigned(self) -> Params:
        problem, model = self._problem, self._model
        assign, n_components = problem.start, problem.n_components
        one_hot = np.eye(n_components)

        def resp(at):
            return assign[at] if assign.ndim == 2 else one_hot[assign[at]]

        found = start.from_responsibilities(model.likelihood, resp, n_components)
        return model.begin(problem.given.override(model.likelihood, found), resp)
