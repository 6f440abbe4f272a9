"""Covariances whose volumes, shapes or axes are equal (Banfield & Raftery 1993; Celeux & Govaert
1995).

C_k = l_k D_k A_k D_kᵀ: volume l_k, shape A_k diagonal of determinant one, axes D_k orthonormal.
Each of the three is equal for all components (E) or varies (V); axes may be those of the features
(I). Fourteen structures have names of three letters, in this order: six of them are the
unrestricted ones of ``covariances``, the others are here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg.lapack import dtrtri

from . import variances
from .common_axes import CommonAxes
from .covariances import Structure
from .dense import DENSE
from .diagonal import DIAGONAL
from .factors import factor_of, factor_of_roots
from .protocols import Factored, Floor, Form
from .sharing import EACH

# A variance at the least is equal to it but for rounding.
_ROUNDING = 1e-12
# Passes of the estimate of proportional matrices, and the relative change that ends them.
_PASSES, _SETTLED = 200, 1e-12


class Task(NamedTuple):
    """One M-step, in coordinates in which all variances must be at least ``least``: shares p (K,)
    of the rows, scatter S and the covariances before it, of volumes (K,)."""

    shares: np.ndarray
    scatter: np.ndarray
    before: np.ndarray
    volumes: np.ndarray
    least: float


class Matrices(NamedTuple):
    """C_k = D_k diag(a_k) D_kᵀ: variances a (K, d), axes D (K, d, d) or (d, d); None where they are
    those of the features."""

    variances: np.ndarray
    axes: np.ndarray | None


# --- what the structures make of scatter: Celeux & Govaert 1995, table 1 ----------------------


def _vei(task: Task) -> Matrices:
    found = variances.of_equal_shape(task.shares, task.scatter, task.least, task.volumes)
    return Matrices(found, None)


def _evi(task: Task) -> Matrices:
    return Matrices(variances.of_equal_volume(task.shares, task.scatter, task.least), None)


def _eev(task: Task) -> Matrices:
    s, axes = np.linalg.eigh(task.scatter)
    return Matrices(variances.equal(task.shares, s, task.least), axes)


def _vev(task: Task) -> Matrices:
    s, axes = np.linalg.eigh(task.scatter)
    return Matrices(variances.of_equal_shape(task.shares, s, task.least, task.volumes), axes)


def _evv(task: Task) -> Matrices:
    s, axes = np.linalg.eigh(task.scatter)
    return Matrices(variances.of_equal_volume(task.shares, s, task.least), axes)


def _vee(task: Task) -> Matrices:
    """Proportional matrices l_k B: either given the other, from the volumes before on."""
    volumes, least = task.volumes, task.least
    for _ in range(_PASSES):
        s, axes = np.linalg.eigh(np.tensordot(task.shares / volumes, task.scatter, axes=1))
        shape = variances.proportions(s, np.zeros(()), min(least / volumes.min(), 1.0))[0]
        own = _diagonals(task.scatter, axes)
        before, volumes = volumes, np.maximum((own / shape).mean(axis=1), least / shape.min())
        # the least eigenvalue has rounding errors of the size of the largest
        settled = max(_SETTLED, 2.0**-52 * s[-1] / max(s[0], least))
        if np.abs(volumes / before - 1.0).max() <= settled:
            break
    return Matrices(volumes[:, None] * shape, axes)


def _eve(task: Task) -> Matrices:
    shares, least = task.shares, task.least
    return _along_common_axes(task, lambda s: variances.of_equal_volume(shares, s, least))


def _vve(task: Task) -> Matrices:
    return _along_common_axes(task, lambda s: variances.floored(s, task.least))


def _along_common_axes(task: Task, fit) -> Matrices:
    """From the axes before on, or from those of all scatter, whichever fit better."""
    volumes = task.volumes[:, None, None]
    starts = [
        np.linalg.eigh(np.tensordot(task.shares, stack / volumes, axes=1))[1]
        for stack in (task.before, task.scatter)
    ]
    best = CommonAxes(task.shares, task.scatter, fit).best(*starts)
    return Matrices(best.variances, best.axes)


def _diagonals(stack: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Diagonals (K, d) of Dᵀ S_k D."""
    return (axes.T @ stack @ axes).diagonal(axis1=1, axis2=2)


# --- coordinates ------------------------------------------------------------------------------


class Scaled:
    """Diagonal matrices in units of R (d,)."""

    def __init__(self, root: np.ndarray):
        self._squares = root * root

    def inside(self, stack: np.ndarray) -> np.ndarray:
        return stack / self._squares

    @property
    def volume(self) -> float:
        """Of one unit."""
        return float(np.exp(np.log(self._squares).mean()))

    def outside(self, found: Matrices) -> tuple[np.ndarray, np.ndarray]:
        """Covariances and factors."""
        covariances = found.variances * self._squares
        return covariances, 1.0 / np.sqrt(covariances)


