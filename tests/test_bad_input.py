"""Degenerate data and unusable input: a finite fit or an error that names the culprit."""

import numpy as np
import pytest
from common import (
    FITTED,
    STRUCTURES,
    TYPES,
    assert_same_state,
    clusters,
    convergence_warnings_allowed,
    fitted,
    initial_values,
    public_state,
    singular_allowed,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from emix import GaussianMixture, GaussianMixtureWithNoise, StudentMixture

RNG = np.random.RandomState(0)
GOOD = clusters(0, 120, 3, 3)


# --- degenerate data ------------------------------------------------------------------------


def collinear(n=60):
    t = RNG.normal(size=n)
    return np.column_stack([t, 2.0 * t, t - 3.0])


DEGENERATE = {
    "identical rows": np.full((20, 3), 3.7),
    "all zero": np.zeros((20, 2)),
    "two distinct rows": np.repeat([[0.0, 1.0], [5.0, -2.0]], 10, axis=0),
    "constant column": np.column_stack([RNG.normal(size=60), np.full(60, 1e6)]),
    "constant zero column": np.column_stack([RNG.normal(size=60), np.zeros(60)]),
    "nearly constant column": np.column_stack([RNG.normal(size=60), 1.0 + 1e-15 * RNG.rand(60)]),
    "collinear columns": collinear(),
    "equal columns": np.repeat(RNG.normal(size=(60, 1)), 3, axis=1),
    "n equals K": RNG.normal(size=(3, 2)),
    "n less than d": RNG.normal(size=(6, 10)),
    "far outlier": np.concatenate([RNG.normal(size=(60, 2)), [[1e12, -1e12]]]),
    "outlier at 1e150": np.concatenate([RNG.normal(size=(60, 2)), [[1e150, 0.0]]]),
    "integers": RNG.randint(0, 3, size=(60, 2)).astype(float),
    "heavy tails": RNG.standard_cauchy(size=(200, 2)),
    "huge": RNG.normal(size=(60, 2)) * 1e150,
    "tiny": RNG.normal(size=(60, 2)) * 1e-149,
}


# a component that collapses in units of 1e-149 has a precision that no float64 can hold
DOCUMENTED_ERRORS = {False: "ill-defined empirical covariance", True: "scale X"}


def assert_finite_and_monotone(mixture, X):
    for name in FITTED:
        assert np.isfinite(getattr(mixture, name)).all(), name
    assert np.isfinite(mixture.lower_bound_)
    assert np.isfinite(mixture.lower_bounds_).all()
    history = mixture.history_
    assert np.isfinite(history["log_likelihood"]).all()
    accepted = history["log_likelihood"][history["accepted"]]
    # singular covariances carry the rounding errors of 1e-15 / 1e-16 of the data's variance
    assert (np.diff(accepted) >= -1e-3 * np.abs(accepted[1:])).all()
    assert_allclose(mixture.weights_.sum(), 1.0, rtol=1e-12)
    assert np.isfinite(mixture.score_samples(X)).all()
    proba = mixture.predict_proba(X)
    assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-9)
    assert (proba >= 0.0).all()


def error_of(method, *arguments):
    """The message of the ValueError that a call raises, or None."""
    try:
        method(*arguments)
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize("problem", DEGENERATE)
@pytest.mark.parametrize("n_components", [1, 2, 3])
def test_degenerate_data_give_a_finite_fit_or_the_documented_error(
    problem, covariance_type, n_components
):
    X = DEGENERATE[problem]
    for start in ("kmeans", "random_from_data"):
        mixture = GaussianMixture(
            n_components, covariance_type=covariance_type, init_params=start, random_state=0
        )
        with singular_allowed():
            refusal = error_of(mixture.fit, X)
        if refusal is None:
            assert_finite_and_monotone(mixture, X)
        else:
            assert n_components > 1  # one component never collapses
            assert DOCUMENTED_ERRORS[problem == "tiny"] in refusal


