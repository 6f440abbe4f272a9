"""What families with covariances have in common: structures, units, priors."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._families.normal import Extent
from .._families.prior import WeightPrior
from .._fitted.fitted import structure_when_fitted
from .._normal.covariances import Structure
from .._normal.gaussian import Params
from .._normal.prior import Prior
from .._rows.blocks import Rows
from ..priors import PRIORS, ConjugatePrior
from .parameters import prior_of_kind


def _named(value: Any) -> Any:
    """A prior that has a name."""
    return PRIORS.get(value, value) if isinstance(value, str) else value


check_normal_prior = prior_of_kind(ConjugatePrior, _named)


def components_prior(
    prior: ConjugatePrior | None, extent: Extent, n_components: int
) -> Prior | None:
    """That of means and covariances, in the units of the rows."""
    return None if prior is None else prior._of_components(extent, n_components)


def weight_prior(prior: ConjugatePrior | None, rows: Rows, n_components: int) -> WeightPrior:
    return WeightPrior() if prior is None else prior._of_weights(rows, n_components)


def in_data_units(
    structure: Structure, params: Params, rows: Rows
) -> tuple[np.ndarray, np.ndarray]:
    """Means, and covariances in the shape of the structure."""
    with np.errstate(over="ignore", under="ignore"):
        matrices, _ = structure.form.rescale(params.covariances, params.factors, rows.scale)
    if not (np.isfinite(matrices).all() and structure.form.variances(matrices, rows.d).min() > 0.0):
        raise ValueError(
            "The variances of X are outside the range of floating-point numbers; scale X, for "
            "instance with sklearn.preprocessing.StandardScaler"
        )
    return rows.shift + rows.scale * params.means, matrices


def own_units(estimator: Any, matrices: Any) -> tuple[np.ndarray, np.ndarray]:
    """Standard units of a mixture: the centre of its means, and a scale for every feature."""
    structure, means = structure_when_fitted(estimator), np.asarray(estimator.means_)
    shift, d = means.mean(axis=0), means.shape[1]
    deviations = np.sqrt(structure.form.variances(np.asarray(matrices), d))
    largest = np.atleast_2d(deviations).max(axis=0) + np.abs(means - shift).max(axis=0)
    return shift, np.full(d, largest.max()) if structure.one_unit else largest


def in_units(
    estimator: Any, weights: Any, matrices: Any, shift: np.ndarray, scale: np.ndarray
) -> Params:
    """Normal components with the estimator's means and these matrices."""
    structure, matrices = structure_when_fitted(estimator), np.asarray(matrices, dtype=np.float64)
    factors = structure.form.factorise(matrices, 0.0)[1]
    matrices, factors = structure.form.rescale(matrices, factors, 1.0 / scale)
    means = (np.asarray(estimator.means_) - shift) / scale
    held = np.zeros(structure.sharing.leading(len(means)), dtype=int)
    return Params(np.asarray(weights), means, matrices, factors, held)
