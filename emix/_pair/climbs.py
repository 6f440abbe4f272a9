"""Where to look for maxima of the likelihood of two normals: short runs, then short climbs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from .._em.ascent import Ascent
from .._fit.problem import Problem
from .._fit.starts import Attempt
from .._normal.gaussian import Params
from .._rows.blocks import Rows
from .bumps import bumps, overlapping
from .intervals import Moments, starts
from .newton import Newton
from .short_runs import Pairs, ShortRuns
from .spurious import is_narrow
from .two_normals import TwoNormals, pair

# Maxima whose log-likelihood is further below that of the best are not worth reporting.
WORTH = 10.0
# Starts for normals that overlap are made if hard assignments gain less (nats).
_OVERLAP = 20.0
# Steps that all starts make together: of EM, then of Newton's method, until none gains more than
# the least step (nats).
_EM_STEPS, _NEWTON_STEPS, _LEAST_STEP = 4, (4, 4, 5), 1e-3


class Behind(NamedTuple):
    """By how much the gain in log-likelihood over one normal may be behind that of the best: nats,
    and a share of the latter."""

    nats: float
    share: float


# Before each of these numbers of steps, and after the last. Some starts of the highest maximum are
# hardly better than one normal at first. At the end: what is worth reporting, and what the
# log-likelihood on cells of rows may lack.
_BEHIND = (Behind(10.0, 0.8), Behind(45.0, 0.3), Behind(30.0, 0.1), Behind(WORTH + 5.0, 0.05))
# A few starts are climbed one by one, on all rows, if these are no more than this.
_FEW, _FEW_ROWS = 3, 4096
# Starts with a component at the floor that are followed to the end, at most; and as many with
# another narrow component.
_MOST_NARROW = 6
# Local scales from the middle of the rows: the fourth power of what is farther than this, which
# the information sums up, may overflow.
_FARTHEST = 1e50
# A short climb ends after 12 passes, or when 1e-4 nats per row are left to gain.
_SHORT_PASSES = 12
_SHORT_TOL = 1e-4
# Equal are two points whose weights, logarithms of scales, and means in units of the smaller
# scale differ by less.
_SAME = 0.1
# The same while they are on their way: nearby points may yet part.
_NEARLY_SAME = 0.05


class Sample(NamedTuple):
    """Distinct values z in ascending order, and their weights; whether they are all."""

    z: np.ndarray
    weight: np.ndarray
    is_complete: bool


def distinct(found: list, at: Callable) -> list:
    """Those at different points, the highest of equal ones first; at(item) has params and an
    objective."""
    kept: list = []
    places: list = []
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


def distinct_pairs(pairs: Pairs, tolerance: float) -> np.ndarray:
    """Indices of mixtures at different points, as above, the first of equal ones."""
    is_swapped = pairs.means[:, :1] > pairs.means[:, 1:]
    weights, means, variances = (np.where(is_swapped, p[:, ::-1], p) for p in pairs)
    scales, logs = np.sqrt(variances), np.log(variances)
    same = np.abs(means[:, None] - means) < tolerance * np.minimum(scales[:, None], scales)
    same &= np.abs(logs[:, None] - logs) < 2.0 * tolerance
    same &= np.abs(weights[:, None] - weights) < tolerance
    kept: list[int] = []
    for i, row in enumerate(same.all(axis=2).tolist()):
        if not any(row[j] for j in kept):
            kept.append(i)
    return np.array(kept, dtype=int)


class Climbs:
    """Climbs from intervals of the sorted rows, those that lead to different maxima."""

    n_collapsed = 0  # none is dropped for that

    def __init__(self, model: TwoNormals, sample: Sample, problem: Problem):
        self._model, self._sample, self._problem = model, sample, problem

    def climbs(self, until: Callable[[], bool]) -> Iterator[Attempt]:
        """On the sorted sample first, if that is smaller than the data."""
        model, sample, problem = self._model, self._sample, self._problem
        if problem.given.means is not None:
            yield Attempt(self._climb(model, self._given()), problem)
            return
        if len(sample.z) == 1:
            yield Attempt(Ascent(model, self._one_normal()), problem)
            return
        ground = model
        if not sample.is_complete and problem.max_iter > 0:
            rows = Rows(sample.z[:, None], sample.weight, np.zeros(1), np.ones(1))
            ground = model.over(rows)
        for climb in self._worthwhile(ground):
            climb = climb if ground is model else self._climb(model, climb.params)
            yield Attempt(climb, problem)

    def _one_normal(self) -> Params:
        mean, variance = self._model.mean_and_variance
        return self._model.params([0.5, 0.5], [mean] * 2, [variance] * 2)

    def _given(self) -> Params:
        """The user's start; without scales, those of the rows about their nearest mean."""
        given, rows = self._problem.given, self._model.rows
        assert given.means is not None, "a start has means"
        assert given.weights is not None, "and weights"
        means = ((given.means[:, 0] - rows.shift) / rows.scale).tolist()
        _check_distance("means_init", means, given.means.ravel())
        if given.factors is None:
            z, weight, _ = self._sample
            squares = np.subtract.outer(means, z) ** 2
            variances = [float(np.average(squares.min(axis=0), weights=weight))] * 2
        else:
            scales = [1.0 / (factor * float(rows.scale[0])) for factor in pair(given.factors)]
            _check_distance("scales_init", scales, 1.0 / given.factors.ravel())
            variances = [scale * scale for scale in scales]
        return self._model.params(given.weights.tolist(), means, variances)

    def _climb(self, model: TwoNormals, params: Params) -> Ascent:
        return Ascent(model, params, Newton(model) if self._problem.accelerate else None)

    def _worthwhile(self, ground: TwoNormals) -> list[Ascent]:
        """Climbs that end at different points and near the best."""
        climbs = distinct(self._short_climbs(ground, self._promising(ground)), lambda climb: climb)
        worth = _height(climbs) - WORTH / ground.rows.total_weight
        return [climb for climb in climbs if climb.within_reach >= worth]

    def _promising(self, ground: TwoNormals) -> list[Params]:
        """Where short runs lead to, without those that have fallen behind, the highest first."""
        pooled, most = ground.equal_variance, self._problem.max_iter
        total = ground.rows.total_weight
        moments = Moments(self._sample.z, self._sample.weight, ground.floor)
        intervals, pairs, gain = starts(moments, pooled)
        if not pooled and gain * total < _OVERLAP:
            more = pairs, overlapping(moments), bumps(moments)
            pairs = Pairs(*map(np.concatenate, zip(*more, strict=True)))
        runs = ShortRuns(moments.cells(intervals), ground.floor, pooled)
        pairs = runs.run(pairs, min(most, _EM_STEPS))

        def keep(pairs, objective, left):
            gain = (objective - ground.one_normal) * total
            kept = _still_in(pairs, gain, _BEHIND[-1 - left])
            kept = kept[distinct_pairs(pairs.take(kept), _NEARLY_SAME)]
            return kept if left else _few_narrow(pairs, ground.floor, kept)

        schedule = tuple(min(most, n_steps) for n_steps in _NEWTON_STEPS)
        few = _FEW if ground.rows.n <= _FEW_ROWS else 1
        pairs = runs.refine(pairs, schedule, _LEAST_STEP / total, few, keep)
        parameters = zip(*(part.tolist() for part in pairs), strict=True)
        return [ground.params(*each) for each in parameters]

    def _short_climbs(self, ground: TwoNormals, promising: list[Params]) -> list[Ascent]:
        """Short climbs that do not run into one before them."""
        problem, found = self._problem, []
        places: list = []

        def is_known(climb):
            place = _place(climb.params)
            return any(_same(place, other) for other in places)

        for params in promising:
            climb = self._climb(ground, params)
            result = climb.run(
                tol=max(problem.tol, _SHORT_TOL),
                max_iter=min(problem.max_iter, _SHORT_PASSES),
                watch=is_known,
            )
            if not result.stopped:
                found.append(climb)
                places.append(_place(climb.params))
        return found


