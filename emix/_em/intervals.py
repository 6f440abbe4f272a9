"""Starts for two normals in one dimension, from the sorted rows.

Two normals divide the line into an interval and the rest, or into two half-lines: these are all
the hard assignments that they can make. The classification likelihood of each follows from
cumulative sums, so that a grid of them is searched at once.
"""

from __future__ import annotations

import math

import numpy as np

from .short_runs import Pairs

# Intervals end at so many quantiles; those of a cell and less come from a ladder of widths.
_CELLS = 32
_SHARES = np.arange(_CELLS + 1) / _CELLS
_FEWEST_ROWS = 2
# Short runs are made on so many cells, each of them and of their surroundings with so many in
# intervals that are narrower than those above.
_FINE, _WITHIN = 256, 16
_FINE_SHARES = np.arange(_FINE + 1) / _FINE
_NEAR = np.arange(-_WITHIN, 2 * _WITHIN + 1)
# At most so many intervals of the grid are worth a climb, and none whose hard assignments have a
# log-likelihood that is further below that of one normal.
_MOST = 12
_ALMOST = 5.0
# Where normals overlap the classification likelihood has little to say: tails and inner parts are
# tried as well. Of few rows, on which chance makes many maxima, and of half-lines some more.
_PLAIN = ((0.0, 0.1), (0.0, 0.9), (0.4, 0.6))
_FEW_ROWS, _MORE = 256, ((0.0, 0.5), (0.03, 0.97))

# A variance that no rounding makes.
_LEAST = 1e-300

Interval = tuple[int, int]


def starts(moments: Moments, pooled: bool) -> tuple[np.ndarray, Pairs]:
    """Intervals start:stop of sorted rows (S, 2) and the mixtures of what is inside and outside:
    those that have a high classification likelihood, the highest first, and some of fixed
    shares."""
    found = dict.fromkeys(_promising(moments, pooled) + _plain(moments, pooled))
    intervals = np.array(list(found), dtype=int).reshape(-1, 2)
    return intervals, moments.pairs(intervals, pooled)


def _promising(moments: Moments, pooled: bool) -> list[Interval]:
    """Half-lines alone where the variance is pooled."""
    found = _peaks(moments, pooled) + (_tails if pooled else _narrow)(moments)
    return [interval for _, interval in sorted(found, reverse=True)[:_MOST]]


def _plain(moments: Moments, pooled: bool) -> list[Interval]:
    """Tails and inner parts of fixed shares, where two normals can be put."""
    shares = _PLAIN + _MORE if pooled or moments.n <= _FEW_ROWS else _PLAIN
    ends = moments.quantiles(np.array([pair for pair in shares if not (pooled and pair[0])]))
    fewest = _fewest(pooled)
    return [(i, j) for i, j in ends.tolist() if fewest <= j - i <= moments.n - fewest]


def _fewest(pooled: bool) -> int:
    """Rows that a part needs."""
    return 1 if pooled else _FEWEST_ROWS


