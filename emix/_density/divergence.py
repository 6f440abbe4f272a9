"""Distances between normals and between mixtures of them: closed forms and bounds.

Of normals, with y = mu_a - mu_b:

    D(a || b) = (tr C_b⁻¹ C_a + yᵀ C_b⁻¹ y - d) / 2 + log|R_b| - log|R_a|,
    log of the integral of a b = log N(y | 0, C_a + C_b),
    B(a, b) = yᵀ C⁻¹ y / 8 + log|R| - (log|R_a| + log|R_b|) / 2,    C = (C_a + C_b) / 2

(Kullback-Leibler, Bhattacharyya). C_a + C_b has the root of the stacked rows of R_a and R_b.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from .._normal.gaussian import LOG_2PI
from .normals import Normals, total_moments, triangular, whitened

# Rounds of the alternating minimisation of the variational bound, and the fall of a round, in
# nats, at which it ends. Any round gives a bound; later ones lower it by less and less.
_ROUNDS, _LEAST_FALL = 1000, 1e-12


class Bounds(NamedTuple):
    """A quantity lies between these."""

    lower: float
    upper: float


def kullback_leibler(a: Normals, b: Normals) -> np.ndarray:
    """D(a_i || b_j), (K_a, K_b)."""
    d = a.means.shape[1]
    found = np.empty((len(a.means), len(b.means)))
    for j, (root, mean) in enumerate(zip(b.roots, b.means, strict=True)):
        shifts = whitened(root, a.means - mean)
        # |R_a R_b⁻¹|², the trace of C_b⁻¹ C_a
        ratios = whitened(root, a.roots.reshape(-1, d)).reshape(len(a.means), -1)
        found[:, j] = 0.5 * (np.vecdot(ratios, ratios) + np.vecdot(shifts, shifts) - d)
    return np.maximum(found + b.log_dets - a.log_dets[:, None], 0.0)


def _of_sums(a: Normals) -> tuple[np.ndarray, np.ndarray]:
    """yᵀ (C_i + C_j)⁻¹ y and the logarithms of the determinants of the roots, (K, K) each."""
    n_components = len(a.means)
    squares, log_dets = np.zeros((2, n_components, n_components))
    for i in range(n_components):
        for j in range(i, n_components):
            root = triangular(np.concatenate([a.roots[i], a.roots[j]]))
            white = whitened(root, (a.means[i] - a.means[j])[None])
            squares[i, j] = squares[j, i] = np.vdot(white, white)
            log_dets[i, j] = log_dets[j, i] = np.log(np.diagonal(root)).sum()
    return squares, log_dets


def entropy_bounds(a: Normals) -> Bounds:
    """Of H = -E log p. With H(X | Z) the mean entropy of the components, and a distance D of pairs
    of them,

        H(X | Z) - sum_i w_i log sum_j w_j exp(-D(i, j))

    is at least H for Kullback-Leibler's and at most H for Bhattacharyya's (Kolchinsky & Tracey
    2017); -sum_i w_i log sum_j w_j (integral of i j) is at most H by Jensen's inequality, and
    the normal of the same covariance has more entropy (Huber, Bailey, Durrant-Whyte & Hanebeck
    2008). The better ones of these.
    """
    weights, d = a.weights, a.means.shape[1]
    of_normal = 0.5 * d * (LOG_2PI + 1.0)
    within = of_normal + weights @ a.log_dets
    squares, log_dets = _of_sums(a)

    def paired(log_similarity):
        return -weights @ logsumexp(a.log_weights + log_similarity, axis=1)

    mean_dets = 0.5 * (a.log_dets[:, None] + a.log_dets)
    # C = (C_i + C_j) / 2 has log|R| smaller by d log(2) / 2, and its squares are doubled
    bhattacharyya = 0.25 * squares + log_dets - 0.5 * d * np.log(2.0) - mean_dets
    by_products = paired(-0.5 * squares - log_dets - 0.5 * d * LOG_2PI)
    y = a.means - weights @ a.means
    spread = a.roots * np.sqrt(weights)[:, None, None]
    root = triangular(np.concatenate([spread.reshape(-1, d), y * np.sqrt(weights)[:, None]]))
    of_moments = of_normal + np.log(np.diagonal(root)).sum()
    return Bounds(
        float(max(within + paired(-bhattacharyya), by_products)),
        float(min(within + paired(-kullback_leibler(a, a)), of_moments)),
    )


def variational_approximation(a: Normals, b: Normals) -> float:
    """Of D(a || b), which it may exceed or not (Hershey & Olsen 2007, eq. 20):

    sum_i w_i log (sum_j w_j exp(-D(a_i || a_j)) / sum_j v_j exp(-D(a_i || b_j))).
    """
    own = logsumexp(a.log_weights - kullback_leibler(a, a), axis=1)
    other = logsumexp(b.log_weights - kullback_leibler(a, b), axis=1)
    return float(a.weights @ (own - other))


def variational_bound(a: Normals, b: Normals) -> float:
    """The least upper bound of D(a || b) over couplings of components (Hershey & Olsen 2007,
    section 8): for phi, psi >= 0 with sum_j phi_ij = w_i and sum_i psi_ij = v_j,

        D(a || b) <= sum_ij phi_ij (log phi_ij - log psi_ij + D(a_i || b_j)).

    psi_ij ~ phi_ij and phi_ij ~ psi_ij exp(-D_ij) minimise it in turn.
    """
    divergence = kullback_leibler(a, b)
    log_phi = a.log_weights[:, None] + b.log_weights
    bound = np.inf
    for _ in range(_ROUNDS):
        log_psi = log_phi + b.log_weights - logsumexp(log_phi, axis=0)
        log_phi = log_psi - divergence
        log_phi += (a.log_weights - logsumexp(log_phi, axis=1))[:, None]
        last, bound = bound, float((np.exp(log_phi) * (log_phi - log_psi + divergence)).sum())
        if not last - bound > _LEAST_FALL * max(1.0, abs(bound)):
            break
    return max(bound, 0.0)


def moments(a: Normals) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,) and covariance (d, d) of the whole."""
    return total_moments(a.weights, a.means, a.covariances)
