"""Normals and a uniform background."""

import numpy as np
import pytest
from common import TYPES, dense_stack
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.base import clone

from emix import GaussianMixture, GaussianMixtureWithNoise
from emix._families.background import smallest_box
from emix._input.structures import NAMED


def with_noise(seed=0, n=200, n_noise=80):
    rng = np.random.RandomState(seed)
    clusters = [rng.normal(size=(n, 2)), rng.normal(size=(n // 2, 2)) * 0.5 + [7.0, 4.0]]
    return np.concatenate([*clusters, rng.uniform(-15.0, 20.0, size=(n_noise, 2))])


X = with_noise()
FIT = GaussianMixtureWithNoise(2, random_state=0).fit(X)


@pytest.mark.parametrize("name", [*TYPES, "VEV", "EVE"])
def test_densities_are_those_of_the_formula(name):
    fit = clone(FIT).set_params(covariance_type=name, n_init=3).fit(X)
    dense = dense_stack(NAMED[name], fit.covariances_, 2, 2)
    columns = [
        multivariate_normal.logpdf(X, mean, matrix)
        for mean, matrix in zip(fit.means_, dense, strict=True)
    ]
    joint = np.log(fit.weights_) + np.column_stack(
        [*columns, np.full(len(X), -np.log(fit.noise_volume_))]
    )
    total = logsumexp(joint, axis=1)
    assert_allclose(fit.score_samples(X), total, rtol=1e-8)
    assert_allclose(fit.predict_proba(X), np.exp(joint - total[:, None]), atol=1e-8)
    assert_array_equal(
        fit.predict(X), np.where(joint.argmax(axis=1) == 2, -1, joint.argmax(axis=1))
    )
    assert_allclose(fit.lower_bound_, total.mean(), rtol=1e-10)
    # at the maximum the weights are the mean responsibilities, and means those of the rows
    resp = fit.predict_proba(X)
    assert_allclose(fit.weights_, resp.mean(axis=0), atol=1e-5)
    assert_allclose(fit.means_, (resp[:, :2].T @ X) / resp[:, :2].sum(axis=0)[:, None], atol=1e-4)
    n_free = 3 + 4 + NAMED[name].n_free(2, 2)
    assert_allclose(fit.bic(X), n_free * np.log(len(X)) - 2.0 * total.sum())


def test_clusters_and_noise_are_told_apart():
    labels = FIT.predict(X)
    assert set(labels) == {-1, 0, 1}
    assert (labels[300:] == -1).mean() > 0.85
    assert (labels[:300] == -1).mean() < 0.05
    order = FIT.means_[:, 0].argsort()
    assert_allclose(FIT.means_[order], [[0.0, 0.0], [7.0, 4.0]], atol=0.3)
    assert_allclose(FIT.weights_[2], 80 / 380, atol=0.05)
    assert_array_equal(clone(FIT).fit_predict(X), labels)


def test_no_half_step_lowers_the_objective():
    for flag in (True, False):
        fit = clone(FIT).set_params(acceleration=flag, n_init=1).fit(X)
        history = fit.history_[fit.history_["accepted"]]
        rise = history["free_energy"][1:] - history["objective"][:-1]
        assert rise[~history["extrapolated"][1:]].min() >= -1e-12
        assert (history["objective"] - history["free_energy"]).min() >= -1e-12
        assert_allclose(fit.lower_bound_, FIT.lower_bound_, atol=1e-8)


def test_without_a_weight_of_noise_it_is_a_normal():
    one = GaussianMixtureWithNoise(1, weights_init=[1.0, 0.0], frozen=("weights",)).fit(X)
    assert_allclose(one.lower_bound_, GaussianMixture(1).fit(X).lower_bound_, atol=1e-9)
    assert set(one.predict(X)) == {0}


def test_the_box_is_the_smaller_one_and_moves_with_the_data():
    rng = np.random.RandomState(1)
    long = rng.normal(size=(300, 1)) * [[10.0, 10.0]] + rng.normal(size=(300, 2))
    along, straight = smallest_box(long, np.zeros(2)), np.log(np.ptp(long, axis=0)).sum()
    assert along.log_volume < straight - 0.5
    inside = long @ along.axes
    assert (inside >= along.low - 1e-9).all()
    assert (inside <= along.high + 1e-9).all()
    assert_allclose(
        smallest_box(X, np.zeros(2)).log_volume, np.log(np.ptp(X, axis=0)).sum(), atol=0.1
    )
    moved = clone(FIT).fit(1e6 * X + 1e8)
    assert_allclose(moved.weights_, FIT.weights_, atol=1e-5)
    assert_allclose(moved.noise_volume_, 1e12 * FIT.noise_volume_, rtol=1e-6)
    assert_array_equal(moved.predict(1e6 * X + 1e8), FIT.predict(X))


def test_a_feature_that_does_not_vary_is_no_reason_to_refuse():
    fit = clone(FIT).fit(np.column_stack([X, np.full(len(X), 3.0)]))
    assert_array_equal(fit.predict(np.column_stack([X, np.full(len(X), 3.0)])), FIT.predict(X))


def test_samples_lie_in_the_box_and_have_the_distribution():
    Z, y = FIT.sample(3000, random_state=0)
    assert_allclose([(y == k).mean() for k in (0, 1, -1)], FIT.weights_, atol=0.03)
    noise = Z[y == -1] @ FIT.noise_axes_
    assert (noise >= FIT.noise_bounds_[0]).all()
    assert (noise <= FIT.noise_bounds_[1]).all()
    assert_allclose(noise.mean(axis=0), FIT.noise_bounds_.mean(axis=0), atol=1.5)
    assert (FIT.predict(Z) == y).mean() > 0.9


def test_weights_are_repeated_rows_in_any_order():
    rng = np.random.RandomState(3)
    weight = rng.randint(0, 3, size=len(X))
    one = clone(FIT).fit(X, sample_weight=weight)
    two = clone(FIT).fit(X[rng.permutation(np.repeat(np.arange(len(X)), weight))])
    assert_allclose(one.noise_volume_, two.noise_volume_)
    assert_allclose(one.weights_, two.weights_, atol=1e-5)
    assert_allclose(one.lower_bound_, two.lower_bound_, atol=1e-9)
    # also where the box lies along the principal axes
    slanted = rng.normal(size=(100, 1)) * [[9.0, 9.0]] + rng.normal(size=(100, 2))
    counts = rng.randint(1, 4, size=100)
    weighted = GaussianMixtureWithNoise(1).fit(slanted, sample_weight=counts)
    repeated = GaussianMixtureWithNoise(1).fit(slanted.repeat(counts, axis=0))
    assert_allclose(weighted.noise_volume_, repeated.noise_volume_)
    assert not np.array_equal(np.abs(weighted.noise_axes_), np.eye(2))


def test_labels_say_which_component_is_which():
    labels = np.full(len(X), -1)
    labels[:50], labels[200:220] = 1, 0
    fit = clone(FIT).fit(X, labels=labels)
    assert_allclose(fit.means_[1], [0.0, 0.0], atol=0.3)
    assert (fit.predict(X)[300:] == -1).mean() > 0.85


def test_a_volume_that_no_number_holds_raises_no_floating_point_error():
    three = np.column_stack([X, X[:, 0] - 2.0 * X[::-1, 1]])
    with np.errstate(all="raise"):
        huge = GaussianMixtureWithNoise(2, random_state=0).fit(three * 1e130)
        tiny = GaussianMixtureWithNoise(2, random_state=0).fit(three * 1e-140)
    assert (huge.noise_volume_, tiny.noise_volume_) == (np.inf, 0.0)
    assert_allclose(huge.weights_, tiny.weights_, rtol=1e-6)


def test_the_box_does_not_depend_on_units_even_where_squares_overflow():
    one = smallest_box(X, np.zeros(2))
    for unit, weight in ((2.0**600, None), (2.0**-600, None), (1.0, np.full(len(X), 1e305))):
        other = smallest_box(unit * X, np.zeros(2), weight)
        assert_array_equal(other.axes, one.axes)
        assert_allclose(other.high, unit * one.high)
    with pytest.raises(ValueError, match="variances of X are outside the range"):
        clone(FIT).fit(1e155 * X)
