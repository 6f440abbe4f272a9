"""Mixtures of multivariate t distributions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from .._families.normal import Extent
from .._families.student import Students
from .._families.student_kernel import Params
from .._families.tails import LEAST, MOST, Common, Each, Fixed
from .._fitted.base import quiet
from .._fitted.fitted import structure_when_fitted, when_fitted
from .._input.parameters import Checks, one_of
from .._input.refusals import brief
from .._input.structures import NAMED
from .._input.tables import Read, read_floats
from .._input.validation import check_option, check_positive
from .._normal.covariances import Structure
from .._rows.blocks import Rows
from ..constraints import Allowed, Expectation, Proportions
from ..priors import ConjugatePrior
from .errors import errors_by_differences
from .fit import standard_rows
from .kind import Known, Problem
from .mixture import FamilyMixture
from .normal import (
    check_normal_prior,
    components_prior,
    in_data_units,
    in_units,
    own_units,
    weight_prior,
)

_TAILS: dict[str, Common | Each] = {"common": Common(), "each": Each()}


def check_tails(name: str, value: Any) -> Common | Each | Fixed:
    if isinstance(value, str):
        return _TAILS[check_option(name, value, _TAILS)]
    if value == np.inf:
        return Fixed(np.inf)
    given = check_positive(name, value)
    if not LEAST <= given <= MOST:
        raise ValueError(
            f"{name} must be between {LEAST:g} and {MOST:g}, or infinite, got {brief(value)}"
        )
    return Fixed(given)


def described(params: Params, structure: Structure, rows: Rows) -> dict[str, Any]:
    means, matrices = in_data_units(structure, params.normal, rows)
    return {
        "means_": means,
        "scale_matrices_": matrices,
        "degrees_of_freedom_": params.dof,
    }


class Tailed:
    """See ``kind.Kind``."""

    checks: ClassVar[Checks] = {
        "covariance_type": one_of(NAMED),
        "degrees_of_freedom": check_tails,
        "prior": check_normal_prior,
    }
    rests_on: ClassVar[tuple[str, ...]] = ("covariance_type", "degrees_of_freedom")
    n_more: ClassVar[int] = 0
    read: ClassVar[Read] = staticmethod(read_floats)

    def problem(
        self, values: SimpleNamespace, X: np.ndarray, weight: np.ndarray | None, mapper: Any
    ) -> Problem:
        structure, n_components = NAMED[values.covariance_type], values.n_components
        rows = standard_rows(X, weight, mapper, structure.one_unit)
        extent = Extent(structure, rows)
        prior = components_prior(values.prior, extent, n_components)
        family = Students(structure, values.degrees_of_freedom, extent, prior)
        published = partial(described, structure=structure, rows=rows)
        of_weights = weight_prior(values.prior, rows, n_components)
        return Problem(rows, family, published, of_weights, -float(np.log(rows.scale).sum()))

    def known(self, estimator: StudentMixture) -> Known:
        units, name = own_units(estimator, estimator.scale_matrices_), "degrees_of_freedom"
        tails = check_tails(name, when_fitted(estimator, name, estimator.degrees_of_freedom))
        family = Students(structure_when_fitted(estimator), tails)
        return Known(family, self._params(estimator, *units), *units)

    def resumed(self, estimator: StudentMixture, problem: Problem) -> Params:
        return self._params(estimator, problem.rows.shift, problem.rows.scale)

    def _params(self, estimator: StudentMixture, shift: np.ndarray, scale: np.ndarray) -> Params:
        parts = estimator.weights_, estimator.scale_matrices_, shift, scale
        return Params(*in_units(estimator, *parts), np.asarray(estimator.degrees_of_freedom_))


class StudentMixture(FamilyMixture):
    """Mixture of multivariate t distributions, for clusters with outliers; fitted with EM.

    Heavy tails give rows far from every component little weight in means and covariances, so that
    these follow the bulk of the rows [1]_.

    Parameters
    ----------
    n_components : int, default=1
        Number of components K.

    degrees_of_freedom : 'common', 'each' or float, default='common'
        Estimated, one for all components or one for each, or a given positive number. The smaller,
        the heavier the tails; infinity is the normal distribution, which estimates may become, too.

    covariance_type : {'full', 'tied', 'diag', 'spherical', 'tied_diag', 'tied_spherical'} or \
