"""Starts for two normals: intervals, the sorted sample, and short runs of EM on cells of rows."""

import numpy as np
import pytest
from common import rows_of, two_close_normals
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm

from emix import TwoNormalMixture
from emix._em.ascent import Ascent
from emix._normal.covariances import DIAG, TIED_DIAG
from emix._pair.bumps import bumps, overlapping
from emix._pair.far import carried, closed_up
from emix._pair.intervals import Moments, starts
from emix._pair.newton import Newton, proposal
from emix._pair.short_runs import Pairs, ShortRuns
from emix._pair.sorted_sample import sorted_sample
from emix._pair.two_normals import TwoNormals

POOLED = pytest.mark.parametrize("pooled", [False, True])
FLOOR = 1e-15


def sorted_rows(n=200, seed=0):
    rng = np.random.RandomState(seed)
    return np.sort(two_close_normals(seed, n, separation=2.5)[:, 0]), rng.uniform(0.5, 2.0, n)


def some_pairs(pooled):
    """The narrow component first, as short runs have it."""
    variances = np.array([[0.5, 1.0], [0.3, 2.0], [1.5, 1.5]])
    return Pairs(
        np.array([[0.5, 0.5], [0.9, 0.1], [0.3, 0.7]]),
        np.array([[2.0, 0.0], [2.5, -0.5], [1.0, 1.2]]),
        variances[:, [0, 0]] if pooled else variances,
    )


def log_likelihood(z, weight, weights, means, variances):
    density = norm.pdf(z[:, None], means, np.sqrt(variances)) @ weights
    return np.average(np.log(density), weights=weight)


def climbed(runs, pairs, n_em, *n_newton):
    """Where the mixtures are after EM and Newton steps, and F there."""
    twice = Pairs(*(np.repeat(part, 2, axis=0) for part in pairs))  # one alone makes no steps
    found = runs.refine(runs.run(twice, n_em), n_newton, 0.0, lambda now, i: slice(None))
    return by_mean(found.pairs.take(slice(None, None, 2))), found.objective[::2]


def by_mean(pairs):
    order = np.argsort(pairs.means, axis=1)
    return Pairs(*(np.take_along_axis(part, order, axis=1) for part in pairs))


def in_order(params):
    """Weights, means and variances, (1, 2) each."""
    return by_mean(
        Pairs(params.weights[None], params.means.T, np.resize(params.covariances, 2)[None])
    )


@POOLED
def test_on_single_rows_they_are_em(pooled):
    z, weight = sorted_rows(100)
    runs = ShortRuns(Moments(z, weight, FLOOR).cells(np.empty((0, 2), dtype=int)), FLOOR, pooled)
    found, objective = climbed(runs, some_pairs(pooled), 3)
    model = TwoNormals(TIED_DIAG if pooled else DIAG, rows_of(z[:, None], weight), FLOOR)
    for i, start in enumerate(zip(*some_pairs(pooled), strict=True)):
        params = model.params(*(part.tolist() for part in start))
        for _ in range(3):
            params = model.m_step(model.e_step(params), params)
        for part, own in zip(found.take([i]), in_order(params), strict=True):
            assert_allclose(part, own, rtol=1e-9)
        assert objective[i] == pytest.approx(model.e_step(params).value, abs=1e-12)


@POOLED
def test_on_cells_f_is_a_bound_that_never_falls(pooled):
    z, weight = sorted_rows(3000)
    moments = Moments(z, weight, FLOOR)
    sums = moments.cells(np.array([[1500, 1506]]))
    assert 128 < sums.shape[1] < 260
    assert_allclose(sums.sum(axis=1), [weight.sum(), weight @ z, weight @ z**2], rtol=1e-12)
    runs = ShortRuns(sums, FLOOR, pooled)
    before = -np.inf
    for steps in range(8):
        found, objective = climbed(runs, some_pairs(pooled), steps)
        assert (objective >= before - 1e-14).all()
        before = objective
        for bound, *each in zip(objective, *found, strict=True):
            exact = log_likelihood(z, weight, *each)
            assert exact - 4e-3 < bound <= exact + 1e-14


