"""A mixture of components of any family, on its rows: the model that is climbed.

Everything is per unit of weight of the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic

import numpy as np

from .._em.protocols import Point, Repair, Vector
from .._em.quasi_newton import QuasiNewton
from .._mixture.constraint import Constraint
from .._mixture.posterior import Rule, soft
from .._mixture.sums import GivenSums, Look, RuleSums
from .._rows.blocks import Block, Rows
from .._rows.room import Buffers
from .prior import WeightPrior
from .protocols import Family, Kernel, P, S


class Mixture(Generic[P, S]):
    """Components of a family over rows. The rule makes q of log_joint, a constraint restricts q,
    and weights may be fixed, or have a prior."""

    def __init__(
        self,
        rows: Rows,
        family: Family[P, S],
        rule: Rule = soft,
        constraint: Constraint | None = None,
        fixed_weights: bool = False,
        weight_prior: WeightPrior | None = None,
    ):
        self.rows, self.family = rows, family
        self.rule, self.constraint = rule, constraint
        self.fixed_weights = fixed_weights
        self.weight_prior = WeightPrior() if weight_prior is None else weight_prior

    @property
    def is_combinatorial(self) -> bool:
        return self.rule.is_one_hot

    def over(self, rows: Rows) -> Mixture[P, S]:
        """This model over other rows, which constraints know nothing of."""
        return self._like(rows, self.rule, None)

    def ruled(self, rule: Rule) -> Mixture[P, S]:
        """This model with another rule."""
        return self._like(self.rows, rule, self.constraint)

    def _like(self, rows: Rows, rule: Rule, constraint: Constraint | None) -> Mixture[P, S]:
        settings = rule, constraint, self.fixed_weights, self.weight_prior
        return Mixture(rows, self.family, *settings)

    def kernel(self, params: P) -> Kernel[S]:
        return self.family.kernel(params, self.rows)

    def e_step(self, params: P) -> S:
        """Expected statistics at q = rule(log_joint); their value is F after the E-step."""
        kernel = self.kernel(params)
        tilt = None if self.constraint is None else self.constraint.tilt(self, kernel)
        sums = self.rows.mean(RuleSums(kernel, kernel.log_joint, self.rule, tilt))
        stats = kernel.stats(float(sums[0]), sums[1:])
        if tilt is not None:
            stats.value += tilt.gain
            stats.evidence = stats.value + tilt.gap
        stats.value += self.log_prior(params)
        return stats

    def sweep(self, params: P) -> tuple[P, S]:
        return params, self.e_step(params)

    def m_step(self, stats: S, params: P) -> P:
        """argmax of ``expected``."""
        found = self.family.m_step(stats, params)
        if self.fixed_weights:
            return found
        return found._replace(weights=self.weight_prior.mode(stats.weight))

    def expected(self, stats: S, params: P) -> float:
        return self.family.expected(stats, params) + self.log_prior(params)

    def log_prior(self, params: P) -> float:
        return self.family.log_prior(params) + self.weight_prior.log_density(params.weights)

    def rounding(self, stats: S, params: P) -> float:
        return self.family.rounding(stats, params)

    def repair(self, stats: S, params: P) -> Repair | None:
        return self.family.repair(stats, params, self.e_step)

    def natural(self, params: P, origin: object) -> Vector:
        return self.family.natural(params, origin)

    def about(self, stats: S, origin: object) -> Vector:
        return self.family.about(stats, origin)

    def settle(self, stats: S, point: Point[P, S]) -> P | None:
        """The M-step of extrapolated statistics, None where no rows have such, or where more
        variances would be at the floor than after that of the point."""
        if not (stats.weight.min() > 0.0 and self.family.is_feasible(stats)):
            return None
        params = self.m_step(stats, point.params)
        held = self.family.n_held
        return params if held(params) <= held(point.following) else None

    def acceleration(self) -> QuasiNewton | None:
        """What makes climbs shorter; hard assignments settle in few passes, and extrapolated
        parameters are not those of any."""
        return None if self.is_combinatorial else QuasiNewton(self)

    def statistics_at(self, params: P, resp: Callable[[object], np.ndarray]) -> S:
        """Statistics at given q: resp(at) is (m, K) for rows at a slice or an index."""
        kernel = self.kernel(params)
        return kernel.stats(0.0, self.rows.mean(GivenSums(kernel, resp)))

    def each(self, params: P, see: Callable[[Block, np.ndarray, Kernel, Buffers], None]) -> None:
        """see(block, log_joint (K, m), kernel, buffers) for all blocks of rows."""
        kernel = self.kernel(params)

        def look(block: Block, log_joint: np.ndarray, buffers: Buffers) -> None:
            see(block, log_joint, kernel, buffers)

        self.rows.total(Look(kernel, look))
