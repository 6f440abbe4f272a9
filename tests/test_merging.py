"""Components merged to clusters: the algebra, and what an estimator promises."""

import numpy as np
import pytest
from common import clusters, integer_weights
from numpy.testing import assert_allclose, assert_array_equal
from scipy.cluster.hierarchy import fcluster
from scipy.optimize import brentq
from scipy.special import entr
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture as ScikitLearn
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emix import (
    BayesianGaussianMixture,
    GaussianMixture,
    GaussianMixtureWithNoise,
    MergedMixture,
    StudentMixture,
)

X = clusters(0, 200, 2, 4, 2.0)


class Given(BaseEstimator):
    """A mixture whose responsibilities are the rows themselves."""

    def fit(self, X, y=None, sample_weight=None):
        self.fitted_ = True
        return self

    def predict_proba(self, X):
        return np.asarray(X)


def responsibilities(seed, n=60, n_components=6, sharpness=4.0):
    rng = np.random.RandomState(seed)
    odds = np.exp(sharpness * rng.normal(size=(n, n_components)))
    return odds / odds.sum(axis=1, keepdims=True)


def merged(resp, **given):
    weight = given.pop("sample_weight", None)
    return MergedMixture(Given(), **given).fit(resp, sample_weight=weight)


def entropy(resp, weight=1.0):
    return float((weight * entr(resp).sum(axis=1)).sum())


def partition(labels):
    """A set of sets, whatever the numbers."""
    return {frozenset(np.flatnonzero(labels == label)) for label in np.unique(labels)}


# --- the algebra ------------------------------------------------------------------------------


