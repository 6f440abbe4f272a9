"""The normal family on blocks of rows: log-densities and statistics.

One interface, three kernels. All take a block z (d, m), give log_joint (K, m), and add

    sum_i resp_ik (1, z_i - o_k, second moments of z_i - o_k)

for origins o_k of their choosing:

- Products: T(z) = (products, z, 1) about one origin; log_joint and statistics are one
  matrix product each. Fewest operations for few features.
- Panels: about one origin too, for dense matrices in many dimensions: all whitened
  coordinates Uᵀ(z - mu) by matrix products that skip most of the zero triangle.
- Residuals: about every component's own mean; the slowest, and accurate where moments
  about one origin would cancel.

``choice.choose`` decides by an error bound, and by cost among the first two.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .._rows.grid import MOST_ROWS, TILE
from .._rows.room import Buffers
from .._rows.tiles import inner, times
from .covariances import Structure
from .rounding import MOMENT_LIMIT
from .stats import Stats, layout_of

_ROUNDING = 8 * 2.0**-53
LOG_ZERO = -1e300
LOG_2PI = float(np.log(2.0 * np.pi))


class Params(NamedTuple):
    """A mixture in standard units. covariances and factors have the structure's shape;
    n_floored (K,) or () counts the variances that the floor holds up."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    factors: np.ndarray
    n_floored: np.ndarray

    @property
    def log_weights(self) -> np.ndarray:
        return log_of_weights(self.weights)


class Components(NamedTuple):
    """What an E-step needs of a mixture; exp(log_weights) need not add up to one."""

    log_weights: np.ndarray
    means: np.ndarray
    factors: np.ndarray


