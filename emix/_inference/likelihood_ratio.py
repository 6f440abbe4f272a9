"""The parametric bootstrap of the likelihood ratio of K against K + 1 components."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.parallel import Parallel, delayed

from .._estimator.report import warn
from .._gaussian.gaussian_mixture import GaussianMixture
from .._input.tables import read_data
from .._input.validation import check_frozen, check_integer, check_probability, check_seed
from .bootstrap import Source, n_bad, settings_of, simulated
from .uncertain import Mixture, check_mixture, columns, described, with_weight


@dataclass(frozen=True, eq=False, repr=False)
class LikelihoodRatioTest:
    """What :func:`likelihood_ratio_test` found.

    Attributes
    ----------
    n_components : int
        K, the number of components under the null hypothesis.

    statistic : float
        Twice the log-likelihood that K + 1 components gain over K.

    pvalue : float
        (1 + number of resampled statistics that are not below it) / (1 + n_resamples).

    null_distribution : ndarray of shape (n_resamples,)
        Statistics of samples of the mixture of K components.

    mixtures : tuple of two GaussianMixture
        The fits of K and of K + 1 components.
    """

    n_components: int
    statistic: float
    pvalue: float
    null_distribution: np.ndarray
    mixtures: tuple[GaussianMixture, GaussianMixture]

    def __repr__(self) -> str:
        k = self.n_components
        return f"{k} against {k + 1}: statistic {self.statistic:.4g}, p-value {self.pvalue:.3g}"


_TESTS = np.dtype(
    [
        ("n_components", "i8"),
        ("log_likelihood", "f8"),
        ("log_likelihood_of_more", "f8"),
        ("statistic", "f8"),
        ("pvalue", "f8"),
    ]
)


@dataclass(frozen=True, eq=False, repr=False)
class SequentialTest:
    """What :func:`sequential_test` found.

    Attributes
    ----------
    n_components : int
        The number of components at which the first test was not significant; one more than the
        last that was tested if all were.

    tests : tuple of LikelihoodRatioTest
        The tests, of one component against two and so on.

    mixture : GaussianMixture
        The fit of ``n_components`` components.
    """

    n_components: int
    tests: tuple[LikelihoodRatioTest, ...]
    mixture: GaussianMixture
    _log_likelihoods: tuple[float, ...]

    def table(self) -> np.ndarray:
        """All tests, one line each.

        Returns
        -------
        table : structured ndarray of shape (n_tests,)
            With the columns ``n_components``, ``log_likelihood`` of so many and
            ``log_likelihood_of_more`` of one more, ``statistic`` and ``pvalue``;
            ``pandas.DataFrame(table)`` makes a frame of it.
        """
        heights = self._log_likelihoods
        return np.array(
            [
                (test.n_components, heights[i], heights[i + 1], test.statistic, test.pvalue)
                for i, test in enumerate(self.tests)
            ],
            dtype=_TESTS,
        )

    def __repr__(self) -> str:
        lines = [
            [str(k), f"{low:.2f}", f"{high:.2f}", f"{statistic:.4g}", f"{pvalue:.3g}"]
            for k, low, high, statistic, pvalue in self.table().tolist()
        ]
        return columns([list(_TESTS.names or ()), *lines])


def likelihood_ratio_test(
    estimator: GaussianMixture,
    X: ArrayLike,
    *,
    n_resamples: int = 999,
    n_init: int = 5,
    sample_weight: ArrayLike | None = None,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = None,
    verbose: int = 0,
) -> LikelihoodRatioTest:
    """Whether one component more fits better than chance would.

    Twice the gain in log-likelihood of K + 1 components over K has no chi-squared distribution,
    as K components lie where K + 1 are not identified. So it is compared with that of samples of
    the fit of K components, to each of which both models are fitted in the same way [1]_.

    A maximum of K + 1 components that is too low makes its test too small, and the next one too
    large. Every fit, to X and to each sample, is therefore the best of ``n_init`` searches; that
    of K components also starts where the sample comes from, and that of K + 1 components also
    with each component of the smaller fit cut in two.

    Parameters
    ----------
    estimator : GaussianMixture
        A mixture with K = ``n_components`` and the settings of all fits. It need not be fitted,
        and is left as it is. Its initial values are not used.

    X : array-like of shape (n_samples, n_features)
        Rows; they are fitted anew. NaN for missing values: samples then have gaps like rows drawn
        from X.

    n_resamples : int, default=999
        Number of samples B; the least p-value is 1 / (B + 1).

    n_init : int, default=5
        Number of searches for each fit, or ``estimator.n_init`` if that is more.

    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows: how often each was seen. Samples have as many rows as they add up to.

    n_jobs : int, default=None
        Processes, as in joblib: None means one, -1 all. The result does not depend on it.

    random_state : int, RandomState instance or None, default=None
        Source of randomness; None uses the estimator's ``random_state``.

    verbose : int, default=0
        Progress messages, as in joblib.

    Returns
    -------
    result : LikelihoodRatioTest
        ``statistic``, ``pvalue``, ``null_distribution``, and both fits.

    Raises
    ------
    TypeError
        If the estimator is no GaussianMixture.

    ValueError
        If a parameter or the rows are unusable, or means or covariances are frozen.

    Warns
    -----
    ConvergenceWarning
        If a component of a fit to X is singular or empty: its log-likelihood rests on the least
        covariance then.

    See Also
    --------
    sequential_test : Tests of one component more, until one is not significant.
    emix.TwoNormalMixture.bootstrap_test : One normal against two in one feature.

    References
    ----------
    .. [1] G. J. McLachlan (1987). On bootstrapping the likelihood ratio test statistic for the
       number of components in a normal mixture. Applied Statistics 36, 318-324.

    Examples
    --------
    >>> from emix import GaussianMixture
    >>> from emix.datasets import load_faithful
    >>> from emix.inference import likelihood_ratio_test
    >>> X = load_faithful().data
    >>> likelihood_ratio_test(GaussianMixture(1), X, n_resamples=19, n_init=1, random_state=0)
    1 against 2: statistic 319.1, p-value 0.05
    """
    plan = _planned(estimator, X, sample_weight, n_init, random_state)
    n_resamples = check_integer("n_resamples", n_resamples, 1)
    smaller = plan.fits.best(plan.data, plan.n_components)
    return _tested(plan, smaller, n_resamples, Parallel(n_jobs=n_jobs, verbose=verbose))[0]


def sequential_test(
    estimator: GaussianMixture,
    X: ArrayLike,
    *,
    max_components: int = 9,
    level: float = 0.05,
    n_resamples: int = 999,
    n_init: int = 5,
    sample_weight: ArrayLike | None = None,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = None,
    verbose: int = 0,
) -> SequentialTest:
    """Test one component against two, two against three, until a test is not significant.

    The number of components is then the least that no test rejects. Each test is a
    :func:`likelihood_ratio_test`; the fits go on from those of the test before.

    Parameters
    ----------
    estimator : GaussianMixture
        A mixture with the settings of all fits but ``n_components``, from which the tests do not
        start: they start from one component. It need not be fitted, and is left as it is.

    X : array-like of shape (n_samples, n_features)
        Rows; they are fitted anew. NaN for missing values.

    max_components : int, default=9
        Largest number of components of a null hypothesis.

    level : float, default=0.05
        A test is significant if its p-value is at most this. No correction for the number of
        tests is made: a true number of components is rejected with this probability.

    n_resamples : int, default=999
        Number of samples of each test.

    n_init : int, default=5
        Number of searches for each fit, or ``estimator.n_init`` if that is more.

    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows: how often each was seen.

    n_jobs : int, default=None
        Processes, as in joblib: None means one, -1 all. The result does not depend on it.

    random_state : int, RandomState instance or None, default=None
        Source of randomness; None uses the estimator's ``random_state``.

    verbose : int, default=0
        Progress messages, as in joblib.

    Returns
    -------
    result : SequentialTest
        ``n_components``, the ``tests``, the ``mixture`` of so many components, and a table.

    Raises
    ------
    TypeError
        If the estimator is no GaussianMixture.

    ValueError
        If a parameter or the rows are unusable, or means or covariances are frozen.

    Warns
    -----
    ConvergenceWarning
        If a component of a fit to X is singular or empty.

    See Also
    --------
    likelihood_ratio_test : One of these tests.

    Examples
    --------
    >>> from emix import GaussianMixture
    >>> from emix.datasets import load_faithful
    >>> from emix.inference import sequential_test
    >>> waiting = load_faithful().data[:, [1]]
    >>> found = sequential_test(
    ...     GaussianMixture(), waiting, n_resamples=9, level=0.1, n_init=1, random_state=0
    ... )
    >>> found.n_components
    2
    """
    plan = _planned(estimator, X, sample_weight, n_init, random_state)._replace(n_components=1)
    max_components = check_integer("max_components", max_components, 1)
    level = check_probability("level", level)
    n_resamples = check_integer("n_resamples", n_resamples, 1)
    parallel = Parallel(n_jobs=n_jobs, verbose=verbose)
    tests: list[LikelihoodRatioTest] = []
    fits = [plan.fits.best(plan.data, 1)]
    for n_components in range(1, max_components + 1):
        plan = plan._replace(n_components=n_components)
        test, more = _tested(plan, fits[-1], n_resamples, parallel)
        tests.append(test)
        fits.append(more)
        if test.pvalue > level:
            break
    n_components = len(tests) + (tests[-1].pvalue <= level)
    mixture = fits[n_components - 1].mixture
    heights = tuple(fit.log_likelihood for fit in fits)
    return SequentialTest(n_components, tuple(tests), mixture, heights)


class Data(NamedTuple):
    """Rows, in the shape in which they came, and their weights, if they have any."""

    X: Any
    weight: np.ndarray | None


class Height(NamedTuple):
    """A fit, its log-likelihood, and how many of its components rest on the least covariance."""

    mixture: GaussianMixture
    log_likelihood: float
    n_bad: int

    @property
    def rank(self) -> tuple[int, float]:
        """Greater is better: a sound maximum before one whose height the floor decides."""
        return -self.n_bad, self.log_likelihood


class Fits(NamedTuple):
    """The way in which all fits are made."""

    kind: type[GaussianMixture]
    settings: dict[str, Any]

    def best(self, data: Data, n_components: int, seed: int | None = None) -> Height:
        """Of the searches."""
        return self._fitted(data, n_components=n_components, **_seeded(seed))

    def larger(self, data: Data, smaller: Height, seed: int | None = None) -> Height:
        """One component more: the best of searches, and of the smaller fit's components cut."""
        n_components = len(smaller.mixture.weights_) + 1
        found = [self.best(data, n_components, seed)]
        once = {"n_init": 1, "n_components": n_components, **_seeded(seed)}
        for start in _cut(smaller.mixture, data.X):
            found.append(self._fitted(data, **once, init_params=start))
        return max(found, key=lambda fit: fit.rank)

    def sampled_from(self, mixture: GaussianMixture, data: Data, seed: int) -> Height:
        """As many components as the data come from: the best of searches, and of the climb that
        starts where they come from."""
        n_components = len(mixture.weights_)
        start = {**settings_of(mixture, data.X), "random_state": seed}
        found = self.best(data, n_components, seed), self._fitted(data, **start)
        return max(found, key=lambda fit: fit.rank)

    def _fitted(self, data: Data, **settings: Any) -> Height:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fit = self.kind(**{**self.settings, **settings})
            fit.fit(data.X, sample_weight=data.weight)
        return Height(fit, fit._log_likelihood(data.X, data.weight)[0], n_bad(fit))


