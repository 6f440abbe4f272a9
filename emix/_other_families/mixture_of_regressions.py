"""Mixtures of linear regressions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from .._estimator.callbacks import CallbackSupportMixin, with_callbacks
from .._fitted.base import quiet
from .._fitted.fitted import when_fitted
from .._input.parameters import checked
from .._input.tables import FLOATS, Data, Features
from .._input.validation import check_sample_weight, check_seed, refuse_unreadable
from ..constraints import Allowed, Expectation, Proportions
from .errors import errors_by_differences
from .evaluation import Evaluation
from .fit import fit_family
from .parameters import FAMILY
from .regression_kind import RegressionKind, read_pairs


class MixtureOfRegressions(CallbackSupportMixin, RegressorMixin, BaseEstimator):
    """Mixture of linear regressions (clusterwise regression), fitted by maximum likelihood with EM.

    Every row follows one of K lines, and which is hidden [1]_:
    p(y | x) = sum_k w_k N(y | intercept_k + x . coef_k, sigma_k^2).

    Parameters
    ----------
    n_components : int, default=2
        Number of regressions K.

    fit_intercept : bool, default=True
        Whether the regressions have intercepts.

    tol : float, default=1e-10
        The fit ends when little is left to gain: when an estimate of all that EM would still
        add to the log-likelihood per row is at most ``tol``. With 0 the fit makes ``max_iter``
        passes.

    max_iter : int, default=10000
        Largest number of passes over the data after the first.

    n_init : int, default=10
        Number of starts; the best result is kept. They are compared after a short climb, and
        only those that can still win go on; ``starts_`` tells of all.

    init_params : 'auto', array-like or callable, default='auto'
        How to start:

        - 'auto': nearest of lines through a few rows each, and of those that are fitted to them.
        - array of shape (n_samples,): integer labels, or of shape (n_samples, n_components):
          responsibilities.
        - callable: ``init_params(X, n_components, random_state)`` returns such an array.

    weights_init : array-like of shape (n_components,), default=None
        Initial weights of the components.

    frozen : () or ('weights',), default=()
        ('weights',) leaves the weights at ``weights_init``, or at equal ones.

    temperature : float or sequence of float, default=1.0
        Temperature T of the fit. Its objective is the mean of <q, log_joint> + T H(q), with H
        the entropy of the responsibilities q. 1 is maximum likelihood. More than 1 smooths the
        objective. 0 assigns every row to one component (classification EM).

        A sequence that decreases to 1 anneals: the fit climbs at each temperature from where the
        last climb ended. Before each climb it is moved a little towards clusters drawn at random,
        as equal components could not part otherwise. ``tol`` holds for each climb, ``max_iter``
        for all together.

    constraints : tuple of Allowed, Proportions or Expectation, default=()
        Constraints on responsibilities; see :mod:`emix.constraints`.

    acceleration : bool, default=True
        Extrapolate EM by quasi-Newton steps on the statistics (Jamshidian & Jennrich 1997); such a
        step is kept only if it does not lower the objective. False is plain EM.

    random_state : int, RandomState instance or None, default=None
        Source of randomness of starts and of :meth:`sample`.

    warm_start : bool, default=False
        Start from the previous solution, if there is one; ``n_init``, ``init_params`` and
        ``weights_init`` are then ignored.

    verbose : int, default=0
        1 prints climbs and passes, 2 also times and gains.

    verbose_interval : int, default=10
        Passes between two prints.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Shares of the regressions.

    coef_ : ndarray of shape (n_components, n_features)
        Coefficients.

    intercept_ : ndarray of shape (n_components,)
        Intercepts; 0 without.

    sigma_ : ndarray of shape (n_components,)
        Standard deviations of the errors.

    converged_ : bool
        Whether ``tol`` was reached.

    n_iter_ : int
        Passes of the best climb after its first, which evaluates the start.

    stop_reason_ : str
        Why it ended.

    lower_bound_ : float
        The objective at the result, per sample: the mean of ``log_density(X, y)`` of the training
        rows, less a divergence if there are ``constraints``; at a temperature T other than 1 with
        T log sum_k (w_k p_k(y | x))^(1 / T) in place of log p(y | x).

    lower_bounds_ : list of float
        The objective after each of these passes; at one temperature it never falls.

    remaining_gain_ : float
        Estimate of what more passes would add to ``lower_bound_``.

    history_ : structured ndarray of shape (n_iter_ + 1,)
        One row per pass over the data; the first of each temperature evaluates its start. The
        columns are those of :class:`GaussianMixture`: ``free_energy``, ``objective``,
        ``log_likelihood``, ``log_prior``, ``entropy``, ``gap``, ``remaining``, ``extrapolated``,
        ``accepted``, ``temperature``.

    n_collapsed_ : int
        Starts that led to a line through too few rows, or with hardly any errors.

    starts_ : structured ndarray of shape (n_starts,)
        What each start led to. The start of the result comes first, then the others by falling
        objective, and last those with a component that is not sound. The fields are

        - ``objective``: where the climb ended, in the units of ``lower_bound_``;
        - ``remaining``: the estimate of what it would still gain;
        - ``n_iter``: its passes after the first;
        - ``reason``: why it ended;
        - ``sound``: whether no component rests on too few rows or is too thin;
        - ``given_up``: whether it was ended early, as another start leads as high or higher, or
          as a component is not sound;
        - ``weights``: the weights where it ended.

    singular_components_ : ndarray of int
        Regressions with errors at the least that they may have.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has any that are strings.

    See Also
    --------
    GaussianMixtureRegressor : A mixture of normals of x and y; the shares depend on x.

    Notes
    -----
    The M-step is weighted least squares, and sigma_k^2 the weighted mean square of the residuals:
    maximum likelihood. (flexmix [2]_ divides by n_k - p, so that its fits are not at the maximum.)
    The likelihood has no bound where a line goes through a few rows: errors are held at a
    thousandth of those about one regression, and maxima with lines through few rows do not win.

    References
    ----------
    .. [1] W. S. DeSarbo, W. L. Cron (1988). A maximum likelihood methodology for clusterwise linear
       regression. J. of Classification 5, 249-282.
    .. [2] B. Gruen, F. Leisch (2008). FlexMix version 2. J. of Statistical Software 28 (4).

    Examples
    --------
    >>> import numpy as np
    >>> from emix import MixtureOfRegressions
    >>> rng = np.random.RandomState(0)
    >>> X = rng.uniform(0, 10, size=(200, 1))
    >>> up = rng.rand(200) < 0.5
    >>> y = np.where(up, 2 * X[:, 0], 15 - X[:, 0]) + rng.normal(scale=0.5, size=200)
    >>> lines = MixtureOfRegressions(2, random_state=0).fit(X, y)
    >>> np.sort(lines.coef_[:, 0]).round(1)
    array([-1.,  2.])
    >>> lines.predict_components([[0.0]]).round().shape
    (1, 2)
    >>> bool((lines.assign(X, y) == lines.assign(X, y)[up.argmax()])[up].mean() > 0.9)
    True
    """

    weights_: np.ndarray
    coef_: np.ndarray
    intercept_: np.ndarray
    sigma_: np.ndarray
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

    def __init__(
        self,
        n_components: int = 2,
        *,
        fit_intercept: bool = True,
        tol: float = 1e-10,
        max_iter: int = 10_000,
        n_init: int = 10,
        init_params: str | ArrayLike | Callable = "auto",
        weights_init: ArrayLike | None = None,
        frozen: tuple[str, ...] = (),
        temperature: float | Sequence[float] = 1.0,
        constraints: Sequence[Allowed | Proportions | Expectation] = (),
        acceleration: bool = True,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
    ) -> None:
        self.n_components = n_components
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.frozen = frozen
        self.temperature = temperature
        self.constraints = constraints
        self.acceleration = acceleration
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    _kind = RegressionKind()

    @with_callbacks
    @quiet
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        labels: ArrayLike | None = None,
    ) -> Self:
        """Fit the regressions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Explanatory variables.

        y : array-like of shape (n_samples,)
            What is explained.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, not negative; an integer weight is the same as repeating the
            row. None for equal weights.

        labels : array-like of int of shape (n_samples,), default=None
            Regressions of rows where they are known, and -1 elsewhere.

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
            If ``max_iter`` was too small for ``tol``, or a regression has no rows or no errors.
        """
        values, features = checked(self, {**FAMILY, **self._kind.checks}), Features()
        Z = read_pairs(self, X, y, features)
        weight = check_sample_weight(sample_weight, len(Z))
        data = Data(Z, weight, features, labels)
        fit_family(self, self._kind, values, data, Z[:, :-1], sample_weight)
        return self

    def _lines(self, X: ArrayLike) -> np.ndarray:
        """The regressions at rows of X, (n, K)."""
        check_is_fitted(self)
        refuse_unreadable(X)
        found: Any = validate_data(self, X, reset=False, dtype=FLOATS)
        return found @ np.asarray(self.coef_).T + self.intercept_

    def _on(self, X: ArrayLike, y: ArrayLike) -> Evaluation:
        """The fitted regressions on rows to be checked."""
        check_is_fitted(self)
        frozen = when_fitted(self, "frozen", self.frozen)
        return Evaluation(self._kind.known(self), read_pairs(self, X, y), "weights" in frozen)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Mean of y given x: the regressions, averaged with their weights.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Explanatory variables.

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        return self._lines(X) @ self.weights_

    def predict_components(self, X: ArrayLike) -> np.ndarray:
        """Mean of y given x and the component.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Explanatory variables.

        Returns
        -------
        y : ndarray of shape (n_samples, n_components)
        """
        return self._lines(X)

    @quiet
    def assign(self, X: ArrayLike, y: ArrayLike) -> np.ndarray:
        """Most probable regression of every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Explanatory variables.

        y : array-like of shape (n_samples,)
            What is explained.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Component indices.
        """
        return self._on(X, y).labels()

    @quiet
    def responsibilities(self, X: ArrayLike, y: ArrayLike) -> np.ndarray:
        """Probability of every regression given the row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Explanatory variables.

        y : array-like of shape (n_samples,)
            What is explained.

        Returns
        -------
        resp : ndarray of shape (n_samples, n_components)
            Probabilities p(z = k | x, y); rows add up to one.
        """
        return self._on(X, y).responsibilities()

    @quiet
    def log_density(self, X: ArrayLike, y: ArrayLike) -> np.ndarray:
        """Log-density of y given x, for every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Explanatory variables.

        y : array-like of shape (n_samples,)
            What is explained.

        Returns
        -------
        log_prob : ndarray of shape (n_samples,)
            Natural logarithm of p(y | x).
        """
        return self._on(X, y).log_prob()

    def sample(
        self, X: ArrayLike, random_state: int | np.random.RandomState | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw y for rows of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Explanatory variables.

        random_state : int, RandomState instance or None, default=None
            Source of randomness of this call; None uses the estimator's ``random_state``.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Draws of y.

        labels : ndarray of shape (n_samples,)
            The regressions that they come from.
        """
        lines = self._lines(X)
        rng = check_seed(self.random_state if random_state is None else random_state)
        shares = self.weights_ / self.weights_.sum()
        labels = rng.choice(len(shares), size=len(lines), p=shares)
        errors = self.sigma_[labels] * rng.standard_normal(len(lines))
        return lines[np.arange(len(lines)), labels] + errors, labels

    @quiet
    def aic(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Akaike information criterion, -2 log L + 2 p; the lower the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Explanatory variables of the fit.

        y : array-like of shape (n_samples,)
            What is explained.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, those that the fit had.

        Returns
        -------
        aic : float
        """
        return self._on(X, y).aic(sample_weight)

    @quiet
    def bic(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Bayesian information criterion, -2 log L + p log n; the lower the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Explanatory variables of the fit.

        y : array-like of shape (n_samples,)
            What is explained.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, those that the fit had. n is their sum.

        Returns
        -------
        bic : float
        """
        return self._on(X, y).bic(sample_weight)

    @quiet
    def icl(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Integrated completed likelihood, -2 log L_c + p log n; the lower the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Explanatory variables of the fit.

        y : array-like of shape (n_samples,)
            What is explained.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, those that the fit had. n is their sum.

        Returns
        -------
        icl : float
            At least ``bic(X, y, sample_weight)``.
        """
        return self._on(X, y).icl(sample_weight)

    @quiet
    def standard_errors(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> dict[str, np.ndarray]:
        """Standard errors of the parameters, from the observed information.

        The information is found by differences of the score [1]_, in four passes over the rows for
        each free parameter.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Explanatory variables of the fit.

        y : array-like of shape (n_samples,)
            What is explained.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, those that the fit had: how often each was seen.

        Returns
        -------
        errors : dict
            'weights_', 'coef_', 'intercept_' and 'sigma_', in the shapes of the attributes.
            0 where a parameter is frozen or left out: it is taken as known.

        Raises
        ------
        ValueError
            If the parameters are not identified by the rows, or variances are held at the least
            that they may have.

        References
        ----------
        .. [1] M. Jamshidian, R. I. Jennrich (2000). Standard errors for EM estimation. J. Royal
           Statistical Society B 62, 257-270.
        """
        check_is_fitted(self)
        return errors_by_differences(self, read_pairs(self, X, y), sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = self.n_components != 1
        return tags
