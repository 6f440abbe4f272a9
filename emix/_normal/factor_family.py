"""Mixtures of factor analysers: statistics -> parameters (Ghahramani & Hinton 1997).

The factors are latent as the components are. They need not be standard: g ~ N(a, G) of the
component, and y given g is normal about m + W g with variances D. The mean mu = m + W a and the
covariance W G Wᵀ + D are all that rows tell of these, so that a and G may be anything; EM in which
they are free climbs to the same maxima in far fewer passes than with standard factors (parameter
expansion: Liu, Rubin & Wu 1998). With C the lower Cholesky factor of G, g = a + C f, and f is
standard: covariances are kept with the loadings W C, beside which a and C are a gauge.

The expected log-density of rows, components and factors is the scalar product of statistics and
natural parameters, and the M-step has a closed form: moments of g, and the regression of y on g.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .covariances import Structure
from .factor_kernel import split
from .family import DEAD
from .floor import Floor
from .gaussian import LOG_2PI, Natural, log_of_weights
from .low_rank import LowRank
from .protocols import Factored, Form
from .stats import Layout, Stats


@dataclass(frozen=True)
class FactorAnalytic:
    """Estimator of W Wᵀ + D, of which noise is the structure of D: one of those without
    correlations. There is no M-step from scatter alone."""

    noise: Structure

    is_free = False

    def one_unit(self, form: Form) -> bool:
        return self.noise.one_unit

    def n_free(self, form: Any, n_matrices: int, d: int) -> int:
        """No more than matrices without any restriction have."""
        own = n_matrices * form.n_loadings(d) + self.noise.n_free(n_matrices, d)
        return min(own, n_matrices * (d * (d + 1) // 2))

    def pooled(self, weight: np.ndarray, variances: np.ndarray) -> np.ndarray:
        """D in the form of the noise, from what it would be for each component (K, d)."""
        form, sharing = self.noise.form, self.noise.sharing
        stack = np.array([form.from_variances(each) for each in variances])
        shares = np.maximum(weight, DEAD)
        return sharing.mean_about(sharing.weighted(shares, stack), shares, shares, 0.0 * stack)

    def of_each(self, stack: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The diagonals (K, d) of D in that form."""
        n_components, d = shape
        each = self.noise.sharing.per_component(stack, n_components)
        return self.noise.form.variances(each, d)


