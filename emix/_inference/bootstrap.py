"""The bootstrap of a mixture of normals: fits to resampled rows, to rows of random weights, or to
samples of the mixture."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch
from sklearn.utils.parallel import Parallel, delayed

from .._density.affinity import matched
from .._density.normals import Normals
from .._estimator.report import warn
from .._fitted.fitted import when_fitted
from .._gaussian.gaussian_mixture import GaussianMixture
from .._input.refusals import brief
from .._input.validation import check_integer, check_option, check_seed, check_temperature
from .._rows.patterns import has_gaps
from .uncertain import NAMES, Layout, Mixture, Uncertain, percentiles, read, with_correlations

# A component with no more of the rows than rounding makes of 1.
_EMPTY = float(np.finfo(float).eps)


class Source(Protocol):
    """Where resamples come from."""

    def draw(self, rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray | None]:
        """Rows and their weights."""


class Resampled(NamedTuple):
    """Rows drawn with replacement, as many as their weights add up to: rows with other weights."""

    X: np.ndarray
    weight: np.ndarray | None

    def draw(self, rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray | None]:
        n, share, total = _counted(self.X, self.weight)
        counts = rng.multinomial(n, share)
        return self.X, counts * (total / n)


class Reweighted(NamedTuple):
    """Rows of random weights: standard exponential for a row of weight one, and the sum of so many
    for others; they add up to what the rows' weights do."""

    X: np.ndarray
    weight: np.ndarray | None

    def draw(self, rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray | None]:
        drawn = rng.standard_gamma(np.ones(len(self.X)) if self.weight is None else self.weight)
        total = len(self.X) if self.weight is None else self.weight.sum()
        return self.X, drawn * (total / drawn.sum())


class Simulated(NamedTuple):
    """Samples of the mixture, which lack what rows of X lack."""

    mixture: GaussianMixture
    holes: np.ndarray | None
    weight: np.ndarray | None
    n_rows: int

    def draw(self, rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray | None]:
        n, share, total = _counted(np.empty((self.n_rows, 0)), self.weight)
        X, _ = self.mixture.sample(n, random_state=rng)
        if self.holes is not None:
            X[self.holes[rng.choice(self.n_rows, size=n, p=share)]] = np.nan
        return X, None if n == total else np.full(n, total / n)


def _counted(X: np.ndarray, weight: np.ndarray | None) -> tuple[int, np.ndarray, float]:
    """How many rows they are by their weights, the share of each, and the sum of the weights."""
    weight = np.ones(len(X)) if weight is None else weight
    total = float(weight.sum())
    return max(1, round(total)), weight / total, total


def _resampled(mixture: Mixture) -> Source:
    return Resampled(mixture.X, mixture.weight)


def _reweighted(mixture: Mixture) -> Source:
    return Reweighted(mixture.X, mixture.weight)


def simulated(mixture: Mixture) -> Source:
    holes = np.isnan(mixture.X) if has_gaps(mixture.X) else None
    return Simulated(mixture.estimator, holes, mixture.weight, len(mixture.X))


_SOURCES: dict[str, Callable[[Mixture], Source]] = {
    "nonparametric": _resampled,
    "parametric": simulated,
    "weighted": _reweighted,
}


