"""Starting values, from a sample of the rows.

All draws go along the sample's order with cumulative weights: starts depend neither on the
order of rows nor on whether a row is repeated or weighted.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._normal.gaussian import LOG_2PI, Params
from .._rows.blocks import Rows
from .._rows.grid import spans
from .candidates import joined_partitions, joins_cells
from .candidates import one_hot as one_hot_of
from .mixture import Mixture
from .posterior import labels_of, one_hot, soft

# Starts are computed from at most 16384 rows, or 128 rows a component where that is more.
SAMPLE_ROWS = 16384
_ROWS_PER_COMPONENT = 128
# Good enough to start EM from; and where clusters are far apart, so few settle.
_LLOYD_PASSES, _SOON = 8, 6
_COLUMNS = 4096
# Cells for each of many components, which are joined to begin k-means with. Of 90 fits to 8, 12 or
# 20 clusters 6 standard deviations apart (2, 5, 10 features, 100 rows each) K-means found all in 60
# with seeds, in 88 with two and in 90 with three. Two cost what seeds do, to 10 %; with three fits
# of 20 components to 500 rows took a third longer.
_CELLS = 2
# Posteriors of clusters that are this well apart are as good as labels (nats per row).
_WELL_APART = 0.05
# ... and of these, as many as there are components, that no other start is better (nats per row).
_FAR_APART = 0.01
# Directions with less than this share of the largest variance do not tell clusters apart.
_WHITEN = 1e-12
# Logarithm of a ratio: local scales that differ by less than a factor of 1.5 are alike, and k-means
# in them is worth no more than another draw of seeds. With a factor of 1, hard fits of 240 problems
# end higher in 60 and lower in 22, for 1.11 times the time; with 1.5 in 19 and 10, for 1.01.
_SCALES = np.log(1.5)
# Local scales in standard units below which rows are magnified: scores within clusters differ by
# squares of it, and are ties where they differ by 1e-9. Two clusters of 100 rows, 7 of their
# standard deviations apart, were found beside a row at 1e6 of these, and not beside one at 1e7.
_COMPRESSED = 1e-3
# Standard deviations by which means are moved to tell equal components apart: too little to leave a
# maximum, enough to be seen to gain where it is not one.
_NUDGE = 0.05


def sample_size(n_components: int) -> int:
    return max(SAMPLE_ROWS, _ROWS_PER_COMPONENT * n_components)


def sample_of(model: Mixture, n_components: int) -> tuple[Rows, bool]:
    """Distinct rows with their weights that start values are computed from: all of them, or
    a systematic sample; and whether they are all."""
    return model.space.distinct.sample(sample_size(n_components))


def _standardised(model: Mixture) -> np.ndarray:
    """All rows in standard units, (d, n)."""
    rows = model.rows
    z = np.empty((rows.d, rows.n))
    rows.read(0, rows.n, z)
    return z


def _whitening(model: Mixture) -> np.ndarray:
    """W (d, q) with Wᵀ z of unit covariance, as far as the form's metric can tell; the
    identity where there are too few rows, which whitening would put at equal distances."""
    if not model.structure.form.correlates or model.rows.n <= 2 * model.rows.d:
        return np.eye(model.rows.d)
    values, vectors = np.linalg.eigh(model.space.view.total)
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
    return np.minimum(drawn, len(mass) - 1)


def _squared_distances(y, squares, chosen):
    centres = y[:, chosen]
    distances = squares[chosen][:, None] + squares - 2.0 * (centres.T @ y)
    distances[np.arange(len(chosen)), chosen] = 0.0
    return np.maximum(distances, 0.0, out=distances)


def _assignments(features: np.ndarray, centres: np.ndarray):
    """(start, stop, scores (K, m), the largest for the nearest of the centres (K, q)) for the
    columns of features (q + 1, n): y, and a row of ones."""
    half = 0.5 * np.vecdot(centres, centres)
    coefficients = np.column_stack([centres, -half])
    for start, stop in spans(features.shape[1], _COLUMNS):
        yield start, stop, coefficients @ features[:, start:stop]


def _with_ones(y: np.ndarray) -> np.ndarray:
    return np.concatenate([y, np.ones((1, y.shape[1]))])


def _nearest(features: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Index of the nearest centre, for every column."""
    labels = np.empty(features.shape[1], dtype=np.int64)
    for start, stop, scores in _assignments(features, centres):
        labels_of(scores, labels[start:stop])
    return labels


def _lloyd(
    y: np.ndarray, weight: np.ndarray, centres: np.ndarray, n_passes: int
) -> tuple[np.ndarray, bool]:
    """Labels after at most so many passes of k-means, and whether they have settled."""
    features = _with_ones(y)
    weighted, settled = (features * weight).T, False
    for _ in range(n_passes):
        sums = np.zeros((len(centres), len(features)))
        for start, stop, scores in _assignments(features, centres):
            sums += one_hot(scores) @ weighted[start:stop]
        mass = sums[:, -1:]
        moved = np.divide(sums[:, :-1], mass, out=centres.copy(), where=mass > 0.0)
        settled = bool((moved == centres).all())
        if settled:
            break
        centres = moved
    return _nearest(features, centres), settled


