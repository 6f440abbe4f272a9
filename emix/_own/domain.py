"""Where parameters may be, as far as that can be told from parameters that are."""

from __future__ import annotations

import numpy as np

from .tree import Leaf

# The part of the way to zero that an extrapolated step may take a coordinate.
_TO_ZERO = 0.5
# Shares add up to one but for this.
_SHARES = 1e-12


def with_signs(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """On the way from start to end, (size,), the last point where every coordinate keeps a part of
    its distance from zero. What is zero at the start remains so: it may be a weight."""
    end = np.where(start == 0.0, 0.0, end)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        shares = (1.0 - _TO_ZERO) * start - start
        shares = np.where(end * start < start * start, shares / (end - start), np.inf)
    share = min(1.0, float(np.min(shares, initial=1.0)))
    return start + share * (end - start)


def keeps_signs(start: np.ndarray, end: np.ndarray) -> bool:
    """Whether no coordinate, (size,), comes to zero or beyond it."""
    return bool(((start * end > 0.0) | (start == 0.0)).all())


def adding_up(before: list[Leaf], vector: np.ndarray) -> np.ndarray:
    """The vector, with shares that add up to one where they did: an extrapolation is exact in this
    but for rounding errors, which it multiplies, and too large a sum adds to a likelihood."""
    parts, position = [], 0
    for _, value in before:
        part = vector[position : position + value.size].reshape(value.shape)
        position += value.size
        for axis in reversed(range(value.ndim)):
            if _are_shares(value, axis):
                part = part / part.sum(axis=axis, keepdims=True)
                break
        parts.append(part.ravel())
    return np.concatenate([np.zeros(0), *parts])


def _are_shares(value: np.ndarray, axis: int) -> bool:
    if value.size == 0 or value.shape[axis] < 2 or value.min() < 0.0:
        return False
    return bool((np.abs(value.sum(axis=axis) - 1.0) <= _SHARES).all())
