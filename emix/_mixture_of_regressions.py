"""Mixtures of linear regressions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ._families.densities import Densities
from ._families.linear import LinearFamily
from ._families.regression import Lines, Regressions
from ._family_fit import FAMILY, Problem, fit_family, is_large, plain_rows, standard_rows
from ._family_mixture import total
from ._parameters import Checks, checked
from ._publication import publish
from ._refusals import refuse_masked
from ._rows.blocks import Rows
from ._tables import FLOATS, Features
from ._threads import thread_budget
from ._validation import (
    check_flag,
    check_sample_weight,
    check_seed,
    refuse_unreadable,
)
from .constraints import Allowed, Expectation, Proportions

_CHECKS: Checks = {**FAMILY, "fit_intercept": check_flag}


class MixtureOfRegressions(RegressorMixin, BaseEstimator):
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
        The fit has converged when what EM would still gain in mean log-likelihood per sample is
        estimated to be at most ``tol``. With 0 the fit makes ``max_iter`` passes.

    max_iter : int, default=10000
        Largest number of passes over the data after the first.

    n_init : int, default=10
        Number of starts. They are compared after a short climb, and only those that can still
        win go on; the best result is kept.

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

    temperature : float, default=1.0
        T in the objective mean max_q <q, log_joint> + T H(q), H the entropy of the
        responsibilities q. 1 is maximum likelihood, 0 assigns every row to one component
        (classification EM).

    constraints : tuple of Allowed, Proportions or Expectation, default=()
        Constraints on responsibilities; see :mod:`emix.constraints`.

    acceleration : bool, default=True
        Extrapolate EM by quasi-Newton steps on the statistics (Jamshidian & Jennrich 1997); such a
        step is kept only if it does not lower the objective. False is plain EM.

    random_state : int, RandomState instance or None, default=None
        Source of randomness of starts and of :meth:`sample`.

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
        The objective at the result, per sample: ``score(X)`` of the training rows, for
        temperature 1 without constraints.

    lower_bounds_ : list of float
        The objective after each of these passes; it never falls.

    remaining_gain_ : float
        Estimate of what more passes would add to ``lower_bound_``.

    history_ : structured ndarray of shape (n_iter_ + 1,)
        One row per pass over the data: ``free_energy``, ``objective``, ``log_likelihood``,
        ``log_prior``, ``entropy``, ``gap``, ``remaining``, ``extrapolated``, ``accepted``,
        ``temperature``.

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
        temperature: float = 1.0,
        constraints: Sequence[Allowed | Proportions | Expectation] = (),
        acceleration: bool = True,
        random_state: int | np.random.RandomState | None = None,
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
        values, features = checked(self, _CHECKS), Features()
        X, y = self._checked(X, y, features)
        weight = check_sample_weight(sample_weight, X.shape[0])
        has_intercept = values.fit_intercept
        with thread_budget(is_large(X, values.n_components, X.shape[1] ** 2)) as mapper:
            rows = standard_rows(np.column_stack([X, y]), weight, mapper, False)
            if not has_intercept:
                rows = rows.in_units(np.zeros(rows.d), np.hypot(rows.scale, rows.shift))
            family: LinearFamily[Any] = LinearFamily(Regressions.over(rows, has_intercept))
            problem = Problem(rows, family, -math.log(rows.scale[-1]), {})
            params, attributes = fit_family(values, problem, X, labels)
        names = {"feature_names_in_": None, **vars(features)}
        publish(self, {**names, **attributes, **_in_data_units(params, rows)})
        return self

    def _checked(
        self, X: ArrayLike, y: ArrayLike, features: Features | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows to fit where there are features to tell of, or to evaluate."""
        refuse_unreadable(X)
        refuse_masked("y", y)
        if y is None:
            raise ValueError(
                "MixtureOfRegressions requires y to be passed, but the target y is None"
            )
        options: dict[str, Any] = {"dtype": FLOATS, "y_numeric": True}
        if features is not None:
            options |= {"reset": True, "ensure_min_samples": 2, "estimator": self}
        found: Any = validate_data(features or self, X, y, **{"reset": False, **options})
        return found[0], found[1]

    def _lines(self, X: ArrayLike) -> np.ndarray:
        """The regressions at rows of X, (n, K)."""
        check_is_fitted(self)
        refuse_unreadable(X)
        found: Any = validate_data(self, X, reset=False, dtype=FLOATS)
        return found @ np.asarray(self.coef_).T + self.intercept_

    def _asked(self, X: ArrayLike, y: ArrayLike) -> tuple[Densities, Rows]:
        check_is_fitted(self)
        X, y = self._checked(X, y)
        coefficients = np.asarray(self.coef_, dtype=np.float64)
        params = Lines(self.weights_, coefficients, self.intercept_, self.sigma_**2)
        family: LinearFamily[Any] = LinearFamily(Regressions(coefficients.shape[1]))
        return Densities(family, params), plain_rows(np.column_stack([X, y]), None)

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
        densities, rows = self._asked(X, y)
        return densities.labels(rows)

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
        densities, rows = self._asked(X, y)
        return densities.responsibilities(rows)

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
        densities, rows = self._asked(X, y)
        return densities.log_prob(rows)

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

    def _n_parameters(self) -> int:
        of_weights = 0 if self.frozen else len(self.weights_) - 1
        return of_weights + self.coef_.size + len(self.sigma_) * (1 + int(self.fit_intercept))

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
        densities, rows = self._asked(X, y)
        weight = check_sample_weight(sample_weight, rows.n)
        return -2.0 * total(densities.log_prob(rows), weight)[0] + 2.0 * self._n_parameters()

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
        densities, rows = self._asked(X, y)
        weight = check_sample_weight(sample_weight, rows.n)
        log_likelihood, n = total(densities.log_prob(rows), weight)
        return -2.0 * log_likelihood + self._n_parameters() * math.log(n)

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
        densities, rows = self._asked(X, y)
        weight = check_sample_weight(sample_weight, rows.n)
        completed, n = total(densities.largest_joint(rows), weight)
        return -2.0 * completed + self._n_parameters() * math.log(n)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = self.n_components != 1
        return tags


def _in_data_units(params: Lines, rows: Rows) -> dict[str, Any]:
    """The attributes."""
    unit = rows.scale[-1]
    coefficients = params.coefficients * (unit / rows.scale[:-1])
    intercepts = unit * params.intercepts + rows.shift[-1] - coefficients @ rows.shift[:-1]
    return {
        "coef_": coefficients,
        "intercept_": intercepts,
        "sigma_": unit * np.sqrt(params.variances),
    }
