"""The Gaussian mixture with hard assignments: classification EM, and K-means."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.metrics import euclidean_distances
from sklearn.metrics.pairwise import nan_euclidean_distances
from sklearn.utils.validation import check_is_fitted

from .._estimator.estimator import EMEstimator
from .._estimator.report import Report, of_empty, of_its_end, of_singular
from .._estimator.starting import given_values, is_warm, mixture_problem
from .._fit.fit import Fit
from .._fit.problem import Phase, Problem
from .._fitted.attributes import of_starts
from .._fitted.base import quiet
from .._fitted.fitted import Fitted, normal_mixture, parameters_of
from .._fitted.gaps import GapsMixin, check_columns, of_pairs, read_with_gaps
from .._fitted.scoring import Scorer
from .._input.parameters import COMMON, Checks, by, one_of, with_data
from .._input.structures import NAMED
from .._input.tables import Data
from .._input.validation import check_frozen
from .._mixture.missing import mixture_over
from .._rows.patterns import has_gaps

# Squares of larger float64 numbers may overflow when they are added up.
_FARTHEST = 1e150
# Numbers of a block of rows that stay in the second cache.
_INERTIA_NUMBERS = 64 * 1024


def clusters_of(problem: Problem, fit: Fit, data: Data, attributes: dict) -> dict[str, Any]:
    """Labels, the sum of squares, and the number of passes."""
    labels = allocation(problem, attributes).labels(data.X)
    squares = inertia(data.X, data.weight, attributes["means_"], labels)
    passes = assignments_of(problem, fit, data, attributes)
    return {"labels_": labels, "inertia_": squares, **passes}


def allocation(problem: Problem, attributes: dict) -> Scorer:
    """What labels rows."""
    names = ("weights_", "means_", "precisions_cholesky_")
    return Scorer(problem.structure, *(attributes[name] for name in names))


def assignments_of(problem: Problem, fit: Fit, data: Any, attributes: dict) -> dict[str, Any]:
    """Passes; the M-step that finds nothing to move is one, too, if there may be one more."""
    starts = of_starts(problem, fit, data, attributes)["starts_"]
    converged = [climbed.result.converged for climbed in fit.starts]
    starts["n_iter"] = np.minimum(starts["n_iter"] + converged, problem.max_iter)
    return {"n_iter_": int(starts["n_iter"][0]), "starts_": starts}


class HardGaussianMixture(
    GapsMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, EMEstimator
):
    """Clusters of normal shape, found by classification EM: every row is of one component.

    The E-step assigns every row wholly to its most probable component. The M-step fits each
    component to its rows [1]_. The objective is the classification likelihood, the mean of
    max_k log w_k N(x | k). It is the limit of EM at temperature zero, and a fit ends after
    finitely many passes.

    With ``covariance_type='tied_spherical'`` and ``frozen=('weights',)`` it is K-means: each row
    goes to the nearest mean. From equal starts it has the labels, centres, inertia and ``n_iter_``
    of ``sklearn.cluster.KMeans(algorithm='lloyd', tol=0)``. Free weights and covariances find
    clusters of unequal size and elongated shape.

    Parameters
    ----------
    n_components : int, default=2
        Number of components K.

    covariance_type : {'full', 'tied', 'diag', 'spherical', 'tied_diag', 'tied_spherical'} or \
str of three letters, default='full'
        Structure of the covariances: a general matrix, a diagonal one or a multiple of the
        identity; one for each component, or one for all ('tied' is the general one). Three
        letters say which of volume, shape and axes are equal (E) or vary (V), as in
        :class:`GaussianMixture` [2]_.

    tol : float, default=0.0
        The fit ends when the next M-step would gain at most this, in nats per row. With 0 it ends
        when no row changes its component any more.

    reg_covar : float, default=0.0
        Variance added to the diagonal of all covariances, in squared units of the data, as in
        :class:`GaussianMixture`. A component of few rows, whose covariance would be singular,
        needs it.

    max_iter : int, default=1000
        Largest number of passes over the data after the first. With 0, the start itself is the
        result.

    n_init : int, default=1
        Number of starts; the best result is kept. Several starts are compared after a short
        climb, and only those that can still win go on; ``starts_`` tells of all. If a start is
        given there is one, and a warning says so.

    init_params : {'kmeans', 'k-means++', 'random', 'random_from_data'}, array-like or \
