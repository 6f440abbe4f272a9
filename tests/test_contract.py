"""What every estimator promises, whatever it fits."""

import numpy as np
import pytest
from common import clusters, integer_weights, not_converged_allowed
from numpy.testing import assert_allclose

from emix import (
    BayesianGaussianMixture,
    GaussianMixture,
    HardGaussianMixture,
    TwoNormalMixture,
)

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