def n_directions(n_components: int, d: int) -> int:
    """In how many directions ``screen`` looks at rows first: the means lie in K - 1."""
    return min(n_components - 1, d // 4)


class Natural(NamedTuple):
    """log_joint_k(o_k + y) = const_k + lin_k·y - yᵀ P_k y / 2, about origins o_k (K, d).

    vector holds them in the layout of statistics.
    """

    vector: np.ndarray
    origin: np.ndarray
    const: np.ndarray
    lin: np.ndarray
    precision: np.ndarray


def log_of_weights(weights: np.ndarray) -> np.ndarray:
    """log pi_k; for a weight of zero a finite number that exp() takes to zero, as 0 log 0 = 0."""
    if np.count_nonzero(weights) == weights.size:
        return np.log(weights)
    used = weights > 0.0
    return np.where(used, np.log(np.where(used, weights, 1.0)), LOG_ZERO)


def natural(
    structure: Structure, params: Params | Components, origin: np.ndarray, noise: np.ndarray
) -> Natural:
    """Natural parameters about the given origins.

    The constant is log pi_k + log|U_k| - d/2 log 2 pi - tr(P_k noise)/2 - lin_k·(mu_k - o_k)/2.
    """
    form, (n_components, d) = structure.form, params.means.shape
    precision = form.precision(params.factors)
    offset = params.means - origin
    lin = form.apply(precision, offset)
    twice = np.vecdot(offset, lin) + d * LOG_2PI
    if np.count_nonzero(noise):
        twice += form.variances(precision, d) @ noise
    const = params.log_weights + form.log_det(params.factors, d) - 0.5 * twice
    vector = layout_of(structure, n_components, d).join(form.coefficients(precision), lin, const)
    return Natural(vector, origin, const, lin, precision)


def about(structure: Structure, stats: Stats, origin: np.ndarray) -> Stats:
    """The same statistics about other origins (K, d)."""
    if origin is stats.origin:
        return stats
    move = stats.origin - origin
    outer, weighted = structure.form.outer, structure.sharing.weighted
    cross = outer(stats.first, move) + outer(move, stats.first)
    cross = weighted(np.ones(len(move)), cross)
    second = stats.second + cross + weighted(stats.weight, outer(move, move))
    first = stats.first + stats.weight[:, None] * move
    return Stats.of(structure, stats.weight, first, second, origin, stats.value)


def expected_log_joint(stats: Stats, eta: Natural) -> float:
    """sum_i sum_k resp_ik log_joint_ik = <stats, eta>, eta about the statistics' origins."""
    return float(stats.vector @ eta.vector)


def rounding_of_expected(stats: Stats, eta: Natural) -> float:
    """A bound on the rounding error of ``expected_log_joint``, and of what the statistics are
    worth: at high temperatures that is mostly entropy."""
    terms = float(np.abs(stats.vector) @ np.abs(eta.vector))
    return _ROUNDING * (terms + abs(stats.value))


class BlockKernel:
    """What kernels have in common; scratch has room for ``chunk`` rows of a block."""

    chunk = MOST_ROWS
    n_components: int

    @property
    def keeper(self) -> type:
        """The kind of kernel whose features these are."""
        return type(self)

    @property
    def n_working(self) -> int:
        """Numbers per row that ``working`` divides."""
        return 2 * (self.n_components + 1)

    def working(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """log_joint, resp, work and norm from an array (n_working, m)."""
        n_components = self.n_components
        return rows[:n_components], rows[n_components:-2], rows[-2], rows[-1]

    def prepare(self, buffers: Buffers) -> None:
        """Fill the features that are not z."""

    def locate(self, buffers: Buffers) -> None:
        """Find what statistics need of the rows beside the features."""

    def common(self, buffers: Buffers) -> np.ndarray | float:
        """What log_joint leaves out for all components alike, (m,)."""
        return 0.0


def _scaled(resp: np.ndarray, scale: np.ndarray | None) -> np.ndarray:
    return resp if scale is None else np.multiply(resp, scale, out=resp)


class Products(BlockKernel):
    """log_joint = eta @ T(z), statistics = resp @ T(z)ᵀ, about the origin of the units.

    The quadratic term of a matrix that all share is common to all components: it does not move
    responsibilities, its sum over rows is known beforehand (``total``, the packed second
    moment of all rows), and T needs no products.
    """

    def __init__(self, structure, params, eta, total):
        self.structure, self.params, self.eta, self.total = structure, params, eta, total
        self.factors = params.factors
        self.layout = layout_of(structure, *params.means.shape)
        self.coefficients = self.layout.matrix(eta.vector)
        self.size = self.layout.split
        self.n_features, self.n_components = self.layout.width, self.layout.n_components
        self.n_scratch = min(self.n_features, self.n_components)

    def features(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        features, one = np.empty((self.n_features, m)), self.layout.width - 1
        features[one] = 1.0
        return features, features[self.layout.p : one]

    def prepare(self, buffers: Buffers) -> None:
        if self.layout.p:
            self.structure.form.fill_products(buffers.z, buffers.features[: self.layout.p])

    def log_joint(self, buffers: Buffers) -> np.ndarray:
        return times(self.coefficients, self._of_statistics(buffers), out=buffers.log_joint)

    def _of_statistics(self, buffers: Buffers) -> np.ndarray:
        """T(z), which need not be all features."""
        return buffers.features[: self.layout.width]

    def common(self, buffers: Buffers) -> np.ndarray | float:
        if not self.layout.n_common:
            return 0.0
        return -0.5 * self.structure.form.squared_distance(self.factors, buffers.z)

    def accumulate(self, buffers: Buffers, scale: np.ndarray | None, sums: np.ndarray) -> None:
        """Adds (resp * scale) @ Tᵀ; the scale, if any, goes on the smaller factor."""
        resp, features = buffers.resp, self._of_statistics(buffers)
        if scale is not None and len(features) < len(resp):
            features = np.multiply(features, scale, out=buffers.scratch[: len(features)])
        elif scale is not None:
            resp = np.multiply(resp, scale, out=buffers.scratch[: len(resp)])
        sums += inner(resp, features).ravel()

    def stats(self, value: float, sums: np.ndarray) -> Stats:
        if self.layout.n_common:
            sums = np.concatenate([sums, self.total])
            value += float(self.eta.vector[self.layout.split :] @ self.total)
        return Stats(self.layout, sums, self.eta.origin, value)


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
        resp = _scaled(buffers.resp, scale)
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

    def stats(self, value: float, sums: np.ndarray) -> Stats:
        products = np.tril(sums.reshape(self.n_components, self.d + 1, self.d + 1))
        weight, first, lower = products[:, 0, 0], products[:, 1:, 0], products[:, 1:, 1:]
        upper = np.triu(lower.swapaxes(1, 2), 1)
        return Stats.of(self.structure, weight, first, lower + upper, self.origin, value)


def most_scratch(n_components: int, d: int) -> int:
    """Numbers per row that kernels of so many components, or fewer, need at most."""
    widest = max(n_components * -(-d // Panels.MOST), 2 * Panels.WIDTH + n_components)
    of_screen = 1 + n_directions(n_components, d) * (1 + n_components)
    return max(widest + d + 1, of_screen, 2 * d + 1)


def _steps(total: int, size: int) -> list[tuple[int, int]]:
    return [(start, min(start + size, total)) for start in range(0, total, size)]


class Residuals(BlockKernel):
    """Moments of z - mu_k about every component's own mean."""

    def __init__(self, structure, params, noise):
        self.structure, self.params = structure, params
        self.n_components, self.d = params.means.shape
        self.const = natural(structure, params, params.means, noise).const
        self.factors = structure.sharing.per_component(params.factors, self.n_components)
        self.second_shape = structure.shape(self.n_components, self.d)
        self.size = self.n_components * (1 + self.d) + int(np.prod(self.second_shape))
        self.n_features = self.n_scratch = self.d

    def features(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        z = np.empty((self.d, m))
        return z, z

    def log_joint(self, buffers: Buffers) -> np.ndarray:
        form, out = self.structure.form, buffers.log_joint
        for k, mean in enumerate(self.params.means):
            y = np.subtract(buffers.z, mean[:, None], out=buffers.scratch)
            out[k] = form.squared_distance(self.factors[k], y)
        out *= -0.5
        out += self.const[:, None]
        return out

    def accumulate(self, buffers: Buffers, scale: np.ndarray | None, sums: np.ndarray) -> None:
        form = self.structure.form
        weight, first, second = self._parts(sums)
        resp = _scaled(buffers.resp, scale)
        weight += resp.sum(axis=1)
        for k, mean in enumerate(self.params.means):
            y = np.subtract(buffers.z, mean[:, None], out=buffers.scratch)
            first[k] += y @ resp[k]
            second[self.structure.sharing.at(k)] += form.weighted_second(y, resp[k])

    def _parts(self, sums):
        n_components, d = self.n_components, self.d
        weight, first, second = np.split(sums, [n_components, n_components * (1 + d)])
        return weight, first.reshape(n_components, d), second.reshape(self.second_shape)

    def stats(self, value: float, sums: np.ndarray) -> Stats:
        return Stats.of(self.structure, *self._parts(sums), self.params.means, value)


Kernel = Products | Panels | Residuals


def cancels(structure: Structure, params: Params | Components) -> bool:
    """Whether moments about the origin of the units lose too many digits."""
    return bool(distant(structure, params).any())


def distant(structure: Structure, params: Params | Components) -> np.ndarray:
    """Of which components moments about the origin of the units lose too many digits, (K,)."""
    form, means, d = structure.form, params.means, params.means.shape[1]
    if d * np.vdot(params.factors, params.factors) * np.vdot(means, means) <= MOMENT_LIMIT:
        return np.zeros(len(means), dtype=bool)  # not even all components taken together
    traces = form.variances(form.precision(params.factors), d).sum(-1)
    return traces * np.vecdot(means, means) > MOMENT_LIMIT
