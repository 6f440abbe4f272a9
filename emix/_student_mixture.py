"""Mixtures of multivariate t distributions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._families.normal import Space
from ._families.student import Students
from ._families.student_kernel import Params
from ._families.tails import LEAST, MOST, Common, Each, Fixed
from ._family_fit import Problem, standard_rows
from ._family_mixture import FamilyMixture
from ._refusals import brief
from ._rows.blocks import Rows
from ._structures import STRUCTURES
from ._validation import check_option, check_positive
from .constraints import Allowed, Expectation, Proportions

_TAILS: dict[str, Common | Each] = {"common": Common(), "each": Each()}


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

    covariance_type : {'full', 'tied', 'diag', 'spherical', 'tied_diag', 'tied_spherical'}, \
default='full'
        Structure of the scale matrices, as in :class:`GaussianMixture`.

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

        - 'auto': partitions of the distinct rows by k-means, in units that outliers do not move.
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
    singular_components_: np.ndarray

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
        temperature: float = 1.0,
        constraints: Sequence[Allowed | Proportions | Expectation] = (),
        acceleration: bool = True,
        random_state: int | np.random.RandomState | None = None,
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
        self.constraints = constraints
        self.acceleration = acceleration
        self.random_state = random_state

    def _structure(self):
        return STRUCTURES[check_option("covariance_type", self.covariance_type, STRUCTURES)]

    def _tails(self) -> Common | Each | Fixed:
        value = self.degrees_of_freedom
        if isinstance(value, str):
            return _TAILS[check_option("degrees_of_freedom", value, _TAILS)]
        if value == np.inf:
            return Fixed(np.inf)
        given = check_positive("degrees_of_freedom", value)
        if not LEAST <= given <= MOST:
            raise ValueError(
                f"degrees_of_freedom must be between {LEAST:g} and {MOST:g}, or infinite, got "
                f"{brief(value)}"
            )
        return Fixed(given)

    def _problem(self, X: np.ndarray, weight: np.ndarray | None, mapper: Any) -> Problem:
        structure, tails = self._structure(), self._tails()
        rows = standard_rows(X, weight, mapper, structure.one_unit)
        family = Students(structure, tails, Space(structure, rows))
        return Problem(rows, family, -float(np.log(rows.scale).sum()), {})

    def _described(self, params: Params, problem: Problem) -> dict[str, Any]:
        rows, form = problem.rows, self._structure().form
        with np.errstate(over="ignore", under="ignore"):
            matrices, _ = form.rescale(params.covariances, params.factors, rows.scale)
        if not (np.isfinite(matrices).all() and form.variances(matrices, rows.d).min() > 0.0):
            raise ValueError(
                "The variances of X are outside the range of floating-point numbers; scale X, for "
                "instance with sklearn.preprocessing.StandardScaler"
            )
        return {
            "means_": rows.shift + rows.scale * params.means,
            "scale_matrices_": matrices,
            "degrees_of_freedom_": params.dof,
        }

    def _units(self) -> tuple[np.ndarray, np.ndarray]:
        """Standard units of the mixture: its centre, and a scale for every feature."""
        structure, weights, means = self._structure(), self.weights_, np.asarray(self.means_)
        shift, d = weights @ means, means.shape[1]
        variances = np.sqrt(structure.form.variances(np.asarray(self.scale_matrices_), d))
        largest = np.atleast_2d(variances).max(axis=0) + np.abs(means - shift).max(axis=0)
        return shift, np.full(d, largest.max()) if structure.one_unit else largest

    def _fitted(self) -> tuple[Students, Params]:
        structure, (shift, scale) = self._structure(), self._units()
        matrices = np.asarray(self.scale_matrices_, dtype=np.float64)
        factors = structure.form.factorise(matrices, 0.0)[1]
        matrices, factors = structure.form.rescale(matrices, factors, 1.0 / scale)
        dof, means = np.asarray(self.degrees_of_freedom_), (self.means_ - shift) / scale
        held = np.zeros(structure.sharing.leading(len(dof)), dtype=int)
        params = Params(np.asarray(self.weights_), means, matrices, factors, held, dof)
        return Students(structure, self._tails()), params

    def _log_unit(self) -> float:
        return -float(np.log(self._units()[1]).sum())

    def _rows(self, X: np.ndarray) -> Rows:
        return Rows(X, None, *self._units())

    def _in_data_units(self, z: np.ndarray) -> np.ndarray:
        shift, scale = self._units()
        return shift + scale * z
