"""Gaussian mixture regression."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import validate_data

from .._density.conditional import conditional
from .._fitted.conditional_mixtures import ConditionalMixtures
from .._gaussian.gaussian_mixture import GaussianMixture
from .._input.parameters import Checks, at_least, checked
from .._input.validation import check_flag, check_sample_weight
from ..priors import ConjugatePrior
from .supervised import HANDED_ON, MixtureFitting


class GaussianMixtureRegressor(MultiOutputMixin, RegressorMixin, MixtureFitting):
    """Regression by a mixture of normals of inputs and outputs together.

    The joint density of (x, y) is a :class:`GaussianMixture`; a prediction is the distribution
    of y given x, again a mixture of normals. It may be skewed or have several modes, and its
    width may depend on x: the regression is for problems where y is not a function of x plus
    noise, such as inverse problems. With one component it is linear regression.

    Parameters
    ----------
    n_components : int, default=1
        Number of components K.

    covariance_type : {'full', 'tied', 'diag', 'spherical', 'tied_diag', 'tied_spherical'}, \
default='full'
        Structure of the covariances of (x, y). Each component of 'full' has a regression line of
        its own, those of 'tied' are parallel, and those of the others are constants.

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
        How to start, on the rows (x, y).

    prior : {'fraley-raftery'} or ConjugatePrior, default=None
        Prior distribution of the parameters.

    random_state : int, RandomState instance or None, default=None
        Source of randomness of starts.

    Attributes
    ----------
    mixture_ : GaussianMixture
        The mixture of (x, y), inputs first.

    n_outputs_ : int
        Number of outputs q.

    n_iter_ : int
        Passes of the fit after the first.

    n_features_in_ : int
        Number of inputs seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of inputs seen during fit, if X has them and all are strings.

    See Also
    --------
    GaussianMixture.conditional : The formula of the prediction.
    sklearn.gaussian_process.GaussianProcessRegressor : One normal for each prediction.

    Notes
    -----
    Rows at prediction may have NaN: an unknown input is integrated out, as
    the joint density says how. NaN at fit is accepted if :class:`GaussianMixture` accepts it.

    References
    ----------
    .. [1] Z. Ghahramani, M. I. Jordan (1994). Supervised learning from incomplete data via an EM
       approach. Advances in Neural Information Processing Systems 6, 120-127.
    .. [2] H. G. Sung (2004). Gaussian mixture regression and classification. PhD thesis, Rice
       University.

    Examples
    --------
    >>> import numpy as np
    >>> from emix import GaussianMixtureRegressor
    >>> rng = np.random.RandomState(0)
    >>> y = rng.uniform(-1, 1, size=1000)
    >>> X = (y**2 + 0.01 * rng.normal(size=1000))[:, None]
    >>> regressor = GaussianMixtureRegressor(6, random_state=0).fit(X, y)
    >>> mean, std = regressor.predict([[0.25]], return_std=True)
    >>> bool(abs(mean[0]) < 0.1), std.round(1)
    (True, array([0.5]))
    >>> regressor.quantile([[0.25]], [0.25, 0.75]).round(1)
    array([[-0.5,  0.5]])
    """

    mixture_: GaussianMixture
    n_outputs_: int
    n_iter_: int
    n_features_in_: int
    feature_names_in_: np.ndarray

    def __init__(
        self,
        n_components: int = 1,
        *,
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
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.prior = prior
        self.random_state = random_state

    _checks: ClassVar[Checks] = {**HANDED_ON, "n_components": at_least(1)}

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the mixture to the rows (x, y).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Outputs.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, not negative; an integer weight is the same as repeating the
            row.

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
        checked(self, self._checks)
        rows, y = self._training(X, y, multi_output=True, y_numeric=True)
        y = np.asarray(y, dtype=np.float64)
        weight = check_sample_weight(sample_weight, len(rows))
        joint = np.column_stack([rows, y])
        mixture = self._mixture(self.n_components).fit(joint, sample_weight=weight)
        # names and number of features: only now, as a fit that fails changes nothing
        validate_data(self, X, skip_check_array=True)
        self.mixture_, self._one_output = mixture, y.ndim == 1
        self.n_iter_ = mixture.n_iter_
        self.n_outputs_ = joint.shape[1] - rows.shape[1]
        return self

    def predict_distribution(self, X: ArrayLike) -> ConditionalMixtures:
        """The distributions of y given each row of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs; NaN where one is not known.

        Returns
        -------
        distributions : ConditionalMixtures
            One mixture of normals of n_outputs features for each row.
        """
        rows = self._rows_to_predict(X, "allow-nan")
        given, wanted = np.split(np.arange(self.mixture_.n_features_in_), [rows.shape[1]])
        return ConditionalMixtures._of(conditional(self.mixture_._normals(), given, wanted, rows))

    def predict(self, X: ArrayLike, return_std: bool = False, return_cov: bool = False) -> Any:
        """Mean of y given X, and how far y spreads around it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs; NaN where one is not known.

        return_std : bool, default=False
            Whether to return standard deviations too.

        return_cov : bool, default=False
            Whether to return covariances of the outputs too. Unlike those of Gaussian
            processes they are of the outputs of one row: rows are independent.

        Returns
        -------
        y_mean : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Means.

        y_std : ndarray of the shape of y_mean
            Standard deviations of y, noise included. Only if ``return_std``.

        y_cov : ndarray of shape (n_samples, n_outputs, n_outputs)
            Covariances. Only if ``return_cov``.

        Raises
        ------
        ValueError
            If both are asked for.
        """
        std, cov = check_flag("return_std", return_std), check_flag("return_cov", return_cov)
        if std and cov:
            raise ValueError("At most one of return_std or return_cov can be requested.")
        found = self.predict_distribution(X)
        mean = self._shaped(found.mean)
        if std:
            return mean, self._shaped(np.sqrt(found.variance))
        return (mean, found.covariance) if cov else mean

    def _shaped(self, values: np.ndarray) -> np.ndarray:
        """Without the axis of outputs, the last one, if y had none."""
        return values[..., 0] if self._one_output else values

    def quantile(self, X: ArrayLike, q: float | ArrayLike) -> np.ndarray:
        """Quantiles of y given X, of every output by itself.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs; NaN where one is not known.

        q : float or array-like of shape (n_quantiles,)
            Probabilities, from 0 to 1.

        Returns
        -------
        values : ndarray of shape (n_samples[, n_quantiles][, n_outputs])
            Without the axis of quantiles if q is a number, and without that of outputs if y had
            none.
        """
        return self._shaped(self.predict_distribution(X).quantile(q))

    def logpdf(self, X: ArrayLike, y: ArrayLike) -> np.ndarray:
        """Log-density of y given X, log p(y | x); its mean is a score for whole distributions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs; NaN where one is not known.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Outputs.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
        """
        found = self.predict_distribution(X)
        y = np.asarray(y, dtype=np.float64)
        return found.logpdf(y[:, None] if y.ndim == 1 else y)

    def sample_y(
        self,
        X: ArrayLike,
        n_samples: int = 1,
        random_state: int | np.random.RandomState | None = 0,
    ) -> np.ndarray:
        """Draw from the distributions of y given X.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Inputs; NaN where one is not known.

        n_samples : int, default=1
            Draws for each row.

        random_state : int, RandomState instance or None, default=0
            Source of randomness.

        Returns
        -------
        y_samples : ndarray of shape (n_rows, n_samples) or (n_rows, n_outputs, n_samples)
            As of :class:`sklearn.gaussian_process.GaussianProcessRegressor`.
        """
        drawn = self.predict_distribution(X).sample(n_samples, random_state)
        return drawn[..., 0] if self._one_output else drawn.swapaxes(1, 2)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self._finite() == "allow-nan"
        return tags
