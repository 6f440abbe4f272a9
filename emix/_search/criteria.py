"""By what cells are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .fits import Outcome


class Criterion(Protocol):
    """A figure of a cell, by its fits to all rows and to parts of them."""

    @property
    def name(self) -> str: ...

    @property
    def higher_is_better(self) -> bool: ...

    def of(self, outcomes: Sequence[Outcome]) -> float: ...


@dataclass(frozen=True)
class OfAllRows:
    """A figure of the fit to all rows, the lower the better."""

    name: str
    figure: str
    higher_is_better: bool = False

    def of(self, outcomes: Sequence[Outcome]) -> float:
        return float(getattr(outcomes[0].figures, self.figure))


@dataclass(frozen=True)
class HeldOut:
    """The mean over the parts of the mean log-density of rows that were held out."""

    name: str = "mean_test_score"
    higher_is_better: bool = True

    def of(self, outcomes: Sequence[Outcome]) -> float:
        return float(np.mean([outcome.figures.test_score for outcome in outcomes[1:]]))


CRITERIA: dict[str, Criterion] = {
    "bic": OfAllRows("bic", "bic"),
    "icl": OfAllRows("icl", "icl"),
    "aic": OfAllRows("aic", "aic"),
    "cv": HeldOut(),
}
OWN: Criterion = OfAllRows("criterion", "own")
