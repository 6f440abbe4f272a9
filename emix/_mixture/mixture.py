"""The mixture of normals as a model to climb: E-step, M-step and the free energy's parts.

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
from .._normal.family import DEAD
from .._normal.gaussian import Params, expected_log_joint, rounding_of_expected
from .._normal.prior import Prior
from .._normal.screen import screened
from .._normal.stats import Stats
from .._rows.blocks import Rows
from .constraint import Constraint
from .posterior import Rule, soft
from .reseed import repair
from .settled import settled
from .soundness import Soundness
from .sums import OddsSums, RuleSums


@dataclass(eq=False)
class Mixture:
    """Normal components in a space. The rule makes q of log_joint, ``frozen`` names parameters
    that the M-step leaves alone, a prior of the parameters is part of the objective, and a
    constraint restricts q. A mixture does not change: others are made by ``replace``."""

    space: Any  # a Space, or one of components of another kind
    rule: Rule = soft
    frozen: frozenset[str] = frozenset()
    prior: Prior | None = None
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

    @cached_property
    def likelihood(self) -> Mixture:
        """The model that starting values are found with: of ordinary normals, on rows without
        gaps."""
        filled = self.space.filled
        return self if filled is self.space else replace(self, space=filled, constraint=None)

    @cached_property
    def family(self) -> Any:
        """What the M-step goes by."""
        return self.space.family(self.frozen)

    @property
    def soundness(self) -> Soundness:
        return self.space.soundness

    def begin(self, params: Params, resp: Callable | None = None) -> Params:
        """The point to climb from, given parameters and perhaps responsibilities that were
        found with ``likelihood``."""
        return self.space.begun(self.family, params, resp)

    def over(self, rows: Rows, same_moments: bool) -> Mixture:
        """This model over other rows, whose moments may be known to be the same, and which
        constraints know nothing of."""
        return replace(self, space=self.space.over(rows, same_moments), constraint=None)

    def ruled(self, rule: Rule) -> Mixture:
        """This model with another rule, if it is not its own."""
        return self if rule is self.rule else replace(self, rule=rule)

    def e_step(self, params: Params) -> Stats:
        """Expected statistics at q = rule(log_joint); their value is F after the E-step."""
        kernel = self.space.kernel(params)
        stats = self._by_odds(kernel, params) or self._by_log_joint(kernel, params)
        stats.value += self.log_prior(params)
        return stats

    def _by_odds(self, kernel: Any, params: Params) -> Stats | None:
        """None where it cannot be done, or not accurately."""
        if not self.rule.has_odds or self.constraint is not None or self._overflows:
            return None
        odds = self.space.odds(kernel, params)
        if odds is None:
            return None
        sums = self.rows.mean(OddsSums(odds))
        self._overflows = not math.isfinite(sums[0])
        return None if self._overflows else odds.stats_if_accurate(float(sums[0]), sums[1:])

    def _by_log_joint(self, kernel: Any, params: Params) -> Stats:
        tilt, log_joint_of = None, kernel.log_joint
        if self.constraint is None:
            log_joint_of = screened(kernel, params, self.rule.reach, self.rows.n)
        else:
            tilt = self.constraint.tilt(self, kernel)
        sums = self.rows.mean(RuleSums(kernel, log_joint_of, self.rule, tilt))
        stats = self.space.told(kernel.stats(float(sums[0]), sums[1:]), params)
        return stats if tilt is None else tilt.told(stats)

    def sweep(self, params: Params) -> tuple[Params, Stats]:
        """Where a pass over the data leads to, and the statistics there: batch EM refreshes
        all of q at the same parameters."""
        return params, self.e_step(params)

    def log_prior(self, params: Params) -> float:
        """log p(params) per unit of weight, where there is a prior."""
        return 0.0 if self.prior is None else self.prior.log_density(self.structure, params)

    def expected(self, stats: Stats, params: Params) -> float:
        """E_q[log p(x, z, params)]; F is this plus the entropy of q."""
        of_data = expected_log_joint(stats, self.natural(params, stats.origin))
        return of_data + self.log_prior(params)

    def rounding(self, stats: Stats, params: Params) -> float:
        """A bound on the rounding error of ``expected`` and of F."""
        return rounding_of_expected(stats, self.natural(params, stats.origin))

    def m_step(self, stats: Stats, params: Params) -> Params:
        """argmax of ``expected`` over the parameters that are not frozen."""
        if self.prior is not None:
            return self.prior.m_step(self.family, stats, params)
        return self.family.m_step(stats, params)

    def settle(self, stats: Stats, point: Point[Params, Stats]) -> Params | None:
        """The M-step of extrapolated statistics, None where no data have such."""
        try:
            return settled(self, stats, point) if stats.weight.min() > 0.0 else None
        except np.linalg.LinAlgError:
            return None

    def repair(self, stats: Stats, params: Params) -> Repair | None:
        """Rows for components that hard assignments left without any, where these could have
        some."""
        is_fixed = not (self.is_combinatorial and self.space.reseeds) or "means" in self.frozen
        return None if is_fixed or stats.weight.min() > DEAD else repair(self, stats, params)
