"""Where to go by the last steps, in parameters alone: squared steps, and Anderson's.

u is the vector of the parameters, G(u) that of the M-step after the E-step there, and f(u) =
G(u) - u EM's step. Near a maximum f(u) = (J - 1)(u - u*), and EM's rates of convergence are the
eigenvalues of J.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np

# The constants below were compared on 30 climbs (Poisson, exponential and Bernoulli mixtures,
# hidden Markov models, regression lines): geometric means of 35 passes with Anderson's and 54 with
# squared steps.
#
# Number of last moves whose largest is the unit of a coordinate. 3: 75 passes with squared steps;
# 30: 61.
_MOVES = 10
# A coordinate that moves by less than this part of itself does so by rounding.
_STILL = 1e-10
# Eigenvalues of 1 - J that are less than this are rounding.
_FLAT = 1e-10
# Longest step, in EM's: beyond it numbers overflow before a likelihood says no.
_FARTHEST = 1e10
# The limit on the length of a squared step, in EM's steps. It is multiplied by _GROWTH after a step
# of that length that did not lower the objective, and divided by it after one that did, but it is
# never less than _LIMIT. 16 in place of 4: 56 passes. Growth by 2: 51.
_LIMIT = _GROWTH = 4.0
# Constants of Henderson & Varadhan 2019: the largest number of steps that are remembered, and the
# damping. Kappa is the number of good steps after which the square of the coefficients may be half
# of what least squares give; alpha is the factor by which the odds of that grow at each. Less
# damping would save some passes here: 30 with kappa = 10, 29 with kappa = 0.
_ORDER, _ALPHA, _KAPPA = 10, 1.2, 25
# Singular values of the steps in f below this part of the largest are rounding.
_SINGULAR = 1e-12
# Halvings of an interval of 80 in log lambda.
_BISECTIONS = 60


class Units:
    """How far each coordinate moved of late, (size,): products of vectors are taken in these, so
    that the units of the parameters do not matter."""

    def __init__(self, moves: tuple[np.ndarray, ...] = (), at: np.ndarray | None = None):
        self._moves = moves
        if at is not None:
            unit = np.maximum(np.max(moves, axis=0), _STILL * np.abs(at))
            self._unit = np.where(unit > 0.0, unit, 1.0)

    def after(self, step: np.ndarray, at: np.ndarray) -> Units:
        """After one more step, that led to ``at``."""
        return Units((*self._moves, np.abs(step))[-_MOVES:], at)

    def scaled(self, vectors: np.ndarray) -> np.ndarray:
        """(size,) or (size, m)."""
        return (vectors.T / self._unit).T

    def length(self, vector: np.ndarray) -> float:
        return float(np.linalg.norm(self.scaled(vector)))


class Move(NamedTuple):
    """A step du, what f changed along it, and whether it was EM's own."""

    step: np.ndarray
    step_of_f: np.ndarray
    is_plain: bool


class Scheme(Protocol):
    """Learns from moves, and says where to go. ``patience`` is how many steps in a row may gain
    hardly anything before a plain one looks what is left."""

    @property
    def patience(self) -> int: ...

    def learn(self, move: Move, units: Units) -> float | None:
        """The largest 1 / (1 - rate) that was seen, infinite where a rate is one or more; None
        where nothing was."""

    def forget(self) -> None:
        """What was learnt: there are points between that say nothing."""

    def next(self, u: np.ndarray, f: np.ndarray, units: Units, is_bent: bool) -> np.ndarray | None:
        """Where to go from u, None for u + f. Where ``is_bent`` there is no maximum to be seen."""

    def accepted(self) -> None: ...

    def rejected(self) -> None: ...


class Squared:
    """Squared extrapolation (Varadhan & Roland 2008, scheme S3): after two plain steps,

    u' = u0 - 2 a r + a² v,  r = u1 - u0,  v = (u2 - u1) - r,  a = -|r| / |v|,

    and a plain step from there. |a| estimates 1 / (1 - rate), and has a limit.
    """

    patience = 1

    def __init__(self) -> None:
        self._n_plain = 1  # steps since the last extrapolation; the start counts as one
        self._last: Move | None = None
        self._limit, self._at_limit = _LIMIT, False

    def learn(self, move: Move, units: Units) -> float | None:
        self._n_plain = self._n_plain + 1 if move.is_plain else 0
        self._last = move if move.is_plain else None
        return _ratio(move, units) if move.is_plain and move.step.any() else None

    def forget(self) -> None:
        self._n_plain, self._last = 0, None

    def next(self, u: np.ndarray, f: np.ndarray, units: Units, is_bent: bool) -> np.ndarray | None:
        if self._n_plain < 2 or self._last is None:
            return None
        r, v, _ = self._last
        length = _ratio(self._last, units)
        self._at_limit = length >= self._limit
        length = min(length, self._limit, _FARTHEST)
        if length <= 1.0:
            return None
        return (u - r) + 2.0 * length * r + length * length * v

    def accepted(self) -> None:
        if self._at_limit:
            self._limit *= _GROWTH

    def rejected(self) -> None:
        self._limit = max(self._limit / _GROWTH, _LIMIT)


