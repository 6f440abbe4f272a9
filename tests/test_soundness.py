"""Which components rest on enough rows: spikes, thinness, distinct rows, and heights."""

import numpy as np
import pytest
from common import STRUCTURES, clusters, factorised, model_of, of_structure, rows_of
from numpy.testing import assert_allclose, assert_array_equal

from emix._mixture import soundness
from emix._normal.gaussian import Params
from emix._rows import sample as sampling
from emix._rows.sample import DistinctRows
from emix._rows.spikes import is_crowded, spikes

RNG = np.random.RandomState
FORMS = pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])


# --- spikes ---------------------------------------------------------------------------------


def spikes_of(column, weight=None, scale=1.0):
    return spikes(column, np.ones(len(column)) if weight is None else weight, scale).tolist()


def test_a_value_that_far_more_rows_have_than_those_beside_it_is_a_spike():
    x = RNG(0).normal(size=100)
    assert spikes_of(np.append(x, np.zeros(10))) == [0.0]
    assert spikes_of(np.append(x, np.repeat([0.0, 5.0], 10))) == [0.0, 5.0]
    assert spikes_of(np.append(x, np.zeros(8))) == [0.0]
    assert spikes_of(np.append(x, np.zeros(7))) == []
    assert spikes_of(x) == []


def test_a_weight_is_as_many_rows():
    x = np.append(RNG(0).normal(size=100), 0.0)
    assert spikes_of(x, np.append(np.ones(100), 10.0)) == [0.0]
    assert spikes_of(np.append(x, np.zeros(9)), np.append(np.ones(100), np.full(10, 0.1))) == []


def test_values_that_differ_by_rounding_are_one_value():
    x = np.append(RNG(0).normal(size=100), 3.0 + 1e-12 * np.arange(10))
    assert spikes_of(x) == [3.0]
    assert spikes_of(x, scale=1e-6) == []
    assert spikes_of(np.append(x[:100], 3.0 + 1e-8 * np.arange(10))) == []


@pytest.mark.parametrize("decimals", [0, 1, 2])
def test_rounded_normal_columns_have_no_spikes(decimals):
    for seed in range(20):
        assert spikes_of(RNG(seed).normal(size=150).round(decimals)) == []


def test_values_that_heap_at_every_second_digit_are_no_spikes():
    x = np.repeat(np.arange(10.0), np.where(np.arange(10) % 2, 1, 20))
    assert spikes_of(x) == []


def test_spikes_may_have_two_values_between_them():
    x = np.arange(6.0)
    assert spikes_of(np.repeat(x, [20, 1, 1, 20, 1, 1])) == [0.0, 3.0]
    assert spikes_of(np.repeat(x, [20, 1, 20, 1, 1, 1])) == []


def test_few_values_are_categories():
    assert spikes_of(np.repeat([0.0, 1.0, 2.0, 3.0], [100, 1, 1, 1])) == []
    assert spikes_of(np.repeat([0.0, 1.0, 2.0, 3.0, 4.0], [100, 1, 1, 1, 1])) == [0.0]


# --- soundness ------------------------------------------------------------------------------


def test_many_different_values_that_few_others_are_beside_are_crowded():
    wide, narrow = np.linspace(-1.0, 1.0, 201), 0.5 + 1e-3 * np.linspace(-1.0, 1.0, 41)
    values, means = np.unique(np.r_[wide, narrow]), np.array([0.5, 0.0])
    assert is_crowded(values, means, 2e-3, 40).tolist() == [True, False]
    assert is_crowded(values, means, 2e-3, 60).tolist() == [False, False]
    # a lattice has one value where others have none, and a dense column as many on either side
    assert not is_crowded(wide, means, 2e-3, 2).any()
    assert not is_crowded(wide, means, 0.2, 2).any()


def judged(model, weights, means, covariances):
    """Whether each component of these (in the form's shape) is unsound."""
    params = params_of(model, weights, means, covariances)
    return model.soundness.unsound(*params).tolist()


def params_of(model, weights, means, covariances):
    return Params(
        np.array(weights),
        np.array(means, dtype=float),
        *model.space.floor.factorise(np.array(covariances)),
    )


