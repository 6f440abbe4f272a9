"""A mixture given by its public attributes, evaluated block by block."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np

from ._em.blocks import Rows, block_rows, shares
from ._em.choice import choose_for_scores
from ._em.covariance import Isotropic, Structure
from ._em.gaussian import (
    LOG_2PI,
    Buffers,
    Components,
    Kernel,
    allocate,
    bytes_per_row,
    log_of_weights,
    natural,
)
from ._em.posterior import labels_of, log_evidence
from ._em.student import Students
from ._threads import thread_budget

# z beyond this would overflow when squared; its log-density is out of range anyway
_FARTHEST = 1e140
# Numbers of a block of rows that are evaluated as they are: fewer calls against the caches, of
# 64 to 256 thousand the best (d = 5 to 30, K = 5 to 20; one thread of an AMD EPYC server).
_DIRECT_NUMBERS = 256 * 1024
# Runs of such blocks from which threads share them.
_SHARED_RUNS = 4


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

    Where matrices have no axes of their own, and where rows are few, log_joint is computed as it
    is written, about the mean of the mixture and in the units of the data. Kernels in standard
    units, which take longer to prepare, do the rest, and rows so far out that numbers overflow.
    """

    # Pairs of rows and components that are few (general matrices, 1 to 30 features, 2 to 20
    # components; one thread of an AMD EPYC server).
    _FEW_PAIRS = 5000

    def __init__(self, structure: Structure, weights, means, factors, log_weights=None):
        weights, means, factors = (
            np.asarray(value, dtype=np.float64) for value in (weights, means, factors)
        )
        self._structure, self._n_components, self._weights = structure, len(means), weights
        self._log_weights = log_of_weights(weights) if log_weights is None else log_weights
        self._means, self._factors = means, factors

    def _is_direct(self, n: int) -> bool:
        """Whether so many rows are evaluated as they are."""
        few = n * self._n_components <= self._FEW_PAIRS
        return few or not self._structure.is_general

    @cached_property
    def _centred(self) -> tuple[np.ndarray, Components]:
        """The mean of the mixture, and components about it with all constants in the weights."""
        form, d = self._structure.form, self._means.shape[1]
        const = self._log_weights + (form.log_det(self._factors, d) - 0.5 * d * LOG_2PI)
        shift = self._weights @ self._means
        return shift, Components(const, self._means - shift, self._factors)

    def _direct(self, X: np.ndarray) -> np.ndarray:
        """log_joint (K, m) in the units of the data; where numbers overflow not finite."""
        shift, (const, means, factors) = self._centred
        log_joint = self._structure.squared_distances(factors, X - shift, means)
        log_joint *= -0.5
        log_joint += const[:, None]
        return log_joint

    @cached_property
    def standard(self) -> tuple[np.ndarray, np.ndarray, Kernel | Students]:
        """Mean and scales of standard units, and what evaluates rows in them."""
        means, factors = self._means, self._factors
        shift, scale = _units(self._structure, self._weights, means, factors)
        factors = self._structure.form.rescale_factor(factors, 1.0 / scale)
        components = Components(self._log_weights, (means - shift) / scale, factors)
        return shift, scale, self._kernel_of(components)

    def _kernel_of(self, components: Components) -> Kernel | Students:
        noise, origin = np.zeros_like(components.means[0]), np.zeros_like(components.means)
        eta = natural(self._structure, components, origin, noise)
        return choose_for_scores(self._structure, components, eta, noise)

    def each(self, X: np.ndarray, write: Callable) -> None:
        """write(start, stop, log_joint, common, room) for all blocks: log_joint (K, m) + common
        (m,) or () is in the units of the data; room is for responsibilities and two arrays (m,),
        or None where there is none yet.
        """
        n, n_components = len(X), self._n_components
        direct = self._is_direct(n)
        rows = max(1, _DIRECT_NUMBERS // (2 * (X.shape[1] + n_components)))
        if direct and n <= rows:
            self._write(X, 0, n, write)
        elif direct:
            self._write_shares(X, shares(n, rows), write)
        else:
            _ByKernel(self, X, write).blocks()

    def _write_shares(self, X: np.ndarray, runs: list, write: Callable) -> None:
        def work(share):
            for start, stop in share:
                self._write(X, start, stop, write)

        with thread_budget(len(runs) >= _SHARED_RUNS) as mapper:
            for _ in mapper(work, runs):
                pass

    def _write(self, X: np.ndarray, start: int, stop: int, write: Callable) -> None:
        with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
            log_joint = self._direct(X[start:stop])
            if math.isfinite(np.add.reduce(log_joint, axis=None)):
                write(start, stop, log_joint, 0.0, None)
            else:
                _ByKernel(self, X, write).block(start, stop)

    def log_prob(self, X: np.ndarray) -> np.ndarray:
        """log p(x), (n,) float64."""
        out = np.empty(len(X))

        def write(start, stop, log_joint, common, room):
            out[start:stop] = log_evidence(log_joint, *(room or _room(log_joint))) + common

        self.each(X, write)
        return out

    def responsibilities(self, X: np.ndarray) -> np.ndarray:
        """p(z | x), (n, K)."""
        out = np.empty((len(X), self._n_components), dtype=X.dtype)

        def write(start, stop, log_joint, common, room):
            resp, work, norm = room or _room(log_joint)
            log_evidence(log_joint, resp, work, norm)
            np.multiply(resp, norm, out=out[start:stop].T)

        self.each(X, write)
        return out

    def labels(self, X: np.ndarray) -> np.ndarray:
        """argmax_k log_joint, (n,)."""
        out = np.empty(len(X), dtype=np.int64)

        def write(start, stop, log_joint, common, room):
            labels_of(log_joint, out[start:stop])

        self.each(X, write)
        return out

    def largest_joint(self, X: np.ndarray) -> np.ndarray:
        """max_k log p(x, z = k), (n,) float64."""
        best = np.empty(len(X))

        def write(start, stop, log_joint, common, room):
            best[start:stop] = log_joint.max(axis=0) + common

        self.each(X, write)
        return best


def _room(log_joint: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    work, norm = np.empty((2, log_joint.shape[1]))
    return np.empty_like(log_joint), work, norm


class _ByKernel:
    """Rows of X in standard units, evaluated by the scorer's kernel."""

    def __init__(self, scorer: Scorer, X: np.ndarray, write: Callable):
        self._scorer, self._X, self._write = scorer, X, write

    def blocks(self) -> None:
        """All of them."""
        shift, scale, kernel = self._scorer.standard

        rows = Rows(self._X, None, shift, scale)

        def work(share):
            buffers = None
            with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
                for start, stop in share:
                    if buffers is None or buffers.z.shape[1] != stop - start:
                        buffers = allocate(kernel, stop - start)
                    self._evaluate(rows, start, stop, buffers)

        runs = shares(len(self._X), block_rows(bytes_per_row(kernel)))
        with thread_budget(len(runs) > 1) as mapper:
            for _ in mapper(work, runs):
                pass

    def block(self, start: int, stop: int) -> None:
        """One."""
        shift, scale, kernel = self._scorer.standard
        rows = Rows(self._X, None, shift, scale)
        self._evaluate(rows, start, stop, allocate(kernel, stop - start))

    def _evaluate(self, rows: Rows, start: int, stop: int, buffers: Buffers) -> None:
        kernel, log_unit = self._scorer.standard[-1], -float(np.log(rows.scale).sum())
        rows.read(start, stop, buffers.z)
        np.clip(buffers.z, -_FARTHEST, _FARTHEST, out=buffers.z)
        kernel.prepare(buffers)
        log_joint, common = kernel.log_joint(buffers), kernel.common(buffers) + log_unit
        self._write(start, stop, log_joint, common, (buffers.resp, buffers.work, buffers.norm))


class PredictiveScorer(Scorer):
    """The same with the means and precisions integrated out, of which ``mean_precision`` and
    ``degrees`` tell how well they are known: a mixture of Student's distributions."""

    # their residuals all lie in memory
    _FEW_NUMBERS = 40_000

    def __init__(self, structure, weights, means, factors, mean_precision, degrees):
        self._mean_precision, self._degrees = mean_precision, degrees
        super().__init__(structure, weights, means, factors)

    def _is_direct(self, n: int) -> bool:
        return n * self._means.size <= self._FEW_NUMBERS

    @cached_property
    def _students(self) -> Students:
        """In the units of the data."""
        return self._kernel_of(Components(self._log_weights, self._means, self._factors))

    def _direct(self, X: np.ndarray) -> np.ndarray:
        return self._students.log_joint_of(X)

    def _kernel_of(self, components: Components) -> Students:
        return Students(self._structure, components, self._mean_precision, self._degrees)
