"""What can be computed from a mixture, against quadrature, closed forms and samples."""

from itertools import pairwise

import numpy as np
import pytest
import sklearn.mixture
from common import STRUCTURES, TYPES, clusters, dense_covariances, random_covariances
from numpy.testing import assert_allclose
from scipy import integrate, stats
from scipy.special import logsumexp
from sklearn.exceptions import NotFittedError

from emix import ConditionalMixtures, GaussianMixture
from emix._density.overlap import positive_probability


def made(covariance_type="full", seed=0, n_components=3, d=4, separation=1.5):
    """A mixture of random parameters."""
    rng, structure = np.random.RandomState(seed), STRUCTURES[covariance_type]
    return GaussianMixture.from_parameters(
        rng.dirichlet(np.full(n_components, 2.0)),
        separation * rng.normal(size=(n_components, d)),
        random_covariances(structure, rng, n_components, d),
        covariance_type=covariance_type,
        random_state=seed,
    )


def line(*rows):
    """A mixture of one feature from (weight, mean, variance)."""
    weights, means, variances = np.transpose(rows)
    return GaussianMixture.from_parameters(
        weights, means[:, None], variances[:, None], covariance_type="diag", random_state=0
    )


LINE = line((0.3, -1.0, 0.25), (0.5, 1.0, 1.0), (0.2, 4.0, 0.04))


def density(mixture):
    return lambda x: float(np.exp(mixture.score_samples([[x]])[0]))


def integral(function, mixture, **options):
    """Over the line, in pieces between the means and around them."""
    points = mixture.means_[:, 0]
    deviations = np.sqrt(np.ravel(mixture.covariances_)).max()
    ends = np.sort(np.concatenate([points, points - 2, points + 2]))
    ends = np.concatenate([[ends[0] - 38 * deviations], ends, [ends[-1] + 38 * deviations]])
    return sum(
        integrate.quad(function, a, b, epsabs=1e-13, **options)[0] for a, b in pairwise(ends)
    )


# --- from parameters ------------------------------------------------------------------------


@pytest.mark.parametrize("covariance_type", TYPES)
def test_from_parameters_is_the_mixture_of_a_fit(covariance_type):
    X = clusters(0, 300, 3, 2)
    fit = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(X)
    same = GaussianMixture.from_parameters(
        fit.weights_, fit.means_, fit.covariances_, covariance_type=covariance_type
    )
    np.testing.assert_allclose(same.score_samples(X), fit.score_samples(X), rtol=1e-12)
    np.testing.assert_allclose(same.precisions_, fit.precisions_, rtol=1e-8)
    np.testing.assert_array_equal(same.predict(X), fit.predict(X))
    assert same.bic(X) == pytest.approx(fit.bic(X), rel=1e-12)
    assert same.n_components == 2
    assert same.sample(5, random_state=0)[0].shape == (5, 3)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_the_structure_is_told_by_the_shape(covariance_type):
    mixture = made(covariance_type, n_components=3, d=2)
    again = GaussianMixture.from_parameters(mixture.weights_, mixture.means_, mixture.covariances_)
    assert again.covariance_type == covariance_type


@pytest.mark.parametrize("shape", [(2, 2), (2,)])
def test_a_shape_of_two_structures_is_refused(shape):
    covariances = np.eye(2) if len(shape) == 2 else np.ones(2)
    with pytest.raises(ValueError, match="pass covariance_type"):
        GaussianMixture.from_parameters([0.5, 0.5], np.eye(2), covariances)


