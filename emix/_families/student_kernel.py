"""t components on blocks of rows: log-densities and statistics. ``student`` has the formulas."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import digamma, gammaln

from .._normal.choice import choose
from .._normal.covariances import Structure
from .._normal.gaussian import LOG_2PI, BlockKernel, log_of_weights, natural
from .._normal.gaussian import Params as NormalParams
from .._normal.stats import Stats
from .._rows.room import Buffers
from .normal import origin_of_units


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
        for k, kept in enumerate(self._kept(buffers)):
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

    def _kept(self, buffers: Buffers) -> np.ndarray:
        """Room for what ``log_joint`` keeps, (K, m)."""
        kept: Any = buffers.kept
        return kept

    def accumulate(self, buffers: Buffers, scale: np.ndarray | None, sums: np.ndarray) -> None:
        """Adds the moments of rows with weights resp nu / (nu + delta), sums of resp, and those of
        resp times what was kept, or times the slope in 1 / nu."""
        count, d, resp = self.n_components, self._d, buffers.resp
        if scale is not None:
            resp *= scale
        weight, tails = sums[-2 * count : -count], sums[-count:]
        weight += resp.sum(axis=1)
        for k, kept in enumerate(self._kept(buffers)):
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
