"""Where accelerations may go: the M-step of statistics that no E-step found."""

from __future__ import annotations

from typing import Any

from .._em.protocols import Point


def settled(model: Any, stats: Any, point: Point) -> Any:
    """The M-step of the statistics, None where the floor holds more variances than after that of
    the point: steps that are longer than EM's must not lead to degenerate components."""
    params, n_held = model.m_step(stats, point.params), model.space.n_held
    held = n_held(params)
    return params if not held or held <= n_held(point.following) else None
