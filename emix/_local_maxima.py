"""Local maxima of the likelihood of two normals, and which of them to return."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ._em import start
from ._em.ascent import Ascent
from ._em.blocks import Mapper, Rows
from ._em.gaussian import LOG_2PI, Params
from ._em.intervals import Moments, gain_of, plain, promising
from ._em.two_normals import NewtonAscent, TwoNormals, pair
from ._fitting import Fit, Observer, Run, Settings, climb_all, in_data_units, judge, make_model

# Climbs are told apart after so many passes, or when this little is left to gain.
_SHORT_PASSES = 12
_SHORT_TOL = 1e-4
# Equal are two points whose weights, logarithms of scales, and means in units of the smaller
# scale differ by less.
_SAME = 0.1
# Maxima whose log-likelihood is further below that of the best are not worth reporting.
_WORTH = 10.0
# Gain per row of hard assignments over one normal from which they are starts enough.
_CLEAR = 0.1
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


@dataclass(frozen=True)
class TwoNormalFit(Fit):
    """The fit that is returned, all maxima that were found, and the information at the fit.

    Components are ordered by mean.
    """

    maxima: list[tuple[Fit, bool]]
    information: np.ndarray
    total_weight: float
    null_bound: float
    warning: str

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
    starts = IntervalStarts(model, settings)
    runs = [_with_order(run) for run in climb_all(model, starts, settings, rng, observer)]
    runs = distinct(runs, lambda run: run.result)
    best = max(runs, key=lambda run: _rank(model, run))
    worth = best.result.objective - _WORTH / model.rows.total_weight
    found = [run for run in runs if run.result.objective >= worth and not starts.has_failed]
    maxima = [(in_data_units(model, run), _is_spurious(model, run)) for run in found]
    fit = in_data_units(model, best, starts.n_collapsed)
    return TwoNormalFit(
        **vars(fit),
        maxima=maxima,
        information=_information(model, best.result.params),
        total_weight=model.rows.total_weight,
        null_bound=one_normal(model),
        warning=COLLAPSED if starts.has_failed else SPURIOUS * _is_spurious(model, best),
    )


def _information(model: TwoNormals, params: Params) -> np.ndarray:
    """Observed information in the units of the data."""
    information = model.information(model.e_step(params), params) * model.rows.total_weight
    unit = np.ones(len(information))
    unit[1:3] = model.rows.scale
    return information / unit / unit[:, None]


def _rank(model: TwoNormals, run: Run):
    return not run.degenerate, not _is_spurious(model, run), run.result.objective


def by_mean(params: Params) -> Params:
    """Components in the order of their means."""
    order = np.lexsort([pair(params.covariances), params.means[:, 0]])
    if order[0] == 0:
        return params
    pooled = params.covariances.ndim == 1
    parts = params[2:] if pooled else [part[order] for part in params[2:]]
    return Params(params.weights[order], params.means[order], *parts)


def _with_order(run: Run) -> Run:
    return replace(run, result=run.result._replace(params=by_mean(run.result.params)))


def ordered(fit: Fit) -> Fit:
    """The fit with its components in the order of their means."""
    params = Params(fit.weights, fit.means, fit.covariances, fit.factors, np.zeros(2))
    weights, means, covariances, factors, _ = by_mean(params)
    return replace(fit, weights=weights, means=means, covariances=covariances, factors=factors)


def is_spurious(model: TwoNormals, params: Params, objective: float) -> bool:
    """Whether a narrow component does not pay for its place.

    With standard deviations s < S / 10, it is spurious if the log-likelihood exceeds that of one
    normal by no more than 2 log(S / s).
    """
    narrow, wide = sorted(pair(params.covariances))
    if wide <= _NARROW**2 * narrow:
        return False
    gain = (objective - one_normal(model)) * model.rows.total_weight
    return gain <= math.log(wide / narrow)


def _is_spurious(model: TwoNormals, run: Run) -> bool:
    return is_spurious(model, run.result.params, run.result.objective)


def one_normal(model: TwoNormals) -> float:
    """Log-likelihood per row of one normal, in standard units."""
    return -0.5 * (LOG_2PI + 1.0 + float(np.log(model.factorise(model.spread).covariance[0])))


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


def _sorted_sample(rows: Rows) -> tuple[Rows, bool]:
    """Sorted distinct rows with their weights, all or a systematic sample; and whether all."""
    if rows.weight is not None or rows.n <= start.SAMPLE_ROWS:
        # the generator shifts a systematic sample: any seed will do
        return start.sample_rows(rows, 2, np.random.RandomState(0))
    size = start.SAMPLE_ROWS
    picked = np.sort(rows.X[:, 0])[(2 * np.arange(size) + 1) * rows.n // (2 * size)]
    values, counts = np.unique(picked, return_counts=True)
    return Rows(values[:, None], counts.astype(float), rows.shift, rows.scale), False


class IntervalStarts:
    """Climbs from intervals of the sorted rows, those that lead to different maxima."""

    def __init__(self, model: TwoNormals, settings: Settings):
        self._model, self._settings = model, settings
        self.n_collapsed = 0
        self.has_failed = False

    def climbs(self, until: Callable[[], bool]) -> Iterator[Ascent]:
        """On the sorted sample first, if that is smaller than the data."""
        model, settings = self._model, self._settings
        rows, complete = _sorted_sample(model.rows)
        sample = model.over(rows, same_moments=complete)
        ground = model if complete or settings.max_iter == 0 else sample
        for climb in self._worthwhile(ground, sample):
            yield climb if ground is model else self._climb(model, climb.params)
        if not until():
            self.has_failed = True
            yield Ascent(model, self._one_normal(), accelerate=False)

    def _one_normal(self) -> Params:
        model = self._model
        covariances = (
            model.spread if self._settings.structure.pooled else model.spread[[0, 0], None]
        )
        return Params(np.full(2, 0.5), np.zeros((2, 1)), *model.factorise(covariances))

    def _climb(self, model: TwoNormals, params: Params) -> Ascent:
        if self._settings.accelerate:
            return NewtonAscent(model, params)
        return Ascent(model, params, accelerate=False)

    def _worthwhile(self, ground: TwoNormals, sample: TwoNormals) -> list[Ascent]:
        """Short climbs that end at different points and can still end near the best."""
        rows, pooled = sample.rows, self._settings.structure.pooled
        if rows.n < 2:
            return []
        moments = Moments((rows.X[:, 0] - rows.shift) / rows.scale, rows.weight)
        hard = promising(moments, rows.weight, pooled)
        found = self._short_climbs(ground, moments, hard)
        is_clear = bool(hard) and gain_of(moments, hard[0], pooled) > _CLEAR
        if not (is_clear and _regular(ground, found)):
            others = [some for some in plain(moments, rows.weight, pooled) if some not in hard]
            found += self._short_climbs(ground, moments, others)
        found = distinct(found, lambda climb: climb)
        highest = max(_regular(ground, found), default=-np.inf)
        worth = highest - _WORTH / ground.rows.total_weight
        return [climb for climb in found if climb.within_reach >= worth]

    def _short_climbs(self, ground, moments, intervals) -> list[Ascent]:
        """From the M-steps at intervals against the rest, those that do not collapse."""
        settings, found = self._settings, []
        for interval in intervals:
            weights, means, variances = moments.parts(*interval)
            pooled = settings.structure.pooled
            covariances = np.array([weights @ variances]) if pooled else variances[:, None]
            climb = self._climb(
                ground, Params(weights, means[:, None], *ground.factorise(covariances))
            )
            result = climb.run(
                tol=max(settings.tol, _SHORT_TOL), max_iter=min(settings.max_iter, _SHORT_PASSES)
            )
            if judge(ground, result).collapsed:
                self.n_collapsed += 1
            else:
                found.append(climb)
        return found


def _regular(model: TwoNormals, climbs: list[Ascent]) -> list[float]:
    """Objectives of the climbs that are not at spurious maxima."""
    return [c.objective for c in climbs if not is_spurious(model, c.params, c.objective)]
