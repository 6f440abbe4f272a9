"""Local maxima of the likelihood of two normals, and which of them to return."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from .._fit.fit import Fit, Run, in_data_units, log_unit
from .._fit.problem import Problem
from .._fit.runs import Observer, climb_all
from .._normal.gaussian import Params
from .._rows.blocks import Rows, standard_units
from .._rows.local_scale import local_scale
from .climbs import Climbs, Sample
from .peaks import Peak, by_mean, in_order
from .screen import WORTH
from .sorted_sample import sorted_sample
from .spurious import Held, Verdict, ranked
from .two_normals import TwoNormals, pair

# Least deviation, in local scales of X.
_FLOOR = 1e-3
# Values whose range is within this share of their magnitude are equal but for rounding.
_ROUNDING = 4e-16

_NARROW = "a narrow component rests on a few values of X that are close together. "
SPURIOUS = f"Only spurious maxima were found: {_NARROW}equal_variance=True has no such maxima"
SPURIOUS_FROM_START = (
    f"The start leads to a spurious maximum: {_NARROW}Choose another start, or leave out "
    "means_init: then all local maxima are searched for a better one"
)


class Maximum(NamedTuple):
    """A maximum in the units of the data, components in the order of their means."""

    log_likelihood: float
    weight: float
    means: np.ndarray
    scales: np.ndarray
    spurious: bool


@dataclass(frozen=True)
class TwoNormalFit(Fit):
    """The fit that is returned, all maxima that were found, and the information at the fit.

    Components are ordered by mean; ``held`` says which are at the floor, and on what rows.
    """

    maxima: list[Maximum]
    information: np.ndarray
    total_weight: float
    null_bound: float
    held: tuple[Held | None, Held | None]
    is_spurious: bool

    @property
    def shares(self) -> np.ndarray:
        """Of the rows; weights stay as they are if no row belongs to a component."""
        return np.array(self.run.result.stats.count)

    @property
    def log_likelihood(self) -> float:
        return self.total_weight * self.lower_bound

    @property
    def is_singular(self) -> bool:
        return any(rows is not None for rows in self.held)

    @property
    def null_log_likelihood(self) -> float:
        """That of one normal."""
        return self.total_weight * (self.null_bound + self.log_unit)


def fit_two_normals(
    rows: Rows, problem: Problem, rng: np.random.RandomState, observer: Observer
) -> TwoNormalFit:
    """The best of all maxima."""
    with np.errstate(under="ignore"):  # of densities far from a component
        model, sample = _posed(rows, problem)
        climbs = Climbs(model, sample, problem)
        runs = climb_all(model, climbs, problem, rng, observer)
        verdicts = ranked(climbs.found)
        best = verdicts[0]
        assert best.climb is not None, "climbs go on until the best point is the end of one"
        worth = best.peak.objective - WORTH / model.rows.total_weight
        found = [v for v in verdicts if v is best or _is_worth_reporting(v, worth)]
        fit = in_data_units(model, _with_order(runs[best.climb]))
        return TwoNormalFit(
            **vars(fit),
            maxima=sorted((_maximum(model, v) for v in found), key=lambda m: -m.log_likelihood),
            information=_information(model, best.peak),
            total_weight=model.rows.total_weight,
            null_bound=model.one_normal,
            held=best.held,
            is_spurious=best.is_spurious,
        )


def _is_worth_reporting(verdict: Verdict, least: float) -> bool:
    """A component can be put on any row, at the floor."""
    is_accident = verdict.is_singular and verdict.is_spurious
    return verdict.peak.objective >= least and not is_accident


def _posed(rows: Rows, problem: Problem) -> tuple[TwoNormals, Sample]:
    """The model of the rows in local scales about their median, and a sample of them in these
    units, which far rows do not change."""
    rows = standard_units(rows)
    x, mass, is_complete = sorted_sample(rows)
    if _is_constant(x):
        x, mass = x[:1], mass.sum(keepdims=True)
    middle = x[[np.searchsorted(np.cumsum(mass), 0.5 * mass.sum())]]
    # the variance of a constant column does not depend on its value
    unit = local_scale(x[:, None], rows.scale) if len(x) > 1 else np.ones(1)
    model = TwoNormals(problem.structure, rows.in_units(middle, unit), _FLOOR**2)
    return model, Sample((x - middle) / unit, mass, is_complete)


def _is_constant(x: np.ndarray) -> bool:
    """Whether sorted values differ by no more than their rounding."""
    low, high = float(x[0]), float(x[-1])
    return 0.5 * high - 0.5 * low <= _ROUNDING * max(abs(low), abs(high))


def _maximum(model: TwoNormals, verdict: Verdict) -> Maximum:
    rows, peak = model.rows, verdict.peak
    return Maximum(
        (peak.objective + log_unit(model)) * rows.total_weight,
        float(peak.params.weights[1]),
        rows.shift + rows.scale * peak.params.means[:, 0],
        rows.scale * np.sqrt(pair(peak.params.covariances)),
        verdict.is_spurious,
    )


def _information(model: TwoNormals, peak: Peak) -> np.ndarray:
    """Observed information in the units of the data; infinite where that of so much weight is."""
    information = model.information(peak.stats, peak.params)
    unit = np.ones(len(information))
    unit[1:3] = model.rows.scale
    with np.errstate(over="ignore"):
        information = information * model.rows.total_weight
        return information / unit / unit[:, None]


def _with_order(run: Run) -> Run:
    result = run.result
    if in_order(result.params):
        return run
    params, stats = by_mean(result.params), result.stats.swapped()
    return replace(run, result=result._replace(params=params, stats=stats))


def ordered(fit: Fit) -> Fit:
    """The fit with its components in the order of their means."""
    params = Params(fit.weights, fit.means, fit.covariances, fit.factors, np.zeros(2))
    weights, means, covariances, factors, _ = by_mean(params)
    return replace(fit, weights=weights, means=means, covariances=covariances, factors=factors)
