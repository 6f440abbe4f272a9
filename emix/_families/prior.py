"""Conjugate priors, as rows that nobody saw.

Their logarithms are linear in natural parameters, as expected log-likelihoods are: the M-step with
a prior is the one without, at statistics to which those of unseen rows are added. Everything is per
unit of weight of the rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import gammaln

from .._normal.gaussian import log_of_weights


class WeightPrior(NamedTuple):
    """Dirichlet(alpha) of the weights: log p = const + excess sum_k log pi_k, excess = alpha - 1
    per unit of weight. The default is no prior: both are zero. The prior of a mixture of any
    family; see ``_mixture.protocols.MixturePrior``."""

    excess: float = 0.0
    const: float = 0.0

    @classmethod
    def of(cls, alpha: float, n_components: int, total: float) -> WeightPrior:
        """For rows of this total weight."""
        const = gammaln(n_components * alpha) - n_components * gammaln(alpha)
        return cls((alpha - 1.0) / total, float(const) / total)

    def log_density(self, family: Any, params: Any) -> float:
        """That of all parameters: others have the prior of their family."""
        found = self.const
        if self.excess:
            found += self.excess * float(log_of_weights(params.weights).sum())
        return family.log_prior(params) + found

    def size(self, family: Any, params: Any) -> float:
        return abs(self.const) + family.prior_size(params)

    def m_step(self, family: Any, stats: Any, params: Any) -> Any:
        """pi_k ~ N_k + alpha - 1."""
        return family.m_step(stats, params, self.excess)


UNIFORM = WeightPrior()


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
        return abs(self.const) + float(np.sum(np.abs(coefficients) * np.abs(self.sums)))

    def features(self, shape: tuple[int, int]) -> np.ndarray:
        """What is added to statistics (K, width), but for the counts."""
        added = np.broadcast_to(self.sums, shape).copy()
        added[:, -1] = 0.0
        return added
