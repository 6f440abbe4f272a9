"""Starting values, from a sample of the rows.

The sample is sorted and its equal rows are merged, and all draws go along that order with
cumulative weights: starts depend neither on the order of rows nor on whether a row is
repeated or weighted.
"""

from __future__ import annotations

import numpy as np

from .ascent import Ascent
from .blocks import Rows, spans
from .covariance import TIED_SPHERICAL, Dense
from .gaussian import Params
from .mixture import Mixture
from .posterior import hard

# Starts are computed from at most this many rows (or so many per component).
SAMPLE_ROWS = 16384
_ROWS_PER_COMPONENT = 128
_LLOYD_PASSES = 10
# Directions with less than this share of the largest variance do not tell clusters apart.
_WHITEN = 1e-12


def sample_size(n_components: int) -> int:
    """Most rows of a sample."""
    return max(SAMPLE_ROWS, _ROWS_PER_COMPONENT * n_components)


def sample_rows(rows: Rows, n_components: int, rng: np.random.RandomState) -> Rows:
    """Rows that start values are computed from: all of them, or a systematic sample."""
    order = _sorted_order(rows.X)
    weight = np.ones(rows.n) if rows.weight is None else rows.weight[order]
    size = sample_size(n_components)
    if rows.n > size:
        cumulative = np.cumsum(weight)
        points = (rng.uniform() + np.arange(size)) / size * cumulative[-1]
        picked = np.searchsorted(cumulative, points, side="right").clip(max=rows.n - 1)
        picked, counts = np.unique(picked, return_counts=True)
        order, weight = order[picked], counts.astype(float)
    else:
        order, weight = order[weight > 0.0], weight[weight > 0.0]
    X = np.asarray(rows.X[order])
    new = np.ones(len(X), dtype=bool)
    new[1:] = (X[1:] != X[:-1]).any(axis=1)
    if not new.all():
        X, weight = X[new], np.add.reduceat(weight, np.flatnonzero(new))
    return Rows(X, weight, rows.shift, rows.scale)


def _sorted_order(X: np.ndarray) -> np.ndarray:
    """Lexicographic order of the rows, by as many leading features as tell them apart."""
    n, d = X.shape
    used = 1
    while True:
        order = np.lexsort(X[:, :used].T[::-1])
        leading = X[order, :used]
        ties = np.flatnonzero((leading[1:] == leading[:-1]).all(axis=1))
        if used == d or (X[order[ties]] == X[order[ties + 1]]).all():
            return order
        used = min(2 * used, d)


def _standardised(model: Mixture) -> np.ndarray:
    """All rows in standard units, (d, n)."""
    rows = model.rows
    z = np.empty((rows.d, rows.n))
    rows.read(0, rows.n, z)
    return z


def _whitening(model: Mixture) -> np.ndarray:
    """W (d, q) with Wᵀ z of unit covariance, as far as the form's metric can tell."""
    if not isinstance(model.structure.form, Dense):
        return np.eye(model.rows.d)
    values, vectors = np.linalg.eigh(model.total)
    kept = values > max(values[-1] * _WHITEN, 0.0)
    return vectors[:, kept] / np.sqrt(values[kept])


def seeds(
    y: np.ndarray, weight: np.ndarray, n_components: int, rng: np.random.RandomState
) -> np.ndarray:
    """Greedy k-means++ (Arthur & Vassilvitskii 2007): columns of y drawn in proportion to
    their squared distance from those drawn before, the best of a few trials each."""
    trials = 2 + int(np.log(n_components))
    squares = np.einsum("ij,ij->j", y, y)
    chosen = [_draw(weight, rng.uniform(size=1))[0]]
    distance = _squared_distances(y, squares, chosen)[0]
    for _ in range(1, n_components):
        mass = weight * distance
        if not mass.sum() > 0.0:
            chosen.append(chosen[len(chosen) % len(set(chosen))])
            continue
        candidates = _draw(mass, rng.uniform(size=trials))
        distances = np.minimum(_squared_distances(y, squares, candidates), distance)
        best = int(np.argmin(distances @ weight))
        chosen.append(candidates[best])
        distance = distances[best]
    return np.array(chosen)


