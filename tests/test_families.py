"""Mixtures of other families: what holds for all of them."""

import numpy as np
import pytest
from families import FAMILIES
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from emix.constraints import Allowed, Proportions

pytestmark = pytest.mark.parametrize("name", FAMILIES)


def fitted(name, X=None, **options):
    estimator, rows, _ = FAMILIES[name]
    fit_options = {key: options.pop(key) for key in ("sample_weight", "labels") if key in options}
    return clone(estimator).set_params(**options).fit(rows if X is None else X, **fit_options)


def log_joint(fit, name):
    """By the formula, from the attributes alone."""
    _, X, log_density = FAMILIES[name]
    return np.log(fit.weights_) + log_density(fit, X)


def test_densities_and_responsibilities_are_those_of_the_formula(name):
    fit, X = fitted(name), FAMILIES[name][1]
    joint = log_joint(fit, name)
    total = logsumexp(joint, axis=1)
    assert_allclose(fit.score_samples(X), total, rtol=1e-9, atol=1e-9)
    assert_allclose(fit.predict_proba(X), np.exp(joint - total[:, None]), rtol=1e-7, atol=1e-9)
    assert_array_equal(fit.predict(X), joint.argmax(axis=1))
    assert_allclose(fit.score(X), fit.lower_bound_, rtol=1e-12)
    completed = -2.0 * joint.max(axis=1).sum() + fit.bic(X) + 2.0 * total.sum()
    assert_allclose(fit.icl(X), completed, rtol=1e-9)


def test_criteria_count_the_free_parameters(name):
    fit, X = fitted(name), FAMILIES[name][1]
    n_free = (fit.aic(X) + 2.0 * len(X) * fit.score(X)) / 2.0
    frozen = fitted(name, frozen=("weights",))
    n_frozen = (frozen.aic(X) + 2.0 * len(X) * frozen.score(X)) / 2.0
    expected = {
        "poisson": 5,
        "poisson, gaps": 5,
        "categorical": 19,
        "gaps": 19,
        "bernoulli": 11,
        "student": 12,
        "student, each, tied": 10,
        "student, known, spherical": 7,
    }
    assert_allclose([n_free, n_frozen], [expected[name], expected[name] - 1])
    penalty = fit.bic(X) - fit.aic(X)
    assert_allclose(penalty, n_free * (np.log(len(X)) - 2.0))


@pytest.mark.parametrize("acceleration", [True, False])
@pytest.mark.parametrize("temperature", [1.0, 2.0, 0.0])
def test_no_half_step_lowers_the_objective(name, acceleration, temperature):
    fit = fitted(name, acceleration=acceleration, temperature=temperature, n_init=1)
    history = fit.history_[fit.history_["accepted"]]
    climbs = np.stack([history["free_energy"][1:], history["objective"][1:]], axis=1).ravel()
    steps = np.diff(np.concatenate([history["objective"][:1], climbs]))
    plain = np.repeat(~history["extrapolated"][1:], 2)
    assert len(steps) >= 2
    assert steps[plain].min() >= -1e-12
    assert np.diff(fit.lower_bounds_).min(initial=0.0) >= 0.0


def test_acceleration_finds_the_maximum_of_plain_em_in_fewer_passes(name):
    fast, plain = (fitted(name, acceleration=flag, n_init=1) for flag in (True, False))
    assert_allclose(fast.lower_bound_, plain.lower_bound_, atol=1e-9)
    assert fast.n_iter_ < plain.n_iter_
    assert fast.history_["extrapolated"].any()


def test_the_gradient_vanishes_at_the_maximum(name):
    """EM from its responsibilities comes back, and it is no saddle: other starts end no higher."""
    fit, X = fitted(name, tol=1e-13), FAMILIES[name][1]
    again = fitted(name, init_params=fit.predict_proba(X), tol=1e-13)
    assert_allclose(again.lower_bound_, fit.lower_bound_, rtol=0, atol=1e-11)
    assert_allclose(again.weights_, fit.weights_, atol=1e-5)
    others = [fitted(name, random_state=seed, n_init=3).lower_bound_ for seed in range(1, 4)]
    assert fit.lower_bound_ >= max(others) - 1e-8


