"""Mixtures of normals and a uniform background."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .._families.background import Box, Params, WithBackground, smallest_box
from .._families.normal import Extent, Normals
from .._fitted.fitted import structure_when_fitted
from .._input.parameters import Checks, one_of
from .._input.structures import NAMED
from .._input.tables import Read, read_floats
from .._normal.covariances import Structure
from .._rows.blocks import Rows
from ..constraints import Allowed, Expectation, Proportions
from ..priors import ConjugatePrior
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


def box_around(X: np.ndarray, weight: np.ndarray | None, least: np.ndarray) -> Box:
    """Around the rows that have weight, with sides for these standard deviations at least."""
    used = slice(None) if weight is None else weight > 0.0
    counts = None if weight is None else weight[used]
    return smallest_box(np.asarray(X[used], dtype=np.float64), least, counts)


def described(params: Params, structure: Structure, rows: Rows, box: Box) -> dict[str, Any]:
    means, covariances = in_data_units(structure, params.others, rows)
    with np.errstate(over="ignore", under="ignore"):  # of many features in a large or small unit
        volume = float(np.exp(box.log_volume))
    return {
        "means_": means,
        "covariances_": covariances,
        "noise_volume_": volume,
        "noise_axes_": box.axes,
        "noise_bounds_": np.array([box.low, box.high]),
    }


class Noisy:
    """See ``kind.Kind``."""

    checks: ClassVar[Checks] = {"covariance_type": one_of(NAMED), "prior": check_normal_prior}
    rests_on: ClassVar[tuple[str, ...]] = ("covariance_type",)
    n_more: ClassVar[int] = 1
    read: ClassVar[Read] = staticmethod(read_floats)

    def problem(
        self, values: SimpleNamespace, X: np.ndarray, weight: np.ndarray | None, mapper: Any
    ) -> Problem:
        structure = NAMED[values.covariance_type]
        rows = standard_rows(X, weight, mapper, structure.one_unit)
        extent = Extent(structure, rows)
        box = box_around(X, weight, extent.least_deviations * rows.scale)
        log_unit = -float(np.log(rows.scale).sum())
        prior = components_prior(values.prior, extent, values.n_components)
        normals = Normals(structure, extent, prior)
        family: WithBackground[Any, Any] = WithBackground(normals, -log_unit - box.log_volume)
        published = partial(described, structure=structure, rows=rows, box=box)
        of_weights = weight_prior(values.prior, rows, values.n_components + 1)
        return Problem(rows, family, published, of_weights, log_unit)

    def known(self, estimator: GaussianMixtureWithNoise) -> Known:
        shift, scale = own_units(estimator, estimator.covariances_)
        box = Box(np.asarray(estimator.noise_axes_), *np.asarray(estimator.noise_bounds_))
        family: WithBackground[Any, Any] = WithBackground(
            Normals(structure_when_fitted(estimator)),
            float(np.log(scale).sum()) - box.log_volume,
            lambda count, rng: (box.draw(count, rng) - shift) / scale,
        )
        params = self._params(estimator, shift, scale)
        return Known(family, params, shift, scale, has_noise=True)

    def resumed(self, estimator: GaussianMixtureWithNoise, problem: Problem) -> Params:
        return self._params(estimator, problem.rows.shift, problem.rows.scale)

    def _params(
        self, estimator: GaussianMixtureWithNoise, shift: np.ndarray, scale: np.ndarray
    ) -> Params:
        weights = np.asarray(estimator.weights_)
        others = in_units(estimator, weights[:-1], estimator.covariances_, shift, scale)
        return Params(weights, others)


class GaussianMixtureWithNoise(FamilyMixture):
    """Mixture of normals and uniform noise, for clusters among rows that belong to none.

    p(x) = sum_k w_k N(x | k) + w_noise / V, V the volume of a box around all rows [1]_: along the
    features or along the principal axes, the smaller of the two. ``predict`` gives -1 for noise.

    Parameters
    ----------
    n_components : int, default=1
        Number of normal components K.

    covariance_type : {'full', 'tied', 'diag', 'spherical', 'tied_diag', 'tied_spherical'} or \
str of three letters, default='full'
        Structure of the covariances, as in :class:`GaussianMixture`: a general matrix, a diagonal
        one or a multiple of the identity, one for each component or one for all; or three letters
        for what components share of volume, shape and axes.

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

        - 'auto': rows far from their neighbours are noise, and k-means finds clusters among others.
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
        Prior distribution of weights, that of the noise among them, means and covariances
        (:class:`emix.priors.ConjugatePrior`). The result is then the maximum a posteriori;
        'fraley-raftery' is a prior with default values.

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
    weights_ : ndarray of shape (n_components + 1,)
        Weights of the components; the last one is that of the noise.

    means_ : ndarray of shape (n_components, n_features)
        Means of the normal components.

    covariances_ : ndarray
        Their covariances, in the shape of those of :class:`GaussianMixture`.

    noise_volume_ : float
        Volume V of the box, in the units of the data.

    noise_axes_ : ndarray of shape (n_features, n_features)
        Axes of the box, as columns.

    noise_bounds_ : ndarray of shape (2, n_features)
        Least and greatest value of the rows along the axes.

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
    StudentMixture : Outliers in heavy tails.

    Notes
    -----
    ``predict_proba`` has one more column than there are normal components, the last of noise. In
    ``init_params`` the number ``n_components`` stands for noise. Rows outside of the box have the
    density of the noise, too. V is found from the rows and counts as a parameter in ``aic``,
    ``bic`` and ``icl``, as in mclust [2]_.

    This is an estimator of its own: noise has no mean, no covariance and no conditional
    distribution, so that much of what :class:`GaussianMixture` answers has no meaning with it.

    References
    ----------
    .. [1] J. D. Banfield, A. E. Raftery (1993). Model-based Gaussian and non-Gaussian clustering.
       Biometrics 49, 803-821.
    .. [2] C. Fraley, A. E. Raftery (2002). Model-based clustering, discriminant analysis, and
       density estimation. J. of the American Statistical Association 97, 611-631.

    Examples
    --------
    >>> import numpy as np
    >>> from emix import GaussianMixtureWithNoise
    >>> rng = np.random.RandomState(0)
    >>> cluster, noise = rng.normal(size=(200, 2)), rng.uniform(-20, 20, size=(50, 2))
    >>> mixture = GaussianMixtureWithNoise(random_state=0).fit(np.concatenate([cluster, noise]))
    >>> round(float(mixture.weights_[-1]), 1)
    0.2
    >>> mixture.predict([[0.0, 0.0], [15.0, -10.0]])
    array([ 0, -1])
    """

    means_: np.ndarray
    covariances_: np.ndarray
    noise_volume_: float
    noise_axes_: np.ndarray
    noise_bounds_: np.ndarray

    def __init__(
        self,
        n_components: int = 1,
        *,
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

    _kind = Noisy()
