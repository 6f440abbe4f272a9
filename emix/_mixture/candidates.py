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
    whitening = model.structure.form.whitening(model.space.view.total, _WHITEN)
    white = z if whitening is None else whitening @ z
    kinds = (z, white, z, white)
    stretches = np.exp(rng.standard_normal((count, len(z), 1)))
    found = np.empty((count, *z.shape))
    for i, stretch in enumerate(stretches):
        np.multiply(kinds[i % len(kinds)], stretch if i % len(kinds) > 1 else 1.0, out=found[i])
    # so that rounding does not choose among rows that are as near to one seed as to another
    return np.round(found, _DIGITS, out=found)


def partitions(y: np.ndarray, share: np.ndarray, n_components: int, rng) -> np.ndarray:
    """Labels (S, m) for rows y (S, q, m): nearest of the seeds of k-means++ (Arthur & Vassilvitskii
    2007), which are drawn with probability proportional to the squared distance from the seeds
    before."""
    n, _, m = y.shape
    squares, each = np.einsum("sqm,sqm->sm", y, y), np.arange(n)
    uniform = rng.uniform(size=(n_components, n, _TRIALS))
    drawn = _draw(np.broadcast_to(share, (n, m)), uniform[0, :, :1])
    seeds, nearest = [], None
    for k in range(n_components):
        trials = y[each[:, None], :, drawn]
        # squared distances less those from the origin, which all seeds have in common
        distances = _from_origin(trials, squares[each[:, None], drawn], y)
        if nearest is not None:
            np.minimum(distances, nearest[:, None], out=distances)
        chosen = (distances @ share).argmin(axis=1)
        seeds.append(trials[each, chosen])
        nearest = distances[each, chosen]
        if k + 1 < n_components:
            drawn = _draw(np.maximum(nearest + squares, 0.0) * share, uniform[k + 1])
    return _nearest(np.stack(seeds, axis=1), y)


def _draw(mass: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Indices (S, t) with probability proportional to mass (S, m)."""
    n, m = mass.shape
    # one sorted array for all: each mixture's masses take up an interval of it
    cumulative = mass.ravel().cumsum()
    ends = cumulative[m - 1 :: m]
    starts = np.concatenate([[0.0], ends[:-1]])
    found = cumulative.searchsorted(
        starts[:, None] + uniform * (ends - starts)[:, None], side="right"
    )
    return np.minimum(np.maximum(found - (m * np.arange(n))[:, None], 0), m - 1)


def _from_origin(seeds: np.ndarray, squares: np.ndarray, y: np.ndarray) -> np.ndarray:
    """|y - c|² - |y|² (S, t, m) of rows y (S, q, m) and seeds c (S, t, q) with these |c|²."""
    found = np.matmul(-2.0 * seeds, y)
    found += squares[..., None]
    return found


def _nearest(seeds: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The first of the seeds (S, K, q) at the least distance from each row, (S, m). Least numbers
    go along the rows, which argmin over another axis does not: it takes three times as long."""
    n_components = seeds.shape[1]
    distances = _from_origin(seeds, np.vecdot(seeds, seeds), y)
    places = np.arange(n_components, 0, -1, dtype=np.min_scalar_type(n_components))[:, None]
    is_least = distances <= np.minimum.reduce(distances, axis=1, keepdims=True)
    return n_components - np.maximum.reduce(is_least * places, axis=1).astype(np.intp)


def one_hot(labels: np.ndarray, n_components: int) -> np.ndarray:
    """Responsibilities (S, K, m) of labels (S, m)."""
    return (labels[:, None, :] == np.arange(n_components)[:, None]).astype(float)
