"""Starts for two normals in one dimension, from the sorted rows.

Two normals divide the line into an interval and the rest, or into two half-lines: these are all
the hard assignments that they can make. The classification likelihood of each follows from
cumulative sums, so that a grid of them is searched at once.
"""

from __future__ import annotations

import math

import numpy as np

from .._normal.gaussian import LOG_2PI
from .short_runs import Pairs

# Here, too, numbers were chosen on random data sets (see ``screen``), the first 600 of them. Of
# their 900 maxima within 3 nats of the highest, two are lost.

# The grid of intervals has its ends at this many quantiles and one: 528 intervals. With 20 three
# maxima are lost; time is the same.
_CELLS = 32
_SHARES = np.arange(_CELLS + 1) / _CELLS
# Short runs are made on this many cells of equal weight. Each narrow interval adds cells of
# 1/16 of its width in it and in as wide a part on either side of it. Half as many cells lose one
# maximum more, and take 1 % less time.
_FINE, _WITHIN = 128, 16
_FINE_SHARES = np.arange(_FINE + 1) / _FINE
# In the tails, which have few of these cells, more begin at this many deviations from the mean.
# Without them six maxima are lost.
_TAIL = np.arange(1.5, 4.01, 0.1)
_TAIL_EDGES = np.concatenate([-_TAIL[::-1], _TAIL])
_NEAR = np.arange(-_WITHIN, 2 * _WITHIN + 1)
# The runs end on single rows up to this many. More are in so many cells of equal weight, cut at
# every quarter of a deviation about the components. Fits to 3000 and 10,000 rows take 1.2
# and 2 times as long on single rows, and find the same; 256 to 4096 rows differ little.
_SINGLE, _FINEST = 2048, 512
_FINEST_SHARES = np.arange(_FINEST + 1) / _FINEST
_ABOUT = np.arange(-4.0, 4.01, 0.25)
# At most this many intervals of the grid are starts, and none whose hard assignments have a
# log-likelihood that is further below that of one normal than this (nats). With 6 four maxima are
# lost, with 24 no fewer than with 12; with none below one normal a highest one is missed.
_MOST = 12
_ALMOST = 5.0
# Where normals overlap the classification likelihood has little to say: tails and inner parts of
# fixed shares are starts as well, half-lines alone where the variance is pooled. Without them 8
# highest maxima are missed; without the half, two of those with pooled variance.
_PLAIN = {False: ((0.0, 0.1), (0.0, 0.9), (0.4, 0.6)), True: ((0.0, 0.1), (0.0, 0.5), (0.0, 0.9))}
# And so many rows at either end: all of them where rows are few, on which chance makes many maxima,
# two of them elsewhere. Without any 11 maxima are lost; with two everywhere, three.
_END_ROWS, _FEW_ROWS = (2, 3, 5, 8), 256
# Values are nearly equal within this many deviations of the floor: rounding errors of equal ones
# are far less.
_NEARLY = 1e-3
# At most this many values are starts of a component of their own: one for the best of them, the
# others as data have few spikes.
_MOST_SPIKES = 3
# Least share of a part, so that nothing is divided by zero.
_LEAST = 1e-18
# Variance of a uniform distribution of width one.
_UNIFORM = 1.0 / 12.0

Interval = tuple[int, int]


def starts(moments: Moments, pooled: bool) -> tuple[np.ndarray, Pairs, float]:
    """Intervals start:stop of sorted rows (S, 2) and the mixtures of what is inside and outside:
    those that have a high classification likelihood, the highest first, some of fixed shares,
    and values that many rows have. And the highest log-likelihood, per row and above that of
    one normal, that the first have at least."""
    peaks = _promising(moments, pooled)
    found = [interval for _, interval in peaks]
    found += _plain(moments, pooled) + _spikes(moments, pooled)
    intervals = np.array(list(dict.fromkeys(found)), dtype=int).reshape(-1, 2)
    gain = max((gain for gain, _ in peaks), default=0.0)
    return intervals, moments.pairs(intervals, pooled), max(gain, 0.0)


def _promising(moments: Moments, pooled: bool) -> list[tuple[float, Interval]]:
    """Half-lines alone where the variance is pooled."""
    found = _peaks(moments, pooled) + (_tails if pooled else _narrow)(moments)
    return sorted(found, reverse=True)[:_MOST]


def _plain(moments: Moments, pooled: bool) -> list[Interval]:
    """Tails and inner parts of fixed shares, where two normals can be put."""
    found = moments.quantiles(np.array(_PLAIN[pooled])).tolist()
    for rows in _END_ROWS if moments.n <= _FEW_ROWS else _END_ROWS[:2]:
        found += [[0, rows], [0, moments.n - rows]]
    fewest = _fewest(pooled)
    return [(i, j) for i, j in found if fewest <= j - i <= moments.n - fewest]


