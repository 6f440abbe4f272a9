"""Incremental EM: an M-step after every block of rows (Neal & Hinton 1998, section 3).

Each block keeps the statistics of its own q. A visit of a block replaces them by those at the
current parameters, total += new - old, and is followed by an M-step: both raise

    F(q, theta) = <total, eta(theta)> + log p(theta) + sum over blocks of H(q_block),

with the q of other blocks as they were left.
"""

from __future__ import annotations

from typing import NamedTuple

from .._normal.gaussian import Params
from .._normal.stats import Stats
from .mixture import Mixture


class _Block(NamedTuple):
    """A model over a block's rows, and the share of the weight that these have."""

    model: Mixture
    share: float


class Incremental:
    """The mixture, climbed block after block; all but its E-steps is the mixture's own."""

    def __init__(self, model: Mixture, n_blocks: int):
        self._model, self.is_combinatorial = model, model.is_combinatorial
        self.m_step, self.expected, self.log_prior = model.m_step, model.expected, model.log_prior
        self.rounding, self.repair = model.rounding, model.repair
        self._blocks = [_Block(*part) for part in _divided(model, n_blocks)]
        self._held: list[Stats] = []  # share times the statistics of each block
        self._entropies: list[float] = []

    def e_step(self, params: Params) -> Stats:
        """All blocks at the same parameters: where a climb begins."""
        self._held, self._entropies = [], []
        for block in self._blocks:
            stats, entropy = _visited(block, params)
            self._held.append(stats)
            self._entropies.append(entropy)
        return self._valued(_sum(self._model, self._held), params)

    def sweep(self, params: Params) -> tuple[Params, Stats]:
        """One visit of every block, with M-steps between them."""
        total = _sum(self._model, self._held)
        for i, block in enumerate(self._blocks):
            if i:
                params = self._model.m_step(total, params)
            stats, self._entropies[i] = _visited(block, params)
            about = self._model.about
            origin = stats.origin
            total = about(total, origin) + (stats - about(self._held[i], origin))
            self._held[i] = stats
        # the sum of what is held has no rounding errors of earlier passes
        return params, self._valued(_sum(self._model, self._held), params)

    def _valued(self, total: Stats, params: Params) -> Stats:
        total.value = self._model.expected(total, params) + sum(self._entropies)
        total.evidence = total.value - self._model.log_prior(params)
        return total


def _divided(model: Mixture, n_blocks: int):
    """Models over blocks of consecutive rows, and their shares of the weight."""
    rows = model.rows
    for i in range(n_blocks):
        a, b = rows.n * i // n_blocks, rows.n * (i + 1) // n_blocks
        part = rows.part(a, b)
        if part.total_weight > 0.0:
            yield model.over(part, same_moments=False), part.total_weight / rows.total_weight


def _visited(block: _Block, params: Params) -> tuple[Stats, float]:
    """Statistics and entropy of a block after its E-step, times its share."""
    model, share = block
    stats = model.e_step(params)
    entropy = stats.value - model.expected(stats, params)
    return share * stats, share * entropy


def _sum(model: Mixture, held: list[Stats]) -> Stats:
    """About the origin of the last one."""
    total, *others = reversed(held)
    for stats in others:
        total = total + model.about(stats, total.origin)
    return 1.0 * total
