"""The Gaussian mixture estimator."""

from __future__ import annotations

from ._em_estimator import EMEstimator
from ._validation import check_temperature


class GaussianMixture(EMEstimator):
    """Mixture of multivariate normal distributions, fitted by maximum likelihood with EM.

    Takes the place of :class:`sklearn.mixture.GaussianMixture`: the same parameters, methods
    and attributes. It is faster, needs no memory that grows with the number of rows, takes
    sample weights, and stops at a maximum rather than when a step was small. What differs on
    purpose is listed in the documentation under "Differences from scikit-learn".

    Parameters
    ----------
    n_components : int, default=1
        Number of components K.

    covariance_type : {'full', 'tied', 'diag', 'spherical', 'tied_diag', 'tied_spherical'}, \
default='full'
        Structure of the covariances: a general matrix, a diagonal one or a multiple of the
        identity; one for each component, or one for all ('tied' is the general one).

    tol : float, default=1e-7
        The fit has converged when what EM would still gain in mean log-likelihood per sample,
        estimated from the rate at which its gains shrink, is at most ``tol``. With 0 the fit
        makes ``max_iter`` iterations.

    reg_covar : float, default=0.0
        Variance added to the diagonal of all covariances, in squared units of the data: every
        row stands for a normal cloud x + e of this variance, and log-densities are replaced by
        their expectations over e. The default leaves healthy fits at the exact maximum;
        components that collapse are kept finite by a floor on the eigenvalues (about 1e-15 of
        the variance of the data).

    max_iter : int, default=1000
        Largest number of EM iterations, that is of sweeps over the data. With 0, the start
        itself is the result.

    n_init : int, default=1
        Number of starts; the best result is kept. Several starts are compared after a short
        climb on (a sample of) the data, and only those that can still win go on.

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

    weights_init : array-like of shape (n_components,), default=None
        Initial weights. What is given is used as it is, and only the rest is computed.

    means_init : array-like of shape (n_components, n_features), default=None
        Initial means.

    precisions_init : array-like, default=None
        Initial precisions (inverses of covariances), in the shape of ``covariances_``.

    random_state : int, RandomState instance or None, default=None
        Source of randomness of starts and of :meth:`sample`.

    warm_start : bool, default=False
        Start from the previous solution, if there is one; ``n_init`` is then ignored.

    verbose : int, default=0
        1 prints starts and iterations, 2 also times and gains.

    verbose_interval : int, default=10
        Iterations between two prints.

    acceleration : bool, default=True
        Extrapolate EM (SQUAREM, Varadhan & Roland 2008). An extrapolated point is kept only if
        it does not lower the objective. False is plain EM.

    frozen : tuple of {'weights', 'means', 'covariances'}, default=()
        Parameters that the fit leaves at their start: at ``weights_init``, ``means_init`` or
        ``precisions_init`` if given, and otherwise at equal weights and at the means and
        covariances that ``init_params`` finds. The M-step then maximises over the others
        alone, so that the objective still never falls; ``aic`` and ``bic`` count only these.

    temperature : float or sequence of float, default=1.0
        T in the objective mean max_q <q, log_joint> + T H(q), H the entropy of the
        responsibilities q, which are proportional to (w_k N(x | k))^(1 / T) while fitting. 1 is
        maximum likelihood; more than 1 smooths the objective, less makes assignments harder, down
        to those of :class:`HardGaussianMixture` at 0. ``predict_proba`` gives the posterior of
        the parameters at any temperature. A sequence that decreases to 1 anneals:
        the fit climbs at each temperature from where the last climb ended, with the means
        moved at random by a twentieth of a standard deviation, as equal components could not
        part otherwise. ``tol`` holds for each climb, ``max_iter`` for all together.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Weights of the components.

    means_ : ndarray of shape (n_components, n_features)
        Means of the components.

    covariances_ : ndarray
        Covariances, of shape

        - (n_components, n_features, n_features) if 'full',
        - (n_features, n_features) if 'tied',
        - (n_components, n_features) if 'diag',
        - (n_components,) if 'spherical',
        - (n_features,) if 'tied_diag',
        - () if 'tied_spherical'.

    precisions_ : ndarray
        Inverses of the covariances, in the same shape.

    precisions_cholesky_ : ndarray
        Upper triangular U with ``U @ U.T`` the precision; reciprocal standard deviations where
        the covariance is not a matrix.

    converged_ : bool
        Whether ``tol`` was reached.

    n_iter_ : int
        Iterations of the best run.

    stop_reason_ : str
        Why the best run ended.

    lower_bound_ : float
        The objective at the parameters returned, per sample: ``score(X)`` of the training
        data if ``reg_covar`` is 0, and a lower bound of it otherwise,
        mean log sum_k w_k exp(E_e log N(x + e | k)). At a temperature T other than 1 it is
        mean T log sum_k (w_k N(x | k))^(1 / T), which is greater than ``score(X)`` for T > 1
        and smaller for T < 1.

    lower_bounds_ : list of float, length n_iter_
        The objective after each iteration; at one temperature it never falls.

    remaining_gain_ : float
        Estimate of what more iterations would add to ``lower_bound_``; infinite if there were
        too few to tell.

    history_ : structured ndarray of shape (n_iter_ + 1,)
        One row per sweep over the data, the first at the start (with several temperatures,
        the first of each at its start: one row more for each). ``log_likelihood`` is the
        objective at the parameters tried, ``free_energy`` is F there with the responsibilities
        of the sweep before, ``gap`` is the Kullback-Leibler divergence between them, which the
        E-step closed; all per sample. ``remaining`` is the estimated remaining gain,
        ``extrapolated`` and ``accepted`` tell about acceleration, ``temperature`` is that of
        the climb.

    n_collapsed_ : int
        Starts that were dropped because a component shrank to a point.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during fit, if X has them and all are strings.

    See Also
    --------
    sklearn.mixture.GaussianMixture : The estimator whose interface this one keeps.
    HardGaussianMixture : Assigns every row wholly; K-means is one case.

    References
    ----------
    .. [1] A. P. Dempster, N. M. Laird, D. B. Rubin (1977). Maximum likelihood from incomplete
       data via the EM algorithm. J. Royal Statistical Society B 39, 1-38.
    .. [2] R. M. Neal, G. E. Hinton (1998). A view of the EM algorithm that justifies
       incremental, sparse, and other variants. Learning in Graphical Models, 355-368.
    .. [3] R. Varadhan, C. Roland (2008). Simple and globally convergent methods for
       accelerating the convergence of any EM algorithm. Scandinavian J. Statistics 35, 335-353.
    .. [4] R. J. Hathaway (1985). A constrained formulation of maximum-likelihood estimation for
       normal mixture distributions. Annals of Statistics 13, 795-800.
    .. [5] N. Ueda, R. Nakano (1998). Deterministic annealing EM algorithm. Neural Networks 11,
       271-282.

    Examples
    --------
    >>> from emix import GaussianMixture
    >>> from emix.datasets import load_faithful
    >>> X = load_faithful().data
    >>> mixture = GaussianMixture(n_components=2, random_state=0).fit(X)
    >>> order = mixture.means_[:, 0].argsort()
    >>> mixture.means_[order].round(2)
    array([[ 2.04, 54.48],
           [ 4.29, 79.97]])
    >>> mixture.weights_[order].round(3)
    array([0.356, 0.644])
    >>> round(mixture.score(X), 4), mixture.converged_
    (-4.1554, True)
    """

    def __init__(
        self,
        n_components=1,
        *,
        covariance_type="full",
        tol=1e-7,
        reg_covar=0.0,
        max_iter=1000,
        n_init=1,
        init_params="kmeans",
        weights_init=None,
        means_init=None,
        precisions_init=None,
        random_state=None,
        warm_start=False,
        verbose=0,
        verbose_interval=10,
        acceleration=True,
        frozen=(),
        temperature=1.0,
    ):
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.acceleration = acceleration
        self.frozen = frozen
        self.temperature = temperature

    def _temperatures(self):
        return check_temperature(self.temperature)