def test_weights_are_repeated_rows_in_any_order(name):
    X = FAMILIES[name][1]
    rng = np.random.RandomState(3)
    weight = rng.randint(0, 3, size=len(X))
    one = fitted(name, sample_weight=weight)
    repeated = X.repeat(weight, axis=0)
    two = fitted(name, X=repeated[rng.permutation(len(repeated))])
    assert_allclose(one.weights_, two.weights_, atol=1e-6)
    assert_allclose(one.lower_bound_, two.lower_bound_, atol=1e-9)
    assert_allclose(one.score(X, sample_weight=weight), two.score(repeated), atol=1e-9)
    assert_allclose(one.bic(X, sample_weight=weight), two.bic(repeated), atol=1e-5)


def test_labels_and_constraints_are_kept(name):
    X = FAMILIES[name][1]
    free = fitted(name)
    # the numbers of the components are those of the labels, whatever the start says
    labels = np.full(len(X), -1)
    labels[:40] = 1 - free.predict(X)[:40]
    swapped = fitted(name, labels=labels)
    assert_allclose(swapped.weights_, free.weights_[::-1], atol=0.1)
    even = fitted(name, constraints=(Proportions(),))
    assert_allclose(even.weights_, 0.5, atol=1e-5)
    assert even.lower_bound_ < free.lower_bound_
    some = np.column_stack([np.ones(len(X), bool), np.arange(len(X)) >= 150])
    allowed = fitted(name, constraints=(Allowed(some),))
    assert allowed.lower_bound_ < free.lower_bound_


def test_frozen_weights_stay(name):
    fit = fitted(name, frozen=("weights",), weights_init=[0.25, 0.75])
    assert_array_equal(fit.weights_, [0.25, 0.75])
    assert_array_equal(fitted(name, frozen=("weights",)).weights_, [0.5, 0.5])
    assert fit.lower_bound_ < fitted(name).lower_bound_


def test_hard_assignments_maximise_the_classification_likelihood(name):
    fit, X = fitted(name, temperature=0.0), FAMILIES[name][1]
    assert_allclose(log_joint(fit, name).max(axis=1).mean(), fit.lower_bound_, rtol=1e-9)
    shares = np.bincount(fit.predict(X), minlength=2) / len(X)
    assert_allclose(fit.weights_, shares, atol=1e-12)
    assert fit.converged_
    # parameters between those of two assignments are those of none
    assert not fit.history_["extrapolated"].any()


def test_starts_may_be_given(name):
    X = FAMILIES[name][1]
    labels = fitted(name).predict(X)
    one_hot = np.eye(2)[labels]
    fits = [fitted(name, init_params=init) for init in (labels, one_hot, lambda X, k, rng: labels)]
    for fit in fits[1:]:
        assert_array_equal(fit.weights_, fits[0].weights_)
    assert_array_equal(fits[0].predict(X) == labels, True)


def test_samples_have_the_distribution(name):
    fit = fitted(name)
    X, y = fit.sample(4000, random_state=1)
    assert X.shape == (4000, fit.n_features_in_)
    assert (np.diff(y) >= 0).all()
    assert_allclose(np.bincount(y) / 4000, fit.weights_, atol=0.03)
    again = clone(fit).set_params(init_params=y, n_init=1).fit(X)
    assert_allclose(again.weights_, fit.weights_, atol=0.1)
    # the fit to many draws is hardly better on them than the truth
    n_free = (fit.aic(X) + 2.0 * 4000 * fit.score(X)) / 2.0
    assert 0.0 <= 4000 * (again.score(X) - fit.score(X)) < 2.0 * n_free
    assert_array_equal(X, fit.sample(4000, random_state=1)[0])


def test_one_component_needs_few_passes(name):
    fit = fitted(name, n_components=1)
    assert fit.converged_
    assert fit.n_iter_ <= (12 if "student" in name else 2)
    assert_array_equal(fit.weights_, [1.0])


