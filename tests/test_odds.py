"""The E-step by odds is the E-step, and is left where components are too far apart for it."""

import numpy as np
import pytest
from common import STRUCTURES, clusters, factorised, fitted, model_of, random_params
from numpy.testing import assert_allclose, assert_array_equal

from emix._mixture.curvature import Curved, CurvedMixture, CurvedOdds
from emix._mixture.odds import Odds
from emix._mixture.posterior import soft
from emix._mixture.sums import OddsSums, RuleSums
from emix._normal.covariances import FULL
from emix._normal.gaussian import Params, Products

N = 700


def weights_of(weighted):
    return np.random.RandomState(3).uniform(size=N) * 2 if weighted else None


def assert_same_statistics(found, expected):
    assert_allclose(found.value, expected.value, rtol=1e-12)
    assert_allclose(found.vector, expected.vector, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(("d", "n_components"), [(1, 2), (2, 3), (3, 9)])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_the_e_step_by_log_densities(covariance_type, d, n_components, weighted):
    structure = STRUCTURES[covariance_type]
    model = model_of(clusters(0, N, d, n_components, 1.0), structure, weights_of(weighted))
    params = random_params(structure, 1, n_components, d)
    kernel = model.space.kernel(params)
    assert type(model.space.view.odds(kernel, params)) is Odds
    assert_same_statistics(model._by_odds(kernel, params), model._by_log_joint(kernel, params))


@pytest.mark.parametrize("reference", range(4))
@pytest.mark.parametrize("weighted", [False, True])
def test_with_curvature_too_whichever_component_is_the_reference(
    covariance_type, reference, weighted
):
    structure = STRUCTURES[covariance_type]
    plain = model_of(clusters(0, N, 2, 4, 1.0), structure, weights_of(weighted))
    params = random_params(structure, 1, 4, 2)
    weights = np.full(4, 0.2)
    weights[reference] = 0.4
    params = params._replace(weights=weights)
    kernel = Curved(plain.space.kernel(params))
    found = stats_of(plain.rows, CurvedOdds(kernel, reference, plain.space.view.moments))
    expected = kernel.stats(*value_and_sums(plain.rows, RuleSums(kernel, kernel.log_joint, soft)))
    assert_same_statistics(found, expected)
    assert_allclose(found.overlaps, expected.overlaps, rtol=1e-10, atol=1e-13)
    assert_array_equal(CurvedMixture(plain).e_step(params).overlaps, found.overlaps)


def value_and_sums(rows, job):
    sums = rows.mean(job)
    return float(sums[0]), sums[1:]


def stats_of(rows, odds):
    return odds.stats_if_accurate(*value_and_sums(rows, OddsSums(odds)))


def far_apart(n_components=3):
    """Clusters of unit variance, 400 apart."""
    X = clusters(0, N, 2, n_components, 0.0)
    return X + 400.0 * (np.arange(N) % n_components)[:, None]


@pytest.mark.parametrize("with_curvature", [False, True])
def test_infinite_odds_are_noticed(with_curvature):
    X = far_apart()
    model = model_of((X - X.mean(0)) / X.std(0), FULL)
    means = np.array([-1.2, 0.0, 1.2])[:, None] * np.ones(2)
    covariances = np.tile(1e-5 * np.eye(2), (3, 1, 1))
    params = Params(np.full(3, 1 / 3), means, *factorised(FULL, covariances))
    kernel = Products(FULL, params, model.natural(params), None)
    rows, odds = model.rows, Odds(kernel, 0, model.space.view.moments, 0.0)
    model.odds = lambda kernel, params: odds
    model.space.kernel = lambda params: kernel
    if with_curvature:
        odds = CurvedOdds(Curved(kernel), 0, model.space.view.moments)
        model = CurvedMixture(model)
    assert rows.mean(OddsSums(odds))[0] == np.inf
    for _ in range(2):
        stats = model.e_step(params)
        assert np.isfinite(stats.vector).all()
        assert_allclose(stats.weight, 1 / 3, atol=0.01)


def test_fits_of_clusters_far_apart_are_right():
    X = far_apart()
    mixture = fitted(X, n_components=3, random_state=0)
    assert mixture.converged_
    own = [X[np.arange(N) % 3 == k] for k in range(3)]
    order = mixture.means_[:, 0].argsort()
    assert_allclose(mixture.means_[order], [rows.mean(axis=0) for rows in own], atol=1e-11)
    expected = [np.cov(rows.T, bias=True) for rows in own]
    assert_allclose(mixture.covariances_[order], expected, rtol=1e-7)


@pytest.mark.parametrize("scale", [1e-1, 1e-5])
def test_a_reference_much_narrower_than_the_data_is_none(covariance_type, scale):
    """Its statistics would be a small difference of large ones."""
    structure = STRUCTURES[covariance_type]
    params = random_params(structure, 0, 2, 2)
    narrow = factorised(structure, params.covariances * scale**2)
    params = Params(np.array([0.5, 0.5]), params.means, *narrow)
    model = model_of(clusters(0, N, 2, 2, 1.0), structure)
    kernel = Products(structure, params, model.natural(params), model.space.view.moments[:-3])
    odds = Odds.of(kernel, params, model.space.view.moments)
    assert (odds is None) == (scale < 1e-3)


@pytest.mark.parametrize("distance", [6.0, 9.0, 20.0])
def test_a_reference_to_which_rows_give_nothing_is_none(distance):
    """A start may give most weight to a component that is far from all rows."""
    model = model_of(np.random.RandomState(0).normal(size=(N, 2)), FULL)
    means = np.array([[distance, distance], [0.5, 0.0], [-0.5, 0.0]])
    unit = factorised(FULL, np.tile(np.eye(2), (3, 1, 1)))
    params = Params(np.array([0.8, 0.1, 0.1]), means, *unit)
    kernel = model.space.kernel(params)
    assert type(kernel) is Products
    assert model.space.view.odds(kernel, params).reference == 0
    found, expected = model.e_step(params), model._by_log_joint(kernel, params)
    assert_allclose(found.vector, expected.vector, rtol=1e-8, atol=0)
    one, two = (model.m_step(stats, params) for stats in (found, expected))
    assert_allclose(one.means, two.means, rtol=1e-8)
    assert one.weights.min() >= 0.0


def test_one_component_has_no_odds():
    model, params = model_of(clusters(0, N, 2, 2), FULL), random_params(FULL, 0, 1, 2)
    assert model.space.view.odds(model.space.kernel(params), params) is None
