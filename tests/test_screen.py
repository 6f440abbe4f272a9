"""Components that are left out of rows: only where they are nothing, and then without a trace."""

import numpy as np
import pytest
from common import model_of, random_params, textbook_log_joint
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp

from emix import BayesianGaussianMixture, GaussianMixture
from emix._mixture.constraint import Constraint
from emix._mixture.posterior import Tempered, hard, soft
from emix._normal import screen
from emix._normal.covariances import FULL
from emix._normal.gaussian import Params
from emix._normal.panels import Pairs, Panels
from emix._rows.room import allocate

N, D, K = 700, 40, 6
REACH = soft.reach


def problem(separation, n_components=K, n=N, d=D, seed=0):
    """Rows about means this many standard deviations apart, and parameters near the truth."""
    rng = np.random.RandomState(seed)
    params = random_params(FULL, seed, n_components, d)
    means = separation * rng.normal(size=(n_components, d))
    noise = rng.normal(size=(n, d))
    labels = rng.randint(n_components, size=n)
    roots = np.linalg.cholesky(params.covariances)
    X = means[labels] + np.einsum("nij,nj->ni", roots[labels], noise)
    return X, params._replace(means=means + 0.1 * rng.normal(size=means.shape))


def panels_of(X, params):
    model = model_of(X, FULL)
    kernel = Panels(FULL, params, model.natural(params))
    buffers = allocate(kernel, len(X))
    model.rows.read(0, len(X), buffers.z)
    return kernel, buffers


@pytest.fixture
def always(monkeypatch):
    monkeypatch.setattr(screen, "_WORTH", 0.0)


@pytest.mark.parametrize("separation", [0.0, 0.3, 1.0, 5.0])
@pytest.mark.parametrize("n_components", [2, 3, 30])
def test_the_bound_is_one(separation, n_components):
    X, params = problem(separation, n_components)
    kernel, buffers = panels_of(X, params)
    bound = screen.Screen(kernel, params, REACH)._bound(buffers, len(X))
    exact = textbook_log_joint(X, params.weights, params.means, params.covariances).T
    assert (bound >= exact - 1e-9 * np.abs(exact)).all()


@pytest.mark.parametrize("spread", [1e-7, 1e-3])
def test_the_bound_holds_for_components_that_are_nearly_flat(spread):
    X, params = problem(1.0)
    shrunk = np.ones(D)
    shrunk[::3] = spread
    flat = params.covariances * np.outer(shrunk, shrunk)
    params = Params(params.weights, params.means, *FULL.form.factorise(flat, 0.0))
    kernel, buffers = panels_of(X, params)
    bound = screen.Screen(kernel, params, REACH)._bound(buffers, len(X))
    exact = kernel.log_joint(buffers)
    assert (bound >= exact - 1e-9 * np.abs(exact)).all()


def test_means_that_differ_in_few_directions_are_seen_in_these():
    """With equal covariances the discriminants tell all about differences of log_joint."""
    X, params = problem(2.0)
    pooled = np.repeat(params.covariances[:1], K, axis=0)
    params = Params(params.weights, params.means, *FULL.form.factorise(pooled, 0.0))
    kernel, buffers = panels_of(X, params)
    bound = screen.Screen(kernel, params, REACH)._bound(buffers, len(X))
    exact = kernel.log_joint(buffers)
    assert_allclose(bound - bound[0], exact - exact[0], atol=1e-8)


@pytest.mark.parametrize("separation", [0.0, 0.3, 0.6, 1.0, 5.0])
def test_what_is_left_out_is_negligible_and_the_rest_exact(separation):
    X, params = problem(separation)
    kernel, buffers = panels_of(X, params)
    found = screen.Screen(kernel, params, REACH).log_joint(buffers).T
    exact = textbook_log_joint(X, params.weights, params.means, params.covariances)
    density = exact - np.log(params.weights) - logsumexp(exact, axis=1, keepdims=True)
    kept = np.isfinite(found)
    assert_allclose(found[kept], exact[kept], rtol=1e-10)
    assert kept[density > -REACH + 1e-6].all()
    assert not kept[density < -REACH - np.log(K)].any()


