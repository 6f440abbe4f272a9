"""The bootstrap of mixtures of normals, and the test of one component more."""

import warnings

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning

from emix import GaussianMixture, PoissonMixture
from emix._density.affinity import affinities, matched
from emix._density.normals import Normals
from emix.covariances import Factors
from emix.datasets import load_faithful
from emix.inference import (
    bootstrap,
    likelihood_ratio_test,
    sequential_test,
    standard_errors,
)

FAITHFUL = load_faithful().data
METHODS = ["nonparametric", "parametric", "weighted"]
# Four standard deviations of the relative error of a standard deviation of so many replicates.
MANY = 60
FOUR = 4.0 / np.sqrt(2.0 * (MANY - 1))


@pytest.fixture(scope="module")
def pair():
    return GaussianMixture(2, random_state=0).fit(FAITHFUL).reordered("weight")


# --- matching ---------------------------------------------------------------------------------


def normals(weights, means, deviations):
    roots = np.reshape(deviations, (-1, 1, 1))
    return Normals(np.log(weights), np.reshape(means, (-1, 1)), roots)


def test_affinities_are_integrals():
    one, other = normals([0.3, 0.7], [0.0, 3.0], [1.0, 0.5]), normals([0.6], [1.0], [2.0])
    found = affinities(one, other)
    for k, (weight, mean, deviation) in enumerate([(0.3, 0.0, 1.0), (0.7, 3.0, 0.5)]):

        def root(x, weight=weight, mean=mean, deviation=deviation):
            product = weight * norm.pdf(x, mean, deviation) * 0.6 * norm.pdf(x, 1.0, 2.0)
            return np.sqrt(product)

        assert_allclose(found[k, 0], quad(root, -20.0, 20.0)[0], rtol=1e-7)


def test_affinities_are_the_same_in_any_units():
    rng = np.random.RandomState(0)
    turn, shift = rng.normal(size=(3, 3)) * [1e-6, 1.0, 1e6], rng.normal(size=3)
    mixtures = []
    for _ in range(2):
        A = rng.normal(size=(2, 3, 3))
        means, covariances = rng.normal(size=(2, 3)), A @ A.swapaxes(1, 2)
        here = GaussianMixture.from_parameters([0.4, 0.6], means, covariances)
        moved = turn.T @ covariances @ turn
        there = GaussianMixture.from_parameters([0.4, 0.6], means @ turn + shift, moved)
        mixtures.append((here._normals(), there._normals()))
    (one, one_there), (other, other_there) = mixtures
    assert_allclose(affinities(one_there, other_there), affinities(one, other), rtol=1e-6)
    assert_allclose(affinities(one, one).diagonal(), [0.4, 0.6])


def test_components_are_matched_by_weight_mean_and_spread():
    one = normals([0.2, 0.2, 0.3, 0.3], [0.0, 5.0, 5.0, 90.0], [1.0, 1.0, 9.0, 1.0])
    order = np.array([2, 3, 1, 0])
    assert_array_equal(order[matched(one, one.reordered(order))], [0, 1, 2, 3])


# --- the bootstrap ----------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_the_error_of_a_mean_is_known(method):
    X = np.random.RandomState(0).normal(size=(100, 2)) * [1.0, 1e3]
    fit = GaussianMixture(random_state=0).fit(X)
    found = bootstrap(fit, X, method=method, n_resamples=MANY)
    expected = standard_errors(fit, X)
    assert_allclose(found.means, expected.means, rtol=FOUR)
    # of variances, the rows' fourth moments count in two of the methods
    assert_allclose(found.covariances, expected.covariances, rtol=1.5 * FOUR)
    assert_array_equal(found.weights, [0.0])


def test_errors_of_samples_of_the_model_are_those_of_the_information(pair):
    found = bootstrap(pair, FAITHFUL, method="parametric", n_resamples=MANY, random_state=1)
    expected = standard_errors(pair, FAITHFUL)
    for name in ("weights", "means", "covariances", "correlations"):
        assert_allclose(getattr(found, name), getattr(expected, name), rtol=1.3 * FOUR)


def test_errors_of_old_faithful_are_those_of_mclust(pair):
    """MclustBootstrap of mclust 6.0.0, type "bs", VVV, 399 draws."""
    found = bootstrap(pair, FAITHFUL, n_resamples=MANY, random_state=0)
    tolerance = 4.0 * np.sqrt(1.0 / (2 * (MANY - 1)) + 1.0 / (2 * 398))
    assert_allclose(found.means, [[0.032, 0.476], [0.029, 0.586]], rtol=tolerance)
    assert_allclose(found.weights, [0.027, 0.027], rtol=tolerance)


