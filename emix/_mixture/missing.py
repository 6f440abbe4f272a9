"""The mixture model on rows with gaps: EM where components and missing values are latent.

The objective is the log-likelihood of what is seen (values missing at random; Rubin 1976), and
the E-step gives expectations of the complete-data statistics, so that all but the E-step is as
for complete data (Dempster, Laird & Rubin 1977; Ghahramani & Jordan 1994).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from .._em.ascent import Ascent
from .._em.quasi_newton import QuasiNewton
from .._normal.covariances import DIAG, FULL, Structure
from .._normal.floor import SHARE, Floor
from .._normal.gaussian import Params
from .._normal.kernel_of_gaps import GapKernel, choose
from .._normal.masked import Masked
from .._rows.blocks import Rows
from .._rows.patterns import GappedRows, Point
from .._rows.sample import DistinctRows
from .mixture import Mixture
from .posterior import Rule, soft
from .seen_odds import SeenOdds
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


class GappedMixture(Mixture):
    """Normal mixture over rows with gaps."""

    has_curvature = False

    def __init__(
        self,
        structure: Structure,
        rows: GappedRows,
        noise: np.ndarray,
        *,
        rule: Rule = soft,
        frozen: frozenset[str] = frozenset(),
        least_share: float = SHARE,
    ):
        super().__init__(structure, rows, noise, rule=rule, frozen=frozen, least_share=least_share)
        self.one = OneNormal(structure, rows, self.distinct)

    def over(self, rows: GappedRows, same_moments: bool) -> GappedMixture:
        other = GappedMixture(self.structure, rows, self.noise, rule=self.rule, frozen=self.frozen)
        other.prior, other.one = self.prior, self.one
        other.covariance_floor, other.soundness = self.covariance_floor, self.soundness
        return other

    @cached_property
    def likelihood(self) -> Mixture:
        """The mixture over rows filled with their expectations under one normal, whose mean
        conditional variances are taken as noise: filled rows of one pattern lie in a plane, where
        searches would find components without any variance. Rows without any value have no
        weight."""
        rows = self.rows.with_values()
        X = rows.filled(self.one.expected(rows))
        filled = Rows(X, rows.weight, rows.shift, rows.scale, rows.map)
        noise = self.noise + self.one.lacking(filled)
        other = Mixture(self.structure, filled, noise, rule=self.rule, frozen=self.frozen)
        other.prior = self.prior
        other.covariance_floor, other.soundness = self.covariance_floor, self.soundness
        return other

    @cached_property
    def spread(self) -> np.ndarray:
        """Second moment of all rows about the origin under one normal, in the form of the
        structure."""
        return self.one.second(self.structure)

    def kernel(self, params: Params, is_partition: bool = True) -> GapKernel:
        origin = self.natural(params).origin
        matrices = params.covariances, params.factors
        point = Point(params.log_weights, params.means, *matrices, origin)
        return choose(self.structure, point, self.noise, self.rows, is_partition)

    def odds(self, kernel: GapKernel, params: Params) -> SeenOdds | None:
        """None where patterns matter: the moments of all rows are not known."""
        return SeenOdds.of(kernel, params) if type(kernel) is Masked else None

    def each_filled(self, params: Params, see: Callable) -> None:
        """see(at, log_joint (K, m), E[z | what is seen, k] (K, d, m)) for all blocks of rows."""
        kernel = self.kernel(params)

        def look(block, log_joint, buffers):
            see(block.at, log_joint, kernel.filled(buffers))

        self.rows.total(Look(kernel, look))


def mixture_over(structure: Structure, rows: Rows, noise: np.ndarray, **options) -> Mixture:
    """The mixture over rows that may have gaps."""
    kind = Mixture if rows.patterns is None else GappedMixture
    return kind(structure, rows, noise, **options)


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
        model = GappedMixture(self._structure, rows, np.zeros(rows.d))
        mean, variance = self.available
        spread = _of_columns(self._structure, np.diag(np.sqrt(variance)))
        model.covariance_floor = Floor(form, spread, self._distinct, share=0.0)
        covariance = form.from_variances(variance)[None]
        start = Params(np.ones(1), mean[None], *model.factorise(covariance))
        climb = Ascent(model, start, QuasiNewton(model))
        return climb.run(tol=_TOL, max_iter=_PASSES).params

    def expected(self, rows: GappedRows) -> np.ndarray:
        """E[z | what is seen], (n, d), without the last digits: equal rows are filled alike."""
        model = GappedMixture(self._structure, rows, np.zeros(rows.d))
        found = np.empty((rows.n, rows.d))

        def see(at, log_joint, filled):
            found[at] = filled[0].T

        model.each_filled(self.params, see)
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