def _seeded(seed: int | None) -> dict[str, Any]:
    return {} if seed is None else {"random_state": seed}


class Plan(NamedTuple):
    """What is asked, checked."""

    fits: Fits
    data: Data
    read: Data  # as an array, and without rows of weight zero
    n_components: int
    rng: np.random.RandomState


def _planned(estimator, X, sample_weight, n_init, random_state) -> Plan:
    check_mixture(estimator)
    n_init = max(check_integer("n_init", n_init, 1), check_integer("n_init", estimator.n_init, 1))
    held = check_frozen(estimator.frozen) & {"means", "covariances"}
    if held:
        raise ValueError(
            f"frozen={estimator.frozen!r} holds {' and '.join(sorted(held))} that differ between "
            "numbers of components: only the weights may be frozen"
        )
    n_components = check_integer("n_components", estimator.n_components, 1)
    rows = read_data(estimator, estimator._read, X, sample_weight)
    data, read = Data(X, rows.weight), Data(*with_weight(rows.X, rows.weight))
    seed = estimator.random_state if random_state is None else random_state
    rng = check_seed(seed)
    init = estimator.init_params
    settings = {
        **estimator.get_params(deep=False),
        "n_init": n_init,
        "init_params": init if isinstance(init, str) else "kmeans",
        "weights_init": None,
        "means_init": None,
        "precisions_init": None,
        "warm_start": False,
        "verbose": 0,
        "random_state": rng.randint(np.iinfo(np.int32).max),
    }
    return Plan(Fits(type(estimator), settings), data, read, n_components, rng)


