"""Rows evaluated as they are, by kernels in standard units, and as the textbook has it."""

import numpy as np
import pytest
from common import STRUCTURES, dense_stack, random_params, textbook_log_joint
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp, softmax

from emix import BayesianGaussianMixture, GaussianMixture
from emix._fitted import scoring, threads
from emix._fitted.scoring import Scorer
from emix._input.validation import is_plain
from emix._mixture.posterior import labels_of


class ByKernel(Scorer):
    """Kernels alone."""

    def _is_direct(self, n):
        return False


def problem(covariance_type, d, n_components, n):
    structure = STRUCTURES[covariance_type]
    params = random_params(structure, 3, n_components, d)
    X = np.random.RandomState(1).normal(size=(n, d)) * 2.0
    return structure, params, X


def scorers(structure, params):
    arguments = structure, params.weights, params.means, params.factors
    return Scorer(*arguments), ByKernel(*arguments)


# few rows, some, more than one block, and rows of which threads take shares
@pytest.mark.parametrize("n", [1, 7, 900, 20_000])
@pytest.mark.parametrize(("d", "n_components"), [(1, 1), (2, 3), (9, 4), (20, 2)])
def test_scores_are_those_of_the_textbook(covariance_type, n, d, n_components):
    structure, params, X = problem(covariance_type, d, n_components, n)
    stack = dense_stack(structure, params.covariances, n_components, d)
    log_joint = textbook_log_joint(X, params.weights, params.means, stack, 0.0)
    for scorer in scorers(structure, params):
        assert_allclose(scorer.log_prob(X), logsumexp(log_joint, axis=1), rtol=1e-11)
        resp = scorer.responsibilities(X)
        assert_allclose(resp, softmax(log_joint, axis=1), rtol=1e-9, atol=1e-12)
        assert_array_equal(scorer.labels(X), log_joint.argmax(axis=1))
        assert_allclose(scorer.largest_joint(X), log_joint.max(axis=1), rtol=1e-11)


@pytest.mark.parametrize("n", [3, 5000])
@pytest.mark.parametrize("unit", [1e-150, 1e-80, 1e80, 1e150])
def test_scores_do_not_depend_on_units(covariance_type, n, unit):
    """Also where squares of the rows would be zero or infinite."""
    structure, params, X = problem(covariance_type, 3, 2, n)
    scorer, _ = scorers(structure, params)
    moved = Scorer(structure, params.weights, params.means * unit, params.factors / unit)
    expected = scorer.log_prob(X) - 3 * np.log(unit)
    assert_allclose(moved.log_prob(X * unit), expected, rtol=1e-12)
    assert_array_equal(moved.labels(X * unit), scorer.labels(X))


def test_components_far_apart_keep_their_digits(covariance_type):
    """Distances by moments about one origin would lose them all."""
    structure, params, X = problem(covariance_type, 2, 2, 3000)
    means = params.means + np.array([[1e8], [-1e8]])
    own = X / 4.0 + means[0]
    scorer = Scorer(structure, params.weights, means, params.factors)
    alone = Scorer(
        structure,
        np.ones(1),
        means[:1],
        params.factors[:1] if structure.sharing.separable else params.factors,
    )
    expected = alone.log_prob(own) + np.log(params.weights[0])
    assert_allclose(scorer.log_prob(own), expected, atol=1e-6)
    stack = dense_stack(structure, params.covariances, 2, 2)
    textbook = textbook_log_joint(own - means[0], np.ones(1), np.zeros((1, 2)), stack[:1], 0.0)
    assert_allclose(alone.log_prob(own), textbook[:, 0], atol=1e-6)


@pytest.mark.parametrize("n", [1, 5000])
def test_rows_beyond_the_range_of_squares_have_finite_scores(covariance_type, n):
    structure, params, X = problem(covariance_type, 3, 2, n)
    X[-1] = 1e200
    scorer, _ = scorers(structure, params)
    assert np.isfinite(scorer.log_prob(X)).all()
    assert_allclose(scorer.responsibilities(X).sum(axis=1), 1.0)


def test_few_rows_of_a_predictive_density_equal_many(covariance_type):
    X = np.random.RandomState(0).normal(size=(30_000, 3))
    mixture = BayesianGaussianMixture(2, covariance_type=covariance_type, random_state=0)
    mixture.fit(X[:500])
    assert_allclose(mixture.score_samples(X[:50]), mixture.score_samples(X)[:50], rtol=1e-12)