@pytest.mark.parametrize("problem", DEGENERATE)
def test_one_component_is_mean_and_covariance(problem):
    X = DEGENERATE[problem]
    with singular_allowed():
        mixture = GaussianMixture(1).fit(X)
    scale = np.abs(X).max() + 1e-300
    assert_allclose(mixture.means_[0] / scale, (X / scale).mean(axis=0), rtol=1e-9, atol=1e-12)
    if np.linalg.matrix_rank(X - X.mean(axis=0), tol=1e-9 * scale) == X.shape[1]:
        expected = np.atleast_2d(np.cov((X / scale).T, bias=True))
        assert_allclose(mixture.covariances_[0] / scale / scale, expected, rtol=1e-8, atol=1e-13)


def test_components_on_equal_rows_are_an_answer(covariance_type):
    X = np.concatenate([np.zeros((10, 2)), np.full((10, 2), 5.0)])
    with convergence_warnings_allowed():
        mixture = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(X)
    assert mixture.singular_components_.all()
    assert_allclose(np.sort(mixture.means_[:, 0]), [0.0, 5.0], atol=1e-6)
    assert_finite_and_monotone(mixture, X)


def test_collapsed_starts_are_dropped_and_counted():
    X = np.random.RandomState(0).normal(size=(25, 1))
    options = {"init_params": "random_from_data", "random_state": 0}
    mixture = fitted(X, 3, n_init=20, **options)
    assert 0 < mixture.n_collapsed_ < 20
    assert mixture.covariances_.min() > 1e-4


@pytest.mark.parametrize("factor", [1e-165, 1e160])
def test_variances_out_of_range_are_an_error_that_says_so(factor):
    X = np.random.RandomState(0).normal(size=(60, 2)) * factor
    with pytest.raises(ValueError, match="scale X"):
        GaussianMixture(2, random_state=0).fit(X)


def test_healthy_fits_collapse_nowhere(covariance_type):
    mixture = fitted(GOOD, 3, covariance_type=covariance_type, n_init=5, random_state=0)
    assert mixture.n_collapsed_ == 0


def test_degenerate_fit_warns_and_stays_finite():
    X = np.concatenate([np.random.RandomState(0).normal(size=(40, 2)), np.zeros((8, 2))])
    X[40:, 0] = np.arange(8) + 20.0  # eight rows on a line, far away
    with pytest.warns(ConvergenceWarning, match="singular"):
        mixture = GaussianMixture(2, random_state=0).fit(X)
    assert_finite_and_monotone(mixture, X)


def test_a_climb_past_a_cautious_point_ends_at_a_sound_maximum():
    X = np.random.RandomState(0).normal(size=(200, 1))
    mixture = GaussianMixture(10, random_state=1).fit(X)
    assert mixture.n_collapsed_ > 0  # the first climb leads to a degenerate maximum
    assert mixture.converged_
    assert not mixture.singular_components_.any()


def test_a_fit_that_ends_before_a_degenerate_maximum_says_so():
    X = np.round(np.random.RandomState(1).normal(50, 15, size=(300, 1)) / 5) * 5
    with pytest.warns(ConvergenceWarning, match="no maximum") as caught:
        mixture = GaussianMixture(3, random_state=0).fit(X)
    assert len(caught) == 1
    assert mixture.stop_reason_.startswith("ended early")
    assert not mixture.converged_
    assert mixture.n_iter_ < mixture.max_iter


def test_warnings_name_constant_columns_of_the_rows_that_have_weight():
    X = np.random.RandomState(0).normal(size=(60, 3))
    weight = np.repeat([0.0, 1.0], [10, 50])
    X[10:, 1] = 3.0
    with pytest.warns(ConvergenceWarning, match=r"X does not vary in x1 = 3:"):
        GaussianMixture(2, random_state=0).fit(X, sample_weight=weight)


@pytest.mark.parametrize(
    ("weight", "size"), [(None, "20 row"), (np.full(60, 1e-5), "weight 0.0002")]
)
def test_warnings_count_rows_or_add_up_weights(weight, size):
    X = np.random.RandomState(0).normal(size=(60, 2))
    X[:20] = 0.0
    with pytest.warns(ConvergenceWarning, match=rf"component \d \({size}"):
        GaussianMixture(2, random_state=0).fit(X, sample_weight=weight)


