"""Which maxima of the likelihood of two normals mean something."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .._rows.blocks import Rows
from .peaks import Peak, is_same, place_of
from .two_normals import TwoNormals, pair

# Ratio of standard deviations from which a component is narrow.
_NARROW = 10.0
# A component at the floor holds the rows within 4 of its standard deviations.
_REACH = 4.0
# A value is a spike if it has 10 times the rows of either neighbour. Numbers that people
# round to tens or halves are up to five times as frequent as those between.
_FAR_MORE = 10.0
# Deviation of a uniform distribution of width one.
_UNIFORM = math.sqrt(1.0 / 12.0)


class Held(NamedTuple):
    """Rows that a component at the floor rests on: their mean and weight, the weight at the
    heavier of the two neighbouring values, and the space from the middle of the gap below to that
    of the gap above, in the units of the data."""

    value: float
    weight: float
    beside: float
    space: float

    @property
    def is_spike(self) -> bool:
        """Whether far more rows have this value than have its neighbours: more than chance or
        rounding makes."""
        return self.weight >= _FAR_MORE * self.beside


class Verdict(NamedTuple):
    """A maximum, its gain in log-likelihood over one normal (with the rows of components at the
    floor spread over their space unless they are spikes), whether it is one of those that
    chance makes, and the number of the climb that led to it, if one did."""

    peak: Peak
    held: tuple[Held | None, Held | None]
    gain: float
    is_spurious: bool
    climb: int | None = None

    @property
    def is_singular(self) -> bool:
        return self.held != (None, None)


def is_narrow(ratio):
    """Whether standard deviations s < S have s < S / 10; the ratio is that of the variances."""
    return ratio > _NARROW**2


def does_not_pay(ratio, gain):
    """With standard deviations s < S / 10, a maximum is spurious if its log-likelihood exceeds
    that of one normal by no more than 2 log(S / s); the ratio is that of the variances."""
    return is_narrow(ratio) & (gain <= np.log(ratio))


def ranked(verdicts: list[Verdict]) -> list[Verdict]:
    """Those at different points, the best first: those that are not spurious before those that
    are, and these without singular components before those with them.

    A maximum with a singular component has to be higher than the regular ones, unless it is on a
    spike with its rows spread over their space: that height does not depend on the floor.
    """
    kept = distinct(sorted(verdicts, key=lambda v: -v.peak.objective))
    regular = [v.gain for v in kept if not (v.is_singular or v.is_spurious)]
    best = max(regular, default=-math.inf)
    kept = [
        v._replace(is_spurious=v.is_spurious or (v.is_singular and v.gain <= best)) for v in kept
    ]
    return sorted(kept, key=lambda v: (v.is_spurious, v.is_spurious * v.is_singular, -v.gain))


def distinct(verdicts: list[Verdict]) -> list[Verdict]:
    """Without those at the point of one before them."""
    kept: list[Verdict] = []
    places: list[list] = []
    for verdict in verdicts:
        place = place_of(verdict.peak.params)
        if not any(is_same(place, other) for other in places):
            kept.append(verdict)
            places.append(place)
    return kept


def judged(model: TwoNormals, peak: Peak, climb: int | None = None) -> Verdict:
    """What it is by itself."""
    params, total = peak.params, model.rows.total_weight
    gain = (peak.objective - model.one_normal) * total
    variances = pair(params.covariances)
    held = held_rows(model, params)
    if held != (None, None):
        gain -= total * _lost(model, peak, held)
    ratio = max(variances) / min(variances)
    return Verdict(peak, held, gain, bool(does_not_pay(ratio, gain)), climb)


def _lost(model: TwoNormals, peak: Peak, held: tuple[Held | None, Held | None]) -> float:
    """Log-likelihood per row that is lost as held rows that are no spikes are spread."""
    stats, variances = peak.stats, pair(peak.params.covariances)
    unit = float(model.rows.scale[0])
    spread = [
        variance
        if rows is None or rows.is_spike
        else max(variance, (rows.space * _UNIFORM / unit) ** 2)
        for variance, rows in zip(variances, held, strict=True)
    ]
    if model.equal_variance:
        spread = [float(np.dot(stats.count, spread))] * 2
    lost = 0.0
    for k in (0, 1):
        # the rows' part of F: count log s + the sum of squares / 2, and of spread ones a half each
        squares = stats.second[k] / variances[k]
        if spread[k] > variances[k]:
            lost += 0.5 * stats.count[k] * (math.log(spread[k] / variances[k]) + 1.0)
            lost -= 0.5 * squares
    return lost


def held_rows(model: TwoNormals, params) -> tuple[Held | None, Held | None]:
    """Of each component that is at the floor."""
    if not params.n_floored.any():
        return None, None
    rows = model.rows
    floored = np.broadcast_to(params.n_floored, 2)
    reach = _REACH * math.sqrt(model.floor) * float(rows.scale[0])
    middles = rows.shift + rows.scale * params.means[:, 0]
    one, two = (
        _about(rows, middle, reach) if is_floored else None
        for middle, is_floored in zip(middles.tolist(), floored, strict=True)
    )
    return one, two


def _about(rows: Rows, middle: float, reach: float) -> Held:
    x, weight = rows.X[:, 0], rows.weight
    if weight is not None:
        x, weight = x[weight > 0.0], weight[weight > 0.0]

    def mass(condition):
        own = np.count_nonzero(condition) if weight is None else weight[condition].sum()
        return float(own) * rows.weight_unit

    is_near = np.abs(x - middle) <= reach
    near = x[is_near].astype(float)
    if not len(near):
        return Held(middle, 0.0, 0.0, 0.0)
    low, high = near.min(), near.max()
    below, above = x[x < low], x[x > high]
    neighbours = [below.max()] if len(below) else []
    neighbours += [above.min()] if len(above) else []
    gaps = [abs(float(side) - end) for side in neighbours for end in [low if side < low else high]]
    space = float(high - low) + (sum(gaps) / len(gaps) if gaps else 0.0)
    beside = max((mass(x == side) for side in neighbours), default=0.0)
    value = float(np.average(near, weights=None if weight is None else weight[is_near]))
    return Held(value, mass(is_near), beside, space)
