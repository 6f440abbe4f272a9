"""What estimators of mixtures of any family have in common: fits, and what can be asked of them."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils.validation import check_is_fitted

from .._estimator.callbacks import CallbackSupportMixin, with_callbacks
from .._fitted.base import quiet
from .._fitted.fitted import when_fitted
from .._input.parameters import checked
from .._input.tables import read_data
from .._input.validation import check_integer, check_seed, warn_of_labels
from .evaluation import Evaluation
from .fit import fit_family
from .kind import Kind
from .parameters import FAMILY


class FamilyMixture(CallbackSupportMixin, DensityMixin, BaseEstimator):
    """A mixture of components of one family.

    A subclass has the constructor and a ``_kind``, which is all that tells it from others.
    """

    _kind: ClassVar[Kind]

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
    n_components: int
    frozen: tuple[str, ...]
    random_state: int | np.random.RandomState | None

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

        UserWarning
            If y looks like ``labels``.
        """
        warn_of_labels(y, labels, self.n_components)
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
        warn_of_labels(y, labels, self.n_components)
        return self._evaluated(self._fit(X, sample_weight, labels)).labels()

    @with_callbacks
    @quiet
    def _fit(
        self, X: ArrayLike, sample_weight: ArrayLike | None, labels: ArrayLike | None
    ) -> np.ndarray:
        """Returns the validated X."""
        values = checked(self, {**FAMILY, **self._kind.checks})
        data = read_data(self, self._kind.read, X, sample_weight, labels)
        fit_family(self, self._kind, values, data, data.X, sample_weight)
        return data.X

    def _evaluated(self, X: np.ndarray) -> Evaluation:
        frozen = when_fitted(self, "frozen", self.frozen)
        return Evaluation(self._kind.known(self), X, "weights" in frozen)

    def _on(self, X: ArrayLike) -> Evaluation:
        """The fitted mixture on rows to be checked."""
        check_is_fitted(self)
        return self._evaluated(self._kind.read(self, X))

    @quiet
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
        return self._on(X).log_prob()

    @quiet
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
        return self._on(X).mean(sample_weight)

    @quiet
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
        return self._on(X).labels()

    @quiet
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
        return self._on(X).responsibilities()

    @quiet
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
        known = self._kind.known(self)
        weights = known.params.weights
        counts = rng.multinomial(n_samples, weights / weights.sum())
        y = np.repeat(np.arange(counts.size), counts)
        return known.in_data_units(known.family.sample(known.params, y, rng)), known.numbered(y)

    @quiet
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
        return self._on(X).aic(sample_weight)

    @quiet
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
        return self._on(X).bic(sample_weight)

    @quiet
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
        return self._on(X).icl(sample_weight)
