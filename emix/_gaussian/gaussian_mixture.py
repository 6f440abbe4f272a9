"""The Gaussian mixture estimator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.metaestimators import available_if

from .._estimator.estimator import EMEstimator
from .._estimator.publication import publish
from .._estimator.report import Report, of_empty, of_its_end, of_singular
from .._estimator.starting import given_values, is_warm, mixture_problem
from .._fit.fit import Fit
from .._fit.problem import Phase, PriorOf, Problem, is_parallel
from .._fit.stream import (
    advance,
    begin_stream,
    check_stream,
    published,
    restored,
    stored,
    stream_model,
)
from .._fitted.attributes import of_starts, parameter_attributes, without_others
from .._fitted.base import quiet
from .._fitted.calculus import DensityCalculus
from .._fitted.derived import OfLoadings
from .._fitted.fitted import Fitted, normal_mixture, parameters_of, when_fitted
from .._fitted.gaps import GapsMixin, check_columns, of_pairs, read_with_gaps
from .._fitted.responsibilities import ResponsibilityTransformer
from .._fitted.threads import thread_budget
from .._input.parameters import (
    COMMON,
    Checks,
    at_least,
    by,
    checked,
    covariances_of,
    one_of,
    optional,
    with_data,
)
from .._input.structures import NAMED, structure_of
from .._input.tables import Data
from .._input.validation import (
    check_exponent,
    check_flag,
    check_frozen,
    check_labels,
    check_real,
    check_sample_weight,
    check_temperature,
    warn_of_labels,
)
from .._mixture.constraint import Constraint
from .._mixture.incremental import Incremental
from .._mixture.missing import mixture_over
from .._mixture.partial import Conditional, Gradient
from .._mixture.posterior import at_temperature
from .._rows.patterns import has_gaps
from ..constraints import Allowed, Expectation, Proportions, check_constraints, check_kinds
from ..covariances import Factors
from ..priors import ConjugatePrior, check_prior, same_prior

M_STEPS = {"exact": None, "conditional": Conditional, "gradient": Gradient}

# Parameters of partial_fit after its first call.
_ONLINE: Checks = {
    "n_components": at_least(1),
    "covariance_type": covariances_of(NAMED),
    "reg_covar": check_real,
    "frozen": by(check_frozen),
    "temperature": by(check_temperature),
    "prior": by(check_prior),
    "constraints": by(check_kinds),
    "step_exponent": check_exponent,
    "step_offset": check_real,
    "step_averaging": check_flag,
}
_CHECKS: Checks = {
    **COMMON,
    **_ONLINE,
    "weights_init": with_data,
    "means_init": with_data,
    "precisions_init": with_data,
    "acceleration": check_flag,
    "algorithm": one_of(("batch", "incremental")),
    "batch_size": optional(at_least(1)),
    "m_step": one_of(M_STEPS),
}

# Blocks of incremental EM, and the fewest rows of one: more of them cost M-steps and calls
# than passes are saved.
_BLOCKS, _LEAST_ROWS = 8, 512

# What a stream goes on with.
_OBJECTIVE = ("reg_covar", "temperature", "prior")


def phases(values: SimpleNamespace, n_samples: int) -> tuple[Phase, ...]:
    """The climbs of a run: at each temperature, and by which algorithm."""
    variant = M_STEPS[values.m_step]
    if values.m_step == "gradient" and not structure_of(values.covariance_type).is_free:
        raise ValueError(
            "m_step='gradient' moves the covariance of each component by itself and at will, and "
            f"covariance_type={values.covariance_type!r} ties them or restricts each: set "
            "m_step='exact'"
        )
    climbs = tuple(Phase(each, variant) for each in values.temperature)
    if values.algorithm == "batch":
        if values.batch_size is not None:
            raise ValueError(
                f"batch_size={values.batch_size} needs algorithm='incremental': batch EM has no "
                "blocks; set batch_size=None"
            )
        return climbs
    if variant is not None:
        raise ValueError(
            f"algorithm='incremental' needs m_step='exact', got m_step={values.m_step!r}"
        )
    last = climbs[-1].temperature
    by_blocks = partial(Incremental, n_blocks=n_blocks(values.batch_size, n_samples))
    # batch EM has the last word: it alone knows F at the parameters that it returns
    return (*climbs[:-1], Phase(last, by_blocks), climbs[-1])


def n_blocks(batch_size: int | None, n_samples: int) -> int:
    if batch_size is None:
        return max(1, min(_BLOCKS, n_samples // _LEAST_ROWS))
    return -(-n_samples // batch_size)


def prior_of(values: SimpleNamespace, d: int) -> PriorOf | None:
    if values.prior is None:
        return None
    return values.prior._checked(structure_of(values.covariance_type), d)._of_model


def constraint_of(values: SimpleNamespace, data: Data) -> Constraint | None:
    """Constraints and labels as one."""
    labels, n_components = data.labels, values.n_components
    if labels is not None:
        labels = check_labels(labels, len(data.X), n_components)
    constraint = check_constraints(values.constraints, labels, data.X, n_components)
    if constraint is not None and values.algorithm == "incremental":
        raise ValueError("constraints and labels need algorithm='batch', got 'incremental'")
    return constraint


def check_loadings(values: SimpleNamespace, data: Data) -> None:
    """Whether a fit of covariances that are kept by loadings can do what is asked."""
    form: Any = structure_of(values.covariance_type).form
    if not form.has_loadings:
        return
    given, d = values.covariance_type, data.X.shape[1]
    if form.n_factors >= d:
        raise ValueError(
            f"covariance_type.n_factors={form.n_factors} must be less than the number of features "
            f"of X, which is {d}; decrease it, or set covariance_type='full'"
        )
    if has_gaps(data.X):
        raise ValueError(
            f"X contains NaN, and covariance_type={given!r} does not take missing values: fill "
            "them in (GaussianMixtureImputer), or choose one of the names"
        )
    if values.prior is not None:
        raise ValueError(
            f"prior={values.prior!r} is one of general, diagonal or spherical covariances, and "
            f"covariance_type={given!r}: set prior=None, and noise='tied_diag' or fewer factors "
            "where rows are few"
        )


def concluded(problem: Problem, fit: Fit, data: Data, attributes: dict) -> dict[str, Any]:
    """What the starts led to, what partial_fit goes on from, and nothing of an earlier fit."""
    found = {**of_starts(problem, fit, data, attributes), **without_others(problem.structure)}
    stream = None if problem.structure.form.has_loadings else begun_stream(problem, fit, data)
    return {**found, "_stream": stream}


def begun_stream(problem: Problem, fit: Fit, data: Data) -> dict[str, Any]:
    """What partial_fit goes on from."""
    rule = at_temperature(problem.phases[-1].temperature)
    return begin_stream(fit, data.total_weight, rule)


class GaussianMixture(ResponsibilityTransformer, DensityCalculus, GapsMixin, EMEstimator):
    """Mixture of multivariate normal distributions, fitted by maximum likelihood with EM.

    Takes the place of :class:`sklearn.mixture.GaussianMixture`: it has the same parameters,
    methods and attributes. It takes sample weights and missing values (NaN). A pass is faster,
    and memory does not grow with the number of rows. A fit ends at a maximum, not when a step was
    small. What differs on purpose is listed in the documentation under "Differences from
    scikit-learn".

    Parameters
    ----------
    n_components : int, default=1
        Number of components K.

    covariance_type : {'full', 'tied', 'diag', 'spherical', 'tied_diag', 'tied_spherical'}, \
