"""Two normals on equal and nearly equal rows, far values and rounded data."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from emix import TwoNormalMixture
from emix._rows.local_scale import local_scale
from two_normals import random_problem


def fitted(x, sample_weight=None, **parameters):
    """The fit and what it warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mixture = TwoNormalMixture(**parameters)
        mixture.fit(np.asarray(x, dtype=float)[:, None], sample_weight=sample_weight)
    assert all(each.category is ConvergenceWarning for each in caught)
    return mixture, [str(each.message) for each in caught]


def normal(n, seed=0, mean=0.0, scale=1.0):
    return np.random.RandomState(seed).normal(mean, scale, n)


# --- spikes ---------------------------------------------------------------------------------

# two normals describe the tail better than zeros and one normal do, but for the zeros
TAIL = np.where(
    np.random.default_rng(0).random(500) < 0.2,
    0.0,
    np.exp(np.random.default_rng(1).normal(3.0, 1.0, 500)),
)
SPIKES = {
    # rows, value of the spike, its number of rows, whether it is the second component
    "below": (np.append(np.zeros(100), normal(200, mean=5.0)), 0.0, 100, 0),
    "above": (np.append(normal(100), np.full(10, 10.0)), 10.0, 10, 1),
    "inside": (np.append(normal(200), np.full(100, 0.3)), 0.3, 100, 1),
    "few inside": (np.append(normal(280), np.full(20, 0.3)), 0.3, 20, 1),
    "nearly equal": (np.append(normal(200), 0.3 + 1e-12 * normal(100, 1)), 0.3, 100, 1),
    "long tail": (TAIL, 0.0, np.count_nonzero(TAIL == 0.0), 0),
    "nearly all": (np.append(np.zeros(97), [1.0, 2.0, 3.5]), 0.0, 97, 0),
    "two": (np.concatenate([np.zeros(50), np.full(80, 3.0), normal(100, mean=1.0)]), 3.0, 80, 1),
    "many rows": (
        np.where(normal(40000, 2) < -0.25, 0.0, normal(40000, 1, 3.0)),
        0.0,
        np.count_nonzero(normal(40000, 2) < -0.25),
        0,
    ),
}


@pytest.mark.parametrize("kind", SPIKES)
def test_a_spike_is_a_component_that_is_reported(kind):
    x, value, count, k = SPIKES[kind]
    mixture, said = fitted(x)
    assert mixture.means_[k] == pytest.approx(value, abs=1e-3)
    assert mixture.weights_[k] * len(x) == pytest.approx(count, rel=0.1)
    others = x[np.abs(x - value) > 1e-6]
    assert mixture.means_[1 - k] == pytest.approx(others.mean(), rel=0.05, abs=0.02)
    assert mixture.scales_[1 - k] == pytest.approx(others.std(), rel=0.05)
    assert_array_equal(mixture.singular_components_, np.arange(2) == k)
    assert len(said) == 1
    assert f"component {k} rests on" in said[0]
    assert f"(nearly) equal to {np.float64(value):.2g}"[:-1] in said[0]
    assert not mixture.local_maxima_["spurious"][0]


@pytest.mark.parametrize("seed", [37, 60, 121, 200])
def test_a_spike_to_which_no_interval_leads(seed):
    rng = np.random.RandomState(seed)
    x = np.append(rng.standard_t(3, 190), np.full(15, rng.standard_normal()))
    mixture, _ = fitted(x)
    k = int(np.flatnonzero(mixture.singular_components_)[0])
    assert mixture.means_[k] == pytest.approx(x[-1], abs=1e-3)


def test_zero_inflated_genes():
    for seed in range(40):
        rng = np.random.RandomState(seed)
        off = rng.uniform(0.05, 0.95)
        counts = np.log1p(rng.negative_binomial(2, 0.2, 300))
        x = np.where(rng.uniform(size=300) < off, 0.0, counts)
        low, high = fitted(x)[0].means_
        on = x[x > 0].mean()
        assert low < 0.6 * on, seed
        assert high > 0.5 * on, seed
        assert high - low > 0.3 * on, seed


