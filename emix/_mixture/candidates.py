"""Partitions of the rows to start from, many at once."""

from __future__ import annotations

import numpy as np

from .mixture import Mixture

# Eigenvalues of the rows' covariance below this share of the largest are rounding.
_WHITEN = 1e-12
# Decimal digits of coordinates in standard units.
_DIGITS = 9
# Trials of a seed; the one that lowers the sum of squares most is taken.
_TRIALS = 2


def metrics(model: Mixture, z: np.ndarray, count: int, rng: np.random.RandomState) -> np.ndarray:
    """Rows z (d, m) in metrics (count, d, m) that clusters are looked for in: standard units,
    whitened where the structure is dense, and both with features stretched at random."""
    whitening = model.structure.form.whitening(model.total, _WHITEN)
    white = z if whitening is None else whitening @ z
    kinds = (z, white, z, white)
    found = np.empty((count, *z.shape))
    for i in range(count):
        stretch = rng.standard_normal((len(z), 1)) if i % len(kinds) > 1 else 0.0
        np.multiply(kinds[i % len(kinds)], np.exp(stretch), out=found[i])
    # so that rounding does not choose among rows that are as near to one seed as to another
    return np.round(found, _DIGITS, out=found)


def partitions(y: np.ndarray, share: np.ndarray, n_components: int, rng) -> np.ndarray:
    """Labels (S, m) for rows y (S, q, m): nearest of the seeds of k-means++ (Arthur & Vassilvitskii
    2007), which are drawn with probability proportional to the squared distance from the seeds
    before."""
    n, _, m = y.shape
    squares = np.vecdot(y, y, axis=1)
    labels = np.zeros((n, m), dtype=np.intp)
    each = np.arange(n)
    drawn = _draw(np.broadcast_to(share, (n, m)), rng.uniform(size=(n, 1)))
    distance = _distances(y, squares, drawn)[:, 0]
    for k in range(1, n_components):
        drawn = _draw(distance * share, rng.uniform(size=(n, _TRIALS)))
        trials = np.minimum(_distances(y, squares, drawn), distance[:, None])
        chosen = (trials @ share).argmin(axis=1)
        new = trials[each, chosen]
        labels[new < distance] = k
        distance = new
    return labels


def _draw(mass: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Indices (S, t) with probability proportional to mass (S, m)."""
    cumulative = np.cumsum(mass, axis=1)
    # one sorted array for all: each mixture's masses take up an interval of length one
    total = np.maximum(cumulative[:, -1:], 1e-300)
    n, m = mass.shape
    flat = (cumulative / total + np.arange(n)[:, None]).ravel()
    found = np.searchsorted(flat, (uniform + np.arange(n)[:, None]).ravel(), side="right")
    return np.minimum(found.reshape(n, -1) - m * np.arange(n)[:, None], m - 1)


def _distances(y, squares, drawn):
    """Squared distances (S, t, m) from the rows drawn (S, t)."""
    seeds = np.take_along_axis(y, drawn[:, None, :], axis=2)
    found = squares[:, None] - 2.0 * np.matmul(seeds.swapaxes(1, 2), y)
    found += np.take_along_axis(squares, drawn, axis=1)[..., None]
    return np.maximum(found, 0.0, out=found)


def one_hot(labels: np.ndarray, n_components: int) -> np.ndarray:
    """Responsibilities (S, K, m) of labels (S, m)."""
    return (labels[:, None, :] == np.arange(n_components)[:, None]).astype(float)