def test_warnings_say_that_a_row_may_be_too_far_away():
    X = np.random.RandomState(0).normal(size=(60, 2))
    X[7] = 1e20
    with pytest.warns(ConvergenceWarning, match="1 of 2 directions only.*a row is so far away"):
        GaussianMixture(1).fit(X)


def test_reg_covar_makes_degenerate_data_healthy(covariance_type):
    X = np.repeat([[0.0, 1.0], [5.0, -2.0]], 10, axis=0)
    mixture = fitted(X, 2, covariance_type=covariance_type, reg_covar=0.1, random_state=0)
    assert_finite_and_monotone(mixture, X)
    assert_allclose(np.sort(mixture.means_[:, 0]), [0.0, 5.0], atol=1e-6)


# --- unusable X -----------------------------------------------------------------------------


def with_entry(value):
    X = GOOD.copy()
    X[5, 1] = value
    return X


BAD_X = {
    "infinite": (with_entry(np.inf), "infinity"),
    "negative infinite": (with_entry(-np.inf), "infinity"),
    "no rows": (np.empty((0, 3)), "0 sample"),
    "no features": (np.empty((10, 0)), "0 feature"),
    "one row": (GOOD[:1], "1"),
    "fewer rows than components": (GOOD[:2], "n_components = 3, n_samples = 2"),
    "one-dimensional": (GOOD[:, 0], "1D array"),
    "three-dimensional": (GOOD[None], "dim 3"),
    "strings": (np.full((20, 3), "a"), "columns 0, 1 and 2 have text"),
    "object strings": (np.full((20, 3), "a", dtype=object), "columns 0, 1 and 2 have text"),
    "complex": (GOOD + 1j, "Complex"),
}


@pytest.mark.parametrize("problem", BAD_X)
def test_unusable_data_are_refused_by_fit(problem):
    X, message = BAD_X[problem]
    with pytest.raises(ValueError, match=message):
        GaussianMixture(3).fit(X)


@pytest.mark.parametrize(
    "container", [sparse.csr_matrix, sparse.csr_array, sparse.coo_array, sparse.dok_array]
)
def test_sparse_data_are_refused(container):
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        GaussianMixture(2).fit(container(GOOD))


# --- unusable parameters --------------------------------------------------------------------


def bad_initial_values():
    identity = np.stack([np.eye(3)] * 2)
    return [
        ("weights_init", [0.5, 0.4], "normalized"),
        ("weights_init", [1.5, -0.5], r"range \[0, 1\]"),
        ("weights_init", [1.0], "shape"),
        ("weights_init", [[0.5, 0.5]], "shape"),
        ("weights_init", [np.nan, 1.0], "NaN"),
        ("weights_init", ["a", "b"], "numbers"),
        ("means_init", np.zeros((2, 2)), "shape"),
        ("means_init", np.zeros((3, 3)), "shape"),
        ("means_init", np.full((2, 3), np.inf), "infinity"),
        ("means_init", "centre", "shape|numbers"),
        ("means_init", np.zeros((2, 3)) + 1j, "[Cc]omplex"),
        ("precisions_init", np.eye(3), "shape"),
        ("precisions_init", -identity, "positive-definite"),
        ("precisions_init", np.zeros((2, 3, 3)), "positive-definite"),
        ("precisions_init", identity + np.triu(np.ones((3, 3)), 1), "symmetric"),
        ("precisions_init", np.full((2, 3, 3), np.nan), "NaN"),
    ]


@pytest.mark.parametrize(("name", "value", "message"), bad_initial_values())
def test_unusable_initial_values_are_refused_by_name(name, value, message):
    with pytest.raises(ValueError, match=f"{name}.*({message})"):
        GaussianMixture(2, **{name: value}).fit(GOOD)


@pytest.mark.parametrize("name", TYPES)
def test_precisions_of_another_structure_are_refused(name):
    structure = STRUCTURES[name]
    wrong = np.ones((*structure.shape(2, 3), 2))
    with pytest.raises(ValueError, match=r"precisions_init.*shape"):
        GaussianMixture(2, covariance_type=name, precisions_init=wrong).fit(GOOD)


