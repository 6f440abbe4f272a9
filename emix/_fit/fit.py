"""What a fit finds: climbs, and the best of them in the units of the data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from .._em.ascent import Ascent
from .._em.results import Climbed, Reason, Result
from .._normal.covariances import Structure
from .._rows.blocks import Rows


class Judged(Protocol):
    """What is asked of a model after its climb: a mixture, also of two normals."""

    structure: Structure
    rows: Rows

    @property
    def soundness(self) -> Any: ...


@dataclass(frozen=True)
class Run:
    """The outcome of one start: its last climb, and those of earlier phases; degenerate if a
    component rests on too little; why it was given up, if it was."""

    result: Result
    degenerate: bool
    earlier: tuple[Result, ...] = ()
    given_up: str = ""

    @property
    def rank(self) -> tuple[bool, bool, float]:
        """The larger, the better: points on the way to degenerate maxima come before these,
        but after maxima."""
        is_maximum = self.result.reason is not Reason.CUT_SHORT
        return not self.degenerate, is_maximum, self.result.objective

    @property
    def is_sound(self) -> bool:
        return all(self.rank[:2])

    @property
    def climbs(self) -> tuple[Result, ...]:
        return (*self.earlier, self.result)

    @property
    def n_iter(self) -> int:
        return sum(result.n_iter for result in self.climbs)

    @property
    def climbed(self) -> Climbed:
        return Climbed(self.result, self.n_iter, not self.degenerate, self.given_up)


@dataclass(frozen=True)
class Fit:
    """The best run, in the units of the data; what all starts led to, the best run's first."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    factors: np.ndarray
    log_unit: float
    run: Run
    n_collapsed: int
    model: Any
    starts: tuple[Climbed, ...] = field(default=(), kw_only=True)

    @property
    def lower_bound(self) -> float:
        return self.run.result.objective + self.log_unit

    @property
    def n_null(self) -> int:
        """Directions in which the data do not vary."""
        return self.model.soundness.n_null

    @property
    def shares(self) -> np.ndarray:
        """Shares of the rows that belong to the components, (K,); also of frozen weights."""
        return self.run.result.stats.weight


def judge(model: Judged, *results: Result) -> Run:
    """The outcome of a start from the results of its phases."""
    *earlier, result = results
    return Run(result, model.soundness.is_degenerate(result.params), tuple(earlier))


def log_unit(model: Judged) -> float:
    """log|dz/dx|: what log-densities in standard units lack in those of the data."""
    return -float(np.log(model.rows.scale).sum())


def in_data_units(
    model: Judged, run: Run, n_collapsed: int = 0, starts: tuple[Climbed, ...] = ()
) -> Fit:
    params, rows = run.result.params, model.rows
    means = rows.shift + rows.scale * params.means
    with np.errstate(over="ignore", under="ignore"):
        covariances, factors = model.structure.form.rescale(
            params.covariances, params.factors, rows.scale
        )
        products = np.concatenate([np.ravel(covariances), np.ravel(factors) ** 2])
    variances = model.structure.form.variances(covariances, rows.d)
    if not (np.isfinite(products).all() and np.min(variances) > 0.0):
        raise ValueError(
            "The variances or precisions of X are outside the range of floating-point numbers; "
            "scale X, for instance with sklearn.preprocessing.StandardScaler"
        )
    unit = log_unit(model)
    arrays = params.weights, means, covariances, factors
    return Fit(*arrays, unit, run, n_collapsed, model, starts=starts)


def so_far(model: Judged, climb: Ascent, earlier: tuple[Result, ...]) -> Fit:
    """The state of a climb that is under way."""
    passes = tuple(climb.passes)
    remaining = passes[-1].remaining
    result = Result(climb.params, climb.objective, passes, remaining, "under way")
    return in_data_units(model, Run(result, False, earlier))
