"""What a climb looked like, pass by pass."""

from __future__ import annotations

import numpy as np

from .._em.results import Pass

HISTORY = np.dtype(
    [
        ("free_energy", "f8"),
        ("objective", "f8"),
        ("log_likelihood", "f8"),
        ("log_prior", "f8"),
        ("entropy", "f8"),
        ("gap", "f8"),
        ("remaining", "f8"),
        ("extrapolated", "?"),
        ("accepted", "?"),
        ("temperature", "f8"),
    ]
)


def as_history(passes: tuple[Pass, ...], log_unit: float, temperature: float) -> np.ndarray:
    """A structured array, one row per pass, in the units of the data."""
    rows = [
        (
            p.free_energy + log_unit,
            p.objective + log_unit,
            p.evidence + log_unit,
            p.log_prior,
            p.entropy / temperature if temperature else 0.0,
            p.evidence + p.log_prior - p.free_energy,
            p.remaining,
            p.extrapolated,
            p.accepted,
            temperature,
        )
        for p in passes
    ]
    return np.array(rows, dtype=HISTORY)


def reached(history: np.ndarray) -> np.ndarray:
    """The objective where the fit stands after each pass, (n_passes,): that of the last
    accepted point."""
    at = np.maximum.accumulate(np.where(history["accepted"], np.arange(len(history)), 0))
    return history["objective"][at]


def lower_bounds(history: np.ndarray) -> np.ndarray:
    """The same, such that it never falls in a climb at one temperature.

    Accepted steps may lower the objective by as much as rounding does: values that the climb does
    not keep to its end are rounding errors.
    """
    return np.minimum.accumulate(reached(history)[::-1])[::-1]
