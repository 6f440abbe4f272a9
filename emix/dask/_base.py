"""What the estimators on dask collections have in common."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self

import dask
import numpy as np

from .._estimator.estimator import EMEstimator
from .._estimator.report import Report
from .._fitted.threads import one_blas_thread
from .._input.parameters import checked
from ._blocks import is_collection
from ._cluster import Cluster, client_of
from ._lazily import local_of, mapped, summed
from ._rows import check_rowwise, distributed_data


class OnDask(EMEstimator):
    """Fits and evaluates dask collections where they lie; what is in memory goes the local way."""

    _local: ClassVar[type]
    _report_of_parts: ClassVar[Report]
    _client: Any = None

    @property
    def client(self) -> Any:
        """The ``distributed.Client`` whose workers fit; None for the one that was made last. It is
        neither cloned nor pickled."""
        return self._client

    @client.setter
    def client(self, value: Any) -> None:
        self._client = value

    def __getstate__(self) -> dict[str, Any]:
        return {name: v for name, v in super().__getstate__().items() if name != "_client"}

    def to_local(self) -> Any:
        """The estimator of ``emix`` with the same parameters and fitted attributes.

        It needs no dask, and evaluates rows in memory.

        Returns
        -------
        local : object
            Of the class of the same name in ``emix``.
        """
        return local_of(self, self._local)

    def fit(self, X: Any, y: object = None, sample_weight: Any = None) -> Self:
        """Fit the mixture to the rows of X.

        Parameters
        ----------
        X : dask array or data frame of shape (n_samples, n_features)
            Training rows, float32 or float64. Chunks may be uneven, empty, of unknown sizes and
            of some columns each. They are joined into as many parts as the workers have threads,
            which the workers hold until the fit is over; dask computes a part again that was lost
            with a worker. What is in memory is fitted as in ``emix``.

        y : Ignored
            Present for API consistency.

        sample_weight : dask array or series, or array-like, of shape (n_samples,), default=None
            Weights of the rows, not negative; an integer weight is the same as repeating the row.
            None for equal weights.

        Returns
        -------
        self : object
            The fitted estimator; its attributes are NumPy arrays.

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data are unusable, if rows have missing values, or if there is
            no client; the estimator is then as it was before.

        Warns
        -----
        ConvergenceWarning
            If ``max_iter`` was too small for ``tol``, a covariance is singular, or a component
            is empty.
        """
        if is_collection(X):
            return self._fit_parts(X, sample_weight)
        return super().fit(X, y, sample_weight)

    def fit_predict(self, X: Any, y: object = None, sample_weight: Any = None) -> Any:
        """Fit the mixture and return the most probable component of every row.

        Parameters
        ----------
        X : dask array or data frame of shape (n_samples, n_features)
            Training rows.

        y : Ignored
            Present for API consistency.

        sample_weight : dask array or series, or array-like, of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        labels : dask array of shape (n_samples,)
            ``predict(X)``, lazily.
        """
        return self.fit(X, y, sample_weight).predict(X)

    def _fit_parts(self, X: Any, sample_weight: Any) -> Self:
        """Check, read, solve, publish."""
        values = checked(self, self._checks)
        check_rowwise(values)
        cluster = Cluster(client_of(self._client))
        with one_blas_thread(), cluster.guarded():
            rng = values.random_state
            data: Any = distributed_data(cluster, X, sample_weight, values.n_components, rng)
            told = {"sample_weight": data.weight}
            self._fit_to(values, data, self._report_of_parts, told)
        return self

    def predict(self, X: Any) -> Any:
        """Most probable component of every row.

        Parameters
        ----------
        X : dask array or data frame of shape (n_samples, n_features)
            Rows to label; what is in memory is labelled there.

        Returns
        -------
        labels : dask array of shape (n_samples,)
            Component indices, lazily.
        """
        if not is_collection(X):
            return super().predict(X)
        return self._mapped("predict", X, None, np.int64)

    def predict_proba(self, X: Any) -> Any:
        """Responsibilities: the probability of every component given the row.

        Parameters
        ----------
        X : dask array or data frame of shape (n_samples, n_features)
            Rows to evaluate; what is in memory is evaluated there.

        Returns
        -------
        resp : dask array of shape (n_samples, n_components)
            p(z = k | x), lazily; rows add up to one. float32 if X is.
        """
        if not is_collection(X):
            return super().predict_proba(X)
        return self._mapped("predict_proba", X, self._n_columns())

    def score_samples(self, X: Any) -> Any:
        """Log-density of every row under the mixture.

        Parameters
        ----------
        X : dask array or data frame of shape (n_samples, n_features)
            Rows to evaluate; what is in memory is evaluated there.

        Returns
        -------
        log_prob : dask array of shape (n_samples,)
            log p(x), natural logarithm, in the units of the data, lazily; float32 if X is.
        """
        if not is_collection(X):
            return super().score_samples(X)
        return self._mapped("score_samples", X, None)

    def transform(self, X: Any) -> Any:
        """What the method of this name in ``emix`` gives, for every row.

        Parameters
        ----------
        X : dask array or data frame of shape (n_samples, n_features)
            Rows to evaluate; what is in memory is evaluated there.

        Returns
        -------
        features : dask array of shape (n_samples, n_components)
            One column for each component, lazily.
        """
        if not is_collection(X):
            return super().transform(X)
        return self._mapped("transform", X, self._n_columns())

    def score(self, X: Any, y: object = None, sample_weight: Any = None) -> float:
        """Mean log-density of the rows, the figure that model selection maximises.

        Parameters
        ----------
        X : dask array or data frame of shape (n_samples, n_features)
            Rows to evaluate, in one pass over them.

        y : Ignored
            Present for API consistency.

        sample_weight : dask array or series, or array-like, of shape (n_samples,), default=None
            Weights of the rows; None for equal ones.

        Returns
        -------
        log_likelihood : float
            The (weighted) mean of ``score_samples(X)``.
        """
        if not is_collection(X):
            return super().score(X, y, sample_weight)
        total, n = self._summed("_log_density", X, sample_weight)
        return total / n

    def aic(self, X: Any, sample_weight: Any = None) -> float:
        """Akaike information criterion, -2 log L + 2 p; the lower the better.

        Parameters
        ----------
        X : dask array or data frame of shape (n_samples, n_features)
            Rows that the model was fitted to, in one pass over them.

        sample_weight : dask array or series, or array-like, of shape (n_samples,), default=None
            Weights of the rows, those that the fit had; None for equal ones.

        Returns
        -------
        aic : float
        """
        if not is_collection(X):
            return super().aic(X, sample_weight)
        log_likelihood, _ = self._summed("_log_likelihood", X, sample_weight)
        return -2.0 * log_likelihood + 2.0 * self._n_parameters()

    def bic(self, X: Any, sample_weight: Any = None) -> float:
        """Bayesian information criterion, -2 log L + p log n; the lower the better.

        Parameters
        ----------
        X : dask array or data frame of shape (n_samples, n_features)
            Rows that the model was fitted to, in one pass over them.

        sample_weight : dask array or series, or array-like, of shape (n_samples,), default=None
            Weights of the rows, those that the fit had; None for equal ones. n is their sum.

        Returns
        -------
        bic : float
        """
        if not is_collection(X):
            return super().bic(X, sample_weight)
        log_likelihood, n = self._summed("_log_likelihood", X, sample_weight)
        return -2.0 * log_likelihood + self._n_parameters() * math.log(n)

    def icl(self, X: Any, sample_weight: Any = None) -> float:
        """Integrated completed likelihood, -2 log L_c + p log n; the lower the better.

        Parameters
        ----------
        X : dask array or data frame of shape (n_samples, n_features)
            Rows that the model was fitted to, in one pass over them.

        sample_weight : dask array or series, or array-like, of shape (n_samples,), default=None
            Weights of the rows, those that the fit had; None for equal ones. n is their sum.

        Returns
        -------
        icl : float
        """
        if not is_collection(X):
            return super().icl(X, sample_weight)
        completed, n = self._summed("_completed", X, sample_weight)
        return -2.0 * completed + self._n_parameters() * math.log(n)

    @property
    def classes_(self) -> np.ndarray:
        """Numbers of the components, (n_components,), by which dask-ml's wrappers know how many
        columns ``predict_proba`` has."""
        return np.arange(len(self.weights_))

    def _n_columns(self) -> int:
        self._asked()
        return len(self.weights_)

    def _mapped(self, name: str, X: Any, n_columns: int | None, dtype: Any = None) -> Any:
        self._asked()
        return mapped(self, self._local, name, X, n_columns, dtype)

    def _summed(self, name: str, X: Any, sample_weight: Any) -> tuple[float, float]:
        self._asked()
        return summed(self, self._local, name, X, sample_weight, self._compute)

    def _compute(self, value: Any) -> Any:
        """By the client that was chosen, or as dask would."""
        if self._client is None:
            return dask.compute(value)[0]
        cluster = Cluster(self._client)
        with cluster.guarded():
            return cluster.gathered(cluster.computed([value]))[0]
