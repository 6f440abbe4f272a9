"""What a fit says of covariances that the floor holds: which components, where, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .._normal.covariances import Structure
from .fit import Fit

# A component is flat in a feature if its variance there is at most this multiple of the floor.
_FLAT = 4.0
# A column of categories has at most 10 distinct values, and at most 0.2 distinct values a row.
# Nothing is said of a component that has one category alone.
_CATEGORIES, _SHARE = 10, 0.2
# Features with less than this loading (of at most one) take no part in a direction. Free ones have
# 1e-3 at most where rows lie on a line up to the floor; of x0 + 0.1 x1 = x2 the second has 0.07.
_LOADING = 0.05
# A component that weighs less than 1.5 rows is an outlier. Two equal rows are a repeated value.
_ALONE = 1.5
_OUTLIERS = "A row far from all others fits into emix.GaussianMixtureWithNoise. "
# Components and features that are named; the others are counted.
_NAMED = 3


class Held(NamedTuple):
    """A component at the floor: the weight of its rows, their mean, the features in which they are
    alike, and those of the other directions."""

    component: int
    size: float
    mean: np.ndarray
    flat: list[int]
    mixed: list[int]


def singular_components(structure: Structure, fit: Fit) -> np.ndarray:
    """(K,) bool: whether the floor holds a covariance in a direction in which the data vary."""
    held = fit.run.result.params.n_floored > fit.n_null
    return np.full(fit.weights.shape, held)


def message(structure: Structure, fit: Fit, X: np.ndarray, names: Sequence[str] | None) -> str:
    """What a user should know; empty if there is nothing."""
    d = X.shape[1]
    names = [f"x{j}" for j in range(d)] if names is None else [repr(str(name)) for name in names]
    parts = [_of_the_data(structure, fit, X, names), _of_components(structure, fit, X, names)]
    return " ".join(part for part in parts if part)


def _of_the_data(structure, fit, X, names) -> str:
    """Directions in which no row differs from another."""
    if not fit.n_null:
        return ""
    constant = [j for j in range(X.shape[1]) if not np.ptp(_seen(X[:, j])) > 0.0]
    if constant and len(constant) >= fit.n_null:
        told = _listed([f"{names[j]} = {_seen(X[:, j])[0]:.6g}" for j in constant])
        return (
            f"X does not vary in {told}: the variance there is a convention, and tells nothing. "
            "Leave such columns out."
        )
    told = f" ({_listed([names[j] for j in constant])} constant)" if constant else ""
    return (
        f"The covariances are singular: the rows of X vary in {_n_varying(structure, fit, X)} of "
        f"{X.shape[1]} directions only{told}, as columns depend on each other, rows are few, or a "
        "row is so far away that the others are a point beside it. "
        "The variance in the others is a convention. Leave columns out, take principal components, "
        "or choose a covariance_type of fewer parameters."
    )


def _n_varying(structure, fit, X):
    return structure.form.n_variances(X.shape[1]) - fit.n_null


def _of_components(structure, fit, X, names) -> str:
    held = [each for each in _held(structure, fit, X) if not _only_categories(each, X)]
    if not held:
        return ""
    if not structure.sharing.separable:
        subject = "The common covariance is singular"
        details = _where(held[0], X, names, structure)
    else:
        subject = "1 component is" if len(held) == 1 else f"{len(held)} components are"
        subject += " singular"
        weighted = fit.model.rows.is_weighted
        details = "; ".join(_told(each, X, names, weighted, structure) for each in held[:_NAMED])
        details += f"; and {len(held) - _NAMED} more" if len(held) > _NAMED else ""
    return (
        f"{subject}, held at the least variance that is allowed: {details}. Where a value is "
        "repeated for a reason, as zeros are, this is a right answer. Otherwise decrease "
        "n_components, choose a simpler covariance_type, or set reg_covar or prior. "
        f"{_OUTLIERS if any(each.size < _ALONE for each in held) else ''}See singular_components_."
    )


def _told(held, X, names, weighted, structure):
    rows = "row" if f"{held.size:.3g}" == "1" else "rows"
    size = f"weight {held.size:.3g}" if weighted else f"{held.size:.3g} {rows}"
    return f"component {held.component} ({size}), {_where(held, X, names, structure)}"


def _where(held, X, names, structure):
    alike = {j: _nearest(X[:, j], held.mean[j]) for j in held.flat[:_NAMED]}
    parts = [f"{names[j]} = {value:.6g}" for j, value in alike.items()]
    if len(held.flat) > _NAMED:
        parts.append(f"{len(held.flat) - _NAMED} more features")
    if held.mixed:
        parts.append(f"{structure.form.held} {_listed([names[j] for j in held.mixed])}")
    return ", ".join(parts)


def _listed(names):
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _only_categories(held, X):
    features, most = [*held.flat, *held.mixed], min(_CATEGORIES, _SHARE * len(X))
    return all(len(np.unique(X[:, j])) <= most for j in features)


def _held(structure: Structure, fit: Fit, X) -> list[Held]:
    params, model, d = fit.run.result.params, fit.model, X.shape[1]
    floor, form = model.space.floor, structure.form
    n_floored = np.broadcast_to(params.n_floored, fit.weights.shape)
    if not (n_floored > fit.n_null).any():
        return []
    covariances = structure.sharing.per_component(params.covariances, len(fit.weights))
    least = floor.variances(d)
    constant = np.ptp(X, axis=0) == 0.0
    found = []
    for k in np.flatnonzero(n_floored > fit.n_null):
        is_flat = form.variances(covariances[k], d) <= _FLAT * least
        flat = np.flatnonzero(is_flat & ~constant).tolist()
        mixed: list[int] = []
        if len(flat) < n_floored[k] - fit.n_null:
            loadings = form.loadings(covariances[k], floor.bound, int(n_floored[k]))
            loaded = np.flatnonzero(loadings > _LOADING)
            mixed = [j for j in loaded.tolist() if j not in flat and not constant[j]]
        size = fit.weights[k] * model.rows.total_weight
        found.append(Held(int(k), float(size), fit.means[k], flat, mixed))
    return found


def _nearest(column: np.ndarray, value: float) -> float:
    """The value of a row; a mean has rounding errors."""
    return float(column[np.nanargmin(np.abs(column - value))])


def _seen(column: np.ndarray) -> np.ndarray:
    """Values that are not missing."""
    return column[~np.isnan(column)]
