"""Where accelerations may go: the M-step of statistics that no E-step found."""

from __future__ import annotations

from typing import Any

from .._em.protocols import Point
from .._normal.stats import Stats


def settled(model: Any, stats: Stats, point: Point) -> Any:
    """The M-step of the statistics, None where the floor holds more variances than after that of
    the point: steps that are longer than EM's must not lead to degenerate components."""
    params = model.m_step(stats, point.params)
    n_floored = params.n_floored
    keeps = not n_floored.any() or n_floored.sum() <= point.following.n_floored.sum()
    return params if keeps else None
