"""The soft E-step by odds for rows with gaps, features independent given the component."""

from __future__ import annotations

import numpy as np

from .._normal.gaussian import BlockKernel, Params
from .._normal.masked import Masked
from .._normal.rounding import MOMENT_LIMIT
from .._normal.stats import Stats
from .._rows.room import Buffers
from .._rows.tiles import inner, times
from .posterior import soft_by_odds


class SeenOdds(BlockKernel):
    """log_joint less that of the heaviest component, whose statistics are those of all rows less
    the others' (``odds``)."""

    def __init__(self, plain: Masked, reference: int, least: float):
        """least: the weight that rows must give to the reference, or its digits are lost."""
        self._plain, self._reference, self._least = plain, reference, least
        self.n_components, self.n_features = plain.n_components, plain.n_features
        self.n_scratch, self.size = 0, plain.size - plain.width
        own = plain.coefficients[reference]
        self._others = np.delete(np.arange(self.n_components), reference)
        self._relative = plain.coefficients[self._others] - own
        self._of_reference = float(own @ plain.moments)

    @classmethod
    def of(cls, plain: Masked, params: Params) -> SeenOdds | None:
        """Where the difference leaves enough digits of the reference's variances."""
        k, d = int(params.weights.argmax()), plain.d
        own = params.factors[plain.structure.sharing.at(k)]
        least = d * float(np.vdot(own, own)) / MOMENT_LIMIT
        is_sound = len(params.weights) > 1 and least <= params.weights[k]
        return cls(plain, k, least) if is_sound else None

    def features(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        return self._plain.features(m)

    def prepare(self, buffers: Buffers) -> None:
        self._plain.prepare(buffers)

    @property
    def keeper(self) -> type:
        return Masked

    @property
    def n_working(self) -> int:
        return self.n_components

    def working(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        return rows[:-1], rows[:-1], rows[-1], rows[-1]

    def soft(self, buffers: Buffers, weight: np.ndarray | None) -> float:
        """Exponentials of the others into resp, all their sum into work; the sum of log p(x) less
        the reference's log_joint."""
        odds = buffers.resp
        times(self._relative, buffers.features, out=odds)
        np.exp(odds, out=odds)
        return soft_by_odds(odds, buffers.work, weight)

    def accumulate(self, buffers: Buffers, weight: np.ndarray | None, sums: np.ndarray) -> None:
        resp = np.divide(buffers.resp, buffers.work, out=buffers.resp)
        if weight is not None:
            resp *= weight
        sums += inner(resp, buffers.features).ravel()

    def stats_if_accurate(self, value: float, sums: np.ndarray) -> Stats | None:
        """None where rows give the reference less than its weight had promised."""
        plain = self._plain
        found = np.empty((self.n_components, plain.width))
        others = found[self._others] = sums.reshape(-1, plain.width)
        found[self._reference] = plain.moments - others.sum(axis=0)
        if not found[self._reference, -1] >= self._least:
            return None
        return plain.stats(value + self._of_reference, found.ravel())
