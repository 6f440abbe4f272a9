"""Accelerations that see parameters alone, and know nothing of the family.

u is the vector of the parameters, G(u) that of the M-step after the E-step there, and f(u) =
G(u) - u EM's step. Near a maximum f(u) = (J - 1)(u - u*), and EM's rates of convergence are the
eigenvalues of J. Products of vectors are taken in units of how far each coordinate moved of
late, so that the units of the parameters do not matter.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from .plain import Plain
from .protocols import Estimate, P, Point, S

# The constants below were compared on 30 climbs (Poisson, exponential and Bernoulli mixtures,
# hidden Markov models, regression lines): geometric means of 35 passes with Anderson's and 54 with
# squared steps.
#
# Number of last moves whose largest is the unit of a coordinate. 3: 75 passes with squared steps;
# 30: 61.
_MOVES = 10
# A coordinate that moves by less than this part of itself does so by rounding.
_STILL = 1e-10
# The bound on what is left is this multiple of the estimate by the slowest rate seen, since a
# direction in which the climb has hardly moved may be slower. What was left was at most 0.21 of
# the bound.
_REACHES = 5.0
# Eigenvalues of 1 - J that are less than this are rounding.
_FLAT = 1e-10
# Longest step, in EM's: beyond it numbers overflow before a likelihood says no.
_FARTHEST = 1e10


class Aitken(Plain):
    """No acceleration, and the remaining gain by the objective alone, as M-steps need not tell what
    they gain: the gains g of passes shrink by a rate r, and g r / (1 - r) is left; r is the
    largest of the last few."""

    def __init__(self):
        self._objective, self._gain = -math.inf, math.inf
        self._rates: deque[float] = deque(maxlen=4)

    def push(self, point: Point[P, S]) -> None:
        before, self._gain = self._gain, point.stats.value - self._objective
        self._objective = point.stats.value
        if 0.0 < before < math.inf:
            self._rates.append(max(self._gain, 0.0) / before)

    def remaining(self, point: Point[P, S]) -> Estimate:
        rate = max(self._rates, default=1.0)
        if self._gain <= 0.0:
            return Estimate(0.0, 0.0)
        left = self._gain * rate / (1.0 - rate) if rate < 1.0 else math.inf
        return Estimate(left, left)

    def next_gain(self, point: Point[P, S]) -> float:
        """All that is left: a gain that is rounding may have many like it to come."""
        return self.remaining(point).likely


class OnParameters(Plain):
    """What the two schemes share: scales, the slowest rate seen, and the remaining gain.

    place(vector, following) gives parameters to try, or None. What EM's next step gains is known
    where the M-step tells it, or after a plain step. Where neither is so, nothing can be said of
    what is left, and once ``patience`` steps gained at most ``proof`` in all a plain one looks.
    """

    patience = 1

    def __init__(self, place: Callable[[np.ndarray, Any], Any], proof: float):
        self._place, self._proof = place, proof
        self._last: Any = None
        self._moves: list[np.ndarray] = []  # absolute values of the last ones
        self._longest = 0.0  # 1 / (1 - rate) of the slowest direction seen
        self._is_bent = True  # whether the last steps saw none, or one of a rate of one or more
        self._gain = math.nan  # of EM's step, where it is known
        self._gains: list[float] = []  # of the steps since the last plain one
        self._refused = False

    def push(self, point: Point[P, S]) -> None:
        """The next point of the climb, and the step to it."""
        before, self._last = self._last, point
        self._gain, self._refused = point.gain, False
        if before is None:
            return
        is_plain = point.params is before.following
        if math.isnan(self._gain) and is_plain:
            self._gain = max(point.stats.value - before.stats.value, 0.0)
        if is_plain:
            self._gains = []
        with np.errstate(invalid="ignore", over="ignore"):
            step = point.params.vector - before.params.vector
            step_of_f = point.following.vector - before.following.vector - step
            moves = [*self._moves, np.abs(step)][-_MOVES:]
            seen = np.concatenate([step, self._scaled(step_of_f, moves)])
            if not np.isfinite(seen).all():
                self._forget()  # free coordinates are infinite at the edge of the parameters
                return
            self._moves = moves
            self._learn(step, step_of_f, is_plain)

    def _learn(self, step: np.ndarray, step_of_f: np.ndarray, is_plain: bool) -> None:
        """From a step du, and df."""
        raise NotImplementedError

    def _forget(self) -> None:
        """What was learnt: there are points between that say nothing."""
        raise NotImplementedError

    def _scaled(self, vectors: np.ndarray, moves: list[np.ndarray] | None = None) -> np.ndarray:
        """In units of the moves of each coordinate, (size,) or (size, m)."""
        moved = np.max(self._moves if moves is None else moves, axis=0)
        unit = np.maximum(moved, _STILL * np.abs(self._last.params.vector))
        return (vectors.T / np.where(unit > 0.0, unit, 1.0)).T

    def _see(self, slowest: float) -> None:
        """1 / (1 - rate) of a direction; where the rate is one or more, as it is near a saddle, or
        none was found, there is no telling for now."""
        self._is_bent = not 0.0 < slowest < math.inf
        if not self._is_bent:
            self._longest = max(self._longest, slowest)

    def remaining(self, point: Point[P, S]) -> Estimate:
        """What is likely left, and a bound on it: after EM's step gains g in a direction of rate
        r, at most g / (1 - r)."""
        if self._gain <= 0.0:
            return Estimate(0.0, 0.0)
        if math.isnan(self._gain) or self._is_bent:
            return Estimate(math.inf, math.inf)
        left = self._longest * self._gain
        return Estimate(left, _REACHES * self._longest * self._gain)

    def next_gain(self, point: Point[P, S]) -> float:
        """An accelerated step is to gain all that is left."""
        return self.remaining(point).likely

    def propose(self, point: Point[P, S]) -> P | None:
        if self._refused or self._is_to_look():
            return None
        with np.errstate(over="ignore", invalid="ignore"):
            vector = self._extrapolated()
        if vector is None or not np.isfinite(vector).all():
            return None
        return self._place(vector, self._last.following)

    def _extrapolated(self) -> np.ndarray | None:
        """Where to go from the last point, None for the M-step."""
        raise NotImplementedError

    def _is_to_look(self) -> bool:
        last = self._gains[-self.patience :]
        return math.isnan(self._gain) and len(last) == self.patience and sum(last) <= self._proof

    def accepted(self, gain: float) -> None:
        self._gains.append(gain)

    def rejected(self) -> None:
        self._refused = True


# The limit on the length of a squared step, in EM's steps. It is multiplied by _GROWTH after a step
# of that length that did not lower the objective, and divided by it after one that did, but it is
# never less than _LIMIT. 16 in place of 4: 56 passes. Growth by 2: 51.
_LIMIT = _GROWTH = 4.0


class Squarem(OnParameters):
    """Squared extrapolation (Varadhan & Roland 2008, scheme S3): after two plain steps,

    u' = u0 - 2 a r + a² v,  r = u1 - u0,  v = (u2 - u1) - r,  a = -|r| / |v|,

    and a plain step from there. |a| estimates 1 / (1 - rate), and has a limit.
    """

    def __init__(self, place: Callable[[np.ndarray, Any], Any], proof: float):
        super().__init__(place, proof)
        self._n_plain = 1  # steps since the last extrapolation; the start counts as one
        self._steps: tuple[np.ndarray, np.ndarray] | None = None
        self._limit, self._at_limit = _LIMIT, False

    def _learn(self, step, step_of_f, is_plain):
        self._n_plain = self._n_plain + 1 if is_plain else 0
        self._steps = (step, step_of_f) if is_plain else None
        if is_plain and step.any():
            self._see(self._length(step, step_of_f))

    def _forget(self):
        self._n_plain, self._steps = 0, None

    def _length(self, r: np.ndarray, v: np.ndarray) -> float:
        """|a|."""
        bent = np.linalg.norm(self._scaled(v))
        return float(np.linalg.norm(self._scaled(r)) / bent) if bent > 0.0 else math.inf

    def _extrapolated(self):
        if self._n_plain < 2 or self._steps is None:
            return None
        r, v = self._steps
        length = self._length(r, v)
        self._at_limit = length >= self._limit
        length = min(length, self._limit, _FARTHEST)
        if length <= 1.0:
            return None
        return (self._last.params.vector - r) + 2.0 * length * r + length * length * v

    def accepted(self, gain):
        super().accepted(gain)
        if self._at_limit:
            self._limit *= _GROWTH

    def rejected(self):
        super().rejected()
        self._limit = max(self._limit / _GROWTH, _LIMIT)


# Constants of Henderson & Varadhan 2019: the largest number of steps that are remembered, and the
# damping. Kappa is the number of good steps after which the square of the coefficients may be half
# of what least squares give; alpha is the factor by which the odds of that grow at each. Less
# damping would save some passes here: 30 with kappa = 10, 29 with kappa = 0.
_ORDER, _ALPHA, _KAPPA = 10, 1.2, 25
# Singular values of the steps in f below this part of the largest are rounding.
_SINGULAR = 1e-12
# Halvings of an interval of 80 in log lambda.
_BISECTIONS = 60


class Anderson(OnParameters):
    """Damped Anderson acceleration with restarts (DAAREM; Henderson & Varadhan 2019):

    u' = u + f - (U + F) c,  c = argmin |f - F c|² + lambda |c|²,

    U and F the last steps in u and f, which are begun anew once there are as many as half the
    parameters, at most ten. lambda is such that |c|² is the part 1 / (1 + alpha^(kappa - s)) of
    what it is without damping, with s the number of good steps, less what bad ones cost.

    Two things are not the paper's. A step that lowers the objective is dropped, where the paper
    allows a small fall. And where the last steps saw a rate of one or more, f = 0 lies downhill:
    the step is then EM's own, four times as long as the last one.
    """

    def __init__(self, place: Callable[[np.ndarray, Any], Any], proof: float):
        super().__init__(place, proof)
        self._good = 0
        self._columns: list[tuple[np.ndarray, np.ndarray]] = []
        self._times = 1.0  # length of the last proposal, in EM's steps

    def _learn(self, step, step_of_f, is_plain):
        self.patience = min(_ORDER, math.ceil(0.5 * len(step)))
        if len(self._columns) >= self.patience:
            self._columns = []
        if step.any():
            self._columns.append((step, step_of_f))
            self._see(self._slowest())

    def _forget(self):
        self._columns = []

    def _stacked(self) -> np.ndarray:
        """U and F, (2, size, steps)."""
        return np.moveaxis(np.array(self._columns), 0, -1)

    def _slowest(self) -> float:
        """The largest 1 / (1 - rate): 1 - J takes U to -F, and is seen in the space of U. Infinite
        where a rate is one or more."""
        moves, moves_of_f = (self._scaled(side) for side in self._stacked())
        seen = np.linalg.lstsq(moves, -moves_of_f, rcond=None)[0]
        least = float(np.linalg.eigvals(seen).real.min())
        return 1.0 / least if least > _FLAT else math.inf

    def _extrapolated(self):
        if not self._columns:
            return None
        f = self._last.following.vector - self._last.params.vector
        plain = np.linalg.norm(self._scaled(f))
        if not plain > 0.0:
            return None
        if self._is_bent:
            self._times = min(_GROWTH * self._times, _FARTHEST)
            return self._last.params.vector + self._times * f
        move = self._to_the_root(f)
        self._times = float(np.linalg.norm(self._scaled(move)) / plain)
        return self._last.params.vector + move

    def _to_the_root(self, f: np.ndarray) -> np.ndarray:
        """u' - u; F is not zero, or there would be a rate of one."""
        moves, moves_of_f = self._stacked()
        left, values, right = np.linalg.svd(self._scaled(moves_of_f), full_matrices=False)
        kept = values > _SINGULAR * values[0]
        share = 1.0 / (1.0 + _ALPHA ** (_KAPPA - self._good))
        along = (left.T @ self._scaled(f))[kept]
        coefficients = right[kept].T @ _damped(along, values[kept], share)
        return f - (moves + moves_of_f) @ coefficients

    def accepted(self, gain):
        super().accepted(gain)
        self._good += 1

    def rejected(self):
        super().rejected()
        self._good = max(self._good - len(self._columns), -2 * _KAPPA)
        self._times = 1.0
        self._forget()


def _damped(along: np.ndarray, values: np.ndarray, share: float) -> np.ndarray:
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
