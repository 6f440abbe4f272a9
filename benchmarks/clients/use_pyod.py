"""pyod: outliers by the density of a mixture, and by the sizes of clusters."""

import numpy as np
import pytest
from pyod.models.cblof import CBLOF
from pyod.models.gmm import GMM
from sklearn.cluster import KMeans

import emix

rng = np.random.RandomState(0)
inside = np.concatenate([rng.normal(size=(150, 2)), 8.0 + rng.normal(size=(150, 2))])
X = np.concatenate([inside, [[4.0, -9.0], [-9.0, 9.0], [20.0, 0.0]]])


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_outliers_have_the_largest_scores(covariance_type):
    detector = GMM(2, covariance_type=covariance_type, contamination=0.02, random_state=0).fit(X)
    assert set(np.argsort(detector.decision_scores_)[-3:]) == {300, 301, 302}
    assert detector.predict([[30.0, 30.0], [0.0, 0.0]]).tolist() == [1, 0]
    assert detector.predict_proba(X).shape == (303, 2)


def test_attributes_are_handed_on():
    detector = GMM(2, random_state=0).fit(X)
    assert detector.means_.shape == (2, 2)
    assert detector.precisions_cholesky_.shape == (2, 2, 2)
    assert detector.converged_
    assert detector.n_iter_ >= 1
    assert np.isfinite(detector.lower_bound_)


@pytest.mark.parametrize("clusters", [KMeans(3, n_init=5), emix.HardGaussianMixture(3, n_init=5)])
def test_clusterers_have_labels_and_centres(clusters):
    """It asks for ``labels_`` and ``cluster_centers_``; small clusters are outliers."""
    small = [20.0, -10.0] + 0.1 * rng.normal(size=(12, 2))
    rows = np.concatenate([inside, small])
    detector = CBLOF(
        3, contamination=0.04, clustering_estimator=clusters, random_state=0, check_estimator=False
    ).fit(rows)
    assert detector.decision_scores_[300:].min() > detector.decision_scores_[:300].max()
