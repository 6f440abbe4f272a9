"""Far origins, extreme units, distant clusters: against 50 digits; equivariance."""

import numpy as np
import pytest
from common import (
    STRUCTURES,
    TYPES,
    as_initial_values,
    clusters,
    dense_covariances,
    dense_stack,
    factorised,
    fitted,
    initial_values,
    kernel_log_joint,
    model_of,
    of_structure,
    plain_passes,
)
from mpmath import mp, mpf
from numpy.testing import assert_allclose, assert_array_equal

from emix import GaussianMixture
from emix._normal.gaussian import Params

mp.dps = 50


# --- the textbook in 50 digits ----------------------------------------------------------------


def exact(array):
    """An object array of mpf: NumPy's sums and products then work in 50 digits."""
    return np.frompyfunc(mpf, 1, 1)(np.asarray(array, dtype=float))


def exact_inverse(C):
    """Inverse and logarithm of the determinant, by Gauss elimination without pivots."""
    d = len(C)
    table = np.concatenate([C, exact(np.eye(d))], axis=1)
    log_det = mpf(0)
    for i in range(d):
        log_det += mp.log(table[i, i])
        table[i] = table[i] / table[i, i]
        for j in range(d):
            if j != i:
                table[j] = table[j] - table[j, i] * table[i]
    return table[:, d:], log_det


def exact_log_joint(X, weights, means, covariances):
    columns = []
    for w, m, C in zip(weights, means, covariances, strict=True):
        inverse, log_det = exact_inverse(C)
        y = X - m
        distance = ((y @ inverse) * y).sum(axis=1)
        columns.append(mp.log(w) - (len(C) * mp.log(2 * mp.pi) + log_det + distance) / 2)
    return np.stack(columns, axis=1)


def exact_constrained(covariance_type, scatter, weight):
    d = scatter.shape[1]
    if covariance_type.startswith("tied"):
        stack = np.stack([scatter.sum(axis=0) / weight.sum()] * len(weight))
    else:
        stack = scatter / weight[:, None, None]
    eye = exact(np.eye(d))
    if covariance_type.endswith("diag"):
        return stack * eye
    if covariance_type.endswith("spherical"):
        return np.stack([C.trace() / d * eye for C in stack])
    return stack


def exact_em(X, covariance_type, initial, passes):
    """weights, means, covariances (K, d, d) and mean log-likelihood, as floats."""
    structure = STRUCTURES[covariance_type]
    weights, means = exact(initial["weights_init"]), exact(initial["means_init"])
    precisions = dense_stack(structure, initial["precisions_init"], *means.shape)
    covariances = np.stack([exact_inverse(exact(P))[0] for P in precisions])
    weights, X = weights / weights.sum(), exact(X)
    exp = np.frompyfunc(mp.exp, 1, 1)
    for _ in range(passes):
        log_joint = exact_log_joint(X, weights, means, covariances)
        resp = exp(log_joint - log_joint.max(axis=1, keepdims=True))
        resp = resp / resp.sum(axis=1, keepdims=True)
        total = resp.sum(axis=0)
        weights, means = total / len(X), resp.T @ X / total[:, None]
        scatter = []
        for k, mean in enumerate(means):
            y = X - mean
            scatter.append((y * resp[:, k : k + 1]).T @ y)
        covariances = exact_constrained(covariance_type, np.stack(scatter), total)
    log_joint = exact_log_joint(X, weights, means, covariances)
    value = sum(mp.log(sum(mp.exp(term) for term in row)) for row in log_joint) / len(X)
    return weights.astype(float), means, covariances, float(value)


def well_apart(seed, separation):
    """Two clusters of unit size in two dimensions, so many standard deviations apart."""
    rng = np.random.RandomState(seed)
    X = rng.normal(size=(80, 2)) @ [[1.0, 0.4], [0.0, 0.8]]
    X[:40] += [separation, 0.3 * separation]
    return X


BASE = clusters(1, 80, 2, 2, 1.5)

