"""Starts for two normals in one dimension, from the sorted rows.

Two normals divide the line into an interval and the rest, or into two half-lines: these are all
the hard assignments that they can make. The classification likelihood of each follows from
cumulative sums, so that a grid of them is searched at once.
"""

from __future__ import annotations

import numpy as np

# Intervals end at so many quantiles; those of a cell and less come from a ladder of widths.
_CELLS = 32
_FEWEST_ROWS = 2
# At most so many intervals of the grid are worth a climb, and none whose hard assignments have a
# log-likelihood that is further below that of one normal.
_MOST = 12
_ALMOST = 5.0
# Where normals overlap the classification likelihood has little to say: tails and inner parts are
# tried as well. Of few rows, on which chance makes many maxima, some more.
_PLAIN = ((0.0, 0.1), (0.0, 0.9), (0.4, 0.6))
_FEW_ROWS, _MORE = 256, ((0.0, 0.5), (0.03, 0.97))

Interval = tuple[int, int]


def promising(moments: Moments, weight: np.ndarray, pooled: bool) -> list[Interval]:
    """Intervals start:stop of sorted rows that have a high classification likelihood, the
    highest first; half-lines alone where the variance is pooled."""
    found = _peaks(moments, _quantiles(weight, np.arange(_CELLS + 1) / _CELLS), pooled)
    if not pooled:
        found += _narrow(moments, len(weight))
    return [interval for _, interval in sorted(found, reverse=True)[:_MOST]]


def plain(moments: Moments, weight: np.ndarray, pooled: bool) -> list[Interval]:
    """Tails and inner parts of fixed shares, where two normals can be put."""
    shares = _PLAIN if len(weight) > _FEW_ROWS else _PLAIN + _MORE
    ends = [_quantiles(weight, np.array(pair)) for pair in shares if not (pooled and pair[0])]
    found = [(int(pair[0]), int(pair[-1])) for pair in ends]
    return [interval for interval in found if np.isfinite(gain_of(moments, interval, pooled))]


def gain_of(moments: Moments, interval: Interval, pooled: bool) -> float:
    """Gain of hard assignments over one normal, per row."""
    start, stop = np.array(interval)[:, None]
    return float(moments.gain(start, stop, pooled)[0])


class Moments:
    """Cumulative sums over sorted rows."""

    def __init__(self, z: np.ndarray, weight: np.ndarray):
        powers = np.stack([weight, weight * z, weight * z * z])
        self._sums = np.concatenate([np.zeros((3, 1)), np.cumsum(powers, axis=1)], axis=1)
        self.total, first, second = self._sums[:, -1].tolist()
        self.mean = first / self.total
        self.variance = second / self.total - self.mean**2

    def parts(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Shares, means and variances (2,) of the rows outside and inside."""
        inside = self._sums[:, stop] - self._sums[:, start]
        weight, first, second = np.stack([self._sums[:, -1] - inside, inside], axis=1)
        mean = first / weight
        return weight / weight.sum(), mean, second / weight - mean * mean

    def gain(self, start: np.ndarray, stop: np.ndarray, pooled: bool) -> np.ndarray:
        """Log-likelihood per row of rows and labels, above that of one normal; -inf where a
        part has no variance or one row."""
        inside = self._sums[:, stop] - self._sums[:, start]
        parts = np.stack([inside, self._sums[:, -1:] - inside], axis=1)  # (3, 2, intervals)
        with np.errstate(divide="ignore", invalid="ignore"):  # of parts that are excluded below
            weight, scatter = parts[0], parts[2] - parts[1] ** 2 / parts[0]
            share = weight / self._sums[0, -1]
            variance = (scatter.sum(axis=0) if pooled else scatter) / weight
            value = (share * (np.log(share) - 0.5 * np.log(variance))).sum(axis=0)
        size = stop - start
        few = np.minimum(size, self._sums.shape[1] - 1 - size) < (1 if pooled else _FEWEST_ROWS)
        gain = value + 0.5 * np.log(self.variance)
        return np.where(np.isfinite(gain) & ~few, gain, -np.inf)


def _quantiles(weight: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Positions before which these shares of the weight lie, without repetition."""
    cumulative = np.cumsum(weight)
    at = np.searchsorted(cumulative, shares * cumulative[-1], side="left")
    return np.unique(np.where(shares > 0.0, at + 1, 0).clip(max=len(weight)))


def _peaks(moments: Moments, edges: np.ndarray, pooled: bool) -> list[tuple[float, Interval]]:
    """Intervals between edges whose gain is not below that of a neighbour, nor hopeless."""
    size = len(edges)
    first, last = np.triu_indices(size, 1)
    if pooled:
        first, last = first[first == 0], last[first == 0]
    grid = np.full((size + 2, size + 2), -np.inf)
    grid[first + 1, last + 1] = moments.gain(edges[first], edges[last], pooled)
    inner = grid[1:-1, 1:-1]
    around = [(i, j) for i in (0, 1, 2) for j in (0, 1, 2) if (i, j) != (1, 1)]
    neighbours = np.max([grid[i : size + i, j : size + j] for i, j in around], axis=0)
    # a half-line from an edge to the end is the complement of one that is looked at anyway
    peaks = (inner > -_ALMOST / moments.total) & (inner >= neighbours)
    peaks[1:, -1] = False
    return [(inner[i, j], (int(edges[i]), int(edges[j]))) for i, j in np.argwhere(peaks)]


def _narrow(moments: Moments, m: int) -> list[tuple[float, Interval]]:
    """The best interval of each width below a cell, where its gain is positive."""
    found = []
    width = m // (2 * _CELLS)
    while width > _FEWEST_ROWS:
        start = np.arange(m - width + 1)
        gain = moments.gain(start, start + width, pooled=False)
        best = int(gain.argmax())
        if gain[best] > 0.0:
            found.append((gain[best], (best, best + width)))
        width //= 2
    return found