callable, default='kmeans'
        How to start, as in :class:`GaussianMixture`.

    weights_init : array-like of shape (n_components,), default=None
        Initial weights. What is given is used as it is, and only the rest is computed.

    means_init : array-like of shape (n_components, n_features), default=None
        Initial means.

    precisions_init : array-like, default=None
        Initial precisions (inverses of covariances), in the shape of ``covariances_``.

    random_state : int, RandomState instance or None, default=None
        Source of randomness of starts and of :meth:`sample`.

    warm_start : bool, default=False
        Start from the previous solution, if there is one; ``n_init`` is then ignored.

    verbose : int, default=0
        1 prints starts and passes, 2 also times and gains.

    verbose_interval : int, default=10
        Passes between two prints.

    frozen : tuple of {'weights', 'means', 'covariances'}, default=()
        Parameters that the fit leaves at their start, as in :class:`GaussianMixture`; weights
        that are not given are equal.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Component of every training row; ``predict(X)``.

    weights_ : ndarray of shape (n_components,)
        Weights of the components: their shares of the rows, unless frozen.

    means_ : ndarray of shape (n_components, n_features)
        Means of the components.

    cluster_centers_ : ndarray of shape (n_components, n_features)
        The same as ``means_``.

    covariances_ : ndarray
        Covariances, in the shapes that :class:`GaussianMixture` has.

    precisions_ : ndarray
        Inverses of the covariances, in the same shape.

    precisions_cholesky_ : ndarray
        Upper triangular U with ``U @ U.T`` the precision; reciprocal standard deviations where
        the covariance is not a matrix.

    inertia_ : float
        Sum of squared Euclidean distances of the rows to the means of their components, over
        the features that they have, with the sample weights. Only K-means minimises it.

    n_iter_ : int
        Passes of the best climb, of an assignment and an M-step each. The last one of a
        converged fit finds that nothing moves: ``KMeans`` counts it too.

    converged_ : bool
        Whether ``tol`` was reached.

    stop_reason_ : str
        Why the best climb ended.

    lower_bound_ : float
        The objective at the parameters returned, the classification log-likelihood per
        sample; less than ``score(X)``, the mean log-density.

    lower_bounds_ : list of float
        The objective after each assignment but the first; it never falls, and ends in
        ``lower_bound_``.

    remaining_gain_ : float
        What the next M-step would add to ``lower_bound_``.

    history_ : structured ndarray
        One row per pass over the data, the first at the start, as in
        :class:`GaussianMixture`; its ``temperature`` and ``entropy`` are 0, and ``objective``
        and ``log_likelihood`` are the classification log-likelihood per sample.

    n_collapsed_ : int
        Starts that were passed over because a component was not sound: on too few rows, or
        too thin.

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
        - ``weights`` and ``means``: the parameters where it ended.

    singular_components_ : ndarray of bool of shape (n_components,)
        Whether a component is held at the least covariance in a direction in which the data
        vary: its rows are equal there, or too few.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during fit, if X has them and all are strings.

    See Also
    --------
    GaussianMixture : Soft assignments, maximum likelihood.
    sklearn.cluster.KMeans : Spherical clusters of equal size.

    Notes
    -----
    A component that loses all its rows gets the row of least value, and the fit goes on from
    there if the objective did not fall: with equal weights and one spherical covariance that is
    the row farthest from its mean, the convention of ``KMeans``, and it never falls. With free
    weights a further component can cost more than it gains; it then stays empty, with a weight
    of zero.

    A row that several components fit equally well, to 1e-9 in log-density, goes to the first of
    them, and the first in lexicographic order of equally bad rows is taken for an empty component:
    the result does not depend on the order of the rows.

    The classification likelihood has no bound if a component with a covariance of its own
    may sit on a single row, or on a few that span less than the space. A least covariance keeps
    it finite, and a ``ConvergenceWarning`` names the components that are held there if no start
    does better. Fewer components, a tied or simpler structure, or ``reg_covar`` avoid it.

    References
    ----------
    .. [1] G. Celeux, G. Govaert (1992). A classification EM algorithm for clustering and two
       stochastic versions. Computational Statistics & Data Analysis 14, 315-332.
    .. [2] G. Celeux, G. Govaert (1995). Gaussian parsimonious clustering models. Pattern
       Recognition 28, 781-793.

    Examples
    --------
    >>> from emix import HardGaussianMixture
    >>> from emix.datasets import load_faithful
    >>> X = load_faithful().data
    >>> clusters = HardGaussianMixture(2, random_state=0).fit(X)
    >>> order = clusters.means_[:, 0].argsort()
    >>> clusters.means_[order].round(2)
    array([[ 2.04, 54.49],
           [ 4.29, 79.99]])

    K-means:

    >>> kmeans = HardGaussianMixture(
    ...     2, covariance_type="tied_spherical", frozen=("weights",), random_state=0
    ... ).fit(X)
    >>> round(kmeans.inertia_, 2), bool((kmeans.labels_ == kmeans.predict(X)).all())
    (8901.77, True)
    """

    def __init__(
        self,
        n_components: int = 2,
        *,
        covariance_type: str = "full",
        tol: float = 0.0,
        reg_covar: float = 0.0,
        max_iter: int = 1000,
        n_init: int = 1,
        init_params: str | ArrayLike | Callable = "kmeans",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        frozen: tuple[str, ...] = (),
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.frozen = frozen

    _read = staticmethod(read_with_gaps)
    _checks: ClassVar[Checks] = {
        **COMMON,
        "covariance_type": one_of(NAMED),
        "frozen": by(check_frozen),
        "weights_init": with_data,
        "means_init": with_data,
        "precisions_init": with_data,
    }
    _report = Report(
        conclusion=clusters_of,
        remarks=(of_empty, of_singular, of_its_end, of_pairs),
        rests_on=("frozen",),
    )

    def _fitted(self) -> Fitted:
        return normal_mixture(parameters_of(self))

    def _problem(self, values: SimpleNamespace, data: Data) -> Problem:
        check_columns(data)
        warm = is_warm(self, values)
        return mixture_problem(
            values,
            data,
            given_values(self, values, data, warm),
            warm,
            model=partial(mixture_over, frozen=values.frozen),
            accelerate=False,  # F is not smooth, and the climb is finite
            phases=(Phase(temperature=0.0),),
        )

    @property
    def cluster_centers_(self) -> np.ndarray:
        check_is_fitted(self)
        return self.means_

    def fit_predict(
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> np.ndarray:
        """Fit the mixture and return the component of every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.

        y : Ignored
            Present for API consistency.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            ``labels_``.
        """
        return self.fit(X, sample_weight=sample_weight).labels_

    @quiet
    def transform(self, X: ArrayLike) -> np.ndarray:
        """Euclidean distances to the means.

        Where values are missing, squared distances over the features that a row has are scaled up
        to all of them, as by :func:`sklearn.metrics.pairwise.nan_euclidean_distances`; those of a
        row without values are 0.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        distances : ndarray of shape (n_samples, n_components)
            Distance of each row to the mean of each component.
        """
        check_is_fitted(self)
        X = self._validated(X)
        if has_gaps(X):
            distances = nan_euclidean_distances(X, self.means_)
            return np.nan_to_num(distances, nan=0.0, posinf=np.inf)
        # in a unit in which no square overflows
        unit = max(1.0, float(np.abs(X).max()) / _FARTHEST)
        if unit == 1.0:
            return euclidean_distances(X, self.means_)
        with np.errstate(over="ignore"):  # of a distance that no float64 holds, to infinity
            return unit * euclidean_distances(X / unit, self.means_ / unit)

    @property
    def _n_features_out(self):
        return self.means_.shape[0]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def inertia(X, weight, means, labels) -> float:
    """sum_i w_i |x_i - mean of its component|², block by block."""
    total, size = 0.0, max(1, _INERTIA_NUMBERS // X.shape[1])
    for start in range(0, len(X), size):
        block, own = X[start : start + size], labels[start : start + size]
        w = None
        if weight is not None:
            w = weight[start : start + size]
            used = w > 0.0  # the others may lie where squares overflow
            block, own, w = block[used], own[used], w[used]
        y = np.subtract(block, means.take(own, axis=0), dtype=np.float64)
        found = _squares(y, w)
        if math.isnan(found):  # over the features that the rows have
            y[np.isnan(y)] = 0.0
            found = _squares(y, w)
        total += found
    return total


def _squares(y, weight) -> float:
    """sum_i w_i |y_i|². Not as a scalar product of BLAS, whose threads would wait in a loop for
    more work afterwards, and take the processors from those of the next pass."""
    if weight is None:
        return float(np.einsum("ij,ij->", y, y))
    return float(np.einsum("i,i->", np.vecdot(y, y), weight))
