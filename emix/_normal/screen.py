"""log_joint in many dimensions, evaluated only where it matters.

Beside the density of the mixture at a row that of most components is nothing. Which ones these
are shows in the few directions that tell components apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg import solve_triangular

from .._rows.room import Buffers
from .gaussian import Params
from .panels import Pairs, Panels, n_directions

# Multiplications of a pass from which it pays to look for the directions.
_WORTH = 1e8
# One in 8 of a block's rows tells whether it pays to look at all of them.
_PART = 8


def screened(kernel: Any, params: Params, reach: float, n: int) -> Callable:
    """log_joint(buffers) (K, m) of a kernel for n rows, perhaps -inf where the density under a
    component is less than exp(-reach) of the mixture's."""
    if not kernel.has_panels:
        return kernel.log_joint
    n_components, d = params.means.shape
    is_worth = n_components > 1 and n * n_components * d * d > _WORTH
    return Screen(kernel, params, reach).log_joint if is_worth else kernel.log_joint


def _directions(params: Params, size: int) -> np.ndarray:
    """Orthonormal (d, size): where the linear discriminants W⁻¹ mu_k differ most, W the mean
    covariance of the components."""
    within = np.tensordot(params.weights, params.covariances, axes=1)
    away = params.means - params.means.mean(axis=0)
    return np.linalg.svd(np.linalg.solve(within, away.T), full_matrices=False)[0][:, :size]


class Screen:
    """The log_joint of panels, -inf where it is negligible.

    With C = U⁻ᵀ U⁻¹ and U⁻¹ S = Q R, Q orthonormal, R⁻ᵀ Sᵀ (z - mu) = Qᵀ Uᵀ (z - mu): in as
    many coordinates as S has columns a bound from below on the distance |Uᵀ (z - mu)|.
    """

    def __init__(self, panels: Panels, params: Params, reach: float):
        self.panels, self.reach = panels, reach
        self.log_weights = params.log_weights[:, None]
        basis = _directions(params, n_directions(*params.means.shape))
        white = [solve_triangular(factor, basis, check_finite=False) for factor in params.factors]
        roots = math.sqrt(0.5) * np.linalg.inv(np.linalg.qr(np.array(white), mode="r"))
        self.size = basis.shape[1]
        rows = np.empty((self.size, len(roots), self.size + 1))
        rows[:, :, 1:] = roots.transpose(2, 0, 1)
        rows[:, :, 0] = -np.einsum("kji,kj->ik", roots, params.means @ basis)
        self.rows, self.basis = rows.reshape(-1, self.size + 1), basis

    def log_joint(self, buffers: Buffers) -> np.ndarray:
        out = buffers.log_joint
        if not (self._promises(buffers) and self._evaluate(buffers)):
            self.panels.log_joint(buffers)
            far = ~self._within_reach(out, out.max(axis=0))
            np.copyto(out, -np.inf, where=far)
        return out

    def _promises(self, buffers: Buffers) -> bool:
        """Whether few components seem to be within reach, in a part of the block: where they
        fit, the rest of a row's own squared distance is about its dimension."""
        bound = self._bound(buffers, buffers.z.shape[1] // _PART)
        rest = 0.5 * (self.panels.d - self.size)
        return self._are_few(self._within_reach(bound, bound.max(axis=0) - rest))

    def _evaluate(self, buffers: Buffers) -> bool:
        """log_joint of the components within reach of each row, -inf of others; not if they turn
        out not to be few."""
        out, bound = buffers.log_joint, self._bound(buffers, buffers.z.shape[1])
        top = bound.max(axis=0)
        best = Pairs.where(bound == top)
        found = self.panels.log_joint_of(best, buffers)
        value = np.empty(len(top))
        value[best.rows] = found
        is_other = self._within_reach(bound, value) & (bound < top)
        if not self._are_few(is_other):
            return False
        others = Pairs.where(is_other)
        out.fill(-np.inf)
        best.put(out, found)
        others.put(out, self.panels.log_joint_of(others, buffers))
        value = out.max(axis=0)
        for pairs in (best, others):
            self._drop(pairs, out, value)
        return True

    def _drop(self, pairs: Pairs, out: np.ndarray, value: np.ndarray) -> None:
        """-inf for pairs that are not within reach after all."""
        found = pairs.of(out)
        far = found - pairs.spread(self.log_weights[:, 0]) < value[pairs.rows] - self.reach
        if far.any():
            pairs.put(out, np.where(far, -np.inf, found))

    def _bound(self, buffers: Buffers, m: int) -> np.ndarray:
        """A bound from above on log_joint of the first m rows, (K, m)."""
        bound = np.empty((len(self.log_weights), m))
        for start, stop in self.panels.chunks(m):
            y, white = self.panels.scratch(buffers, stop - start, self.size + 1, len(self.rows))
            y[0] = 1.0
            y[1:] = (buffers.z[:, start:stop].T @ self.basis).T
            np.matmul(self.rows, y, out=white)
            cube = white.reshape(self.size, -1, stop - start)
            np.einsum("akm,akm->km", cube, cube, out=bound[:, start:stop])
        return np.subtract(self.panels.const[:, None], bound, out=bound)

    def _within_reach(self, log_joint: np.ndarray, value: np.ndarray) -> np.ndarray:
        """Where the density of a component is not negligible beside exp(value)."""
        return log_joint - self.log_weights >= value - self.reach

    def _are_few(self, pairs: np.ndarray) -> bool:
        return np.count_nonzero(pairs) <= self.panels.few * pairs.size
