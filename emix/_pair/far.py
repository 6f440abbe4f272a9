"""Far values, brought near: short runs add up squares, in which distances cost digits."""

from __future__ import annotations

import numpy as np

from .short_runs import Pairs

# A gap between neighbouring values, in local scales, is shortened to this. Components on either
# side of a gap of even 100 do not overlap, so that their starts are the same. Less leaves more
# digits to variances: of the sum of ten such gaps, the square is 1e8.
_WIDEST = 1000.0
# Least weight of the rows of a component, so that nothing is divided by zero.
_LEAST = 1e-300


def closed_up(z: np.ndarray) -> np.ndarray:
    """Sorted values with gaps that are no wider; z itself if there are none."""
    gap = np.diff(z)
    if not len(gap) or gap.max() <= _WIDEST:
        return z
    near = np.append(0.0, np.cumsum(np.minimum(gap, _WIDEST)))
    middle = len(z) // 2
    return near - near[middle] + z[middle]


def carried(
    pairs: Pairs, near: np.ndarray, z: np.ndarray, weight: np.ndarray, pooled: bool
) -> Pairs:
    """The mixtures of values z that follow from the responsibilities that these mixtures have for
    near ones."""
    weights, means, variances = (part.T[..., None] for part in pairs)
    joint = np.log(weights) - 0.5 * (np.log(variances) + (near - means) ** 2 / variances)
    with np.errstate(over="ignore"):
        resp = weight / (1.0 + np.exp(joint[::-1] - joint))
    count = np.maximum(resp.sum(axis=2), _LEAST)
    means = (resp @ z) / count
    scatter = (resp * (z - means[..., None]) ** 2).sum(axis=2)
    if pooled:
        scatter[:] = scatter.sum(axis=0) / count.sum(axis=0) * count
    return Pairs(pairs.weights, means.T, (scatter / count).T)
