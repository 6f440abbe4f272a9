"""What estimators of mixtures of any family have in common: fits, and what can be asked of them."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils.validation import check_is_fitted

from ._families.densities import Densities
from ._families.mixture import Mixture
from ._families.uncertainty import standard_errors
from ._family_fit import FAMILY, Problem, fit_family, is_large, plain_rows
from ._parameters import checked
from ._publication import publish
from ._rows.blocks import Rows
from ._tables import Read, read_data, read_floats
from ._threads import thread_budget
from ._validation import check_integer, check_sample_weight, check_seed


def total(values: np.ndarray, weight: np.ndarray | None) -> tuple[float, float]:
    """Weighted sum of the rows' values, and the sum of the weights; a row of weight zero counts
    for nothing, even where its value is infinite."""
    if weight is None:
        return float(values.sum()), float(values.size)
    values = np.where(weight > 0.0, values, 0.0)
    return float(values @ weight), float(weight.sum())


class FamilyMixture(DensityMixin, BaseEstimator):
    """A mixture of components of one family.

    A subclass has the constructor, and says what its family is: ``_problem`` for a fit,
    ``_fitted`` afterwards, by public attributes alone. ``_read`` says which tables it takes:
    values that the family cannot have are refused.
    """

    _read: ClassVar[Read] = staticmethod(read_floats)

    weights_: np.ndarray
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
    n_features_in_: int
    feature_names_in_: np.ndarray
    _n_more = 0  # components beside n_components
    n_components: int
    frozen: tuple[str, ...]
    random_state: int | np.random.RandomState | None

    @abstractmethod
    def _problem(self, X: np.ndarray, weight: np.ndarray | None, mapper: Any) -> Problem:
        """What is fitted to the rows of X."""

    @abstractmethod
    def _described(self, params: Any, problem: Problem) -> dict[str, Any]:
        """The attributes that parameters in the units of the rows are published as."""

    @abstractmethod
    def _fitted(self) -> tuple[Any, Any]:
        """The family and its parameters, from the attributes, in the units of ``_rows``."""

    def _rows(self, X: np.ndarray) -> Rows:
        """Rows to evaluate, in the units of ``_fitted``."""
        return plain_rows(X, None)

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
            Training rows.

        y : Ignored
            Present for API consistency.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, not negative; an integer weight is the same as repeating the
            row, and a row of weight zero is left out. None for equal weights.

        labels : array-like of int of shape (n_samples,), default=None
            Components of rows where they are known, and -1 elsewhere.

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
            If ``max_iter`` was too small for ``tol``, or a component has no rows.
        """
        self._fit(X, sample_weight, labels)
        return self

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
            Component indices, those that ``fit(X).predict(X)`` gives.
        """
        return self._labels(self._fit(X, sample_weight, labels))

    def _fit(self, X, sample_weight, labels) -> np.ndarray:
        values = checked(self, FAMILY)
        data = read_data(self, self._read, X, sample_weight)
        X, weight = data.X, data.weight
        with thread_budget(is_large(X, values.n_components, X.shape[1])) as mapper:
            problem = self._problem(X, weight, mapper)
            params, attributes = fit_family(values, problem, X, labels, self._n_more)
        described = {**attributes, **self._described(params, problem)}
        publish(self, {**described, **data.feature_attributes})
        return X

    def _densities(self) -> Densities:
        check_is_fitted(self)
        return Densities(*self._fitted(), self._log_unit())

    def _log_unit(self) -> float:
        """log|dz/dx| of the units of ``_fitted``."""
        return 0.0

    def _labels(self, X: np.ndarray) -> np.ndarray:
        return self._numbered(self._densities().labels(self._rows(X)))

    def _numbered(self, labels: np.ndarray) -> np.ndarray:
        """What stands for the components."""
        return labels

    def _asked(self, X: ArrayLike) -> tuple[Densities, Rows]:
        densities = self._densities()
        return densities, self._rows(self._read(self, X))

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Log-density of every row under the mixture.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to evaluate.

        Returns
        -------
        log_prob : ndarray of shape (n_samples,)
            log p(x), natural logarithm; minus infinity for a row that the mixture cannot make.
        """
        densities, rows = self._asked(X)
        return densities.log_prob(rows)

    def score(
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> float:
        """Mean log-density of the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to evaluate.

        y : Ignored
            Present for API consistency.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; None for equal ones.

        Returns
        -------
        log_likelihood : float
            The (weighted) mean of ``score_samples(X)``.
        """
        log_likelihood, n = self._log_likelihood(X, sample_weight)
        return log_likelihood / n

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Most probable component of every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to label.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Component indices.
        """
        densities, rows = self._asked(X)
        return self._numbered(densities.labels(rows))

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Responsibilities: the probability of every component given the row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to evaluate.

        Returns
        -------
        resp : ndarray of shape (n_samples, n_components)
            p(z = k | x); rows add up to one.
        """
        densities, rows = self._asked(X)
        return densities.responsibilities(rows)

    def sample(
        self, n_samples: int = 1, random_state: int | np.random.RandomState | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw from the fitted mixture.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.

        random_state : int, RandomState instance or None, default=None
            Source of randomness of this call; None uses the estimator's ``random_state``.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows, ordered by component.

        y : ndarray of shape (n_samples,)
            Their components.
        """
        check_is_fitted(self)
        n_samples = check_integer("n_samples", n_samples, 1)
        rng = check_seed(self.random_state if random_state is None else random_state)
        family, params = self._fitted()
        counts = rng.multinomial(n_samples, params.weights / params.weights.sum())
        y = np.repeat(np.arange(counts.size), counts)
        return self._in_data_units(family.sample(params, y, rng)), self._numbered(y)

    def _in_data_units(self, z: np.ndarray) -> np.ndarray:
        """Rows (n, d) in the units of ``_fitted``, in those of the data."""
        return z

    def _log_likelihood(self, X: ArrayLike, sample_weight: ArrayLike | None) -> tuple[float, float]:
        densities, rows = self._asked(X)
        return total(densities.log_prob(rows), check_sample_weight(sample_weight, rows.n))

    def _errors(self, X: ArrayLike, sample_weight: ArrayLike | None) -> np.ndarray:
        """Standard errors of the values of a linear family, and of weights in the last column."""
        _, rows = self._asked(X)
        weight = check_sample_weight(sample_weight, rows.n)
        family, params = self._fitted()
        model = Mixture(plain_rows(rows.X, weight), family)
        return standard_errors(model, params, bool(self.frozen))

    def _n_parameters(self) -> int:
        family, params = self._fitted()
        of_weights = 0 if self.frozen else len(params.weights) - 1
        return of_weights + family.n_free(params)

    def aic(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Akaike information criterion, -2 log L + 2 p; the lower the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that the model was fitted to.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, those that the fit had; None for equal ones.

        Returns
        -------
        aic : float
        """
        log_likelihood, _ = self._log_likelihood(X, sample_weight)
        return -2.0 * log_likelihood + 2.0 * self._n_parameters()

    def bic(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Bayesian information criterion, -2 log L + p log n; the lower the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that the model was fitted to.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, those that the fit had; None for equal ones. n is their sum.

        Returns
        -------
        bic : float
        """
        log_likelihood, n = self._log_likelihood(X, sample_weight)
        return -2.0 * log_likelihood + self._n_parameters() * math.log(n)

    def icl(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Integrated completed likelihood, -2 log L_c + p log n; the lower the better.

        L_c is the likelihood of the rows together with their most probable components (Biernacki,
        Celeux & Govaert 2000, IEEE Trans. PAMI 22, 719-725).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that the model was fitted to.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, those that the fit had; None for equal ones. n is their sum.

        Returns
        -------
        icl : float
            At least ``bic(X, sample_weight)``.
        """
        densities, rows = self._asked(X)
        weight = check_sample_weight(sample_weight, rows.n)
        completed, n = total(densities.largest_joint(rows), weight)
        return -2.0 * completed + self._n_parameters() * math.log(n)
