"""Input that is no table of numbers is refused in words that name it; messages stay short."""

import datetime
import pathlib

import numpy as np
import pandas as pd
import polars
import pytest
from sklearn.preprocessing import OrdinalEncoder

from emix import (
    BayesianGaussianMixture,
    CategoricalMixture,
    GaussianMixture,
    HardGaussianMixture,
    TwoNormalMixture,
    kmeans_limit,
)
from emix.constraints import Allowed, Expectation, Proportions
from emix.priors import ConjugatePrior

X = np.random.RandomState(0).normal(size=(60, 2))
DAYS = np.datetime64("2020-01-01") + np.arange(60).astype("m8[D]")
MASKED = np.ma.masked_greater(X, 1.0)

UNREADABLE = {
    "path as text": ("data.csv", TypeError, "text or path 'data.csv': read the file"),
    "path": (pathlib.Path("data.csv"), TypeError, "data.csv.*read the file"),
    "generator": ((row for row in X), TypeError, "a generator, which can be read only once"),
    "map": (map(list, X), TypeError, "a map, which can be read only once"),
    "dictionary": ({"a": X[:, 0]}, TypeError, r"a dict.*pandas.DataFrame"),
    "set": ({1.0, 2.0}, TypeError, "a set"),
    "dates": (np.column_stack([DAYS, DAYS]), TypeError, "columns 0 and 1 have dates"),
    "durations": (np.column_stack([DAYS - DAYS[0]] * 2), TypeError, "have dates, times or dur"),
    "frame with dates": (
        pd.DataFrame({"a": X[:, 0], "day": DAYS}),
        TypeError,
        "column 'day' has dates",
    ),
    "frame of zoned times": (
        pd.DataFrame({"t": pd.to_datetime(DAYS).tz_localize("UTC")}),
        TypeError,
        "column 't' has dates",
    ),
    "polars with dates": (
        polars.DataFrame({"a": X[:, 0], "day": [datetime.date(2020, 1, 1)] * 60}),
        TypeError,
        "column 'day' has dates",
    ),
    "frame with text": (
        pd.DataFrame({"a": X[:, 0], "species": ["setosa"] * 60}),
        ValueError,
        "column 'species' has text, 'setosa' in row 0",
    ),
    "frame with categories": (
        pd.DataFrame({"a": X[:, 0], "species": pd.Categorical(["x", "y"] * 30)}),
        ValueError,
        "column 'species' has text, 'x' in row 0",
    ),
    "text in one row": (
        np.array([[1.0, 2.0]] * 7 + [[1.0, "none"]], dtype=object),
        ValueError,
        "column 1 has text, 'none' in row 7",
    ),
    "array of text": (np.full((60, 2), "abc"), ValueError, "columns 0 and 1 have text, 'abc'"),
    "dates as objects": (
        np.full((9, 1), datetime.date(2020, 1, 1), dtype=object),
        TypeError,
        "column 0 has date objects",
    ),
    "rows of two lengths": (
        [[1.0, 2.0]] * 9 + [[1.0]],
        ValueError,
        "row 0 has 2 entries, row 9 has 1",
    ),
    "lists in rows": ([[1.0, 2.0], [1.0, [2.0]]], ValueError, "some of its entries are lists"),
    "one dimension": (np.arange(60.0), ValueError, r"Expected 2D array, got 1D array instead\. R"),
    "a gap": (
        pd.DataFrame({"a": X[:, 0], "b": np.where(np.arange(60) % 9 == 5, np.nan, 1.0)}),
        ValueError,
        "Input X contains NaN. Column 'b' has it in 7 rows, the first is row 5: leave",
    ),
    "an infinity": (
        np.where(np.arange(120).reshape(60, 2) == 41, -np.inf, 0.0),
        ValueError,
        "contains infinity.* Column 1 has it in one row, the first is row 20",
    ),
    "complex numbers": (
        np.full((500, 2), 1j),
        ValueError,
        r"Complex data not supported: X must hold real numbers.*X\.real, X\.imag",
    ),
    "nothing": (None, TypeError, "X must be an array, got None"),
    "masked": (MASKED, TypeError, r"masked array with \d+ masked .*X.filled\(value\)"),
}