GOOD = {
    "weights": [0.5, 0.5],
    "means": [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]],
    "covariances": np.array([np.eye(3)] * 2),
}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("weights", [0.5, 0.4], "add up to one"),
        ("weights", [1.5, -0.5], "not be negative"),
        ("weights", [1.0], "weights"),
        ("weights", [np.nan, 1.0], "weights contains NaN"),
        ("means", [0.0, 1.0], "means must have shape"),
        ("means", [[0.0, 0.0, np.inf], [1.0, 1.0, 1.0]], "means contains NaN or infinity"),
        ("covariances", np.ones((2, 4)), "have one of the shapes"),
        ("covariances", np.array([np.eye(3), np.ones((3, 3))]), "that of component 1 is not"),
        ("covariances", np.array([np.eye(3), -np.eye(3)]), "positive definite"),
        ("covariances", np.array([np.triu(np.ones((3, 3)))] * 2), "symmetric"),
        ("covariances", np.zeros((2, 3)), "positive definite"),
        ("covariance_type", "round", "covariance_type must be one of"),
        ("feature_names", ["a", "b"], "feature_names must be 3 strings"),
    ],
)
def test_bad_parameters_are_refused_by_name(name, value, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture.from_parameters(**{**GOOD, name: value})


def test_covariances_of_very_different_units_are_taken():
    scale = np.array([1e-60, 1.0, 1e60])
    correlated = 0.5 * np.eye(3) + 0.5
    mixture = GaussianMixture.from_parameters(
        [1.0], np.zeros((1, 3)), (correlated * np.multiply.outer(scale, scale))[None]
    )
    expected = stats.multivariate_normal(cov=correlated).logpdf(np.ones(3))
    assert mixture.score_samples([scale])[0] == pytest.approx(expected, rel=1e-12)


# --- marginals and conditionals -------------------------------------------------------------


@pytest.mark.parametrize("covariance_type", TYPES)
def test_conditional_times_marginal_is_the_joint_density(covariance_type):
    mixture = made(covariance_type)
    X = np.random.RandomState(1).normal(size=(20, 4)) * 3.0
    given, rest = [2, 0], [1, 3]
    marginal = mixture.marginal(given)
    joint = mixture.score_samples(X)
    assert marginal.covariance_type == covariance_type
    many = mixture.conditional(given, X[:, given])
    assert isinstance(many, ConditionalMixtures)
    by_parts = marginal.score_samples(X[:, given])
    np.testing.assert_allclose(many.log_density, by_parts, rtol=1e-12)
    np.testing.assert_allclose(by_parts + many.logpdf(X[:, rest]), joint, rtol=1e-12)
    for row, expected in zip(X, joint, strict=True):
        one = mixture.conditional(given, row[given])
        assert one.covariance_type == covariance_type
        value = marginal.score_samples([row[given]]) + one.score_samples([row[rest]])
        np.testing.assert_allclose(value, expected, rtol=1e-12)


def test_conditional_is_the_textbook_formula():
    mixture, a, b = made(), [1, 3], [0, 2]
    value = np.array([0.3, -2.0])
    one = mixture.conditional(a, value)
    for k in range(3):
        mean, C = mixture.means_[k], mixture.covariances_[k]
        gain = C[np.ix_(b, a)] @ np.linalg.inv(C[np.ix_(a, a)])
        np.testing.assert_allclose(one.means_[k], mean[b] + gain @ (value - mean[a]))
        expected = C[np.ix_(b, b)] - gain @ C[np.ix_(a, b)]
        np.testing.assert_allclose(one.covariances_[k], expected)
        np.testing.assert_allclose(one.precisions_[k], np.linalg.inv(expected))
    np.testing.assert_allclose(one.weights_, mixture.marginal(a).predict_proba([value])[0])


@pytest.mark.parametrize("covariance_type", TYPES)
def test_marginal_takes_features_in_the_order_given(covariance_type):
    mixture = made(covariance_type)
    part = mixture.marginal([3, 1])
    np.testing.assert_array_equal(part.means_, mixture.means_[:, [3, 1]])
    np.testing.assert_allclose(
        dense_covariances(part), dense_covariances(mixture)[:, [3, 1]][:, :, [3, 1]], atol=1e-14
    )
    samples = mixture.sample(2000, random_state=0)[0]
    with_all = np.full(len(samples), -np.inf)
    grid = made(covariance_type).marginal([3, 1, 0, 2])
    with_all = grid.score_samples(samples[:, [3, 1, 0, 2]])
    np.testing.assert_allclose(with_all, mixture.score_samples(samples), rtol=1e-11)


@pytest.mark.parametrize("distance", [300.0, 1e6, 1e100, 1e200])
def test_a_value_far_away_still_has_an_answer(distance):
    mixture = made(separation=1.0)
    found = mixture.conditional([0, 1], [[distance, -distance]])
    assert np.isfinite(found.mean).all()
    assert np.isfinite(found.covariance).all()
    assert np.exp(found.log_weights).sum() == pytest.approx(1.0)
    one = mixture.conditional([0, 1], [distance, -distance])
    assert np.isfinite(one.score_samples([[0.0, 0.0]])).all() or distance > 1e6


def test_weights_far_away_are_those_of_the_logarithms():
    mixture = line((0.5, 0.0, 1.0), (0.5, 1.0, 1.0)).marginal([0])
    wide = GaussianMixture.from_parameters(
        [0.5, 0.5], [[0.0, 0.0], [1.0, 5.0]], [1.0, 1.0], covariance_type="tied_diag"
    )
    found = wide.conditional([0], [[-300.0]])
    # log odds of the second component: ((300)² - (301)²) / 2
    assert found.log_weights[0, 1] == pytest.approx(-300.5, rel=1e-12)
    assert mixture.logcdf(-300.0) == pytest.approx(
        stats.norm.logcdf(-300.0) + np.log(0.5), rel=1e-12
    )


def test_unknown_values_are_integrated_out():
    mixture = made()
    rng = np.random.RandomState(2)
    values = rng.normal(size=(40, 3))
    values[rng.uniform(size=values.shape) < 0.4] = np.nan
    values[0] = np.nan
    many = mixture.conditional([0, 1, 3], values)
    for row, mean, covariance in zip(values, many.mean, many.covariance, strict=True):
        known = np.array([0, 1, 3])[~np.isnan(row)]
        if known.size:
            one = mixture.conditional(known, row[~np.isnan(row)])
            at = np.flatnonzero(np.setdiff1d(np.arange(4), known) == 2)
        else:
            one, at = mixture, [2]
        np.testing.assert_allclose(mean, one.mean_[at], rtol=1e-10)
        np.testing.assert_allclose(covariance, one.covariance_[np.ix_(at, at)], rtol=1e-10)
    assert mixture.conditional([0, 1], [np.nan, 1.0]).means_.shape == (3, 2)


def test_one_covariance_serves_rows_that_know_the_same():
    found = made().conditional([0, 1], np.zeros((1000, 2)))
    assert found.covariances.shape == (1000, 3, 2, 2)
    assert found.covariances.strides[0] == 0


def test_conditional_mixtures_agree_with_single_ones():
    mixture, values = made(), np.random.RandomState(3).normal(size=(5, 2))
    many = mixture.conditional([0, 2], values)
    assert len(many) == 5
    assert "n_samples=5" in repr(many)
    levels = [0.05, 0.5, 0.95]
    quantiles = many.quantile(levels)
    for i, row in enumerate(values):
        one = mixture.conditional([0, 2], row)
        np.testing.assert_allclose(many.mean[i], one.mean_)
        np.testing.assert_allclose(many.covariance[i], one.covariance_)
        np.testing.assert_allclose(many.variance[i], np.diag(one.covariance_))
        for j in (0, 1):
            np.testing.assert_allclose(quantiles[i, :, j], one.marginal([j]).quantile(levels))
    np.testing.assert_array_equal(many.quantile(0.5), quantiles[:, 1])


def test_conditional_mixtures_sample_what_they_are():
    values = np.array([[0.5, -1.0], [np.nan, 2.0]])
    for given in (values[:1], values):
        many = made().conditional([0, 2], given)
        drawn = many.sample(100_000, random_state=0)
        error = np.sqrt(many.variance / 100_000)
        assert (np.abs(drawn.mean(axis=1) - many.mean) < 5 * error).all()
        for i in range(len(given)):
            np.testing.assert_allclose(np.cov(drawn[i].T), many.covariance[i], atol=0.05)


def test_names_of_features_are_kept():
    mixture = GaussianMixture.from_parameters(**GOOD, feature_names=["length", "width", "height"])
    assert list(mixture.marginal(["height", "length"]).feature_names_in_) == ["height", "length"]
    rest = mixture.conditional("width", 1.0)
    assert list(rest.feature_names_in_) == ["length", "height"]
    assert list(mixture.marginal(-1).feature_names_in_) == ["height"]


@pytest.mark.parametrize(
    ("features", "error", "message"),
    [
        ([3], ValueError, "index 3 is out of range for 3 features"),
        ([0, -3], ValueError, "each once"),
        ([], ValueError, "at least one"),
        (["depth"], ValueError, "no 'depth'; names are none"),
        ([0.5], TypeError, "indices or names"),
        ([True], TypeError, "indices or names"),
    ],
)
def test_bad_features_are_refused(features, error, message):
    with pytest.raises(error, match=message):
        GaussianMixture.from_parameters(**GOOD).marginal(features)


@pytest.mark.parametrize(
    ("features", "values", "message"),
    [
        ([0, 1, 2], [0, 0, 0], "leave at least one feature"),
        ([0, 1], [0.0], r"shape \(2,\) or \(n_samples, 2\)"),
        ([0], [[[0.0]]], "values must have one entry"),
        ([0], [np.inf], "not be infinite"),
    ],
)
def test_bad_values_are_refused(features, values, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture.from_parameters(**GOOD).conditional(features, values)


def test_nothing_is_computed_before_a_fit():
    unfitted = GaussianMixture(2)
    for call in (
        lambda: unfitted.marginal([0]),
        lambda: unfitted.conditional([0], [0.0]),
        lambda: unfitted.mean_,
        lambda: unfitted.cdf(0.0),
        lambda: unfitted.log_prob_components([[0.0]]),
        lambda: unfitted.overlap(),
        lambda: unfitted.reordered("weight"),
        lambda: unfitted.to_sklearn(),
    ):
        with pytest.raises(NotFittedError):
            call()


# --- moments and components -----------------------------------------------------------------


@pytest.mark.parametrize("covariance_type", TYPES)
def test_moments_are_those_of_a_large_sample(covariance_type):
    mixture = made(covariance_type)
    X = mixture.sample(200_000, random_state=0)[0]
    np.testing.assert_allclose(mixture.mean_, X.mean(axis=0), atol=0.02)
    np.testing.assert_allclose(mixture.covariance_, np.cov(X.T), atol=0.06)


def test_moments_of_a_fit_by_maximum_likelihood_are_those_of_the_data():
    X = clusters(0, 300, 3, 2)
    mixture = GaussianMixture(2, random_state=0, tol=1e-12).fit(X)
    np.testing.assert_allclose(mixture.mean_, X.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(mixture.covariance_, np.cov(X.T, bias=True), rtol=1e-6)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_densities_of_components_are_those_of_scipy(covariance_type):
    mixture = made(covariance_type)
    X = np.random.RandomState(4).normal(size=(30, 4))
    found = mixture.log_prob_components(X)
    for k, (mean, C) in enumerate(zip(mixture.means_, dense_covariances(mixture), strict=True)):
        np.testing.assert_allclose(found[:, k], stats.multivariate_normal(mean, C).logpdf(X))
    whole = logsumexp(found + np.log(mixture.weights_), axis=1)
    np.testing.assert_allclose(whole, mixture.score_samples(X), rtol=1e-12)


def test_densities_of_components_of_weight_zero_are_known():
    mixture = GaussianMixture.from_parameters([1.0, 0.0], [[0.0], [5.0]], [1.0, 4.0])
    found = mixture.log_prob_components(np.array([[5.0]], dtype=np.float32))
    assert found.dtype == np.float32
    assert found[0, 1] == pytest.approx(stats.norm(5, 2).logpdf(5.0), rel=1e-6)


# --- one feature ----------------------------------------------------------------------------


def test_tails_are_those_of_scipy():
    x = np.linspace(-5.0, 6.0, 45).reshape(5, 9)
    parts = list(
        zip(LINE.weights_, LINE.means_[:, 0], np.sqrt(LINE.covariances_[:, 0]), strict=True)
    )
    lower = sum(w * stats.norm(m, s).cdf(x) for w, m, s in parts)
    upper = sum(w * stats.norm(m, s).sf(x) for w, m, s in parts)
    np.testing.assert_allclose(LINE.cdf(x), lower, rtol=1e-13)
    np.testing.assert_allclose(LINE.ccdf(x), upper, rtol=1e-13)
    np.testing.assert_allclose(np.exp(LINE.logcdf(x)), lower, rtol=1e-13)
    assert LINE.cdf(-np.inf) == 0.0
    assert LINE.cdf(np.inf) == 1.0
    assert LINE.logccdf(1e4) == pytest.approx(
        np.log(0.5) + stats.norm(1.0, 1.0).logsf(1e4), rel=1e-12
    )


def test_quantiles_invert_both_tails():
    q = np.array([[1e-300, 1e-15, 0.01, 0.3], [0.5, 0.8, 0.999, 1.0 - 2.0**-53]])
    x = LINE.quantile(q)
    assert x.shape == q.shape
    np.testing.assert_allclose(LINE.cdf(x), q, rtol=1e-12)
    np.testing.assert_allclose(LINE.ccdf(x)[1], 1.0 - q[1], rtol=1e-12)
    np.testing.assert_array_equal(LINE.icdf(q), x)
    np.testing.assert_array_equal(LINE.quantile([0.0, 1.0]), [-np.inf, np.inf])


def test_quantiles_of_the_upper_tail_have_their_digits():
    mixture = LINE
    q = np.array([1e-300, 1e-20, 0.3, 1.0 - 1e-9])
    assert_allclose(mixture.logccdf(mixture.iccdf(q)), np.log(q), rtol=1e-9, atol=1e-15)
    assert_allclose(mixture.iccdf(0.3), mixture.icdf(0.7), rtol=1e-12)
    assert mixture.iccdf([0.0, 1.0]).tolist() == [np.inf, -np.inf]
    assert np.isinf(mixture.quantile(1.0 - 1e-300))  # what there is no number for


def test_conditional_probabilities_are_those_of_single_mixtures():
    mixture = GaussianMixture.from_parameters(
        [0.4, 0.6], [[0.0, 0.0, 1.0], [2.0, 1.0, 0.0]], [np.eye(3), np.eye(3) + 0.5]
    )
    given, y = np.array([[0.0], [1.5]]), np.array([[0.2, 0.9], [1.0, -3.0]])
    found = mixture.conditional([0], given).cdf(y)
    for i in range(2):
        one = mixture.conditional([0], given[i])
        expected = [one.marginal([j]).cdf(y[i, j]) for j in range(2)]
        assert_allclose(found[i], expected, rtol=1e-12)
    with pytest.raises(ValueError, match="Y must have"):
        mixture.conditional([0], given).cdf(y[:1])


def test_quantiles_of_components_that_are_far_apart():
    """Where the distribution function is flat over a billion standard deviations."""
    mixture = line((0.25, 0.0, 1.0), (0.75, 1e9, 1.0))
    assert mixture.quantile(0.125) == pytest.approx(0.0, abs=1e-6)
    assert mixture.quantile(0.625) == pytest.approx(1e9, rel=1e-12)
    assert 10.0 < mixture.quantile(0.25) < 1e9


def test_a_component_of_weight_zero_moves_no_quantile():
    with_it = line((1.0, 0.0, 1.0), (0.0, 1e6, 1e6))
    assert with_it.quantile(0.9) == pytest.approx(stats.norm.ppf(0.9), rel=1e-12)


@pytest.mark.parametrize("probability", [1e-3, 0.1, 0.5, 0.9, 0.999, 1 - 1e-9])
def test_highest_density_regions(probability):
    regions = LINE.highest_density_region(probability)
    inside = np.diff(LINE.cdf(regions), axis=1).sum()
    assert inside == pytest.approx(probability, rel=1e-9)
    heights = LINE.score_samples(regions.reshape(-1, 1))
    np.testing.assert_allclose(heights, heights[0], atol=1e-8)
    # nothing outside is higher, and nothing inside lower
    grid = np.linspace(-20.0, 20.0, 20_001)
    within = ((grid[:, None] > regions[:, 0]) & (grid[:, None] < regions[:, 1])).any(axis=1)
    higher = LINE.score_samples(grid[:, None]) > heights[0]
    assert (within == higher).mean() > 1 - 1e-3


def test_a_region_of_one_normal_is_its_central_interval():
    normal = line((1.0, 3.0, 4.0))
    np.testing.assert_allclose(
        normal.highest_density_region(0.95), [stats.norm(3.0, 2.0).interval(0.95)], rtol=1e-9
    )


def test_several_features_are_referred_to_marginal():
    for call in (
        lambda m: m.cdf(0.0),
        lambda m: m.quantile(0.5),
        lambda m: m.highest_density_region(),
    ):
        with pytest.raises(ValueError, match=r"mixture.marginal\(\[0\]\)"):
            call(made())
    with pytest.raises(ValueError, match="q must be between 0 and 1"):
        LINE.quantile(1.5)
    with pytest.raises(ValueError, match="x contains NaN"):
        LINE.cdf(np.nan)
    with pytest.raises(ValueError, match="probability must be between"):
        LINE.highest_density_region(1.0)


# --- entropy and divergence -----------------------------------------------------------------


@pytest.mark.parametrize("separation", [0.0, 0.5, 1.0, 2.0, 4.0, 30.0])
def test_entropy_lies_between_its_bounds(separation):
    mixture = line((0.3, 0.0, 1.0), (0.5, separation, 0.5), (0.2, -2 * separation, 2.0))
    p = density(mixture)
    entropy = integral(lambda x: -p(x) * mixture.score_samples([[x]])[0], mixture)
    lower, upper = mixture.entropy_bounds()
    assert lower - 1e-9 <= entropy <= upper + 1e-9
    if separation == 30.0:
        assert upper - lower < 1e-9


def test_entropy_bounds_are_the_better_ones_of_two():
    """Twenty components a deviation apart are nearly uniform: products and moments are closer
    than distances of pairs. Far apart it is the other way round."""
    near = GaussianMixture.from_parameters(
        np.full(20, 0.05), np.arange(20.0)[:, None], np.ones(20), covariance_type="spherical"
    )
    lower, upper = near.entropy_bounds()
    assert np.log(20.0) - 0.01 < lower < upper < np.log(20.0) + 0.21


@pytest.mark.parametrize("covariance_type", TYPES)
def test_entropy_of_one_normal_is_exact(covariance_type):
    mixture = made(covariance_type, n_components=1)
    exact = stats.multivariate_normal(cov=dense_covariances(mixture)[0]).entropy()
    np.testing.assert_allclose(mixture.entropy_bounds(), exact, rtol=1e-12)


def test_entropy_bounds_hold_for_samples_of_several_features():
    mixture = made(separation=0.8)
    log_p = -mixture.score_samples(mixture.sample(50_000, random_state=1)[0])
    lower, upper = mixture.entropy_bounds()
    margin = 4 * log_p.std() / np.sqrt(50_000)
    assert lower - margin <= log_p.mean() <= upper + margin
    assert upper - lower < 1.5


@pytest.mark.parametrize("seed", range(4))
def test_divergence_against_quadrature(seed):
    p, q = made("diag", seed, 3, 1), made("diag", seed + 100, 2, 1)
    f = density(p)
    exact = integral(lambda x: f(x) * (p.score_samples([[x]]) - q.score_samples([[x]]))[0], p)
    found = p.kl_divergence(q, n_samples=20_000)
    assert abs(found.estimate - exact) < 5 * found.standard_error
    assert found.standard_error < 0.2
    assert found.upper_bound >= exact - 1e-9
    assert found.approximation == pytest.approx(exact, abs=0.6)


def test_divergence_of_normals_is_exact():
    p, q = made(n_components=1), made("diag", 1, n_components=1)
    (m, s), (C, D) = (p.means_[0], q.means_[0]), (p.covariances_[0], np.diag(q.covariances_[0]))
    y = m - s
    exact = 0.5 * (
        np.trace(np.linalg.solve(D, C))
        + y @ np.linalg.solve(D, y)
        - 4
        + np.linalg.slogdet(D)[1]
        - np.linalg.slogdet(C)[1]
    )
    found = p.kl_divergence(q)
    assert found.upper_bound == pytest.approx(exact, rel=1e-12)
    assert found.approximation == pytest.approx(exact, rel=1e-12)


def test_divergence_from_itself_is_zero():
    p = made()
    found = p.kl_divergence(p.reordered("weight"))
    assert found.estimate == pytest.approx(0.0, abs=1e-12)
    assert found.upper_bound == pytest.approx(0.0, abs=1e-9)
    assert found.approximation == pytest.approx(0.0, abs=1e-12)


def test_the_bound_couples_components():
    """Components that were merely split in the other mixture cost nothing."""
    p = line((0.4, 0.0, 1.0), (0.6, 9.0, 1.0))
    q = line((0.1, 0.0, 1.0), (0.3, 0.0, 1.0), (0.6, 9.0, 1.0))
    assert p.kl_divergence(q).upper_bound == pytest.approx(0.0, abs=1e-9)


def test_divergence_needs_another_mixture_of_the_same_features():
    with pytest.raises(TypeError, match="other must be a fitted GaussianMixture"):
        LINE.kl_divergence(3.0)
    with pytest.raises(ValueError, match="same features: 1 here, 4 there"):
        LINE.kl_divergence(made())


# --- modes and overlap ----------------------------------------------------------------------


def test_modes_of_one_feature_are_those_of_a_grid():
    grid = np.linspace(-4.0, 6.0, 200_001)
    height = LINE.score_samples(grid[:, None])
    top = np.flatnonzero((height[1:-1] > height[:-2]) & (height[1:-1] > height[2:])) + 1
    found = LINE.modes()
    np.testing.assert_allclose(np.sort(found.locations[:, 0]), grid[top], atol=1e-4)
    np.testing.assert_allclose(found.log_densities, LINE.score_samples(found.locations))
    assert (np.diff(found.log_densities) <= 0.0).all()


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("separation", [0.5, 1.5, 4.0])
def test_modes_have_no_slope_and_fall_off_on_all_sides(covariance_type, separation):
    mixture = made(covariance_type, 5, 5, 3, separation)
    found = mixture.modes()
    rng = np.random.RandomState(0)
    for k, (place, height) in enumerate(zip(found.locations, found.log_densities, strict=True)):
        around = place + 1e-3 * rng.normal(size=(200, 3))
        assert (mixture.score_samples(around) < height).all()
        step = 1e-5 * np.eye(3)
        slope = mixture.score_samples(place + step) - mixture.score_samples(place - step)
        np.testing.assert_allclose(slope / 2e-5, 0.0, atol=1e-5)
        assert (found.components == k).any()


def test_two_normals_have_two_modes_beyond_two_deviations():
    assert len(line((0.5, -0.99, 1.0), (0.5, 0.99, 1.0)).modes().locations) == 1
    assert len(line((0.5, -1.01, 1.0), (0.5, 1.01, 1.0)).modes().locations) == 2


def test_a_flat_top_is_one_mode():
    """Two normals two deviations apart: first to third derivatives are zero at the top."""
    found = line((0.5, -1.0, 1.0), (0.5, 1.0, 1.0)).modes()
    assert len(found.locations) == 1
    assert abs(found.locations[0, 0]) < 1e-3


@pytest.mark.parametrize("seed", [31, 115, 198, 488, 863])
def test_a_component_leads_to_the_mode_uphill_of_its_mean(seed):
    """Of scales so different that a long step of Newton's would lead to another hill."""
    rng = np.random.RandomState(seed)
    n_components = rng.randint(2, 5)
    weights, means = rng.dirichlet(np.ones(n_components)), 2.0 * rng.normal(size=n_components)
    variances = np.exp(1.5 * rng.normal(size=n_components))
    mixture = line(*zip(weights, means, variances, strict=True))
    grid = np.linspace(-15.0, 15.0, 300_001)
    rising = np.diff(mixture.score_samples(grid[:, None])) > 0.0
    tops = grid[1:-1][rising[:-1] & ~rising[1:]]
    valleys = grid[1:-1][~rising[:-1] & rising[1:]]
    expected = tops[np.searchsorted(valleys, means)]
    found = mixture.modes()
    np.testing.assert_allclose(found.locations[found.components, 0], expected, atol=1e-3)


def test_a_mean_on_a_saddle_is_left():
    found = line((0.4, -3.0, 2.25), (0.2, 0.0, 2.25), (0.4, 3.0, 2.25)).modes()
    assert len(found.locations) == 2
    np.testing.assert_allclose(np.abs(found.locations), 2.7317, atol=1e-4)


def test_overlap_of_equal_covariances_has_a_closed_form():
    for distance in (0.1, 1.0, 10.0, 40.0):
        mixture = GaussianMixture.from_parameters(
            [0.3, 0.7], [[0.0, 0.0], [3.0 * distance, 0.0]], [9.0, 2.0], covariance_type="tied_diag"
        )
        odds = np.log(0.7 / 0.3)
        found = mixture.overlap()
        expected = stats.norm.cdf((odds - distance**2 / 2) / distance)
        assert found[0, 1] == pytest.approx(expected, rel=1e-10)
        expected = stats.norm.cdf((-odds - distance**2 / 2) / distance)
        assert found[1, 0] == pytest.approx(expected, rel=1e-10)
        assert found[0, 0] == found[1, 1] == 0.0


@pytest.mark.parametrize("seed", range(30))
def test_overlap_of_one_feature_by_the_roots_of_a_quadratic(seed):
    rng = np.random.RandomState(seed)
    (w0, w1), (m0, m1) = rng.dirichlet([1, 1]), rng.normal(size=2) * rng.choice([0.3, 2, 10])
    s0, s1 = rng.uniform(0.2, 2.0, size=2)
    quadratic = [
        0.5 / s0**2 - 0.5 / s1**2,
        m1 / s1**2 - m0 / s0**2,
        0.5 * (m0 / s0) ** 2 - 0.5 * (m1 / s1) ** 2 + np.log(w1 / w0 * s0 / s1),
    ]
    a, b = stats.norm(m0, s0), np.roots(quadratic)
    if np.iscomplexobj(b):
        expected = float(quadratic[0] > 0.0)
    else:
        low, high = np.sort(b)
        middle = a.cdf(high) - a.cdf(low) if low < m0 else a.sf(low) - a.sf(high)
        expected = a.cdf(low) + a.sf(high) if quadratic[0] > 0.0 else middle
    found = line((w0, m0, s0**2), (w1, m1, s1**2)).overlap()[0, 1]
    assert found == pytest.approx(expected, rel=1e-8, abs=1e-290)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_overlap_is_the_share_of_draws_that_are_taken_for_others(covariance_type):
    mixture = made(covariance_type, 7, 3, 4, 0.8)
    found, n = mixture.overlap(), 100_000
    X, y = mixture.sample(n, random_state=0)
    joint = mixture.log_prob_components(X) + np.log(mixture.weights_)
    for i in range(3):
        rows = joint[y == i]
        share = (rows > rows[:, [i]]).mean(axis=0)
        error = np.sqrt(np.maximum(share * (1 - share), 1e-4) / len(rows))
        assert (np.abs(share - found[i]) < 5 * error).all()


def test_overlap_of_a_form_that_cannot_be_positive_is_zero():
    assert positive_probability(-1.0, np.array([-1.0, -2.0]), np.zeros(2)) == 0.0
    assert positive_probability(1.0, np.array([1.0, 2.0]), np.zeros(2)) == 1.0
    assert positive_probability(-1.0, np.zeros(1), np.zeros(1)) == 0.0
    # |e|² > 2 t is a chi-squared tail
    found = positive_probability(-10.0, np.ones(3), np.zeros(3))
    assert found == pytest.approx(stats.chi2(3).sf(20.0), rel=1e-10)


def test_components_of_weight_zero_have_no_part():
    plain = GaussianMixture.from_parameters([0.4, 0.6], [[0.0], [3.0]], [1.0, 2.0])
    mixture = GaussianMixture.from_parameters(
        [0.4, 0.6, 0.0], [[0.0], [3.0], [1.5]], [1.0, 2.0, 0.5]
    )
    found = mixture.overlap()
    np.testing.assert_allclose(found[:2, :2], plain.overlap(), rtol=1e-10)
    np.testing.assert_array_equal(found[:2, 2], 0.0)
    np.testing.assert_array_equal(found[2, :2], 1.0)
    np.testing.assert_allclose(mixture.entropy_bounds(), plain.entropy_bounds(), rtol=1e-12)
    divergence = mixture.kl_divergence(plain, random_state=0)
    assert divergence.upper_bound == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(divergence[:3], 0.0, atol=1e-12)
    np.testing.assert_allclose(mixture.modes().locations, plain.modes().locations, atol=1e-8)
    np.testing.assert_allclose(
        mixture.highest_density_region(0.8), plain.highest_density_region(0.8), rtol=1e-9
    )
    np.testing.assert_allclose(
        [mixture.mean_, mixture.covariance_[0]], [plain.mean_, plain.covariance_[0]], rtol=1e-12
    )


# --- what units and order do ----------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_units_and_origin_change_nothing(scale):
    mixture, units = made(separation=2.0), scale * np.array([1.0, 20.0, 300.0, 4000.0])
    shift = 10.0 * units
    moved = GaussianMixture.from_parameters(
        mixture.weights_,
        mixture.means_ * units + shift,
        mixture.covariances_ * np.multiply.outer(units, units),
        random_state=0,
    )
    np.testing.assert_allclose(moved.overlap(), mixture.overlap(), rtol=1e-9)
    log_unit = np.log(units).sum()
    np.testing.assert_allclose(
        np.array(moved.entropy_bounds()) - log_unit, mixture.entropy_bounds(), rtol=1e-10
    )
    a, b = moved.modes(), mixture.modes()
    np.testing.assert_allclose((a.locations - shift) / units, b.locations, atol=1e-6)
    np.testing.assert_array_equal(a.components, b.components)
    value = np.array([0.3, -1.0])
    one = moved.conditional([0, 1], value * units[:2] + shift[:2])
    other = mixture.conditional([0, 1], value)
    np.testing.assert_allclose((one.mean_ - shift[2:]) / units[2:], other.mean_, rtol=1e-9)
    np.testing.assert_allclose(
        moved.marginal([2]).quantile([0.1, 0.9]) / units[2] - 10.0,
        mixture.marginal([2]).quantile([0.1, 0.9]),
        rtol=1e-9,
    )


@pytest.mark.parametrize("covariance_type", TYPES)
def test_components_come_in_the_order_asked_for(covariance_type):
    mixture = made(covariance_type, n_components=4)
    X = np.random.RandomState(0).normal(size=(20, 4))
    for order, key in (("weight", -mixture.weights_), ("mean", mixture.means_[:, 0])):
        sorted_ = mixture.reordered(order)
        expected = np.argsort(key)
        np.testing.assert_array_equal(sorted_.weights_, mixture.weights_[expected])
        np.testing.assert_allclose(
            sorted_.predict_proba(X), mixture.predict_proba(X)[:, expected], rtol=1e-12
        )
        np.testing.assert_allclose(dense_covariances(sorted_), dense_covariances(mixture)[expected])
    np.testing.assert_array_equal(
        mixture.reordered([3, 1, 0, 2]).means_, mixture.means_[[3, 1, 0, 2]]
    )


def test_two_fits_from_other_starts_are_equal_in_order():
    X = clusters(3, 400, 2, 3, 8.0)
    fits = [GaussianMixture(3, random_state=seed, tol=1e-12).fit(X) for seed in (0, 1, 2)]
    means = [fit.reordered("mean").means_ for fit in fits]
    np.testing.assert_allclose(means[1], means[0], rtol=1e-6)
    np.testing.assert_allclose(means[2], means[0], rtol=1e-6)


def test_equal_first_features_are_ordered_by_the_second():
    mixture = GaussianMixture.from_parameters(
        [0.5, 0.3, 0.2], [[1.0, 2.0], [1.0, 1.0], [0.0, 9.0]], [1.0, 1.0, 1.0]
    )
    assert mixture.reordered("mean").means_.tolist() == [[0.0, 9.0], [1.0, 1.0], [1.0, 2.0]]


@pytest.mark.parametrize("order", ["size", [0, 1], [0, 0, 1], [0.5, 1, 2]])
def test_a_bad_order_is_refused(order):
    with pytest.raises(ValueError, match="order must be one of 'weight', 'mean'"):
        made().reordered(order)


# --- scikit-learn's class -------------------------------------------------------------------


@pytest.mark.parametrize("covariance_type", TYPES)
def test_to_sklearn_predicts_the_same(covariance_type):
    X = clusters(1, 300, 3, 3)
    mixture = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    other = mixture.to_sklearn()
    assert type(other) is sklearn.mixture.GaussianMixture
    np.testing.assert_array_equal(other.predict(X), mixture.predict(X))
    np.testing.assert_allclose(other.predict_proba(X), mixture.predict_proba(X), atol=1e-10)
    np.testing.assert_allclose(other.score_samples(X), mixture.score_samples(X), rtol=1e-10)
    assert other.converged_ is mixture.converged_
    assert other.lower_bound_ == mixture.lower_bound_
    drawn, labels = other.sample(20_000)
    assert np.bincount(labels).shape == (3,)
    error = 5 * np.sqrt(np.diag(mixture.covariance_) / 20_000)
    assert (np.abs(drawn.mean(axis=0) - mixture.mean_) < error).all()
    np.testing.assert_allclose(
        np.cov(drawn.T), mixture.covariance_, atol=0.06 * np.abs(mixture.covariance_).max()
    )
    if covariance_type in ("full", "tied", "diag", "spherical"):
        assert other.covariance_type == covariance_type
        assert other.bic(X) == pytest.approx(mixture.bic(X), rel=1e-10)
    else:
        assert other.covariance_type == "tied"


def test_to_sklearn_keeps_names_and_knows_parameters_alone():
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(clusters(1, 100, 2, 2), columns=["a", "b"])
    other = GaussianMixture(2, random_state=0).fit(X).to_sklearn()
    assert list(other.feature_names_in_) == ["a", "b"]
    assert other.predict(X).shape == (100,)
    made_up = made().to_sklearn()
    assert made_up.predict(np.zeros((1, 4))).shape == (1,)
    other.weights_[:] = 0.0  # a copy


@pytest.mark.parametrize("covariance_type", ["full", "tied"])
def test_the_density_is_the_fitted_one_whatever_set_params_says_since(covariance_type):
    X = np.random.RandomState(0).normal(size=(60, 2))
    mixture = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(X)
    expected = mixture.score_samples(X), mixture.marginal([1]).score_samples(X[:, 1:])
    mixture.set_params(covariance_type="spherical")
    assert_allclose(mixture.reordered("weight").score_samples(X), expected[0])
    assert_allclose(mixture.to_sklearn().score_samples(X), expected[0])
    assert_allclose(mixture.marginal([1]).score_samples(X[:, 1:]), expected[1])
    assert_allclose(mixture.reordered("mean").bic(X), mixture.bic(X))


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag"])
def test_log_densities_of_components_of_rows_with_gaps(covariance_type):
    X = np.random.RandomState(0).normal(size=(80, 3))
    mixture = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(X)
    X[::3, 1], X[::4, 2] = np.nan, np.nan
    joint = mixture.log_prob_components(X) + np.log(mixture.weights_)
    assert_allclose(np.logaddexp(*joint.T), mixture.score_samples(X), rtol=1e-10)
