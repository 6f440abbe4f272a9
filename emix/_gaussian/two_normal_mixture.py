"""The mixture of two normals in one dimension."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtr, ndtri
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from .._estimator.estimator import EMEstimator
from .._estimator.report import Report, of_empty, of_its_end
from .._fit.fit import Fit
from .._fit.problem import Problem
from .._fitted.attributes import attributes_of
from .._fitted.fitted import Fitted, Parameters, normal_mixture, when_fitted
from .._input.parameters import PRINTS, STOPS, Checks
from .._input.refusals import refuse_masked
from .._input.structures import STRUCTURES, name_of
from .._input.tables import Data, Features, read_floats
from .._input.validation import check_flag, check_integer, check_probability
from .._pair.local_maxima import (
    SPURIOUS,
    SPURIOUS_FROM_START,
    TwoNormalFit,
    fit_two_normals,
    ordered,
)
from .._pair.spurious import Held
from .._pair.two_normals import TwoNormals
from .two_normal_start import START, given_start, structure_of

MAXIMA = np.dtype(
    [
        ("log_likelihood", "f8"),
        ("weight", "f8"),
        ("means", "f8", (2,)),
        ("scales", "f8", (2,)),
        ("spurious", "?"),
    ]
)
# Least eigenvalue of the information, scaled to unit diagonal, that is not a rounding error.
_SINGULAR = 1e-10


class BootstrapTest(NamedTuple):
    """Outcome of :meth:`TwoNormalMixture.bootstrap_test`."""

    statistic: float
    pvalue: float
    null_distribution: np.ndarray


def read_column(
    estimator: Any, X: ArrayLike, features: Features | None = None, **requirements: Any
) -> np.ndarray:
    """Rows of one feature."""
    X = read_floats(estimator, X, features, **requirements)
    if X.shape[1] != 1:
        raise ValueError(
            f"TwoNormalMixture is univariate: X must have one feature, got {X.shape[1]}; "
            "select a column, for instance X[:, [0]]"
        )
    return X


def two_normal_attributes(problem: Problem, fit: Fit, dtype: Any) -> dict[str, Any]:
    """Textbook names and shapes, components in the order of their means."""
    fit = ordered(fit)
    attributes = attributes_of(problem, fit, dtype)
    for name in ("covariances_", "precisions_", "precisions_cholesky_"):
        del attributes[name]
    variances = np.broadcast_to(fit.covariances.ravel(), 2).astype(dtype)
    return {
        **attributes,
        "weight_": float(fit.weights[1]),
        "means_": attributes["means_"].ravel(),
        "variances_": variances,
        "scales_": np.sqrt(variances),
    }


def inference(problem: Problem, fit: TwoNormalFit, data: Data, attributes: dict) -> dict[str, Any]:
    """What is known once all climbs have ended."""
    singular = np.array([held is not None for held in fit.held])
    with np.errstate(under="ignore"):  # where components do not overlap
        deviations = _asymptotic_deviations(fit.information, singular)
    slope = float(fit.weights.prod()) or 1.0  # of a weight by its logit; 0 * inf is no error
    scales = np.sqrt(np.broadcast_to(ordered(fit).covariances.ravel(), 2))
    return {
        "log_likelihood_": fit.log_likelihood,
        "null_log_likelihood_": fit.null_log_likelihood,
        "information_": fit.information,
        "singular_components_": singular,
        "local_maxima_": np.array(fit.maxima, dtype=MAXIMA),
        "standard_errors_": Bunch(
            weight=float(slope * deviations[0]),
            means=deviations[1:3],
            scales=scales * deviations[3:],
        ),
    }


def of_maxima(problem: Problem, fit: TwoNormalFit, data: Data) -> str:
    """A maximum at the floor, or on a few values that are close together."""
    if fit.is_singular:
        return _singular(fit.held)
    told = SPURIOUS if problem.given.means is None else SPURIOUS_FROM_START
    return told if fit.is_spurious else ""


def of_no_rows(problem: Problem, fit: TwoNormalFit, data: Data) -> str:
    """A component that no row belongs to, as it began too far away."""
    if not of_empty(problem, fit, data):
        return ""
    return (
        "No row belongs to one of the components, which stays where it began. Choose means_init "
        "within the range of X, or leave it out: then all starts are searched"
    )


class TwoNormalMixture(EMEstimator):
    """Two normals in one dimension, fitted by maximum likelihood with EM.

    The density is (1 - w) N(x | m_1, s_1²) + w N(x | m_2, s_2²). Components are ordered by their
    means. Starts are not drawn at random, and all local maxima to which they lead are reported.
    Standard errors, confidence intervals and a test of one normal against two come with the fit.

    Parameters
    ----------
    equal_variance : bool, default=False
        Whether both components have the same variance.

    tol : float, default=1e-9
        The fit ends when little is left to gain: when an estimate of all that EM would still
        add to the log-likelihood per row is at most ``tol``. With 0 the fit makes ``max_iter``
        passes.

    max_iter : int, default=1000
        Largest number of passes over the data after the first, from one start. With 0, the result
        is a start itself.

    acceleration : bool, default=True
        Newton's method where it raises the likelihood, EM elsewhere; False is plain EM.

    weights_init : array-like of shape (2,), default=None
        Weights of the start, that belongs to ``means_init``; None for equal ones.

    means_init : array-like of shape (2,), default=None
        Means of a start of your own, in the units of X and in any order. Then there is one
        climb, from there, and the result is where it leads. None searches: many starts are
        compared, and the best maximum is returned.

    scales_init : array-like of shape (2,), default=None
        Standard deviations of the start, that belongs to ``means_init``. None for those of the
        rows about their nearest mean, the same for both components. With ``equal_variance`` both
        must be the same.

    random_state : int, RandomState instance or None, default=None
        Source of randomness of :meth:`sample` and :meth:`bootstrap_test`; ``fit`` draws nothing.

    verbose : int, default=0
        1 prints climbs and passes, 2 also times and gains.

    verbose_interval : int, default=10
        Passes between two prints.

    Attributes
    ----------
    weight_ : float
        Weight w of the second component.

    weights_ : ndarray of shape (2,)
        Weights of both components, ``[1 - weight_, weight_]``.

    means_ : ndarray of shape (2,)
        Means, in ascending order.

    variances_ : ndarray of shape (2,)
        Variances; the same twice if ``equal_variance``.

    scales_ : ndarray of shape (2,)
        Standard deviations, the square roots of ``variances_``.

    log_likelihood_ : float
        Log-likelihood of the training data, a sum over rows.

    null_log_likelihood_ : float
        Log-likelihood of the training data under one normal.

    standard_errors_ : :class:`~sklearn.utils.Bunch`
        Standard errors of ``weight_``, ``means_`` and ``scales_`` by the observed information,
        with keys ``weight``, ``means`` and ``scales``; infinite where it is not positive
        definite.

    information_ : ndarray of shape (5, 5), or (4, 4) if ``equal_variance``
        Observed information, minus the Hessian of the log-likelihood, in the logit of
        ``weight_``, the two means, and the logarithms of the scales (of the one scale).

    local_maxima_ : structured ndarray
        The maxima found, the highest first, if their log-likelihood is at most 10 below that of
        the one returned. The fields are ``log_likelihood``, ``weight``, ``means``, ``scales``,
        and whether it is ``spurious`` (see Notes).

    converged_ : bool
        Whether ``tol`` was reached.

    n_iter_ : int
        Passes of the climb returned after its first, which evaluates the start.

    stop_reason_ : str
        Why that climb ended.

    lower_bound_ : float
        Log-likelihood per sample, ``score(X)`` of the training data.

    lower_bounds_ : list of float, length n_iter_
        The same after each of these passes; it never falls.

    remaining_gain_ : float
        Estimate of what more passes would add to ``lower_bound_``.

    history_ : structured ndarray of shape (n_iter_ + 1,)
        One row per pass over the data, as for :class:`GaussianMixture`.

    singular_components_ : ndarray of bool of shape (2,)
        Whether the variance of a component is held at the floor, as its rows are (nearly) equal
        (see Notes). A warning names their value and number.

    n_collapsed_ : int
        0: no climb is dropped because a component shrinks to a point.

    n_features_in_ : int
        Number of features seen during fit, 1.

    feature_names_in_ : ndarray of shape (1,)
        Name of the feature seen during fit, if X has one that is a string.

    See Also
    --------
    GaussianMixture : Any number of components and features.

    Notes
    -----
    **Least variance.** The likelihood has no upper bound: it grows without limit as one
    component shrinks to a value of X [1]_. So variances have a floor, which is part of the model
    [2]_. It is 1e-6 s², where s is a local scale of X: the standard deviation of a normal whose
    middle is as dense as the distinct values are. A far row, distant clusters and repeated values
    hardly change s. The variance of a constant column is 1e-6, whatever its value and unit.

    **Spikes.** A component on equal or nearly equal rows is held at the floor. It may be an
    answer; ``singular_components_`` and a warning tell of it. The height of such a maximum
    depends on the floor, so it is returned in two cases only. Either its value is a spike: at
    least ten times as many rows have it as have either neighbour. Or it is higher than every
    regular maximum if its rows are spread over the space up to their neighbours.

    **Spurious maxima.** A component may rest on a few values that happen to be close together
    ([3]_, section 3.10). A maximum with standard deviations s < S is called spurious if S > 10 s
    and its log-likelihood exceeds that of a single normal by no more than 2 log(S / s). A narrow
    component can have many places and widths, and chance makes one of them as good as that. The
    rule does not depend on the unit of X. The highest maximum that is not spurious is returned;
    if all are spurious, the highest of them, with a warning.

    **Starts.** Two normals divide the line into an interval and the rest. So short runs start at
    intervals of the sorted rows: between 32 quantiles, at some narrower and some fixed ones, and
    at values that many rows have. If these gain little over one normal, mixtures of overlapping
    normals and narrow components where one normal leaves too many rows are tried, too. All make
    short runs together, on cells of neighbouring rows [6]_. Those that are far behind the best by
    then are dropped. The best of the others, and those that are not at a maximum, are climbed
    from.

    **Information.** It is exact: that of rows with labels, less that of the labels given the rows
    [4]_. Standard errors and intervals suppose that the sample is large and the components are
    distinct. Weights of rows count as repetitions.

    References
    ----------
    .. [1] N. E. Day (1969). Estimating the components of a mixture of normal distributions.
       Biometrika 56, 463-474.
    .. [2] R. J. Hathaway (1985). A constrained formulation of maximum-likelihood estimation for
       normal mixture distributions. Annals of Statistics 13, 795-800.
    .. [3] G. J. McLachlan, D. Peel (2000). Finite Mixture Models. Wiley.
    .. [4] T. A. Louis (1982). Finding the observed information matrix when using the EM
       algorithm. J. Royal Statistical Society B 44, 226-233.
    .. [5] T. Hastie, R. Tibshirani, J. Friedman (2009). The Elements of Statistical Learning,
       section 8.5. Springer.
    .. [6] J. J. Verbeek, J. R. J. Nunnink, N. Vlassis (2006). Accelerated EM-based clustering of
       large data sets. Data Mining and Knowledge Discovery 13, 291-307.

    Examples
    --------
    >>> from emix import TwoNormalMixture
    >>> from emix.datasets import load_faithful
    >>> waiting = load_faithful().data[:, [1]]
    >>> mixture = TwoNormalMixture().fit(waiting)
    >>> mixture.means_.round(2), mixture.scales_.round(2), round(mixture.weight_, 3)
    (array([54.61, 80.09]), array([5.87, 5.87]), 0.639)
    >>> round(mixture.log_likelihood_, 2)
    -1034.0
    >>> mixture.confidence_intervals().means.round(1)
    array([[53.2, 56. ],
           [79.1, 81.1]])
    >>> result = mixture.bootstrap_test(waiting, n_resamples=19, random_state=0)
    >>> round(result.statistic, 1), result.pvalue
    (122.6, 0.05)
    """

    def __init__(
        self,
        *,
        equal_variance: bool = False,
        tol: float = 1e-9,
        max_iter: int = 1000,
        acceleration: bool = True,
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        scales_init: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
        verbose_interval: int = 10,
    ) -> None:
        self.equal_variance = equal_variance
        self.tol = tol
        self.max_iter = max_iter
        self.acceleration = acceleration
        self.weights_init = weights_init
        self.means_init = means_init
        self.scales_init = scales_init
        self.random_state = random_state
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    # --- the fit ----------------------------------------------------------------------------

    _read = staticmethod(read_column)
    _checks: ClassVar[Checks] = {
        "equal_variance": check_flag,
        **START,
        "acceleration": check_flag,
        **STOPS,
        **PRINTS,
    }
    _report = Report(two_normal_attributes, inference, (of_no_rows, of_maxima, of_its_end))

    def _fitted(self) -> Fitted:
        factors = 1.0 / np.asarray(self.scales_, dtype=np.float64)
        default = name_of(structure_of(self.equal_variance))
        structure = STRUCTURES[when_fitted(self, "covariance_type", default)]
        factors = factors[: structure.sharing.n_matrices(2)].reshape(structure.shape(2, 1))
        means = np.reshape(self.means_, (2, 1))
        return normal_mixture(Parameters(structure, self.weights_, means, factors))

    def _problem(self, values: SimpleNamespace, data: Data) -> Problem:
        return Problem(
            solve=fit_two_normals,
            n_components=2,
            structure=structure_of(values.equal_variance),
            model=TwoNormals,
            given=given_start(values),
            start="intervals",
            reg_covar=0.0,
            tol=values.tol,
            max_iter=values.max_iter,
            n_init=1,
            accelerate=values.acceleration,
        )

    # --- the distribution -------------------------------------------------------------------

    def responsibilities(self, X: ArrayLike) -> np.ndarray:
        """Probability that a row comes from the second component, given its value.

        The second column of :meth:`predict_proba`; the responsibilities of Hastie, Tibshirani
        & Friedman (2009), algorithm 8.1.

        Parameters
        ----------
        X : array-like of shape (n_samples, 1)
            Rows to evaluate.

        Returns
        -------
        resp : ndarray of shape (n_samples,)
        """
        return self.predict_proba(X)[:, 1]

    def pdf(self, x: ArrayLike) -> np.ndarray:
        """Density at points.

        Parameters
        ----------
        x : array-like of any shape
            Points, in the units of the data.

        Returns
        -------
        density : ndarray of the shape of x
        """
        scorer, x = self._asked().density(), _points("x", x)
        with np.errstate(under="ignore"):
            return np.exp(scorer.log_prob(x.reshape(-1, 1))).reshape(x.shape)

    def cdf(self, x: ArrayLike) -> np.ndarray:
        """Probability of values up to x.

        Parameters
        ----------
        x : array-like of any shape
            Points, in the units of the data.

        Returns
        -------
        probability : ndarray of the shape of x
        """
        check_is_fitted(self)
        x = _points("x", x)
        return self._tail(x, 1.0)

    def ppf(self, q: ArrayLike) -> np.ndarray:
        """Quantiles, the inverse of :meth:`cdf`.

        Parameters
        ----------
        q : array-like of any shape
            Probabilities, from 0 to 1.

        Returns
        -------
        x : ndarray of the shape of q
            Infinite at 0 and 1.

        Raises
        ------
        ValueError
            If a probability is not between 0 and 1.
        """
        check_is_fitted(self)
        q = _points("q", q)
        if q.size and not (q.min() >= 0.0 and q.max() <= 1.0):
            raise ValueError("q must be between 0 and 1")
        return np.reshape([self._quantile(p) for p in q.ravel()], q.shape)

    def _tail(self, x, sign):
        """Probability of values below x (sign 1) or above (sign -1)."""
        _, weights, means, factors, _ = self._fitted().parameters
        with np.errstate(under="ignore"):
            u = (np.asarray(x)[..., None] - means[:, 0]) * factors[..., 0]
            return ndtr(sign * u) @ weights

    def _quantile(self, q: float) -> float:
        """Between the components' quantiles; by the upper tail for q above 1/2, which is exact."""
        sign, q = (1.0, q) if q <= 0.5 else (-1.0, 1.0 - q)
        if q == 0.0:
            return -sign * np.inf
        means, scales = np.asarray(self.means_, float), np.asarray(self.scales_, float)
        ends = means + scales * sign * ndtri(q)
        low, high = ends.min(), ends.max()
        # rounding may put the ends on the wrong side by a little
        little = 1e-6 * (high - low + scales.max()) + 4.0 * np.spacing(np.abs(ends).max())
        low, high = low - little, high + little

        def excess(t):
            return self._tail(low + t * (high - low), sign) - q

        # the least relative error that brentq accepts
        share = brentq(excess, 0.0, 1.0, xtol=1e-16, rtol=4 * np.finfo(float).eps)
        return low + share * (high - low)

    # --- inference --------------------------------------------------------------------------

    def confidence_intervals(self, level: float = 0.95) -> Bunch:
        """Wald intervals from the observed information.

        Symmetric about the estimates of the means, of the logit of the weight, and of the
        logarithms of the scales: so that no interval leaves the range of its parameter. They
        hold for large samples and distinct components.

        Parameters
        ----------
        level : float, default=0.95
            Probability with which an interval covers the parameter.

        Returns
        -------
        intervals : :class:`~sklearn.utils.Bunch`
            ``weight`` of shape (2,), ``means`` and ``scales`` of shape (2, 2): lower and upper
            ends in the last axis.

        Raises
        ------
        ValueError
            If the information is singular: the components cannot be told apart.
        """
        check_is_fitted(self)
        half = ndtri(0.5 + 0.5 * check_probability("level", level))
        with np.errstate(under="ignore"):
            deviations = _asymptotic_deviations(self.information_, self.singular_components_)
        if not np.isfinite(deviations[:3]).all():
            raise ValueError(
                "there are no confidence intervals: the observed information is not positive "
                "definite, as the components cannot be told apart or the fit has not converged"
            )
        ends = half * deviations[:, None] * np.array([-1.0, 1.0])
        return Bunch(
            weight=expit(logit(self.weight_) + ends[0]),
            means=self.means_[:, None] + ends[1:3],
            scales=self.scales_[:, None] * np.exp(ends[3:]),
        )

    def bootstrap_test(
        self,
        X: ArrayLike,
        *,
        n_resamples: int = 999,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> BootstrapTest:
        """Parametric bootstrap likelihood-ratio test of one normal against two.

        The statistic is twice the gain in log-likelihood of two normals over one. Its usual
        chi-squared distribution does not hold here, so it is compared with that of samples of the
        same size from one normal (McLachlan 1987), to each of which two normals are fitted in
        the same way, with this estimator's parameters. A start of your own is left out, as the
        test is about the best maximum. As fits do not depend on the unit and the origin of the
        data, samples are drawn from the standard normal.

        Parameters
        ----------
        X : array-like of shape (n_samples, 1)
            Rows; they are fitted anew, and this estimator is left as it is.

        n_resamples : int, default=999
            Number of samples B; the least p-value is 1 / (B + 1).

        n_jobs : int, default=None
            Processes, as in joblib: None means one, -1 all. The result does not depend on it.

        random_state : int, RandomState instance or None, default=None
            Source of randomness; None uses the estimator's ``random_state``.

        verbose : int, default=0
            Progress messages, as in joblib.

        Returns
        -------
        result : BootstrapTest
            ``statistic``; ``pvalue``, the share (1 + number of resampled statistics that are
            not below it) / (1 + B); and ``null_distribution`` of shape (n_resamples,).

        References
        ----------
        G. J. McLachlan (1987). On bootstrapping the likelihood ratio test statistic for the
        number of components in a normal mixture. Applied Statistics 36, 318-324.
        """
        n_resamples = check_integer("n_resamples", n_resamples, 1)
        rng = check_random_state(self.random_state if random_state is None else random_state)
        # not clones, which would carry callbacks along
        parameters = {**self.get_params(), "verbose": 0, **dict.fromkeys(START)}
        statistic = _likelihood_ratio(type(self)(**parameters).fit(X))
        seeds = rng.randint(np.iinfo(np.int32).max, size=n_resamples)
        resampled = Parallel(n_jobs=n_jobs, verbose=verbose)(
            delayed(_resampled)(type(self), parameters, len(X), seed) for seed in seeds
        )
        exceeding = np.count_nonzero(np.array(resampled) >= statistic)
        pvalue = float(1 + exceeding) / (1 + n_resamples)
        return BootstrapTest(statistic, pvalue, np.array(resampled))


def _points(name: str, value) -> np.ndarray:
    refuse_masked(name, value)
    points = np.asarray(value, dtype=np.float64)
    if np.isnan(points).any():
        raise ValueError(f"{name} contains NaN")
    return points


def _asymptotic_deviations(information: np.ndarray, singular: np.ndarray) -> np.ndarray:
    """Standard errors of (logit weight, means, log scales), (5,); infinite where the information
    is not positive definite, and for scales at the floor, where it is no maximum in them."""
    infinite = np.full(5, np.inf)
    kept = np.append(np.ones(3, dtype=bool), ~singular[: len(information) - 3])
    information = information[np.ix_(kept, kept)]
    size = np.sqrt(np.maximum(np.diagonal(information), 0.0))
    if not size.all() or np.isinf(size).any():  # the weights' sum may be near the largest number
        return infinite
    values, vectors = np.linalg.eigh(information / size / size[:, None])
    if values[0] < _SINGULAR:
        return infinite
    deviations = np.full(len(kept), np.inf)
    deviations[kept] = np.sqrt((vectors**2 / values).sum(axis=1)) / size
    return deviations if len(deviations) == 5 else deviations[[0, 1, 2, 3, 3]]


def _singular(held: tuple[Held | None, Held | None]) -> str:
    """What is said of components at the floor."""
    parts = [
        f"component {k} rests on {rows.weight:g} row{'' if rows.weight == 1.0 else 's'} (nearly) "
        f"equal to {rows.value:.6g}"
        for k, rows in enumerate(held)
        if rows is not None
    ]
    return (
        "; ".join(parts) + ": its variance is held at the floor, a millionth of the squared local "
        "scale of X. This is right for values that are truly repeated, such as zeros of a "
        "zero-inflated column; else add noise of the size of the rounding of X"
    )


def _likelihood_ratio(fitted: TwoNormalMixture) -> float:
    """2 (log L of two normals - log L of one), not below zero: one is a case of two."""
    return max(0.0, 2.0 * (fitted.log_likelihood_ - fitted.null_log_likelihood_))


def _resampled(estimator: type, parameters: dict, n_samples: int, seed: int) -> float:
    """The statistic of a sample from one normal."""
    X = np.random.RandomState(seed).standard_normal((n_samples, 1))
    with warnings.catch_warnings():
        # two normals on one are a flat likelihood, whose height is known all the same
        warnings.simplefilter("ignore", ConvergenceWarning)
        return _likelihood_ratio(estimator(**parameters).fit(X))
