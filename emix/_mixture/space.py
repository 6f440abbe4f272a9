"""Where the components of a mixture lie: rows in standard units, and what they say of covariances
of one structure."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Protocol, Self

import numpy as np

from .._em.protocols import Repair
from .._normal.choice import choose
from .._normal.covariances import Structure
from .._normal.family import DEAD, Family
from .._normal.floor import SHARE, Floor
from .._normal.gaussian import Natural, Params, about, cancelling, cancels, natural, permuted
from .._normal.stats import Stats
from .._rows.blocks import Rows
from .._rows.sample import DistinctRows
from .odds import Odds
from .reseed import repair
from .soundness import Soundness
from .sums import GivenSums, Look, Moments

# Statistics stay about an origin until ``cancelling`` is as large as this: they lose four digits of
# sixteen. With less, what accelerations remember is moved more often. In a fit of 530 passes beside
# a far row it is moved twice.
_FAR = 1e4


class View(Protocol):
    """Rows as components of a structure see them: complete, or with gaps."""

    structure: Structure
    rows: Any
    has_curvature: bool  # whether ``curvature`` knows that of the log-likelihood

    @property
    def distinct(self) -> DistinctRows:
        """The rows' distinct values."""

    @property
    def spread(self) -> np.ndarray:
        """Covariance of all rows, in the form of the structure."""

    def kernel(self, params: Params, eta: Natural, noise: np.ndarray, is_partition: bool) -> Any:
        """Evaluates blocks of rows at parameters, which have these natural parameters.
        is_partition: whether the responsibilities of every row add up to one."""

    def odds(self, kernel: Any, params: Params) -> Any:
        """The kernel relative to one of its components, None where there is none to relate to."""

    def over(self, rows: Any, same_moments: bool) -> Self:
        """Other rows, whose moments may be known to be the same."""

    def filled(self, space: Space) -> Space | None:
        """The space of rows without gaps that starting values are found in; None for this one."""


class Complete:
    """Rows without gaps. See ``View``."""

    has_curvature = True

    def __init__(self, structure: Structure, rows: Rows, moments: np.ndarray | None = None):
        self.structure, self.rows, self._moments = structure, rows, moments

    @cached_property
    def distinct(self) -> DistinctRows:
        return DistinctRows(self.rows)

    @cached_property
    def moments(self) -> np.ndarray:
        """Means over all rows of (products, z, 1)."""
        if self._moments is not None:
            return self._moments
        return self.rows.mean(Moments(self.structure.form, self.rows.d))

    @cached_property
    def total(self) -> np.ndarray:
        """Second moment of all rows about the origin of the units."""
        form, d = self.structure.form, self.rows.d
        return form.unpack(self.moments[: form.n_products(d)], d)

    @cached_property
    def spread(self) -> np.ndarray:
        return self.structure.form.mean_matrix(self.total, self.rows.d)

    def kernel(self, params: Params, eta: Natural, noise: np.ndarray, is_partition: bool) -> Any:
        structure, d = self.structure, self.rows.d
        is_known = is_partition and not structure.sharing.separable
        total = self.moments[: structure.form.n_products(d)] if is_known else None
        return choose(structure, params, eta, noise, total)

    def odds(self, kernel: Any, params: Params) -> Odds | None:
        return Odds.of(kernel, params, self.moments) if kernel.has_odds else None

    def over(self, rows: Rows, same_moments: bool) -> Complete:
        return Complete(self.structure, rows, self.moments if same_moments else None)

    def filled(self, space: Space) -> None:
        return None


class Limits:
    """Of the covariances of components: the floor that keeps the likelihood bounded, and which
    components rest on enough rows to be believed."""

    def __init__(
        self, structure: Structure, spread: np.ndarray, distinct: DistinctRows, share: float
    ):
        self.floor = Floor(structure.form, spread, distinct, share)
        self.soundness = Soundness(structure, distinct.d, self.floor, distinct)


