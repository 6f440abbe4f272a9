"""A fitted mixture of any family, evaluated row by row."""

from __future__ import annotations

from functools import partial
from typing import Any, Generic

import numpy as np

from .._mixture.posterior import labels_of, log_evidence
from .._mixture.sums import Look
from .._normal.gaussian import LOG_ZERO
from .._rows.blocks import Rows
from .protocols import Family, P

# Log-densities below this are those of rows that no component can have.
_IMPOSSIBLE = 0.5 * LOG_ZERO


class Densities(Generic[P]):
    """log p(row, component) at some parameters; log_unit turns log-densities in the units of the
    rows into those of the data."""

    def __init__(self, family: Family[P, Any], params: P, log_unit: float = 0.0):
        self._family, self._params, self._log_unit = family, params, log_unit

    def _each(self, rows: Rows, see: Any) -> None:
        kernel = self._family.kernel(self._params, rows)
        rows.total(Look(kernel, partial(see, kernel)))

    def log_prob(self, rows: Rows) -> np.ndarray:
        """log p(row), (n,); minus infinity where no component can have the row."""
        found = np.empty(rows.n)

        def see(kernel, block, log_joint, buffers):
            value = log_evidence(log_joint, buffers.resp, buffers.work, buffers.norm)
            found[block.at] = value + kernel.common(buffers)

        self._each(rows, see)
        found += self._log_unit
        return np.where(found > _IMPOSSIBLE, found, -np.inf)

    def largest_joint(self, rows: Rows) -> np.ndarray:
        """max_k log p(row, k), (n,)."""
        found = np.empty(rows.n)

        def see(kernel, block, log_joint, buffers):
            found[block.at] = log_joint.max(axis=0) + kernel.common(buffers)

        self._each(rows, see)
        return found + self._log_unit

    def labels(self, rows: Rows) -> np.ndarray:
        """The most probable component of every row, (n,)."""
        found = np.empty(rows.n, dtype=np.intp)

        def see(kernel, block, log_joint, buffers):
            labels_of(log_joint, found[block.at])

        self._each(rows, see)
        return found

    def responsibilities(self, rows: Rows) -> np.ndarray:
        """p(k | row), (n, K)."""
        found = np.empty((rows.n, len(self._params.weights)))

        def see(kernel, block, log_joint, buffers):
            log_evidence(log_joint, buffers.resp, buffers.work, buffers.norm)
            found[block.at] = (buffers.resp * buffers.norm).T

        self._each(rows, see)
        return found