class FactorParams(NamedTuple):
    """``gaussian.Params``, and the gauge of the factors: turn C (K, q, q) and shift a (K, q)."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    factors: np.ndarray
    n_floored: np.ndarray
    turn: np.ndarray
    shift: np.ndarray

    @property
    def log_weights(self) -> np.ndarray:
        return log_of_weights(self.weights)


class FactorFamily(NamedTuple):
    """What an M-step needs to know: see ``family.Family``. The floor is that of the noise."""

    structure: Structure
    frozen: frozenset[str]
    floor: Floor

    @property
    def form(self) -> LowRank:
        form: Any = self.structure.form
        return form

    def admitted(self, params: Any) -> FactorParams:
        """The same, with standard factors."""
        n_components, q = len(params.means), self.form.n_factors
        turn = np.repeat(np.eye(q)[None], n_components, axis=0)
        weights, means, covariances, factors, n_floored = params[:5]
        gauge = turn, np.zeros((n_components, q))
        return FactorParams(weights, means, covariances, factors, n_floored, *gauge)

    def natural(self, params: FactorParams, origin: np.ndarray) -> Natural:
        """Natural parameters, about origins o (K, d). With n = m - o they are, for g yᵀ, y_j²,
        g gᵀ, g, y and 1,

            Wᵀ D⁻¹,  -D⁻¹/2,  -(G⁻¹ + Wᵀ D⁻¹ W)/2,  G⁻¹ a - Wᵀ D⁻¹ n,  D⁻¹ n,
            log w - (d + q)/2 log 2 pi - log|D|/2 - log|C| - (nᵀ D⁻¹ n + aᵀ G⁻¹ a)/2.
        """
        n_components, d = params.means.shape
        standard, noise = self.form.parts(params.covariances)
        q, shift, inverse = self.form.n_factors, params.shift, np.linalg.inv(params.turn)
        loadings = inverse.swapaxes(-1, -2) @ standard
        precision = 1.0 / noise
        offset = params.means - _times(loadings, shift) - origin
        scaled, lin = loadings * precision[:, None, :], precision * offset
        inner = inverse.swapaxes(-1, -2) @ inverse
        pull = (inner @ shift[..., None])[..., 0]
        twice = (d + q) * LOG_2PI + np.log(noise).sum(axis=1) + np.vecdot(lin, offset)
        twice += np.vecdot(pull, shift) - 2.0 * np.linalg.slogdet(inverse)[1]
        inner = inner + scaled @ loadings.swapaxes(-1, -2)
        parts = (
            scaled.reshape(n_components, q * d),
            -0.5 * precision,
            -0.5 * inner.reshape(n_components, q * q),
            pull - (loadings @ lin[..., None])[..., 0],
            lin,
            (params.log_weights - 0.5 * twice)[:, None],
        )
        vector = np.concatenate(parts, axis=1).ravel()
        return Natural(vector, origin, parts[-1][:, 0], lin, precision)

    def turned(self, stats: Stats, params: FactorParams) -> Stats:
        """Statistics of standard factors f as those of g = a + C f."""
        vector = stats.vector.copy()
        products, _, spread, mean, first, weight = self._split(stats.layout, vector)
        turn, shift = params.turn, params.shift
        products[...] = turn @ products + shift[..., None] * first[:, None, :]
        moved = (turn @ mean[..., None])[..., 0]
        cross = moved[..., None] * shift[:, None, :]
        outer = shift[..., None] * shift[:, None, :]
        spread[...] = turn @ spread @ turn.swapaxes(-1, -2) + weight[..., None] * outer
        spread += cross + cross.swapaxes(-1, -2)
        mean[...] = moved + weight * shift
        return Stats(stats.layout, vector, stats.origin, stats.value)

    def about(self, stats: Stats, origin: np.ndarray) -> Stats:
        """The same statistics about other origins (K, d)."""
        if origin is stats.origin:
            return stats
        vector, move = stats.vector.copy(), stats.origin - origin
        products, square, _, mean, first, weight = self._split(stats.layout, vector)
        products += mean[..., None] * move[:, None, :]
        square += 2.0 * move * first + weight * move * move
        first += weight * move
        return Stats(stats.layout, vector, origin, stats.value)

    def _split(self, layout: Layout, vector: np.ndarray) -> tuple[np.ndarray, ...]:
        return split(layout.matrix(vector), layout.d, self.form.n_factors)

    def m_step(self, stats: Stats, params: FactorParams) -> FactorParams:
        """argmax of the expected log-density over what is not frozen. About the centres of y and g

            a = E g,  G = E g gᵀ,  Wᵀ = G⁻¹ E[g yᵀ],  D_j = E y_j² - (W E[g yᵀ])_jj,  mu = E y.

        Where means are frozen, a stays, and moments are about a and mu. LinAlgError where no rows
        have such statistics. Components without data keep what they had, at weight zero."""
        frozen, weight, means = self.frozen, stats.weight, params.means
        weights = params.weights if "weights" in frozen else weight / weight.sum()
        alive = weight > DEAD
        divisor = np.where(alive, weight, 1.0)[:, None]
        each = (stats.layout.matrix(stats.vector) / divisor).ravel()
        products, square, spread, mean, first, _ = self._split(stats.layout, each)
        shift, away = mean, first
        if "means" in frozen:
            shift, away = params.shift, means - stats.origin
        shift = np.where(alive[:, None], shift, params.shift)
        means = np.where(alive[:, None], stats.origin + away, means)
        if "covariances" in frozen:
            return FactorParams(weights, means, *params[2:6], shift)
        own, centre = mean - shift, first - away
        products = (
            products - mean[..., None] * away[:, None, :] - shift[..., None] * centre[:, None]
        )
        square = square - 2.0 * away * first + away * away
        spread = spread - mean[..., None] * shift[:, None, :] - shift[..., None] * own[:, None]
        spread = np.where(alive[:, None, None], spread, np.eye(self.form.n_factors))
        turn = np.linalg.cholesky(spread)
        standard = np.linalg.solve(turn, products)  # the loadings W C
        before, noise = self.form.parts(params.covariances)
        left = np.where(alive[:, None], square - np.square(standard).sum(axis=1), noise)
        standard = np.where(alive[:, None, None], standard, before)
        turn = np.where(alive[:, None, None], turn, params.turn)
        fitted = self.factored(stats.weight, standard, left)
        return FactorParams(weights, means, *fitted, turn, shift)

    def factored(self, weight: np.ndarray, loadings: np.ndarray, left: np.ndarray) -> Factored:
        """With what is left (K, d) of the variances as noise."""
        estimator: Any = self.structure.estimator
        fitted = self.floor.factorise(estimator.pooled(weight, left))
        covariance = self.form.of_parts(loadings, estimator.of_each(fitted.covariance, left.shape))
        held = estimator.noise.sharing.per_component(fitted.n_floored, len(left))
        n_floored = np.array(held)
        return Factored(covariance, self.form.factor(covariance), n_floored)


def _times(loadings: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """W g, (K, d), for the rows Wᵀ (K, q, d) and g (K, q)."""
    return np.einsum("kqd,kq->kd", loadings, factors)
