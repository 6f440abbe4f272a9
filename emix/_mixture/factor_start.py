"""Loadings to start from: the principal components of the rows of each component.

In units in which all features have the same noise, loadings and noise of given rows have a closed
form (Tipping & Bishop 1999, section 3.2): with l_1 >= l_2 >= ... the eigenvalues of the rows'
covariance and V the eigenvectors of the first q,

    sigma² = mean of the other eigenvalues,    W = V (L - sigma²)^(1/2).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._normal.factor_family import FactorFamily, FactorParams
from .._normal.gaussian import Params
from .._rows.blocks import Rows

# Matrices of at most 500 rows are decomposed whole, which takes 30 ms at 500. Of larger ones only
# the first eigenvectors are found: 8 vectors more than are wanted are multiplied by the matrix 6
# times.
_LARGEST, _MORE, _POWERS = 500, 8, 6
# A row that makes up less than 1e-9 of a component tells nothing of it, and is left out.
_NOTHING = 1e-9
# Climbs begin with at least a thousandth of a feature's variance as noise: from less, EM is slow.
_LEAST = 1e-3
_TINY = 1e-290


def with_loadings(
    family: FactorFamily, params: Params, rows: Rows, resp: np.ndarray, cloud: np.ndarray
) -> FactorParams:
    """Weights and means as they are, loadings and noise of the rows with responsibilities (n, K).
    cloud (d,) are the variances of the cloud that each row stands for."""
    form, (n_components, d) = family.form, params.means.shape
    z = np.empty((d, rows.n))
    rows.read(0, rows.n, z)
    shares = resp if rows.weight is None else resp * rows.weight[:, None]
    loadings, left = np.zeros((n_components, form.n_factors, d)), np.ones((n_components, d))
    for k, mean in enumerate(params.means):
        total = shares[:, k].sum()
        if total > 0.0:
            own = np.flatnonzero(shares[:, k] > _NOTHING * total)
            y = (z[:, own] - mean[:, None]) * np.sqrt(shares[own, k] / total)
            loadings[k], left[k] = _of_rows(family, y, cloud)
    fitted = family.factored(np.maximum(params.weights, _TINY), loadings, left)
    return family.admitted(Params(*params[:2], *fitted))


def _of_rows(
    family: FactorFamily, y: np.ndarray, cloud: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Wᵀ (q, d) and noise (d,) of rows y (d, m) whose covariance is y yᵀ + diag(cloud)."""
    d, q = len(y), family.form.n_factors
    variances = np.maximum(np.square(y).sum(axis=1) + cloud, _TINY)
    alike = family.structure.one_unit
    units = np.full(d, variances.mean()) if alike else variances
    values, vectors = _leading(y / np.sqrt(units)[:, None], q)
    rest = max(float((variances / units).sum() - values.sum()), 0.0) / (d - q)
    loadings = vectors.T * np.sqrt(np.maximum(values - rest, 0.0))[:, None] * np.sqrt(units)
    left = variances - np.square(loadings).sum(axis=0)
    return loadings, np.full(d, rest) * units if alike else np.maximum(left, _LEAST * variances)


def _leading(y: np.ndarray, q: int) -> tuple[np.ndarray, np.ndarray]:
    """The largest eigenvalues (q,) of y yᵀ and their vectors (d, q)."""
    d, m = y.shape
    if d <= min(m, _LARGEST):
        values, vectors = np.linalg.eigh(y @ y.T)
        return values[-q:], vectors[:, -q:]
    basis: Any = y
    if min(d, m) > _LARGEST:
        size = min(q + _MORE, m)
        basis = y @ np.random.RandomState(0).standard_normal((m, size))
        for _ in range(_POWERS):
            basis = y @ (y.T @ np.linalg.qr(basis)[0])
        basis = np.linalg.qr(basis)[0]
        y = basis.T @ y  # rows in the space of the basis
        values, vectors = np.linalg.eigh(y @ y.T)
        vectors = basis @ vectors
    else:
        values, inner = np.linalg.eigh(y.T @ y)
        vectors = (y @ inner) / np.sqrt(np.maximum(values, _TINY))
    found, kept = np.zeros(q), np.zeros((d, q))
    count = min(q, values.size)
    found[:count] = np.maximum(values[-count:], 0.0)
    kept[:, :count] = np.where(found[:count] > 0.0, vectors[:, -count:], 0.0)
    return found, kept
