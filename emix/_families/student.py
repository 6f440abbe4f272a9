"""Multivariate t components (Peel & McLachlan 2000).

A row of component k is normal with covariance Sigma_k / u, and u has the gamma distribution of
shape and rate nu_k / 2. Component and u are latent, and the complete data are of an exponential
family in both. With d the number of features and delta = |U_kᵀ(z - mu_k)|²,

    log t_k = log|U_k| + log G((nu+d)/2) - log G(nu/2) - d/2 log(pi nu)
              - (nu+d)/2 log(1 + delta/nu),
    E u = (nu+d) / (nu+delta),   E log u = psi((nu+d)/2) - log((nu+delta)/2).

Infinite degrees of freedom are the normal distribution: u is one. There a further statistic takes
the place of that of log u: the slope of the log-likelihood in 1 / nu.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import digamma, gammaln

from .._em.protocols import Repair
from .._mixture.start import partition
from .._normal.choice import choose
from .._normal.covariances import Structure
from .._normal.family import DEAD
from .._normal.gaussian import LOG_2PI, BlockKernel, about, log_of_weights, natural
from .._normal.gaussian import Params as NormalParams
from .._normal.stats import Stats, layout_of
from .._rows.blocks import Rows
from .._rows.room import Buffers
from .normal import Space, deviations, origin_of_units
from .sorting import robust

# Least and greatest finite degrees of freedom. Below the least the density has such a peak that a
# component needs one row; above the greatest, terms of log t cancel to less than nine digits.
LEAST, MOST = 0.1, 1e6
# From so many degrees of freedom on, each time that they double the normal limit is tried: EM goes
# there by steps that do not grow, and would never arrive.
_TAILLESS = 32.0
# ... and in every pass from so many on.
_ALWAYS = 1000.0
# Where degrees of freedom go that turn out to be finite, and the slope (nats per row and unit of
# 1 / nu) from which on they do.
_BACK, _SLOPE = 64.0, 1e-9
# Where a fit begins: tails that keep outliers from the moments.
_START = 8.0
_ROUNDING = 8 * 2.0**-53


class Params(NamedTuple):
    """Those of normal components, covariances being scale matrices, and dof (K,)."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    factors: np.ndarray
    n_floored: np.ndarray
    dof: np.ndarray

    @property
    def normal(self) -> NormalParams:
        return NormalParams(*self[:5])


class Vector(NamedTuple):
    """Statistics or natural parameters about an origin."""

    vector: np.ndarray


class StudentStats:
    """Per unit of weight: moments of rows with weights resp u; weight, sums of resp, (K,); and
    tails (K,), those of resp E[log u - u + 1], or of resp times the slope of log t in 1 / nu where
    nu is infinite."""

    def __init__(self, moments: Stats, weight: np.ndarray, tails: np.ndarray, value: float):
        self.moments, self.weight, self.tails = moments, weight, tails
        self.value = self.evidence = value
        self.origin = moments.origin

    @property
    def vector(self) -> np.ndarray:
        return np.concatenate([self.moments.vector, self.weight, self.tails])

    def at(self, vector: np.ndarray) -> StudentStats:
        moments, weight, tails = np.split(vector, [-2 * len(self.weight), -len(self.weight)])
        return StudentStats(self.moments.at(moments), weight, tails, 0.0)


