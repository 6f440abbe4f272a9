"""skl2onnx and onnxruntime: a mixture of emix as an ONNX graph, by ``to_sklearn``."""

import numpy as np
import pytest
import sklearn.mixture
from onnxruntime import InferenceSession
from skl2onnx import to_onnx
from sklearn.datasets import load_iris

import emix

X = load_iris().data


@pytest.mark.skipif(
    sklearn.mixture.GaussianMixture is emix.GaussianMixture, reason="to_sklearn needs its class"
)
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical", "tied_diag"])
def test_a_graph_scores_as_the_mixture_does(covariance_type):
    mixture = emix.GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    theirs = mixture.to_sklearn()
    graph = to_onnx(theirs, X[:1], options={id(theirs): {"score_samples": True}})
    labels, resp, scores = InferenceSession(graph.SerializeToString()).run(None, {"X": X})
    np.testing.assert_array_equal(labels.ravel(), mixture.predict(X))
    np.testing.assert_allclose(resp, mixture.predict_proba(X), atol=1e-8)
    np.testing.assert_allclose(scores.ravel(), mixture.score_samples(X), rtol=1e-8)
