"""Latent classes: mixtures of independent categorical features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from .._families.categorical import Categorical, Classes
from .._families.linear import LinearFamily
from .._fitted.gaps import read_with_gaps
from .._input.parameters import Checks
from .._input.tables import Read
from ..constraints import Allowed, Expectation, Proportions
from ..priors import DirichletPrior
from .answers import categories_of, check_categories, levels, values_of, with_prior
from .errors import errors_of
from .fit import plain_rows
from .kind import Known, Problem, in_own_units
from .mixture import FamilyMixture
from .parameters import prior_of_kind


def described(params: Classes, categories: list[np.ndarray]) -> dict[str, Any]:
    ends = np.cumsum([len(values) for values in categories])
    parts = np.split(params.probabilities, ends[:-1], axis=1)
    return {"categories_": categories, "probabilities_": parts}


class Answers:
    """See ``kind.Kind``."""

    checks: ClassVar[Checks] = {
        "prior": prior_of_kind(DirichletPrior),
        "categories": check_categories,
    }
    rests_on: ClassVar[tuple[str, ...]] = ()
    n_more: ClassVar[int] = 0
    read: ClassVar[Read] = staticmethod(read_with_gaps)

    def problem(
        self, values: SimpleNamespace, X: np.ndarray, weight: np.ndarray | None, mapper: Any
    ) -> Problem:
        categories = categories_of(X if weight is None else X[weight > 0.0], values.categories)
        rows = plain_rows(levels(X, categories), weight, mapper)
        counts = tuple(len(each) for each in categories)
        family, weight_prior = with_prior(values.prior, rows, values.n_components, counts)
        return Problem(rows, family, partial(described, categories=categories), weight_prior)

    def known(self, estimator: CategoricalMixture) -> Known:
        parts = [np.asarray(part, dtype=np.float64) for part in estimator.probabilities_]
        params = Classes(np.asarray(estimator.weights_), np.concatenate(parts, axis=1))
        family: LinearFamily[Any] = LinearFamily(
            Categorical(tuple(part.shape[1] for part in parts))
        )
        categories = estimator.categories_
        encoded = partial(levels, categories=categories)
        decoded = partial(values_of, categories=categories)
        return Known(family, params, *in_own_units(len(parts)), encoded, decoded)

    def resumed(self, estimator: CategoricalMixture, problem: Problem) -> Classes | None:
        """None where other categories were found."""
        params = self.known(estimator).params
        found = problem.described(params)["categories_"]
        pairs = zip(estimator.categories_, found, strict=True)
        if not all(np.array_equal(one, other) for one, other in pairs):
            return None
        return params


class CategoricalMixture(FamilyMixture):
    """Latent class analysis: mixture of independent categorical features, fitted with EM.

    Answers are independent given the class: p(x) = sum_k w_k prod_j p_kj(x_j). NaN is a missing
    answer, which is left out of the product (missing at random).

    Parameters
    ----------
    n_components : int, default=1
        Number of classes K.

    categories : 'auto' or list of array-like, default='auto'
        Values that each feature may take; 'auto' takes those in X.

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

        - 'auto': partitions of the distinct rows by k-means on indicators of the levels.
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

    prior : DirichletPrior, default=None
        Prior distribution of weights and probabilities (:class:`emix.priors.DirichletPrior`). The
        result is then the maximum a posteriori.

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
        Shares of the classes.

    categories_ : list of ndarray
        The values of each feature, in ascending order.

    probabilities_ : list of ndarray of shape (n_components, len(categories_[j]))
        Probabilities of the values of each feature; their rows add up to one.

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
    X holds numbers, of which each value is a category. Answers of any type become numbers by
    :class:`sklearn.preprocessing.OrdinalEncoder`. A value that the fit has not seen has probability
    zero, and tells nothing about the class: ``predict`` and ``predict_proba`` take it as missing.

    The classes are identified at most where there are fewer free parameters than cells in the table
    of all answers [1]_. At maxima with a probability of 0 or 1 the likelihood is often flat.

    References
    ----------
    .. [1] L. A. Goodman (1974). Exploratory latent structure analysis using both identifiable and
       unidentifiable models. Biometrika 61, 215-231.

    Examples
    --------
    >>> import numpy as np
    >>> from emix import CategoricalMixture
    >>> rng = np.random.RandomState(0)
    >>> group = rng.rand(600) < 0.4
    >>> X = np.where(rng.rand(600, 5) < 0.8, group[:, None] * 2, rng.randint(3, size=(600, 5)))
    >>> mixture = CategoricalMixture(2, random_state=0).fit(X)
    >>> np.sort(mixture.weights_).round(1)
    array([0.4, 0.6])
    >>> mixture.predict([[0, 0, np.nan, 0, 1], [2, 2, 2, np.nan, 2]]) == mixture.predict(
    ...     [[0] * 5, [2] * 5])
    array([ True,  True])
    """

    probabilities_: list[np.ndarray]
    categories_: list[np.ndarray]

    def __init__(
        self,
        n_components: int = 1,
        *,
        categories: str | Sequence[ArrayLike] = "auto",
        tol: float = 1e-10,
        max_iter: int = 10_000,
        n_init: int = 10,
        init_params: str | ArrayLike | Callable = "auto",
        weights_init: ArrayLike | None = None,
        frozen: tuple[str, ...] = (),
        temperature: float | Sequence[float] = 1.0,
        prior: DirichletPrior | None = None,
        constraints: Sequence[Allowed | Proportions | Expectation] = (),
        acceleration: bool = True,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
    ) -> None:
        self.n_components = n_components
        self.categories = categories
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

    _kind = Answers()

    def standard_errors(
        self, X: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> dict[str, Any]:
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
            'weights_' and 'probabilities_', in the shapes of the attributes. 0 where a
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
        check_is_fitted(self)
        counts = tuple(len(values) for values in self.categories_)
        errors = errors_of(self, partial(with_prior, counts=counts), X, sample_weight)
        ends = np.cumsum(counts)
        return {
            "weights_": errors[:, -1],
            "probabilities_": np.split(errors[:, :-1], ends[:-1], axis=1),
        }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = True
        return tags