def _spikes(moments: Moments, pooled: bool) -> list[Interval]:
    """Values whose rows have the highest classification likelihood as a component, if they are
    spread over the space up to their neighbours, and nearly equal values as one."""
    start, stop, space = moments.heavy_values()
    if not len(start):
        return []
    inside = moments.at(stop) - moments.at(start)
    gain = moments.gain(inside, pooled, moments.outside(start, stop), space**2 * _UNIFORM)
    best = np.argsort(-gain, kind="stable")[:_MOST_SPIKES]
    return [(int(start[i]), int(stop[i])) for i in best if gain[i] > 0.0]


def _fewest(pooled: bool) -> int:
    """Distinct values that a part needs; two have a variance."""
    return 1 if pooled else 2


class Moments:
    """Cumulative sums of 1, z and z² over sorted rows, from the middle row outwards: a far row is
    in no sum that does not reach it. Variances are not below the floor."""

    def __init__(self, z: np.ndarray, weight: np.ndarray, floor: float):
        self.n, self._z, self._floor = len(z), z, floor
        powers = np.empty((3, self.n))
        powers[0] = weight
        np.multiply(weight, z, out=powers[1])
        np.multiply(powers[1], z, out=powers[2])
        middle = self.n // 2
        self._sums = np.zeros((3, self.n + 1))
        np.cumsum(powers[:, middle:], axis=1, out=self._sums[:, middle + 1 :])
        np.cumsum(-powers[:, :middle][:, ::-1], axis=1, out=self._sums[:, :middle][:, ::-1])
        whole = self._sums[:, -1] - self._sums[:, 0]
        self.total, self.mean = float(whole[0]), float(whole[1] / whole[0])
        self.variance = max(float(whole[2] / whole[0]) - self.mean**2, floor)
        # log-likelihood per row
        self.one_normal = -0.5 * (LOG_2PI + 1.0 + math.log(self.variance))

    def at(self, position: np.ndarray) -> np.ndarray:
        """Sums (3, S) over the rows before these positions."""
        return self._sums.take(position, axis=1)

    def cells(self, intervals: np.ndarray) -> np.ndarray:
        """Sums (3, m) over cells of equal weight, which are finer in and about intervals that
        are narrow or leave few rows out; over single rows if they are few."""
        if self.n <= _FINE:
            return np.diff(self._sums, axis=1)
        start, stop = intervals.T
        is_most = stop - start > self.n // 2
        start, stop = np.where(is_most, stop, start), np.where(is_most, self.n, stop)
        width = stop - start
        near = (start + width * _NEAR[:, None] // _WITHIN)[:, width <= self.n // _CELLS]
        parts = [self.quantiles(_FINE_SHARES), near.ravel(), self.below(_TAIL_EDGES)]
        edges = _distinct(np.sort(np.concatenate(parts)).clip(0, self.n))
        return np.diff(self.at(edges), axis=1)

    def fine_cells(self, pairs: Pairs) -> np.ndarray:
        """Sums (3, m) over single rows or, if they are many, cells that are fine about all
        components of these mixtures."""
        if self.n <= _SINGLE:
            return np.diff(self._sums, axis=1)
        about = pairs.means + np.sqrt(pairs.variances) * _ABOUT[:, None, None]
        parts = [self.quantiles(_FINEST_SHARES), np.searchsorted(self._z, about.ravel())]
        edges = _distinct(np.sort(np.concatenate(parts)))
        return np.diff(self.at(edges), axis=1)

    def before(self, u: np.ndarray) -> np.ndarray:
        """Weight of the rows below these, in deviations from the mean."""
        return self._sums[0].take(self.below(u))

    def below(self, u: np.ndarray) -> np.ndarray:
        """Positions of the first values that are not below these, in deviations from the mean."""
        return np.searchsorted(self._z, self.mean + math.sqrt(self.variance) * u)

    def quantiles(self, shares: np.ndarray) -> np.ndarray:
        """Positions before which these shares of the weight lie."""
        wanted = self._sums[0, 0] + shares * self.total
        at = np.searchsorted(self._sums[0, 1:], wanted, side="left")
        return np.minimum(at + (shares > 0.0), self.n)

    def outside(self, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
        """Sums before start and from stop on, of positions of equal dimension."""
        ends = self._sums[:, [0, -1]].reshape(3, 2, *[1] * start.ndim)
        return (self.at(start) - ends[:, 0]) + (ends[:, 1] - self.at(stop))

    def heavy_values(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Runs start:stop of nearly equal values that have twice the mean weight, and the values
        at either end; and the space about each, from the middle of the gap below to that of the
        gap above. An end has no gap beyond."""
        z = self._z
        gap = np.diff(z)
        first = np.append(0, np.flatnonzero(gap > _NEARLY * math.sqrt(self._floor)) + 1)
        if len(first) == 1:
            return first[:0], first[:0], z[:0]
        edges = np.append(first, self.n)
        weight = np.diff(self._sums[0].take(edges))
        is_heavy = weight >= 2.0 * self.total / len(weight)
        is_heavy[[0, -1]] = True
        heavy = np.flatnonzero(is_heavy)
        gap = gap[first[1:] - 1]
        below, above = gap[np.maximum(heavy - 1, 0)], gap[np.minimum(heavy, len(gap) - 1)]
        return first[heavy], edges[heavy + 1], 0.5 * (below + above)

    def pairs(self, intervals: np.ndarray, pooled: bool) -> Pairs:
        """Shares, means and variances of the rows outside and inside of intervals (S, 2)."""
        start, stop = intervals.T
        inside = self.at(stop) - self.at(start)
        weight, first, second = np.stack([self.outside(start, stop), inside], axis=2)
        means = first / weight
        variances = second / weight - means * means
        if pooled:
            shared = np.vecdot(weight, variances) / self.total
            variances = np.repeat(shared[:, None], 2, axis=1)
        return Pairs(weight / self.total, means, np.maximum(variances, self._floor))

    def gain(self, inside, pooled: bool, outside, spread=0.0) -> np.ndarray:
        """Log-likelihood per row of rows and labels, above that of one normal, from the sums
        inside and outside (3, ...); rows inside have this variance more each."""
        weight, first, second = np.stack([inside, outside], axis=1)
        weight = np.maximum(weight, _LEAST * self.total)  # of parts that nobody asks for
        scatter = second - first * first / weight
        scatter[0] += weight[0] * spread
        share = weight / self.total
        variance = scatter.sum(axis=0) / self.total if pooled else scatter / weight
        held = np.maximum(variance, self._floor)
        value = share * (2.0 * np.log(share) - np.log(held) - variance / held)
        return 0.5 * (value[0] + value[1] + 1.0 + math.log(self.variance))


def _distinct(positions: np.ndarray) -> np.ndarray:
    """Of sorted positions."""
    return positions[np.append(True, positions[1:] > positions[:-1])]


def _peaks(moments: Moments, pooled: bool) -> list[tuple[float, Interval]]:
    """Intervals between quantiles whose gain is not below that of a neighbour, nor hopeless."""
    edges = _distinct(moments.quantiles(_SHARES))
    sums = moments.at(edges)
    # of intervals from edge i to edge j
    inside = sums[:, None, :] - sums[:, :, None]
    outside = moments.outside(edges[:, None], edges[None])
    size, fewest = edges - edges[:, None], _fewest(pooled)
    possible = (size >= fewest) & (size <= moments.n - fewest)
    if pooled:
        possible[1:] = False
    grid = np.full((len(edges) + 2, len(edges) + 2), -np.inf)
    inner = grid[1:-1, 1:-1]
    np.copyto(inner, moments.gain(inside, pooled, outside), where=possible)
    highest = np.maximum(np.maximum(grid[:-2], grid[1:-1]), grid[2:])
    highest = np.maximum(np.maximum(highest[:, :-2], highest[:, 1:-1]), highest[:, 2:])
    # a half-line from an edge to the end is the complement of one that is looked at anyway
    peaks = (inner > -_ALMOST / moments.total) & (inner >= highest)
    peaks[1:, -1] = False
    return [(inner[i, j], (int(edges[i]), int(edges[j]))) for i, j in np.argwhere(peaks)]


def _narrow(moments: Moments) -> list[tuple[float, Interval]]:
    """The best interval of each width below a cell, where its gain is positive; they begin at
    multiples of an eighth of the width."""
    starts, stops, width = [], [], moments.n // (2 * _CELLS)
    while width > 2:
        starts.append(np.arange(0, moments.n - width + 1, max(1, width // 8)))
        stops.append(starts[-1] + width)
        width //= 2
    if not starts:
        return []
    start, stop = np.concatenate(starts), np.concatenate(stops)
    inside = moments.at(stop) - moments.at(start)
    gains = moments.gain(inside, False, moments.outside(start, stop))
    found, begin = [], 0
    for at in starts:
        best = begin + int(gains[begin : begin + len(at)].argmax())
        if gains[best] > 0.0:
            found.append((gains[best], (int(start[best]), int(stop[best]))))
        begin += len(at)
    return found


def _tails(moments: Moments) -> list[tuple[float, Interval]]:
    """The best half-line below a cell on either side, where its gain is positive."""
    widths = 2 ** np.arange(max(1, moments.n // _CELLS).bit_length())
    found = []
    for stops in (widths, moments.n - widths):
        start = np.zeros_like(stops)
        inside = moments.at(stops) - moments.at(start)
        gain = moments.gain(inside, True, moments.outside(start, stops))
        best = int(gain.argmax())
        if gain[best] > 0.0:
            found.append((gain[best], (0, int(stops[best]))))
    return found
