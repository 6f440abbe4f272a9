"""Which kernel serves rows with gaps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._rows.patterns import GappedRows, Point
from .conditioned import conditioned
from .covariances import Structure
from .gaps import ByGroups
from .gaussian import cancels
from .holes import by_holes
from .marginals import Marginals
from .masked import Masked, MaskedResiduals

# tr(P) tr(S), d² times the condition number at most. The hole form loses as much of the 1e16 that
# a float64 resolves: errors of log_joint stay below 1e-9.
_HOLE_LIMIT = 1e7
# Rows per pattern and feature from which the natural parameters of each pattern are worth finding,
# rather than corrections row by row, where every component has a covariance of its own: in passes
# over 1e5 rows of 20 features, 5 components, a pattern took as long as 70 rows. And the most
# numbers in them.
_ROWS_PER_FEATURE, _MOST_NUMBERS = 4, 4_000_000

GapKernel = ByGroups | Marginals | Masked | MaskedResiduals


def choose(
    structure: Structure,
    point: Point,
    noise: np.ndarray,
    rows: GappedRows,
    is_partition: bool = True,
) -> GapKernel:
    """The fastest kernel that is accurate enough for these parameters. is_partition: whether the
    responsibilities of every row add up to one."""
    kind = _kind(structure, point, noise, rows)
    return kind(structure, point, noise, rows, is_partition)


def _kind(structure, point, noise, rows) -> Callable[..., GapKernel]:
    distant = cancels(structure, point)
    if not structure.form.correlates:
        return MaskedResiduals if distant else Masked
    if _is_close(point):
        return conditioned
    n_components, d = point.means.shape
    is_few = _is_few(structure, n_components, d, rows)
    if is_few and not distant:
        return Marginals
    return conditioned if noise.any() else by_holes


def _is_few(structure, n_components, d, rows) -> bool:
    """Whether patterns are few enough to look at each of them. They take one factorisation for the
    components that share a covariance."""
    form, sharing, n_patterns = structure.form, structure.sharing, len(rows.patterns.holes)
    width = sharing.n_own(form.n_products(d)) + d + 1
    size = n_patterns * max(n_components * width, d * d)
    work = n_patterns * d * _ROWS_PER_FEATURE / sharing.n_sharing(n_components)
    return rows.n >= work and size <= _MOST_NUMBERS


def _is_close(point: Point) -> bool:
    """Whether a covariance is so near to a singular one that the hole form loses digits."""
    squares = np.square(point.factors).sum(axis=(-2, -1))
    return bool((squares * point.covariances.trace(axis1=-2, axis2=-1)).max() > _HOLE_LIMIT)
