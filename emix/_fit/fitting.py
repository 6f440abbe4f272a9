"""From a validated problem to a fitted mixture: starts, runs, the best of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._em.ascent import Ascent
from .._em.newton import Newton
from .._em.quasi_newton import QuasiNewton
from .._em.results import Reason, Result
from .._mixture import start
from .._mixture.constraint import Constraint
from .._mixture.curvature import curved
from .._mixture.mixture import Mixture
from .._mixture.posterior import at_temperature
from .._mixture.search import can_race, leading
from .._normal.covariances import Structure
from .._normal.gaussian import Params
from .._normal.prior import Prior
from .._rows.blocks import standard_units
from .._rows.grid import BLOCK_BYTES, Mapper
from .._rows.patterns import rows_over

STARTS: dict[str, Callable] = {
    "kmeans": start.kmeans,
    "k-means++": start.kmeans_plusplus,
    "random": start.random,
    "random_from_data": start.random_from_data,
}

# Starts are told apart after so many passes, or when this little is left to gain.
_SHORT_PASSES = 20
_SHORT_TOL = 1e-4
# Starts that are tried in addition where no result is sound.
_RETRIES = 1
# Iterations of plain EM where acceleration leads to a singular component: on the way there the
# likelihood can be flat for very long.
_CAUTIOUS = 30
# What a fit says that ends with these iterations: more of them would lead somewhere worse.
_CUT_SHORT = "ended early: the climb leads to a degenerate component"


@dataclass(frozen=True)
class Given:
    """Initial values by the user, in the units of the data; None where there are none."""

    weights: np.ndarray | None = None
    means: np.ndarray | None = None
    factors: np.ndarray | None = None

    def complete(self) -> bool:
        return not any(value is None for value in (self.weights, self.means, self.factors))

    def override(self, model: Mixture, base: Params | None) -> Params:
        """The given values, in the model's units, in place of the computed ones."""
        structure, rows = model.structure, model.rows
        weights = base.weights if self.weights is None else self.weights
        means = base.means if self.means is None else (self.means - rows.shift) / rows.scale
        if self.factors is None:
            return Params(weights, means, *base[2:])
        covariance, factor = structure.form.rescale(
            structure.form.invert(self.factors), self.factors, 1.0 / rows.scale
        )
        count = np.zeros(structure.sharing.leading(len(weights)), dtype=int)
        return Params(weights, means, covariance, factor, count)


@dataclass(frozen=True)
class Phase:
    """A climb of a run: at a temperature, and by another algorithm than EM if there is a
    ``variant``, which makes a model that is climbed in its place."""

    temperature: float = 1.0
    variant: Callable[[Mixture], Any] | None = None


@dataclass(frozen=True)
class Settings:
    """What a fit is told: validated constructor parameters."""

    n_components: int
    structure: Structure
    model: Callable[..., Mixture]
    given: Given
    assign: str | np.ndarray
    reg_covar: float
    tol: float
    max_iter: int
    n_init: int
    accelerate: bool
    prior: Callable[[Mixture, int], Prior] | None = None  # for a model of so many components
    constraint: Constraint | None = None
    phases: tuple[Phase, ...] = (Phase(),)
    searches: bool = False  # whether starts are searched for by races


@dataclass(frozen=True)
class Run:
    """The outcome of one start: its last climb, and those of earlier phases; degenerate if a
    component rests on too little."""

    result: Result
    degenerate: bool
    earlier: tuple[Result, ...] = ()

    @property
    def rank(self) -> tuple[bool, bool, float]:
        """The larger, the better: points on the way to degenerate maxima come before these,
        but after maxima."""
        is_maximum = self.result.reason is not Reason.CUT_SHORT
        return not self.degenerate, is_maximum, self.result.objective

    @property
    def is_sound(self) -> bool:
        return all(self.rank[:2])

    @property
    def climbs(self) -> tuple[Result, ...]:
        return (*self.earlier, self.result)

    @property
    def n_iter(self) -> int:
        return sum(result.n_iter for result in self.climbs)


