"""What a user writes, for the type checker: the hints of the public interface hold."""

from typing import assert_type

import numpy as np

from emix import (
    ConditionalMixtures,
    GaussianMixture,
    GaussianMixtureClassifier,
    GaussianMixtureOutlierDetector,
    GaussianMixtureRegressor,
    MergedMixture,
)
from emix.datasets import load_faithful
from emix.display import ConvergenceDisplay, MergingDisplay, MixtureDisplay
from emix.em import Reason, check_model, climb


def use() -> None:
    X = load_faithful().data
    mixture = GaussianMixture(2, init_params=[0, 1] * 136, means_init=[[2.0, 55.0], [4.5, 80.0]])
    assert_type(mixture.fit(X), GaussianMixture)
    assert_type(mixture.fit(X.tolist(), sample_weight=[1.0] * len(X)), GaussianMixture)
    assert_type(mixture.fit_predict(X), np.ndarray)
    assert_type(mixture.predict(X), np.ndarray)
    assert_type(mixture.predict_proba(X), np.ndarray)
    assert_type(mixture.score_samples(X), np.ndarray)
    assert_type(mixture.score(X), float)
    assert_type(mixture.bic(X), float)
    assert_type(mixture.sample(3, random_state=0), tuple[np.ndarray, np.ndarray])
    assert_type(mixture.means_, np.ndarray)
    assert_type(mixture.history_, np.ndarray)
    assert_type(mixture.stop_reason_, str)
    assert_type(GaussianMixture.from_parameters([1.0], [[0.0]], [1.0]), GaussianMixture)
    assert_type(mixture.marginal([0]), GaussianMixture)
    assert_type(mixture.marginal("waiting").quantile(0.5), np.ndarray)
    assert_type(mixture.conditional(0, 2.0), GaussianMixture | ConditionalMixtures)
    assert_type(mixture.reordered("mean").covariance_, np.ndarray)
    assert_type(mixture.overlap(), np.ndarray)
    assert_type(mixture.kl_divergence(mixture).standard_error, float)
    regressor = GaussianMixtureRegressor(2).fit(X[:, :1], X[:, 1])
    assert_type(regressor, GaussianMixtureRegressor)
    assert_type(regressor.predict_distribution(X[:, :1]), ConditionalMixtures)
    classifier = GaussianMixtureClassifier({"a": 1, "b": 2}).fit(X, ["a", "b"] * 136)
    assert_type(classifier.predict_proba(X), np.ndarray)
    detector = GaussianMixtureOutlierDetector(contamination=0.05).fit(X)
    assert_type(detector.predict(X), np.ndarray)
    merged = MergedMixture(mixture, n_clusters=2)
    assert_type(merged.fit(X).predict(X, n_clusters=1), np.ndarray)
    assert_type(merged.component_labels(), np.ndarray)
    assert_type(MergingDisplay.from_estimator(merged, tree=True), MergingDisplay)
    assert_type(MixtureDisplay.from_estimator(mixture, X, features=[0, 1]), MixtureDisplay)
    assert_type(ConvergenceDisplay.from_estimator(mixture).plot(), ConvergenceDisplay)


class Linkage:
    """A model of a user: it needs no class of emix."""

    def e_step(self, params: float) -> tuple[float, float]:
        return 125.0 * params / (2.0 + params), float(np.log(params))

    def m_step(self, statistics: float) -> float:
        return (statistics + 34.0) / (statistics + 72.0)


class HalfAModel:
    def e_step(self, params: float) -> tuple[float, float]:
        return params, 0.0


def use_a_model() -> None:
    result = climb(Linkage(), 0.5, callback=lambda state: state.n_iter > 3)
    assert_type(result.params, float)
    assert_type(result.reason, Reason)
    assert_type(result.history, np.ndarray)
    assert_type(check_model(Linkage(), 0.5).ok, bool)
    assert_type(result.plot(), ConvergenceDisplay)


def misuse_a_model() -> None:
    climb(HalfAModel(), 0.5)  # type: ignore[arg-type]
    climb(Linkage(), "half")  # type: ignore[misc]


def misuse() -> None:
    """Every line is wrong; an ignore that is not needed is an error itself."""
    GaussianMixture(n_components="two")  # type: ignore[arg-type]
    GaussianMixture(2, "full")  # type: ignore[call-arg]
    GaussianMixture(2, components=3)  # type: ignore[call-arg]
    GaussianMixture(2).fit()  # type: ignore[call-arg]
    GaussianMixture(2).sample("three")  # type: ignore[arg-type]
