"""Mixtures of Poisson distributions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .._families.linear import LinearFamily
from .._families.poisson import MISSING, Poisson, Rates
from .._families.prior import WeightPrior
from .._fitted.gaps import read_with_gaps
from .._input.parameters import Checks
from .._input.refusals import brief
from .._input.tables import Features, Read
from .._rows.blocks import Rows
from ..constraints import Allowed, Expectation, Proportions
from ..priors import GammaPrior
from .answers import refuse_empty_columns
from .errors import errors_of
from .fit import plain_rows
from .kind import Known, Problem, in_own_units
from .mixture import FamilyMixture
from .parameters import prior_of_kind


def read_counts(
    estimator: Any, X: ArrayLike, features: Features | None = None, **requirements: Any
) -> np.ndarray:
    """Rows of numbers that are not negative, or NaN."""
    X = read_with_gaps(estimator, X, features, **requirements)
    if X.min() >= 0.0:
        return X
    wrong = np.argwhere(X < 0.0)
    if wrong.size:
        row, column = wrong[0]
        raise ValueError(
            f"Negative values in data passed to PoissonMixture: {brief(X[row, column].item())} "
            f"in row {row}, column {column} of X; counts are not negative"
        )
    return X


def encoded(X: np.ndarray) -> np.ndarray:
    """A number in place of NaN."""
    return np.where(np.isnan(X), MISSING, X)


def poisson_family(
    prior: GammaPrior | None, rows: Rows, n_components: int, has_gaps: bool = True
) -> tuple[LinearFamily, WeightPrior]:
    """With a prior for these rows, and that of the weights."""
    components = Poisson(rows.d, has_gaps)
    if prior is None:
        return LinearFamily(components), WeightPrior()
    unseen, weights = prior._of_rows(rows, components, n_components)
    return LinearFamily(components, prior=unseen), weights


def described(params: Rates) -> dict[str, Any]:
    return {"rates_": params.rates}


class Counting:
    """See ``kind.Kind``."""

    checks: ClassVar[Checks] = {"prior": prior_of_kind(GammaPrior)}
    rests_on: ClassVar[tuple[str, ...]] = ()
    n_more: ClassVar[int] = 0
    read: ClassVar[Read] = staticmethod(read_counts)

    def problem(
        self, values: SimpleNamespace, X: np.ndarray, weight: np.ndarray | None, mapper: Any
    ) -> Problem:
        has_gaps = bool(np.isnan(X.min()))
        if has_gaps:
            refuse_empty_columns(X if weight is None else X[weight > 0.0], "counts")
        rows = plain_rows(encoded(X) if has_gaps else X, weight, mapper)
        family, weight_prior = poisson_family(values.prior, rows, values.n_components, has_gaps)
        return Problem(rows, family.over(rows), described, weight_prior)

    def known(self, estimator: PoissonMixture) -> Known:
        rates = np.asarray(estimator.rates_, dtype=np.float64)
        params = Rates(np.asarray(estimator.weights_), rates)
        d = rates.shape[1]
        return Known(LinearFamily(Poisson(d, True)), params, *in_own_units(d), encoded)

    def resumed(self, estimator: PoissonMixture, problem: Problem) -> Rates:
        return self.known(estimator).params


class PoissonMixture(FamilyMixture):
    """Mixture of Poisson distributions, for counts; fitted by maximum likelihood with EM.

    Features are independent given the component:
    p(x) = sum_k w_k prod_j exp(-l_kj) l_kj^x_j / x_j!. NaN is a missing count, which is left out of
    the product (missing at random).

    Parameters
    ----------
    n_components : int, default=1
        Number of components K.

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

        - 'auto': partitions of the distinct rows by k-means on square roots, from k-means++ seeds.
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

    prior : GammaPrior, default=None
        Prior distribution of weights and rates (:class:`emix.priors.GammaPrior`). The result is
        then the maximum a posteriori.

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
        The objective at the result, per sample: ``score(X)`` of the training rows, plus the
        log-prior per sample if there is a ``prior``, less a divergence if there are
        ``constraints``; at a temperature T other than 1 with T log sum_k (w_k p_k(x))^(1 / T) in
        place of log p(x).

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
    is l_kj = sum_i q_ik x_ij / sum_i q_ik, over the rows that have x_ij.

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
        temperature: float | Sequence[float] = 1.0,
        prior: GammaPrior | None = None,
        constraints: Sequence[Allowed | Proportions | Expectation] = (),
        acceleration: bool = True,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
    ) -> None:
        self.n_components = n_components
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.frozen = frozen
        self.temperature = temperature
        self.prior = prior
        self.constraints = constraints
        self.acceleration = acceleration
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    _kind = Counting()

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
        errors = errors_of(self, poisson_family, X, sample_weight)
        return {"weights_": errors[:, -1], "rates_": errors[:, : self.rates_.shape[1]]}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.input_tags.allow_nan = True
        return tags
