"""Standard errors of fitted linear families."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from ._families.linear import LinearFamily
from ._families.mixture import Mixture
from ._families.prior import WeightPrior
from ._families.uncertainty import standard_errors
from ._family_kind import Kind
from ._fitted import when_fitted
from ._rows.blocks import Rows
from ._validation import check_sample_weight

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
    model: Mixture[Any, Any] = Mixture(rows, family, weight_prior=weight_prior)
    frozen = when_fitted(estimator, "frozen", estimator.frozen)
    return standard_errors(model, known.params, "weights" in frozen)
