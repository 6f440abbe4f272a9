"""The least covariance that a component may have.

The likelihood of a mixture has no bound: a component on equal rows, with no variance, makes it
infinite. Covariances C_k are therefore held above a matrix F in the order of quadratic forms,
C_k >= F (Hathaway 1985). The constraint is part of the model, so that EM still climbs. In
standard units,

    F = SHARE * D R D + rounding,

with R the correlation matrix of the rows and D the diagonal matrix of their local scales. F moves
with the units of the features, and lies far below every healthy covariance, also that of rows
which an outlier or another cluster is very far away from.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from .._rows.sample import DistinctRows
from .protocols import Bound, Factored, Form

# Least variance of a component, as a share of the square of the local scale: a standard deviation
# of a thousandth of it. A component on equal rows gains 6.9 nats per row and feature over one of
# that scale. A smaller share makes the likelihood of such components larger, which tells nothing
# about the data; a larger one meets narrow clusters. The value is that of scikit-learn's reg_covar
# on standardised rows. From 1e-10 to 1e-4 as many fits reach the best healthy maximum
# (benchmarks/floor_sizes.py).
SHARE = 1e-6
# The local scale is the lower quartile of the widths of windows that hold this share of a column's
# distinct values. Windows must lie within clusters: with more than about ten that are far apart the
# scale grows towards the distance between them. A narrow cluster must hold a quarter of the values
# if F is to be small beside it, too.
_WINDOW = 0.05
# The lower quartile is _WINDOW / 0.379 standard deviations in a normal column: its density is more
# than 0.379 at a quarter of the values.
_DENSITY = 0.379
# Gaps between values that a window spans at least, if there are as many: single gaps vary much.
_FEWEST = 3
# Rows that the local scale is measured on: its error is a few percent.
_ROWS = 256
# Least local scale, in standard deviations of the whole column: clusters may be 1e9 of their own
# standard deviations apart.
_LEAST_SCALE = 1e-9


def local_scale(z: np.ndarray) -> np.ndarray:
    """Scale (d,) of columns (d, m) of unit variance, by their distinct values: the standard
    deviation of a normal column, that of its clusters where these are far apart, at most one;
    one for a constant column."""
    d, m = z.shape
    values = np.sort(z, axis=1)
    again = np.zeros(values.shape, dtype=bool)
    np.equal(values[:, 1:], values[:, :-1], out=again[:, 1:])
    again |= np.isnan(values)  # missing values count for nothing
    values[again] = np.inf
    values.sort(axis=1)
    count = np.maximum(m - np.count_nonzero(again, axis=1), 1)
    width = np.maximum((_WINDOW * count).astype(int), np.clip(count - 1, 1, _FEWEST))
    ends = np.arange(m) + width[:, None]
    inside = ends < count[:, None]
    upper = np.take_along_axis(values, np.minimum(ends, m - 1), axis=1)
    lengths = np.full(values.shape, np.inf)
    np.subtract(upper, values, out=lengths, where=inside)
    lengths.sort(axis=1)
    quartile = np.maximum(count - width - 1, 0) // 4
    scale = lengths[np.arange(d), quartile] * _DENSITY * count / width
    return np.clip(scale, _LEAST_SCALE, 1.0)


class Floor:
    """The constraint on covariances for rows in standard units; with a share of 0 it only keeps
    rounding errors out."""

    def __init__(self, form: Form, spread: np.ndarray, rows: DistinctRows, share: float = SHARE):
        """spread is the covariance of the rows, in the form."""
        self._form, self._spread, self._rows, self.share = form, spread, rows, share
        self.rounding = form.floor(spread)
        # no covariance whose variances are all above this is below F
        self.above = self.rounding + share * form.largest(spread)

    def factorise(self, covariance: np.ndarray) -> Factored:
        """The most likely covariances that satisfy the constraint, and their factors."""
        fitted = self._form.unconstrained(covariance, self.above)
        if fitted is not None:
            return fitted
        if self.share:
            return self.bound.factorise(covariance)
        return self._form.factorise(covariance, self.rounding)

    def traces_at_most(self, precision: np.ndarray, d: int) -> np.ndarray:
        """tr(F C⁻¹) for precisions C⁻¹, or a bound on it from above; without the local scales,
        which are dear where rows are many."""
        return self.above * self._form.variances(precision, d).sum(axis=-1)

    @cached_property
    def n_null(self) -> int:
        """Directions in which the rows do not vary: no component can either."""
        return int(self._form.factorise(self._spread, self.rounding).n_floored)

    @cached_property
    def scale(self) -> np.ndarray:
        """Local scales (d,) of the features, in standard units."""
        return local_scale(self._rows.values(_ROWS))

    def in_local_scales(self, z: np.ndarray) -> np.ndarray:
        """Rows z (d, m) over the squares of the features' local scales, as multiples of the least
        of them: features without clusters do not hide those that have some. Squares, because the
        scale of a feature with several clusters comes out too large beside that of one without: a
        window holds a share of all its rows, a larger one of each cluster."""
        return z * np.square(self.scale.min() / self.scale)[:, None]

    def variances(self, d: int) -> np.ndarray:
        """The diagonal of F, (d,)."""
        return self._form.variances(self.bound.least, d)

    @cached_property
    def bound(self) -> Bound:
        """F; in directions in which the rows do not vary it is as in others."""
        least = self._form.least(self._spread, self.scale, self.share, self.rounding)
        return self._form.bound(least)
