"""Fits of mixtures of any family: what their estimators have in common below the surface."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning

from .._em.ascent import Ascent
from .._em.results import Climbed, Reason, Result
from .._estimator.callbacks import FitTasks
from .._estimator.publication import publish
from .._estimator.report import warn
from .._estimator.starting import check_count, is_warm
from .._estimator.watch import Watch
from .._families.space import mixture_of
from .._families.start import Begun, drawn, from_responsibilities
from .._fit.families import FamilyProblem, best_climb
from .._fit.fit import Run
from .._fit.history import as_history, lower_bounds
from .._fit.problem import Phase
from .._fitted.fitted import when_fitted
from .._fitted.starts_table import starts_table
from .._fitted.threads import thread_budget
from .._input.refusals import some
from .._input.tables import Data
from .._input.validation import check_assignment, check_labels
from .._mixture.mixture import Mixture
from .._rows.blocks import Rows, in_one_unit, standard_units
from .._rows.grid import BLOCK_BYTES
from ..constraints import check_constraints
from .kind import Kind, Problem
from .parameters import given_weights

# A component with no more than this share of the rows, what rounding makes of 1, adds nothing.
_EMPTY = float(np.finfo(float).eps)


def plain_rows(X: np.ndarray, weight: np.ndarray | None, mapper: Any = map) -> Rows:
    """Rows in the units of the data."""
    return Rows(X, weight, np.zeros(X.shape[1]), np.ones(X.shape[1]), mapper)


def standard_rows(X: np.ndarray, weight: np.ndarray | None, mapper: Any, one_unit: bool) -> Rows:
    """Rows in standard units, or in one unit for all features."""
    rows = standard_units(plain_rows(X, weight, mapper))
    return in_one_unit(rows) if one_unit else rows


def _is_large(X: np.ndarray, n_components: int) -> bool:
    """Whether threads are worth while: a number for each value beside those of components."""
    return 8 * len(X) * (X.shape[1] + 2 * n_components) > BLOCK_BYTES // 16


def fit_family(
    estimator: Any,
    kind: Kind,
    values: SimpleNamespace,
    data: Data,
    X: np.ndarray,
    sample_weight: ArrayLike | None,
) -> None:
    """Fit by checked parameters to rows, of which a user knows X, and publish what was found."""
    check_count(values.n_components, len(data.X))
    n_components = values.n_components + kind.n_more
    asked = _asked(values, n_components)
    metadata = {"sample_weight": sample_weight, "labels": data.labels}
    tasks = FitTasks(estimator, X, metadata, values.n_init, values.max_iter)
    with thread_budget(_is_large(data.X, n_components)) as mapper:
        problem = kind.problem(values, data.X, data.weight, mapper)
        model = _model(values, problem, X, data.labels, n_components)
        begun = _begun(estimator, kind, values, problem, model, asked, X)
        told = _Told(estimator, kind, problem, values, data)
        watch = Watch(
            tasks,
            values.verbose,
            values.verbose_interval,
            told.under_way,
            lambda model: problem.log_unit,
        )
        found = best_climb(model, begun, asked, values.random_state, watch)
    last = found.run.result
    singular = problem.family.singular(last.params)
    attributes = {
        **told.of(found.run, found.n_collapsed, singular),
        "starts_": _starts_table(found.starts, problem),
    }
    _warn(last, asked, values.n_components)
    _warn_of_singular(singular.tolist())
    publish(estimator, attributes, lambda: tasks.end(lambda: attributes))


def _asked(values: SimpleNamespace, n_components: int) -> FamilyProblem:
    return FamilyProblem(
        n_components=n_components,
        n_init=values.n_init,
        tol=values.tol,
        max_iter=values.max_iter,
        accelerate=values.acceleration,
        phases=tuple(Phase(rule.temperature) for rule in values.temperature),
    )


def _model(
    values: SimpleNamespace, problem: Problem, X: np.ndarray, labels: Any, n_components: int
) -> Mixture:
    if labels is not None:
        labels = check_labels(labels, len(X), n_components)
    constraint = check_constraints(values.constraints, labels, X, n_components)
    return mixture_of(
        problem.family,
        problem.rows,
        prior=problem.weight_prior,
        rule=values.temperature[0],
        frozen=values.frozen,
        constraint=constraint,
    )


def _begun(
    estimator: Any,
    kind: Kind,
    values: SimpleNamespace,
    problem: Problem,
    model: Mixture,
    asked: FamilyProblem,
    X: np.ndarray,
) -> Begun:
    """Parameters to climb from: the last solution, or what init_params and weights_init say."""
    if is_warm(estimator, values):
        return Begun([_resumed(estimator, kind, problem, X, asked.n_components)], model)
    weights = given_weights(values, asked.n_components)
    begun = _by_init(values.init_params, model, asked, X, values.random_state)
    if weights is None:
        return begun
    return begun._replace(params=[each._replace(weights=weights) for each in begun.params])


def _by_init(init: Any, model: Mixture, asked: FamilyProblem, X: np.ndarray, rng) -> Begun:
    n_components = asked.n_components
    if isinstance(init, str):
        return drawn(model, n_components, asked.n_init, rng)
    given = init(X, n_components, rng) if callable(init) else init
    assigned = check_assignment(given, len(X), n_components)
    resp = assigned if assigned.ndim == 2 else np.eye(n_components)[assigned]
    params: Any = from_responsibilities(model, n_components, lambda at: resp[at])
    return Begun([params], model)


def _resumed(estimator: Any, kind: Kind, problem: Problem, X: np.ndarray, n_components: int) -> Any:
    """The last solution, if it is one of what is to be fitted."""
    same = all(
        when_fitted(estimator, name, getattr(estimator, name)) == getattr(estimator, name)
        for name in kind.rests_on
    )
    if same and X.shape[1] == estimator.n_features_in_:
        params: Any = kind.resumed(estimator, problem)
        if params is not None and len(params.weights) == n_components:
            return params._replace(weights=params.weights / params.weights.sum())
    named = "".join(f"{name}, " for name in kind.rests_on)
    raise ValueError(
        f"warm_start=True goes on from the previous fit, but n_components, {named}or the features "
        "of X changed since; set warm_start=False or clone the estimator"
    )


class _Told:
    """Attributes of a fit, and of one that is under way."""

    def __init__(self, estimator: Any, kind: Kind, problem: Problem, values: Any, data: Data):
        self._problem, self._rules = problem, values.temperature
        names = ("frozen", "prior", *kind.rests_on)
        settings = {name: getattr(estimator, name) for name in names if hasattr(estimator, name)}
        self._always = {
            **data.feature_attributes,
            "_fit_settings": settings,
        }

    def under_way(self, model: Mixture, climb: Ascent, earlier: tuple[Result, ...]) -> dict:
        passes = tuple(climb.passes)
        remaining = passes[-1].remaining
        so_far = Result(climb.params, climb.objective, passes, remaining, "under way")
        singular = self._problem.family.singular(climb.params)
        return self.of(Run(so_far, False, earlier), 0, singular)

    def of(self, run: Run, n_collapsed: int, singular: np.ndarray) -> dict[str, Any]:
        last, unit = run.result, self._problem.log_unit
        histories = [
            as_history(result.passes, unit, rule.temperature)
            for result, rule in zip(run.climbs, self._rules, strict=False)
        ]
        bounds = np.concatenate([lower_bounds(history)[1:] for history in histories])
        # where a climb had no pass left, the last one of the climb before has the last word
        bounds[-1:] = last.objective + unit
        return {
            **self._always,
            "weights_": last.params.weights,
            "converged_": last.converged,
            "n_iter_": run.n_iter,
            "stop_reason_": last.status,
            "lower_bound_": last.objective + unit,
            "lower_bounds_": bounds.tolist(),
            "remaining_gain_": last.remaining,
            "history_": np.concatenate(histories),
            "n_collapsed_": n_collapsed,
            "singular_components_": singular,
            **self._problem.described(last.params),
        }


def _starts_table(starts: tuple[Climbed, ...], problem: Problem) -> np.ndarray:
    weights = np.array([each.result.params.weights for each in starts])
    return starts_table(starts, problem.log_unit, {"weights": weights})


def _warn(result: Result, asked: FamilyProblem, n_counted: int) -> None:
    """Of the first so many components that have no rows, and of a climb that was cut short."""
    empty = np.flatnonzero(result.stats.weight[:n_counted] <= _EMPTY).tolist()
    if empty:
        warn(
            ConvergenceWarning,
            f"Components without rows: {some(empty)}. Decrease n_components, or choose another "
            "start (init_params, n_init, random_state).",
        )
    if result.reason is Reason.MAX_ITER and asked.max_iter > 0:
        warn(
            ConvergenceWarning,
            f"The fit did not converge within max_iter={asked.max_iter}: an estimated "
            f"{result.remaining:.2g} of mean log-likelihood is left to gain, and "
            f"tol={asked.tol:g}. Increase max_iter or tol.",
        )


def _warn_of_singular(components: list[int]) -> None:
    if components:
        warn(
            ConvergenceWarning,
            f"Components on rows that do not vary in some direction: {some(components)}. Their "
            "variances there are held at the least that a component may have, a thousandth of the "
            "local scale as a standard deviation. Decrease n_components, or drop features that "
            "follow from others.",
        )