class Whitened:
    """Dense matrices C as R⁻¹ C R⁻ᵀ, R (d, d) lower triangular."""

    def __init__(self, root: np.ndarray):
        self._root, self._inverse = root, dtrtri(root, lower=1)[0]

    def inside(self, stack: np.ndarray) -> np.ndarray:
        found = self._inverse @ stack @ self._inverse.T
        return 0.5 * (found + found.swapaxes(-1, -2))

    @property
    def volume(self) -> float:
        return float(np.exp(2.0 * np.log(self._root.diagonal()).mean()))

    def outside(self, found: Matrices) -> tuple[np.ndarray, np.ndarray]:
        deviations = np.sqrt(found.variances)[:, None, :]
        roots = self._root @ (found.axes * deviations)
        covariances = roots @ roots.swapaxes(-1, -2)
        factors = factor_of(covariances)
        if factors is None:
            factors = factor_of_roots(self._inverse.T @ (found.axes / deviations))
        return covariances, factors


# --- the structures ---------------------------------------------------------------------------


class Varies(NamedTuple):
    """Which of the three parts vary; None for the axes of the features."""

    volume: bool
    shape: bool
    axes: bool | None

    def n_free(self, n_components: int, d: int) -> int:
        volumes, shapes = (n_components if varies else 1 for varies in self[:2])
        turns = 0 if self.axes is None else n_components if self.axes else 1
        return volumes + shapes * (d - 1) + turns * (d * (d - 1) // 2)


class Parsimonious:
    """Estimator of one structure. Variances at the floor stay within the structure: it is scaled
    like the features where it may be, and round where they must have a common unit."""

    is_free = False

    def __init__(self, name: str, solve, varies: Varies, *, closed: bool):
        """closed: whether the structure stays when features are scaled one by one."""
        self._name, self._solve, self._varies, self._closed = name, solve, varies, closed
        self.form = DIAGONAL if varies.axes is None else DENSE

    def __reduce__(self):
        return _estimator, (self._name,)

    def one_unit(self, form: Form) -> bool:
        return not self._closed

    def n_free(self, form: Form, n_matrices: int, d: int) -> int:
        return self._varies.n_free(n_matrices, d)

    def estimate(self, weight, scatter, before, floor: Floor) -> Factored:
        frame = self._frame(np.ones(scatter.shape[-1]))
        found = self._solved(frame, weight, scatter, before, floor.rounding)
        if found.variances.min() > floor.above or not floor.share:
            return _factored(frame, found, floor.rounding)
        frame = self._frame(self._root(floor.bound.least))
        return _factored(frame, self._solved(frame, weight, scatter, before, 1.0), 1.0)

    def _frame(self, root: np.ndarray) -> Scaled | Whitened:
        if self._varies.axes is None:
            return Scaled(root)
        return Whitened(np.diag(root) if root.ndim == 1 else root)

    def _root(self, least: np.ndarray) -> np.ndarray:
        """Of the least covariance."""
        if self._varies.axes is None:
            return np.sqrt(least)
        if self._closed:
            return np.linalg.cholesky(least)
        return np.full(len(least), np.sqrt(np.linalg.eigvalsh(least)[0]))

    def _solved(self, frame, weight, scatter, before, least: float) -> Matrices:
        d = scatter.shape[-1]
        volumes = np.exp(-2.0 / d * self.form.log_det(before.factors, d)) / frame.volume
        inside = frame.inside(scatter), frame.inside(before.covariances)
        return self._solve(Task(weight / weight.sum(), *inside, volumes, least))


def _factored(frame: Scaled | Whitened, found: Matrices, least: float) -> Factored:
    n_floored = np.count_nonzero(found.variances <= least * (1.0 + _ROUNDING), axis=1)
    return Factored(*frame.outside(found), n_floored)


_ESTIMATORS = {
    "VEI": Parsimonious("VEI", _vei, Varies(True, False, None), closed=True),
    "EVI": Parsimonious("EVI", _evi, Varies(False, True, None), closed=True),
    "VEE": Parsimonious("VEE", _vee, Varies(True, False, False), closed=True),
    "EVE": Parsimonious("EVE", _eve, Varies(False, True, False), closed=False),
    "VVE": Parsimonious("VVE", _vve, Varies(True, True, False), closed=False),
    "EEV": Parsimonious("EEV", _eev, Varies(False, False, True), closed=False),
    "VEV": Parsimonious("VEV", _vev, Varies(True, False, True), closed=False),
    "EVV": Parsimonious("EVV", _evv, Varies(False, True, True), closed=True),
}


def _estimator(name: str) -> Parsimonious:
    return _ESTIMATORS[name]


PARSIMONIOUS = {name: Structure(e.form, EACH, e) for name, e in _ESTIMATORS.items()}