# What is missing is left out of the likelihood, where an estimator has a rule for it.
MISSING = ("a gap", "masked")
REFUSED = [
    (make, problem)
    for make in (GaussianMixture, HardGaussianMixture, BayesianGaussianMixture)
    for problem in UNREADABLE
    if problem not in MISSING
]


@pytest.mark.parametrize(("make", "problem"), REFUSED)
def test_fit_refuses_what_is_no_table_of_numbers(problem, make):
    given, error, message = UNREADABLE[problem]
    with pytest.raises(error, match=message) as caught:
        make().fit(given)
    assert len(str(caught.value)) < 400
    assert "OneHotEncoder" not in str(caught.value)


def test_text_is_sent_to_the_mixture_of_categories_and_can_be_fitted_by_it():
    answers = np.array([["yes", "no"], ["no", "yes"]] * 20)
    with pytest.raises(ValueError, match=r"CategoricalMixture.*OrdinalEncoder"):
        CategoricalMixture(2, random_state=0).fit(answers)
    encoded = OrdinalEncoder().fit_transform(answers)
    assert CategoricalMixture(2, random_state=0).fit(encoded).converged_


@pytest.mark.parametrize(("value", "said"), [(np.nan, "nan in row 3"), (-2.0, "got -2 in row 3")])
def test_a_bad_weight_is_named_with_its_row(value, said):
    weight = np.ones(60)
    weight[3] = value
    with pytest.raises(ValueError, match=said):
        GaussianMixture(2).fit(X, sample_weight=weight)


@pytest.mark.parametrize("problem", MISSING)
def test_an_estimator_without_a_rule_says_where_values_are_missing(problem):
    given, error, message = UNREADABLE[problem]
    given = given[["b"]] if problem == "a gap" else given[:, [0]]
    with pytest.raises(error, match=message):
        TwoNormalMixture().fit(given)


@pytest.mark.parametrize("method", ["predict", "score", "partial_fit", "bic"])
@pytest.mark.parametrize("problem", ["path as text", "dates"])
def test_methods_refuse_it_too(problem, method):
    given, error, message = UNREADABLE[problem]
    mixture = GaussianMixture(2, random_state=0).fit(X)
    with pytest.raises(error, match=message):
        getattr(mixture, method)(given)


def hidden(values):
    return np.ma.array(values, mask=np.arange(np.size(values)).reshape(np.shape(values)) == 0)


PRIOR = ConjugatePrior(covariance=hidden(np.eye(2)))
MASKED_INPUT = {
    "sample_weight": lambda: GaussianMixture(2).fit(X, sample_weight=hidden(np.ones(60))),
    "labels": lambda: GaussianMixture(2).fit(X, labels=hidden(np.arange(60) % 2)),
    "means_init": lambda: GaussianMixture(5, means_init=hidden(X[:5])).fit(X),
    "init_params": lambda: GaussianMixture(2, init_params=hidden(np.arange(60) % 2)).fit(X),
    "mean_prior": lambda: BayesianGaussianMixture(mean_prior=hidden(X[0])).fit(X),
    "covariance": lambda: GaussianMixture(prior=ConjugatePrior(covariance=hidden(np.eye(2)))).fit(
        X
    ),
    "Allowed": lambda: GaussianMixture(constraints=[Allowed(hidden(np.ones((60, 1)) > 0))]).fit(X),
    "Expectation": lambda: GaussianMixture(
        2, constraints=(Expectation(hidden(np.eye(2)[0]), upper=0.4),)
    ).fit(X),
    "Proportions": lambda: GaussianMixture(2, constraints=[Proportions(hidden([0.5, 0.5]))]).fit(X),
    "X": lambda: kmeans_limit(MASKED, 2),
    "x": lambda: TwoNormalMixture().fit(X[:, :1]).pdf(hidden(X[:, 0])),
}


