"""Two normals from a start of one's own: ``means_init``, ``scales_init``, ``weights_init``."""

import warnings

import numpy as np
import pytest
from common import not_converged_allowed
from numpy.testing import assert_allclose
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning

from emix import TwoNormalMixture
from emix.datasets import load_faithful

WAITING = load_faithful().data[:, [1]]
# T. Hastie, R. Tibshirani, J. Friedman (2009). The Elements of Statistical Learning, table 8.1
TWENTY = np.array(
    [-0.39, 0.12, 0.94, 1.67, 1.76, 2.44, 3.72, 4.28, 4.92, 5.53]
    + [0.06, 0.48, 1.01, 1.68, 1.80, 3.25, 4.12, 4.60, 5.28, 6.22]
)[:, None]
START = {"weights_init": [0.3, 0.7], "means_init": [2.0, 4.0], "scales_init": [1.0, 2.0]}


def by_hand(X, weight, weights, means, scales, equal_variance):
    """One E-step and one M-step of the textbook."""
    joint = norm.pdf(X, means, scales) * weights
    resp = joint / joint.sum(axis=1, keepdims=True) * weight[:, None]
    count = resp.sum(axis=0)
    means = resp.T @ X[:, 0] / count
    variances = (resp * (X - means) ** 2).sum(axis=0) / count
    if equal_variance:
        variances = np.full(2, count @ variances / count.sum())
    return count / count.sum(), means, np.sqrt(variances)


@pytest.mark.parametrize("equal_variance", [False, True])
def test_one_pass_from_a_start_is_that_of_the_textbook(equal_variance):
    start = {**START, "scales_init": [1.5, 1.5]} if equal_variance else START
    weight = np.random.RandomState(0).uniform(0.5, 2.0, len(TWENTY))
    with not_converged_allowed():
        mixture = TwoNormalMixture(
            equal_variance=equal_variance, max_iter=1, acceleration=False, **start
        ).fit(TWENTY, sample_weight=weight)
    expected = by_hand(TWENTY, weight, *start.values(), equal_variance)
    found = mixture.weights_, mixture.means_, mixture.scales_
    for one, other in zip(found, expected, strict=True):
        assert_allclose(one, other, rtol=1e-12)


def test_without_passes_the_start_is_the_result_in_the_order_of_the_means():
    mixture = TwoNormalMixture(
        weights_init=[0.3, 0.7], means_init=[4.0, 2.0], scales_init=[1.0, 2.0], max_iter=0
    ).fit(TWENTY)
    assert_allclose(mixture.means_, [2.0, 4.0], rtol=1e-14)
    assert_allclose(mixture.scales_, [2.0, 1.0], rtol=1e-14)
    assert_allclose(mixture.weights_, [0.7, 0.3], rtol=1e-14)


@pytest.mark.parametrize("weight", [None, np.arange(1.0, 21.0)])
def test_means_alone_have_equal_weights_and_the_spread_about_the_nearest_mean(weight):
    mixture = TwoNormalMixture(means_init=[1.0, 5.0], max_iter=0).fit(TWENTY, sample_weight=weight)
    squares = ((TWENTY - [1.0, 5.0]) ** 2).min(axis=1)
    assert_allclose(mixture.weights_, 0.5)
    assert_allclose(mixture.scales_, np.sqrt(np.average(squares, weights=weight)), rtol=1e-12)


def test_each_maximum_is_found_again_from_where_it_is():
    for found in TwoNormalMixture().fit(TWENTY).local_maxima_:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # of spurious ones
            again = TwoNormalMixture(
                weights_init=[1.0 - found["weight"], found["weight"]],
                means_init=found["means"],
                scales_init=found["scales"],
            ).fit(TWENTY)
        assert again.log_likelihood_ == pytest.approx(found["log_likelihood"], abs=1e-6)
        assert_allclose(again.means_, found["means"], atol=1e-4)
        assert again.local_maxima_["spurious"].tolist() == [found["spurious"]]


