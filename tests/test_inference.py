"""Standard errors of mixtures of normals, against the Hessian of the log-likelihood."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import expm
from scipy.special import logsumexp, softmax
from scipy.stats import norm
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from emix import GaussianMixture, HardGaussianMixture
from emix.datasets import load_faithful
from emix.inference import classification_uncertainty, standard_errors

FAITHFUL = load_faithful().data


def two_clusters(d=2):
    """d features of three, at most."""
    rng = np.random.RandomState(0)
    first = rng.normal(size=(90, 3)) @ [[1.0, 0.3, 0.0], [0.0, 1.2, 0.5], [0.0, 0.0, 0.4]]
    second = rng.normal(size=(60, 3)) @ [[0.5, 0.3, 0.2], [0.0, 2.0, 0.5], [0.0, 0.0, 0.7]]
    return np.concatenate([first, second + [3.0, 1.0, -2.0]])[:, :d]


def precise(**options):
    return GaussianMixture(2, random_state=0, tol=1e-14, **options)


# --- the log-likelihood, and each structure's parameters, written down anew -------------------


def log_likelihood(weights, means, covariances, X, counts):
    """Of rows that may have gaps, by their marginal densities."""
    total = 0.0
    missing = np.isnan(X)
    for hole in np.unique(missing, axis=0):
        own, seen = (missing == hole).all(axis=1), ~hole
        logs = []
        for weight, mean, covariance in zip(weights, means, covariances, strict=True):
            root = np.linalg.cholesky(covariance[np.ix_(seen, seen)])
            z = np.linalg.solve(root, (X[own][:, seen] - mean[seen]).T)
            constant = (
                np.log(weight)
                - np.log(root.diagonal()).sum()
                - 0.5 * seen.sum() * np.log(2.0 * np.pi)
            )
            logs.append(constant - 0.5 * (z * z).sum(axis=0))
        total += counts[own] @ logsumexp(logs, axis=0)
    return total


def shape_of(free):
    """A vector of sum zero."""
    return np.append(free, -free.sum())


def matrix_of(free, d):
    """A symmetric matrix of trace zero."""
    found = np.zeros((d, d))
    rows, cols = np.triu_indices(d, 1)
    found[rows, cols] = free[d - 1 :]
    return found + found.T + np.diag(shape_of(free[: d - 1]))


def turn_of(free, d):
    found = np.zeros((d, d))
    rows, cols = np.triu_indices(d, 1)
    found[rows, cols] = free
    return expm(found - found.T)


def parts_of(free, shared, k, size):
    """The numbers of component k, and what comes after those of all."""
    at, stop = (0, size) if shared else (k * size, 2 * size)
    return free[at : at + size], free[stop:]


def covariances_of(free, name, fit):
    """Near those of a fit of two components, at free parameters that are zero there."""
    volume, shape, axes = name
    covariances = [as_matrix(fit, k) for k in range(2)]
    d, found = len(covariances[0]), []
    roots = [np.linalg.cholesky(each) for each in covariances]
    common = np.linalg.eigh(covariances[0] + np.sqrt(0.7) * covariances[1])[1]
    for k, (root, covariance) in enumerate(zip(roots, covariances, strict=True)):
        size, rest = parts_of(free, volume == "E", k, 1)
        if shape == "I":
            found.append(covariance * np.exp(size[0]))
        elif axes == "I":
            along, _ = parts_of(rest, shape == "E", k, d - 1)
            found.append(covariance * np.exp(size[0] + shape_of(along)))
        elif shape == axes:  # VVV, EEE, VEE, EVV
            inner, _ = parts_of(rest, shape == "E", k, d * (d + 1) // 2 - 1)
            found.append(np.exp(size[0]) * root @ expm(matrix_of(inner, d)) @ root.T)
        else:
            along, rest = parts_of(rest, shape == "E", k, d - 1)
            turn, _ = parts_of(rest, axes == "E", k, d * (d - 1) // 2)
            own = np.linalg.eigh(covariance)[1] if axes == "V" else common
            sizes = (own.T @ covariance @ own).diagonal() * np.exp(size[0] + shape_of(along))
            own = own @ turn_of(turn, d)
            found.append((own * sizes) @ own.T)
    return np.array(found)


def as_matrix(fit, k):
    covariances, d = fit.covariances_, fit.means_.shape[1]
    if fit.covariance_type in COMMON:
        covariances = np.stack([covariances] * 2)
    one = covariances[k]
    return one if one.ndim == 2 else np.diag(one * np.ones(d))


NAMES = {
    "full": "VVV", "tied": "EEE", "diag": "VVI", "spherical": "VII", "tied_diag": "EEI",
    "tied_spherical": "EII",
}  # fmt: skip
COMMON = {"tied", "tied_diag", "tied_spherical"}
ALL = [*NAMES, "VEI", "EVI", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV"]


def hessian(value, n, step=1e-3):
    """At zero, by central differences."""
    steps, middle = step * np.eye(n), value(np.zeros(n))
    sides = [value(one) + value(-one) - 2.0 * middle for one in steps]
    found = np.diag(sides)
    for i in range(n):
        for j in range(i):
            both = value(steps[i] + steps[j]) + value(-steps[i] - steps[j]) - 2.0 * middle
            found[i, j] = found[j, i] = 0.5 * (both - sides[i] - sides[j])
    return found / step**2


def reference(fit, X, counts, frozen=()):
    """Standard errors by the inverse Hessian in free parameters, and numerical slopes."""
    name = NAMES.get(fit.covariance_type, fit.covariance_type)
    n_components, d = fit.means_.shape
    # aic is 2 n_parameters - 2 log L
    n_free = 0.5 * fit.aic(X, counts) + counts.sum() * fit.score(X, sample_weight=counts)
    n_covariances = round(n_free) - (0 if "weights" in frozen else 1)
    n_covariances -= 0 if "means" in frozen else n_components * d
    sizes = {"weights": 1, "means": n_components * d, "covariances": n_covariances}
    kept = {key: 0 if key in frozen else size for key, size in sizes.items()}
    n = sum(kept.values())

    def parameters(free):
        parts, at = {}, 0
        for key, size in kept.items():
            parts[key], at = free[at : at + size], at + size
        weights, means = fit.weights_, fit.means_
        if parts["weights"].size:
            weights = softmax(np.log(weights) + [parts["weights"][0], 0.0])
        if parts["means"].size:
            means = means + parts["means"].reshape(means.shape)
        if parts["covariances"].size:
            return weights, means, covariances_of(parts["covariances"], name, fit)
        return weights, means, np.array([as_matrix(fit, k) for k in range(2)])

    curved = hessian(lambda free: log_likelihood(*parameters(free), X, counts), n)
    covariance = np.linalg.inv(-curved)

    def flat(free):
        weights, means, covariances = parameters(free)
        deviations = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
        correlations = covariances / deviations[:, None] / deviations[:, :, None]
        return np.concatenate(
            [np.ravel(part) for part in (weights, means, covariances, correlations)]
        )

    slopes = np.array([(flat(e) - flat(-e)) / 2e-5 for e in 1e-5 * np.eye(n)]).T
    errors = np.sqrt(np.einsum("ia,ab,ib->i", slopes, covariance, slopes))
    ends = np.cumsum([2, 2 * d, 2 * d * d])
    weights, means, covariances, correlations = np.split(errors, ends)
    shape = (2, d, d)
    return weights, means.reshape(2, d), covariances.reshape(shape), correlations.reshape(shape)


def assert_agrees(fit, X, counts, sample_weight, frozen=(), rtol=3e-5):
    found = standard_errors(fit, X, sample_weight=sample_weight)
    weights, means, covariances, correlations = reference(fit, X, counts, frozen)
    assert_allclose(found.weights, weights, rtol=rtol)
    assert_allclose(found.means, means, rtol=rtol)
    own, is_common = found.covariances, fit.covariance_type in COMMON
    if NAMES.get(fit.covariance_type, fit.covariance_type)[-1] != "I":
        expected = covariances[0] if is_common else covariances
        assert_allclose(own, expected, rtol=rtol, atol=1e-7)
        expected = correlations[0] if is_common else correlations
        assert_allclose(found.correlations, expected, rtol=rtol, atol=1e-7)
        return
    assert found.correlations is None
    diagonal = np.diagonal(covariances, axis1=1, axis2=2)
    diagonal = diagonal[0] if is_common else diagonal
    is_sphere = "spherical" in fit.covariance_type
    assert_allclose(own, diagonal[..., 0] if is_sphere else diagonal, rtol=rtol)


@pytest.mark.parametrize("covariance_type", ALL)
def test_errors_are_those_of_the_hessian(covariance_type):
    X = two_clusters(3 if covariance_type == "VEV" else 2)
    counts = np.random.RandomState(0).randint(1, 4, size=len(X)).astype(float)
    fit = precise(covariance_type=covariance_type).fit(X, sample_weight=counts)
    assert_agrees(fit, X, counts, counts)


@pytest.mark.parametrize("has_gaps", [False, True])
def test_the_information_of_four_components_is_the_curvature_in_any_direction(has_gaps):
    """Of the log-likelihood along lines in the parameters as they are."""
    rng = np.random.RandomState(2)
    centres = rng.normal(size=(4, 3)) * 4.0
    X = np.concatenate([rng.normal(size=(60, 3)) @ rng.normal(size=(3, 3)) + c for c in centres])
    if has_gaps:
        X[rng.rand(*X.shape) < 0.1] = np.nan
    fit = GaussianMixture(4, means_init=centres, tol=1e-14).fit(X)
    found = standard_errors(fit, X)
    kept = np.delete(np.arange(len(found.joint_covariance)), 3)  # the weights add up to one
    spread = np.linalg.cholesky(found.joint_covariance[np.ix_(kept, kept)])
    rows, cols = np.triu_indices(3)

    def height(step):
        weights, means, packed = np.split(step, [3, 15])
        covariances = np.zeros((4, 3, 3))
        covariances[:, rows, cols] = covariances[:, cols, rows] = packed.reshape(4, 6)
        weights = fit.weights_ + np.append(weights, -weights.sum())
        means = fit.means_ + means.reshape(4, 3)
        return log_likelihood(weights, means, fit.covariances_ + covariances, X, np.ones(len(X)))

    for _ in range(5):
        step = 3e-3 * rng.normal(size=len(kept))
        bend = height(spread @ step) + height(-spread @ step) - 2.0 * height(0.0 * step)
        assert_allclose(-bend, step @ step, rtol=1e-4)


@pytest.mark.parametrize("covariance_type", ["full", "diag", "VVE"])
def test_errors_of_rows_with_gaps_are_those_of_the_hessian(covariance_type):
    X = two_clusters()
    X[np.random.RandomState(1).rand(*X.shape) < 0.15] = np.nan
    fit = precise(covariance_type=covariance_type).fit(X)
    assert_agrees(fit, X, np.ones(len(X)), None)


@pytest.mark.parametrize(
    "frozen", [("weights",), ("means",), ("covariances",), ("weights", "covariances")]
)
def test_what_is_frozen_is_known(frozen):
    X = two_clusters()
    start = precise().fit(X)
    fit = precise(
        frozen=frozen,
        weights_init=[0.5, 0.5],
        means_init=start.means_ + 0.1,
        precisions_init=start.precisions_ * 1.2,
    ).fit(X)
    found = standard_errors(fit, X)
    for name in frozen:
        assert_array_equal(getattr(found, name), 0.0)
        intervals = found.confidence_intervals()[name]
        assert_array_equal(intervals, getattr(fit, f"{name}_")[..., None] * np.ones(2))
    assert_agrees(fit, X, np.ones(len(X)), None, frozen)


def test_one_component_has_the_errors_of_a_mean_and_of_a_variance():
    X = two_clusters()
    n, fit = len(X), GaussianMixture().fit(X)
    found = standard_errors(fit, X)
    S = fit.covariances_[0]
    assert_array_equal(found.weights, [0.0])
    assert_allclose(found.means[0], np.sqrt(S.diagonal() / n))
    assert_allclose(
        found.covariances[0], np.sqrt((np.outer(S.diagonal(), S.diagonal()) + S**2) / n)
    )
    r = found.estimates.correlations[0]
    assert_allclose(found.correlations[0], (1.0 - r**2) / np.sqrt(n), atol=1e-12)


def test_results_move_with_the_data():
    X = two_clusters()
    scale, shift = np.array([1e3, 1e-5]), np.array([1e6, -3.0])
    here, there = (standard_errors(precise().fit(rows), rows) for rows in (X, X * scale + shift))
    assert_allclose(there.weights, here.weights, rtol=1e-6)
    assert_allclose(there.means, here.means * scale, rtol=1e-6)
    assert_allclose(there.covariances, here.covariances * scale * scale[:, None], rtol=1e-6)
    assert_allclose(there.correlations, here.correlations, rtol=1e-6, atol=1e-9)


def test_a_weight_counts_as_so_many_rows():
    X = two_clusters()
    counts = np.random.RandomState(3).randint(0, 3, size=len(X))
    fit = precise().fit(X, sample_weight=counts)
    far = np.where(counts[:, None] > 0, X, 1e200)
    found = standard_errors(fit, far, sample_weight=counts)
    repeated = standard_errors(fit, np.repeat(X, counts, axis=0)[::-1])
    assert_allclose(found.joint_covariance, repeated.joint_covariance, rtol=1e-9, atol=1e-15)


def test_names_of_mclust_are_other_names():
    X = two_clusters()
    one, other = (precise(covariance_type=name).fit(X) for name in ("tied", "EEE"))
    assert_array_equal(standard_errors(one, X).covariances, standard_errors(other, X).covariances)


def test_settings_changed_since_the_fit_do_not_matter():
    X = two_clusters()
    fit = precise().fit(X)
    before = standard_errors(fit, X).covariances
    fit.set_params(covariance_type="diag", frozen=("weights",), n_components=5)
    assert_array_equal(standard_errors(fit, X).covariances, before)


def test_float32_rows_have_nearly_the_same_errors():
    X = two_clusters()
    fit = precise().fit(X)
    found = standard_errors(precise().fit(X.astype(np.float32)), X.astype(np.float32))
    assert_allclose(found.means, standard_errors(fit, X).means, rtol=1e-4)


def moved(fit, by):
    """The mixture with a mean moved."""
    means = fit.means_.copy()
    means[0, 0] += by
    return GaussianMixture.from_parameters(fit.weights_, means, fit.covariances_)


def test_a_fit_that_is_no_maximum_is_refused_and_one_nearby_is_warned_of():
    fit = precise().fit(FAITHFUL)
    error = standard_errors(fit, FAITHFUL).means[0, 0]
    with pytest.warns(ConvergenceWarning, match="not quite at a maximum") as caught:
        standard_errors(moved(fit, 0.3 * error), FAITHFUL)
    assert caught[0].filename == __file__
    with pytest.raises(ValueError, match="no maximum of the log-likelihood of X"):
        standard_errors(moved(fit, 2.0 * error), FAITHFUL)
    with pytest.raises(ValueError, match="no maximum"):
        standard_errors(fit, FAITHFUL[:200])


def test_where_the_likelihood_is_flat_there_are_no_errors():
    mean, S = FAITHFUL.mean(axis=0), np.cov(FAITHFUL.T, bias=True)
    twice = GaussianMixture.from_parameters([0.5, 0.5], [mean, mean], [S, S])
    with pytest.raises(ValueError, match=r"not positive definite.*bootstrap"):
        standard_errors(twice, FAITHFUL)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_singular_components_are_refused_by_number():
    X = np.concatenate([FAITHFUL, np.tile([[10.0, 10.0]], (40, 1))])
    fit = GaussianMixture(3, random_state=0).fit(X)
    (k,) = np.flatnonzero(fit.singular_components_)
    with pytest.raises(ValueError, match=f"component {k} is held at the least covariance"):
        standard_errors(fit, X)


def test_an_empty_component_is_refused_by_number():
    S = np.cov(FAITHFUL.T)
    mixture = GaussianMixture.from_parameters([1.0, 0.0], FAITHFUL[:2], [S, S])
    with pytest.raises(ValueError, match="component 1 is empty"):
        standard_errors(mixture, FAITHFUL)


def test_other_estimators_are_refused_by_name():
    hard = HardGaussianMixture(2, random_state=0).fit(FAITHFUL)
    with pytest.raises(TypeError, match="GaussianMixture, got HardGaussianMixture"):
        standard_errors(hard, FAITHFUL)


# --- intervals and table ----------------------------------------------------------------------


def test_intervals_are_symmetric_on_the_scale_of_each_parameter():
    fit = precise().fit(FAITHFUL)
    found = standard_errors(fit, FAITHFUL)
    intervals = found.confidence_intervals(level=0.9)
    z = norm.ppf(0.95)

    def ends(value, error, scale, back, slope):
        return np.stack(
            [back(scale(value) - z * slope * error), back(scale(value) + z * slope * error)], -1
        )

    w = fit.weights_
    logit = ends(
        w,
        found.weights,
        lambda p: np.log(p / (1 - p)),
        lambda t: 1 / (1 + np.exp(-t)),
        1 / (w * (1 - w)),
    )
    assert_allclose(intervals.weights, logit)
    half = z * found.means[..., None] * [-1.0, 1.0]
    assert_allclose(intervals.means, fit.means_[..., None] + half)
    variance, error = fit.covariances_[0, 1, 1], found.covariances[0, 1, 1]
    expected = variance * np.exp(z * error / variance * np.array([-1.0, 1.0]))
    assert_allclose(intervals.covariances[0, 1, 1], expected)
    r, error = found.estimates.correlations[0, 0, 1], found.correlations[0, 0, 1]
    assert_allclose(
        intervals.correlations[0, 0, 1], ends(r, error, np.arctanh, np.tanh, 1 / (1 - r * r))
    )
    assert_array_equal(intervals.correlations[0, 0, 0], [1.0, 1.0])


def test_intervals_of_covariances_go_with_those_of_variances_and_correlations():
    """Where the correlation is known, a covariance is as the variances are; where the variances
    are, as the correlation."""
    fit = precise().fit(FAITHFUL)
    found = standard_errors(fit, FAITHFUL)
    interval = found.confidence_intervals().covariances[0, 0, 1]
    (c,) = fit.covariances_[0, :1, 1]
    below, above = c - interval[0], interval[1] - c
    half = norm.ppf(0.975) * found.covariances[0, 0, 1]
    assert_allclose([below, above], half, rtol=0.3)
    assert below < half < above
    narrow = found.confidence_intervals(1e-3).covariances[0, 0, 1]
    half = norm.ppf(0.5 + 5e-4) * found.covariances[0, 0, 1]
    assert_allclose([c - narrow[0], narrow[1] - c], half, rtol=1e-2)
    # one component: the covariance of log v, log w and artanh r is known
    one = GaussianMixture().fit(FAITHFUL)
    found = standard_errors(one, FAITHFUL)
    (v, c), (_, w) = one.covariances_[0]
    r, n, z = c / np.sqrt(v * w), len(FAITHFUL), norm.ppf(0.975)
    W = np.array([[2, r, 2 * r * r], [r, 1, r], [2 * r * r, r, 2]]) / n
    g = np.array([c / 2, np.sqrt(v * w) * (1 - r * r), c / 2])
    steps = z * W @ g / np.sqrt(g @ W @ g)
    expected = [
        np.sqrt(v * w)
        * np.exp((sign * steps[0] + sign * steps[2]) / 2)
        * np.tanh(np.arctanh(r) + sign * steps[1])
        for sign in (-1.0, 1.0)
    ]
    intervals = found.confidence_intervals().covariances[0]
    assert_allclose(intervals[0, 1], expected)
    assert_array_equal(intervals[1, 0], intervals[0, 1])


@pytest.mark.parametrize("level", [0.0, 1.0, 1.5, "high"])
def test_levels_are_between_zero_and_one(level):
    found = standard_errors(precise().fit(FAITHFUL), FAITHFUL)
    with pytest.raises((ValueError, TypeError), match="level"):
        found.table(level=level)


def test_the_table_has_one_line_for_each_number():
    pandas = pytest.importorskip("pandas")
    frame = load_faithful(as_frame=True).data
    found = standard_errors(precise().fit(frame), frame)
    table = pandas.DataFrame(found.table(level=0.9))
    counts = table.parameter.value_counts()
    assert dict(counts) == {"weight": 2, "mean": 4, "covariance": 6, "correlation": 2}
    lines = table.set_index(["parameter", "component", "feature", "other_feature"])
    line = lines.loc[("covariance", 1, "eruptions", "waiting")]
    assert line.estimate == found.estimates.covariances[1, 0, 1]
    assert line.standard_error == found.covariances[1, 0, 1]
    assert_array_equal(
        [line.lower, line.upper], found.confidence_intervals(0.9).covariances[1, 0, 1]
    )
    assert lines.loc[("mean", 0, "waiting", "")].standard_error == found.means[0, 1]
    assert repr(found).count("\n") == len(table)


def test_a_shared_covariance_has_no_component():
    found = standard_errors(precise(covariance_type="tied_spherical").fit(FAITHFUL), FAITHFUL)
    (line,) = found.table()[found.table()["parameter"] == "covariance"]
    assert line["component"] == -1
    assert line["standard_error"] == found.covariances


def test_the_joint_covariance_gives_errors_of_other_functions():
    """Of the difference of two means, as of one parameter in another coordinate."""
    X = two_clusters()
    fit = precise().fit(X)
    found = standard_errors(fit, X)
    assert_allclose(
        np.sqrt(found.joint_covariance.diagonal()), found.table()["standard_error"][:12]
    )
    slope = np.zeros(12)
    slope[[2, 4]] = 1.0, -1.0
    turned = X @ np.array([[1.0, 1.0], [0.0, 1.0]])  # another basis has the same means of feature 0
    other = standard_errors(
        precise(means_init=fit.means_ @ [[1.0, 1.0], [0.0, 1.0]]).fit(turned), turned
    )
    assert_allclose(
        slope @ found.joint_covariance @ slope, slope @ other.joint_covariance @ slope, rtol=1e-6
    )


def test_small_uncertainties_keep_their_digits():
    mixture = GaussianMixture.from_parameters([0.5, 0.5], [[0.0], [10.0]], [[[1.0]], [[1.0]]])
    found = classification_uncertainty(mixture, [[-1.0], [5.0], [0.0]])
    assert_allclose(found, [np.exp(-60.0), 0.5, np.exp(-50.0)], rtol=1e-9)
    with pytest.raises(TypeError, match="predict_proba, and KMeans has none"):
        classification_uncertainty(KMeans(2, n_init=1).fit(FAITHFUL), FAITHFUL)