@pytest.mark.parametrize("method", METHODS)
def test_results_depend_on_the_seed_alone(pair, method):
    one = bootstrap(pair, FAITHFUL, method=method, n_resamples=6, random_state=3)
    with joblib.parallel_backend("threading"):
        other = bootstrap(pair, FAITHFUL, method=method, n_resamples=6, random_state=3, n_jobs=2)
    third = bootstrap(pair, FAITHFUL, method=method, n_resamples=6, random_state=4)
    assert_array_equal(one.replicates.means, other.replicates.means)
    assert (one.replicates.means != third.replicates.means).all()


def test_intervals_and_errors_are_those_of_the_replicates(pair):
    found = bootstrap(pair, FAITHFUL, n_resamples=50, random_state=0)
    assert found.replicates.covariances.shape == (50, 2, 2, 2)
    assert_allclose(found.means, np.std(found.replicates.means, axis=0, ddof=1))
    ends = np.quantile(found.replicates.correlations[:, 1, 0, 1], [0.1, 0.9])
    assert_allclose(found.confidence_intervals(0.8).correlations[1, 0, 1], ends)
    line = found.table(level=0.8)[-1]
    assert_allclose([line["lower"], line["upper"]], ends, rtol=1e-14)
    assert line["estimate"] == found.estimates.correlations[1, 0, 1]
    r = found.replicates
    expected = r.covariances[:, 0, 0, 1] / np.sqrt(
        r.covariances[:, 0, 0, 0] * r.covariances[:, 0, 1, 1]
    )
    assert_allclose(r.correlations[:, 0, 0, 1], expected)


def test_replicates_are_maxima_of_resampled_rows():
    """Of one component, the mean of rows that are drawn as often as told."""
    X = np.array([[0.0], [1.0], [10.0], [11.0], [20.0]])
    fit = GaussianMixture().fit(X)
    means = bootstrap(fit, X, n_resamples=50, random_state=0).replicates.means[:, 0, 0]
    counts = 5.0 * means
    assert_allclose(counts, counts.round(), atol=1e-9)
    assert len(set(counts.round())) >= 20


@pytest.mark.parametrize("method", METHODS)
def test_weights_count_rows(method):
    """Twice the weight has errors smaller by the root of two."""
    X = np.random.RandomState(0).normal(size=(200, 1))
    fit = GaussianMixture(random_state=0).fit(X)
    twice = bootstrap(fit, X, method=method, n_resamples=MANY, sample_weight=np.full(200, 2))
    assert_allclose(twice.means, standard_errors(fit, X).means / np.sqrt(2.0), rtol=FOUR)
    far = np.concatenate([X, [[1e300]]])
    weight = np.append(np.full(200, 2.0), 0.0)
    idle = bootstrap(fit, far, method=method, n_resamples=MANY, sample_weight=weight)
    assert_allclose(idle.means, twice.means)


def test_samples_have_gaps_like_the_rows():
    X = np.random.RandomState(0).normal(size=(100, 2))
    X[:75, 1] = np.nan
    fit = GaussianMixture(covariance_type="diag", random_state=0).fit(X)
    found = bootstrap(fit, X, method="parametric", n_resamples=MANY)
    assert_allclose(found.means, np.sqrt(fit.covariances_ / [100.0, 25.0]), rtol=1.3 * FOUR)


def test_the_fit_is_left_as_it_is_and_its_settings_hold(pair):
    held = GaussianMixture(2, frozen=("weights",), covariance_type="tied", random_state=0)
    held.fit(FAITHFUL)
    before = {name: np.copy(value) for name, value in vars(held).items() if name.endswith("_")}
    held.set_params(frozen=(), covariance_type="full", n_components=4)
    found = bootstrap(held, FAITHFUL, n_resamples=5)
    assert_array_equal(found.weights, 0.0)
    assert found.replicates.covariances.shape == (5, 2, 2)
    assert found.correlations.shape == (2, 2)
    for name, value in before.items():
        assert_array_equal(getattr(held, name), value)


@pytest.mark.parametrize("method", METHODS)
def test_results_move_with_the_data(method):
    scale, shift = np.array([1e3, 1e-3]), np.array([-1e5, 7.0])
    results = []
    for X in (FAITHFUL, FAITHFUL * scale + shift):
        fit = GaussianMixture(2, tol=1e-12, random_state=0).fit(X).reordered("weight")
        results.append(bootstrap(fit, X, method=method, n_resamples=3, random_state=0))
    here, there = results
    assert_allclose(there.replicates.means, here.replicates.means * scale + shift, rtol=1e-6)
    assert_allclose(there.correlations, here.correlations, rtol=1e-4, atol=1e-12)


