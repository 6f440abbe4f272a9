"""Where a fit starts, by the constructor's parameters."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from .._fit.problem import Given, Problem
from .._fit.runs import fit_mixture
from .._fitted.fitted import Parameters, parameters_of
from .._input.structures import structure_of
from .._input.tables import Data
from .._input.validation import (
    check_assignment,
    check_means_init,
    check_precisions_init,
    check_weights_init,
)
from .._normal.covariances import FULL
from .._normal.nearest_factors import nearest_factors
from .report import warn


def check_count(n_components: int, n_samples: int) -> None:
    """Whether there is a row for every component."""
    if n_samples < n_components:
        raise ValueError(
            "Expected n_samples >= n_components "
            f"but got n_components = {n_components}, n_samples = {n_samples}; decrease "
            "n_components"
        )


def initial_values(values: SimpleNamespace, data: Data) -> Given:
    """Those that the user gives: ``weights_init``, ``means_init``, ``precisions_init``."""
    n_components, d = values.n_components, data.X.shape[1]
    structure = structure_of(values.covariance_type)
    weights, means, factors = values.weights_init, values.means_init, values.precisions_init
    if weights is not None:
        weights = check_weights_init(weights, n_components)
    elif "weights" in values.frozen:
        weights = np.full(n_components, 1.0 / n_components)
    if means is not None:
        means = check_means_init(means, n_components, d)
    if factors is not None and structure.form.has_loadings:
        factors = _nearest_factors(values, structure, Given(weights, means, factors))
    elif factors is not None:
        precisions = check_precisions_init(
            factors, values.covariance_type, structure, n_components, d
        )
        factors = structure.form.factor_of_precision(precisions)
    return Given(weights, means, factors)


def _nearest_factors(values: SimpleNamespace, structure: Any, given: Given) -> np.ndarray:
    """Of covariances that are kept by loadings, those nearest to general ones."""
    if given.weights is None or given.means is None:
        raise ValueError(
            f"precisions_init with covariance_type={values.covariance_type!r} needs weights_init "
            "and means_init, too: give all three, or labels in init_params"
        )
    form: Any = structure.form
    shape = given.means.shape
    precisions = check_precisions_init(given.factors, "general", FULL, *shape)
    return form.factor(nearest_factors(structure, given.weights, np.linalg.inv(precisions)))


def given_values(estimator: Any, values: SimpleNamespace, data: Data, warm: bool) -> Given:
    """The last solution, to go on from, or the user's initial values."""
    if warm:
        return previous(parameters_of(estimator), values, data)
    return initial_values(values, data)


def previous(parameters: Parameters, values: SimpleNamespace, data: Data) -> Given:
    """The last solution, to go on from."""
    structure = structure_of(values.covariance_type)
    n_components, d = values.n_components, data.X.shape[1]
    weights, means, factors = (
        np.asarray(each, dtype=np.float64)
        for each in (parameters.weights, parameters.means, parameters.factors)
    )
    same = structure is parameters.structure
    same = same and factors.shape == structure.shape(n_components, d)
    if means.shape != (n_components, d) or not same:
        raise ValueError(
            "warm_start=True goes on from the previous fit, but n_components, "
            "covariance_type or the number of features of X changed since; set "
            "warm_start=False or clone the estimator"
        )
    return Given(weights / weights.sum(), means, factors)


def check_together(values: SimpleNamespace, given: Given) -> None:
    """Whether the parameters that say where to start go together."""
    init, n_init = values.init_params, values.n_init
    if given.complete() and not isinstance(init, str) and not callable(init):
        raise ValueError(
            "init_params gives labels or responsibilities, but weights_init, means_init and "
            "precisions_init leave nothing to start; give the one or the other"
        )
    if n_init > 1 and (given.means is not None or not isinstance(init, str)):
        name = "init_params" if given.means is None else "means_init"
        warn(
            UserWarning,
            f"n_init={n_init} makes one start, as {name} says where to start; set n_init=1",
        )


def assignment(values: SimpleNamespace, data: Data, given: Given) -> str | np.ndarray:
    """The name of a start, or labels or responsibilities of all rows."""
    init: Any = values.init_params
    if isinstance(init, str):
        return init
    if given.complete():
        return "kmeans"  # not used: there is nothing to start
    if callable(init):
        init = init(data.X, values.n_components, values.random_state)
    return check_assignment(init, data.n_samples, values.n_components)


def is_warm(estimator: Any, values: SimpleNamespace) -> bool:
    """Whether the fit goes on from the last one."""
    return values.warm_start and hasattr(estimator, "converged_")


def mixture_problem(
    values: SimpleNamespace, data: Data, given: Given, warm: bool, **more: Any
) -> Problem:
    """A mixture of normals that climbs from what is given, or from drawn starts."""
    check_count(values.n_components, data.n_samples)
    if not warm:
        check_together(values, given)
    start = assignment(values, data, given)
    is_drawn = given.means is None and isinstance(start, str)
    return Problem(
        solve=fit_mixture,
        n_components=values.n_components,
        structure=structure_of(values.covariance_type),
        given=given,
        start=start,
        n_init=values.n_init if is_drawn else 1,
        reg_covar=values.reg_covar,
        tol=values.tol,
        max_iter=values.max_iter,
        **more,
    )
