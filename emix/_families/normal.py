"""Normal components of one covariance structure, as a family."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .._mixture.soundness import Soundness
from .._mixture.start import SAMPLE_ROWS, partition
from .._mixture.sums import Moments
from .._normal.choice import Kernel, choose
from .._normal.covariances import Structure
from .._normal.family import Family as Components
from .._normal.floor import Floor
from .._normal.gaussian import (
    Natural,
    Params,
    about,
    expected_log_joint,
    natural,
    rounding_of_expected,
)
from .._normal.prior import Prior
from .._normal.stats import Stats
from .._rows.blocks import Rows
from .._rows.sample import DistinctRows
from .sorting import middle, robust


@lru_cache(maxsize=64)
def origin_of_units(n_components: int, d: int) -> np.ndarray:
    """Zeros (K, d): one array, as origins are compared by identity."""
    origin = np.zeros((n_components, d))
    origin.setflags(write=False)
    return origin


class Space:
    """What the rows, in standard units, say of covariances of a structure: their spread, and the
    least that a component may have."""

    def __init__(self, structure: Structure, rows: Rows):
        form, d = structure.form, rows.d
        self.structure, self.rows, self.d = structure, rows, d
        moments = rows.mean(Moments(form, d))
        self.spread = form.mean_matrix(form.unpack(moments[: form.n_products(d)], d), d)
        distinct = self._distinct = DistinctRows(rows)
        self.floor = Floor(form, self.spread, distinct)
        self.soundness = Soundness(structure, d, self.floor, distinct)

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
    climb needs the space of its rows; what is fitted does not. A prior is that of means and
    covariances."""

    def __init__(
        self, structure: Structure, space: Space | None = None, prior: Prior | None = None
    ):
        self._structure, self._space, self._prior = structure, space, prior

    def natural(self, params: Params, origin: np.ndarray) -> Natural:
        return natural(self._structure, params, origin, np.zeros(params.means.shape[1]))

    def kernel(self, params: Params, rows: Rows) -> Kernel:
        eta = self.natural(params, origin_of_units(*params.means.shape))
        return choose(self._structure, params, eta, np.zeros(params.means.shape[1]), None)

    def m_step(self, stats: Stats, params: Params) -> Params:
        space, no_noise = self._space, np.zeros(params.means.shape[1])
        no_noise = self._structure.form.from_variances(no_noise)
        components = Components(self._structure, no_noise, frozenset({"weights"}), space.floor)
        if self._prior is not None:
            return self._prior.m_step(components, stats, params)
        return components.m_step(stats, params)

    def n_held(self, params: Params) -> int:
        return self._space.n_held(params)

    def n_unsound(self, params: Params) -> int:
        return 0 if self._prior is not None else self._space.n_unsound(params)

    def singular(self, params: Params) -> np.ndarray:
        return self._space.singular(params)

    def expected(self, stats: Stats, params: Params) -> float:
        return expected_log_joint(stats, self.natural(params, stats.origin))

    def rounding(self, stats: Stats, params: Params) -> float:
        return rounding_of_expected(stats, self.natural(params, stats.origin))

    def about(self, stats: Stats, origin: np.ndarray) -> Stats:
        return about(self._structure, stats, origin)

    def repair(self, stats: Stats, params: Params, e_step: Any) -> None:
        return None

    def is_feasible(self, stats: Stats) -> bool:
        return bool(stats.weight.min() > 0.0)

    def log_prior(self, params: Params) -> float:
        return 0.0 if self._prior is None else self._prior.log_density(self._structure, params)

    def n_free(self, params: Params) -> int:
        return params.means.size + self._structure.n_free(*params.means.shape)

    def equal(self, n_components: int, rows: Rows) -> Params:
        return self._space.equal(n_components)

    def labels(self, rows: Rows, n_components: int, rng: np.random.RandomState) -> np.ndarray:
        return partition(robust(rows), rows.weight, n_components, rng)

    def taken(self, params: Params, order: np.ndarray) -> Params:
        taken = self._structure.sharing.taken
        parts = (taken(part, order) for part in params[2:])
        return Params(params.weights[order], params.means[order], *parts)

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