def _tested(
    plan: Plan, smaller: Height, n_resamples: int, parallel: Parallel
) -> tuple[LikelihoodRatioTest, Height]:
    """The test of the smaller fit, and the larger."""
    larger = plan.fits.larger(plan.data, smaller)
    for fit in (smaller, larger):
        if fit.n_bad:
            warn(
                ConvergenceWarning,
                f"of {len(fit.mixture.weights_)} components some are singular or empty: the "
                "test's statistic depends on the least covariance. Choose a simpler "
                "covariance_type, or set reg_covar or prior",
            )
    mixture = Mixture(smaller.mixture, *plan.read, *described(smaller.mixture))
    resample = Resample(plan.fits, smaller.mixture, simulated(mixture))
    seeds = plan.rng.randint(np.iinfo(np.int32).max, size=n_resamples)
    resampled = np.array(parallel(delayed(resample)(seed) for seed in seeds))
    statistic = _ratio(smaller, larger)
    pvalue = float(1 + np.count_nonzero(resampled >= statistic)) / (1 + n_resamples)
    mixtures = smaller.mixture, larger.mixture
    return (
        LikelihoodRatioTest(plan.n_components, statistic, pvalue, resampled, mixtures),
        larger,
    )


class Resample(NamedTuple):
    """The statistic of a sample of a mixture."""

    fits: Fits
    mixture: GaussianMixture
    source: Source

    def __call__(self, seed: int) -> float:
        data = Data(*self.source.draw(np.random.RandomState(seed)))
        smaller = self.fits.sampled_from(self.mixture, data, seed)
        return _ratio(smaller, self.fits.larger(data, smaller, seed))


def _ratio(smaller: Height, larger: Height) -> float:
    """Not below zero, as the smaller is a case of the larger."""
    return max(0.0, 2.0 * (larger.log_likelihood - smaller.log_likelihood))


def _cut(fit: GaussianMixture, X: Any) -> Iterator[np.ndarray]:
    """Responsibilities (n, K + 1): of each component in turn its rows on either side of its mean,
    along its longest axis in units of the whole mixture's standard deviations."""
    resp, rows = fit.predict_proba(X), fit.impute(X)
    deviations = np.sqrt(fit.covariance_.diagonal())
    covariances = fit._normals().covariances / deviations[:, None] / deviations
    for k, covariance in enumerate(covariances):
        longest = np.linalg.eigh(covariance)[1][:, -1]
        with np.errstate(over="ignore", invalid="ignore"):  # rows of weight zero
            beyond = ((rows - fit.means_[k]) / deviations) @ longest > 0.0
        halves = resp[:, [k]] * np.column_stack([beyond, ~beyond])
        if halves.any(axis=0).all():
            yield np.column_stack([np.delete(resp, k, axis=1), halves])