@pytest.mark.parametrize(
    ("covariance_type", "needed"),
    [("full", 4), ("diag", 4), ("spherical", 2), ("tied", 1), ("tied_diag", 1)],
)
def test_rows_that_a_covariance_needs(covariance_type, needed):
    X = RNG(0).normal(size=(100, 3))
    model = model_of(X, STRUCTURES[covariance_type])
    assert model.soundness.needed == needed
    covariances = np.ones(STRUCTURES[covariance_type].shape(2, 3))
    if covariance_type in ("full", "tied"):
        covariances = covariances * np.eye(3)
    for rows, unsound in ((needed, False), (needed - 0.5, True)):
        weights = [rows / 100, 1.0 - rows / 100]
        assert judged(model, weights, np.zeros((2, 3)), covariances) == [unsound, False]


def test_directions_without_variance_need_no_rows():
    X = np.c_[RNG(0).normal(size=(100, 2)), np.zeros(100)]
    assert model_of(X, STRUCTURES["full"]).soundness.needed == 3
    assert model_of(np.c_[X, X[:, 0]], STRUCTURES["full"]).soundness.needed == 3


def test_equal_rows_count_once():
    X = np.repeat(RNG(0).normal(size=(10, 2)), 10, axis=0)
    model = model_of(X, STRUCTURES["full"])
    means, covariances = np.zeros((2, 2)), np.array([np.eye(2)] * 2)
    assert judged(model, [0.2, 0.8], means, covariances) == [True, False]


@FORMS
def test_a_component_is_thin_below_a_hundredth_of_the_local_scale(covariance_type):
    structure = STRUCTURES[covariance_type]
    model = model_of(RNG(0).normal(size=(200, 2)), structure)
    least = model.space.floor.bound.least
    # one thin direction, and where there is but one variance that
    for above, unsound in ((110.0, False), (90.0, True)):
        thin = above * least
        if covariance_type == "full":
            values, vectors = np.linalg.eigh(least)
            thin = (vectors * values * [above, 1e5]) @ vectors.T
        elif covariance_type == "diag":
            thin = least * [above, 1e5]
        wide = 1e5 * least
        assert judged(model, [0.05, 0.95], np.zeros((2, 2)), [thin, wide]) == [unsound, False]
        # so many rows are not near a plane by accident
        assert judged(model, [0.5, 0.5], np.zeros((2, 2)), [thin, wide]) == [False, False]


@FORMS
def test_no_number_of_rows_makes_a_component_at_the_floor_sound(covariance_type):
    structure = STRUCTURES[covariance_type]
    model = model_of(RNG(0).normal(size=(200, 2)), structure)
    least = model.space.floor.bound.least
    covariances = [1.01 * least, 1e5 * least]
    assert judged(model, [0.5, 0.5], np.zeros((2, 2)), covariances) == [True, False]


@pytest.mark.parametrize(("above", "unsound"), [(1.8, True), (2.2, False)])
def test_a_component_is_at_the_floor_up_to_twice_of_it(above, unsound):
    model = model_of(RNG(0).normal(size=(200, 1)), STRUCTURES["full"])
    least = model.space.floor.bound.least
    covariances = [above * least, 1e5 * least]
    assert judged(model, [0.5, 0.5], np.zeros((2, 1)), covariances) == [unsound, False]


@pytest.mark.parametrize(("rows", "unsound"), [(29.0, True), (31.0, False)])
def test_ten_times_the_rows_that_it_needs_make_a_thin_component_sound(rows, unsound):
    """A covariance in two features needs three rows."""
    model = model_of(RNG(0).normal(size=(200, 2)), STRUCTURES["full"])
    least = model.space.floor.bound.least
    weights = [rows / 200, 1.0 - rows / 200]
    covariances = [90.0 * least, 1e5 * least]
    assert judged(model, weights, np.zeros((2, 2)), covariances) == [unsound, False]


def test_rounding_takes_no_row_that_a_component_needs():
    model = model_of(RNG(0).normal(size=(100, 3)), STRUCTURES["full"])
    weights = np.array([0.04 * (1.0 - 1e-12), 0.96])
    assert weights[0] * 100 < model.soundness.needed == 4
    covariances = np.array([np.eye(3)] * 2)
    assert judged(model, weights, np.zeros((2, 3)), covariances) == [False, False]


