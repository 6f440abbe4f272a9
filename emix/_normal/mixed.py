"""A kernel for most components, and residuals for the few whose moments would cancel."""

from __future__ import annotations

import numpy as np

from .._rows.room import Buffers
from .gaussian import BlockKernel, Components, Natural, Params, Products, Residuals
from .panels import Panels, most_scratch
from .stats import Stats


class Mixed(BlockKernel):
    """Components at ``far`` (K,) about their own means, others about one origin by ``near``.

    near is the kernel of those others; its features serve both.
    """

    def __init__(self, structure, params: Params | Components, near: Products | Panels, far, noise):
        self.structure, self.near = structure, near
        self.n_components, self.d = params.means.shape
        self._near, self._far = np.flatnonzero(~far), np.flatnonzero(far)
        self.far = Residuals(structure, part_of(params, far), noise)
        self.origin = np.where(far[:, None], params.means, 0.0)
        self.n_features, self.size = near.n_features, near.size + self.far.size
        # the same for any components, since buffers are kept from pass to pass
        self.n_scratch = most_scratch(self.n_components, self.d)

    @property
    def keeper(self) -> type:
        return self.near.keeper

    def features(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        return self.near.features(m)

    def prepare(self, buffers: Buffers) -> None:
        self.near.prepare(buffers)

    def _of(self, kernel: BlockKernel, buffers: Buffers, resp: np.ndarray | None) -> Buffers:
        """Buffers of one of the two, with room for log_joint, or with its responsibilities."""
        m = buffers.log_joint.shape[1]
        log_joint = np.empty((kernel.n_components, m)) if resp is None else buffers.log_joint
        scratch = buffers.scratch[: kernel.n_scratch]
        resp = buffers.resp if resp is None else resp
        return buffers._replace(log_joint=log_joint, resp=resp, scratch=scratch)

    def log_joint(self, buffers: Buffers) -> np.ndarray:
        out = buffers.log_joint
        for kernel, own in ((self.near, self._near), (self.far, self._far)):
            out[own] = kernel.log_joint(self._of(kernel, buffers, None))
        return out

    def accumulate(self, buffers: Buffers, scale: np.ndarray | None, sums: np.ndarray) -> None:
        parts = sums[: self.near.size], sums[self.near.size :]
        kernels, owns = (self.near, self.far), (self._near, self._far)
        for kernel, own, part in zip(kernels, owns, parts, strict=True):
            kernel.accumulate(self._of(kernel, buffers, buffers.resp[own]), scale, part)

    def packed(self, sums: np.ndarray) -> np.ndarray:
        return np.append(self.near.packed(sums[: self.near.size]), sums[self.near.size :])

    def unpacked(self, packed: np.ndarray) -> np.ndarray:
        of_near = len(packed) - self.far.size
        return np.append(self.near.unpacked(packed[:of_near]), packed[of_near:])

    def stats(self, value: float, sums: np.ndarray) -> Stats:
        near = self.near.stats(value, sums[: self.near.size])
        far = self.far.stats(value, sums[self.near.size :])
        weight = self._joined(near.weight, far.weight)
        first, second = self._joined(near.first, far.first), self._joined(near.second, far.second)
        return Stats.of(self.structure, weight, first, second, self.origin, value)

    def _joined(self, near: np.ndarray, far: np.ndarray) -> np.ndarray:
        """What the components of each have, (K, ...)."""
        whole = np.empty((self.n_components, *near.shape[1:]))
        whole[self._near], whole[self._far] = near, far
        return whole


def part_of(params: Params | Components, chosen: np.ndarray) -> Components:
    """Some components of a structure whose matrices are not shared."""
    return Components(params.log_weights[chosen], params.means[chosen], params.factors[chosen])


def part_of_natural(eta: Natural, chosen: np.ndarray) -> Natural:
    """The same of their natural parameters."""
    rows = eta.vector.reshape(len(eta.const), -1)[chosen]
    return Natural(rows.ravel(), *(array[chosen] for array in eta[1:]))
