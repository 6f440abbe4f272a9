"""What an estimator of a mixture says of its family: one object, passed as a value."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from .._families.prior import WeightPrior
from .._families.protocols import Family
from .._input.parameters import Checks
from .._input.tables import Read
from .._rows.blocks import Rows


class Problem(NamedTuple):
    """What is fitted: rows in units of the family's choosing, the family for a climb over them, the
    attributes that parameters in these units are published as, the prior of the weights, and
    log|dz/dx| of the units."""

    rows: Rows
    family: Family
    described: Callable[[Any], dict[str, Any]]
    weight_prior: WeightPrior = WeightPrior()
    log_unit: float = 0.0


def as_it_is(values: np.ndarray) -> np.ndarray:
    return values


class Known(NamedTuple):
    """A fitted mixture, in units z = (x - shift) / scale of the numbers that stand for values.

    ``encoded`` makes these numbers of rows as they are read, ``decoded`` makes values of them.
    The component that stands for noise, if there is one, is the last.
    """

    family: Any
    params: Any
    shift: np.ndarray
    scale: np.ndarray
    encoded: Callable[[np.ndarray], np.ndarray] = as_it_is
    decoded: Callable[[np.ndarray], np.ndarray] = as_it_is
    has_noise: bool = False

    @property
    def log_unit(self) -> float:
        """log|dz/dx|."""
        return -float(np.log(self.scale).sum())

    def rows(self, X: np.ndarray, weight: np.ndarray | None = None) -> Rows:
        """Rows to evaluate."""
        return Rows(self.encoded(X), weight, self.shift, self.scale)

    def in_data_units(self, z: np.ndarray) -> np.ndarray:
        return self.decoded(self.shift + self.scale * z)

    def numbered(self, labels: np.ndarray) -> np.ndarray:
        """What stands for the components: -1 for noise."""
        if not self.has_noise:
            return labels
        return np.where(labels == len(self.params.weights) - 1, -1, labels)


def in_own_units(d: int) -> tuple[np.ndarray, np.ndarray]:
    """Shift and scale of values that stay as they are."""
    return np.zeros(d), np.ones(d)


class Kind(Protocol):
    """A family as its estimator offers it.

    ``read`` reads tables, ``checks`` are those of parameters that other families have not, some of
    which (``rests_on``) are needed to read the attributes again; ``n_more`` counts components
    beside n_components.
    """

    read: ClassVar[Read]
    checks: ClassVar[Checks]
    rests_on: ClassVar[tuple[str, ...]]
    n_more: ClassVar[int]

    def problem(
        self, values: SimpleNamespace, X: np.ndarray, weight: np.ndarray | None, mapper: Any
    ) -> Problem:
        """What is fitted to the rows of X, by checked parameters."""

    def known(self, estimator: Any) -> Known:
        """The mixture that the attributes tell."""

    def resumed(self, estimator: Any, problem: Problem) -> Any:
        """Its parameters in the units of other rows, to go on from; None where they do not fit."""
