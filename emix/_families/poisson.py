"""Independent Poisson counts: p_k(x) = prod_j exp(-l_kj) l_kj^x_j / x_j!."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from .._mixture.start import partition
from .._normal.family import DEAD
from .._normal.gaussian import log_of_weights
from .._rows.blocks import Rows
from .linear import LinearKernel, Slots, Values


class Rates(NamedTuple):
    """weights (K,) and rates (K, d)."""

    weights: np.ndarray
    rates: np.ndarray


class Counts(Values):
    """Counts, and one."""

    def common(self, z: np.ndarray) -> np.ndarray:
        return -gammaln(z + 1.0).sum(axis=0)


class Poisson:
    """The components. Rows are in the units of the data."""

    def __init__(self, d: int):
        self.encoding = Counts(d)

    def coefficients(self, params: Rates) -> np.ndarray:
        """(log l_k, log pi_k - sum_j l_kj)."""
        const = log_of_weights(params.weights) - params.rates.sum(axis=1)
        return np.column_stack([log_of_weights(params.rates), const])

    def kernel(self, params: Rates, base: float) -> LinearKernel:
        return LinearKernel(self.encoding, self.coefficients(params), base)

    def estimate(self, sums: np.ndarray, params: Rates) -> Rates:
        """l_kj = sum_i resp_ik x_ij / sum_i resp_ik."""
        weight = sums[:, -1:]
        alive = weight > DEAD
        rates = np.divide(sums[:, :-1], weight, out=params.rates.copy(), where=alive)
        return Rates(params.weights, rates)

    def is_feasible(self, sums: np.ndarray) -> bool:
        return bool(sums.min() >= 0.0)

    def singular(self, params: Rates) -> np.ndarray:
        return np.zeros(0, dtype=int)

    def n_unsound(self, params: Rates) -> int:
        return 0

    def n_free(self, params: Rates) -> int:
        return params.rates.size

    def slots(self, params: Rates) -> Slots:
        """Rates and weights; the last coefficient also has minus the sum of the rates."""
        values = np.column_stack([params.rates, params.weights])
        last = np.arange(values.size).reshape(values.shape)[:, -1]
        linear = np.zeros((values.size, values.size))
        for row in last:
            linear[row, row - values.shape[1] + 1 : row] = -1.0
        return Slots(values, [last], linear)

    def equal(self, n_components: int, rows: Rows) -> Rates:
        mean = rows.moments()[0]
        return Rates(np.full(n_components, 1.0 / n_components), np.tile(mean, (n_components, 1)))

    def labels(self, rows: Rows, n_components: int, rng: np.random.RandomState) -> np.ndarray:
        """Clusters of square roots, whose variance does not depend on the rate."""
        return partition(np.sqrt(rows.X.T), rows.weight, n_components, rng)

    def sample(self, params: Rates, labels: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        return rng.poisson(params.rates[labels]).astype(float)
