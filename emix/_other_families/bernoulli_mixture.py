"""Mixtures of independent features that are 0 or 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .._families.categorical import Categorical, Classes
from .._families.linear import LinearFamily
from .._families.prior import WeightPrior
from .._fitted.fitted import when_fitted
from .._fitted.gaps import read_with_gaps
from .._input.parameters import Checks, optional
from .._input.tables import Read
from .._input.validation import check_finite
from .._rows.blocks import Rows
from ..constraints import Allowed, Expectation, Proportions
from ..priors import DirichletPrior
from .answers import bits, with_prior
from .errors import errors_of
from .fit import plain_rows
from .kind import Known, Problem, in_own_units
from .mixture import FamilyMixture
from .parameters import prior_of_kind


def bits_family(
    prior: DirichletPrior | None, rows: Rows, n_components: int
) -> tuple[LinearFamily, WeightPrior]:
    """With a prior for these rows, and that of the weights."""
    return with_prior(prior, rows, n_components, (2,) * rows.d)


def described(params: Classes) -> dict[str, Any]:
    return {"probabilities_": params.probabilities[:, 1::2].copy()}


class Bits:
    """See ``kind.Kind``."""

    checks: ClassVar[Checks] = {
        "prior": prior_of_kind(DirichletPrior),
        "binarize": optional(check_finite),
    }
    rests_on: ClassVar[tuple[str, ...]] = ("binarize",)
    n_more: ClassVar[int] = 0
    read: ClassVar[Read] = staticmethod(read_with_gaps)

    def problem(
        self, values: SimpleNamespace, X: np.ndarray, weight: np.ndarray | None, mapper: Any
    ) -> Problem:
        rows = plain_rows(bits(X, values.binarize), weight, mapper)
        family, weight_prior = bits_family(values.prior, rows, values.n_components)
        return Problem(rows, family, described, weight_prior)

    def known(self, estimator: BernoulliMixture) -> Known:
        ones = np.asarray(estimator.probabilities_, dtype=np.float64)
        both = np.stack([1.0 - ones, ones], axis=2).reshape(len(ones), -1)
        params, d = Classes(np.asarray(estimator.weights_), both), ones.shape[1]
        threshold = when_fitted(estimator, "binarize", estimator.binarize)
        encoded = partial(bits, threshold=threshold)
        return Known(LinearFamily(Categorical((2,) * d)), params, *in_own_units(d), encoded)

    def resumed(self, estimator: BernoulliMixture, problem: Problem) -> Classes:
        return self.known(estimator).params


class BernoulliMixture(FamilyMixture):
    """Mixture of independent features that are 0 or 1, fitted by maximum likelihood with EM.

    p(x) = sum_k w_k prod_j p_kj^x_j (1 - p_kj)^(1 - x_j). NaN is a missing value, which is left out
    of the product (missing at random).

    Parameters
    ----------
    n_components : int, default=1
        Number of components K.

    binarize : float or None, default=0.0
        Values above this threshold are 1 and others are 0, as in
        :class:`sklearn.naive_bayes.BernoulliNB`. With None X must hold 0, 1 and NaN alone.

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

        - 'auto': partitions of the distinct rows by k-means, from k-means++ seeds.
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
        Weights of the components.

    probabilities_ : ndarray of shape (n_components, n_features)
        Probabilities of a 1.

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
    CategoricalMixture : For features of more than two levels.

    References
    ----------
    .. [1] C. M. Bishop (2006). Pattern Recognition and Machine Learning, section 9.3.3. Springer.

    Examples
    --------
    >>> import numpy as np
    >>> from emix import BernoulliMixture
    >>> rng = np.random.RandomState(0)
    >>> X = rng.rand(500, 6) < np.where(rng.rand(500, 1) < 0.3, 0.9, 0.2)
    >>> mixture = BernoulliMixture(2, random_state=0).fit(X)
    >>> np.sort(mixture.weights_).round(1)
    array([0.3, 0.7])
    >>> bool((mixture.probabilities_[mixture.weights_.argmin()] > 0.7).all())
    True
    """

    probabilities_: np.ndarray

    def __init__(
        self,
        n_components: int = 1,
        *,
        binarize: float | None = 0.0,
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
        self.binarize = binarize
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

    _kind = Bits()

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
        errors = errors_of(self, bits_family, X, sample_weight)
        return {"weights_": errors[:, -1], "probabilities_": errors[:, 1:-1:2]}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