def test_a_chance_tie_is_no_spike():
    x = np.append(normal(500), normal(500, 1, 5.0))
    x[:3] = x[0]
    mixture, said = fitted(x)
    assert_allclose(mixture.means_, [0.0, 5.0], atol=0.2)
    assert not said
    assert not mixture.singular_components_.any()


@pytest.mark.parametrize("decimals", [1, 0])
def test_rounded_rows_are_no_spikes(decimals):
    """Every value has tens of rows, but none has far more than its neighbours."""
    x = np.append(normal(500, scale=2.0), normal(500, 1, 12.0, 2.0))
    mixture, said = fitted(x.round(decimals))
    assert_allclose(mixture.means_, [0.0, 12.0], atol=0.3)
    assert_allclose(mixture.scales_, [2.0, 2.0], atol=0.2)
    assert not said


@pytest.mark.parametrize("seed", range(6))
def test_one_rounded_normal_has_no_spike(seed):
    """Components on one value have heights of more than 100, far above all others."""
    mixture, _ = fitted(normal(1000, seed).round(1))
    assert not mixture.singular_components_.any()


def test_a_value_with_some_more_rows_than_its_neighbours_is_no_spike():
    """As ages that people round; a spike is left as it is only with ten times the rows."""
    x = np.append(normal(500, scale=10.0), normal(500, 1, 60.0, 10.0)).round()
    heaped = np.append(x, np.full(60, 60.0))
    assert np.count_nonzero(heaped == 60.0) > 3 * np.count_nonzero(heaped == 61.0)
    mixture, said = fitted(heaped)
    assert_allclose(mixture.means_, [0.0, 60.0], atol=2.0)
    assert not said


@pytest.mark.parametrize("extra", [60, 100])
def test_accidents_at_the_floor_are_not_listed(extra):
    """The value 10 has three or four times the rows of its neighbours: not enough for a spike.
    Of the larger one, spread over its space, the component adds 45: more than chance does,
    but less than two groups do."""
    x = np.concatenate([normal(600, 0, 0.0, 10.0), normal(400, 1, 30.0, 10.0)]).round()
    mixture, said = fitted(np.append(x, np.full(extra, 10.0)))
    assert_allclose(mixture.means_, [0.0, 30.0], atol=4.0)
    assert not said
    assert (mixture.local_maxima_["scales"] > 1.0).all()


def test_a_spike_that_explains_less_than_two_groups_is_left():
    x = np.concatenate([normal(500), normal(500, 1, 10.0), np.full(15, 5.0)])
    mixture, said = fitted(x)
    assert_allclose(mixture.means_, [0.0, 10.0], atol=0.4)
    assert not said


@pytest.mark.parametrize("seed", range(4))
def test_a_component_on_one_row_is_no_answer_where_there_is_another(seed):
    mixture, _ = fitted(normal(25, seed))
    assert not mixture.singular_components_.any()


@pytest.mark.parametrize("seed", [5085, 6134, 6152])
def test_spurious_maxima_come_before_components_on_one_row(seed):
    mixture, said = fitted(random_problem(seed).x)
    assert not mixture.singular_components_.any()
    assert "Only spurious" in said[0]


@pytest.mark.parametrize(("scale", "shift"), [(1e-8, 0.0), (1e9, 0.0), (1.0, 1e4), (-3.0, 2.0)])
@pytest.mark.parametrize("kind", ["below", "inside", "nearly all", "long tail"])
def test_spikes_follow_the_unit_and_the_origin(kind, scale, shift):
    x = SPIKES[kind][0]
    (here, _), (there, _) = fitted(x), fitted(scale * x + shift)
    order = slice(None, None, int(np.sign(scale)))
    assert_allclose(there.scales_[order], abs(scale) * here.scales_, rtol=1e-4)
    assert_allclose(there.weights_[order], here.weights_, rtol=1e-5)
    assert_array_equal(there.singular_components_[order], here.singular_components_)
    jacobian = len(x) * np.log(abs(scale))
    assert there.log_likelihood_ == pytest.approx(here.log_likelihood_ - jacobian, abs=1e-3)


