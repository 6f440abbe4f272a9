"""Mixtures of regressions: published maxima, exact lines, prediction, units."""

import numpy as np
import pytest
from families import FITS
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression

from emix import MixtureOfRegressions
from emix._families.linear import LinearFamily
from emix._families.regression import Lines, Regressions
from emix._families.space import mixture_of
from emix._mixture.sums import Look
from emix._other_families.fit import standard_rows


def two_lines(seed=0, n=200, error=0.5):
    rng = np.random.RandomState(seed)
    X = rng.uniform(0.0, 10.0, size=(n, 2))
    first = rng.rand(n) < 0.4
    y = np.where(first, 2.0 * X[:, 0] + 1.0, 15.0 - X[:, 0] + 0.5 * X[:, 1])
    return X, y + error * rng.normal(size=n), first


X, Y, FIRST = two_lines()
FIT = MixtureOfRegressions(2, random_state=0).fit(X, Y)


def test_the_maximum_found_by_direct_maximisation_is_reached():
    """NPreg of flexmix, whose own fit is at -642.5452."""
    fit = FITS["regression_npreg"]
    design, y = np.array(fit["design"]), np.array(fit["y"])
    for seed in range(3):
        found = MixtureOfRegressions(2, random_state=seed).fit(design[:, 1:], y)
        assert found.log_density(design[:, 1:], y).sum() >= fit["loglik"] - 1e-8
    order, published = found.sigma_.argsort(), np.argsort(fit["sd"])
    coefficients = np.column_stack([found.intercept_, found.coef_])[order]
    assert_allclose(coefficients, np.array(fit["coefficients"])[published], rtol=1e-4, atol=1e-4)
    assert_allclose(found.sigma_[order], np.array(fit["sd"])[published], rtol=1e-5)
    assert found.aic(design[:, 1:], y) == pytest.approx(2 * fit["df"] - 2 * fit["loglik"])


def test_densities_are_those_of_the_formula():
    means = X @ FIT.coef_.T + FIT.intercept_
    joint = np.log(FIT.weights_) + stats.norm.logpdf(Y[:, None], means, FIT.sigma_)
    total = logsumexp(joint, axis=1)
    assert_allclose(FIT.log_density(X, Y), total, rtol=1e-9)
    assert_allclose(FIT.responsibilities(X, Y), np.exp(joint - total[:, None]), atol=1e-9)
    assert_array_equal(FIT.assign(X, Y), joint.argmax(axis=1))
    assert_allclose(FIT.predict_components(X), means)
    assert_allclose(FIT.predict(X), means @ FIT.weights_)
    assert_allclose(total.mean(), FIT.lower_bound_, rtol=1e-10)
    n_free = 1 + 2 * 4
    assert_allclose(FIT.bic(X, Y), n_free * np.log(len(X)) - 2.0 * total.sum())
    gap = 2.0 * (total - joint.max(axis=1)).sum()
    assert_allclose(FIT.icl(X, Y), FIT.bic(X, Y) + gap)


def test_the_lines_are_found():
    order = FIT.coef_[:, 0].argsort()
    assert_allclose(FIT.coef_[order], [[-1.0, 0.5], [2.0, 0.0]], atol=0.1)
    assert_allclose(FIT.intercept_[order], [15.0, 1.0], atol=0.6)
    assert_allclose(FIT.sigma_, 0.5, atol=0.1)
    assert (FIT.assign(X, Y) == order[FIRST.astype(int)]).mean() > 0.95


