"""Hard assignments: classification EM for every structure, and K-means."""

import warnings

import numpy as np
import pytest
from common import (
    STRUCTURES,
    clusters,
    constrained,
    convergence_warnings_allowed,
    factorised,
    initial_values,
    integer_weights,
    model_of,
    not_converged_allowed,
    singular_allowed,
    textbook_log_joint,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from sklearn import datasets
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emix import BayesianGaussianMixture, GaussianMixture, HardGaussianMixture
from emix._mixture import posterior
from emix._normal.gaussian import Params
from emix.datasets import load_faithful

K_MEANS = {"covariance_type": "tied_spherical", "frozen": ("weights",)}


def blobs(seed, n, d, n_components, spread=2.5):
    return datasets.make_blobs(n, d, centers=n_components, cluster_std=spread, random_state=seed)[0]


DATA = {
    "iris": lambda: (datasets.load_iris().data, 3),
    "wine": lambda: (datasets.load_wine().data, 3),
    "breast cancer": lambda: (datasets.load_breast_cancer().data, 5),
    "digits": lambda: (datasets.load_digits().data, 10),
    "diabetes": lambda: (datasets.load_diabetes().data, 6),
    "linnerud": lambda: (datasets.load_linnerud().data, 3),
    "faithful": lambda: (load_faithful().data, 2),
    "moons": lambda: (datasets.make_moons(1000, noise=0.1, random_state=0)[0], 4),
    "2 features": lambda: (blobs(0, 2000, 2, 5), 5),
    "4 features": lambda: (blobs(2, 2000, 4, 7), 7),
    "7 features": lambda: (blobs(5, 2000, 7, 10), 10),
    "far from the origin": lambda: (blobs(1, 1000, 3, 4) + 1e6, 4),
    "more than a sample": lambda: (blobs(1, 20000, 5, 8, 4.0), 8),
}


def rows_as_centres(X, n_components, seed=0):
    drawn = np.random.RandomState(seed).choice(len(X), n_components, replace=False)
    return X[drawn].astype(float)


def both(X, centres, sample_weight=None, max_iter=1000, tol=0.0):
    n_components = len(centres)
    kmeans = KMeans(
        n_components, algorithm="lloyd", n_init=1, init=centres, tol=tol, max_iter=max_iter
    ).fit(X, sample_weight=sample_weight)
    with not_converged_allowed():
        hard = HardGaussianMixture(
            n_components, means_init=centres, max_iter=max_iter, **K_MEANS
        ).fit(X, sample_weight=sample_weight)
    return kmeans, hard


def assert_same_clusters(kmeans, hard):
    assert_array_equal(hard.labels_, kmeans.labels_)
    centres = kmeans.cluster_centers_
    assert_allclose(hard.cluster_centers_, centres, rtol=1e-12, atol=1e-12 * np.abs(centres).max())
    assert hard.inertia_ == pytest.approx(kmeans.inertia_, rel=1e-12)
    assert hard.n_iter_ == kmeans.n_iter_


# --- K-means --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DATA)
def test_one_spherical_covariance_and_equal_weights_are_kmeans(name):
    X, n_components = DATA[name]()
    kmeans, hard = both(X, rows_as_centres(X, n_components))
    assert kmeans.n_iter_ > 3
    assert hard.converged_
    assert_same_clusters(kmeans, hard)


@pytest.mark.parametrize("name", ["iris", "wine", "breast cancer", "digits", "diabetes"])
def test_kmeans_with_its_default_tol_where_labels_settle_before_it_stops(name):
    X, n_components = DATA[name]()
    assert_same_clusters(*both(X, rows_as_centres(X, n_components), tol=1e-4))


@pytest.mark.parametrize("max_iter", [1, 2, 5])
def test_kmeans_stopped_early(max_iter):
    X, n_components = DATA["4 features"]()
    kmeans, hard = both(X, rows_as_centres(X, n_components), max_iter=max_iter)
    assert not hard.converged_
    assert_same_clusters(kmeans, hard)


def test_kmeans_that_may_just_not_confirm_that_it_has_converged():
    X, n_components = DATA["iris"]()
    centres = rows_as_centres(X, n_components)
    needed = both(X, centres)[0].n_iter_
    assert_same_clusters(*both(X, centres, max_iter=needed - 1))


def test_kmeans_with_sample_weights():
    X, n_components = DATA["2 features"]()
    weight = np.random.RandomState(1).uniform(size=len(X))
    assert_same_clusters(*both(X, rows_as_centres(X, n_components), weight))


@pytest.mark.parametrize("n_empty", [1, 2, 3])
def test_kmeans_with_empty_clusters(n_empty):
    rng = np.random.RandomState(1)
    X = np.concatenate([rng.normal(size=(200, 2)), rng.normal(size=(10, 2)) + 20, [[50, 50]]])
    centres = rows_as_centres(X, 5)
    centres[-n_empty:] = 1e3 * (1 + np.arange(n_empty))[:, None]
    kmeans, hard = both(X, centres)
    assert_same_clusters(kmeans, hard)
    assert len(np.unique(hard.labels_)) == 5
    assert (np.diff(hard.history_["log_likelihood"]) >= 0.0).all()


def test_as_many_clusters_as_distinct_rows():
    points = np.array([[0.0, 0.0], [1.0, 5.0], [7.0, 2.0]])
    X = np.repeat(points, [3, 4, 5], axis=0)
    hard = HardGaussianMixture(3, means_init=X[:3], **K_MEANS)
    with pytest.warns(ConvergenceWarning, match="singular"):
        hard.fit(X)
    assert hard.inertia_ == 0.0
    assert_array_equal(hard.means_[hard.predict(points)], points)


# --- classification EM ----------------------------------------------------------------------


def textbook_cem(X, covariance_type, weights, means, covariances, passes):
    """weights, means, covariances (K, d, d) after that many passes, and F at the last."""
    for _ in range(passes):
        labels = textbook_log_joint(X, weights, means, covariances).argmax(axis=1)
        resp = np.eye(len(weights))[labels]
        total = resp.sum(axis=0)
        weights, means = total / len(X), resp.T @ X / total[:, None]
        y = X[:, None, :] - means
        scatter = np.einsum("nk,nki,nkj->kij", resp, y, y)
        covariances = constrained(covariance_type, scatter, total)
    value = textbook_log_joint(X, weights, means, covariances).max(axis=1).mean()
    return weights, means, covariances, value


def test_the_textbook(covariance_type):
    X = clusters(0, 400, 3, 3, 2.0)
    with not_converged_allowed():
        start = GaussianMixture(3, covariance_type=covariance_type, random_state=0, max_iter=0)
        start.fit(X)
        hard = HardGaussianMixture(
            3, covariance_type=covariance_type, init_params=start.predict(X), max_iter=4
        ).fit(X)
    resp = np.eye(3)[start.predict(X)]
    total = resp.sum(axis=0)
    means = resp.T @ X / total[:, None]
    y = X[:, None, :] - means
    scatter = np.einsum("nk,nki,nkj->kij", resp, y, y)
    first = (total / len(X), means, constrained(covariance_type, scatter, total))
    passes = len(hard.history_) - 1
    weights, means, _, value = textbook_cem(X, covariance_type, *first, passes)
    assert_allclose(hard.weights_, weights, rtol=1e-12)
    assert_allclose(hard.means_, means, rtol=1e-10, atol=1e-10)
    assert hard.lower_bound_ == pytest.approx(value, rel=1e-10)


@pytest.mark.parametrize("frozen", [(), ("weights",), ("covariances",), ("means",)])
@pytest.mark.parametrize("far", [False, True], ids=["near", "one empty"])
def test_the_objective_never_falls_and_ends_at_a_fixed_point(covariance_type, frozen, far):
    X = clusters(1, 300, 2, 3, 1.5)
    initial = initial_values(1, covariance_type, X, 3)
    if far:
        initial["means_init"][2] = 100.0
    with singular_allowed():
        hard = HardGaussianMixture(
            3, covariance_type=covariance_type, frozen=frozen, **initial
        ).fit(X)
    accepted = hard.history_[hard.history_["accepted"]]["log_likelihood"]
    assert (np.diff(accepted) >= 0.0).all()
    assert hard.converged_
    assert_array_equal(hard.labels_, hard.predict(X))
    used = np.unique(hard.labels_)
    if "weights" not in frozen:
        assert_allclose(hard.weights_, np.bincount(hard.labels_, minlength=3) / len(X), atol=1e-15)
    if "means" not in frozen:
        means = [X[hard.labels_ == k].mean(axis=0) for k in used]
        assert_allclose(hard.means_[used], means, rtol=1e-10)


def test_reseeding_finds_rows_that_no_component_serves(covariance_type):
    rng = np.random.RandomState(0)
    parts = [rng.normal(size=(100, 2)), rng.normal(size=(100, 2)) + [8.0, 0.0]]
    X = np.concatenate([*parts, 0.3 * rng.normal(size=(5, 2)) + [0.0, 15.0]])
    hard = HardGaussianMixture(
        3, covariance_type=covariance_type, means_init=[[0, 0], [8, 0], [500, 500]]
    ).fit(X)
    assert_array_equal(np.sort(np.bincount(hard.labels_)), [5, 100, 100])


def test_a_component_that_costs_more_than_it_gains_stays_empty():
    X = np.random.RandomState(0).normal(size=(300, 2))
    hard = HardGaussianMixture(2, means_init=[[0, 0], [90, 90]])
    with pytest.warns(ConvergenceWarning, match="Component 1 is empty"):
        hard.fit(X)
    assert_array_equal(hard.weights_, [1.0, 0.0])
    assert not hard.labels_.any()
    assert not hard.history_["accepted"].all()
    assert np.isfinite(hard.score(X))


def test_rows_without_weight_are_not_given_to_a_component():
    """They are read as if they were at the mean of all rows, here the farthest of all, and would
    leave the component as empty as before."""
    rows = np.random.RandomState(0).normal(size=(40, 1)) + np.repeat([[-10.0], [10.0]], 20, axis=0)
    options = {**K_MEANS, "means_init": [[-10.0], [10.0], [1e3]]}
    without = HardGaussianMixture(3, **options).fit(rows)
    assert np.bincount(without.labels_).min() > 0
    weight = np.r_[np.ones(40), 0.0]
    weighted = HardGaussianMixture(3, **options).fit(np.r_[rows, [[0.0]]], sample_weight=weight)
    assert_allclose(weighted.means_, without.means_)


def test_a_cluster_keeps_one_of_its_rows_when_components_get_them():
    """Two components are empty, and the two rows of least value are all of a cluster."""
    X = np.r_[np.random.RandomState(0).normal(size=(30, 1)), [[95.0], [105.0]]]
    model = model_of(
        X, STRUCTURES["tied_spherical"], rule=posterior.hard, frozen=frozenset({"weights"})
    )
    means, one = (
        np.array([[0.0], [100.0], [1e4], [2e4]]),
        factorised(STRUCTURES["tied_spherical"], 1.0),
    )
    params = Params(np.full(4, 0.25), means, *one)
    repaired = model.repair(model.e_step(params), params).params
    assert_allclose(32.0 * model.e_step(repaired).weight, [28.0, 1.0, 1.0, 2.0])


def test_the_objective_is_the_classification_likelihood(covariance_type):
    X = clusters(2, 400, 2, 3, 2.0)
    hard = HardGaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    resp = hard.predict_proba(X)
    largest = hard.score_samples(X) + np.log(resp.max(axis=1))
    assert hard.lower_bound_ == pytest.approx(largest.mean(), rel=1e-12)
    assert hard.lower_bound_ < hard.score(X)
    assert 0.0 < resp.min(axis=1).max() < 0.5
    squares = ((X - hard.means_[hard.labels_]) ** 2).sum()
    assert hard.inertia_ == pytest.approx(squares, rel=1e-12)


def test_it_is_the_limit_of_low_temperature(covariance_type):
    X = clusters(3, 300, 2, 3, 2.0)
    initial = initial_values(3, covariance_type, X, 3)
    hard = HardGaussianMixture(3, covariance_type=covariance_type, **initial).fit(X)
    options = {"temperature": 1e-6, "acceleration": False, **initial}
    cold = GaussianMixture(3, covariance_type=covariance_type, **options).fit(X)
    assert_array_equal(cold.predict(X), hard.labels_)
    assert_allclose(cold.means_, hard.means_, rtol=1e-4)
    assert cold.lower_bound_ == pytest.approx(hard.lower_bound_, rel=1e-6)


def test_a_positive_tol_stops_earlier():
    X = clusters(3, 2000, 3, 4, 1.0)
    options = {"covariance_type": "full", "random_state": 0}
    exact = HardGaussianMixture(4, **options).fit(X)
    early = HardGaussianMixture(4, tol=1e-4, **options).fit(X)
    assert exact.stop_reason_ == "nothing moves any more"
    assert exact.remaining_gain_ == 0.0 < early.remaining_gain_ <= 1e-4
    assert early.n_iter_ < exact.n_iter_
    assert early.converged_


def test_free_proportions_and_covariances_beat_kmeans_on_data():
    """Malignant and benign tumours: unequal numbers, elongated clusters of different shape."""
    X, y = datasets.load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    kmeans = KMeans(2, n_init=3, random_state=0).fit(X)
    hard = HardGaussianMixture(2, n_init=3, random_state=0).fit(X)
    assert adjusted_rand_score(y, hard.labels_) > adjusted_rand_score(y, kmeans.labels_) + 0.05


# --- invariances ----------------------------------------------------------------------------


def test_weights_equal_repetition_when_an_empty_component_gets_rows():
    X = np.concatenate([clusters(4, 300, 2, 2, 2.0), [[30.0, 30.0], [-40.0, 0.0]]])
    weight = integer_weights(4, len(X))
    weight[-2:] = 3, 2
    options = {**K_MEANS, "means_init": [[0, 0], [1, 1], [1e3, 1e3], [2e3, 1e3]]}
    weighted = HardGaussianMixture(4, **options).fit(X, sample_weight=weight)
    repeated = HardGaussianMixture(4, **options).fit(np.repeat(X, weight, axis=0))
    assert_allclose(weighted.means_, repeated.means_, rtol=1e-10, atol=1e-12)
    assert (np.bincount(weighted.labels_) > 0).all()


# --- scikit-learn ---------------------------------------------------------------------------


def test_transform_gives_distances_as_kmeans_does():
    X = load_faithful(as_frame=True).frame
    hard = HardGaussianMixture(2, random_state=0).fit(X)
    assert_allclose(hard.transform(X), cdist(X, hard.means_), rtol=1e-6)
    names = ["hardgaussianmixture0", "hardgaussianmixture1"]
    assert hard.get_feature_names_out().tolist() == names
    framed = hard.set_output(transform="pandas").transform(X)
    assert framed.columns.tolist() == names
    assert hard.transform(X.astype(np.float32)).shape == (272, 2)


def test_it_can_be_searched():
    X, y = datasets.load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), HardGaussianMixture(3, n_init=5, random_state=0))
    assert adjusted_rand_score(y, pipeline.fit_predict(X)) > 0.6
    grid = {"n_components": [1, 3], "covariance_type": ["full", "tied"]}
    search = GridSearchCV(HardGaussianMixture(random_state=0), grid, cv=3)
    search.fit(np.random.RandomState(0).permutation(X))
    assert search.best_params_["n_components"] == 3


