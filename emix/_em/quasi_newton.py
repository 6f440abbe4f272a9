"""Quasi-Newton acceleration of EM (Jamshidian & Jennrich 1997), in EM's own metric.

Where parameters are the M-step of statistics s, and g are the expected statistics there, EM moves
from s to g, and r = g - s is the gradient of the objective in the natural parameters eta. The
information of the complete data, I, turns steps in these into steps in statistics, ds = I deta:
EM's step is that of steepest ascent in the metric I. BFGS corrects the metric by what the last
steps tell of the curvature. Its vectors come in two kinds, statistics (s, r) and natural
parameters (eta, and e = I⁻¹ r, EM's step in them), whose scalar products have no units.
"""

from __future__ import annotations

import math
from typing import Generic

import numpy as np
from scipy.linalg.lapack import dtrtrs

from .protocols import Estimate, Exponential, P, Point, V

# Steps that are remembered: their number, and the bytes that they may take.
_STEPS, _BYTES = 20, 32 * 1024 * 1024
# The first limit of a step, in lengths of EM's step. The limit grows by this factor after a step
# that reached it and did not lower the objective, and shrinks by it after one that did.
_LIMIT = _GROWTH = 4.0
# Curvature below _FLAT (in units of I) is rounding. A step longer than _FAR is believed by no
# quadratic model.
_FLAT, _FAR = 1e-8, 1e6
_HALVINGS = 6
# Over overlapping mixtures, with rates of up to 0.9995, the estimate of what is left was a bound
# with this multiple of the longest 1 / (1 - rate); without any it fell short by up to 5000 times.
_REACHES = 5.0


