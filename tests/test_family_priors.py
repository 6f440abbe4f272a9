"""Priors of rates and probabilities, and of t components and normals with noise."""

import numpy as np
import pytest
from families import answers, bits, counts, heavy, some_counts
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.base import clone
from test_standard_errors import hessian, with_values

from emix import (
    BernoulliMixture,
    CategoricalMixture,
    GaussianMixture,
    GaussianMixtureWithNoise,
    PoissonMixture,
    StudentMixture,
)
from emix.priors import ConjugatePrior, DirichletPrior, GammaPrior


def log_gamma(fit):
    prior = fit.prior
    shape = np.broadcast_to(prior.shape, fit.rates_.shape)
    return stats.gamma.logpdf(fit.rates_, shape, scale=1.0 / prior.rate).sum()


def log_dirichlet(fit):
    each = fit.prior.concentration
    if hasattr(fit, "categories_"):
        rows = [row for part in fit.probabilities_ for row in part]
    else:
        rows = [np.array([1.0 - p, p]) for p in fit.probabilities_.ravel()]
    return sum(stats.dirichlet.logpdf(row / row.sum(), np.full(len(row), each)) for row in rows)


def log_wishart(fit):
    prior = fit.prior
    matrices = fit.scale_matrices_ if hasattr(fit, "scale_matrices_") else fit.covariances_
    total = stats.invwishart.logpdf(
        np.moveaxis(matrices, 0, -1), prior.degrees_of_freedom, prior.covariance
    ).sum()
    for mean, matrix in zip(fit.means_, matrices, strict=True):
        total += stats.multivariate_normal.logpdf(mean, prior.mean, matrix / prior.mean_precision)
    return total


NORMAL = ConjugatePrior(
    weight_concentration=3.0,
    mean=[1.0, 2.0],
    mean_precision=2.0,
    degrees_of_freedom=6.0,
    covariance=[[2.0, 0.3], [0.3, 1.0]],
)
WITH_PRIORS = {
    "poisson": (
        PoissonMixture(2, prior=GammaPrior(weight_concentration=4.0, shape=[3.0, 1.5], rate=2.0)),
        counts(),
        log_gamma,
    ),
    "poisson, gaps": (
        PoissonMixture(2, prior=GammaPrior(shape=[3.0, 1.5], rate=2.0)),
        some_counts(),
        log_gamma,
    ),
    "categorical": (
        CategoricalMixture(2, prior=DirichletPrior(weight_concentration=4.0, concentration=3.0)),
        answers(gaps=0.1),
        log_dirichlet,
    ),
    "bernoulli": (
        BernoulliMixture(2, prior=DirichletPrior(weight_concentration=4.0)),
        bits(),
        log_dirichlet,
    ),
    "student": (StudentMixture(2, prior=NORMAL, degrees_of_freedom=4.0), heavy(), log_wishart),
    "student, common": (StudentMixture(2, prior=NORMAL), heavy(1), log_wishart),
    "noise": (GaussianMixtureWithNoise(2, prior=NORMAL), heavy(2), log_wishart),
}


def fitted(name, X=None, **options):
    estimator, rows, _ = WITH_PRIORS[name]
    weight = options.pop("sample_weight", None)
    made = clone(estimator).set_params(random_state=0, **options)
    return made.fit(rows if X is None else X, sample_weight=weight)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", WITH_PRIORS)
