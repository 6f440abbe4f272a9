"""Mixtures of normals and a uniform background."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._families.background import Box, Params, WithBackground, smallest_box
from ._families.normal import Normals, Space
from ._family_fit import Problem, standard_rows
from ._family_mixture import FamilyMixture
from ._normal.gaussian import Params as NormalParams
from ._rows.blocks import Rows
from ._structures import STRUCTURES
from ._validation import check_option
from .constraints import Allowed, Expectation, Proportions


class GaussianMixtureWithNoise(FamilyMixture):
    """Mixture of normals and uniform noise, for clusters among rows that belong to none.

    p(x) = sum_k w_k N(x | k) + w_noise / V, V the volume of a box around all rows [1]_: along the
    features or along the principal axes, the smaller of the two. ``predict`` gives -1 for noise.

    Parameters
    ----------
    n_components : int, default=1
        Number of normal components K.

    covariance_type : {'full', 'tied', 'diag', 'spherical', 'tied_diag', 'tied_spherical'}, \
default='full'
        Structure of the covariances, as in :class:`GaussianMixture`.

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

        - 'auto': rows far from their neighbours are noise, and k-means finds clusters among others.
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
    StudentMixture : Outliers in heavy tails.

    Notes
    -----
    ``predict_proba`` has one more column than there are normal components, the last of noise. In
    ``init_params`` the number ``n_components`` stands for noise. Rows outside of the box have the
    density of the noise, too. V is no free parameter in ``aic``, ``bic`` and ``icl``.

    References
    ----------
    .. [1] J. D. Banfield, A. E. Raftery (1993). Model-based Gaussian and non-Gaussian clustering.
       Biometrics 49, 803-821.

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
    _n_more = 1

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
        temperature: float = 1.0,
        constraints: Sequence[Allowed | Proportions | Expectation] = (),
        acceleration: bool = True,
        random_state: int | np.random.RandomState | None = None,
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
        self.constraints = constraints
        self.acceleration = acceleration
        self.random_state = random_state

    def _structure(self):
        return STRUCTURES[check_option("covariance_type", self.covariance_type, STRUCTURES)]

    def _problem(self, X: np.ndarray, weight: np.ndarray | None, mapper: Any) -> Problem:
        structure = self._structure()
        rows = standard_rows(X, weight, mapper, structure.one_unit)
        used = slice(None) if weight is None else weight > 0.0
        space = Space(structure, rows)
        held = space.least_deviations * rows.scale
        counts = None if weight is None else weight[used]
        box = smallest_box(np.asarray(X[used], dtype=np.float64), held, counts)
        log_unit = -float(np.log(rows.scale).sum())
        normals = Normals(structure, space)
        family: WithBackground[Any, Any] = WithBackground(normals, -log_unit - box.log_volume)
        attributes = {
            "noise_volume_": float(np.exp(box.log_volume)),
            "noise_axes_": box.axes,
            "noise_bounds_": np.array([box.low, box.high]),
        }
        return Problem(rows, family, log_unit, attributes)

    def _described(self, params: Params, problem: Problem) -> dict[str, Any]:
        rows, others, form = problem.rows, params.others, self._structure().form
        covariances, _ = form.rescale(others.covariances, others.factors, rows.scale)
        if not np.isfinite(covariances).all():
            raise ValueError(
                "The variances of X are outside the range of floating-point numbers; scale X, for "
                "instance with sklearn.preprocessing.StandardScaler"
            )
        means = rows.shift + rows.scale * others.means
        return {"means_": means, "covariances_": covariances}

    def _units(self) -> tuple[np.ndarray, np.ndarray]:
        """Standard units of the mixture: its centre, and a scale for every feature."""
        structure, means = self._structure(), np.asarray(self.means_)
        shift, d = means.mean(axis=0), means.shape[1]
        deviations = np.sqrt(structure.form.variances(np.asarray(self.covariances_), d))
        largest = np.atleast_2d(deviations).max(axis=0) + np.abs(means - shift).max(axis=0)
        return shift, np.full(d, largest.max()) if structure.one_unit else largest

    def _fitted(self) -> tuple[WithBackground, Params]:
        structure, (shift, scale) = self._structure(), self._units()
        covariances = np.asarray(self.covariances_, dtype=np.float64)
        factors = structure.form.factorise(covariances, 0.0)[1]
        covariances, factors = structure.form.rescale(covariances, factors, 1.0 / scale)
        means, weights = (self.means_ - shift) / scale, np.asarray(self.weights_)
        held = np.zeros(structure.sharing.leading(len(means)), dtype=int)
        others = NormalParams(weights[:-1], means, covariances, factors, held)
        box = Box(np.asarray(self.noise_axes_), *np.asarray(self.noise_bounds_))
        family: WithBackground[Any, Any] = WithBackground(
            Normals(structure),
            float(np.log(scale).sum()) - box.log_volume,
            lambda count, rng: (box.draw(count, rng) - shift) / scale,
        )
        return family, Params(weights, others)

    def _log_unit(self) -> float:
        return -float(np.log(self._units()[1]).sum())

    def _rows(self, X: np.ndarray) -> Rows:
        return Rows(X, None, *self._units())

    def _in_data_units(self, z: np.ndarray) -> np.ndarray:
        shift, scale = self._units()
        return shift + scale * z

    def _numbered(self, labels: np.ndarray) -> np.ndarray:
        """-1 for noise."""
        return np.where(labels == len(self.weights_) - 1, -1, labels)
