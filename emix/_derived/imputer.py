"""A transformer that fills in missing values."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.impute import MissingIndicator
from sklearn.utils.validation import check_is_fitted

from .._fitted.gaps import unmasked
from .._gaussian.gaussian_mixture import GaussianMixture
from .._input.parameters import Checks, checked
from .._input.refusals import brief
from .._input.tables import FLOATS
from .._input.validation import check_flag, check_rows
from ..priors import ConjugatePrior
from .supervised import checks_of

# Parameters of GaussianMixture that are handed on as they are.
_HANDED_ON = (
    "n_components",
    "covariance_type",
    "reg_covar",
    "prior",
    "tol",
    "max_iter",
    "n_init",
    "random_state",
)


def _check_number(name: str, value: Any) -> float:
    """A number or NaN."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number or NaN, got {brief(value)}")
    return float(value)


class GaussianMixtureImputer(TransformerMixin, BaseEstimator):
    """Fills in missing values by what a mixture of normals expects of them.

    ``fit`` finds the mixture by maximum likelihood from all rows, those with missing values
    included (:class:`GaussianMixture`), and ``transform`` fills in the conditional means given
    what a row has, or draws from the conditional distribution. Values have to be missing at
    random: whether one is may depend on values that are seen, but not on itself.

    It has the habits of :class:`sklearn.impute.IterativeImputer`, and unlike it a model of all
    features at once, one that need not be linear, and no order of features or rounds.

    Parameters
    ----------
    n_components : int, default=1
        Number of components of the mixture. With one, the rows are taken as draws from one normal
        distribution, and regressions are linear.

    covariance_type : {'full', 'tied', 'diag', 'spherical', 'tied_diag', 'tied_spherical'}, \
default='full'
        Structure of the covariances, as in :class:`GaussianMixture`. With diagonal ones, features
        tell of each other by the component alone.

    missing_values : float, default=np.nan
        What stands for a missing value.

    sample_posterior : bool, default=False
        Whether missing values are drawn from their distribution given what a row has, as
        multiple imputation needs, rather than set to its mean. The parameters are those of the
        fit in all draws.

    keep_empty_features : bool, default=False
        Whether features without any value at ``fit`` are kept, and filled with zeros, rather than
        left out.

    add_indicator : bool, default=False
        Whether columns are appended that tell what was missing, for features that had missing
        values at ``fit`` (:class:`sklearn.impute.MissingIndicator`).

    reg_covar : float, default=0.0
        Variance added to the diagonal of all covariances, as in :class:`GaussianMixture`.

    prior : {'fraley-raftery'} or ConjugatePrior, default=None
        Prior distribution of the parameters (:class:`emix.priors.ConjugatePrior`), for few rows.

    tol : float, default=1e-7
        Mean log-likelihood per row that may be left to gain.

    max_iter : int, default=1000
        Largest number of passes over the data after the first.

    n_init : int, default=1
        Number of starts; the best result is kept.

    random_state : int, RandomState instance or None, default=None
        Source of randomness of starts and draws. With a number, ``transform`` draws the same
        each time.

    Attributes
    ----------
    mixture_ : GaussianMixture
        The mixture of the features that have values; None if there are none.

    indicator_ : sklearn.impute.MissingIndicator
        What adds the indicators; None without ``add_indicator``.

    n_iter_ : int
        Passes of the fit after the first.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during fit, if X has them and all are strings.

    See Also
    --------
    GaussianMixture.impute : The same with a mixture that is fitted already.
    sklearn.impute.IterativeImputer : A regression for each feature in turn.
    sklearn.impute.KNNImputer : Means over similar rows.

    References
    ----------
    .. [1] Z. Ghahramani, M. I. Jordan (1994). Supervised learning from incomplete data via an EM
       approach. Advances in Neural Information Processing Systems 6, 120-127.
    .. [2] R. J. A. Little, D. B. Rubin (2002). Statistical Analysis with Missing Data, 2nd ed.
       Wiley. Chapter 11.

    Examples
    --------
    >>> import numpy as np
    >>> from emix import GaussianMixtureImputer
    >>> from emix.datasets import load_faithful
    >>> X = load_faithful().data
    >>> X[::3, 1] = np.nan
    >>> imputer = GaussianMixtureImputer(2, random_state=0).fit(X)
    >>> imputer.transform([[2.0, np.nan], [4.5, np.nan]]).round(0)
    array([[ 2., 55.],
           [ 4., 81.]])
    """

    mixture_: GaussianMixture | None
    indicator_: MissingIndicator | None

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        missing_values: float = np.nan,
        sample_posterior: bool = False,
        keep_empty_features: bool = False,
        add_indicator: bool = False,
        reg_covar: float = 0.0,
        prior: str | ConjugatePrior | None = None,
        tol: float = 1e-7,
        max_iter: int = 1000,
        n_init: int = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.missing_values = missing_values
        self.sample_posterior = sample_posterior
        self.keep_empty_features = keep_empty_features
        self.add_indicator = add_indicator
        self.reg_covar = reg_covar
        self.prior = prior
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.random_state = random_state

    _checks: ClassVar[Checks] = {
        **checks_of(_HANDED_ON),
        "missing_values": _check_number,
        "sample_posterior": check_flag,
        "keep_empty_features": check_flag,
        "add_indicator": check_flag,
    }

    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the mixture to the rows of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, at least two.

        y : Ignored
            Present for API consistency.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; None for equal ones.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data are unusable.
        """
        checked(self, self._checks)
        reader = clone(self)  # takes what validation writes until the fit has succeeded
        rows = reader._rows(X, reset=True, ensure_min_samples=2)
        used = ~np.isnan(rows).all(axis=0)
        mixture = None
        if used.any():
            parameters = {name: getattr(self, name) for name in _HANDED_ON}
            mixture = GaussianMixture(**parameters).fit(rows[:, used], sample_weight=sample_weight)
        indicator = None
        if self.add_indicator:
            indicator = MissingIndicator(error_on_new=False).fit(rows)
        self._used, self.mixture_, self.indicator_ = used, mixture, indicator
        self.n_iter_ = 0 if mixture is None else mixture.n_iter_
        self.n_features_in_ = reader.n_features_in_
        if hasattr(reader, "feature_names_in_"):
            self.feature_names_in_ = reader.feature_names_in_
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Fill in what is missing.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        filled : ndarray of shape (n_samples, n_features_out)
            The features that had values at ``fit`` (all with ``keep_empty_features``), with
            nothing missing, and then the indicators if there are any. float32 if X is.
        """
        check_is_fitted(self)
        X = self._rows(X)
        filled = np.zeros_like(X)
        if self.mixture_ is not None:
            filled[:, self._used] = self._imputed(self.mixture_, X[:, self._used])
        parts = [filled if self.keep_empty_features else filled[:, self._used]]
        if self.indicator_ is not None:
            parts.append(self.indicator_.transform(X).astype(X.dtype))
        return np.hstack(parts)

    def _imputed(self, mixture: GaussianMixture, X: np.ndarray) -> np.ndarray:
        if self.sample_posterior:
            return mixture.impute(X, n_draws=1, random_state=self.random_state)[0]
        return mixture.impute(X)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Names of the columns that ``transform`` returns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features of X; None for those seen in ``fit``, or x0, x1, ...

        Returns
        -------
        names : ndarray of str
        """
        check_is_fitted(self)
        names = _input_names(self, input_features)
        kept = names if self.keep_empty_features else names[self._used]
        if self.indicator_ is None:
            return kept
        return np.concatenate([kept, self.indicator_.get_feature_names_out(names)])

    def _rows(self, X: ArrayLike, **requirements: Any) -> np.ndarray:
        """X with NaN for what is missing."""
        value = _check_number("missing_values", self.missing_values)
        finite = "allow-nan" if math.isnan(value) else True
        options = {"dtype": FLOATS, "ensure_all_finite": finite, **requirements}
        X = check_rows(self, unmasked(X), **{"reset": False, **options})
        return X if math.isnan(value) else np.where(value == X, np.nan, X).astype(X.dtype)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = math.isnan(self.missing_values)
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _input_names(transformer: GaussianMixtureImputer, given: ArrayLike | None) -> np.ndarray:
    """Names of the features, which have to be those of the fit."""
    known, count = getattr(transformer, "feature_names_in_", None), transformer.n_features_in_
    if given is None:
        names = [f"x{j}" for j in range(count)] if known is None else known
        return np.asarray(names, dtype=object)
    names = np.asarray(given, dtype=object)
    if known is not None and not np.array_equal(known, names):
        raise ValueError("input_features is not equal to feature_names_in_")
    if len(names) != count:
        raise ValueError(
            f"input_features should have length equal to number of features ({count}), got "
            f"{len(names)}"
        )
    return names
