"""What an estimator makes of a fit: attributes, and warnings."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from .._em.results import Reason, Result
from .._fit.fit import Fit
from .._fit.problem import Problem
from .._fit.singular import message, singular_components
from .._fitted.attributes import attributes_of, of_starts
from .._input.refusals import some
from .._input.structures import name_of
from .._input.tables import Data

# A component with no more than this share of the rows, what rounding makes of 1, adds nothing.
_EMPTY = float(np.finfo(float).eps)
# Modules between a warning and the line of the user's that it is about.
_BETWEEN = ("emix.", "numpy.", "contextlib", "sklearn.callback")

Remark = Callable[[Problem, Fit, Data], str]


def warn(category: type[Warning], text: str) -> None:
    """A warning of the line outside of this package that asked for the fit."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_BETWEEN):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)


def of_empty(problem: Problem, fit: Fit, data: Data) -> str:
    """Components that no row belongs to."""
    empty = np.flatnonzero(fit.shares <= _EMPTY).tolist()
    if not empty:
        return ""
    one = len(empty) == 1
    named = f"Component {empty[0]} is" if one else f"Components {some(empty)} are"
    its = "its mean is" if one else "their means are"
    return (
        f"{named} empty: no row belongs to {'it' if one else 'them'}, and {its} not fitted "
        "to any. Decrease n_components, or choose another start (means_init, init_params, "
        "n_init, random_state)."
    )


def of_singular(problem: Problem, fit: Fit, data: Data) -> str:
    """Covariances at the floor; noise and priors say what variances are where data do not vary."""
    if problem.reg_covar > 0.0 or problem.prior is not None:
        return ""
    if not fit.n_null and not singular_components(problem.structure, fit).any():
        return ""
    return message(problem.structure, fit, data.counted, data.names)


def of_its_end(problem: Problem, fit: Fit, data: Data) -> str:
    """A climb that ended before its maximum."""
    result = fit.run.result
    if result.reason is Reason.CUT_SHORT:
        return (
            "The fit is no maximum: from every start that was tried EM leads to a component on "
            "too few distinct rows or with hardly any variance. The fit is the point after "
            f"{_passes(result)}, before that. Decrease n_components, choose a simpler "
            "covariance_type, or set reg_covar or prior."
        )
    if result.converged or result.stopped or problem.max_iter == 0:
        return ""
    left = f"an estimated {result.remaining:.2g}"
    left = left if math.isfinite(result.remaining) else "an amount not known yet"
    return (
        "Best performing initialization did not converge. Try different init "
        "parameters, or increase max_iter, tol, or check for degenerate data. After "
        f"{_passes(result)} {left} of mean log-likelihood is left to gain; "
        f"tol={problem.tol:g}."
    )


def _passes(result: Result) -> str:
    return "1 pass" if result.n_iter == 1 else f"{result.n_iter} passes"


@dataclass(frozen=True)
class Report:
    """Attributes, those that only the end of the fit tells, remarks that become one warning, and
    the constructor parameters without which the attributes cannot be read."""

    attributes: Callable[[Problem, Fit, Any], dict[str, Any]] = attributes_of
    conclusion: Callable[[Problem, Fit, Data, dict], dict[str, Any]] = of_starts
    remarks: tuple[Remark, ...] = (of_empty, of_singular, of_its_end)
    rests_on: tuple[str, ...] = ()

    def so_far(self, estimator: Any, problem: Problem, fit: Fit, dtype: Any) -> dict[str, Any]:
        """Of a fit that may be under way."""
        rests_on = {name: getattr(estimator, name) for name in self.rests_on}
        given = getattr(estimator, "covariance_type", None)
        if given is None:
            given = name_of(problem.structure)
        # an object may be changed by its owner
        rests_on["covariance_type"] = clone(given, safe=False)
        return {**self.attributes(problem, fit, dtype), "_fit_settings": rests_on}

    def of(self, estimator: Any, problem: Problem, fit: Fit, data: Data) -> dict[str, Any]:
        """Of a fit that has ended; its remarks are made."""
        described = self.so_far(estimator, problem, fit, data.X.dtype)
        attributes = {
            **described,
            **self.conclusion(problem, fit, data, described),
            **data.feature_attributes,
        }
        told = [text for remark in self.remarks if (text := remark(problem, fit, data))]
        if told:
            warn(ConvergenceWarning, " ".join(told))
        return attributes
