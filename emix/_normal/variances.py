"""Variances of components along given axes, whose sizes or proportions are equal.

s (K, d) are the scatters' diagonals in the components' axes, p (K,) the components' shares of the
rows. What is found, a (K, d), are variances of at least ``least``,

    argmin of sum_k p_k sum_j (log a_kj + s_kj / a_kj).

a_kj = l_k A_kj, A_k of product one: l is a component's volume (to the power 1 / d), A its shape
(Banfield & Raftery 1993). Either is equal for all components, or varies.
"""

from __future__ import annotations

import numpy as np

# Passes at most, and the relative change of a variance at which they end: rounding.
_PASSES, _SETTLED = 500, 1e-12
# Scatter below this is nothing: its logarithm is finite.
_NOTHING = 1e-290


def floored(s: np.ndarray, least: float) -> np.ndarray:
    """Both vary: a = s."""
    return np.maximum(s, least)


def equal(p: np.ndarray, s: np.ndarray, least: float) -> np.ndarray:
    """Both are equal: a_j = sum_k p_k s_kj."""
    return np.broadcast_to(np.maximum(p @ s, least), s.shape)


def proportions(s: np.ndarray, log_volume: np.ndarray, least: float) -> tuple:
    """Minimum of sum_j s_kj / a_kj where the logarithms of a_k add up to d log_volume_k: max(s /
    mu, least). Also log mu, (K,), and how many are above the least.

    With r of them above, the largest, log mu = (sum of log s - d log volume + (d - r) log least) /
    r; r is as large as it can be.
    """
    d = s.shape[-1]
    logs, low = np.log(np.maximum(s, _NOTHING)), np.log(least)
    falling = -np.sort(-logs, axis=-1)
    r = np.arange(1, d + 1)
    total = d * np.asarray(log_volume)[..., None]
    log_mu = (np.cumsum(falling, axis=-1) - total + (d - r) * low) / r
    free = np.count_nonzero(falling - log_mu >= low, axis=-1)
    free = np.maximum(free, 1)
    log_mu = np.take_along_axis(log_mu, free[..., None] - 1, axis=-1)
    return np.exp(np.maximum(logs - log_mu, low)), log_mu[..., 0], free


def of_equal_volume(p: np.ndarray, s: np.ndarray, least: float) -> np.ndarray:
    """Volumes are equal, shapes vary. At the common log-volume v, sum_k p_k mu_k = 1: Newton's
    steps in v, of which the first arrives where no variance is at the least."""
    d = s.shape[-1]
    geometric = np.exp(np.log(np.maximum(s, _NOTHING)).mean(axis=-1))
    v = max(float(np.log(p @ geometric)), float(np.log(least)))
    for _ in range(_PASSES):
        a, log_mu, free = proportions(s, np.full(len(s), v), least)
        shares = p * np.exp(log_mu)
        step = np.log(shares.sum()) * shares.sum() / (shares @ (d / free))
        if abs(step) <= _SETTLED * max(1.0, abs(v)) or v + step < np.log(least):
            break
        v += step
    return a


def of_equal_shape(p, s, least: float, volume: np.ndarray) -> np.ndarray:
    """Shapes are equal, volumes vary: either given the other, from these volumes on. That is the
    scaling of the positive matrix s to given sums of rows and columns (Sinkhorn 1967)."""
    for _ in range(_PASSES):
        mean = (p / volume) @ s
        shape = proportions(mean, np.zeros(()), min(least / volume.min(), 1.0))[0]
        before, volume = volume, np.maximum((s / shape).mean(axis=-1), least / shape.min())
        if np.abs(volume / before - 1.0).max() <= _SETTLED:
            break
    return volume[:, None] * shape
