"""The soft E-step by odds: log_joint less that of one component, the reference r.

With exponentials e_k = exp(log_joint_k - log_joint_r), of which e_r = 1 is not computed,

    resp_k = e_k / sum_l e_l,  log p(x) = log_joint_r + log sum_l e_l.

The sum is never less than one; where it is infinite, components are so far apart that this is
not the way. The reference's log_joint, summed over all rows, follows from their moments.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .._normal.gaussian import Params, Products
from .._normal.rounding import MOMENT_LIMIT
from .._normal.stats import Stats
from .._rows.room import Buffers
from .._rows.tiles import inner, times
from .posterior import soft_by_odds


@lru_cache(maxsize=256)
def _others(n_components: int, reference: int) -> np.ndarray:
    return np.delete(np.arange(n_components), reference)


class Odds(Products):
    """Products of all components but the reference, whose statistics are the moments of all rows
    less those of the others."""

    stays = (*Products.stays, "coefficients", "factors", "moments")

    @classmethod
    def of(cls, plain: Products, params: Params, moments: np.ndarray) -> Odds | None:
        """Relative to the heaviest of several components, if the difference leaves enough digits
        of its statistics: its variances are not too small beside those of all rows, one each."""
        weights, factors = params.weights, params.factors
        k = int(weights.argmax())
        own = factors[plain.structure.sharing.at(k)]
        least = params.means.shape[1] * float(np.vdot(own, own)) / MOMENT_LIMIT
        is_sound = len(weights) > 1 and least <= weights[k]
        return cls(plain, k, moments, least) if is_sound else None

    def __init__(self, plain: Products, reference: int, moments: np.ndarray, least: float):
        """least: the weight that rows must give to the reference, or its digits are lost."""
        super().__init__(plain.structure, plain.params, plain.eta, plain.total)
        self.reference, self.others = reference, _others(self.n_components, reference)
        self.moments, self.least = moments[-self.layout.width :], least
        own = self.coefficients[reference]
        self.relative = self.coefficients[self.others] - own
        self.of_reference = float(own @ self.moments)
        self.size = len(self.others) * self.layout.width
        # normalising goes to the smaller factor of the statistics
        self.scales_features = self.layout.width < len(self.others)
        self.n_scratch = self.layout.width if self.scales_features else 0

    @property
    def keeper(self) -> type:
        return Products

    @property
    def n_working(self) -> int:
        return self.n_components

    def working(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        return rows[:-1], rows[:-1], rows[-1], rows[-1]

    def soft(self, buffers: Buffers, weight: np.ndarray | None) -> float:
        """Exponentials of the others into resp, all their sum into work; the sum of log p(x) less
        the reference's log_joint."""
        odds = self._of_others(buffers.resp)
        times(self.relative, self._of_statistics(buffers), out=odds)
        np.exp(odds, out=odds)
        return soft_by_odds(odds, buffers.work, weight)

    def _of_others(self, resp: np.ndarray) -> np.ndarray:
        return resp

    def accumulate(self, buffers: Buffers, weight: np.ndarray | None, sums: np.ndarray) -> None:
        resp, total, features = buffers.resp, buffers.work, self._of_statistics(buffers)
        if self.scales_features:
            scaled = features = np.divide(features, total, out=buffers.scratch)
        else:
            scaled = np.divide(resp, total, out=resp)
        if weight is not None:
            scaled *= weight
        sums += inner(resp, features).ravel()

    def stats_if_accurate(self, value: float, sums: np.ndarray) -> Stats | None:
        """None where rows give the reference less than its weight had promised."""
        found = np.empty((self.n_components, self.layout.width))
        others = found[self.others] = sums.reshape(-1, self.layout.width)
        found[self.reference] = self.moments - others.sum(axis=0)
        if not found[self.reference, -1] >= self.least:
            return None
        return self.stats(value + self.of_reference, found.ravel())