class Moments:
    """Cumulative sums of 1, z and z² over sorted rows."""

    def __init__(self, z: np.ndarray, weight: np.ndarray):
        self.n = len(z)
        powers = np.empty((3, self.n))
        powers[0] = weight
        np.multiply(weight, z, out=powers[1])
        np.multiply(powers[1], z, out=powers[2])
        self._sums = np.zeros((3, self.n + 1))
        np.cumsum(powers, axis=1, out=self._sums[:, 1:])
        self.total, first, second = self._sums[:, -1].tolist()
        variance = second / self.total - (first / self.total) ** 2
        self._entropy = 0.5 * math.log(max(variance, _LEAST))  # a sample may hardly vary

    def at(self, position: np.ndarray) -> np.ndarray:
        """Sums (3, S) over the rows before these positions."""
        return self._sums.take(position, axis=1)

    def of_width(self, width: int) -> np.ndarray:
        """Sums over all runs of so many rows."""
        return self._sums[:, width:] - self._sums[:, :-width]

    def cells(self, intervals: np.ndarray) -> np.ndarray:
        """Sums (3, m) over cells of equal weight, which are finer in and about intervals that
        are narrow or leave few rows out; over single rows if they are few."""
        if self.n <= _FINE:
            return self.of_width(1)
        start, stop = intervals.T
        is_most = stop - start > self.n // 2
        start, stop = np.where(is_most, stop, start), np.where(is_most, self.n, stop)
        width = stop - start
        near = (start + width * _NEAR[:, None] // _WITHIN)[:, width <= self.n // _CELLS]
        coarse = self.quantiles(_FINE_SHARES)
        edges = _distinct(np.sort(np.concatenate([coarse, near.ravel()])).clip(0, self.n))
        return np.diff(self.at(edges), axis=1)

    def quantiles(self, shares: np.ndarray) -> np.ndarray:
        """Positions before which these shares of the weight lie."""
        at = np.searchsorted(self._sums[0, 1:], shares * self.total, side="left")
        return np.minimum(at + (shares > 0.0), self.n)

    def _outside(self, inside: np.ndarray) -> np.ndarray:
        total = self._sums[:, -1]
        return total.reshape(3, *[1] * (inside.ndim - 1)) - inside

    def pairs(self, intervals: np.ndarray, pooled: bool) -> Pairs:
        """Shares, means and variances of the rows outside and inside of intervals (S, 2)."""
        start, stop = intervals.T
        inside = self.at(stop) - self.at(start)
        weight, first, second = np.stack([self._outside(inside), inside], axis=2)
        means = first / weight
        variances = second / weight - means * means
        if pooled:
            shared = np.vecdot(weight, variances) / self.total
            variances = np.repeat(shared[:, None], 2, axis=1)
        return Pairs(weight / self.total, means, variances)

    def gain(self, inside: np.ndarray, pooled: bool) -> np.ndarray:
        """Log-likelihood per row of rows and labels, above that of one normal, from the sums
        inside (3, ...); -inf where a part has no variance."""
        parts = np.stack([inside, self._outside(inside)], axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):  # of parts that are excluded below
            weight, first, second = parts
            scatter = second - first * first / weight
            share = weight / self.total
            variance = scatter.sum(axis=0) / self.total if pooled else scatter / weight
            value = share * np.log(share * share / variance)
            gain = 0.5 * (value[0] + value[1]) + self._entropy
            return np.where(gain < np.inf, gain, -np.inf)


def _distinct(positions: np.ndarray) -> np.ndarray:
    """Of sorted positions."""
    return positions[np.append(True, positions[1:] > positions[:-1])]


def _peaks(moments: Moments, pooled: bool) -> list[tuple[float, Interval]]:
    """Intervals between quantiles whose gain is not below that of a neighbour, nor hopeless."""
    edges = _distinct(moments.quantiles(_SHARES))
    sums = moments.at(edges)
    # of intervals from edge i to edge j
    inside = sums[:, None, :] - sums[:, :, None]
    size, fewest = edges - edges[:, None], _fewest(pooled)
    possible = (size >= fewest) & (size <= moments.n - fewest)
    if pooled:
        possible[1:] = False
    grid = np.full((len(edges) + 2, len(edges) + 2), -np.inf)
    inner = grid[1:-1, 1:-1]
    np.copyto(inner, moments.gain(inside, pooled), where=possible)
    highest = np.maximum(np.maximum(grid[:-2], grid[1:-1]), grid[2:])
    highest = np.maximum(np.maximum(highest[:, :-2], highest[:, 1:-1]), highest[:, 2:])
    # a half-line from an edge to the end is the complement of one that is looked at anyway
    peaks = (inner > -_ALMOST / moments.total) & (inner >= highest)
    peaks[1:, -1] = False
    return [(inner[i, j], (int(edges[i]), int(edges[j]))) for i, j in np.argwhere(peaks)]


def _narrow(moments: Moments) -> list[tuple[float, Interval]]:
    """The best interval of each width below a cell, where its gain is positive."""
    widths, width = [], moments.n // (2 * _CELLS)
    while width > _FEWEST_ROWS:
        widths.append(width)
        width //= 2
    if not widths:
        return []
    inside = [moments.of_width(width) for width in widths]
    gains = moments.gain(np.concatenate(inside, axis=1), pooled=False)
    found, first = [], 0
    for width, sums in zip(widths, inside, strict=True):
        best = int(gains[first : first + sums.shape[1]].argmax())
        if gains[first + best] > 0.0:
            found.append((gains[first + best], (best, best + width)))
        first += sums.shape[1]
    return found


def _tails(moments: Moments) -> list[tuple[float, Interval]]:
    """The best half-line below a cell on either side, where its gain is positive."""
    widths = 2 ** np.arange(max(1, moments.n // _CELLS).bit_length())
    found = []
    for stops in (widths, moments.n - widths):
        gain = moments.gain(moments.at(stops), pooled=True)
        best = int(gain.argmax())
        if gain[best] > 0.0:
            found.append((gain[best], (0, int(stops[best]))))
    return found
