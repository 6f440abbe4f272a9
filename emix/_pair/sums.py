"""What two normals sum over their rows: a job for ``Rows.total``."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._rows.blocks import Block, Sums
from .._rows.grid import MOST_ROWS, TILE
from .._rows.room import Buffers, allocate

# Rows of a block, so that its working arrays stay in the cache of a core.
BLOCK_ROWS = 32 * TILE
# Log-odds whose exponential is a finite number.
_LARGEST = 700.0


class _Worker:
    """See ``room.Worker``. Features are z alone; what is kept is all of the working arrays: the
    basis b (5, m) and the moments (8, m), in which the others have their place for a while."""

    n_features, n_scratch, n_working, chunk = 1, 0, 13, MOST_ROWS

    @property
    def keeper(self) -> type:
        return type(self)

    def features(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        z = np.empty((1, m))
        return z, z

    def working(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        return rows[8:10], rows[5:7], rows[10], rows[12], rows

    def prepare(self, buffers: Buffers) -> None:
        """z is all."""


class Arrays(NamedTuple):
    """Rows z (1, m) of a block, the basis b = (1, u_1, u_2, u_1², u_2²), u = y / deviation, and
    room for what is computed: moments are (resp_1, resp_2, resp_1 resp_2 b, value)."""

    z: np.ndarray
    basis: np.ndarray
    u: np.ndarray
    squares: np.ndarray
    moments: np.ndarray
    resp: np.ndarray
    overlap: np.ndarray
    overlap_of_others: np.ndarray
    value: np.ndarray
    joint: np.ndarray
    gap: np.ndarray

    @classmethod
    def of(cls, buffers: Buffers) -> Arrays:
        rows = buffers.kept
        assert rows is not None  # of this worker
        basis, moments = rows[:5], rows[5:]
        basis[0] = 1.0
        return cls(
            buffers.z,
            basis,
            basis[1:3],
            basis[3:],
            moments,
            buffers.resp,
            moments[2],
            moments[3:7],
            buffers.norm,
            # until the moments there are computed
            buffers.log_joint,
            buffers.work,
        )


class PairSums(Sums):
    """Of (resp_1, resp_2, resp_1 resp_2 b) bᵀ, and below them that of the values: (8, 5). All
    parameters are (2, 1)."""

    worker = _Worker()
    size, block_rows = 40, BLOCK_ROWS

    def __init__(self, means: np.ndarray, factors: np.ndarray, const: np.ndarray):
        self._means, self._factors, self._const = means, factors, const

    @classmethod
    def room(cls, m: int) -> Arrays:
        """For m rows that stay there from pass to pass."""
        return Arrays.of(allocate(cls.worker, m))

    def add(self, block: Block, sums: np.ndarray) -> None:
        arrays = Arrays.of(block.loaded(self.worker))
        sums += self.over(arrays, block.weight).ravel()

    def over(self, arrays: Arrays, weight: np.ndarray | None) -> np.ndarray:
        """The sums (8, 5) over rows that are in their place."""
        z, basis, u, squares, moments, resp, overlap, others, value, joint, gap = arrays
        np.subtract(z, self._means, out=u)
        u *= self._factors
        np.multiply(u, u, out=squares)
        np.multiply(squares, -0.5, out=joint)
        joint += self._const
        np.subtract(joint[0], joint[1], out=gap)
        np.minimum(gap, _LARGEST, out=gap)
        np.exp(gap, out=gap)  # odds of the first component
        np.add(gap, 1.0, out=resp[1])
        np.divide(1.0, resp[1], out=resp[1])
        np.multiply(gap, resp[1], out=resp[0])
        np.maximum(joint[0], joint[1], out=value)
        np.maximum(resp[0], resp[1], out=gap)
        np.log(gap, out=gap)
        value -= gap
        np.multiply(resp[0], resp[1], out=overlap)
        np.multiply(overlap, basis[1:], out=others)
        if weight is not None:
            moments *= weight
        out = np.zeros((8, 5))
        np.matmul(moments[:7], basis.T, out=out[:7])
        out[7, 0] = value.sum()  # in pairs: more accurate than a product
        return out
