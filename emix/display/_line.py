"""One feature: histogram, density, components, uncertainty."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._scale import LEAST_WEIGHT, N_GRID, REACH, color


def draw(ax: Any, display: Any, bins: int | str, uncertainty: bool) -> None:
    rows = display.rows[np.isfinite(display.rows[:, 0]), 0]
    edges = _edges(display, rows, bins)
    if rows.size:
        ax.hist(rows, bins=edges, density=True, color="0.85", label="rows")
    grid = np.linspace(edges[0], edges[-1], N_GRID)[:, None]
    ax.plot(grid, display.density(grid), "k", label="density")
    parts = zip(display.weights, display.means, display.covariances, strict=True)
    for k, (weight, mean, covariance) in enumerate(parts):
        if weight < LEAST_WEIGHT:
            continue
        variance = covariance[0, 0]
        normal = np.exp(-0.5 * (grid - mean) ** 2 / variance) / np.sqrt(2 * np.pi * variance)
        ax.plot(grid, weight * normal, "--", color=color(k), label=f"component {k}")
    if uncertainty:
        _draw_uncertainty(ax, display, grid)
    ax.set(xlabel=display.names[0], ylabel="density")
    ax.legend()


def _edges(display: Any, rows: np.ndarray, bins: int | str) -> np.ndarray:
    """Of the bins; where there are no rows, the ends of where the components are."""
    if rows.size:
        return np.histogram_bin_edges(rows, bins=bins)
    seen = display.weights >= LEAST_WEIGHT
    means = display.means[seen, 0]
    reach = REACH * np.sqrt(display.covariances[seen, 0, 0])
    return np.array([(means - reach).min(), (means + reach).max()])


def _draw_uncertainty(ax: Any, display: Any, grid: np.ndarray) -> None:
    """On a scale of its own, from 0 to 1."""
    other = ax.twinx()
    other.fill_between(grid[:, 0], display.uncertainty(grid), color="C3", alpha=0.2, linewidth=0)
    other.set(ylim=(0.0, 1.0), ylabel="uncertainty")
