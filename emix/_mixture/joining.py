"""Clusters that are far apart, joined until they are as many as the components.

Fewer components than clusters can be far apart in many ways. k-means joins those that are near
each other; the likelihood those whose covariance grows least.
"""

from __future__ import annotations

import numpy as np

from .candidates import one_hot
from .race import Ground

# Ways to join clusters that are followed at a time. The best pair at every step does not always
# lead to the best mixture: of 1280 fits of 3 components to 5 round clusters, 12 missed the best
# known maximum with one way, 5 with three or eight.
_WAYS = 3
# Decimal digits of a log-likelihood per row by which ways are told apart.
_DIGITS = 8


def joined(ground: Ground, labels: np.ndarray, n_components: int) -> np.ndarray:
    """Statistics (S, K, p + d + 1) of components that are clusters with these labels (m,) or unions
    of them: the most probable mixtures of this kind that were found, the best first."""
    stats = ground.statistics(one_hot(labels[None], int(labels.max()) + 1))
    while stats.shape[1] > n_components:
        one, other = np.triu_indices(stats.shape[1], 1)
        heights = _heights(ground, stats, one, other).ravel()
        # ways that meet again are one way
        _, first = np.unique(-np.round(heights, _DIGITS), return_index=True)
        ways, pairs = np.divmod(first[:_WAYS], len(one))
        stats = _union(stats[ways], one[pairs], other[pairs])
    return stats


def _union(sums: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Sums (S, K - 1, q) from (S, K, q): clusters ``other`` (S,) join ``one`` (S,)."""
    each = np.arange(len(sums))
    sums = sums.copy()
    sums[each, one] += sums[each, other]
    rest = np.ones(sums.shape[:2], dtype=bool)
    rest[each, other] = False
    return sums[rest].reshape(len(sums), -1, sums.shape[-1])


def _heights(ground: Ground, stats: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Log-likelihoods (S, pairs) of rows and labels after any two clusters have joined."""
    if ground.structure.sharing.separable:
        alone, both = ground.classified(stats), ground.classified(stats[:, one] + stats[:, other])
        return alone.sum(axis=1, keepdims=True) - alone[:, one] - alone[:, other] + both
    n, m = len(stats), len(one)
    every = _union(np.repeat(stats, m, axis=0), np.tile(one, n), np.tile(other, n))
    return ground.classified(every).sum(axis=1).reshape(n, m)
