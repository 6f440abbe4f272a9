"""Squared extrapolation of a fixed-point iteration (Varadhan & Roland 2008, scheme S3).

The iterates are vectors with + - * and a squared norm; nothing else is known of them.
"""

from __future__ import annotations

# The extrapolation may go this much further after each success at the limit.
_GROWTH = 4.0


class Squarem:
    """From s0, s1 = G(s0), s2 = G(s1): s0 - 2 a r + a² v, r = s1 - s0, v = s2 - 2 s1 + s0,
    a = -|r|/|v|, between -limit and -1 (where it is s2 itself)."""

    def __init__(self):
        self._iterates = []
        self._limit = 4.0
        self.reach = 1.0  # the longest |r| / |v| whose step did not lower the objective
        self._proposed = None
        self._at_limit = False
        self._length = 1.0

    def push(self, iterate) -> None:
        """The next iterate of the plain map."""
        self._iterates = [*self._iterates[-2:], iterate]

    def propose(self, feasible, align):
        """An extrapolated point, or None while there are too few iterates.

        ``align`` brings an iterate into the coordinates of the last one; ``feasible`` tells
        whether a point is one that the map accepts: the step is halved until it is.
        """
        if len(self._iterates) < 3:
            return None
        s0, s1, s2 = (align(s, self._iterates[-1]) for s in self._iterates)
        r = s1 - s0
        v = s2 - s1 - r
        norm = v.squared_norm()
        length = (r.squared_norm() / norm) ** 0.5 if norm > 0.0 else 1.0
        self._length, self._at_limit = length, length >= self._limit
        length = min(length, self._limit)
        for _ in range(6):
            if length <= 1.0 + 1e-9:
                return None
            point = s0 + (2.0 * length) * r + (length * length) * v
            if feasible(point):
                self._proposed = point
                return point
            length = 1.0 + 0.5 * (length - 1.0)
        return None

    def accepted(self) -> None:
        """The proposal did not lower the objective: it starts the next cycle."""
        self.reach = max(self.reach, self._length)
        if self._at_limit:
            self._limit *= _GROWTH
        self._iterates = [self._proposed]

    def rejected(self) -> None:
        """Back to the plain map, and carefully."""
        self._limit = max(self._limit / _GROWTH, 4.0)
        self._iterates = self._iterates[-1:]


class Plain:
    """No extrapolation."""

    reach = 0.0

    def push(self, iterate) -> None:
        pass

    def propose(self, feasible, align):
        return None
