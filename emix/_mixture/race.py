"""EM for many mixtures at once, to find the start that leads highest.

All mixtures of a race make their steps together on the same rows, with moments about one origin:
quick, and accurate enough for starts. Arrays have an axis S of mixtures before that of the K
components; matrix products see S K components.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._normal.gaussian import LOG_2PI, Params
from .mixture import Mixture

# Least share of a component, so that nothing overflows.
_LEAST = 1e-12
# Beside a density of this size what underflows in single precision is nothing.
_LEAST_EVIDENCE = 1e-30
# A mixture's step grows by this factor as long as its log-likelihood rises, up to this multiple of
# EM's own. Three starts of iris need half of the passes to 1e-6 so; longer steps save no more.
_GROWTH, _LONGEST = 1.3, 4.0
# A race is over where no mixture gains more than this in a pass (nats per row).
_SETTLED = 1e-6


class Field(NamedTuple):
    """Mixtures under way: weights (S, K), means (S, K, d), covariances (S, K, ...) or (S, ...),
    their factors, and how many variances are held at the floor."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    factors: np.ndarray
    n_floored: np.ndarray

    def take(self, index: np.ndarray) -> Field:
        return Field(*(part[index] for part in self))

    def joined(self, other: Field) -> Field:
        return Field(*(np.concatenate(parts) for parts in zip(self, other, strict=True)))

    def params(self, s: int) -> Params:
        return Params(*(part[s].copy() for part in self))


class Ground:
    """The rows of a model, z (d, m) with shares (m,) of the weight, where mixtures race."""

    def __init__(self, model: Mixture, weights: np.ndarray | None):
        """weights (K,) are those of all mixtures, where they are not free."""
        self.model, self.structure, self._weights = model, model.structure, weights
        rows, form = model.rows, model.structure.form
        self.d, self.m = rows.d, rows.n
        self._p = self.structure.sharing.n_own(form.n_products(self.d))
        self.features = np.empty((self._p + self.d + 1, self.m))
        self.z = self.features[self._p : -1]
        rows.read(0, self.m, self.z)
        if self._p:
            form.fill_products(self.z, self.features[: self._p])
        self.features[-1] = 1.0
        weight = np.ones(self.m) if rows.weight is None else rows.weight
        self.share = weight / weight.sum()
        self._is_noisy = bool(np.count_nonzero(model.space.noise))
        self._weighted = np.ascontiguousarray((self.features * self.share).T)

    def factor_work(self, n_components: int) -> int:
        """Numbers of the matrices of a mixture, times their size."""
        size = int(np.prod(self.structure.shape(n_components, self.d)))
        return size * self.d

    def statistics(self, resp: np.ndarray) -> np.ndarray:
        """(S, K, p + d + 1) from responsibilities (S, K, m)."""
        n, n_components, m = resp.shape
        found = resp.reshape(n * n_components, m) @ self._weighted
        return found.reshape(n, n_components, -1)

    def m_step(self, stats: np.ndarray) -> Field:
        """The mixtures that statistics (S, K, p + d + 1) make."""
        model, form, d = self.model, self.structure.form, self.d
        weight = np.maximum(stats[..., -1], _LEAST)
        means = stats[..., self._p : -1] / weight[..., None]
        around = form.outer(means, means)
        if not self._p:
            second = model.space.view.total - np.einsum("sk,sk...->s...", weight, around)
        else:
            second = form.unpack(stats[..., : self._p], d)
            second = second / weight.reshape(*weight.shape, *[1] * (second.ndim - 2)) - around
        fitted = model.space.floor.factorise(form.mean_matrix(second, d) + model.space.cloud)
        if self._weights is None:
            weights = weight / weight.sum(axis=1, keepdims=True)
        else:
            weights = np.tile(self._weights, (len(weight), 1))
        return Field(weights, means, *fitted)

    def classified(self, stats: np.ndarray) -> np.ndarray:
        """What clusters with these statistics of their own (S, K, p + d + 1) add to log-likelihoods
        of rows and labels, per row and but for what all have in common, (S, K): at the M-step
        quadratic forms average to d."""
        log_det = self.structure.form.log_det(self.m_step(stats).factors, self.d)
        weight = stats[..., -1]
        return weight * (np.log(weight) + (log_det if self._p else log_det[:, None]))

    def e_step(self, field: Field) -> tuple[np.ndarray, np.ndarray]:
        """Responsibilities (S, K, m) and mean log-likelihoods (S,)."""
        form, d, pooled = self.structure.form, self.d, not self._p
        n, n_components = field.weights.shape
        precision, log_det = form.precision(field.factors), form.log_det(field.factors, d)
        quadratic = form.coefficients(precision)
        if pooled:
            precision, log_det = precision[:, None], log_det[:, None]
        lin = form.apply(precision, field.means)
        twice = np.vecdot(field.means, lin) + d * LOG_2PI
        if self._is_noisy:
            twice = twice + form.variances(precision, d) @ self.model.space.noise
        const = np.log(field.weights) + log_det - 0.5 * twice
        parts = [lin, const[..., None]] if pooled else [quadratic, lin, const[..., None]]
        eta = np.concatenate(parts, axis=-1).reshape(n * n_components, -1)
        log_joint = (eta @ self.features).reshape(n, n_components, self.m)
        resp, evidence = _posteriors(log_joint)
        value = evidence @ self.share
        if pooled:
            # the quadratic term is common to all components, and known from the moments
            value = value + quadratic @ form.pack(np.asarray(self.model.space.view.total))
        return resp, value


