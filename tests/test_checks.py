"""scikit-learn's estimator checks, none of which is expected to fail."""

import pytest
from common import TYPES
from sklearn.utils.estimator_checks import parametrize_with_checks

from emix import (
    BayesianGaussianMixture,
    GaussianMixture,
    GaussianMixtureImputer,
    HardGaussianMixture,
    MergedMixture,
    MixtureSearch,
)

ESTIMATORS = [GaussianMixture(covariance_type=name) for name in TYPES]
ESTIMATORS += [GaussianMixture(n_components=2, covariance_type=name) for name in TYPES]
ESTIMATORS += [
    GaussianMixture(algorithm="incremental", batch_size=10),
    GaussianMixture(m_step="conditional"),
    GaussianMixture(m_step="gradient", prior="fraley-raftery"),
]
ESTIMATORS += [BayesianGaussianMixture()]
# One check compares weights with repeated rows to 1e-9. A bound known to 1e-16 tells where its
# maximum is to 1e-8; without acceleration both fits stop after the same passes.
ESTIMATORS += [
    BayesianGaussianMixture(
        2,
        covariance_type=name,
        weight_concentration_prior_type=prior_type,
        acceleration=False,
    )
    for name in TYPES
    for prior_type in ("dirichlet_process", "dirichlet_distribution")
]
ESTIMATORS += [HardGaussianMixture(covariance_type=name) for name in TYPES]
ESTIMATORS += [HardGaussianMixture(covariance_type="tied_spherical", frozen=("weights",))]
ESTIMATORS += [GaussianMixtureImputer(covariance_type=name) for name in TYPES]
ESTIMATORS += [
    GaussianMixtureImputer(sample_posterior=True, random_state=0),
    GaussianMixtureImputer(add_indicator=True, keep_empty_features=True),
    GaussianMixtureImputer(missing_values=-1.0),
]
ESTIMATORS += [
    MergedMixture(GaussianMixture(3, random_state=0)),
    MergedMixture(BayesianGaussianMixture(4, acceleration=False, random_state=0), n_clusters=2),
]
ESTIMATORS += [MixtureSearch(n_components=(1, 2), covariance_type=("full", "tied_diag"))]


# checks fit tiny data for one or a few iterations
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
# and skip, with a warning, what needs array_api_compat
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(ESTIMATORS)
def test_estimator_check(estimator, check):
    check(estimator)