@pytest.mark.parametrize(
    ("narrow", "single"), [((1500, 1506), (1493, 1512)), ((0, 2995), (2990, 3000))]
)
def test_cells_are_single_rows_about_an_interval_of_few_rows_or_of_nearly_all(narrow, single):
    z, weight = sorted_rows(3000)
    sums = Moments(z, weight, FLOOR).cells(np.array([narrow]))
    ends = np.cumsum(weight)[:, None]
    nearest = np.abs(ends - np.cumsum(sums[0])).min(axis=1)
    ends_a_cell = nearest < 1e-9
    assert ends_a_cell[slice(*single)].all()
    assert ends_a_cell.sum() == sums.shape[1] < 260


def test_no_component_shrinks_below_the_floor():
    z = np.append(np.linspace(-1.0, 1.0, 50), 1.5)
    runs = ShortRuns(Moments(z, np.ones(51), 1e-6).cells(np.empty((0, 2), dtype=int)), 1e-6, False)
    at_a_row = Pairs(np.array([[0.98, 0.02]]), np.array([[0.0, 1.5]]), np.array([[0.3, 1e-9]]))
    found, objective = climbed(runs, at_a_row, 5)
    assert found.variances.min() == 1e-6
    assert np.isfinite(objective).all()


@POOLED
def test_gain_is_that_of_the_labels(pooled):
    z, weight = sorted_rows(100)
    moments, total = Moments(z, weight, FLOOR), weight.sum()
    mean, spread = np.average(z, weights=weight), variance(z, weight)
    whole = log_likelihood(z, weight, np.ones(1), mean, spread)
    for start, stop in [(0, 40), (30, 70), (95, 100)]:
        inside = np.zeros(100, dtype=bool)
        inside[start:stop] = True
        parts = [inside, ~inside]
        spread = [variance(z[part], weight[part]) for part in parts]
        share = [weight[part].sum() / total for part in parts]
        if pooled:
            spread = [np.dot(share, spread)] * 2
        value = 0.0
        for part, s, v in zip(parts, share, spread, strict=True):
            mean = np.average(z[part], weights=weight[part])
            value += weight[part] @ (norm.logpdf(z[part], mean, np.sqrt(v)) + np.log(s)) / total
        start, stop = np.array([start]), np.array([stop])
        sums, outside = moments.at(stop) - moments.at(start), moments.outside(start, stop)
        assert moments.gain(sums, pooled, outside)[0] == pytest.approx(value - whole, abs=1e-9)


def variance(z, weight):
    return np.average((z - np.average(z, weights=weight)) ** 2, weights=weight)


@POOLED
def test_starts_are_the_moments_inside_and_outside(pooled):
    z, weight = sorted_rows(600)
    intervals, pairs, _ = starts(Moments(z, weight, FLOOR), pooled)
    assert len(intervals) >= 3
    assert len(np.unique(intervals, axis=0)) == len(intervals)
    if pooled:
        assert (intervals[:, 0] == 0).all()
    for (start, stop), share, means, variances in zip(intervals, *pairs, strict=True):
        assert share[1] == pytest.approx(weight[start:stop].sum() / weight.sum())
        assert share.sum() == pytest.approx(1.0)
        assert means[1] == pytest.approx(np.average(z[start:stop], weights=weight[start:stop]))
        if not pooled:
            assert variances[1] == pytest.approx(variance(z[start:stop], weight[start:stop]))


@POOLED
def test_the_gain_of_the_best_interval_is_less_than_the_mixture_can_gain(pooled):
    z, weight = np.sort(two_close_normals(0, 400, separation=5.0)[:, 0]), np.ones(400)
    gain = starts(Moments(z, weight, FLOOR), pooled)[2]
    mixture = TwoNormalMixture(equal_variance=pooled).fit(z[:, None])
    most = (mixture.log_likelihood_ - mixture.null_log_likelihood_) / 400
    assert 0.8 * most < gain < most


@pytest.mark.parametrize("far", [1e9, -1e9])
def test_a_far_row_is_only_in_sums_that_reach_it(far):
    z = np.sort(np.append(np.random.RandomState(0).normal(size=200), far))
    near = np.flatnonzero(np.abs(z) < 10.0)
    moments = Moments(z, np.full(201, 0.7), 1e-6)
    plain = Moments(z[near], np.full(200, 0.7), 1e-6)
    start, stop = np.array([near[40]]), np.array([near[90]])
    own = plain.at(np.array([90])) - plain.at(np.array([40]))
    assert_allclose(moments.at(stop) - moments.at(start), own, rtol=1e-12)
    # what is outside of the far row is all others
    k = int(np.abs(z).argmax())
    outside = moments.outside(np.array([k]), np.array([k + 1]))
    whole = plain.outside(np.array([0]), np.array([0]))
    assert_allclose(outside, whole, rtol=1e-12)
    gain = moments.gain(moments.at(np.array([k + 1])) - moments.at(np.array([k])), False, outside)
    assert gain[0] > 10.0