def test_any_structure_can_be_resampled():
    for name in ("VVE", "EEV", "spherical", "tied_spherical"):
        fit = GaussianMixture(2, covariance_type=name, random_state=0).fit(FAITHFUL)
        found = bootstrap(fit, FAITHFUL, n_resamples=5)
        assert found.covariances.shape == np.shape(fit.covariances_)
        assert (np.asarray(found.covariances) > 0.0).all()


def test_loadings_can_be_resampled_and_have_no_information():
    X = np.random.RandomState(0).normal(size=(80, 3)) @ [[1.0, 1, 1], [0, 0.5, 0], [0, 0, 0.5]]
    X[40:] += 6.0
    fit = GaussianMixture(2, covariance_type=Factors(1), random_state=0).fit(X)
    found = bootstrap(fit, X, n_resamples=10)
    assert found.n_failed == 0
    assert_allclose(
        found.means, np.sqrt(2.0 * fit.covariances_[:, [0, 1, 2], [0, 1, 2]] / 80), rtol=0.8
    )
    with pytest.raises(ValueError, match=r"not known for covariance_type=Factors.*bootstrap"):
        standard_errors(fit, X)


def small_cluster():
    """Three rows apart from all others: a third of the resamples has no three distinct ones."""
    X = np.random.RandomState(1).normal(size=(60, 2))
    return np.concatenate([X, [[30.0, 30.0], [31.0, 30.5], [30.2, 31.0]]])


def test_resamples_that_lose_a_component_are_counted_and_told():
    X = small_cluster()
    fit = GaussianMixture(2, means_init=[[0.0, 0.0], [30.0, 30.0]]).fit(X)
    assert not fit.singular_components_.any()
    with pytest.warns(UserWarning, match="of 40 resamples are left out") as caught:
        found = bootstrap(fit, X, n_resamples=40, random_state=0)
    assert caught[0].filename == __file__
    assert found.n_failed + len(found.replicates.means) == 40
    assert 10 < found.n_failed < 40
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert bootstrap(fit, X, method="weighted", n_resamples=40, random_state=0).n_failed == 0


def test_where_all_resamples_fail_the_reason_is_told():
    X = np.array([[0.0], [0.1], [50.0], [50.1]])
    fit = GaussianMixture(2, means_init=[[0.0], [50.0]]).fit(X)
    fit.set_params(max_iter=-1)
    with pytest.raises(ValueError, match=r"20 of 20 resamples could not be fitted.*max_iter"):
        bootstrap(fit, X, n_resamples=20)


def test_components_that_change_places_are_put_back():
    """Where two normals hardly differ."""
    rng = np.random.RandomState(0)
    X = np.concatenate([rng.normal(0.0, 1.0, (100, 1)), rng.normal(1.5, 1.2, (100, 1))])
    fit = GaussianMixture(2, random_state=0).fit(X)
    found = bootstrap(fit, X, n_resamples=MANY, random_state=0)
    assert found.n_switched > 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"method": "rows"}, "method"),
        ({"n_resamples": 1}, "n_resamples"),
        ({"n_resamples": 2.5}, "n_resamples"),
    ],
)
def test_bad_options_are_named(pair, options, told):
    with pytest.raises((ValueError, TypeError), match=told):
        bootstrap(pair, FAITHFUL, **options)


def test_other_estimators_are_refused_by_name():
    counts = PoissonMixture(random_state=0).fit([[1.0], [2.0]])
    for study in (bootstrap, likelihood_ratio_test, sequential_test):
        with pytest.raises(TypeError, match="must be a GaussianMixture, got PoissonMixture"):
            study(counts, [[1.0], [2.0]])


# --- one component more -----------------------------------------------------------------------


def test_the_larger_model_is_at_its_maximum_on_old_faithful():
    """mclust's statistic here is 6.13: its three components are at a lower maximum."""
    found = likelihood_ratio_test(GaussianMixture(2), FAITHFUL, n_resamples=2, random_state=0)
    assert found.statistic > 31.6
    smaller, larger = (272 * fit.score(FAITHFUL) for fit in found.mixtures)
    assert_allclose(found.statistic, 2.0 * (larger - smaller))
    assert_allclose(smaller, -1130.264, atol=1e-3)
    assert found.n_components == 2
    assert [len(fit.weights_) for fit in found.mixtures] == [2, 3]


