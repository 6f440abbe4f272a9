"""Arbitrary input: a finite, monotone fit that changes nothing, or an error that says why."""

import numpy as np
import pytest
from common import FITTED, STARTS, TYPES, clusters, fitted, singular_allowed
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

from emix import GaussianMixture

shapes = st.tuples(st.integers(2, 24), st.integers(1, 4))
ordinary = st.one_of(st.floats(-1e3, 1e3), st.sampled_from([0.0, 1.0, -2.5]))
extreme = st.floats(-1e140, 1e140)
MESSAGES = (
    "n_samples >= n_components",
    "ill-defined empirical covariance",  # all starts collapsed
    "outside the range of float",
)


@st.composite
def tables(draw, values=ordinary):
    """Finite X of any dtype and memory layout."""
    dtype = draw(st.sampled_from([np.float64, np.float32, np.int64]))
    X = draw(hnp.arrays(np.float64, draw(shapes), elements=values))
    with np.errstate(all="ignore"):
        X = np.clip(X, -1e30, 1e30).astype(dtype) if dtype == np.float32 else X
        X = np.clip(X, -1e15, 1e15).astype(dtype) if dtype == np.int64 else X
    return draw(layouts(X))


@st.composite
def layouts(draw, X):
    """The same entries in rows, in columns, reversed, or with gaps; perhaps read-only."""
    wide = np.zeros((2 * X.shape[0], 3 * X.shape[1]), dtype=X.dtype)
    wide[::2, ::3] = X
    layout = draw(
        st.sampled_from(
            [np.ascontiguousarray(X), np.asfortranarray(X), X[::-1, ::-1].copy()[::-1, ::-1]]
            + [wide[::2, ::3]]
        )
    )
    if draw(st.booleans()):
        layout = layout.view()
        layout.flags.writeable = False
    return layout


def refusal(estimator, X, sample_weight=None):
    """The message of the error with which a fit is refused, or None."""
    try:
        with singular_allowed():
            estimator.fit(X, sample_weight=sample_weight)
    except (ValueError, TypeError) as error:
        return str(error)
    return None


def check_fit(mixture, X):
    for name in FITTED:
        assert np.isfinite(getattr(mixture, name)).all(), name
    assert_allclose(mixture.weights_.sum(), 1.0, rtol=1e-6)
    bounds = np.array(mixture.lower_bounds_)
    assert np.isfinite(bounds).all()
    assert (np.diff(bounds) >= 0.0).all()
    proba = mixture.predict_proba(X)
    assert (proba >= 0.0).all()
    assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-5)
    assert_array_equal(mixture.predict(X), proba.argmax(axis=1))
    assert np.isfinite(mixture.score(X))


@given(
    X=st.one_of(tables(), tables(extreme)),
    n_components=st.integers(1, 4),
    covariance_type=st.sampled_from(TYPES),
    init_params=st.sampled_from(STARTS),
    reg_covar=st.sampled_from([0.0, 0.0, 1e-6, 1.0]),
)
def test_any_finite_table_is_fitted_or_refused(
    X, n_components, covariance_type, init_params, reg_covar
):
    before = X.copy()
    mixture = GaussianMixture(
        n_components,
        covariance_type=covariance_type,
        init_params=init_params,
        reg_covar=reg_covar,
        max_iter=50,
        random_state=0,
    )
    message = refusal(mixture, X)
    assert_array_equal(X, before)
    if message is None:
        check_fit(mixture, X)
    else:
        assert any(part in message for part in MESSAGES), message


@given(
    weight=st.one_of(
        hnp.arrays(np.float64, 30, elements=st.one_of(st.just(0.0), st.floats(1e-3, 1e3))),
        hnp.arrays(np.int64, 30, elements=st.integers(0, 5)),
        hnp.arrays(np.float64, 30),
        hnp.arrays(np.float32, st.integers(0, 31), elements=st.floats(0.0, 1.0, width=32)),
    ),
    covariance_type=st.sampled_from(TYPES),
)
def test_any_weights_are_used_or_refused(weight, covariance_type):
    X = clusters(0, 30, 2, 2)
    mixture = GaussianMixture(2, covariance_type=covariance_type, random_state=0, max_iter=30)
    message = refusal(mixture, X, weight)
    usable = weight.shape == (30,) and bool((weight >= 0).all()) and 0.0 < weight.sum() < np.inf
    if message is None:
        assert usable
        check_fit(mixture, X)
    else:
        assert ("sample_weight" in message) != usable
        assert "sample_weight" in message or any(part in message for part in MESSAGES)


