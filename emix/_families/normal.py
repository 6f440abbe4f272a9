"""Normal components of one covariance structure, as a family."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .._mixture.space import Complete, Limits
from .._mixture.start import SAMPLE_ROWS, partition
from .._normal.choice import Kernel, choose
from .._normal.covariances import Structure
from .._normal.family import Family as Components
from .._normal.floor import SHARE
from .._normal.gaussian import Natural, Params, about, natural, permuted
from .._normal.prior import Prior
from .._normal.stats import Stats
from .._rows.blocks import Rows
from .sorting import middle, robust, weights_of


@lru_cache(maxsize=64)
def origin_of_units(n_components: int, d: int) -> np.ndarray:
    """Zeros (K, d): one array, as origins are compared by identity."""
    origin = np.zeros((n_components, d))
    origin.setflags(write=False)
    return origin


class Extent:
    """What the rows, in standard units, say of covariances of a structure: their spread, and the
    least that a component may have."""

    def __init__(self, structure: Structure, rows: Rows):
        view = Complete(structure, rows)
        limits = Limits(structure, view.spread, view.distinct, SHARE)
        self.structure, self.rows, self.d = structure, rows, rows.d
        self.spread, self._distinct = view.spread, view.distinct
        self.floor, self.soundness = limits.floor, limits.soundness

    def equal(self, n_components: int) -> Params:
        """Components with the mean and the covariance of the rows."""
        structure = self.structure
        fitted = self.floor.factorise(self.spread)
        parts = (structure.sharing.repeated(part, n_components) for part in fitted)
        weights = np.full(n_components, 1.0 / n_components)
        return Params(weights, np.zeros((n_components, self.d)), *parts)

    def in_the_middle(self, n_components: int) -> Params:
        """Components with the centre and the scales of most rows, wherever outliers are."""
        structure = self.structure
        sample, _ = self._distinct.sample(SAMPLE_ROWS)
        centre, scale = middle(sample)
        fitted = self.floor.factorise(structure.form.from_variances(scale * scale))
        parts = (structure.sharing.repeated(part, n_components) for part in fitted)
        weights = np.full(n_components, 1.0 / n_components)
        return Params(weights, np.tile(centre, (n_components, 1)), *parts)

    @property
    def least_deviations(self) -> np.ndarray:
        """Standard deviations (d,) that components have where rows do not vary."""
        least = self.floor.factorise(np.zeros_like(self.spread)[None])[0][0]
        return np.sqrt(np.broadcast_to(self.structure.form.variances(least, self.d), self.d))

    def n_unsound(self, params: Params) -> int:
        """Components that rest on too little."""
        return int(np.count_nonzero(self.soundness.unsound(*params)))

    def n_held(self, params: Params) -> int:
        """Variances at the floor."""
        return int(np.sum(params.n_floored - self.floor.n_null))

    def singular(self, params: Params) -> np.ndarray:
        """Indices of components with variances at the floor."""
        held = self.structure.sharing.per_component(params.n_floored, len(params.weights))
        return np.flatnonzero(held > self.floor.n_null)


class Normals:
    """The family. Responsibilities of a row need not add up to one: it may have a background. A
    climb needs the extent of its rows; what is fitted does not. A prior is that of means and
    covariances."""

    def __init__(
        self, structure: Structure, extent: Extent | None = None, prior: Prior | None = None
    ):
        self._structure, self._prior = structure, prior
        self._extent: Any = extent

    def natural(self, params: Params, origin: np.ndarray) -> Natural:
        return natural(self._structure, params, origin, np.zeros(params.means.shape[1]))

    def kernel(self, params: Params, rows: Rows) -> Kernel:
        eta = self.natural(params, origin_of_units(*params.means.shape))
        return choose(self._structure, params, eta, np.zeros(params.means.shape[1]), None)

    def _components(self, d: int) -> Components:
        """What the M-step of means and covariances goes by."""
        no_noise = self._structure.form.from_variances(np.zeros(d))
        return Components(self._structure, no_noise, frozenset({"weights"}), self._extent.floor)

    def m_step(self, stats: Stats, params: Params) -> Params:
        components = self._components(params.means.shape[1])
        if self._prior is not None:
            return self._prior.m_step(components, stats, params)
        return components.m_step(stats, params)

    def n_held(self, params: Params) -> int:
        return self._extent.n_held(params)

    def n_unsound(self, params: Params) -> int:
        return 0 if self._prior is not None else self._extent.n_unsound(params)

    def singular(self, params: Params) -> np.ndarray:
        return self._extent.singular(params)

    def about(self, stats: Stats, origin: np.ndarray) -> Stats:
        return about(self._structure, stats, origin)

    def repair(self, stats: Stats, params: Params, e_step: Any) -> None:
        return None

    def is_feasible(self, stats: Stats) -> bool:
        return True

    def log_prior(self, params: Params) -> float:
        if self._prior is None:
            return 0.0
        return self._prior.log_density(self._components(params.means.shape[1]), params)

    def prior_size(self, params: Params) -> float:
        if self._prior is None:
            return 0.0
        return self._prior.size(self._components(params.means.shape[1]), params)

    def n_free(self, params: Params) -> int:
        return params.means.size + self._structure.n_free(*params.means.shape)

    def equal(self, n_components: int, rows: Rows) -> Params:
        return self._extent.equal(n_components)

    def labels(self, rows: Rows, n_components: int, rng: np.random.RandomState) -> np.ndarray:
        return partition(robust(rows), weights_of(rows), n_components, rng)

    def taken(self, params: Params, order: np.ndarray) -> Params:
        return permuted(self._structure, params, order)

    def sample(self, params: Params, labels: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        return params.means[labels] + deviations(self._structure, params, labels, rng)


def deviations(
    structure: Structure, params: Any, labels: np.ndarray, rng: np.random.RandomState
) -> np.ndarray:
    """Normal draws (m, d) about zero, of the covariances of ascending labels (m,)."""
    n_components, d = params.means.shape
    normal = rng.standard_normal((len(labels), d))
    counts = np.bincount(labels, minlength=n_components)
    return structure.sharing.unwhiten(structure.form, params.factors, normal, counts)
