"""Mixtures of Poisson distributions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._families.linear import LinearFamily
from ._families.poisson import Poisson, Rates
from ._family_fit import Problem, plain_rows
from ._family_mixture import FamilyMixture
from ._refusals import brief
from ._tables import Features, read_floats
from .constraints import Allowed, Expectation, Proportions


def read_counts(
    estimator: Any, X: ArrayLike, features: Features | None = None, **requirements: Any
) -> np.ndarray:
    """Rows of numbers that are not negative."""
    X = read_floats(estimator, X, features, **requirements)
    if X.min() < 0.0:
        row, column = np.unravel_index(int(X.argmin()), X.shape)
        raise ValueError(
            f"Negative values in data passed to PoissonMixture: {brief(X[row, column].item())} "
            f"in row {row}, column {column} of X; counts are not negative"
        )
    return X


class PoissonMixture(FamilyMixture):
    """Mixture of Poisson distributions, for counts; fitted by maximum likelihood with EM.

    Features are independent given the component:
    p(x) = sum_k w_k prod_j exp(-l_kj) l_kj^x_j / x_j!.

    Parameters
    ----------
    n_components : int, default=1
        Number of components K.

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

        - 'auto': partitions of the distinct rows by k-means on square roots, from k-means++ seeds.
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
        Weights of the components.

    rates_ : ndarray of shape (n_components, n_features)
        Means of the counts; 0 where a component has none.

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
        0: nothing collapses in this family.

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
        None: no component of this family is.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has any that are strings.

    See Also
    --------
    BernoulliMixture : For features that are 0 or 1.

    Notes
    -----
    Values need not be integers, but they must not be negative; x! is then Gamma(x + 1). The M-step
    is l_kj = sum_i q_ik x_ij / sum_i q_ik.

    References
    ----------
    .. [1] V. Hasselblad (1969). Estimation of finite mixtures of distributions from the exponential
       family. J. of the American Statistical Association 64, 1459-1471.

    Examples
    --------
    Death notices of women of 80 years and more in The Times, per day, 1910 to 1912 [1]_.

    >>> import numpy as np
    >>> from emix import PoissonMixture
    >>> deaths = np.arange(10)[:, None]
    >>> days = [162, 267, 271, 185, 111, 61, 27, 8, 3, 1]
    >>> mixture = PoissonMixture(2, random_state=0).fit(deaths, sample_weight=days)
    >>> order = mixture.rates_[:, 0].argsort()
    >>> mixture.weights_[order].round(4), mixture.rates_[order, 0].round(4)
    (array([0.3599, 0.6401]), array([1.2561, 2.6634]))
    >>> print(f"{sum(days) * mixture.score(deaths, sample_weight=days):.6f}")
    -1989.945860
    """

    rates_: np.ndarray

    def __init__(
        self,
        n_components: int = 1,
        *,
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

    _read = staticmethod(read_counts)

    def _problem(self, X: np.ndarray, weight: np.ndarray | None, mapper: Any) -> Problem:
        rows = plain_rows(X, weight, mapper)
        return Problem(rows, LinearFamily(Poisson(X.shape[1])).over(rows), 0.0, {})

    def _described(self, params: Rates, problem: Problem) -> dict[str, Any]:
        return {"rates_": params.rates}

    def _fitted(self) -> tuple[LinearFamily, Rates]:
        rates = np.asarray(self.rates_, dtype=np.float64)
        return LinearFamily(Poisson(rates.shape[1])), Rates(np.asarray(self.weights_), rates)

    def standard_errors(
        self, X: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> dict[str, np.ndarray]:
        """Standard errors of the parameters, from the observed information.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that the model was fitted to.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, those that the fit had: how often each was seen.

        Returns
        -------
        errors : dict
            'weights_' and 'rates_', in the shapes of the attributes. 0 where a
            parameter is at the edge of what is possible, or frozen: it is taken as known.

        Raises
        ------
        ValueError
            If the parameters are not identified by the rows.

        References
        ----------
        T. A. Louis (1982). Finding the observed information matrix when using the EM algorithm.
        J. Royal Statistical Society B 44, 226-233.
        """
        errors = self._errors(X, sample_weight)
        return {"weights_": errors[:, -1], "rates_": errors[:, :-1]}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags
