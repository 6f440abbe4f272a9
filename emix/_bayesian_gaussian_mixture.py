"""The Bayesian Gaussian mixture estimator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._base import quiet
from ._bayes.variational import Posterior, Prior, VariationalMixture, pseudo_log_weights
from ._bayes.weighting import Dirichlet, StickBreaking, Weighting
from ._bayes.wishart import factorised
from ._bayesian_conversion import BayesianConversion
from ._em_estimator import EMEstimator
from ._fit.fit import Fit
from ._fit.problem import Given, Problem
from ._gaps import GapsMixin
from ._mixture.missing import mixture_over
from ._mixture.mixture import Mixture
from ._responsibilities import ResponsibilityTransformer
from ._scoring import PredictiveScorer, Scorer
from ._validation import check_covariance_prior, check_mean_prior, check_option, check_positive

WEIGHTINGS: dict[str, type[Weighting]] = {
    "dirichlet_process": StickBreaking,
    "dirichlet_distribution": Dirichlet,
}
# The default covariance prior has at least this variance in any direction of standardised data:
# where the data do not vary, nothing else would keep new rows at finite distances.
_LEAST = 1e-6
# Priors beyond these leave too few digits for what the data add.
_FARTHEST_MEAN = 1e6
_LARGEST_PRECISION = 1e12
_LARGEST_DEGREES = 1e9


class BayesianGaussianMixture(
    BayesianConversion, ResponsibilityTransformer, GapsMixin, EMEstimator
):
    """Mixture of multivariate normal distributions with a posterior of its parameters.

    Takes the place of :class:`sklearn.mixture.BayesianGaussianMixture`: the same parameters,
    methods and attributes. The posterior is approximated by a product of one distribution of
    the components of the rows and one of the parameters (variational Bayes), which climbs a
    lower bound of the evidence log p(X). Components that the data do not need empty themselves,
    so that ``n_components`` is an upper limit. What differs from scikit-learn on purpose is
    listed in the documentation under "Differences from scikit-learn", the derivation under
    "Variational Bayes". NaN in X is a missing value: see "Missing values".

    Parameters
    ----------
    n_components : int, default=1
        Number of components K; some of them may end up without rows.

    covariance_type : {'full', 'tied', 'diag', 'spherical', 'tied_diag', 'tied_spherical'}, \
default='full'
        Structure of the covariances: a general matrix, a diagonal one or a multiple of the
        identity; one for each component, or one for all ('tied' is the general one).

    tol : float, default=1e-7
        The fit has converged when what the updates would still gain in ``lower_bound_``, that
        is per sample, estimated from the rate at which the gains shrink, is at most ``tol``.
        With 0 the fit makes ``max_iter`` iterations.

    reg_covar : float, default=0.0
        Variance added to the diagonal of all covariances, in squared units of the data: every
        row stands for a normal cloud x + e of this variance, and log-densities are replaced by
        their expectations over e. As ``covariance_prior`` keeps covariances positive, it
        is not needed for that.

    max_iter : int, default=1000
        Largest number of iterations, that is of sweeps over the data. With 0, the start
        itself is the result.

    n_init : int, default=1
        Number of starts; the best result is kept. Several starts are compared after a short
        climb on (a sample of) the data, and only those that can still win go on. There is one
        start, with a warning, if it is given.

    init_params : {'kmeans', 'k-means++', 'random', 'random_from_data'}, array-like or \
callable, default='kmeans'
        How to start:

        - 'kmeans': k-means from k-means++ seeds, on standardised and on whitened data.
        - 'k-means++': the seeds alone are the means.
        - 'random_from_data': distinct rows are the means.
        - 'random': random responsibilities.
        - array of shape (n_samples,): integer labels, or of shape (n_samples, n_components):
          responsibilities.
        - callable: ``init_params(X, n_components, random_state)`` returns such an array.

        The first posterior is that of given responsibilities, or of the responsibilities
        under the maximum-likelihood parameters that were found.

    weight_concentration_prior_type : {'dirichlet_process', 'dirichlet_distribution'}, \
