"""Outliers by the density of a mixture."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import OutlierMixin
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from .._fitted.gaps import unmasked
from .._gaussian.gaussian_mixture import GaussianMixture
from .._input.parameters import Checks, at_least, checked
from .._input.validation import check_real, check_sample_weight, read_rows
from ..priors import ConjugatePrior
from .supervised import HANDED_ON, MixtureFitting

# A share of the weight this little above the wanted one, relatively, is that: 0.29 of 100 rows are
# 28.999999999999996 in floating point.
_ROUNDING = 1e-12


def _check_share(name: str, value: Any) -> float:
    share = check_real(name, value)
    if not 0.0 < share <= 0.5:
        raise ValueError(f"{name} must be above 0 and at most 0.5, got {share}")
    return share


class GaussianMixtureOutlierDetector(OutlierMixin, MixtureFitting):
    """Rows of low density under a mixture of normals are outliers.

    The threshold is a quantile of the log-densities of the training rows: a share
    ``contamination`` of them lies below it, or as near to it as whole rows allow without
    exceeding it. The mixture is fitted to all rows, outliers
    included; ``prior`` or 'tied' covariances keep a component from settling on a few of them.

    Parameters
    ----------
    n_components : int, default=1
        Number of components K.

    contamination : float, default=0.1
        Share of outliers among the training rows, above 0 and up to 0.5.

    covariance_type : {'full', 'tied', 'diag', 'spherical', 'tied_diag', 'tied_spherical'}, \
default='full'
        Structure of the covariances.

    tol : float, default=1e-7
        As of :class:`GaussianMixture`.

    reg_covar : float, default=0.0
        Variance added to the diagonal of all covariances.

    max_iter : int, default=1000
        Largest number of passes over the data after the first.

    n_init : int, default=1
        Number of starts.

    init_params : {'kmeans', 'k-means++', 'random', 'random_from_data'}, array-like or \
callable, default='kmeans'
        How to start.

    prior : {'fraley-raftery'} or ConjugatePrior, default=None
        Prior distribution of the parameters.

    random_state : int, RandomState instance or None, default=None
        Source of randomness of starts.

    Attributes
    ----------
    mixture_ : GaussianMixture
        The mixture.

    offset_ : float
        The threshold: ``decision_function`` is ``score_samples`` less this.

    n_iter_ : int
        Passes of the fit after the first.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during fit, if X has them and all are strings.

    See Also
    --------
    sklearn.covariance.EllipticEnvelope : One normal, estimated robustly.

    Examples
    --------
    >>> from emix import GaussianMixtureOutlierDetector
    >>> from emix.datasets import load_faithful
    >>> X = load_faithful().data
    >>> detector = GaussianMixtureOutlierDetector(2, contamination=0.05, random_state=0).fit(X)
    >>> detector.predict([[2.0, 54.0], [3.0, 95.0]])
    array([ 1, -1])
    >>> int((detector.predict(X) == -1).sum())
    13
    """

    mixture_: GaussianMixture
    offset_: float
    n_iter_: int
    n_features_in_: int
    feature_names_in_: np.ndarray

    def __init__(
        self,
        n_components: int = 1,
        *,
        contamination: float = 0.1,
        covariance_type: str = "full",
        tol: float = 1e-7,
        reg_covar: float = 0.0,
        max_iter: int = 1000,
        n_init: int = 1,
        init_params: str | ArrayLike | Callable = "kmeans",
        prior: str | ConjugatePrior | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.contamination = contamination
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.prior = prior
        self.random_state = random_state

    _checks: ClassVar[Checks] = {
        **HANDED_ON,
        "n_components": at_least(1),
        "contamination": _check_share,
    }

    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the mixture and set the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.

        y : Ignored
            Present for API consistency.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, in the mixture and in the quantile.

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
            If ``max_iter`` was too small for ``tol``, or a covariance is singular.
        """
        share = checked(self, self._checks).contamination
        options = {"dtype": np.float64, "ensure_all_finite": self._finite(), "estimator": self}
        read = partial(check_array, ensure_min_samples=2, input_name="X", **options)
        rows = read_rows(unmasked(X), read)
        weight = check_sample_weight(sample_weight, len(rows))
        mixture = self._mixture(self.n_components).fit(rows, sample_weight=weight)
        scores = mixture.score_samples(rows)
        # names and number of features: only now, as a fit that fails changes nothing
        validate_data(self, X, skip_check_array=True)
        self.mixture_, self.offset_ = mixture, _quantile(scores, weight, share)
        self.n_iter_ = mixture.n_iter_
        return self

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Log-density of every row; the lower, the more of an outlier.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to evaluate.

        Returns
        -------
        log_prob : ndarray of shape (n_samples,)
        """
        rows = self._rows_to_predict(X, self._finite())
        return self.mixture_.score_samples(rows)

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """``score_samples(X) - offset_``: negative for outliers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to evaluate.

        Returns
        -------
        decision : ndarray of shape (n_samples,)
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: ArrayLike) -> np.ndarray:
        """-1 for outliers, 1 for others.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to label.

        Returns
        -------
        labels : ndarray of int of shape (n_samples,)
        """
        return np.where(self.decision_function(X) < 0.0, -1, 1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self._finite() == "allow-nan"
        return tags


def _quantile(scores: np.ndarray, weight: np.ndarray | None, share: float) -> float:
    """The lowest score up to which rows of this share of the weight lie; where that is this share
    exactly, the middle between it and the next one, so that they lie below."""
    order = np.argsort(scores, kind="stable")
    if weight is not None:
        order = order[weight[order] > 0.0]
    ends = np.cumsum(np.ones(len(scores)) if weight is None else weight[order])
    wanted = share * ends[-1]
    at = int(np.searchsorted(ends, wanted))
    sorted_scores = scores[order]
    if ends[at] <= wanted * (1.0 + _ROUNDING):
        return float(0.5 * (sorted_scores[at] + sorted_scores[at + 1]))
    return float(sorted_scores[at])
