"""A fitted posterior of a mixture's parameters: as attributes, and as its attributes tell it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from .._bayes.variational import Posterior, VariationalMixture, pseudo_log_weights
from .._bayes.weighting import Dirichlet, StickBreaking, Weighting
from .._bayes.wishart import factorised
from .._estimator.starting import previous
from .._fit.fit import Fit
from .._fit.problem import Given, Problem
from .._fitted.attributes import attributes_of, starts_of
from .._fitted.fitted import Fitted, Parameters, parameters_of
from .._fitted.scoring import Scorer
from .._input.tables import Data
from .._normal.gaussian import Params
from .bayesian_prior import WEIGHTINGS
from .predictive import PredictiveScorer


def posterior_attributes(problem: Problem, fit: Fit, dtype: Any) -> dict[str, Any]:
    """The fitted attributes, with components in falling order."""
    model: Any = fit.model  # a VariationalMixture
    posterior, prior, rows = fit.run.result.params, model.prior, model.rows
    order, structure = posterior.order, problem.structure

    def ordered(stack: np.ndarray) -> np.ndarray:
        return structure.sharing.taken(stack, order)

    fit = replace(
        fit,
        weights=posterior.weights[order] / posterior.weights.sum(),
        means=fit.means[order],
        covariances=ordered(fit.covariances),
        factors=ordered(fit.factors),
    )
    covariance, _ = structure.form.rescale(prior.covariance, prior.factor, rows.scale)
    arrays = {
        "mean_precision_": posterior.mean_precision[order],
        "degrees_of_freedom_": ordered(posterior.degrees),
        "mean_prior_": rows.shift + rows.scale * prior.mean,
        "covariance_prior_": prior.degrees * covariance,
    }
    concentration = posterior.concentration[..., order].astype(dtype)
    is_vector = concentration.ndim == 1
    return {
        **attributes_of(problem, fit, dtype),
        **{name: np.array(value, dtype=dtype)[()] for name, value in arrays.items()},
        "weight_concentration_": concentration if is_vector else tuple(concentration),
        "weight_concentration_prior_": prior.weighting.prior,
        "mean_precision_prior_": prior.mean_precision,
        "degrees_of_freedom_prior_": prior.degrees,
    }


def posterior_starts(
    problem: Problem, fit: Fit, data: Data, attributes: dict
) -> dict[str, np.ndarray]:
    """What the starts led to, with components in falling order."""
    posteriors = [climbed.result.params for climbed in fit.starts]
    weights = [(each.weights / each.weights.sum())[each.order] for each in posteriors]
    return {"starts_": starts_of(fit, weights, [each.means[each.order] for each in posteriors])}


class FittedPosterior:
    """The posterior that an estimator's attributes tell, components in falling order."""

    def __init__(self, estimator: Any):
        self.parameters: Parameters = parameters_of(estimator)
        self.means = estimator.means_
        self.concentration = _floats(estimator.weight_concentration_)
        self.mean_precision = _floats(estimator.mean_precision_)
        self.degrees = _floats(estimator.degrees_of_freedom_)
        kind = StickBreaking if isinstance(estimator.weight_concentration_, tuple) else Dirichlet
        self.weighting: Weighting = kind(estimator.weight_concentration_prior_)
        self._order, self._estimator = np.arange(len(self.means)), estimator

    def expected_log_weights(self) -> np.ndarray:
        """E log weight, (K,)."""
        return self.weighting.expected_log(self.concentration, self._order)

    def allocation(self) -> Scorer:
        """q(z): the normal mixture at expected natural parameters."""
        structure, weights, means, factors, _ = self.parameters
        expected = self.expected_log_weights()
        log_weights = pseudo_log_weights(
            structure, expected, self.degrees, self.mean_precision, means.shape[1]
        )
        return Scorer(structure, weights, means, factors, log_weights)

    def density(self) -> PredictiveScorer:
        """The posterior predictive; a Dirichlet process has a component for new clusters."""
        weights = self.weighting.mean(self.concentration, self._order)
        weights = np.append(weights, self.weighting.rest(self.concentration, self._order))
        means = np.vstack([self.means, self._estimator.mean_prior_])
        mean_precision = np.append(self.mean_precision, self._estimator.mean_precision_prior_)
        factors, degrees = self._precisions_and_new()
        structure = self.parameters.structure
        return PredictiveScorer(structure, weights, means, factors, mean_precision, degrees)

    def _precisions_and_new(self) -> tuple[np.ndarray, np.ndarray]:
        """Factors, and degrees of freedom, of the components and of a new one."""
        structure, (n_components, d) = self.parameters.structure, self.means.shape
        factors = _floats(self.parameters.factors)
        if not structure.sharing.separable:
            return factors, np.full(n_components + 1, n_components * self.degrees)
        degrees = self._estimator.degrees_of_freedom_prior_
        prior = _floats(self._estimator.covariance_prior_)
        _, factor = factorised(structure.form, prior, d)
        factor = factor * np.sqrt(degrees)
        return np.concatenate([factors, factor[None]]), np.append(self.degrees, degrees)


def _floats(value: Any) -> np.ndarray:
    return np.asarray(value, dtype=np.float64)


def posterior_mixture(estimator: Any) -> Fitted:
    """Densities are predictive, and allocation is by q; the rest is of the expected parameters."""
    posterior = FittedPosterior(estimator)
    return Fitted(posterior.parameters, posterior.density, posterior.allocation)


@dataclass(frozen=True)
class GivenPosterior:
    """A posterior to go on from, in the units of the data."""

    values: Given
    concentration: np.ndarray
    mean_precision: np.ndarray
    degrees: np.ndarray

    @property
    def means(self) -> np.ndarray | None:
        return self.values.means

    def complete(self) -> bool:
        return True

    def override(self, model: VariationalMixture, base: Params | None) -> Posterior:
        params = self.values.override(model.likelihood, base)
        return model.posterior(
            self.concentration,
            self.mean_precision,
            params.means,
            self.degrees,
            *params[2:],
            np.arange(len(params.means)),
        )


def previous_posterior(estimator: Any, values: SimpleNamespace, data: Data) -> GivenPosterior:
    """The last posterior, to go on from."""
    posterior = FittedPosterior(estimator)
    given = previous(posterior.parameters, values, data)
    if type(posterior.weighting) is not WEIGHTINGS[values.weight_concentration_prior_type]:
        raise ValueError(
            "warm_start=True goes on from the previous fit, but "
            "weight_concentration_prior_type changed since; set warm_start=False or clone the "
            "estimator"
        )
    parts = posterior.concentration, posterior.mean_precision, posterior.degrees
    return GivenPosterior(given, *parts)