str of three letters, default='full'
        Structure of the scale matrices, as in :class:`GaussianMixture`: a general matrix, a
        diagonal one or a multiple of the identity, one for each component or one for all; or three
        letters for what components share of volume, shape and axes.

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

        - 'auto': partitions of the distinct rows by k-means, in units that outliers do not move.
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

    prior : {'fraley-raftery'} or ConjugatePrior, default=None
        Prior distribution of weights, means and scale matrices, which
        :class:`emix.priors.ConjugatePrior` calls covariances. The result is then the maximum a
        posteriori; 'fraley-raftery' is a prior with default values.

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

    means_ : ndarray of shape (n_components, n_features)
        Centres of the components; their means, for more than one degree of freedom.

    scale_matrices_ : ndarray
        Scale matrices, in the shape of ``covariances_`` of :class:`GaussianMixture`. With nu > 2
        degrees of freedom the covariance is nu / (nu - 2) times as large.

    degrees_of_freedom_ : ndarray of shape (n_components,)
        Degrees of freedom; infinite where a component is normal.

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
        Starts that led to components on too few rows, or with hardly any variance.

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
        Components with a variance at the least that one may have.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has any that are strings.

    See Also
    --------
    GaussianMixture : Its components have light tails.

    Notes
    -----
    The E-step gives every row and component the weight E u = (nu + d) / (nu + delta), d the number
    of features and delta the squared Mahalanobis distance. The M-step is

    mu = sum q u x / sum q u,  Sigma = sum q u (x - mu)(x - mu)' / sum q,

    and nu solves log(nu / 2) - psi(nu / 2) + 1 + mean(E log u - E u) = 0 [1]_. With 'each' the
    estimates often are infinite. As in normal mixtures the likelihood has no bound: scale
    matrices are held at a least one that moves with the data.

    References
    ----------
    .. [1] D. Peel, G. J. McLachlan (2000). Robust mixture modelling using the t distribution.
       Statistics and Computing 10, 339-348.

    Examples
    --------
    >>> import numpy as np
    >>> from emix import GaussianMixture, StudentMixture
    >>> rng = np.random.RandomState(0)
    >>> X = np.concatenate([rng.normal(size=(100, 2)), rng.normal(size=(100, 2)) + 6, [[90, -90]]])
    >>> robust = StudentMixture(2, random_state=0).fit(X)
    >>> np.sort(robust.means_[:, 0]).round(1) + 0.0
    array([0. , 5.9])
    >>> normal = GaussianMixture(2, random_state=0).fit(X)
    >>> robust.scale_matrices_.max() < 1.5 < 50.0 < normal.covariances_.max()
    np.True_
    """

    means_: np.ndarray
    scale_matrices_: np.ndarray
    degrees_of_freedom_: np.ndarray

    def __init__(
        self,
        n_components: int = 1,
        *,
        degrees_of_freedom: str | float = "common",
        covariance_type: str = "full",
        tol: float = 1e-10,
        max_iter: int = 10_000,
        n_init: int = 10,
        init_params: str | ArrayLike | Callable = "auto",
        weights_init: ArrayLike | None = None,
        frozen: tuple[str, ...] = (),
        temperature: float | Sequence[float] = 1.0,
        prior: str | ConjugatePrior | None = None,
        constraints: Sequence[Allowed | Proportions | Expectation] = (),
        acceleration: bool = True,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
    ) -> None:
        self.n_components = n_components
        self.degrees_of_freedom = degrees_of_freedom
        self.covariance_type = covariance_type
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

    _kind = Tailed()

    @quiet
    def standard_errors(
        self, X: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> dict[str, np.ndarray]:
        """Standard errors of the parameters, from the observed information.

        The information is found by differences of the score [1]_, in four passes over the rows for
        each free parameter.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that the model was fitted to.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, those that the fit had: how often each was seen.

        Returns
        -------
        errors : dict
            'weights_', 'means_', 'scale_matrices_' and 'degrees_of_freedom_', in the shapes of the
            attributes.
            0 where a parameter is frozen, given or infinite: it is taken as known.

        Raises
        ------
        ValueError
            If the parameters are not identified by the rows, variances are held at the least that
            they may have, or components share volume, shape or axes alone.

        References
        ----------
        .. [1] M. Jamshidian, R. I. Jennrich (2000). Standard errors for EM estimation. J. Royal
           Statistical Society B 62, 257-270.
        """
        check_is_fitted(self)
        return errors_by_differences(self, self._kind.read(self, X), sample_weight)