@pytest.mark.parametrize("n_components", [1, 2, 7, 255, 256])
@pytest.mark.parametrize("m", [1, 999, 1000, 4097, 9000])
def test_labels_are_first_maxima(n_components, m):
    scores = np.random.RandomState(m).randint(3, size=(n_components, m)).astype(float)
    scores[:, 0] = -np.inf
    expected = scores.argmax(axis=0)
    assert_array_equal(labels_of(scores, np.empty(m, dtype=np.int64)), expected)
    # rounding does not make a maximum
    scores += 1e-12 * np.arange(n_components)[:, None]
    assert_array_equal(labels_of(scores, np.empty(m, dtype=np.int64)), expected)


@pytest.mark.parametrize(
    ("covariance_type", "n", "shared"),
    [("full", 1000, False), ("full", 60_000, True), ("diag", 1000, False), ("diag", 60_000, True)],
)
def test_threads_are_asked_for_where_there_are_blocks_to_share(
    covariance_type, n, shared, monkeypatch
):
    structure, params, X = problem(covariance_type, 16, 8, n)
    asked = [False]  # few rows do not even ask
    budget = scoring.thread_budget
    monkeypatch.setattr(
        scoring, "thread_budget", lambda parallel: asked.append(parallel) or budget(parallel)
    )
    scorers(structure, params)[0].labels(X)
    assert any(asked) is shared


def test_one_thread_sets_no_limit(monkeypatch):
    class Libraries:
        def info(self):
            return [{"num_threads": 1}]

    monkeypatch.setattr(threads, "_blas", Libraries)
    with threads.thread_budget(True) as mapper:
        assert mapper is map


# --- samples --------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 5, 1000])
def test_samples_are_ordered_and_of_their_components(covariance_type, n):
    rng = np.random.RandomState(0)
    X = np.concatenate([rng.normal(size=(200, 2)) + shift for shift in (0.0, 50.0, 100.0)])
    mixture = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    found, labels = mixture.sample(n, random_state=1)
    assert found.shape == (n, 2)
    assert (np.diff(labels) >= 0).all()
    assert_array_equal(mixture.predict(found), labels)


def test_samples_are_the_same_in_other_units():
    X = np.random.RandomState(0).normal(size=(300, 3))
    one, two = (GaussianMixture(2, random_state=0).fit(X * unit) for unit in (1.0, 1024.0))
    found, expected = (each.sample(50, random_state=0)[0] for each in (two, one))
    assert_allclose(found, 1024.0 * expected, rtol=1e-9)


# --- validation -----------------------------------------------------------------------------


def test_arrays_of_finite_floats_are_plain():
    assert is_plain(np.zeros((3, 2)), 2)
    assert is_plain(np.zeros((3, 2), dtype=np.float32)[::2], 2)


def test_a_fit_needs_no_features_known_beforehand_but_enough_rows():
    assert is_plain(np.zeros((3, 2)), None)
    assert not is_plain(np.zeros((3, 0)), None)
    assert not is_plain(np.zeros((3, 2)), None, 4)


def test_a_fit_to_an_array_forgets_the_names_of_an_earlier_one():
    pandas = pytest.importorskip("pandas")
    X = np.random.RandomState(0).normal(size=(50, 2))
    mixture = GaussianMixture(1).fit(pandas.DataFrame(X, columns=["a", "b"]))
    assert list(mixture.feature_names_in_) == ["a", "b"]
    mixture.fit(np.column_stack([X, X[:, 0] ** 2]))
    assert not hasattr(mixture, "feature_names_in_")
    assert mixture.n_features_in_ == 3


@pytest.mark.parametrize(
    "X",
    [
        np.zeros((3, 3)),
        np.zeros(2),
        np.zeros((0, 2)),
        np.zeros((3, 2), dtype=int),
        np.zeros((3, 2), dtype=object),
        np.array([[0.0, np.nan]]),
        np.array([[np.inf, 0.0]]),
        np.array([[np.inf, -np.inf]]),
        np.ma.masked_array(np.zeros((3, 2))),
        [[0.0, 0.0]],
    ],
)
def test_all_else_is_validated(X):
    assert not is_plain(X, 2)
