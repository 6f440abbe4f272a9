"""Short runs of EM from many starts at once (Biernacki, Celeux & Govaert 2003).

All mixtures make their steps together, on cells of rows that share their responsibilities (Verbeek,
Nunnink & Vlassis 2006), with moments about one origin: quick, and accurate enough for starts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .gaussian import LOG_2PI

# Least share of a component, so that nothing overflows.
_LEAST = 1e-12
_SIGNS = np.array([[-1.0], [1.0]])


class Pairs(NamedTuple):
    """Many mixtures of two normals: all arrays are (S, 2)."""

    weights: np.ndarray
    means: np.ndarray
    variances: np.ndarray


class ShortRuns:
    """EM on cells of rows with sums (3, m) of 1, z and z²; variances are not below a floor, and
    perhaps shared.

    Rows of a cell have the same responsibilities, those that are best for all of them: F is a
    lower bound of the log-likelihood, and no variance within a cell is lost.
    """

    def __init__(self, sums: np.ndarray, floor: float, pooled: bool):
        self._floor, self._pooled = floor, pooled
        weighted = sums / sums[0].sum()
        self._share, self._weighted = weighted[0], weighted.T
        self._powers = sums / sums[0]
        self._total = weighted.sum(axis=1)

    def run(self, pairs: Pairs, n_steps: int) -> tuple[Pairs, np.ndarray]:
        """The mixtures after so many steps, and F per unit of weight there."""
        pairs = pairs._replace(variances=np.maximum(pairs.variances, self._floor))
        for _ in range(n_steps):
            pairs = self._step(pairs)
        return pairs, self._objective(pairs)

    def _step(self, pairs: Pairs) -> Pairs:
        natural = _natural(pairs)
        # resp_2 - resp_1, in (-1, 1)
        tilt = np.tanh((natural[:, 1] - natural[:, 0]) @ self._powers) @ self._weighted
        moments = 0.5 * (self._total + _SIGNS * tilt[:, None])
        count = np.maximum(moments[..., 0], _LEAST)
        means = moments[..., 1] / count
        variances = moments[..., 2] / count - means * means
        if self._pooled:
            shared = np.vecdot(count, variances) / count.sum(axis=1)
            variances = np.repeat(shared[:, None], 2, axis=1)
        return Pairs(count, means, np.maximum(variances, self._floor))

    def _objective(self, pairs: Pairs) -> np.ndarray:
        """Of log(p_1 + p_2) = (log p_1 + log p_2) / 2 + log(2 cosh(log(p_2 / p_1) / 2))."""
        natural = _natural(pairs)
        size = np.abs((natural[:, 1] - natural[:, 0]) @ self._powers)
        both = np.exp(-2.0 * size)
        both += 1.0
        size += np.log(both, out=both)
        return natural.sum(axis=1) @ self._total + size @ self._share - 0.5 * LOG_2PI


def _natural(pairs: Pairs) -> np.ndarray:
    """(S, 2, 3): half of log pi_k N(x | k), without its constant, by the powers of x."""
    natural = np.empty((*pairs.means.shape, 3))
    slope = pairs.means / pairs.variances
    natural[..., 0] = np.log(pairs.weights * pairs.weights / pairs.variances)
    natural[..., 0] -= slope * pairs.means
    natural[..., 0] *= 0.25
    natural[..., 1] = 0.5 * slope
    natural[..., 2] = -0.25 / pairs.variances
    return natural
