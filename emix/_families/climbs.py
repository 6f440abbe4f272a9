"""From a model to its highest maximum: starts, short climbs, and the best of the long ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from .._em.ascent import Ascent
from .._em.results import BEATEN, UNSOUND, Climbed, Result
from .._mixture.posterior import Rule
from .._mixture.start import SAMPLE_ROWS
from .._rows.sample import DistinctRows
from .mixture import Mixture
from .protocols import P

# A start has this part of the statistics of all rows for every component: nothing that the data
# have is impossible then, also where a partition of a sample has not seen it. Not tuned.
_SHARED = 0.1
# A short climb ends after 20 passes, or when 1e-4 nats per row are left to gain. Starts are
# compared then.
_SHORT_PASSES, _SHORT_TOL = 20, 1e-4
# Objectives (nats per row) that differ by less are tied, and the first start wins: rounding errors,
# which depend on the order of the rows, must not choose.
_TIED = 1e-8
# Between two temperatures statistics are moved by this part towards those of a partition of the
# rows: equal components would stay equal for ever. As much as means are in ``_mixture.start``; not
# tuned.
_MOVED = 0.05
# Short climbs whose objectives differ by less (nats per row) lead to the same maximum.
_SAME = 1e-6


class Settings(NamedTuple):
    """What a fit is told. There is a climb by each rule in turn, and max_iter holds for all."""

    n_components: int
    n_init: int
    tol: float
    max_iter: int
    accelerate: bool
    rules: tuple[Rule, ...]


class Observer(Protocol):
    """Told how a fit goes."""

    def begin_init(self, index: int) -> None: ...

    def watcher(
        self, model: Any, earlier: tuple[Result, ...]
    ) -> Callable[[Ascent], bool] | None: ...

    def end_init(self, model: Any, result: Result) -> None: ...


class Best(NamedTuple):
    """The results of the best climb, one for each rule, how many climbs ended with components that
    rest on too little, and what all starts led to, the best one's first."""

    results: tuple[Result, ...]
    n_collapsed: int
    starts: tuple[Climbed, ...]

    @property
    def last(self) -> Result:
        return self.results[-1]


class Ranked(NamedTuple):
    """Climbs in the order in which they go on, where they are, and how many are promising."""

    climbs: list[Ascent]
    reached: list[Result]
    n_promising: int


def from_responsibilities(model: Mixture, n_components: int, resp: Callable) -> P:
    """The M-step at given responsibilities, resp(at) (m, K)."""
    alike = model.family.equal(n_components, model.rows)
    return model.m_step(model.statistics_at(alike, resp), alike)


class Starts(NamedTuple):
    """Parameters to climb from, and the model that tells which of them are promising: that of a
    sample where there are many rows."""

    params: list
    ground: Mixture


def best_climb(
    model: Mixture,
    starts: Starts,
    settings: Settings,
    rng: np.random.RandomState,
    observer: Observer,
) -> Best:
    """From the starts that can still win after short climbs, and from others where none of these
    leads to a sound result."""
    climbs = [_begin(starts.ground, params, settings) for params in starts.params]
    ranked = Ranked(climbs, [], len(climbs))
    if len(climbs) > 1 or starts.ground is not model:
        ranked = _ranked(climbs, model, settings)
    found: list[tuple[Result, ...]] = []
    for index, climb in enumerate(ranked.climbs):
        if index >= ranked.n_promising and not _unsound(model, found).all():
            break
        whole = climb if starts.ground is model else _begin(model, climb.params, settings)
        observer.begin_init(index)
        found.append(_by_all_rules(model, whole, settings, rng, observer))
        observer.end_init(model, found[-1][-1])
    unsound = _unsound(model, found)
    eligible = np.flatnonzero(unsound == unsound.min())
    top = max(found[i][-1].objective for i in eligible)
    best = next(i for i in eligible if found[i][-1].objective >= top - _TIED)
    ended = [
        Climbed(results[-1], _n_passes(results), not n_unsound)
        for results, n_unsound in zip(found, unsound.tolist(), strict=True)
    ]
    others = ended[:best] + ended[best + 1 :] + _given_up(model, starts, ranked, len(found))
    others.sort(key=lambda climbed: climbed.rank, reverse=True)
    return Best(found[best], int(np.count_nonzero(unsound)), (ended[best], *others))


def _n_passes(results: tuple[Result, ...]) -> int:
    """In all, but for those that evaluate a start."""
    return sum(result.n_iter for result in results)


def _given_up(model: Mixture, starts: Starts, ranked: Ranked, n_ended: int) -> list[Climbed]:
    """What the starts had reached that did not go on."""
    where = "" if starts.ground is model else ", on a sample of the rows"
    found = []
    for result in ranked.reached[n_ended:]:
        is_sound = not model.family.n_unsound(result.params)
        why = (BEATEN if is_sound else UNSOUND) + where
        found.append(Climbed(result, result.n_iter, is_sound, why))
    return found