def by_brute_force(resp, weight):
    """Children and entropies: all pairs are tried by the definition at every step."""
    columns = dict(enumerate(resp.T))
    children, entropies = [], [entropy(resp, weight)]
    while len(columns) > 1:
        tried = {}
        for one in columns:
            for other in columns:
                if one < other:
                    rest = [column for k, column in columns.items() if k not in (one, other)]
                    joined = np.column_stack([*rest, columns[one] + columns[other]])
                    tried[one, other] = entropy(joined, weight)
        best = min(tried, key=tried.get)
        children.append(best)
        entropies.append(tried[best])
        columns[resp.shape[1] + len(children) - 1] = columns.pop(best[0]) + columns.pop(best[1])
    return np.array(children), np.array(entropies[::-1])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_every_step_takes_most_entropy(seed, weighted):
    resp = responsibilities(seed)
    weight = np.random.RandomState(seed).uniform(0.0, 3.0, size=len(resp)) if weighted else None
    found = merged(resp, sample_weight=weight)
    children, entropies = by_brute_force(resp, 1.0 if weight is None else weight[:, None].T)
    assert_array_equal(found.children_, children)
    assert_allclose(found.entropies_, entropies, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_entropies_rise_with_the_number_of_clusters_from_zero(seed):
    found = merged(responsibilities(seed, n_components=9, sharpness=20.0))
    assert found.entropies_[0] == 0.0
    assert (np.diff(found.entropies_) >= 0.0).all()
    assert_allclose(found.linkage_[:, 2], found.entropies_[-1] - found.entropies_[-2::-1])


def test_tiny_overlaps_have_their_digits():
    """The pair that overlaps least is joined last, by entropies that a sum about one would lose."""
    tiny, less = 1e-30, 1e-40
    resp = np.array([[1.0, tiny, less], [tiny, 1.0, 0.0], [less, 0.0, 1.0]])
    found = merged(resp)
    assert_array_equal(found.children_, [[0, 1], [2, 3]])
    expected = 2.0 * (less * (1.0 - np.log(less)))
    assert_allclose(found.entropies_[1], expected, rtol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_order_of_rows_and_of_components_does_not_matter(seed):
    resp, rng = responsibilities(seed), np.random.RandomState(seed)
    rows, columns = rng.permutation(len(resp)), rng.permutation(resp.shape[1])
    one, other = merged(resp), merged(resp[rows][:, columns])
    assert_allclose(other.entropies_, one.entropies_, rtol=1e-12)
    assert other.n_clusters_ == one.n_clusters_
    for k in range(1, 7):
        expected = one.component_labels(k)[columns]
        assert partition(other.component_labels(k)) == partition(expected)


def test_weights_are_repeated_rows():
    resp, weight = responsibilities(0), integer_weights(0, 60)
    found, repeated = merged(resp, sample_weight=weight), merged(np.repeat(resp, weight, axis=0))
    assert_array_equal(found.children_, repeated.children_)
    assert_allclose(found.entropies_, repeated.entropies_, rtol=1e-12)
    assert found.n_clusters_ == repeated.n_clusters_
    assert not np.array_equal(found.children_, merged(resp).children_)


def test_rows_without_weight_have_labels_and_no_part():
    resp = responsibilities(0)
    idle = np.concatenate([resp, responsibilities(1)])
    found = merged(idle, sample_weight=np.repeat([1.0, 0.0], 60))
    assert_array_equal(found.entropies_, merged(resp).entropies_)
    assert len(found.labels_) == 120
    assert found.labels_.max() < found.n_clusters_


def test_of_equal_pairs_the_lightest_is_joined():
    """Wherever it is: nothing is taken away by any pair."""
    labels = np.repeat([0, 1, 2, 3], [9, 2, 7, 3])
    for order in ([0, 1, 2, 3], [3, 1, 0, 2], [1, 2, 3, 0]):
        found = merged(np.eye(4)[labels][:, order])
        lightest = {order.index(1), order.index(3)}
        assert set(found.children_[0]) == lightest
        assert_array_equal(found.entropies_, np.zeros(4))


def test_what_was_joined_has_the_weight_of_both():
    found = merged(np.eye(4)[np.repeat([0, 1, 2, 3], [4, 5, 6, 7])])
    assert_array_equal(found.children_, [[0, 1], [2, 3], [4, 5]])


def test_equal_pairs_to_rounding_do_not_depend_on_the_order_of_rows():
    low = np.random.RandomState(0).uniform(0.1, 0.4, size=50)
    pairs = np.zeros((100, 4))
    pairs[:50, 0], pairs[:50, 1] = low, 1.0 - low
    pairs[50:, 2], pairs[50:, 3] = low[::-1], 1.0 - low[::-1]
    pairs = np.concatenate([pairs, np.eye(4)[[2, 2]]])
    expected = merged(pairs).children_
    assert set(expected[0]) == {0, 1}
    for seed in range(5):
        rows = np.random.RandomState(seed).permutation(len(pairs))
        assert_array_equal(merged(pairs[rows]).children_, expected)


def test_single_precision_is_summed_in_double():
    resp = responsibilities(0).astype(np.float32)
    found = merged(resp)
    assert_array_equal(found.entropies_, merged(resp.astype(np.float64)).entropies_)
    assert found.predict_proba(resp).dtype == np.float32


# --- the number of clusters -------------------------------------------------------------------


def with_entropies(removed):
    """Responsibilities of which each step takes one of these entropies: components 2 i and 2 i + 1
    share rows, and then 0 shares rows with each of 2, 4, ..."""
    n_components = len(removed) + 1
    pairs = [(k, k + 1) for k in range(0, n_components - 1, 2)]
    pairs += [(0, k) for k in range(2, n_components, 2)]
    resp = [np.eye(n_components)]
    for (one, other), nats in zip(pairs, removed, strict=True):
        count = int(2.0 * nats) + 1

        def missing(share, each=nats / count):
            return entr(share) + entr(1.0 - share) - each

        share = brentq(missing, 1e-300, 0.5, xtol=1e-300)
        rows = np.zeros((count, n_components))
        rows[:, one], rows[:, other] = share, 1.0 - share
        resp.append(rows)
    return np.concatenate(resp)


# Entropies of 1 to K clusters and number of clusters for the examples of Baudry et al. (2010), as
# mclust 6.0.0 finds them: clustCombi and clustCombiOptim(reg=2).
PUBLISHED = {
    "4.1": ([0.0, 9.355083260e-06, 0.8689486878, 4.668209864, 46.29127398, 129.9332057], 4),
    "4.2": (
        [
            *(0.0, 4.257040881e-06, 0.8251397593, 2.835858501),
            *(6.152171480, 52.80952923, 135.7575688),
        ],
        5,
    ),
    "4.4.1": ([0.0, 6.673718118, 42.40769820, 145.8305716], 3),
    "Test1D": (
        [
            *(0.0, 2.728573482e-04, 2.327233824e-03, 5.796434405e-02, 0.1190903558),
            *(0.3432502240, 2.285879888, 5.918471757, 11.22112779),
        ],
        7,
    ),
}


@pytest.mark.parametrize("example", PUBLISHED)
def test_elbow_of_published_entropies(example):
    entropies, expected = PUBLISHED[example]
    found = merged(with_entropies(np.diff(entropies)[::-1]))
    assert_allclose(found.entropies_, entropies, rtol=1e-9)
    assert found.elbow_ == found.n_clusters_ == expected


def found_pair(found):
    """k -> the two clusters of k + 1 that are one of k."""

    def pair(k):
        before, after = found.component_labels(k + 1), found.component_labels(k)
        counts = [len(set(before[after == cluster])) for cluster in range(k)]
        return sorted(set(before[after == int(np.argmax(counts))]))

    return pair


@pytest.mark.parametrize("against", ["clusters", "rows"])
@pytest.mark.parametrize("seed", range(8))
def test_elbow_is_where_two_lines_fit_best(seed, against):
    resp = responsibilities(seed, n_components=7, sharpness=2.0 + seed)
    found = merged(resp, elbow=against)
    numbers = np.arange(1.0, 8.0)
    if against == "rows":
        finer = [found.component_labels(k + 1) for k in range(1, 7)]
        joined = [
            resp[:, np.isin(of_finer, of_pair)].sum()
            for of_finer, of_pair in zip(finer, map(found_pair(found), range(1, 7)), strict=True)
        ]
        assert_allclose(found.joined_rows_[::-1], joined)
        numbers = np.cumsum([0.0, *joined])

    def misfit(at):
        parts = (slice(0, at), slice(at - 1, None))
        lines = [np.polyfit(numbers[part], found.entropies_[part], 1) for part in parts]
        left = [
            found.entropies_[part] - np.polyval(line, numbers[part])
            for part, line in zip(parts, lines, strict=True)
        ]
        return sum(float(each @ each) for each in left)

    assert found.elbow_ == min(range(2, 7), key=misfit)
    assert found.n_clusters_ == found.elbow_


def test_small_components_are_no_clusters_against_rows():
    """Two large clusters of two components each, and another of two small ones."""
    resp = with_entropies([60.0, 50.0, 6.0, 0.01, 0.01])
    resp = np.concatenate([resp, np.repeat(np.eye(6)[:4], 300, axis=0)])
    assert merged(resp).elbow_ == 4
    assert merged(resp, elbow="rows").elbow_ == 3


def test_of_equal_elbows_most_clusters_are_kept():
    found = merged(with_entropies([10.0, 10.0, 10.0]))
    assert_allclose(found.entropies_, [0.0, 10.0, 20.0, 30.0])
    assert found.elbow_ == 3


def test_what_is_as_good_as_certain_is_not_merged():
    apart = MergedMixture(GaussianMixture(3, random_state=0)).fit(clusters(0, 150, 2, 3, 30.0))
    assert apart.entropies_[-1] < 1.0
    assert apart.n_clusters_ == apart.elbow_ == 3
    two = merged(responsibilities(0, n_components=2, sharpness=0.1))
    assert (two.n_clusters_, two.entropies_[-1] > 1.0) == (2, True)
    one = merged(np.ones((5, 1)))
    assert (one.n_clusters_, one.children_.shape, one.linkage_.shape) == (1, (0, 2), (0, 4))


def test_components_without_rows_are_joined_first_and_are_no_clusters():
    rows = clusters(0, 200, 2, 2, 9.0)
    bayesian = BayesianGaussianMixture(8, random_state=0).fit(rows)
    held = bayesian.predict_proba(rows).sum(axis=0) > 0.01
    found = MergedMixture(FrozenEstimator(bayesian)).fit(rows)
    assert found.n_clusters_ == held.sum() == 2
    assert partition(found.labels_) == partition(bayesian.predict(rows))
    labels = found.component_labels()
    assert labels[held].tolist() == [0, 1]


def test_a_component_without_rows_leaves_the_others_alone():
    rows = with_entropies([20.0, 5.0, 2.0])
    resp = np.column_stack([np.zeros(len(rows)), rows])
    lightest = 1 + rows.sum(axis=0).argmin()
    found, expected = merged(resp), merged(rows)
    assert_array_equal(found.children_[0], [0, lightest])
    assert_allclose(found.entropies_, np.append(expected.entropies_, expected.entropies_[-1]))
    assert found.n_clusters_ == expected.n_clusters_


# --- the estimator ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def four():
    return MergedMixture(GaussianMixture(4, random_state=0)).fit(X)


@pytest.mark.parametrize("n_clusters", [1, 2, 3, 4])
def test_clusters_at_any_number(four, n_clusters):
    labels, resp = four.component_labels(n_clusters), four.estimator_.predict_proba(X)
    proba = four.predict_proba(X, n_clusters=n_clusters)
    assert proba.shape == (200, n_clusters)
    for cluster in range(n_clusters):
        assert_allclose(proba[:, cluster], resp[:, labels == cluster].sum(axis=1), rtol=1e-14)
    assert proba.max() <= 1.0
    assert_array_equal(four.predict(X, n_clusters=n_clusters), proba.argmax(axis=1))
    assert_allclose(entropy(proba), four.entropies_[n_clusters - 1], rtol=1e-9, atol=1e-9)
    fixed = MergedMixture(GaussianMixture(4, random_state=0), n_clusters=n_clusters).fit(X)
    assert_array_equal(fixed.labels_, proba.argmax(axis=1))
    assert (fixed.n_clusters_, fixed.elbow_) == (n_clusters, four.elbow_)


def test_with_all_components_nothing_is_merged(four):
    assert_array_equal(four.component_labels(4), np.arange(4))
    assert_array_equal(four.predict(X, n_clusters=4), four.estimator_.predict(X))


def test_scipy_reads_the_linkage(four):
    heights = four.linkage_[:, 2]
    for n_clusters, between in ((3, heights[:2]), (2, heights[1:]), (1, [heights[2], 1e3])):
        theirs = fcluster(four.linkage_, np.mean(between), "distance")
        assert partition(theirs) == partition(four.component_labels(n_clusters))


def test_the_density_is_that_of_the_mixture(four):
    assert_array_equal(four.score_samples(X), four.estimator_.score_samples(X))
    assert four.score(X) == four.estimator_.score(X)
    rows, drawn = four.sample(500, random_state=0)
    assert_array_equal(rows, four.estimator_.sample(500, random_state=0)[0])
    components = four.estimator_.sample(500, random_state=0)[1]
    assert_array_equal(drawn, four.component_labels()[components])


def test_methods_that_the_mixture_lacks_are_not_there():
    found = merged(responsibilities(0))
    for name in ("score_samples", "score", "sample"):
        assert not hasattr(found, name)


@pytest.mark.parametrize(
    "mixture",
    [ScikitLearn(4, random_state=0), StudentMixture(4, random_state=0)],
    ids=lambda mixture: type(mixture).__module__,
)
def test_other_mixtures_are_merged(mixture):
    found = MergedMixture(mixture).fit(X)
    assert_allclose(found.entropies_[-1], entropy(found.estimator_.predict_proba(X)), rtol=1e-9)
    assert set(found.labels_) == set(range(found.n_clusters_))


def test_a_fitted_mixture_is_kept():
    mixture = GaussianMixture(4, random_state=0).fit(X)
    found = MergedMixture(FrozenEstimator(mixture)).fit(X[:150])
    assert_array_equal(found.score_samples(X), mixture.score_samples(X))
    assert len(found.labels_) == 150


def test_noise_is_a_cluster_of_its_own():
    noise = np.random.RandomState(0).uniform(-15.0, 15.0, size=(60, 2))
    rows = np.concatenate([X, noise])
    mixture = GaussianMixtureWithNoise(4, random_state=0)
    found = MergedMixture(mixture, n_clusters=2).fit(rows)
    resp = found.estimator_.predict_proba(rows)
    proba = found.predict_proba(rows)
    assert proba.shape == (260, 3)
    assert_array_equal(proba[:, -1], resp[:, -1])
    assert found.n_components_ == 4
    assert set(found.labels_) == {-1, 0, 1}
    assert_array_equal(found.labels_ == -1, proba.argmax(axis=1) == 2)
    assert_allclose(found.entropies_, [entropy(found.predict_proba(rows, k)) for k in range(1, 5)])
    assert set(found.sample(300, random_state=0)[1]) == {-1, 0, 1}


class WithNoise(Given):
    noise_volume_ = 1.0


def test_noise_among_clusters_that_are_apart_merges_nothing():
    apart = np.repeat(np.eye(3), 20, axis=0)
    found = MergedMixture(WithNoise()).fit(np.column_stack([0.7 * apart, np.full(60, 0.3)]))
    assert found.entropies_[0] == found.entropies_[-1] > 30.0
    assert found.n_clusters_ == 3


def test_noise_alone_is_no_cluster_less():
    found = MergedMixture(WithNoise()).fit(np.tile([0.0, 0.0, 1.0], (9, 1)))
    assert found.n_clusters_ == 1
    assert_array_equal(found.labels_, np.full(9, -1))


def test_rows_with_gaps_are_merged():
    gappy = np.where(np.random.RandomState(0).uniform(size=X.shape) < 0.1, np.nan, X)
    found = MergedMixture(GaussianMixture(4, random_state=0)).fit(gappy)
    assert set(found.labels_) == set(range(found.n_clusters_))
    assert found.__sklearn_tags__().input_tags.allow_nan


def test_in_pipelines():
    outside = make_pipeline(StandardScaler(), MergedMixture(GaussianMixture(4, random_state=0)))
    inside = MergedMixture(make_pipeline(StandardScaler(), GaussianMixture(4, random_state=0)))
    one, other = outside.fit(X), inside.fit(X)
    assert_array_equal(one.predict(X), other.predict(X))
    assert_array_equal(one.predict(X, n_clusters=3), other.predict(X, n_clusters=3))
    assert other.n_features_in_ == 2
    weight = integer_weights(0, 200)
    weighted = clone(inside).fit(X, gaussianmixture__sample_weight=weight)
    expected = GaussianMixture(4, random_state=0).fit(
        StandardScaler().fit_transform(X), sample_weight=weight
    )
    assert_allclose(weighted.estimator_[-1].means_, expected.means_)


def test_weights_reach_the_mixture_and_the_entropy():
    weight = integer_weights(0, 200).astype(float)
    found = MergedMixture(GaussianMixture(4, random_state=0)).fit(X, sample_weight=weight)
    expected = GaussianMixture(4, random_state=0).fit(X, sample_weight=weight)
    assert_array_equal(found.estimator_.means_, expected.means_)
    assert_allclose(found.entropies_[-1], weight @ entr(expected.predict_proba(X)).sum(axis=1))


def test_weights_are_routed():
    weight = integer_weights(0, 200).astype(float)
    expected = MergedMixture(GaussianMixture(4, random_state=0)).fit(X, sample_weight=weight)
    with config_context(enable_metadata_routing=True):
        unsaid = MergedMixture(GaussianMixture(4, random_state=0))
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            unsaid.fit(X, sample_weight=weight)
        mixture = GaussianMixture(4, random_state=0).set_fit_request(sample_weight=True)
        found = MergedMixture(mixture).fit(X, sample_weight=weight)
        ours_alone = clone(mixture).set_fit_request(sample_weight=False)
        kept = MergedMixture(ours_alone).fit(X, sample_weight=weight)
    assert_array_equal(found.entropies_, expected.entropies_)
    plain = GaussianMixture(4, random_state=0).fit(X)
    assert_array_equal(kept.estimator_.means_, plain.means_)
    assert_allclose(kept.entropies_[-1], weight @ entr(plain.predict_proba(X)).sum(axis=1))


def test_known_labels_reach_the_mixture():
    known = np.full(200, -1)
    known[:40] = np.arange(40) % 4
    found = MergedMixture(GaussianMixture(4, random_state=0)).fit(X, labels=known)
    expected = GaussianMixture(4, random_state=0).fit(X, labels=known)
    assert_array_equal(found.estimator_.means_, expected.means_)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"n_clusters": 0}, ValueError, "n_clusters must be at least 1"),
        ({"n_clusters": 2.0}, TypeError, "n_clusters must be an integer"),
        ({"elbow": "knee"}, ValueError, "elbow must be one of 'clusters', 'rows'"),
        ({"n_clusters": 5}, ValueError, "at most the number of components, 4, got 5"),
        ({"estimator": KMeans(2)}, TypeError, "fit and predict_proba"),
        ({"estimator": GaussianMixture}, TypeError, "fit and predict_proba"),
        ({"estimator": None}, TypeError, "fit and predict_proba"),
    ],
)
def test_bad_parameters_are_refused_and_change_nothing(four, given, error, message):
    estimator = clone(four).fit(X)
    before = {name: id(value) for name, value in vars(estimator).items() if name.endswith("_")}
    estimator.set_params(**given)
    with pytest.raises(error, match=message):
        estimator.fit(X)
    after = {name: id(value) for name, value in vars(estimator).items() if name.endswith("_")}
    assert before == after