def test_a_climb_that_is_cut_short_says_so(name):
    with pytest.warns(ConvergenceWarning, match="did not converge within max_iter=1"):
        fit = fitted(name, max_iter=1, n_init=1)
    assert not fit.converged_
    assert fit.n_iter_ == 1


def test_a_failed_fit_leaves_the_estimator_as_it_was(name):
    fit, X = fitted(name), FAMILIES[name][1]
    before = dict(vars(fit))
    with pytest.raises(ValueError, match="temperature"):
        fit.set_params(temperature=1e-20).fit(X[:, :1])
    assert vars(fit) == {**before, "temperature": 1e-20}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 10_000}, "decrease n_components"),
        ({"n_init": 0}, "n_init must be at least 1"),
        ({"init_params": "k-means"}, "init_params must be one of 'auto'"),
        ({"init_params": None}, "init_params must be 'auto', an array or a callable"),
        ({"frozen": ("rates",)}, "frozen must be"),
        ({"weights_init": [0.5, 0.6]}, "weights_init"),
        ({"temperature": -1.0}, "temperature must be finite and not negative"),
        ({"acceleration": 1}, "acceleration must be True or False"),
    ],
)
def test_bad_parameters_are_named(name, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        fitted(name, **options)


def test_nothing_is_told_before_a_fit(name):
    with pytest.raises(NotFittedError):
        clone(FAMILIES[name][0]).predict(FAMILIES[name][1])


def test_a_warm_start_goes_on_where_the_last_fit_ended(name):
    X = FAMILIES[name][1]
    whole = fitted(name, tol=1e-12)
    with pytest.warns(ConvergenceWarning):
        part = fitted(name, max_iter=2)
    first = part.lower_bound_
    part.set_params(warm_start=True, max_iter=10_000, tol=1e-12).fit(X)
    assert_allclose(part.history_["objective"][0], first, rtol=1e-10)
    assert_allclose(part.lower_bound_, whole.lower_bound_, atol=1e-10)
    # in other units, or of other rows
    part.fit(X[::2])
    assert_allclose(part.lower_bound_, fitted(name, X[::2], tol=1e-12).lower_bound_, atol=1e-6)
    for change, rows in (({"n_components": 3}, X), ({}, X[:, :1])):
        with pytest.raises(ValueError, match="warm_start=True goes on from the previous fit"):
            clone(part).fit(X).set_params(**change).fit(rows)


def test_annealing_leaves_where_components_are_equal(name):
    X = FAMILIES[name][1]
    equal = np.full((len(X), 2), 0.5)
    stuck = fitted(name, init_params=equal)
    cooled = fitted(name, init_params=equal, temperature=(1.2, 1.0))
    assert cooled.lower_bound_ > stuck.lower_bound_ + 1e-3
    assert_allclose(cooled.lower_bound_, cooled.score(X), rtol=1e-10)
    steps = cooled.history_["temperature"]
    assert_array_equal(np.unique(steps), [1.0, 1.2])
    assert (np.diff(steps) <= 0.0).all()
    assert cooled.n_iter_ == len(steps) - 2 == len(cooled.lower_bounds_)
    drawn = fitted(name, temperature=(1.2, 1.0))
    assert drawn.lower_bound_ > fitted(name).lower_bound_ - 1e-2


def test_a_fit_is_printed(name, capsys):
    fit = fitted(name, n_init=1, verbose=2, verbose_interval=1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Initialization 0"
    assert lines[-1].startswith("Initialization converged.")
    assert f"lower bound {fit.lower_bound_:.5f}" in lines[-1]
    assert any(line.startswith(f"  Iteration {fit.n_iter_}\t") for line in lines)
    fitted(name)
    assert capsys.readouterr().out == ""


def test_y_that_looks_like_labels_is_told(name):
    estimator, X, _ = FAMILIES[name]
    y = np.where(np.arange(len(X)) < 9, 0, -1)
    with pytest.warns(UserWarning, match="pass labels=y"):
        clone(estimator).fit(X, y)