def partition(
    y: np.ndarray, weight: np.ndarray, n_components: int, rng: np.random.RandomState
) -> np.ndarray:
    """Labels (n,) of the columns of y: k-means from k-means++ seeds."""
    labels, _ = _lloyd(y, weight, y[:, seeds(y, weight, n_components, rng)].T, _LLOYD_PASSES)
    return labels


def _magnified(z: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Rows z (d, n) in units of the largest of the local scales (d,), where this is so small beside
    a row that is far from all others that distances within clusters would be taken for rounding.
    Features that do not vary have a local scale of one, and do not count."""
    if scale.min() > _COMPRESSED:
        return z
    unit = scale[np.ptp(z, axis=1) > 0.0].max()
    return z if unit > _COMPRESSED else (z - np.median(z, axis=1, keepdims=True)) / unit


def kmeans(model: Mixture, n_components: int, rng: np.random.RandomState) -> Params:
    """k-means from k-means++ seeds, on rows in standard units, on whitened rows, and on rows in
    local scales where these differ. Of many components the first begins with joined cells.

    Whitening finds clusters that are elongated alike, and hides those that are apart along
    the direction in which the data are longest; in standard units features without clusters hide
    those of others; the objective after a pass decides. Where the first clusters are hardly less
    probable than the mixture, they are well apart, and no others are looked for; they must be far
    apart where local scales differ, as in many dimensions halves of one cluster are well apart.
    """
    weight, floor = model.rows.weight, model.space.floor
    z = _magnified(_standardised(model), floor.scale)
    alike, joins = whole(model, n_components), joins_cells(n_components, z.shape[1])
    if joins:
        centres = _joined(model, z, n_components, rng)
    else:
        chosen = seeds(z, weight, n_components, rng)
        centres = z[:, chosen].T
    found = [_kmeans_on(model, z, centres, alike)]
    is_scaled = np.ptp(np.log(floor.scale)) > _SCALES
    whitening = _whitening(model)
    is_whitened = not np.array_equal(whitening, np.eye(len(z)))
    if n_components == 1 or not (is_scaled or is_whitened):
        return found[0]
    if _lost(model, found[0]) < (_FAR_APART if is_scaled else _WELL_APART):
        return found[0]
    if is_whitened:
        if joins:
            chosen = seeds(z, weight, n_components, rng)
        y = whitening.T @ z
        found.append(_kmeans_on(model, y, y[:, chosen].T, alike))
    if is_scaled:
        y = floor.in_local_scales(z)
        chosen = seeds(y, weight, n_components, rng)
        found.append(_kmeans_on(model, y, y[:, chosen].T, alike))
    return _best_after_a_pass(model, *found)


def _joined(model: Mixture, y: np.ndarray, n_components: int, rng) -> np.ndarray:
    """Centres (K, q) of cells of rows y (q, m) that are joined: seeds miss some of many clusters.

    In whitened and local coordinates seeds are drawn all the same. With joined cells there, too,
    fits to 124 tables whose clusters overlap ended no higher on average.
    """
    weight = model.rows.weight
    share, enough = weight / weight.sum(), model.soundness.needed / y.shape[1]
    labels = joined_partitions(y[None], share, n_components, enough, rng, _CELLS)[0]
    sums = one_hot_of(labels[None], n_components)[0] @ (_with_ones(y) * share).T
    return sums[:, :-1] / np.where(sums[:, -1:] > 0.0, sums[:, -1:], 1.0)


def _lost(model: Mixture, params: Params) -> float:
    """How much less probable the clusters of these parameters are than their mixture, nats per
    row."""
    return model.ruled(soft).e_step(params).evidence - _classified(model, params)


class Apart(NamedTuple):
    """Clusters that are well apart, and whether they are far apart: labels (n,) of the rows, and
    the mixture that they make."""

    labels: np.ndarray
    params: Params
    is_far: bool


def apart(model: Mixture, n_components: int, rng: np.random.RandomState) -> Apart | None:
    """k-means from k-means++ seeds, on rows in local scales, if its clusters settle soon, are
    sound and hardly less probable than the mixture."""
    z = model.space.floor.in_local_scales(_standardised(model))
    chosen = seeds(z, model.rows.weight, n_components, rng)
    labels, settled = _lloyd(z, model.rows.weight, z[:, chosen].T, _SOON)
    if not settled:
        return None
    found = _labelled(model, labels, whole(model, n_components))
    lost = _lost(model, found)
    if lost >= _WELL_APART or model.soundness.is_degenerate(found):
        return None
    return Apart(labels, found, bool(lost < _FAR_APART))


def _best_after_a_pass(model, *starts):
    """The start from which a pass leads highest, or what the pass leads to if it is sound."""
    ends = [model.m_step(model.e_step(params), params) for params in starts]
    sound = [not model.soundness.is_degenerate(params) for params in ends]
    values = [model.e_step(params).value for params in ends]
    best = max(range(len(starts)), key=lambda i: (sound[i], values[i]))
    return ends[best] if sound[best] else starts[best]


def _classified(model, params):
    """Log-likelihood of rows and labels, per row, at the M-step of the labels: there the
    quadratic forms average to d."""
    d = model.rows.d
    used = params.weights > 0.0
    weights = params.weights[used]
    log_dets = np.broadcast_to(model.structure.form.log_det(params.factors, d), used.shape)
    return weights @ (np.log(weights) + log_dets[used]) - 0.5 * d * (LOG_2PI + 1.0)


def _kmeans_on(model, y, centres, alike):
    labels, _ = _lloyd(y, model.rows.weight, centres, _LLOYD_PASSES)
    return _labelled(model, labels, alike)


def _labelled(model, labels, alike):
    identity = np.eye(len(alike.weights))
    return _m_step(model, lambda at: identity.take(labels[at], axis=0), alike)


def kmeans_plusplus(model: Mixture, n_components: int, rng: np.random.RandomState) -> Params:
    """The k-means++ seeds, drawn on whitened rows, as means."""
    y = _whitening(model).T @ _standardised(model)
    return _at_rows(model, seeds(y, model.rows.weight, n_components, rng))


def random_from_data(model: Mixture, n_components: int, rng: np.random.RandomState) -> Params:
    """Distinct rows as means, drawn in proportion to their weights."""
    mass = model.rows.weight.copy()
    drawn: list[int] = []
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
    return from_responsibilities(model, lambda at: resp[at], n_components)


def _at_rows(model, index):
    rows = model.rows
    return from_means(model, (rows.X[index] - rows.shift) / rows.scale)


def from_means(model: Mixture, means: np.ndarray) -> Params:
    """Given means, equal weights, and for all components the covariance of the rows about
    their nearest mean (in the metric of the whole data)."""
    rows, structure = model.rows, model.structure
    n_components, d = means.shape
    z, whitening = _standardised(model), _whitening(model)
    labels = _nearest(_with_ones(whitening.T @ z), means @ whitening)
    weights = np.full(n_components, 1.0 / n_components)
    within = structure.form.weighted_second(z - means[labels].T, rows.weight)
    within = structure.form.mean_matrix(within / rows.own_weight, d)
    return _with_covariance(model, weights, means, within)


def nudged(model: Mixture, params: Params, rng: np.random.RandomState) -> Params:
    """Means moved a little, at random and in units of each component's own covariance: equal
    components would stay equal for ever (Ueda & Nakano 1998)."""
    if "means" in model.frozen:
        return params
    normal = _NUDGE * rng.standard_normal(params.means.shape)
    factors = model.structure.sharing.per_component(params.factors, len(normal))
    steps = [
        model.structure.form.unwhiten(factor, step[None])[0]
        for factor, step in zip(factors, normal, strict=True)
    ]
    return params._replace(means=params.means + np.array(steps))


def from_responsibilities(model: Mixture, resp, n_components: int) -> Params:
    """M-step at given responsibilities; resp(at) is (m, K)."""
    return _m_step(model, resp, whole(model, n_components))


def _m_step(model: Mixture, resp, alike: Params) -> Params:
    """The same, given the parameters of all components alike.

    A second pass, about the means, is made where moments about one origin would cancel. A
    covariance that would be singular is replaced by that of all rows about their means.
    """
    stats = model.space.statistics_at(alike, resp)
    params = model.m_step(stats, alike)
    if model.space.is_distant(params):
        stats = model.space.statistics_at(params, resp)
        params = model.m_step(stats, params)
    if not model.soundness.is_degenerate(params):
        return params
    return _without_singular(model, params, stats)


def whole(model, n_components):
    """All components alike: those of the data taken together."""
    weights = np.full(n_components, 1.0 / n_components)
    return _with_covariance(
        model, weights, np.zeros((n_components, model.rows.d)), model.space.spread
    )


def _without_singular(model, params, stats):
    structure = model.structure
    within = model.about(stats, params.means).second
    within = structure.sharing.total(within)
    pooled = _with_covariance(
        model, params.weights, params.means, structure.form.mean_matrix(within, model.rows.d)
    )
    bad = params.n_floored > model.space.n_null
    parts = (
        structure.sharing.kept(bad, new, old)
        for new, old in zip(pooled[2:], params[2:], strict=True)
    )
    return Params(params.weights, params.means, *parts)


def _with_covariance(model, weights, means, covariance):
    """One covariance for all components; that of the data where it would be singular."""
    structure = model.structure
    covariance = covariance + structure.form.from_variances(model.space.noise)
    fitted = model.space.floor.factorise(covariance)
    if fitted.n_floored > model.space.n_null:
        fitted = model.space.floor.factorise(model.space.spread)
    return Params(
        weights, means, *(structure.sharing.repeated(part, len(weights)) for part in fitted)
    )
