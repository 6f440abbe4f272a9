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
from .._rows.blocks import Rows
from .._rows.room import Buffers, Worker

P = TypeVar("P")  # Parameters
S = TypeVar("S")  # Statistics


class Parameters(Protocol):
    """A NamedTuple with the weights (K,) of the components as its first entry."""

    weights: np.ndarray

    def _replace(self, *, weights: np.ndarray) -> Self: ...


class Statistics(Protocol):
    """Expected sufficient statistics, per unit of weight of the rows.

    They are one vector: those of some rows and those of others add up. ``origin`` is what they are
    about, None where this never moves.
    """

    value: float
    evidence: float
    vector: np.ndarray
    origin: Any

    @property
    def weight(self) -> np.ndarray:
        """Shares of the rows that belong to the components, (K,)."""

    def at(self, vector: np.ndarray) -> Self:
        """Other statistics about the same origin."""


class Kernel(Worker, Protocol[S]):
    """All components at some parameters, on blocks of rows; ``_mixture.sums`` has its callers."""

    n_components: int
    size: int

    def log_joint(self, buffers: Buffers) -> np.ndarray:
        """log pi_k + log p_k(row), (K, m), but for what all components have in common."""

    def common(self, buffers: Buffers) -> np.ndarray | float:
        """What log_joint leaves out, (m,)."""

    def locate(self, buffers: Buffers) -> None:
        """Find what statistics need of the rows beside the features."""

    def accumulate(self, buffers: Buffers, scale: np.ndarray | None, sums: np.ndarray) -> None:
        """Add the statistics at responsibilities resp * scale to sums (size,)."""

    def stats(self, value: float, sums: np.ndarray) -> S:
        """Statistics from means over the rows; what log_joint left out comes to the value."""


class Family(Protocol[P, S]):
    """The components of a mixture, of one kind, over rows in units of the family's choosing."""

    def kernel(self, params: P, rows: Rows) -> Kernel[S]:
        """The components at these parameters."""

    def m_step(self, stats: S, params: P) -> P:
        """argmax of ``expected`` over all parameters but the weights, which stay. Components
        without rows keep what they have."""

    def expected(self, stats: S, params: P) -> float:
        """E_q[log p(row, component | params)] and what else is latent."""

    def rounding(self, stats: S, params: P) -> float:
        """A bound on the rounding error of ``expected``."""

    def natural(self, params: P, origin: Any) -> Vector:
        """The slopes of ``expected`` in the statistics."""

    def about(self, stats: S, origin: Any) -> Vector:
        """Statistics about another origin."""

    def is_feasible(self, stats: S) -> bool:
        """Whether extrapolated statistics can be those of some rows."""

    def log_prior(self, params: P) -> float:
        """log p(params) per unit of weight; 0.0 without a prior."""

    def repair(self, stats: S, params: P, e_step: Callable[[P], S]) -> Repair | None:
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
        """A partition (n,) of rows, which have weights, to start from."""

    def taken(self, params: P, order: np.ndarray) -> P:
        """Component k of the result is component order[k]."""

    def sample(self, params: P, labels: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        """A row for each label, (m, d)."""
