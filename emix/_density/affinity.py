"""How alike the components of two mixtures are, and which of them belong together.

The affinity of weighted densities is the integral of sqrt(v N(x | a) w N(x | b)) (Bhattacharyya
1943), with C the mean of the two covariances

    sqrt(v w) |C_a|^(1/4) |C_b|^(1/4) |C|^(-1/2) exp(-(mu_a - mu_b)ᵀ C⁻¹ (mu_a - mu_b) / 8):

sqrt(v w) if the normals are equal, 0 if they are far apart, in any units.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from .normals import Normals, triangular, whitened


def affinities(one: Normals, other: Normals) -> np.ndarray:
    """Of the components of one with those of other, (K, L)."""
    found = np.zeros((len(one.means), len(other.means)))
    for k, (root, mean) in enumerate(zip(one.roots, one.means, strict=True)):
        for j, (other_root, other_mean) in enumerate(zip(other.roots, other.means, strict=True)):
            between = triangular(np.concatenate([root, other_root])[None] / np.sqrt(2.0))[0]
            apart = whitened(between, (mean - other_mean)[None])[0]
            found[k, j] = -0.125 * apart @ apart - np.log(between.diagonal()).sum()
    found += 0.5 * (one.log_weights + one.log_dets)[:, None]
    found += 0.5 * (other.log_weights + other.log_dets)
    return np.exp(found)


def matched(one: Normals, other: Normals) -> np.ndarray:
    """The component of other that belongs to each of one: the assignment of greatest affinity."""
    return linear_sum_assignment(affinities(one, other), maximize=True)[1]
