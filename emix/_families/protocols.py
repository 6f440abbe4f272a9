"""What a mixture asks of a family of distributions.

A mixture has weights, a rule for its E-step and constraints on it; the family has everything that
depends on what the components are. P are the parameters of all components and the weights, S their
expected statistics.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, Self, TypeVar

import numpy as np

from .._em.protocols import Repair, Vector
from .._mixture.protocols import MixtureKernel
from .._rows.blocks import Rows


class Parameters(Protocol):
    """A NamedTuple with the weights (K,) of the components as its first entry."""

    @property
    def weights(self) -> np.ndarray: ...

    def _replace(self, *, weights: np.ndarray) -> Self: ...


class Statistics(Protocol):
    """Expected sufficient statistics, per unit of weight of the rows.

    They are one vector: those of some rows and those of others add up. ``origin`` is what they are
    about, None where this never moves.
    """

    value: float
    evidence: float

    @property
    def origin(self) -> Any: ...

    @property
    def vector(self) -> np.ndarray: ...

    @property
    def weight(self) -> np.ndarray:
        """Shares of the rows that belong to the components, (K,)."""

    def at(self, vector: np.ndarray) -> Self:
        """Other statistics about the same origin."""


P = TypeVar("P", bound=Parameters)
S = TypeVar("S", bound=Statistics)
Found = TypeVar("Found", bound=Statistics, contravariant=True)


class Family(Protocol[P, Found]):
    """The components of a mixture, of one kind, over rows in units of the family's choosing."""

    def kernel(self, params: P, rows: Rows) -> MixtureKernel:
        """The components at these parameters."""

    def m_step(self, stats: Found, params: P) -> P:
        """argmax of ``expected`` over all parameters but the weights, which stay. Components
        without rows keep what they have."""

    def natural(self, params: P, origin: Any) -> Vector:
        """The slopes of ``expected`` in the statistics. Their product is E_q[log p(row, component |
        params)], of what else is latent, too."""

    def about(self, stats: Found, origin: Any) -> Vector:
        """Statistics about another origin."""

    def is_feasible(self, stats: Found) -> bool:
        """Whether extrapolated statistics, of positive weights, can be those of some rows."""

    def log_prior(self, params: P) -> float:
        """log p(params) per unit of weight; 0.0 without a prior."""

    def prior_size(self, params: P) -> float:
        """The sum of the sizes of its terms, which rounding errors are in proportion to."""

    def repair(self, stats: Found, params: P, e_step: Callable[[P], Any]) -> Repair | None:
        """Parameters to try before the next pass, where EM does not get by itself; mostly None."""

    def n_held(self, params: P) -> int:
        """How many variances are held up by a floor, as the likelihood has no bound there."""

    def n_unsound(self, params: P) -> int:
        """How many components rest on too few rows to be believed."""

    def singular(self, params: P) -> np.ndarray:
        """Indices of components that have such variances."""

    def n_free(self, params: P) -> int:
        """Free parameters beside the weights."""

    def equal(self, n_components: int, rows: Rows) -> P:
        """All components alike."""

    def labels(self, rows: Rows, n_components: int, rng: np.random.RandomState) -> np.ndarray:
        """A partition (n,) of rows to start from."""

    def taken(self, params: P, order: np.ndarray) -> P:
        """Component k of the result is component order[k]."""

    def sample(self, params: P, labels: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        """A row for each label, (m, d)."""
