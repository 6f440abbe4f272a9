"""Whitened coordinates of all components in panels, for dense matrices of many features."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from .._rows.grid import TILE
from .._rows.room import Buffers
from .gaussian import BlockKernel, scaled
from .stats import Stats


def n_directions(n_components: int, d: int) -> int:
    """In how many directions ``screen`` looks at rows first: the means lie in K - 1."""
    return min(n_components - 1, d // 4)


class Pairs:
    """Some entries of arrays (K, m), in their order: those of each component are a run."""

    def __init__(self, flat: np.ndarray, shape: tuple[int, int]):
        n_components, m = shape
        starts = m * np.arange(n_components + 1)
        edges = np.searchsorted(flat, starts)
        self._flat, self._counts, self._edges = flat, np.diff(edges), edges.tolist()
        self.rows = flat - self.spread(starts[:-1])

    @classmethod
    def where(cls, mask: np.ndarray) -> Pairs:
        """Those where the mask (K, m), contiguous, is true."""
        return cls(np.flatnonzero(mask), mask.shape)

    def of(self, array: np.ndarray) -> np.ndarray:
        return array.reshape(-1)[self._flat]

    def put(self, array: np.ndarray, values: np.ndarray) -> None:
        array.reshape(-1)[self._flat] = values

    def spread(self, of_components: np.ndarray) -> np.ndarray:
        """A component's number for each of its pairs."""
        return np.repeat(of_components, self._counts)

    def chunks(self, size: int) -> Iterator[tuple[int, int, list[tuple[int, int, int]]]]:
        """(start, stop, [(component, first, last), ...]) for so many pairs at a time, counted
        from the start."""
        edges = self._edges
        for start, stop in _steps(len(self.rows), size):
            runs = [
                (k, max(a, start) - start, min(b, stop) - start)
                for k, (a, b) in enumerate(pairwise(edges))
                if a < stop and b > start and a < b
            ]
            yield start, stop, runs


