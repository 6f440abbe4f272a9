"""Soft EM with one falling variance becomes K-means."""

import numpy as np
import pytest
from common import clusters, integer_weights
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from sklearn import datasets
from sklearn.cluster import KMeans

from emix import GaussianMixture, HardGaussianMixture, KMeansLimit, kmeans_limit
from emix.datasets import load_faithful

DATA = {
    "faithful": lambda: (load_faithful().data, 2),
    "iris": lambda: (datasets.load_iris().data, 3),
    "wine": lambda: (datasets.load_wine().data, 3),
    "overlapping": lambda: (clusters(0, 500, 3, 4, 1.0), 4),
    "far from the origin": lambda: (1e3 * clusters(0, 300, 2, 3) + 1e7, 3),
}


@pytest.fixture(scope="module", params=DATA)
def limit(request):
    X, n_components = DATA[request.param]()
    return X, n_components, kmeans_limit(X, n_components, random_state=0)


def test_twice_variance_times_free_energy_tends_to_minus_the_inertia(limit):
    result = limit[2]
    last = result.table[-1]
    assert last["scaled_free_energy"] == pytest.approx(-last["inertia"], rel=1e-6)
    assert last["soft_inertia"] == pytest.approx(last["inertia"], rel=1e-9)
    assert result.table["scaled_free_energy"][0] != pytest.approx(-last["inertia"], rel=1e-2)


def test_responsibilities_become_labels(limit):
    entropy = limit[2].table["entropy"]
    assert (np.diff(entropy) <= 0.0).all()
    assert entropy[-1] < 1e-9 < entropy[0]


@pytest.mark.parametrize("name", ["faithful", "iris", "wine"])
def test_where_the_path_leads_to_the_centres_of_kmeans(name):
    X, n_components = DATA[name]()
    result = kmeans_limit(X, n_components, random_state=0)
    last = result.table[-1]
    assert last["agreement"] == 1.0
    assert last["distance"] <= 1e-12 * np.abs(X).max()
    assert last["scaled_free_energy"] == pytest.approx(-result.inertia, rel=1e-6)
    centres = result.cluster_centers
    kmeans = KMeans(n_components, init=centres, n_init=1, tol=0.0).fit(X)
    assert_allclose(kmeans.cluster_centers_, centres, rtol=1e-12)
    assert result.inertia == pytest.approx(kmeans.inertia_, rel=1e-12)
    assert_array_equal(kmeans.labels_, result.labels)


def test_columns_are_what_they_say(limit):
    X, n_components, result = limit
    for row, means in zip(result.table[::4], result.means[::4], strict=True):
        squares = ((X[:, None, :] - means) ** 2).sum(axis=2)
        soft = logsumexp(-squares / (2 * row["variance"]), axis=1)
        resp = np.exp(-squares / (2 * row["variance"]) - soft[:, None])
        entropy = -(resp * np.log(np.where(resp > 0.0, resp, 1.0))).sum(axis=1).mean()
        assert row["soft_inertia"] == pytest.approx(-2 * row["variance"] * soft.sum(), rel=1e-9)
        assert row["inertia"] == pytest.approx(squares.min(axis=1).sum(), rel=1e-9)
        assert row["soft_inertia"] <= row["inertia"] * (1 + 1e-12)
        assert row["entropy"] == pytest.approx(entropy, rel=1e-4, abs=1e-14)
        constant = -np.log(n_components) - 0.5 * X.shape[1] * np.log(2 * np.pi * row["variance"])
        assert row["free_energy"] == pytest.approx((soft + constant).sum(), rel=1e-9)
        scaled = 2 * row["variance"] * row["free_energy"]
        assert row["scaled_free_energy"] == pytest.approx(scaled, rel=1e-12)