def test_no_half_step_lowers_the_objective():
    for flag in (True, False):
        fit = clone(FIT).set_params(acceleration=flag, n_init=1).fit(X, Y)
        history = fit.history_[fit.history_["accepted"]]
        plain = ~history["extrapolated"][1:]
        rise = history["free_energy"][1:] - history["objective"][:-1]
        assert rise[plain].min() >= -1e-12
        assert (history["objective"] - history["free_energy"]).min() >= -1e-12


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_one_component_is_least_squares(fit_intercept):
    weight = np.random.RandomState(1).randint(0, 3, size=len(X))
    fit = MixtureOfRegressions(1, fit_intercept=fit_intercept).fit(X, Y, sample_weight=weight)
    plain = LinearRegression(fit_intercept=fit_intercept).fit(X, Y, sample_weight=weight)
    assert_allclose(fit.coef_[0], plain.coef_, rtol=1e-8)
    assert_allclose(fit.intercept_[0], plain.intercept_, rtol=1e-8, atol=1e-12)
    assert_allclose(fit.predict(X), plain.predict(X))
    left = np.average((Y - plain.predict(X)) ** 2, weights=weight)
    assert_allclose(fit.sigma_[0] ** 2, left)


def test_weights_are_repeated_rows_in_any_order():
    rng = np.random.RandomState(3)
    weight = rng.randint(0, 3, size=len(X))
    index = rng.permutation(np.repeat(np.arange(len(X)), weight))
    one = clone(FIT).fit(X, Y, sample_weight=weight)
    two = clone(FIT).fit(X[index], Y[index])
    assert_allclose(one.coef_, two.coef_, atol=1e-5)
    assert_allclose(one.aic(X, Y, sample_weight=weight), two.aic(X[index], Y[index]))


@pytest.mark.parametrize("shift", [0.0, 1e5])
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_units_and_origin_do_not_matter(shift, scale):
    moved = clone(FIT).fit(X + shift, scale * Y - shift)
    assert_allclose(moved.coef_ / scale, FIT.coef_, atol=1e-4)
    assert_allclose(moved.sigma_ / scale, FIT.sigma_, rtol=1e-4)
    assert_allclose(moved.lower_bound_ + np.log(scale), FIT.lower_bound_, atol=1e-6)


def test_labels_and_frozen_weights_are_kept():
    labels = np.where(np.arange(len(X)) < 60, (~FIRST).astype(int), -1)
    fit = clone(FIT).fit(X, Y, labels=labels)
    assert_allclose(fit.coef_[0], [2.0, 0.0], atol=0.1)
    even = clone(FIT).set_params(frozen=("weights",)).fit(X, Y)
    assert_array_equal(even.weights_, [0.5, 0.5])
    n_free = [(f.aic(X, Y) + 2.0 * f.log_density(X, Y).sum()) / 2.0 for f in (even, FIT)]
    assert_allclose(n_free, [8.0, 9.0])


def test_samples_have_the_distribution():
    many = np.tile(X, (20, 1))
    y, labels = FIT.sample(many, random_state=0)
    assert_allclose(np.bincount(labels) / len(many), FIT.weights_, atol=0.03)
    again = clone(FIT).set_params(init_params=labels, n_init=1).fit(many, y)
    assert_allclose(again.coef_, FIT.coef_, atol=0.1)
    assert_array_equal(y, FIT.sample(many, random_state=0)[0])


def test_exact_lines_are_held_at_a_least_error_and_told():
    exact, y, _ = two_lines(error=0.0)
    with pytest.warns(ConvergenceWarning, match="do not vary in some direction: 0 and 1"):
        fit = MixtureOfRegressions(2, random_state=0).fit(exact, y)
    order = fit.coef_[:, 0].argsort()
    assert_allclose(fit.coef_[order], [[-1.0, 0.5], [2.0, 0.0]], atol=1e-3)
    assert_array_equal(fit.singular_components_, [0, 1])
    assert 0.0 < fit.sigma_.max() < 0.02


def test_one_exact_line_is_no_reason_to_warn():
    y = 3.0 * X[:, 0] - 1.0
    fit = MixtureOfRegressions(1).fit(X, y)
    assert_allclose(fit.predict(X), y, rtol=1e-6)
    assert fit.singular_components_.size == 0