@pytest.mark.parametrize("far", [1e9, -1e9])
def test_far_rows_are_brought_near_and_back(far):
    rng = np.random.RandomState(0)
    z = np.sort(np.append(rng.normal(size=200), far + rng.normal(size=40)))
    near = closed_up(z)
    assert np.abs(near).max() < 1010.0
    is_far = np.abs(z) > 1e8
    for group in (is_far, ~is_far):
        assert_allclose(np.diff(near[group]), np.diff(z[group]), atol=1e-6)
    weight = np.full(240, 0.7)
    runs = ShortRuns(Moments(near, weight, 1e-6).cells(np.empty((0, 2), dtype=int)), 1e-6, False)
    means = np.array([[near[~is_far].mean() + 0.3, near[is_far].mean() - 0.3]])
    start = Pairs(np.array([[0.9, 0.1]]), means, np.ones((1, 2)))
    found, _ = climbed(runs, start, 20)
    back = by_mean(carried(found, near, z, weight, False))
    groups = sorted((z[is_far], z[~is_far]), key=np.mean)
    assert_allclose(back.means, [[group.mean() for group in groups]], rtol=1e-10)
    assert_allclose(back.variances, [[group.var() for group in groups]], rtol=1e-6)
    pooled = carried(found, near, z, weight, True).variances
    assert_allclose(
        pooled, np.average([g.var() for g in groups], weights=[len(g) for g in groups]), rtol=1e-6
    )


def test_rows_that_are_near_are_left_where_they_are():
    z = np.array([-900.0, -1.0, 0.0, 2.0, 900.0])
    assert closed_up(z) is z


@POOLED
def test_newton_steps_are_those_of_the_model(pooled):
    z, weight = sorted_rows(100)
    runs = ShortRuns(Moments(z, weight, FLOOR).cells(np.empty((0, 2), dtype=int)), FLOOR, pooled)
    model = TwoNormals(TIED_DIAG if pooled else DIAG, rows_of(z[:, None], weight), FLOOR)
    start = runs.run(some_pairs(pooled), 4)
    found, _ = climbed(runs, start, 0, 1)
    for i, each in enumerate(zip(*start, strict=True)):
        params = model.params(*(part.tolist() for part in each))
        step = proposal(model, model.e_step(params), params, 1.0).params
        if model.e_step(step).value >= model.e_step(params).value:
            for part, own in zip(found.take([i]), in_order(step), strict=True):
                assert_allclose(part, own, rtol=1e-8)
        else:
            assert_allclose(found.means[i], np.sort(start.means[i]))


@POOLED
def test_refined_mixtures_rise_to_a_maximum(pooled):
    z, weight = sorted_rows(100)
    runs = ShortRuns(Moments(z, weight, FLOOR).cells(np.empty((0, 2), dtype=int)), 1e-4, pooled)
    before = -np.inf
    for n_steps in (0, 1, 2, 3, 5, 8, 40):
        found, objective = climbed(runs, some_pairs(pooled), 0, n_steps)
        assert (objective >= before).all()
        before = objective
    assert (climbed(runs, found, 0, 100)[1] - objective < 1e-6).all()


def test_newtons_method_leaves_a_variance_at_the_floor_where_it_is():
    z = np.sort(np.append(np.linspace(-1.0, 1.0, 50), np.full(3, 1.5)))
    runs = ShortRuns(Moments(z, np.ones(53), 1e-4).cells(np.empty((0, 2), dtype=int)), 1e-4, False)
    start = Pairs(np.full((2, 2), 0.5), np.array([[1.5, 0.3]] * 2), np.array([[1e-4, 0.5]] * 2))
    found, objective = climbed(runs, start, 0, 6)
    assert_allclose(found.variances[:, 1], 1e-4)
    by_em = by_mean(runs.run(start, 300))
    assert_allclose(found.weights, by_em.weights, rtol=1e-7)
    assert_allclose(found.means, by_em.means, rtol=1e-7)
    model = TwoNormals(DIAG, rows_of(z[:, None]), 1e-4)
    params = model.params([0.5, 0.5], [0.3, 1.5], [0.5, 1e-4])
    result = Ascent(model, params, Newton(model)).run(tol=1e-10, max_iter=8)
    assert result.converged
    assert result.objective == pytest.approx(objective[0], abs=1e-9)


