"""Interleaved rounds and what is said of them."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

Rounds = dict[str, list[float]]

_PAUSE = 0.05  # seconds; lets the idle threads of one peer's BLAS stop spinning before the next


def interleave(tasks: Mapping[str, Callable[[], float]], n_rounds: int) -> Rounds:
    """Call each task once a round (A, B, C, A, B, C ...) and collect what each returns."""
    values: Rounds = {name: [] for name in tasks}
    for _ in range(n_rounds):
        for name, task in tasks.items():
            time.sleep(_PAUSE)
            values[name].append(task())
    return values


def summary(values: Sequence[float]) -> dict:
    """Median, smallest and largest of the rounds, and the rounds themselves."""
    return {
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
        "rounds": list(values),
    }


def ratio(slower: Sequence[float], faster: Sequence[float]) -> dict:
    """How many times faster, each ratio formed within a round."""
    return summary([a / b for a, b in zip(slower, faster, strict=True)])


def ratios(values: Rounds, subject: str) -> dict[str, dict]:
    """How many times faster than each other peer the subject is."""
    if subject not in values:
        return {}
    return {
        name: ratio(seconds, values[subject]) for name, seconds in values.items() if name != subject
    }


def geometric_mean(values: Sequence[float]) -> float:
    """Geometric mean of positive numbers."""
    return math.exp(statistics.fmean(map(math.log, values)))
