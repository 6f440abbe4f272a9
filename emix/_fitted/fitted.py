"""A fitted mixture as its estimator's attributes tell it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .._input.structures import NAMED, structure_of
from .._input.validation import check_covariance_type, check_frozen
from .._normal.covariances import Structure
from .scoring import Scorer


class Parameters(NamedTuple):
    """Weights (K,), means (K, d) and factors of the precisions in the structure's shape; and the
    names of those that the fit left alone."""

    structure: Structure
    weights: np.ndarray
    means: np.ndarray
    factors: np.ndarray
    frozen: frozenset[str] = frozenset()

    def scorer(self) -> Scorer:
        """The normal mixture of these parameters."""
        shape = self.structure.shape(*np.shape(self.means))
        if np.shape(self.factors) != shape:
            raise ValueError(
                f"precisions_cholesky_ has the shape {np.shape(self.factors)}, which is not that "
                f"of its covariance_type, {shape}; fit, or make a new estimator to set attributes "
                "of another covariance_type"
            )
        return Scorer(self.structure, self.weights, self.means, self.factors)

    @property
    def n_free(self) -> int:
        """Free parameters that were not frozen; the weights add up to one."""
        n_components, d = self.means.shape
        counts = {
            "weights": n_components - 1,
            "means": n_components * d,
            "covariances": int(self.structure.n_free(n_components, d)),
        }
        return sum(counts[name] for name in counts.keys() - self.frozen)


class Fitted(NamedTuple):
    """The mixture of normals, what evaluates p(x), and what evaluates p(z | x)."""

    parameters: Parameters
    density: Callable[[], Scorer]
    allocation: Callable[[], Scorer]


def normal_mixture(parameters: Parameters) -> Fitted:
    """Where one mixture says it all."""
    return Fitted(parameters, parameters.scorer, parameters.scorer)


def when_fitted(estimator: Any, name: str, default: Any) -> Any:
    """A constructor parameter as it was in fit, as ``set_params`` may have changed it since; the
    default where attributes were set by hand."""
    return getattr(estimator, "_fit_settings", {}).get(name, default)


def structure_when_fitted(estimator: Any) -> Structure:
    given = when_fitted(estimator, "covariance_type", None)
    if given is None:
        given = check_covariance_type("covariance_type", estimator.covariance_type, NAMED)
    return structure_of(given)


def parameters_of(estimator: Any) -> Parameters:
    """By the attributes' usual names."""
    frozen = when_fitted(estimator, "frozen", getattr(estimator, "frozen", ()))
    structure, means = structure_when_fitted(estimator), estimator.means_
    factors = factors_of(estimator, structure)
    return Parameters(structure, estimator.weights_, means, factors, check_frozen(frozen))


def factors_of(estimator: Any, structure: Structure) -> np.ndarray:
    """In the structure's shape."""
    if not structure.form.has_loadings:
        return estimator.precisions_cholesky_
    form: Any = structure.form
    loadings = np.swapaxes(np.asarray(estimator.loadings_, dtype=np.float64), -1, -2)
    noise = np.asarray(estimator.noise_variances_, dtype=np.float64)
    return form.factor(form.of_parts(loadings, noise))