class Panels(BlockKernel):
    """Whitened coordinates of all components, a panel of them at a time.

    Rows (i, k) of Uᵀ need only the first i features, so a panel of rows a:b multiplies
    z[:b]: with six panels 7/12 of the dense product; small products have fewer panels.
    Statistics the same way round, unless few responsibilities are not zero. A row of ones in
    front of z carries the means and the first moments.
    """

    has_panels = True
    stays = ("rows", "_columns")
    _sent: np.ndarray  # of a kernel that was sent: what its rows are made of
    # One component's rows are a small part of a block: blocks are large, and scratch is not.
    chunk = 4 * TILE
    # Most panels, and whitened coordinates of all components from which each further one pays
    # (one thread of an AMD EPYC server, d = 8 to 64, K = 2 to 100).
    MOST, WIDTH = 6, 64
    # of panels, for the few rows of a block that concern one component
    _COUNT_OF_ONE = 2

    def __init__(self, structure, params, eta):
        self.structure, self.origin = structure, eta.origin
        self.n_components, self.d = params.means.shape
        n_components, d = self.n_components, self.d
        rows = np.empty((d, n_components, d + 1))
        lower = params.factors.transpose(2, 0, 1)  # (i, k, j): U_k[j, i]
        rows[:, :, 1:] = lower
        rows[:, :, 0] = -np.einsum("ikj,kj->ik", lower, params.means)
        self.rows = np.multiply(rows, math.sqrt(0.5), out=rows)
        self.const = eta.const + 0.5 * np.vecdot(params.means, eta.lin)
        self.n_features, self.size = d + 1, n_components * (d + 1) ** 2
        self.count = min(max(1, n_components * d // self.WIDTH), self.MOST)
        of_screen = 1 + n_directions(n_components, d) * (1 + n_components)
        self.n_scratch = max(n_components * -(-d // self.count) + d + 1, of_screen, 2 * d + 1)
        # Of all pairs of rows and components, the share up to which those that matter are quicker
        # done component by component: such a pair takes about 1 + 40 / d times as long.
        self.few = d / (d + 40.0)

    def features(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        features = np.empty((m, self.d + 1)).T  # so that what belongs to a row lies together
        features[0] = 1.0
        return features, features[1:]

    def __getstate__(self) -> dict[str, Any]:
        """The part of the rows that is not zero takes half the bytes."""
        within = self.rows.transpose(1, 0, 2)[:, _within(self.d)]
        return {**super().__getstate__(), "_sent": within}

    @cached_property
    def rows(self) -> np.ndarray:
        """(d, K, d + 1): row i of each Uᵀ, with what it makes of the mean in front."""
        rows = np.zeros((self.n_components, self.d, self.d + 1))
        rows[:, _within(self.d)] = self._sent
        return np.ascontiguousarray(rows.transpose(1, 0, 2))

    @cached_property
    def _columns(self) -> np.ndarray:
        """(K, d + 1, d): what multiplies features that lie row by row."""
        return np.ascontiguousarray(self.rows.transpose(1, 2, 0))

    def _panels(self, count: int) -> list[tuple[int, int]]:
        return _steps(self.d, -(-self.d // count))

    def chunks(self, m: int) -> list[tuple[int, int]]:
        """Runs of m rows that scratch has room for."""
        return _steps(m, self.chunk)

    def log_joint(self, buffers: Buffers) -> np.ndarray:
        out, n_components = buffers.log_joint, self.n_components
        out[:] = self.const[:, None]
        for start, stop in self.chunks(out.shape[1]):
            features = buffers.features[:, start:stop]
            for a, b in self._panels(self.count):
                (white,) = self.scratch(buffers, stop - start, (b - a) * n_components)
                rows = self.rows[a:b, :, : b + 1].reshape(len(white), b + 1)
                np.matmul(rows, features[: b + 1], out=white)
                cube = white.reshape(b - a, n_components, stop - start)
                out[:, start:stop] -= np.einsum("akm,akm->km", cube, cube)
        return out

    def log_joint_of(self, pairs: Pairs, buffers: Buffers) -> np.ndarray:
        """log_joint of some pairs of components and rows."""
        found = np.empty(pairs.rows.size)
        for start, stop, runs in pairs.chunks(buffers.scratch.size // (2 * self.d + 1)):
            room, white = self.scratch(buffers, stop - start, self.d + 1, self.d)
            rows = self._gathered(buffers, pairs.rows[start:stop], room)
            white = white.reshape(-1, self.d)
            for k, first, last in runs:
                for a, b in self._panels(self._COUNT_OF_ONE):
                    own = rows[first:last, : b + 1]
                    np.matmul(own, self._columns[k, : b + 1, a:b], out=white[first:last, a:b])
            np.einsum("mi,mi->m", white, white, out=found[start:stop])
        return np.subtract(pairs.spread(self.const), found, out=found)

    def _gathered(self, buffers: Buffers, rows: np.ndarray, out: np.ndarray) -> np.ndarray:
        """The features of some rows, (rows, d + 1)."""
        out = out.reshape(-1, self.d + 1)
        return np.take(buffers.features.T, rows, axis=0, out=out, mode="clip")

    def scratch(self, buffers: Buffers, m: int, *sizes: int) -> list[np.ndarray]:
        """Contiguous arrays (size, m)."""
        edges = np.cumsum([0, *sizes])
        pool = buffers.scratch.reshape(-1)[: m * edges[-1]].reshape(edges[-1], m)
        return [pool[a:b] for a, b in pairwise(edges.tolist())]

    def accumulate(self, buffers: Buffers, scale: np.ndarray | None, sums: np.ndarray) -> None:
        resp = scaled(buffers.resp, scale)
        products = sums.reshape(self.n_components, self.d + 1, self.d + 1)
        some = resp > 0.0
        if np.count_nonzero(some) > self.few * resp.size:
            self._accumulate_all(buffers, resp, products)
        else:
            self._accumulate_each(buffers, resp, Pairs.where(some), products)

    def _accumulate_all(self, buffers, resp, products):
        """Adds (z * resp) @ featuresᵀ, of which each panel leaves out what lies right of it."""
        products[:, 0, 0] += resp.sum(axis=1)
        most = -(-self.d // self.count) * self.n_components
        for start, stop in self.chunks(resp.shape[1]):
            part = resp[:, start:stop]
            features, room = self.scratch(buffers, stop - start, self.d + 1, most)
            np.copyto(features, buffers.features[:, start:stop])
            for a, b in self._panels(self.count):
                weighted = room[: (b - a) * self.n_components]
                cube = weighted.reshape(b - a, *part.shape)
                np.multiply(features[a + 1 : b + 1, None, :], part, out=cube)
                strip = (weighted @ features[: b + 1].T).reshape(b - a, -1, b + 1)
                products[:, a + 1 : b + 1, : b + 1] += strip.swapaxes(0, 1)

    def _accumulate_each(self, buffers, resp, pairs, products):
        """Adds Y Yᵀ, Y the columns of the features times sqrt(resp), pair by pair."""
        roots = np.sqrt(pairs.of(resp))
        for start, stop, runs in pairs.chunks(buffers.scratch.size // (self.d + 1)):
            (room,) = self.scratch(buffers, stop - start, self.d + 1)
            rooted = self._gathered(buffers, pairs.rows[start:stop], room)
            rooted *= roots[start:stop, None]
            for k, first, last in runs:
                own = rooted[first:last]
                products[k] += own.T @ own

    def packed(self, sums: np.ndarray) -> np.ndarray:
        """The lower triangles, which alone are needed."""
        return sums.reshape(self.n_components, -1).take(_lower(self.d + 1), axis=1).ravel()

    def unpacked(self, packed: np.ndarray) -> np.ndarray:
        sums = np.zeros((self.n_components, (self.d + 1) ** 2))
        sums[:, _lower(self.d + 1)] = packed.reshape(self.n_components, -1)
        return sums.ravel()

    def stats(self, value: float, sums: np.ndarray) -> Stats:
        products = sums.reshape(self.n_components, self.d + 1, self.d + 1)
        weight, first = products[:, 0, 0], products[:, 1:, 0]
        upper = products[:, 1:, 1:].swapaxes(1, 2)  # what lies below its diagonal is not needed
        return Stats.of(self.structure, weight, first, upper, self.origin, value)


def most_scratch(n_components: int, d: int) -> int:
    """Numbers per row that kernels of so many components, or fewer, need at most."""
    widest = max(n_components * -(-d // Panels.MOST), 2 * Panels.WIDTH + n_components)
    of_screen = 1 + n_directions(n_components, d) * (1 + n_components)
    return max(widest + d + 1, of_screen, 2 * d + 1)


@lru_cache(maxsize=16)
def _within(d: int) -> np.ndarray:
    """Where ``Panels.rows`` of a component may differ from zero, (d, d + 1)."""
    return np.tri(d, d + 1, 1, dtype=bool)


@lru_cache(maxsize=16)
def _lower(size: int) -> np.ndarray:
    """Where the lower triangle of a matrix lies in the matrix."""
    return np.flatnonzero(np.tri(size))


def _steps(total: int, size: int) -> list[tuple[int, int]]:
    return [(start, min(start + size, total)) for start in range(0, total, size)]
