"""The curvature of the log-likelihood: the complete data's information less what is missing.

With natural parameters eta, features T(x) and q = p(z | x), the information of the rows with
their components is I, and that of the rows alone I - M (Louis 1982), where

    M = sum_i Cov_q(z T(x_i)) = sum_i sum_{k<l} q_ik q_il (e_k - e_l)(e_k - e_l)ᵀ ⊗ T Tᵀ

is the information that is missing with the components. M is a sum over rows like all
statistics, and I is that of the normal family: in functions L T(x) that are orthonormal under
each component, the identity.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from .._em.either import NewtonOrQuasi
from .._normal.covariances import Structure
from .._normal.dense import DENSE
from .._normal.gaussian import Params, Products
from .._normal.stats import Stats, layout_of
from .._rows.blocks import KEPT_BYTES
from .._rows.room import Buffers
from .._rows.tiles import inner
from .mixture import Mixture
from .odds import Odds
from .posterior import soft
from .sums import OddsSums, RuleSums

# Newton's steps pay where a pass with curvature and step takes at most so many times as long as
# one with a quasi-Newton step: of 20 to 300 of these they save two thirds or more (mixtures of 1 to
# 10 features and 2 to 10 components, 150 to 20,000 rows).
_WORTH = 3.0
# Where they do not, they come after quasi-Newton's have taken the time of 12 passes of theirs: 20
# components on 20,000 rows, which overlap, are fitted in a quarter to a half of the time, and in 12
# passes of 20 or 25 there is no difference. Never where a pass takes 80 times as long: the matrices
# could be larger than memory.
_CLIMB, _DEAREST = 12.0, 80.0
# What they take in microseconds, measured on one thread of an AMD EPYC server, OpenBLAS: fixed
# times of a pass and of Newton's step, the latter's time per square of a parameter, ...
_PASS, _STEP, _PER_SQUARE = 300.0, 130.0, 0.07
# ... and for a row a pass's time per feature and per component, and that of the curvature per
# product of features: of reading it, of filling it in if it is not kept, and per overlap.
_FEATURE, _COMPONENT = 1e-3, 2.5e-3
_READ, _FILL, _OVERLAP = 0.4e-3, 1.0e-3, 0.1e-3
# Components of less weight are about to die.
_LEAST = 1e-8
# Sums of squares that no sound curvature has: rows are so far out that it is nothing but rounding.
_FAR = 1e16


@lru_cache(maxsize=64)
def _symmetric(width: int) -> np.ndarray:
    """Where T_a T_b lies among the features (T, T_a T_b packed without the constant)."""
    place = np.empty((width, width), dtype=np.intp)
    rows, cols = np.triu_indices(width - 1)
    place[rows, cols] = place[cols, rows] = width + np.arange(rows.size)
    place[-1] = place[:, -1] = np.arange(width)
    return place


def _overlaps(resp: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Products of any two rows of resp (K, m), the first with all others first."""
    at = 0
    for k in range(len(resp) - 1):
        stop = at + len(resp) - 1 - k
        np.multiply(resp[k], resp[k + 1 :], out=out[at:stop])
        at = stop
    return out[:at]


def _fill_squares(features: np.ndarray, width: int) -> None:
    """Products of any two of the features T but the constant, after these."""
    DENSE.fill_products(features[: width - 1], features[width:])


