"""A mixture given by its public attributes, evaluated block by block."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ._em.blocks import Rows, block_rows
from ._em.covariance import Isotropic, Structure
from ._em.gaussian import (
    Components,
    Kernel,
    allocate,
    bytes_per_row,
    choose,
    log_of_weights,
    natural,
)
from ._em.posterior import TIED, log_evidence
from ._em.student import Students
from ._fitting import is_parallel
from ._threads import thread_budget

# z beyond this would overflow when squared; its log-density is out of range anyway
_FARTHEST = 1e140


def _units(structure: Structure, weights, means, factors) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the mixture, and scales of the size of its standard deviations."""
    d = means.shape[1]
    shift = weights @ means
    precisions = structure.form.variances(structure.form.precision(factors), d)
    deviation = np.sqrt(1.0 / precisions)
    largest = max(np.abs(means - shift).max(), deviation.max())
    squares = ((means - shift) / largest) ** 2 + (deviation / largest) ** 2
    scale = largest * np.sqrt(weights @ squares)
    if isinstance(structure.form, Isotropic):
        scale = np.full(d, scale.max())
    return shift, scale


class Scorer:
    """log_joint of a mixture (weights, means, factors) over the rows of X.

    ``log_weights`` may differ from log(weights), which then only say where the mixture lies.
    """

    def __init__(self, structure: Structure, weights, means, factors, log_weights=None):
        weights, means, factors = (
            np.asarray(value, dtype=np.float64) for value in (weights, means, factors)
        )
        self._structure, self._n_components = structure, len(means)
        self._shift, self._scale = _units(structure, weights, means, factors)
        self._log_unit = -float(np.log(self._scale).sum())
        log_weights = log_of_weights(weights) if log_weights is None else log_weights
        covariances = structure.form.invert(factors)
        _, factors = structure.form.rescale(covariances, factors, 1.0 / self._scale)
        means = (means - self._shift) / self._scale
        self._kernel = self._kernel_of(Components(log_weights, means, factors))

    def _kernel_of(self, components: Components) -> Kernel | Students:
        noise, origin = np.zeros_like(components.means[0]), np.zeros_like(components.means)
        eta = natural(self._structure, components, origin, noise)
        return choose(self._structure, components, eta, noise, None)

    def each(self, X: np.ndarray, write: Callable) -> None:
        """write(start, stop, buffers, log_joint, common) for all blocks: log_joint (K, m) +
        common (m,) or () is in the units of the data."""
        kernel, n_components = self._kernel, self._n_components

        def work(share):
            buffers = None
            with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
                for start, stop in share:
                    if buffers is None or buffers.z.shape[1] != stop - start:
                        buffers = allocate(kernel, stop - start)
                    rows.read(start, stop, buffers.z)
                    np.clip(buffers.z, -_FARTHEST, _FARTHEST, out=buffers.z)
                    kernel.prepare(buffers)
                    log_joint = kernel.log_joint(buffers)
                    common = kernel.common(buffers) + self._log_unit
                    write(start, stop, buffers, log_joint, common)
            return 0.0

        with thread_budget(is_parallel(X, self._structure, n_components)) as mapper:
            rows = Rows(X, None, self._shift, self._scale, mapper)
            rows.reduce(work, block_rows(bytes_per_row(kernel)))

    def log_prob(self, X: np.ndarray) -> np.ndarray:
        """log p(x), (n,) float64."""
        out = np.empty(len(X))

        def write(start, stop, buffers, log_joint, common):
            value = log_evidence(log_joint, buffers.resp, buffers.work, buffers.norm)
            out[start:stop] = value + common

        self.each(X, write)
        return out

    def responsibilities(self, X: np.ndarray) -> np.ndarray:
        """p(z | x), (n, K)."""
        out = np.empty((len(X), self._n_components), dtype=X.dtype)

        def write(start, stop, buffers, log_joint, common):
            log_evidence(log_joint, buffers.resp, buffers.work, buffers.norm)
            np.multiply(buffers.resp, buffers.norm, out=out[start:stop].T)

        self.each(X, write)
        return out

    def labels(self, X: np.ndarray) -> np.ndarray:
        """argmax_k log_joint, (n,)."""
        out = np.empty(len(X), dtype=np.int64)

        def write(start, stop, buffers, log_joint, common):
            np.argmax(log_joint >= log_joint.max(axis=0) - TIED, axis=0, out=out[start:stop])

        self.each(X, write)
        return out

    def largest_joint(self, X: np.ndarray) -> np.ndarray:
        """max_k log p(x, z = k), (n,) float64."""
        best = np.empty(len(X))

        def write(start, stop, buffers, log_joint, common):
            best[start:stop] = log_joint.max(axis=0) + common

        self.each(X, write)
        return best


class PredictiveScorer(Scorer):
    """The same with the means and precisions integrated out, of which ``mean_precision`` and
    ``degrees`` tell how well they are known: a mixture of Student's distributions."""

    def __init__(self, structure, weights, means, factors, mean_precision, degrees):
        self._mean_precision, self._degrees = mean_precision, degrees
        super().__init__(structure, weights, means, factors)

    def _kernel_of(self, components: Components) -> Students:
        return Students(self._structure, components, self._mean_precision, self._degrees)
