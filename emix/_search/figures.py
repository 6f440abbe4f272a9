"""What is told of a fitted cell in numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .rows import Part

_NAN = math.nan


@dataclass(frozen=True)
class Figures:
    """Of a mixture on the rows that it was fitted to: log-likelihood, free parameters, criteria of
    which the lower ones are the better, the user's own criterion; and the mean log-density of rows
    that were held out."""

    log_likelihood: float = _NAN
    n_parameters: float = _NAN
    bic: float = _NAN
    icl: float = _NAN
    aic: float = _NAN
    own: float = _NAN
    test_score: float = _NAN


def figures_of(mixture: Any, part: Part, own: Callable[..., float] | None) -> Figures:
    rows, held_out = part.rows, part.held_out
    given = {"sample_weight": rows.weight}
    n, n_parameters = float(rows.weights.sum()), float(mixture._n_parameters())
    bic = mixture.bic(rows.array, **given)
    return Figures(
        log_likelihood=n * mixture.score(rows.array, **given),
        n_parameters=n_parameters,
        bic=bic,
        icl=mixture.icl(rows.array, **given),
        aic=bic - n_parameters * (math.log(n) - 2.0),
        own=_NAN if own is None else _own(own, mixture, rows),
        test_score=_NAN if held_out is None else _score(mixture, held_out),
    )


def _score(mixture: Any, rows: Any) -> float:
    return float(mixture.score(rows.array, sample_weight=rows.weight))


def _own(own: Callable[..., float], mixture: Any, rows: Any) -> float:
    """By the user's criterion, which is told of weights if there are any."""
    weights = {} if rows.weight is None else {"sample_weight": rows.weight}
    value = own(mixture, rows.array, **weights)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"criterion must return a number, got {value!r}") from None
    if math.isnan(number):
        raise ValueError("criterion must return a number that can be compared, got NaN")
    return number
