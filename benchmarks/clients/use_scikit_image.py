"""scikit-image: Fisher vectors of an image's descriptors under a mixture of those of many."""

import numpy as np
import pytest
from skimage.feature import fisher_vector, learn_gmm

rng = np.random.RandomState(0)
descriptors = [rng.normal(size=(60, 8)) + shift for shift in (0.0, 3.0, 6.0)]


@pytest.mark.parametrize("improved", [False, True])
def test_fisher_vectors_have_their_length(improved):
    mixture = learn_gmm(descriptors, n_modes=3, gm_args={"covariance_type": "diag", "max_iter": 50})
    found = fisher_vector(descriptors[0], mixture, improved=improved)
    assert found.shape == (2 * 3 * 8 + 3,)
    assert np.isfinite(found).all()
    if improved:
        np.testing.assert_allclose(np.linalg.norm(found), 1.0)


def test_fisher_vectors_are_gradients_of_the_mean_log_density():
    mixture = learn_gmm(np.concatenate(descriptors), n_modes=3)
    rows = descriptors[1]
    resp = mixture.predict_proba(rows)
    z = (rows[:, None, :] - mixture.means_) / np.sqrt(mixture.covariances_)
    of_means = (resp[:, :, None] * z).sum(axis=0) / (len(rows) * np.sqrt(mixture.weights_)[:, None])
    found = fisher_vector(rows, mixture)
    np.testing.assert_allclose(found[3 : 3 + 24], of_means.ravel(), rtol=1e-6, atol=1e-9)
