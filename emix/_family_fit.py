"""Fits of mixtures of any family: what their estimators have in common below the surface."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning

from ._em.results import Reason
from ._families.climbs import Settings, Starts, best_climb, drawn_starts, from_responsibilities
from ._families.mixture import Mixture
from ._families.protocols import Family, Parameters
from ._fit.history import as_history, lower_bounds
from ._mixture.posterior import Rule, at_temperature
from ._refusals import brief, some
from ._report import warn
from ._rows.blocks import Rows, in_one_unit, standard_units
from ._rows.grid import BLOCK_BYTES
from ._validation import (
    check_assignment,
    check_flag,
    check_integer,
    check_labels,
    check_option,
    check_real,
    check_seed,
    check_weights_init,
)
from .constraints import check_constraints

# A component with no more than this share of the rows, what rounding makes of 1, adds nothing.
_EMPTY = float(np.finfo(float).eps)
# Colder or hotter than this the objective loses digits, but for 0, which is hard assignment.
_TEMPERATURES = (1e-9, 1e6)


class Problem(NamedTuple):
    """What is fitted: rows in units of the family's choosing, the family for a climb over them,
    log|dz/dx| of these units, and attributes that the data alone decide."""

    rows: Rows
    family: Family
    log_unit: float
    attributes: dict[str, Any]


class Outcome(NamedTuple):
    """Parameters in the units of the rows, and the attributes that every family has."""

    params: Parameters
    attributes: dict[str, Any]


def plain_rows(X: np.ndarray, weight: np.ndarray | None, mapper: Any = map) -> Rows:
    """Rows in the units of the data."""
    return Rows(X, weight, np.zeros(X.shape[1]), np.ones(X.shape[1]), mapper)


def standard_rows(X: np.ndarray, weight: np.ndarray | None, mapper: Any, one_unit: bool) -> Rows:
    """Rows in standard units, or in one unit for all features."""
    rows = standard_units(plain_rows(X, weight, mapper))
    return in_one_unit(rows) if one_unit else rows


def is_large(X: np.ndarray, n_components: int, width: int) -> bool:
    """Whether threads are worth while: ``width`` numbers a row beside those of the components."""
    return 8 * len(X) * (width + 2 * n_components) > BLOCK_BYTES // 16


def check_components(estimator: Any, n_samples: int) -> int:
    n_components = check_integer("n_components", estimator.n_components, 1)
    if n_samples < n_components:
        raise ValueError(
            f"Expected n_samples >= n_components but got n_components = {n_components}, "
            f"n_samples = {n_samples}; decrease n_components"
        )
    return n_components


def _settings(estimator: Any, n_components: int) -> Settings:
    return Settings(
        n_components=n_components,
        n_init=check_integer("n_init", estimator.n_init, 1),
        tol=check_real("tol", estimator.tol),
        max_iter=check_integer("max_iter", estimator.max_iter, 0),
        accelerate=check_flag("acceleration", estimator.acceleration),
    )


def _rule(temperature: Any) -> Rule:
    found = check_real("temperature", temperature)
    coldest, hottest = _TEMPERATURES
    if found and not coldest <= found <= hottest:
        raise ValueError(
            f"temperature must be 0, or between {coldest:g} and {hottest:g}, got {found:g}"
        )
    return at_temperature(found)


def _given_weights(estimator: Any, n_components: int) -> tuple[np.ndarray | None, bool]:
    """Weights to start with, and whether they stay."""
    frozen = estimator.frozen
    if not isinstance(frozen, tuple | list | set | frozenset) or set(frozen) - {"weights"}:
        raise ValueError(f"frozen must be () or ('weights',), got {brief(frozen)}")
    weights = estimator.weights_init
    if weights is not None:
        return check_weights_init(weights, n_components), bool(frozen)
    return (np.full(n_components, 1.0 / n_components) if frozen else None), bool(frozen)


def fit_family(
    estimator: Any,
    problem: Problem,
    X: np.ndarray,
    labels: ArrayLike | None = None,
    n_more: int = 0,
) -> Outcome:
    """The best fit, by the constructor's parameters that all families have; ``n_more`` is how many
    components there are beside those that these count."""
    n_samples = len(X)
    n_components = check_components(estimator, n_samples) + n_more
    settings, rule = _settings(estimator, n_components), _rule(estimator.temperature)
    rng = check_seed(estimator.random_state)
    if labels is not None:
        labels = check_labels(labels, n_samples, n_components)
    constraint = check_constraints(estimator.constraints, labels, X, n_components)
    weights, fixed = _given_weights(estimator, n_components)
    model = Mixture(problem.rows, problem.family, rule, constraint, fixed)
    starts = _starts(estimator.init_params, model, settings, X, rng)
    if weights is not None:
        given = [params._replace(weights=weights) for params in starts.params]
        starts = starts._replace(params=given)
    found = best_climb(model, starts, settings)
    singular = model.family.singular(found.result.params)
    _warn(found.result, settings, n_components - n_more)
    _warn_of_singular(singular.tolist())
    history = as_history(found.result.passes, problem.log_unit, float(estimator.temperature))
    attributes = {
        **problem.attributes,
        "weights_": found.result.params.weights,
        "converged_": found.result.converged,
        "n_iter_": found.result.n_iter,
        "stop_reason_": found.result.status,
        "lower_bound_": found.result.objective + problem.log_unit,
        "lower_bounds_": lower_bounds(history)[1:].tolist(),
        "remaining_gain_": found.result.remaining,
        "history_": history,
        "n_collapsed_": found.n_collapsed,
        "singular_components_": singular,
    }
    return Outcome(found.result.params, attributes)


def _starts(init: Any, model: Mixture, settings: Settings, X: np.ndarray, rng) -> Starts:
    if isinstance(init, str):
        check_option("init_params", init, ("auto",))
        return drawn_starts(model, settings, rng)
    n_components = settings.n_components
    given = init(X, n_components, rng) if callable(init) else init
    if given is None:
        raise ValueError("init_params must be 'auto', an array or a callable, got None")
    assigned = check_assignment(given, len(X), n_components)
    resp = assigned if assigned.ndim == 2 else np.eye(n_components)[assigned]
    params: Any = from_responsibilities(model, n_components, lambda at: resp[at])
    return Starts([params], model)


def _warn(result: Any, settings: Settings, n_counted: int) -> None:
    """Of the first so many components that have no rows, and of a climb that was cut short."""
    empty = np.flatnonzero(result.stats.weight[:n_counted] <= _EMPTY).tolist()
    if empty:
        warn(
            ConvergenceWarning,
            f"Components without rows: {some(empty)}. Decrease n_components, or choose another "
            "start (init_params, n_init, random_state).",
        )
    if result.reason is Reason.MAX_ITER and settings.max_iter > 0:
        warn(
            ConvergenceWarning,
            f"The fit did not converge in {result.n_iter} iterations: an estimated "
            f"{result.remaining:.2g} of mean log-likelihood is left to gain, and "
            f"tol={settings.tol:g}. Increase max_iter or tol.",
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
