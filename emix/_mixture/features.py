"""Features f(x, z) of rows and components, whose expectations constraints bound."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

At = slice | np.ndarray


class Features(Protocol):
    """Arrays, small objects and functions of the user alone, so that it can travel in a job."""

    def of(self, at: At) -> np.ndarray:
        """For the rows of X at a slice or an index: (r, K, m), or (r, K, 1) if they are alike for
        all rows."""


class Alike(NamedTuple):
    """The same for all rows, (r, K, 1)."""

    values: np.ndarray

    def of(self, at: At) -> np.ndarray:
        return self.values


class OfRows(NamedTuple):
    """Values (n, K, r) for all rows of X."""

    values: np.ndarray

    def of(self, at: At) -> np.ndarray:
        return self.values[at].transpose(2, 1, 0)


class Joined(NamedTuple):
    """Those of several one after the other, for K components."""

    parts: list[Features]
    n_components: int

    def of(self, at: At) -> np.ndarray:
        found = [part.of(at) for part in self.parts]
        width = max(each.shape[2] for each in found)
        shapes = [(len(each), self.n_components, width) for each in found]
        return np.concatenate(
            [np.broadcast_to(each, shape) for each, shape in zip(found, shapes, strict=True)]
        )


NONE = Alike(np.zeros((0, 1, 1)))