@pytest.mark.parametrize("rule", [soft, hard, Tempered(4.0), Tempered(0.3)])
@pytest.mark.parametrize("separation", [0.3, 0.6, 5.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_statistics_do_not_change(always, monkeypatch, rule, separation, weighted):
    X, params = problem(separation)
    weight = np.random.RandomState(1).uniform(size=N) if weighted else None
    model = model_of(X, FULL, weight, rule=rule)
    found = model.e_step(params)
    monkeypatch.setattr(screen, "_WORTH", np.inf)
    expected = model.e_step(params)
    assert_allclose(found.value, expected.value, rtol=1e-13)
    assert_allclose(found.vector, expected.vector, rtol=1e-12, atol=1e-13)


def test_few_pairs_are_evaluated_where_clusters_are_apart(always, monkeypatch):
    X, params = problem(3.0, n_components=20)
    evaluated = []
    whole, one = Panels.log_joint, Panels.log_joint_of
    monkeypatch.setattr(Panels, "log_joint", lambda *of: evaluated.append(20 * N) or whole(*of))
    monkeypatch.setattr(
        Panels, "log_joint_of", lambda *of: evaluated.append(of[1].rows.size) or one(*of)
    )
    model_of(X, FULL).e_step(params)
    assert N <= sum(evaluated) <= 1.2 * N


def test_overlapping_components_cost_a_part_of_the_block_at_most(always, monkeypatch):
    X, params = problem(0.0)
    bounds = []
    bound = screen.Screen._bound
    monkeypatch.setattr(screen.Screen, "_bound", lambda *of: bounds.append(of[2]) or bound(*of))
    model_of(X, FULL).e_step(params)
    assert sum(bounds) <= N / 8


def test_a_component_of_hardly_any_weight_keeps_the_rows_that_it_fits(always):
    """What counts is its density beside the mixture's, not its share."""
    X, params = problem(3.0)
    twin = [1, *range(1, K)]
    weights = np.array([1e-60, *np.full(K - 1, 1.0 / (K - 1))])
    stats = model_of(X, FULL).e_step(Params(weights, *(part[twin] for part in params[1:])))
    assert_allclose(stats.weight[0] / stats.weight[1], weights[0] / weights[1], rtol=1e-12)


def test_constraints_may_call_for_components_that_are_nothing(always):
    """Rows have to be of a component that is 1e5 nats away."""
    X, params = problem(5.0)
    allowed = np.zeros((N, K), dtype=bool)
    allowed[:, 2] = True
    model = model_of(X, FULL)
    model.constraint = Constraint(allowed, None, np.zeros(0), np.zeros(0), [])
    assert_allclose(model.e_step(params).weight, np.eye(K)[2], atol=1e-15)


@pytest.mark.parametrize("estimator", [GaussianMixture, BayesianGaussianMixture])
def test_fits_do_not_change(always, monkeypatch, estimator):
    X, _ = problem(1.0, n=900)
    mixture = estimator(K, random_state=0)
    found = mixture.fit(X)
    means, bounds = found.means_, found.lower_bounds_
    monkeypatch.setattr(screen, "_WORTH", np.inf)
    expected = mixture.fit(X)
    assert_allclose(means, expected.means_, rtol=1e-9, atol=1e-10)
    assert_allclose(bounds, expected.lower_bounds_, rtol=1e-10)


def test_rows_of_one_block_in_parts_have_the_same_statistics(always):
    X, params = problem(1.0)
    whole = model_of(X, FULL).e_step(params).vector
    parts = [model_of(part, FULL).e_step(params).vector * len(part) for part in (X[:9], X[9:])]
    assert_allclose(whole, sum(parts) / N, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("separation", [0.0, 0.6, 5.0])
def test_scratch_for_a_part_of_the_rows_is_enough(always, monkeypatch, separation):
    X, params = problem(separation)
    expected = model_of(X, FULL).e_step(params)
    monkeypatch.setattr(Panels, "chunk", 97)
    found = model_of(X, FULL).e_step(params)
    assert_allclose(found.value, expected.value, rtol=1e-13)
    assert_allclose(found.vector, expected.vector, rtol=1e-12, atol=1e-14)


def test_small_problems_are_not_screened():
    X, params = problem(5.0)
    kernel, _ = panels_of(X, params)
    assert screen.screened(kernel, params, REACH, N) == kernel.log_joint
    assert screen.screened(kernel, params, REACH, 10**6) != kernel.log_joint


@pytest.mark.parametrize("size", [3, 7, 1000])
def test_pairs_are_runs_of_components(size):
    mask = np.random.RandomState(0).uniform(size=(5, 40)) < 0.2
    mask[2] = False
    array = np.random.RandomState(1).normal(size=(5, 40))
    pairs = Pairs.where(mask)
    k, rows = np.nonzero(mask)
    assert_array_equal(pairs.rows, rows)
    assert_array_equal(pairs.of(array), array[mask])
    assert_array_equal(pairs.spread(np.arange(5.0)), k)
    told = [
        (component, row)
        for start, stop, runs in pairs.chunks(size)
        for component, first, last in runs
        for row in pairs.rows[start:stop][first:last]
    ]
    assert told == list(zip(k.tolist(), rows, strict=True))
    filled = np.zeros((5, 40))
    pairs.put(filled, array[mask])
    assert_array_equal(filled, np.where(mask, array, 0.0))
