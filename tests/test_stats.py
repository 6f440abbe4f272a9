"""Sufficient statistics: a vector space, origins, blocks."""

import numpy as np
from common import STRUCTURES, clusters, integer_weights, model_of, random_params
from numpy.testing import assert_allclose

from emix._normal.gaussian import about
from emix._rows import grid


def statistics(covariance_type, X, weight=None, seed=0, n_components=3):
    structure = STRUCTURES[covariance_type]
    params = random_params(structure, seed, n_components, X.shape[1])
    return model_of(X, structure, weight).e_step(params), params


def assert_same_statistics(one, other, tolerance=1e-12):
    assert_allclose(one.vector, other.vector, rtol=0, atol=tolerance * abs(other.vector).max())
    assert_allclose(one.value, other.value, rtol=tolerance)


def test_statistics_of_two_halves_add_up_to_those_of_the_whole(covariance_type):
    X = clusters(0, 300, 3, 3, 1.0)
    structure = STRUCTURES[covariance_type]
    params = random_params(structure, 1, 3, 3)
    whole = model_of(X, structure).e_step(params)
    parts = [model_of(part, structure).e_step(params) for part in (X[:100], X[100:])]
    assert_same_statistics(parts[0] * (1 / 3) + parts[1] * (2 / 3), whole)


def test_add_subtract_and_scale_are_those_of_a_vector_space(covariance_type):
    X = clusters(1, 200, 2, 3, 1.0)
    stats, _ = statistics(covariance_type, X)
    other = model_of(X[:50], STRUCTURES[covariance_type]).e_step(
        random_params(STRUCTURES[covariance_type], 0, 3, 2)
    )
    assert_same_statistics(stats + other - other, stats)
    assert_same_statistics(2.0 * stats, stats + stats)
    assert_same_statistics(stats * 0.5 + stats * 0.5, stats)
    assert_allclose((stats - other).weight, stats.weight - other.weight, rtol=1e-15)
    assert_allclose((3.0 * stats).first, 3.0 * stats.first, rtol=1e-15)
    assert_allclose((3.0 * stats).second, 3.0 * stats.second, rtol=1e-15)


def test_operations_leave_their_operands_alone(covariance_type):
    stats, _ = statistics(covariance_type, clusters(1, 50, 2, 3))
    before = stats.vector.copy()
    stats + stats, stats - stats, 2.0 * stats
    np.testing.assert_array_equal(stats.vector, before)


def test_other_statistics_about_the_same_origin(covariance_type):
    stats, _ = statistics(covariance_type, clusters(1, 50, 2, 3))
    assert_same_statistics(
        stats.at(2.0 * stats.vector) - stats.at(stats.vector), stats.at(stats.vector)
    )
    assert stats.at(stats.vector).origin is stats.origin


def test_integer_weights_equal_repeated_rows(covariance_type):
    X, weight = clusters(2, 200, 3, 3, 1.0), integer_weights(0, 200)
    weighted, _ = statistics(covariance_type, X, weight.astype(float))
    repeated, _ = statistics(covariance_type, np.repeat(X, weight, axis=0))
    assert_same_statistics(weighted, repeated)


def test_weights_of_the_components_add_up_to_one(covariance_type):
    X = clusters(2, 100, 2, 3, 1.0)
    for weight in (None, np.random.RandomState(0).uniform(size=100) * 7):
        stats, _ = statistics(covariance_type, X, weight)
        assert_allclose(stats.weight.sum(), 1.0, rtol=1e-13)


def test_about_there_and_back_changes_nothing(covariance_type):
    structure, X = STRUCTURES[covariance_type], clusters(3, 150, 3, 3, 1.0)
    stats = model_of(X, structure).e_step(random_params(structure, 4, 3, 3))
    moved = about(structure, stats, stats.origin + np.random.RandomState(5).normal(size=(3, 3)))
    assert abs(moved.first - stats.first).max() > 0.1
    assert_same_statistics(about(structure, moved, stats.origin), stats, 1e-13)


def test_about_moves_moments_as_direct_sums_do(covariance_type):
    structure, X = STRUCTURES[covariance_type], clusters(3, 150, 3, 3, 1.0)
    params = random_params(structure, 4, 3, 3)
    model = model_of(X, structure)
    resp = np.random.RandomState(0).dirichlet(np.ones(3), size=len(X))
    stats = model.space.statistics_at(params, lambda at: resp[at])
    origin = np.random.RandomState(6).normal(size=(3, 3))
    moved = about(structure, stats, origin)
    y = X[:, None, :] - origin
    outer = structure.form.outer(y, y)
    weighted = resp.reshape(resp.shape + (1,) * (outer.ndim - 2)) * outer / len(X)
    direct = weighted.sum(axis=0 if structure.sharing.separable else (0, 1))
    assert_allclose(moved.second, direct, rtol=1e-12, atol=1e-13)
    assert_allclose(moved.first, np.einsum("nk,nkj->kj", resp, y) / len(X), rtol=1e-12, atol=1e-14)


def test_small_blocks_give_the_statistics_of_one_block(covariance_type, monkeypatch):
    X, weight = clusters(4, 3000, 3, 3, 1.0), np.random.RandomState(0).uniform(size=3000)
    whole, _ = statistics(covariance_type, X, weight)
    monkeypatch.setattr(grid, "BLOCK_BYTES", 1)  # the fewest rows that a block may have
    pieces, _ = statistics(covariance_type, X, weight)
    assert_same_statistics(pieces, whole)
