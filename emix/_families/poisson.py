"""Independent Poisson counts: p_k(x) = prod_j exp(-l_kj) l_kj^x_j / x_j!."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from .._mixture.start import partition
from .._normal.family import DEAD
from .._normal.gaussian import log_of_weights
from .._rows.blocks import Rows
from .._rows.room import Buffers
from .linear import Encoding, LinearKernel, Slots, Values
from .sorting import weights_of


class Rates(NamedTuple):
    """weights (K,) and rates (K, d)."""

    weights: np.ndarray
    rates: np.ndarray


# In place of a count that is missing.
MISSING = -1.0


class Counts(Values):
    """Counts, and one."""

    def common(self, z: np.ndarray) -> np.ndarray:
        return -gammaln(z + 1.0).sum(axis=0)


@dataclass(frozen=True)
class SomeCounts:
    """Counts, 0 where they are missing; whether they are there, 0 or 1; and one; then z."""

    d: int

    @property
    def width(self) -> int:
        return 2 * self.d + 1

    @property
    def n_features(self) -> int:
        return 3 * self.d + 1

    def features(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        features = np.ones((self.n_features, m))
        return features, features[self.width :]

    def fill(self, buffers: Buffers) -> None:
        counts, seen = np.split(buffers.features[: 2 * self.d], 2)
        np.greater_equal(buffers.z, 0.0, out=seen)
        np.multiply(buffers.z, seen, out=counts)

    def common(self, z: np.ndarray) -> np.ndarray:
        return -gammaln(np.maximum(z, 0.0) + 1.0).sum(axis=0)


class Poisson:
    """The components. Rows are in the units of the data, and may have gaps."""

    def __init__(self, d: int, has_gaps: bool = False):
        self.encoding: Encoding = SomeCounts(d) if has_gaps else Counts(d)
        self._d, self._has_gaps = d, has_gaps

    def coefficients(self, params: Rates) -> np.ndarray:
        """(log l_k, log pi_k - sum_j l_kj), or with gaps (log l_k, -l_k, log pi_k)."""
        logs, weights = log_of_weights(params.rates), log_of_weights(params.weights)
        if self._has_gaps:
            return np.column_stack([logs, -params.rates, weights])
        return np.column_stack([logs, weights - params.rates.sum(axis=1)])

    def kernel(self, params: Rates, base: float) -> LinearKernel:
        return LinearKernel(self.encoding, self.coefficients(params), base)

    def estimate(self, sums: np.ndarray, params: Rates) -> Rates:
        """l_kj = sum_i resp_ik x_ij / sum_i resp_ik, over the rows i that have x_ij."""
        weight = sums[:, self._d : -1] if self._has_gaps else sums[:, -1:]
        alive = weight > DEAD
        rates = np.divide(sums[:, : self._d], weight, out=params.rates.copy(), where=alive)
        return Rates(params.weights, rates)

    def unseen(self, events: np.ndarray, rows: float) -> np.ndarray:
        """Statistics (width,) of so many events (d,) in so many rows."""
        if self._has_gaps:
            return np.concatenate([events, np.full(self._d, rows), [0.0]])
        return np.append(events, rows)

    def is_feasible(self, sums: np.ndarray) -> bool:
        return bool(sums.min() >= 0.0)

    def singular(self, params: Rates) -> np.ndarray:
        return np.zeros(0, dtype=int)

    def n_unsound(self, params: Rates) -> int:
        return 0

    def n_free(self, params: Rates) -> int:
        return params.rates.size

    def slots(self, params: Rates) -> Slots:
        """Rates and weights. Minus a rate is the coefficient of whether the count is there, or
        a term of the last one."""
        n_components, d = params.rates.shape
        between = np.zeros((n_components, d if self._has_gaps else 0))
        values = np.column_stack([params.rates, between, params.weights])
        index = np.arange(values.size).reshape(values.shape)
        linear = np.zeros((values.size, values.size))
        of_rates = index[:, d:-1] if self._has_gaps else index[:, -1:]
        linear[of_rates, index[:, :d]] = -1.0
        return Slots(values, [index[:, -1]], linear)

    def means(self, rows: Rows) -> np.ndarray:
        """Of the counts that are there, (d,)."""
        if not self._has_gaps:
            return rows.moments()[0]
        seen, weight = rows.X >= 0.0, weights_of(rows)
        return (weight @ np.where(seen, rows.X, 0.0)) / np.maximum(weight @ seen, DEAD)

    def equal(self, n_components: int, rows: Rows) -> Rates:
        means = np.tile(self.means(rows), (n_components, 1))
        return Rates(np.full(n_components, 1.0 / n_components), means)

    def labels(self, rows: Rows, n_components: int, rng: np.random.RandomState) -> np.ndarray:
        """Clusters of square roots, whose variance does not depend on the rate."""
        X = np.where(rows.X >= 0.0, rows.X, self.means(rows)) if self._has_gaps else rows.X
        return partition(np.sqrt(X.T), weights_of(rows), n_components, rng)

    def sample(self, params: Rates, labels: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        return rng.poisson(params.rates[labels]).astype(float)
