"""The mixture model on its data: E-step, M-step and the free energy's parts.

Everything is per unit of sample weight: statistics' weights add up to one.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import cached_property

import numpy as np

from .._em.protocols import Point, Repair
from .._normal.choice import Kernel, choose
from .._normal.covariances import Structure
from .._normal.family import DEAD, Family
from .._normal.floor import SHARE, Floor
from .._normal.gaussian import (
    Natural,
    Params,
    Products,
    about,
    cancels,
    expected_log_joint,
    natural,
    rounding_of_expected,
)
from .._normal.prior import Prior
from .._normal.protocols import Factored
from .._normal.screen import screened
from .._normal.stats import Stats
from .._rows.blocks import Rows
from .._rows.sample import DistinctRows
from .constraint import Constraint
from .odds import Odds
from .posterior import Rule, soft
from .reseed import repair
from .settled import settled
from .soundness import Soundness
from .sums import GivenSums, Look, Moments, OddsSums, RuleSums


class Mixture:
    """Normal mixture of one covariance structure over rows in standard units.

    noise (d,) is the variance of the normal cloud x + e that each row stands for, in the same
    units: log_joint is its expectation over e, and every covariance of the M-step carries
    the noise on its diagonal (``reg_covar``). ``frozen`` names parameters that
    the M-step leaves alone; a prior of the parameters is part of the objective, and a
    constraint restricts q. ``least_share`` is that of ``covariance_floor``.
    """

    prior: Prior | None = None
    constraint: Constraint | None = None
    has_curvature = True  # whether ``curvature`` knows that of its log-likelihood

    def __init__(
        self,
        structure: Structure,
        rows: Rows,
        noise: np.ndarray,
        *,
        rule: Rule = soft,
        frozen: frozenset[str] = frozenset(),
        least_share: float = SHARE,
    ):
        self.structure, self.rows, self.noise = structure, rows, noise
        self._least_share = least_share
        self.rule, self.frozen = rule, frozen
        self.cloud = structure.form.from_variances(noise)
        self._overflows = False  # whether components are so far apart that their odds are infinite
        # of the last two params: a point of a climb and the M-step there
        self._naturals: tuple[tuple[Params | None, Natural | None], ...] = ((None, None),) * 2
        self._origin: np.ndarray | None = None

    @property
    def likelihood(self) -> Mixture:
        """The model that starting values are found with."""
        return self

    def begin(self, params: Params, resp: Callable | None = None) -> Params:
        """The point to climb from, given parameters and perhaps responsibilities that were
        found with ``likelihood``."""
        return self.family.admitted(params)

    @property
    def n_null(self) -> int:
        """Directions in which the data do not vary: no component can either."""
        return self.covariance_floor.n_null

    @cached_property
    def distinct(self) -> DistinctRows:
        """The rows' distinct values."""
        return DistinctRows(self.rows)

    @cached_property
    def spread(self) -> np.ndarray:
        """Covariance of all rows, in the form of the structure."""
        return self.structure.form.mean_matrix(self.total, self.rows.d)

    @cached_property
    def covariance_floor(self) -> Floor:
        """The constraint that keeps the likelihood of these data bounded; noise does so, too."""
        share = 0.0 if self.noise.any() else self._least_share
        return Floor(self.structure.form, self.spread, self.distinct, share)

    def factorise(self, covariance: np.ndarray) -> Factored:
        """Covariances under the constraint, with their factors."""
        return self.covariance_floor.factorise(covariance)

    @cached_property
    def total(self) -> np.ndarray:
        """Second moment of all rows about the origin of the units."""
        form, d = self.structure.form, self.rows.d
        return form.unpack(self.moments[: form.n_products(d)], d)

    @cached_property
    def moments(self) -> np.ndarray:
        """Means over all rows of (products, z, 1)."""
        return self.rows.mean(Moments(self.structure.form, self.rows.d))

    def natural(self, params: Params, origin: np.ndarray | None = None) -> Natural:
        """Natural parameters, about the origin of the units unless another one is given."""
        if self._origin is None or self._origin.shape != params.means.shape:
            self._origin = np.zeros_like(params.means)
        if origin is not None and origin is not self._origin:
            return natural(self.structure, params, origin, self.noise)
        for known, found in self._naturals:
            if known is params:
                return found
        found = natural(self.structure, params, self._origin, self.noise)
        self._naturals = (self._naturals[1], (params, found))
        return found

    def over(self, rows: Rows, same_moments: bool) -> Mixture:
        """This model over other rows, whose moments may be known to be the same."""
        other = type(self)(self.structure, rows, self.noise, rule=self.rule, frozen=self.frozen)
        other.prior = self.prior
        other.covariance_floor, other.soundness = self.covariance_floor, self.soundness
        if same_moments:
            other.moments = self.moments
        return other

    def freezing(self, name: str) -> Mixture:
        """This model with one more parameter frozen."""
        other = copy.copy(self)
        other.frozen = self.frozen | {name}
        return other

    def ruled(self, rule: Rule) -> Mixture:
        """This model with another rule, if it is not its own."""
        if rule is self.rule:
            return self
        other = copy.copy(self)
        other.rule = rule
        return other

    @property
    def is_combinatorial(self) -> bool:
        """Whether a climb ends after finitely many steps: there are so many assignments."""
        return self.rule.is_one_hot

    def kernel(self, params: Params, is_partition: bool = True) -> Kernel:
        """is_partition: whether the responsibilities of every row add up to one."""
        structure, d = self.structure, self.rows.d
        is_known = is_partition and not structure.sharing.separable
        total = self.moments[: structure.form.n_products(d)] if is_known else None
        return choose(structure, params, self.natural(params), self.noise, total)

    def e_step(self, params: Params) -> Stats:
        """Expected statistics at q = rule(log_joint); their value is F after the E-step."""
        kernel = self.kernel(params)
        stats = self._by_odds(kernel, params) or self._by_log_joint(kernel, params)
        stats.value += self.log_prior(params)
        return stats

    def _by_odds(self, kernel: Kernel, params: Params) -> Stats | None:
        """None where it cannot be done, or not accurately."""
        if not self.rule.has_odds or self.constraint is not None or self._overflows:
            return None
        odds = self.odds(kernel, params)
        if odds is None:
            return None
        sums = self.rows.mean(OddsSums(odds))
        self._overflows = not math.isfinite(sums[0])
        return None if self._overflows else odds.stats(float(sums[0]), sums[1:])

    def odds(self, kernel: Kernel, params: Params) -> Odds | None:
        """The kernel relative to one of its components, where there is one to relate to."""
        is_plain = type(kernel) is Products
        return Odds.of(kernel, params, self.moments) if is_plain else None

    def _by_log_joint(self, kernel: Kernel, params: Params) -> Stats:
        if self.constraint is None:
            log_joint_of = screened(kernel, params, self.rule.reach, self.rows.n)
            return self._statistics(kernel, RuleSums(kernel, log_joint_of, self.rule))
        tilt = self.constraint.tilt(self, kernel)
        stats = self._statistics(kernel, RuleSums(kernel, kernel.log_joint, self.rule, tilt))
        stats.value += tilt.gain
        stats.evidence = stats.value + tilt.gap
        return stats

    def _statistics(self, kernel: Kernel, job: RuleSums) -> Stats:
        sums = self.rows.mean(job)
        return kernel.stats(float(sums[0]), sums[1:])

    def sweep(self, params: Params) -> tuple[Params, Stats]:
        """Where a sweep over the data leads to, and the statistics there: batch EM refreshes
        all of q at the same parameters."""
        return params, self.e_step(params)

    def log_prior(self, params: Params) -> float:
        """log p(params) per unit of weight, where there is a prior."""
        return 0.0 if self.prior is None else self.prior.log_density(self.structure, params)

    def statistics_at(self, params: Params, resp: Callable) -> Stats:
        """Statistics at given q: resp(at) is (m, K) for rows at a slice or an index; params choose
        the origin, and tell what to expect of missing values. Those of a row need not add up to
        one."""
        kernel = self.kernel(params, is_partition=False)
        return kernel.stats(0.0, self.rows.mean(GivenSums(kernel, resp)))

    def is_distant(self, params: Params) -> bool:
        """Whether moments about the origin of the units would cancel."""
        return cancels(self.structure, params)

    def expected(self, stats: Stats, params: Params) -> float:
        """E_q[log p(x, z, params)]; F is this plus the entropy of q."""
        of_data = expected_log_joint(stats, self.natural(params, stats.origin))
        return of_data + self.log_prior(params)

    def rounding(self, stats: Stats, params: Params) -> float:
        """A bound on the rounding error of ``expected`` and of F."""
        return rounding_of_expected(stats, self.natural(params, stats.origin))

    @property
    def family(self) -> Family:
        """What the M-step goes by."""
        return Family(self.structure, self.cloud, self.frozen, self.covariance_floor)

    def m_step(self, stats: Stats, params: Params) -> Params:
        """argmax of ``expected`` over the parameters that are not frozen."""
        if self.prior is not None:
            return self.prior.m_step(self.family, stats, params)
        return self.family.m_step(stats, params)

    def settle(self, stats: Stats, point: Point[Params, Stats]) -> Params | None:
        """The M-step of extrapolated statistics, None where no data have such."""
        return settled(self, stats, point) if stats.weight.min() > 0.0 else None

    def repair(self, stats: Stats, params: Params) -> Repair | None:
        """Rows for components that hard assignments left without any, where these could have
        some."""
        is_fixed = not self.is_combinatorial or "means" in self.frozen
        return None if is_fixed or stats.weight.min() > DEAD else repair(self, stats, params)

    def each(self, params: Params, see: Callable) -> None:
        """see(at, log_joint (K, m), what it leaves out for all components alike) for all blocks
        of rows."""
        kernel = self.kernel(params)

        def look(block, log_joint, buffers):
            see(block.at, log_joint, kernel.common(buffers))

        self.rows.total(Look(kernel, look))

    @cached_property
    def soundness(self) -> Soundness:
        """Of the components that a climb ends with."""
        rows, floor = self.rows, self.covariance_floor
        return Soundness(self.structure, rows.d, floor, self.distinct)

    def is_degenerate(self, params: Params) -> bool:
        """Whether a component rests on too little to be believed."""
        parts = params.weights, params.means, params.covariances, params.factors, params.n_floored
        return bool(self.soundness.unsound(*parts).any())

    def spurious_heights(self, params: Params) -> np.ndarray:
        """What criteria of selection take off the log-densities of components, (K,)."""
        parts = params.weights, params.means, params.covariances, params.factors
        return self.soundness.heights(*parts)

    def about(self, stats: Stats, origin: np.ndarray) -> Stats:
        return about(self.structure, stats, origin)