def test_bad_requests_are_refused(four):
    with pytest.raises(ValueError, match="at most the number of components, 4, got 9"):
        four.predict(X, n_clusters=9)
    with pytest.raises(ValueError, match="n_clusters must be at least 1"):
        four.predict_proba(X, n_clusters=0)
    for method in ("predict", "predict_proba", "score_samples"):
        with pytest.raises(NotFittedError):
            getattr(clone(four), method)(X)
    with pytest.raises(NotFittedError):
        clone(four).component_labels()
    with pytest.raises(ValueError, match="must return finite numbers"):
        merged(np.array([[0.5, 0.5], [np.nan, 1.0]]))
    with pytest.raises(ValueError, match="sample_weight must have one entry per row"):
        merged(responsibilities(0), sample_weight=np.ones(3))


def test_numerical_warnings_may_be_errors():
    resp = np.array([[0.7, 1.23e-310, 0.3], [1e-200, 1.0, 0.0], [0.0, 0.0, 1.0]])
    with np.errstate(all="raise"):
        assert merged(resp).entropies_[-1] > 0.0
        MergedMixture(GaussianMixture(4, random_state=0)).fit(X).predict(X)


def test_curved_clusters_are_found():
    rng = np.random.RandomState(0)
    angle = rng.uniform(0.0, np.pi, size=400)
    bow = np.column_stack([np.cos(angle), np.sin(angle)]) + 0.1 * rng.normal(size=(400, 2))
    rows = np.concatenate([bow, 0.15 * rng.normal(size=(200, 2))])
    found = MergedMixture(GaussianMixture(5, random_state=0)).fit(rows)
    assert adjusted_rand_score(np.repeat([0, 1], [400, 200]), found.labels_) == 1.0
