"""Points of the likelihood of two normals, and which of them are the same."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .._normal.gaussian import Params
from .short_runs import Pairs
from .two_normals import Sums, TwoNormals, pair

# Equal are two points whose weights, logarithms of scales, and means in units of the smaller
# scale differ by less.
_SAME = 0.1


class Peak(NamedTuple):
    """Parameters, the sums of an E-step there, and the log-likelihood per row. The components are
    in the order of their means."""

    params: Params
    stats: Sums
    objective: float


def peak(params: Params, stats: Sums) -> Peak:
    """With its components in order."""
    if not in_order(params):
        params, stats = by_mean(params), stats.swapped()
    return Peak(params, stats, stats.value)


def peak_at(model: TwoNormals, params: Params) -> Peak:
    return peak(params, model.e_step(params))


def by_mean(params: Params) -> Params:
    """Components in the order of their means."""
    if in_order(params):
        return params
    pooled = params.covariances.ndim == 1
    parts = params[2:] if pooled else [part[::-1] for part in params[2:]]
    return Params(params.weights[::-1], params.means[::-1], *parts)


def in_order(params: Params) -> bool:
    one, two = zip(pair(params.means), pair(params.covariances), strict=True)
    return one <= two


def place_of(params: Params) -> list[tuple[float, float, float]]:
    """Mean, variance and weight of both components."""
    parts = pair(params.means), pair(params.covariances), pair(params.weights)
    return list(zip(*parts, strict=True))


def is_same(place: list, other: list) -> bool:
    return all(map(_is_near, place, other))


def _is_near(a: tuple[float, float, float], b: tuple[float, float, float]) -> bool:
    (mean, variance, weight), (other_mean, other_variance, other_weight) = a, b
    return (
        abs(mean - other_mean) < _SAME * math.sqrt(min(variance, other_variance))
        and abs(math.log(variance / other_variance)) < 2.0 * _SAME
        and abs(weight - other_weight) < _SAME
    )


def distinct_pairs(pairs: Pairs) -> np.ndarray:
    """Indices of mixtures at different points, as above, the first of equal ones."""
    is_swapped = pairs.means[:, :1] > pairs.means[:, 1:]
    weights, means, variances = (np.where(is_swapped, p[:, ::-1], p) for p in pairs)
    scales, logs = np.sqrt(variances), np.log(variances)
    same = np.abs(means[:, None] - means) < _SAME * np.minimum(scales[:, None], scales)
    same &= np.abs(logs[:, None] - logs) < 2.0 * _SAME
    same &= np.abs(weights[:, None] - weights) < _SAME
    kept: list[int] = []
    for i, row in enumerate(same.all(axis=2).tolist()):
        if not any(row[j] for j in kept):
            kept.append(i)
    return np.array(kept, dtype=int)
