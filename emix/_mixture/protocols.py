"""What a mixture asks of where its components lie, and of a prior of their parameters.

Components are opaque to a ``Mixture``: parameters have ``weights`` (K,), statistics are one vector,
and E_q[log p(x, z | params)] is its product with the vector of natural parameters. Rows and
components together are a space. ``tests/test_spaces.py`` holds every implementation to this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, Self

import numpy as np

from .._em.protocols import Repair, Sums, Vector
from .._rows.room import Buffers, Worker


class MixtureKernel(Worker, Protocol):
    """All components at some parameters, on blocks of rows; ``sums`` has the callers."""

    n_components: int
    size: int
    has_odds: bool  # whether E-steps may go by densities relative to one component
    has_panels: bool  # whether pairs of rows and components may be left out

    def log_joint(self, buffers: Buffers) -> np.ndarray:
        """log pi_k + log p_k(row), (K, m), but for what all components have in common."""

    def common(self, buffers: Buffers) -> np.ndarray | float:
        """What log_joint leaves out, (m,)."""

    def locate(self, buffers: Buffers) -> None:
        """Find what statistics need of the rows beside the features."""

    def accumulate(self, buffers: Buffers, scale: np.ndarray | None, sums: np.ndarray) -> None:
        """Add the statistics at responsibilities resp * scale to sums (size,)."""

    def stats(self, value: float, sums: np.ndarray) -> Any:
        """Statistics from means over the rows; what log_joint left out comes to the value."""


class Estimation(Protocol):
    """What an M-step goes by: the kind of the components, and what stays as it is."""

    @property
    def frozen(self) -> frozenset[str]:
        """Names of parameters."""

    def m_step(self, stats: Any, params: Any) -> Any:
        """argmax of ``expected`` over the parameters that are not frozen."""


class MixturePrior(Protocol):
    """Of the parameters, per unit of weight of the rows."""

    def log_density(self, family: Any, params: Any) -> float:
        """log p(params); the family is the estimation of the space."""

    def size(self, family: Any, params: Any) -> float:
        """The sum of the sizes of its terms, which rounding errors are in proportion to."""

    def m_step(self, family: Any, stats: Any, params: Any) -> Any:
        """argmax of ``expected`` + log p(params) over the parameters that are not frozen."""


class Soundness(Protocol):
    """Of the components that a climb ends with."""

    def is_degenerate(self, params: Any) -> bool:
        """Whether one rests on too little to be believed."""


class MixtureSpace(Protocol):
    """Rows, and the components over them."""

    structure: Any  # of the covariances; None for components that have none
    rows: Any
    has_curvature: bool  # whether ``curvature`` knows that of the log-likelihood

    @property
    def is_free(self) -> bool:
        """Whether nothing ties components to each other but matrices that they share."""

    @property
    def filled(self) -> Any:
        """The space that starting values are found in; mostly this one."""

    @property
    def soundness(self) -> Soundness: ...

    def over(self, rows: Any, same_moments: bool) -> Self:
        """Other rows, whose moments may be known to be the same."""

    def family(self, frozen: frozenset[str]) -> Estimation:
        """What the M-step goes by."""

    def begun(self, family: Any, params: Any, resp: Callable | None) -> Any:
        """The point to climb from, given parameters and perhaps responsibilities that were found
        in the filled space."""

    def kernel(self, params: Any) -> MixtureKernel:
        """What evaluates blocks of rows; the responsibilities of every row add up to one."""

    def odds(self, kernel: Any, params: Any) -> Any:
        """The kernel relative to one of its components; None where there is none to relate to, or
        components do not go by odds."""

    def told(self, stats: Any, params: Any) -> Any:
        """What the M-step needs of a kernel's statistics; mostly all of them."""

    def statistics_at(self, params: Any, resp: Callable[[Any], np.ndarray]) -> Sums:
        """Statistics at given q: resp(at) is (m, K) for rows at a slice or an index."""

    def natural(self, params: Any, origin: Any) -> Vector:
        """The slopes of ``expected`` in statistics about an origin."""

    def about(self, stats: Any, origin: Any) -> Vector:
        """Statistics, moved to the origin."""

    def is_feasible(self, stats: Any) -> bool:
        """Whether extrapolated statistics, of positive weights, may be those of some rows."""

    def n_held(self, params: Any) -> int:
        """How many variances a floor holds up."""

    def repair(self, model: Any, stats: Any, params: Any) -> Repair | None:
        """Parameters to try before the next pass, where EM does not get by itself; mostly None."""

    def taken(self, params: Any, order: np.ndarray) -> Any:
        """Component k of the result is component order[k]."""