str of three letters or Factors, default='full'
        Structure of the covariances: a general matrix, a diagonal one or a multiple of the
        identity; one for each component, or one for all ('tied' is the general one).

        Three letters say what components share of C_k = l_k D_k A_k D_kᵀ [9]_: the volume l,
        the shape A and the axes D are equal (E) or vary (V); axes may be those of the features
        (I). There are 14: 'EII', 'VII', 'EEI', 'VEI', 'EVI', 'VVI', 'EEE', 'VEE', 'EVE', 'VVE',
        'EEV', 'VEV', 'EVV' and 'VVV'. Six have two names: 'VVV' is 'full', 'EEE' is 'tied',
        'VVI' is 'diag', 'EEI' is 'tied_diag', 'VII' is 'spherical', 'EII' is 'tied_spherical'.

        :class:`emix.covariances.Factors` is for many features: ``Factors(q)`` are covariances
        C_k = W_k W_kᵀ + D_k of q factors, W_k with q columns and D_k diagonal. They take no
        missing values and no ``prior``, and have no ``partial_fit``.

    tol : float, default=1e-7
        The fit ends when little is left to gain: when an estimate of all that EM would still
        add to the log-likelihood per row is at most ``tol``. With 0 the fit makes ``max_iter``
        passes.

    reg_covar : float, default=0.0
        Variance added to the diagonal of all covariances, in squared units of the data. It is
        as if every row were a small normal cloud of this variance. With 0, the default, nothing
        is added: a fit ends at the exact maximum, and components on equal rows are held at a
        least covariance, a standard deviation of a thousandth of the data's local scale.

    max_iter : int, default=1000
        Largest number of passes over the data after the first. With 0, the start
        itself is the result.

    n_init : int, default=1
        Number of starts, or of searches for one; the best result is kept. Several starts are
        compared after a short climb, and only those that can still win go on; ``starts_`` tells
        of all. If a start is given there is one, and a warning says so.

    init_params : {'kmeans', 'k-means++', 'random', 'random_from_data'}, array-like or \
