"""Singular data: what fits make of them, what they say, and what criteria of selection make."""

import warnings

import numpy as np
import pandas as pd
import pytest
from common import STRUCTURES, TYPES, clusters, convergence_warnings_allowed, fitted, rows_of
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from emix import BayesianGaussianMixture, GaussianMixture, HardGaussianMixture
from emix._fit.problem import Given, Problem
from emix._fit.runs import Observer, fit_mixture
from emix._mixture.missing import mixture_over

RNG = np.random.RandomState
OWN = pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])


def told(X, n_components, random_state=0, **parameters):
    """A fit, and the messages of its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mixture = GaussianMixture(n_components, random_state=random_state, **parameters).fit(X)
    assert all(each.category is ConvergenceWarning for each in caught)
    return mixture, [str(each.message) for each in caught]


# --- spikes ---------------------------------------------------------------------------------


@OWN
@pytest.mark.parametrize("jitter", [0.0, 1e-12])
def test_equal_rows_are_a_component(covariance_type, jitter):
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=100), 10.0 + jitter * rng.normal(size=10)][:, None]
    mixture, messages = told(X, 2, covariance_type=covariance_type)
    order = mixture.means_[:, 0].argsort()
    assert_allclose(mixture.weights_[order], [10 / 11, 1 / 11], rtol=1e-9)
    assert_allclose(mixture.means_[order[1]], 10.0, rtol=1e-9)
    assert_array_equal(mixture.singular_components_[order], [False, True])
    assert len(messages) == 1
    assert f"component {order[1]} (10 rows), x0 = 10." in messages[0]
    assert "1 component is singular" in messages[0]
    assert mixture.n_iter_ < 20


def test_a_spike_in_one_of_two_features_is_named():
    X = clusters(0, 100, 2, 1)
    X[:20, 1] = -3.5
    frame = pd.DataFrame(X, columns=["dose", "rain"])
    mixture, messages = told(frame, 2)
    k = int(mixture.singular_components_.argmax())
    assert len(messages) == 1
    assert f"component {k} (20 rows), 'rain' = -3.5." in messages[0]


@pytest.mark.parametrize(("n_far", "is_outlier"), [(1, True), (2, False), (10, False)])
def test_a_row_by_itself_is_sent_to_the_mixture_with_noise(n_far, is_outlier):
    X = np.r_[clusters(0, 100, 2, 1), np.full((n_far, 2), 1e6)]
    _, messages = told(X, 2)
    assert len(messages) == 1
    assert ("GaussianMixtureWithNoise" in messages[0]) == is_outlier


@pytest.mark.parametrize("seed", range(4))
def test_a_row_by_itself_is_told_of_whichever_component_it_is(seed):
    """Beside another component that is singular, on twenty equal rows."""
    X = np.r_[RNG(0).normal(size=(100, 1)), np.full((20, 1), 9.0), [[1e4]]]
    mixture, messages = told(X, 3, random_state=seed)
    assert mixture.singular_components_.sum() == 2
    assert len(messages) == 1
    assert "GaussianMixtureWithNoise" in messages[0]
    assert "(20 rows), x0 = 9" in messages[0]
    assert "(1 row), x0 = 10000" in messages[0]


@pytest.mark.parametrize("centre", [5.0, 0.3, -7.7])
def test_a_repeated_zero_is_told_as_zero(centre):
    """The mean of its component has rounding errors."""
    X = np.r_[RNG(0).normal(centre, 1.0, size=(100, 1)), np.zeros((30, 1))]
    _, messages = told(X, 2)
    assert " rows), x0 = 0." in messages[0]


def test_of_weighted_rows_the_weight_is_told():
    X = np.r_[RNG(0).normal(size=(100, 1)), np.full((20, 1), 9.0)]
    with pytest.warns(ConvergenceWarning, match=r"\(weight 10\), x0 = 9\."):
        GaussianMixture(2, random_state=0).fit(X, sample_weight=np.full(120, 0.5))


def test_a_direction_is_named_by_its_features():
    """Thirty rows on the line x0 = x1, apart from the others; x2 is free."""
    a = RNG(0).normal(size=(30, 1))
    line = np.c_[a, a, RNG(1).normal(size=30)] + [[20.0, 20.0, 0.0]]
    mixture, messages = told(np.r_[RNG(2).normal(size=(60, 3)), line], 2)
    k = int(mixture.singular_components_.argmax())
    assert mixture.singular_components_.sum() == 1
    assert len(messages) == 1
    assert f"component {k} (30 rows), a direction of x0, x1." in messages[0]


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_a_feature_that_is_free_in_a_direction_is_not_named(unit):
    """Also if it goes with one of those that are not, in the rows taken together; nor by chance,
    where rows lie on the direction up to the floor."""
    a = RNG(0).normal(size=(30, 1))
    line = np.c_[a, a, RNG(1).normal(size=30)] + [[20.0, 20.0, 0.0]]
    line[:, 1] += 3e-4 * RNG(4).normal(size=30)
    cloud = RNG(2).normal(size=(60, 3))
    cloud[:, 2] = 0.9 * cloud[:, 0] + 0.4 * cloud[:, 2]
    _, messages = told(np.r_[cloud, line] * [unit, 1.0, 1.0], 2)
    assert len(messages) == 1
    assert "(30 rows), a direction of x0, x1." in messages[0]


def test_a_feature_of_a_small_share_in_a_direction_is_named():
    """A thirtieth of the variance of x1 comes from x2; of free features it is nothing."""
    a, b = RNG(0).normal(size=(30, 1)), RNG(1).normal(size=(30, 1))
    line = np.c_[a, a + b / 30**0.5, b, RNG(3).normal(size=30)] + 20.0
    _, messages = told(np.r_[RNG(2).normal(size=(60, 4)), line], 2)
    assert len(messages) == 1
    assert "(30 rows), a direction of x0, x1, x2." in messages[0]


def test_all_directions_of_a_component_are_told():
    a, b = RNG(0).normal(size=(30, 1)), RNG(1).normal(size=(30, 1))
    plane = np.c_[a, a, b, b, RNG(3).normal(size=30)] + 20.0
    _, messages = told(np.r_[RNG(2).normal(size=(60, 5)), plane], 2)
    assert len(messages) == 1
    assert "(30 rows), a direction of x0, x1, x2 and 1 more." in messages[0]


def test_a_constant_column_takes_no_part_in_a_direction():
    a = RNG(0).normal(size=(30, 1))
    line = np.c_[a, a, RNG(1).normal(size=30)] + [[20.0, 20.0, 0.0]]
    X = np.c_[np.r_[RNG(2).normal(size=(60, 3)), line], np.full(90, 3.0)]
    _, messages = told(X, 2)
    assert len(messages) == 1
    assert messages[0].startswith("X does not vary in x3 = 3:")
    assert "(30 rows), a direction of x0, x1." in messages[0]


def test_a_feature_that_hardly_varies_beside_another_is_part_of_a_direction():
    """x1 has five thousandths of the slope of x0, and 25 times the variance of the floor."""
    X = RNG(1).normal(size=(100, 2))
    X[:20, 1] = 9.0 + 5e-3 * X[:20, 0]
    _, messages = told(X, 2, random_state=1)
    assert len(messages) == 1
    assert "(20 rows), a direction of x0, x1." in messages[0]


def test_directions_in_which_no_row_differs_are_not_told_of_a_component():
    z = RNG(0).normal(size=(80, 3))
    z[:20, 2] = 9.0
    _, messages = told(np.c_[z, z[:, 0] + z[:, 1]], 2)
    assert len(messages) == 1
    assert "vary in 3 of 4 directions only, as" in messages[0]
    assert "(20 rows), x2 = 9." in messages[0]


def test_a_constant_column_is_no_value_that_a_component_repeats():
    X = np.c_[RNG(0).normal(size=(80, 2)), np.full(80, 3.0)]
    X[:20, 1] = 9.0
    _, messages = told(X, 2)
    assert len(messages) == 1
    assert "(20 rows), x1 = 9." in messages[0]


def test_a_feature_of_one_value_is_not_named_again_as_part_of_a_direction():
    """Thirty rows on the line x0 = x1, all with x3 = -5."""
    a = RNG(0).normal(size=(30, 1))
    line = np.c_[a + 20.0, a + 20.0, RNG(1).normal(size=30), np.full(30, -5.0)]
    _, messages = told(np.r_[RNG(2).normal(size=(60, 4)), line], 2)
    assert len(messages) == 1
    assert "x3 = -5, a direction of " in messages[0]
    assert messages[0].count("x3") == 1
    assert " more" not in messages[0]


def test_a_common_covariance_that_is_singular_is_told_once():
    centres = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])
    X = np.repeat(centres, 30, axis=0) + RNG(0).normal(size=(90, 1))
    mixture, messages = told(
        X, 3, covariance_type="tied", means_init=centres, precisions_init=np.eye(2)
    )
    assert mixture.singular_components_.all()
    assert len(messages) == 1
    assert messages[0].startswith("The common covariance is singular, held at the least")
    assert "allowed: a direction of x0, x1." in messages[0]


def test_many_singular_components_are_counted():
    X = np.repeat(10.0 * RNG(0).normal(size=(12, 1)), 5, axis=0)
    with_noise = np.r_[X, RNG(1).normal(size=(60, 1)) - 80.0]
    mixture, messages = told(with_noise, 13)
    n_singular = mixture.singular_components_.sum()
    assert n_singular > 3
    assert len(messages) == 1
    assert f"; and {n_singular - 3} more." in messages[0]
    assert messages[0].count(" rows)") == 3


def test_many_flat_features_are_counted():
    X = RNG(0).normal(size=(80, 5))
    X[:20] = 9.0
    _, messages = told(X, 2)
    assert "x0 = 9, x1 = 9, x2 = 9, 2 more features." in messages[0]


@OWN
def test_dummy_columns_make_no_warning_but_an_attribute(covariance_type):
    """But for seeds from which all that is found leads to a component on too few rows."""
    dummies = RNG(0).randint(0, 2, size=(80, 2)).astype(float)
    X = np.c_[RNG(1).normal(size=(80, 2)), dummies]
    fits = [told(X, 4, covariance_type=covariance_type, random_state=seed) for seed in range(6)]
    quiet = [mixture for mixture, messages in fits if not messages]
    assert len(quiet) >= 4
    assert all(message.startswith("The fit is no max") for _, said in fits for message in said)
    # each has one category, but for one variance of all features
    singular = [mixture.singular_components_.any() for mixture in quiet]
    assert any(singular) == (covariance_type != "spherical")


@pytest.mark.parametrize(("n_values", "n_messages"), [(10, 0), (11, 1)])
def test_categories_are_at_most_ten_values(n_values, n_messages):
    x = np.repeat(np.arange(n_values) * 1.0, 20)
    X = np.c_[RNG(0).normal(size=len(x)), x]
    mixture, messages = told(X, n_values, covariance_type="diag", init_params=x.astype(int))
    assert mixture.singular_components_.any()
    assert len(messages) == n_messages


@pytest.mark.parametrize(("each", "n_messages"), [(5, 0), (4, 1)])
def test_categories_are_at_most_a_fifth_of_the_rows(each, n_messages):
    x = np.repeat(np.arange(4.0), each)
    X = np.c_[RNG(0).normal(size=len(x)), x]
    mixture, messages = told(X, 4, covariance_type="diag", init_params=x.astype(int))
    assert mixture.singular_components_.all()
    assert len(messages) == n_messages


def test_a_component_on_a_category_and_a_value_is_told():
    X = np.c_[np.repeat([0.0, 1.0], 50), RNG(0).normal(size=100)]
    X[:20, 1] = 9.0
    start = {"means_init": [[0.0, 9.0], [0.5, 0.0]], "precisions_init": [[100.0, 100.0], [1, 1]]}
    _, messages = told(X, 2, covariance_type="diag", **start)
    assert len(messages) == 1
    assert "(20 rows), x0 = 0, x1 = 9." in messages[0]


def test_reg_covar_says_nothing_of_the_floor():
    X = np.r_[RNG(0).normal(size=100), np.full(10, 10.0)][:, None]
    mixture, messages = told(X, 2, reg_covar=1e-4)
    assert messages == []
    assert not mixture.singular_components_.any()
    assert mixture.covariances_.min() == pytest.approx(1e-4)
    assert told(np.c_[X, np.full(110, 7.0)], 2, reg_covar=1e-4)[1] == []


# --- data of less than full rank ------------------------------------------------------------


def test_a_constant_column_is_named_once(covariance_type):
    X = pd.DataFrame(
        {"a": RNG(0).normal(size=50), "b": RNG(1).normal(size=50), "c": np.full(50, 1e8 / 3)}
    )
    mixture, messages = told(X, 2, covariance_type=covariance_type)
    if covariance_type.endswith("spherical"):  # its variance is of all features
        assert messages == []
        return
    about_data = [text for text in messages if "did not converge" not in text]
    assert len(about_data) == 1
    assert "X does not vary in 'c' = 3.33333e+07:" in about_data[0]
    assert "Leave such columns out." in about_data[0]
    assert not mixture.singular_components_.any()


@pytest.mark.parametrize("n_components", [1, 2])
def test_columns_that_depend_on_each_other_are_told_once(n_components):
    z = RNG(0).normal(size=(60, 2))
    X = np.c_[z, z @ [1.0, -2.0], np.full(60, 7.0)]
    mixture, messages = told(X, n_components)
    assert len(messages) == 1
    assert "vary in 2 of 4 directions only (x3 constant)" in messages[0]
    assert not mixture.singular_components_.any()


def test_fewer_rows_than_columns_are_told_once():
    X = RNG(0).normal(size=(6, 8))
    mixture, messages = told(X, 1)
    assert len(messages) == 1
    assert "the rows of X vary in 5 of 8 directions only, as columns depend" in messages[0]
    assert np.isfinite(mixture.score_samples(X)).all()


# --- no fit raises --------------------------------------------------------------------------


def nasty():
    rng = RNG(0)
    a = rng.normal(size=(40, 1))
    zeros = rng.normal(size=(80, 2))
    zeros[rng.uniform(size=(80, 2)) < 0.4] = 0.0
    return {
        "equal rows": np.full((6, 2), 3.0),
        "two rows": np.array([[0.0, 1.0], [2.0, 5.0]]),
        "three rows": np.array([[0.0, 1.0], [2.0, 5.0], [3.0, 1.0]]),
        "three distinct rows": np.repeat([[0.0, 1.0], [2.0, 5.0], [3.0, 1.0]], 4, axis=0),
        "wide": rng.normal(size=(5, 8)),
        "collinear": np.c_[a, 2.0 * a, -a],
        "constant": np.c_[a, np.full(40, 1e8 / 3)],
        "zeros": zeros,
        "far rows": np.r_[rng.normal(size=(40, 2)), [[1e9, 0.0]], [[0.0, 1e150]]],
        "dummies": np.c_[rng.normal(size=(50, 1)), rng.randint(0, 2, size=(50, 3))],
        "small integers": rng.randint(0, 3, size=(50, 2)).astype(float),
        "units": rng.normal(size=(50, 3)) * [1e-6, 1.0, 1e6],
        "half of them equal": np.r_[np.zeros((20, 2)), rng.normal(size=(20, 2))],
    }


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize(
    "Estimator", [GaussianMixture, HardGaussianMixture, BayesianGaussianMixture]
)
def test_fits_of_as_many_finite_rows_as_components_never_raise(Estimator, name):
    for case, X in nasty().items():
        for n_components in (1, min(3, len(X))):
            with convergence_warnings_allowed():
                mixture = Estimator(n_components, covariance_type=name, random_state=0)
                mixture.set_params(max_iter=60).fit(X)
            where = f"{case}, {n_components} components"
            for attribute in ("weights_", "means_", "covariances_", "precisions_"):
                assert np.isfinite(getattr(mixture, attribute)).all(), where
            assert np.isfinite(mixture.score_samples(X)).all(), where
            assert np.isfinite(mixture.bic(X)) if hasattr(mixture, "bic") else True, where
            if Estimator is GaussianMixture:
                accepted = mixture.history_["log_likelihood"][mixture.history_["accepted"]]
                assert (np.diff(accepted) >= -1e-9 * np.abs(accepted[1:])).all(), where


# --- healthy maxima are preferred -----------------------------------------------------------


def overlapping():
    """Two normals in one feature; acceleration runs from every start to a spike."""
    rng = np.random.default_rng(1)
    means = rng.normal(size=(2, 1)) * 2
    return means[rng.integers(2, size=300)] + rng.normal(size=(300, 1))


@pytest.mark.parametrize("options", [{}, {"tol": 1e-10}, {"n_init": 3}])
@pytest.mark.parametrize("seed", range(5))
def test_a_healthy_maximum_is_preferred_to_a_singular_one(options, seed):
    with convergence_warnings_allowed():  # the climb ends where it would lead to a spike
        mixture = fitted(overlapping(), 2, random_state=seed, **options)
    assert not mixture.singular_components_.any()
    assert mixture.lower_bound_ > -1.4415
    assert mixture.n_collapsed_ > 0


@pytest.mark.parametrize(
    ("options", "given_up"),
    [({"random_state": 2}, [False, True, True]), ({"n_init": 3}, [False, False, True])],
)
def test_climbs_to_a_spike_are_given_up(options, given_up):
    """But for the first of several that the user asks for, which has won short climbs."""
    with convergence_warnings_allowed():
        mixture = fitted(overlapping(), 2, **{"random_state": 0, **options})
    assert_array_equal(mixture.starts_["given_up"], given_up)
    if "n_init" not in options:  # at every eighth pass it is looked into; 29 lead to the end
        assert_array_equal(mixture.starts_["n_iter"][1:], 24)


def awkward(seed, kind):
    """Few rows: some equal, some far away, or all rounded."""
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(12, 160)), int(rng.choice([1, 1, 2, 2, 3]))
    X = rng.normal(size=(n, d))
    if kind == "equal":
        X[: int(rng.integers(2, n // 2))] = rng.normal(size=d) * 5
    elif kind == "far":
        X = np.r_[X, rng.normal(size=(int(rng.integers(1, 4)), d)) * 10 ** rng.uniform(1, 4)]
    else:
        X = (3.0 * X).round(0)
    return X


@pytest.mark.parametrize(
    ("seed", "kind", "covariance_type", "random_state", "height"),
    [
        # highest of all, and below a point on the way that careful steps got to
        (31, "equal", "diag", 0, -2.483),
        (2382, "far", "diag", 2, -1.3560),
    ],
)
def test_a_climb_given_up_is_taken_up_again_where_nothing_is_better(
    seed, kind, covariance_type, random_state, height
):
    options = {"covariance_type": covariance_type, "random_state": random_state}
    with convergence_warnings_allowed():
        mixture = fitted(awkward(seed, kind), 3, **options)
    assert len(mixture.starts_) > 1
    assert not mixture.starts_["given_up"][0]
    assert "callback" not in mixture.stop_reason_
    assert mixture.lower_bound_ > height


def test_a_climb_of_several_phases_is_taken_up_again_in_the_last():
    X, options = awkward(1565, "rounded"), {"covariance_type": "diag", "temperature": [2.0, 1.0]}
    with convergence_warnings_allowed():
        mixture = fitted(X, 4, random_state=2, **options)
        short = fitted(X, 4, random_state=2, max_iter=40, **options)
    assert mixture.starts_["given_up"].any()
    assert not mixture.starts_["given_up"][0]
    assert "callback" not in mixture.stop_reason_
    assert mixture.lower_bound_ == pytest.approx(mixture.score(X), abs=1e-9)
    assert mixture.n_iter_ > 40
    assert short.n_iter_ <= 40


def test_starts_that_are_tried_in_addition_are_given_up_too():
    """All of the way it is 75 passes more, to a component that is not sound."""
    with convergence_warnings_allowed():
        mixture = fitted(awkward(1875, "rounded"), 3, covariance_type="diag", random_state=0)
    assert mixture.starts_["sound"][0]
    assert_array_equal(mixture.starts_["sound"][1:], False)
    assert mixture.starts_["n_iter"].sum() < 70


def test_a_careful_climb_that_has_ended_is_not_gone_on_with():
    """The first of its two phases ends before thirty passes; climbing it again makes 18 more."""
    options = {"covariance_type": "spherical", "temperature": [2.0, 1.0], "random_state": 0}
    with convergence_warnings_allowed():
        mixture = fitted(awkward(1595, "rounded"), 2, **options)
    assert mixture.starts_["sound"][0]
    assert 60 < mixture.starts_["n_iter"].sum() < 85


def test_a_climb_from_an_unsound_start_is_not_interrupted():
    """There is nothing else to try: a monitor sees one climb from its begin to its end."""
    events = []

    class Events(Observer):
        def begin_init(self, index):
            events.append("begin")

        def watcher(self, model, earlier):
            return lambda climb: events.append("pass")

        def end_init(self, model, result):
            events.append("end")

    X = awkward(32, "far")
    problem = Problem(
        n_components=3,
        structure=STRUCTURES["diag"],
        solve=fit_mixture,
        model=mixture_over,
        given=Given(),
        start="kmeans",
        reg_covar=0.0,
        tol=1e-7,
        max_iter=200,
        n_init=1,
        accelerate=True,
        searches=True,
    )
    fit_mixture(rows_of(X), problem, RNG(2), Events())
    assert events.count("pass") > 8
    assert events[0] == "begin"
    assert events.index("end") == len(events) - 1


def test_a_careful_climb_goes_on_to_the_maximum_that_lies_ahead():
    """Thirty passes of plain EM end 0.013 nats per row below it."""
    rng = np.random.default_rng(174)
    means = 2.0 * rng.normal(size=(2, 1))
    X = means[rng.integers(2, size=120)] + rng.normal(size=(120, 1))
    mixture = fitted(X, 2, random_state=0)
    plain = fitted(X, 2, random_state=0, acceleration=False, max_iter=2000)
    assert mixture.n_collapsed_ > 0
    assert mixture.starts_["sound"][0]
    assert mixture.converged_
    assert mixture.lower_bound_ > plain.lower_bound_ - 1e-3


@pytest.mark.parametrize(("start", "n", "draw"), [("kmeans", 80, 0), ("random_from_data", 80, 3)])
def test_other_starts_are_tried_where_none_is_healthy(start, n, draw):
    X = np.random.default_rng(draw).normal(size=(n, 2))
    fits = [fitted(X, 3, init_params=start, random_state=seed) for seed in range(6)]
    assert not any(mixture.singular_components_.any() for mixture in fits)
    assert any(mixture.n_collapsed_ for mixture in fits)


def test_labels_that_give_a_component_too_few_rows_lead_to_sound_ones():
    """Two rows lie on a line: their component begins with the covariance of all rows about their
    means. With that of the line no seed leads to a sound maximum."""
    found = []
    for seed in range(8):
        X, labels = clusters(seed, 60, 2, 3), np.random.RandomState(seed).randint(0, 2, size=60)
        labels[:2] = 2
        with convergence_warnings_allowed():
            mixture = GaussianMixture(3, init_params=labels).fit(X)
        found.append(mixture.starts_["sound"][0])
    assert np.mean(found) > 0.8


@pytest.mark.parametrize(("n", "n_starts"), [(8, 1), (12, 2)])
def test_one_start_more_is_tried_where_none_is_healthy(n, n_starts):
    """Not of so few rows that none can be: three components need four each."""
    X = np.r_[RNG(0).normal(size=(n - 1, 2)), [[9.0, 9.0]]]
    with convergence_warnings_allowed():
        mixture = fitted(X, 3, random_state=0)
    assert not mixture.starts_["sound"].any()
    assert len(mixture.starts_) == n_starts


@pytest.mark.parametrize("deviation", [1e-2, 1e-3, 1e-5])
@pytest.mark.parametrize("seed", range(3))
def test_a_narrow_cluster_of_many_rows_is_found(deviation, seed):
    """Also where the floor holds it: its rows are different, and far more than beside them."""
    rng = np.random.RandomState(0)
    centres = [[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]]
    wide = [rng.normal(size=(200, 2)) + centre for centre in centres]
    X = np.r_[(*wide, deviation * rng.normal(size=(80, 2)) + 3.0)]
    with convergence_warnings_allowed():
        mixture = fitted(X, 4, random_state=seed)
    narrow = mixture.weights_.argmin()
    assert mixture.weights_[narrow] == pytest.approx(80 / 680, rel=1e-2)
    assert_allclose(mixture.means_[narrow], 3.0, atol=3 * deviation)
    assert mixture.singular_components_[narrow] == (deviation < 1e-2)


# --- selection ------------------------------------------------------------------------------


def three_groups(seed=0, n=600):
    centres = np.repeat([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]], n // 3, axis=0)
    return RNG(seed).normal(size=(n, 2)) + centres


def zero_inflated():
    x = RNG(0).normal(5.0, 1.0, size=(300, 1))
    x[RNG(1).uniform(size=300) < 0.3] = 0.0
    return x


SWEEPS = {
    "one cloud, few rows": (RNG(0).normal(size=(120, 12)), (1, 2, 5, 20), 1),
    "three groups": (three_groups(), (1, 2, 3, 4, 5), 3),
    "three groups, rounded": (three_groups().round(0), (1, 2, 3, 4, 5), 3),
    "three groups, some rows twice": (
        np.r_[three_groups(), three_groups()[::5]],
        (1, 2, 3, 4, 5),
        3,
    ),
    "rounded": (RNG(0).normal(5.0, 1.0, size=(300, 1)).round(0), (1, 2, 3, 4), 1),
    "zeros": (zero_inflated(), (1, 2, 3, 4), 2),
    "dummies": (
        np.c_[RNG(0).normal(size=(200, 2)), RNG(1).randint(0, 2, size=(200, 2))],
        (1, 2, 3, 4),
        1,
    ),
}


@pytest.mark.parametrize("problem", SWEEPS)
@pytest.mark.parametrize("name", ["full", "diag"])
def test_criteria_choose_the_number_of_components(problem, name):
    X, numbers, right = SWEEPS[problem]
    with convergence_warnings_allowed():
        fits = [GaussianMixture(k, covariance_type=name, random_state=0).fit(X) for k in numbers]
    for criterion in ("bic", "icl"):
        values = [getattr(fit, criterion)(X) for fit in fits]
        assert np.isfinite(values).all()
        assert numbers[int(np.argmin(values))] == right


@pytest.mark.parametrize("criterion", ["aic", "bic", "icl"])
def test_criteria_take_spurious_heights_off(criterion):
    """Ten rows that hardly differ, but are no spike: they count as if of the local scale."""
    rng = RNG(0)
    X = np.r_[rng.normal(size=100), 10.0 + 1e-5 * rng.normal(size=10)][:, None]
    with convergence_warnings_allowed():
        mixture = GaussianMixture(2, random_state=0).fit(X)
    k = int(mixture.means_[:, 0].argmax())
    assert mixture.singular_components_[k]
    height = mixture._spurious_heights[k]
    assert height == pytest.approx(-0.5 * np.log(1e-6), rel=1e-6)
    found = getattr(mixture, criterion)(X)
    mixture._spurious_heights = np.zeros(2)
    assert found - getattr(mixture, criterion)(X) == pytest.approx(2.0 * 10 * height, rel=1e-9)


def test_the_height_of_a_spike_stays():
    X = np.r_[RNG(0).normal(size=100), np.full(10, 10.0)][:, None]
    mixture, _ = told(X, 2)
    assert_array_equal(mixture._spurious_heights, 0.0)
    assert mixture.bic(X) == pytest.approx(-220.0 * mixture.score(X) + 5 * np.log(110))


def test_criteria_of_parameters_set_by_hand_are_plain():
    X = clusters(0, 100, 2, 2)
    whole = fitted(X, 2, random_state=0)
    mixture = GaussianMixture(2)
    for name in ("weights_", "means_", "precisions_cholesky_"):
        setattr(mixture, name, getattr(whole, name))
    assert mixture.bic(X) == pytest.approx(whole.bic(X))


def test_what_there_is_to_say_is_one_warning():
    _, messages = told(np.full((40, 1), 3.7), 2)
    assert len(messages) == 1
    assert "is empty" in messages[0]
    assert "X does not vary in x0 = 3.7" in messages[0]