def _by_all_rules(
    model: Mixture,
    climb: Ascent,
    settings: Settings,
    rng: np.random.RandomState,
    observer: Observer,
) -> tuple[Result, ...]:
    """The results of a climb by each rule, from where the one before ended."""
    results: tuple[Result, ...] = ()
    for rule in settings.rules:
        left = settings.max_iter - _n_passes(results)
        if results:
            model, params = model.ruled(rule), results[-1].params
            params = _moved(model, params, settings.n_components, rng) if left else params
            climb = _begin(model, params, settings)
        watch = observer.watcher(model, results)
        results = (*results, climb.run(tol=settings.tol, max_iter=left, watch=watch))
        if results[-1].stopped:
            break
    return results


def _moved(model: Mixture, params: P, n_components: int, rng: np.random.RandomState) -> P:
    """The M-step of statistics that are a little like those of clusters drawn at random."""
    ground = model.over(DistinctRows(model.rows).sample(SAMPLE_ROWS)[0])
    one_hot = np.eye(n_components)[model.family.labels(ground.rows, n_components, rng)]
    stats = ground.e_step(params)
    apart = ground.statistics_at(params, lambda at: one_hot[at])
    mixed = (1.0 - _MOVED) * stats.vector + _MOVED * apart.vector
    return ground.m_step(stats.at(mixed), params)


def _unsound(model: Mixture, found: list[tuple[Result, ...]]) -> np.ndarray:
    """How many components rest on too little, of each climb."""
    return np.array([model.family.n_unsound(results[-1].params) for results in found])


def drawn_starts(model: Mixture, settings: Settings, rng: np.random.RandomState) -> Starts:
    """By partitions of distinct rows: they depend neither on the order of the rows nor on whether
    these are repeated or weighted."""
    rows, is_complete = DistinctRows(model.rows).sample(SAMPLE_ROWS)
    ground, n_components = model.over(rows), settings.n_components
    count = 1 if n_components == 1 else settings.n_init
    alike = model.family.equal(n_components, model.rows)
    of_all = model.over(model.rows).statistics_at(alike, lambda at: _equal(model, at, n_components))
    starts = []
    for _ in range(count):
        labels = model.family.labels(rows, n_components, rng)
        one_hot = np.eye(n_components)[labels]
        stats = ground.statistics_at(alike, lambda at, one_hot=one_hot: one_hot[at])
        mixed = (1.0 - _SHARED) * stats.vector + _SHARED * of_all.vector
        starts.append(_aligned(model, ground.m_step(stats.at(mixed), alike)))
    climbs_all = is_complete or model.constraint is not None
    return Starts(starts, model if climbs_all else ground)


def _equal(model: Mixture, at: slice | np.ndarray, n_components: int) -> np.ndarray:
    return np.full((len(model.rows.X[at]), n_components), 1.0 / n_components)


def _aligned(model: Mixture, params: P) -> P:
    """In the order that agrees best with what constraints allow."""
    if model.constraint is None:
        return params
    order = model.constraint.order(model, model.kernel(params))
    return params if order is None else model.family.taken(params, order)


def _begin(model: Mixture, params: P, settings: Settings) -> Ascent:
    return Ascent(model, params, model.acceleration() if settings.accelerate else None)


def _is_new(objectives: np.ndarray) -> np.ndarray:
    """Which differ from all before: climbs of one height are on the way to one maximum."""
    gaps = np.abs(np.subtract.outer(objectives, objectives))
    return ~(np.tril(gaps <= _SAME, -1)).any(axis=1)


def _ranked(climbs: list[Ascent], model: Mixture, settings: Settings) -> Ranked:
    """The climbs after some passes, and how many are promising: their objective and likely gain
    reach the best objective, and no other is as high. These come first, in their order, then others
    by their objective; those with unsound components, whose objective has no bound, come last."""
    tol, passes = max(settings.tol, _SHORT_TOL), min(settings.max_iter, _SHORT_PASSES)
    reached = [climb.run(tol=tol, max_iter=passes) for climb in climbs]
    unsound = np.array([model.family.n_unsound(climb.params) for climb in climbs])
    fewest = unsound == unsound.min()
    top = max(climb.objective for climb, is_sound in zip(climbs, fewest, strict=True) if is_sound)
    reaches = np.array([climb.within_reach >= top - _TIED for climb in climbs])
    eligible = fewest & reaches
    objectives = np.where(eligible, [climb.objective for climb in climbs], np.nan)
    promising = eligible & _is_new(objectives)
    order = sorted(
        range(len(climbs)),
        key=lambda i: (not promising[i], unsound[i], 0.0 if promising[i] else -climbs[i].objective),
    )
    n_promising = int(np.count_nonzero(promising))
    return Ranked([climbs[i] for i in order], [reached[i] for i in order], n_promising)
