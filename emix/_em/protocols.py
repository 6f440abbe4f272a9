"""What the loop asks: of a model, and of an acceleration.

``Ascent`` knows neither densities nor data. P are parameters and S statistics, of any type that
model and acceleration agree on. ``tests/test_loop_contract.py`` holds every implementation to this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, Self, TypeVar

import numpy as np

P = TypeVar("P")
S = TypeVar("S", bound="Statistics")


class Statistics(Protocol):
    """What an E-step found. ``value`` is F after it, and ``evidence`` the log-likelihood where the
    rule of the E-step tells it; both per unit of weight, or both in all."""

    @property
    def value(self) -> float: ...

    @property
    def evidence(self) -> float: ...


class Repair(NamedTuple):
    """Parameters that mend what EM cannot leave by itself. They are kept if F rises there and
    ``is_sound(their M-step, the M-step they take the place of)``."""

    params: Any
    is_sound: Callable[[Any, Any], bool]


class Model(Protocol[P, S]):
    """A model on its data: F(q, params) = expected + entropy of q, E-step and M-step raise it."""

    @property
    def is_combinatorial(self) -> bool:
        """Whether q is one of finitely many: a climb then ends where nothing moves any more."""

    def e_step(self, params: P) -> S:
        """Statistics of the best q at the parameters, or at trial ones that may be refused."""

    def sweep(self, params: P) -> tuple[P, S]:
        """A plain pass from an M-step's parameters: where it leads, and the statistics there.
        Batch EM stays where it is and makes the E-step."""

    def m_step(self, stats: S, params: P) -> P:
        """Parameters at which ``expected`` is not lower than at the present ones."""

    def expected(self, stats: S, params: P) -> float:
        """E_q[log p(x, z, params)], NaN where the model cannot tell."""

    def log_prior(self, params: P) -> float:
        """The part of F that is the prior's; 0.0 without one."""

    def rounding(self, stats: S, params: P) -> float:
        """A bound on the rounding error of F."""

    def repair(self, stats: S, params: P) -> Repair | None:
        """What to try before the next pass; None, as for most models, if nothing is broken."""


class Point(Protocol[P, S]):
    """A point of the climb, as accelerations see it; all but the first two are found on demand."""

    params: P
    stats: S

    @property
    def following(self) -> P:
        """The M-step."""

    @property
    def gain(self) -> float:
        """Of the M-step, in ``expected``."""

    @property
    def rounding(self) -> float:
        """A bound on the rounding error of F."""


class Estimate(NamedTuple):
    """What is likely left to gain from a point on, and a bound on it."""

    likely: float
    bound: float


class Acceleration(Protocol[P, S]):
    """Proposes parameters to try in place of the M-step's. ``plain.Plain`` proposes none.

    The loop calls ``push`` at every new point, then ``remaining`` and ``next_gain``, then
    ``propose``. A proposal is answered by ``accepted``, and by the next ``push``, if F is not
    lower there; by ``rejected``, and by another ``propose`` at the same point, if it is.
    """

    @property
    def reach(self) -> float:
        """1 / (1 - rate) of the slowest direction that plain gains may hide, 0.0 if none is known,
        times what makes it a bound."""

    def push(self, point: Point[P, S]) -> None:
        """The next point of the climb."""

    def remaining(self, point: Point[P, S]) -> Estimate | None:
        """None where the gains of plain passes tell more."""

    def next_gain(self, point: Point[P, S]) -> float:
        """What the next step is expected to gain: near rounding, no estimate is believed."""

    def propose(self, point: Point[P, S]) -> P | None:
        """None for the M-step."""

    def accepted(self, gain: float) -> None:
        """The proposal gained so much, or nothing."""

    def rejected(self) -> None:
        """The proposal lowered F."""


class Turn(Protocol[P, S]):
    """What a climb goes on with that takes more than ``after`` passes."""

    @property
    def after(self) -> float: ...

    def at(self, params: P) -> tuple[Model[P, S], Acceleration[P, S]] | None:
        """Other statistics of the same objective, and an acceleration that goes by them; None
        where the climb goes on as it is."""


class Vector(Protocol):
    """Statistics or natural parameters about an origin, as one vector (size,)."""

    @property
    def vector(self) -> np.ndarray: ...


class Sums(Statistics, Protocol):
    """Statistics that add up, about an origin: None where it never moves. Others are compared by
    identity."""

    @property
    def origin(self) -> Any: ...

    def at(self, vector: np.ndarray) -> Self:
        """Other statistics about the same origin."""


V = TypeVar("V", bound=Sums)


class Exponential(Protocol[P, V]):
    """What quasi-Newton steps on statistics ask of a family: expected = <statistics, natural
    parameters> + a function of the parameters."""

    def natural(self, params: P, origin: Any) -> Vector:
        """Natural parameters."""

    def about(self, stats: V, origin: Any) -> Vector:
        """Statistics, moved to the origin."""

    def settle(self, stats: V, point: Point[P, V]) -> P | None:
        """The M-step of extrapolated statistics, None where no data have such."""
