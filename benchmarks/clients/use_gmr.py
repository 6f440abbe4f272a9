"""gmr: regression from the parameters of a fitted mixture."""

import numpy as np
from gmr import GMM
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

import emix

rng = np.random.RandomState(0)
x = rng.uniform(-1.0, 1.0, size=400)
rows = np.column_stack([x, np.abs(x) + 0.05 * rng.normal(size=400)])


def test_its_predictions_are_those_of_our_conditionals():
    for kind in (GaussianMixture, BayesianGaussianMixture):
        fitted = kind(n_components=4, random_state=0).fit(rows)
        theirs = GMM(4, fitted.weights_, fitted.means_, fitted.covariances_)
        ours = emix.GaussianMixture.from_parameters(
            fitted.weights_ / fitted.weights_.sum(), fitted.means_, fitted.covariances_
        )
        places = np.linspace(-1.0, 1.0, 9)[:, None]
        predicted = theirs.predict(np.array([0]), places)
        np.testing.assert_allclose(predicted, ours.conditional([0], places).mean, atol=1e-8)