def _draw(mass: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Indices with probability proportional to mass."""
    cumulative = np.cumsum(mass)
    drawn = np.searchsorted(cumulative, uniform * cumulative[-1], side="right")
    return drawn.clip(max=np.flatnonzero(mass)[-1])


def _squared_distances(y, squares, chosen):
    centres = y[:, chosen]
    distances = squares[chosen][:, None] + squares - 2.0 * (centres.T @ y)
    distances[np.arange(len(chosen)), chosen] = 0.0
    return np.maximum(distances, 0.0, out=distances)


def _lloyd(y, weight, centres, max_iter):
    """Labels of the nearest centre after k-means passes: hard assignment under one shared,
    fixed variance and equal, fixed weights."""
    q, n = y.shape
    n_components = centres.shape[1]
    rows = Rows(y.T, weight, np.zeros(q), np.ones(q))
    frozen = frozenset({"weights", "covariances"})
    model = Mixture(TIED_SPHERICAL, rows, np.zeros(q), rule=hard, frozen=frozen)
    one, none = np.ones(()), np.zeros((), dtype=int)
    weights = np.full(n_components, 1.0 / n_components)
    params = Params(weights, centres.T.copy(), one, one, none)
    if max_iter:
        climb = Ascent(model, params, accelerate=False)
        params = climb.run(tol=1e-3, max_iter=max_iter).params
    labels = np.empty(n, dtype=np.intp)
    half = 0.5 * np.einsum("kj,kj->k", params.means, params.means)[:, None]
    for start, stop in spans(n, 4096):
        labels[start:stop] = (params.means @ y[:, start:stop] - half).argmax(axis=0)
    return labels


def kmeans(model: Mixture, n_components: int, rng: np.random.RandomState) -> Params:
    """k-means from k-means++ seeds, on whitened rows and on rows in standard units.

    Whitening finds clusters that are elongated alike, and hides those that are apart along
    the direction in which the data are longest; the likelihood decides between the two.
    """
    z = _standardised(model)
    found = [_kmeans_on(model, z, n_components, rng)]
    if isinstance(model.structure.form, Dense) and n_components > 1 and model.rows.d > 1:
        found.append(_kmeans_on(model, _whitening(model).T @ z, n_components, rng))
    if len(found) == 1:
        return found[0]
    return max(found, key=lambda params: model.e_step(params).value)


def _kmeans_on(model, y, n_components, rng):
    weight = model.rows.weight
    centres = y[:, seeds(y, weight, n_components, rng)]
    return from_labels(model, _lloyd(y, weight, centres, _LLOYD_PASSES), n_components)


def kmeans_plusplus(model: Mixture, n_components: int, rng: np.random.RandomState) -> Params:
    """The k-means++ seeds, drawn on whitened rows, as means."""
    y = _whitening(model).T @ _standardised(model)
    return _at_rows(model, seeds(y, model.rows.weight, n_components, rng))


def random_from_data(model: Mixture, n_components: int, rng: np.random.RandomState) -> Params:
    """Distinct rows as means, drawn in proportion to their weights."""
    mass = model.rows.weight.copy()
    drawn = []
    for _ in range(n_components):
        if not mass.sum() > 0.0:
            drawn.append(drawn[len(drawn) % mass.size])
            continue
        drawn.append(int(_draw(mass, rng.uniform(size=1))[0]))
        mass[drawn[-1]] = 0.0
    return _at_rows(model, np.array(drawn))


def random(model: Mixture, n_components: int, rng: np.random.RandomState) -> Params:
    """Responsibilities drawn uniformly, and normalised."""
    resp = rng.uniform(size=(model.rows.n, n_components))
    resp /= resp.sum(axis=1, keepdims=True)
    return from_responsibilities(model, lambda start, stop: resp[start:stop], n_components)


def _at_rows(model, index):
    rows = model.rows
    return from_means(model, (rows.X[index] - rows.shift) / rows.scale)


def from_means(model: Mixture, means: np.ndarray) -> Params:
    """Given means, equal weights, and for all components the covariance of the rows about
    their nearest mean (in the metric of the whole data)."""
    rows, structure = model.rows, model.structure
    n_components, d = means.shape
    z, whitening = _standardised(model), _whitening(model)
    labels = _lloyd(whitening.T @ z, rows.weight, (means @ whitening).T, 0)
    weights = np.full(n_components, 1.0 / n_components)
    within = structure.form.weighted_second(z - means[labels].T, rows.weight)
    within = structure.form.mean_matrix(within / rows.total_weight, d)
    return _with_covariance(model, weights, means, within)


def from_labels(model: Mixture, labels: np.ndarray, n_components: int) -> Params:
    """M-step at hard assignments (n,)."""
    identity = np.eye(n_components)
    return from_responsibilities(
        model, lambda start, stop: identity[labels[start:stop]], n_components
    )


def from_responsibilities(model: Mixture, resp, n_components: int) -> Params:
    """M-step at given responsibilities; resp(start, stop) is (m, K).

    Two sweeps, the second one about the means, so that no moment cancels. A covariance that
    would be singular is replaced by that of all rows about their means.
    """
    structure, d = model.structure, model.rows.d
    origin = _with_covariance(
        model,
        np.full(n_components, 1.0 / n_components),
        np.zeros((n_components, d)),
        structure.form.mean_matrix(model.total, d),
    )
    centred = model.m_step(model.given(origin, resp), origin)
    stats = model.given(centred, resp)
    params = model.m_step(stats, centred)
    if not model.is_degenerate(params):
        return params
    within = stats.second if structure.pooled else stats.second.sum(axis=0)
    pooled = _with_covariance(
        model, params.weights, params.means, structure.form.mean_matrix(within, d)
    )
    if structure.pooled or not params.n_floored.any():
        return pooled
    bad = params.n_floored > model.n_null
    pick = [
        np.where(bad.reshape(-1, *[1] * (new.ndim - 1)), new, old)
        for new, old in zip(pooled[2:], params[2:], strict=True)
    ]
    return Params(params.weights, params.means, *pick)


def _with_covariance(model, weights, means, covariance):
    """One covariance for all components; that of the data where it would be singular."""
    structure = model.structure
    covariance = covariance + structure.form.from_variances(model.noise)
    fitted = structure.form.factorise(covariance)
    if fitted.n_floored > model.n_null:
        whole = structure.form.mean_matrix(model.total, means.shape[1])
        fitted = structure.form.factorise(whole)
    if not structure.pooled:
        fitted = [np.repeat(part[None], len(weights), axis=0) for part in fitted]
    return Params(weights, means, *fitted)