@pytest.mark.parametrize("name", ["diag", "spherical", "tied_diag", "tied_spherical"])
def test_precisions_that_are_not_positive_are_refused(name):
    wrong = np.zeros(STRUCTURES[name].shape(2, 3))
    with pytest.raises(ValueError, match=r"precisions_init.*positive"):
        GaussianMixture(2, covariance_type=name, precisions_init=wrong).fit(GOOD)


def assignments():
    labels = np.arange(len(GOOD)) % 2
    resp = np.eye(2)[labels]
    return {
        "label out of range": (labels + 1, "labels"),
        "negative label": (labels - 1, "labels"),
        "labels that are not integers": (labels * 1.0, "labels"),
        "unused label": (labels * 0, "label 1"),
        "too few labels": (labels[:-1], "shape"),
        "too many columns": (np.eye(3)[labels], "shape"),
        "rows that do not add up": (resp * 0.9, "add up"),
        "negative": (resp * 3 - 1, "negative"),
        "NaN": (np.where(resp > 0, np.nan, 0), "finite"),
        "empty component": (np.eye(2)[labels * 0], "component"),
        "strings": (np.full((len(GOOD), 2), "a"), "numbers"),
    }


@pytest.mark.parametrize("problem", assignments())
@pytest.mark.parametrize("called", [False, True])
def test_unusable_assignments_are_refused_by_name(problem, called):
    value, message = assignments()[problem]
    init = (lambda X, n_components, random_state: value) if called else value
    with pytest.raises(ValueError, match=f"init_params.*{message}"):
        GaussianMixture(2, init_params=init).fit(GOOD)


# --- failures change nothing ----------------------------------------------------------------


def failing_refits():
    strings = np.full((20, 3), "a")
    pandas_like = GOOD[:, :2]
    return {
        "bad data": ({}, with_entry(np.inf)),
        "strings": ({}, strings),
        "bad parameter": ({"tol": -1.0}, pandas_like),
        "bad initial values": ({"means_init": np.zeros((5, 5))}, pandas_like),
    }


@pytest.mark.parametrize("problem", failing_refits())
def test_a_failed_refit_keeps_the_previous_fit(problem):
    pd = pytest.importorskip("pandas")
    mixture = fitted(pd.DataFrame(GOOD, columns=["a", "b", "c"]), 2, random_state=0)
    before, others = public_state(mixture), set(vars(mixture))
    parameters, X = failing_refits()[problem]
    mixture.set_params(**parameters)
    with pytest.raises(ValueError):  # noqa: PT011 - the messages have tests of their own
        mixture.fit(X)
    assert_same_state(before, public_state(mixture))
    assert set(vars(mixture)) == others
    assert_array_equal(mixture.feature_names_in_, ["a", "b", "c"])
    assert mixture.n_features_in_ == 3


def test_an_interrupted_refit_keeps_the_previous_fit():
    mixture = fitted(GOOD, 2, random_state=0)
    before = public_state(mixture)

    def interrupt(X, n_components, random_state):
        raise KeyboardInterrupt

    mixture.set_params(init_params=interrupt)
    with pytest.raises(KeyboardInterrupt):
        mixture.fit(GOOD[:, :2])
    assert_same_state(before, public_state(mixture))


def test_warm_start_with_another_number_of_components_is_refused():
    mixture = fitted(GOOD, 2, random_state=0, warm_start=True)
    before = public_state(mixture)
    mixture.set_params(n_components=3)
    with pytest.raises(ValueError, match=r"warm_start.*n_components"):
        mixture.fit(GOOD)
    assert_same_state(before, public_state(mixture))


def test_warm_start_with_another_covariance_type_is_refused():
    mixture = fitted(GOOD, 2, random_state=0, warm_start=True)
    mixture.set_params(covariance_type="diag")
    with pytest.raises(ValueError, match=r"warm_start.*covariance_type"):
        mixture.fit(GOOD)


# --- other dtypes ---------------------------------------------------------------------------

COUNTS = np.random.RandomState(1).poisson(4.0, size=(150, 3)) + np.repeat([[0], [6]], 75, axis=0)
BITS = np.random.RandomState(1).uniform(size=(150, 3)) < 0.5

