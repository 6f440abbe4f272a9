"""Standard errors of linear families, against the Hessian of the log-likelihood."""

import numpy as np
import pytest
from families import answers, bits, counts, some_counts
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from emix import BernoulliMixture, CategoricalMixture, PoissonMixture


def hessian(value, at, step=1e-4):
    """Of a function of a vector, by central differences."""
    n = len(at)
    found = np.zeros((n, n))
    steps = step * np.eye(n)
    for i in range(n):
        for j in range(i + 1):
            ends = [value(at + a * steps[i] + b * steps[j]) for a in (1, -1) for b in (1, -1)]
            found[i, j] = found[j, i] = (ends[0] - ends[1] - ends[2] + ends[3]) / (4 * step**2)
    return found


def with_values(fit, vector):
    """A copy with the first weight and all rates or probabilities of a one replaced."""
    other = clone(fit)
    other.n_features_in_ = fit.n_features_in_
    other.weights_ = np.array([vector[0], 1.0 - vector[0]])
    name = "rates_" if hasattr(fit, "rates_") else "probabilities_"
    setattr(other, name, vector[1:].reshape(getattr(fit, name).shape))
    return other, name


@pytest.mark.parametrize(
    ("estimator", "X"),
    [
        (PoissonMixture(2, random_state=0, tol=1e-13), counts()),
        (PoissonMixture(2, random_state=0, tol=1e-13), some_counts()),
        (BernoulliMixture(2, random_state=0, tol=1e-13), bits(n=600)),
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_errors_are_those_of_the_hessian(estimator, X, weighted):
    weight = np.random.RandomState(0).randint(1, 4, size=len(X)) if weighted else np.ones(len(X))
    fit = clone(estimator).fit(X, sample_weight=weight)
    found = fit.standard_errors(X, sample_weight=weight if weighted else None)
    values = fit.rates_ if hasattr(fit, "rates_") else fit.probabilities_
    at = np.concatenate([fit.weights_[:1], values.ravel()])
    curved = hessian(lambda v: weight @ with_values(fit, v)[0].score_samples(X), at)
    errors = np.sqrt(np.linalg.inv(-curved).diagonal())
    assert_allclose(found["weights_"], errors[0], rtol=1e-3)
    name = with_values(fit, at)[1]
    assert_allclose(found[name].ravel(), errors[1:], rtol=1e-3)


def test_categories_of_two_levels_have_the_errors_of_bits():
    X = bits(n=600)
    X[np.random.RandomState(1).rand(*X.shape) < 0.1] = np.nan
    two = CategoricalMixture(2, random_state=0, tol=1e-13).fit(X)
    one = BernoulliMixture(2, random_state=0, tol=1e-13).fit(X)
    many, few = two.standard_errors(X), one.standard_errors(X)
    assert_allclose(many["weights_"], few["weights_"], rtol=1e-4)
    for j, part in enumerate(many["probabilities_"]):
        assert_allclose(part[:, 1], few["probabilities_"][:, j], rtol=1e-4)
        assert_allclose(part[:, 0], part[:, 1])


def test_one_component_has_the_errors_of_a_share_and_of_a_mean():
    X = answers()
    p = X[:, 0].mean()
    errors = CategoricalMixture(1).fit(X).standard_errors(X)
    assert_allclose(errors["probabilities_"][0], np.sqrt(p * (1 - p) / len(X)))
    assert_array_equal(errors["weights_"], [0.0])
    rates = PoissonMixture(1).fit(counts()).standard_errors(counts())["rates_"]
    assert_allclose(rates[0], np.sqrt(counts().mean(axis=0) / 300))


def test_what_is_frozen_or_at_the_edge_is_known():
    fit = PoissonMixture(2, frozen=("weights",), random_state=0).fit(counts())
    assert_array_equal(fit.standard_errors(counts())["weights_"], 0.0)
    free = PoissonMixture(2, random_state=0).fit(counts())
    known, unknown = (each.standard_errors(counts())["rates_"] for each in (fit, free))
    assert (known < unknown).all()
    X = np.tile([1.0, 1.0, 0.0], (30, 1))
    edge = BernoulliMixture(1).fit(X)
    assert_array_equal(edge.standard_errors(X)["probabilities_"], 0.0)


def test_a_flat_likelihood_is_told():
    """Three classes of two bits have more parameters than the table has cells."""
    X = bits()[:, :2]
    fit = BernoulliMixture(3, random_state=0).fit(X)
    with pytest.raises(ValueError, match="not identified by these rows"):
        fit.standard_errors(X)
