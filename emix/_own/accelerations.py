"""The accelerations of a user's model, by name."""

from __future__ import annotations

from collections.abc import Callable

from .._em.extrapolation import Aitken, OnParameters
from .._em.protocols import Acceleration
from .._em.quasi_newton import QuasiNewton
from .._em.schemes import Anderson, Squared
from .exponential import ExponentialFamily
from .watched import Watched


def plain(watched: Watched, proof: float) -> Acceleration:
    return Aitken()


def anderson(watched: Watched, proof: float) -> Acceleration:
    return OnParameters(Anderson(), watched.placed, proof)


def squarem(watched: Watched, proof: float) -> Acceleration:
    return OnParameters(Squared(), watched.placed, proof)


def quasi_newton(watched: Watched, proof: float) -> Acceleration:
    return QuasiNewton(ExponentialFamily(watched))


# (model, proof) -> an acceleration of the model. Where M-steps do not tell what they gain, a plain
# step looks what is left once accelerated ones gained at most ``proof``.
ACCELERATIONS: dict[str | None, Callable[[Watched, float], Acceleration]] = {
    "daarem": anderson,
    "squarem": squarem,
    "quasi-newton": quasi_newton,
    None: plain,
}
