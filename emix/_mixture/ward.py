"""Clusters joined two at a time by Ward's criterion (Ward 1963): those whose union adds least to
the sum of squared distances from the clusters' means."""

from __future__ import annotations

import numpy as np

# A cluster of less weight has none.
_LEAST = 1e-300
# The cost of joining a cluster that is too small is multiplied by this, so that it comes first.
_FIRST = 1e-9


def by_ward(sums: np.ndarray, n_clusters: int, enough: float = 0.0) -> np.ndarray:
    """The cluster that each cell ends in, (S, cells), from the cells' sums of y and of ones over
    their rows, (S, cells, q + 1). Clusters of less than enough weight, such as a few rows far out,
    join others first. A union's costs follow from those of its two parts (Lance & Williams 1967).
    """
    n, n_cells = sums.shape[:2]
    weight, each = np.maximum(sums[..., -1], _LEAST), np.arange(n)
    costs = _costs(sums[..., :-1] / weight[..., None], weight)
    clusters = np.tile(np.arange(n_cells), (n, 1))
    for _ in range(n_cells - n_clusters):
        small = np.where(weight < enough, _FIRST, 1.0)
        urgent = costs * np.minimum(small[:, :, None], small[:, None])
        one, other = np.divmod(urgent.reshape(n, -1).argmin(axis=1), n_cells)
        to_one, to_other = costs[each, one], costs[each, other]
        a, b = weight[each, one][:, None], weight[each, other][:, None]
        least = to_one[each, other][:, None]
        union = (weight + a) * to_one + (weight + b) * to_other - weight * least
        costs[each, one] = costs[each, :, one] = union / (weight + a + b)
        costs[each, other] = costs[each, :, other] = np.inf
        weight[each, one] = (a + b)[:, 0]
        clusters = np.where(clusters == other[:, None], one[:, None], clusters)
    is_cluster = np.zeros((n, n_cells), dtype=bool)
    np.put_along_axis(is_cluster, clusters, True, axis=1)
    return np.take_along_axis(is_cluster.cumsum(axis=1) - 1, clusters, axis=1)


def _costs(means: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Costs w_k w_l / (w_k + w_l) |m_k - m_l|² of pairs (S, K, K), infinite of none."""
    squares = np.vecdot(means, means)
    squares = squares[:, :, None] + squares[:, None] - 2.0 * means @ means.swapaxes(1, 2)
    costs = np.maximum(squares, 0.0) / (1.0 / weight[:, :, None] + 1.0 / weight[:, None])
    costs[:, np.arange(weight.shape[1]), np.arange(weight.shape[1])] = np.inf
    return costs
