"""Which of many starts lead to maxima that are worth reporting: short runs, of all together.

The numbers here were chosen on 2000 random data sets (``benchmarks/two_normals.py``), by their
highest maxima, by those within 3 nats of these, and by the processor time of a fit. "A miss" is a
highest maximum that was not found.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .bumps import bumps, overlapping
from .intervals import Moments, starts
from .peaks import distinct_pairs
from .short_runs import Pairs, Refined, ShortRuns
from .spurious import is_narrow

# Maxima whose log-likelihood is further below that of the best are not worth reporting (nats).
WORTH = 10.0
# Starts for normals that overlap are made if hard assignments gain less over one normal (nats).
# Above, the hard assignments themselves lead to all maxima near the best.
_OVERLAP = 20.0
# Steps of EM that all starts make first. With 2, one in forty of the maxima within 3 nats was lost.
# With 6 or 8 there was a miss in 400 data sets: EM leads together what Newton's method leads
# apart.
_EM_STEPS = 4


class Behind(NamedTuple):
    """By how much the gain in log-likelihood over one normal may be behind that of the best: nats,
    and a share of the latter."""

    nats: float
    share: float


# Then Newton's method, in rounds of so many steps. Before each round, and after the last, starts
# are dropped that are further behind: some of those that lead to the highest maximum are hardly
# better than one normal at first. Rounds of 3 and 3 steps, or one of 5, take 2 to 10 % less time,
# and had one to five misses in 2000. So had limits of 0.6 or less in place of 0.8.
_STEPS = (4, 4)
_BEHIND = (Behind(10.0, 0.8), Behind(45.0, 0.3), Behind(30.0, 0.1))
# A mixture has settled if a step changes the log-likelihood by less (nats). With 0.1 there was a
# miss in 230 data sets; 0.001 takes 2 % longer.
_LEAST = 1e-2
# The same on single rows or fine cells, where what is listed is to have three digits. Four steps
# less lose one in a thousand of the maxima within 3 nats, four more find no other.
_FINE_STEPS = (3, 8)
_FINE_BEHIND = (Behind(30.0, 0.1), Behind(WORTH + 5.0, 0.05), Behind(WORTH + 1.0, 0.0))
_FINE_LEAST = 1e-4
# Of mixtures with a component at the floor, of others with a narrow one that have settled, and of
# those that have not, this many go on, the highest. With 2 or 6 of each the same maxima
# are found; 6 take 5 % longer than 3.
_MOST_NARROW = 3
# What has not settled in all of these steps is climbed from by itself, unless it is further below
# the best than this (nats). With 0.5, 11 of 3000 maxima within 3 nats were lost, with 5 four, and
# with 30, which takes 5 % longer, three.
_REACH = 5.0
# Nor if it gains less over one normal (nats): it is one normal written as two, and the way from
# there is long. Climbs from such points took a fifth of the time of fits to normals that
# overlap, and led to maxima that were known.
_FLAT = 0.1


def screened(moments: Moments, floor: float, pooled: bool, most: int) -> tuple[Pairs, np.ndarray]:
    """Mixtures at different points near the best, the highest first, and which of them are
    maxima: the others are on their way. No schedule has rounds of more steps than the most."""

    def keeping(limits):
        def keep(now: Refined, i: int) -> np.ndarray:
            kept = _near_the_best(now.pairs, _gain(moments, now), limits[i])
            return kept[distinct_pairs(now.pairs.take(kept))]

        return keep

    def rounds(schedule):
        return [min(most, n_steps) for n_steps in schedule]

    intervals, pairs, gain = starts(moments, pooled)
    if not pooled and gain * moments.total < _OVERLAP:
        more = pairs, overlapping(moments), bumps(moments)
        pairs = Pairs(*map(np.concatenate, zip(*more, strict=True)))
    runs = ShortRuns(moments.cells(intervals), floor, pooled)
    pairs = runs.run(pairs, min(most, _EM_STEPS))
    found = runs.refine(pairs, rounds(_STEPS), _LEAST / moments.total, keeping(_BEHIND))
    pairs = found.pairs.take(_few_narrow(found, floor))
    runs = ShortRuns(moments.fine_cells(pairs), floor, pooled)
    least = _FINE_LEAST / moments.total
    found = runs.refine(pairs, rounds(_FINE_STEPS), least, keeping(_FINE_BEHIND))
    height = _gain(moments, found)
    kept = found.has_settled | ((height > _FLAT) & (height > height[0] - _REACH))
    kept[0] |= not kept.any()
    return found.pairs.take(kept), found.has_settled[kept]


def _gain(moments: Moments, found: Refined) -> np.ndarray:
    """Log-likelihood above that of one normal."""
    return (found.objective - moments.one_normal) * moments.total


def _near_the_best(pairs: Pairs, gain: np.ndarray, behind: Behind) -> np.ndarray:
    """Indices of those that are not far behind the best without a narrow component, the highest
    first. Narrow ones do not count, as they may be on their way to the floor."""
    broad = ~is_narrow(_ratio(pairs.variances))
    best = float(gain[broad].max() if broad.any() else gain.max())
    order = np.argsort(-gain, kind="stable")
    return order[gain[order] >= best - behind.nats - behind.share * max(best, 0.0)]


def _few_narrow(found: Refined, floor: float) -> np.ndarray:
    """Without those that have a component at the floor, and those that have another narrow one,
    but for the highest of either: the highest come first. Narrow ones on their way count apart,
    as many may be on the way to the same rows."""
    singular = (found.pairs.variances <= floor).any(axis=1)
    narrow = is_narrow(_ratio(found.pairs.variances)) & ~singular
    kinds = singular, narrow & found.has_settled, narrow & ~found.has_settled
    few = [~kind | (np.cumsum(kind) <= _MOST_NARROW) for kind in kinds]
    return np.logical_and.reduce(few)


def _ratio(variances: np.ndarray) -> np.ndarray:
    ratio = variances[:, 0] / variances[:, 1]
    return np.maximum(ratio, 1.0 / ratio)
