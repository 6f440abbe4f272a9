"""Regression by a mixture: least squares, the joint density, and what units and weights do."""

import warnings

import numpy as np
import pytest
from common import TYPES, clusters, integer_weights
from scipy import stats
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.utils import get_tags

from emix import GaussianMixture, GaussianMixtureRegressor


def inverse_problem(n, seed=0):
    """x = y² + noise: two answers for every x; X (n, 1), y (n,)."""
    rng = np.random.RandomState(seed)
    y = rng.uniform(-1.0, 1.0, size=n)
    return (y**2 + 0.05 * rng.normal(size=n))[:, None], y


def table(seed=0, n=200, n_outputs=2):
    """Rows of four features, of which the last are outputs."""
    joint = clusters(seed, n, 4, 3)
    return joint[:, : 4 - n_outputs], joint[:, 4 - n_outputs :]


def test_one_component_is_least_squares():
    X, y = load_diabetes(return_X_y=True)
    expected = LinearRegression().fit(X, y)
    regressor = GaussianMixtureRegressor().fit(X, y)
    np.testing.assert_allclose(regressor.predict(X), expected.predict(X), rtol=1e-10)
    residual = np.sqrt(np.mean((y - expected.predict(X)) ** 2))
    std = regressor.predict(X, return_std=True)[1]
    np.testing.assert_allclose(std, residual, rtol=1e-10)
    expected_log = stats.norm(expected.predict(X), residual).logpdf(y)
    np.testing.assert_allclose(regressor.logpdf(X, y), expected_log, rtol=1e-9)


def test_one_component_is_weighted_least_squares_of_several_outputs():
    X, Y = table()
    weight = np.random.RandomState(0).uniform(0.1, 2.0, size=len(X))
    expected = LinearRegression().fit(X, Y, sample_weight=weight)
    regressor = GaussianMixtureRegressor().fit(X, Y, sample_weight=weight)
    np.testing.assert_allclose(regressor.predict(X), expected.predict(X), rtol=1e-10)
    mean, cov = regressor.predict(X, return_cov=True)
    residuals = Y - mean
    expected_cov = (residuals * weight[:, None]).T @ residuals / weight.sum()
    np.testing.assert_allclose(cov, np.broadcast_to(expected_cov, cov.shape), rtol=1e-9)


def test_an_unknown_input_of_one_component_leaves_least_squares_on_the_others():
    X, y = load_diabetes(return_X_y=True)
    regressor = GaussianMixtureRegressor().fit(X, y)
    kept = [0, 1, 2, 5, 8]
    holes = np.full_like(X, np.nan)
    holes[:, kept] = X[:, kept]
    expected = LinearRegression().fit(X[:, kept], y).predict(X[:, kept])
    np.testing.assert_allclose(regressor.predict(holes), expected, rtol=1e-9)
    nothing = np.full((1, X.shape[1]), np.nan)
    mean, std = regressor.predict(nothing, return_std=True)
    np.testing.assert_allclose([mean[0], std[0]], [y.mean(), y.std()], rtol=1e-10)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_predictions_are_those_of_the_joint_density(covariance_type):
    X, Y = table()
    regressor = GaussianMixtureRegressor(3, covariance_type=covariance_type, random_state=0).fit(
        X, Y
    )
    joint = GaussianMixture(3, covariance_type=covariance_type, random_state=0)
    joint.fit(np.column_stack([X, Y]))
    expected = joint.conditional([0, 1], X[:10])
    mean, cov = regressor.predict(X[:10], return_cov=True)
    np.testing.assert_allclose(mean, expected.mean)
    np.testing.assert_allclose(cov, expected.covariance)
    std = regressor.predict(X[:10], return_std=True)[1]
    np.testing.assert_allclose(std**2, np.diagonal(cov, axis1=1, axis2=2))
    whole = joint.score_samples(np.column_stack([X, Y]))
    parts = joint.marginal([0, 1]).score_samples(X) + regressor.logpdf(X, Y)
    np.testing.assert_allclose(parts, whole, rtol=1e-10)


def test_shapes_follow_the_shape_of_y():
    X, Y = table()
    for y, outputs in ((Y[:, 0], ()), (Y[:, :1], (1,)), (Y, (2,))):
        fit = GaussianMixtureRegressor(2, random_state=0).fit(X, y)
        assert fit.n_outputs_ == (outputs[0] if outputs else 1)
        assert fit.predict(X).shape == (200, *outputs)
        assert fit.predict(X, return_std=True)[1].shape == (200, *outputs)
        assert fit.predict(X, return_cov=True)[1].shape == (200, fit.n_outputs_, fit.n_outputs_)
        assert fit.quantile(X, 0.5).shape == (200, *outputs)
        assert fit.quantile(X, [0.1, 0.5, 0.9]).shape == (200, 3, *outputs)
        assert fit.sample_y(X, 7).shape == (200, *outputs, 7)
        assert fit.logpdf(X, y).shape == (200,)


