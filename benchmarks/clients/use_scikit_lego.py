"""scikit-lego: a mixture for each class, and outliers by the density of a mixture."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklego.mixture import (
    BayesianGMMClassifier,
    BayesianGMMOutlierDetector,
    GMMClassifier,
    GMMOutlierDetector,
)
from sklego.naive_bayes import BayesianGaussianMixtureNB, GaussianMixtureNB

X, y = load_iris(return_X_y=True)
CLASSIFIERS = [GMMClassifier, BayesianGMMClassifier, GaussianMixtureNB, BayesianGaussianMixtureNB]
DETECTORS = [GMMOutlierDetector, BayesianGMMOutlierDetector]


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_classes_are_found(classifier):
    assert cross_val_score(classifier(n_components=1), X, y, cv=3).mean() > 0.9


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_a_grid_over_components(classifier):
    search = GridSearchCV(classifier(random_state=0), {"n_components": [1, 2]}, cv=3).fit(X, y)
    proba = search.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    assert (proba.argmax(axis=1) == search.predict(X)).all()


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize(("method", "threshold"), [("quantile", 0.95), ("stddev", 2.0)])
def test_far_rows_are_outliers(detector, method, threshold):
    rows = np.random.RandomState(0).normal(size=(300, 2))
    found = detector(threshold=threshold, method=method, random_state=0).fit(rows)
    assert found.predict([[8.0, 8.0], [0.0, 0.0]]).tolist() == [-1, 1]


@pytest.mark.parametrize("detector", DETECTORS)
def test_the_share_of_outliers_is_the_threshold(detector):
    rows = np.random.RandomState(0).normal(size=(1000, 2))
    found = detector(n_components=2, threshold=0.9, random_state=0).fit(rows)
    assert abs((found.predict(rows) == -1).mean() - 0.1) < 0.01