@dataclass(frozen=True)
class Fit:
    """The best run, in the units of the data."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    factors: np.ndarray
    log_unit: float
    run: Run
    n_collapsed: int
    model: Mixture

    @property
    def lower_bound(self) -> float:
        return self.run.result.objective + self.log_unit

    @property
    def n_null(self) -> int:
        """Directions in which the data do not vary."""
        return self.model.n_null

    @property
    def shares(self) -> np.ndarray:
        """Shares of the rows that belong to the components, (K,); also of frozen weights."""
        return self.run.result.stats.weight


def is_parallel(X: np.ndarray, structure: Structure, n_components: int) -> bool:
    """Whether products are so large that BLAS would share them among threads, in an order that
    depends on how many there are."""
    d = X.shape[1]
    width = d + 1 + structure.sharing.n_own(structure.form.n_products(d))
    return 8 * len(X) * (width + 2 * n_components) > BLOCK_BYTES // 16


def make_model(
    X: np.ndarray, weight: np.ndarray | None, settings: Settings, mapper: Mapper
) -> Mixture:
    """The mixture over the rows in standard units."""
    d = X.shape[1]
    rows = standard_units(rows_over(X, weight, np.zeros(d), np.ones(d), mapper))
    if settings.structure.one_unit:
        # one unit for all features, or the form would not stay isotropic
        largest = rows.scale.max()
        unit = largest * np.sqrt(np.mean((rows.scale / largest) ** 2))
        rows = rows.in_units(rows.shift, np.full(d, unit))
    noise = (np.sqrt(settings.reg_covar) / rows.scale) ** 2
    model = settings.model(settings.structure, rows, noise)
    model = model.ruled(at_temperature(settings.phases[0].temperature))
    if settings.prior is not None:
        model.prior = settings.prior(model, settings.n_components)
    model.constraint = settings.constraint
    return model


def log_unit(model: Mixture) -> float:
    """log|dz/dx|: what log-densities in standard units lack in those of the data."""
    return -float(np.log(model.rows.scale).sum())


class Observer:
    """Told how a fit goes; the estimator prints, and passes it on to callbacks."""

    def begin_init(self, index: int) -> None:
        pass

    def watcher(
        self, model: Mixture, earlier: tuple[Result, ...]
    ) -> Callable[[Ascent], bool] | None:
        """What to call after every iteration, if anything; True stops the run."""
        return None

    def end_init(self, model: Mixture, result: Result) -> None:
        pass


def fit_mixture(
    X: np.ndarray,
    weight: np.ndarray | None,
    settings: Settings,
    rng: np.random.RandomState,
    observer: Observer,
    mapper: Mapper,
) -> Fit:
    """The best of all runs, one without degenerate components if there is any."""
    model = make_model(X, weight, settings, mapper)
    starts = Starts(model, settings, rng)
    runs = climb_all(model, starts, settings, rng, observer)
    best = max(runs, key=lambda run: run.rank)
    return in_data_units(model, best, starts.n_collapsed)


def climb_all(
    model: Mixture,
    starts: Starts,
    settings: Settings,
    rng: np.random.RandomState,
    observer: Observer,
) -> list[Run]:
    """The outcomes of all starts. Climbs that are given up are taken up again if there is nothing
    better than the highest of them."""
    runs: list[Run] = []
    given_up: dict[int, Ascent] = {}
    climbs = starts.climbs(until=lambda: any(run.is_sound for run in runs))
    for index, climb in enumerate(climbs):
        observer.begin_init(index)
        guard = Guard(model, climb.params) if starts.may_give_up else None
        results = _climbed(model, climb, starts.settings, rng, observer, guard)
        observer.end_init(model, results[-1])
        if starts.cuts_short and results[-1].reason is Reason.MAX_ITER:
            cut = results[-1]._replace(status=_CUT_SHORT, reason=Reason.CUT_SHORT)
            results = (*results[:-1], cut)
        runs.append(judge(model, *results))
        starts.n_collapsed += runs[-1].degenerate
        if guard is not None and guard.has_fired:
            given_up[index] = climb
    if all(run.degenerate for run in runs):
        best = max(range(len(runs)), key=lambda i: runs[i].result.objective)
        if best in given_up:
            climb, watch = given_up[best], observer.watcher(model, ())
            result = climb.run(tol=settings.tol, max_iter=settings.max_iter, watch=watch)
            runs[best] = judge(model, result)
    return runs


class Guard:
    """Whether a climb from a sound start is to be given up, as a component is unsound by now. It is
    looked into when the floor holds more variances than before, and after some iterations."""

    _EVERY = 8

    def __init__(self, model: Mixture, params: Params):
        self._model = model
        self._held = int(params.n_floored.sum())
        self._is_on = not model.is_degenerate(params)
        self._count = 0
        self.has_fired = False

    def __call__(self, climb: Ascent) -> bool:
        held = int(climb.params.n_floored.sum())
        self._count += 1
        if self._is_on and (held > self._held or self._count % self._EVERY == 0):
            self.has_fired = self._model.is_degenerate(climb.params)
        self._held = held
        return self.has_fired


def begin(model: Mixture, params: Params, settings: Settings) -> Ascent:
    """A climb by EM, as fast as it can be made if that is wanted."""
    if not settings.accelerate:
        return Ascent(model, params)
    bent = curved(model, params)
    if bent is not None:
        return Ascent(bent, params, Newton(bent))
    return Ascent(model, params, QuasiNewton(model))


def _climbed(
    model: Mixture,
    climb: Ascent,
    settings: Settings,
    rng: np.random.RandomState,
    observer: Observer,
    guard: Guard | None = None,
) -> tuple[Result, ...]:
    """The results of all phases, each from where the last one ended and the first from where
    the climb is; max_iter iterations in all."""
    results: tuple[Result, ...] = ()
    temperature = settings.phases[0].temperature
    for phase in settings.phases:
        left = settings.max_iter - sum(result.n_iter for result in results)
        params = results[-1].params if results else climb.params
        if phase.temperature != temperature:
            temperature = phase.temperature
            model = model.ruled(at_temperature(temperature))
            params = start.nudged(model, params, rng) if left else params
        if phase.variant is not None:
            climb = Ascent(phase.variant(model), params)
        elif results:
            climb = begin(model, params, settings)
        watch = _both(observer.watcher(model, results), guard)
        results = (*results, climb.run(tol=settings.tol, max_iter=left, watch=watch))
        if results[-1].stopped:
            break
    return results


def _both(watch: Callable | None, guard: Guard | None) -> Callable | None:
    """What to call after every iteration: either may stop the climb."""
    if watch is None or guard is None:
        return watch or guard
    return lambda climb: bool(watch(climb)) | guard(climb)


def judge(model: Mixture, *results: Result) -> Run:
    """The outcome of a start from the results of its phases."""
    *earlier, result = results
    return Run(result, model.is_degenerate(result.params), tuple(earlier))


class Starts:
    """Where to climb from: given, assigned or drawn parameters."""

    def __init__(self, model: Mixture, settings: Settings, rng: np.random.RandomState):
        self._model, self._settings, self._rng = model, settings, rng
        self.settings = settings  # of the climb that was begun last
        self.may_give_up = False  # whether there is something else to try then
        self.cuts_short = False  # whether it ends before max_iter iterations
        # means that every start begins with: given ones, or those of labelled rows
        self._means = None
        if settings.given.means is not None:
            self._means = (settings.given.means - model.rows.shift) / model.rows.scale
        elif model.constraint is not None:
            self._means = model.constraint.means(model.likelihood.rows)
        self.n_collapsed = 0

    def climbs(self, until: Callable[[], bool]) -> Iterator[Ascent]:
        """From the promising starts; where none of them leads to a sound result, from more until
        one does."""
        settings, model = self._settings, self._model
        if settings.given.complete():
            yield self._climb(model, settings.given.override(model, None))
        elif not isinstance(settings.assign, str):
            yield self._climb(model, self._assigned())
        elif settings.n_components == 1 and self._means is None:
            whole = start.whole(model.likelihood, 1)
            yield self._climb(model, model.begin(settings.given.override(model.likelihood, whole)))
        elif settings.searches and self._means is None and can_race(model, settings.n_components):
            yield from self._searched(until)
        else:
            rows, complete = start.sample_of(model, settings.n_components)
            sample = model.over(rows, same_moments=complete)
            # such means are used as they are: the climb begins there, on all rows
            whole = complete or self._means is not None
            yield from self._promising(sample, model if whole else sample)
            # from them every draw is the same
            for _ in range(_RETRIES if self._means is None and settings.max_iter else 0):
                if until() or not self._may_be_sound():
                    return
                yield self._climb(model, self._draw(sample))

    def _may_be_sound(self) -> bool:
        """Whether there are as many distinct rows as the covariances of all components need."""
        model = self._model.likelihood
        return model.distinct.count >= self._settings.n_components * model.soundness.needed

    def _climb(self, model: Mixture, params: Params) -> Ascent:
        if model.constraint is not None and self._means is None:
            params = model.constraint.aligned(model, params)
        return begin(model, params, self._settings)

    def _searched(self, until: Callable[[], bool]) -> Iterator[Ascent]:
        """From the start that wins a race, or from n_init that can still win; from others that did
        well if these do not lead to a sound result."""
        settings, model = self._settings, self._model
        found = leading(model.likelihood, settings.n_components, self._rng, settings.n_init)
        found = [model.begin(settings.given.override(model.likelihood, each)) for each in found]
        self.may_give_up = settings.n_init == 1 and len(settings.phases) == 1
        first = found[0]
        if settings.n_init > 1 and settings.max_iter:
            climbs = [self._climb(model, params) for params in found[: settings.n_init]]
            yield from self._selected(model, climbs)
            found = found[settings.n_init :]
        else:
            yield self._climb(model, found.pop(0))
        if until() or not settings.max_iter:
            return
        if not model.is_degenerate(first):
            limit = min(_CAUTIOUS, settings.max_iter)
            self.settings = replace(settings, accelerate=False, max_iter=limit)
            self.may_give_up, self.cuts_short = False, limit < settings.max_iter
            cautious = Ascent(model, first)
            yield cautious
            self.may_give_up, self.cuts_short = True, False
            self.settings = settings
            cut = len(cautious.passes) > limit and limit < settings.max_iter
            if model.is_degenerate(cautious.params):
                yield from self._one_step(first)
            elif cut:
                yield self._climb(model, cautious.params)  # a sound maximum may lie ahead
        for params in found[:_RETRIES]:
            if until():
                return
            yield self._climb(model, params)

    def _one_step(self, params: Params) -> Iterator[Ascent]:
        """The start itself was sound: a step of plain EM from it is, too."""
        settings, self.may_give_up = self._settings, False
        self.settings = replace(settings, accelerate=False, max_iter=1)
        self.cuts_short = settings.max_iter > 1
        yield Ascent(self._model, params)
        self.settings, self.may_give_up, self.cuts_short = settings, True, False

    def _promising(self, sample: Mixture, ground: Mixture) -> Iterator[Ascent]:
        """From n_init starts, or from those of them that can still win.

        Several starts, or starts from a sample that is smaller than the data, first climb a
        little on the ground: the sample if it is smaller. Those go on whose objective and
        estimated remaining gain reach the best objective.
        """
        settings, model = self._settings, self._model
        if settings.max_iter == 0:
            ground = model
        count = settings.n_init if self._means is None else 1
        drawn = [self._draw(sample) for _ in range(count)]
        climbs = [self._climb(ground, params) for params in drawn]
        if len(climbs) > 1 or ground is sample:
            climbs = self._selected(ground, climbs)
        for climb in climbs:
            yield climb if ground is model else self._climb(model, climb.params)

    def _selected(self, ground: Mixture, climbs: list[Ascent]) -> list[Ascent]:
        settings, sound = self._settings, []
        for climb in climbs:
            result = climb.run(
                tol=max(settings.tol, _SHORT_TOL), max_iter=min(settings.max_iter, _SHORT_PASSES)
            )
            if not judge(ground, result).degenerate:
                sound.append(climb)
        self.n_collapsed += len(climbs) - len(sound)
        kept = sorted(sound or climbs, key=lambda c: -c.objective)
        return kept[:1] + [c for c in kept[1:] if c.within_reach > kept[0].objective]

    def _draw(self, sample: Mixture) -> Params:
        settings, likelihood = self._settings, sample.likelihood
        if self._means is not None:
            drawn = start.from_means(likelihood, self._means)
        else:
            drawn = STARTS[settings.assign](likelihood, settings.n_components, self._rng)
        return sample.begin(settings.given.override(likelihood, drawn))

    def _assigned(self) -> Params:
        settings, model = self._settings, self._model
        assign, n_components = settings.assign, settings.n_components
        one_hot = np.eye(n_components)

        def resp(at):
            return assign[at] if assign.ndim == 2 else one_hot[assign[at]]

        found = start.from_responsibilities(model.likelihood, resp, n_components)
        return model.begin(settings.given.override(model.likelihood, found), resp)


def in_data_units(model: Mixture, run: Run, n_collapsed: int = 0) -> Fit:
    params, rows = run.result.params, model.rows
    means = rows.shift + rows.scale * params.means
    with np.errstate(over="ignore", under="ignore"):
        covariances, factors = model.structure.form.rescale(
            params.covariances, params.factors, rows.scale
        )
        products = np.concatenate([np.ravel(covariances), np.ravel(factors) ** 2])
    variances = model.structure.form.variances(covariances, rows.d)
    if not (np.isfinite(products).all() and np.min(variances) > 0.0):
        raise ValueError(
            "The variances or precisions of X are outside the range of floating-point numbers; "
            "scale X, for instance with sklearn.preprocessing.StandardScaler"
        )
    unit = log_unit(model)
    return Fit(params.weights, means, covariances, factors, unit, run, n_collapsed, model)


def so_far(model: Mixture, climb: Ascent, earlier: tuple[Result, ...]) -> Fit:
    """The state of a climb that is under way."""
    passes = tuple(climb.passes)
    remaining = passes[-1].remaining
    result = Result(climb.params, climb.objective, passes, remaining, "under way")
    return in_data_units(model, Run(result, False, earlier))
