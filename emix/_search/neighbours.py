"""Starts from mixtures with one component fewer or more.

Of a mixture of K components one is split, or two are merged (Ueda, Nakano, Ghahramani & Hinton
2000, Neural Computation 12, 2109-2128). Covariances are those of the components that there were:
the first M-step finds better ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import eigh

from .._fitted.fitted import structure_when_fitted
from .protocols import Mixture
from .rows import Rows

# A merge is tried for the 3 pairs of components that overlap most. Each try takes a short climb.
_PAIRS = 3


# What tells the covariances of a fit, by the structure.
_MATRICES = ("precisions_cholesky_", "loadings_", "noise_variances_")


class Start(NamedTuple):
    """Weights (K,), means (K, d), and the attributes that tell covariances."""

    weights: np.ndarray
    means: np.ndarray
    matrices: dict[str, np.ndarray]

    def attributes(self, frozen: frozenset[str]) -> dict[str, Any]:
        """Those of an estimator from which a warm start goes on; weights that are left alone are
        equal."""
        weights = self.weights
        if "weights" in frozen:
            weights = np.full(len(weights), 1.0 / len(weights))
        return {"weights_": weights, "means_": self.means, "converged_": False, **self.matrices}


def of(mixture: Mixture) -> Start:
    """The mixture itself."""
    return _start(mixture, mixture.weights_, mixture.means_, np.arange(len(mixture.means_)))


def copied(mixture: Mixture) -> Start:
    """The same density with one component more: the heaviest one twice, each with half of its
    weight. No M-step lowers it."""
    k = int(np.argmax(mixture.weights_))
    weights = np.append(mixture.weights_, 0.5 * mixture.weights_[k])
    weights[k] *= 0.5
    order = np.append(np.arange(len(mixture.means_)), k)
    return _start(mixture, weights, mixture.means_[order], order)


def splits(mixture: Mixture, rows: Rows) -> Iterator[Start]:
    """Each component in two: its rows are divided at its mean, across the direction in which they
    are longest, in units of the features' standard deviations."""
    filled = _filled(mixture, rows)
    resp = rows.weights[:, None] * mixture.predict_proba(rows.array)
    unit = _deviations(filled, rows.weights)
    for k, mass in enumerate(resp.T):
        y = filled - mixture.means_[k]
        upper = _half(y / unit, mass)
        shares = np.array([mass[~upper].sum(), mass[upper].sum()])
        if not shares.min() > 0.0:
            continue
        centres = [mass[half] @ y[half] / mass[half].sum() for half in (~upper, upper)]
        order = np.append(np.arange(len(mixture.means_)), k)
        weights, means = mixture.weights_[order], mixture.means_[order]
        for at, share, centre in zip((k, -1), shares / shares.sum(), centres, strict=True):
            weights[at] *= share
            means[at] += centre
        yield _start(mixture, weights, means, order)


def merges(mixture: Mixture, rows: Rows) -> Iterator[Start]:
    """Pairs of components as one, by falling overlap: the cosine of their responsibilities."""
    resp = mixture.predict_proba(rows.array).astype(float)
    products = resp.T @ (rows.weights[:, None] * resp)
    norms = np.sqrt(np.maximum(products.diagonal(), np.finfo(float).tiny))
    first, second = np.triu_indices(len(products), 1)
    overlap = (products / np.multiply.outer(norms, norms))[first, second]
    for pair in np.argsort(-overlap, kind="stable")[:_PAIRS]:
        yield _merged(mixture, int(first[pair]), int(second[pair]))


def _merged(mixture: Mixture, i: int, j: int) -> Start:
    """The weight and mean of both together, and the covariance of the heavier one."""
    weights, means = mixture.weights_.copy(), mixture.means_.copy()
    share = weights[j] / max(weights[i] + weights[j], np.finfo(float).tiny)
    means[i] += share * (means[j] - means[i])
    weights[i] += weights[j]
    kept = np.delete(np.arange(len(weights)), j)
    heavier = np.where((kept == i) & (share > 0.5), j, kept)
    return _start(mixture, weights[kept], means[kept], heavier)


def _start(mixture: Mixture, weights: np.ndarray, means: np.ndarray, order: np.ndarray) -> Start:
    """With the covariances of components in this order."""
    sharing, known = structure_when_fitted(mixture).sharing, vars(mixture)
    matrices = {
        name: sharing.taken(np.asarray(known[name]), order) for name in _MATRICES if name in known
    }
    weights = np.asarray(weights, dtype=float)
    return Start(weights / weights.sum(), means, matrices)


def _filled(mixture: Any, rows: Rows) -> np.ndarray:
    """The rows (n, d), with what is expected in place of what is missing."""
    if np.isnan(rows.array).any():
        return mixture.impute(rows.array).astype(float)
    return rows.array.astype(float)


def _deviations(X: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Standard deviations of the features, (d,); 1 where there is none."""
    y = X - X[0]
    y -= weight @ y / weight.sum()
    found = np.sqrt(weight @ y**2 / weight.sum())
    return np.where(found > 0.0, found, 1.0)


def _half(y: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Which rows y (n, d) about a mean lie above it in the longest direction, (n,) bool."""
    last = y.shape[1] - 1
    axis = eigh((mass[:, None] * y).T @ y, subset_by_index=(last, last))[1][:, 0]
    return y @ axis > 0.0