def test_quantiles_and_draws_are_those_of_both_branches():
    X, y = inverse_problem(2000)
    regressor = GaussianMixtureRegressor(8, random_state=0).fit(X, y)
    at = np.array([[0.25]])
    mean, std = regressor.predict(at, return_std=True)
    assert abs(mean[0]) < 0.1
    assert std[0] == pytest.approx(0.5, abs=0.05)
    low, high = regressor.quantile(at, [0.25, 0.75])[0]
    assert low == pytest.approx(-0.5, abs=0.05)
    assert high == pytest.approx(0.5, abs=0.05)
    drawn = regressor.sample_y(at, 20_000)[0]
    np.testing.assert_allclose(
        np.quantile(drawn, [0.1, 0.25, 0.75, 0.9]),
        regressor.quantile(at, [0.1, 0.25, 0.75, 0.9])[0],
        atol=0.02,
    )
    np.testing.assert_array_equal(regressor.sample_y(at, 5), regressor.sample_y(at, 5))
    # the held-out rows lie in central intervals as often as these say
    X, y = inverse_problem(2000, seed=1)
    low, high = regressor.quantile(X, [0.1, 0.9]).T
    assert ((y > low) & (y < high)).mean() == pytest.approx(0.8, abs=0.03)


def test_several_components_beat_one_on_held_out_rows():
    X, y = inverse_problem(2000)
    held_out = inverse_problem(2000, seed=1)
    one = GaussianMixtureRegressor().fit(X, y)
    many = GaussianMixtureRegressor(8, random_state=0).fit(X, y)
    assert many.logpdf(*held_out).mean() > one.logpdf(*held_out).mean() + 0.5


def test_an_integer_weight_is_a_repetition():
    X, Y = table()
    weight = integer_weights(0, len(X))
    options = {"n_components": 2, "random_state": 0, "tol": 1e-12}
    weighted = GaussianMixtureRegressor(**options).fit(X, Y, sample_weight=weight)
    repeated = GaussianMixtureRegressor(**options).fit(
        np.repeat(X, weight, axis=0), np.repeat(Y, weight, axis=0)
    )
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-6)


def test_units_change_nothing_else():
    X, Y = table()
    regressor = GaussianMixtureRegressor(2, random_state=0).fit(X, Y)
    units, shift = np.array([1e-20, 1e20]), np.array([5e-20, -3e20])
    moved = GaussianMixtureRegressor(2, random_state=0).fit(X * units + shift, 1e10 * Y + 7.0)
    mean, std = regressor.predict(X, return_std=True)
    found, spread = moved.predict(X * units + shift, return_std=True)
    np.testing.assert_allclose((found - 7.0) / 1e10, mean, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(spread / 1e10, std, rtol=1e-6)


def test_far_away_predictions_are_finite():
    X, y = inverse_problem(500)
    regressor = GaussianMixtureRegressor(5, random_state=0).fit(X, y)
    for distance in (300.0, 1e6, 1e12):
        mean, std = regressor.predict([[distance], [-distance]], return_std=True)
        assert np.isfinite(mean).all()
        assert np.isfinite(std).all()
        assert (std > 0.0).all()


def test_it_can_be_searched():
    X, y = inverse_problem(300)
    search = GridSearchCV(
        GaussianMixtureRegressor(random_state=0), {"n_components": [1, 3]}, cv=3
    ).fit(X, y)
    assert search.best_params_["n_components"] in (1, 3)


@pytest.mark.skipif(
    not get_tags(GaussianMixture()).input_tags.allow_nan, reason="mixtures refuse NaN at fit"
)
def test_a_fit_takes_unknown_inputs():
    X, y = inverse_problem(2000)
    X = np.column_stack([X, np.random.RandomState(0).normal(size=len(X)) + y])
    holes = X.copy()
    holes[np.random.RandomState(1).uniform(size=X.shape) < 0.2] = np.nan
    whole = GaussianMixtureRegressor().fit(X, y)
    found = GaussianMixtureRegressor().fit(holes, y)
    np.testing.assert_allclose(found.predict(X[:50]), whole.predict(X[:50]), atol=0.1)
    assert np.isfinite(found.predict(holes)).all()


def test_bad_requests_are_refused():
    X, Y = table()
    regressor = GaussianMixtureRegressor(2, random_state=0).fit(X, Y)
    with pytest.raises(ValueError, match="At most one of return_std or return_cov"):
        regressor.predict(X, return_std=True, return_cov=True)
    with pytest.raises(ValueError, match="q must be between 0 and 1"):
        regressor.quantile(X, 1.5)
    with pytest.raises(ValueError, match="q must be a number or one-dimensional"):
        regressor.quantile(X, [[0.5]])
    with pytest.raises(ValueError, match="infinity"):
        regressor.predict([[np.inf, 0.0]])
    with pytest.raises(ValueError, match="Y must have the shape"):
        regressor.logpdf(X, Y[:, :1])


def test_a_failed_fit_leaves_the_estimator_as_it_was():
    X, Y = table()
    regressor = GaussianMixtureRegressor(2, random_state=0).fit(X, Y)
    before = regressor.predict(X)
    with pytest.raises(TypeError, match="n_components must be an integer"):
        regressor.set_params(n_components=0.5).fit(X[:, :1], Y)
    np.testing.assert_array_equal(regressor.predict(X), before)
    assert regressor.n_features_in_ == 2


def test_a_constant_input_is_harmless():
    X, y = inverse_problem(200)
    with_constant = np.column_stack([X, np.full(200, 3.0)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = GaussianMixtureRegressor(2, random_state=0).fit(X, y)
        other = GaussianMixtureRegressor(2, random_state=0).fit(with_constant, y)
    np.testing.assert_allclose(other.predict(with_constant), plain.predict(X), atol=1e-4)
