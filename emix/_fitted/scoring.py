"""A mixture given by its public attributes, evaluated block by block."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from .._mixture.posterior import labels_of, log_evidence
from .._normal.choice import choose_for_scores
from .._normal.covariances import Structure
from .._normal.factor_kernel import FactorKernel
from .._normal.gaussian import LOG_2PI, Components, log_of_weights, natural
from .._normal.kernel_of_gaps import choose as choose_with_gaps
from .._rows.blocks import Rows
from .._rows.grid import block_rows, shares
from .._rows.patterns import GappedRows, Point, has_gaps, patterns_of
from .._rows.room import Buffers, allocate, bytes_per_row
from .threads import thread_budget

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
    precisions = structure.form.precisions(factors, d)
    deviation = np.sqrt(1.0 / precisions)
    # of each feature: one for all would lose features whose unit is smaller than its square root
    largest = np.maximum(np.abs(means - shift).max(axis=0), np.atleast_2d(deviation).max(axis=0))
    squares = ((means - shift) / largest) ** 2 + (deviation / largest) ** 2
    scale = largest * np.sqrt(weights @ squares)
    if structure.form.one_unit:
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
    def units(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and scales of standard units."""
        return _units(self._structure, self._weights, self._means, self._factors)

    @cached_property
    def _in_units(self) -> Components:
        shift, scale = self.units
        factors = self._structure.form.rescale_factor(self._factors, 1.0 / scale)
        return Components(self._log_weights, (self._means - shift) / scale, factors)

    @cached_property
    def kernel(self) -> Any:
        """What evaluates rows in standard units."""
        return self._kernel_of(self._in_units)

    def kernel_over(self, rows: GappedRows) -> Any:
        """The same for rows with gaps."""
        log_weights, means, factors = self._in_units
        structure, factors = self._structure.general(factors)
        covariances, origin = structure.form.invert(factors), np.zeros_like(means)
        point = Point(log_weights, means, covariances, factors, origin)
        return choose_with_gaps(structure, point, np.zeros(rows.d), rows)

    def _kernel_of(self, components: Components) -> Any:
        noise, origin = np.zeros_like(components.means[0]), np.zeros_like(components.means)
        if self._structure.form.has_loadings:
            return FactorKernel(self._structure, components, noise)
        eta = natural(self._structure, components, origin, noise)
        return choose_for_scores(self._structure, components, eta, noise)

    def each(self, X: np.ndarray, write: Callable) -> None:
        """write(at, log_joint, common, room) for all blocks of rows of X, at a slice or, where
        there are gaps, an index: log_joint (K, m) + common (m,) or () is in the units of the data;
        room is for responsibilities and two arrays (m,), or None where there is none yet.
        """
        n, n_components = len(X), self._n_components
        direct = self._is_direct(n)
        rows = max(1, _DIRECT_NUMBERS // (2 * (X.shape[1] + n_components)))
        if direct and n <= rows and self._is_written(X, 0, n, write):
            return
        if has_gaps(X):
            self._each_with_gaps(X, write)
        elif direct and n > rows:
            self._write_shares(X, shares(n, rows), write)
        else:
            _by_kernel(self, X, write).blocks()

    def _each_with_gaps(self, X: np.ndarray, write: Callable) -> None:
        _by_gap_kernel(self, X, lambda *block: write(*block[:-1])).blocks()

    def _write_shares(self, X: np.ndarray, runs: list, write: Callable) -> None:
        def work(share):
            for start, stop in share:
                if not self._is_written(X, start, stop, write):
                    _by_kernel(self, X, write).block(start, stop)

        with thread_budget(len(runs) >= _SHARED_RUNS) as mapper:
            for _ in mapper(work, runs):
                pass

    def _is_written(self, X: np.ndarray, start: int, stop: int, write: Callable) -> bool:
        """Whether numbers are all finite, and then written."""
        with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
            log_joint = self._direct(X[start:stop])
            finite = math.isfinite(np.add.reduce(log_joint, axis=None))
            if finite:
                write(slice(start, stop), log_joint, 0.0, None)
        return finite

    def log_prob(self, X: np.ndarray) -> np.ndarray:
        """log p(x), (n,) float64."""
        out = np.empty(len(X))

        def write(at, log_joint, common, room):
            out[at] = log_evidence(log_joint, *(room or _room(log_joint))) + common

        self.each(X, write)
        return out

    def responsibilities(self, X: np.ndarray) -> np.ndarray:
        """p(z | x), (n, K)."""
        out = np.empty((len(X), self._n_components), dtype=X.dtype)

        def write(at, log_joint, common, room):
            resp, work, norm = room or _room(log_joint)
            log_evidence(log_joint, resp, work, norm)
            out[at] = np.multiply(resp, norm, out=resp).T

        self.each(X, write)
        return out

    def labels(self, X: np.ndarray) -> np.ndarray:
        """argmax_k log_joint, (n,)."""
        out = np.empty(len(X), dtype=np.int64)

        def write(at, log_joint, common, room):
            out[at] = labels_of(log_joint, np.empty(log_joint.shape[1], dtype=np.int64))

        self.each(X, write)
        return out

    def largest_joint(self, X: np.ndarray) -> np.ndarray:
        """max_k log p(x, z = k), (n,) float64."""
        best = np.empty(len(X))

        def write(at, log_joint, common, room):
            best[at] = log_joint.max(axis=0) + common

        self.each(X, write)
        return best

    def imputed(self, X: np.ndarray) -> np.ndarray:
        """X with E[x | what is seen] in place of what is missing."""
        return self._filled(X, lambda at, resp, expected: resp @ expected)

    def drawn(self, X: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        """X with a draw from p(x | what is seen) in place of what is missing.

        A component k by its responsibility, a draw u from N(0, S_k), and E[x_m | x_o - u_o, k] +
        u_m: its mean and covariance are the conditional ones.
        """
        out, gapped = X.copy(), np.isnan(X).any(axis=1)
        if not gapped.any():
            return out
        rows = X[gapped].astype(np.float64)
        shares = np.cumsum(self.responsibilities(rows), axis=1)
        drawn = rng.uniform(size=len(rows)) * shares[:, -1]
        labels = np.minimum((shares <= drawn[:, None]).sum(axis=1), self._n_components - 1)
        normal = rng.standard_normal(rows.shape)
        factors = self._structure.sharing.per_component(self._factors, self._n_components)
        for k in np.unique(labels):
            own = labels == k
            normal[own] = self._structure.form.unwhiten(factors[k], normal[own])
        one_hot = np.eye(self._n_components)

        def given(at, resp, expected):
            return one_hot[labels[at], None] @ expected

        missing = np.isnan(rows)
        filled = self._filled(rows - normal, given) + normal
        rows[missing] = filled[missing]
        out[gapped] = rows
        return out

    def _filled(self, X: np.ndarray, mean: Callable) -> np.ndarray:
        """X with values in place of what is missing: mean(at, resp (m, 1, K),
        E[z | what is seen, k] (m, K, d)) is (m, 1, d)."""
        out, (shift, scale) = X.copy(), self.units

        def write(at, log_joint, common, room, filled):
            missing = np.isnan(X[at])
            if not missing.any():
                return
            resp, work, norm = room
            log_evidence(log_joint, resp, work, norm)
            z = mean(at, (resp * norm).T[:, None], filled().transpose(2, 0, 1))[:, 0]
            out[at] = np.where(missing, shift + scale * z, X[at])

        if has_gaps(X):
            _by_gap_kernel(self, X, write).blocks()
        return out


def _room(log_joint: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    work, norm = np.empty((2, log_joint.shape[1]))
    return np.empty_like(log_joint), work, norm


class _Sweep:
    """Blocks of rows in standard units, evaluated by a kernel, of which
    tell(start, stop, buffers, log_joint, common) is told."""

    def __init__(self, kernel: Any, rows: Rows, tell: Callable):
        self._kernel, self._rows, self._tell = kernel, rows, tell
        self._log_unit = -float(np.log(rows.scale).sum())

    def blocks(self) -> None:
        """All of them."""

        def work(share):
            buffers = None
            with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
                for start, stop in share:
                    if buffers is None or buffers.z.shape[1] != stop - start:
                        buffers = allocate(self._kernel, stop - start)
                    self._evaluate(start, stop, buffers)

        runs = shares(self._rows.n, block_rows(bytes_per_row(self._kernel)))
        with thread_budget(len(runs) > 1) as mapper:
            for _ in mapper(work, runs):
                pass

    def block(self, start: int, stop: int) -> None:
        """One."""
        with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
            self._evaluate(start, stop, allocate(self._kernel, stop - start))

    def _evaluate(self, start: int, stop: int, buffers: Buffers) -> None:
        kernel = self._kernel
        self._rows.read(start, stop, buffers.z)
        np.clip(buffers.z, -_FARTHEST, _FARTHEST, out=buffers.z)
        kernel.prepare(buffers)
        log_joint, common = kernel.log_joint(buffers), kernel.common(buffers) + self._log_unit
        self._tell(start, stop, buffers, log_joint, common)


def _by_kernel(scorer: Scorer, X: np.ndarray, write: Callable) -> _Sweep:
    def tell(start, stop, buffers, log_joint, common):
        write(slice(start, stop), log_joint, common, (buffers.resp, buffers.work, buffers.norm))

    return _Sweep(scorer.kernel, Rows(X, None, *scorer.units), tell)


def _by_gap_kernel(scorer: Scorer, X: np.ndarray, write: Callable) -> _Sweep:
    """Rows with gaps, of which ``filled()`` is E[z | what is seen, k] (K, d, m)."""
    # rows are read once
    rows = GappedRows(X, None, *scorer.units, map, patterns_of(X), kept_bytes=0)
    kernel = scorer.kernel_over(rows)

    def tell(start, stop, buffers, log_joint, common):
        room = buffers.resp, buffers.work, buffers.norm
        write(rows.at(start, stop), log_joint, common, room, lambda: kernel.filled(buffers))

    return _Sweep(kernel, rows, tell)
