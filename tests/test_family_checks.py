"""scikit-learn's estimator checks of mixtures of other families."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from emix import (
    BernoulliMixture,
    CategoricalMixture,
    GaussianMixtureWithNoise,
    MixtureOfRegressions,
    PoissonMixture,
    StudentMixture,
)

ESTIMATORS = [
    PoissonMixture(),
    PoissonMixture(2),
    CategoricalMixture(),
    CategoricalMixture(2),
    BernoulliMixture(),
    BernoulliMixture(2),
    GaussianMixtureWithNoise(),
    GaussianMixtureWithNoise(2, covariance_type="tied", n_init=2, acceleration=False),
    MixtureOfRegressions(),
    MixtureOfRegressions(1),
    MixtureOfRegressions(fit_intercept=False),
    StudentMixture(),
    StudentMixture(
        2, degrees_of_freedom=4.0, covariance_type="spherical", n_init=2, acceleration=False
    ),
    StudentMixture(2, degrees_of_freedom=4.0, covariance_type="tied_diag", n_init=2),
]


# checks fit tiny data for one or a few iterations
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
# and skip, with a warning, what needs array_api_compat
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(ESTIMATORS)
def test_estimator_check(estimator, check):
    check(estimator)
