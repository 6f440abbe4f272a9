"""Components without rows, as hard assignments can leave them, get some."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .._em.protocols import Repair
from .._normal.gaussian import Params
from .._normal.stats import Stats
from .._rows.blocks import Rows
from .posterior import TIED
from .sums import Look

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
    rows = model.rows
    filled = None if model.likelihood is model else model.likelihood.rows
    # each component may be found to have but one row, and is then passed over
    found = rows.answer(Least(model.space.kernel(params), len(stats.weight), filled))
    left = stats.weight * rows.own_weight
    while len(found.value):
        i = int(np.flatnonzero(found.value <= found.value.min() + TIED)[0])
        x, mass, _, label = (array[i] for array in found)
        found = found.taken(np.arange(len(found.value)) != i)
        if mass < _ALL * left[label]:
            left[label] -= mass
            yield (x - rows.shift) * (1.0 / rows.scale), mass / rows.own_weight, label


class Valued(NamedTuple):
    """Distinct rows X (m, d) in lexicographic order, with their weights, values and components."""

    X: np.ndarray
    weight: np.ndarray
    value: np.ndarray
    label: np.ndarray

    @classmethod
    def of(cls, X, weight, value, label) -> Valued:
        """Equal rows are merged."""
        order = np.lexsort(X.T[::-1])
        X = X[order]
        first = np.flatnonzero(np.append(True, (X[1:] != X[:-1]).any(axis=1))[: len(X)])
        if not len(first):
            return cls(X, weight, value, label)
        weight = np.add.reduceat(weight[order], first)
        value = np.minimum.reduceat(value[order], first)
        return cls(X[first], weight, value, label[order[first]])

    def taken(self, index: np.ndarray) -> Valued:
        return Valued(*(array[index] for array in self))


class Least:
    """The distinct rows of least value, so many of them; of those that are tied with the last, the
    first in lexicographic order, as many again. filled are the rows without their gaps."""

    def __init__(self, kernel: Any, count: int, filled: Rows | None = None):
        self._kernel, self._count, self._filled = kernel, count, filled

    def of(self, rows: Rows) -> Valued:
        value, label = np.empty(rows.n), np.empty(rows.n, dtype=np.intp)

        def look(block, log_joint, buffers):
            value[block.at] = log_joint.max(axis=0) + self._kernel.common(buffers)
            label[block.at] = log_joint.argmax(axis=0)

        rows.total(Look(self._kernel, look))
        whole = rows if self._filled is None else self._filled
        weight = np.ones(rows.n) if whole.weight is None else whole.weight
        value[weight == 0.0] = np.inf
        size = min(self._count, rows.n)
        while True:
            limit = np.partition(value, size - 1)[size - 1]
            near = np.flatnonzero((value <= limit + TIED) & (value < np.inf))
            found = Valued.of(whole.X[near], weight[near], value[near], label[near])
            if len(found.value) >= self._count or size == rows.n:
                return self._cut(found)
            size = min(4 * size, rows.n)  # some are equal

    def _cut(self, found: Valued) -> Valued:
        if len(found.value) <= self._count:
            return found
        order = np.argsort(found.value, kind="stable")[: self._count]
        tied = np.abs(found.value - found.value[order[-1]]) <= TIED
        return found.taken(np.union1d(order, np.flatnonzero(tied)[: self._count]))

    def merged(self, answers: list[Valued]) -> Valued:
        return self._cut(
            Valued.of(*(np.concatenate(arrays) for arrays in zip(*answers, strict=True)))
        )


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
