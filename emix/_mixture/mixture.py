"""A mixture as a model to climb: E-step, M-step and the free energy's parts.

It knows weights, a rule, what is frozen, a prior and constraints. What the components are, normals
or others, its space knows (``protocols.MixtureSpace``).

Everything is per unit of sample weight: statistics' weights add up to one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from .._em.protocols import Point, Repair
from .._normal.screen import screened
from .._rows.blocks import Rows
from .constraint import Constraint
from .posterior import Rule, soft
from .settled import settled
from .sums import OddsSums, RuleSums

# Rounding error of a sum of products, relative to the sum of their sizes.
_ROUNDING = 8 * 2.0**-53


@dataclass(eq=False)
class Mixture:
    """Components in a space. The rule makes q of log_joint, ``frozen`` names parameters that the
    M-step leaves alone, a prior of the parameters is part of the objective, and a constraint
    restricts q. A mixture does not change: others are made by ``replace``."""

    space: Any  # see protocols.MixtureSpace; each has more for the starts of its own components
    rule: Rule = soft
    frozen: frozenset[str] = frozenset()
    prior: Any = None  # see protocols.MixturePrior
    constraint: Constraint | None = None
    # whether components are so far apart that their odds are infinite
    _overflows: bool = field(default=False, init=False, repr=False)

    def __post_init__(self) -> None:
        space = self.space
        self.structure, self.rows = space.structure, space.rows
        self.natural, self.about = space.natural, space.about

    @property
    def is_combinatorial(self) -> bool:
        """Whether a climb ends after finitely many steps: there are so many assignments."""
        return self.rule.is_one_hot

    @property
    def has_curvature(self) -> bool:
        """Whether ``curvature`` knows that of the objective: it is the log-likelihood, and all
        parameters are free."""
        is_likelihood = self.prior is self.constraint is None and self.rule.has_odds
        return is_likelihood and not self.frozen and self.space.has_curvature

    @property
    def likelihood(self) -> Mixture:
        """The model that starting values are found with: of ordinary normals, on rows without
        gaps. It is not kept: a model that holds itself would live until garbage is collected, and
        the rows with it."""
        filled = self.space.filled
        return self if filled is self.space else replace(self, space=filled, constraint=None)

    @cached_property
    def family(self) -> Any:
        """What the M-step goes by."""
        return self.space.family(self.frozen)

    @property
    def soundness(self) -> Any:
        return self.space.soundness

    def begin(self, params: Any, resp: Callable | None = None) -> Any:
        """The point to climb from, given parameters and perhaps responsibilities that were
        found with ``likelihood``."""
        return self.space.begun(self.family, params, resp)

    def over(self, rows: Rows, same_moments: bool = False) -> Mixture:
        """This model over other rows, whose moments may be known to be the same, and which
        constraints know nothing of."""
        return replace(self, space=self.space.over(rows, same_moments), constraint=None)

    def ruled(self, rule: Rule) -> Mixture:
        """This model with another rule, if it is not its own."""
        return self if rule is self.rule else replace(self, rule=rule)

    def e_step(self, params: Any) -> Any:
        """Expected statistics at q = rule(log_joint); their value is F after the E-step."""
        kernel = self.space.kernel(params)
        stats = self._by_odds(kernel, params) or self._by_log_joint(kernel, params)
        stats.value += self.log_prior(params)
        return stats

    def _by_odds(self, kernel: Any, params: Any) -> Any:
        """None where it cannot be done, or not accurately."""
        if not self.rule.has_odds or self.constraint is not None or self._overflows:
            return None
        odds = self.space.odds(kernel, params)
        if odds is None:
            return None
        sums = self.rows.mean(OddsSums(odds))
        self._overflows = not math.isfinite(sums[0])
        if self._overflows:
            return None
        stats = odds.stats_if_accurate(float(sums[0]), sums[1:])
        return None if stats is None else self.space.told(stats, params)

    def _by_log_joint(self, kernel: Any, params: Any) -> Any:
        tilt, log_joint_of = None, kernel.log_joint
        if self.constraint is None:
            log_joint_of = screened(kernel, params, self.rule.reach, self.rows.n)
        else:
            tilt = self.constraint.tilt(self, kernel)
        sums = self.rows.mean(RuleSums(kernel, log_joint_of, self.rule, tilt))
        stats = self.space.told(kernel.stats(float(sums[0]), sums[1:]), params)
        return stats if tilt is None else tilt.told(stats)

    def sweep(self, params: Any) -> tuple[Any, Any]:
        """Where a pass over the data leads to, and the statistics there: batch EM refreshes
        all of q at the same parameters."""
        return params, self.e_step(params)

    def log_prior(self, params: Any) -> float:
        """log p(params) per unit of weight, where there is a prior."""
        return 0.0 if self.prior is None else self.prior.log_density(self.family, params)

    def expected(self, stats: Any, params: Any) -> float:
        """E_q[log p(x, z, params)]; F is this plus the entropy of q."""
        eta = self.natural(params, stats.origin)
        return float(stats.vector @ eta.vector) + self.log_prior(params)

    def rounding(self, stats: Any, params: Any) -> float:
        """A bound on the rounding error of ``expected`` and of F, which at high temperatures is
        mostly entropy."""
        eta = self.natural(params, stats.origin)
        terms = float(np.abs(stats.vector) @ np.abs(eta.vector))
        if self.prior is not None:
            terms += self.prior.size(self.family, params)
        return _ROUNDING * (terms + abs(stats.value))

    def m_step(self, stats: Any, params: Any) -> Any:
        """argmax of ``expected`` over the parameters that are not frozen."""
        if self.prior is not None:
            return self.prior.m_step(self.family, stats, params)
        return self.family.m_step(stats, params)

    def settle(self, stats: Any, point: Point[Any, Any]) -> Any:
        """The M-step of extrapolated statistics, None where no data have such."""
        is_feasible = stats.weight.min() > 0.0 and self.space.is_feasible(stats)
        try:
            return settled(self, stats, point) if is_feasible else None
        except np.linalg.LinAlgError:
            return None

    def repair(self, stats: Any, params: Any) -> Repair | None:
        """Parameters to try before the next pass, where EM does not get by itself."""
        return self.space.repair(self, stats, params)