class Space:
    """Rows in standard units, for components of one covariance structure.

    noise (d,) is the variance of the normal cloud x + e that each row stands for, in the same
    units: log_joint is its expectation over e, and every covariance of the M-step carries
    the noise on its diagonal (``reg_covar``). ``least_share`` is that of the floor, if there are
    no limits yet; noise bounds the likelihood, too, so that there is no floor then.
    """

    def __init__(
        self,
        view: View,
        noise: np.ndarray,
        limits: Limits | None = None,
        least_share: float = SHARE,
    ):
        self.view: Any = view  # which has moments, too, where rows have no gaps
        self.structure, self.rows = view.structure, view.rows
        self.noise = noise
        self.cloud = view.structure.form.from_variances(noise)
        self._limits, self._least_share = limits, least_share
        # of the last two params: a point of a climb and the M-step there
        self._naturals: tuple[tuple[Params, Natural], ...] = ()
        self._origin: np.ndarray | None = None
        self._steady: np.ndarray | None = None  # of statistics that are not about that one

    @cached_property
    def limits(self) -> Limits:
        if self._limits is not None:
            return self._limits
        share = 0.0 if self.noise.any() else self._least_share
        return Limits(self.structure, self.spread, self.distinct, share)

    @property
    def floor(self) -> Floor:
        """The constraint on covariances."""
        return self.limits.floor

    @property
    def soundness(self) -> Soundness:
        """Of the components that a climb ends with."""
        return self.limits.soundness

    @property
    def n_null(self) -> int:
        """Directions in which the data do not vary."""
        return self.floor.n_null

    @property
    def spread(self) -> np.ndarray:
        """Covariance of all rows, in the form of the structure."""
        return self.view.spread

    @property
    def distinct(self) -> DistinctRows:
        """The rows' distinct values."""
        return self.view.distinct

    @property
    def filled(self) -> Space:
        """The space that starting values are found in: rows have no gaps there."""
        return self if self._filled is None else self._filled

    @cached_property
    def _filled(self) -> Space | None:
        return self.view.filled(self)

    def over(self, rows: Rows, same_moments: bool) -> Space:
        """Other rows, whose moments may be known to be the same, under these limits."""
        return Space(self.view.over(rows, same_moments), self.noise, self.limits)

    @property
    def is_free(self) -> bool:
        """Whether nothing ties components to each other but matrices that they share."""
        return self.structure.is_free

    @property
    def has_curvature(self) -> bool:
        """Whether ``curvature`` knows that of the log-likelihood in all parameters."""
        return self.view.has_curvature and self.structure.is_free and not self.noise.any()

    def family(self, frozen: frozenset[str]) -> Family:
        """What the M-step goes by."""
        return Family(self.structure, self.cloud, frozen, self.floor)

    def begun(self, family: Family, params: Params, resp: Callable | None) -> Params:
        """The point to climb from, given parameters and perhaps responsibilities that were found
        in the filled space."""
        return family.admitted(params)

    def odds(self, kernel: Any, params: Params) -> Any:
        """The kernel relative to one of its components, None where there is none to relate to."""
        return self.view.odds(kernel, params)

    def told(self, stats: Stats, params: Params) -> Stats:
        """What the M-step needs of a kernel's statistics: all of them. Once some were about the
        means, they are moved to an origin that stays as long as the means are near it: what
        accelerations remember is about one, and would have to be moved after each pass."""
        steady = self._steady
        if steady is not None and (
            steady.shape != params.means.shape or self._is_far(params, steady)
        ):
            steady = None
        if steady is None and stats.origin is not self._origin:
            steady = params.means
        self._steady = steady
        return stats if steady is None else self.about(stats, steady)

    def _is_far(self, params: Params, origin: np.ndarray) -> bool:
        return bool((cancelling(self.structure, params, params.means - origin) > _FAR).any())

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
        self._naturals = (*self._naturals[-1:], (params, found))
        return found

    def about(self, stats: Stats, origin: np.ndarray) -> Stats:
        """Statistics, moved to the origin."""
        return about(self.structure, stats, origin)

    def is_feasible(self, stats: Stats) -> bool:
        """Whether extrapolated statistics may be those of some rows: the M-step finds out."""
        return True

    def n_held(self, params: Params) -> int:
        """How many variances the floor holds up."""
        return int(params.n_floored.sum())

    def repair(self, model: Any, stats: Stats, params: Params) -> Repair | None:
        """Rows for components that hard assignments left without any, where these could have
        some."""
        is_fixed = not model.rule.is_one_hot or "means" in model.frozen
        return None if is_fixed or stats.weight.min() > DEAD else repair(model, stats, params)

    def taken(self, params: Params, order: np.ndarray) -> Params:
        """Component k of the result is component order[k]."""
        return permuted(self.structure, params, order)

    def is_distant(self, params: Params) -> bool:
        """Whether moments about the origin of the units would cancel."""
        return cancels(self.structure, params)

    def kernel(self, params: Params, is_partition: bool = True) -> Any:
        """What evaluates blocks of rows. is_partition: whether the responsibilities of every row
        add up to one."""
        return self.view.kernel(params, self.natural(params), self.noise, is_partition)

    def statistics_at(self, params: Params, resp: Callable) -> Stats:
        """Statistics at given q: resp(at) is (m, K) for rows at a slice or an index; params choose
        the origin, and tell what to expect of missing values. Those of a row need not add up to
        one."""
        kernel = self.kernel(params, is_partition=False)
        return kernel.stats(0.0, self.rows.mean(GivenSums(kernel, resp)))

    def each(self, params: Params, see: Callable) -> None:
        """see(at, log_joint (K, m), what it leaves out for all components alike) for all blocks
        of rows."""
        kernel = self.kernel(params)

        def look(block, log_joint, buffers):
            see(block.at, log_joint, kernel.common(buffers))

        self.rows.total(Look(kernel, look))
