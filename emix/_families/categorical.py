"""Independent categories: p_k(x) = prod_j p_kj(x_j) over the answers that are not missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .._mixture.start import partition
from .._normal.family import DEAD
from .._normal.gaussian import LOG_ZERO, log_of_weights
from .._rows.blocks import Rows
from .._rows.room import Buffers
from .linear import LinearKernel, Slots
from .sorting import weights_of

# In place of a level: a missing answer, and a value that is no level.
MISSING, NEW = -1.0, -2.0


class Classes(NamedTuple):
    """weights (K,) and probabilities (K, L), those of all levels of all features side by side."""

    weights: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class Levels:
    """One number for every level of every feature, 1 where a row has it, and one; then z.

    A missing answer is a negative level, which no number stands for. Neither does one for a value
    that is no level; its row has probability zero, whatever the component.
    """

    counts: tuple[int, ...]

    @property
    def width(self) -> int:
        return sum(self.counts) + 1

    @property
    def n_features(self) -> int:
        return self.width + len(self.counts)

    @property
    def starts(self) -> np.ndarray:
        """Where the levels of each feature begin, (d,)."""
        return np.cumsum((0, *self.counts[:-1]))

    def features(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        features = np.zeros((self.n_features, m))
        return features, features[self.width :]

    def fill(self, buffers: Buffers) -> None:
        self.encode(buffers.z, buffers.features)

    def encode(self, z: np.ndarray, out: np.ndarray) -> None:
        """Levels of z (d, m) into out."""
        for start, count, values in zip(self.starts, self.counts, z, strict=True):
            np.equal(values, np.arange(count)[:, None], out=out[start : start + count])
        out[self.width - 1] = 1.0

    def common(self, z: np.ndarray) -> np.ndarray:
        return np.where((z == NEW).any(axis=0), LOG_ZERO, 0.0)


class Categorical:
    """The components: feature j has counts[j] levels, 0 to counts[j] - 1. Rows are as they are."""

    def __init__(self, counts: tuple[int, ...]):
        self.encoding, self._starts = Levels(counts), Levels(counts).starts
        self._counts = np.array(counts)

    def coefficients(self, params: Classes) -> np.ndarray:
        """(log p_k, log pi_k)."""
        logs = log_of_weights(params.probabilities)
        return np.column_stack([logs, log_of_weights(params.weights)])

    def kernel(self, params: Classes, base: float) -> LinearKernel:
        return LinearKernel(self.encoding, self.coefficients(params), base)

    def estimate(self, sums: np.ndarray, params: Classes) -> Classes:
        """p_kj(l) = share of level l among the answers; as it was where there are none."""
        found = sums[:, :-1]
        answers = np.repeat(np.add.reduceat(found, self._starts, axis=1), self._counts, axis=1)
        known = answers > DEAD
        shares = np.divide(found, answers, out=params.probabilities.copy(), where=known)
        return Classes(params.weights, shares)

    def is_feasible(self, sums: np.ndarray) -> bool:
        return bool(sums.min() >= 0.0)

    def singular(self, params: Classes) -> np.ndarray:
        return np.zeros(0, dtype=int)

    def n_unsound(self, params: Classes) -> int:
        return 0

    def n_free(self, params: Classes) -> int:
        return len(params.weights) * int((self._counts - 1).sum())

    def slots(self, params: Classes) -> Slots:
        """Probabilities and weights; those of each feature of a class add up to one."""
        values = np.column_stack([params.probabilities, params.weights])
        index = np.arange(values.size).reshape(values.shape)
        features = [part for row in index for part in np.split(row[:-1], self._starts[1:])]
        return Slots(values, [index[:, -1], *features], np.zeros((values.size, values.size)))

    def equal(self, n_components: int, rows: Rows) -> Classes:
        """Equal probabilities of all levels."""
        row = np.repeat(1.0 / self._counts, self._counts)
        return Classes(np.full(n_components, 1.0 / n_components), np.tile(row, (n_components, 1)))

    def labels(self, rows: Rows, n_components: int, rng: np.random.RandomState) -> np.ndarray:
        """Clusters by the number of answers that agree."""
        y = np.zeros((self.encoding.n_features, rows.n))
        self.encoding.encode(rows.X.T, y)
        return partition(y, weights_of(rows), n_components, rng)

    def sample(self, params: Classes, labels: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        """The level at which the cumulated probability exceeds a uniform number."""
        drawn = rng.uniform(size=(len(labels), len(self._counts)))
        rows = np.empty(drawn.shape)
        for j, (start, count) in enumerate(zip(self._starts, self._counts, strict=True)):
            below = np.cumsum(params.probabilities[:, start : start + count], axis=1)[labels]
            rows[:, j] = (below[:, :-1] <= drawn[:, j : j + 1]).sum(axis=1)
        return rows
