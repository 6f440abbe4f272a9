"""Units of weights in which their sums neither overflow nor lose digits."""

from __future__ import annotations

import math

import numpy as np

# Weights that add up to less or more than this get a unit of their own: far enough from the ends of
# float64, at 2^-1022 and 2^1024, for sums of weights times fourth powers of standard units. Others
# stay as they are, so that nothing is copied.
_LEAST, _MOST = 2.0**-100, 2.0**100


def unit_of(total: float) -> float:
    """For weights of this sum: a power of two, so that every digit stays. Where it is not 1, they
    add up to a number from 1 to 2 in it."""
    if total == 0.0 or _LEAST <= total <= _MOST:
        return 1.0
    return math.ldexp(1.0, math.frexp(total)[1] - 1)


def in_own_unit(weight: np.ndarray | None) -> np.ndarray | None:
    """Weights (n,) in a unit of their own, where only their proportions count."""
    return None if weight is None else in_unit(weight, unit_of(float(weight.sum())))


def in_unit(weight: np.ndarray, unit: float) -> np.ndarray:
    """Weights (n,) in the unit."""
    return weight if unit == 1.0 else weight / unit


def given_again(weight: np.ndarray, unit: float) -> np.ndarray:
    """Weights (n,) in the unit as they were given, or so far as sums of them allow: beyond, what a
    nat of all rows is worth is below rounding, or above all log-likelihoods of one row."""
    return weight * min(max(unit, _LEAST), _MOST)
