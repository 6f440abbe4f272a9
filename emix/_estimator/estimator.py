"""The estimators that climb by EM: check, problem, solve, publish."""

from __future__ import annotations

from abc import abstractmethod
from types import SimpleNamespace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from .._fit.fit import log_unit, so_far
from .._fit.problem import Problem, is_parallel
from .._fitted.base import BaseNormalMixture, quiet
from .._fitted.threads import thread_budget
from .._input.parameters import Checks, checked
from .._input.tables import Data, read_data
from .callbacks import CallbackSupportMixin, FitTasks, with_callbacks
from .publication import publish
from .report import Report
from .watch import Watch


class EMEstimator(CallbackSupportMixin, BaseNormalMixture):
    """A mixture whose parameters are found by EM.

    What a subclass says: its table of checks, the problem of a fit as a value, and the report that
    it makes of the solution.
    """

    _checks: ClassVar[Checks]
    _report: ClassVar[Report]

    converged_: bool
    n_iter_: int
    stop_reason_: str
    lower_bound_: float
    lower_bounds_: list[float]
    remaining_gain_: float
    history_: np.ndarray
    n_collapsed_: int
    starts_: np.ndarray
    singular_components_: np.ndarray

    @abstractmethod
    def _problem(self, values: SimpleNamespace, data: Data) -> Problem:
        """What is to be solved, by checked parameters and rows."""

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
        return self._asked().allocation().labels(X)

    def _fit(
        self, X: ArrayLike, sample_weight: ArrayLike | None, **metadata: ArrayLike | None
    ) -> np.ndarray:
        """Check, problem, solve, publish; returns the validated X."""
        values = checked(self, self._checks)
        data = read_data(self, self._read, X, sample_weight, **metadata)
        self._fit_to(values, data, self._report, {"sample_weight": sample_weight, **metadata})
        return data.X

    @with_callbacks
    @quiet
    def _fit_to(
        self, values: SimpleNamespace, data: Data, report: Report, metadata: dict[str, Any]
    ) -> None:
        """Problem, solve, publish; metadata is what callbacks are told of the rows."""
        problem = self._problem(values, data)
        tasks = FitTasks(self, data.X, metadata, problem.n_init, problem.max_iter)

        def under_way(model: Any, climb: Any, earlier: Any) -> dict:
            return report.so_far(self, problem, so_far(model, climb, earlier), data.X.dtype)

        watch = Watch(tasks, values.verbose, values.verbose_interval, under_way, log_unit)
        with thread_budget(is_parallel(data.X, problem.structure, problem.n_components)) as mapper:
            fit = problem.solve(data.rows(mapper), problem, values.random_state, watch)
        attributes = report.of(self, problem, fit, data)
        publish(self, attributes, lambda: tasks.end(lambda: attributes))
