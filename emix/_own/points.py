"""Parameters of a user's model, and what its E-step found there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .tree import with_numbers


@dataclass(frozen=True, eq=False)
class At:
    """Parameters, and the vector of their free coordinates. ``tried`` ones are extrapolated, and
    may be no parameters at all; promise is F after the M-step that led here, or -inf."""

    params: Any
    vector: np.ndarray
    tried: bool = False
    promise: float = -math.inf


class Seen(NamedTuple):
    """What an E-step found: the objective, the log-likelihood, the statistics, and where a step was
    tried the M-step of these. The last two are None where it failed."""

    value: float
    evidence: float
    statistics: Any
    following: At | None = None

    @property
    def origin(self) -> None:
        """Statistics of a user's model are about no origin that moves."""
        return None

    def at(self, vector: np.ndarray) -> Seen:
        """Other statistics, which no E-step found."""
        return Seen(math.nan, math.nan, with_numbers(self.statistics, vector))
