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
from typing import Any

import numpy as np
from scipy.special import gammaln

from .._em.protocols import Repair
from .._mixture.start import partition
from .._normal.covariances import Structure
from .._normal.family import DEAD
from .._normal.family import Family as Components
from .._normal.gaussian import LOG_2PI, about, log_of_weights, natural, permuted
from .._normal.gaussian import Params as NormalParams
from .._normal.prior import Prior
from .._normal.stats import layout_of
from .._rows.blocks import Rows
from .coordinates import OfStudents
from .normal import Extent, deviations
from .sorting import robust, weights_of
from .student_kernel import Params, StudentKernel, StudentStats, Vector
from .tails import Common, Each, Fixed

# Degrees of freedom from which the normal limit is tried, each time that they double. EM's steps
# towards it do not grow, so EM alone would never arrive.
_TAILLESS = 32.0
# Degrees of freedom from which the limit is tried in every pass.
_ALWAYS = 1000.0
# Where degrees of freedom go that turn out to be finite, and the slope (nats per row and unit of
# 1 / nu) from which on they do.
_BACK, _SLOPE = 64.0, 1e-9


class Students:
    """The family, of one structure of the scale matrices. A climb needs the extent of its rows;
    what is fitted does not. A prior is that of means and scale matrices."""

    def __init__(
        self,
        structure: Structure,
        tails: Fixed | Common | Each,
        extent: Extent | None = None,
        prior: Prior | None = None,
    ):
        self._structure, self._tails, self._prior = structure, tails, prior
        self._extent: Any = extent

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

    def m_step(self, stats: StudentStats, params: Params) -> Params:
        """mu_k = sum r u x / sum r u, Sigma_k = sum r u (x - mu_k)(x - mu_k)ᵀ / sum r."""
        dof = self._tails.estimate(stats.weight, stats.tails, params.dof)
        if self._prior is not None:
            return Params(*self._pulled(self._prior, stats, params), dof)
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
        fitted = structure.estimate(stats.weight, scatter, params, self._extent.floor)
        return Params(params.weights, means, *fitted, dof)

    def _pulled(self, prior: Prior, stats: StudentStats, params: Params) -> NormalParams:
        """Means and scale matrices with their prior: given u it is that of normal components."""
        components = self._components(params.means.shape[1])
        return prior.m_step(components, stats.moments, params.normal, stats.weight)

    def _components(self, d: int) -> Components:
        """What the M-step of means and scale matrices goes by where they have a prior."""
        no_noise = self._structure.form.from_variances(np.zeros(d))
        return Components(self._structure, no_noise, frozenset({"weights"}), self._extent.floor)

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
        if self._prior is None:
            return 0.0
        return self._prior.log_density(self._components(params.means.shape[1]), params.normal)

    def prior_size(self, params: Params) -> float:
        if self._prior is None:
            return 0.0
        return self._prior.size(self._components(params.means.shape[1]), params.normal)

    def n_held(self, params: Params) -> int:
        return self._extent.n_held(params.normal)

    def n_unsound(self, params: Params) -> int:
        return 0 if self._prior is not None else self._extent.n_unsound(params.normal)

    def singular(self, params: Params) -> np.ndarray:
        return self._extent.singular(params.normal)

    def n_free(self, params: Params) -> int:
        n_components, d = params.means.shape
        of_normal = params.means.size + self._structure.n_free(n_components, d)
        return of_normal + self._tails.n_free(n_components)

    def coordinates(self, params: Params, weights_are_known: bool) -> OfStudents:
        """Infinite degrees of freedom, and those at a limit, are taken as known."""
        if not self._structure.is_free:
            raise ValueError(
                "standard_errors knows scale matrices that are all free or all one, not those that "
                "share volume, shape or axes alone: fit with covariance_type='full' or another "
                "name of one word"
            )
        tails = self._tails.numbers(params.dof)
        return OfStudents(self._structure, params, tails, weights_are_known)

    def equal(self, n_components: int, rows: Rows) -> Params:
        normal: NormalParams = self._extent.in_the_middle(n_components)
        return Params(*normal, self._tails.start(n_components))

    def labels(self, rows: Rows, n_components: int, rng: np.random.RandomState) -> np.ndarray:
        return partition(robust(rows), weights_of(rows), n_components, rng)

    def taken(self, params: Params, order: np.ndarray) -> Params:
        normal: NormalParams = permuted(self._structure, params.normal, order)
        return Params(*normal, params.dof[order])

    def sample(self, params: Params, labels: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        steps = deviations(self._structure, params, labels, rng)
        dof = params.dof[labels]
        finite = np.isfinite(dof)
        steps[finite] /= np.sqrt(rng.chisquare(dof[finite]) / dof[finite])[:, None]
        return params.means[labels] + steps