OTHER_DTYPES = {
    "int64": COUNTS,
    "int8": COUNTS.astype(np.int8),
    "uint8": COUNTS.astype(np.uint8),
    "bool": BITS,
    "object": (COUNTS + 0.25).astype(object),
    "float16": COUNTS.astype(np.float16),
    "list": COUNTS.tolist(),
}
METHODS = ["predict", "score", "score_samples", "predict_proba", "aic", "bic", "icl"]


@pytest.mark.parametrize("kind", OTHER_DTYPES)
def test_other_dtypes_give_the_numbers_of_their_float64_copy(kind):
    X = OTHER_DTYPES[kind]
    copy = np.array(X, dtype=float)
    options = {"random_state": 0, "covariance_type": "diag", "reg_covar": 1e-3, "max_iter": 50}
    one, other = fitted(X, 2, **options), fitted(copy, 2, **options)
    for name in FITTED:
        assert getattr(one, name).dtype == np.float64
        assert_array_equal(getattr(one, name), getattr(other, name))
    for method in METHODS:
        assert_array_equal(getattr(one, method)(X), getattr(other, method)(copy))
    assert_array_equal(one.fit_predict(X), other.fit_predict(copy))


@pytest.mark.parametrize("kind", ["int64", "bool", "object"])
def test_a_model_of_floats_scores_other_dtypes_without_truncation(kind):
    X = OTHER_DTYPES[kind]
    options = {"covariance_type": "diag", "reg_covar": 0.01, "random_state": 0}
    mixture = fitted(np.array(X, dtype=float) + 0.3, 2, **options)
    for method in METHODS:
        expected = getattr(mixture, method)(np.array(X, dtype=float))
        assert_array_equal(getattr(mixture, method)(X), expected)


def test_initial_values_may_be_lists_and_integers():
    X = clusters(0, 100, 2, 2)
    initial = initial_values(0, "full", X, 2)
    lists = {name: value.tolist() for name, value in initial.items()}
    one, other = fitted(X, 2, **initial), fitted(X, 2, **lists)
    assert_array_equal(one.means_, other.means_)
    whole = fitted(X, 2, means_init=[[0, 0], [1, 1]], random_state=0)
    floats = fitted(X, 2, means_init=[[0.0, 0.0], [1.0, 1.0]], random_state=0)
    assert_array_equal(whole.means_, floats.means_)


def test_text_in_X_is_named():
    with pytest.raises(ValueError, match=r"X must hold numbers only: .*'red'.*[Ee]ncode"):
        GaussianMixture(2).fit(np.array([[1.0, "red"], [2.0, "blue"]], dtype=object))


def test_variances_out_of_range_of_float32_are_an_error_that_says_so():
    X = (np.random.RandomState(0).normal(size=(60, 2)) * 1e25).astype(np.float32)
    mixture = GaussianMixture(1)
    with pytest.raises(ValueError, match=r"float32.*float64"):
        mixture.fit(X)
    assert public_state(mixture) == {}
    assert np.isfinite(mixture.fit(X.astype(np.float64)).covariances_).all()


def test_the_warning_tells_what_is_left_to_gain():
    X = clusters(1, 400, 2, 3, 0.7)
    with pytest.warns(ConvergenceWarning, match=r"After 5 passes an estimated \S+ of mean"):
        GaussianMixture(3, max_iter=5, init_params="k-means++", random_state=0).fit(X)
    # from means that hardly differ the gains grow at first
    X = clusters(1, 400, 2, 3)
    together = X.mean(axis=0) + [[0.0, 0.0], [0.2, 0.0]]
    with pytest.warns(ConvergenceWarning, match="not known yet"):
        GaussianMixture(2, max_iter=3, means_init=together, acceleration=False).fit(X)


@pytest.mark.parametrize(
    "estimator",
    [
        GaussianMixture(2, random_state=0),
        StudentMixture(2, random_state=0),
        GaussianMixtureWithNoise(2, covariance_type="diag", random_state=0),
    ],
)
def test_values_whose_differences_no_number_holds_are_refused(estimator):
    rows = np.random.RandomState(0).normal(size=(60, 2))
    estimator.fit(rows)
    rows[:2] = [[-1.2e308, 0.0], [1.2e308, 0.0]]
    with pytest.raises(ValueError, match="Differences in X are outside the range"):
        estimator.fit(rows)
