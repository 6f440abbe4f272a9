"""A scale of a feature that neither far rows, nor distant clusters, nor repeated rows change."""

from __future__ import annotations

import numpy as np

# A window holds this share of the distinct values. Of a normal's windows of a small share p the
# median range is p / _NORMAL_DENSITY deviations, which is 1 / density at the quartiles.
_SHARE, _NORMAL_DENSITY = 0.05, 0.3178
# Least scale, of the range of the values: fourth powers of the range in units of a thousandth of
# the scale stay finite.
_LEAST = 1e-30


def local_scale(values: np.ndarray, deviation: np.ndarray | float) -> np.ndarray:
    """Standard deviation of a normal whose middle is as dense as the distinct values are.

    values (u,) or (u, d) are sorted along the first axis and distinct; deviation () or (d,) is the
    standard deviation of all rows. The result s () or (d,) is the median range of windows of
    5 % of the values, in the unit that makes it the deviation of a normal, or the deviation
    of all rows if that is less. One far row changes 5 % of the windows and so hardly s; clusters
    far apart give about the deviation within them; a repeated value counts once. Of a single
    value s is zero.
    """
    count = len(values)
    if count < 2:
        return np.zeros(np.shape(deviation))
    width = max(1, round(_SHARE * count))
    half_ranges = 0.5 * values[width:] - 0.5 * values[:-width]
    middle = (len(half_ranges) - 1) // 2
    # the lower median: of few values a far one is in half of the windows
    half = np.partition(half_ranges, middle, axis=0)[middle]
    factor = 2.0 * _NORMAL_DENSITY * (count + 1) / width
    least = _LEAST * (0.5 * values[-1] - 0.5 * values[0])
    return np.maximum(factor * np.minimum(half, np.divide(deviation, factor)), least)
