"""A conjugate prior of the mixture's parameters, as pseudo-observations.

Weights are Dirichlet(alpha); given its covariance C, a mean is N(m, C / kappa); C is inverse
Wishart of nu degrees of freedom and scale S. A diagonal covariance has an inverse gamma
IG(nu / 2, S_j / 2) per feature, an isotropic one a single IG(nu / 2, d S / 2), and components
that share a covariance share its prior. With P = C⁻¹, in every case

    log p = const + sum_k (alpha - 1) log w_k + sum of c/2 log|P| - tr(S P)/2 over matrices
            + sum_k log|P_k|/2 - kappa/2 (mu_k - m)ᵀ P_k (mu_k - m)

where c = nu + d + 1, nu + 2 or (nu + 2) / d (Fraley & Raftery 2007, section 3).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .family import Family
from .gaussian import Params, about, log_of_weights
from .stats import Stats


class Prior(NamedTuple):
    """In standard units and per unit of sample weight: all but the mean is divided by the
    total weight W."""

    const: float
    concentration: float  # alpha - 1
    mean: np.ndarray  # m (d,)
    mean_precision: float  # kappa
    count: float  # type: ignore[assignment]  # c; tuples have a method of this name
    mean_count: float  # 1
    scale: np.ndarray  # S, the shape of one covariance

    def thinned(self, share: float) -> Prior:
        """Per unit of a weight that is larger: W / share."""
        scaled = {name: share * value for name, value in self._asdict().items()}
        return Prior(**{**scaled, "mean": self.mean})

    def log_density(self, family: Family, params: Params) -> float:
        """log p(params) / W."""
        structure = family.structure
        form, (n_components, d) = structure.form, params.means.shape
        precision = form.precision(params.factors)
        away = params.means - self.mean
        distance = np.vecdot(away, form.apply(precision, away)).sum()
        half_log_dets = form.log_det(params.factors, d)
        shared = structure.sharing.n_sharing(n_components)
        of_matrices = (self.count + shared * self.mean_count) * half_log_dets
        of_matrices = of_matrices - 0.5 * form.inner(precision, self.scale, d)
        value = self.const + np.sum(of_matrices) - 0.5 * self.mean_precision * distance
        if self.concentration:
            value += self.concentration * log_of_weights(params.weights).sum()
        return float(value)

    def size(self, family: Family, params: Params) -> float:
        """The sum of the sizes of its terms, which rounding errors are in proportion to."""
        return abs(self.const) + abs(self.log_density(family, params) - self.const)

    def m_step(
        self, family: Family, stats: Stats, params: Params, counts: np.ndarray | None = None
    ) -> Params:
        """argmax of E_q[log p(x, z | params)] + log p(params) over what is not frozen:

        w_k ~ N_k + alpha - 1,  mu_k = (sum x + kappa m) / (N_k + kappa),
        C_k = (scatter about mu_k + kappa (mu_k - m)(mu_k - m)ᵀ + S) / (n_k + c + 1).

        n_k are ``counts`` (K,) where rows have weights of their own in N_k, as in t components.
        """
        structure, form, frozen = family.structure, family.structure.form, family.frozen
        weight, (n_components, d) = stats.weight, params.means.shape
        weights, means = params.weights, params.means
        if "weights" not in frozen:
            weights = weight + self.concentration
            weights = weights / weights.sum()
        if "means" not in frozen:
            pulled = stats.first + self.mean_precision * (self.mean - stats.origin)
            means = stats.origin + pulled / (weight + self.mean_precision)[:, None]
        if "covariances" in frozen:
            return Params(weights, means, *params[2:])
        away = means - self.mean
        precision = np.full(n_components, self.mean_precision)
        second = about(structure, stats, means).second
        second = second + structure.sharing.weighted(precision, form.outer(away, away))
        # per matrix: the rows and means that it stands for
        rows = structure.sharing.counts(weight if counts is None else counts)
        shared = structure.sharing.n_sharing(n_components)
        rows = np.reshape(rows, np.shape(rows) + (1,) * self.scale.ndim)
        total = form.mean_matrix(second, d) + self.scale + rows * family.noise
        divisor = rows + self.count + shared * self.mean_count
        estimated = structure.estimate(np.ravel(divisor), total / divisor, params, family.floor)
        return Params(weights, means, *estimated)
