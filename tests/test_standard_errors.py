"""Standard errors of other families, against the Hessian of the log-likelihood."""

import numpy as np
import pytest
from common import TYPES
from families import answers, bits, counts, heavy, some_counts
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.base import clone

from emix import (
    BernoulliMixture,
    CategoricalMixture,
    GaussianMixture,
    MixtureOfRegressions,
    PoissonMixture,
    StudentMixture,
    inference,
)


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


@pytest.mark.parametrize("name", TYPES)
def test_normals_in_the_limit_have_the_exact_errors(name):
    X = 1e3 * heavy() + 1e5
    limit = StudentMixture(2, degrees_of_freedom=np.inf, covariance_type=name, random_state=0)
    limit.set_params(tol=1e-13).fit(X)
    normal = GaussianMixture(2, covariance_type=name, tol=1e-13, means_init=limit.means_).fit(X)
    found, exact = limit.standard_errors(X), inference.standard_errors(normal, X)
    assert_allclose(found["weights_"], exact.weights, rtol=1e-5)
    assert_allclose(found["means_"], exact.means, rtol=1e-5)
    assert_allclose(found["scale_matrices_"], exact.covariances, rtol=1e-5)
    assert_array_equal(found["degrees_of_freedom_"], 0.0)


def log_t(vector, x):
    """Of two t components of one feature, by SciPy."""
    weight, *rest = vector
    means, scales, dof = np.split(np.array(rest), [2, 4])
    parts = stats.t.logpdf(x[:, None], dof, means, np.sqrt(scales))
    return np.logaddexp(*(parts + np.log([weight, 1.0 - weight])).T)


@pytest.mark.parametrize("tails", ["common", "each"])
def test_errors_of_t_components_are_those_of_the_hessian(tails):
    near, far = (stats.t(dof).rvs(350, random_state=dof) for dof in (4, 3))
    x = np.concatenate([near, 9.0 + far])
    weight = np.random.RandomState(0).randint(1, 3, size=len(x))
    fit = StudentMixture(2, degrees_of_freedom=tails, random_state=0, tol=1e-13)
    fit.fit(x[:, None], sample_weight=weight)
    dof = fit.degrees_of_freedom_[:1] if tails == "common" else fit.degrees_of_freedom_
    at = np.concatenate([fit.weights_[:1], fit.means_[:, 0], fit.scale_matrices_[:, 0, 0], dof])
    curved = hessian(lambda v: weight @ log_t(v, x), at)
    errors = np.sqrt(np.linalg.inv(-curved).diagonal())
    found = fit.standard_errors(x[:, None], sample_weight=weight)
    told = [found["weights_"][:1], found["means_"][:, 0], found["scale_matrices_"][:, 0, 0]]
    told = np.concatenate([*told, found["degrees_of_freedom_"][: len(dof)]])
    assert_allclose(told, errors, rtol=1e-3)
    known = clone(fit).set_params(degrees_of_freedom=4.0, frozen=("weights",)).fit(x[:, None])
    few = known.standard_errors(x[:, None])
    assert_array_equal(few["degrees_of_freedom_"], 0.0)
    assert_array_equal(few["weights_"], 0.0)
    assert few["means_"].min() > 0.0


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_errors_of_lines_are_those_of_the_hessian(fit_intercept):
    rng = np.random.RandomState(0)
    X = rng.uniform(1.0, 9.0, size=(300, 1))
    y = np.where(rng.rand(300) < 0.4, 2.0, -1.0) * X[:, 0] + fit_intercept + rng.normal(size=300)
    fit = MixtureOfRegressions(2, fit_intercept=fit_intercept, random_state=0, tol=1e-13).fit(X, y)
    lines = [fit.coef_.ravel(), fit.intercept_][: 1 + fit_intercept]
    at = np.concatenate([fit.weights_[:1], fit.sigma_, *lines])

    def log_density(vector):
        weight, sigma, slopes = vector[0], vector[1:3], vector[3:5]
        means = X * slopes + (vector[5:] if fit_intercept else 0.0)
        parts = stats.norm.logpdf(y[:, None], means, sigma)
        return np.logaddexp(*(parts + np.log([weight, 1.0 - weight])).T).sum()

    errors = np.sqrt(np.linalg.inv(-hessian(log_density, at)).diagonal())
    found = fit.standard_errors(X, y)
    told = [found["weights_"][:1], found["sigma_"], found["coef_"].ravel(), found["intercept_"]]
    told = np.concatenate(told[: 3 + fit_intercept])
    assert_allclose(told, errors, rtol=1e-3)
    if not fit_intercept:
        assert_array_equal(found["intercept_"], 0.0)


def test_one_line_has_the_errors_of_least_squares():
    rng = np.random.RandomState(1)
    X = rng.normal(size=(50, 2))
    y = X @ [1.0, 2.0] + rng.normal(size=50)
    fit = MixtureOfRegressions(1).fit(X, y)
    design = np.column_stack([X, np.ones(50)])
    exact = fit.sigma_[0] * np.sqrt(np.linalg.inv(design.T @ design).diagonal())
    found = fit.standard_errors(X, y)
    assert_allclose([*found["coef_"][0], *found["intercept_"]], exact, rtol=1e-6)
    assert_allclose(found["sigma_"], fit.sigma_ / np.sqrt(100.0), rtol=1e-6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_variances_at_the_least_have_no_errors():
    X = np.concatenate([np.zeros((40, 2)), 5.0 + heavy()])
    fit = StudentMixture(2, degrees_of_freedom=5.0, random_state=0).fit(X)
    assert fit.singular_components_.size
    with pytest.raises(ValueError, match="held at the least that they may have"):
        fit.standard_errors(X)
    double = np.column_stack([X[:, 0], X[:, 0]])
    with pytest.raises(ValueError, match="not identified"):
        MixtureOfRegressions(1).fit(double, X[:, 1]).standard_errors(double, X[:, 1])
