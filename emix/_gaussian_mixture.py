"""The Gaussian mixture estimator."""

from __future__ import annotations

import copy
import time
import warnings
from functools import partial

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from ._base import FLOATS, BaseNormalMixture
from ._callbacks import CallbackSupportMixin, FitTasks, with_callbacks
from ._em.ascent import Pass
from ._fitting import (
    STARTS,
    Fit,
    Given,
    Observer,
    Settings,
    fit_mixture,
    is_parallel,
    log_unit,
    so_far,
)
from ._threads import thread_budget
from ._validation import (
    check_assignment,
    check_flag,
    check_integer,
    check_means_init,
    check_option,
    check_precisions_init,
    check_real,
    check_sample_weight,
    check_verbose,
    check_weights_init,
)

HISTORY = np.dtype(
    [
        ("free_energy", "f8"),
        ("log_likelihood", "f8"),
        ("gap", "f8"),
        ("remaining", "f8"),
        ("extrapolated", "?"),
        ("accepted", "?"),
    ]
)


class GaussianMixture(CallbackSupportMixin, BaseNormalMixture):
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
        mean log sum_k w_k exp(E_e log N(x + e | k)).

    lower_bounds_ : list of float, length n_iter_
        The objective after each iteration; it never falls.

    remaining_gain_ : float
        Estimate of what more iterations would add to ``lower_bound_``; infinite if there were
        too few to tell.

    history_ : structured ndarray of shape (n_iter_ + 1,)
        One row per sweep over the data, the first at the start. ``log_likelihood`` is the
        objective at the parameters tried, ``free_energy`` is F there with the responsibilities
        of the sweep before, ``gap`` is the Kullback-Leibler divergence between them, which the
        E-step closed; all per sample. ``remaining`` is the estimated remaining gain,
        ``extrapolated`` and ``accepted`` tell about acceleration.

    n_collapsed_ : int
        Starts that were dropped because a component shrank to a point.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during fit, if X has them and all are strings.

    See Also
    --------
    sklearn.mixture.GaussianMixture : The estimator whose interface this one keeps.

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

    def fit(self, X, y=None, sample_weight=None):
        """Fit the mixture to the rows of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows. float32 and float64 arrays of any memory order and memory maps are
            read in place, block by block.

        y : Ignored
            Present for API consistency.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, not negative; an integer weight is the same as repeating the
            row. None for equal weights.

        Returns
        -------
        self : GaussianMixture
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data are unusable, or if all starts collapse; the estimator
            is then as it was before.

        Warns
        -----
        ConvergenceWarning
            If ``max_iter`` was too small for ``tol``, or a covariance is singular.
        """
        self._fit(X, sample_weight)
        return self

    def fit_predict(self, X, y=None, sample_weight=None):
        """Fit the mixture and return the most probable component of every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.

        y : Ignored
            Present for API consistency.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Component indices, those that ``fit(X).predict(X)`` gives.
        """
        X = self._fit(X, sample_weight)
        return self._scorer().labels(X)

    @with_callbacks
    def _fit(self, X, sample_weight):
        """Validate, build, solve, publish; returns the validated X."""
        checked = copy.copy(self)  # takes what validation writes until the fit has succeeded
        X = validate_data(checked, X, dtype=FLOATS, ensure_min_samples=2)
        weight = check_sample_weight(sample_weight, X.shape[0])
        rng = check_random_state(self.random_state)
        settings = self._settings(X, weight, rng)
        tasks = FitTasks(
            self, X, {"sample_weight": sample_weight}, settings.n_init, settings.max_iter
        )
        observer = _Watch(self, settings, X.dtype, tasks)
        with thread_budget(is_parallel(X, settings.structure, settings.n_components)) as mapper:
            fit = fit_mixture(X, weight, settings, rng, observer, mapper)
        attributes = _attributes(settings, fit, X.dtype)
        self._warn(settings, fit)
        for name in ("n_features_in_", "feature_names_in_"):
            attributes[name] = getattr(checked, name, None)
        before = self.__dict__.copy()
        try:
            self._publish(attributes)
            tasks.end(lambda: attributes)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        return X

    def _publish(self, attributes: dict) -> None:
        """Set attributes; None removes one of an earlier fit."""
        for name, value in attributes.items():
            if value is None:
                self.__dict__.pop(name, None)
            else:
                setattr(self, name, value)

    def _settings(self, X, weight, rng) -> Settings:
        """The constructor's parameters, checked against the data."""
        n_samples, d = X.shape
        n_components = check_integer("n_components", self.n_components, 1)
        if n_samples < n_components:
            raise ValueError(
                "Expected n_samples >= n_components "
                f"but got n_components = {n_components}, n_samples = {n_samples}"
            )
        structure = self._structure()
        check_verbose(self.verbose)
        check_integer("verbose_interval", self.verbose_interval, 1)
        warm = check_flag("warm_start", self.warm_start) and hasattr(self, "converged_")
        n_init = check_integer("n_init", self.n_init, 1)
        given = self._previous(d) if warm else self._given(structure, d)
        assign = self._assignment(X, weight, rng, given)
        return Settings(
            n_components=n_components,
            structure=structure,
            given=given,
            assign=assign,
            reg_covar=check_real("reg_covar", self.reg_covar),
            tol=check_real("tol", self.tol),
            max_iter=check_integer("max_iter", self.max_iter, 0),
            n_init=n_init if given.means is None and isinstance(assign, str) else 1,
            accelerate=check_flag("acceleration", self.acceleration),
        )

    def _given(self, structure, d) -> Given:
        n_components = self.n_components
        weights, means, factors = self.weights_init, self.means_init, self.precisions_init
        if weights is not None:
            weights = check_weights_init(weights, n_components)
        if means is not None:
            means = check_means_init(means, n_components, d)
        if factors is not None:
            factors = check_precisions_init(
                factors, self.covariance_type, structure, n_components, d
            )
            factors = structure.form.factor_of_precision(factors)
        return Given(weights, means, factors)

    def _previous(self, d) -> Given:
        """The last solution, to go on from."""
        names = ("weights_", "means_", "precisions_cholesky_")
        weights, means, factors = (
            np.asarray(getattr(self, name), dtype=np.float64) for name in names
        )
        shape = self._structure().shape(self.n_components, d)
        if means.shape != (self.n_components, d) or factors.shape != shape:
            raise ValueError(
                "warm_start=True goes on from the previous fit, but n_components, "
                "covariance_type or the number of features of X changed since; set "
                "warm_start=False or clone the estimator"
            )
        return Given(weights / weights.sum(), means, factors)

    def _assignment(self, X, weight, rng, given):
        """The name of a start, or labels or responsibilities of all rows."""
        init = self.init_params
        if isinstance(init, str):
            return check_option("init_params", init, STARTS)
        if given.complete():
            return "kmeans"  # not used: there is nothing to start
        if callable(init):
            init = init(X, self.n_components, rng)
        elif init is None:
            raise ValueError("init_params must be a name, an array or a callable, got None")
        return check_assignment(init, X.shape[0], self.n_components)

    def _warn(self, settings: Settings, fit: Fit) -> None:
        result = fit.run.result
        if fit.run.degenerate:
            count = int(np.count_nonzero(result.params.n_floored))
            warnings.warn(
                f"{count} covariance(s) are singular and held at the floor: they rest on too "
                "few distinct rows. Decrease n_components, choose a simpler covariance_type, or "
                "set reg_covar.",
                ConvergenceWarning,
                stacklevel=4,
            )
        if not result.converged and settings.max_iter > 0 and "callback" not in result.status:
            warnings.warn(
                "Best performing initialization did not converge. Try different init "
                "parameters, or increase max_iter, tol, or check for degenerate data.",
                ConvergenceWarning,
                stacklevel=4,
            )


