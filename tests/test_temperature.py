"""One dial: tempered E-steps, and annealing."""

import numpy as np
import pytest
from common import (
    clusters,
    constrained,
    dense_covariances,
    fitted,
    initial_values,
    of_structure,
    plain_passes,
    textbook_log_joint,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp, softmax

from emix import GaussianMixture
from emix._fitted.base import STRUCTURES
from emix._mixture.posterior import Tempered, at_temperature, hard, soft

X = clusters(0, 300, 2, 3, 1.5)


def log_joint_of(mixture, rows=X):
    covariances = dense_covariances(mixture)
    with np.errstate(divide="ignore"):  # the weight of a component may end at zero
        return textbook_log_joint(rows, mixture.weights_, mixture.means_, covariances)


def accepted_by_temperature(mixture):
    history = mixture.history_[mixture.history_["accepted"]]
    for temperature in np.unique(history["temperature"]):
        yield history[history["temperature"] == temperature]


# --- the rule -------------------------------------------------------------------------------


def test_the_dial_passes_through_both_rules():
    assert at_temperature(1.0) is soft
    assert at_temperature(0.0) is hard
    assert at_temperature(2.0).temperature == 2.0


@pytest.mark.parametrize("temperature", [0.05, 0.5, 1.7, 30.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_tempered_rule(temperature, weighted):
    log_joint = 5.0 * np.random.RandomState(0).normal(size=(4, 50)) - 300.0
    weight = np.random.RandomState(1).uniform(size=50) if weighted else None
    out, work, norm = np.empty_like(log_joint), *np.empty((2, 50))
    with np.errstate(all="ignore"):
        total = Tempered(temperature)(log_joint.copy(), out, work, norm, weight)
    value = temperature * logsumexp(log_joint / temperature, axis=0)
    assert_allclose(out * norm, softmax(log_joint / temperature, axis=0), rtol=1e-11)
    assert total == pytest.approx(value @ (np.ones(50) if weight is None else weight), rel=1e-13)


def test_the_rules_value_is_the_maximum_of_the_tempered_bound():
    log_joint = np.random.RandomState(0).normal(size=(3, 1))
    out, work, norm = np.empty_like(log_joint), *np.empty((2, 1))
    temperature = 2.5
    total = Tempered(temperature)(log_joint.copy(), out, work, norm, None)

    def bound(q):
        return q @ log_joint[:, 0] - temperature * q @ np.log(q)

    assert bound((out * norm)[:, 0]) == pytest.approx(total, rel=1e-13)
    others = np.random.RandomState(1).dirichlet(np.ones(3), size=100)
    assert max(bound(q) for q in others) < total


# --- one temperature ------------------------------------------------------------------------


def textbook_tempered(covariance_type, initial, temperature, passes):
    structure = STRUCTURES[covariance_type]
    mixture = plain_passes(X, covariance_type, initial, 0)
    weights, means, covariances = mixture.weights_, mixture.means_, dense_covariances(mixture)
    for _ in range(passes):
        log_joint = textbook_log_joint(X, weights, means, covariances)
        resp = softmax(log_joint / temperature, axis=1)
        total = resp.sum(axis=0)
        weights, means = total / len(X), resp.T @ X / total[:, None]
        y = X[:, None, :] - means
        scatter = np.einsum("nk,nki,nkj->kij", resp, y, y)
        covariances = constrained(covariance_type, scatter, total)
    return weights, means, of_structure(structure, covariances)


@pytest.mark.parametrize("temperature", [0.3, 2.0])
def test_the_textbook(covariance_type, temperature):
    initial = initial_values(1, covariance_type, X, 3)
    mixture = plain_passes(X, covariance_type, initial, 5, temperature=temperature)
    weights, means, covariances = textbook_tempered(covariance_type, initial, temperature, 5)
    assert_allclose(mixture.weights_, weights, rtol=1e-9)
    assert_allclose(mixture.means_, means, rtol=1e-8, atol=1e-9)
    assert_allclose(mixture.covariances_, covariances, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("temperature", [0.2, 0.8, 1.5, 10.0])
@pytest.mark.parametrize("acceleration", [True, False])
def test_the_objective_at_a_temperature_never_falls(covariance_type, temperature, acceleration):
    mixture = fitted(
        X,
        3,
        covariance_type=covariance_type,
        temperature=temperature,
        acceleration=acceleration,
        **initial_values(2, covariance_type, X, 3),
    )
    history = mixture.history_[mixture.history_["accepted"]]
    assert (np.diff(history["objective"]) >= -1e-12).all()
    assert (history["gap"] >= -1e-12).all()
    assert (mixture.history_["temperature"] == temperature).all()
    value = temperature * logsumexp(log_joint_of(mixture) / temperature, axis=1)
    assert mixture.lower_bound_ == pytest.approx(value.mean(), rel=1e-12)
    difference = mixture.lower_bound_ - mixture.score(X)
    assert difference > 0.0 if temperature > 1.0 else difference < 1e-12
    assert_allclose(mixture.predict_proba(X), softmax(log_joint_of(mixture), axis=1), atol=1e-12)


@pytest.mark.parametrize("temperature", [1e-9, 1e6])
def test_the_ends_of_the_dial(covariance_type, temperature):
    mixture = fitted(X, 3, covariance_type=covariance_type, temperature=temperature, random_state=0)
    assert mixture.converged_
    assert np.isfinite(mixture.means_).all()
    assert np.isfinite(mixture.lower_bound_)


def test_temperature_one_changes_nothing():
    plain, one = fitted(X, 3, random_state=0), fitted(X, 3, random_state=0, temperature=[1])
    assert_array_equal(plain.means_, one.means_)
    assert_array_equal(plain.history_, one.history_)


# --- annealing ------------------------------------------------------------------------------


def test_a_schedule_climbs_at_each_temperature(covariance_type):
    schedule = (3.0, 1.5, 1.0)
    mixture = fitted(
        X, 3, covariance_type=covariance_type, temperature=schedule, random_state=0, n_init=2
    )
    stages = list(accepted_by_temperature(mixture))
    assert [stage["temperature"][0] for stage in stages] == sorted(schedule)
    for stage in stages:
        assert (np.diff(stage["log_likelihood"]) >= -1e-12).all()
    assert len(mixture.history_) == mixture.n_iter_ + len(schedule)
    assert len(mixture.lower_bounds_) == mixture.n_iter_
    assert mixture.converged_
    assert mixture.lower_bound_ == mixture.lower_bounds_[-1]
    assert mixture.lower_bound_ == pytest.approx(mixture.score(X), rel=1e-12)


@pytest.mark.parametrize("max_iter", [0, 1, 7, 20])
def test_max_iter_holds_for_all_temperatures_together(max_iter):
    initial = initial_values(3, "full", X, 3)
    schedule = (3.0, 1.5, 1.0)
    mixture = fitted(X, 3, temperature=schedule, max_iter=max_iter, random_state=0, **initial)
    assert mixture.n_iter_ == max_iter
    assert not mixture.converged_
    assert mixture.lower_bound_ == pytest.approx(mixture.score(X), rel=1e-12)
    if max_iter == 0:
        assert_allclose(mixture.means_, initial["means_init"], rtol=1e-12)


def test_iterations_are_counted_through_the_temperatures(capsys):
    options = {"temperature": (2.0, 1.5, 1.0), "random_state": 0}
    mixture = fitted(X, 3, verbose=1, verbose_interval=1, **options)
    lines = capsys.readouterr().out.splitlines()
    counts = [int(line.split()[1]) for line in lines if line.startswith("  Iteration")]
    assert counts == list(range(1, mixture.n_iter_ + 1))


def test_frozen_means_are_not_moved_between_temperatures():
    initial = initial_values(3, "full", X, 3)
    options = {"covariance_type": "tied", "frozen": ("means",), "random_state": 0}
    mixture = fitted(X, 3, temperature=(2.0, 1.0), means_init=initial["means_init"], **options)
    assert_allclose(mixture.means_, initial["means_init"], rtol=1e-12)


def test_equal_components_part_again():
    """At a temperature above the critical one all means are equal, and would stay so."""
    rows = np.concatenate([clusters(1, 100, 2, 1) - 4.0, clusters(1, 100, 2, 1) + 4.0])
    options = {
        "covariance_type": "tied_spherical",
        "frozen": ("weights", "covariances"),
        "means_init": rows[:2],
        "precisions_init": 1.0,
        "random_state": 0,
    }
    hot = fitted(rows, 2, temperature=1e3, tol=1e-12, **options)
    assert np.ptp(hot.means_, axis=0).max() < 1e-3
    annealed = fitted(rows, 2, temperature=(1e3, 1.0), **options)
    assert annealed.lower_bound_ == pytest.approx(fitted(rows, 2, **options).lower_bound_)


def ring(n_clusters=5, radius=6.0, n=500):
    """Unit normals around a circle."""
    rng = np.random.RandomState(0)
    angle = 2.0 * np.pi * rng.randint(n_clusters, size=n) / n_clusters
    return radius * np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(size=(n, 2))


def success_rate(rows, temperature, n_seeds=30):
    """Of fits that begin with all means in one cluster: how many end at the best maximum."""
    options = {
        "covariance_type": "tied_spherical",
        "frozen": ("weights", "covariances"),
        "precisions_init": 1.0,
    }
    best = fitted(rows, 5, n_init=20, random_state=0, **options).lower_bound_
    successes = 0
    for seed in range(n_seeds):
        rng = np.random.RandomState(seed)
        distance = ((rows - rows[rng.randint(len(rows))]) ** 2).sum(axis=1)
        means = rows[rng.choice(np.argsort(distance)[:100], 5, replace=False)]
        mixture = fitted(
            rows, 5, means_init=means, temperature=temperature, random_state=seed, **options
        )
        successes += mixture.lower_bound_ > best - 1e-4
    return successes / n_seeds


def test_annealing_escapes_from_poor_starts():
    rows = ring()
    schedule = (*np.geomspace(25.0, 1.0, 8)[:-1], 1.0)
    assert success_rate(rows, 1.0) < 0.7
    assert success_rate(rows, schedule) > 0.95


@pytest.mark.parametrize(
    ("value", "error", "match"),
    [
        (-1.0, ValueError, "temperature must be finite and not negative"),
        (0.0, ValueError, "use HardGaussianMixture"),
        (1e-10, ValueError, "temperature must be between 1e-09 and 1e[+]06"),
        ((1e7, 1.0), ValueError, "temperature must be between"),
        (np.nan, ValueError, "temperature must be finite"),
        ("hot", TypeError, "temperature must be a number or a sequence"),
        (None, TypeError, "temperature must be a number or a sequence"),
        (True, TypeError, "temperature must be a number"),
        ((), ValueError, "decrease to 1.0"),
        ((3.0, 2.0), ValueError, "decrease to 1.0"),
        ((1.5, 3.0, 1.0), ValueError, "decrease to 1.0"),
        ((2.0, "1"), TypeError, "temperature must be a number"),
    ],
)
def test_bad_temperatures_are_refused(value, error, match):
    with pytest.raises(error, match=match):
        GaussianMixture(2, temperature=value).fit(X)
