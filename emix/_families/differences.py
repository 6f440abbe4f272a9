"""Standard errors by differences of the score (Jamshidian & Jennrich 2000).

By Fisher's identity the slope of the mean log-likelihood in theta is that of expected(s, theta),
with the statistics s = e_step(theta) held. The observed information is minus the slope of this
score. Both slopes are differences of fourth order; the inner ones need no pass over the rows, the
outer ones four passes for each coordinate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np

from .._mixture.mixture import Mixture
from .protocols import Parameters
from .uncertainty import inverse

# Step of all differences, in coordinates in which a step of one is as large as a component. Smaller
# steps lose digits to rounding, larger ones to the fifth derivative. With this one the errors of
# normal components agree with the exact ones to seven digits (tests of standard errors).
_STEP = 1e-3


Described = TypeVar("Described", bound=Parameters, covariant=True)


class Coordinates(Protocol[Described]):
    """Free numbers near some parameters, which are at zeros (size,)."""

    size: int

    def at(self, free: np.ndarray) -> Described: ...


def covariance(model: Mixture, coordinates: Coordinates) -> np.ndarray:
    """Of the estimates of the coordinates, (size, size)."""

    def score(free: np.ndarray) -> np.ndarray:
        stats = model.e_step(coordinates.at(free))
        return slopes(lambda other: model.expected(stats, coordinates.at(other)), free)

    information = -model.rows.total_weight * slopes(score, np.zeros(coordinates.size))
    return inverse(0.5 * (information + information.T))


def slopes(of: Callable[[np.ndarray], np.ndarray | float], at: np.ndarray) -> np.ndarray:
    """Derivatives in each coordinate, (size, ...) for values (...)."""
    found = []
    for step in _STEP * np.eye(len(at)):
        near = np.asarray(of(at + step)) - np.asarray(of(at - step))
        far = np.asarray(of(at + 2.0 * step)) - np.asarray(of(at - 2.0 * step))
        found.append((8.0 * near - far) / (12.0 * _STEP))
    return np.array(found)


def errors(described: Callable[[np.ndarray], np.ndarray], covariance: np.ndarray) -> np.ndarray:
    """Of what coordinates are described as, by the delta method."""
    slope = slopes(described, np.zeros(len(covariance)))
    return np.sqrt(np.einsum("a...,ab,b...->...", slope, covariance, slope))