def _ratio(move: Move, units: Units) -> float:
    """|a|."""
    bent = units.length(move.step_of_f)
    return units.length(move.step) / bent if bent > 0.0 else math.inf


class Anderson:
    """Damped Anderson acceleration with restarts (DAAREM; Henderson & Varadhan 2019):

    u' = u + f - (U + F) c,  c = argmin |f - F c|² + lambda |c|²,

    U and F the last steps in u and f, which are begun anew once there are as many as half the
    parameters, at most ten. lambda is such that |c|² is the part 1 / (1 + alpha^(kappa - s)) of
    what it is without damping, with s the number of good steps, less what bad ones cost.

    Two things are not the paper's. A step that lowers the objective is dropped, where the paper
    allows a small fall. And where the last steps saw a rate of one or more, f = 0 lies downhill:
    the step is then EM's own, four times as long as the last one.
    """

    def __init__(self) -> None:
        self.patience = 1
        self._good = 0
        self._columns: list[Move] = []
        self._times = 1.0  # length of the last proposal, in EM's steps

    def learn(self, move: Move, units: Units) -> float | None:
        self.patience = min(_ORDER, math.ceil(0.5 * len(move.step)))
        if len(self._columns) >= self.patience:
            self._columns = []
        if not move.step.any():
            return None
        self._columns.append(move)
        return self._slowest(units)

    def forget(self) -> None:
        self._columns = []

    def _stacked(self) -> np.ndarray:
        """U and F, (2, size, steps)."""
        pairs = [(move.step, move.step_of_f) for move in self._columns]
        return np.moveaxis(np.array(pairs), 0, -1)

    def _slowest(self, units: Units) -> float:
        """The largest 1 / (1 - rate): 1 - J takes U to -F, and is seen in the space of U."""
        moves, moves_of_f = (units.scaled(side) for side in self._stacked())
        seen = np.linalg.lstsq(moves, -moves_of_f, rcond=None)[0]
        least = float(np.linalg.eigvals(seen).real.min())
        return 1.0 / least if least > _FLAT else math.inf

    def next(self, u: np.ndarray, f: np.ndarray, units: Units, is_bent: bool) -> np.ndarray | None:
        if not self._columns:
            return None
        plain = units.length(f)
        if not plain > 0.0:
            return None
        if is_bent:
            self._times = min(_GROWTH * self._times, _FARTHEST)
            return u + self._times * f
        move = self._to_the_root(f, units)
        self._times = units.length(move) / plain
        return u + move

    def _to_the_root(self, f: np.ndarray, units: Units) -> np.ndarray:
        """u' - u; F is not zero, or there would be a rate of one."""
        moves, moves_of_f = self._stacked()
        left, values, right = np.linalg.svd(units.scaled(moves_of_f), full_matrices=False)
        kept = values > _SINGULAR * values[0]
        share = 1.0 / (1.0 + _ALPHA ** (_KAPPA - self._good))
        along = (left.T @ units.scaled(f))[kept]
        coefficients = right[kept].T @ damped(along, values[kept], share)
        return f - (moves + moves_of_f) @ coefficients

    def accepted(self) -> None:
        self._good += 1

    def rejected(self) -> None:
        self._good = max(self._good - len(self._columns), -2 * _KAPPA)
        self._times = 1.0
        self.forget()


def damped(along: np.ndarray, values: np.ndarray, share: float) -> np.ndarray:
    """along d / (d² + lambda), (r,), with lambda such that the square of its length is that share
    of what it is at zero; d are singular values, in falling order."""
    whole = along / values
    target = share * float(whole @ whole)
    low, high = -40.0, 40.0  # of log(lambda / d_0²), which the length falls with
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        shrunk = along * values / (values**2 + math.exp(middle) * values[0] ** 2)
        low, high = (middle, high) if shrunk @ shrunk > target else (low, middle)
    return shrunk
