"""Two features: rows, ellipses, contours of the density, uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._scale import LEAST_WEIGHT, REACH, color

# Probabilities of the regions that contours enclose.
_SHARES = (0.25, 0.5, 0.75, 0.95)
# Area of a row's mark, in square points, and what a row of no certainty has more.
_AREA, _MORE = 16.0, 120.0


def draw_rows(ax: Any, display: Any, uncertainty: bool = False) -> None:
    """In the colours of their components; the larger, the less certain these are."""
    for k in range(len(display.means)):
        ours = display.labels == k
        rows = display.rows[ours].T
        if not uncertainty:
            ax.plot(*rows, "o", color=color(k), markersize=_AREA**0.5, alpha=0.6)
            continue
        areas = _AREA + _MORE * display.uncertainties[ours]
        ax.scatter(*rows, s=areas, color=color(k), alpha=0.6, edgecolors="none")


def draw_ellipses(ax: Any, display: Any, deviations: Sequence[float]) -> None:
    """And the means."""
    parts = zip(display.weights, display.means, display.covariances, strict=True)
    for k, (weight, mean, covariance) in enumerate(parts):
        if weight < LEAST_WEIGHT:
            continue
        for size in deviations:
            ax.add_patch(_ellipse(mean, covariance, size, color(k)))
        ax.plot(*mean, "+", color="black", markersize=10)
    if not display.rows.size:
        _reach_around(ax, display)


def draw_contours(ax: Any, display: Any, n_grid: int) -> None:
    """Of the density, around regions of given probability, as far as the axes reach."""
    x, y, points = _grid(ax, n_grid)
    height = display.density(points)
    levels = np.unique(_levels(height))
    if levels[-1] > levels[0] > 0.0:
        height = height.reshape(n_grid, n_grid)
        ax.contour(x, y, height, levels=levels, colors="0.5", linewidths=0.7)


def draw_uncertainty(ax: Any, display: Any, n_grid: int) -> None:
    """The darker, the less certain a component is there, from 0 to 1 - 1/K."""
    x, y, points = _grid(ax, n_grid)
    height = display.uncertainty(points).reshape(n_grid, n_grid)
    top = max(1.0 - 1.0 / len(display.means), 0.1)
    ax.pcolormesh(x, y, height, cmap="Greys", vmin=0.0, vmax=top, alpha=0.6, zorder=0)


def _levels(height: np.ndarray) -> np.ndarray:
    """Heights that are exceeded on regions of these shares of the sum of all, rising."""
    falling = np.sort(height)[::-1]
    shares = np.cumsum(falling) / falling.sum()
    return falling[np.searchsorted(shares, _SHARES[::-1])]


def _grid(ax: Any, n_grid: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of the axes, (n_grid,) each way and (n_grid², 2) together."""
    limits: list[tuple[float, float]] = [ax.get_xlim(), ax.get_ylim()]
    ax.set(xlim=limits[0], ylim=limits[1])  # as what is drawn over all of them would widen them
    x, y = (np.linspace(low, high, n_grid) for low, high in limits)
    return x, y, np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def _reach_around(ax: Any, display: Any) -> None:
    """Limits where there are no rows to make them."""
    seen = display.weights >= LEAST_WEIGHT
    reach = REACH * np.sqrt(display.covariances[seen].diagonal(axis1=1, axis2=2))
    low, high = (display.means[seen] - reach).min(axis=0), (display.means[seen] + reach).max(axis=0)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))


def _ellipse(mean: np.ndarray, covariance: np.ndarray, size: float, color: str) -> Any:
    """The points at a Mahalanobis distance of ``size`` from the mean."""
    from matplotlib.patches import Ellipse

    values, vectors = np.linalg.eigh(covariance)
    angle = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
    height, width = 2.0 * size * np.sqrt(np.maximum(values, 0.0))
    return Ellipse(mean, width, height, angle=angle, fill=False, color=color)
