"""Which kernel is chosen, and the one that is made of two."""

import numpy as np
import pytest
from common import (
    STRUCTURES,
    clusters,
    dense_stack,
    factorised,
    fitted,
    kernel_log_joint,
    model_of,
    random_params,
    textbook_log_joint,
)
from numpy.testing import assert_allclose, assert_array_equal

from emix import BayesianGaussianMixture
from emix._mixture.posterior import hard
from emix._normal.covariances import FULL
from emix._normal.gaussian import Params, Products, Residuals, cancelling, distant
from emix._normal.mixed import Mixed
from emix._normal.panels import Panels

OWN = [name for name, structure in STRUCTURES.items() if structure.sharing.separable]


def with_narrow(covariance_type, d, n_components, narrow, n=300):
    """Some components are so narrow that moments about the origin would cancel."""
    structure = STRUCTURES[covariance_type]
    params = random_params(structure, 5, n_components, d)
    covariances = params.covariances.copy()
    covariances[narrow] *= 1e-8
    params = Params(params.weights, params.means, *factorised(structure, covariances))
    X = np.random.RandomState(1).normal(size=(n, d))
    X[: len(narrow) * 9] = np.repeat(params.means[narrow], 9, axis=0)
    X[: len(narrow) * 9] += 1e-4 * np.random.RandomState(2).normal(size=(len(narrow) * 9, d))
    return model_of(X, structure), params, X


@pytest.mark.parametrize("covariance_type", OWN)
@pytest.mark.parametrize(("d", "n_components"), [(2, 4), (5, 3), (20, 3)])
@pytest.mark.parametrize("rule", ["soft", "hard"])
def test_a_mixed_kernel_gives_what_residuals_give(covariance_type, d, n_components, rule):
    model, params, X = with_narrow(covariance_type, d, n_components, [1])
    kernel = model.space.kernel(params)
    assert isinstance(kernel, Mixed)
    stack = dense_stack(model.structure, params.covariances, n_components, d)
    expected = textbook_log_joint(X, params.weights, params.means, stack, 0.0)
    assert_allclose(kernel_log_joint(model, kernel), expected, rtol=1e-9, atol=1e-9)
    model = model.ruled(hard) if rule == "hard" else model
    other = model_of(X, model.structure).ruled(model.rule)
    other.kernel = lambda params: Residuals(model.structure, params, model.noise)
    found, plain = model.e_step(params), other.e_step(params)
    assert_allclose(found.value, plain.value, rtol=1e-11)
    one, two = model.m_step(found, params), other.m_step(plain, params)
    for name in ("weights", "means"):
        assert_allclose(getattr(one, name), getattr(two, name), rtol=1e-9, atol=1e-12)
    # relative to each component's own size, of which products would leave no digit
    assert_allclose(one.covariances, two.covariances, rtol=1e-7, atol=1e-14)


def test_only_components_that_need_them_have_residuals():
    model, params, _ = with_narrow("full", 3, 6, [2, 4])
    kernel = model.space.kernel(params)
    assert isinstance(kernel.near, Products)
    assert kernel.near.n_components == 4
    assert kernel.far.n_components == 2
    assert_array_equal(kernel.origin[[2, 4]], params.means[[2, 4]])
    assert not kernel.origin[[0, 1, 3, 5]].any()


def test_what_cancels_is_bounded_feature_by_feature(covariance_type):
    """A component that is narrow in a feature may be far from the origin in others."""
    structure, d = STRUCTURES[covariance_type], 3
    params = random_params(structure, 3, 4, d)
    offset = np.random.RandomState(0).normal(size=(4, d))
    bounds = cancelling(structure, params, offset)
    stack = dense_stack(structure, params.covariances, 4, d)
    for bound, covariance, o in zip(bounds, stack, offset, strict=True):
        precision = np.linalg.inv(covariance)
        assert np.abs(precision * np.outer(o, o)).sum() <= bound * (1.0 + 1e-12)
        assert bound <= np.trace(precision) * (o @ o) * (1.0 + 1e-12)


def test_moments_of_a_narrow_feature_do_not_cancel_where_the_mean_is_near():
    variances = np.array([[1e-6, 1.0], [1.0, 1.0]])
    params = Params(
        np.array([0.5, 0.5]),
        np.array([[0.01, 30.0], [0.0, -1.0]]),
        variances,
        variances**-0.5,
        np.zeros(2, dtype=int),
    )
    assert not distant(STRUCTURES["diag"], params).any()
    params.means[0, 0] = 2.0
    assert_array_equal(distant(STRUCTURES["diag"], params), [True, False])


def test_statistics_about_the_means_keep_their_origin_while_these_are_near():
    """Accelerations move all that they remember wherever the origin changes."""
    model, params, _ = with_narrow("full", 2, 4, [1])
    moved = (0.0, 1e-4, 2e-4, 0.1, 0.1)
    origins = []
    for move in moved:
        means = params.means.copy()
        means[1] += move
        stats = model.e_step(params._replace(means=means))
        exact = model_of(with_narrow("full", 2, 4, [1])[2], FULL).e_step(
            params._replace(means=means)
        )
        assert_allclose(
            model.m_step(stats, params).covariances,
            model.m_step(exact, params).covariances,
            rtol=1e-9,
        )
        origins.append(stats.origin)
    assert origins[0] is origins[1] is origins[2]
    assert origins[3] is not origins[2]
    assert origins[4] is origins[3]