def test_a_bump_is_a_start():
    rng = np.random.RandomState(0)
    z = np.sort(np.append(rng.normal(size=1000), rng.normal(1.5, 0.15, size=60)))
    pairs = bumps(Moments(z, np.ones(1060), FLOOR))
    best = np.abs(pairs.means[:, 1] - 1.5).argmin()
    assert pairs.means[best, 1] == pytest.approx(1.5, abs=0.15)
    assert pairs.weights[best, 1] == pytest.approx(60 / 1060, rel=0.6)
    assert pairs.variances[best, 1] == pytest.approx(0.15**2, rel=1.0)
    assert_allclose(pairs.means[:, 0], z.mean())


def test_overlapping_starts_have_the_moments_of_all_rows():
    z, weight = sorted_rows(300)
    pairs = overlapping(Moments(z, weight, FLOOR))
    mean = np.vecdot(pairs.weights, pairs.means)
    square = np.vecdot(pairs.weights, pairs.variances + pairs.means**2)
    assert_allclose(mean, np.average(z, weights=weight), atol=0.03)
    assert_allclose(square - mean**2, variance(z, weight), rtol=0.1)


def test_heavy_values_and_ends_with_the_space_about_them():
    z = np.array([0.0, 1.0, 2.0, 2.0 + 1e-9, 4.0, 5.0, 9.0])
    weight = np.array([1.0, 1.0, 5.0, 5.0, 1.0, 1.0, 1.0])
    start, stop, space = Moments(z, weight, 1e-6).heavy_values()
    assert_array_equal(start, [0, 2, 6])
    assert_array_equal(stop, [1, 4, 7])
    assert_allclose(space, [1.0, 1.5, 4.0])


# --- the sorted sample ----------------------------------------------------------------------


def test_few_rows_are_sorted_and_merged():
    X = np.array([[3.0], [1.0], [3.0], [2.0]])
    z, weight, complete = sorted_sample(rows_of(X))
    assert complete
    assert_array_equal(z, [1.0, 2.0, 3.0])
    assert_array_equal(weight, [1.0, 1.0, 2.0])


def test_many_rows_are_sampled_systematically():
    X = two_close_normals(0, 60000, separation=3.0)
    z, weight, complete = sorted_sample(rows_of(X))
    assert not complete
    assert (np.diff(z) >= 0.0).all()
    ordered = np.sort(X[:, 0])
    assert_allclose(z[:64], ordered[:64])
    assert_allclose(z[-64:], ordered[-64:])
    assert set(weight) == {1.0, 16384 / 60000}
    assert weight.sum() == pytest.approx(16384, abs=2)
    # to the rows of a bin
    wanted = (np.cumsum(weight) - 0.5 * weight) * 60000 / 16384
    assert np.abs(np.searchsorted(ordered, z) - wanted).max() <= 60000 / 2048
    shuffled = np.random.RandomState(0).permutation(X)
    assert_array_equal(sorted_sample(rows_of(shuffled))[0], z)


def test_a_crowded_bin_is_resolved():
    rng = np.random.RandomState(0)
    spike = rng.normal(0.3, 1e-7, size=2000)
    X = np.concatenate([rng.normal(size=38000), spike])[:, None]
    z = sorted_sample(rows_of(X))[0]
    near = z[np.abs(z - 0.3) < 1e-6]
    assert len(near) == pytest.approx(2000 * len(z) / 40000, rel=0.02)
    assert near.std() == pytest.approx(1e-7, rel=0.1)


def test_values_that_repeat_keep_their_weight():
    X = np.random.RandomState(0).poisson(1.0, size=40000).astype(float)[:, None]
    z, weight, _ = sorted_sample(rows_of(X))
    values, counts = np.unique(X, return_counts=True)
    assert_array_equal(z, values)
    assert_allclose(weight, counts * 16384 / 40000, atol=2)


def test_one_row_far_from_many_others_is_found():
    X = np.append(np.random.RandomState(0).normal(size=40000), 1e4)[:, None]
    mixture = TwoNormalMixture(equal_variance=True).fit(X)
    assert mixture.means_[1] == pytest.approx(1e4)
    assert mixture.weight_ == pytest.approx(1 / 40001)
