"""Where one normal leaves more rows than it should: starts for a narrow second component.

The score of a small component N(a, s²) beside one normal p is g(x) = N(x | a, s²) / p(x) - 1. With
the weight w of the component, the log-likelihood gains w sum g - w² sum g² / 2 to second order:
most, (sum g)² / (2 sum g²), at w = sum g / sum g². On a histogram all places and widths are
one product.
"""

from __future__ import annotations

import numpy as np

from .intervals import Moments
from .short_runs import Pairs

# Bins of the histogram, in deviations of all rows about their mean.
_EDGES = np.linspace(-4.0, 4.0, 161)
_BINS = 0.5 * (_EDGES[1:] + _EDGES[:-1])
# Widths s in the same unit, each at places that are s apart. Below the least, a component is
# narrow enough to be called spurious.
_WIDTHS = (0.11, 0.2, 0.35)
# At most this many bumps are starts, and none that gain less (nats). Of 900 maxima within 3 nats of
# the highest (see ``screen``), two are lost; with 5 bumps 20, and with a least gain of one nat 45.
_MOST, _LEAST_GAIN = 10, 0.25
# Largest weight of a start, as the gain holds for small ones; with 0.1 the same maxima are found.
_HEAVIEST = 0.3

# Mixtures in standard units, whose variance is about one: two with long tails, two that are skew.
# The first are not quite symmetric, or they would stay so for ever.
_WEIGHTS = np.array([0.4, 0.1, 0.4, 0.4])
_MEANS = np.array([[-0.02, 0.03], [0.0, 0.02], [-0.4, 0.6], [0.4, -0.6]])
_VARIANCES = np.array([[0.5, 1.75], [0.7, 3.7], [0.4, 1.3], [0.4, 1.3]])


def _grid() -> tuple[np.ndarray, np.ndarray]:
    """Places and widths (J,) of all components."""
    places = [np.arange(-4.0, 4.0 + 0.5 * width, width) for width in _WIDTHS]
    widths = [np.full(len(at), width) for at, width in zip(places, _WIDTHS, strict=True)]
    return np.concatenate(places), np.concatenate(widths)


_PLACES, _SCALES = _grid()
_U = (_BINS - _PLACES[:, None]) / _SCALES[:, None]
_SCORES = np.exp(0.5 * _BINS**2 - 0.5 * _U**2) / _SCALES[:, None] - 1.0
_SQUARES = _SCORES**2


def bumps(moments: Moments) -> Pairs:
    """Mixtures of all rows' normal and a narrow one where that gains most."""
    counts = np.diff(moments.before(_EDGES))
    score, square = _SCORES @ counts, _SQUARES @ counts
    gain = np.where(score > 0.0, 0.5 * score * score / square, 0.0)
    found = np.flatnonzero(_is_peak(gain) & (gain > _LEAST_GAIN))
    best = found[np.argsort(-gain[found], kind="stable")[:_MOST]]
    weight = np.minimum(score[best] / square[best], _HEAVIEST)
    deviation = np.sqrt(moments.variance)
    means = np.column_stack([np.zeros(len(best)), _PLACES[best]]) * deviation + moments.mean
    variances = np.column_stack([np.ones(len(best)), _SCALES[best] ** 2]) * moments.variance
    return Pairs(np.column_stack([1.0 - weight, weight]), means, variances)


def overlapping(moments: Moments) -> Pairs:
    """Mixtures with the mean and variance of all rows, long-tailed or skew."""
    deviation = np.sqrt(moments.variance)
    means, variances = _MEANS * deviation + moments.mean, _VARIANCES * moments.variance
    return Pairs(np.column_stack([1.0 - _WEIGHTS, _WEIGHTS]), means, variances)


def _is_peak(gain: np.ndarray) -> np.ndarray:
    """Whether it is not below that of a neighbour of the same width; those of two widths that
    follow each other are far apart, and their gains small there."""
    padded = np.concatenate([[-np.inf], gain, [-np.inf]])
    return (gain >= padded[:-2]) & (gain >= padded[2:])