@pytest.mark.parametrize("name", MASKED_INPUT)
def test_masked_arrays_are_refused_wherever_they_are_given(name):
    with pytest.raises(TypeError, match=f"{name}.* is a masked array with"):
        MASKED_INPUT[name]()


def test_masked_arrays_that_mask_nothing_are_arrays():
    found = GaussianMixture(2, random_state=0).fit(np.ma.array(X))
    expected = GaussianMixture(2, random_state=0).fit(X)
    np.testing.assert_array_equal(found.means_, expected.means_)


LONG = list(range(2000))


@pytest.mark.parametrize("name", ["tol", "n_components", "frozen", "temperature", "prior"])
@pytest.mark.parametrize("value", [LONG, np.arange(900.0)], ids=["list", "array"])
def test_long_values_are_not_printed_in_full(name, value):
    with pytest.raises((TypeError, ValueError), match=name) as caught:
        GaussianMixture(**{name: value}).fit(X)
    assert len(str(caught.value)) < 200
    with pytest.raises((TypeError, ValueError), match="constraints") as caught:
        GaussianMixture(constraints=[value]).fit(X)
    assert len(str(caught.value)) < 200


# --- labels and constraints -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.where(np.arange(60) == 7, 5, -1), "got 5 in row 7"),
        (np.where(np.arange(60) == 9, -3, 0), "got -3 in row 9"),
        (np.full(60, 1.0), "got 1.0 of type float64"),
        (np.full(60, "a"), "got 'a' of type <U1"),
    ],
)
def test_labels_out_of_range_say_what_was_got(labels, message):
    with pytest.raises(ValueError, match=f"n_components - 1 = 1.*{message}"):
        GaussianMixture(2).fit(X, labels=labels)


@pytest.mark.parametrize("method", ["fit", "fit_predict"])
@pytest.mark.parametrize("make", [np.array, list, pd.Series])
def test_y_that_looks_like_labels_is_warned_of(method, make):
    y = make([-1] * 50 + [0, 1] * 5)
    with pytest.warns(UserWarning, match="pass labels=y"):
        getattr(GaussianMixture(2, random_state=0), method)(X, y)


@pytest.mark.parametrize(
    "y",
    [
        [-1] * 30 + [1] * 30,  # classes
        [0, 1] * 30,
        [-1.0, 0.0] * 30,
        [-1, 4] * 30,  # not components
        ["a"] * 60,
        [[-1], [0, 1]],
        None,
    ],
    ids=str,
)
def test_any_other_y_is_ignored(y):
    GaussianMixture(2, random_state=0).fit(X, y)


def test_y_is_not_warned_of_where_labels_are_given():
    y = np.array([-1] * 50 + [0, 1] * 5)
    GaussianMixture(2, random_state=0).fit(X, y, labels=y)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"values": [0.2, 0.3, 0.5]}, r"Proportions.values must have the shape \(2,\), got \(3,\)"),
        ({"lower": [0.2, 0.3, 0.5]}, r"Proportions.lower must have the shape \(2,\), got \(3,\)"),
        ({"values": "half"}, "Proportions.values must be an array of numbers"),
    ],
)
def test_proportions_of_another_shape(given, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(2, constraints=(Proportions(**given),)).fit(X)


def test_labels_and_proportions_that_contradict_each_other_name_the_share():
    labels = np.repeat([0, 1, -1], [10, 40, 10])
    mixture = GaussianMixture(2, constraints=(Proportions([0.9, 0.1]),), random_state=0)
    with pytest.raises(ValueError, match=r"labels.*the share of component 0 comes to 0\.33"):
        mixture.fit(X, labels=labels)


def test_expectations_that_contradict_each_other_are_named():
    few = Expectation(np.array([[1.0], [0.0]]), upper=0.3)
    many = Expectation(np.array([[1.0], [0.0]]), lower=0.6)
    with pytest.raises(ValueError, match=r"contradict each other.*; expectation 0 comes to"):
        GaussianMixture(2, constraints=(few, many), random_state=0).fit(X)