def test_a_narrow_cluster_inside_a_wide_one_is_crowded():
    """Within six thousandths of the local scale; ten times as far there are too many others."""
    wide = np.linspace(-2.0, 2.0, 1000)
    X = np.r_[wide, 0.3 + 1e-3 * np.linspace(-1.0, 1.0, 40)][:, None]
    model = model_of(X, STRUCTURES["diag"])
    least = model.space.floor.bound.least
    for mean, unsound in ((0.3, False), (-0.3, True)):
        found = judged(model, [0.04, 0.96], [[mean], [0.0]], [least, [1.0]])
        assert found == [unsound, False]


def test_directions_without_variance_are_not_thin():
    X = np.c_[RNG(0).normal(size=(100, 1)), np.zeros(100)]
    for name in ("full", "diag", "tied", "tied_diag"):
        structure = STRUCTURES[name]
        model = model_of(X, structure)
        assert model.space.n_null == 1
        params = model.m_step(model.e_step(whole(model)), whole(model))
        assert_array_equal(params.n_floored, np.ones_like(params.n_floored))
        assert not model.soundness.is_degenerate(params)


def whole(model):
    d = model.rows.d
    covariances = of_structure(model.structure, np.array([np.eye(d)] * 2))
    return params_of(model, [0.5, 0.5], np.zeros((2, d)), covariances)


def spiky(n=100, n_equal=20, d=2):
    """Standard normal rows, of which some have 0.5 as their first value."""
    X = RNG(0).normal(size=(n, d))
    X[:n_equal, 0] = 0.5
    return X


def at_spike(model, mean=0.5, above=1.0, second=1.0, weight=0.2):
    """Whether a component of a model of two features is unsound: its mean and variance in the
    first, in units of F, and its variance in the second."""
    least = model.structure.form.variances(model.space.floor.bound.least, 2)
    variances = [np.array([above * least[0], second]), np.ones(2)]
    if model.structure.form is STRUCTURES["full"].form:
        variances = [np.diag(v) for v in variances]
    means = [[mean, 0.0], [0.0, 0.0]]
    return judged(model, [weight, 1.0 - weight], means, variances)[0]


@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_a_component_on_a_spike_is_sound(covariance_type):
    model = model_of(spiky(), STRUCTURES[covariance_type])
    assert not at_spike(model)
    assert not at_spike(model, weight=0.02)  # on however few rows
    assert at_spike(model, mean=-1.0)
    assert at_spike(model, above=8.0)
    assert not at_spike(model, above=3.0)
    assert at_spike(model, second=1e-6)  # thin in the other feature, too
    least = model.structure.form.variances(model.space.floor.bound.least, 2)[0]
    assert not at_spike(model, mean=0.5 + 2.5 * np.sqrt(least))
    assert at_spike(model, mean=0.5 + 3.5 * np.sqrt(least))


@pytest.mark.parametrize("covariance_type", ["tied", "tied_diag", "tied_spherical"])
def test_a_common_covariance_is_thin_in_all_components(covariance_type):
    structure = STRUCTURES[covariance_type]
    model = model_of(RNG(0).normal(size=(100, 2)), structure)
    least = model.space.floor.bound.least
    assert judged(model, [0.5, 0.5], np.zeros((2, 2)), 1.5 * least) == [True, True]
    assert judged(model, [0.5, 0.5], np.zeros((2, 2)), 1e4 * least) == [False, False]


def test_an_isotropic_component_is_on_a_spike_only_where_all_features_are():
    structure = STRUCTURES["spherical"]
    X = spiky()
    one = model_of(X.copy(), structure)
    X[:20, 1] = 0.5
    both = model_of(X, structure)
    for model, unsound in ((one, True), (both, False)):
        least = model.space.floor.bound.least
        means = [[0.5, 0.5], [0.0, 0.0]]
        assert judged(model, [0.2, 0.8], means, [least, 1.0])[0] is unsound


def test_spikes_are_looked_for_in_a_sample(monkeypatch):
    seen = []
    monkeypatch.setattr(soundness, "spikes", lambda z, *_: seen.append(z.size) or np.empty(0))
    model = model_of(RNG(0).normal(size=(20000, 1)), STRUCTURES["diag"])
    assert judged(model, [1.0], [[0.0]], [[1e-9]]) == [True]
    assert seen == [soundness._ROWS] == [16384]