def test_each_variance_is_a_fit_from_the_means_of_the_last():
    X, variances = clusters(0, 500, 3, 4, 1.0), [3.0, 1.0]
    result = kmeans_limit(X, 4, variances=variances, random_state=0)
    assert_array_equal(result.table["variance"], variances)
    fit = GaussianMixture(
        4,
        covariance_type="tied_spherical",
        frozen=("weights", "covariances"),
        precisions_init=1.0,
        means_init=result.means[0],
    ).fit(X)
    assert_array_equal(result.means[1], fit.means_)
    assert result.table["n_iter"][1] == fit.n_iter_ > 1


def test_components_are_matched_to_clusters():
    X = clusters(0, 300, 2, 3)
    there = kmeans_limit(X, 3, random_state=0)
    here = kmeans_limit(X, 3, means_init=there.cluster_centers[[2, 0, 1]])
    assert here.inertia == pytest.approx(there.inertia)
    assert_allclose(here.table["agreement"], there.table["agreement"], atol=1e-12)
    shifted = KMeansLimit(there.table, there.means, there.cluster_centers, there.labels, 1.0)
    assert "inertia of K-means: 1" in repr(shifted)


def test_weights_equal_repetition():
    X = clusters(0, 300, 2, 3, 1.5)
    weight = integer_weights(0, len(X))
    weighted = kmeans_limit(X, 3, sample_weight=weight, random_state=0)
    repeated = kmeans_limit(np.repeat(X, weight, axis=0), 3, random_state=0)
    for name in ("variance", "agreement", "free_energy", "soft_inertia", "inertia"):
        assert_allclose(weighted.table[name], repeated.table[name], rtol=1e-6)


def test_a_start_by_means_is_where_kmeans_starts():
    X = clusters(0, 300, 2, 3, 1.5)
    hard = HardGaussianMixture(
        3, covariance_type="tied_spherical", frozen=("weights",), means_init=X[:3]
    ).fit(X)
    result = kmeans_limit(X, 3, means_init=X[:3], variances=[1.0])
    assert_array_equal(result.cluster_centers, hard.cluster_centers_)


def test_the_result_reads_as_a_table():
    pandas = pytest.importorskip("pandas")
    result = kmeans_limit(load_faithful().data, 2, variances=[10.0, 1.0], random_state=0)
    lines = repr(result).splitlines()
    assert len(lines) == 4
    assert lines[0].split() == list(result.table.dtype.names)
    assert lines[1].split()[0] == "10"
    frame = pandas.DataFrame(result.table)
    assert frame["variance"].tolist() == [10.0, 1.0]


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"variances": []}, ValueError, "variances must be a sequence"),
        ({"variances": 1.0}, ValueError, "variances must be a sequence"),
        ({"variances": [1.0, 2.0]}, ValueError, "variances must fall"),
        ({"variances": [1.0, 0.0]}, ValueError, "variances must be positive"),
        ({"variances": [np.nan]}, ValueError, "variances must be positive"),
        ({"variances": ["a"]}, ValueError, "variances must be an array of numbers"),
        ({"n_components": 0}, ValueError, "n_components"),
        ({"means_init": [[1.0]]}, ValueError, "means_init"),
        ({"sample_weight": [1.0]}, ValueError, "sample_weight"),
        ({"tol": -1.0}, ValueError, "tol"),
    ],
)
def test_bad_input_is_refused(options, error, match):
    options = {"n_components": 2, **options}
    with pytest.raises(error, match=match):
        kmeans_limit(load_faithful().data, **options)


@pytest.mark.filterwarnings("ignore:.*singular:sklearn.exceptions.ConvergenceWarning")
def test_rows_that_lie_on_their_centres_need_variances():
    X = np.repeat([[0.0, 0.0], [1.0, 1.0]], 5, axis=0)
    with pytest.raises(ValueError, match="give variances"):
        kmeans_limit(X, 2, means_init=X[[0, 5]])
    assert kmeans_limit(X, 2, means_init=X[[0, 5]], variances=[0.01]).inertia == 0.0
