"""Fitted attributes of a fit, or of one that is under way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._fit.fit import Fit
from .._fit.history import as_history, lower_bounds
from .._fit.problem import Problem
from .._fit.singular import singular_components
from .._input.tables import Data
from .._normal.covariances import Structure
from .starts_table import starts_table


def attributes_of(problem: Problem, fit: Fit, dtype: Any) -> dict[str, Any]:
    """Those that every mixture has, floats in the dtype of the data."""
    result = fit.run.result
    histories = [
        as_history(climb.passes, fit.log_unit, phase.temperature)
        for climb, phase in zip(fit.run.climbs, problem.phases, strict=False)
    ]
    bounds = np.concatenate([lower_bounds(history)[1:] for history in histories])
    # where a climb had no pass left, the last one of the climb before has the last word
    bounds[-1:] = fit.lower_bound
    return {
        **parameter_attributes(problem.structure, fit, dtype),
        "converged_": result.converged,
        "n_iter_": fit.run.n_iter,
        "stop_reason_": result.status,
        "lower_bound_": fit.lower_bound,
        "lower_bounds_": bounds.tolist(),
        "remaining_gain_": result.remaining,
        "history_": np.concatenate(histories),
        "n_collapsed_": fit.n_collapsed,
        "singular_components_": singular_components(problem.structure, fit),
        "_spurious_heights": fit.model.soundness.spurious_heights(result.params),
    }


def of_starts(problem: Problem, fit: Fit, data: Data, attributes: dict) -> dict[str, Any]:
    """What the starts led to: a conclusion of a ``Report``."""
    ends = [climbed.result.params for climbed in fit.starts]
    weights, means = [each.weights for each in ends], [each.means for each in ends]
    return {"starts_": starts_of(fit, weights, means)}


def starts_of(fit: Fit, weights: Sequence, means: Sequence) -> np.ndarray:
    """The table of the starts, from their weights (K,) and their means (K, d) in the model's
    units."""
    rows = fit.model.rows
    inside = {"weights": np.array(weights), "means": rows.shift + rows.scale * np.array(means)}
    return starts_table(fit.starts, fit.log_unit, inside)


def parameter_attributes(structure: Structure, fit: Fit, dtype: Any) -> dict[str, Any]:
    """The parameters of the mixture, in the dtype of the data."""
    arrays = {
        "weights_": fit.weights,
        "means_": fit.means,
        **matrices(structure, fit.covariances, fit.factors),
    }
    return {name: _as_dtype(value, dtype) for name, value in arrays.items()}


def matrices(structure: Structure, covariances: Any, factors: Any) -> dict[str, np.ndarray]:
    """The attributes that tell covariances."""
    form: Any = structure.form
    if not form.has_loadings:
        return {
            "covariances_": covariances,
            "precisions_": form.precision(factors),
            "precisions_cholesky_": factors,
        }
    loadings, noise = form.parts(form.canonical(covariances))
    return {"loadings_": loadings.swapaxes(-1, -2), "noise_variances_": noise}


def without_others(structure: Structure) -> dict[str, None]:
    """Those that tell covariances of other structures, as an earlier fit may have had."""
    if structure.form.has_loadings:
        return dict.fromkeys(("covariances_", "precisions_", "precisions_cholesky_"))
    return dict.fromkeys(("loadings_", "noise_variances_"))


def _as_dtype(value: np.ndarray, dtype: Any) -> np.ndarray:
    """A copy in the dtype of the data."""
    with np.errstate(over="ignore", under="ignore"):
        array = np.array(value, dtype=dtype)
    if not np.isfinite(array).all():
        raise ValueError(
            "The variances or precisions of X are outside the range of float32 numbers; convert "
            "X to float64, or scale it, for instance with sklearn.preprocessing.StandardScaler"
        )
    return array
