"""Local maxima of the likelihood of two normals, and which of them to return."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ._em.ascent import Ascent, Result
from ._em.blocks import Mapper, Rows
from ._em.gaussian import Params
from ._em.intervals import Moments, starts
from ._em.short_runs import Pairs, ShortRuns
from ._em.sorted_sample import sorted_sample
from ._em.two_normals import NewtonAscent, TwoNormals, pair
from ._fitting import (
    Fit,
    Observer,
    Run,
    Settings,
    climb_all,
    in_data_units,
    judge,
    log_unit,
    make_model,
)

# Steps that all starts make together; fewer if all collapse. Dropped are then those whose gain in
# log-likelihood over one normal is behind that of the best by more than this, and by more than
# this share of it.
_TOGETHER = (6, 1)
_BEHIND, _BEHIND_SHARE = 30.0, 0.5
# Climbs are told apart after so many passes, or when this little is left to gain.
_SHORT_PASSES = 12
_SHORT_TOL = 1e-4
# Equal are two points whose weights, logarithms of scales, and means in units of the smaller
# scale differ by less.
_SAME = 0.1
# Maxima whose log-likelihood is further below that of the best are not worth reporting.
_WORTH = 10.0
# Ratio of standard deviations from which a component is narrow.
_NARROW = 10.0

COLLAPSED = (
    "From every start a component shrank to a single value of X, where the likelihood is "
    "unbounded: both components are those of one normal. X needs more distinct values, or "
    "equal_variance=True"
)
SPURIOUS = (
    "Only spurious maxima were found: a narrow component rests on a few values of X that are "
    "close together. equal_variance=True has no such maxima"
)


class Maximum(NamedTuple):
    """A maximum in the units of the data, components in the order of their means."""

    log_likelihood: float
    weight: float
    means: np.ndarray
    scales: np.ndarray
    spurious: bool


@dataclass(frozen=True)
class TwoNormalFit(Fit):
    """The fit that is returned, all maxima that were found, and the information at the fit.

    Components are ordered by mean.
    """

    maxima: list[Maximum]
    information: np.ndarray
    total_weight: float
    null_bound: float
    warning: str

    @property
    def shares(self) -> np.ndarray:
        return self.weights

    @property
    def log_likelihood(self) -> float:
        return self.total_weight * self.lower_bound

    @property
    def null_log_likelihood(self) -> float:
        """That of one normal."""
        return self.total_weight * (self.null_bound + self.log_unit)


def fit_two_normals(
    X: np.ndarray,
    weight: np.ndarray | None,
    settings: Settings,
    rng: np.random.RandomState,
    observer: Observer,
    mapper: Mapper,
) -> TwoNormalFit:
    """The best of all maxima that are not spurious, or the best if all are; where every climb
    collapsed, one normal twice."""
    model = make_model(X, weight, settings, mapper)
    climbs = IntervalStarts(model, settings)
    runs = [_with_order(run) for run in climb_all(model, climbs, settings, rng, observer)]
    runs = distinct(runs, lambda run: run.result)
    best = max(runs, key=lambda run: _rank(model, run))
    worth = best.result.objective - _WORTH / model.rows.total_weight
    found = [run for run in runs if run.result.objective >= worth and not climbs.has_failed]
    fit = in_data_units(model, best, climbs.n_collapsed)
    return TwoNormalFit(
        **vars(fit),
        maxima=[_maximum(model, run) for run in found],
        information=_information(model, best.result),
        total_weight=model.rows.total_weight,
        null_bound=model.one_normal,
        warning=COLLAPSED if climbs.has_failed else SPURIOUS * _is_spurious(model, best),
    )


def _maximum(model: TwoNormals, run: Run) -> Maximum:
    rows, params = model.rows, run.result.params
    return Maximum(
        (run.result.objective + log_unit(model)) * rows.total_weight,
        float(params.weights[1]),
        rows.shift + rows.scale * params.means[:, 0],
        rows.scale * np.sqrt(pair(params.covariances)),
        _is_spurious(model, run),
    )


def _information(model: TwoNormals, result: Result) -> np.ndarray:
    """Observed information in the units of the data."""
    information = model.information(result.stats, result.params) * model.rows.total_weight
    unit = np.ones(len(information))
    unit[1:3] = model.rows.scale
    return information / unit / unit[:, None]


def _rank(model: TwoNormals, run: Run):
    return not run.degenerate, not _is_spurious(model, run), run.result.objective


def by_mean(params: Params) -> Params:
    """Components in the order of their means."""
    if _in_order(params):
        return params
    pooled = params.covariances.ndim == 1
    parts = params[2:] if pooled else [part[::-1] for part in params[2:]]
    return Params(params.weights[::-1], params.means[::-1], *parts)


def _in_order(params: Params) -> bool:
    one, two = zip(pair(params.means), pair(params.covariances), strict=True)
    return one <= two


def _with_order(run: Run) -> Run:
    result = run.result
    if _in_order(result.params):
        return run
    params, stats = by_mean(result.params), result.stats.swapped()
    return replace(run, result=result._replace(params=params, stats=stats))


def ordered(fit: Fit) -> Fit:
    """The fit with its components in the order of their means."""
    params = Params(fit.weights, fit.means, fit.covariances, fit.factors, np.zeros(2))
    weights, means, covariances, factors, _ = by_mean(params)
    return replace(fit, weights=weights, means=means, covariances=covariances, factors=factors)


def is_spurious(model: TwoNormals, params: Params, objective: float) -> bool:
    """Whether a narrow component does not pay for its place."""
    narrow, wide = sorted(pair(params.covariances))
    gain = (objective - model.one_normal) * model.rows.total_weight
    return bool(_does_not_pay(wide / narrow, gain))


def _does_not_pay(ratio, gain):
    """With standard deviations s < S / 10, a maximum is spurious if its log-likelihood exceeds
    that of one normal by no more than 2 log(S / s); the ratio is that of the variances."""
    return (ratio > _NARROW**2) & (gain <= np.log(ratio))


def _is_spurious(model: TwoNormals, run: Run) -> bool:
    return is_spurious(model, run.result.params, run.result.objective)


def distinct(found: list, at: Callable) -> list:
    """Those at different points, the highest of equal ones first; at(item) has params and an
    objective."""
    kept, places = [], []
    for item in sorted(found, key=lambda item: -at(item).objective):
        place = _place(at(item).params)
        if not any(_same(place, other) for other in places):
            kept.append(item)
            places.append(place)
    return kept


def _place(params: Params) -> list[tuple[float, float, float]]:
    """Mean, variance and weight of both components, in the order of their means."""
    return sorted(
        zip(pair(params.means), pair(params.covariances), pair(params.weights), strict=True)
    )


def _same(a: list, b: list) -> bool:
    return all(map(_is_near, a, b))


def _is_near(a: tuple[float, float, float], b: tuple[float, float, float]) -> bool:
    (mean, variance, weight), (other_mean, other_variance, other_weight) = a, b
    return (
        abs(mean - other_mean) < _SAME * math.sqrt(min(variance, other_variance))
        and abs(math.log(variance / other_variance)) < 2.0 * _SAME
        and abs(weight - other_weight) < _SAME
    )


class IntervalStarts:
    """Climbs from intervals of the sorted rows, those that lead to different maxima."""

    def __init__(self, model: TwoNormals, settings: Settings):
        self._model, self._settings = model, settings
        self.n_collapsed = 0
        self.has_failed = False

    def climbs(self, until: Callable[[], bool]) -> Iterator[Ascent]:
        """On the sorted sample first, if that is smaller than the data."""
        model, settings = self._model, self._settings
        z, weight, complete = sorted_sample(model.rows)
        ground = model
        if not complete and settings.max_iter > 0:
            rows = Rows(z[:, None], weight, np.zeros(1), np.ones(1))
            ground = model.over(rows, same_moments=False)
        for climb in self._worthwhile(ground, z, weight) if len(z) > 1 else []:
            yield climb if ground is model else self._climb(model, climb.params)
        if not until():
            self.has_failed = True
            yield Ascent(model, self._one_normal(), accelerate=False)

    def _one_normal(self) -> Params:
        model = self._model
        return model.params([0.5, 0.5], [0.0, 0.0], model.spread.tolist() * 2)

    def _climb(self, model: TwoNormals, params: Params) -> Ascent:
        if self._settings.accelerate:
            return NewtonAscent(model, params)
        return Ascent(model, params, accelerate=False)

    def _worthwhile(self, ground: TwoNormals, z, weight) -> list[Ascent]:
        """Short climbs that end at different points and can still end near the best."""
        climbs = distinct(self._short_climbs(ground, z, weight), lambda climb: climb)
        regular = [c.objective for c in climbs if not is_spurious(ground, c.params, c.objective)]
        worth = max(regular, default=-np.inf) - _WORTH / ground.rows.total_weight
        return [climb for climb in climbs if climb.within_reach >= worth]

    def _short_climbs(self, ground: TwoNormals, z, weight) -> list[Ascent]:
        """From the starts that are promising."""
        moments = Moments(z, weight)
        intervals, pairs = starts(moments, ground.structure.pooled)
        runs = ShortRuns(moments.cells(intervals), ground.floor, ground.structure.pooled)
        found: list[Ascent] = []
        for n_steps in _TOGETHER:
            if not found:
                after = runs.run(pairs, min(self._settings.max_iter, n_steps))
                found = self._climbed(ground, self._promising(ground, *after))
        return found

    def _promising(self, ground: TwoNormals, pairs: Pairs, objective: np.ndarray) -> list[Params]:
        """Those that have neither collapsed nor fallen behind, the highest first."""
        floor = ground.floor
        gain = (objective - ground.one_normal) * ground.rows.total_weight
        narrow, wide = pairs.variances.min(axis=1), pairs.variances.max(axis=1)
        collapsed = narrow <= floor
        self.n_collapsed += int(collapsed.sum())
        best = gain[~collapsed & ~_does_not_pay(wide / narrow, gain)].max(initial=-np.inf)
        kept = ~collapsed & (gain >= best - max(_BEHIND, _BEHIND_SHARE * best))
        order = np.argsort(-gain)
        chosen = order[kept[order]]
        parameters = zip(*(part[chosen].tolist() for part in pairs), strict=True)
        return [ground.params(*each) for each in parameters]

    def _climbed(self, ground: TwoNormals, promising: list[Params]) -> list[Ascent]:
        """Short climbs that neither collapse nor run into one before them."""
        settings, places, found = self._settings, [], []

        def is_known(climb):
            place = _place(climb.params)
            return any(_same(place, other) for other in places)

        for params in promising:
            climb = self._climb(ground, params)
            result = climb.run(
                tol=max(settings.tol, _SHORT_TOL),
                max_iter=min(settings.max_iter, _SHORT_PASSES),
                watch=is_known,
            )
            if ground.is_collapsed(result.params):
                self.n_collapsed += 1
            elif not result.stopped:
                found.append(climb)
                places.append(_place(climb.params))
        return found
