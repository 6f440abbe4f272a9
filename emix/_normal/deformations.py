"""Coordinates of covariances near given ones, to second order.

Covariances near C_k = R_k R_kᵀ are R_k G_k(t) R_kᵀ with G_k(0) = 1. The coordinates t of a
structure say what its covariances share: volumes, shapes or axes, each of one component or of all.
Slopes A_a = dG_k / dt_a and bends d²G_k / dt_a dt_b are pure numbers, whatever the units.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np


class Deformation(Protocol):
    """Of one component: ``slopes`` are (q, d, d), or (q, d) where matrices are diagonal."""

    root: np.ndarray
    inverse: np.ndarray
    slopes: np.ndarray

    def bends(self, matrix: np.ndarray) -> np.ndarray:
        """tr(d²G / dt_a dt_b T), (q, q), of a symmetric T in the shape of a slope."""


class Deformations(NamedTuple):
    """Of all components: each, where its coordinates lie among all, and how many there are."""

    of: tuple[Deformation, ...]
    places: tuple[np.ndarray, ...]
    n_free: int


def traceless(d: int) -> np.ndarray:
    """An orthonormal basis (d - 1, d) of the vectors whose entries add up to zero."""
    basis = np.zeros((d - 1, d))
    for i in range(d - 1):
        basis[i, : i + 1], basis[i, i + 1] = 1.0, -(i + 1.0)
        basis[i] /= np.sqrt((i + 1.0) * (i + 2.0))
    return basis


def _pairs(d: int, sign: float) -> np.ndarray:
    """e_i e_jᵀ + sign e_j e_iᵀ for i < j, (d (d - 1) / 2, d, d)."""
    rows, cols = np.triu_indices(d, 1)
    found = np.zeros((len(rows), d, d))
    at = np.arange(len(rows))
    found[at, rows, cols], found[at, cols, rows] = 1.0, sign
    return found


def _on_diagonal(rows: np.ndarray) -> np.ndarray:
    """(q, d) -> (q, d, d)"""
    return rows[:, :, None] * np.eye(rows.shape[1])


class Stretched:
    """G = exp(sum_a t_a B_a) for matrices B (q, d, d), or for diagonal ones (q, d)."""

    def __init__(self, root: np.ndarray, inverse: np.ndarray, slopes: np.ndarray):
        self.root, self.inverse, self.slopes = root, inverse, slopes

    def bends(self, matrix: np.ndarray) -> np.ndarray:
        """tr((B_a B_b + B_b B_a) T) / 2"""
        flat = self.slopes.reshape(len(self.slopes), -1)
        if matrix.ndim == 1:
            return (flat * matrix) @ flat.T
        half = (matrix @ self.slopes).reshape(flat.shape) @ flat.T
        return 0.5 * (half + half.T)


class Turned:
    """C = D exp(W) L exp(a) exp(-W) Dᵀ with axes D and variances L, in R = D sqrt(L): first the
    coordinates of the diagonal a, linear in them, then those of the skew W."""

    def __init__(self, axes: np.ndarray, variances: np.ndarray, stretches: np.ndarray):
        deviations = np.sqrt(variances)
        self.root, self.inverse = axes * deviations, (axes / deviations).T
        self._turns = _pairs(len(axes), -1.0)
        self._variances, self._stretches = variances, stretches
        self._frame = 1.0 / (deviations[:, None] * deviations)
        turned = self._commuted(variances) * self._frame
        self.slopes = np.concatenate([_on_diagonal(stretches), turned])

    def _commuted(self, diagonal: np.ndarray) -> np.ndarray:
        """[W_a, diag]"""
        return self._turns * diagonal - diagonal[:, None] * self._turns

    def bends(self, matrix: np.ndarray) -> np.ndarray:
        """By tr([W, X] T) = tr(X [T, W]), with T in the frame of the variances."""
        turns, stretches = self._turns, self._stretches
        framed = matrix * self._frame
        against = framed @ turns - turns @ framed  # [T, W_a], symmetric
        both = np.tensordot(self._commuted(self._variances), against, axes=((1, 2), (1, 2)))
        across = (stretches * self._variances) @ np.diagonal(against, axis1=1, axis2=2).T
        own = (stretches * matrix.diagonal()) @ stretches.T
        return np.block([[own, across], [across.T, 0.5 * (both + both.T)]])


class Sharing(NamedTuple):
    """Of which parts each component has its own: volumes, shapes (None for spheres), and axes
    that turn (None where they are those of the features, or the shape is any matrix's)."""

    volume: bool
    shape: bool | None
    axes: bool | None = None

    def deformations(self, factors: np.ndarray, d: int) -> Deformations:
        """Near the covariances of factors: (K, d, d) dense, (K, d) diagonal or (K,) isotropic."""
        if self.axes is not None:
            return self._turned(factors, d)
        if factors.ndim == 3:
            inverses = factors.swapaxes(-1, -2)
            roots = np.linalg.inv(inverses)
            parts = self._parts(np.eye(d)[None], _shapes(d))
        else:
            inverses = factors.reshape(len(factors), -1) * np.ones(d)
            roots = 1.0 / inverses
            parts = self._parts(np.ones((1, d)), traceless(d))
        slopes = np.concatenate([part for part, _ in parts])
        of = tuple(Stretched(*each, slopes) for each in zip(roots, inverses, strict=True))
        return Deformations(of, *_placed(parts, len(of)))

    def _parts(self, volume: np.ndarray, shape: np.ndarray) -> list[tuple[np.ndarray, bool]]:
        parts = [(volume, self.volume)]
        return parts if self.shape is None else [*parts, (shape, self.shape)]

    def _turned(self, factors: np.ndarray, d: int) -> Deformations:
        covariances = np.linalg.inv(factors @ factors.swapaxes(-1, -2))
        if self.axes:
            variances, axes = np.linalg.eigh(covariances)
        else:
            common = _common_axes(covariances)
            variances = np.stack([(common.T @ each @ common).diagonal() for each in covariances])
            axes = np.broadcast_to(common, covariances.shape)
        parts = self._parts(np.ones((1, d)), traceless(d))
        stretches = np.concatenate([part for part, _ in parts])
        of = tuple(Turned(*each, stretches) for each in zip(axes, variances, strict=True))
        return Deformations(of, *_placed([*parts, (_pairs(d, -1.0), self.axes)], len(of)))


def _shapes(d: int) -> np.ndarray:
    """A basis of the symmetric matrices of trace zero."""
    return np.concatenate([_on_diagonal(traceless(d)), _pairs(d, 1.0)])


def _common_axes(covariances: np.ndarray) -> np.ndarray:
    """Of matrices that commute: those of a combination whose eigenvalues differ where those of any
    of them do, as its factors have no simple ratios."""
    sizes = np.trace(covariances, axis1=1, axis2=2) * np.sqrt(np.arange(2.0, len(covariances) + 2))
    return np.linalg.eigh((covariances / sizes[:, None, None]).sum(axis=0))[1]


def _placed(parts: list, n_components: int) -> tuple[tuple[np.ndarray, ...], int]:
    """Where the coordinates of each component lie, if each has its own of some parts."""
    places: list[list[np.ndarray]] = [[] for _ in range(n_components)]
    at = 0
    for part, is_own in parts:
        for own in places:
            own.append(np.arange(at, at + len(part)))
            at += len(part) if is_own else 0
        at += 0 if is_own else len(part)
    return tuple(np.concatenate(own) for own in places), at
