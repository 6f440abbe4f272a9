"""Axes that fit the scatters of all components best: common principal components (Flury 1984).

Minimum over orthonormal D (d, d) of

    f(D) = min over a of sum_k p_k sum_j (log a_kj + s_kj / a_kj),   s_kj = (Dᵀ S_k D)_jj.

The best a is a function of s, and df/ds_kj = p_k / a_kj. D moves to D exp(X), X skew; with M_k =
Dᵀ S_k D

    df/dX_ij = 2 G_ij,  G_ij = sum_k p_k M_kij (1 / a_kj - 1 / a_ki),

and in the plane of axes i and j alone, a fixed, f is bent by B_ij = sum_k p_k (s_ki - s_kj)
(1 / a_kj - 1 / a_ki) >= 0: X = -G / B turns every plane to its minimum, as Flury & Gautschi (1986)
do one after the other. Conjugate gradients in this metric find where the planes agree. Every step
lowers f, as those of Browne & McNicholas (2014) do, who majorise it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

_PASSES, _HALVINGS = 200, 30
# In place of a bend of zero, where the slope is zero as well.
_NOTHING = 1e-300
# Rounding of a number of size one, and the largest turn of a plane (radians).
_EPSILON, _FARTHEST = 2.0**-50, 0.5


class Place(NamedTuple):
    """Axes, the scatters turned to them, the variances there, and f."""

    axes: np.ndarray
    turned: np.ndarray
    variances: np.ndarray
    value: float


class CommonAxes:
    """Search for D with shares p (K,) and scatters S (K, d, d)."""

    def __init__(self, shares: np.ndarray, scatter: np.ndarray, fit: Callable):
        """fit gives the best variances (K, d) for diagonals s (K, d)."""
        self._shares, self._scatter, self._fit = shares, scatter, fit

    def at(self, axes: np.ndarray) -> Place:
        turned = axes.T @ self._scatter @ axes
        s = turned.diagonal(axis1=1, axis2=2)
        a = self._fit(s)
        return Place(axes, turned, a, float(self._shares @ (np.log(a) + s / a).sum(axis=1)))

    def best(self, *starts: np.ndarray) -> Place:
        """From the start where f is least."""
        place, last = min(map(self.at, starts), key=_height), None
        for _ in range(_PASSES):
            slope, bend = self._slopes(place)
            metric = -slope / bend
            if not np.vdot(slope, metric) < 0.0:
                break
            towards = _conjugate(slope, metric, last)
            last = slope, metric, towards
            further = self._step(place, towards, float(np.vdot(slope, towards)))
            if further is None:
                break
            fell, place = place.value - further.value, further
            if fell <= self._rounding(place):
                break
        return place

    def _rounding(self, place: Place) -> float:
        """Of f: small variances make much of the rounding errors of s."""
        sizes = place.turned.trace(axis1=1, axis2=2) / place.variances.min(axis=1)
        return _EPSILON * max(1.0, abs(place.value), float(self._shares @ sizes))

    def _slopes(self, place: Place) -> tuple[np.ndarray, np.ndarray]:
        """G and B, (d, d)."""
        inverse, p = 1.0 / place.variances, self._shares
        s = place.turned.diagonal(axis1=1, axis2=2)
        apart = inverse[:, None, :] - inverse[:, :, None]
        slope = np.einsum("k,kij,kij->ij", p, place.turned, apart)
        bend = np.einsum("k,kij,kij->ij", p, s[:, :, None] - s[:, None, :], apart)
        return slope, np.maximum(bend, _NOTHING)

    def _step(self, place: Place, towards: np.ndarray, slope: float) -> Place | None:
        """Along a direction X; slope is sum over i, j of G X, which is df."""
        turn = min(1.0, _FARTHEST / np.abs(towards).max())
        for _ in range(_HALVINGS):
            further = self.at(place.axes @ _turn(turn * towards))
            if further.value < place.value:
                break
            turn *= 0.5
        else:
            return None
        bent = further.value - place.value - turn * slope
        least = -0.5 * slope * turn * turn / bent if bent > 0.0 else 2.0 * turn
        again = self.at(place.axes @ _turn(min(least, 4.0 * turn) * towards))
        return min(further, again, key=_height)


def _height(place: Place) -> float:
    return place.value


def _conjugate(slope: np.ndarray, metric: np.ndarray, last: tuple | None) -> np.ndarray:
    """The direction of steepest descent in the metric B, and what is left of the last one (Polak &
    Ribière 1969) unless that leads uphill."""
    if last is None:
        return metric
    before, own, towards = last
    share = float(np.vdot(slope, metric - own)) / float(np.vdot(before, own))
    towards = metric + max(share, 0.0) * towards
    is_down = np.vdot(slope, towards) < 0.5 * np.vdot(slope, metric)
    return towards if is_down else metric


def _turn(skew: np.ndarray) -> np.ndarray:
    """exp(X) to second order, orthonormal (Cayley)."""
    half, one = 0.5 * skew, np.eye(len(skew))
    return np.linalg.solve(one - half, one + half)
