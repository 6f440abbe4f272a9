"""Mixtures of regressions as a kind of mixture: rows (x, y), lines in the units of the data."""

from __future__ import annotations

import math
from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import validate_data

from .._families.linear import LinearFamily
from .._families.regression import Lines, Regressions
from .._fitted.fitted import when_fitted
from .._input.parameters import Checks
from .._input.refusals import refuse_masked
from .._input.tables import FLOATS, Features
from .._input.validation import check_flag, refuse_unreadable
from .._rows.blocks import Rows
from .fit import standard_rows
from .kind import Known, Problem, in_own_units


def read_pairs(
    estimator: Any, X: ArrayLike, y: ArrayLike, features: Features | None = None
) -> np.ndarray:
    """Rows (x, y) to fit where there are features to tell of, or to evaluate."""
    refuse_unreadable(X)
    refuse_masked("y", y)
    if y is None:
        raise ValueError("MixtureOfRegressions requires y to be passed, but the target y is None")
    options: dict[str, Any] = {"dtype": FLOATS, "y_numeric": True}
    if features is not None:
        options |= {"reset": True, "ensure_min_samples": 2, "estimator": estimator}
    found: Any = validate_data(features or estimator, X, y, **{"reset": False, **options})
    return np.column_stack(found)


def described(params: Lines, rows: Rows) -> dict[str, Any]:
    """Lines in the units of the data."""
    unit = rows.scale[-1]
    coefficients = params.coefficients * (unit / rows.scale[:-1])
    intercepts = unit * params.intercepts + rows.shift[-1] - coefficients @ rows.shift[:-1]
    sigma = unit * np.sqrt(params.variances)
    return {"coef_": coefficients, "intercept_": intercepts, "sigma_": sigma}


class RegressionKind:
    """See ``kind.Kind``; rows are (x, y)."""

    checks: ClassVar[Checks] = {"fit_intercept": check_flag}
    rests_on: ClassVar[tuple[str, ...]] = ("fit_intercept",)
    n_more: ClassVar[int] = 0

    def problem(
        self, values: SimpleNamespace, Z: np.ndarray, weight: np.ndarray | None, mapper: Any
    ) -> Problem:
        rows = standard_rows(Z, weight, mapper, False)
        if not values.fit_intercept:
            rows = rows.in_units(np.zeros(rows.d), np.hypot(rows.scale, rows.shift))
        family: LinearFamily[Any] = LinearFamily(Regressions.over(rows, values.fit_intercept))
        published = partial(described, rows=rows)
        return Problem(rows, family, published, log_unit=-math.log(rows.scale[-1]))

    def known(self, estimator: Any) -> Known:
        coefficients = np.asarray(estimator.coef_, dtype=np.float64)
        variances = np.asarray(estimator.sigma_) ** 2
        params = Lines(estimator.weights_, coefficients, estimator.intercept_, variances)
        q, has_intercept = coefficients.shape[1], when_fitted(estimator, "fit_intercept", True)
        family: LinearFamily[Any] = LinearFamily(Regressions(q, has_intercept))
        return Known(family, params, *in_own_units(q + 1))

    def resumed(self, estimator: Any, problem: Problem) -> Lines:
        rows, params = problem.rows, self.known(estimator).params
        unit, shift = rows.scale[-1], rows.shift
        intercepts = params.intercepts - shift[-1] + params.coefficients @ shift[:-1]
        coefficients = params.coefficients * (rows.scale[:-1] / unit)
        return Lines(params.weights, coefficients, intercepts / unit, params.variances / unit**2)
