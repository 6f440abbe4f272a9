"""What mixtures sum over their rows: jobs for ``Rows.total``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._normal.protocols import Form
from .._rows.blocks import Block, Sums
from .._rows.grid import block_rows
from .._rows.room import Buffers, Worker, bytes_per_row
from .posterior import Rule


class KernelJob(Sums):
    """A job on blocks that are loaded for a kernel."""

    def __init__(self, worker: Worker, size: int):
        self.worker, self.size = worker, size
        self.block_rows = block_rows(bytes_per_row(worker))


class RuleSums(KernelJob):
    """The E-step of a rule: its values, and statistics at its responsibilities; 1 + kernel.size.

    log_joint_of is the kernel's own, or that of a ``screen``. A tilt changes log_joint first.
    """

    def __init__(self, kernel: Any, log_joint_of: Callable, rule: Rule, tilt: Any = None):
        super().__init__(kernel, 1 + kernel.size)
        self._kernel, self._log_joint_of, self._rule, self._tilt = kernel, log_joint_of, rule, tilt

    def add(self, block: Block, sums: np.ndarray) -> None:
        buffers, weight = block.loaded(self.worker), block.weight
        log_joint = self._log_joint_of(buffers)
        if self._tilt is not None:
            self._tilt.add(log_joint, block.at)
        sums[0] += self._rule(log_joint, buffers.resp, buffers.work, buffers.norm, weight)
        scale: np.ndarray | None = buffers.norm
        if weight is not None:
            scale *= weight
        elif self._rule.is_one_hot:
            scale = None  # its responsibilities are normalised
        self._kernel.accumulate(buffers, scale, sums[1:])

    def packed(self, sums: np.ndarray) -> np.ndarray:
        return np.append(sums[:1], self._kernel.packed(sums[1:]))

    def unpacked(self, packed: np.ndarray) -> np.ndarray:
        return np.append(packed[:1], self._kernel.unpacked(packed[1:]))


class OddsSums(KernelJob):
    """The soft E-step by odds; 1 + odds.size."""

    def __init__(self, odds: Any):
        super().__init__(odds, 1 + odds.size)
        self._odds = odds

    def add(self, block: Block, sums: np.ndarray) -> None:
        buffers, weight = block.loaded(self.worker), block.weight
        sums[0] += self._odds.soft(buffers, weight)
        self._odds.accumulate(buffers, weight, sums[1:])


class GivenSums(KernelJob):
    """Statistics at responsibilities resp(at), (m, K)."""

    def __init__(self, kernel: Any, resp: Callable[[Any], np.ndarray]):
        super().__init__(kernel, kernel.size)
        self._kernel, self._resp = kernel, resp

    def add(self, block: Block, sums: np.ndarray) -> None:
        buffers, weight = block.loaded(self.worker), block.weight
        self._kernel.locate(buffers)
        buffers.resp[:] = self._resp(block.at).T
        self._kernel.accumulate(buffers, weight, sums)


class Look(KernelJob):
    """see(block, log_joint (K, m), buffers) for every block; nothing is summed."""

    def __init__(self, kernel: Any, see: Callable[[Block, np.ndarray, Buffers], None]):
        super().__init__(kernel, 1)
        self._kernel, self._see = kernel, see

    def add(self, block: Block, sums: np.ndarray) -> None:
        buffers = block.loaded(self.worker)
        self._see(block, self._kernel.log_joint(buffers), buffers)


class Moments(Sums):
    """Sums of (products, z, 1) in the form of a covariance structure."""

    worker = None

    def __init__(self, form: Form, d: int):
        self._form = form
        self.size, self.block_rows = form.n_products(d) + d + 1, block_rows(24 * d)

    def add(self, block: Block, sums: np.ndarray) -> None:
        z, weight = block.read(), block.weight
        weight = np.ones(z.shape[1]) if weight is None else weight
        second = np.asarray(self._form.weighted_second(z, weight))
        sums += np.concatenate([self._form.pack(second), z @ weight, [weight.sum()]])