def test_attributes_before_fit():
    hard = HardGaussianMixture()
    assert not hasattr(hard, "cluster_centers_")
    with pytest.raises(ValueError, match="not fitted"):
        hard.transform([[0.0]])


def test_a_component_for_every_row():
    X = np.repeat(np.arange(4.0)[:, None], 2, axis=1)
    with pytest.warns(ConvergenceWarning, match="singular"):
        mixture = HardGaussianMixture(4, random_state=0).fit(X)
    assert mixture.singular_components_.all()
    assert_array_equal(np.sort(mixture.means_[:, 0]), X[:, 0])


# --- ties -----------------------------------------------------------------------------------


def rounded(step, n_values):
    return step * np.random.RandomState(0).randint(0, n_values, size=(300, 2))


@pytest.mark.parametrize("rows", [rounded(1.0, 4), rounded(0.1, 5), np.arange(11.0)[:, None]])
@pytest.mark.parametrize("n_components", [3, 5])
def test_tied_rows_do_not_depend_on_the_order_of_the_rows(rows, covariance_type, n_components):
    """Many rows are as near to one mean as to another, and which one rounding prefers depends on
    where they stand."""
    for parameters in ({}, {"init_params": "random_from_data"}):
        hard = HardGaussianMixture(
            n_components, covariance_type=covariance_type, random_state=1, **parameters
        )
        with singular_allowed():
            labels = hard.fit(rows).labels_
            for seed in range(3):
                order = np.random.RandomState(seed).permutation(len(rows))
                assert_array_equal(hard.fit(rows[order]).labels_, labels[order])