@dataclass(frozen=True, eq=False, repr=False)
class Bootstrap(Uncertain):
    """What :func:`bootstrap` found.

    Attributes
    ----------
    estimates : :class:`~sklearn.utils.Bunch`
        The parameters of the fit: ``weights``, ``means``, ``covariances`` and, where covariances
        are matrices, ``correlations``, in the shapes of the estimator's attributes.

    weights : ndarray of shape (n_components,)
        Standard errors of the weights: standard deviations of the replicates, and so the others.

    means : ndarray of shape (n_components, n_features)
        Standard errors of the means, in the units of the data.

    covariances : ndarray of the shape of ``covariances_``
        Standard errors of the covariances, in squared units of the data.

    correlations : ndarray of the shape of ``covariances_``, or None
        Standard errors of the correlations; None where covariances are not matrices.

    replicates : :class:`~sklearn.utils.Bunch`
        The parameters of the fits to the resamples, in the shapes of ``estimates`` with a first
        axis of length n_replicates; components are in the order of the fit.

    n_failed : int
        Resamples that are left out, as their fit had a singular or an empty component that the fit
        to all rows has not.

    n_switched : int
        Replicates whose components had to be put in another order to match those of the fit. Many
        of them tell that components are hardly told apart.
    """

    estimates: Bunch
    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    correlations: np.ndarray | None
    replicates: Bunch
    n_failed: int
    n_switched: int
    _layout: Layout

    def confidence_intervals(self, level: float = 0.95) -> Bunch:
        """Percentile intervals: between quantiles of the replicates.

        Parameters
        ----------
        level : float, default=0.95
            Share of the replicates between the ends.

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
        return Bunch(**{name: percentiles(all_, level) for name, all_ in self.replicates.items()})


def bootstrap(
    estimator: GaussianMixture,
    X: ArrayLike,
    *,
    method: str = "nonparametric",
    n_resamples: int = 999,
    sample_weight: ArrayLike | None = None,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = None,
    verbose: int = 0,
) -> Bootstrap:
    """Standard errors and intervals of a fitted mixture, from fits to resamples.

    Every fit starts at the parameters of the estimator, with its settings, and climbs to the
    maximum that is nearest on its resample. Its components are then matched to those of the
    estimator: of all assignments the one of greatest affinity, the sum of the integrals of
    sqrt(f_k g_l) over matched components with densities f_k and g_l, which is the same in any
    units.

    Parameters
    ----------
    estimator : GaussianMixture
        A fitted mixture, which is left as it is.

    X : array-like of shape (n_samples, n_features)
        Rows that it was fitted to; NaN for missing values.

    method : {'nonparametric', 'parametric', 'weighted'}, default='nonparametric'
        What is drawn:

        - 'nonparametric': rows of X with replacement (Efron 1979).
        - 'parametric': samples of the fitted mixture. If rows of X have gaps, the samples have gaps
          like rows drawn from X. It supposes that the model is right.
        - 'weighted': exponential weights of the rows (weighted likelihood bootstrap [2]_). No row
          is ever left out, so small components live.

    n_resamples : int, default=999
        Number of resamples.

    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows, those that the fit had: how often each was seen.

    n_jobs : int, default=None
        Processes, as in joblib: None means one, -1 all. The result does not depend on it.

    random_state : int, RandomState instance or None, default=None
        Source of randomness; None uses the estimator's ``random_state``.

    verbose : int, default=0
        Progress messages, as in joblib.

    Returns
    -------
    result : Bootstrap
        Standard errors, percentile intervals, the replicates, and a table.

    Raises
    ------
    TypeError
        If the estimator is no GaussianMixture.

    ValueError
        If a parameter or the rows are unusable, or fewer than two resamples could be fitted.

    Warns
    -----
    UserWarning
        If resamples are left out, as their fits had a singular or an empty component.

    See Also
    --------
    standard_errors : Standard errors from the curvature of the log-likelihood, without resamples.

    References
    ----------
    .. [1] A. O'Hagan, T. B. Murphy, L. Scrucca, I. C. Gormley (2019). Investigation of parameter
       uncertainty in clustering using a Gaussian mixture model via jackknife, bootstrap and
       weighted likelihood bootstrap. Computational Statistics 34, 1779-1813.
    .. [2] M. A. Newton, A. E. Raftery (1994). Approximate Bayesian inference with the weighted
       likelihood bootstrap. J. Royal Statistical Society B 56, 3-48.

    Examples
    --------
    >>> from emix import GaussianMixture
    >>> from emix.datasets import load_faithful
    >>> from emix.inference import bootstrap
    >>> X = load_faithful().data
    >>> mixture = GaussianMixture(2, random_state=0).fit(X).reordered("weight")
    >>> result = bootstrap(mixture, X, n_resamples=99, random_state=0)
    >>> result.replicates.means.shape
    (99, 2, 2)
    >>> result.weights.round(2), result.n_switched
    (array([0.03, 0.03]), 0)
    """
    make = _SOURCES[check_option("method", method, _SOURCES)]
    n_resamples = check_integer("n_resamples", n_resamples, 2)
    mixture = read(estimator, X, sample_weight)
    rng = check_seed(estimator.random_state if random_state is None else random_state)
    seeds = rng.randint(np.iinfo(np.int32).max, size=n_resamples)
    task = Refit(estimator, make(mixture), n_bad(estimator))
    found = Parallel(n_jobs=n_jobs, verbose=verbose)(delayed(task)(seed) for seed in seeds)
    fitted = [each for each in found if isinstance(each, Replicate)]
    _check_enough(found, len(fitted))
    own = estimator._normals()
    orders = [matched(own, each.normals) for each in fitted]
    layout = mixture.layout
    replicates = with_correlations(layout, _stacked(fitted, orders, layout))
    errors = {name: values.std(axis=0, ddof=1) for name, values in replicates.items()}
    return Bootstrap(
        mixture.estimates,
        **{name: errors.get(name) for name in NAMES},
        replicates=replicates,
        n_failed=n_resamples - len(fitted),
        n_switched=sum(bool((order != np.arange(len(order))).any()) for order in orders),
        _layout=layout,
    )


class Replicate(NamedTuple):
    """A fit to a resample: arrays as its attributes, and its normals."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    normals: Normals


