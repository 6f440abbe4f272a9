"""Covariance structures: the M-step's maximum, the eigenvalue floor, factors."""

import pickle

import numpy as np
import pytest
from common import (
    SKLEARN_TYPES,
    STRUCTURES,
    TYPES,
    clusters,
    dense_stack,
    factorised,
    fitted,
    model_of,
    random_covariances,
    random_params,
    spd,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.mixture import GaussianMixture as Theirs

from emix._normal.covariances import DIAG, FULL
from emix._normal.dense import Dense
from emix._normal.gaussian import Params
from emix._normal.rounding import FLOOR

K, D = 3, 4


def maximum(covariance_type, noise=0.0, seed=0):
    """A model, statistics of a start, the start and its M-step."""
    structure = STRUCTURES[covariance_type]
    model = model_of(clusters(seed, 300, D, K, 1.0), structure, noise=noise)
    params = random_params(structure, seed, K, D)
    stats = model.e_step(params)
    return model, stats, params, model.m_step(stats, params)


def moved(structure, params, direction, step):
    """Params moved within the constraints; direction is (weights, means, covariances)."""
    to_weights, to_means, to_covariances = direction
    weights = params.weights * np.exp(step * to_weights)
    covariances = params.covariances + step * to_covariances
    means = params.means + step * to_means
    return Params(weights / weights.sum(), means, *factorised(structure, covariances))


def random_direction(structure, rng, params):
    other = random_covariances(structure, rng, K, D)
    return rng.normal(size=K), rng.normal(size=(K, D)), other - params.covariances


def slope(model, stats, params, direction, step=1e-5):
    """Derivative of ``expected`` along the direction."""
    ahead, behind = (
        model.expected(stats, moved(model.structure, params, direction, s)) for s in (step, -step)
    )
    return (ahead - behind) / (2 * step)


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_m_step_has_zero_gradient(covariance_type, noise):
    model, stats, before, after = maximum(covariance_type, noise)
    rng = np.random.RandomState(1)
    slopes = []
    for _ in range(20):
        state = rng.get_state()
        direction = random_direction(model.structure, rng, after)
        assert abs(slope(model, stats, after, direction)) < 1e-7
        rng.set_state(state)
        direction = random_direction(model.structure, rng, before)
        slopes.append(abs(slope(model, stats, before, direction)))
    assert min(slopes) > 1e-5  # the check can fail: it does at the start
    assert max(slopes) > 0.1


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("step", [1e-3, 0.1, 0.5])
def test_no_perturbation_of_the_m_step_is_better(covariance_type, noise, step):
    model, stats, before, after = maximum(covariance_type, noise)
    best = model.expected(stats, after)
    assert best > model.expected(stats, before)
    rng = np.random.RandomState(2)
    for _ in range(30):
        trial = moved(model.structure, after, random_direction(model.structure, rng, after), step)
        assert model.expected(stats, trial) < best


@pytest.mark.parametrize("frozen", ["weights", "means", "covariances"])
def test_frozen_parameters_stay_and_the_rest_is_at_its_maximum(covariance_type, frozen):
    structure = STRUCTURES[covariance_type]
    model = model_of(clusters(0, 300, D, K, 1.0), structure, frozen=frozenset({frozen}))
    params = random_params(structure, 0, K, D)
    stats = model.e_step(params)
    after = model.m_step(stats, params)
    assert_array_equal(getattr(after, frozen), getattr(params, frozen))
    rng = np.random.RandomState(3)
    index = ["weights", "means", "covariances"].index(frozen)
    for _ in range(10):
        direction = list(random_direction(structure, rng, after))
        direction[index] = np.zeros_like(direction[index])
        assert abs(slope(model, stats, after, direction)) < 1e-7


def test_structures_are_equal_where_they_are_the_same(covariance_type):
    structure = STRUCTURES[covariance_type]
    again = pickle.loads(pickle.dumps(structure))
    assert [other for other, each in STRUCTURES.items() if each == again] == [covariance_type]


# --- the floor ------------------------------------------------------------------------------


@pytest.mark.parametrize("floor", [1e-13, 1e-6, 0.1])
def test_dense_floor_clips_eigenvalues_exactly(floor):
    vectors = np.linalg.qr(np.random.RandomState(0).normal(size=(4, 4)))[0]
    found = factorised(FULL, (vectors * [2.0, 0.5, 1e-18, 0.0]) @ vectors.T, floor)
    assert found.n_floored == 2
    # singular values of the factor U are 1 / sqrt(eigenvalue), of a condition up to 4e6
    singular = np.linalg.svd(found.factor, compute_uv=False)
    assert_allclose(np.sort(singular**-2.0), [floor, floor, 0.5, 2.0], rtol=1e-7)
    kept = vectors[:, :2]
    assert_allclose(kept.T @ found.covariance @ kept, np.diag([2.0, 0.5]), atol=1e-14)
    lost = vectors[:, 2:]
    assert_allclose(lost.T @ found.covariance @ lost, floor * np.eye(2), atol=1e-15)


def test_dense_floor_leaves_eigenvalues_above_it():
    vectors = np.linalg.qr(np.random.RandomState(0).normal(size=(3, 3)))[0]
    found = factorised(FULL, (vectors * [1e-10, 1e-12, 1e-17]) @ vectors.T)
    singular = np.linalg.svd(found.factor, compute_uv=False)
    assert_allclose(np.sort(singular**-2.0), [FLOOR, 1e-12, 1e-10], rtol=1e-9)
    assert found.n_floored == 1


@pytest.mark.parametrize("name", ["diag", "tied_diag", "spherical", "tied_spherical"])
@pytest.mark.parametrize("floor", [FLOOR, 0.01])
def test_floor_of_variances_is_a_maximum(name, floor):
    covariance = np.array([1.0, 3 * floor, floor, 0.9 * floor, 0.0])
    found = factorised(STRUCTURES[name], covariance, floor)
    assert_array_equal(found.covariance, [1.0, 3 * floor, floor, floor, floor])
    assert np.sum(found.n_floored) == 2


def test_floor_of_a_model_is_one_constant_far_below_its_data(covariance_type):
    structure = STRUCTURES[covariance_type]
    total = model_of(clusters(0, 300, D, K), structure).space.view.total
    spread = structure.form.mean_matrix(total, D)
    assert FLOOR <= structure.form.floor(spread) <= 1e-13 * np.max(spread)


@pytest.mark.parametrize("floor", [1e-3, 0.1])
def test_floored_covariance_is_the_most_likely_one_above_the_floor(floor):
    """-log|C| - tr(C⁻¹ S), the M-step's objective, over C with eigenvalues >= floor."""
    rng = np.random.RandomState(0)
    vectors = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    S = (vectors * [1.0, 0.2, 0.0]) @ vectors.T

    def objective(C):
        return -np.linalg.slogdet(C)[1] - np.trace(np.linalg.solve(C, S))

    best = objective(factorised(FULL, S, floor).covariance)
    for size in (1e-3, 1e-2, 0.1, 1.0):
        for _ in range(50):
            turn = np.linalg.qr(np.eye(3) + size * rng.normal(size=(3, 3)))[0]
            values = np.maximum([1.0, 0.2, floor] * np.exp(size * rng.normal(size=3)), floor)
            axes = turn @ vectors
            assert objective((axes * values) @ axes.T) < best


def test_floor_is_idle_in_healthy_covariances(covariance_type):
    structure = STRUCTURES[covariance_type]
    covariances = random_covariances(structure, np.random.RandomState(0), K, D)
    found = factorised(structure, covariances)
    assert not found.n_floored.any()
    assert_array_equal(found.covariance, covariances)


def test_floor_leaves_healthy_members_of_a_stack_alone():
    rng = np.random.RandomState(0)
    covariances = np.array([spd(rng, 3), np.diag([1.0, 1.0, 0.0]), spd(rng, 3)])
    found = factorised(FULL, covariances)
    assert_array_equal(found.n_floored, [0, 1, 0])
    assert_array_equal(found.covariance[[0, 2]], covariances[[0, 2]])


def test_floor_is_idle_in_healthy_fits(covariance_type):
    structure = STRUCTURES[covariance_type]
    model = model_of(clusters(0, 300, D, K), structure)
    params = random_params(structure, 0, K, D)
    for _ in range(10):
        params = model.m_step(model.e_step(params), params)
        assert not params.n_floored.any()
    assert not model.soundness.is_degenerate(params)


@pytest.mark.parametrize(
    "covariance",
    [
        np.zeros((3, 3)),
        np.ones((3, 3)),
        np.diag([1.0, 0.0, 0.0]),
        np.diag([1e15, 1.0, 1e-15]) * [1, 1, 0],
        np.eye(3) - np.full((3, 3), 1.0 + 1e-16) / 3,
    ],
)
def test_singular_covariances_get_finite_factors(covariance):
    found = factorised(FULL, covariance)
    for part in found:
        assert np.isfinite(part).all()
    assert found.n_floored > 0
    assert (np.diagonal(found.factor) > 0).all()


def test_singular_diagonal_covariances_get_finite_factors():
    found = factorised(DIAG, np.array([[0.0, 1.0], [1e-300, 1e-15]]))
    assert np.isfinite(found.factor).all()
    assert_array_equal(found.n_floored, [1, 1])


# --- factors --------------------------------------------------------------------------------


def as_matrix(structure, value, d):
    """One member of the form, covariance or factor, as a matrix."""
    if isinstance(structure.form, Dense):
        return value
    return np.diag(np.broadcast_to(value, d))


def members(covariance_type, d):
    """Pairs of matrices (covariance, factor)."""
    structure = STRUCTURES[covariance_type]
    stack = random_covariances(structure, np.random.RandomState(d), K, d)
    found = factorised(structure, stack)
    for k in range(structure.sharing.n_matrices(K)):
        at = structure.sharing.at(k)
        yield tuple(as_matrix(structure, part[at], d) for part in (stack, found.factor))


@pytest.mark.parametrize("d", [1, 2, 7, 30])
def test_factor_times_its_transpose_is_the_precision(covariance_type, d):
    for covariance, factor in members(covariance_type, d):
        assert_allclose(factor @ factor.T @ covariance, np.eye(d), atol=1e-10)
        assert_array_equal(factor, np.triu(factor))
        assert (np.diag(factor) > 0).all()


def test_floored_factors_are_upper_triangular_too():
    found = factorised(FULL, np.ones((2, 3, 3)))
    assert_array_equal(found.factor, np.triu(found.factor))
    assert (np.diagonal(found.factor, axis1=1, axis2=2) > 0).all()


def test_factor_of_precision_and_invert_undo_each_other(covariance_type):
    structure = STRUCTURES[covariance_type]
    form = structure.form
    precisions = random_covariances(structure, np.random.RandomState(0), K, D)
    factor = form.factor_of_precision(precisions)
    assert_allclose(form.precision(factor), precisions, rtol=1e-12, atol=1e-13)
    found = factorised(structure, form.invert(factor)).factor
    assert_allclose(found, factor, rtol=1e-10, atol=1e-12)
    if isinstance(form, Dense):
        assert_array_equal(factor, np.triu(factor))


def test_log_det_of_the_factor_is_half_that_of_the_precision(covariance_type):
    structure = STRUCTURES[covariance_type]
    params = random_params(structure, 0, K, D)
    found = np.broadcast_to(structure.form.log_det(params.factors, D), K)
    stack = dense_stack(structure, params.covariances, K, D)
    assert_allclose(found, -0.5 * np.linalg.slogdet(stack)[1], rtol=1e-12, atol=1e-13)


def test_rescale_is_the_covariance_of_the_scaled_variable(covariance_type):
    structure = STRUCTURES[covariance_type]
    params = random_params(structure, 0, K, D)
    scale = np.array([1e-3, 2.0, 50.0, 0.7])
    if covariance_type.endswith("spherical"):
        scale = np.full(D, 3.0)  # only one scale for all keeps the form
    covariance, factor = structure.form.rescale(params.covariances, params.factors, scale)
    before = dense_stack(structure, params.covariances, K, D)
    after = dense_stack(structure, covariance, K, D)
    assert_allclose(after, before * np.multiply.outer(scale, scale), rtol=1e-14)
    expected = np.linalg.inv(after)
    found = dense_stack(structure, structure.form.precision(factor), K, D)
    assert_allclose(found, expected, rtol=1e-10, atol=1e-12 * abs(expected).max())


def test_unwhiten_gives_rows_of_the_covariance(covariance_type):
    structure = STRUCTURES[covariance_type]
    params = random_params(structure, 0, 1, D)
    factor = params.factors[structure.sharing.at(0)]
    root = structure.form.unwhiten(factor, np.eye(D))  # rows: U⁻ᵀ e_j
    covariance = dense_stack(structure, params.covariances, 1, D)[0]
    assert_allclose(root.T @ root, covariance, rtol=1e-12, atol=1e-13)


# --- counts ---------------------------------------------------------------------------------

FREE = {
    "full": K * D * (D + 1) // 2,
    "tied": D * (D + 1) // 2,
    "diag": K * D,
    "spherical": K,
    "tied_diag": D,
    "tied_spherical": 1,
}


@pytest.mark.parametrize("name", TYPES)
def test_number_of_free_parameters(name):
    assert STRUCTURES[name].n_free(K, D) == FREE[name]
    X = clusters(0, 100, D, K)
    mixture = fitted(X, K, covariance_type=name, random_state=0, max_iter=3)
    assert mixture._n_parameters() == FREE[name] + K * D + K - 1


@pytest.mark.parametrize("name", SKLEARN_TYPES)
def test_number_of_free_parameters_is_that_of_scikit_learn(name):
    X = clusters(0, 100, D, K)
    theirs = Theirs(K, covariance_type=name, random_state=0).fit(X)
    mixture = fitted(X, K, covariance_type=name, random_state=0, max_iter=3)
    assert mixture._n_parameters() == theirs._n_parameters()
