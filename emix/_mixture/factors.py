"""Where components of few factors lie: EM where components and factors are latent.

F is E_q log p(x, z, f, params) + H(q), q of the components z and of their factors f; the best
q(f | z) is exact, so that F after an E-step is what the rule of the mixture makes it, the
log-likelihood for the soft one. Starts are found with a mixture of ordinary normals.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import softmax

from .._normal.covariances import DIAG, FULL, Structure
from .._normal.diagonal import DIAGONAL
from .._normal.factor_family import FactorFamily, FactorParams
from .._normal.factor_kernel import FactorKernel
from .._normal.floor import SHARE, Floor
from .._normal.gaussian import Natural, Params, permuted
from .._normal.stats import Stats
from .._rows.blocks import Rows
from .._rows.sample import DistinctRows
from .factor_start import with_loadings
from .soundness import Soundness
from .space import Complete, Space
from .start import sample_size
from .sums import GivenSums

# Starts are mixtures of ordinary normals. Their matrices are general up to 32 features, if there
# are 16 distinct rows for each feature; otherwise they are diagonal.
_MOST_FEATURES, _ROWS_PER_FEATURE = 32, 16
# Statistics stay about their origin until a mean is 10 standard deviations away, here squared.
_FAR = 100.0


class FactorLimits:
    """The floor of the noise, in its form, and which components are believed, by the variances of
    their features given the others. That the noise of a feature vanishes is not enough: others
    may be as they are."""

    def __init__(self, structure: Any, rows: Rows, distinct: DistinctRows, share: float):
        estimator = structure.estimator
        self._form = structure.form
        self._d = rows.d
        _, square = rows.moments()
        noise = estimator.noise.form
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
        weights, means, variances, factors = self._given_others(params)
        parts = weights, means, variances, factors, params.n_floored
        return bool(self._soundness.unsound(*parts).any())

    def spurious_heights(self, params: FactorParams) -> np.ndarray:
        """What criteria of selection take off the log-densities of components, (K,)."""
        return self._soundness.heights(*self._given_others(params))


class FactorSpace:
    """Rows in standard units, for components of few factors; see ``space.Space``."""

    has_curvature = False

    def __init__(
        self,
        structure: Structure,
        rows: Rows,
        noise: np.ndarray,
        limits: FactorLimits | None = None,
        filled: Space | None = None,
    ):
        self.structure, self.rows, self.noise = structure, rows, noise
        self._limits, self._filled = limits, filled
        self._form = structure.form
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

    @property
    def soundness(self) -> FactorLimits:
        return self.limits

    @property
    def is_free(self) -> bool:
        return self.structure.is_free

    @cached_property
    def filled(self) -> Space:
        """The space of ordinary normals that starting values are found in."""
        if self._filled is not None:
            return self._filled
        d = self.rows.d
        is_small = d <= _MOST_FEATURES and self.distinct.count >= _ROWS_PER_FEATURE * d
        return Space(Complete(FULL if is_small else DIAG, self.rows), self.noise)

    def over(self, rows: Rows, same_moments: bool) -> FactorSpace:
        filled = self.filled.over(rows, same_moments)
        return FactorSpace(self.structure, rows, self.noise, self.limits, filled)

    def family(self, frozen: frozenset[str] = frozenset()) -> FactorFamily:
        """What the M-step goes by."""
        return FactorFamily(self.structure, frozen, self.floor)

    def kernel(self, params: FactorParams) -> FactorKernel:
        return FactorKernel(self.structure, params, self.noise)

    def begun(self, family: FactorFamily, params: Params, resp: Callable | None) -> FactorParams:
        """Weights and means as they are given; loadings of rows with these responsibilities, those
        under the parameters unless others are given."""
        rows = self.rows
        if resp is None:
            size = sample_size(len(params.weights))
            rows, complete = self.filled.distinct.sample(size)
            found = _posterior(self.filled.over(rows, complete), params)
        else:
            found = resp(slice(0, rows.n))
        return with_loadings(family, params, rows, found, self.noise)

    def odds(self, kernel: FactorKernel, params: FactorParams) -> None:
        """None: factors are latent, too."""

    def natural(self, params: FactorParams, origin: np.ndarray) -> Natural:
        for known, where, found in self._naturals:
            if known is params and where is origin:
                return found
        found = self.family().natural(params, origin)
        self._naturals = (*self._naturals[-1:], (params, origin, found))
        return found

    def about(self, stats: Stats, origin: np.ndarray) -> Stats:
        return self.family().about(stats, origin)

    def is_feasible(self, stats: Stats) -> bool:
        return True

    def n_held(self, params: FactorParams) -> int:
        return int(params.n_floored.sum())

    def repair(self, model: Any, stats: Stats, params: FactorParams) -> None:
        """Components without rows stay as they are: their factors have no rows to come from."""

    def taken(self, params: FactorParams, order: np.ndarray) -> FactorParams:
        return permuted(self.structure, params, order)

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


def _posterior(space: Space, params: Params) -> np.ndarray:
    """p(z | x) under a mixture of normals, (n, K)."""
    found = np.empty((space.rows.n, len(params.weights)))

    def see(at, log_joint, common):
        found[at] = softmax(log_joint, axis=0).T

    space.each(params, see)
    return found