def test_statistics_stay_about_the_means_where_none_would_cancel_any_more():
    model, params, _ = with_narrow("full", 2, 4, [1])
    wider = params.covariances.copy()
    wider[1] *= 1e3
    wide = Params(params.weights, params.means, *factorised(FULL, wider))
    assert not distant(FULL, wide).any()
    assert model.e_step(params).origin is model.e_step(wide).origin
    far = wide._replace(means=wide.means + 1e3)
    assert model.e_step(far).origin is not model.e_step(params).origin


def test_weights_and_given_responsibilities_reach_both_parts():
    model, params, X = with_narrow("full", 2, 3, [0])
    weight = np.random.RandomState(0).uniform(size=len(X))
    model = model_of(X, model.structure, weight)
    resp = np.random.RandomState(1).dirichlet(np.ones(3), size=len(X))
    stats = model.space.statistics_at(params, lambda at: resp[at])
    assert isinstance(model.space.kernel(params), Mixed)
    assert_allclose(stats.weight, weight @ resp / weight.sum(), rtol=1e-12)


@pytest.mark.parametrize("covariance_type", ["tied", "tied_diag", "tied_spherical"])
def test_components_that_share_a_matrix_need_residuals_together(covariance_type):
    structure = STRUCTURES[covariance_type]
    params = random_params(structure, 0, 3, 2)
    means = params.means.copy()
    means[0] *= 1e5
    model = model_of(np.random.RandomState(0).normal(size=(50, 2)), structure)
    assert isinstance(model.space.kernel(params._replace(means=means)), Residuals)


def test_a_fit_with_one_narrow_component_converges():
    """The kernel changes on the way: the narrow one is found from a wide one."""
    rng = np.random.RandomState(0)
    X = np.concatenate(
        [clusters(3, 600, 2, 3, 3.0), [4.0, -2.0] + 1e-6 * rng.normal(size=(300, 2))]
    )
    mixture = fitted(X, 4, means_init=X[[0, 1, 2, -1]])
    narrow = np.linalg.det(mixture.covariances_).argmin()
    own = X[-300:]
    assert_allclose(mixture.means_[narrow], own.mean(axis=0), rtol=1e-10)
    # of rows that are 3e6 standard deviations from the origin, six of sixteen digits are left
    assert_allclose(mixture.covariances_[narrow], np.cov(own.T, bias=True), rtol=1e-6)


@pytest.mark.parametrize("covariance_type", OWN)
def test_variational_fits_have_mixed_kernels_too(covariance_type):
    """Their posteriors have more parts than parameters."""
    rng = np.random.RandomState(0)
    X = np.concatenate([rng.normal(size=(200, 2)), [9.0, 5.0] + 1e-6 * rng.normal(size=(90, 2))])
    mixture = BayesianGaussianMixture(
        2,
        covariance_type=covariance_type,
        covariance_prior=_tiny(covariance_type),
        mean_precision_prior=1e-14,
        random_state=0,
    ).fit(X)
    assert_allclose(np.sort(mixture.weights_), [90 / 290, 200 / 290], atol=0.01)
    assert mixture.covariances_.min() < 1e-8
    assert_array_equal(mixture.predict(X[-90:]), np.full(90, mixture.predict(X[-1:])[0]))


def _tiny(covariance_type):
    return {"full": 1e-12 * np.eye(2), "diag": np.full(2, 1e-12), "spherical": 1e-12}[
        covariance_type
    ]


# --- cost -----------------------------------------------------------------------------------


def wide(d, n_components, separation):
    rng = np.random.RandomState(0)
    means = separation * rng.normal(size=(n_components, d))
    covariances = np.repeat(np.eye(d)[None], n_components, axis=0)
    weights = np.full(n_components, 1.0 / n_components)
    params = Params(weights, means, *factorised(FULL, covariances))
    return model_of(rng.normal(size=(4, d)), FULL).space.kernel(params)


@pytest.mark.parametrize(
    ("d", "n_components", "expected"),
    [
        (6, 1, Products),
        (12, 2, Panels),
        (12, 4, Products),
        (30, 11, Panels),
        (30, 20, Products),
        (50, 20, Panels),
        (50, 40, Products),
    ],
)
def test_panels_serve_many_features_for_each_component(d, n_components, expected):
    assert isinstance(wide(d, n_components, 0.1), expected)


@pytest.mark.parametrize(
    ("d", "separation", "expected"),
    [(50, 0.1, Products), (50, 3.0, Panels), (30, 3.0, Products)],
)
def test_panels_serve_many_components_that_are_apart(d, separation, expected):
    """They leave out those that do not matter to a row."""
    assert isinstance(wide(d, 40, separation), expected)


@pytest.mark.parametrize(("d", "n_components", "count"), [(8, 2, 1), (32, 4, 2), (50, 20, 6)])
def test_wide_products_have_more_panels(d, n_components, count):
    params = random_params(FULL, 0, n_components, d)
    model = model_of(np.zeros((2, d)), FULL)
    assert Panels(FULL, params, model.natural(params)).count == count
