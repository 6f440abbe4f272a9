"""Dask arrays and data frames: the fit of the same rows in memory, where the rows lie."""

import numpy as np
import pytest
from common import STARTS, TYPES, initial_values
from numpy.testing import assert_allclose, assert_array_equal

import emix
from emix.constraints import Proportions

da = pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")
on_dask = pytest.importorskip("emix.dask")

FITTED = ("weights_", "means_", "covariances_", "precisions_cholesky_")


@pytest.fixture(scope="module", autouse=True)
def client():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def overlapping(n=900, d=3, k=3, seed=0):
    """Clusters that take EM a number of iterations, of features in unlike units."""
    rng = np.random.RandomState(seed)
    means = rng.normal(0.0, 1.2, (k, d))
    X = means[rng.randint(k, size=n)] + rng.normal(size=(n, d)) * rng.uniform(0.5, 1.5, d)
    return X * np.logspace(-1, 1, d) + 5.0


X = overlapping()


def chunked(X, size=200):
    return da.from_array(X, chunks=(size, *X.shape[1:]))


def assert_same_fit(found, expected, rtol=1e-12):
    assert found.n_iter_ == expected.n_iter_
    assert_allclose(found.lower_bound_, expected.lower_bound_, rtol=rtol)
    assert_allclose(found.lower_bounds_, expected.lower_bounds_, rtol=rtol)
    for name in FITTED:
        one, other = getattr(found, name), getattr(expected, name)
        assert isinstance(one, np.ndarray)
        assert one.dtype == other.dtype
        assert_allclose(one, other, rtol=rtol, atol=rtol * np.abs(other).max())


# --- the same fit ---------------------------------------------------------------------------


@pytest.mark.parametrize("covariance_type", TYPES)
def test_the_climb_is_that_in_memory(covariance_type):
    start = initial_values(0, covariance_type, X, 3)
    options = {"covariance_type": covariance_type, "tol": 1e-9, **start}
    expected = emix.GaussianMixture(3, **options).fit(X)
    found = on_dask.GaussianMixture(3, **options).fit(chunked(X))
    assert expected.n_iter_ > 5
    assert_same_fit(found, expected)


@pytest.mark.parametrize("start_name", STARTS)
def test_starts_are_those_in_memory(start_name):
    """All rows fit in the sample."""
    options = {"init_params": start_name, "random_state": 0, "max_iter": 0}
    expected = emix.GaussianMixture(3, **options).fit(X)
    found = on_dask.GaussianMixture(3, **options).fit(chunked(X))
    assert_same_fit(found, expected)


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": (3.0, 1.0)},
        {"prior": "fraley-raftery"},
        {"acceleration": False, "tol": 1e-5},
        {"m_step": "gradient", "tol": 1e-5},
        {"frozen": ("weights",)},
        {"reg_covar": 0.01},
        {"init_params": "random_from_data", "n_init": 3},
    ],
    ids=lambda options: next(iter(options)),
)
def test_every_objective_is_climbed_as_in_memory(options):
    options = {"random_state": 1, **options}
    expected = emix.GaussianMixture(3, **options).fit(X)
    found = on_dask.GaussianMixture(3, **options).fit(chunked(X))
    assert_same_fit(found, expected, 1e-11)


def test_proportions_hold_over_all_parts():
    """The dual is solved to 1e-9 in its gradient."""
    options = {"constraints": (Proportions([0.2, 0.3, 0.5]),), "random_state": 0, "tol": 1e-3}
    expected = emix.GaussianMixture(3, **options).fit(X)
    found = on_dask.GaussianMixture(3, **options).fit(chunked(X))
    assert_same_fit(found, expected, 1e-7)
    assert_allclose(found.weights_, [0.2, 0.3, 0.5], atol=1e-5)


@pytest.mark.parametrize("kind", ["dirichlet_process", "dirichlet_distribution"])
def test_the_posterior_is_that_in_memory(kind):
    options = {"weight_concentration_prior_type": kind, "random_state": 0, "tol": 1e-6}
    expected = emix.BayesianGaussianMixture(4, **options).fit(X)
    found = on_dask.BayesianGaussianMixture(4, **options).fit(chunked(X))
    assert_same_fit(found, expected, 1e-11)
    assert_allclose(found.degrees_of_freedom_, expected.degrees_of_freedom_, rtol=1e-11)
    assert_allclose(found.score(chunked(X)), expected.score(X), rtol=1e-12)


def test_many_features_go_by_panels():
    wide = overlapping(600, 40, 2)
    expected = emix.GaussianMixture(2, random_state=0).fit(wide)
    found = on_dask.GaussianMixture(2, random_state=0).fit(chunked(wide, 150))
    assert_same_fit(found, expected)


# --- hard assignments -----------------------------------------------------------------------

KMEANS = {"covariance_type": "tied_spherical", "frozen": ("weights",)}


@pytest.mark.parametrize("covariance_type", TYPES)
def test_classification_is_that_in_memory(covariance_type):
    start = initial_values(0, covariance_type, X, 3)
    options = {"covariance_type": covariance_type, **start}
    expected = emix.HardGaussianMixture(3, **options).fit(X)
    found = on_dask.HardGaussianMixture(3, **options).fit(chunked(X))
    assert_same_fit(found, expected)
    assert_allclose(found.inertia_, expected.inertia_, rtol=1e-12)
    assert not hasattr(found, "labels_")
    assert_array_equal(found.predict(chunked(X)).compute(), expected.labels_)


def test_empty_clusters_get_the_rows_of_k_means():
    """Two of the centres are too far away to get any row."""
    table = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0], [30.0], [30.0]])
    centres = np.array([[1.0], [500.0], [900.0]])
    options = {**KMEANS, "means_init": centres}
    expected = emix.HardGaussianMixture(3, **options).fit(table)
    for size in (2, 3, 8):
        found = on_dask.HardGaussianMixture(3, **options).fit(chunked(table, size))
        assert_same_fit(found, expected)
        assert_array_equal(found.predict(chunked(table, size)).compute(), expected.labels_)


def test_equally_bad_rows_are_taken_in_lexicographic_order():
    """Four corners of a square, as far from its centre; repeated, so that they lie in all parts."""
    corners = np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
    table = np.concatenate([np.tile(corners, (5, 1)), np.zeros((4, 2))])
    options = {**KMEANS, "means_init": np.array([[0.0, 0.0], [50.0, 0.0], [0.0, 80.0]])}
    expected = emix.HardGaussianMixture(3, **options).fit(table)
    for rows, size in ((table, 24), (table, 7), (table[::-1], 5)):
        found = on_dask.HardGaussianMixture(3, **options).fit(chunked(rows, size))
        assert_same_fit(found, expected)
    assert len(np.unique(expected.labels_)) == 3
