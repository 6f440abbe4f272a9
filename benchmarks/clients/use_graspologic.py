"""graspologic: the number of clusters and their structure by BIC."""

import numpy as np
from graspologic.cluster import AutoGMMCluster, GaussianCluster

rng = np.random.RandomState(0)
X = np.concatenate([rng.normal(size=(60, 2)) + shift for shift in (0.0, 8.0, 16.0)])


def test_bic_finds_the_number_of_clusters():
    found = GaussianCluster(1, 4, covariance_type="all", random_state=0).fit(X)
    assert found.n_components_ == 3


def test_the_automatic_choice_finds_it_too():
    found = AutoGMMCluster(2, 4, random_state=0).fit(X)
    assert found.n_components_ == 3
