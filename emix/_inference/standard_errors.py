"""Standard errors of a mixture of normals from the exact observed information."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Bunch

from .._estimator.report import warn
from .._fitted.base import quiet
from .._fitted.fitted import Parameters, when_fitted
from .._fitted.scoring import Scorer
from .._gaussian.gaussian_mixture import GaussianMixture
from .._input.structures import SAME_AS
from .._mixture.information import Coordinates, Louis, Part, spread_of
from .._normal.deformations import Sharing
from .._rows.patterns import has_gaps, patterns_of
from .uncertain import Layout, Uncertain, read, wald_intervals

# What the covariances of each structure share; see ``deformations.Sharing``.
_COORDINATES = {
    "full": Sharing(volume=True, shape=True),
    "tied": Sharing(volume=False, shape=False),
    "diag": Sharing(volume=True, shape=True),
    "spherical": Sharing(volume=True, shape=None),
    "tied_diag": Sharing(volume=False, shape=False),
    "tied_spherical": Sharing(volume=False, shape=None),
    "VEI": Sharing(volume=True, shape=False),
    "EVI": Sharing(volume=False, shape=True),
    "VEE": Sharing(volume=True, shape=False),
    "EVV": Sharing(volume=False, shape=True),
    "EVE": Sharing(volume=False, shape=True, axes=False),
    "VVE": Sharing(volume=True, shape=True, axes=False),
    "EEV": Sharing(volume=False, shape=False, axes=True),
    "VEV": Sharing(volume=True, shape=False, axes=True),
}
_COORDINATES.update({name: _COORDINATES[other] for name, other in SAME_AS.items()})

# Newton's step from the fit moves some combination of the parameters by so many of its standard
# errors: the fit is near its maximum up to the first number, and not at one from the second on.
# An interval of 95 % that is off by a tenth of a standard error covers 94.9 %.
_NEAR, _FAR = 0.1, 1.0
# Numbers of a block: features of rows for all components.
_BLOCK_NUMBERS = 1024 * 1024

_ELSE = "emix.inference.bootstrap needs no information"


@dataclass(frozen=True, eq=False, repr=False)
class StandardErrors(Uncertain):
    """What :func:`standard_errors` found.

    Attributes
    ----------
    estimates : :class:`~sklearn.utils.Bunch`
        The parameters: ``weights``, ``means``, ``covariances`` and, where covariances are
        matrices, ``correlations``, in the shapes of the estimator's attributes.

    weights : ndarray of shape (n_components,)
        Standard errors of the weights. They and the others are 0 where a parameter is known,
        as it was ``frozen`` or there is one component alone.

    means : ndarray of shape (n_components, n_features)
        Standard errors of the means, in the units of the data.

    covariances : ndarray of the shape of ``covariances_``
        Standard errors of the covariances, in squared units of the data.

    correlations : ndarray of the shape of ``covariances_``, or None
        Standard errors of the correlations; None where covariances are not matrices.

    joint_covariance : ndarray of shape (n_parameters, n_parameters)
        Covariances of all estimates, in the order of :meth:`table` without its correlations:
        for standard errors of other functions of the parameters, by the delta method.
    """

    estimates: Bunch
    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    correlations: np.ndarray | None
    joint_covariance: np.ndarray
    _layout: Layout

    def confidence_intervals(self, level: float = 0.95) -> Bunch:
        """Wald intervals, each symmetric on a scale on which its parameter is unbounded.

        Weights are taken on the scale of their logits, variances on that of their logarithms,
        correlations on that of Fisher's z, artanh, and means as they are. A covariance of two
        features is a function of two variances and a correlation: these are moved on their
        scales, in the direction that the covariance depends on. Standard errors are carried over
        by the delta method.

        Parameters
        ----------
        level : float, default=0.95
            Probability with which an interval covers the parameter, in large samples.

        Returns
        -------
        intervals : :class:`~sklearn.utils.Bunch`
            ``weights``, ``means``, ``covariances`` and, where covariances are matrices,
            ``correlations``, with lower and upper ends in a last axis of length 2.

        Raises
        ------
        ValueError, TypeError
            If level is not a number between 0 and 1.
        """
        errors, joint = self._errors(), self.joint_covariance
        return wald_intervals(self._layout, self.estimates, errors, joint, level)


@quiet
def standard_errors(
    estimator: GaussianMixture, X: ArrayLike, sample_weight: ArrayLike | None = None
) -> StandardErrors:
    """Standard errors of a fitted mixture, from the exact observed information.

    The information is minus the matrix of second derivatives of the log-likelihood at the fit,
    found as what the rows with their components would tell, less what is missing with the
    components [1]_. Its inverse is the covariance of the estimates in large samples, if the
    model is right. It is exact for all 14 covariance structures, with weights of rows, with frozen
    parameters, and for rows with gaps.

    Errors of one component do not count that components are numbered at will: they hold where
    components are told apart, so that the estimates' distribution has one peak.

    Parameters
    ----------
    estimator : GaussianMixture
        A fitted mixture.

    X : array-like of shape (n_samples, n_features)
        Rows that it was fitted to; NaN for missing values.

    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows, those that the fit had: how often each was seen.

    Returns
    -------
    errors : StandardErrors
        ``weights``, ``means``, ``covariances`` and ``correlations``, intervals and a table.

    Raises
    ------
    TypeError
        If the estimator is no GaussianMixture.

    ValueError
        If there are no standard errors: a component is singular or empty, the log-likelihood is
        flat in some direction, or the fit is no maximum of it.

    Warns
    -----
    ConvergenceWarning
        If the fit is so far from its maximum that some estimate would move by more than a
        tenth of its standard error.

    See Also
    --------
    bootstrap : Errors without large samples, and for any structure.

    Notes
    -----
    For n rows, d features and K components it takes about 2 n (K p)² operations and memory for
    (K p)² numbers, with p = (d + 1) (d + 2) / 2, or 2 d + 1 where covariances are diagonal. Where
    they are matrices and d is large, the bootstrap needs less memory.

    References
    ----------
    .. [1] T. A. Louis (1982). Finding the observed information matrix when using the EM
       algorithm. J. Royal Statistical Society B 44, 226-233.
    .. [2] K. E. Basford, D. R. Greenway, G. J. McLachlan, D. Peel (1997). Standard errors of
       fitted component means of normal mixtures. Computational Statistics 12, 1-17.

    Examples
    --------
    >>> from emix import GaussianMixture
    >>> from emix.datasets import load_faithful
    >>> from emix.inference import standard_errors
    >>> X = load_faithful().data
    >>> mixture = GaussianMixture(2, random_state=0).fit(X).reordered("weight")
    >>> errors = standard_errors(mixture, X)
    >>> errors.weights.round(3)
    array([0.029, 0.029])
    >>> errors.means.round(3)
    array([[0.031, 0.456],
           [0.027, 0.592]])
    >>> errors.confidence_intervals(level=0.9).weights.round(2)
    array([[0.59, 0.69],
           [0.31, 0.41]])
    """
    mixture = read(estimator, X, sample_weight)
    parameters = estimator._fitted().parameters
    coordinates = _coordinates(estimator, parameters)
    louis = Louis(coordinates)
    n_numbers = louis.n_features * coordinates.n_components
    weight = np.ones(len(mixture.X)) if mixture.weight is None else mixture.weight
    for seen, parts in _parts(parameters.scorer(), mixture.X, weight, n_numbers):
        louis.add(seen, parts)
    gradient, information = louis.gradient_and_information()
    free = coordinates.free(parameters.frozen)
    spread = np.zeros((coordinates.n_free, len(free)))
    found = spread_of(information[np.ix_(free, free)])
    if found is None:
        raise ValueError(
            "there are no standard errors: the observed information is not positive definite, as "
            "the log-likelihood is flat in some direction at the fit, or the fit is no maximum of "
            f"it. Decrease n_components or tol; {_ELSE}"
        )
    spread[free] = found
    _check_distance(float(np.linalg.norm(gradient @ spread)))
    return _result(mixture.estimates, mixture.layout, coordinates, spread)


def _coordinates(estimator: GaussianMixture, parameters: Parameters) -> Coordinates:
    name = when_fitted(estimator, "covariance_type", estimator.covariance_type)
    sharing = _COORDINATES.get(name) if isinstance(name, str) else None
    if sharing is None:
        raise ValueError(f"standard errors are not known for covariance_type={name!r}; {_ELSE}")
    singular = np.flatnonzero(getattr(estimator, "singular_components_", ()))
    if singular.size:
        raise ValueError(
            f"there are no standard errors: component {singular[0]} is held at the least "
            f"covariance, where the log-likelihood has no maximum. {_ELSE}"
        )
    weights, means, factors = (np.asarray(value, np.float64) for value in parameters[1:4])
    if weights.min() <= 0.0:
        raise ValueError(
            f"there are no standard errors: component {int(weights.argmin())} is empty. Decrease "
            "n_components"
        )
    factors = parameters.structure.sharing.per_component(factors, len(means))
    deformed = sharing.deformations(factors, means.shape[1])
    return Coordinates(deformed, weights / weights.sum(), means)


def _parts(
    scorer: Scorer, X: np.ndarray, weight: np.ndarray, n_numbers: int
) -> Iterator[tuple[np.ndarray, Iterator[Part]]]:
    """Rows of each pattern of gaps, in blocks; each row makes so many numbers."""

    def blocks(index: np.ndarray | None) -> Iterator[Part]:
        n = len(X) if index is None else len(index)
        for start in range(0, n, size):
            at = slice(start, start + size) if index is None else index[start : start + size]
            rows = np.asarray(X[at], np.float64)
            yield Part(rows, scorer.responsibilities(rows), weight[at])

    size = max(1, _BLOCK_NUMBERS // n_numbers)
    if not has_gaps(X):
        yield np.ones(X.shape[1], dtype=bool), blocks(None)
        return
    patterns = patterns_of(X)
    order = np.argsort(patterns.index, kind="stable")
    counts = np.bincount(patterns.index, minlength=len(patterns.holes))
    for hole, index in zip(patterns.holes, np.split(order, np.cumsum(counts)[:-1]), strict=True):
        if len(index):
            yield ~hole, blocks(index)


def _check_distance(distance: float) -> None:
    """From the maximum, in standard errors of the parameter that is farthest off."""
    if distance <= _NEAR:
        return
    told = (
        f"a Newton step would move some estimate by {distance:.2g} of its standard errors. Fit to "
        "the same rows and sample_weight with a smaller tol"
    )
    if distance < _FAR:
        warn(ConvergenceWarning, f"the fit is not quite at a maximum of the log-likelihood: {told}")
        return
    raise ValueError(
        f"there are no standard errors: the fit is no maximum of the log-likelihood of X, {told}. "
        "With a prior, reg_covar, temperature, labels or constraints the fit maximises something "
        f"else; {_ELSE}"
    )


def _result(
    estimates: Bunch, layout: Layout, coordinates: Coordinates, spread: np.ndarray
) -> StandardErrors:
    changes = [coordinates.of_weights() @ spread[coordinates.places(0)[0]]]
    for k in range(coordinates.n_components):
        changes.append(coordinates.of_mean(k) @ spread[coordinates.places(k)[1]])
    shape = np.shape(estimates.covariances)
    of_correlations = []
    for k in range(1 if layout.is_common else coordinates.n_components):
        moved = np.moveaxis(coordinates.of_covariance(k), 0, -1) @ spread[coordinates.places(k)[2]]
        if layout.n_axes == 2:
            covariance = estimates.covariances if layout.is_common else estimates.covariances[k]
            of_correlations.append(_of_correlations(covariance, moved))
            moved = moved[np.triu_indices(len(covariance))]
        changes.append(moved if layout.n_axes else moved[:1])
    joint = np.concatenate(changes)
    errors = np.sqrt((joint**2).sum(axis=1))
    n, d = coordinates.means.shape
    covariances, correlations = errors[n + n * d :], None
    if layout.n_axes == 2:
        covariances = _symmetric(covariances, d).reshape(shape)
        correlations = np.sqrt((np.stack(of_correlations) ** 2).sum(axis=-1)).reshape(shape)
    means, covariances = errors[n : n + n * d].reshape(n, d), covariances.reshape(shape)
    return StandardErrors(
        estimates, errors[:n], means, covariances, correlations, joint @ joint.T, layout
    )


def _of_correlations(covariance: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """What correlations change by where covariances change by moved (d, d, q)."""
    deviations = np.sqrt(covariance.diagonal())
    sizes = deviations[:, None] * deviations
    scaled = moved / sizes[..., None]
    own = np.moveaxis(np.diagonal(scaled, axis1=0, axis2=1), -1, 0)
    both = own[:, None] + own[None]
    found = scaled - 0.5 * (covariance / sizes)[..., None] * both
    diagonal = np.arange(len(covariance))
    found[diagonal, diagonal] = 0.0
    return found


def _symmetric(packed: np.ndarray, d: int) -> np.ndarray:
    """Matrices of upper triangles that follow each other."""
    rows, cols = np.triu_indices(d)
    found = np.empty((len(packed) // len(rows), d, d))
    found[:, rows, cols] = found[:, cols, rows] = packed.reshape(-1, len(rows))
    return found
