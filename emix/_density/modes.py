"""Modes of a mixture of normals, by mean-shift from the means (Carreira-Perpinan 2000).

With r_k(x) the responsibilities, P_k the precisions and v_k = P_k (mu_k - x), the density has

    gradient of log p = g = sum_k r_k v_k,    Hessian of log p = sum_k r_k (v_k v_kᵀ - P_k) - g gᵀ.

Mean-shift moves x by B⁻¹ g, B = sum_k r_k P_k: it is EM for the place x, and log p never falls. It
converges linearly; where a step of Newton's is short, and leads to a maximum, that is taken.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from .normals import Normals, inverse

# Lengths are in standard deviations, by the metric B. A climb ends when a step is this short.
_SHORTEST = 1e-12
_STEPS = 2000
# Steps of Newton's up to this length are tried: longer ones may lead to another mode.
_LOCAL = 0.1
# Points this close are one mode. At a double root of the slope climbs end up to 1e-3 apart.
_SAME = 1e-2
# Curvature above -_FLAT, in units of B, is no maximum; such a point is left to both sides.
_FLAT, _NUDGE, _LEAVES = 1e-7, 1e-2, 5


class Modes(NamedTuple):
    """Modes of a density, in falling order of it.

    locations (n_modes, d), log_densities (n_modes,), and components (K,): the mode that the climb
    from each component's mean ends at.
    """

    locations: np.ndarray
    log_densities: np.ndarray
    components: np.ndarray


class _Local(NamedTuple):
    """log p (n,), g (n, d), B (n, d, d) and the Hessian (n, d, d) of log p at n points."""

    log_p: np.ndarray
    gradient: np.ndarray
    metric: np.ndarray
    hessian: np.ndarray


def modes(normals: Normals) -> Modes:
    """The modes that climbs from all means end at, in falling order of density."""
    shift = normals.weights @ normals.means
    variances = np.square(normals.roots).sum(axis=1) + (normals.means - shift) ** 2
    scale = np.sqrt(normals.weights @ variances)
    scaled = Normals(normals.log_weights, (normals.means - shift) / scale, normals.roots / scale)
    density = _Density(scaled)
    points = np.array([density.top(mean) for mean in scaled.means])
    groups = _distinct(density, points)
    found = np.array([points[group[0]] for group in groups])
    log_p = density.at(found).log_p - np.log(scale).sum()
    order = np.argsort(-log_p, kind="stable")
    labels = np.empty(len(points), dtype=np.int64)
    for new, old in enumerate(order):
        labels[groups[old]] = new
    return Modes(shift + scale * found[order], log_p[order], labels)


class _Density:
    def __init__(self, normals: Normals):
        self._normals = normals
        factors = np.array([inverse(root) for root in normals.roots])
        self._precisions = factors @ factors.swapaxes(-1, -2)

    def at(self, points: np.ndarray) -> _Local:
        log_joint = self._normals.log_joint(points)
        log_p = logsumexp(log_joint, axis=1)
        resp = np.exp(log_joint - log_p[:, None])
        y = self._normals.means - points[:, None, :]
        pulls = np.einsum("kij,nkj->nki", self._precisions, y)
        gradient = np.einsum("nk,nki->ni", resp, pulls)
        metric = np.einsum("nk,kij->nij", resp, self._precisions)
        outer = np.einsum("nk,nki,nkj->nij", resp, pulls, pulls)
        hessian = outer - metric - gradient[:, :, None] * gradient[:, None, :]
        return _Local(log_p, gradient, metric, hessian)

    def top(self, start: np.ndarray) -> np.ndarray:
        """The mode above a point, (d,)."""
        point = self._climbed(start)
        for _ in range(_LEAVES):
            place = self._one(point)
            root = np.linalg.cholesky(place.metric)
            white = np.linalg.solve(root, np.linalg.solve(root, place.hessian).T)
            curvatures, axes = np.linalg.eigh(white)
            if curvatures[-1] < -_FLAT:
                break
            step = _NUDGE * np.linalg.solve(root.T, axes[:, -1])
            sides = self.at(np.array([point + step, point - step]))
            if not sides.log_p.max() > place.log_p:
                break  # flat, but a maximum
            point = self._climbed(point + step if sides.log_p.argmax() == 0 else point - step)
        return point

    def _one(self, point: np.ndarray) -> _Local:
        return _Local(*(values[0] for values in self.at(point[None])))

    def _climbed(self, point: np.ndarray) -> np.ndarray:
        place = self._one(point)
        for _ in range(_STEPS):
            step = np.linalg.solve(place.metric, place.gradient)
            if step @ place.metric @ step < _SHORTEST**2:
                break
            moved = self._newton(point, place)
            if moved is None:
                moved = point + step, self._one(point + step)
            point, place = moved
        return point

    def _newton(self, point: np.ndarray, place: _Local):
        """Where Newton's step leads to, unless that is far, or no maximum."""
        if not np.linalg.eigvalsh(place.hessian)[-1] < 0.0:
            return None
        step = np.linalg.solve(-place.hessian, place.gradient)
        if step @ place.metric @ step > _LOCAL**2:
            return None
        return point + step, self._one(point + step)


def _distinct(density: _Density, points: np.ndarray) -> list[list[int]]:
    """Indices of points, those of one mode together."""
    groups: list[list[int]] = []
    metrics = density.at(points).metric
    for k, point in enumerate(points):
        for group in groups:
            y = point - points[group[0]]
            if y @ metrics[group[0]] @ y < _SAME**2:
                group.append(k)
                break
        else:
            groups.append([k])
    return groups
