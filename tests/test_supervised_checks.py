"""scikit-learn's estimator checks of the supervised estimators."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from emix import (
    GaussianMixtureClassifier,
    GaussianMixtureOutlierDetector,
    GaussianMixtureRegressor,
)

ESTIMATORS = [
    GaussianMixtureRegressor(),
    GaussianMixtureRegressor(2, covariance_type="tied"),
    GaussianMixtureClassifier(),
    GaussianMixtureClassifier("bic", max_components=2, covariance_type="diag"),
    GaussianMixtureClassifier(shared_covariance=True),
    GaussianMixtureOutlierDetector(),
    GaussianMixtureOutlierDetector(2, covariance_type="tied"),
]


# checks fit tiny data for one or a few iterations
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
# and skip, with a warning, what needs array_api_compat
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(ESTIMATORS)
def test_estimator_check(estimator, check):
    check(estimator)
