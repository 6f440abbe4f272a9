"""Coordinates in which clusters are looked for."""

from __future__ import annotations

import numpy as np

from .._rows.blocks import Rows

# Deviations are cut at 4 half ranges of the middle half. Rows beyond may be outliers, and would
# make clusters of their own. A normal sample has 1 % of its rows beyond.
_FAR = 4.0
# Half the range of the middle half of a normal distribution, in standard deviations.
_HALF = 0.6745


def weights_of(rows: Rows) -> np.ndarray:
    """Weights of the rows, (n,)."""
    return np.ones(rows.n) if rows.weight is None else rows.weight


def robust(rows: Rows) -> np.ndarray:
    """Distances from the medians in units of half the range of the middle half, cut, (d, n)."""
    z = _read(rows)
    middle, half = _middle(z, weights_of(rows))
    y = (z - middle[:, None]) / np.where(half > 0.0, half, 1.0)[:, None]
    return np.clip(y, -_FAR, _FAR, out=y)


def middle(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Medians (d,), and standard deviations of normal columns that have such a middle half; one
    where it does not vary."""
    centre, half = _middle(_read(rows), weights_of(rows))
    return centre, np.where(half > 0.0, half / _HALF, 1.0)


def _read(rows: Rows) -> np.ndarray:
    z = np.empty((rows.d, rows.n))
    rows.read(0, rows.n, z)
    return z


def _middle(z: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Medians, and half the range of the middle half."""
    low, centre, high = (_quantiles(z, weight, share) for share in (0.25, 0.5, 0.75))
    return centre, 0.5 * (high - low)


def _quantiles(z: np.ndarray, weight: np.ndarray, share: float) -> np.ndarray:
    """The values (d,) up to which a share of the weight lies."""
    found = np.empty(len(z))
    for j, values in enumerate(z):
        order = np.argsort(values)
        mass = np.cumsum(weight[order])
        found[j] = values[order[np.searchsorted(mass, share * mass[-1])]]
    return found
