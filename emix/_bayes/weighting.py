"""Distributions of the weights: prior, posterior, E log weight, divergence.

Components keep their places; ``order`` lists them by falling counts. Concentrations are the
parameters of the posterior: (K,) of a Dirichlet, (2, K) of the sticks' Beta distributions.
"""

from __future__ import annotations

import numpy as np
from scipy.special import psi

from .gamma import gamma_divergence


def _cumulative(values: np.ndarray) -> np.ndarray:
    """Sums of the values before each one."""
    sums = np.zeros(len(values))
    values[:-1].cumsum(out=sums[1:])
    return sums


class Dirichlet:
    """Weights from a symmetric Dirichlet distribution."""

    def __init__(self, prior: float):
        self.prior = prior

    def concentration(self, counts: np.ndarray, order: np.ndarray) -> np.ndarray:
        """Of the posterior, given expected counts (K,)."""
        return self.prior + counts

    def expected_log(self, concentration: np.ndarray, order: np.ndarray) -> np.ndarray:
        """E log weight, (K,)."""
        return psi(concentration) - psi(concentration.sum())

    def mean(self, concentration: np.ndarray, order: np.ndarray) -> np.ndarray:
        """E weight, (K,)."""
        return concentration / concentration.sum()

    def rest(self, concentration: np.ndarray, order: np.ndarray) -> float:
        """E of the weight beyond the components."""
        return 0.0

    def divergence(self, concentration: np.ndarray, order: np.ndarray) -> np.ndarray:
        """Terms of the Kullback-Leibler divergence of the posterior from the prior."""
        added = concentration - self.prior
        priors = np.append(np.full(len(added), self.prior), self.prior * len(added))
        terms = gamma_divergence(priors, np.append(added, added.sum()))
        terms[-1] *= -1.0
        return terms


class StickBreaking:
    """A Dirichlet process: weight_k = v_k (1 - v_1) ... (1 - v_{k-1}), v ~ Beta(1, prior).

    The posterior gives rows to K components alone, and leaves the sticks after them as they
    were (Kurihara, Welling & Vlassis 2007); so the K weights do not quite add up to one.
    Which component has which stick is part of the posterior: the objective is greatest where
    counts fall (swapping neighbours of counts a, b before a tail t gains
    log(prior + a + t) - log(prior + b + t)).
    """

    def __init__(self, prior: float):
        self.prior = prior

    def concentration(self, counts: np.ndarray, order: np.ndarray) -> np.ndarray:
        after = np.empty_like(counts)
        after[order] = _cumulative(counts[order][::-1])[::-1]
        return np.stack([1.0 + counts, self.prior + after])

    def expected_log(self, concentration: np.ndarray, order: np.ndarray) -> np.ndarray:
        first, second = concentration[:, order]
        whole = psi(first + second)
        expected = np.empty_like(first)
        expected[order] = psi(first) - whole + _cumulative(psi(second) - whole)
        return expected

    def mean(self, concentration: np.ndarray, order: np.ndarray) -> np.ndarray:
        first, second = concentration[:, order]
        mean = np.empty_like(first)
        whole = first + second
        left = np.ones(len(first))
        (second / whole)[:-1].cumprod(out=left[1:])
        mean[order] = first / whole * left
        return mean

    def rest(self, concentration: np.ndarray, order: np.ndarray) -> float:
        return float(np.prod(concentration[1] / concentration.sum(axis=0)))

    def divergence(self, concentration: np.ndarray, order: np.ndarray) -> np.ndarray:
        first, second = concentration[0] - 1.0, concentration[1] - self.prior
        priors = np.array([[1.0], [self.prior], [1.0 + self.prior]])
        terms = gamma_divergence(priors, np.stack([first, second, first + second]))
        terms[-1] *= -1.0
        return terms.ravel()


Weighting = Dirichlet | StickBreaking
