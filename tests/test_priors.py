"""Conjugate priors: densities, M-steps, and what they are for."""

import numpy as np
import pytest
from common import (
    STRUCTURES,
    clusters,
    dense_covariances,
    factorised,
    fitted,
    integer_weights,
    model_of,
    random_covariances,
    random_params,
)
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.exceptions import ConvergenceWarning

from emix import GaussianMixture
from emix._normal.dense import Dense
from emix._normal.diagonal import Diagonal
from emix.priors import ConjugatePrior

D, K = 2, 3
X = clusters(0, 200, D, K, 1.5) * [3.0, 0.2] + [10.0, -1.0]


def some_prior(covariance_type):
    structure = STRUCTURES[covariance_type]
    scale = random_covariances(structure, np.random.RandomState(3), 1, D)
    return ConjugatePrior(
        weight_concentration=2.5,
        mean=[9.0, 0.0],
        mean_precision=0.7,
        degrees_of_freedom=4.5,
        covariance=scale[structure.sharing.at(0)],
    )


def log_density(prior, covariance_type, mixture):
    """By the distributions of SciPy."""
    structure = STRUCTURES[covariance_type]
    degrees, scale = prior.degrees_of_freedom, np.asarray(prior.covariance)
    covariances = np.asarray(mixture.covariances_)
    matrices = structure.sharing.matrices(covariances)
    total = stats.dirichlet.logpdf(mixture.weights_, np.full(K, prior.weight_concentration))
    for matrix in matrices:
        if isinstance(structure.form, Dense):
            total += stats.invwishart.logpdf(matrix, degrees, scale)
        else:
            rate = scale / 2 if isinstance(structure.form, Diagonal) else D * scale / 2
            total += stats.invgamma.logpdf(matrix, degrees / 2, scale=rate).sum()
    for mean, matrix in zip(mixture.means_, dense_covariances(mixture), strict=True):
        total += stats.multivariate_normal.logpdf(mean, prior.mean, matrix / prior.mean_precision)
    return total


@pytest.mark.parametrize("weighted", [False, True])
def test_objective_is_log_likelihood_plus_log_prior(covariance_type, weighted):
    weight = integer_weights(0, len(X)) if weighted else None
    prior = some_prior(covariance_type)
    mixture = fitted(
        X, K, weight, covariance_type=covariance_type, prior=prior, max_iter=7, random_state=0
    )
    total = len(X) if weight is None else weight.sum()
    share = log_density(prior, covariance_type, mixture) / total
    last = mixture.history_[mixture.history_["accepted"]][-1]
    assert last["log_prior"] == pytest.approx(share, rel=1e-9)
    score = mixture.score(X, sample_weight=weight)
    assert mixture.lower_bound_ == pytest.approx(score + share, rel=1e-12)
    assert last["log_likelihood"] == pytest.approx(score, rel=1e-12)


@pytest.mark.parametrize("frozen", [(), ("means",), ("weights",)])
def test_m_step_is_the_maximum(covariance_type, frozen):
    """No small move from it raises the expected log-joint and log-prior."""
    structure = STRUCTURES[covariance_type]
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    model = model_of(z, structure, noise=0.05, frozen=frozenset(frozen))
    model.prior = some_prior(covariance_type)._of_model(model, K)
    params = random_params(structure, 1, K, D)
    statistics = model.e_step(params)
    best = model.m_step(statistics, params)
    value = model.expected(statistics, best)
    rng = np.random.RandomState(0)
    for _ in range(60):
        weights, means, covariances = best[:3]
        if "weights" not in frozen:
            weights = weights * np.exp(1e-3 * rng.normal(size=K))
        if "means" not in frozen:
            means = means + 1e-3 * rng.normal(size=means.shape)
        other = random_covariances(structure, rng, K, D)
        covariances = covariances + rng.choice([-1e-3, 1e-3]) * (other - covariances)
        moved = best._replace(weights=weights / weights.sum(), means=means)
        factors = factorised(structure, covariances).factor
        moved = moved._replace(covariances=covariances, factors=factors)
        assert model.expected(statistics, moved) < value


@pytest.mark.parametrize("acceleration", [True, False])
def test_the_objective_never_falls(covariance_type, acceleration):
    mixture = fitted(
        X,
        K,
        covariance_type=covariance_type,
        prior=some_prior(covariance_type),
        acceleration=acceleration,
        init_params="random",
        random_state=0,
        reg_covar=0.01,
    )
    history = mixture.history_[mixture.history_["accepted"]]
    assert np.diff(history["objective"]).min() >= -1e-12
    assert (history["free_energy"] <= history["objective"] + 1e-12).all()
    if not acceleration:
        assert (history["free_energy"][1:] >= history["objective"][:-1] - 1e-12).all()


def test_other_rows_have_the_same_prior(covariance_type):
    """As those of a sample that starts are compared on."""
    model = model_of(X, STRUCTURES[covariance_type])
    model.prior = some_prior(covariance_type)._of_model(model, K)
    params = random_params(model.structure, 1, K, D)
    assert model.log_prior(params) != 0.0
    for rows in (model.rows, model.space.distinct.sample(50)[0]):
        assert model.over(rows).log_prior(params) == model.log_prior(params)