@given(data=st.data(), covariance_type=st.sampled_from(TYPES))
def test_memory_layout_is_no_part_of_the_data(data, covariance_type):
    X = clusters(data.draw(st.integers(0, 99)), 60, 3, 2)
    options = {"covariance_type": covariance_type, "random_state": 0, "max_iter": 5}
    one = fitted(X, 2, **options)
    other = fitted(data.draw(layouts(X)), 2, **options)
    for name in FITTED:
        assert_array_equal(getattr(one, name), getattr(other, name))


@given(
    seed=st.integers(0, 999),
    shift=st.integers(-30, 30),
    exponent=st.integers(-40, 40),
    covariance_type=st.sampled_from(TYPES),
)
def test_units_and_origin_are_no_part_of_the_data(seed, shift, exponent, covariance_type):
    X = clusters(seed, 60, 2, 2)
    scale = 2.0**exponent
    options = {"covariance_type": covariance_type, "random_state": 0, "max_iter": 5}
    one = fitted(X, 2, **options)
    other = fitted((X + shift) * scale, 2, **options)
    assert_allclose(other.weights_, one.weights_, rtol=1e-7)
    assert_allclose(other.means_ / scale - shift, one.means_, atol=1e-7)
    assert_allclose(other.covariances_ / scale**2, one.covariances_, rtol=1e-6, atol=1e-7)


@given(
    seed=st.integers(0, 999),
    weight=hnp.arrays(np.int64, 40, elements=st.integers(1, 3)),
    covariance_type=st.sampled_from(TYPES),
)
def test_weights_are_repetitions_in_any_order(seed, weight, covariance_type):
    X = clusters(seed, 40, 2, 2)
    repeated = np.random.RandomState(seed).permutation(np.repeat(X, weight, axis=0))
    options = {"covariance_type": covariance_type, "random_state": 0, "max_iter": 5}
    one, other = fitted(X, 2, weight, **options), fitted(repeated, 2, **options)
    assert_allclose(other.means_, one.means_, atol=1e-7)
    assert_allclose(other.covariances_, one.covariances_, rtol=1e-6, atol=1e-7)


@given(
    X=hnp.arrays(np.float64, (7, 2), elements=st.floats(-1e150, 1e150)),
    covariance_type=st.sampled_from(TYPES),
)
def test_any_finite_row_is_scored(X, covariance_type):
    mixture = fitted(clusters(0, 60, 2, 2), 2, covariance_type=covariance_type, random_state=0)
    proba = mixture.predict_proba(X)
    assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-9)
    assert_array_equal(mixture.predict(X), proba.argmax(axis=1))
    assert not np.isnan(mixture.score_samples(X)).any()


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(),
    st.text(max_size=3),
    st.lists(st.floats(), max_size=3),
    st.just({}),
    st.just(np.array(2)),
    st.just(1j),
)
NUMBERS = ["n_components", "max_iter", "n_init", "tol", "reg_covar", "verbose_interval"]
OTHERS = ["covariance_type", "init_params", "warm_start", "acceleration", "frozen", "verbose"]
ARRAYS = ["weights_init", "means_init", "precisions_init"]


@pytest.mark.parametrize("name", NUMBERS + OTHERS + ARRAYS + ["random_state"])
@settings(max_examples=settings.default.max_examples // 2)
@given(value=anything)
def test_any_parameter_is_used_or_refused_by_name(name, value):
    X = clusters(0, 40, 2, 2)
    mixture = GaussianMixture(2, random_state=0).set_params(**{name: value})
    message = refusal(mixture, X)
    if message is None:
        assert np.isfinite(mixture.means_).all()
    else:
        assert name in message, message
    assert getattr(mixture, name) is value
