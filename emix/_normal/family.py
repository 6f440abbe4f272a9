"""Normal components of one covariance structure: statistics -> parameters."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .covariances import Structure
from .floor import Floor
from .gaussian import Params
from .stats import Stats

# A component with less than this share of the data keeps its last mean and covariance.
DEAD = 1e-300


class Family(NamedTuple):
    """What an M-step needs to know besides statistics and the parameters before it: the structure
    of the covariances, noise in the form of the structure, the parameters that stay as they are,
    and the least covariance."""

    structure: Structure
    noise: np.ndarray
    frozen: frozenset[str]
    floor: Floor

    def m_step(self, stats: Stats, params: Params) -> Params:
        """argmax of E_q[log p(x, z, params)] over the parameters that are not frozen.

        y = x - o_k: mu_k = o_k + E y, S_k = E y yᵀ - E y aᵀ - a E yᵀ + a aᵀ + noise about
        mu_k = o_k + a; covariances are what the structure makes of S. Components without data
        keep what they had, at weight zero.
        """
        structure, frozen = self.structure, self.frozen
        weight, means = stats.weight, params.means
        weights = params.weights if "weights" in frozen else weight / weight.sum()
        all_alive = weight.min() > DEAD
        if not all_alive:
            alive = weight > DEAD
            weight = np.where(alive, weight, 1.0)
        centre = stats.first / weight[:, None]
        if "means" not in frozen:
            centres = stats.origin + centre
            means = centres if all_alive else np.where(alive[:, None], centres, means)
        if "covariances" in frozen:
            return Params(weights, means, *params[2:])
        taken = self._taken(centre, means - stats.origin)
        second = structure.sharing.mean_about(stats.second, stats.weight, weight, taken)
        scatter = structure.form.mean_matrix(second, means.shape[1]) + self.noise
        if not all_alive:
            scatter = structure.sharing.kept(alive, scatter, params.covariances)
        return Params(
            weights, means, *structure.estimate(stats.weight, scatter, params, self.floor)
        )

    def _taken(self, centre: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """What second moments about the means lack to those about the origins."""
        outer = self.structure.form.outer
        if "means" in self.frozen:
            return outer(centre, shift) + outer(shift, centre) - outer(shift, shift)
        return outer(centre, centre)

    def admitted(self, params: Params) -> Params:
        """The same weights and means with the covariances of the structure that fit best: those
        that are given, or found otherwise, need not be of it."""
        if self.structure.is_free or "covariances" in self.frozen:
            return params
        estimate = self.structure.estimate
        weight = np.maximum(params.weights, DEAD)
        return Params(*params[:2], *estimate(weight, params.covariances, params, self.floor))
