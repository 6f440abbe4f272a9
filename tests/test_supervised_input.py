"""What the supervised estimators read: tables with gaps, and what is no table of numbers."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris

from emix import (
    GaussianMixtureClassifier,
    GaussianMixtureOutlierDetector,
    GaussianMixtureRegressor,
)

SUPERVISED = [
    GaussianMixtureClassifier(random_state=0),
    GaussianMixtureRegressor(random_state=0),
    GaussianMixtureOutlierDetector(2, random_state=0),
]


@pytest.mark.parametrize("estimator", SUPERVISED)
def test_masked_entries_are_missing_values(estimator):
    """What lies under the mask is not data."""
    X, y = load_iris(return_X_y=True)
    hidden = np.random.RandomState(0).uniform(size=X.shape) < 0.05
    masked = np.ma.array(np.where(hidden, 1e6, X), mask=hidden)
    gappy = np.where(hidden, np.nan, X)
    expected = clone(estimator).fit(gappy, y)
    found = clone(estimator).fit(masked, y)
    assert_array_equal(found.predict(masked), expected.predict(gappy))


@pytest.mark.parametrize("estimator", SUPERVISED)
@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ("data.csv", TypeError, "read the file first"),
        ([["1.5", "tall"], ["2.0", "short"]], ValueError, "column 1 has text, 'tall' in row 0"),
        ([[1.0, np.inf], [2.0, 3.0]], ValueError, "Column 1 has it in one row"),
        (np.array([["2020-01-01"], ["2021-01-01"]], dtype="M8[D]"), TypeError, "numbers only"),
    ],
)
def test_tables_that_are_no_numbers_are_refused_by_column(estimator, X, error, message):
    with pytest.raises(error, match=message):
        clone(estimator).fit(X, [0, 1])
    fitted = clone(estimator).fit(*load_iris(return_X_y=True))
    with pytest.raises(error, match=message):
        fitted.predict(X)
