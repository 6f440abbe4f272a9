"""The mixture of factor analysers on its rows: EM where components and factors are latent.

F is E_q log p(x, z, f, params) + H(q), q of the components z and of their factors f; the best
q(f | z) is exact, so that F after an E-step is what the rule of the mixture makes it, the
log-likelihood for the soft one. Starts are found with a mixture of ordinary normals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import softmax

from .._em.protocols import Point
from .._normal.covariances import DIAG, FULL, Structure
from .._normal.diagonal import DIAGONAL
from .._normal.factor_family import FactorFamily, FactorParams
from .._normal.factor_kernel import FactorKernel
from .._normal.floor import SHARE, Floor
from .._normal.gaussian import Natural, Params, expected_log_joint, rounding_of_expected
from .._normal.stats import Stats
from .._rows.blocks import Rows
from .._rows.sample import DistinctRows
from .constraint import Constraint
from .factor_start import with_loadings
from .mixture import Mixture
from .posterior import Rule, soft
from .settled import settled
from .soundness import Soundness
from .space import Complete, Space
from .start import sample_of
from .sums import GivenSums, RuleSums

# Starts are mixtures of normals with general matrices up to so many features, if there are so
# many distinct rows for each; else with diagonal ones.
_MOST_FEATURES, _ROWS_PER_FEATURE = 32, 16
# How far means may be from where statistics are about: squares, in variances.
_FAR = 100.0


class FactorLimits:
    """The floor of the noise, in its form, and which components are believed, by the variances of
    their features given the others. That the noise of a feature vanishes is not enough: others
    may be as they are."""

    def __init__(self, structure: Structure, rows: Rows, distinct: DistinctRows, share: float):
        form, estimator = structure.form, structure.estimator
        self._form: Any = form
        self._d = rows.d
        _, square = rows.moments()
        noise: Any = estimator.noise.form
        self.floor = Floor(noise, noise.from_variances(square), distinct, share)
        self.needed = self._form.n_factors + 2
        floor = self.floor if noise is DIAGONAL else Floor(DIAGONAL, square, distinct, share)
        self._soundness = Soundness(DIAG, rows.d, floor, distinct, self.needed)

    @property
    def n_null(self) -> int:
        """Features that do not vary."""
        return self.floor.n_null

    def _given_others(self, params: FactorParams) -> tuple[np.ndarray, ...]:
        """The parameters with variances (K, d) of each feature given the others."""
        precisions = self._form.precisions(params.factors, self._d)
        return params.weights, params.means, 1.0 / precisions, np.sqrt(precisions)

    def is_degenerate(self, params: FactorParams) -> bool:
        """Whether a component rests on too little to be believed."""
        parts = self._given_others(params)
        return bool(self._soundness.unsound(*parts, params.n_floored).any())

    def spurious_heights(self, params: FactorParams) -> np.ndarray:
        """What criteria of selection take off the log-densities of components, (K,)."""
        return self._soundness.heights(*self._given_others(params))


class FactorSpace:
    """Rows in standard units, for components of few factors; see ``space.Space``."""

    def __init__(
        self,
        structure: Structure,
        rows: Rows,
        noise: np.ndarray,
        limits: FactorLimits | None = None,
        start: Space | None = None,
    ):
        self.structure, self.rows, self.noise = structure, rows, noise
        self._limits, self._start = limits, start
        self._form: Any = structure.form
        self._origin: np.ndarray | None = None
        # of a point of a climb and of the M-step there
        self._naturals: tuple[tuple, ...] = ()

    @cached_property
    def distinct(self) -> DistinctRows:
        return DistinctRows(self.rows)

    @cached_property
    def limits(self) -> FactorLimits:
        if self._limits is not None:
            return self._limits
        share = 0.0 if self.noise.any() else SHARE
        return FactorLimits(self.structure, self.rows, self.distinct, share)

    @property
    def floor(self) -> Floor:
        return self.limits.floor

    @property
    def n_null(self) -> int:
        return self.limits.n_null

    @cached_property
    def start(self) -> Space:
        """Of the mixture of normals that starting values are found with."""
        if self._start is not None:
            return self._start
        d = self.rows.d
        is_small = d <= _MOST_FEATURES and self.distinct.count >= _ROWS_PER_FEATURE * d
        return Space(Complete(FULL if is_small else DIAG, self.rows), self.noise)

    def over(self, rows: Rows, same_moments: bool) -> FactorSpace:
        start = self.start.over(rows, same_moments)
        return FactorSpace(self.structure, rows, self.noise, self.limits, start)

    def family(self, frozen: frozenset[str] = frozenset()) -> FactorFamily:
        """What the M-step goes by."""
        return FactorFamily(self.structure, frozen, self.floor)

    def kernel(self, params: FactorParams) -> FactorKernel:
        return FactorKernel(self.structure, params, self.noise)

    def natural(self, params: FactorParams, origin: np.ndarray) -> Natural:
        for known, where, found in self._naturals:
            if known is params and where is origin:
                return found
        found = self.family().natural(params, origin)
        self._naturals = (*self._naturals[-1:], (params, origin, found))
        return found

    def about(self, stats: Stats, origin: np.ndarray) -> Stats:
        return self.family().about(stats, origin)

    def statistics_at(self, params: FactorParams, resp: Callable) -> Stats:
        """Statistics at given responsibilities: resp(at) is (m, K)."""
        kernel = self.kernel(params)
        return self.told(kernel.stats(0.0, self.rows.mean(GivenSums(kernel, resp))), params)

    def told(self, stats: Stats, params: FactorParams) -> Stats:
        """Of a kernel's statistics those of factors in their gauge, about an origin that stays as
        long as the means are near it: what accelerations remember is about one."""
        origin, means = self._origin, params.means
        if origin is None or origin.shape != means.shape:
            origin = means
        else:
            variances = self._form.variances(params.covariances, means.shape[1])
            if (np.square(means - origin) > _FAR * variances).any():
                origin = means
        self._origin = origin
        family = self.family()
        return family.about(family.turned(stats, params), origin)


@dataclass(eq=False)
class FactorMixture:
    """The model of ``ascent`` in such a space; see ``mixture.Mixture``."""

    space: FactorSpace
    rule: Rule = soft
    frozen: frozenset[str] = frozenset()
    constraint: Constraint | None = None

    has_curvature, prior = False, None

    def __post_init__(self) -> None:
        space = self.space
        self.structure, self.rows = space.structure, space.rows
        self.natural, self.about = space.natural, space.about

    @property
    def is_combinatorial(self) -> bool:
        return self.rule.is_one_hot

    @cached_property
    def likelihood(self) -> Mixture:
        """The mixture of normals that starting values are found with."""
        return Mixture(self.space.start, self.rule, self.frozen)

    @property
    def family(self) -> FactorFamily:
        return self.space.family(self.frozen)

    @property
    def soundness(self) -> FactorLimits:
        return self.space.limits

    def over(self, rows: Rows, same_moments: bool) -> FactorMixture:
        return replace(self, space=self.space.over(rows, same_moments), constraint=None)

    def ruled(self, rule: Rule) -> FactorMixture:
        return self if rule is self.rule else replace(self, rule=rule)

    def begin(self, params: Params, resp: Callable | None = None) -> FactorParams:
        """Weights and means as they are given; loadings of rows with these responsibilities, those
        under the parameters unless others are given."""
        if resp is None:
            rows, complete = sample_of(self.likelihood, len(params.weights))
            found = _posterior(self.space.start.over(rows, complete), params)
        else:
            rows = self.rows
            found = resp(slice(0, rows.n))
        return with_loadings(self.family, params, rows, found, self.space.noise)

    def e_step(self, params: FactorParams) -> Stats:
        """Expected statistics of components and factors; their value is F."""
        kernel, tilt = self.space.kernel(params), None
        if self.constraint is not None:
            tilt = self.constraint.tilt(self, kernel)
        sums = self.rows.mean(RuleSums(kernel, kernel.log_joint, self.rule, tilt))
        stats = self.space.told(kernel.stats(float(sums[0]), sums[1:]), params)
        return stats if tilt is None else tilt.told(stats)

    def sweep(self, params: FactorParams) -> tuple[FactorParams, Stats]:
        return params, self.e_step(params)

    def m_step(self, stats: Stats, params: FactorParams) -> FactorParams:
        return self.family.m_step(stats, params)

    def expected(self, stats: Stats, params: FactorParams) -> float:
        """E_q[log p(x, z, f, params)]."""
        return expected_log_joint(stats, self.natural(params, stats.origin))

    def rounding(self, stats: Stats, params: FactorParams) -> float:
        return rounding_of_expected(stats, self.natural(params, stats.origin))

    def log_prior(self, params: FactorParams) -> float:
        return 0.0

    def settle(self, stats: Stats, point: Point[FactorParams, Stats]) -> FactorParams | None:
        """The M-step of extrapolated statistics, None where no data have such."""
        if not stats.weight.min() > 0.0:
            return None
        try:
            return settled(self, stats, point)
        except np.linalg.LinAlgError:
            return None

    def repair(self, stats: Stats, params: FactorParams) -> None:
        """Components without rows stay as they are."""


def _posterior(space: Space, params: Params) -> np.ndarray:
    """p(z | x) under a mixture of normals, (n, K)."""
    found = np.empty((space.rows.n, len(params.weights)))

    def see(at, log_joint, common):
        found[at] = softmax(log_joint, axis=0).T

    space.each(params, see)
    return found
