"""Expected sufficient statistics: sums over rows, which add, subtract and scale."""

from __future__ import annotations

import numpy as np


class Stats:
    """Sums over rows of resp * (1, y, second moments of y), y = x - origin, and of values.

    weight (K,), first (K, d), second (K, ...) or (...) where all components share it, are
    parts of one vector; origin (K, d). Statistics about the same origin form a vector space;
    ``gaussian.about`` moves them to another one.
    """

    __slots__ = ("_second_shape", "origin", "value", "vector")

    def __init__(self, vector: np.ndarray, second_shape: tuple, origin: np.ndarray, value: float):
        self.vector, self.origin, self.value = vector, origin, value
        self._second_shape = second_shape

    @classmethod
    def of(cls, weight, first, second, origin, value) -> Stats:
        second = np.asarray(second)
        vector = np.concatenate([weight, first.ravel(), second.ravel()])
        return cls(vector, second.shape, origin, value)

    @property
    def weight(self) -> np.ndarray:
        return self.vector[: len(self.origin)]

    @property
    def first(self) -> np.ndarray:
        n_components, d = self.origin.shape
        return self.vector[n_components : n_components * (1 + d)].reshape(n_components, d)

    @property
    def second(self) -> np.ndarray:
        n_components, d = self.origin.shape
        return self.vector[n_components * (1 + d) :].reshape(self._second_shape)

    def _like(self, vector: np.ndarray, value: float) -> Stats:
        return Stats(vector, self._second_shape, self.origin, value)

    def __add__(self, other: Stats) -> Stats:
        return self._like(self.vector + other.vector, self.value + other.value)

    def __sub__(self, other: Stats) -> Stats:
        return self._like(self.vector - other.vector, self.value - other.value)

    def __mul__(self, factor: float) -> Stats:
        return self._like(self.vector * factor, self.value * factor)

    __rmul__ = __mul__

    def squared_norm(self) -> float:
        """Sum of squares of the statistics; the value is not one of them."""
        return float(self.vector @ self.vector)
