"""The estimators that climb by EM: validate, build, solve, publish."""

from __future__ import annotations

import copy
import math
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning

from ._base import STRUCTURES, BaseNormalMixture, quiet
from ._callbacks import CallbackSupportMixin, FitTasks, with_callbacks
from ._em.results import Reason
from ._fit.fit import Fit, log_unit, so_far
from ._fit.history import as_history, lower_bounds
from ._fit.problem import Given, Phase, Problem, is_parallel
from ._fit.runs import Observer, fit_mixture
from ._fit.singular import message, singular_components
from ._fit.starts import STARTS
from ._mixture.missing import mixture_over
from ._mixture.mixture import Mixture
from ._normal.covariances import Structure
from ._refusals import some
from ._threads import thread_budget
from ._validation import (
    check_assignment,
    check_flag,
    check_frozen,
    check_integer,
    check_means_init,
    check_option,
    check_precisions_init,
    check_real,
    check_sample_weight,
    check_seed,
    check_verbose,
    check_weights_init,
)

# A component with no more than this share of the rows, what rounding makes of 1, adds nothing.
_EMPTY = float(np.finfo(float).eps)


class EMEstimator(CallbackSupportMixin, BaseNormalMixture):
    """A mixture whose parameters are found by EM; subclasses say which EM it is.

    Their constructors have the parameters that ``_settings`` reads.
    """

    converged_: bool
    n_iter_: int
    stop_reason_: str
    lower_bound_: float
    lower_bounds_: list[float]
    remaining_gain_: float
    history_: np.ndarray
    n_collapsed_: int
    singular_components_: np.ndarray

    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
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
            row, and a row of weight zero is left out, whatever finite values it holds. None for
            equal weights.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data are unusable; the estimator is then as it was before.

        Warns
        -----
        ConvergenceWarning
            If ``max_iter`` was too small for ``tol``, a covariance is singular, or a component
            is empty.
        """
        self._fit(X, sample_weight)
        return self

    @quiet
    def fit_predict(
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
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

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Component indices, those that ``fit(X).predict(X)`` gives.
        """
        X = self._fit(X, sample_weight)
        return self._allocation().labels(X)

    @with_callbacks
    @quiet
    def _fit(self, X, sample_weight, **metadata):
        """Validate, build, solve, publish; returns the validated X."""
        checked = copy.copy(self)  # takes what validation writes until the fit has succeeded
        X = checked._validated(X, reset=True, ensure_min_samples=2)
        weight = check_sample_weight(sample_weight, X.shape[0])
        rng = check_seed(self.random_state)
        problem = self._regularised(self._settings(X, weight, rng), X, **metadata)
        metadata = {"sample_weight": sample_weight, **metadata}
        tasks = FitTasks(self, X, metadata, problem.n_init, problem.max_iter)
        observer = _Watch(self, problem, X.dtype, tasks)
        with thread_budget(is_parallel(X, problem.structure, problem.n_components)) as mapper:
            fit = self._solve(X, weight, problem, rng, observer, mapper)
        attributes = self._attributes(problem, fit, X, weight)
        for name in ("n_features_in_", "feature_names_in_"):
            attributes[name] = getattr(checked, name, None)
        counted = X if weight is None else X[weight > 0.0]
        self._warn(problem, fit, counted, attributes["feature_names_in_"])
        before = vars(self)
        try:
            self._publish(attributes)
            tasks.end(lambda: attributes)
        except BaseException:
            self.__dict__ = before
            raise
        return X

    def _attributes(self, problem: Problem, fit: Fit, X, weight) -> dict:
        """What a fit publishes."""
        return self._described(problem, fit, X.dtype)

    def _publish(self, attributes: dict) -> None:
        """Set attributes; None removes one of an earlier fit.

        All of them in one step: an interrupt comes before or after it, so that no attributes of
        two fits are ever found together.
        """
        after = {**vars(self), **attributes}
        for name, value in attributes.items():
            if value is None:
                del after[name]
        self.__dict__ = after

    def _solve(self, X, weight, problem, rng, observer, mapper) -> Fit:
        return fit_mixture(X, weight, problem, rng, observer, mapper)

    def _settings(self, X, weight, rng) -> Problem:
        """The constructor's parameters, checked against the data."""
        n_samples, d = X.shape
        n_components = check_integer("n_components", self.n_components, 1)
        if n_samples < n_components:
            raise ValueError(
                "Expected n_samples >= n_components "
                f"but got n_components = {n_components}, n_samples = {n_samples}; decrease "
                "n_components"
            )
        structure = self._structure()
        check_verbose(self.verbose)
        check_integer("verbose_interval", self.verbose_interval, 1)
        warm = check_flag("warm_start", self.warm_start) and hasattr(self, "converged_")
        n_init = check_integer("n_init", self.n_init, 1)
        given = self._previous(d) if warm else self._given(structure, d)
        if not warm:
            self._check_start(n_init, given)
        assign = self._assignment(X, weight, rng, given)
        return Problem(
            n_components=n_components,
            structure=structure,
            model=self._model(),
            given=given,
            start=assign,
            solve=fit_mixture,
            reg_covar=check_real("reg_covar", self.reg_covar),
            tol=check_real("tol", self.tol),
            max_iter=check_integer("max_iter", self.max_iter, 0),
            n_init=n_init if given.means is None and isinstance(assign, str) else 1,
            accelerate=self._accelerate(),
            phases=self._phases(n_samples),
        )

    def _regularised(self, problem: Problem, X: np.ndarray) -> Problem:
        """With a prior or constraints, where a subclass has them."""
        return problem

    def _accelerate(self) -> bool:
        return check_flag("acceleration", self.acceleration)

    def _phases(self, n_samples: int) -> tuple[Phase, ...]:
        """The climbs of a run."""
        return (Phase(),)

    def _model(self) -> Callable[..., Mixture]:
        """(structure, rows, noise) -> the model that is climbed."""
        return partial(mixture_over, frozen=check_frozen(self.frozen))

    def _given(self, structure, d) -> Given:
        n_components = self.n_components
        weights, means, factors = self.weights_init, self.means_init, self.precisions_init
        if weights is not None:
            weights = check_weights_init(weights, n_components)
        elif "weights" in check_frozen(self.frozen):
            weights = np.full(n_components, 1.0 / n_components)
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
        structure = self._structure()
        shape = structure.shape(self.n_components, d)
        same = structure is self._fitted_structure() and factors.shape == shape
        if means.shape != (self.n_components, d) or not same:
            raise ValueError(
                "warm_start=True goes on from the previous fit, but n_components, "
                "covariance_type or the number of features of X changed since; set "
                "warm_start=False or clone the estimator"
            )
        return Given(weights / weights.sum(), means, factors)

    def _check_start(self, n_init: int, given: Given) -> None:
        """Whether the parameters that say where to start go together."""
        init = self.init_params
        if given.complete() and not isinstance(init, str) and not callable(init):
            raise ValueError(
                "init_params gives labels or responsibilities, but weights_init, means_init and "
                "precisions_init leave nothing to start; give the one or the other"
            )
        if n_init > 1 and (given.means is not None or not isinstance(init, str)):
            name = "init_params" if given.means is None else "means_init"
            warnings.warn(
                f"n_init={n_init} makes one start, as {name} says where to start; set n_init=1",
                UserWarning,
                stacklevel=5,
            )

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

    def _n_parameters(self) -> int:
        """Free parameters that were not frozen."""
        counts = self._parameter_counts()
        frozen = check_frozen(self._when_fitted("frozen", self.frozen))
        return sum(counts[name] for name in counts.keys() - frozen)

    def _described(self, problem: Problem, fit: Fit, dtype) -> dict:
        """The fitted attributes of a fit, or of one that is under way."""
        return {**_attributes(problem, fit, dtype), "_fit_settings": self._rested_on(problem)}

    def _rested_on(self, problem: Problem) -> dict[str, Any]:
        """Constructor parameters without which the fitted attributes cannot be read."""
        named = {structure: name for name, structure in STRUCTURES.items()}
        return {
            "covariance_type": named[problem.structure],
            "frozen": getattr(self, "frozen", ()),
        }

    def _warn_of_singular(self, problem: Problem, fit: Fit, X, names) -> None:
        if problem.reg_covar > 0.0 or problem.prior is not None:
            return  # they say what variances are where the data do not vary
        held = message(problem.structure, fit, X, names)
        if held:
            warnings.warn(held, ConvergenceWarning, stacklevel=5)

    def _warn(self, problem: Problem, fit: Fit, X, names) -> None:
        self._warn_of_empty(fit)
        result = fit.run.result
        self._warn_of_singular(problem, fit, X, names)
        if result.reason is Reason.CUT_SHORT:
            warnings.warn(
                "The fit is no maximum: from every start that was tried EM leads to a component on "
                "too few distinct rows or with hardly any variance. The fit is the point after "
                f"{result.n_iter} iterations, before that. Decrease n_components, choose a simpler "
                "covariance_type, or set reg_covar or prior.",
                ConvergenceWarning,
                stacklevel=4,
            )
        elif not (result.converged or result.stopped) and problem.max_iter > 0:
            left = f"an estimated {result.remaining:.2g}"
            left = left if math.isfinite(result.remaining) else "an amount not known yet"
            warnings.warn(
                "Best performing initialization did not converge. Try different init "
                "parameters, or increase max_iter, tol, or check for degenerate data. After "
                f"{result.n_iter} iterations {left} of mean log-likelihood is left to gain; "
                f"tol={problem.tol:g}.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _warn_of_empty(self, fit: Fit) -> None:
        """Of components that no row belongs to."""
        empty = np.flatnonzero(fit.shares <= _EMPTY).tolist()
        if not empty:
            return
        one = len(empty) == 1
        named = f"Component {empty[0]} is" if one else f"Components {some(empty)} are"
        its = "its mean is" if one else "their means are"
        warnings.warn(
            f"{named} empty: no row belongs to {'it' if one else 'them'}, and {its} not fitted "
            "to any. Decrease n_components, or choose another start (means_init, init_params, "
            "n_init, random_state).",
            ConvergenceWarning,
            stacklevel=5,
        )


def _attributes(problem: Problem, fit: Fit, dtype) -> dict:
    """The fitted attributes, floats in the dtype of the data."""
    result = fit.run.result
    histories = [
        as_history(climb.passes, fit.log_unit, phase.temperature)
        for climb, phase in zip(fit.run.climbs, problem.phases, strict=False)
    ]
    bounds = np.concatenate([lower_bounds(history)[1:] for history in histories])
    # where a climb had no iteration left, the last one of the climb before has the last word
    bounds[-1:] = fit.lower_bound
    return {
        **fit_attributes(problem.structure, fit, dtype),
        "converged_": result.converged,
        "n_iter_": fit.run.n_iter,
        "stop_reason_": result.status,
        "lower_bound_": fit.lower_bound,
        "lower_bounds_": bounds.tolist(),
        "remaining_gain_": result.remaining,
        "history_": np.concatenate(histories),
        "n_collapsed_": fit.n_collapsed,
        "singular_components_": singular_components(problem.structure, fit),
        "_spurious_heights": fit.model.spurious_heights(result.params),
    }


def fit_attributes(structure: Structure, fit: Fit, dtype) -> dict:
    """The parameters of the mixture, in the dtype of the data."""
    arrays = {
        "weights_": fit.weights,
        "means_": fit.means,
        "covariances_": fit.covariances,
        "precisions_": structure.form.precision(fit.factors),
        "precisions_cholesky_": fit.factors,
    }
    return {name: _as_dtype(value, dtype) for name, value in arrays.items()}


def _as_dtype(value: np.ndarray, dtype) -> np.ndarray:
    """A copy in the dtype of the data."""
    with np.errstate(over="ignore", under="ignore"):
        array = np.array(value, dtype=dtype)
    if not np.isfinite(array).all():
        raise ValueError(
            "The variances or precisions of X are outside the range of float32 numbers; convert "
            "X to float64, or scale it, for instance with sklearn.preprocessing.StandardScaler"
        )
    return array


class _Watch(Observer):
    """Prints, and tells callbacks."""

    def __init__(self, estimator, problem, dtype, tasks):
        self._settings, self._dtype, self._tasks = problem, dtype, tasks
        self._described = estimator._described
        self._verbose = check_verbose(estimator.verbose)
        self._interval = estimator.verbose_interval

    def begin_init(self, index):
        self._tasks.begin_init(index)
        self._began = self._last = time.perf_counter()
        if self._verbose:
            print(f"Initialization {index}")

    def watcher(self, model, earlier):
        if not self._verbose and not self._tasks.active:
            return None
        return partial(self._iteration, model, earlier)

    def _iteration(self, model, earlier, climb):
        n_iter = sum(result.n_iter for result in earlier) + len(climb.passes) - 1
        if self._verbose and n_iter % self._interval == 0:
            self._print_iteration(n_iter, climb.passes)

        def attributes():
            return self._described(self._settings, so_far(model, climb, earlier), self._dtype)

        return self._tasks.iteration(attributes)

    def _print_iteration(self, n_iter, passes):
        line = f"  Iteration {n_iter}"
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