class Curved(Products):
    """Products that also add up sum_i resp_ik resp_il T_i T_iᵀ for k < l, the overlaps."""

    def __init__(self, plain: Products):
        super().__init__(plain.structure, plain.params, plain.eta, plain.total)
        self.n_overlaps = self.n_components * (self.n_components - 1) // 2
        width = self.layout.width
        self.n_features = width + width * (width - 1) // 2
        self.size = self.layout.split + self.n_overlaps * self.n_features
        self.n_scratch = max(self.n_scratch, self.n_overlaps)

    def prepare(self, buffers: Buffers) -> None:
        super().prepare(buffers)
        _fill_squares(buffers.features, self.layout.width)

    def accumulate(self, buffers: Buffers, scale: np.ndarray | None, sums: np.ndarray) -> None:
        split, resp = self.layout.split, buffers.resp
        super().accumulate(buffers, scale, sums[:split])
        total = resp.sum(axis=0)
        resp /= total
        if scale is not None:
            total *= scale  # the rows' weights
        overlaps = _overlaps(resp, buffers.scratch)
        overlaps *= total
        sums[split:] += inner(overlaps, buffers.features).ravel()

    def stats(self, value: float, sums: np.ndarray) -> Stats:
        split = self.layout.split
        found = super().stats(value, sums[:split])
        found.overlaps = sums[split:].reshape(self.n_overlaps, self.n_features)
        return found


class CurvedOdds(Odds):
    """The same from odds: components are in their order but for the reference, which is first, and
    no statistics are differences."""

    def __init__(self, curved: Curved, reference: int, moments: np.ndarray):
        super().__init__(curved, reference, moments, 0.0)
        self.n_overlaps, self.size = curved.n_overlaps, curved.size
        self.n_features, self.n_scratch = curved.n_features, self.n_overlaps

    @property
    def keeper(self) -> type:
        return Curved

    @property
    def n_working(self) -> int:
        return self.n_components + 1

    def _of_others(self, resp: np.ndarray) -> np.ndarray:
        return resp[1:]

    def prepare(self, buffers: Buffers) -> None:
        super().prepare(buffers)
        _fill_squares(buffers.features, self.layout.width)

    def accumulate(self, buffers: Buffers, weight: np.ndarray | None, sums: np.ndarray) -> None:
        split, resp, total = self.layout.split, buffers.resp, buffers.work
        np.reciprocal(total, out=resp[0])
        resp[1:] /= total
        overlaps = _overlaps(resp, buffers.scratch)
        if weight is not None:
            resp *= weight
            overlaps *= weight
        sums[:split] += inner(resp, self._of_statistics(buffers)).ravel()
        sums[split:] += inner(overlaps, buffers.features).ravel()

    def stats_if_accurate(self, value: float, sums: np.ndarray) -> Stats:
        components, pairs = _in_order(self.n_components, self.reference)
        split, width = self.layout.split, self.layout.width
        own = sums[:split].reshape(-1, width)[components].ravel()
        found = self.stats(value + self.of_reference, own)
        found.overlaps = sums[split:].reshape(self.n_overlaps, -1)[pairs]
        return found


