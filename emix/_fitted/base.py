"""What the estimators share: parameters as public attributes, and what can be asked of them."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils.validation import check_is_fitted

from .._input.structures import STRUCTURES as STRUCTURES
from .._input.tables import FLOATS as FLOATS
from .._input.tables import Read, read_floats
from .._input.validation import check_integer, check_sample_weight, check_seed
from .._rows.grid import spans
from .._rows.weights import in_own_unit
from .fitted import Fitted
from .scoring import Scorer

# Numbers that underflow are zeros in all of the arithmetic here, by NumPy's own default too: a
# caller's np.errstate(under="raise") is for the caller's.
quiet = np.errstate(under="ignore")


# Rows whose values are held at a time where only their sum is asked for: 8 MB of each.
_SUMMED = 2**20


def _total(
    value: Callable[[np.ndarray], np.ndarray], X: np.ndarray, weight: np.ndarray | None
) -> tuple[float, float]:
    """Weighted sum of the rows' values (m,), some rows at a time, and the sum of the weights.

    A row of weight zero counts for nothing, even where its value is infinite.
    """
    total = 0.0
    for start, stop in spans(len(X), _SUMMED):
        values = value(X[start:stop])
        if weight is not None:
            own = weight[start:stop]
            values = np.where(own > 0.0, values, 0.0) * own
        total += float(values.sum())
    return total, float(len(X) if weight is None else weight.sum())


class BaseNormalMixture(DensityMixin, BaseEstimator):
    """A mixture of normals given by public attributes, and what can be asked of it.

    All methods below read these attributes alone (through ``_fitted``), so a model can also be
    put together by setting them. ``_read`` says which tables a subclass takes.
    """

    _read: ClassVar[Read] = staticmethod(read_floats)

    weights_: np.ndarray
    means_: np.ndarray
    covariances_: np.ndarray
    precisions_: np.ndarray
    precisions_cholesky_: np.ndarray
    n_features_in_: int
    feature_names_in_: np.ndarray
    covariance_type: str
    random_state: int | np.random.RandomState | None

    @abstractmethod
    def _fitted(self) -> Fitted:
        """The mixture that the attributes tell."""

    def _asked(self) -> Fitted:
        """The same, refused where there is none yet."""
        if not hasattr(self, "means_"):
            check_is_fitted(self)
        return self._fitted()

    def _validated(self, X: ArrayLike) -> np.ndarray:
        """X to evaluate, checked."""
        return self._read(self, X)

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
            log p(x), natural logarithm, in the units of the data; float32 if X is.
        """
        scorer, X = self._asked().density(), self._validated(X)
        return scorer.log_prob(X).astype(X.dtype, copy=False)

    @quiet
    def score(
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> float:
        """Mean log-density of the rows, the figure that model selection maximises.

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
        scorer, X = self._asked().density(), self._validated(X)
        weight = check_sample_weight(sample_weight, X.shape[0])
        total, n = _total(scorer.log_prob, X, in_own_unit(weight))
        return total / n

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
        return self._asked().allocation().labels(self._validated(X))

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
            p(z = k | x); rows add up to one. float32 if X is.
        """
        return self._asked().allocation().responsibilities(self._validated(X))

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
        try:
            n_samples = check_integer("n_samples", n_samples, 1)
        except ValueError:
            raise ValueError(
                f"Invalid value for 'n_samples': {n_samples}. Ask for at least one sample."
            ) from None
        rng = check_seed(self.random_state if random_state is None else random_state)
        structure, *arrays, _ = self._fitted().parameters
        weights, means, factors = (np.asarray(value, dtype=np.float64) for value in arrays)
        counts = rng.multinomial(n_samples, weights / weights.sum())
        X = rng.standard_normal((n_samples, means.shape[1]))
        labels = np.repeat(np.arange(weights.size), counts)
        X = structure.sharing.unwhiten(structure.form, factors, X, counts)
        return X + means[labels], labels

    def _n_parameters(self) -> int:
        return self._fitted().parameters.n_free

    def _log_density(self, X: ArrayLike, sample_weight: ArrayLike | None) -> tuple[float, float]:
        """Sum of the rows' log-densities, and how many rows there are."""
        scorer, X = self._asked().density(), self._validated(X)
        return _total(scorer.log_prob, X, check_sample_weight(sample_weight, X.shape[0]))

    def _log_likelihood(self, X: ArrayLike, sample_weight: ArrayLike | None) -> tuple[float, float]:
        """log L of the rows under the mixture, less what it owes to spurious components, and how
        many rows there are."""
        scorer, X = self._asked().parameters.scorer(), self._validated(X)
        weight = check_sample_weight(sample_weight, X.shape[0])
        return _total(lambda rows: scorer.log_prob(rows) - self._excess(scorer, rows), X, weight)

    def _completed(self, X: ArrayLike, sample_weight: ArrayLike | None) -> tuple[float, float]:
        """The same together with the rows' most probable components."""
        scorer, X = self._asked().parameters.scorer(), self._validated(X)
        weight = check_sample_weight(sample_weight, X.shape[0])
        joint = scorer.largest_joint
        return _total(lambda rows: joint(rows) - self._excess(scorer, rows), X, weight)

    def _excess(self, scorer: Scorer, X: np.ndarray) -> np.ndarray | float:
        """What the rows' log-densities owe to components that are thin without a reason, (n,)."""
        heights = getattr(self, "_spurious_heights", None)
        if heights is None or not heights.any():
            return 0.0
        return scorer.responsibilities(X) @ heights

    @quiet
    def aic(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Akaike information criterion, -2 log L + 2 p; the lower the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that the model was fitted to.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, those that the fit had; None for equal ones. A weight counts as
            so many equal rows.

        Returns
        -------
        aic : float
        """
        log_likelihood, _ = self._log_likelihood(X, sample_weight)
        return -2.0 * log_likelihood + 2.0 * self._n_parameters()

    @quiet
    def bic(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Bayesian information criterion, -2 log L + p log n; the lower the better.

        n is the number of rows, or the sum of their weights.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that the model was fitted to.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, those that the fit had; None for equal ones. A weight counts as
            so many equal rows.

        Returns
        -------
        bic : float
        """
        log_likelihood, n = self._log_likelihood(X, sample_weight)
        return -2.0 * log_likelihood + self._n_parameters() * math.log(n)

    @quiet
    def icl(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Integrated completed likelihood, -2 log L_c + p log n; the lower the better.

        L_c is the likelihood of the rows together with their most probable components, so
        that components that overlap cost something (Biernacki, Celeux & Govaert 2000, IEEE
        Trans. PAMI 22, 719-725). n is the number of rows, or the sum of their weights.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that the model was fitted to.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, those that the fit had; None for equal ones. A weight counts as
            so many equal rows.

        Returns
        -------
        icl : float
            At least ``bic(X, sample_weight)``.
        """
        completed, n = self._completed(X, sample_weight)
        return -2.0 * completed + self._n_parameters() * math.log(n)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags = None
        return tags
