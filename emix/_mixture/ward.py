"""Clusters joined two at a time by Ward's criterion (Ward 1963): those whose union adds least to
the sum of squared distances from the clusters' means."""

from __future__ import annotations

import numpy as np

# A cluster of less weight has none: it joins another first.
_LEAST = 1e-300


def by_ward(sums: np.ndarray, n_clusters: int) -> np.ndarray:
    """The cluster that each cell ends in, (S, cells), from the cells' sums of y and of ones over
    their rows, (S, cells, q + 1)."""
    clusters = np.tile(np.arange(sums.shape[1]), (len(sums), 1))
    while sums.shape[1] > n_clusters:
        one, other = _closest(sums)
        clusters = np.where(clusters == other[:, None], one[:, None], clusters)
        clusters -= clusters > other[:, None]
        sums = union(sums, one, other)
    return clusters


def _closest(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pair (S,), (S,) of clusters that costs least, w_k w_l / (w_k + w_l) |m_k - m_l|²; the
    first is the lower number."""
    k = sums.shape[1]
    weight = np.maximum(sums[..., -1], _LEAST)
    means = sums[..., :-1] / weight[..., None]
    one, other = np.triu_indices(k, 1)
    squares = np.square(means[:, one] - means[:, other]).sum(axis=-1)
    costs = squares / (1.0 / weight[:, one] + 1.0 / weight[:, other])
    least = costs.argmin(axis=1)
    return one[least], other[least]


def union(sums: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Sums (S, K - 1, q) from (S, K, q): clusters ``other`` (S,) join ``one`` (S,)."""
    each = np.arange(len(sums))
    sums = sums.copy()
    sums[each, one] += sums[each, other]
    rest = np.ones(sums.shape[:2], dtype=bool)
    rest[each, other] = False
    return sums[rest].reshape(len(sums), -1, sums.shape[-1])
