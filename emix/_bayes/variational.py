"""Variational Bayes: the mixture whose parameters have a distribution, factorised from z's.

Prior:      weights ~ Dirichlet or sticks, P_k ~ Wishart with mean P0, mu_k ~ N(m0, (b0 P_k)⁻¹);
            K components that share P count its degrees of freedom K times.
Posterior:  q(z) q(weights) q(mu, P), the last two of the prior's families.

The objective is the evidence lower bound E_q log p(x, z, parameters) + H(q), per unit of weight.
Its E-step is the ordinary one at

    log w~_k = E log weight_k + (E log|P_k| - log|E P_k|) / 2 - d / (2 b_k),  m_k,  E P_k

in place of log weight_k, mu_k, P_k, and its M-step adds the statistics to the prior's. Where rows
have gaps, q(x_m | z) of what they lack is a further factor: the best is normal with the precision
E P_mm, as the E-step of such rows at these parameters has it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .._em.protocols import Point
from .._mixture.mixture import Mixture
from .._mixture.posterior import Rule
from .._mixture.settled import settled
from .._normal.covariances import Structure
from .._normal.gaussian import LOG_ZERO, Params
from .._normal.stats import Stats
from .._rows.blocks import Rows
from .weighting import Weighting
from .wishart import divergence, log_det_gap

# A component with less than this share of the data is as the prior has it.
_EMPTY = 1e-300


class Prior(NamedTuple):
    """In standard units: b0, m0 (d,), degrees of freedom, and C0 = (E P)⁻¹ with its factor."""

    weighting: Weighting
    mean_precision: float
    mean: np.ndarray
    degrees: float
    covariance: np.ndarray
    factor: np.ndarray


class Posterior(NamedTuple):
    """q(weights) q(mu, P) in standard units.

    covariances C = (E P)⁻¹ and their factors have the structure's shape, and so have degrees,
    (K,) or (): per feature, and per component that shares the precision. order lists the
    components by falling counts. What follows from these: E weight, log w~, and the divergence
    KL(q, prior) per unit of weight.
    """

    concentration: np.ndarray
    mean_precision: np.ndarray
    means: np.ndarray
    degrees: np.ndarray
    covariances: np.ndarray
    factors: np.ndarray
    n_floored: np.ndarray
    order: np.ndarray
    weights: np.ndarray
    log_weights: np.ndarray
    divergence: float


def pseudo_log_weights(structure: Structure, log_weights, degrees, mean_precision, d):
    """log w~ (K,) from E log weight (K,)."""
    gap = log_det_gap(structure.form, structure.sharing.n_sharing(len(mean_precision)) * degrees, d)
    return np.maximum(log_weights + 0.5 * (gap - d / mean_precision), LOG_ZERO)


class AboveFloor(NamedTuple):
    """Which components are believed: the prior keeps their covariances away from the floor, and
    those that empty themselves are sound."""

    n_null: int
    needed: int = 0  # rows of a component: the prior will do

    def is_degenerate(self, posterior: Posterior) -> bool:
        """Whether a covariance is singular to rounding where the data vary."""
        return bool((posterior.n_floored > self.n_null).any())

    def spurious_heights(self, posterior: Posterior) -> np.ndarray:
        """What criteria of selection take off the log-densities of components, (K,): nothing."""
        return np.zeros(len(posterior.means))


class VariationalMixture:
    """The model of ``ascent``: Posterior in place of Params, over the rows of a Mixture.

    total_weight is that of all data, also where the rows are a sample of them: statistics
    are per unit of weight, and the prior counts as it does there.
    """

    is_combinatorial, has_curvature, constraint = False, False, None

    def __init__(self, mixture: Mixture, prior: Prior, total_weight: float):
        self.mixture: Any = mixture  # whose E-step reads of a Posterior what it does of Params
        self.prior, self.total_weight = prior, total_weight
        self.space, self.structure, self.rows = mixture.space, mixture.structure, mixture.rows
        self.about, self.natural = mixture.about, mixture.natural
        self._has_noise = bool(self.space.noise.any())
        self._log_det_prior = self.structure.form.log_det(prior.factor, self.rows.d)

    @property
    def likelihood(self) -> Mixture:
        """The model that starting values are found with."""
        return self.mixture.likelihood

    def over(self, rows: Rows, same_moments: bool) -> VariationalMixture:
        """This model over other rows, whose moments may be known to be the same."""
        return VariationalMixture(
            self.mixture.over(rows, same_moments), self.prior, self.total_weight
        )

    def begin(self, params: Params, resp: Callable | None = None) -> Posterior:
        """M-step at responsibilities, those under the parameters unless others are given."""
        if resp is None:
            return self.m_step(self.mixture.e_step(params))
        return self.m_step(self.space.statistics_at(params, resp))

    def e_step(self, posterior: Posterior) -> Stats:
        """Expected statistics at the best q(z); their value is the bound after the E-step."""
        stats = self.mixture.e_step(posterior)
        stats.value -= posterior.divergence
        return stats

    def sweep(self, posterior: Posterior) -> tuple[Posterior, Stats]:
        return posterior, self.e_step(posterior)

    def log_prior(self, posterior: Posterior) -> float:
        """-KL(q, prior), where a prior of the parameters would have its logarithm."""
        return -posterior.divergence

    def expected(self, stats: Stats, posterior: Posterior) -> float:
        """E_q[log p(x, z | parameters)] - KL(q, prior); the bound is this plus H(q(z))."""
        return self.mixture.expected(stats, posterior) - posterior.divergence

    def rounding(self, stats: Stats, posterior: Posterior) -> float:
        """The mixture's: where the prior does not outweigh the rows, the divergence adds 0.6 of it
        at most (60 rows of weights from 1 to 1e12, 1 to 8 features, five structures)."""
        return self.mixture.rounding(stats, posterior)

    def m_step(self, stats: Stats, posterior: Posterior | None = None) -> Posterior:
        """argmax of ``expected``: with counts N_k = n weight_k, centres x_k and a_k = x_k - m0,

        b_k = b0 + N_k,  m_k = x_k - b0/b_k a_k,  degrees_k = degrees0 + N_k,
        degrees_k C_k = degrees0 C0 + scatter_k + N_k noise + b0 N_k/b_k a_k a_kᵀ,

        summed over k where the precision is shared. Extrapolation takes components that empty
        themselves below zero; they are then empty.
        """
        prior, structure, form = self.prior, self.structure, self.structure.form
        weight = divisor = stats.weight
        all_full = weight.min() > _EMPTY
        if not all_full:
            full = weight > _EMPTY
            weight, divisor = np.where(full, weight, 0.0), np.where(full, weight, 1.0)
        centre = stats.first / divisor[:, None]
        counts = self.total_weight * weight
        mean_precision = prior.mean_precision + counts
        share = prior.mean_precision / mean_precision
        away = stats.origin + centre - prior.mean
        means = stats.origin + centre - share[:, None] * away
        taken = structure.sharing.weighted(weight, form.outer(centre, centre))
        second = self.total_weight * (stats.second - taken)
        if not all_full:
            second = structure.sharing.kept(full, second, np.zeros(()))
        second = second + structure.sharing.weighted(share * counts, form.outer(away, away))
        added = form.mean_matrix(second, means.shape[1])
        if self._has_noise:
            noise = np.broadcast_to(self.space.cloud, (len(counts), *self.space.cloud.shape))
            added = added + structure.sharing.weighted(counts, noise)
        return self._posterior(counts, mean_precision, means, added)

    def _posterior(self, counts, mean_precision, means, added):
        """added: scatter of the rows about the prior, in the shape of covariances."""
        prior, structure = self.prior, self.structure
        shared = structure.sharing.n_sharing(len(counts))
        degrees = prior.degrees + structure.sharing.counts(counts) / shared
        total = shared * prior.degrees * prior.covariance + added
        divisor = np.reshape(shared * degrees, (*np.shape(degrees), *[1] * self.space.cloud.ndim))
        fitted = self.space.floor.factorise(total / divisor)
        order = np.argsort(-counts, kind="stable")
        concentration = prior.weighting.concentration(counts, order)
        return self.posterior(concentration, mean_precision, means, degrees, *fitted, order)

    def posterior(
        self, concentration, mean_precision, means, degrees, covariances, factors, n_floored, order
    ) -> Posterior:
        """With what follows from the distribution's own parameters."""
        weighting, structure = self.prior.weighting, self.structure
        log_weights = weighting.expected_log(concentration, order)
        given = (concentration, mean_precision, means, degrees, covariances, factors)
        terms = self._divergences(*given, order)
        return Posterior(
            *given,
            n_floored,
            order,
            weighting.mean(concentration, order),
            pseudo_log_weights(structure, log_weights, degrees, mean_precision, means.shape[1]),
            float(terms.sum()) / self.total_weight,
        )

    def _divergences(
        self, concentration, mean_precision, means, degrees, covariances, factors, order
    ):
        """Terms of KL(q(weights) q(mu, P), prior)."""
        prior, structure, form = self.prior, self.structure, self.structure.form
        n_components, d = means.shape
        shared = structure.sharing.n_sharing(n_components)
        added = mean_precision - prior.mean_precision
        away = form.whiten(factors, means - prior.mean)
        ratio = 2.0 * (self._log_det_prior - form.log_det(factors, d))
        trace = form.trace(factors, prior.factor, d)
        terms = [
            prior.weighting.divergence(concentration, order),
            0.5 * d * np.log1p(added / prior.mean_precision),
            -0.5 * d * added / mean_precision,
            0.5 * prior.mean_precision * np.vecdot(away, away),
            *divergence(form, shared * prior.degrees, shared * degrees, ratio, trace, d),
        ]
        return np.concatenate([np.ravel(term) for term in terms])

    def ruled(self, rule: Rule) -> VariationalMixture:
        """This model with another rule, which its mixture has."""
        return VariationalMixture(self.mixture.ruled(rule), self.prior, self.total_weight)

    @property
    def soundness(self) -> AboveFloor:
        """Of the components that a climb ends with."""
        return AboveFloor(self.space.n_null)

    def repair(self, stats: Stats, posterior: Posterior) -> None:
        """Components that are empty are as the prior has them."""

    def settle(self, stats: Stats, point: Point[Posterior, Stats]) -> Posterior | None:
        """The M-step takes any extrapolated statistics."""
        return settled(self, stats, point)
