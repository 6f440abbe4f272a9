"""The least covariance F: its size, and the M-step under it."""

import numpy as np
import pytest
from common import (
    STRUCTURES,
    TYPES,
    clusters,
    convergence_warnings_allowed,
    dense_covariances,
    dense_stack,
    fitted,
    model_of,
    of_structure,
    random_covariances,
    random_params,
    spd,
)
from numpy.testing import assert_allclose, assert_array_equal

from emix import GaussianMixture
from emix._normal import floor
from emix._normal.bounds import DenseBound
from emix._normal.covariances import DIAG, FULL, SPHERICAL
from emix._normal.dense import Dense
from emix._normal.floor import SHARE, local_scale

RNG = np.random.RandomState


def standardised(X):
    return (X - X.mean(axis=0)) / X.std(axis=0)


def standardised_or_constant(X):
    return (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0.0, X.std(axis=0), 1.0)


def scale_of(column):
    """Local scale of a column in units of its own."""
    spread = column.std()
    return float(local_scale((column - column.mean())[None] / spread)[0] * spread)


def bound_of(X, covariance_type="full"):
    """F for standardised rows, (d, d)."""
    structure = STRUCTURES[covariance_type]
    bound = model_of(standardised(X), structure).space.floor.bound
    stack = bound.least[None] if structure.sharing.separable else bound.least
    return dense_stack(structure, stack, 1, X.shape[1])[0]


def above(bound, S):
    """The most likely covariance above F for one matrix S."""
    return bound.factorise(np.asarray(S)[None]).covariance[0]


# --- the local scale ------------------------------------------------------------------------


def test_local_scale_of_a_normal_column_is_its_standard_deviation():
    scales = np.array([scale_of(RNG(seed).normal(size=250)) for seed in range(40)])
    assert 0.9 < scales.mean() < 1.0
    assert scales.std() < 0.1


def test_local_scale_is_at_most_the_standard_deviation():
    even = np.linspace(-1.0, 1.0, 200)
    assert scale_of(even) == even.std()
    assert scale_of(np.array([0.0, 0.0, 1.0])) == pytest.approx(np.std([0.0, 0.0, 1.0]))


@pytest.mark.parametrize("far", [1e3, 1e6, 1e8])
def test_one_far_row_does_not_raise_the_local_scale(far):
    column = np.append(RNG(0).normal(size=100), far)
    assert 0.7 < scale_of(column) < 1.2


