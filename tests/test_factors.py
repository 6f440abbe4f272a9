"""Covariances of few factors: mixtures of factor analysers."""

import json
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from common import (
    clusters,
    integer_weights,
    not_converged_allowed,
    singular_allowed,
    textbook_log_joint,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.decomposition import FactorAnalysis
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV

from emix import GaussianMixture, GaussianMixtureClassifier, MixtureSearch
from emix.constraints import Proportions
from emix.covariances import Factors

REFERENCE = json.loads((Path(__file__).parent / "factors.json").read_text(encoding="utf-8"))
NOISES = ["diag", "spherical", "tied_diag", "tied_spherical"]
WINE = load_wine().data
MATRICES = ["covariances_", "precisions_", "precisions_cholesky_"]
# what a fit may be told beside its defaults
SETTINGS = {
    "plain": {"acceleration": False, "max_iter": 40},
    "weights frozen": {"frozen": ("weights",)},
    "means frozen": {"frozen": ("means",)},
    "covariances frozen": {"frozen": ("covariances",)},
    "clouds": {"reg_covar": 0.05},
    "warm": {"temperature": 1.5},
    "conditional": {"m_step": "conditional", "max_iter": 30},
    "blocks": {"algorithm": "incremental", "batch_size": 40, "max_iter": 20},
    "proportions": {"constraints": (Proportions(),), "max_iter": 10},
    "random": {"init_params": "random", "n_init": 2},
}

PLAIN = [("plain", noise) for noise in NOISES[1:]]


@pytest.fixture(params=NOISES)
def noise(request):
    return request.param


def factor_rows(seed, n=300, d=7, q=2, n_components=2):
    """Rows of a mixture of factor analysers, whose features have different noise; (n, d)."""
    rng = np.random.RandomState(seed)
    labels = rng.randint(n_components, size=n)
    loadings = rng.normal(size=(n_components, d, q))
    spread = rng.uniform(0.2, 0.8, size=(n_components, d))
    centres = 3.0 * rng.normal(size=(n_components, d))
    inner = np.einsum("nij,nj->ni", loadings[labels], rng.normal(size=(n, q)))
    return centres[labels] + inner + spread[labels] * rng.normal(size=(n, d))


X = factor_rows(0)
ROWS = factor_rows(2, n=120, d=5)


def fit(rows=X, n_components=2, q=2, noise="diag", sample_weight=None, **given):
    mixture = GaussianMixture(
        n_components, **{"random_state": 0, "covariance_type": Factors(q, noise=noise), **given}
    )
    with not_converged_allowed():
        return mixture.fit(rows, sample_weight=sample_weight)


def n_parameters(mixture, rows):
    return (mixture.bic(rows) - mixture.aic(rows)) / (np.log(len(rows)) - 2.0)


# --- what is known --------------------------------------------------------------------------


@pytest.mark.parametrize("case", REFERENCE["fits"], ids=lambda case: f"K={case['K']}")
def test_maxima_are_those_of_direct_maximisation_or_higher(case):
    rows = np.array(REFERENCE["X"])
    mixture = fit(rows, case["K"], case["q"], case["noise"], tol=1e-11)
    total = mixture.score(rows) * len(rows)
    assert total >= case["loglik"] - 1e-9 * abs(case["loglik"])
    assert_allclose(n_parameters(mixture, rows), case["df"], rtol=1e-9)
    if case["K"] == 1:
        assert_allclose(total, case["loglik"], rtol=1e-10)
        assert_allclose(mixture.covariances_, case["covariances"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("q", [1, 2, 3])
def test_one_component_is_factor_analysis(q):
    rows = (WINE - WINE.mean(axis=0)) / WINE.std(axis=0)
    other = FactorAnalysis(q, tol=1e-12, max_iter=20_000, svd_method="lapack").fit(rows)
    mixture = fit(rows, 1, q, tol=1e-11)
    assert_allclose(mixture.score(rows), other.score(rows), rtol=1e-10)
    assert_allclose(mixture.covariances_[0], other.get_covariance(), atol=1e-4)


@pytest.mark.parametrize("q", [1, 2, 5])
def test_one_component_of_spherical_noise_is_principal_components(q):
    # Tipping & Bishop 1999, equations 6 and 7
    values, vectors = np.linalg.eigh(np.cov(WINE.T, bias=True))
    noise = values[:-q].mean()
    expected = (vectors[:, -q:] * (values[-q:] - noise)) @ vectors[:, -q:].T
    expected += noise * np.eye(len(values))
    mixture = fit(WINE, 1, q, "spherical")
    assert_allclose(mixture.covariances_[0], expected, rtol=1e-6, atol=1e-8 * values[-1])
    assert_allclose(mixture.noise_variances_, noise, rtol=1e-6)


def test_as_many_factors_as_a_covariance_has_reach_the_full_mixture():
    rows = clusters(0, 400, 3, 2)
    full = GaussianMixture(2, random_state=0, tol=1e-10).fit(rows)
    labels = full.predict(rows)
    mixture = fit(rows, 2, 2, tol=1e-10, init_params=labels)
    assert_allclose(mixture.score(rows), full.score(rows), atol=1e-7)
    assert_allclose(n_parameters(mixture, rows), n_parameters(full, rows), rtol=1e-9)


def test_log_densities_are_those_of_the_matrices(noise):
    mixture = fit(noise=noise)
    parts = mixture.weights_, mixture.means_, mixture.covariances_
    log_joint = textbook_log_joint(X, *parts)
    expected = logsumexp(log_joint, axis=1)
    assert_allclose(mixture.score_samples(X), expected, rtol=1e-10)
    assert_allclose(mixture.score_samples(X[:3]), expected[:3], rtol=1e-10)
    many = np.repeat(X, 30, axis=0)
    assert_allclose(mixture.score_samples(many), np.repeat(expected, 30), rtol=1e-10)
    assert_allclose(mixture.predict_proba(X), np.exp(log_joint - expected[:, None]), atol=1e-10)
    assert_allclose(mixture.lower_bound_, expected.mean(), rtol=1e-10)


# --- EM -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "noise"), [*dict.fromkeys(SETTINGS, "diag").items(), *PLAIN])
def test_the_objective_never_falls_and_bounds_the_likelihood(name, noise):
    mixture = fit(ROWS, 2, 2, noise, **SETTINGS[name])
    assert (np.diff(mixture.lower_bounds_) >= -1e-12 * abs(mixture.lower_bound_)).all()
    history = mixture.history_
    kept = history[history["accepted"]]
    assert kept["gap"].min() >= -1e-9
    assert (kept["free_energy"] <= kept["objective"] + 1e-9).all()
    assert len(mixture.lower_bounds_) >= 1


def test_acceleration_leads_where_plain_em_leads():
    plain, fast = (fit(ROWS, acceleration=flag) for flag in (False, True))
    assert_allclose(fast.lower_bound_, plain.lower_bound_, atol=1e-6)
    assert fast.n_iter_ < plain.n_iter_


def test_no_parameter_can_be_changed_for_the_better(noise):
    mixture = fit(noise=noise, tol=1e-12)
    rng = np.random.RandomState(0)
    best = mixture.score(X)
    for _ in range(5):
        slopes = []
        drawn = {name: rng.normal(size=getattr(mixture, name).shape) for name in ("loadings_",)}
        drawn["means_"] = rng.normal(size=mixture.means_.shape)
        noise_step = {
            "diag": rng.normal(size=mixture.noise_variances_.shape),
            "spherical": rng.normal(size=(2, 1)),
            "tied_diag": rng.normal(size=7),
            "tied_spherical": rng.normal(),
        }[noise]
        for step in (1e-4, -1e-4):
            moved = pickle.loads(pickle.dumps(mixture))
            moved.loadings_ = mixture.loadings_ + step * drawn["loadings_"]
            moved.means_ = mixture.means_ + step * drawn["means_"]
            moved.noise_variances_ = mixture.noise_variances_ * np.exp(step * noise_step)
            slopes.append(moved.score(X) - best)
            assert slopes[-1] < 0.0
        assert abs(slopes[0] - slopes[1]) < 1e-3 * abs(slopes[0])


def test_weights_count_as_repetitions(noise):
    weight = integer_weights(0, len(X))
    weighted = fit(noise=noise, sample_weight=weight, tol=1e-10)
    repeated = fit(np.repeat(X, weight, axis=0), noise=noise, tol=1e-10)
    assert_allclose(weighted.lower_bound_, repeated.lower_bound_, atol=1e-8)
    assert_allclose(weighted.covariances_, repeated.covariances_, rtol=1e-3, atol=1e-3)


def test_results_do_not_depend_on_order_origin_or_units(noise):
    known = fit(noise=noise, tol=1e-10)
    order = np.random.RandomState(0).permutation(len(X))
    scale = np.full(7, 1e-3) if noise.endswith("spherical") else 10.0 ** np.arange(-3, 4)
    shift = 100.0 * scale
    other = fit(X[order] * scale + shift, noise=noise, tol=1e-10)
    moved = other.score_samples(X * scale + shift) + np.log(scale).sum()
    assert_allclose(moved, known.score_samples(X), atol=1e-3)
    assert_allclose(other.lower_bound_ + np.log(scale).sum(), known.lower_bound_, atol=1e-8)


def test_float32_is_fitted_as_float64_is():
    single = fit(X.astype(np.float32))
    assert {getattr(single, name).dtype for name in ("loadings_", "covariances_", "means_")} == {
        np.dtype(np.float32)
    }
    assert_allclose(single.lower_bound_, fit().lower_bound_, atol=1e-4)


def test_known_rows_and_a_given_partition():
    labels = np.full(len(X), -1)
    own = fit().predict(X)
    labels[:40] = 1 - own[:40]
    mixture = GaussianMixture(2, covariance_type=Factors(2), random_state=0)
    mixture.fit(X, labels=labels)
    assert_array_equal(mixture.predict(X[:40]), labels[:40])
    assert_array_equal(fit(init_params=1 - own).predict(X), 1 - own)


# --- the parts of a covariance --------------------------------------------------------------


def test_noise_is_shared_as_its_name_says(noise):
    found = fit(noise=noise).noise_variances_
    assert found.shape == (2, 7)
    assert (np.ptp(found, axis=0).max() < 1e-9 * found.max()) == noise.startswith("tied")
    assert (np.ptp(found, axis=1).max() < 1e-9 * found.max()) == noise.endswith("spherical")


@pytest.mark.parametrize(
    ("noise", "expected"), [("diag", 14), ("spherical", 2), ("tied_diag", 7), ("tied_spherical", 1)]
)
def test_the_number_of_parameters(noise, expected):
    mixture = fit(q=3, noise=noise, max_iter=2)
    own = 2 * (7 * 3 - 3)
    assert_allclose(n_parameters(mixture, X), 1 + 2 * 7 + own + expected, rtol=1e-9)


def test_factors_are_turned_and_ordered(noise):
    mixture = fit(q=3, noise=noise)
    for loadings, variances in zip(mixture.loadings_, mixture.noise_variances_, strict=True):
        scaled = loadings / np.sqrt(variances)[:, None]
        inner = scaled.T @ scaled
        assert_allclose(inner, np.diag(inner.diagonal()), atol=1e-9 * inner[0, 0])
        assert (np.diff(inner.diagonal()) <= 0.0).all()
        largest = np.abs(scaled).argmax(axis=0)
        assert (scaled[largest, np.arange(3)] > 0.0).all()


def test_matrices_are_made_when_they_are_asked_for(noise):
    mixture = fit(noise=noise)
    assert not set(MATRICES) & set(vars(mixture))
    expected = np.array(
        [
            w @ w.T + np.diag(v)
            for w, v in zip(mixture.loadings_, mixture.noise_variances_, strict=True)
        ]
    )
    assert_allclose(mixture.covariances_, expected, rtol=1e-12)
    assert_allclose(mixture.precisions_ @ expected, np.tile(np.eye(7), (2, 1, 1)), atol=1e-10)
    upper = mixture.precisions_cholesky_
    assert_array_equal(upper, np.triu(upper))
    assert_allclose(upper @ upper.swapaxes(1, 2), mixture.precisions_, rtol=1e-9, atol=1e-12)


def test_nothing_is_left_of_another_structure():
    mixture = fit()
    mixture.set_params(covariance_type="full").fit(X)
    assert not hasattr(mixture, "loadings_")
    assert not hasattr(mixture, "noise_variances_")
    assert set(MATRICES) < set(vars(mixture))
    mixture.set_params(covariance_type=Factors(1)).fit(X)
    assert not set(MATRICES) & set(vars(mixture))
    assert mixture.loadings_.shape == (2, 7, 1)


def test_there_are_no_matrices_before_a_fit():
    mixture = GaussianMixture(2, covariance_type=Factors(2))
    assert not any(hasattr(mixture, name) for name in MATRICES)
    with pytest.raises(NotFittedError):
        mixture.predict(X)


# --- the fitted mixture ---------------------------------------------------------------------


def test_samples_have_the_covariances():
    mixture = fit()
    rows, labels = mixture.sample(200_000, random_state=0)
    for k in range(2):
        own = rows[labels == k]
        assert_allclose(own.mean(axis=0), mixture.means_[k], atol=0.05)
        assert_allclose(np.cov(own.T), mixture.covariances_[k], atol=0.1)


def test_the_other_methods_are_those_of_the_full_mixture(noise):
    mixture = fit(noise=noise)
    full = GaussianMixture.from_parameters(mixture.weights_, mixture.means_, mixture.covariances_)
    assert_allclose(mixture.covariance_, full.covariance_, rtol=1e-9)
    assert_allclose(
        mixture.marginal([0, 3]).score_samples(X[:, [0, 3]]),
        full.marginal([0, 3]).score_samples(X[:, [0, 3]]),
        rtol=1e-9,
    )
    given, other = (each.conditional([1, 2], X[0, 1:3]) for each in (mixture, full))
    assert_allclose(given.means_, other.means_, rtol=1e-8)
    assert_allclose(mixture.to_sklearn().score_samples(X), full.score_samples(X), rtol=1e-9)
    gapped = np.where(np.arange(7) == 2, np.nan, X[:50])
    assert_allclose(mixture.predict_proba(gapped), full.predict_proba(gapped), atol=1e-9)
    assert_allclose(mixture.impute(gapped), full.impute(gapped), rtol=1e-8)
    turned = mixture.reordered([1, 0])
    assert_array_equal(turned.predict(X), 1 - mixture.predict(X))
    assert_allclose(turned.loadings_, mixture.loadings_[::-1], rtol=1e-9)


def test_classes_may_have_few_factors():
    classes = (X[:, 0] > 0.0).astype(int)
    classifier = GaussianMixtureClassifier(1, covariance_type=Factors(2)).fit(X, classes)
    expected = fit(X[classes == 1], 1).score_samples(X)
    assert_allclose(classifier.mixtures_[1].score_samples(X), expected, atol=1e-3)


def test_far_rows_have_a_density():
    mixture = fit()
    far = np.array([np.full(7, 1e10), np.full(7, 1e200), -np.eye(7)[0] * 1e300])
    with np.errstate(all="raise"):
        found = mixture.score_samples(far)
    assert not np.isnan(found).any()
    assert (found < -1e15).all()
    assert_allclose(mixture.predict_proba(far).sum(axis=1), 1.0)


def test_a_fit_goes_on_from_the_last_one():
    mixture = fit(max_iter=5)
    reached = mixture.lower_bound_
    with not_converged_allowed():
        mixture.set_params(warm_start=True, max_iter=3).fit(X)
    assert mixture.history_["objective"][0] == pytest.approx(reached, abs=1e-9)
    assert mixture.lower_bound_ > reached


def test_given_precisions_are_those_of_the_nearest_matrices(noise):
    known = fit(noise=noise, tol=1e-10)
    start = {
        "weights_init": known.weights_,
        "means_init": known.means_,
        "precisions_init": known.precisions_,
    }
    again = fit(noise=noise, max_iter=0, **start)
    assert_allclose(again.covariances_, known.covariances_, rtol=1e-3, atol=5e-3)
    assert_allclose(again.lower_bound_, known.lower_bound_, atol=1e-4)


def test_a_search_tries_numbers_of_factors():
    rows = factor_rows(3, n=400, q=2, n_components=1)
    structures = [Factors(1), Factors(2), "full"]
    search = MixtureSearch(n_components=[1, 2], covariance_type=structures, random_state=0).fit(
        rows
    )
    assert search.best_params_ == {"n_components": 1, "covariance_type": structures[1]}


# --- the object -----------------------------------------------------------------------------


def test_it_is_a_parameter_like_others():
    given = Factors(3, noise="tied_diag")
    mixture = GaussianMixture(2, covariance_type=given)
    assert repr(given) == "Factors(n_factors=3, noise='tied_diag')"
    assert mixture.get_params()["covariance_type__n_factors"] == 3
    copied = clone(mixture)
    assert copied.covariance_type is not given
    assert copied.covariance_type.get_params() == given.get_params()
    assert pickle.loads(pickle.dumps(given)).get_params() == given.get_params()


def test_searches_reach_into_it():
    rows = factor_rows(3, n=400, q=2, n_components=1)
    search = GridSearchCV(
        GaussianMixture(covariance_type=Factors(), tol=1e-4),
        {"covariance_type__n_factors": [1, 2, 3]},
        cv=3,
    )
    assert search.fit(rows).best_params_ == {"covariance_type__n_factors": 2}


def test_what_is_fitted_stays_when_the_object_changes():
    mixture = fit()
    before = mixture.score(X), mixture.bic(X)
    mixture.covariance_type.set_params(n_factors=1, noise="spherical")
    assert (mixture.score(X), mixture.bic(X)) == before


BAD = {
    "zero": ({"covariance_type": Factors(0)}, ValueError, "n_factors must be at least 1"),
    "half": ({"covariance_type": Factors(1.5)}, TypeError, "n_factors must be an integer"),
    "too many": ({"covariance_type": Factors(7)}, ValueError, "n_factors=7 must be less than .* 7"),
    "noise": ({"covariance_type": Factors(noise="full")}, ValueError, "noise must be one of"),
    "class": ({"covariance_type": Factors}, TypeError, r"Factors\(\)"),
    "name": ({"covariance_type": "factors"}, ValueError, r"emix.covariances.Factors"),
    "prior": ({"prior": "fraley-raftery"}, ValueError, "set prior=None"),
    "gradient": ({"m_step": "gradient"}, ValueError, "m_step='exact'"),
    "precisions": ({"precisions_init": np.eye(7)}, ValueError, "needs weights_init and means_init"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_what_cannot_be_is_refused(case):
    given, kind, message = case
    with pytest.raises(kind, match=message):
        fit(**given)


def test_missing_values_are_refused():
    rows = X.copy()
    rows[3, 2] = np.nan
    with pytest.raises(ValueError, match="missing values"):
        fit(rows)


def test_there_is_no_stream():
    assert not hasattr(GaussianMixture(2, covariance_type=Factors(2)), "partial_fit")


# --- untidy data ----------------------------------------------------------------------------


def heywood(seed=0, n=400):
    """One feature is the factor itself: it has no noise."""
    rng = np.random.RandomState(seed)
    factor = rng.normal(size=n)
    others = np.outer(factor, [1.0, -0.8, 0.6, 0.9]) + rng.normal(size=(n, 4))
    return np.column_stack([factor, others])


def test_noise_that_vanishes_is_held_and_told():
    rows = heywood()
    # two features with nothing between them leave the noise of one at zero
    rows = np.column_stack([rows[:, 0], 2.0 * rows[:, 0] + 1.0, rows[:, 1:]])
    with pytest.warns(ConvergenceWarning, match=r"singular.*x0.*x1"):
        mixture = GaussianMixture(covariance_type=Factors(1)).fit(rows)
    assert_array_equal(mixture.singular_components_, [True])
    least = mixture.noise_variances_[0] / rows.var(axis=0)
    assert least[:2].max() < 1e-5 < 0.1 < least[2:].min()
    assert np.isfinite(mixture.score(rows))


def test_a_constant_feature_and_equal_rows_do_not_matter():
    rows = np.column_stack([X, np.full(len(X), 3.0)])
    with pytest.warns(ConvergenceWarning, match="does not vary in x7"):
        mixture = GaussianMixture(2, covariance_type=Factors(2), random_state=0).fit(rows)
    assert_array_equal(mixture.predict(rows), fit().predict(X))
    with singular_allowed():
        same = GaussianMixture(2, covariance_type=Factors(2), random_state=0).fit(np.ones((9, 4)))
    assert np.isfinite(same.score(np.ones((9, 4))))


def test_fewer_rows_than_features_need_no_matrix():
    rows = factor_rows(1, n=60, d=1200, q=3)
    one_matrix = 8 * rows.shape[1] ** 2
    tracemalloc.start()
    mixture = fit(rows, 2, 3, max_iter=10)
    mixture.predict(rows), mixture.sample(5, random_state=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.9 * one_matrix + 5 * rows.nbytes