@FORMS
def test_with_noise_a_component_is_unsound_where_rounding_holds_it(covariance_type):
    structure = STRUCTURES[covariance_type]
    X = np.c_[RNG(0).normal(size=50), np.zeros(50)]
    model = model_of(X, structure, noise=1e-12)
    assert model.space.floor.share == 0.0
    params = whole(model)
    n_variances = structure.form.n_variances(2)
    for n_floored, unsound in ((model.space.n_null, False), (model.space.n_null + 1, True)):
        held = params._replace(n_floored=np.array([n_floored, 0]))
        assert model.soundness.unsound(*held).tolist() == [unsound, False]
    assert judged(model, [0.02, 0.98], np.zeros((2, 2)), params.covariances) == [True, False]
    assert n_variances == (1 if covariance_type == "spherical" else 2)
    tiny = params_of(model, [0.5, 0.5], np.zeros((2, 2)), 0.0 * params.covariances)
    assert_array_equal(model.soundness.spurious_heights(tiny), 0.0)


# --- heights --------------------------------------------------------------------------------


@FORMS
def test_heights_are_those_above_the_local_scale(covariance_type):
    """Log-densities fall by ½ log of each thin variance's share of the local scale's square."""
    structure = STRUCTURES[covariance_type]
    model = model_of(RNG(0).normal(size=(100, 2)), structure)
    least = model.space.floor.bound.least
    stack = np.array([4.0 * least, 1e5 * least])
    params = params_of(model, [0.1, 0.9], np.zeros((2, 2)), stack)
    expected = -0.5 * np.log(4e-6) * 2
    assert_allclose(model.soundness.spurious_heights(params), [expected, 0.0], rtol=1e-6)


def test_heights_are_of_thin_directions_alone_and_of_none_on_spikes():
    for name in ("full", "diag"):
        model = model_of(spiky(), STRUCTURES[name])
        least = model.structure.form.variances(model.space.floor.bound.least, 2)
        covariances = [np.array([least[0], 1.0]), np.array([1.0, least[1]]), np.ones(2)]
        if name == "full":
            covariances = [np.diag(v) for v in covariances]
        means = [[0.5, 0.0], [0.5, 0.0], [0.0, 0.0]]
        params = params_of(model, [0.2, 0.2, 0.6], means, covariances)
        expected = [0.0, -0.5 * np.log(1e-6), 0.0]
        assert_allclose(model.soundness.spurious_heights(params), expected, rtol=1e-3)


@pytest.mark.parametrize("seed", [7, 9, 12, 29])
def test_rounding_adds_no_height_to_what_the_floor_holds(seed):
    """Beside variances 1e12 times as large those that the floor holds come out below it, even
    negative: two narrow clusters far apart, and a component on a line or plane of eight features.
    """
    rng = RNG(seed)
    X = rng.normal(size=(200, 8)) / 1e3 + np.repeat(rng.normal(size=(2, 8)), 100, axis=0)
    model = model_of((X - X.mean(axis=0)) / X.std(axis=0), STRUCTURES["full"])
    plane, held = rng.normal(size=(8, 2)), -0.5 * np.log(model.space.floor.share)
    for directions in (plane, plane[:, :1]):
        flat = directions @ directions.T
        params = params_of(model, [0.02, 0.98], np.zeros((2, 8)), [flat, np.eye(8)])
        assert 0.5 * held < model.soundness.spurious_heights(params)[0] <= 8.0 * held


def test_directions_without_variance_have_no_height():
    X = np.c_[RNG(0).normal(size=(100, 1)), np.zeros(100)]
    for name in ("full", "diag"):
        model = model_of(X, STRUCTURES[name])
        least = model.structure.form.variances(model.space.floor.bound.least, 2)
        covariances = [least * [2.0, 1.0], least * [1e6, 1.0]]
        if name == "full":
            covariances = [np.diag(v) for v in covariances]
        params = params_of(model, [0.1, 0.9], np.zeros((2, 2)), covariances)
        assert_allclose(
            model.soundness.spurious_heights(params), [-0.5 * np.log(2e-6), 0.0], rtol=1e-6
        )


