"""Expected sufficient statistics: sums over rows, which add, subtract and scale."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .covariances import Structure


class Layout:
    """Where weight, first and second moments lie in the one vector of statistics.

    A matrix (K, width) of columns [packed second moments | first moments | weight], without
    the second moments where all components share theirs: these follow the matrix. Natural
    parameters have the same layout, so that their inner product is a scalar product.
    """

    def __init__(self, structure: Structure, n_components: int, d: int):
        self.structure, self.n_components, self.d = structure, n_components, d
        products = structure.form.n_products(d)
        self.p = structure.sharing.n_own(products)
        self.n_common = products - self.p
        self.width = self.p + d + 1
        self.split = n_components * self.width
        self.size = self.split + self.n_common
        self._shape = (n_components, self.width)

    def matrix(self, vector: np.ndarray) -> np.ndarray:
        return vector[: self.split].reshape(self._shape)

    def weight(self, vector: np.ndarray) -> np.ndarray:
        return vector[self.width - 1 : self.split : self.width]

    def products(self, vector: np.ndarray) -> np.ndarray:
        """Packed second moments: (K, p), or (p,) where they are shared."""
        if self.n_common:
            return vector[self.split :]
        return self.matrix(vector)[:, : self.p]

    def join(self, products: np.ndarray, first: np.ndarray, weight: np.ndarray) -> np.ndarray:
        own = (first, weight[:, None])
        if self.n_common:
            return np.concatenate([np.concatenate(own, axis=1).ravel(), products])
        return np.concatenate([products, *own], axis=1).ravel()


@lru_cache(maxsize=64)
def layout_of(structure: Structure, n_components: int, d: int) -> Layout:
    return Layout(structure, n_components, d)


class Stats:
    """Sums over rows of resp * (second moments of y, y, 1), y = x - origin, and of values.

    weight (K,), first (K, d), second (K, ...) or (...) where all components share it, are
    parts of one vector; origin (K, d). Statistics about the same origin form a vector space;
    ``gaussian.about`` moves them to another one. value is the objective after the E-step, and
    evidence the part of it that the data have: the log-likelihood after a soft one. overlaps, where
    a kernel tells them, are what ``curvature`` makes of products of responsibilities.
    """

    __slots__ = ("evidence", "layout", "origin", "overlaps", "value", "vector")

    def __init__(self, layout: Layout, vector: np.ndarray, origin: np.ndarray, value: float):
        self.layout, self.vector, self.origin = layout, vector, origin
        self.value = self.evidence = value
        self.overlaps: np.ndarray | None = None

    @classmethod
    def of(cls, structure, weight, first, second, origin, value) -> Stats:
        layout = layout_of(structure, *origin.shape)
        vector = layout.join(structure.form.pack(np.asarray(second)), first, weight)
        return cls(layout, vector, origin, value)

    @property
    def weight(self) -> np.ndarray:
        return self.layout.weight(self.vector)

    @property
    def first(self) -> np.ndarray:
        return self.layout.matrix(self.vector)[:, self.layout.p : -1]

    @property
    def second(self) -> np.ndarray:
        layout = self.layout
        return layout.structure.form.unpack(layout.products(self.vector), layout.d)

    def _like(self, vector: np.ndarray, value: float) -> Stats:
        return Stats(self.layout, vector, self.origin, value)

    def __add__(self, other: Stats) -> Stats:
        return self._like(self.vector + other.vector, self.value + other.value)

    def __sub__(self, other: Stats) -> Stats:
        return self._like(self.vector - other.vector, self.value - other.value)

    def __mul__(self, factor: float) -> Stats:
        return self._like(self.vector * factor, self.value * factor)

    __rmul__ = __mul__

    def at(self, vector: np.ndarray) -> Stats:
        """Other statistics about the same origin, of no value."""
        return self._like(vector, 0.0)
