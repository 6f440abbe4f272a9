"""A user's exponential family: Q(s, theta) = <s, eta(theta)> + c(theta).

Only Q and statistics s are the user's; natural parameters eta are its slopes in s, c is Q at s = 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .._em.protocols import Point
from .points import At, Seen
from .tree import numbers, vector_of, with_numbers
from .watched import Watched

# Q may differ from a linear function of s by this part of its terms; formulas that are linear do
# by some 1e-15, those that divide or take logarithms of statistics by some 1e-1.
_LINEAR = 1e-9
# Most numbers in the statistics, as expected() is called twice a pass for each of them. With 2400,
# of three classes and 800 answers, that took two thirds of a pass over 2000 rows. More than these
# are hardly sums, but responsibilities of all rows.
_MOST = 5000


@dataclass(frozen=True, eq=False)
class Flat:
    """Statistics or natural parameters, (size,)."""

    vector: np.ndarray


class ExponentialFamily:
    """What ``QuasiNewton`` asks, of a model that has expected()."""

    def __init__(self, watched: Watched):
        if not watched.tells_gap:
            raise TypeError(
                "acceleration='quasi-newton' needs expected(statistics, params), a linear function "
                "of the statistics; give the model one, or choose another acceleration"
            )
        self._watched = watched
        self._scale: np.ndarray | None = None  # of the statistics, so that no digits are lost
        self._seen: Seen | None = None
        self._known: list[tuple[At, Flat]] = []  # of the last two points

    def about(self, seen: Seen, origin: None) -> Flat:
        found = Flat(vector_of(numbers(seen.statistics, "statistics", "statistics")))
        if self._scale is None:
            _check_size(found.vector)
            size = np.abs(found.vector)
            self._scale, self._seen = np.where(size > 0.0, size, 1.0), seen
        return found

    def natural(self, at: At, origin: None) -> Flat:
        for known, found in self._known:
            if known is at:
                return found
        found = Flat(self._slopes(at))
        self._known = [*self._known[-1:], (at, found)]
        return found

    def settle(self, seen: Seen, point: Point[At, Seen]) -> At | None:
        return self._watched.settled(seen, point.following)

    def _slopes(self, at: At) -> np.ndarray:
        """Q at every number of the statistics alone, less Q at none."""
        assert self._scale is not None
        size = len(self._scale)
        with np.errstate(all="ignore"):
            constant = self._bound(np.zeros(size), at)
            rises = [self._bound(alone, at) - constant for alone in _one_by_one(self._scale)]
        slopes = np.array(rises) / self._scale
        if not self._known:
            self._check_linear(at, slopes, constant)
        return slopes

    def _bound(self, vector: np.ndarray, at: At) -> float:
        assert self._seen is not None
        return self._watched.bound_at(with_numbers(self._seen.statistics, vector), at)

    def _check_linear(self, at: At, slopes: np.ndarray, constant: float) -> None:
        """At half of the statistics that were seen."""
        assert self._seen is not None
        vector = 0.5 * vector_of(numbers(self._seen.statistics))
        found = self._bound(vector, at)
        terms = np.append(slopes * vector, constant)
        off = abs(found - terms.sum())
        if not off <= _LINEAR * (abs(found) + np.abs(terms).sum()):
            raise self._watched.error(
                "acceleration='quasi-newton' needs expected(statistics, params) to be linear in "
                f"the statistics, but at half of those of the start it is {found:.6g}, and by its "
                f"slopes {terms.sum():.6g}. The family is not exponential, or its statistics are "
                "not the sufficient ones; choose another acceleration",
                "expected",
                at,
            )


def _one_by_one(vector: np.ndarray) -> Iterator[np.ndarray]:
    """The vector's numbers, each with zeros in place of the others."""
    alone = np.zeros_like(vector)
    for i, number in enumerate(vector):
        alone[i] = number
        yield alone
        alone[i] = 0.0


def _check_size(vector: np.ndarray) -> None:
    if vector.size > _MOST:
        raise ValueError(
            f"statistics have {vector.size} numbers, for each of which acceleration='quasi-newton' "
            f"calls expected() twice a pass; at most {_MOST} are allowed. Let e_step return sums "
            "over the rows, or choose another acceleration"
        )