# data that are already rounded to float64: the reference takes the rounded values
PROBLEMS = {
    "as they are": BASE,
    "plus 1e8": BASE + 1e8,
    "one feature plus 1e8": BASE + [1e8, 0.0],
    "times 1e-8": BASE * 1e-8,
    "times 1e150": BASE * 1e150,
    "times 1e-150": BASE * 1e-150,
    "features of 1e-6 and 1e6": BASE * [1e-6, 1e6],
    "apart by 1e3": well_apart(0, 1e3),
    "apart by 1e6": well_apart(0, 1e6),
}


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_equals_extended_precision(covariance_type, problem):
    X = PROBLEMS[problem]
    initial = initial_values(0, covariance_type, X, 2)
    if problem.startswith("apart"):
        initial["means_init"] = np.array([X[0], X[-1]])
    mixture = plain_passes(X, covariance_type, initial, 4)
    weights, means, covariances, value = exact_em(X, covariance_type, initial, 4)
    assert_allclose(mixture.weights_, weights, rtol=1e-6)
    assert_allclose(mixture.lower_bound_, value, rtol=1e-6)
    assert_allclose(mixture.score(X), value, rtol=1e-6)
    found = dense_covariances(mixture)
    for k in range(2):
        deviation = np.sqrt(np.diag(covariances[k]).astype(float))
        error = (exact(mixture.means_[k]) - means[k]).astype(float)
        # the attribute itself is rounded to the last place of a mean of 1e8
        rounding = np.abs(mixture.means_[k]) * 2.0**-53
        assert (np.abs(error) <= 1e-6 * deviation + rounding).all()
        relative = (exact(found[k]) - covariances[k]) / exact(deviation) / exact(deviation)[:, None]
        assert np.abs(relative.astype(float)).max() < 1e-6


@pytest.mark.parametrize("offset", [1e8, -1e8])
def test_evaluation_far_from_the_origin_equals_extended_precision(covariance_type, offset):
    X = BASE + offset
    mixture = fitted(X, 2, covariance_type=covariance_type, random_state=0, max_iter=20)
    joint = exact_log_joint(
        exact(X),
        exact(mixture.weights_),
        exact(mixture.means_),
        exact(dense_covariances(mixture)),
    )
    expected = [float(mp.log(sum(mp.exp(term) for term in row))) for row in joint]
    assert_allclose(mixture.score_samples(X), expected, rtol=1e-6)


def test_a_component_that_is_far_and_tight_is_accurate():
    """1e6 standard deviations apart by size as well: 1 and 1e-3."""
    X = well_apart(1, 1e3)
    X[40:] *= 1e-3
    initial = initial_values(0, "full", X, 2)
    initial["means_init"] = np.array([X[0], X[-1]])
    mixture = plain_passes(X, "full", initial, 4)
    _, _, covariances, value = exact_em(X, "full", initial, 4)
    assert_allclose(mixture.covariances_, covariances.astype(float), rtol=1e-6)
    assert_allclose(mixture.lower_bound_, value, rtol=1e-9)


@pytest.mark.parametrize("size", [9e5, 5e6, 5e7])
def test_components_far_from_the_origin_lose_no_digits_that_matter(covariance_type, size):
    """Moments about it lose about tr(P) |mu|²: beyond 1e6 each component has its own origin."""
    structure, rng, means = STRUCTURES[covariance_type], np.random.RandomState(0), [[1.0], [-1.0]]
    deviation, weights = size**-0.5, np.array([0.3, 0.7])
    X = np.repeat(means, 60, axis=0) + deviation * rng.normal(size=(120, 1))
    stack = np.full((2, 1, 1), deviation**2)
    params = Params(
        weights, np.array(means), *factorised(structure, of_structure(structure, stack))
    )
    model = model_of(X, structure)
    found = kernel_log_joint(model, model.space.kernel(params))
    expected = exact_log_joint(exact(X), exact(weights), exact(means), exact(stack)).astype(float)
    own = np.repeat([[True, False], [False, True]], 60, axis=0)
    assert_allclose(found[own], expected[own], rtol=0.0, atol=1e-9)


# --- equivariance ---------------------------------------------------------------------------


def test_permuted_components_give_permuted_results(covariance_type):
    X = clusters(2, 300, 2, 3, 1.5)
    initial = initial_values(1, covariance_type, X, 3)
    order = np.array([2, 0, 1])
    pooled = not STRUCTURES[covariance_type].sharing.separable
    permuted = {
        name: value if pooled and name == "precisions_init" else value[order]
        for name, value in initial.items()
    }
    one = plain_passes(X, covariance_type, initial, 10)
    other = plain_passes(X, covariance_type, permuted, 10)
    assert_allclose(other.weights_, one.weights_[order], rtol=1e-11)
    assert_allclose(other.means_, one.means_[order], rtol=1e-10, atol=1e-12)
    assert_allclose(dense_covariances(other), dense_covariances(one)[order], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ["full", "tied"])