def test_components_without_rows_get_the_first_of_tied_rows():
    """Four rows are equally far from all means, and two of them become means."""
    rows = np.concatenate([np.zeros((8, 2)), [[9, 0], [0, 9], [-9, 0], [0, -9]]])
    start = [[0.0, 0.0], [500.0, 500.0], [600.0, 600.0]]
    hard = HardGaussianMixture(3, means_init=start, max_iter=2, **K_MEANS)
    with not_converged_allowed():
        first = hard.fit(rows).means_
        for seed in range(8):
            again = hard.fit(rows[np.random.RandomState(seed).permutation(12)]).means_
            assert_allclose(again, first, atol=1e-12)


@pytest.mark.parametrize(
    ("estimator", "least"),
    [
        (HardGaussianMixture(12, **K_MEANS), 0.97),
        (HardGaussianMixture(12, covariance_type="spherical"), 0.97),
        (BayesianGaussianMixture(12), 0.95),
    ],
    ids=["k-means", "spherical", "Bayesian"],
)
def test_many_clusters_that_are_apart_are_found(estimator, least):
    rng, group = np.random.RandomState(0), np.arange(600) % 12
    X = 6.0 / np.sqrt(2.0) * np.eye(12)[group] + rng.normal(size=(600, 12))
    for seed in range(5):
        found = estimator.set_params(random_state=seed).fit(X).predict(X)
        assert adjusted_rand_score(group, found) > least


def test_more_components_than_distinct_rows():
    X = np.repeat(np.arange(5.0)[:, None], 4, axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture = HardGaussianMixture(10, random_state=0, **K_MEANS).fit(X)
    assert mixture.inertia_ == 0.0


@pytest.mark.parametrize(
    ("covariance_type", "constant"),
    [("full", ()), ("diag", ()), ("spherical", ()), ("full", (5.0,)), ("diag", (5.0,))],
)
@pytest.mark.parametrize("far", [1e3, 1e7, 1e8])
def test_a_far_row_does_not_hide_the_clusters(covariance_type, constant, far):
    """In units of all rows they are so near each other that distances look like rounding."""
    rng = np.random.default_rng
    X = np.r_[rng(0).normal(0, 1, (100, 2)), rng(1).normal(7, 1, (100, 2)), [[far, far]]]
    X = np.c_[X, np.tile(constant, (len(X), 1))]
    with convergence_warnings_allowed():
        hard = HardGaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    assert sorted(np.bincount(hard.labels_, minlength=3)) == [1, 100, 100]