def test_weights_of_a_spike_are_repetitions():
    x = np.append(normal(200, mean=5.0), 0.0)
    weight = np.append(np.ones(200), 100.0)
    (weighted, said), (repeated, too) = fitted(x, weight), fitted(np.append(x, np.zeros(99)))
    assert_allclose(weighted.means_, repeated.means_, rtol=1e-6, atol=1e-9)
    assert_allclose(weighted.scales_, repeated.scales_, rtol=1e-6)
    assert said == too
    zero = np.append(x, 0.5), np.append(weight, 0.0)
    assert_array_equal(fitted(*zero)[0].singular_components_, weighted.singular_components_)


def test_intervals_of_what_is_not_at_the_floor():
    x = SPIKES["below"][0]
    mixture, _ = fitted(x)
    errors = mixture.standard_errors_
    assert np.isposinf(errors.scales[0])
    assert errors.means[1] == pytest.approx(mixture.scales_[1] / np.sqrt(200), rel=1e-3)
    assert errors.scales[1] == pytest.approx(mixture.scales_[1] / np.sqrt(400), rel=1e-3)
    assert errors.weight == pytest.approx(np.sqrt(2.0 / 9.0 / 300), rel=1e-3)
    intervals = mixture.confidence_intervals()
    assert_array_equal(intervals.scales[0], [0.0, np.inf])
    assert (intervals.means[1] > 4.5).all()


# --- far values -----------------------------------------------------------------------------


@pytest.mark.parametrize("n", [30, 300, 20000])
@pytest.mark.parametrize("far", [1e3, 1e6, 1e9, -1e9])
@pytest.mark.parametrize("equal_variance", [False, True])
def test_one_far_value_leaves_the_others_described(n, far, equal_variance):
    rest = normal(n, mean=2.0, scale=0.5)
    mixture, said = fitted(np.append(rest, far), equal_variance=equal_variance)
    k = int(far < 0)
    assert mixture.means_[k] == pytest.approx(rest.mean(), abs=1e-6)
    assert mixture.scales_[k] == pytest.approx(rest.std(), rel=0.03)
    assert mixture.weights_[k] == pytest.approx(n / (n + 1.0))
    assert mixture.means_[1 - k] == pytest.approx(far)
    assert len(said) == (0 if equal_variance else 1)


def test_far_rows_at_both_ends():
    rest = normal(300)
    mixture, _ = fitted(np.append(rest, [1e6, -1e9]))
    assert mixture.means_[1] == pytest.approx(rest.mean(), abs=1e-6)
    assert mixture.scales_[1] == pytest.approx(rest.std(), rel=1e-6)


def test_clusters_a_million_deviations_apart():
    one, two = normal(100), normal(100, 1, 1e6)
    mixture, said = fitted(np.append(one, two))
    assert_allclose(mixture.means_, [one.mean(), two.mean()], rtol=1e-6)
    assert_allclose(mixture.scales_, [one.std(), two.std()], rtol=1e-5)
    assert not said


# --- hardly any values ----------------------------------------------------------------------


@pytest.mark.parametrize("equal_variance", [False, True])
@pytest.mark.parametrize("value", [0.0, 7.0, 1e8 / 3, 1e-200])
def test_a_constant_column_has_a_variance_that_does_not_depend_on_its_value(value, equal_variance):
    mixture, said = fitted(np.full(10, value), equal_variance=equal_variance)
    assert_allclose(mixture.means_, value)
    assert_allclose(mixture.variances_, 1e-6)
    assert mixture.singular_components_.all()
    assert len(said) == 1
    assert "10 rows" in said[0]
    q = mixture.ppf([0.1, 0.9])
    assert_allclose(mixture.cdf(q), [0.1, 0.9], rtol=1e-3)


