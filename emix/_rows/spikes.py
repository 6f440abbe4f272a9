"""Values that far more rows have than values beside them: zeros of a zero-inflated column, say.

A component on such a value has no variance, and is right all the same.
"""

from __future__ import annotations

import numpy as np

# Rows of a spike, as a multiple of those of any of the two nearest values on either side. Rounded
# normal columns have up to four times as many; less would take their mode for a spike.
_TIMES = 8.0
_BESIDE = 2
# Distinct values of a column in which there can be a spike: with fewer, all of them are categories.
_FEWEST = 5
# Values that differ by less than this share of the local scale are equal but for rounding.
_EQUAL = 1e-9


def spikes(z: np.ndarray, weight: np.ndarray, scale: float) -> np.ndarray:
    """The spikes of one column z (m,), whose rows have these weights."""
    order = np.argsort(z, kind="stable")
    values, weight = z[order], weight[order]
    first = np.flatnonzero(np.append(True, np.diff(values) > _EQUAL * scale))
    if len(first) < _FEWEST:
        return np.empty(0)
    mass = np.add.reduceat(weight, first)
    beside = np.zeros_like(mass)
    for k in range(1, _BESIDE + 1):
        np.maximum(beside[k:], mass[:-k], out=beside[k:])
        np.maximum(beside[:-k], mass[k:], out=beside[:-k])
    return values[first[mass >= _TIMES * beside]]


def is_crowded(values: np.ndarray, mean: np.ndarray, width: float, fewest: int) -> np.ndarray:
    """Whether so many distinct values (u,), sorted, lie within the width of a mean, and far more
    than beside them on either side: a narrow cluster of a continuous column."""
    steps = np.array([-3.0, -1.0, 1.0, 3.0]) * width
    edges = np.searchsorted(values, np.add.outer(steps, mean))
    left, inside, right = edges[1:] - edges[:-1]
    return (inside >= fewest) & (inside >= _TIMES * np.maximum(left, right))