class StudentKernel(BlockKernel):
    """Around a kernel of normal components, which gives delta and the moments."""

    def __init__(self, structure: Structure, params: Params):
        normal = params.normal._replace(weights=np.ones(len(params.dof)))
        self.n_components, d = params.means.shape
        no_noise = np.zeros(d)
        eta = natural(structure, normal, origin_of_units(self.n_components, d), no_noise)
        self._normal = choose(structure, normal, eta, no_noise, None)
        self.n_features, self.n_scratch = self._normal.n_features, self._normal.n_scratch
        self.chunk, self.size = self._normal.chunk, self._normal.size + 2 * self.n_components
        self._d, self._dof, self._finite = d, params.dof, np.isfinite(params.dof)
        log_det = structure.form.log_det(params.factors, d)
        self._of_normal = np.broadcast_to(log_det - 0.5 * d * LOG_2PI, params.dof.shape)
        self._log_weights = log_of_weights(params.weights)
        self._const = self._log_weights + log_det + _log_scale(params.dof, d)

    @property
    def keeper(self) -> Any:
        return self._normal.keeper

    @property
    def n_working(self) -> int:
        return 3 * self.n_components + 2

    def working(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        k = self.n_components
        return rows[:k], rows[k : 2 * k], rows[-2], rows[-1], rows[2 * k : -2]

    def features(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        return self._normal.features(m)

    def prepare(self, buffers: Buffers) -> None:
        self._normal.prepare(buffers)

    def locate(self, buffers: Buffers) -> None:
        self.log_joint(buffers)

    def log_joint(self, buffers: Buffers) -> np.ndarray:
        """log t_k; log(1 + delta / nu) is kept, and delta where nu is infinite."""
        out = self._normal.log_joint(buffers)
        for k, kept in enumerate(buffers.kept):
            np.subtract(self._of_normal[k], out[k], out=kept)
            kept *= 2.0
            np.maximum(kept, 0.0, out=kept)
            if not self._finite[k]:
                out[k] += self._log_weights[k]
                continue
            kept /= self._dof[k]
            kept += 1.0
            np.log(kept, out=kept)
            np.multiply(kept, -0.5 * (self._dof[k] + self._d), out=out[k])
            out[k] += self._const[k]
        return out

    def accumulate(self, buffers: Buffers, scale: np.ndarray | None, sums: np.ndarray) -> None:
        """Adds the moments of rows with weights resp nu / (nu + delta), sums of resp, and those of
        resp times what was kept, or times the slope in 1 / nu."""
        count, d, resp = self.n_components, self._d, buffers.resp
        if scale is not None:
            resp *= scale
        weight, tails = sums[-2 * count : -count], sums[-count:]
        weight += resp.sum(axis=1)
        for k, kept in enumerate(buffers.kept):
            if not self._finite[k]:
                tails[k] += 0.25 * (resp[k] @ (kept * (kept - 2.0 * d) + d * (d - 2.0)))
                continue
            tails[k] += resp[k] @ kept
            np.exp(np.negative(kept, out=kept), out=kept)
            kept *= 1.0 + d / self._dof[k]
            resp[k] *= kept
        self._normal.accumulate(buffers, None, sums[: -2 * count])

    def stats(self, value: float, sums: np.ndarray) -> StudentStats:
        count = self.n_components
        moments = self._normal.stats(0.0, sums[: -2 * count])
        weight, tails = sums[-2 * count : -count].copy(), sums[-count:].copy()
        dof = self._dof[self._finite]
        half = 0.5 * (dof + self._d)
        of_weight = digamma(half) - np.log(half) + np.log1p(self._d / dof) + 1.0
        tails[self._finite] *= -1.0
        tails[self._finite] += of_weight * weight[self._finite] - moments.weight[self._finite]
        return StudentStats(moments, weight, tails, value)


def _log_scale(dof: np.ndarray, d: int) -> np.ndarray:
    """log G((nu+d)/2) - log G(nu/2) - d/2 log(pi nu), (K,)."""
    limit = np.full(dof.shape, -0.5 * d * LOG_2PI)
    finite = dof[np.isfinite(dof)]
    rise = gammaln(0.5 * (finite + d)) - gammaln(0.5 * finite)
    limit[np.isfinite(dof)] = rise - 0.5 * d * np.log(np.pi * finite)
    return limit


class Fixed(NamedTuple):
    """Degrees of freedom that are known; infinite ones are the normal distribution."""

    value: float

    def estimate(self, weight: np.ndarray, tails: np.ndarray, dof: np.ndarray) -> np.ndarray:
        return dof

    def start(self, n_components: int) -> np.ndarray:
        return np.full(n_components, self.value)

    def n_free(self, n_components: int) -> int:
        return 0


class Common:
    """One for all components."""

    def estimate(self, weight: np.ndarray, tails: np.ndarray, dof: np.ndarray) -> np.ndarray:
        if not np.isfinite(dof[0]):
            return dof
        return np.full(dof.shape, root(float(tails.sum() / weight.sum())))

    def start(self, n_components: int) -> np.ndarray:
        return np.full(n_components, _START)

    def n_free(self, n_components: int) -> int:
        return 1


class Each:
    """One for each component."""

    def estimate(self, weight: np.ndarray, tails: np.ndarray, dof: np.ndarray) -> np.ndarray:
        found = dof.copy()
        for k in np.flatnonzero(np.isfinite(dof) & (weight > DEAD)):
            found[k] = root(float(tails[k] / weight[k]))
        return found

    def start(self, n_components: int) -> np.ndarray:
        return np.full(n_components, _START)

    def n_free(self, n_components: int) -> int:
        return n_components


def root(tail: float) -> float:
    """The nu with log(nu/2) - psi(nu/2) + tail = 0, between the limits; the left side falls."""

    def slope(log_half: float) -> float:
        half = np.exp(log_half)
        return float(log_half - digamma(half)) + tail

    low, high = np.log(0.5 * LEAST), np.log(0.5 * MOST)
    if slope(low) <= 0.0:
        return LEAST
    return MOST if slope(high) >= 0.0 else float(2.0 * np.exp(brentq(slope, low, high, xtol=1e-13)))


class Students:
    """The family, of one structure of the scale matrices. A climb needs the space of its rows; what
    is fitted does not."""

    def __init__(
        self, structure: Structure, tails: Fixed | Common | Each, space: Space | None = None
    ):
        self._structure, self._tails, self._space = structure, tails, space

    def kernel(self, params: Params, rows: Rows) -> StudentKernel:
        return StudentKernel(self._structure, params)

    def natural(self, params: Params, origin: np.ndarray) -> Vector:
        """Those of the moments, of the weights, and of the tails."""
        structure, d, dof = self._structure, params.means.shape[1], params.dof
        eta = natural(structure, params.normal, origin, np.zeros(d))
        log_det = structure.form.log_det(params.factors, d)
        of_weight = log_of_weights(params.weights) + log_det - 0.5 * d * LOG_2PI
        vector = eta.vector.copy()
        constants = layout_of(structure, *params.means.shape).weight(vector)
        constants -= of_weight
        finite = np.isfinite(dof)
        half = 0.5 * dof[finite]
        constants[finite] += 0.5 * d - 1.0
        of_tails = np.zeros(dof.shape)
        of_tails[finite] = half + 0.5 * d - 1.0
        of_weight[finite] += half * np.log(half) - half - gammaln(half) - 0.5 * d + 1.0
        return Vector(np.concatenate([vector, of_weight, of_tails]))

    def about(self, stats: StudentStats, origin: np.ndarray) -> Vector:
        moments = about(self._structure, stats.moments, origin)
        return Vector(np.concatenate([moments.vector, stats.weight, stats.tails]))

    def expected(self, stats: StudentStats, params: Params) -> float:
        return float(stats.vector @ self.natural(params, stats.origin).vector)

    def rounding(self, stats: StudentStats, params: Params) -> float:
        sizes = np.abs(self.natural(params, stats.origin).vector)
        return _ROUNDING * (float(np.abs(stats.vector) @ sizes) + abs(stats.value))

    def m_step(self, stats: StudentStats, params: Params) -> Params:
        """mu_k = sum r u x / sum r u, Sigma_k = sum r u (x - mu_k)(x - mu_k)ᵀ / sum r."""
        structure, moments = self._structure, stats.moments
        form, sharing = structure.form, structure.sharing
        alive = (stats.weight > DEAD) & (moments.weight > DEAD)
        divisor = np.where(alive, moments.weight, 1.0)
        centre = moments.first / divisor[:, None]
        means = np.where(alive[:, None], stats.origin + centre, params.means)
        second = sharing.mean_about(
            moments.second, moments.weight, divisor, form.outer(centre, centre)
        )
        scatter = form.mean_matrix(second, means.shape[1])
        share = sharing.counts(moments.weight) / sharing.counts(np.where(alive, stats.weight, 1.0))
        scatter = scatter * np.reshape(
            share, np.shape(share) + (1,) * (scatter.ndim - np.ndim(share))
        )
        scatter = sharing.kept(alive, scatter, params.covariances)
        fitted = structure.estimate(stats.weight, scatter, params, self._space.floor)
        dof = self._tails.estimate(stats.weight, stats.tails, params.dof)
        return Params(params.weights, means, *fitted, dof)

    def repair(
        self, stats: StudentStats, params: Params, e_step: Callable[[Params], StudentStats]
    ) -> Repair | None:
        """The normal limit, where degrees of freedom double beyond ``_TAILLESS``; it is right where
        the likelihood falls as 1 / nu grows from zero. Away from it, where it rises."""
        dof = params.dof
        wrong = ~np.isfinite(dof) & (stats.tails > _SLOPE * stats.weight)
        wrong &= bool(self._tails.n_free(1))
        if wrong.any():
            trial = params._replace(dof=np.where(wrong, _BACK, dof))
            return Repair(trial, lambda params, other: True)
        after = self._tails.estimate(stats.weight, stats.tails, dof)
        doubles = np.floor(np.log2(after / _TAILLESS)) > np.maximum(np.log2(dof / _TAILLESS), -1.0)
        leaving = np.isfinite(dof) & (after >= dof) & (doubles | (dof >= _ALWAYS))
        if not leaving.any():
            return None
        trial = params._replace(dof=np.where(leaving, np.inf, dof))

        def is_sound(params: Params, other: Params) -> bool:
            there = e_step(trial)
            return bool((there.tails <= _SLOPE * there.weight)[leaving].all())

        return Repair(trial, is_sound)

    def is_feasible(self, stats: StudentStats) -> bool:
        falls = (stats.tails < 0.0) | (stats.weight <= 0.0)
        return bool(stats.moments.weight.min() > 0.0 and falls.all())

    def log_prior(self, params: Params) -> float:
        return 0.0

    def n_held(self, params: Params) -> int:
        return self._space.n_held(params.normal)

    def n_unsound(self, params: Params) -> int:
        return self._space.n_unsound(params.normal)

    def singular(self, params: Params) -> np.ndarray:
        return self._space.singular(params.normal)

    def n_free(self, params: Params) -> int:
        n_components, d = params.means.shape
        of_normal = params.means.size + self._structure.n_free(n_components, d)
        return of_normal + self._tails.n_free(n_components)

    def equal(self, n_components: int, rows: Rows) -> Params:
        return Params(*self._space.in_the_middle(n_components), self._tails.start(n_components))

    def labels(self, rows: Rows, n_components: int, rng: np.random.RandomState) -> np.ndarray:
        return partition(robust(rows), rows.weight, n_components, rng)

    def taken(self, params: Params, order: np.ndarray) -> Params:
        taken = self._structure.sharing.taken
        parts = (taken(part, order) for part in params[2:5])
        return Params(params.weights[order], params.means[order], *parts, params.dof[order])

    def sample(self, params: Params, labels: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        steps = deviations(self._structure, params, labels, rng)
        dof = params.dof[labels]
        finite = np.isfinite(dof)
        steps[finite] /= np.sqrt(rng.chisquare(dof[finite]) / dof[finite])[:, None]
        return params.means[labels] + steps
