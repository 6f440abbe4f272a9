"""What a climb leaves behind."""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple


class Reason(Enum):
    """Why a climb ended; the values are sentences.

    Attributes
    ----------
    CONVERGED : Reason
        The estimated remaining gain is at most ``tol``.

    MAX_ITER : Reason
        ``max_iter`` passes were made.

    CALLBACK : Reason
        A callback returned a true value.

    ROUNDING : Reason
        A plain pass lowered the objective, by no more than rounding errors may explain.

    CUT_SHORT : Reason
        An estimator ended the climb on purpose, since it leads to a degenerate component;
        :func:`emix.em.climb` never does.

    Examples
    --------
    >>> from emix.em import Reason
    >>> print(Reason.CONVERGED)
    The estimated remaining gain is at most tol.
    """

    CONVERGED = "The estimated remaining gain is at most tol."
    MAX_ITER = "The climb made as many passes as max_iter allows."
    CALLBACK = "A callback stopped the climb."
    ROUNDING = "A plain pass lowered the objective by what rounding errors may explain."
    CUT_SHORT = "The climb was cut short, as it leads to a degenerate component."

    def __str__(self) -> str:
        return self.value


class Pass(NamedTuple):
    """One pass over the data, per sample.

    free_energy is F(q, theta) with the q of the pass before, objective is F after the
    E-step at this theta, with a q of this entropy. Both include the log-prior of theta;
    evidence is the log-likelihood, where the E-step's rule tells it.
    """

    free_energy: float
    objective: float
    entropy: float
    log_prior: float
    evidence: float
    remaining: float
    extrapolated: bool
    accepted: bool


class Result(NamedTuple):
    """Parameters, the objective and the statistics there, and how it went.

    reason says why it ended, None of a climb that is under way; status has the same in words and
    figures.
    """

    params: Any
    objective: float
    passes: tuple[Pass, ...]
    remaining: float
    status: str
    stats: Any = None
    reason: Reason | None = None

    @property
    def n_iter(self) -> int:
        """M-steps taken: the passes after the first, which only evaluates the start."""
        return len(self.passes) - 1

    @property
    def converged(self) -> bool:
        return self.reason is Reason.CONVERGED

    @property
    def stopped(self) -> bool:
        return self.reason is Reason.CALLBACK


class Climbed(NamedTuple):
    """What a start led to: where its climb ended after so many passes in all phases, whether all
    components there are sound, and why the climb was given up, if it was."""

    result: Result
    n_iter: int
    is_sound: bool
    given_up: str = ""

    @property
    def is_given_up(self) -> bool:
        return bool(self.given_up)

    @property
    def reason(self) -> str:
        """Why it ended."""
        return f"given up: {self.given_up}" if self.given_up else self.result.status

    @property
    def rank(self) -> tuple[bool, float]:
        """The larger, the better."""
        return self.is_sound, self.result.objective


# Why climbs are given up.
BEATEN = "another start leads as high or higher"
UNSOUND = "a component is not sound"
