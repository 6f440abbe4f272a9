"""Parameters that a fit leaves alone: any subset, every structure."""

from itertools import combinations

import numpy as np
import pytest
from common import clusters, fitted, initial_values, textbook_em
from numpy.testing import assert_allclose, assert_array_equal

from emix._input.validation import PARAMETERS

X = clusters(0, 300, 2, 3, 1.5)
SUBSETS = [subset for size in range(1, 4) for subset in combinations(PARAMETERS, size)]
GIVEN = {"weights": "weights_init", "means": "means_init", "covariances": "precisions_init"}


@pytest.mark.parametrize("frozen", SUBSETS, ids="+".join)
@pytest.mark.parametrize("acceleration", [True, False])
def test_frozen_parameters_stay_at_their_start_and_the_objective_never_falls(
    covariance_type, frozen, acceleration
):
    initial = initial_values(1, covariance_type, X, 3)
    options = {"covariance_type": covariance_type, "acceleration": acceleration, **initial}
    mixture = fitted(X, 3, frozen=frozen, **options)
    for name in PARAMETERS:
        value = mixture.precisions_ if name == "covariances" else getattr(mixture, f"{name}_")
        kept = np.allclose(value, initial[GIVEN[name]], rtol=1e-12, atol=1e-12)
        assert kept == (name in frozen), name
    accepted = mixture.history_[mixture.history_["accepted"]]["log_likelihood"]
    assert (np.diff(accepted) >= -1e-12).all()
    assert accepted[-1] > accepted[0] or len(frozen) == 3
    assert mixture.lower_bound_ <= fitted(X, 3, **options).lower_bound_ + 1e-9
    assert mixture.lower_bound_ == pytest.approx(mixture.score(X), abs=1e-12)


def test_the_free_parameters_are_those_of_the_textbook():
    """With shared frozen variances and weights, EM moves the means alone."""
    initial = initial_values(2, "tied_spherical", X, 3)
    mixture = fitted(
        X,
        3,
        covariance_type="tied_spherical",
        frozen=("weights", "covariances"),
        acceleration=False,
        tol=0.0,
        max_iter=4,
        **initial,
    )
    weights, means = initial["weights_init"], initial["means_init"]
    covariances = np.repeat(np.eye(2)[None] / initial["precisions_init"], 3, axis=0)
    for _ in range(4):
        means = textbook_em(X, "tied_spherical", weights, means, covariances, 1)[1]
    assert_allclose(mixture.means_, means, rtol=1e-10)


def test_frozen_weights_that_are_not_given_are_equal():
    assert_array_equal(fitted(X, 3, frozen=("weights",), random_state=0).weights_, [1 / 3] * 3)


def test_criteria_count_free_parameters_alone():
    mixture = fitted(X, 3, frozen=("weights",), random_state=0)
    log_likelihood = mixture.score_samples(X).sum()
    assert mixture.aic(X) == pytest.approx(-2 * log_likelihood + 2 * (6 + 9))