class QuasiNewton(Generic[P, V]):
    """BFGS of limited memory, in compact form (Byrd, Nocedal & Schnabel 1994, theorem 2.2).

    decrement is what the maximum of the quadratic approximation has more than the last point, or
    None. The longest ds·deta / (dr·deta), 1 / (1 - rate) of EM along a step, tells how slow a
    climb may be that seems to be at its end.
    """

    def __init__(self, family: Exponential[P, V]):
        self._family = family
        self._origin: object = None
        self._here = np.empty((4, 0))
        self._source: V | None = None  # statistics that the next point is the M-step of
        self._last: tuple[V, Point[P, V]] | None = None
        self._longest = 1.0
        self._limit, self._at_limit = _LIMIT, False
        self._proposal: V | None = None
        self._times = 0.0
        self._forget()

    def _forget(self) -> None:
        """All steps, but not the last point."""
        self._ends: list[tuple | None] = []  # of the steps, where origins change
        self._steps: np.ndarray | None = None  # ds, deta, -dr, -de: (4, steps, size)
        self._move: np.ndarray | None = None  # in s, _times as long as EM's
        self.decrement: float | None = None

    def push(self, point: Point[P, V]) -> None:
        """The next point of the climb: the proposal if it was accepted, else the plain map's. Of
        the first one nobody knows what it is the M-step of."""
        source, self._source = self._source, point.stats
        if source is None:
            return
        before, self._last = self._last, (source, point)
        moves = point.stats.origin is not self._origin
        if moves:
            self._align(before, point.stats.origin)
        if before is None:
            return  # one step may be all of the climb
        last = self._here if self._here.size else self._vectors(*before)
        self._here = self._vectors(source, point)
        # natural parameters of components that die are as good as infinite
        with np.errstate(over="ignore", invalid="ignore"):
            self._learn(self._here - last, (before, self._last) if moves else None)

    def _align(self, last: tuple[V, Point[P, V]] | None, origin: object) -> None:
        """What is remembered, about another origin; after steps about one and the same, nothing."""
        self._origin = origin
        if last is not None:
            self._here = self._vectors(*last)
        if None in self._ends:
            self._forget()
        ends = [end for end in self._ends if end is not None]
        steps = [self._vectors(*b) - self._vectors(*a) for a, b in ends]
        if steps:
            self._steps = np.stack(steps, axis=1)
            self._steps[2:] *= -1.0

    def _vectors(self, source: V, point: Point[P, V]) -> np.ndarray:
        """s, eta, r and e, (4, size)."""
        about, natural, origin = self._family.about, self._family.natural, self._origin
        vectors = np.array(
            [
                about(source, origin).vector,
                natural(point.params, origin).vector,
                about(point.stats, origin).vector,
                natural(point.following, origin).vector,
            ]
        )
        vectors[2:] -= vectors[:2]
        return vectors

    def _learn(self, step: np.ndarray, ends: tuple | None) -> None:
        """From a step. Where the objective is curved along it as at a minimum, as it is near a
        saddle, nothing tells how much is left to gain: far, in EM's own direction."""
        step[2:] *= -1.0
        ds, deta, y, _ = step
        length, curvature = float(deta.dot(ds)), float(deta.dot(y))
        if 0.0 < length < _FAR and curvature > _FLAT * length:
            self._longest = max(self._longest, length / curvature)
            self._solve(self._remember(step, ends))
            return
        self._forget()
        if length > 0.0:
            self._move, self._times = self._limit * self._here[2], self._limit
            self.decrement = math.inf

    def _remember(self, step: np.ndarray, ends: tuple | None) -> np.ndarray:
        step, kept = step[:, None], max(1, min(_STEPS, _BYTES // step.nbytes))
        self._ends = [*self._ends, ends][-kept:]
        if self._steps is not None:
            step = np.concatenate([self._steps, step], axis=1)[:, -kept:]
        self._steps = step
        return step

    def _solve(self, steps: np.ndarray) -> None:
        """The move in s, H r, and how much longer than EM's it is; with R the upper triangle of
        E Yᵀ and D its diagonal,

        u = R⁻¹ E r,  v = R⁻ᵀ ((D + Y Wᵀ) u - Y e),  H r = r + Sᵀ v - Yᵀ u.
        """
        S, E, Y, W = steps
        r, e = self._here[2:]
        products, along, across = E.dot(Y.T), E.dot(r), Y.dot(e)
        u = dtrtrs(products, along)[0]
        v = dtrtrs(products, products.diagonal() * u + Y.dot(u.dot(W)) - across, trans=1)[0]
        self._move = r + v.dot(S) - u.dot(Y)
        squared, plain = self._move.dot(e + v.dot(E) - u.dot(W)), r.dot(e)
        self._times = (float(squared) / float(plain)) ** 0.5 if min(squared, plain) > 0.0 else 0.0
        self.decrement = 0.5 * float(plain + along.dot(v) - across.dot(u))
        if not (0.0 <= self.decrement < math.inf and self._times < math.inf):
            self._forget()

    @property
    def reach(self) -> float:
        return _REACHES * self._longest

    def remaining(self, point: Point[P, V]) -> Estimate | None:
        if self.decrement is None:
            return None
        decrement, slow = self.decrement, self._longest * point.gain
        return Estimate(max(decrement, slow), max(decrement, _REACHES * slow))

    def next_gain(self, point: Point[P, V]) -> float:
        return point.gain

    def propose(self, point: Point[P, V]) -> P | None:
        """The M-step of statistics on the way to the maximum of the approximation: the step is
        halved until there is one, a few times."""
        source, move = self._source, self._move
        if source is None or move is None or self.decrement is None:
            return None
        if not self._times > 0.0:
            return None
        self._at_limit = self._times >= self._limit
        share = self._limit / self._times if self._at_limit else 1.0
        for _ in range(_HALVINGS):
            proposal = source.at(self._here[0] + share * move)
            params = self._family.settle(proposal, point)
            if params is not None:
                self._proposal = proposal
                return params
            share *= 0.5
        return None

    def accepted(self, gain: float) -> None:
        self._source = self._proposal
        if self._at_limit:
            self._limit *= _GROWTH

    def rejected(self) -> None:
        """Back to the plain map, and carefully."""
        self._limit = max(self._limit / _GROWTH, _LIMIT)
        self._forget()
