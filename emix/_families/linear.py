"""Families whose log-densities are linear in features of a row.

log p_k(x) = coefficients_k·features(x) + common(x), so that a pass over the rows is two matrix
products: log_joint = coefficients @ features, and statistics = resp @ featuresᵀ. The last feature
is one: its coefficient is the constant, and its statistic the weight of the component.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol

import numpy as np

from .._normal.gaussian import BlockKernel
from .._rows.blocks import Block, Rows
from .._rows.grid import block_rows
from .._rows.room import Buffers
from .._rows.tiles import inner, times
from .prior import UnseenRows
from .protocols import P


class Encoding(Protocol):
    """Features of rows. Equal encodings make equal features: they hash, and compare.

    n_features numbers per row are kept, the first ``width`` of which are the features.
    """

    @property
    def width(self) -> int: ...

    @property
    def n_features(self) -> int: ...

    def features(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        """Room for m rows, and the part of it that rows are read into."""

    def fill(self, buffers: Buffers) -> None:
        """Make the features from z."""

    def common(self, z: np.ndarray) -> np.ndarray | float:
        """What all components have in their log-densities, (m,)."""


@dataclass(frozen=True)
class Values:
    """The values themselves, and one; common is that of the family."""

    d: int

    @property
    def width(self) -> int:
        return self.d + 1

    n_features = width

    def features(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        features = np.empty((self.d + 1, m))
        features[-1] = 1.0
        return features, features[:-1]

    def fill(self, buffers: Buffers) -> None:
        pass


class LinearStats:
    """sum_i resp_ik features_i per unit of weight, (K, width), and the mean of what log_joint left
    out: the last entry of the vector, the base."""

    origin = None

    def __init__(self, vector: np.ndarray, n_components: int, value: float):
        self.vector, self.value, self.evidence = vector, value, value
        self.sums = vector[:-1].reshape(n_components, -1)

    @property
    def weight(self) -> np.ndarray:
        return self.sums[:, -1]

    def at(self, vector: np.ndarray) -> LinearStats:
        return LinearStats(vector, len(self.sums), 0.0)


class LinearKernel(BlockKernel):
    """Components with coefficients (K, width); base is the mean over the rows of what they have in
    common."""

    def __init__(self, encoding: Encoding, coefficients: np.ndarray, base: float):
        self.encoding, self.coefficients, self._base = encoding, coefficients, base
        self.n_components, self._width = coefficients.shape
        self.n_features, self.size = encoding.n_features, coefficients.size
        self.n_scratch = min(coefficients.shape)

    @property
    def keeper(self) -> Any:
        return self.encoding

    def features(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        return self.encoding.features(m)

    def prepare(self, buffers: Buffers) -> None:
        self.encoding.fill(buffers)

    def log_joint(self, buffers: Buffers) -> np.ndarray:
        return times(self.coefficients, buffers.features[: self._width], out=buffers.log_joint)

    def common(self, buffers: Buffers) -> np.ndarray | float:
        return self.encoding.common(buffers.z)

    def accumulate(self, buffers: Buffers, scale: np.ndarray | None, sums: np.ndarray) -> None:
        """Adds (resp * scale) @ featuresᵀ; the scale goes on the smaller factor."""
        resp, features = buffers.resp, buffers.features[: self._width]
        if scale is not None and len(features) < len(resp):
            features = np.multiply(features, scale, out=buffers.scratch)
        elif scale is not None:
            resp = np.multiply(resp, scale, out=buffers.scratch)
        sums += inner(resp, features).ravel()

    def stats(self, value: float, sums: np.ndarray) -> LinearStats:
        return LinearStats(np.append(sums, self._base), self.n_components, value + self._base)


class Coefficients(NamedTuple):
    """Natural parameters of a linear family."""

    vector: np.ndarray


class Slots(NamedTuple):
    """What standard errors rest on: values (K, width) that coefficients are logarithms of; flat
    indices of those that add up to one together; and the linear terms, (K width, K width), slopes
    of coefficients in values."""

    values: np.ndarray
    shares: list[np.ndarray]
    linear: np.ndarray


class Components(Protocol[P]):
    """What tells one linear family from another. The entries of P are (K, ...)."""

    encoding: Encoding

    def coefficients(self, params: P) -> np.ndarray:
        """Of log pi_k + log p_k in the features, (K, width)."""

    def kernel(self, params: P, base: float) -> LinearKernel:
        """Of these coefficients."""

    def estimate(self, sums: np.ndarray, params: P) -> P:
        """The M-step of statistics (K, width) but for the weights."""

    def is_feasible(self, sums: np.ndarray) -> bool: ...

    def singular(self, params: P) -> np.ndarray: ...

    def n_unsound(self, params: P) -> int: ...

    def n_free(self, params: P) -> int: ...

    def equal(self, n_components: int, rows: Rows) -> P: ...

    def labels(self, rows: Rows, n_components: int, rng: np.random.RandomState) -> np.ndarray: ...

    def sample(self, params: P, labels: np.ndarray, rng: np.random.RandomState) -> np.ndarray: ...


class LinearFamily(Generic[P]):
    """The family of such components; see ``protocols.Family``. base is the mean over the rows of
    what log_joint leaves out."""

    def __init__(
        self, components: Components[P], base: float = 0.0, prior: UnseenRows | None = None
    ):
        self._components, self._base = components, base
        self._prior = UnseenRows() if prior is None else prior

    def over(self, rows: Rows) -> LinearFamily[P]:
        """The family for a climb over these rows."""
        job = _Common(self._components.encoding, rows.d)
        return LinearFamily(self._components, float(rows.mean(job)[0]), self._prior)

    def kernel(self, params: P, rows: Rows) -> LinearKernel:
        return self._components.kernel(params, self._base)

    def m_step(self, stats: LinearStats, params: P) -> P:
        return self._components.estimate(stats.sums + self._prior.sums, params)

    def natural(self, params: P, origin: Any) -> Coefficients:
        """Those of the sums, and one of the base."""
        return Coefficients(np.append(self._components.coefficients(params), 1.0))

    def about(self, stats: LinearStats, origin: Any) -> LinearStats:
        return stats

    def log_prior(self, params: P) -> float:
        if not np.any(self._prior.sums):
            return self._prior.const
        return self._prior.log_density(self._of_weight_one(params))

    def prior_size(self, params: P) -> float:
        return self._prior.size(self._of_weight_one(params))

    def _of_weight_one(self, params: P) -> np.ndarray:
        """Coefficients (K, width) of the components by themselves."""
        alone = params._replace(weights=np.ones(len(params.weights)))
        return self._components.coefficients(alone)

    def unseen(self, params: P) -> np.ndarray:
        """Statistics (K, width) that the prior stands for, but for the counts."""
        return self._prior.features(self._components.coefficients(params).shape)

    def is_feasible(self, stats: LinearStats) -> bool:
        return self._components.is_feasible(stats.sums)

    def n_held(self, params: P) -> int:
        return len(self.singular(params))

    def singular(self, params: P) -> np.ndarray:
        return self._components.singular(params)

    def n_unsound(self, params: P) -> int:
        return self._components.n_unsound(params)

    def repair(self, stats: LinearStats, params: P, e_step: Any) -> None:
        return None

    def n_free(self, params: P) -> int:
        return self._components.n_free(params)

    def equal(self, n_components: int, rows: Rows) -> P:
        return self._components.equal(n_components, rows)

    def labels(self, rows: Rows, n_components: int, rng: np.random.RandomState) -> np.ndarray:
        return self._components.labels(rows, n_components, rng)

    def sample(self, params: P, labels: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        return self._components.sample(params, labels, rng)

    def slots(self, params: P) -> Any:
        """What standard errors need; see ``uncertainty.Slots``."""
        components: Any = self._components
        return components.slots(params)

    def coordinates(self, params: P, weights_are_known: bool) -> Any:
        """What standard errors by differences need; see ``differences.Coordinates``."""
        components: Any = self._components
        return components.coordinates(params, weights_are_known)

    def taken(self, params: P, order: np.ndarray) -> P:
        parts: Any = params
        return parts._make(part[order] for part in parts)


class _Common:
    """The sum over the rows of what all components have in common."""

    worker, size = None, 1

    def __init__(self, encoding: Encoding, d: int):
        self._encoding, self.block_rows = encoding, block_rows(32 * d)

    def add(self, block: Block, sums: np.ndarray) -> None:
        common = np.broadcast_to(self._encoding.common(block.read()), block.stop - block.start)
        sums += common.sum() if block.weight is None else common @ block.weight
