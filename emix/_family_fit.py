"""Fits of mixtures of any family: what their estimators have in common below the surface."""

from __future__ import annotations

from types import SimpleNamespace
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
from ._parameters import STOPS, Checks, at_least, by, with_data
from ._refusals import brief, some
from ._report import warn
from ._rows.blocks import Rows, in_one_unit, standard_units
from ._rows.grid import BLOCK_BYTES
from ._starting import check_count
from ._starts_table import starts_table
from ._validation import (
    check_assignment,
    check_flag,
    check_labels,
    check_option,
    check_real,
    check_weights_init,
)
from .constraints import check_constraints, check_kinds

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


def _check_rule(name: str, value: Any) -> Rule:
    """The rule at a temperature."""
    found = check_real(name, value)
    coldest, hottest = _TEMPERATURES
    if found and not coldest <= found <= hottest:
        raise ValueError(f"{name} must be 0, or between {coldest:g} and {hottest:g}, got {found:g}")
    return at_temperature(found)


def _check_fixed(name: str, value: Any) -> bool:
    """Whether the weights stay."""
    if not isinstance(value, tuple | list | set | frozenset) or set(value) - {"weights"}:
        raise ValueError(f"{name} must be () or ('weights',), got {brief(value)}")
    return bool(value)


def _check_init(name: str, value: Any) -> Any:
    """A name, or what gives labels or responsibilities."""
    if value is None:
        raise ValueError(f"{name} must be 'auto', an array or a callable, got None")
    return check_option(name, value, ("auto",)) if isinstance(value, str) else value


# Parameters that all families have.
FAMILY: Checks = {
    "n_components": at_least(1),
    "n_init": at_least(1),
    "init_params": _check_init,
    "weights_init": with_data,
    "frozen": _check_fixed,
    "temperature": _check_rule,
    "constraints": by(check_kinds),
    "acceleration": check_flag,
    **STOPS,
}


def _settings(values: SimpleNamespace, n_components: int) -> Settings:
    return Settings(
        n_components=n_components,
        n_init=values.n_init,
        tol=values.tol,
        max_iter=values.max_iter,
        accelerate=values.acceleration,
    )


def _given_weights(values: SimpleNamespace, n_components: int) -> np.ndarray | None:
    """Weights to start with."""
    if values.weights_init is not None:
        return check_weights_init(values.weights_init, n_components)
    return np.full(n_components, 1.0 / n_components) if values.frozen else None


def fit_family(
    values: SimpleNamespace,
    problem: Problem,
    X: np.ndarray,
    labels: ArrayLike | None = None,
    n_more: int = 0,
) -> Outcome:
    """The best fit, by parameters that all families have (``FAMILY``); ``n_more`` is how many
    components there are beside those that these count."""
    check_count(values.n_components, len(X))
    n_components, rule = values.n_components + n_more, values.temperature
    settings = _settings(values, n_components)
    if labels is not None:
        labels = check_labels(labels, len(X), n_components)
    constraint = check_constraints(values.constraints, labels, X, n_components)
    weights = _given_weights(values, n_components)
    model = Mixture(problem.rows, problem.family, rule, constraint, values.frozen)
    starts = _starts(values.init_params, model, settings, X, values.random_state)
    if weights is not None:
        given = [params._replace(weights=weights) for params in starts.params]
        starts = starts._replace(params=given)
    found = best_climb(model, starts, settings)
    singular = model.family.singular(found.result.params)
    _warn(found.result, settings, n_components - n_more)
    _warn_of_singular(singular.tolist())
    history = as_history(found.result.passes, problem.log_unit, rule.temperature)
    weights_of_starts = np.array([each.result.params.weights for each in found.starts])
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
        "starts_": starts_table(found.starts, problem.log_unit, {"weights": weights_of_starts}),
        "singular_components_": singular,
    }
    return Outcome(found.result.params, attributes)


def _starts(init: Any, model: Mixture, settings: Settings, X: np.ndarray, rng) -> Starts:
    if isinstance(init, str):
        return drawn_starts(model, settings, rng)
    n_components = settings.n_components
    given = init(X, n_components, rng) if callable(init) else init
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
            f"The fit did not converge within max_iter={settings.max_iter}: an estimated "
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
