"""Starting values of mixtures of any family, by partitions of the rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .._mixture.mixture import Mixture
from .._mixture.start import SAMPLE_ROWS
from .._rows.sample import DistinctRows

# A start has this part of the statistics of all rows for every component: nothing that the data
# have is impossible then, also where a partition of a sample has not seen it. Not tuned.
_SHARED = 0.1
# Between two temperatures statistics are moved by this part towards those of a partition of the
# rows: equal components would stay equal for ever. As much as means are in ``_mixture.start``; not
# tuned.
_MOVED = 0.05


class Begun(NamedTuple):
    """Parameters to climb from, and the model that tells which of them are promising: that of a
    sample where there are many rows."""

    params: list
    ground: Mixture


def from_responsibilities(model: Mixture, n_components: int, resp: Callable) -> Any:
    """The M-step at given responsibilities, resp(at) (m, K)."""
    alike = model.space.components.equal(n_components, model.rows)
    return model.m_step(model.space.statistics_at(alike, resp), alike)


def drawn(model: Mixture, n_components: int, n_init: int, rng: np.random.RandomState) -> Begun:
    """By partitions of distinct rows: they depend neither on the order of the rows nor on whether
    these are repeated or weighted."""
    components = model.space.components
    rows, is_complete = DistinctRows(model.rows).sample(SAMPLE_ROWS)
    ground, alike = model.over(rows), components.equal(n_components, model.rows)
    of_all = model.space.statistics_at(alike, lambda at: _equal(model, at, n_components))
    found = []
    for _ in range(1 if n_components == 1 else n_init):
        labels = components.labels(rows, n_components, rng)
        apart = _statistics_of(ground, alike, labels)
        params = ground.m_step(_between(apart, of_all, _SHARED), alike)
        if model.constraint is not None:
            params = model.constraint.aligned(model, params)
        found.append(params)
    climbs_all = is_complete or model.constraint is not None
    return Begun(found, model if climbs_all else ground)


def nudged(model: Mixture, params: Any, rng: np.random.RandomState) -> Any:
    """The M-step of statistics that are a little like those of clusters drawn at random."""
    ground = model.over(DistinctRows(model.rows).sample(SAMPLE_ROWS)[0])
    labels = model.space.components.labels(ground.rows, len(params.weights), rng)
    stats, apart = ground.e_step(params), _statistics_of(ground, params, labels)
    return ground.m_step(_between(stats, apart, _MOVED), params)


def _statistics_of(ground: Mixture, params: Any, labels: np.ndarray) -> Any:
    one_hot = np.eye(len(params.weights))[labels]
    return ground.space.statistics_at(params, lambda at: one_hot[at])


def _between(stats: Any, other: Any, share: float) -> Any:
    """Statistics with a share of the other's."""
    return stats.at((1.0 - share) * stats.vector + share * other.vector)


def _equal(model: Mixture, at: slice | np.ndarray, n_components: int) -> np.ndarray:
    return np.full((len(model.rows.X[at]), n_components), 1.0 / n_components)