def test_one_against_two_is_that_of_mclust():
    found = likelihood_ratio_test(
        GaussianMixture(1), FAITHFUL, n_resamples=19, n_init=1, random_state=0
    )
    assert_allclose(found.statistic, 319.07, atol=0.01)
    assert found.pvalue == 0.05
    assert repr(found) == "1 against 2: statistic 319.1, p-value 0.05"


def test_p_values_count_resampled_statistics():
    X = np.random.RandomState(2).normal(size=(40, 1))
    mixture = GaussianMixture(1, covariance_type="tied")
    found = likelihood_ratio_test(mixture, X, n_resamples=39, n_init=1, random_state=0)
    above = np.count_nonzero(found.null_distribution >= found.statistic)
    assert found.pvalue == (1 + above) / 40
    assert found.pvalue > 0.1
    assert (found.null_distribution >= 0.0).all()


def test_tests_depend_on_the_seed_alone():
    X = FAITHFUL[::4]
    with joblib.parallel_backend("threading"):
        one, other = (
            likelihood_ratio_test(
                GaussianMixture(1), X, n_resamples=4, random_state=5, n_jobs=n_jobs
            )
            for n_jobs in (1, 2)
        )
    assert_array_equal(one.null_distribution, other.null_distribution)


def test_tests_go_on_until_one_is_not_significant():
    rng = np.random.RandomState(0)
    X = np.concatenate([rng.normal(mean, 1.0, (40, 1)) for mean in (0.0, 8.0, 16.0)])
    mixture = GaussianMixture(7, covariance_type="tied", random_state=0)
    found = sequential_test(mixture, X, n_resamples=4, n_init=1, level=0.2)
    assert found.n_components == 3
    assert found.mixture.weights_.shape == (3,)
    table = found.table()
    assert_array_equal(table["n_components"], [1, 2, 3])
    assert (table["pvalue"][:2] <= 0.2).all()
    assert table["pvalue"][2] > 0.2
    assert_allclose(
        table["statistic"], 2.0 * (table["log_likelihood_of_more"] - table["log_likelihood"])
    )
    assert_allclose(120 * found.mixture.score(X), table["log_likelihood"][2])
    assert repr(found).count("\n") == 3
    few = sequential_test(mixture, X, n_resamples=4, n_init=1, level=0.2, max_components=1)
    assert (few.n_components, len(few.tests)) == (2, 1)


def test_gaps_and_weights_are_those_of_the_rows():
    X = FAITHFUL[::5].copy()
    X[::3, 0] = np.nan
    weight = np.random.RandomState(0).randint(0, 3, size=len(X))
    test = likelihood_ratio_test(
        GaussianMixture(1), X, n_resamples=1, sample_weight=weight, random_state=0
    )
    repeated = likelihood_ratio_test(
        GaussianMixture(1), np.repeat(X, weight, axis=0), n_resamples=1, random_state=0
    )
    assert_allclose(test.statistic, repeated.statistic, rtol=1e-6)


def test_fits_have_the_names_of_features_and_rows_of_weight_zero_do_not_count():
    pytest.importorskip("pandas")
    frame = load_faithful(as_frame=True).data
    frame.iloc[7] = 1e300
    weight = np.ones(272)
    weight[7] = 0.0
    test = likelihood_ratio_test(
        GaussianMixture(1), frame, n_resamples=1, n_init=1, sample_weight=weight, random_state=0
    )
    assert [list(fit.feature_names_in_) for fit in test.mixtures] == [list(frame.columns)] * 2
    without = likelihood_ratio_test(
        GaussianMixture(1), np.delete(FAITHFUL, 7, axis=0), n_resamples=1, n_init=1, random_state=0
    )
    assert_allclose(test.statistic, without.statistic, rtol=1e-6)


def test_what_numbers_of_components_cannot_share_is_refused():
    with pytest.raises(ValueError, match="holds means that differ"):
        likelihood_ratio_test(GaussianMixture(2, frozen=("means",)), FAITHFUL)


def test_a_statistic_that_rests_on_the_least_covariance_is_warned_of():
    X = np.concatenate([np.zeros((40, 1)), np.random.RandomState(0).normal(5.0, 1.0, (60, 1))])
    with pytest.warns(ConvergenceWarning, match="depends on the least covariance") as caught:
        likelihood_ratio_test(GaussianMixture(1), X, n_resamples=2, n_init=1, random_state=0)
    assert caught[0].filename == __file__