class Refit(NamedTuple):
    """What is done with each resample."""

    mixture: GaussianMixture
    source: Source
    n_bad: int

    def __call__(self, seed: int) -> Replicate | str:
        """The fit, or why there is none."""
        rng = np.random.RandomState(seed)
        X, weight = self.source.draw(rng)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                settings = settings_of(self.mixture, X)
                fit = type(self.mixture)(**settings).fit(X, sample_weight=weight)
        except ValueError as error:
            return str(error)
        if n_bad(fit) > self.n_bad:
            return "a component is singular or empty"
        arrays = {name: np.asarray(getattr(fit, f"{name}_"), np.float64) for name in NAMES[:3]}
        return Replicate(**arrays, normals=fit._normals())


def n_bad(fit: GaussianMixture) -> int:
    """Components that are singular or empty."""
    singular = np.asarray(getattr(fit, "singular_components_", False))
    return int(np.count_nonzero(singular | (np.asarray(fit.weights_) <= _EMPTY)))


def settings_of(estimator: GaussianMixture, X: np.ndarray) -> dict[str, Any]:
    """Of a fit to X that starts at the estimator's parameters; not a clone, which would carry
    callbacks along."""
    names = ("frozen", "reg_covar", "prior", "covariance_type")
    as_fitted = {name: when_fitted(estimator, name, getattr(estimator, name)) for name in names}
    temperature = when_fitted(estimator, "temperature", estimator.temperature)
    weights = np.asarray(estimator.weights_, np.float64)
    return {
        **estimator.get_params(deep=False),
        **as_fitted,
        "temperature": check_temperature(temperature)[-1],
        "n_components": len(weights),
        "n_init": 1,
        "weights_init": weights / weights.sum(),
        "means_init": np.asarray(estimator.means_, np.float64),
        **_start(estimator, X),
        "warm_start": False,
        "verbose": 0,
    }


def _start(estimator: GaussianMixture, X: np.ndarray) -> dict[str, Any]:
    """Of covariances; those that loadings make follow from responsibilities."""
    if estimator._fitted().parameters.structure.form.has_loadings:
        return {"init_params": estimator.predict_proba(X), "precisions_init": None}
    precisions = np.asarray(estimator.precisions_, np.float64)
    return {"init_params": "kmeans", "precisions_init": precisions}  # nothing is left to k-means


def _check_enough(found: list, n_fitted: int) -> None:
    reasons = [each for each in found if isinstance(each, str)]
    if n_fitted < 2:
        raise ValueError(
            f"the bootstrap failed: {len(reasons)} of {len(found)} resamples could not be fitted. "
            f"The first: {brief(reasons[0])}"
        )
    if reasons:
        warn(
            UserWarning,
            f"{len(reasons)} of {len(found)} resamples are left out, the first because: "
            f"{reasons[0]}. Errors may be too small. method='weighted' leaves no rows out; "
            "fewer components or a simpler covariance_type may be what the rows can bear",
        )


def _stacked(fitted: list[Replicate], orders: list[np.ndarray], layout: Layout) -> dict:
    """Parameters of all replicates, components in the order of the fit."""
    found = {}
    for name in NAMES[:3]:
        shared = name == "covariances" and layout.is_common
        found[name] = np.stack(
            [
                getattr(each, name) if shared else getattr(each, name)[order]
                for each, order in zip(fitted, orders, strict=True)
            ]
        )
    return found
