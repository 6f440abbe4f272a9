"""EM with one shared, falling variance: how it becomes K-means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scipy.special import entr
from sklearn.utils import check_array

from .._fitted.base import quiet
from .._input.tables import FLOATS
from .._input.validation import check_sample_weight, check_variances, refuse_unreadable
from .gaussian_mixture import GaussianMixture
from .hard_gaussian_mixture import HardGaussianMixture, inertia

_TABLE = np.dtype(
    [
        ("variance", "f8"),
        ("entropy", "f8"),
        ("agreement", "f8"),
        ("distance", "f8"),
        ("free_energy", "f8"),
        ("scaled_free_energy", "f8"),
        ("soft_inertia", "f8"),
        ("inertia", "f8"),
        ("n_iter", "i8"),
    ]
)
_KMEANS = {"covariance_type": "tied_spherical", "frozen": ("weights",)}
# Variances of the path by default, in units of the variance within the clusters of K-means.
_FALL = np.geomspace(1.0, 1e-8, 17)


@dataclass(frozen=True, eq=False)
class KMeansLimit:
    """What :func:`kmeans_limit` found, one row per variance.

    Parameters
    ----------
    table : structured ndarray of shape (n_variances,)
        One row per variance, in falling order; ``pandas.DataFrame(result.table)`` makes a
        frame of it. With s² the variance, n the sum of the sample weights, d features and K
        components, its columns are

        - ``variance``: s²;
        - ``entropy``: mean entropy of the responsibilities, in nats;
        - ``agreement``: share of the rows whose most probable component is their cluster in
          K-means, components matched to clusters one to one;
        - ``distance``: root of the mean squared distance of the means to the centres of
          K-means, matched one to one;
        - ``free_energy``: F, the log-likelihood of all rows;
        - ``scaled_free_energy``: 2 s² F;
        - ``soft_inertia``: ``-2 s² sum_i log sum_k exp(-|x_i - mean_k|² / (2 s²))``, which is
          ``-2 s² (F + n log K + (n d / 2) log(2 pi s²))``;
        - ``inertia``: sum of squared distances of the rows to the nearest mean, more than
          ``soft_inertia``; ``-scaled_free_energy`` and ``soft_inertia`` tend to it;
        - ``n_iter``: passes of EM.

    means : ndarray of shape (n_variances, n_components, n_features)
        Means at each variance.

    cluster_centers : ndarray of shape (n_components, n_features)
        Centres of K-means from the same start.

    labels : ndarray of shape (n_samples,)
        Its clusters.

    inertia : float
        Its sum of squared distances.

    Examples
    --------
    >>> import emix
    >>> X = [[0.0], [1.0], [9.0], [10.0]]
    >>> limit = emix.kmeans_limit(X, 2, random_state=0)
    >>> limit.inertia
    1.0
    >>> float(abs(limit.table["inertia"][-1] - limit.inertia)) < 1e-6
    True
    """

    table: np.ndarray
    means: np.ndarray
    cluster_centers: np.ndarray
    labels: np.ndarray
    inertia: float

    def __repr__(self) -> str:
        names = self.table.dtype.names
        lines = [names, *([f"{value:.6g}" for value in row] for row in self.table.tolist())]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = ["  ".join(map(str.rjust, line, widths)) for line in lines]
        return "\n".join([*text, f"inertia of K-means: {self.inertia:.10g}"])


@quiet
def kmeans_limit(
    X,
    n_components,
    *,
    variances=None,
    sample_weight=None,
    init_params="kmeans",
    means_init=None,
    tol=1e-7,
    max_iter=1000,
    random_state=None,
):
    """Follow soft EM along falling variances from one start to K-means.

    The mixture has equal weights and one spherical covariance s² I, both held fixed; EM moves
    the means alone. Each variance begins at the means of the last one. As s² falls to zero,
    responsibilities become one-hot, and 2 s² F tends to minus the inertia, the objective of
    K-means [1]_. Its terms n d s² log(2 pi s²) and 2 s² n log K vanish slowly; ``soft_inertia``
    is without them.

    The path starts where K-means starts, but EM at a larger variance sees less detail and may
    lead to other centres than those of K-means; the limit is then the inertia there (column
    ``inertia``). Means that fall together, because the variance is too large, stay together.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows.

    n_components : int
        Number of components, and of clusters.

    variances : array-like of shape (n_variances,), default=None
        Shared variances, falling. None takes 17 from the variance within the clusters of
        K-means to 1e-8 of it, at equal ratios.

    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows; None for equal ones.

    init_params : str, array-like or callable, default="kmeans"
        How to start, as in :class:`GaussianMixture`, if ``means_init`` is None.

    means_init : array-like of shape (n_components, n_features), default=None
        Means to start from.

    tol : float, default=1e-7
        Tolerance of the fit at each variance, as in :class:`GaussianMixture`.

    max_iter : int, default=1000
        Largest number of passes at each variance, and of K-means.

    random_state : int, RandomState instance or None, default=None
        Source of randomness of the start.

    Returns
    -------
    result : KMeansLimit
        A table with one row per variance, the means, and the result of K-means.

    Raises
    ------
    ValueError, TypeError
        If a parameter or the data are unusable.

    See Also
    --------
    emix.display.KMeansLimitDisplay : Draws the result.
    HardGaussianMixture : Assigns rows wholly, and is K-means for this structure.

    References
    ----------
    .. [1] C. M. Bishop (2006). Pattern Recognition and Machine Learning, section 9.3.2.

    Examples
    --------
    >>> from emix import kmeans_limit
    >>> from emix.datasets import load_faithful
    >>> X = load_faithful().data
    >>> result = kmeans_limit(X, 2, variances=[100, 10, 1, 1e-6], random_state=0)
    >>> result.table["entropy"].round(4)
    array([0.2803, 0.0055, 0.    , 0.    ])
    >>> round(float(-result.table["scaled_free_energy"][-1]) / result.inertia, 5)
    1.0
    """
    refuse_unreadable(X)
    X = check_array(X, dtype=FLOATS, ensure_min_samples=2)
    weight = check_sample_weight(sample_weight, X.shape[0])
    falling = None if variances is None else check_variances(variances)
    if means_init is None:
        start = HardGaussianMixture(
            n_components, init_params=init_params, random_state=random_state, max_iter=0, **_KMEANS
        )
        means_init = start.fit(X, sample_weight=weight).means_
    kmeans = HardGaussianMixture(
        n_components, means_init=means_init, max_iter=max_iter, **_KMEANS
    ).fit(X, sample_weight=weight)
    total = float(len(X) if weight is None else weight.sum())
    if falling is None:
        falling = _default_variances(kmeans.inertia_ / (total * X.shape[1]))
    path = list(_followed(X, weight, means_init, falling, tol=tol, max_iter=max_iter))
    rows = [
        _row(X, weight, total, variance, mixture, kmeans)
        for variance, mixture in zip(falling, path, strict=True)
    ]
    return KMeansLimit(
        np.array(rows, dtype=_TABLE),
        np.array([mixture.means_ for mixture in path]),
        kmeans.means_,
        kmeans.labels_,
        kmeans.inertia_,
    )


def _followed(X, weight, means, variances, **options):
    """Mixtures of these shared variances, each fitted from the means of the last."""
    for variance in variances:
        mixture = GaussianMixture(
            len(means),
            covariance_type="tied_spherical",
            frozen=("weights", "covariances"),
            means_init=means,
            precisions_init=1.0 / variance,
            **options,
        )
        yield mixture.fit(X, sample_weight=weight)
        means = mixture.means_


def _default_variances(within: float) -> np.ndarray:
    if not within > 0.0:
        raise ValueError(
            "variances=None needs clusters that vary, but every row lies on its centre; give "
            "variances, or choose fewer components"
        )
    return within * _FALL


def _row(X, weight, total, variance, mixture, kmeans) -> tuple:
    """A row of the table."""
    n_components, d = mixture.means_.shape
    resp = mixture.predict_proba(X).astype(float)
    labels = resp.argmax(axis=1)
    entropy = np.average(entr(resp).sum(axis=1), weights=weight)
    free_energy = total * mixture.lower_bound_
    constants = total * (np.log(n_components) + 0.5 * d * np.log(2.0 * np.pi * variance))
    return (
        variance,
        entropy,
        _agreement(labels, kmeans.labels_, weight, n_components),
        _distance(mixture.means_, kmeans.means_),
        free_energy,
        2.0 * variance * free_energy,
        -2.0 * variance * (free_energy + constants),
        inertia(X, weight, mixture.means_, labels),
        mixture.n_iter_,
    )


def _agreement(labels, others, weight, n_components) -> float:
    """Share of rows with the same label, after the best matching of labels."""
    table = np.zeros((n_components, n_components))
    np.add.at(table, (labels, others), 1.0 if weight is None else weight)
    return float(table[linear_sum_assignment(table, maximize=True)].sum() / table.sum())


def _distance(means, centres) -> float:
    """Root of the mean squared distance, after the best matching of means."""
    squares = cdist(means, centres, "sqeuclidean")
    return float(np.sqrt(squares[linear_sum_assignment(squares)].mean()))
