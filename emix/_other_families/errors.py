"""Standard errors of what was fitted: by Louis' formula, or by differences of the score."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from .._families.differences import covariance, errors
from .._families.linear import LinearFamily
from .._families.prior import WeightPrior
from .._families.space import mixture_of
from .._families.uncertainty import standard_errors
from .._fitted.fitted import when_fitted
from .._input.refusals import some
from .._input.validation import check_sample_weight
from .._rows.blocks import Rows
from .kind import Kind

# (prior or None, rows, n_components) -> the family with its prior for these rows, and the weights'
WithPrior = Callable[[Any, Rows, int], tuple[LinearFamily, WeightPrior]]


def errors_of(
    estimator: Any, with_prior: WithPrior, X: ArrayLike, sample_weight: ArrayLike | None
) -> np.ndarray:
    """Of all values, and of weights in the last column, (K, width)."""
    check_is_fitted(estimator)
    kind: Kind = estimator._kind
    X = kind.read(estimator, X)
    known = kind.known(estimator)
    rows = known.rows(X, check_sample_weight(sample_weight, len(X)))
    prior = when_fitted(estimator, "prior", estimator.prior)
    family, weight_prior = with_prior(prior, rows, len(known.params.weights))
    are_known = "weights" in when_fitted(estimator, "frozen", estimator.frozen)
    return standard_errors(family, weight_prior, rows, known.params, are_known)


def errors_by_differences(
    estimator: Any, X: np.ndarray, sample_weight: ArrayLike | None
) -> dict[str, np.ndarray]:
    """Of all parameters, in the shapes of the attributes, on the rows of the fit."""
    kind: Kind = estimator._kind
    settings = {
        name: check(name, when_fitted(estimator, name, getattr(estimator, name)))
        for name, check in kind.checks.items()
    }
    values = SimpleNamespace(**settings, n_components=len(estimator.weights_) - kind.n_more)
    problem = kind.problem(values, X, check_sample_weight(sample_weight, len(X)), map)
    params = kind.resumed(estimator, problem)
    are_known = "weights" in when_fitted(estimator, "frozen", estimator.frozen)
    singular = list(getattr(estimator, "singular_components_", ()))
    if singular:
        raise ValueError(
            f"The variances of components {some(singular)} are held at the least that they may "
            "have: the log-likelihood has no maximum there. Decrease n_components, or set prior"
        )
    family: Any = problem.family
    model = mixture_of(family, problem.rows, prior=problem.weight_prior)
    near = family.coordinates(params, are_known)
    spread = covariance(model, near)

    def told(free: np.ndarray) -> dict[str, np.ndarray]:
        """What is infinite is known."""
        params = near.at(free)
        found = {"weights_": params.weights, **problem.described(params)}
        return {name: np.where(np.isfinite(each), each, 0.0) for name, each in found.items()}

    def told_of(name: str) -> Callable[[np.ndarray], np.ndarray]:
        return lambda free: told(free)[name]

    return {name: errors(told_of(name), spread) for name in told(np.zeros(near.size))}
