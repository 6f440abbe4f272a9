"""Partitions of the rows to start from, many at once."""

from __future__ import annotations

import numpy as np

from .mixture import Mixture
from .ward import by_ward

# Eigenvalues of the rows' covariance below this share of the largest are rounding.
_WHITEN = 1e-12
# Decimal digits of coordinates in standard units.
_DIGITS = 9
# Trials of a seed; the one that lowers the sum of squares most is taken.
_TRIALS = 2
# Metrics before they are stretched.
_KINDS = 3
# From 8 components on, three times as many seeds as components are drawn, and their cells are
# joined: seeds alone miss some of many clusters. It takes time, and makes no difference with fewer
# components. Measured on 2000 rows of clusters in three of ten features, four structures, before
# scales were squared: of fits of 12 components 12 % reached the best known maximum with seeds alone
# and 69 % with joined cells; of fits of 20 components 25 and 50 %.
_MANY, _TIMES = 8, 3
# Cells are left out if an array of metrics, cells and rows would have more numbers (32 MB): with
# 200 components on 20,000 rows they took longer than the rest of the search.
_ROOM = 4e6


def candidates(
    model: Mixture,
    z: np.ndarray,
    share: np.ndarray,
    n_components: int,
    count: int,
    rng: np.random.RandomState,
) -> np.ndarray:
    """Labels (count, m) of rows z (d, m) with shares (m,)."""
    y = metrics(model, z, count, rng)
    if not joins_cells(n_components, min(count, _KINDS) * z.shape[1]):
        return partitions(y, share, n_components, rng)
    labels, stretched = np.empty((count, z.shape[1]), dtype=np.intp), _is_stretched(count)
    enough = model.soundness.needed / z.shape[1]
    labels[~stretched] = joined_partitions(y[~stretched], share, n_components, enough, rng)
    if stretched.any():
        labels[stretched] = partitions(y[stretched], share, n_components, rng)
    return labels


def joins_cells(n_components: int, n_rows: int) -> bool:
    """Whether partitions of so many rows, in all metrics together, are to be joined from cells."""
    return n_components >= _MANY and _TIMES * n_components * n_rows <= _ROOM


def metrics(model: Mixture, z: np.ndarray, count: int, rng: np.random.RandomState) -> np.ndarray:
    """Rows z (d, m) in metrics (count, d, m) that clusters are looked for in: standard units,
    whitened where the structure is dense, local scales of the features, and these with features
    stretched at random."""
    whitening = model.structure.form.whitening(model.space.view.total, _WHITEN)
    white = z if whitening is None else whitening @ z
    kinds = (z, white, model.space.floor.in_local_scales(z))
    stretches = np.exp(rng.standard_normal((count, len(z), 1)))
    stretches[~_is_stretched(count)] = 1.0
    found = np.empty((count, *z.shape))
    for i, stretch in enumerate(stretches):
        np.multiply(kinds[i % _KINDS], stretch, out=found[i])
    # so that rounding does not choose among rows that are as near to one seed as to another
    return np.round(found, _DIGITS, out=found)


def _is_stretched(count: int) -> np.ndarray:
    """Which of the metrics are, (count,)."""
    return np.arange(count) // _KINDS % 2 == 1


def partitions(y: np.ndarray, share: np.ndarray, n_components: int, rng) -> np.ndarray:
    """Labels (S, m) for rows y (S, q, m): nearest of the seeds of k-means++."""
    return _nearest(_seeds(y, share, n_components, _TRIALS, rng), y)


def joined_partitions(
    y: np.ndarray, share: np.ndarray, n_components: int, enough: float, rng, times: int = _TIMES
) -> np.ndarray:
    """Labels (S, m) for rows y (S, q, m): cells of more seeds than components, so many times as
    many, joined by Ward's criterion; first those of less than enough weight, which no sound
    component has."""
    n_cells = times * n_components
    cells = _nearest(_seeds(y, share, n_cells, 1, rng), y)
    hot = one_hot(cells, n_cells) * share
    sums = np.concatenate([hot @ y.swapaxes(1, 2), hot.sum(axis=2, keepdims=True)], axis=2)
    return np.take_along_axis(by_ward(sums, n_components, enough), cells, axis=1)


def _seeds(y: np.ndarray, share: np.ndarray, count: int, n_trials: int, rng) -> np.ndarray:
    """Seeds of k-means++ (S, count, q) among rows y (S, q, m): drawn with probability proportional
    to the squared distance from the seeds before (Arthur & Vassilvitskii 2007)."""
    n, _, m = y.shape
    squares, each = np.einsum("sqm,sqm->sm", y, y), np.arange(n)
    uniform = rng.uniform(size=(count, n, n_trials))
    drawn = _draw(np.broadcast_to(share, (n, m)), uniform[0, :, :1])
    seeds, nearest = [], None
    for k in range(count):
        trials = y[each[:, None], :, drawn]
        # squared distances less those from the origin, which all seeds have in common
        distances = _from_origin(trials, squares[each[:, None], drawn], y)
        if nearest is not None:
            np.minimum(distances, nearest[:, None], out=distances)
        chosen = (distances @ share).argmin(axis=1)
        seeds.append(trials[each, chosen])
        nearest = distances[each, chosen]
        if k + 1 < count:
            drawn = _draw(np.maximum(nearest + squares, 0.0) * share, uniform[k + 1])
    return np.stack(seeds, axis=1)


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
