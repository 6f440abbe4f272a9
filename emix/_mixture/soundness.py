"""Which components rest on enough rows.

The likelihood has spurious maxima, at which a component fits a few rows that happen to lie close
to a line or plane (McLachlan & Peel 2000, section 3.10). A sound component has at least as many
rows as its covariance needs, and is not far narrower than the data in any direction; or it is
narrow because its rows lie on a spike.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from .._normal.covariances import Structure
from .._normal.floor import Floor
from .._normal.gaussian import Params
from .._rows.sample import DistinctRows
from .._rows.spikes import is_crowded, spikes

# A component is thin where its variance is less than this multiple of the floor: a standard
# deviation of a hundredth of the local scale. benchmarks/quality.py calls fits healthy by the
# same limit; a tenth or ten times of it there changes its shares by one point at most.
THIN = 100.0
# A thin component is sound if it has 10 times the rows that its covariance needs: so many do not
# lie near a plane by accident. No number of rows makes it sound at the floor, that is where the
# trace of F C⁻¹ is above 0.5.
_MANY, _AT_FLOOR = 10, 0.5
# A mean is at a spike if it is within 3 standard deviations of it, those of the floor. A component
# is flat in a feature if its variance there is at most 4 times the floor's.
_NEAR, _FLAT = 3.0, 4.0
# Rows that rounding may take from a component: where it has just as many as it needs, the order of
# the rows must not decide.
_LOST = 1e-6
# Rows that spikes are looked for in.
_ROWS = 16384


class Soundness:
    """Of components over rows in standard units."""

    def __init__(
        self,
        structure: Structure,
        d: int,
        floor: Floor,
        rows: DistinctRows,
        needed: int | None = None,
    ):
        """needed is how many rows a component's covariance needs, if its form does not tell."""
        self._structure, self._d, self._floor, self._rows = structure, d, floor, rows
        self._needed = needed

    @cached_property
    def needed(self) -> int:
        """Rows that a component's own covariance needs."""
        if self._needed is not None:
            return self._needed
        own = self._structure.sharing.n_own(self._structure.form.n_variances(self._d))
        return 1 + max(0, own - self._floor.n_null)

    def unsound(self, weights, means, covariances, factors, n_floored) -> np.ndarray:
        """Whether components rest on too little; arrays (..., K, ...) as in Params."""
        few = self._few(weights)
        if not self._floor.share:
            return few | self._own(n_floored > self._floor.n_null)
        thin, held = self._thin(weights, factors)
        return (few | thin) & ~self._right(thin, means, covariances, held)

    def _few(self, weights) -> np.ndarray:
        """Which components have fewer rows than their covariance needs, (..., K)."""
        return weights * self._rows.count < self.needed - _LOST

    @property
    def n_null(self) -> int:
        """Directions in which the data do not vary: no component can either."""
        return self._floor.n_null

    def is_degenerate(self, params: Params) -> bool:
        """Whether a component rests on too little to be believed."""
        few = self._few(params.weights)
        if self._floor.share and few.any():
            # those that are not thin lie on no spikes, which take time to look for
            thin, _ = self._thin(params.weights, params.factors)
            if (few & ~thin).any():
                return True
        return bool(self.unsound(*params).any())

    def spurious_heights(self, params: Params) -> np.ndarray:
        """What criteria of selection take off the log-densities of components, (K,)."""
        return self.heights(*params[:4])

    def heights(self, weights, means, covariances, factors) -> np.ndarray:
        """What thinness adds to the log-densities of components (K,), in nats; nothing where they
        are on spikes. Variances that are thin count as if they were those of the local scale."""
        form, d, floor = self._structure.form, self._d, self._floor
        found = np.zeros(len(means))
        if not floor.share:
            return found
        thin, held = self._thin(weights, factors)
        wrong = thin & ~self._right(thin, means, covariances, held)
        if wrong.any():
            above = form.above(covariances, floor.bound, d)[..., floor.n_null :]
            above = np.maximum(above, 1.0)  # no covariance is below the floor, but for rounding
            nats = np.where(above < THIN, -0.5 * np.log(floor.share * above), 0.0).sum(axis=-1)
            found += np.where(wrong, nats, 0.0)
        return found

    def _thin(self, weights, factors):
        """Which components (..., K) are too thin for their rows, and of all the trace of F C⁻¹, one
        for each variance at the floor; an axis of length one for K where all share a covariance."""
        form, d = self._structure.form, self._d
        precision = form.precision(factors)
        if self._floor.traces_at_most(precision, d).max() <= 1.0 / THIN:
            return np.zeros((), dtype=bool), np.zeros(())
        held = form.inner(precision, self._floor.bound.least, d)
        held = self._own(held * (form.n_variances(d) / d) - self._floor.n_null)
        thin = held > 1.0 / THIN
        if thin.any():
            many = self._structure.sharing.shares(weights) * self._rows.count
            thin = thin & ((held > _AT_FLOOR) | (many < _MANY * self.needed))
        return thin, held

    def _right(self, thin, means, covariances, held):
        """Which of the thin components lie on spikes."""
        return thin & self._on_spikes(means, covariances, held) if thin.any() else thin

    def _own(self, flags):
        return self._structure.sharing.with_axis(flags, -1)

    def _on_spikes(self, means, covariances, held):
        """Whether all variances at the floor belong to features at whose spikes the means are."""
        form, d = self._structure.form, self._d
        least = form.variances(self._floor.bound.least, d)
        flat = self._own_features(form.variances(covariances, d) <= _FLAT * least)
        at = np.zeros(means.shape, dtype=bool)
        for j in np.flatnonzero(flat.any(axis=tuple(range(flat.ndim - 1)))):
            near = _NEAR * np.sqrt(least[j])
            for value in self._spikes[j]:
                at[..., j] |= np.abs(means[..., j] - value) <= near
            at[..., j] |= is_crowded(
                self._columns[j], means[..., j], 2.0 * near, _MANY * self.needed
            )
        count = np.count_nonzero(at & flat, axis=-1) * form.n_variances(d) // d
        return (count > 0) & (held <= count + 1.0 / THIN)

    def _own_features(self, flags):
        return self._structure.sharing.with_axis(flags, -2)

    @cached_property
    def _spikes(self) -> list[np.ndarray]:
        z, weight = self._sample
        scale, seen = self._floor.scale, ~np.isnan(z)
        return [spikes(z[j][seen[j]], weight[seen[j]], scale[j]) for j in range(self._d)]

    @cached_property
    def _columns(self) -> list[np.ndarray]:
        """The distinct values of every feature, sorted."""
        return [np.unique(column[~np.isnan(column)]) for column in self._sample[0]]

    @cached_property
    def _sample(self) -> tuple[np.ndarray, np.ndarray]:
        rows, _ = self._rows.sample(_ROWS)
        z = np.empty((rows.d, rows.n))
        rows.read(0, rows.n, z)
        weight = rows.weights(0, rows.n)
        assert weight is not None, "a sample of distinct rows has weights"
        return z, weight
