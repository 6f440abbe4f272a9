"""Kernels and rules against scipy.stats and direct sums."""

import numpy as np
import pytest
from common import (
    KERNELS_BY_TYPE,
    STRUCTURES,
    dense_stack,
    factorised,
    kernel_log_joint,
    model_of,
    random_params,
    textbook_log_joint,
    with_kernel,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp, softmax

from emix._mixture.posterior import hard, log_evidence, soft
from emix._normal.covariances import FULL
from emix._normal.gaussian import Params, Products, Residuals
from emix._normal.panels import Panels

SIZES = [(1, 1), (1, 3), (2, 1), (2, 4), (7, 3), (30, 2), (61, 3)]


def problem(covariance_type, d, n_components, n=150, noise=0.0, weight=None):
    structure = STRUCTURES[covariance_type]
    X = np.random.RandomState(d).normal(size=(n, d)) * 1.2
    params = random_params(structure, d + n_components, n_components, d)
    return model_of(X, structure, weight, noise), params, X


def reference(model, params, X):
    """log_joint by scipy, (n, K)."""
    stack = dense_stack(model.structure, params.covariances, *params.means.shape)
    return textbook_log_joint(X, params.weights, params.means, stack, float(model.space.noise[0]))


def direct_statistics(structure, X, origin, resp):
    """Sums over rows of resp * (1, y, second moments of y), written out."""
    y = X[:, None, :] - origin
    first = np.einsum("nk,nkj->kj", resp, y)
    outer = structure.form.outer(y, y)
    second = np.einsum("nk,nk...->k...", resp, outer)
    return (
        resp.sum(axis=0),
        first,
        second if structure.sharing.separable else second.sum(axis=0),
    )


@pytest.mark.parametrize(("d", "n_components"), SIZES)
@pytest.mark.parametrize(("kernel", "covariance_type"), KERNELS_BY_TYPE)
@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_log_joint_equals_that_of_scipy(kernel, covariance_type, d, n_components, noise):
    model, params, X = problem(covariance_type, d, n_components, noise=noise)
    found = kernel_log_joint(model, with_kernel(model, kernel).space.kernel(params))
    # products cancel: an error of some units of the last place of |P| |x|²
    assert_allclose(found, reference(model, params, X), rtol=1e-11, atol=1e-11 * d)


@pytest.mark.parametrize(("d", "n_components"), SIZES)
@pytest.mark.parametrize(("kernel", "covariance_type"), KERNELS_BY_TYPE)
@pytest.mark.parametrize("weighted", [False, True])
def test_statistics_equal_direct_sums(kernel, covariance_type, d, n_components, weighted):
    weight = np.random.RandomState(0).uniform(size=150) * 3 if weighted else None
    model, params, X = problem(covariance_type, d, n_components, weight=weight)
    stats = with_kernel(model, kernel).e_step(params)
    log_joint = reference(model, params, X)
    weight = np.ones(len(X)) if weight is None else weight
    resp = softmax(log_joint, axis=1) * weight[:, None] / weight.sum()
    expected = direct_statistics(model.structure, X, stats.origin, resp)
    for found, direct in zip((stats.weight, stats.first, stats.second), expected, strict=True):
        assert_allclose(found, direct, rtol=1e-10, atol=1e-12)
    value = np.average(logsumexp(log_joint, axis=1), weights=weight)
    assert_allclose(stats.value, value, rtol=1e-12)


@pytest.mark.parametrize(("kernel", "covariance_type"), KERNELS_BY_TYPE)
def test_value_with_noise_is_the_expectation_over_the_clouds(kernel, covariance_type):
    model, params, X = problem(covariance_type, 3, 2, noise=0.15)
    stats = with_kernel(model, kernel).e_step(params)
    assert_allclose(stats.value, logsumexp(reference(model, params, X), axis=1).mean(), rtol=1e-12)


@pytest.mark.parametrize(("kernel", "covariance_type"), KERNELS_BY_TYPE)
def test_given_responsibilities_are_used_as_they_are(kernel, covariance_type):
    model, params, X = problem(covariance_type, 3, 4)
    resp = np.random.RandomState(1).dirichlet(np.ones(4), size=len(X))
    stats = with_kernel(model, kernel).space.statistics_at(params, lambda at: resp[at])
    expected = direct_statistics(model.structure, X, stats.origin, resp / len(X))
    for found, direct in zip((stats.weight, stats.first, stats.second), expected, strict=True):
        assert_allclose(found, direct, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("other", ["panels", "residuals"])
@pytest.mark.parametrize("d", [2, 7, 13, 61])
def test_kernels_of_full_covariances_lead_to_the_same_m_step(other, d):
    model, params, _ = problem("full", d, 3, n=400)
    one, two = (
        model.m_step(with_kernel(model, kernel).e_step(params), params)
        for kernel in ("products", other)
    )
    for name in ("weights", "means", "covariances"):
        assert_allclose(getattr(one, name), getattr(two, name), rtol=1e-9, atol=1e-12)


def test_residuals_are_chosen_where_moments_about_one_origin_cancel(covariance_type):
    structure = STRUCTURES[covariance_type]
    near = random_params(structure, 0, 3, 4)
    far = near._replace(means=near.means * 1e5)
    model = model_of(np.random.RandomState(0).normal(size=(50, 4)), structure)
    assert not isinstance(model.space.kernel(near), Residuals)
    assert isinstance(model.space.kernel(far), Residuals)


def test_tight_components_also_choose_residuals(covariance_type):
    structure = STRUCTURES[covariance_type]
    params = random_params(structure, 0, 3, 4)
    tight = factorised(structure, params.covariances * 1e-9)
    model = model_of(np.random.RandomState(0).normal(size=(50, 4)), structure)
    assert isinstance(model.space.kernel(Params(params.weights, params.means, *tight)), Residuals)


def test_far_components_have_accurate_log_joint_by_default(covariance_type):
    structure = STRUCTURES[covariance_type]
    params = random_params(structure, 0, 2, 3)
    params = params._replace(means=params.means + [[1e7], [-1e7]])
    near = np.random.RandomState(0).normal(size=(40, 3))
    X = np.concatenate([near + params.means[0], near + params.means[1]])
    model = model_of(X, structure)
    found = kernel_log_joint(model, model.space.kernel(params))
    expected = reference(model, params, X)
    own = [(slice(0, 40), 0), (slice(40, 80), 1)]
    for part in own:  # the other component's is -1e14
        # X has a unit in the last place of 1.9e-9 itself
        assert_allclose(found[part], expected[part], rtol=1e-9, atol=1e-7)


def test_the_cheap_kernel_serves_few_features_and_the_panels_many():
    X = np.random.RandomState(0).normal(size=(50, 61))
    many = model_of(X, FULL).space.kernel(random_params(FULL, 0, 3, 61))
    few = model_of(X[:, :2], FULL).space.kernel(random_params(FULL, 0, 3, 2))
    assert isinstance(many, Panels)
    assert isinstance(few, Products)


# --- rules ----------------------------------------------------------------------------------


def ruled(rule, log_joint, weight=None):
    """The sum of the rows' values, and normalised responsibilities (K, m)."""
    out, work, norm = np.empty_like(log_joint), *np.empty((2, log_joint.shape[1]))
    with np.errstate(all="ignore"):
        total = rule(log_joint.copy(), out, work, norm, weight)
    return total, out * norm


def apply(rule, log_joint):
    """Values row by row (m,), by weights that pick a row, and responsibilities (K, m)."""
    total, resp = ruled(rule, log_joint)
    picks = np.eye(log_joint.shape[1])
    value = np.array([ruled(rule, log_joint, pick)[0] for pick in picks])
    assert_allclose(total, value.sum(), rtol=1e-13, atol=1e-12)
    return value, resp


@pytest.mark.parametrize("m", [1, 7, 8, 9, 64, 1001, 4096, 4099])
@pytest.mark.parametrize("spread", [1.0, 30.0, 300.0])
def test_soft_rule_sums_logarithms_of_products(m, spread):
    """Groups of eight evidences are multiplied where that is safe, and only there."""
    log_joint = np.random.RandomState(m).normal(scale=spread, size=(2, m)) - spread
    total, _ = ruled(soft, log_joint)
    assert_allclose(total, logsumexp(log_joint, axis=0).sum(), rtol=1e-13)


def test_products_of_evidences_keep_their_digits():
    """Eight of exp(-91.5) are 1e-318, which has but three digits; more than 4096 are multiplied."""
    log_joint = np.random.RandomState(0).normal(scale=0.1, size=(1, 8000)) - 91.5
    total, _ = ruled(soft, log_joint)
    assert_allclose(total, log_joint.sum(), rtol=1e-14)


def test_log_evidence_is_the_value_of_each_row():
    log_joint = np.random.RandomState(5).normal(scale=200.0, size=(3, 50))
    out, work, norm = np.empty_like(log_joint), *np.empty((2, 50))
    with np.errstate(all="ignore"):
        value = log_evidence(log_joint, out, work, norm)
    assert_allclose(value, logsumexp(log_joint, axis=0), rtol=1e-14)


@pytest.mark.parametrize("n_components", [1, 2, 5])
@pytest.mark.parametrize("shift", [0.0, 300.0, -300.0, 1e4, -1e4, 1e8, -1e12])
def test_soft_rule_is_logsumexp_and_softmax(n_components, shift):
    log_joint = np.random.RandomState(0).normal(size=(n_components, 40)) * 5 + shift
    value, resp = apply(soft, log_joint)
    assert_allclose(value, logsumexp(log_joint, axis=0), rtol=1e-15, atol=1e-13)
    assert_allclose(resp, softmax(log_joint, axis=0), rtol=1e-13, atol=0)


@pytest.mark.parametrize("extreme", [-800.0, -745.2, -740.0, 709.9, 800.0, 1e5, -1e150, 1e150])
def test_soft_rule_with_one_row_out_of_range_among_ordinary_ones(extreme):
    log_joint = np.random.RandomState(0).normal(size=(3, 20))
    log_joint[:, 7] = [extreme, extreme, extreme - 1.0]
    value, resp = apply(soft, log_joint)
    assert_allclose(value, logsumexp(log_joint, axis=0), rtol=1e-14)
    assert_allclose(resp, softmax(log_joint, axis=0), rtol=1e-13, atol=1e-300)


def test_soft_rule_gives_nothing_to_components_of_weight_zero():
    log_joint = np.array([[0.0, -900.0], [-np.inf, -np.inf]])
    value, resp = apply(soft, log_joint)
    assert_array_equal(value, log_joint[0])
    assert_array_equal(resp, [[1.0, 1.0], [0.0, 0.0]])


def test_hard_rule_is_the_first_maximiser():
    log_joint = np.array([[1.0, 2.0, -9e5], [1.0, 3.0, -8e5], [0.0, 3.0, -9e9]])
    value, resp = apply(hard, log_joint)
    assert_array_equal(value, [1.0, 3.0, -8e5])
    assert_array_equal(resp, [[1, 0, 0], [0, 1, 1], [0, 0, 0]])


def test_both_rules_maximise_the_same_bound():
    """<q, log_joint> + H(q): soft over all q, hard over those that are one-hot."""
    log_joint = np.random.RandomState(3).normal(size=(4, 30))
    for rule in (soft, hard):
        value, q = apply(rule, log_joint)
        entropy = -(q * np.log(np.where(q > 0, q, 1.0))).sum(axis=0)
        assert_allclose(value, (q * log_joint).sum(axis=0) + entropy, rtol=1e-12, atol=1e-12)
    soft_value, hard_value = apply(soft, log_joint)[0], apply(hard, log_joint)[0]
    assert (soft_value > hard_value).all()