def test_rounding_of_a_constant_column_is_no_variance():
    x = 0.1 * np.array([3.0, 3.0 + 4e-16, 3.0 - 4e-16] * 5)
    assert len(np.unique(x)) > 1
    assert_allclose(fitted(x)[0].variances_, 1e-6)


@pytest.mark.parametrize("equal_variance", [False, True])
@pytest.mark.parametrize(
    ("x", "weight"),
    [
        (np.append(np.full(99, 5.0), 6.0), 0.01),
        (np.repeat([0.0, 1.0], [26, 34]), 34 / 60),
        (np.array([1.0, 2.0]), 0.5),
        (np.array([1.0, 2.0, 2.0]), 2 / 3),
    ],
)
def test_two_values_are_the_two_components(x, weight, equal_variance):
    mixture, said = fitted(x, equal_variance=equal_variance)
    assert_allclose(mixture.means_, np.unique(x))
    assert mixture.weight_ == pytest.approx(weight)
    assert mixture.singular_components_.all()
    assert len(said) == 1
    assert len(mixture.local_maxima_) == 1


# --- no floating-point signals ----------------------------------------------------------------


@pytest.mark.parametrize(
    "x",
    [
        np.append(normal(300), normal(300, 1, 3.0)),
        SPIKES["below"][0],
        SPIKES["long tail"][0],
        np.append(normal(60), 1e12),
        np.append(normal(60), 1e150),
        normal(60) * 1e150,
        np.repeat([0.0, 1.0], 10),
        np.full(10, 1e8 / 3),
        np.append(normal(20000), normal(20000, 1, 30.0)),
    ],
    ids=["apart", "spike", "tail", "far", "farther", "huge", "two", "constant", "large"],
)
@pytest.mark.parametrize("equal_variance", [False, True])
def test_no_method_signals(x, equal_variance):
    with np.errstate(all="raise"):
        mixture, _ = fitted(x, equal_variance=equal_variance)
        X = x[:, None]
        mixture.predict(X)
        mixture.predict_proba(X)
        mixture.responsibilities(X)
        mixture.score(X)
        mixture.bic(X)
        mixture.aic(X)
        mixture.pdf(x)
        mixture.cdf(x)
        mixture.ppf([0.0, 1e-300, 0.1, 0.5, 1.0])
        mixture.sample(5)
        if np.isfinite(mixture.standard_errors_.weight):
            mixture.confidence_intervals()


# --- the local scale --------------------------------------------------------------------------


@pytest.mark.parametrize("n", [50, 300, 5000])
def test_local_scale_of_a_normal_is_its_deviation(n):
    found = [local_scale(np.sort(normal(n, seed, 3.0, 2.0)), 10.0) for seed in range(20)]
    assert np.mean(found) == pytest.approx(2.0, rel=0.15)


def test_local_scale_is_not_that_of_far_rows_clusters_or_repeated_ones():
    values = np.sort(normal(300))
    plain = local_scale(values, 1.0)
    assert local_scale(np.append(values, 1e9), 1e9) == pytest.approx(plain, rel=0.1)
    clusters = np.append(values, 1e6 + values)
    assert 1.0 < local_scale(clusters, 1e6) / plain < 3.0
    # the deviation of all rows, if it is less
    assert local_scale(values, 0.2) == pytest.approx(0.2)


def test_local_scale_of_few_values():
    assert local_scale(np.array([3.0]), 0.0) == 0.0
    assert local_scale(np.array([3.0, 4.0]), 0.5) == pytest.approx(0.5)
    assert 0.5 < local_scale(np.array([0.0, 1.0, 1e9]), 1e9) < 3.0
    assert local_scale(np.array([-1e308, 1e308]), 1e308) == pytest.approx(1e308)
    assert local_scale(np.array([0.0, 1.0, 2.0, 1e150]), 1e150) == pytest.approx(5e119)


def test_local_scale_of_columns():
    columns = np.sort(np.stack([normal(80), 5.0 * normal(80, 1)], axis=1), axis=0)
    each = [local_scale(columns[:, j], 9.0) for j in (0, 1)]
    assert_allclose(local_scale(columns, np.full(2, 9.0)), each)
