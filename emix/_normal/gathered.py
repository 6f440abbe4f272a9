"""Products for components that share a matrix, where responsibilities need not add up to one."""

from __future__ import annotations

import numpy as np

from .._rows.room import Buffers
from .gaussian import Products
from .stats import Stats


class Gathered(Products):
    """The second moment that all components share is summed with the responsibilities.

    ``Products`` takes it from all rows beforehand, which is right if the responsibilities of every
    row add up to one. They do not where rows have part in something else too, such as background
    noise or a latent scale. log_joint is complete: nothing is left out as common.
    """

    has_odds = False

    def __init__(self, structure, params, eta):
        super().__init__(structure, params, eta, None)
        layout = self.layout
        self._common = eta.vector[layout.split :]
        self.size, self.n_features = layout.size, layout.width + layout.n_common

    def prepare(self, buffers: Buffers) -> None:
        products = buffers.features[self.layout.width :]
        self.structure.form.fill_products(buffers.z, products)

    def log_joint(self, buffers: Buffers) -> np.ndarray:
        found = super().log_joint(buffers)
        found += self._common @ buffers.features[self.layout.width :]
        return found

    def common(self, buffers: Buffers) -> float:
        return 0.0

    def accumulate(self, buffers: Buffers, scale: np.ndarray | None, sums: np.ndarray) -> None:
        split = self.layout.split
        super().accumulate(buffers, scale, sums[:split])
        of_rows = buffers.resp.sum(axis=0)
        if scale is not None:
            of_rows *= scale
        sums[split:] += buffers.features[self.layout.width :] @ of_rows

    def stats(self, value: float, sums: np.ndarray) -> Stats:
        return Stats(self.layout, sums, self.eta.origin, value)