@lru_cache(maxsize=256)
def _in_order(n_components: int, reference: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the components, and the pairs k < l of them, lie if the reference comes first."""
    components = np.arange(n_components)
    components[:reference] += 1
    components[reference] = 0
    rows, cols = _upper(n_components)
    pairs = np.empty((n_components, n_components), dtype=np.intp)
    pairs[rows, cols] = pairs[cols, rows] = np.arange(len(rows))
    return components, pairs[components[rows], components[cols]]


class Curvature:
    """The log-likelihood to second order, F + gradient·d - d·(1 - missing) d / 2, in coordinates
    d in which EM's step is d = gradient.

    These are coefficients of the orthonormal functions: of each component, over sqrt(weight); of
    the second moments that components share, those of the mixture. There are none of the second
    moments at ``held`` (K, products): variances there stay at the floor.
    """

    def __init__(self, structure, params: Params, stats: Stats, held: np.ndarray | None = None):
        n_components, d = params.means.shape
        layout, form = stats.layout, structure.form
        self._stats, self._split = stats, layout.split
        factors = structure.sharing.per_component(params.factors, n_components)
        basis = form.orthonormal(factors, params.means)
        roots = np.sqrt(params.weights)
        shared = layout.n_common
        basis[:, shared:] /= roots[:, None, None]
        gradient = np.matmul(basis, _all_features(stats, d)[..., None])[..., 0]
        gradient[:, -1] -= roots
        # the features that responsibilities weight: without the second moments if shared
        self._basis = basis[..., -layout.width :]
        # M in these features, (K, K, p, p)
        missing = (_signs(n_components) @ stats.overlaps).take(_symmetric(layout.width), axis=1)
        self._raw = missing.reshape(n_components, n_components, *missing.shape[1:])
        half = np.matmul(self._basis[:, None], self._raw)
        missing = np.matmul(half, self._basis.swapaxes(-1, -2))
        self._shared, self._shape = shared, gradient.shape
        self.gradient = self._pooled(gradient)
        by_rows = self._pooled(missing.swapaxes(1, 2))
        self.missing = self._pooled(np.moveaxis(by_rows, 0, -1))
        self._free: np.ndarray | None = None
        if held is not None:
            is_free = np.ones(self._shape, dtype=bool)
            is_free[:, : held.shape[1]] = ~held
            self._free = np.flatnonzero(is_free)
            self.gradient = self.gradient[self._free]
            self.missing = self.missing[np.ix_(self._free, self._free)]

    def _pooled(self, stack: np.ndarray) -> np.ndarray:
        """(K, p, ...) -> (number of coordinates, ...)."""
        rest, shared = stack.shape[2:], self._shared
        if not shared:
            return stack.reshape(-1, *rest)
        own = stack[:, shared:].reshape(-1, *rest)
        return np.concatenate([stack[:, :shared].sum(axis=0), own])

    def _spread(self, step: np.ndarray) -> np.ndarray:
        """The transpose of ``_pooled``: (number of coordinates,) -> (K, p)."""
        shared, (n_components, _) = self._shared, self._shape
        if self._free is not None:
            whole = np.zeros(n_components * self._shape[1])
            whole[self._free] = step
            step = whole
        if not shared:
            return step.reshape(self._shape)
        own = step[shared:].reshape(n_components, -1)
        return np.concatenate([np.tile(step[:shared], (n_components, 1)), own], axis=1)

    def statistics(self, step: np.ndarray) -> Stats:
        """The expected statistics to first order after a step."""
        moved = np.matmul(self._spread(step)[:, None], self._basis)[:, 0]
        vector = self._stats.vector.copy()
        vector[: self._split] += np.einsum("klab,lb->ka", self._raw, moved).ravel()
        return self._stats.at(vector)


def _all_features(stats: Stats, d: int) -> np.ndarray:
    """Sums over rows of resp_k (products, z, 1), (K, p + d + 1); where products are shared,
    their sum over the components is divided among these."""
    layout, matrix = stats.layout, stats.layout.matrix(stats.vector)
    if not layout.n_common:
        return matrix
    products = layout.products(stats.vector) / len(matrix)
    return np.concatenate([np.tile(products, (len(matrix), 1)), matrix], axis=1)


@lru_cache(maxsize=64)
def _signs(n_components: int) -> np.ndarray:
    """(e_k - e_l)(e_k - e_l)ᵀ for the pairs k < l, (K K, number of pairs)."""
    rows, cols = _upper(n_components)
    difference = np.eye(n_components)[rows] - np.eye(n_components)[cols]
    return np.einsum("pk,pl->klp", difference, difference).reshape(-1, len(rows))


@lru_cache(maxsize=64)
def _upper(n_components: int) -> tuple[np.ndarray, np.ndarray]:
    return np.triu_indices(n_components, 1)


class CurvedMixture:
    """A mixture whose statistics tell the curvature of its log-likelihood; all but the E-step is
    the mixture's own."""

    is_combinatorial = False

    def __init__(self, model: Mixture):
        self._model = model
        self.m_step, self.expected, self.log_prior = model.m_step, model.expected, model.log_prior
        self.rounding, self.repair, self.settle = model.rounding, model.repair, model.settle
        self.natural, self.about = model.natural, model.about
        self._overflows = False  # whether components are so far apart that their odds are infinite

    def e_step(self, params: Params) -> Stats:
        model = self._model
        plain = model.space.kernel(params)
        if not plain.has_odds:
            return model.e_step(params)
        kernel = Curved(plain)
        return self._by_odds(kernel, params) or self._by_log_joint(kernel)

    def sweep(self, params: Params) -> tuple[Params, Stats]:
        return params, self.e_step(params)

    def _by_odds(self, kernel: Curved, params: Params) -> Stats | None:
        if self._overflows:
            return None
        odds = CurvedOdds(kernel, int(params.weights.argmax()), self._model.space.view.moments)
        sums = self._model.rows.mean(OddsSums(odds))
        self._overflows = not math.isfinite(sums[0])
        return None if self._overflows else odds.stats_if_accurate(float(sums[0]), sums[1:])

    def _by_log_joint(self, kernel: Curved) -> Stats:
        sums = self._model.rows.mean(RuleSums(kernel, kernel.log_joint, soft))
        return kernel.stats(float(sums[0]), sums[1:])

    def curvature(self, params: Params, stats: Stats) -> Curvature | None:
        """None where residuals about the means were summed, and at edges of the parameters, where
        the gradient need not vanish; variances at the floor stay there."""
        if stats.overlaps is None or params.weights.min() < _LEAST:
            return None
        held = None
        if params.n_floored.any():
            held = _held(self._model, params)
            if held is None:
                return None
        with np.errstate(over="ignore", invalid="ignore"):
            found = Curvature(self._model.structure, params, stats, held)
            size = np.vdot(found.missing, found.missing) + np.vdot(found.gradient, found.gradient)
        return found if size < _FAR else None


def curved(model: Mixture, params: Params) -> CurvedMixture | None:
    """The model with the curvature of its log-likelihood, None where that is not all there is to
    climb, or tells nothing."""
    if not model.has_curvature or len(params.weights) == 1:
        return None
    if params.n_floored.any() and _held(model, params) is None:
        return None
    return CurvedMixture(model) if model.space.kernel(params).has_odds else None


def _held(model: Mixture, params: Params) -> np.ndarray | None:
    """Which second moments (K, products) the floor holds; None where it holds some of a component
    that are not those of single features, or of all components together."""
    structure, floor = model.structure, model.space.floor
    if not (structure.sharing.separable and floor.share):
        return None
    return structure.form.at_floor(params.covariances, params.n_floored, floor.bound)


class NewtonLater:
    """Newton's steps after so many passes of a climb."""

    def __init__(self, model: Mixture, after: float):
        self._model, self.after = model, after

    def at(self, params: Params) -> tuple[CurvedMixture, NewtonOrQuasi] | None:
        bent = curved(self._model, params)
        return None if bent is None else (bent, NewtonOrQuasi(bent))


def patience(model: Mixture, params: Any) -> float:
    """Passes with quasi-Newton steps after which Newton's are worth their price: none where these
    cost little more, else as many as a whole climb by Newton's steps would take the time of. So a
    climb takes at most about twice the time of the quicker way, whichever it is."""
    if not model.has_curvature or len(params.weights) == 1:
        return math.inf
    n_components, d = params.means.shape
    price = _price(model.structure, n_components, d, model.rows.n)
    if price > _DEAREST:
        return math.inf
    return 0.0 if price <= _WORTH else _CLIMB * price


def _price(structure: Structure, n_components: int, d: int, n: int) -> float:
    """Time of a pass with curvature and Newton's step, in passes with a quasi-Newton step."""
    layout = layout_of(structure, n_components, d)
    width, n_products = layout.width, layout.width * (layout.width + 1) // 2
    n_overlaps = n_components * (n_components - 1) // 2
    plain = _PASS + n * (_FEATURE * width + _COMPONENT * n_components)
    fill = 0.0 if 8 * n_products * n <= KEPT_BYTES else _FILL
    sums = n * n_products * (_READ + fill + _OVERLAP * n_overlaps)
    return 1.0 + (sums + _STEP + _PER_SQUARE * layout.size**2) / plain
