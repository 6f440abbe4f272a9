"""What every estimator promises, whatever it fits."""

import copy
import gc
import pickle
import sys
import warnings
import weakref
from pathlib import Path

import numpy as np
import pytest
from common import FITTED, clusters, integer_weights, not_converged_allowed, singular_allowed
from estimators import GAPPED, MIXTURES, NORMALS, assert_same_mixture, made, parameters
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

import emix
from emix import (
    BayesianGaussianMixture,
    GaussianMixture,
    GaussianMixtureClassifier,
    GaussianMixtureImputer,
    GaussianMixtureOutlierDetector,
    GaussianMixtureRegressor,
    HardGaussianMixture,
    TwoNormalMixture,
)
from emix.constraints import Proportions

X = clusters(0, 160, 2, 2)
COLUMN = X[:, [0]]

# a maker and the rows that it is fitted to
ESTIMATORS = {
    "GaussianMixture": (lambda **given: GaussianMixture(2, random_state=0, **given), X),
    "BayesianGaussianMixture": (
        lambda **given: BayesianGaussianMixture(2, random_state=0, **given),
        X,
    ),
    "HardGaussianMixture": (lambda **given: HardGaussianMixture(2, random_state=0, **given), X),
    "TwoNormalMixture": (TwoNormalMixture, COLUMN),
}


@pytest.fixture(params=ESTIMATORS)
def case(request):
    """A maker of estimators, and rows."""
    return ESTIMATORS[request.param]


def fit_of(case, **given):
    make, rows = case
    with not_converged_allowed():
        return make(**given).fit(rows)


# --- criteria -------------------------------------------------------------------------------


@pytest.mark.parametrize("criterion", ["aic", "bic", "icl"])
def test_criteria_take_weights_as_repetitions(case, criterion):
    mixture, rows = fit_of(case), case[1]
    weight = integer_weights(0, len(rows))
    value = getattr(mixture, criterion)
    expected = value(np.repeat(rows, weight, axis=0))
    assert_allclose(value(rows, sample_weight=weight), expected, rtol=1e-12)
    assert_allclose(value(rows, sample_weight=np.full(len(rows), 1.0)), value(rows), rtol=1e-12)
    assert abs(value(rows) - expected) > 1.0
    with pytest.raises(ValueError, match="sample_weight"):
        value(rows, sample_weight=weight[1:])


@pytest.mark.parametrize("method", ["score", "aic", "bic", "icl"])
def test_rows_without_weight_do_not_count_wherever_they_lie(case, method):
    mixture, rows = fit_of(case), case[1]
    far = np.concatenate([rows, np.full((1, rows.shape[1]), 1e300)])
    weight = np.append(np.ones(len(rows)), 0.0)
    value = getattr(mixture, method)
    assert_allclose(value(far, sample_weight=weight), value(rows), rtol=1e-12)


@pytest.mark.parametrize("far", [1e150, 1e160, -1e300, 1.7e308])
def test_rows_without_weight_are_left_out_of_the_fit_wherever_they_lie(case, far):
    make, rows = case
    idle = np.array([[far], [-far]]) * np.ones(rows.shape[1])
    weight = integer_weights(1, len(rows)).astype(float) + 0.5
    expected = make().fit(rows, sample_weight=weight)
    found = make().fit(np.concatenate([rows, idle]), sample_weight=np.append(weight, [0.0, 0.0]))
    assert_allclose(found.means_, expected.means_, rtol=1e-10)
    assert_allclose(found.lower_bound_, expected.lower_bound_, rtol=1e-12)
    if hasattr(found, "inertia_"):
        assert_allclose(found.inertia_, expected.inertia_, rtol=1e-12)


def test_rows_without_weight_are_left_out_of_batches_and_blocks():
    idle = np.concatenate([X, np.full((9, 2), 1e300)])
    weight = np.append(np.ones(len(X)), np.zeros(9))
    for given in ({"algorithm": "incremental", "batch_size": 40}, {"m_step": "conditional"}):
        found = GaussianMixture(2, random_state=0, **given).fit(idle, sample_weight=weight)
        expected = GaussianMixture(2, random_state=0).fit(X)
        assert_allclose(found.lower_bound_, expected.lower_bound_, atol=2e-7)
    found = GaussianMixture(2, random_state=0).fit(X).partial_fit(idle, sample_weight=weight)
    expected = GaussianMixture(2, random_state=0).fit(X).partial_fit(X)
    assert_allclose(found.means_, expected.means_, rtol=1e-10)


