"""The estimator's interface: attributes, methods, starts, scikit-learn's tools."""

import copy
import warnings

import numpy as np
import pytest
from common import (
    FITTED,
    STARTS,
    STRUCTURES,
    TYPES,
    as_initial_values,
    clusters,
    dense_covariances,
    dense_stack,
    fitted,
    initial_values,
    integer_weights,
    not_converged_allowed,
    textbook_log_joint,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp, softmax
from sklearn import config_context
from sklearn.base import clone
from sklearn.mixture import GaussianMixture as Theirs
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emix import GaussianMixture
from emix._mixture.start import SAMPLE_ROWS

K, D = 3, 2
X = clusters(0, 300, D, K, 2.0)

SHAPES = {
    "full": (K, D, D),
    "tied": (D, D),
    "diag": (K, D),
    "spherical": (K,),
    "tied_diag": (D,),
    "tied_spherical": (),
}


# --- attributes -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_shapes_and_dtypes_of_attributes(covariance_type, dtype):
    mixture = fitted(X.astype(dtype), K, covariance_type=covariance_type, random_state=0)
    shapes = {"weights_": (K,), "means_": (K, D)}
    for name in FITTED:
        value = getattr(mixture, name)
        assert value.shape == shapes.get(name, SHAPES[covariance_type])
        assert value.dtype == dtype
    assert mixture.n_features_in_ == D
    assert isinstance(mixture.converged_, bool)
    assert isinstance(mixture.n_iter_, int)
    assert isinstance(mixture.lower_bound_, float)
    assert isinstance(mixture.stop_reason_, str)
    assert isinstance(mixture.lower_bounds_, list)
    assert mixture.history_.dtype.names == (
        "free_energy",
        "objective",
        "log_likelihood",
        "log_prior",
        "entropy",
        "gap",
        "remaining",
        "extrapolated",
        "accepted",
        "temperature",
    )


def test_precisions_and_their_factors_belong_to_the_covariances(covariance_type):
    structure = STRUCTURES[covariance_type]
    mixture = fitted(X, K, covariance_type=covariance_type, random_state=0)
    covariances = dense_covariances(mixture)
    precisions = dense_stack(structure, mixture.precisions_, K, D)
    factors = dense_stack(structure, mixture.precisions_cholesky_, K, D)
    assert_allclose(precisions @ covariances, np.stack([np.eye(D)] * K), atol=1e-9)
    assert_allclose(factors @ factors.swapaxes(1, 2), precisions, rtol=1e-10, atol=1e-12)
    assert_array_equal(factors, np.triu(factors))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("acceleration", [True, False])
def test_lower_bound_is_the_score_at_the_parameters_returned(
    covariance_type, weighted, acceleration
):
    weight = integer_weights(0, len(X)) if weighted else None
    for max_iter in (0, 1, 2, 5, 100):
        mixture = fitted(
            X,
            K,
            weight,
            covariance_type=covariance_type,
            max_iter=max_iter,
            acceleration=acceleration,
            random_state=0,
        )
        expected = mixture.score(X, sample_weight=weight)
        assert_allclose(mixture.lower_bound_, expected, rtol=1e-12)
        assert len(mixture.lower_bounds_) == mixture.n_iter_ == len(mixture.history_) - 1
        assert (np.diff(mixture.lower_bounds_) >= 0).all()
        if max_iter:
            assert_allclose(mixture.lower_bounds_[-1], mixture.lower_bound_, rtol=1e-14)


def test_lower_bound_with_reg_covar_is_the_expectation_over_the_clouds(covariance_type):
    mixture = fitted(X, K, covariance_type=covariance_type, reg_covar=0.3, random_state=0)
    log_joint = textbook_log_joint(
        X, mixture.weights_, mixture.means_, dense_covariances(mixture), noise=0.3
    )
    assert_allclose(mixture.lower_bound_, logsumexp(log_joint, axis=1).mean(), rtol=1e-12)


# --- evaluation -----------------------------------------------------------------------------


def test_methods_equal_scipy(covariance_type):
    mixture = fitted(X, K, covariance_type=covariance_type, random_state=0)
    log_joint = textbook_log_joint(X, mixture.weights_, mixture.means_, dense_covariances(mixture))
    log_prob = logsumexp(log_joint, axis=1)
    assert_allclose(mixture.score_samples(X), log_prob, rtol=1e-11)
    assert_allclose(mixture.score(X), log_prob.mean(), rtol=1e-12)
    assert_allclose(mixture.predict_proba(X), softmax(log_joint, axis=1), rtol=1e-9, atol=1e-13)
    assert_array_equal(mixture.predict(X), log_joint.argmax(axis=1))


def test_score_with_weights_is_the_weighted_mean():
    mixture = fitted(X, K, random_state=0)
    weight = integer_weights(0, len(X))
    expected = mixture.score(np.repeat(X, weight, axis=0))
    assert_allclose(mixture.score(X, sample_weight=weight), expected, rtol=1e-12)
    assert_allclose(mixture.score(X, sample_weight=weight * 0.1), expected, rtol=1e-12)
    assert abs(mixture.score(X) - expected) > 1e-4


def test_information_criteria_are_their_formulas(covariance_type):
    mixture = fitted(X, K, covariance_type=covariance_type, random_state=0)
    log_likelihood = mixture.score_samples(X).sum()
    count = STRUCTURES[covariance_type].n_free(K, D) + K * D + K - 1
    assert_allclose(mixture.aic(X), 2 * count - 2 * log_likelihood, rtol=1e-12)
    assert_allclose(mixture.bic(X), count * np.log(len(X)) - 2 * log_likelihood, rtol=1e-12)
    log_joint = textbook_log_joint(X, mixture.weights_, mixture.means_, dense_covariances(mixture))
    completed = log_joint.max(axis=1).sum()
    assert_allclose(mixture.icl(X), count * np.log(len(X)) - 2 * completed, rtol=1e-12)
    assert mixture.icl(X) > mixture.bic(X)


def test_icl_is_bic_where_components_do_not_overlap():
    apart = np.concatenate([X[:50], X[:50] + 1e4])
    mixture = fitted(apart, 2, random_state=0)
    assert_allclose(mixture.icl(apart), mixture.bic(apart), rtol=1e-12)


def test_fit_predict_uses_weights():
    weight = integer_weights(0, len(X))
    mixture = GaussianMixture(K, random_state=0)
    labels = mixture.fit_predict(X, sample_weight=weight)
    other = clone(mixture).fit(X, sample_weight=weight)
    assert_array_equal(labels, other.predict(X))
    assert_array_equal(mixture.means_, other.means_)


# --- sampling -------------------------------------------------------------------------------


def test_samples_have_the_moments_of_the_mixture(covariance_type):
    mixture = fitted(X, K, covariance_type=covariance_type, random_state=0)
    n = 200_000
    rows, labels = mixture.sample(n, random_state=0)
    assert rows.shape == (n, D)
    assert (np.diff(labels) >= 0).all()
    # counts and means are known to some standard errors of 1 / sqrt(n), about 0.002
    assert_allclose(np.bincount(labels) / n, mixture.weights_, atol=0.006)
    for k, covariance in enumerate(dense_covariances(mixture)):
        own = rows[labels == k]
        deviation = np.sqrt(np.diag(covariance))
        assert_allclose((own.mean(axis=0) - mixture.means_[k]) / deviation, 0.0, atol=0.03)
        scale = np.multiply.outer(deviation, deviation)
        assert_allclose((np.cov(own.T) - covariance) / scale, 0.0, atol=0.03)


def test_sample_takes_a_random_state_or_that_of_the_estimator():
    mixture = fitted(X, K, random_state=7)
    expected = mixture.sample(20)[0]
    assert_array_equal(mixture.sample(20)[0], expected)
    assert_array_equal(mixture.sample(20, random_state=7)[0], expected)
    other = mixture.sample(20, random_state=8)[0]
    assert not np.array_equal(other, expected)
    mixture.set_params(random_state=8)
    assert_array_equal(mixture.sample(20)[0], other)
    generator = np.random.RandomState(8)
    assert_array_equal(mixture.sample(20, random_state=generator)[0], other)
    assert not np.array_equal(mixture.sample(20, random_state=generator)[0], other)


# --- starts ---------------------------------------------------------------------------------


def test_max_iter_zero_returns_given_values_untouched(covariance_type):
    initial = initial_values(0, covariance_type, X, K)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mixture = GaussianMixture(K, covariance_type=covariance_type, max_iter=0, **initial).fit(X)
    assert mixture.n_iter_ == 0
    assert not mixture.converged_
    assert mixture.lower_bounds_ == []
    assert_allclose(mixture.weights_, initial["weights_init"], rtol=1e-12)
    assert_allclose(mixture.means_, initial["means_init"], rtol=1e-12, atol=1e-14)
    assert_allclose(mixture.precisions_, initial["precisions_init"], rtol=1e-10, atol=1e-13)
    assert_allclose(mixture.score(X), mixture.lower_bound_, rtol=1e-12)


COMBINATIONS = [
    ("weights_init",),
    ("means_init",),
    ("precisions_init",),
    ("weights_init", "means_init"),
    ("weights_init", "precisions_init"),
    ("means_init", "precisions_init"),
]


@pytest.mark.parametrize("names", COMBINATIONS)
def test_every_combination_of_initial_values_is_used_as_given(covariance_type, start_name, names):
    initial = initial_values(0, covariance_type, X, K)
    given = {name: initial[name] for name in names}
    mixture = fitted(
        X,
        K,
        covariance_type=covariance_type,
        init_params=start_name,
        max_iter=0,
        random_state=0,
        **given,
    )
    found = as_initial_values(mixture)
    for name, value in given.items():
        assert_allclose(found[name], value, rtol=1e-9, atol=1e-12)
    assert np.isfinite(mixture.score(X))


def test_labels_start_at_their_moments(covariance_type):
    labels = np.random.RandomState(0).randint(K, size=len(X))
    mixture = fitted(X, K, covariance_type=covariance_type, init_params=labels, max_iter=0)
    assert_allclose(mixture.weights_, np.bincount(labels) / len(X), rtol=1e-12)
    means = [X[labels == k].mean(axis=0) for k in range(K)]
    assert_allclose(mixture.means_, means, rtol=1e-9, atol=1e-12)
    resp = np.eye(K)[labels]
    other = fitted(X, K, covariance_type=covariance_type, init_params=resp, max_iter=0)
    assert_allclose(other.covariances_, mixture.covariances_, rtol=1e-10, atol=1e-12)


def test_responsibilities_start_at_the_m_step_of_scikit_learn():
    resp = np.random.RandomState(0).dirichlet(np.ones(K), size=len(X))
    mixture = fitted(X, K, init_params=resp, max_iter=0)
    means = resp.T @ X / resp.sum(axis=0)[:, None]
    y = X[:, None, :] - means
    covariances = np.einsum("nk,nki,nkj->kij", resp, y, y) / resp.sum(axis=0)[:, None, None]
    assert_allclose(mixture.means_, means, rtol=1e-9, atol=1e-12)
    assert_allclose(mixture.covariances_, covariances, rtol=1e-9, atol=1e-12)


def test_callable_is_asked_for_an_assignment_with_data_count_and_generator():
    labels, asked = np.arange(len(X)) % K, []

    def assign(data, n_components, random_state):
        asked.append((data, n_components, random_state.randint(1000)))
        return labels

    mixture = fitted(X, K, init_params=assign, random_state=3)
    expected = fitted(X, K, init_params=labels)
    assert_array_equal(mixture.means_, expected.means_)
    (data, count, drawn) = asked[0]
    assert_array_equal(data, X)
    assert (len(asked), count) == (1, K)
    assert drawn == np.random.RandomState(3).randint(1000)


def test_no_start_is_computed_where_all_values_are_given():
    def refuse(data, n_components, random_state):
        raise AssertionError("not needed")

    initial = initial_values(0, "full", X, K)
    mixture = fitted(X, K, init_params=refuse, max_iter=3, tol=0.0, **initial)
    assert mixture.n_iter_ == 3


def test_every_start_finds_clear_clusters(covariance_type):
    rng = np.random.RandomState(1)
    centres = np.array([[0.0, 0.0], [20.0, 0.0], [0.0, 20.0]])
    data = np.repeat(centres, 60, axis=0) + rng.normal(size=(180, 2))
    for start in STARTS:
        options = {"covariance_type": covariance_type, "init_params": start}
        mixture = fitted(data, K, n_init=5, random_state=0, **options)
        found = np.array(sorted(mixture.means_.round(0).tolist())) + 0.0
        assert_allclose(found, [[0, 0], [0, 20], [20, 0]], atol=1.0)


@pytest.mark.parametrize("name", ["full", "tied"])
def test_default_start_finds_elongated_clusters(name):
    """Three parallel clusters, 100 times longer than wide."""
    rng = np.random.RandomState(2)
    labels = np.repeat(np.arange(3), 200)
    data = np.column_stack([rng.normal(size=600) * 100, rng.normal(size=600) + 8 * labels])
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    mixture = GaussianMixture(3, covariance_type=name, random_state=0).fit(data @ turn)
    found = mixture.predict(data @ turn)
    counts = np.array([np.bincount(found[labels == k], minlength=3) for k in range(3)])
    assert counts.max(axis=1).min() >= 190


def test_more_starts_are_never_worse():
    gains = []
    for seed in range(5):
        data = clusters(seed, 300, 2, 6, 3.0)
        one, ten = (
            fitted(data, 6, init_params="random_from_data", n_init=n, random_state=seed)
            for n in (1, 10)
        )
        gains.append(ten.lower_bound_ - one.lower_bound_)
    assert min(gains) >= -1e-6
    assert max(gains) > 1e-3


def test_equal_seeds_give_equal_fits(covariance_type, start_name):
    options = {"covariance_type": covariance_type, "init_params": start_name, "random_state": 5}
    one, other = fitted(X, K, **options), fitted(X, K, **options)
    for name in FITTED:
        assert_array_equal(getattr(one, name), getattr(other, name))


def test_generator_as_random_state_is_advanced():
    generator = np.random.RandomState(0)
    options = {"init_params": "random_from_data", "max_iter": 0}
    one = fitted(X, K, random_state=generator, **options)
    other = fitted(X, K, random_state=generator, **options)
    assert not np.array_equal(one.means_, other.means_)


# --- rows, weights, order -------------------------------------------------------------------


def assert_same_fit(one, other, tolerance=1e-6):
    """Equal up to rounding, which later passes can enlarge."""
    assert_allclose(one.lower_bound_, other.lower_bound_, rtol=1e-9)
    for name in FITTED:
        expected = getattr(one, name)
        scale = np.abs(expected).max()
        assert_allclose(getattr(other, name), expected, rtol=tolerance, atol=tolerance * scale)


@pytest.mark.parametrize("seed", [13, 14, 19])
def test_the_order_of_rows_does_not_matter_where_components_have_just_the_rows_they_need(seed):
    X = np.random.default_rng(seed).normal(size=(40, 2))
    order = np.random.default_rng(seed).permutation(40)
    options = {"covariance_type": "tied", "random_state": 0}
    one, other = fitted(X, 10, **options), fitted(X[order], 10, **options)
    assert_allclose(other.lower_bound_, one.lower_bound_, rtol=1e-6)


@pytest.mark.parametrize("max_iter", [0, 5])
def test_starts_depend_neither_on_order_nor_on_repetition(covariance_type, start_name, max_iter):
    """A few passes: from random responsibilities, where all components are nearly alike,
    rounding errors grow a million times before the components part."""
    weight, order = integer_weights(2, len(X)), np.random.RandomState(0).permutation(len(X))
    options = {
        "covariance_type": covariance_type,
        "init_params": start_name,
        "max_iter": max_iter,
        "random_state": 1,
    }
    weighted = fitted(X, K, weight, **options)
    assert_same_fit(weighted, fitted(X[order], K, weight[order], **options), 1e-9)
    assert_same_fit(weighted, fitted(np.repeat(X, weight, axis=0), K, **options), 1e-9)


def large(n):
    """More rows than a start looks at, or many more than that once repeated."""
    return clusters(4, n, 2, 3, 2.0)


@pytest.mark.parametrize("n", [SAMPLE_ROWS // 2 + 1000, SAMPLE_ROWS + 2000])
@pytest.mark.parametrize("max_iter", [0, 5])
def test_repetition_does_not_matter_to_starts_from_a_sample(n, start_name, max_iter):
    """The smaller n is below the sample's size, and above it once the rows are repeated."""
    data, weight = large(n), integer_weights(3, n, highest=4)
    options = {"init_params": start_name, "random_state": 1, "max_iter": max_iter}
    weighted = fitted(data, 3, weight, **options)
    repeated = fitted(np.repeat(data, weight, axis=0), 3, **options)
    assert_same_fit(weighted, repeated)


@pytest.mark.parametrize("n", [SAMPLE_ROWS // 2 + 1000, SAMPLE_ROWS + 2000])
def test_integer_weights_equal_repeated_rows_of_large_data(n):
    data, weight = large(n), integer_weights(3, n, highest=4)
    weighted = fitted(data, 3, weight, random_state=1)
    repeated = fitted(np.repeat(data, weight, axis=0), 3, random_state=1)
    assert weighted.n_iter_ == repeated.n_iter_
    assert_same_fit(weighted, repeated)


def test_the_order_of_rows_of_large_data_does_not_matter(start_name):
    data = large(SAMPLE_ROWS + 2000)
    order = np.random.RandomState(0).permutation(len(data))
    options = {"init_params": start_name, "random_state": 1, "max_iter": 5}
    assert_same_fit(fitted(data, 3, **options), fitted(data[order], 3, **options))


def test_the_unit_of_weights_does_not_matter(covariance_type):
    weight = np.random.RandomState(0).uniform(size=len(X))
    options = {"covariance_type": covariance_type, "random_state": 0}
    one, other = fitted(X, K, weight, **options), fitted(X, K, weight * 1e-200, **options)
    assert_same_fit(one, other)
    assert_same_fit(fitted(X, K, **options), fitted(X, K, np.full(len(X), 7), **options))


# --- warm start -----------------------------------------------------------------------------


@pytest.mark.parametrize("acceleration", [True, False])
def test_warm_start_goes_on_from_the_previous_fit(covariance_type, acceleration):
    mixture = GaussianMixture(
        K,
        covariance_type=covariance_type,
        warm_start=True,
        max_iter=2,
        tol=0.0,
        init_params="random",
        random_state=0,
        acceleration=acceleration,
    )
    starts, ends = [], []
    with not_converged_allowed():
        for _ in range(6):
            mixture.fit(X)
            starts.append(mixture.history_["log_likelihood"][0])
            ends.append(mixture.lower_bound_)
    assert_allclose(starts[1:], ends[:-1], rtol=1e-12)
    assert (np.diff(ends) > -1e-13).all()
    assert ends[-1] > ends[0]


def test_plain_warm_starts_make_the_passes_of_one_fit(covariance_type):
    options = {"covariance_type": covariance_type, "acceleration": False, "tol": 0.0}
    whole = fitted(X, K, random_state=0, max_iter=12, **options)
    mixture = GaussianMixture(K, random_state=0, max_iter=4, warm_start=True, **options)
    with not_converged_allowed():
        for _ in range(3):
            mixture.fit(X)
    assert_same_fit(whole, mixture, 1e-9)


def test_warm_start_takes_other_data_of_the_same_shape():
    mixture = fitted(X, K, random_state=0, warm_start=True)
    mixture.fit(X + 0.1)
    assert_allclose(mixture.score(X + 0.1), fitted(X, K, random_state=0).score(X), rtol=1e-6)


def test_without_warm_start_a_refit_forgets():
    mixture = GaussianMixture(K, random_state=0)
    one = copy.deepcopy(mixture.fit(X))
    assert_same_fit(one, mixture.fit(X), 0.0)


# --- scikit-learn's tools -------------------------------------------------------------------


def deep_equal(one, other):
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("given", ["labels", "values"])
def test_fit_changes_no_constructor_parameter(covariance_type, given):
    start = {"init_params": np.arange(len(X)) % K}
    if given == "values":
        start = {"init_params": "random", **initial_values(0, covariance_type, X, K)}
    parameters = {**start, "warm_start": True, "max_iter": 2000}
    mixture = GaussianMixture(K, covariance_type=covariance_type, **parameters)
    before = copy.deepcopy(mixture.get_params())
    for _ in range(2):
        mixture.fit(X)
        after = mixture.get_params()
        assert before.keys() == after.keys()
        for name, value in before.items():
            assert deep_equal(value, after[name]), name
    assert mixture.init_params is parameters["init_params"]


def test_parameters_and_defaults_are_those_of_scikit_learn():
    ours, theirs = GaussianMixture().get_params(), Theirs().get_params()
    assert set(theirs) <= set(ours)
    different = {name for name in theirs if ours[name] != theirs[name]}
    assert different == {"tol", "reg_covar", "max_iter"}
    added = {"acceleration", "algorithm", "batch_size", "constraints", "frozen", "m_step"}
    added |= {"prior", "step_averaging", "step_exponent", "step_offset", "temperature"}
    assert set(ours) - set(theirs) == added


def test_public_names_of_scikit_learn_are_there():
    theirs, ours = Theirs(K).fit(X), fitted(X, K)
    missing = {name for name in dir(theirs) if not name.startswith("_")} - set(dir(ours))
    assert not missing


def test_clone_has_the_parameters_and_no_fit(covariance_type):
    initial = initial_values(0, covariance_type, X, K)
    mixture = fitted(X, K, covariance_type=covariance_type, **initial)
    other = clone(mixture)
    assert not hasattr(other, "means_")
    assert_array_equal(other.means_init, initial["means_init"])
    assert_same_fit(mixture, other.fit(X), 0.0)


def test_pipeline_with_a_scaler():
    pipeline = make_pipeline(StandardScaler(), GaussianMixture(K, random_state=0)).fit(X)
    Z = StandardScaler().fit_transform(X)
    expected = fitted(Z, K, random_state=0)
    assert_array_equal(pipeline.predict(X), expected.predict(Z))
    assert pipeline.score(X) == expected.score(Z)
    assert_array_equal(pipeline.predict_proba(X), expected.predict_proba(Z))


def test_grid_search_over_components_and_types_in_two_processes():
    data = clusters(6, 400, 2, 3, 6.0)
    grid = {"n_components": [1, 3, 4], "covariance_type": ["full", "tied_spherical"]}
    search = GridSearchCV(GaussianMixture(random_state=0), grid, cv=3, n_jobs=2).fit(data)
    assert search.best_params_["n_components"] >= 3
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    serial = clone(search).set_params(n_jobs=1).fit(data)
    assert_allclose(
        search.cv_results_["mean_test_score"], serial.cv_results_["mean_test_score"], rtol=1e-12
    )
    assert search.best_params_ == serial.best_params_
    by_bic = clone(search).set_params(scoring=lambda estimator, X, y=None: -estimator.bic(X))
    assert by_bic.fit(data).best_params_["n_components"] == 3


def routed():
    mixture = GaussianMixture(K, random_state=0)
    return mixture.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)


def test_weights_are_routed_through_a_pipeline():
    weight = integer_weights(0, len(X)).astype(float)
    with config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, routed()).fit(X, sample_weight=weight)
        Z = StandardScaler().fit_transform(X)
        expected = fitted(Z, K, weight, random_state=0)
        assert_array_equal(pipeline[-1].means_, expected.means_)
        found = pipeline.score(X, sample_weight=weight)
    assert found == expected.score(Z, sample_weight=weight)


def test_weights_are_routed_through_a_grid_search():
    weight = integer_weights(0, len(X)).astype(float)
    with config_context(enable_metadata_routing=True):
        search = GridSearchCV(routed(), {"n_components": [1, 2]}, cv=2)
        search.fit(X, sample_weight=weight)
    half = len(X) // 2
    scores = []
    for train, test in ((slice(half, None), slice(half)), (slice(half), slice(half, None))):
        mixture = fitted(X[train], 1, weight[train], random_state=0)
        scores.append(mixture.score(X[test], sample_weight=weight[test]))
    assert_allclose(search.cv_results_["mean_test_score"][0], np.mean(scores), rtol=1e-12)


# --- output ---------------------------------------------------------------------------------


def test_verbose_prints_starts_and_iterations(capsys):
    options = {"random_state": 0, "tol": 0.0, "max_iter": 7, "verbose_interval": 3}
    fitted(X, K, verbose=1, **options)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "Initialization 0",
        "  Iteration 3",
        "  Iteration 6",
        "Initialization did not converge.",
    ]


def test_very_verbose_also_prints_times_and_gains(capsys):
    options = {"verbose": 2, "verbose_interval": 1, "acceleration": False, "tol": 1e-3}
    mixture = fitted(X, K, random_state=0, **options)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Initialization 0"
    assert lines[-1].startswith("Initialization converged. time lapse")
    assert lines[-1].endswith(f"lower bound {mixture.lower_bound_:.5f}.")
    assert len(lines) == mixture.n_iter_ + 2
    for line in lines[1:-1]:
        for word in ("time lapse", "ll change", "remaining gain"):
            assert word in line


def test_quiet_fits_print_nothing(capsys):
    fitted(X, K, random_state=0)
    out, err = capsys.readouterr()
    assert out == err == ""


# --- put together by hand -------------------------------------------------------------------


@pytest.mark.parametrize("name", TYPES)
def test_a_model_assembled_from_three_attributes_predicts(name):
    source = fitted(X, K, covariance_type=name, random_state=0)
    mixture = GaussianMixture(K, covariance_type=name)
    for attribute in ("weights_", "means_", "precisions_cholesky_"):
        setattr(mixture, attribute, getattr(source, attribute))
    assert_array_equal(mixture.predict(X), source.predict(X))
    assert_array_equal(mixture.predict_proba(X), source.predict_proba(X))
    assert mixture.score(X) == source.score(X)
    assert mixture.bic(X) == source.bic(X)
    assert mixture.sample(5, random_state=0)[0].shape == (5, D)


def test_changed_attributes_are_what_methods_use():
    mixture = fitted(X, K, random_state=0)
    shift = np.array([5.0, -3.0])
    expected = mixture.score_samples(X)
    mixture.means_ = mixture.means_ + shift
    assert_allclose(mixture.score_samples(X + shift), expected, rtol=1e-9)
