"""Rows with gaps, as a mixture sees them: EM where components and missing values are latent.

The objective is the log-likelihood of what is seen (values missing at random; Rubin 1976), and
the E-step gives expectations of the complete-data statistics, so that all but the E-step is as
for complete data (Dempster, Laird & Rubin 1977; Ghahramani & Jordan 1994).
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from .._em.ascent import Ascent
from .._em.quasi_newton import QuasiNewton
from .._normal.covariances import DIAG, FULL, Structure
from .._normal.floor import SHARE
from .._normal.gaussian import Natural, Params
from .._normal.kernel_of_gaps import GapKernel, choose
from .._rows.blocks import Rows
from .._rows.patterns import GappedRows, Point
from .._rows.sample import DistinctRows
from .factors import FactorSpace
from .mixture import Mixture
from .seen_odds import SeenOdds
from .space import Complete, Limits, Space
from .start import SAMPLE_ROWS
from .sums import Look

# Up to 64 features, rows are filled by one normal with a full covariance. With more features its
# covariance has the structure's own form, which costs less.
_MOST_FEATURES = 64
# Of the climb to one normal, which is but a start: gain per row that is left, and passes.
_TOL, _PASSES = 1e-6, 200
# Decimals of filled values in standard units: far more than starts need, and fewer than rounding
# errors reach, which depend on where in a block a row is.
_DIGITS = 9


class Gapped:
    """Rows with gaps. See ``space.View``."""

    has_curvature = False

    def __init__(self, structure: Structure, rows: Any, one: OneNormal | None = None):
        self.structure, self.rows, self._one = structure, rows, one

    @cached_property
    def distinct(self) -> DistinctRows:
        return DistinctRows(self.rows)

    @cached_property
    def one(self) -> OneNormal:
        """What is expected of the gaps."""
        if self._one is not None:
            return self._one
        return OneNormal(self.structure, self.rows, self.distinct)

    @cached_property
    def spread(self) -> np.ndarray:
        """Second moment of all rows about the origin under one normal."""
        return self.one.second(self.structure)

    def kernel(
        self, params: Params, eta: Natural, noise: np.ndarray, is_partition: bool
    ) -> GapKernel:
        matrices = params.covariances, params.factors
        point = Point(params.log_weights, params.means, *matrices, eta.origin)
        return choose(self.structure, point, noise, self.rows, is_partition)

    def odds(self, kernel: Any, params: Params) -> SeenOdds | None:
        """None where patterns matter: the moments of all rows are not known."""
        return SeenOdds.of(kernel, params) if kernel.has_odds else None

    def over(self, rows: GappedRows, same_moments: bool) -> Gapped:
        return Gapped(self.structure, rows, self.one)

    def filled(self, space: Space) -> Space:
        """Rows filled with their expectations under one normal, whose mean conditional variances
        are taken as noise: filled rows of one pattern lie in a plane, where searches would find
        components without any variance. Rows without any value have no weight."""
        rows = self.rows.with_values()
        X = rows.filled(self.one.expected(rows))
        units = {"weight_unit": rows.weight_unit}
        filled = Rows(X, rows.weight, rows.shift, rows.scale, rows.map, **units)
        noise = space.noise + self.one.lacking(filled)
        return Space(Complete(self.structure, filled), noise, space.limits)


def space_over(
    structure: Structure, rows: Rows, noise: np.ndarray, least_share: float = SHARE
) -> Space:
    """The space of rows that may have gaps."""
    view: type[Complete] | type[Gapped] = Complete if rows.patterns is None else Gapped
    return Space(view(structure, rows), noise, least_share=least_share)


def mixture_over(
    structure: Structure,
    rows: Rows,
    noise: np.ndarray,
    *,
    least_share: float = SHARE,
    **options: Any,
) -> Any:
    """The mixture of a structure over rows that may have gaps."""
    if structure.form.has_loadings:
        return Mixture(FactorSpace(structure, rows, noise), **options)
    return Mixture(space_over(structure, rows, noise, least_share), **options)


class OneNormal:
    """One normal distribution of all rows with gaps, or of a sample of them, fitted by EM."""

    def __init__(self, structure: Structure, rows: GappedRows, distinct: DistinctRows):
        dense = rows.d <= _MOST_FEATURES or structure.form.correlates
        self._structure, self._rows, self._distinct = FULL if dense else DIAG, rows, distinct

    @cached_property
    def available(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance (d,) of what is seen of every feature."""
        mean, square = self._rows.moments()
        return mean, np.maximum(square - mean * mean, 0.0)

    @cached_property
    def params(self) -> Params:
        rows, _ = self._distinct.sample(SAMPLE_ROWS)
        form = self._structure.form
        mean, variance = self.available
        spread = _of_columns(self._structure, np.diag(np.sqrt(variance)))
        limits = Limits(self._structure, spread, self._distinct, share=0.0)
        model = Mixture(Space(Gapped(self._structure, rows), np.zeros(rows.d), limits))
        covariance = form.from_variances(variance)[None]
        start = Params(np.ones(1), mean[None], *limits.floor.factorise(covariance))
        climb = Ascent(model, start, QuasiNewton(model))
        return climb.run(tol=_TOL, max_iter=_PASSES).params

    def expected(self, rows: GappedRows) -> np.ndarray:
        """E[z | what is seen], (n, d), without the last digits: equal rows are filled alike."""
        kernel = Space(Gapped(self._structure, rows), np.zeros(rows.d)).kernel(self.params)
        found = np.empty((rows.n, rows.d))

        def see(block, log_joint, buffers):
            found[block.at] = kernel.filled(buffers)[0].T

        rows.total(Look(kernel, see))
        return np.round(found, _DIGITS, out=found)

    def lacking(self, filled: Rows) -> np.ndarray:
        """The variances (d,) less those of filled rows."""
        mean, square = filled.moments()
        variances = self._structure.form.variances(self.params.covariances[0], filled.d)
        return np.maximum(variances - (square - mean * mean), 0.0)

    def second(self, structure: Structure) -> np.ndarray:
        """Second moment about the origin of the units, in the form of a structure."""
        params = self.params
        root = self._structure.form.invert(params.factors)[0]
        if root.ndim == 1:
            root = np.diag(root)
        values, vectors = np.linalg.eigh(root)
        columns = np.vstack([(vectors * np.sqrt(np.maximum(values, 0.0))).T, params.means])
        return _of_columns(structure, columns.T)


def _of_columns(structure: Structure, columns: np.ndarray) -> np.ndarray:
    """The sum of c cᵀ over columns (d, m), in the form of a structure."""
    form, (d, m) = structure.form, columns.shape
    return form.mean_matrix(form.weighted_second(columns, np.ones(m)), d)