def _posteriors(log_joint: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Responsibilities (S, K, m), in place, and log-densities of the rows (S, m). Exponentials are
    taken of what lies below the rows' maxima only where they would over- or underflow otherwise."""
    top = None
    with np.errstate(over="ignore", under="ignore"):
        density = _exp(log_joint)
        evidence = np.add.reduce(density, axis=1)
        if not (evidence.min() >= _LEAST_EVIDENCE and evidence.max() < np.inf):
            top = np.maximum.reduce(log_joint, axis=1)
            density = _exp(np.subtract(log_joint, top[:, None], out=log_joint))
    resp = log_joint
    resp[...] = density
    evidence = np.add.reduce(resp, axis=1)
    resp /= evidence[:, None]
    log_evidence = np.log(evidence, out=evidence)
    return resp, log_evidence if top is None else log_evidence + top


def _exp(x: np.ndarray) -> np.ndarray:
    """To seven digits, which will do for a start. Processors without AVX-512 take a third of the
    time for an E-step so."""
    return np.exp(x.astype(np.float32))


class Race:
    """Over-relaxed EM (Salakhutdinov & Roweis 2003): from statistics s to s + step (g - s), where g
    are those that are expected there. Steps grow; where the log-likelihood has fallen, a mixture
    makes EM's own step from where it was before."""

    def __init__(self, ground: Ground, stats: np.ndarray):
        self._ground, self._stats = ground, stats
        self._step = np.ones(len(stats))
        self.gain = np.full(len(stats), np.inf)
        self.field = ground.m_step(stats)
        resp, self.value = ground.e_step(self.field)
        self._plain = ground.statistics(resp)

    @classmethod
    def of(cls, ground: Ground, field: Field) -> Race:
        """From where mixtures are, on other rows perhaps."""
        resp, _ = ground.e_step(field)
        return cls(ground, ground.statistics(resp))

    def run(self, n_passes: int) -> None:
        for _ in range(n_passes):
            self._pass()
            if self.gain.max() < _SETTLED:
                break

    def _pass(self) -> None:
        ground = self._ground
        stats = self._plain - self._stats
        stats *= self._step[:, None, None]
        stats += self._stats
        if stats[..., -1].min() <= 0.0:
            emptied = stats[..., -1].min(axis=1) <= 0.0
            stats[emptied], self._step[emptied] = self._plain[emptied], 1.0
        field = ground.m_step(stats)
        resp, value = ground.e_step(field)
        plain = ground.statistics(resp)
        # by EM's own step only rounding can lower it
        fell = np.flatnonzero((value < self.value) & (self._step > 1.0))
        gain = value - self.value
        self._step = np.minimum(self._step * _GROWTH, _LONGEST)
        if len(fell):
            for new, old in zip(field, self.field, strict=True):
                new[fell] = old[fell]
            value[fell], plain[fell] = self.value[fell], self._plain[fell]
            stats[fell], gain[fell] = self._stats[fell], self.gain[fell]
            self._step[fell] = 1.0
        self.field, self.value, self.gain = field, value, gain
        self._plain, self._stats = plain, stats

    def keep(self, index: np.ndarray) -> None:
        """Only these mixtures go on."""
        self.field = self.field.take(index)
        for name in ("value", "gain", "_plain", "_stats", "_step"):
            setattr(self, name, getattr(self, name)[index])

    def join(self, other: Race) -> None:
        """Mixtures of another race on the same ground go on with these."""
        self.field = self.field.joined(other.field)
        for name in ("value", "gain", "_plain", "_stats", "_step"):
            setattr(self, name, np.concatenate([getattr(self, name), getattr(other, name)]))