def test_healthy_components_of_many_rows_are_judged_without_sorting_these(
    covariance_type, monkeypatch
):
    monkeypatch.setattr(sampling, "_MOST_COUNTED", 30)
    model = model_of(RNG(0).normal(size=(200, 2)), STRUCTURES[covariance_type])
    params = whole(model)
    assert not model.soundness.is_degenerate(params)
    assert_array_equal(model.soundness.spurious_heights(params), 0.0)
    assert "_sorted" not in vars(model.space.distinct)
    narrow = params._replace(
        covariances=1e-5 * params.covariances, factors=params.factors / np.sqrt(1e-5)
    )
    model.soundness.is_degenerate(narrow)
    assert "_sorted" in vars(model.space.distinct)


# --- distinct rows --------------------------------------------------------------------------


def values_of(rows):
    z = np.empty((rows.d, rows.n))
    rows.read(0, rows.n, z)
    return z.T


def test_distinct_rows_are_sorted_and_have_the_weights_of_all_that_are_equal():
    X = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 0.0], [0.0, 1.0], [5.0, 5.0]])
    distinct = DistinctRows(rows_of(X, np.array([1.0, 2.0, 3.0, 1.0, 0.0])))
    rows, complete = distinct.sample(10)
    assert complete
    assert distinct.count == 3
    assert_array_equal(values_of(rows), [[0.0, 1.0], [0.0, 2.0], [1.0, 0.0]])
    assert_array_equal(rows.weight, [1.0, 2.0, 4.0])


def test_samples_depend_neither_on_the_order_of_rows_nor_on_repetition():
    X = RNG(0).normal(size=(300, 3)).round(1)
    weight = RNG(1).randint(1, 4, size=300)
    order = RNG(2).permutation(weight.sum())
    given = rows_of(X, weight.astype(float))
    repeated = rows_of(np.repeat(X, weight, axis=0)[order])
    for size in (50, 1000):
        one, other = (DistinctRows(rows).sample(size) for rows in (given, repeated))
        assert one[1] is other[1] is (size == 1000)
        assert_array_equal(values_of(one[0]), values_of(other[0]))
        assert_array_equal(one[0].weight, other[0].weight)
    one, other = (DistinctRows(rows).values(50) for rows in (given, repeated))
    assert_array_equal(one, other)


def test_a_sample_is_systematic():
    X = np.arange(100.0)[:, None]
    weight = np.ones(100)
    weight[7] = 101.0
    rows, complete = DistinctRows(rows_of(X, weight)).sample(20)
    assert not complete
    assert rows.weight.sum() == 20
    assert rows.weight[values_of(rows)[:, 0] == 7.0] == [10]


def test_values_are_of_distinct_rows_whatever_their_weights():
    X = np.repeat(np.arange(100.0), np.r_[1000, np.ones(99, dtype=int)])[:, None]
    values = DistinctRows(rows_of(X)).values(50)
    assert_array_equal(values, [np.arange(0.0, 100.0, 2.0)])


def test_many_rows_are_not_sorted_to_count_them(monkeypatch):
    monkeypatch.setattr(sampling, "_MOST_COUNTED", 30)
    distinct = DistinctRows(rows_of(np.zeros((40, 1))))
    assert distinct.count == 40
    distinct.sample(10)
    assert distinct.count == 1
    assert DistinctRows(rows_of(np.zeros((30, 1)))).count == 1


def test_rows_that_differ_late_are_told_apart():
    X = np.zeros((6, 5))
    X[:, 4] = [3.0, 1.0, 2.0, 1.0, 3.0, 1.0]
    X[3, 3] = -1.0
    rows, _ = DistinctRows(rows_of(X)).sample(10)
    assert_array_equal(values_of(rows)[:, 3:], [[-1, 1], [0, 1], [0, 2], [0, 3]])
    assert_array_equal(rows.weight, [1, 2, 1, 2])


def test_a_cluster_of_healthy_rows_is_sound(covariance_type):
    X = clusters(0, 300, 2, 2)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    model = model_of(X, STRUCTURES[covariance_type])
    params = whole(model)
    assert not model.soundness.is_degenerate(params)
    assert_array_equal(model.soundness.spurious_heights(params), 0.0)
    assert factorised(model.structure, params.covariances).n_floored.sum() == 0
