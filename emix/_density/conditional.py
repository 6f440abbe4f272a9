"""Some features of a mixture given others: again a mixture, one for each row.

With C = Rᵀ R, the columns of R ordered as (given, wanted) and made triangular again,

    R = [[R_aa, R_ab], [0, R_bb]],    e = R_aa⁻ᵀ (a - mu_a),

the normal of b given a has mean mu_b + R_abᵀ e and root R_bb, and log N(a) = -|e|²/2 - log|R_aa| -
m log(2 pi)/2. The weights of the components given a are proportional to w_k N(a | k) (Ghahramani &
Jordan 1994). Unknown entries of a (NaN) are left out, which is marginalisation: rows are treated
together if they know the same entries.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from .._normal.gaussian import LOG_2PI
from .normals import Normals, triangular, whitened


class Conditional(NamedTuple):
    """log_weights (n, K), means (n, K, q), roots (n, K, q, q), log_density of what is given (n,).

    The roots are a view of one (K, q, q) where all rows know the same features.
    """

    log_weights: np.ndarray
    means: np.ndarray
    roots: np.ndarray
    log_density: np.ndarray


def conditional(normals: Normals, given, wanted, values: np.ndarray) -> Conditional:
    """Of the features ``wanted`` (q,) where the features ``given`` (m,) have these values (n, m);
    NaN where a value is not known."""
    given, wanted = np.asarray(given, dtype=int), np.asarray(wanted, dtype=int)
    n_components, q, n = len(normals.means), len(wanted), len(values)
    parts = [
        (rows, _known(normals, given[known], wanted, values[np.ix_(rows, known)]))
        for known, rows in _patterns(~np.isnan(values))
    ]
    if len(parts) == 1:
        log_joint, means, roots = parts[0][1]
        roots = np.broadcast_to(roots, (n, n_components, q, q))
    else:
        log_joint = np.empty((n, n_components))
        means, roots = np.empty((n, n_components, q)), np.empty((n, n_components, q, q))
        for rows, part in parts:
            log_joint[rows], means[rows], roots[rows] = part
    # relative to the largest first: far away the logarithms are large, and their sum would not
    # tell one component from three
    largest = log_joint.max(axis=1, keepdims=True)
    log_weights = log_joint - largest
    total = logsumexp(log_weights, axis=1, keepdims=True)
    return Conditional(log_weights - total, means, roots, (largest + total)[:, 0])


def log_densities(normals: Normals, X: np.ndarray) -> np.ndarray:
    """log N(x | k) of the values that a row has, (n, K)."""
    found, nothing = np.empty((len(X), len(normals.means))), np.zeros(0, dtype=int)
    single = normals._replace(log_weights=np.zeros(len(normals.means)))
    for known, rows in _patterns(~np.isnan(X)):
        given = np.flatnonzero(known)
        found[rows] = _known(single, given, nothing, X[np.ix_(rows, given)])[0]
    return found


def _patterns(known: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(which entries are known (m,), the rows of this pattern)."""
    if known.all():
        yield np.ones(known.shape[1], dtype=bool), np.arange(len(known))
        return
    patterns, labels = np.unique(known, axis=0, return_inverse=True)
    order = np.argsort(labels.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(labels.ravel(), minlength=len(patterns)))[:-1]
    yield from zip(patterns, np.split(order, ends), strict=True)


def _known(normals: Normals, given, wanted, values):
    """log w_k N(a | k) (n, K), means (n, K, q) and roots (K, q, q) where all values are known."""
    m = len(given)
    roots = triangular(normals.roots[:, :, np.concatenate([given, wanted])])
    of_given = roots[:, :m, :m]
    const = normals.log_weights - 0.5 * m * LOG_2PI
    const = const - np.log(of_given.diagonal(axis1=-2, axis2=-1)).sum(axis=-1)
    log_joint = np.empty((len(values), len(roots)))
    means = np.empty((*log_joint.shape, len(wanted)))
    for k, mean in enumerate(normals.means):
        white = whitened(of_given[k], values - mean[given])
        log_joint[:, k] = const[k] - 0.5 * np.vecdot(white, white)
        means[:, k] = mean[wanted] + white @ roots[k, :m, m:]
    return log_joint, means, roots[:, m:, m:]