def test_labelled_rows_without_weight_are_no_start():
    labels = np.append(np.full(len(X), -1), [0, 1])
    idle = np.concatenate([X, np.full((2, 2), 1.7e308)])
    weight = np.append(np.ones(len(X)), [0.0, 0.0])
    mixture = GaussianMixture(2, random_state=0).fit(idle, sample_weight=weight, labels=labels)
    expected = GaussianMixture(2, random_state=0).fit(X)
    assert_allclose(mixture.lower_bound_, expected.lower_bound_, rtol=1e-9)


# --- memory ---------------------------------------------------------------------------------


# the solver that proportions need holds itself, with what it calls, in older versions of SciPy
@pytest.mark.parametrize("name", [name for name in MIXTURES if name != "proportions"])
def test_rows_are_let_go_of_when_the_fit_ends(name):
    estimator, rows = made(name)
    rows = np.array(rows)
    known = weakref.ref(rows)
    gc.disable()
    try:
        with not_converged_allowed():
            estimator.fit(rows)
        del rows
        assert known() is None
    finally:
        gc.enable()


# --- interrupts -----------------------------------------------------------------------------


def interrupted(method, rows, estimator, at):
    """State after method(rows), interrupted at that line of the modules of estimators, and how many
    lines there were."""
    folders = (".", "_estimator", "_fitted", "_gaussian", "_input")
    package = Path(emix.__file__).parent
    files = {str(path) for each in folders for path in (package / each).glob("*.py")}
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        if frame.f_code.co_filename not in files:
            return None
        if event == "line":
            count += 1
            if count == at:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        getattr(estimator, method)(rows)
    except KeyboardInterrupt:
        assert at > 0
    finally:
        sys.settrace(before)
    return state_of(estimator), count


def state_of(estimator):
    return {name: pickle.dumps(value) for name, value in vars(estimator).items()}


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_an_interrupt_at_any_line_leaves_the_old_or_the_new_fit(case, method):
    fitted, further = fit_of(case, max_iter=3), case[1][:40] + 1.0
    if not hasattr(fitted, method):
        return
    old = state_of(copy.deepcopy(fitted))
    with not_converged_allowed():
        new, n_lines = interrupted(method, further, copy.deepcopy(fitted), 0)
        assert new != old
        # all of the lines after the climb, which take little time, and some of those before
        for at in [*range(1, n_lines - 60, 9), *range(max(1, n_lines - 60), n_lines + 1)]:
            now, _ = interrupted(method, further, copy.deepcopy(fitted), at)
            assert now in (old, new), at


# --- the objective --------------------------------------------------------------------------


def assert_ends_where_the_fit_is(mixture):
    bounds, history = np.array(mixture.lower_bounds_), mixture.history_
    assert bounds[-1] == mixture.lower_bound_
    assert (np.diff(bounds) >= 0.0).all()
    assert np.isin(bounds, history["objective"][history["accepted"]]).all()


def test_lower_bounds_end_in_lower_bound(case):
    assert_ends_where_the_fit_is(fit_of(case))
    for max_iter in (1, 2, 3, 5):
        assert_ends_where_the_fit_is(fit_of(case, max_iter=max_iter))


