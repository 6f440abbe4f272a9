"""The Bayesian Gaussian mixture estimator."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .._estimator.estimator import EMEstimator
from .._estimator.report import Report, of_its_end, of_singular
from .._estimator.starting import is_warm, mixture_problem
from .._fit.problem import Given, Problem
from .._fitted.base import quiet
from .._fitted.fitted import Fitted
from .._fitted.gaps import GapsMixin, check_columns, of_pairs, read_with_gaps
from .._fitted.responsibilities import ResponsibilityTransformer
from .._input.parameters import COMMON, Checks, one_of, optional, with_data
from .._input.tables import Data
from .._input.validation import check_flag, check_positive
from .bayesian_conversion import BayesianConversion
from .bayesian_prior import (
    WEIGHTINGS,
    check_degrees,
    check_precision,
    check_structure,
    given_prior,
)
from .fitted_posterior import (
    FittedPosterior,
    posterior_attributes,
    posterior_mixture,
    posterior_starts,
    previous_posterior,
)


class BayesianGaussianMixture(
    BayesianConversion, ResponsibilityTransformer, GapsMixin, EMEstimator
):
    """Mixture of multivariate normal distributions with a posterior of its parameters.

    Takes the place of :class:`sklearn.mixture.BayesianGaussianMixture`: it has the same
    parameters, methods and attributes. Components that the data do not need empty themselves, so
    ``n_components`` is an upper limit. NaN in X is a missing value.

    The posterior is approximated by a product of two distributions, one of the components of the
    rows and one of the parameters (variational Bayes) [1]_. The fit climbs a lower bound of the
    evidence log p(X). The documentation has the derivation under "Variational Bayes", and what
    differs on purpose under "Differences from scikit-learn".

    Parameters
    ----------
    n_components : int, default=1
        Number of components K; some of them may end up without rows.

    covariance_type : {'full', 'tied', 'diag', 'spherical', 'tied_diag', 'tied_spherical'}, \
default='full'
        Structure of the covariances: a general matrix, a diagonal one or a multiple of the
        identity; one for each component, or one for all ('tied' is the general one).

    tol : float, default=1e-7
        The fit ends when little is left to gain: when an estimate of all that more passes would
        still add to ``lower_bound_`` is at most ``tol``. With 0 the fit makes ``max_iter``
        passes.

    reg_covar : float, default=0.0
        Variance added to the diagonal of all covariances, in squared units of the data. It is
        as if every row were a small normal cloud of this variance. Covariances are positive
        without it, by ``covariance_prior``.

    max_iter : int, default=1000
        Largest number of passes over the data after the first. With 0, the start
        itself is the result.

    n_init : int, default=1
        Number of starts; the best result is kept. Several starts are compared after a short
        climb, and only those that can still win go on; ``starts_`` tells of all. If a start is
        given there is one, and a warning says so.

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
        Prior of the weights: the sticks of a Dirichlet process, or a symmetric Dirichlet
        distribution. Rows use the first ``n_components`` sticks alone.

    weight_concentration_prior : float, default=None
        Concentration of that prior. The smaller it is, the fewer components are used. None is
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
        1 prints starts and passes, 2 also times and gains.

    verbose_interval : int, default=10
        Passes between two prints.

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
        Passes of the best climb after its first, which evaluates the start.

    stop_reason_ : str
        Why the best climb ended.

    lower_bound_ : float
        The complete evidence lower bound E_q[log p(X, z, parameters)] + H(q) at the posterior
        returned, per sample (per unit of weight).

    lower_bounds_ : list of float, length n_iter_
        The bound after each of these passes; it never falls, and ends in ``lower_bound_``.

    remaining_gain_ : float
        Estimate of what more passes would add to ``lower_bound_``; infinite if there were
        too few to tell.

    history_ : structured ndarray of shape (n_iter_ + 1,)
        One row per pass over the data; the first evaluates the start. All numbers are per row of
        the data:

        - ``objective``: the bound after the pass;
        - ``free_energy``: the bound with the responsibilities of the pass before;
        - ``gap``: their difference;
        - ``log_prior``: minus the divergence of the parameters' posterior from their prior;
        - ``log_likelihood``: the rest of the bound;
        - ``entropy``: that of the responsibilities;
        - ``remaining``: the estimated remaining gain;
        - ``extrapolated``, ``accepted``: whether acceleration proposed the parameters, and
          whether they were kept;
        - ``temperature``: always 1.

    n_collapsed_ : int
        Starts that were passed over because a covariance was singular, which needs an extremely
        small ``covariance_prior``.

    starts_ : structured ndarray of shape (n_starts,)
        What each start led to. The start of the result comes first, then the others by falling
        objective, and last those with a component that is not sound. The fields are

        - ``objective``: where the climb ended, in the units of ``lower_bound_``;
        - ``remaining``: the estimate of what it would still gain;
        - ``n_iter``: its passes after the first;
        - ``reason``: why it ended;
        - ``sound``: whether no component rests on too few rows or is too thin;
        - ``given_up``: whether it was ended early, as another start leads as high or higher, or
          as a component is not sound;
        - ``weights`` and ``means``: the parameters where it ended.

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

    _read = staticmethod(read_with_gaps)
    _checks: ClassVar[Checks] = {
        **COMMON,
        "covariance_type": check_structure,
        "weight_concentration_prior_type": one_of(WEIGHTINGS),
        "weight_concentration_prior": optional(check_positive),
        "mean_precision_prior": optional(check_precision),
        "mean_prior": with_data,
        "degrees_of_freedom_prior": optional(check_degrees),
        "covariance_prior": with_data,
        "acceleration": check_flag,
    }
    # Empty components are not warned of: the prior is meant to empty those that are not needed.
    _report = Report(
        posterior_attributes, posterior_starts, remarks=(of_singular, of_its_end, of_pairs)
    )

    def _fitted(self) -> Fitted:
        return posterior_mixture(self)

    def _problem(self, values: SimpleNamespace, data: Data) -> Problem:
        check_columns(data)
        prior = given_prior(values, data.X.shape[1])
        warm = is_warm(self, values)
        given = previous_posterior(self, values, data) if warm else Given()
        return mixture_problem(
            values, data, given, warm, model=prior.model, accelerate=values.acceleration
        )

    def _estimate_log_weights(self) -> np.ndarray:
        """E log weight, (K,); scikit-learn's private name, which other packages call."""
        return FittedPosterior(self).expected_log_weights()

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
        scorer, X = self._asked().parameters.scorer(), self._validated(X)
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