def test_a_line_through_few_rows_does_not_win():
    """Three rows on a line have a likelihood beyond all bounds."""
    few, y, _ = two_lines(seed=4, n=40, error=1.5)
    fit = MixtureOfRegressions(3, n_init=30, random_state=0).fit(few, y)
    assert fit.n_collapsed_ > 0
    assert (fit.weights_ * 40).min() > 4.0
    assert fit.singular_components_.size == 0


def test_collinear_features_are_fitted():
    double = np.column_stack([X, X[:, 0] + X[:, 1]])
    fit = clone(FIT).fit(double, Y)
    assert_allclose(fit.lower_bound_, FIT.lower_bound_, atol=1e-6)
    assert np.isfinite(fit.coef_).all()


def test_residuals_and_products_tell_the_same():
    rows = standard_rows(np.column_stack([X, Y]), None, map, False)
    family = LinearFamily(Regressions.over(rows, True))
    params = Lines(
        np.array([0.3, 0.7]),
        np.array([[0.5, -0.2], [-0.3, 0.1]]),
        np.array([0.1, -0.4]),
        np.array([0.5, 2.0]),
    )
    model = mixture_of(family, rows)
    stats_ = model.e_step(params)
    resp = []
    look = Look(model.space.kernel(params), lambda block, joint, _: resp.append(joint.copy()))
    rows.total(look)
    joint = np.concatenate(resp, axis=1)
    q = np.exp(joint - logsumexp(joint, axis=0))
    assert_allclose(model.expected(stats_, params), (q * joint).sum(axis=0).mean(), rtol=1e-12)


def test_a_component_without_rows_keeps_its_line():
    rows = standard_rows(np.column_stack([X, Y]), None, map, False)
    model = mixture_of(LinearFamily(Regressions.over(rows, True)), rows)
    params = model.space.components.equal(2, rows)._replace(intercepts=np.array([0.0, 7.0]))
    one_hot = np.eye(2)[np.zeros(len(X), dtype=int)]
    found = model.m_step(model.space.statistics_at(params, lambda at: one_hot[at]), params)
    assert found.intercepts[1] == 7.0
    assert_array_equal(found.weights, [1.0, 0.0])


def test_bad_input_is_named():
    with pytest.raises(TypeError, match="fit_intercept must be True or False"):
        MixtureOfRegressions(fit_intercept=1).fit(X, Y)
    with pytest.raises(ValueError, match="decrease n_components"):
        MixtureOfRegressions(300).fit(X, Y)
    fit = clone(FIT).fit(X, Y)
    before = dict(vars(fit))
    with pytest.raises(ValueError, match="NaN"):
        fit.fit(X, np.where(FIRST, np.nan, Y))
    assert vars(fit) == before


def test_a_warm_start_goes_on_in_other_units():
    with pytest.warns(ConvergenceWarning):
        part = clone(FIT).set_params(max_iter=2, warm_start=True).fit(X, Y)
    first = part.lower_bound_
    part.set_params(max_iter=1000).fit(X, Y)
    assert_allclose(part.history_["objective"][0], first, rtol=1e-10)
    assert_allclose(part.lower_bound_, FIT.lower_bound_, atol=1e-9)
    part.fit(X[::2], Y[::2])
    assert_allclose(part.coef_, FIT.coef_, atol=0.2)
    with pytest.raises(ValueError, match="n_components, fit_intercept, or the features"):
        part.set_params(fit_intercept=False).fit(X, Y)


def test_annealing_leaves_where_lines_are_equal():
    equal = np.full((len(X), 2), 0.5)
    cooled = clone(FIT).set_params(init_params=equal, temperature=(3.0, 1.0)).fit(X, Y)
    assert_allclose(cooled.lower_bound_, FIT.lower_bound_, atol=1e-8)


def test_what_was_fitted_counts_in_criteria_whatever_is_set_since():
    fit = clone(FIT).set_params(fit_intercept=False).fit(X, Y)
    before = fit.bic(X, Y)
    assert fit.set_params(fit_intercept=True, frozen=("weights",)).bic(X, Y) == before
