"""Components without rows, as hard assignments can leave them, get some."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .._em.protocols import Repair
from .._normal.gaussian import Params
from .._normal.stats import Stats
from .posterior import TIED

# Rows that make up a cluster up to this share are all of it.
_ALL = 1.0 - 1e-9


def repair(model: Any, stats: Stats, params: Params) -> Repair | None:
    """Rows for components without any. No more variances may be at the floor than without them,
    unless all rows lie on the means of clusters that share a covariance: nothing is better."""
    trial = _reseeded(model, stats, params)
    if trial is None:
        return None

    def is_sound(params: Params, other: Params) -> bool:
        return params.n_floored.sum() <= other.n_floored.sum() or _is_perfect(model, params)

    return Repair(trial, is_sound)


def _is_perfect(model: Any, params: Params) -> bool:
    size = model.structure.form.n_variances(model.rows.d)
    is_shrunk = params.n_floored.max() == size and model.space.n_null < size
    return bool(is_shrunk and not model.structure.sharing.separable)


def _reseeded(model: Any, stats: Stats, params: Params) -> Params | None:
    """The M-step after each component without rows has got the row of least value, with its
    equals, from a cluster that has others; None if there is no such row.

    With equal weights and one spherical covariance it is the row farthest from its mean, the
    convention of k-means, and F rises: the move lowers the sum of squares by n / (n - 1) times
    its squared distance, n the size of the cluster that it leaves. Where each component has a
    covariance of its own, one row has none: it begins with the mean of the others'.
    """
    empty = np.flatnonzero(stats.weight == 0.0)
    moved, filled = stats, []
    for k, (row, mass, label) in zip(empty.tolist(), _worst(model, stats, params), strict=False):
        moved = moved + _alone(moved, row, mass, k) - _alone(moved, row, mass, label)
        filled.append(k)
    if not filled:
        return None
    trial = model.m_step(moved, params)
    if "covariances" in model.frozen or not model.structure.sharing.separable:
        return trial
    return _with_mean_covariance(model, moved, trial, np.array(filled))


def _worst(model, stats, params) -> Iterator[tuple[np.ndarray, float, int]]:
    """Distinct rows (d,) by ascending value, with their weight and component, that are not
    all of what a component has; without gaps, which starting values are found with."""
    rows = model.likelihood.rows
    value, label = np.empty(rows.n), np.empty(rows.n, dtype=np.intp)

    def see(at, log_joint, common):
        value[at] = log_joint.max(axis=0) + common
        label[at] = log_joint.argmax(axis=0)

    model.space.each(params, see)
    weight = np.ones(rows.n) if rows.weight is None else rows.weight
    left = stats.weight * rows.total_weight
    value[weight == 0.0] = np.inf
    z = np.empty((rows.d, 1))
    while np.isfinite(value.min()):
        i = _first(rows.X, np.flatnonzero(value <= value.min() + TIED))
        equal = np.flatnonzero((rows.X[i] == rows.X).all(axis=1))
        value[equal] = np.inf
        mass = weight[equal].sum()
        if mass < _ALL * left[label[i]]:
            left[label[i]] -= mass
            rows.read(i, i + 1, z)
            yield z[:, 0].copy(), mass / rows.total_weight, label[i]


def _first(X: np.ndarray, tied: np.ndarray) -> int:
    """Of these rows the first in lexicographic order, whatever the order of X."""
    return int(tied[np.lexsort(X[tied].T[::-1])[0]])


def _alone(stats: Stats, row: np.ndarray, mass: float, k: int) -> Stats:
    """Statistics of one row (d,) of this weight, wholly of component k."""
    structure = stats.layout.structure
    weight = np.zeros(len(stats.origin))
    weight[k] = mass
    y = row - stats.origin
    second = structure.sharing.weighted(weight, structure.form.outer(y, y))
    return Stats.of(structure, weight, weight[:, None] * y, second, stats.origin, 0.0)


def _with_mean_covariance(model, stats, params, filled):
    """The mean of the other components' covariances for those that were filled."""
    weight = stats.weight.copy()
    weight[filled] = 0.0
    fitted = model.space.floor.factorise(
        np.tensordot(weight / weight.sum(), params.covariances, axes=1)
    )
    parts = [part.copy() for part in params[2:]]
    for part, new in zip(parts, fitted, strict=True):
        part[filled] = new
    return Params(params.weights, params.means, *parts)