def test_a_start_decides_the_maximum():
    everywhere = TwoNormalMixture().fit(WAITING)
    mixture = TwoNormalMixture(means_init=[60.0, 75.0]).fit(WAITING)
    assert_allclose(mixture.means_, everywhere.means_, rtol=1e-5)
    with pytest.warns(ConvergenceWarning, match="The start leads to a spurious maximum"):
        narrow = TwoNormalMixture(
            weights_init=[0.9, 0.1], means_init=[2.8, 1.675], scales_init=[2.0, 0.01]
        ).fit(TWENTY)
    assert narrow.scales_.min() < 0.01


def test_plain_em_does_not_leave_a_saddle_point():
    mixture = TwoNormalMixture(means_init=[60.0, 60.0], acceleration=False).fit(WAITING)
    assert_allclose(mixture.means_, WAITING.mean(), rtol=1e-12)
    assert mixture.log_likelihood_ == pytest.approx(mixture.null_log_likelihood_, rel=1e-12)


@pytest.mark.parametrize(("scale", "shift"), [(1e-6, 0.0), (1e6, 0.0), (1.0, 1e8)])
def test_starts_are_in_the_units_of_the_data(scale, shift):
    passes = {"max_iter": 3, "acceleration": False}
    with not_converged_allowed():
        here = TwoNormalMixture(**START, **passes).fit(TWENTY)
        start = {
            "weights_init": START["weights_init"],
            "means_init": scale * np.array(START["means_init"]) + shift,
            "scales_init": scale * np.array(START["scales_init"]),
        }
        there = TwoNormalMixture(**start, **passes).fit(scale * TWENTY + shift)
    assert_allclose((there.means_ - shift) / scale, here.means_, rtol=1e-6)
    assert_allclose(there.scales_ / scale, here.scales_, rtol=1e-6)


def test_the_bootstrap_test_searches_whatever_the_start():
    options = {"n_resamples": 5, "random_state": 0}
    free = TwoNormalMixture().bootstrap_test(WAITING, **options)
    given = TwoNormalMixture(**START).bootstrap_test(WAITING, **options)
    assert given.statistic == free.statistic
    assert_allclose(given.null_distribution, free.null_distribution)


def test_a_component_that_has_no_rows_is_warned_of():
    with pytest.warns(ConvergenceWarning, match="Choose means_init within the range of X"):
        mixture = TwoNormalMixture(means_init=[1e9, 3.0]).fit(TWENTY)
    assert mixture.means_[1] == pytest.approx(1e9)


@pytest.mark.parametrize(
    ("start", "match"),
    [
        ({"means_init": [1.0, 2.0, 3.0]}, r"means_init must have the shape \(2,\), got \(3,\)"),
        ({"means_init": [1.0, np.nan]}, "means_init contains NaN"),
        ({"means_init": [1e200, 2.0]}, "means_init has 1e"),
        ({"scales_init": [1.0, 2.0]}, "scales_init is part of a start .* set means_init"),
        ({"weights_init": [0.5, 0.5]}, "weights_init is part of a start .* set means_init"),
        ({"means_init": [1.0, 2.0], "scales_init": [0.0, 1.0]}, "scales_init must be positive"),
        ({"means_init": [1.0, 2.0], "scales_init": [1.0, 1e90]}, "scales_init has 1e"),
        ({"means_init": [1.0, 2.0], "weights_init": [0.5, 0.7]}, "weights_init: .* normalized"),
        (
            {"means_init": [1.0, 2.0], "scales_init": [1.0, 2.0], "equal_variance": True},
            "both numbers of scales_init must be equal, got 1 and 2",
        ),
    ],
)
def test_unusable_starts_are_refused(start, match):
    with pytest.raises(ValueError, match=match):
        TwoNormalMixture(**start).fit(TWENTY)
