"""Axes to draw on."""

from __future__ import annotations

from typing import Any

import numpy as np

# Inches to a side of one panel of a grid.
_PANEL = 2.3
# Panels of a row.
_COLUMNS = 3


def _pyplot() -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "Drawing needs matplotlib: `pip install matplotlib`, or install emix with its extra "
            "`plot`"
        ) from error
    return plt


def new_axes(ax: Any) -> Any:
    """The axes to draw on, new ones if None."""
    return _pyplot().subplots(layout="constrained")[1] if ax is None else ax


def new_grid(axes: Any, size: int) -> np.ndarray:
    """Axes (size, size), new ones if None. New ones share x in columns, and y in rows but for the
    diagonal, whose y is a density."""
    if axes is not None:
        axes = np.asarray(axes, dtype=object)
        if axes.shape != (size, size):
            raise ValueError(f"axes must have the shape ({size}, {size}), got {axes.shape}")
        return axes
    side = _PANEL * max(size, 2)
    options = {"sharex": "col", "squeeze": False, "layout": "constrained"}
    axes = _pyplot().subplots(size, size, figsize=(side, side), **options)[1]
    for i, row in enumerate(axes):
        first, *others = np.delete(row, i) if size > 1 else row
        for ax in others:
            ax.sharey(first)
    return axes


def new_panels(axes: Any, count: int) -> np.ndarray:
    """Axes (count,), new ones if None: in rows of at most so many."""
    if axes is not None:
        axes = np.asarray(axes, dtype=object)
        if axes.shape != (count,):
            raise ValueError(f"axes must have the shape ({count},), got {axes.shape}")
        return axes
    n_columns = min(count, _COLUMNS)
    n_rows = -(-count // n_columns)
    size = 1.5 * _PANEL * n_columns, _PANEL * n_rows
    options = {"figsize": size, "squeeze": False, "layout": "constrained"}
    axes = _pyplot().subplots(n_rows, n_columns, **options)[1].ravel()
    for ax in axes[count:]:
        ax.remove()
    return axes[:count]