callable, default='kmeans'
        How to start:

        - 'kmeans': the best of many starts from k-means++ seeds in several metrics, which race
          by EM on (a sample of) the data until the best maximum has been met a few times.
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
        1 prints starts and passes, 2 also times and gains.

    verbose_interval : int, default=10
        Passes between two prints.

    acceleration : bool, default=True
        Take longer steps than EM: Newton's steps with the exact curvature of the log-likelihood
        [8]_ where there are few parameters, quasi-Newton steps [3]_ elsewhere. A point is kept
        only if it does not lower the objective. False is plain EM.

    frozen : tuple of {'weights', 'means', 'covariances'}, default=()
        Parameters that the fit leaves at their start. That is ``weights_init``, ``means_init``
        or ``precisions_init`` if given. Otherwise it is equal weights, and the means and
        covariances that ``init_params`` finds. The M-step maximises over the other parameters,
        so the objective still never falls. ``aic`` and ``bic`` count the others only.

    temperature : float or sequence of float, default=1.0
        Temperature T of the fit [5]_. Its responsibilities are proportional to
        (w_k N(x | k))^(1 / T), and its objective is the mean of <q, log_joint> + T H(q), with H
        the entropy of the responsibilities q. 1 is maximum likelihood. More than 1 smooths the
        objective. Less makes assignments harder, down to those of :class:`HardGaussianMixture`
        at 0. ``predict_proba`` does not use T: it is the posterior of the mixture found.

        A sequence that decreases to 1 anneals: the fit climbs at each temperature from where the
        last climb ended. Before each climb the means are moved at random by a twentieth of a
        standard deviation, as equal components could not part otherwise. ``tol`` holds for each
        climb, ``max_iter`` for all together.

    prior : {'fraley-raftery'} or ConjugatePrior, default=None
        Prior distribution of the parameters, a :class:`emix.priors.ConjugatePrior`. The result
        is then the maximum a posteriori. 'fraley-raftery' is a prior with default values.

    constraints : tuple of Allowed, Proportions or Expectation, default=()
        Constraints on responsibilities: :class:`emix.constraints.Allowed`,
        :class:`emix.constraints.Proportions`, :class:`emix.constraints.Expectation`. The
        objective is then the bound at the best responsibilities that satisfy them.
        ``predict_proba`` is the posterior of the mixture found, without constraints.

    algorithm : {'batch', 'incremental'}, default='batch'
        'batch' makes an M-step after every pass. 'incremental' makes one after every block of
        rows, whose responsibilities alone are new then [2]_; when little is left to gain it ends
        with batch EM. It needs fewer passes than batch EM without acceleration, and memory for
        the statistics of all blocks.

    batch_size : int, default=None
        Rows of a block of incremental EM; None for an eighth of the rows, at least 512. Only
        with ``algorithm='incremental'``.

    m_step : {'exact', 'conditional', 'gradient'}, default='exact'
        'exact' finds the best parameters. 'conditional' finds the best weights and means, makes
        another E-step, and finds the best weights and covariances (multicycle ECM [6]_).
        'gradient' makes one step along the gradient, as a family without a closed form would
        have to. All three find the same maxima; the last two are not accelerated.

    step_exponent : float, default=0.7
        Exponent of the step size of :meth:`partial_fit` [7]_, greater than 0.5 and at most 1. The
        smaller it is, the sooner old rows are forgotten.

    step_offset : float, default=1.0
        Added to the count of batches in the step size.

    step_averaging : bool, default=False
        Whether :meth:`partial_fit` publishes the mean of the statistics over all batches, which
        fluctuates less than the last ones.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Weights of the components.

    means_ : ndarray of shape (n_components, n_features)
        Means of the components.

    covariances_ : ndarray
        Covariances, of shape

        - (n_components, n_features, n_features) if 'full', 'VEE', 'EVE', 'VVE', 'EEV', 'VEV' or
          'EVV',
        - (n_features, n_features) if 'tied',
        - (n_components, n_features) if 'diag', 'VEI' or 'EVI',
        - (n_components,) if 'spherical',
        - (n_features,) if 'tied_diag',
        - () if 'tied_spherical'.

        With :class:`~emix.covariances.Factors` they, ``precisions_`` and
        ``precisions_cholesky_`` are as with 'full', and are made when they are asked for.

    precisions_ : ndarray
        Inverses of the covariances, in the same shape.

    precisions_cholesky_ : ndarray
        Upper triangular U with ``U @ U.T`` the precision; reciprocal standard deviations where
        the covariance is not a matrix.

    loadings_ : ndarray of shape (n_components, n_features, n_factors)
        With :class:`~emix.covariances.Factors` alone: W of C = W Wᵀ + D. Factors are turned so that
        Wᵀ D⁻¹ W is diagonal and falls, and that the largest loading of each, in units of the
        noise, is positive.

    noise_variances_ : ndarray of shape (n_components, n_features)
        With :class:`~emix.covariances.Factors` alone: the diagonal of D.

    converged_ : bool
        Whether ``tol`` was reached.

    n_iter_ : int
        Passes of the best climb after its first, which evaluates the start.

    stop_reason_ : str
        Why the best climb ended.

    lower_bound_ : float
        The objective at the parameters returned, in nats per row. It is ``score(X)`` of the
        training data, except that

        - with a ``prior`` the log-prior per row is added;
        - with ``constraints`` the divergence that they cost is subtracted;
        - with ``reg_covar`` it is a lower bound of the score,
          mean log sum_k w_k exp(E_e log N(x + e | k)) for the noise e of that variance;
        - at a temperature T it is mean T log sum_k (w_k N(x | k))^(1 / T), which is more than the
          score for T > 1 and less for T < 1.

    lower_bounds_ : list of float, length n_iter_
        The objective after each of these passes, at the last point that was accepted. It ends in
        ``lower_bound_``, and never falls at one temperature.

    remaining_gain_ : float
        Estimate of what more passes would add to ``lower_bound_``; infinite if there were
        too few to tell.

    history_ : structured ndarray of shape (n_iter_ + 1,)
        One row per pass over the data; the first evaluates the start. Several temperatures, and
        incremental EM, are several climbs, and each has such a first row. All numbers are per
        row of the data:

        - ``free_energy``: the bound at the parameters tried, with the responsibilities of the
          pass before;
        - ``objective``: the bound after the E-step;
        - ``log_likelihood``, ``log_prior``: log-densities of data and parameters; at a
          temperature other than 1, the objective without the prior in place of the first;
        - ``entropy``: that of the responsibilities after the E-step;
        - ``gap``: what ``free_energy`` lacks to ``log_likelihood + log_prior``;
        - ``remaining``: the estimated remaining gain;
        - ``extrapolated``, ``accepted``: whether acceleration proposed the parameters, and
          whether they were kept;
        - ``temperature``: that of the climb.

    n_collapsed_ : int
        Starts that were passed over because a component was not sound: on too few rows, or
        too thin.

    starts_ : structured ndarray of shape (n_starts,)
        What each start led to. The start of the result comes first, then the others by falling
        objective, and last those with a component that is not sound. Starts that lost a
        race are not listed. The fields are

        - ``objective``: where the climb ended, in the units of ``lower_bound_``;
        - ``remaining``: the estimate of what it would still gain;
        - ``n_iter``: its passes after the first;
        - ``reason``: why it ended;
        - ``sound``: whether no component rests on too few rows or is too thin;
        - ``given_up``: whether it was ended early, as another start leads as high or higher, or
          as a component is not sound;
        - ``weights`` and ``means``: the parameters where it ended.

    singular_components_ : ndarray of bool of shape (n_components,)
        Whether a component is held at the least covariance in a direction in which the data
        vary: its rows are equal there, or too few.

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
    .. [3] M. Jamshidian, R. I. Jennrich (1997). Acceleration of the EM algorithm by using
       quasi-Newton methods. J. Royal Statistical Society B 59, 569-587.
    .. [4] R. J. Hathaway (1985). A constrained formulation of maximum-likelihood estimation for
       normal mixture distributions. Annals of Statistics 13, 795-800.
    .. [5] N. Ueda, R. Nakano (1998). Deterministic annealing EM algorithm. Neural Networks 11,
       271-282.
    .. [6] X.-L. Meng, D. B. Rubin (1993). Maximum likelihood estimation via the ECM algorithm.
       Biometrika 80, 267-278.
    .. [7] O. Cappé, E. Moulines (2009). On-line expectation-maximization algorithm for latent
       data models. J. Royal Statistical Society B 71, 593-613.
    .. [8] T. A. Louis (1982). Finding the observed information matrix when using the EM
       algorithm. J. Royal Statistical Society B 44, 226-233.
    .. [9] G. Celeux, G. Govaert (1995). Gaussian parsimonious clustering models. Pattern
       Recognition 28, 781-793.

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
        n_components: int = 1,
        *,
        covariance_type: str | Factors = "full",
        tol: float = 1e-7,
        reg_covar: float = 0.0,
        max_iter: int = 1000,
        n_init: int = 1,
        init_params: str | ArrayLike | Callable = "kmeans",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        acceleration: bool = True,
        frozen: tuple[str, ...] = (),
        temperature: float | Sequence[float] = 1.0,
        prior: str | ConjugatePrior | None = None,
        constraints: Sequence[Allowed | Proportions | Expectation] = (),
        algorithm: str = "batch",
        batch_size: int | None = None,
        m_step: str = "exact",
        step_exponent: float = 0.7,
        step_offset: float = 1.0,
        step_averaging: bool = False,
    ) -> None:
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
        self.prior = prior
        self.constraints = constraints
        self.algorithm = algorithm
        self.batch_size = batch_size
        self.m_step = m_step
        self.step_exponent = step_exponent
        self.step_offset = step_offset
        self.step_averaging = step_averaging

    covariances_: Any = OfLoadings()
    precisions_: Any = OfLoadings()
    precisions_cholesky_: Any = OfLoadings()
    _read = staticmethod(read_with_gaps)
    _checks = _CHECKS
    _report = Report(
        conclusion=concluded,
        remarks=(of_empty, of_singular, of_its_end, of_pairs),
        rests_on=("frozen", "reg_covar", "temperature", "prior"),
    )

    def _fitted(self) -> Fitted:
        return normal_mixture(parameters_of(self))

    def _problem(self, values: SimpleNamespace, data: Data) -> Problem:
        check_columns(data)
        check_loadings(values, data)
        warm = is_warm(self, values)
        # races climb the likelihood, in all its parameters
        is_free = values.prior is None and not values.frozen & {"means", "covariances"}
        init = values.init_params
        return mixture_problem(
            values,
            data,
            given_values(self, values, data, warm),
            warm,
            model=partial(mixture_over, frozen=values.frozen),
            accelerate=values.acceleration,
            phases=phases(values, data.n_samples),
            prior=prior_of(values, data.X.shape[1]),
            constraint=constraint_of(values, data),
            searches=is_free and isinstance(init, str) and init == "kmeans",
        )

    def fit(
        self,
        X: ArrayLike,
        y: object = None,
        sample_weight: ArrayLike | None = None,
        labels: ArrayLike | None = None,
    ) -> Self:
        """Fit the mixture to the rows of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows. float32 and float64 arrays of any memory order and memory maps are
            read in place, block by block. NaN stands for values that are missing at random: the
            likelihood is that of the others.

        y : Ignored
            Present for API consistency.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, not negative; an integer weight is the same as repeating the
            row, and a row of weight zero is left out, whatever finite values it holds. None for
            equal weights.

        labels : array-like of int of shape (n_samples,), default=None
            Components of rows where they are known, and -1 elsewhere: the responsibilities of
            a labelled row are one for its component. Components are numbered accordingly.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data are unusable, or if constraints contradict each other; the
            estimator is then as it was before.

        Warns
        -----
        ConvergenceWarning
            If ``max_iter`` was too small for ``tol``, a covariance is singular, or a component
            is empty.

        UserWarning
            If y looks like ``labels``, or ``n_init`` has no effect.
        """
        warn_of_labels(y, labels, self.n_components)
        self._fit(X, sample_weight, labels=labels)
        return self

    @quiet
    def fit_predict(
        self,
        X: ArrayLike,
        y: object = None,
        sample_weight: ArrayLike | None = None,
        labels: ArrayLike | None = None,
    ) -> np.ndarray:
        """Fit the mixture and return the most probable component of every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.

        y : Ignored
            Present for API consistency.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        labels : array-like of int of shape (n_samples,), default=None
            Components of rows where they are known, and -1 elsewhere.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Component indices, those that ``predict(X)`` gives after ``fit``.
        """
        warn_of_labels(y, labels, self.n_components)
        X = self._fit(X, sample_weight, labels=labels)
        return self._fitted().parameters.scorer().labels(X)

    def _is_online(self) -> bool:
        """Whether partial_fit is what the constructor asks for."""
        if hasattr(self.covariance_type, "_structure"):
            raise AttributeError(
                "partial_fit takes a covariance_type that is a name: rows do not tell their "
                f"factors, whose statistics a stream would have to keep; got "
                f"{self.covariance_type!r}"
            )
        if self.algorithm == "batch" and self.m_step == "exact":
            return True
        raise AttributeError(
            "partial_fit is an algorithm of its own, online EM: it needs algorithm='batch' and "
            f"m_step='exact', got {self.algorithm!r} and {self.m_step!r}"
        )

    @available_if(_is_online)
    @quiet
    def partial_fit(
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Go on from what was fitted with a further batch of rows.

        Online EM (Cappé & Moulines 2009). The first call is a fit. Each later one makes one
        E-step over its rows, takes their expected statistics into the running mean with step size
        ``(step_offset + t) ** -step_exponent``, where t counts batches of this weight among
        all rows seen, and makes an M-step. Nothing is kept of the rows, nor of their number.

        The first call uses all parameters of the constructor. Later ones use ``step_exponent``,
        ``step_offset``, ``step_averaging``, ``frozen`` and ``constraints``, and go on with the
        ``n_components``, ``covariance_type``, ``reg_covar``, ``temperature`` (its last value) and
        ``prior`` of the first, which must not change. They climb nowhere and draw nothing: what
        tells how to start and when to stop (``tol``, ``max_iter``, ``n_init``, ``init_params``,
        initial values, ``acceleration``, ``warm_start``, ``random_state``, ``verbose``) does not
        matter to them. The method does not exist with ``algorithm='incremental'`` or with an
        ``m_step`` other than 'exact'.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The batch; the first one needs at least ``n_components`` rows, and should be large
            enough to tell the components apart.

        y : Ignored
            Present for API consistency.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        self : object
            The estimator. ``lower_bound_`` is the objective of the batch before its update,
            ``n_iter_`` counts calls after the first; ``history_``, ``converged_`` and what else
            tells of a climb are those of the first.

        Raises
        ------
        ValueError, TypeError
            If the rows or a parameter are unusable, a value lies more than 1e150 standard
            deviations of the first batch from its mean, or one of the parameters that must not
            change did; the estimator is then as it was before.
        """
        if not hasattr(self, "_stream"):
            return self.fit(X, sample_weight=sample_weight)
        values = checked(self, _ONLINE)
        X = self._validated(X)
        weight = check_sample_weight(sample_weight, X.shape[0])
        structure, n_components = structure_of(values.covariance_type), values.n_components
        as_fitted = when_fitted(self, "covariance_type", values.covariance_type)
        check_stream(self._stream, structure is structure_of(as_fitted), n_components)
        self._check_unchanged(values)
        constraint = check_constraints(values.constraints, None, X, n_components)
        make = partial(mixture_over, frozen=values.frozen, constraint=constraint)
        with thread_budget(is_parallel(X, structure, n_components)) as mapper:
            stream = restored(self._stream, structure)
            model = stream_model(stream, make, structure, X, weight, mapper)
            stream = advance(stream, model, values.step_offset, values.step_exponent)
            fit = published(stream, model, values.step_averaging)
        attributes = parameter_attributes(structure, fit, X.dtype)
        attributes["n_iter_"] = stream.state.batches - 1
        publish(self, {**attributes, "lower_bound_": fit.lower_bound, "_stream": stored(stream)})
        return self

    def _check_unchanged(self, values: SimpleNamespace) -> None:
        """Whether the stream's objective is still the one that the constructor asks for."""
        began = {name: when_fitted(self, name, getattr(self, name)) for name in _OBJECTIVE}
        same = {
            "reg_covar": values.reg_covar == began["reg_covar"],
            "temperature": values.temperature == check_temperature(began["temperature"]),
            "prior": same_prior(values.prior, began["prior"]),
        }
        for name, is_same in same.items():
            if not is_same:
                raise ValueError(
                    f"partial_fit goes on with the {name} of its first call, but {name} changed "
                    "since; set it back, or clone the estimator to begin anew"
                )
