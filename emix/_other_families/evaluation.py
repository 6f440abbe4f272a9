"""A fitted mixture of any family on rows: densities, components, criteria of selection."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from .._families.densities import Densities
from .._input.validation import check_sample_weight
from .._rows.weights import in_own_unit
from .kind import Known


def total(values: np.ndarray, weight: np.ndarray | None) -> tuple[float, float]:
    """Weighted sum of the rows' values, and the sum of the weights; a row of weight zero counts
    for nothing, even where its value is infinite."""
    if weight is None:
        return float(values.sum()), float(values.size)
    values = np.where(weight > 0.0, values, 0.0)
    return float(values @ weight), float(weight.sum())


class Evaluation:
    """Of a mixture on rows of X; ``knows_weights`` tells whether its weights were frozen, so that
    criteria do not count them."""

    def __init__(self, known: Known, X: np.ndarray, knows_weights: bool):
        self._known, self._rows = known, known.rows(X)
        self._densities = Densities(known.family, known.params, known.log_unit)
        self._knows_weights = knows_weights

    def log_prob(self) -> np.ndarray:
        """log p(x), (n,)."""
        return self._densities.log_prob(self._rows)

    def labels(self) -> np.ndarray:
        """What stands for the most probable components, (n,)."""
        return self._known.numbered(self._densities.labels(self._rows))

    def responsibilities(self) -> np.ndarray:
        """p(k | x), (n, K)."""
        return self._densities.responsibilities(self._rows)

    @property
    def n_parameters(self) -> int:
        """Free ones; the weights add up to one."""
        known = self._known
        of_weights = 0 if self._knows_weights else len(known.params.weights) - 1
        return of_weights + known.family.n_free(known.params)

    def mean(self, sample_weight: ArrayLike | None) -> float:
        """Mean of log p(x)."""
        weight = check_sample_weight(sample_weight, self._rows.n)
        log_likelihood, n = total(self.log_prob(), in_own_unit(weight))
        return log_likelihood / n

    def aic(self, sample_weight: ArrayLike | None) -> float:
        """-2 log L + 2 p."""
        log_likelihood, _ = self._total(self.log_prob(), sample_weight)
        return -2.0 * log_likelihood + 2.0 * self.n_parameters

    def bic(self, sample_weight: ArrayLike | None) -> float:
        """-2 log L + p log n."""
        log_likelihood, n = self._total(self.log_prob(), sample_weight)
        return -2.0 * log_likelihood + self.n_parameters * math.log(n)

    def icl(self, sample_weight: ArrayLike | None) -> float:
        """-2 log L_c + p log n, L_c the likelihood with the most probable components."""
        joint = self._densities.largest_joint(self._rows)
        completed, n = self._total(joint, sample_weight)
        return -2.0 * completed + self.n_parameters * math.log(n)

    def _total(self, values: np.ndarray, sample_weight: ArrayLike | None) -> tuple[float, float]:
        return total(values, check_sample_weight(sample_weight, self._rows.n))