def test_the_objective_is_log_likelihood_plus_log_prior(name, weighted):
    _, X, log_prior = WITH_PRIORS[name]
    weight = np.random.RandomState(0).randint(0, 3, size=len(X)) if weighted else np.ones(len(X))
    fit = fitted(name, sample_weight=weight if weighted else None)
    alpha = np.full(len(fit.weights_), fit.prior.weight_concentration)
    expected = log_prior(fit) + stats.dirichlet.logpdf(fit.weights_, alpha)
    in_all = weight.sum() * fit.lower_bound_
    assert_allclose(in_all, weight @ fit.score_samples(X) + expected, rtol=1e-9)
    assert_allclose(weight.sum() * fit.history_["log_prior"][-1], expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("acceleration", [True, False])
@pytest.mark.parametrize("name", WITH_PRIORS)
def test_no_half_step_lowers_it(name, acceleration):
    fit = fitted(name, acceleration=acceleration, n_init=1)
    history = fit.history_[fit.history_["accepted"]]
    plain = ~history["extrapolated"][1:]
    assert (history["free_energy"][1:] - history["objective"][:-1])[plain].min() >= -1e-12
    assert (history["objective"] - history["free_energy"])[1:][plain].min() >= -1e-12
    assert fit.converged_
    other = fitted(name, acceleration=not acceleration, n_init=1)
    assert_allclose(fit.lower_bound_, other.lower_bound_, atol=1e-8)


@pytest.mark.parametrize("name", ["poisson", "poisson, gaps", "bernoulli"])
def test_it_is_highest_where_it_is_flat(name):
    """And the standard errors are those of its curvature."""
    fit = fitted(name, tol=1e-13)
    _, X, log_prior = WITH_PRIORS[name]
    values = fit.rates_ if "poisson" in name else fit.probabilities_
    at = np.concatenate([fit.weights_[:1], values.ravel()])

    def posterior(vector):
        other = with_values(fit, vector)[0]
        other.prior = fit.prior
        alpha = np.full(2, fit.prior.weight_concentration)
        of_weights = stats.dirichlet.logpdf(other.weights_, alpha)
        return other.score_samples(X).sum() + log_prior(other) + of_weights

    step = 1e-5 * np.eye(len(at))
    slope = [(posterior(at + s) - posterior(at - s)) / 2e-5 for s in step]
    assert_allclose(slope, 0.0, atol=1e-2)
    errors = np.sqrt(np.linalg.inv(-hessian(posterior, at)).diagonal())
    found = fit.standard_errors(X)
    assert_allclose(found["weights_"], errors[0], rtol=1e-3)
    named = found["rates_" if "poisson" in name else "probabilities_"]
    assert_allclose(named.ravel(), errors[1:], rtol=1e-3)


def test_one_component_has_the_mode_in_closed_form():
    X, prior = counts(), GammaPrior(shape=5.0, rate=30.0)
    fit = PoissonMixture(1, prior=prior).fit(X)
    assert_allclose(fit.rates_[0], (X.sum(axis=0) + 4.0) / (len(X) + 30.0))
    centred = PoissonMixture(1, prior=GammaPrior(rate=1e6)).fit(X)
    assert_allclose(centred.rates_[0], X.mean(axis=0))
    shares = BernoulliMixture(1, prior=DirichletPrior(concentration=11.0)).fit(bits())
    assert_allclose(shares.probabilities_[0], (bits().sum(axis=0) + 10.0) / 320.0)


def test_nothing_is_at_the_edge_and_no_component_starves():
    X = np.repeat([[1.0, 1, 1, 1], [0, 0, 0, 0], [1, 0, 0, 0]], [30, 20, 10], axis=0)
    prior = DirichletPrior(weight_concentration=2.0)
    fit = BernoulliMixture(4, prior=prior, random_state=0).fit(X)
    assert fit.probabilities_.min() > 0.01
    assert fit.probabilities_.max() < 0.99
    assert fit.weights_.min() > 0.9 / 64.0
    rates = PoissonMixture(2, prior=GammaPrior(shape=1.5), random_state=0).fit(X * 9.0).rates_
    assert rates.min() > 0.0


def test_equal_rows_are_no_reason_to_warn_with_a_prior():
    X = np.concatenate([np.zeros((20, 2)), heavy()])
    for kind in (StudentMixture, GaussianMixtureWithNoise):
        fit = kind(3, prior="fraley-raftery", random_state=0, n_init=3).fit(X)
        assert fit.singular_components_.size == 0
        assert fit.n_collapsed_ == 0


def test_normals_in_the_limit_have_the_maximum_of_normals():
    X = heavy()
    infinite = StudentMixture(2, degrees_of_freedom=np.inf, prior=NORMAL, random_state=0).fit(X)
    normal = GaussianMixture(2, prior=NORMAL, random_state=0, tol=1e-10).fit(X)
    assert_allclose(infinite.lower_bound_, normal.lower_bound_, atol=1e-8)


@pytest.mark.parametrize("name", WITH_PRIORS)
def test_weights_are_repeated_rows(name):
    X = WITH_PRIORS[name][1]
    weight = np.random.RandomState(1).randint(0, 3, size=len(X))
    one, two = fitted(name, sample_weight=weight), fitted(name, X=X.repeat(weight, axis=0))
    assert_allclose(one.lower_bound_, two.lower_bound_, atol=1e-9)
    assert_allclose(np.sort(one.weights_), np.sort(two.weights_), atol=1e-5)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (PoissonMixture(prior=GammaPrior(shape=0.5)), "prior.shape must be at least 1, got 0.5"),
        (PoissonMixture(prior=GammaPrior(rate=0.0)), "prior.rate must be positive"),
        (PoissonMixture(prior=GammaPrior(shape=[2.0])), r"prior.shape must have the shape \(2,\)"),
        (PoissonMixture(prior=DirichletPrior()), "prior must be None or an emix.priors.GammaPrior"),
        (PoissonMixture(prior="gamma"), "prior must be None or an emix.priors.GammaPrior"),
        (BernoulliMixture(prior=DirichletPrior(concentration=0.5)), "density of the probabilities"),
        (
            BernoulliMixture(prior=DirichletPrior(weight_concentration=0.0)),
            "density of the weights",
        ),
        (StudentMixture(prior=DirichletPrior()), "prior must be None or an emix.priors.Conjugate"),
    ],
)
def test_bad_priors_are_named(estimator, message):
    with pytest.raises(ValueError, match=message):
        estimator.fit(np.minimum(counts(), 1.0))


def test_rows_that_are_fitted_later_are_judged_by_the_prior_of_the_fit():
    fit = fitted("poisson")
    before = fit.standard_errors(counts())["rates_"]
    fit.set_params(prior=None)
    assert_array_equal(fit.standard_errors(counts())["rates_"], before)