def test_a_batch_counts_with_its_share_of_the_prior(covariance_type):
    prior = some_prior(covariance_type)
    options = {"covariance_type": covariance_type, "prior": prior, "random_state": 0}
    mixture = fitted(X[:150], K, **options)
    log_prior, score = log_density(prior, covariance_type, mixture), mixture.score(X[150:])
    mixture.partial_fit(X[150:])
    assert mixture.lower_bound_ == pytest.approx(score + log_prior / len(X), rel=1e-10)


def test_a_component_that_would_collapse_lives():
    X = np.r_[np.random.RandomState(0).normal(size=(50, 2)), [[30.0, 30.0]]]
    means = [[0.0, 0.0], [30.0, 30.0]]
    with pytest.warns(ConvergenceWarning, match="component 1 \\(1 row"):
        GaussianMixture(2, means_init=means).fit(X)
    mixture = GaussianMixture(2, means_init=means, prior="fraley-raftery").fit(X)
    assert mixture.converged_
    assert mixture.weights_.min() == pytest.approx(1 / 51, rel=0.05)
    assert np.linalg.eigvalsh(mixture.covariances_).min() > 0.01


def test_defaults_by_name_and_their_formula():
    """With one component: the mode in closed form (Fraley & Raftery 2007, table 2)."""
    n, d = X.shape
    mixture = GaussianMixture(prior="fraley-raftery").fit(X)
    assert_allclose(
        mixture.covariances_, GaussianMixture(prior=ConjugatePrior()).fit(X).covariances_
    )
    spread = np.cov(X.T, bias=True)
    assert_allclose(mixture.means_[0], X.mean(axis=0), rtol=1e-12)
    expected = (n * spread + spread) / (n + (d + 2) + d + 2)
    assert_allclose(mixture.covariances_[0], expected, rtol=1e-10)


def test_results_do_not_depend_on_units(covariance_type):
    spherical = covariance_type.endswith("spherical")
    unit = np.full(D, 1e-3) if spherical else np.array([1e-3, 1e4])
    options = {"covariance_type": covariance_type, "prior": "fraley-raftery", "random_state": 0}
    first, second = fitted(X, K, **options), fitted(X * unit + 5.0, K, **options)
    assert_allclose(second.means_, first.means_ * unit + 5.0, rtol=1e-6)
    shift = -np.log(unit).sum()
    scores = first.score(X), second.score(X * unit + 5.0)
    assert scores[1] == pytest.approx(scores[0] + shift, abs=1e-8)


@pytest.mark.parametrize(
    ("prior", "match"),
    [
        ("conjugate", "prior must be None, an emix.priors.ConjugatePrior or 'fraley-raftery'"),
        (ConjugatePrior(weight_concentration=0.5), "weight_concentration must be at least 1"),
        (ConjugatePrior(mean_precision=0.0), "mean_precision must be positive"),
        (ConjugatePrior(degrees_of_freedom=1.0), "degrees_of_freedom must be greater than 1"),
        (ConjugatePrior(mean=[0.0]), "prior.mean"),
        (ConjugatePrior(covariance=np.diag([1.0, -1.0])), "prior.covariance must be"),
        (ConjugatePrior(covariance=np.eye(3)), "prior.covariance"),
    ],
)
def test_bad_priors_are_refused(prior, match):
    with pytest.raises(ValueError, match=match):
        GaussianMixture(2, prior=prior).fit(X)


LINE = np.arange(8.0)
DEFICIENT = {
    "two rows": np.array([[0.0, 0.0], [1.0, 1.0]] * 5),
    "a line": np.column_stack([LINE, 2 * LINE, -LINE]),
    "a copy": np.column_stack([X, 1e6 * X[:, 1]]),
    "nearly a copy": np.column_stack([X, X[:, 1] + 1e-9 * X[:, 0] ** 2]),
    "a constant": np.column_stack([X, np.full(len(X), 1e8 / 3)]),
    "few rows": np.random.RandomState(0).normal(size=(5, 6)),
}


@pytest.mark.parametrize("problem", DEFICIENT)
def test_data_of_less_than_full_rank_have_a_finite_bound(problem, covariance_type):
    rows = DEFICIENT[problem]
    mixture = fitted(
        rows, 2, covariance_type=covariance_type, prior="fraley-raftery", random_state=0
    )
    assert np.isfinite(mixture.lower_bounds_).all()
    assert np.isfinite(mixture.lower_bound_)
    assert np.isfinite(mixture.score_samples(rows)).all()


def test_the_default_scale_is_the_covariance_where_the_data_vary(covariance_type):
    structure = STRUCTURES[covariance_type]
    model = model_of(X, structure)
    found = ConjugatePrior()._of_model(model, K)
    expected = model.space.spread / K ** (2.0 / D) / len(X)
    assert_allclose(found.scale, expected, rtol=1e-12)
