"""The free energy at a q and a theta of one's choice."""

import numpy as np
import pytest
from scipy.special import logsumexp, rel_entr

from emix import GaussianMixture
from emix.datasets import load_faithful
from emix.em import free_energy


@pytest.fixture(scope="module")
def rows():
    return load_faithful().data


def joint(mixture, X):
    return mixture.log_prob_components(X) + np.log(mixture.weights_)


def draws(shape, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(shape[1]), size=shape[0])


@pytest.mark.parametrize("structure", ["full", "tied", "diag", "spherical"])
def test_it_lies_below_the_log_likelihood_by_the_divergence(rows, structure):
    mixture = GaussianMixture(3, covariance_type=structure, random_state=0).fit(rows)
    posterior = mixture.predict_proba(rows)
    resp = posterior * draws(posterior.shape)
    resp /= resp.sum(axis=1, keepdims=True)
    gap = rel_entr(resp, posterior).sum(axis=1)
    assert gap.mean() > 0.01
    expected = mixture.score_samples(rows) - gap
    np.testing.assert_allclose(free_energy(joint(mixture, rows), resp), expected, rtol=1e-10)


def test_it_is_the_column_of_history(rows):
    """F before the second E-step has the responsibilities of the first, and the new parameters."""
    start = {"means_init": [[2.0, 60.0], [3.0, 90.0]], "acceleration": False}
    with pytest.warns(match="did not converge"):
        before = GaussianMixture(2, max_iter=4, **start).fit(rows)
    with pytest.warns(match="did not converge"):
        after = GaussianMixture(2, max_iter=5, **start).fit(rows)
    found = free_energy(joint(after, rows), before.predict_proba(rows)).mean()
    assert found == pytest.approx(after.history_["free_energy"][5], rel=1e-11)
    assert found < after.lower_bound_ - 1e-6


def test_hard_responsibilities_have_no_entropy():
    log_joint = np.array([[-1.0, -np.inf], [-3.0, -2.0]])
    np.testing.assert_array_equal(free_energy(log_joint, np.eye(2)), [-1.0, -2.0])
    assert free_energy(log_joint, [[0.5, 0.5], [0.0, 1.0]])[0] == -np.inf


def test_the_posterior_is_the_best():
    log_joint = np.random.default_rng(1).normal(size=(50, 4))
    best = np.exp(log_joint - logsumexp(log_joint, axis=1, keepdims=True))
    top = free_energy(log_joint, best)
    for step in (1e-3, 0.1, 0.5):
        moved = (1 - step) * best + step * draws(best.shape)
        assert (free_energy(log_joint, moved) < top).all()


@pytest.mark.parametrize(
    ("log_joint", "resp", "words"),
    [
        ([0.0, 1.0], [[0.5, 0.5]], "log_joint must have the shape"),
        ([[0.0, 1.0]], [0.5, 0.5], "resp must have the shape"),
        ([[0.0, 1.0]], [[1.0]], r"same shape, got \(1, 2\) and \(1, 1\)"),
        ([[np.nan, 1.0]], [[0.5, 0.5]], "log_joint must be free of NaN"),
        ([[np.inf, 1.0]], [[0.5, 0.5]], "log_joint must be free of NaN"),
        ([[0.0, 1.0]], [[np.nan, 0.5]], "resp must be free of NaN and not negative"),
        ([[0.0, 1.0]], [[1.5, -0.5]], "resp must be free of NaN and not negative"),
        ([[0.0, 1.0], [0.0, 1.0]], [[0.5, 0.5], [0.5, 0.4]], "row 1 adds up to 0.9"),
    ],
)
def test_bad_input_is_named(log_joint, resp, words):
    with pytest.raises(ValueError, match=words):
        free_energy(log_joint, resp)
