"""Conjugate priors, as rows that nobody saw.

Their logarithms are linear in natural parameters, as expected log-likelihoods are: the M-step with
a prior is the one without, at statistics to which those of unseen rows are added. Everything is per
unit of weight of the rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from .._normal.gaussian import log_of_weights


class WeightPrior(NamedTuple):
    """Dirichlet(alpha) of the weights: log p = const + excess sum_k log pi_k, excess = alpha - 1
    per unit of weight. The default is no prior: both are zero."""

    excess: float = 0.0
    const: float = 0.0

    @classmethod
    def of(cls, alpha: float, n_components: int, total: float) -> WeightPrior:
        """For rows of this total weight."""
        const = gammaln(n_components * alpha) - n_components * gammaln(alpha)
        return cls((alpha - 1.0) / total, float(const) / total)

    def log_density(self, weights: np.ndarray) -> float:
        if not self.excess:
            return self.const
        return self.const + self.excess * float(log_of_weights(weights).sum())

    def mode(self, weight: np.ndarray) -> np.ndarray:
        """pi_k ~ N_k + alpha - 1, at shares (K,) of the rows."""
        found = weight + self.excess
        return found / found.sum()


class UnseenRows(NamedTuple):
    """Statistics (width,) that a linear family's prior adds to those of every component; the last,
    their count, is not added to weights of components. const makes log p that of a density of all
    components. The default is no prior."""

    sums: np.ndarray | float = 0.0
    const: float = 0.0

    def log_density(self, coefficients: np.ndarray) -> float:
        """At coefficients (K, width) of components of weight one."""
        return self.const + float((coefficients * self.sums).sum())

    def size(self, coefficients: np.ndarray) -> float:
        """The sum of the terms' sizes, which rounding errors are in proportion to."""
        return float(np.sum(np.abs(coefficients) * np.abs(self.sums)))

    def features(self, shape: tuple[int, int]) -> np.ndarray:
        """What is added to statistics (K, width), but for the counts."""
        added = np.broadcast_to(self.sums, shape).copy()
        added[:, -1] = 0.0
        return added