def test_affine_maps_of_the_data_are_followed(name):
    X = clusters(3, 300, 3, 2, 1.5)
    A = np.random.RandomState(0).normal(size=(3, 3)) + 2 * np.eye(3)
    b = np.array([10.0, -4.0, 3.0])
    initial = initial_values(1, name, X, 2)
    inverse = np.linalg.inv(A)
    mapped = {
        "weights_init": initial["weights_init"],
        "means_init": initial["means_init"] @ A.T + b,
        "precisions_init": inverse.T @ initial["precisions_init"] @ inverse,
    }
    one = plain_passes(X, name, initial, 10)
    other = plain_passes(X @ A.T + b, name, mapped, 10)
    assert_allclose(other.weights_, one.weights_, rtol=1e-9)
    assert_allclose(other.means_, one.means_ @ A.T + b, rtol=1e-9)
    expected = A @ one.covariances_ @ A.T
    assert_allclose(other.covariances_, expected, rtol=1e-8, atol=1e-9)
    log_det = np.linalg.slogdet(A)[1]
    assert_allclose(other.lower_bound_, one.lower_bound_ - log_det, rtol=1e-10)


@pytest.mark.parametrize("factor", [1e-8, 7.0, 1e6, 1e150])
@pytest.mark.parametrize("offset", [0.0, -3.0, 1e3])
def test_default_fits_do_not_depend_on_units(covariance_type, start_name, factor, offset):
    X = clusters(4, 200, 2, 3)
    options = {"covariance_type": covariance_type, "init_params": start_name, "random_state": 3}
    one = fitted(X, 3, **options)
    other = fitted((X + offset) * factor, 3, **options)
    assert other.n_iter_ == one.n_iter_
    # rounding of the shifted data, times the passes in which it can grow
    assert_allclose(other.weights_, one.weights_, rtol=1e-6)
    assert_allclose(other.means_ / factor - offset, one.means_, rtol=1e-6, atol=1e-6)
    expected = one.lower_bound_ - 2 * np.log(factor)
    assert_allclose(other.lower_bound_, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["full", "tied", "diag", "tied_diag"])
def test_scales_of_single_features_do_not_matter(name):
    X = clusters(5, 200, 2, 3)
    scale = np.array([1e-6, 1e6])
    options = {"covariance_type": name, "random_state": 0}
    one, other = fitted(X, 3, **options), fitted(X * scale, 3, **options)
    assert other.n_iter_ == one.n_iter_
    assert_allclose(other.weights_, one.weights_, rtol=1e-6)
    assert_allclose(other.means_ / scale, one.means_, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["full", "tied", "diag", "tied_diag"])
def test_methods_take_scales_whose_ratio_no_square_holds(name):
    X = clusters(5, 200, 2, 3)
    scale = np.array([1e-100, 1e100])
    options = {"covariance_type": name, "random_state": 0}
    one, other = fitted(X, 3, **options), fitted(X * scale, 3, **options)
    assert_allclose(other.score_samples(X * scale), one.score_samples(X), rtol=1e-6, atol=1e-6)
    assert_allclose(other.predict_proba(X * scale), one.predict_proba(X), atol=1e-6)


def test_powers_of_two_change_no_bit():
    X = clusters(6, 300, 3, 2)
    one = GaussianMixture(2, random_state=0).fit(X)
    other = GaussianMixture(2, random_state=0).fit(X * 2.0**40)
    assert_array_equal(other.weights_, one.weights_)
    assert_array_equal(other.means_, one.means_ * 2.0**40)
    assert_array_equal(other.covariances_, one.covariances_ * 2.0**80)


def test_results_can_start_a_fit_in_extreme_units(covariance_type):
    X = clusters(7, 200, 2, 2) * 1e-8
    first = fitted(X, 2, covariance_type=covariance_type, random_state=0)
    again = fitted(X, 2, covariance_type=covariance_type, max_iter=0, **as_initial_values(first))
    assert_allclose(again.score(X), first.score(X), rtol=1e-9)
