"""A background: one more component, of a density that is the same everywhere.

It takes up rows that belong to no cluster (Banfield & Raftery 1993). Its density is 1 / V, V the
volume of a box around all rows, and only its weight is fitted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from .._em.protocols import Repair
from .._mixture.protocols import MixtureKernel
from .._mixture.start import partition
from .._normal.gaussian import BlockKernel, log_of_weights
from .._rows.blocks import Rows
from .._rows.room import Buffers
from .protocols import Family, P, S
from .sorting import robust, weights_of

# Neighbours whose distance tells how dense it is around a row, and the shares of the rows that a
# start takes for background, one of them at random.
_NEIGHBOURS, _SHARES = 8, (0.03, 0.1, 0.3)


class Params(NamedTuple):
    """weights (K + 1,), the last of the background, and those of the other components, whose own
    weights do not matter."""

    weights: np.ndarray
    others: Any


class Vector(NamedTuple):
    """Statistics or natural parameters about an origin."""

    vector: np.ndarray


class BackgroundStats:
    """Those of the other components, and the share of the background."""

    def __init__(self, others: Any, share: float, value: float):
        self.others, self.share = others, share
        self.value = self.evidence = value
        self.origin = others.origin

    @property
    def vector(self) -> np.ndarray:
        return np.append(self.others.vector, self.share)

    @property
    def weight(self) -> np.ndarray:
        return np.append(self.others.weight, self.share)

    def at(self, vector: np.ndarray) -> BackgroundStats:
        return BackgroundStats(self.others.at(vector[:-1]), float(vector[-1]), 0.0)


class BackgroundKernel(BlockKernel):
    """Around the kernel of the other components; const is log w - log V."""

    def __init__(self, others: MixtureKernel, const: float):
        self._others, self._const = others, const
        self.n_components, self.size = others.n_components + 1, others.size + 1
        self.n_features, self.n_scratch = others.n_features, others.n_scratch
        self.chunk = others.chunk

    @property
    def keeper(self) -> Any:
        return self._others.keeper

    def features(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        return self._others.features(m)

    def prepare(self, buffers: Buffers) -> None:
        self._others.prepare(buffers)

    def locate(self, buffers: Buffers) -> None:
        self._others.locate(_of_others(buffers))

    def log_joint(self, buffers: Buffers) -> np.ndarray:
        self._others.log_joint(_of_others(buffers))
        buffers.log_joint[-1] = self._const
        return buffers.log_joint

    def accumulate(self, buffers: Buffers, scale: np.ndarray | None, sums: np.ndarray) -> None:
        own = buffers.resp[-1]
        sums[-1] += own.sum() if scale is None else own @ scale
        self._others.accumulate(_of_others(buffers), scale, sums[:-1])

    def stats(self, value: float, sums: np.ndarray) -> BackgroundStats:
        return BackgroundStats(self._others.stats(0.0, sums[:-1]), float(sums[-1]), value)


def _of_others(buffers: Buffers) -> Buffers:
    return buffers._replace(log_joint=buffers.log_joint[:-1], resp=buffers.resp[:-1])


class WithBackground(Generic[P, S]):
    """A family, and a background of this log-density in the units of the rows.

    The family must leave nothing out of log_joint as common, nor suppose that the responsibilities
    of its components add up to one.
    """

    def __init__(self, family: Family[P, S], log_density: float, draw: Callable | None = None):
        self._family, self._log_density = family, log_density
        self._draw: Any = draw  # what is not sampled needs none

    def _others(self, params: Params) -> P:
        return params.others._replace(weights=params.weights[:-1])

    def _const(self, params: Params) -> float:
        return float(log_of_weights(params.weights[-1:])[0]) + self._log_density

    def kernel(self, params: Params, rows: Rows) -> BackgroundKernel:
        return BackgroundKernel(
            self._family.kernel(self._others(params), rows), self._const(params)
        )

    def m_step(self, stats: BackgroundStats, params: Params) -> Params:
        return Params(params.weights, self._family.m_step(stats.others, self._others(params)))

    def natural(self, params: Params, origin: Any) -> Vector:
        others = self._family.natural(self._others(params), origin)
        return Vector(np.append(others.vector, self._const(params)))

    def about(self, stats: BackgroundStats, origin: Any) -> Vector:
        return Vector(np.append(self._family.about(stats.others, origin).vector, stats.share))

    def is_feasible(self, stats: BackgroundStats) -> bool:
        return self._family.is_feasible(stats.others)

    def log_prior(self, params: Params) -> float:
        return self._family.log_prior(self._others(params))

    def prior_size(self, params: Params) -> float:
        return self._family.prior_size(self._others(params))

    def repair(self, stats: BackgroundStats, params: Params, e_step: Callable) -> Repair | None:
        return None

    def n_held(self, params: Params) -> int:
        return self._family.n_held(self._others(params))

    def n_unsound(self, params: Params) -> int:
        return self._family.n_unsound(self._others(params))

    def singular(self, params: Params) -> np.ndarray:
        return self._family.singular(self._others(params))

    def n_free(self, params: Params) -> int:
        """One of them is the volume, which is found from the rows."""
        return self._family.n_free(self._others(params)) + 1

    def equal(self, n_components: int, rows: Rows) -> Params:
        weights = np.full(n_components, 1.0 / n_components)
        return Params(weights, self._family.equal(n_components - 1, rows))

    def labels(self, rows: Rows, n_components: int, rng: np.random.RandomState) -> np.ndarray:
        """Background is where neighbours are far; clusters are looked for among the others."""
        y = robust(rows)
        tree, count = cKDTree(y.T), min(_NEIGHBOURS + 1, rows.n)
        distance = tree.query(y.T, [count])[0][:, 0]
        cut = np.quantile(distance, 1.0 - rng.choice(_SHARES))
        near = distance <= cut
        labels = np.full(rows.n, n_components - 1)
        labels[near] = partition(y[:, near], weights_of(rows)[near], n_components - 1, rng)
        return labels

    def taken(self, params: Params, order: np.ndarray) -> Params:
        """The background stays the last."""
        others = order[order < len(params.weights) - 1]
        weights = np.append(params.weights[others], params.weights[-1])
        return Params(weights, self._family.taken(self._others(params), others))

    def sample(self, params: Params, labels: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        is_background = labels == len(params.weights) - 1
        found = self._family.sample(self._others(params), labels[~is_background], rng)
        return np.concatenate([found, self._draw(np.count_nonzero(is_background), rng)])


class Box(NamedTuple):
    """Rows x with low <= axesᵀ x <= high, axes (d, d) orthonormal."""

    axes: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def log_volume(self) -> float:
        return float(np.log(self.high - self.low).sum())

    def draw(self, count: int, rng: np.random.RandomState) -> np.ndarray:
        """Uniform rows in it, (count, d)."""
        sides = self.high - self.low
        return (self.low + sides * rng.uniform(size=(count, len(sides)))) @ self.axes.T


def smallest_box(X: np.ndarray, deviations: np.ndarray, weight: np.ndarray | None = None) -> Box:
    """Around rows (n, d) of positive weight, along features or principal axes: the smaller one.

    Where rows do not vary, normal components are held at these standard deviations (d,): sides are
    so long at least that the densities at a mean are equal there, and nothing tells rows apart.
    """
    weight = np.ones(len(X)) if weight is None else _of_unit_size(weight)
    centred = _of_unit_size(X - np.average(X, axis=0, weights=weight))
    principal = np.linalg.eigh((centred * weight[:, None]).T @ centred)[1]
    boxes = [_around(X, axes, deviations) for axes in (np.eye(X.shape[1]), principal)]
    return min(boxes, key=lambda box: box.log_volume)


def _of_unit_size(values: np.ndarray) -> np.ndarray:
    """Divided by the power of two above the largest: no square or sum of them overflows."""
    return np.ldexp(values, -np.frexp(np.abs(values).max())[1])


def _around(X: np.ndarray, axes: np.ndarray, deviations: np.ndarray) -> Box:
    along = X @ axes
    low, high = along.min(axis=0), along.max(axis=0)
    least = np.sqrt(2.0 * np.pi) * np.linalg.norm(axes * deviations[:, None], axis=0)
    short = 0.5 * np.maximum(least - (high - low), 0.0)
    return Box(axes, low - short, high + short)