def _attributes(settings: Settings, fit: Fit, dtype) -> dict:
    """The fitted attributes, floats in the dtype of the data."""
    result = fit.run.result
    precisions = settings.structure.form.precision(fit.factors)
    arrays = {
        "weights_": fit.weights,
        "means_": fit.means,
        "covariances_": fit.covariances,
        "precisions_": precisions,
        "precisions_cholesky_": fit.factors,
    }
    history = _history(result.passes, fit.log_unit)
    bounds = np.maximum.accumulate(history["log_likelihood"])[1:]
    return {
        **{name: np.array(value, dtype=dtype) for name, value in arrays.items()},
        "converged_": result.converged,
        "n_iter_": result.n_iter,
        "stop_reason_": result.status,
        "lower_bound_": fit.lower_bound,
        "lower_bounds_": bounds.tolist(),
        "remaining_gain_": result.remaining,
        "history_": history,
        "n_collapsed_": fit.n_collapsed,
    }


def _history(passes: tuple[Pass, ...], log_unit: float) -> np.ndarray:
    rows = [
        (
            p.free_energy + log_unit,
            p.objective + log_unit,
            p.objective - p.free_energy,
            p.remaining,
            p.extrapolated,
            p.accepted,
        )
        for p in passes
    ]
    return np.array(rows, dtype=HISTORY)


class _Watch(Observer):
    """Prints, and tells callbacks."""

    def __init__(self, estimator, settings, dtype, tasks):
        self._settings, self._dtype, self._tasks = settings, dtype, tasks
        self._verbose = check_verbose(estimator.verbose)
        self._interval = estimator.verbose_interval

    def begin_init(self, index):
        self._tasks.begin_init(index)
        self._began = self._last = time.perf_counter()
        if self._verbose:
            print(f"Initialization {index}")

    def watcher(self, model):
        if not self._verbose and not self._tasks.active:
            return None
        return partial(self._iteration, model)

    def _iteration(self, model, climb):
        if self._verbose and (len(climb.passes) - 1) % self._interval == 0:
            self._print_iteration(climb.passes)

        def attributes():
            return _attributes(self._settings, so_far(model, climb), self._dtype)

        return self._tasks.iteration(attributes)

    def _print_iteration(self, passes):
        line = f"  Iteration {len(passes) - 1}"
        if self._verbose > 1:
            now = time.perf_counter()
            gain = passes[-1].objective - passes[-2].objective
            line += f"\t time lapse {now - self._last:.5f}s\t ll change {gain:.5f}"
            line += f"\t remaining gain {passes[-1].remaining:.2g}"
            self._last = now
        print(line)

    def end_init(self, model, result):
        self._tasks.end_init()
        if self._verbose:
            line = "converged" if result.converged else "did not converge"
            line = f"Initialization {line}."
            if self._verbose > 1:
                lapse = time.perf_counter() - self._began
                bound = result.objective + log_unit(model)
                line += f" time lapse {lapse:.5f}s\t lower bound {bound:.5f}."
            print(line)