@pytest.mark.parametrize("n_clusters", [2, 5, 12])
def test_local_scale_is_of_the_size_of_clusters_that_are_far_apart(n_clusters):
    centres = 1e6 * np.arange(n_clusters)[:, None]
    column = (centres + RNG(0).normal(size=(n_clusters, 240 // n_clusters))).ravel()
    # each has a part of the values only: the density at them is lower by so much
    assert 0.5 < scale_of(column) / n_clusters < 1.2


def test_a_narrow_cluster_has_a_say_if_it_holds_more_than_a_quarter_of_the_values():
    wide, narrow = RNG(0).normal(size=170), 1e-3 * RNG(1).normal(size=80)
    assert scale_of(np.append(wide, narrow)) < 0.01
    assert scale_of(np.append(wide, narrow[:20])) > 0.5


def test_local_scale_is_of_distinct_values():
    column = RNG(0).normal(size=50)
    z = standardised(column)
    again = np.repeat(z, np.r_[np.full(40, 1), np.full(10, 30)])
    assert local_scale(again[None]) == local_scale(z[None])


def test_two_values_that_hardly_differ_do_not_make_the_local_scale_of_few_rows():
    column = np.array([-1.0, -0.9, -0.5, 0.1, 0.1 + 1e-9, 0.6, 1.1])
    assert scale_of(column) > 0.3


def test_local_scale_has_a_least_value_and_is_one_for_a_constant_column():
    column = np.array([-1.0, 1.0])[np.arange(100) % 2] + 1e-13 * np.arange(100)
    assert local_scale(column[None])[0] == 1e-9
    assert local_scale(np.zeros((1, 5)))[0] == 1.0


def test_local_scale_is_measured_on_few_rows(monkeypatch):
    seen = []
    monkeypatch.setattr(floor, "local_scale", lambda z: seen.append(z.shape) or np.ones(len(z)))
    scale = model_of(RNG(0).normal(size=(5000, 2)), FULL).space.floor.scale
    assert_array_equal(scale, [1.0, 1.0])
    assert seen[0][0] == 2
    assert 200 < seen[0][1] <= 256


# --- F --------------------------------------------------------------------------------------


def test_f_is_a_share_of_the_correlations_between_local_scales(covariance_type):
    X = clusters(0, 150, 3, 1)
    z = standardised(X)
    model = model_of(z, STRUCTURES[covariance_type])
    scale = model.space.floor.scale
    if covariance_type in ("full", "tied"):
        expected = SHARE * np.cov(z.T, bias=True) * np.multiply.outer(scale, scale)
    elif covariance_type.endswith("diag"):
        expected = SHARE * np.diag(scale**2)
    else:
        expected = SHARE * np.mean(scale**2) * np.eye(3)
    assert SHARE == 1e-6
    assert_allclose(bound_of(X, covariance_type), expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
@pytest.mark.parametrize("far", [1e3, 1e6, 1e9])
def test_one_far_row_leaves_f_below_the_others(covariance_type, far):
    X = np.r_[clusters(0, 80, 2, 1), np.full((1, 2), far)]
    with convergence_warnings_allowed():
        mixture = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(X)
    bulk = dense_covariances(mixture)[mixture.weights_.argmax()]
    expected = np.cov(X[:-1].T, bias=True)
    if covariance_type == "full":
        assert_allclose(bulk, expected, rtol=1e-3, atol=1e-3)
    assert_allclose(np.trace(bulk), np.trace(expected), rtol=1e-3)


def test_clusters_a_million_standard_deviations_apart_keep_their_covariances(covariance_type):
    rng = RNG(0)
    z = rng.normal(size=(2, 60, 2)) * [[[1.0, 1.0]], [[0.5, 0.5]]]
    X = np.concatenate([z[0], z[1] + 1e6])
    mixture = fitted(X, 2, covariance_type=covariance_type, random_state=0)
    assert not mixture.singular_components_.any()
    assert_allclose(mixture.weights_, 0.5, rtol=1e-9)
    traces = [np.trace(np.cov(part.T, bias=True)) for part in z]
    expected = [np.mean(traces)] * 2 if covariance_type.startswith("tied") else sorted(traces)
    found = sorted(np.trace(dense_covariances(mixture), axis1=1, axis2=2))
    assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("covariance_type", ["full", "diag", "tied_diag"])
def test_f_scales_with_the_units(covariance_type):
    """Columns in other units give the same fit, also of components that F holds."""
    X = np.r_[clusters(0, 60, 3, 1), np.full((15, 3), 9.0)]
    units = np.array([1e-6, 1.0, 1e6])
    with convergence_warnings_allowed():
        one, other = (
            GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(data)
            for data in (X, X * units)
        )
    if covariance_type != "tied_diag":
        assert one.singular_components_.sum() == 1
    assert_array_equal(one.singular_components_, other.singular_components_)
    assert_allclose(other.means_, one.means_ * units, rtol=1e-9)
    assert other.lower_bound_ == pytest.approx(one.lower_bound_ - np.log(units).sum(), abs=1e-9)
    squares = np.multiply.outer(units, units)
    assert_allclose(dense_covariances(other), dense_covariances(one) * squares, rtol=1e-6)


def test_f_has_full_rank_where_columns_depend_on_each_other():
    z = RNG(0).normal(size=(60, 1))
    found = bound_of(np.c_[z, -3.0 * z, RNG(1).normal(size=60)])
    # about as much across the line of the rows as along it
    values = np.linalg.eigvalsh(found)
    assert values.min() > 0.3 * SHARE
    model = model_of(standardised(np.c_[z, -3.0 * z]), FULL)
    assert model.space.n_null == 1


def test_f_carries_the_rounding_of_widely_different_local_scales():
    """Cholesky's factor of F must exist though its scales differ by a factor of 1e9."""
    apart = np.repeat([-1e9, 1e9], 40)
    X = np.c_[
        apart + RNG(0).normal(size=80), apart + RNG(1).normal(size=80), RNG(2).normal(size=80)
    ]
    found = bound_of(X)
    assert np.isfinite(np.linalg.cholesky(found)).all()


def test_f_is_not_computed_where_all_variances_are_far_above_it(covariance_type):
    """It takes sorted rows."""
    model = model_of(standardised(clusters(0, 100, 2, 2)), STRUCTURES[covariance_type])
    params = random_params(model.structure, 0, 2, 2)
    model.m_step(model.e_step(params), params)
    assert "bound" not in vars(model.space.floor)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_the_cheap_bound_on_traces_is_none_too_low(covariance_type, d):
    structure = STRUCTURES[covariance_type]
    mixing = RNG(d).normal(size=(d, d)) @ np.diag(np.logspace(0, -4, d))
    X = np.r_[RNG(0).normal(size=(100, d)) @ mixing, np.full((1, d), 50.0)]
    for rows in (X, np.c_[X[:, :1], np.zeros((101, 1)), X]):
        size = rows.shape[1]
        limit = model_of(standardised_or_constant(rows), structure).space.floor
        factors = random_params(structure, 0, 3, size).factors
        precision = structure.form.precision(factors)
        exact = structure.form.inner(precision, limit.bound.least, size)
        assert (exact <= limit.traces_at_most(precision, size)).all()


# --- the M-step under F ---------------------------------------------------------------------


def objective(C, S):
    return -np.linalg.slogdet(C)[1] - np.trace(np.linalg.solve(C, S))


@pytest.mark.parametrize("d", [1, 2, 4])
def test_constrained_covariance_is_the_maximum_over_all_above_f(d):
    rng = RNG(d)
    F = 0.1 * spd(rng, d)
    bound = DenseBound(Dense(), F)
    for _ in range(10):
        root = rng.normal(size=(d, rng.randint(1, d + 1)))  # of deficient rank, often
        S = 0.2 * root @ root.T
        best = above(bound, S)
        assert np.linalg.eigvalsh(best - F).min() > -1e-12
        highest = objective(best, S)
        for size in (1e-3, 0.1, 1.0):
            for _ in range(20):
                step = size * rng.normal(size=(d, d))
                trial = above(bound, best + step @ step.T + 0.3 * size * (F - best))
                worse = rng.uniform() * trial + rng.uniform(0.0, size) * F
                if np.linalg.eigvalsh(worse - F).min() >= 0.0:
                    assert objective(worse, S) <= highest + 1e-12
                assert objective(trial, S) <= highest + 1e-12


def test_constraint_is_idle_above_f_even_where_cheap_bounds_cannot_tell():
    rng = RNG(0)
    F = spd(rng, 3)
    bound = DenseBound(Dense(), F)
    for factor in (1.0 + 1e-9, 1.5, 10.0):  # the trace of F C⁻¹ is 3, 2 and 0.3
        found = bound.factorise(factor * F[None])
        assert_array_equal(found.n_floored, [0])
        assert_array_equal(found.covariance[0], factor * F)
        precision = found.factor[0] @ found.factor[0].T
        assert_allclose(precision, np.linalg.inv(factor * F), rtol=1e-9)


def test_members_of_a_stack_are_held_one_by_one():
    bound = DenseBound(Dense(), np.eye(2))
    stack = np.array([np.eye(2) * 4.0, np.diag([4.0, 0.5]), np.zeros((2, 2))])
    found = bound.factorise(stack)
    assert_array_equal(found.n_floored, [0, 1, 2])
    assert_allclose(found.covariance, [np.eye(2) * 4.0, np.diag([4.0, 1.0]), np.eye(2)])
    assert_allclose(found.factor @ found.factor.swapaxes(1, 2), np.linalg.inv(found.covariance))


def test_only_members_near_f_are_decomposed(monkeypatch):
    bound, seen = DenseBound(Dense(), np.eye(3)), []
    raised = bound._raised
    monkeypatch.setattr(bound, "_raised", lambda stack: seen.append(len(stack)) or raised(stack))
    stack = np.array(
        [
            4.0 * np.eye(3),
            np.diag([-1.0, 4.0, 4.0]),
            np.zeros((3, 3)),
            spd(RNG(0), 3) + 9.0 * np.eye(3),
        ]
    )
    found = bound.factorise(stack)
    assert seen == [2]
    assert_array_equal(found.n_floored, [0, 1, 3, 0])
    assert_allclose(found.covariance[1], np.diag([1.0, 4.0, 4.0]), atol=1e-12)


def test_the_given_covariances_are_not_changed():
    bound, stack = DenseBound(Dense(), np.eye(2)), np.zeros((3, 2, 2))
    bound.factorise(stack)
    assert_array_equal(stack, 0.0)


@pytest.mark.parametrize("largest", [1e3, 1e14, 1e20, 1e30])
def test_a_variance_at_f_beside_one_that_is_huge_has_a_finite_factor(largest):
    bound = DenseBound(Dense(), 1e-6 * np.eye(2))
    a = np.array([[0.6, -0.8], [0.8, 0.6]])
    found = bound.factorise(((a * [largest, 0.0]) @ a.T)[None])
    assert found.n_floored == 1
    assert np.isfinite(found.factor).all()
    assert np.linalg.svd(found.factor[0], compute_uv=False)[1] == pytest.approx(
        largest**-0.5, rel=1e-2
    )


@pytest.mark.parametrize("form", [DIAG.form, SPHERICAL.form])
def test_variances_are_held_one_by_one(form):
    least = np.array([0.1, 0.2]) if form is DIAG.form else np.array(0.1)
    stack = np.array([[1.0, 0.1], [0.01, 0.3]]) if form is DIAG.form else np.array([1.0, 0.01])
    found = form.bound(least).factorise(stack)
    assert_allclose(found.covariance, np.maximum(stack, least))
    assert_array_equal(found.n_floored, [1, 1] if form is DIAG.form else [0, 1])
    assert_allclose(found.factor, found.covariance**-0.5)


@pytest.mark.parametrize("name", TYPES)
def test_variances_in_units_of_f(name):
    structure, rng = STRUCTURES[name], RNG(0)
    form, least = structure.form, random_covariances(structure, rng, 1, 3)
    bound = form.bound(np.asarray(least[structure.sharing.at(0)]))
    assert_allclose(form.above(2.5 * bound.least, bound, 3), [2.5, 2.5, 2.5])


def test_the_ascending_variances_in_units_of_f():
    bound = FULL.form.bound(np.diag([1.0, 4.0]))
    assert_allclose(FULL.form.above(np.diag([6.0, 4.0]), bound, 2), [1.0, 6.0])
    bound = DIAG.form.bound(np.array([1.0, 4.0]))
    assert_allclose(DIAG.form.above(np.array([6.0, 4.0]), bound, 2), [1.0, 6.0])


def test_loadings_are_on_the_thinnest_combination_in_the_features_own_units():
    """0.6 x0 - 0.8 x1 hardly varies, which is as much of one as of the other; x2 follows x0."""
    units = np.diag([1e-3, 1.0, 1e3])
    direction, along = np.array([0.6, -0.8, 0.0]), np.array([0.8, 0.6, 2.0])
    thin = units @ (1e-9 * np.eye(3) + np.diag([0, 0, 1]) + np.outer(along, along)) @ units
    assert direction @ along == pytest.approx(0.0)
    found = FULL.form.loadings(thin, FULL.form.bound(units @ units), 1)
    assert_allclose(found, [0.5**0.5, 0.5**0.5, 0.0], atol=1e-6)


def test_loadings_are_on_all_thin_directions():
    rotation = np.linalg.qr(RNG(0).normal(size=(3, 3)))[0]
    plane = 1e-6 * np.eye(4)
    plane[:3, :3] += np.outer(rotation[0], rotation[0])
    plane[3, 3] = 1.0
    found = FULL.form.loadings(plane, FULL.form.bound(np.eye(4)), 2)
    assert np.square(found).sum() == pytest.approx(2.0)
    assert found[3] == pytest.approx(0.0, abs=1e-9)
    assert found[:3].min() > 0.5


def test_whitening_leaves_out_directions_of_rounding():
    x = RNG(0).normal(size=(2, 50))
    z = np.array([x[0], x[1], x[0] + x[1]])
    total = z @ z.T / 50
    white = FULL.form.whitening(total, 1e-12) @ z
    values = np.linalg.eigvalsh(white @ white.T / 50)
    assert_allclose(values, [0.0, 1.0, 1.0], atol=1e-6)
    assert DIAG.form.whitening(total, 1e-12) is None
    assert SPHERICAL.form.whitening(total, 1e-12) is None


# --- fits -----------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", [False, True], ids=["plain", "accelerated"])
def test_the_objective_never_falls_where_f_holds_components(covariance_type, algorithm):
    X = np.r_[clusters(0, 60, 2, 2, 1.0), np.full((9, 2), 1.0)]
    means, structure = np.array([X[0], X[-1]]), STRUCTURES[covariance_type]
    precisions = of_structure(structure, np.array([np.eye(2), 100.0 * np.eye(2)]))
    with convergence_warnings_allowed():
        mixture = GaussianMixture(
            2,
            covariance_type=covariance_type,
            means_init=means,
            precisions_init=precisions,
            acceleration=algorithm,
        ).fit(X)
    accepted = mixture.history_["log_likelihood"][mixture.history_["accepted"]]
    assert len(accepted) >= 3
    assert (np.diff(accepted) >= -1e-11).all()  # rounding
    if covariance_type in ("full", "diag", "spherical"):
        assert mixture.singular_components_.any()


@pytest.mark.parametrize("value", [5.0, 0.0, 1e8 / 3, 1e-30])
@pytest.mark.parametrize("n_components", [1, 2])
def test_the_variance_of_a_constant_column_does_not_depend_on_its_value(value, n_components):
    X = np.c_[clusters(0, 50, 2, 2), np.full(50, value)]
    with convergence_warnings_allowed():
        mixture = GaussianMixture(n_components, random_state=0).fit(X)
        explicit = GaussianMixture(n_components, reg_covar=1e-6, random_state=0).fit(X)
        wide = GaussianMixture(n_components, reg_covar=0.03, random_state=0).fit(X)
    assert_allclose(mixture.covariances_[:, 2, 2], 1e-6, rtol=1e-7)
    assert_allclose(explicit.covariances_[:, 2, 2], 1e-6, rtol=1e-9)
    assert_allclose(wide.covariances_[:, 2, 2], 0.03, rtol=1e-12)
    assert not explicit.singular_components_.any()