default='dirichlet_process'
        Prior of the weights: the sticks of a Dirichlet process, of which the rows use the first
        ``n_components`` alone, or a symmetric Dirichlet distribution.

    weight_concentration_prior : float, default=None
        Concentration of that prior: the smaller, the fewer components are used. None is
        ``1 / n_components``.

    mean_precision_prior : float, default=None
        How well means are known, b0: a mean has the precision b0 P before the data, where P is
        the precision of its component. None is 1.

    mean_prior : array-like of shape (n_features,), default=None
        Mean of the means before the data. None is the mean of X.

    degrees_of_freedom_prior : float, default=None
        Degrees of freedom of the precisions before the data, as a number of rows that the prior
        is worth. It must be greater than ``n_features - 1`` for 'full' and 'tied', and positive
        for the others. None is ``n_features``.

    covariance_prior : float or array-like, default=None
        Degrees of freedom times the inverse of the mean precision before the data, for each
        component: of shape (n_features, n_features) for 'full' and 'tied', (n_features,) for
        'diag' and 'tied_diag', and a number for 'spherical' and 'tied_spherical'. None is the
        covariance of X (with divisor n - 1), its diagonal, or the mean of that; in directions
        in which X hardly varies, at least 1e-6 of the variance of standardised features. If the
        components share one covariance, its prior counts K times this and K times the degrees.

    random_state : int, RandomState instance or None, default=None
        Source of randomness of starts and of :meth:`sample`.

    warm_start : bool, default=False
        Start from the previous posterior, if there is one; ``n_init`` is then ignored.

    verbose : int, default=0
        1 prints starts and iterations, 2 also times and gains.

    verbose_interval : int, default=10
        Iterations between two prints.

    acceleration : bool, default=True
        Extrapolate the updates (quasi-Newton, Jamshidian & Jennrich 1997). An extrapolated point
        is kept only if it does not lower the bound. False is plain coordinate ascent.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Expected weights, in falling order; scaled to add up to one.

    means_ : ndarray of shape (n_components, n_features)
        Expected means.

    covariances_ : ndarray
        Inverses of the expected precisions, of shape

        - (n_components, n_features, n_features) if 'full',
        - (n_features, n_features) if 'tied',
        - (n_components, n_features) if 'diag',
        - (n_components,) if 'spherical',
        - (n_features,) if 'tied_diag',
        - () if 'tied_spherical'.

    precisions_ : ndarray
        Expected precisions, in the same shape.

    precisions_cholesky_ : ndarray
        Upper triangular U with ``U @ U.T`` the precision; reciprocal standard deviations where
        the covariance is not a matrix.

    weight_concentration_ : tuple of two ndarrays of shape (n_components,), or one ndarray
        Posterior of the weights: the parameters of the Beta distributions of the sticks, or
        those of the Dirichlet distribution.

    mean_precision_ : ndarray of shape (n_components,)
        b_k: given its component's precision P_k, a mean has the precision b_k P_k.

    degrees_of_freedom_ : ndarray of shape (n_components,) or float
        Degrees of freedom of the precisions, per component that shares the precision: a
        number if they share one.

    weight_concentration_prior_, mean_precision_prior_, degrees_of_freedom_prior_ : float
        The values of these parameters that were used.

    mean_prior_ : ndarray of shape (n_features,)
        The value of ``mean_prior`` that was used.

    covariance_prior_ : float or ndarray
        The value of ``covariance_prior`` that was used.

    converged_ : bool
        Whether ``tol`` was reached.

    n_iter_ : int
        Iterations of the best run.

    stop_reason_ : str
        Why the best run ended.

    lower_bound_ : float
        The complete evidence lower bound E_q[log p(X, z, parameters)] + H(q) at the posterior
        returned, per sample (per unit of weight).

    lower_bounds_ : list of float, length n_iter_
        The bound after each iteration; it never falls, and ends in ``lower_bound_``.

    remaining_gain_ : float
        Estimate of what more iterations would add to ``lower_bound_``; infinite if there were
        too few to tell.

    history_ : structured ndarray of shape (n_iter_ + 1,)
        One row per sweep over the data, the first at the start. ``objective`` is the
        bound after the sweep, ``free_energy`` the bound with the responsibilities of the sweep
        before, ``gap`` their difference. ``log_prior`` is minus the divergence of the
        parameters' posterior from their prior, per sample, and ``log_likelihood`` the rest of
        the bound; ``entropy`` is that of the responsibilities. ``remaining`` is the estimated
        remaining gain, ``extrapolated`` and ``accepted`` tell about acceleration.

    n_collapsed_ : int
        Starts that were passed over because a covariance was singular, which needs an extremely
        small ``covariance_prior``.

    singular_components_ : ndarray of bool of shape (n_components,)
        Components whose covariance is singular to rounding in a direction in which the data
        vary.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during fit, if X has them and all are strings.

    See Also
    --------
    sklearn.mixture.BayesianGaussianMixture : The estimator whose interface this one keeps.
    GaussianMixture : Maximum likelihood.

    References
    ----------
    .. [1] H. Attias (2000). A variational Bayesian framework for graphical models. Advances in
       Neural Information Processing Systems 12, 209-215.
    .. [2] C. M. Bishop (2006). Pattern recognition and machine learning, section 10.2. Springer.
    .. [3] D. M. Blei, M. I. Jordan (2006). Variational inference for Dirichlet process mixtures.
       Bayesian Analysis 1, 121-143.
    .. [4] K. Kurihara, M. Welling, N. Vlassis (2007). Accelerated variational Dirichlet process
       mixtures. Advances in Neural Information Processing Systems 19, 761-768.

    Examples
    --------
    >>> from emix import BayesianGaussianMixture
    >>> from emix.datasets import load_faithful
    >>> X = load_faithful().data
    >>> mixture = BayesianGaussianMixture(
    ...     n_components=6, weight_concentration_prior=0.01, random_state=0
    ... ).fit(X)
    >>> mixture.weights_.round(3)
    array([0.644, 0.356, 0.   , 0.   , 0.   , 0.   ])
    >>> mixture.means_[:2].round(2)
    array([[ 4.29, 79.95],
           [ 2.05, 54.69]])
    """

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-7,
        reg_covar: float = 0.0,
        max_iter: int = 1000,
        n_init: int = 1,
        init_params: str | ArrayLike | Callable = "kmeans",
        weight_concentration_prior_type: str = "dirichlet_process",
        weight_concentration_prior: float | None = None,
        mean_precision_prior: float | None = None,
        mean_prior: ArrayLike | None = None,
        degrees_of_freedom_prior: float | None = None,
        covariance_prior: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        acceleration: bool = True,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weight_concentration_prior_type = weight_concentration_prior_type
        self.weight_concentration_prior = weight_concentration_prior
        self.mean_precision_prior = mean_precision_prior
        self.mean_prior = mean_prior
        self.degrees_of_freedom_prior = degrees_of_freedom_prior
        self.covariance_prior = covariance_prior
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.acceleration = acceleration

    def _model(self):
        return self._variational

    def _variational(self, structure, rows, noise) -> VariationalMixture:
        """The model, with the priors in the units of the rows."""
        # the prior keeps the bound finite, and the bound would not be exact at a floor
        rows = rows.with_values()
        likelihood = mixture_over(structure, rows, noise, least_share=0.0)
        degrees = self._degrees_prior(structure, rows.d)
        covariance, factor = self._covariance_prior(likelihood)
        prior = Prior(
            weighting=self._weighting(),
            mean_precision=_positive(
                "mean_precision_prior", self.mean_precision_prior, 1.0, _LARGEST_PRECISION
            ),
            mean=self._mean_prior(rows),
            degrees=degrees,
            covariance=covariance / degrees,
            factor=factor * np.sqrt(degrees),
        )
        return VariationalMixture(likelihood, prior, rows.total_weight)

    def _weighting(self) -> Weighting:
        kind = check_option(
            "weight_concentration_prior_type", self.weight_concentration_prior_type, WEIGHTINGS
        )
        name, default = "weight_concentration_prior", 1.0 / self.n_components
        return WEIGHTINGS[kind](_positive(name, self.weight_concentration_prior, default))

    def _mean_prior(self, rows) -> np.ndarray:
        if self.mean_prior is None:
            return np.zeros(rows.d)
        mean = check_mean_prior(self.mean_prior, rows.d) - rows.shift
        with np.errstate(over="ignore"):
            mean = mean / rows.scale
        if np.abs(mean).max() > _FARTHEST_MEAN:
            raise ValueError(
                f"mean_prior is more than {_FARTHEST_MEAN:g} standard deviations of X from its mean"
            )
        return mean

    def _degrees_prior(self, structure, d) -> float:
        name, least = "degrees_of_freedom_prior", int(structure.form.bartlett(d).max())
        degrees = _positive(name, self.degrees_of_freedom_prior, float(d), _LARGEST_DEGREES)
        if degrees <= least:
            raise ValueError(
                f"The parameter '{name}' should be greater than {least}, but got {degrees:.3f}."
            )
        return degrees

    def _covariance_prior(self, likelihood: Mixture):
        """Covariance and factor, in the units of the rows."""
        structure, rows = likelihood.structure, likelihood.rows
        if self.covariance_prior is None:
            total = rows.total_weight
            # weights of less than two rows in all have no unbiased variance
            unbiased = total / max(total - 1.0, 0.5 * total)
            return structure.form.factorise(likelihood.spread * unbiased, _LEAST)[:2]
        covariance = check_covariance_prior(
            self.covariance_prior, self.covariance_type, structure, rows.d
        )
        with np.errstate(over="ignore", under="ignore"):
            prior = factorised(structure.form, covariance, rows.d, 1.0 / rows.scale)
        variances = structure.form.variances(prior[0], rows.d)
        if not (variances.min() >= 1e-100 and variances.max() <= 1e100):
            raise ValueError(
                "covariance_prior is more than 1e100 times smaller or larger than the variances "
                "of X"
            )
        return prior

    def _given(self, structure, d) -> Given:
        return Given()

    def _previous(self, d) -> Given:
        """The last posterior, to go on from."""
        given = super()._previous(d)
        if type(self._weighting()) is not type(self._fitted_weighting()[0]):
            raise ValueError(
                "warm_start=True goes on from the previous fit, but "
                "weight_concentration_prior_type changed since; set warm_start=False or clone the "
                "estimator"
            )
        parts = (self._concentration(), self._mean_precision(), self._degrees())
        return _GivenPosterior(given.weights, given.means, given.factors, *parts)

    def _warn_of_empty(self, fit: Fit) -> None:
        """Not at all: components that the data do not need are meant to become empty."""

    def _n_parameters(self) -> int:
        return sum(self._parameter_counts().values())

    def _described(self, problem: Problem, fit: Fit, dtype) -> dict:
        """The fitted attributes, with components in falling order."""
        model: Any = fit.model
        posterior, prior, rows = fit.run.result.params, model.prior, model.rows
        order, structure = posterior.order, problem.structure

        def ordered(stack):
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
        return {
            **super()._described(problem, fit, dtype),
            **{name: np.array(value, dtype=dtype)[()] for name, value in arrays.items()},
            "weight_concentration_": concentration
            if concentration.ndim == 1
            else tuple(concentration),
            "weight_concentration_prior_": prior.weighting.prior,
            "mean_precision_prior_": prior.mean_precision,
            "degrees_of_freedom_prior_": prior.degrees,
        }

    # --- the posterior, as the public attributes have it ------------------------------------

    def _concentration(self) -> np.ndarray:
        return np.asarray(self.weight_concentration_, dtype=np.float64)

    def _mean_precision(self) -> np.ndarray:
        return np.asarray(self.mean_precision_, dtype=np.float64)

    def _degrees(self) -> np.ndarray:
        return np.asarray(self.degrees_of_freedom_, dtype=np.float64)

    def _fitted_weighting(self) -> tuple[Weighting, np.ndarray]:
        """The distribution of the weights, and that components are in their order."""
        kind = StickBreaking if isinstance(self.weight_concentration_, tuple) else Dirichlet
        return kind(self.weight_concentration_prior_), np.arange(len(self.means_))

    def _estimate_log_weights(self) -> np.ndarray:
        """E log weight, (K,); scikit-learn's private name, which other packages call."""
        weighting, order = self._fitted_weighting()
        return weighting.expected_log(self._concentration(), order)

    def _allocation(self) -> Scorer:
        """q(z): the normal mixture at expected natural parameters."""
        self._check_fitted()
        log_weights = pseudo_log_weights(
            self._fitted_structure(),
            self._estimate_log_weights(),
            self._degrees(),
            self._mean_precision(),
            self.means_.shape[1],
        )
        factors = self.precisions_cholesky_
        return Scorer(self._fitted_structure(), self.weights_, self.means_, factors, log_weights)

    def _density(self) -> PredictiveScorer:
        """The posterior predictive; a Dirichlet process has a component for new clusters."""
        self._check_fitted()
        structure, (weighting, order) = self._fitted_structure(), self._fitted_weighting()
        concentration = self._concentration()
        weights = weighting.mean(concentration, order)
        weights = np.append(weights, weighting.rest(concentration, order))
        means = np.vstack([self.means_, self.mean_prior_])
        mean_precision = np.append(self._mean_precision(), self.mean_precision_prior_)
        factors, degrees = self._precisions_and_new()
        return PredictiveScorer(structure, weights, means, factors, mean_precision, degrees)

    def _precisions_and_new(self) -> tuple[np.ndarray, np.ndarray]:
        """Factors, and degrees of freedom, of the components and of a new one."""
        structure, (n_components, d) = self._fitted_structure(), self.means_.shape
        factors = np.asarray(self.precisions_cholesky_, dtype=np.float64)
        if not structure.sharing.separable:
            return factors, np.full(n_components + 1, n_components * self._degrees())
        prior = np.asarray(self.covariance_prior_, dtype=np.float64)
        _, factor = factorised(structure.form, prior, d)
        factor = factor * np.sqrt(self.degrees_of_freedom_prior_)
        return (
            np.concatenate([factors, factor[None]]),
            np.append(self._degrees(), self.degrees_of_freedom_prior_),
        )

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Log-density of every row under the posterior predictive distribution.

        The density of a new row, with the parameters integrated over their posterior: a
        mixture of Student's distributions (Bishop 2006, eq. 10.81). It integrates to one. With a
        Dirichlet process it includes the chance that the row belongs to none of the
        components: the prior's density, weighted by the mean of the sticks that are left.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to evaluate.

        Returns
        -------
        log_prob : ndarray of shape (n_samples,)
            Natural logarithm of p(x | training data), in the units of the data; float32 if X
            is.
        """
        return super().score_samples(X)

    @quiet
    def score_samples_plugin(self, X: ArrayLike) -> np.ndarray:
        """Log-density of every row under the normal mixture of the expected parameters.

        That is ``weights_``, ``means_`` and ``covariances_``, as if they were known. It is the
        density that :meth:`sample` draws from, and that ``aic``, ``bic`` and ``icl`` are of.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to evaluate.

        Returns
        -------
        log_prob : ndarray of shape (n_samples,)
            Natural logarithm, in the units of the data; float32 if X is.
        """
        scorer, X = self._scorer(), self._validated(X)
        return scorer.log_prob(X).astype(X.dtype, copy=False)

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Responsibilities q(z) of every row, as the fit has them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to evaluate.

        Returns
        -------
        resp : ndarray of shape (n_samples, n_components)
            Rows add up to one. float32 if X is.
        """
        return super().predict_proba(X)


def _positive(name, value, default, *largest) -> float:
    return default if value is None else check_positive(name, value, *largest)


@dataclass(frozen=True)
class _GivenPosterior(Given):
    """A posterior to go on from, in the units of the data."""

    concentration: np.ndarray | None = None
    mean_precision: np.ndarray | None = None
    degrees: np.ndarray | None = None

    def override(  # type: ignore[override]
        self, model: VariationalMixture, base
    ) -> Posterior:
        params = super().override(model, base)
        return model.posterior(
            self.concentration,
            self.mean_precision,
            params.means,
            self.degrees,
            *params[2:],
            np.arange(len(params.means)),
        )