def _check_distance(name: str, values: list[float], given: np.ndarray) -> None:
    """Whether a start's numbers, in local scales about the middle of the rows, have squares that
    can be added up."""
    for value, said in zip(values, given.tolist(), strict=False):
        if not abs(value) <= _FARTHEST:
            raise ValueError(
                f"{name} has {said:g}: that is more than {_FARTHEST:g} scales of X "
                "from its middle; choose a start near the rows"
            )


def _still_in(pairs: Pairs, gain: np.ndarray, behind: Behind) -> np.ndarray:
    """Indices of those that are not far behind the best without a narrow component, the highest
    first. Narrow ones do not count, as they may be on their way to the floor."""
    broad = ~is_narrow(_ratio(pairs.variances))
    best = float(gain[broad].max() if broad.any() else gain.max())
    order = np.argsort(-gain, kind="stable")
    return order[gain[order] >= best - behind.nats - behind.share * max(best, 0.0)]


def _few_narrow(pairs: Pairs, floor: float, kept: np.ndarray) -> np.ndarray:
    """Without those that have a component at the floor, and those that have another narrow one,
    but for the highest of either."""
    singular = (pairs.variances[kept] <= floor).any(axis=1)
    narrow = is_narrow(_ratio(pairs.variances[kept])) & ~singular
    few = [~kind | (np.cumsum(kind) <= _MOST_NARROW) for kind in (singular, narrow)]
    return kept[few[0] & few[1]]


def _ratio(variances: np.ndarray) -> np.ndarray:
    ratio = variances[:, 0] / variances[:, 1]
    return np.maximum(ratio, 1.0 / ratio)


def _height(climbs: list[Ascent]) -> float:
    """Of the best climb without a narrow component."""
    height = -np.inf
    for climb in climbs:
        one, two = pair(climb.params.covariances)
        if not is_narrow(max(one, two) / min(one, two)):
            height = max(height, climb.objective)
    return height
