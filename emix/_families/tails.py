"""Degrees of freedom of t components: known, common to all, or each component's own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import digamma

from .._normal.family import DEAD

# Least and greatest finite degrees of freedom. Below the least the density has such a peak that a
# component needs one row; above the greatest, terms of log t cancel to less than nine digits.
LEAST, MOST = 0.1, 1e6
# Where a fit begins: tails that keep outliers from the moments.
_START = 8.0


class Fixed(NamedTuple):
    """Degrees of freedom that are known; infinite ones are the normal distribution."""

    value: float

    def estimate(self, weight: np.ndarray, tails: np.ndarray, dof: np.ndarray) -> np.ndarray:
        return dof

    def start(self, n_components: int) -> np.ndarray:
        return np.full(n_components, self.value)

    def n_free(self, n_components: int) -> int:
        return 0

    def numbers(self, dof: np.ndarray) -> np.ndarray:
        """Of the free number that moves each of them, -1 where none does, (K,)."""
        return np.full(dof.shape, -1)


class Common:
    """One for all components."""

    def estimate(self, weight: np.ndarray, tails: np.ndarray, dof: np.ndarray) -> np.ndarray:
        if not np.isfinite(dof[0]):
            return dof
        return np.full(dof.shape, root(float(tails.sum() / weight.sum())))

    def start(self, n_components: int) -> np.ndarray:
        return np.full(n_components, _START)

    def n_free(self, n_components: int) -> int:
        return 1

    def numbers(self, dof: np.ndarray) -> np.ndarray:
        return np.where(_is_inside(dof), 0, -1)


class Each:
    """One for each component."""

    def estimate(self, weight: np.ndarray, tails: np.ndarray, dof: np.ndarray) -> np.ndarray:
        found = dof.copy()
        for k in np.flatnonzero(np.isfinite(dof) & (weight > DEAD)):
            found[k] = root(float(tails[k] / weight[k]))
        return found

    def start(self, n_components: int) -> np.ndarray:
        return np.full(n_components, _START)

    def n_free(self, n_components: int) -> int:
        return n_components

    def numbers(self, dof: np.ndarray) -> np.ndarray:
        inside = _is_inside(dof)
        return np.where(inside, np.cumsum(inside) - 1, -1)


def _is_inside(dof: np.ndarray) -> np.ndarray:
    """Between the limits, and finite."""
    return (dof > LEAST) & (dof < MOST)


def root(tail: float) -> float:
    """The nu with log(nu/2) - psi(nu/2) + tail = 0, between the limits; the left side falls."""

    def slope(log_half: float) -> float:
        half = np.exp(log_half)
        return float(log_half - digamma(half)) + tail

    low, high = np.log(0.5 * LEAST), np.log(0.5 * MOST)
    if slope(low) <= 0.0:
        return LEAST
    return MOST if slope(high) >= 0.0 else float(2.0 * np.exp(brentq(slope, low, high, xtol=1e-13)))
