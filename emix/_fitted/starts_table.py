"""What the starts of a fit led to, as an attribute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .._em.results import Climbed


def starts_table(
    climbed: Sequence[Climbed], log_unit: float, parameters: Mapping[str, np.ndarray]
) -> np.ndarray:
    """A structured array, one row per start, in the units of the data.

    ``parameters`` adds a field for each of its arrays, whose first axis goes along the starts.
    """
    fields: dict[str, np.ndarray] = {
        "objective": np.array([each.result.objective for each in climbed]) + log_unit,
        "remaining": np.array([each.result.remaining for each in climbed]),
        "n_iter": np.array([each.n_iter for each in climbed]),
        "reason": np.array([each.reason for each in climbed]),
        "sound": np.array([each.is_sound for each in climbed]),
        "given_up": np.array([each.is_given_up for each in climbed]),
        **parameters,
    }
    kinds = [(name, value.dtype, value.shape[1:]) for name, value in fields.items()]
    table = np.empty(len(climbed), dtype=kinds)
    for name, value in fields.items():
        table[name] = value
    return table
