"""The posterior predictive density of a Bayesian mixture, evaluated block by block."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from .._bayes.student import Students
from .._bayes.wishart import factorised, marginal_degrees, scale_of_marginal
from .._fitted.scoring import Scorer
from .._normal.gaussian import Components
from .._rows.patterns import patterns_of


class PredictiveScorer(Scorer):
    """A mixture with the means and precisions integrated out, of which ``mean_precision`` and
    ``degrees`` tell how well they are known: a mixture of Student's distributions."""

    # their residuals all lie in memory
    _FEW_NUMBERS = 40_000

    def __init__(self, structure, weights, means, factors, mean_precision, degrees):
        self._mean_precision, self._degrees = mean_precision, degrees
        super().__init__(structure, weights, means, factors)

    def _is_direct(self, n: int) -> bool:
        return n * self._means.size <= self._FEW_NUMBERS

    @cached_property
    def _students(self) -> Students:
        """In the units of the data."""
        return self._kernel_of(Components(self._log_weights, self._means, self._factors))

    def _direct(self, X: np.ndarray) -> np.ndarray:
        return self._students.log_joint_of(X)

    def _kernel_of(self, components: Components) -> Any:
        return Students(self._structure, components, self._mean_precision, self._degrees)

    def _each_with_gaps(self, X: np.ndarray, write: Callable) -> None:
        """Pattern by pattern: the distributions of some features are Student's, too."""
        patterns = patterns_of(X)
        for pattern, hole in enumerate(patterns.holes):
            at, seen = np.flatnonzero(patterns.index == pattern), np.flatnonzero(~hole)
            if not len(seen):
                write(at, np.repeat(self._log_weights[:, None], len(at), axis=1), 0.0, None)
                continue

            def tell(part, log_joint, common, room, at=at):
                write(at[part], log_joint, common, room)

            self._marginal(seen).each(X[np.ix_(at, seen)], tell)

    def _marginal(self, seen: np.ndarray) -> PredictiveScorer:
        """That of some features: of the scale of their covariances only the degrees change."""
        structure, form, d = self._structure, self._structure.form, self._means.shape[1]
        degrees = marginal_degrees(form, self._degrees, d, len(seen))
        lost = structure.sharing.of_equal(scale_of_marginal(form, self._degrees, d, len(seen)))
        axes = len(form.shape(d))
        part = form.invert(self._factors)[(..., *np.ix_(*[seen] * axes))]
        part = part * np.reshape(lost, (*np.shape(lost), *[1] * axes))
        stack = [factorised(form, each, len(seen))[1] for each in structure.sharing.matrices(part)]
        factors = structure.sharing.of_equal(np.stack(stack))
        means = self._means[:, seen]
        return PredictiveScorer(
            structure, self._weights, means, factors, self._mean_precision, degrees
        )