def test_lower_bounds_leave_out_points_that_were_tried_and_dropped():
    # a component gets the row of least value, which raises F, and cannot keep it: one row has
    # no covariance
    rows = np.array([[3.0, 1.0], [0.0, 2.0], [3.0, 2.0], [3.0, 0.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture = HardGaussianMixture(
            3, covariance_type="diag", init_params="random", random_state=0
        ).fit(rows)
    dropped = mixture.history_[~mixture.history_["accepted"]]
    assert dropped["objective"].max() > mixture.lower_bound_
    assert_ends_where_the_fit_is(mixture)


@pytest.mark.parametrize("given", [{"temperature": (4.0, 2.0, 1.0)}, {"algorithm": "incremental"}])
@pytest.mark.parametrize("max_iter", [1, 2, 30])
def test_lower_bounds_of_several_climbs_end_in_lower_bound(given, max_iter):
    with not_converged_allowed():
        mixture = GaussianMixture(2, random_state=0, max_iter=max_iter, **given).fit(X)
    assert mixture.lower_bounds_[-1] == mixture.lower_bound_
    assert len(mixture.lower_bounds_) == mixture.n_iter_


# --- parameters that change between fit and a method ----------------------------------------

READ = ["predict", "predict_proba", "score_samples", "score", "aic", "bic", "icl"]
# one component per feature, so that shapes do not tell 'tied' from 'diag'
CHANGED = [
    {"covariance_type": "diag"},
    {"covariance_type": "tied"},
    {"covariance_type": "tied_spherical"},
    {"covariance_type": "unknown"},
    {"n_components": 5},
    {"frozen": ("means",)},
    {"equal_variance": True},
]


@pytest.mark.parametrize("changed", CHANGED, ids=str)
@pytest.mark.parametrize("given", [{}, {"covariance_type": "diag"}, {"covariance_type": "tied"}])
def test_methods_use_what_was_fitted(case, given, changed):
    rows, parameters = case[1], case[0]().get_params()
    if not (given.keys() | changed.keys()) <= parameters.keys():
        return
    mixture = fit_of(case, **given)
    methods = [getattr(mixture, name) for name in READ]
    before = [method(rows) for method in methods]
    drawn = mixture.sample(50, random_state=0)
    mixture.set_params(**changed)
    for method, expected in zip(methods, before, strict=True):
        np.testing.assert_array_equal(method(rows), expected, err_msg=method.__name__)
    for now, expected in zip(mixture.sample(50, random_state=0), drawn, strict=True):
        np.testing.assert_array_equal(now, expected)


def test_factors_of_another_covariance_type_are_refused():
    mixture = GaussianMixture(2, covariance_type="diag")
    mixture.weights_, mixture.means_ = np.full(2, 0.5), np.zeros((2, 3))
    mixture.precisions_cholesky_ = np.repeat(np.eye(3)[None], 2, axis=0)
    mixture.n_features_in_ = 3
    with pytest.raises(ValueError, match=r"shape \(2, 3, 3\).*covariance_type"):
        mixture.score(np.zeros((4, 3)))


def test_warm_start_tells_tied_from_diag():
    mixture = GaussianMixture(2, covariance_type="tied", random_state=0, warm_start=True).fit(X)
    with pytest.raises(ValueError, match="warm_start"):
        mixture.set_params(covariance_type="diag").fit(X)


# --- parameters that exclude each other -----------------------------------------------------

START = {"weights_init": [0.5, 0.5], "means_init": X[:2], "precisions_init": [np.eye(2)] * 2}
LABELS = np.arange(len(X)) % 2


@pytest.mark.parametrize("make", [GaussianMixture, HardGaussianMixture])
def test_labels_beside_a_complete_start_are_refused(make):
    with pytest.raises(ValueError, match=r"init_params gives labels .* give the one or the other"):
        make(2, init_params=LABELS, **START).fit(X)


@pytest.mark.parametrize(
    ("make", "given", "named"),
    [
        (GaussianMixture, {"means_init": X[:2]}, "means_init"),
        (GaussianMixture, START, "means_init"),
        (HardGaussianMixture, {"means_init": X[:2]}, "means_init"),
        (BayesianGaussianMixture, {"init_params": LABELS}, "init_params"),
        (GaussianMixture, {"init_params": lambda X, k, rng: LABELS}, "init_params"),
    ],
)
def test_several_starts_where_one_is_given_are_warned_of(make, given, named):
    with pytest.warns(UserWarning, match=f"n_init=7 makes one start, as {named} says"):
        several = make(2, n_init=7, **given).fit(X)
    one = make(2, **given).fit(X)
    np.testing.assert_array_equal(several.means_, one.means_)


def test_a_warm_start_with_several_starts_is_no_contradiction():
    mixture = GaussianMixture(2, n_init=3, warm_start=True, random_state=0)
    mixture.fit(X).fit(X)
    assert mixture.converged_


# --- components without rows ----------------------------------------------------------------


@pytest.mark.parametrize("frozen", [(), ("weights",)])
@pytest.mark.parametrize("far", [[[500.0, 500.0]], [[500.0, 500.0], [-900.0, 0.0]]])
def test_empty_components_are_named_in_a_warning(frozen, far):
    start = np.concatenate([far, [[0.0, 0.0], [6.0, 6.0]]])
    mixture = GaussianMixture(len(start), means_init=start, frozen=frozen)
    named = r"Component 0 is empty" if len(far) == 1 else r"Components 0 and 1 are empty"
    with pytest.warns(ConvergenceWarning, match=named):
        mixture.fit(X)
    assert_allclose(mixture.means_[0], far[0])


@pytest.mark.parametrize("covariance_type", ["full", "tied"])
def test_a_component_whose_share_adds_nothing_to_one_is_empty(covariance_type):
    """Twenty standard deviations away it has 1e-66 of the rows, which is not zero."""
    rows = np.random.RandomState(0).normal(size=(200, 1))
    mixture = GaussianMixture(2, covariance_type=covariance_type, means_init=[[0.0], [20.0]])
    with pytest.warns(ConvergenceWarning, match="Component 1 is empty"):
        mixture.fit(rows)
    assert 0.0 < mixture.weights_[1] < 1e-60


def test_a_hard_component_that_stays_empty_is_named():
    rows = np.concatenate([np.zeros((30, 1)), np.ones((30, 1))]) + 0.01 * X[:60]
    start = [[0.0, 0.0], [1.0, 1.0], [50.0, 0.0]]
    mixture = HardGaussianMixture(3, means_init=start, frozen=("means",))
    with pytest.warns(ConvergenceWarning, match="Component 2 is empty"):
        mixture.fit(rows)
    assert (mixture.labels_ != 2).all()


def test_a_bayesian_mixture_may_empty_its_components():
    mixture = BayesianGaussianMixture(6, weight_concentration_prior=1e-3, random_state=0).fit(X)
    assert mixture.weights_.min() < 1e-4


def test_a_component_of_a_small_share_is_not_empty():
    """Ten standard deviations away it has 1e-13 of the rows: nothing is warned of."""
    rows, start = np.random.RandomState(0).normal(size=(200, 1)), [[0.0], [10.0]]
    mixture = GaussianMixture(2, covariance_type="tied", means_init=start).fit(rows)
    assert 1e-14 < mixture.weights_[1] < 1e-12


# --- floating-point errors ------------------------------------------------------------------

STRICT = {
    "plain": X,
    "far apart": np.concatenate([X, X[:40] + 1e3]),
    "outliers": np.concatenate([X, 1e3 * X[:9] + 1e6]),
    "tiny": 1e-100 * X,
    "huge": 1e100 * X,
    "rounded": np.round(X),
}
FAR = np.array([[1e300, -1e300], [1e-300, 0.0], [-1.7e308, 1.7e308], [1e30, 1e30]])


@pytest.mark.parametrize("problem", STRICT)
def test_nothing_raises_where_floating_point_errors_do(case, problem):
    d = case[1].shape[1]
    rows, weight = STRICT[problem][:, :d], integer_weights(0, len(STRICT[problem])) + 0.5
    questions = np.concatenate([rows[:20], FAR[:, :d]])
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("ignore", ConvergenceWarning)
        case[0]().fit(rows, sample_weight=weight)
        mixture = case[0]().fit(rows)
        for method in [*READ, "transform", "score_samples_plugin"]:
            if hasattr(mixture, method):
                assert not np.isnan(getattr(mixture, method)(questions)).any(), method
        mixture.sample(30, random_state=0)
        if hasattr(mixture, "partial_fit"):
            mixture.partial_fit(rows[:30], sample_weight=weight[:30])
        labels = case[0]().fit_predict(rows)
    assert labels.max() <= 1


@pytest.mark.parametrize(
    "given",
    [
        {"algorithm": "incremental", "batch_size": 40},
        {"m_step": "gradient", "max_iter": 30},
        {"temperature": 0.1},
        {"constraints": (Proportions(),)},
        {"reg_covar": 1e-3},
    ],
    ids=str,
)
def test_variants_raise_nothing_either(given):
    rows = np.concatenate([X, X[:40] + 1e3, 1e3 * X[:40] + 1e6])
    weight = integer_weights(0, len(rows)) + 0.5
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("ignore", ConvergenceWarning)
        for scale in (1.0, 1e-100):
            mixture = GaussianMixture(3, random_state=0, **given)
            mixture.fit(scale * rows, sample_weight=weight).predict_proba(scale * rows)


def test_distances_do_not_overflow_where_their_squares_do():
    hard = HardGaussianMixture(2, random_state=0).fit(X)
    assert_allclose(hard.transform([[1e300, -1e300]]), np.sqrt(2) * 1e300, rtol=1e-12)


# --- what is no part of the data ------------------------------------------------------------


@pytest.fixture(params=MIXTURES)
def mixture(request):
    """An estimator that is not fitted yet, and rows."""
    return made(request.param)


@pytest.fixture(params=NORMALS)
def normal(request):
    return made(request.param)


def fit(estimator, rows, **given):
    with not_converged_allowed():
        return clone(estimator).fit(rows, **given)


def test_integer_weights_are_repetitions(mixture):
    estimator, rows = mixture
    weight = integer_weights(1, len(rows))
    weighted = fit(estimator, rows, sample_weight=weight)
    repeated = fit(estimator, np.repeat(rows, weight, axis=0))
    assert_same_mixture(weighted, repeated, 1e-5)
    assert_allclose(weighted.lower_bound_, repeated.lower_bound_, rtol=1e-7)
    if hasattr(weighted, "labels_"):
        assert_array_equal(np.repeat(weighted.labels_, weight), repeated.labels_)


def test_rows_of_weight_zero_are_left_out(mixture):
    estimator, rows = mixture
    weight = np.where(np.arange(len(rows)) % 3, 1.5, 0.0)
    assert_same_mixture(
        fit(estimator, rows, sample_weight=weight),
        fit(estimator, rows[weight > 0.0], sample_weight=weight[weight > 0.0]),
        1e-7,
    )


def test_the_order_of_rows_is_nothing(mixture):
    estimator, rows = mixture
    order = np.random.RandomState(3).permutation(len(rows))
    assert_same_mixture(fit(estimator, rows), fit(estimator, rows[order]), 1e-5)


def test_the_unit_of_weights_is_nothing_but_for_priors(mixture):
    estimator, rows = mixture
    weight = np.random.RandomState(4).uniform(0.5, 2.0, size=len(rows))
    one = fit(estimator, rows, sample_weight=weight)
    other = fit(estimator, rows, sample_weight=3.0 * weight)
    if hasattr(one, "weight_concentration_prior_") or getattr(estimator, "prior", None):
        assert np.abs(one.covariances_ - other.covariances_).max() > 1e-6
    else:
        assert_allclose(other.weights_, one.weights_, atol=1e-5)
        assert_allclose(other.lower_bound_, one.lower_bound_, rtol=1e-8, atol=1e-9)


def test_units_and_origin_are_nothing(normal):
    estimator, rows = normal
    here, moved = fit(estimator, rows), 64.0 * rows + 100.0
    if getattr(estimator, "reg_covar", 0.0):
        estimator.set_params(reg_covar=64.0**2 * estimator.reg_covar)
    there = fit(estimator, moved)
    assert_allclose(there.means_, 64.0 * here.means_ + 100.0, rtol=1e-5)
    assert_allclose(there.predict_proba(moved), here.predict_proba(rows), atol=1e-5)
    left = ~np.isnan(rows)
    assert_allclose(
        there.score_samples(moved),
        here.score_samples(rows) - left.sum(axis=1) * np.log(64.0),
        rtol=1e-6,
        atol=1e-5,
    )
    assert_array_equal(there.predict(moved), here.predict(rows))


def test_float32_is_computed_as_its_float64_copy(normal):
    estimator, rows = normal
    rows = rows.astype(np.float32)
    single, double = fit(estimator, rows), fit(estimator, rows.astype(float))
    for name in {*FITTED, "scales_", "variances_"} & vars(single).keys():
        assert getattr(single, name).dtype == np.float32, name
        assert_array_equal(getattr(single, name), getattr(double, name).astype(np.float32))
    assert single.lower_bound_ == double.lower_bound_
    for name in ("score_samples", "predict_proba", "transform"):
        if hasattr(single, name):
            found = getattr(single, name)(rows)
            assert found.dtype == np.float32
            assert_allclose(found, getattr(double, name)(rows), rtol=1e-3, atol=1e-4)


def test_refits_and_clones_are_equal_and_change_no_parameter(mixture):
    estimator, rows = mixture
    before = {name: repr(value) for name, value in estimator.get_params().items()}
    one = fit(estimator, rows)
    assert not hasattr(clone(one), "weights_")
    again = fit(one, rows)
    assert_same_mixture(one, again, 0.0)
    assert {name: repr(value) for name, value in one.get_params().items()} == before
    assert_array_equal(clone(one).fit_predict(rows), one.predict(rows))


# --- refusals -------------------------------------------------------------------------------

NUMBERS = (-1e-3, np.nan, np.inf, "small", None, True)
FLAGS = ("yes", 1, None)
BAD = {
    "n_components": (0, -1, 2.0, "2", None, True),
    "covariance_type": ("elliptic", None, ["full"]),
    "tol": NUMBERS,
    "reg_covar": NUMBERS,
    "max_iter": (-1, 10.0, None, True),
    "n_init": (0, 1.5, "1"),
    "init_params": ("bad", None, 3, np.zeros(3, dtype=int)),
    "weights_init": ([0.5], [0.5, 0.6], [1.5, -0.5], "even"),
    "means_init": ([[0.0]], np.full((2, 2), np.nan)),
    "precisions_init": ([1.0], [-np.eye(2)] * 2),
    "scales_init": ([1.0], [-1.0, 1.0], "narrow"),
    "random_state": ("seed", -1, np.random.default_rng(0)),
    "warm_start": FLAGS,
    "verbose": (-1, "loud"),
    "verbose_interval": (0, 2.5),
    "acceleration": FLAGS,
    "frozen": ("weights", ("sizes",), 3),
    "temperature": (-1.0, "hot", None, np.inf),
    "prior": ("flat", 3),
    "constraints": (3, "even", ("even",)),
    "algorithm": ("online", None),
    "batch_size": (0, 2.5, 10),
    "m_step": ("newton", None),
    "step_exponent": (0.5, 1.1, "fast"),
    "step_offset": NUMBERS,
    "step_averaging": FLAGS,
    "weight_concentration_prior_type": ("gamma", None),
    "weight_concentration_prior": (0.0, -1.0, "weak"),
    "mean_precision_prior": (0.0, -1.0, 1e13),
    "mean_prior": ([0.0], [np.nan, 0.0]),
    "degrees_of_freedom": (0.0, "many", None),
    "degrees_of_freedom_prior": (0.0, 1.0, 1e10),
    "covariance_prior": ([1.0], -np.eye(2)),
    "equal_variance": FLAGS,
    "binarize": ("half", np.inf),
    "categories": ("found", [[0.0]]),
    "max_components": (0, 2.5, None, True),
    "shared_covariance": FLAGS,
    "priors": ([0.5, 0.6], [1.5, -0.5], "even", [[0.5, 0.5]], [0.2, 0.3, 0.5]),
    "unlabelled": ([0, 1], np.zeros(3)),
    "contamination": (0.0, 0.6, -0.1, np.nan, "few", None, True),
    "missing_values": ("none", None, True),
    "sample_posterior": FLAGS,
    "keep_empty_features": FLAGS,
    "add_indicator": FLAGS,
}
CLASSES = {type(made): name for name, (made, _) in reversed(list(MIXTURES.items()))}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_unusable_parameters_are_refused_by_name_and_the_fit_before_is_kept(kind):
    estimator, rows = made(CLASSES[kind])
    fitted, parameters = fit(estimator, rows), estimator.get_params()
    assert set(parameters) <= BAD.keys()
    before = state_of(fitted)
    for name, value in ((known, bad) for known in parameters for bad in BAD[known]):
        fitted.set_params(**{**parameters, name: value})
        with pytest.raises((ValueError, TypeError), match=name):
            fitted.fit(rows)
        fitted.set_params(**parameters)
        assert state_of(fitted) == before, (name, value)


# Estimators that fit mixtures of normals and use them.
SIDES = np.where(X[:, 0] > np.median(X[:, 0]), 1, 0)
DERIVED = {
    GaussianMixtureClassifier: (X, SIDES),
    GaussianMixtureRegressor: (X, X[:, 1] ** 2),
    GaussianMixtureOutlierDetector: (X, None),
    GaussianMixtureImputer: (GAPPED, None),
}
# wrong for some rows alone
WITH_DATA = {"priors": [0.2, 0.3, 0.5], "init_params": np.zeros(3, dtype=int)}


@pytest.mark.parametrize("kind", DERIVED, ids=lambda kind: kind.__name__)
def test_derived_estimators_refuse_by_name_and_keep_the_fit_before(kind):
    rows, y = DERIVED[kind]
    fitted = kind().fit(rows, y)
    parameters, before = fitted.get_params(), state_of(fitted)
    assert set(parameters) <= BAD.keys()
    for name, value in ((known, bad) for known in parameters for bad in BAD[known]):
        fitted.set_params(**{**parameters, name: value})
        with pytest.raises((ValueError, TypeError), match=name):
            fitted.fit(rows, y)
        fitted.set_params(**parameters)
        assert state_of(fitted) == before, (name, value)


class Untouched:
    """Rows that nobody looks at."""

    def __getattr__(self, name):
        raise AssertionError(f"the rows were asked for {name}")


@pytest.mark.parametrize("kind", DERIVED, ids=lambda kind: kind.__name__)
def test_derived_estimators_check_parameters_before_any_work(kind):
    for name in kind().get_params():
        for value in BAD[name]:
            if value is not None and np.array_equal(WITH_DATA.get(name), value):
                continue
            with pytest.raises((ValueError, TypeError), match=name):
                kind(**{name: value}).fit(Untouched(), Untouched())


def test_numbers_of_components_by_class_are_checked():
    for numbers in ({0: 1, 1: 0}, {0: 1, 1: 2.0}):
        with pytest.raises((ValueError, TypeError), match="n_components"):
            GaussianMixtureClassifier(numbers).fit(Untouched(), Untouched())
    with pytest.raises(ValueError, match="n_components has no number for class 1"):
        GaussianMixtureClassifier({0: 1}).fit(X, SIDES)


BAD_WEIGHTS = {
    "negative": lambda n: np.r_[-1.0, np.ones(n - 1)],
    "NaN": lambda n: np.r_[np.nan, np.ones(n - 1)],
    "infinite": lambda n: np.r_[np.inf, np.ones(n - 1)],
    "all zero": np.zeros,
    "too short": lambda n: np.ones(n - 1),
    "two-dimensional": lambda n: np.ones((n, 1)),
    "strings": lambda n: np.full(n, "a"),
    "complex": lambda n: np.ones(n) + 1j,
    "overflowing": lambda n: np.full(n, 1e308),
}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("problem", BAD_WEIGHTS)
def test_unusable_weights_are_refused_by_name(kind, problem):
    estimator, rows = made(CLASSES[kind])
    fitted, weight = fit(estimator, rows), BAD_WEIGHTS[problem](len(rows))
    before = state_of(fitted)
    for method in ("fit", "fit_predict", "score", "aic"):
        with np.errstate(over="ignore"), pytest.raises(ValueError, match="sample_weight"):
            getattr(fitted, method)(rows, sample_weight=weight)
    assert state_of(fitted) == before


BAD_ROWS = {
    "infinite": (lambda rows: np.vstack([rows, np.full(rows.shape[1], -np.inf)]), "infinity"),
    "no rows": (lambda rows: rows[:0], "0 sample"),
    "one row": (lambda rows: rows[:1], "1"),
    "one-dimensional": (lambda rows: rows[:, 0], "1D array"),
    "three-dimensional": (lambda rows: rows[None], "dim 3"),
    "strings": (lambda rows: np.full(rows.shape, "a"), "text"),
    "complex": (lambda rows: rows + 1j, "Complex"),
}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("problem", BAD_ROWS)
def test_unusable_rows_are_refused(kind, problem):
    estimator, rows = made(CLASSES[kind])
    change, message = BAD_ROWS[problem]
    fitted = fit(estimator, rows)
    before = state_of(fitted)
    for method in ("fit", "fit_predict", "predict", "predict_proba", "score_samples", "bic"):
        if problem != "one row" or method.startswith("fit"):
            with pytest.raises(ValueError, match=message):
                getattr(fitted, method)(change(rows))
    assert state_of(fitted) == before


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_rows_of_other_features_are_refused(kind):
    estimator, rows = made(CLASSES[kind])
    fitted = fit(estimator, rows)
    for name in ("predict", "predict_proba", "score_samples", "score", "bic"):
        with pytest.raises(ValueError, match=f"expecting {rows.shape[1]} features"):
            getattr(fitted, name)(np.hstack([rows, rows]))


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("n_samples", [0, -1, 2.5, "3"])
def test_unusable_numbers_of_samples_are_refused(kind, n_samples):
    fitted = fit(*made(CLASSES[kind]))
    with pytest.raises((ValueError, TypeError), match="n_samples"):
        fitted.sample(n_samples)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_a_failed_first_fit_leaves_no_attribute(kind):
    estimator, rows = made(CLASSES[kind])
    before = state_of(estimator)
    with pytest.raises(ValueError, match="infinity"):
        estimator.fit(np.vstack([rows, np.full(rows.shape[1], np.inf)]))
    assert state_of(estimator) == before


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_names_of_features_are_kept_checked_and_forgotten(kind, library):
    frames = pytest.importorskip(library)
    estimator, rows = made(CLASSES[kind])
    names = [f"feature {j}" for j in range(rows.shape[1])]
    table = frames.DataFrame(dict(zip(names, rows.T, strict=True)))
    named, plain = fit(estimator, table), fit(estimator, rows)
    assert_array_equal(named.feature_names_in_, names)
    assert_same_mixture(named, plain, 0.0)
    assert_array_equal(named.predict(table), plain.predict(rows))
    assert_array_equal(clone(estimator).fit_predict(table), plain.predict(rows))
    with pytest.raises(ValueError, match="feature names"):
        named.predict(table.rename({names[0]: "other"}, **AXIS[library]))
    with pytest.warns(UserWarning, match="feature names"):
        named.predict(rows)
    with not_converged_allowed():
        named.fit(rows)
    assert not hasattr(named, "feature_names_in_")


AXIS: dict = {"pandas": {"axis": 1}, "polars": {}}


def test_y_is_ignored(mixture):
    estimator, rows = mixture
    fitted, y = fit(estimator, rows), np.arange(len(rows)) % 2
    with not_converged_allowed():
        assert_same_mixture(clone(estimator).fit(rows, y), fitted, 0.0)
    assert fitted.score(rows, y) == fitted.score(rows)
    assert type(fitted.score(rows)) is float
    assert fitted.predict(rows).dtype == np.int64


def test_unfitted_estimators_say_so(mixture):
    estimator, rows = mixture
    for method in ("predict", "predict_proba", "score_samples", "score", "aic", "bic", "icl"):
        with pytest.raises(NotFittedError, match=type(estimator).__name__):
            getattr(estimator, method)(rows)
    with pytest.raises(NotFittedError, match=type(estimator).__name__):
        estimator.sample()


def test_warnings_are_about_the_line_that_asked_for_the_fit(mixture):
    estimator, rows = mixture
    estimator.set_params(tol=0.0, max_iter=1)
    for method in ("fit", "fit_predict"):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            getattr(estimator, method)(rows)
        assert [each.filename for each in caught] == [__file__] * len(caught)
        assert caught or hasattr(estimator, "labels_")


# --- unusual data ---------------------------------------------------------------------------

NOISE = np.random.RandomState(0)
UNUSUAL = {
    "identical rows": np.full((20, 2), 3.7),
    "two distinct rows": np.repeat([[0.0, 1.0], [5.0, -2.0]], 10, axis=0),
    "constant column": np.column_stack([NOISE.normal(size=60), np.full(60, 1e6)]),
    "equal columns": np.repeat(NOISE.normal(size=(60, 1)), 2, axis=1),
    "as many rows as components": NOISE.normal(size=(2, 2)),
    "far outlier": np.concatenate([NOISE.normal(size=(60, 2)), [[1e12, -1e12]]]),
    "integers": NOISE.randint(0, 3, size=(60, 2)).astype(float),
    "heavy tails": NOISE.standard_cauchy(size=(200, 2)),
    "huge": NOISE.normal(size=(60, 2)) * 1e100,
    "tiny": NOISE.normal(size=(60, 2)) * 1e-100,
}


# proportions cannot be held on all of these
@pytest.mark.parametrize("name", sorted(NORMALS.keys() - {"proportions"}))
@pytest.mark.parametrize("problem", UNUSUAL)
def test_fits_of_unusual_data_are_finite(name, problem):
    estimator, rows = made(name)
    rows = UNUSUAL[problem][:, : rows.shape[1]]
    with singular_allowed():
        fitted = clone(estimator).fit(rows)
    for name, value in parameters(fitted).items():
        # an information of values that are all equal is no number
        assert np.isfinite(value).all() or name.startswith(("information_", "null_")), name
    assert np.isfinite(fitted.score_samples(rows)).all()
    assert_allclose(fitted.predict_proba(rows).sum(axis=1), 1.0, rtol=1e-9)
