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

Panels have a file of their own. ``choice.choose`` decides by an error bound, and by cost among the
first two.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

from .._rows.grid import MOST_ROWS
from .._rows.room import Buffers
from .._rows.tiles import inner, times
from .covariances import Structure
from .rounding import MOMENT_LIMIT
from .stats import Stats, layout_of

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


class Located(Protocol):
    """Components that have means (K, d) and factors of their precisions."""

    @property
    def means(self) -> np.ndarray: ...

    @property
    def factors(self) -> np.ndarray: ...


class Components(NamedTuple):
    """What an E-step needs of a mixture; exp(log_weights) need not add up to one."""

    log_weights: np.ndarray
    means: np.ndarray
    factors: np.ndarray


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


def permuted(structure: Structure, params: Any, order: np.ndarray) -> Any:
    """Component k of the result is component order[k]."""
    weights, means = params.weights[order], params.means[order]
    others = (structure.sharing.taken(part, order) for part in params[2:])
    return params._make([weights, means, *others])


class BlockKernel:
    """What kernels have in common; scratch has room for ``chunk`` rows of a block."""

    chunk = MOST_ROWS
    n_components: int
    n_features: int
    n_scratch: int
    size: int
    has_odds = False  # whether E-steps may go by densities relative to one component
    has_panels = False  # whether pairs of rows and components may be left out
    # what blocks of rows do not need: it stays here if the kernel is sent to where rows lie
    stays: tuple[str, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in self.stays}

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

    def packed(self, sums: np.ndarray) -> np.ndarray:
        """Of the sums what ``stats`` needs: it is sent from where rows lie elsewhere."""
        return sums

    def unpacked(self, packed: np.ndarray) -> np.ndarray:
        """Sums from what is needed of them."""
        return packed


def scaled(resp: np.ndarray, scale: np.ndarray | None) -> np.ndarray:
    return resp if scale is None else np.multiply(resp, scale, out=resp)


class Products(BlockKernel):
    """log_joint = eta @ T(z), statistics = resp @ T(z)ᵀ, about the origin of the units.

    The quadratic term of a matrix that all share is common to all components: it does not move
    responsibilities, its sum over rows is known beforehand (``total``, the packed second
    moment of all rows), and T needs no products.
    """

    has_odds = True
    stays: tuple[str, ...] = ("params", "eta", "total")

    def __init__(self, structure, params, eta, total):
        self.structure, self.params, self.eta, self.total = structure, params, eta, total
        self.layout = layout_of(structure, *params.means.shape)
        self.factors = params.factors if self.layout.n_common else None
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
        resp = scaled(buffers.resp, scale)
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
        weight, first, second = self._parts(sums)
        return Stats.of(self.structure, weight, first, second, self.params.means, value)


def cancels(structure: Structure, params: Located) -> bool:
    """Whether moments about the origin of the units lose too many digits."""
    return bool(distant(structure, params).any())


def distant(structure: Structure, params: Located) -> np.ndarray:
    """Of which components moments about the origin of the units lose too many digits, (K,)."""
    means, d = params.means, params.means.shape[1]
    if d * np.vdot(params.factors, params.factors) * np.vdot(means, means) <= MOMENT_LIMIT:
        return np.zeros(len(means), dtype=bool)  # not even all components taken together
    return cancelling(structure, params, means) > MOMENT_LIMIT


def cancelling(structure: Structure, params: Located, offset: np.ndarray) -> np.ndarray:
    """(sum_i P_ii^1/2 |o_i|)² (K,), P the precisions: a bound on the terms |P_ij o_i o_j| that
    cancel where quadratic forms and moments are those of z about an origin that is o (K, d) from
    the means. v'Cv is known to so many times rounding, as v_i² <= P_ii v'Cv."""
    form = structure.form
    roots = np.sqrt(form.variances(form.precision(params.factors), offset.shape[1]))
    return np.square(np.vecdot(roots, np.abs(offset)))
