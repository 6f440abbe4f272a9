"""Rows as the components of a family see them: the space of a mixture of any family."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple

import numpy as np

from .._em.protocols import Repair, Vector
from .._mixture.mixture import Mixture
from .._mixture.protocols import MixtureKernel
from .._mixture.sums import GivenSums
from .._rows.blocks import Rows
from .prior import UNIFORM, WeightPrior
from .protocols import Family, P, S


class Estimated(NamedTuple):
    """What an M-step goes by: the family, and whether weights are frozen. Of other parameters a
    family knows itself which of them stay."""

    components: Any
    frozen: frozenset[str]

    def m_step(self, stats: Any, params: Any, added: float = 0.0) -> Any:
        """argmax of ``expected``, with so many rows added to those of each component."""
        found = self.components.m_step(stats, params)
        if "weights" in self.frozen:
            return found
        weight = stats.weight + added
        return found._replace(weights=weight / weight.sum())

    def log_prior(self, params: Any) -> float:
        """That of all parameters but the weights."""
        return self.components.log_prior(params)

    def prior_size(self, params: Any) -> float:
        """The sum of the sizes of its terms."""
        return self.components.prior_size(params)


class Believed(NamedTuple):
    """Which components are believed."""

    components: Any

    def is_degenerate(self, params: Any) -> bool:
        return self.components.n_unsound(params) > 0


class FamilySpace(Generic[P, S]):
    """Rows, for components of a family; see ``_mixture.protocols.MixtureSpace``."""

    structure, has_curvature, is_free = None, False, True

    def __init__(self, components: Family[P, S], rows: Rows):
        self.components, self.rows = components, rows
        self.about = components.about
        self.is_feasible, self.n_held = components.is_feasible, components.n_held
        self.taken = components.taken
        self.soundness = Believed(components)
        # of a point of a climb and of the M-step there
        self._naturals: tuple[tuple[P, Any, Vector], ...] = ()

    @property
    def filled(self) -> FamilySpace[P, S]:
        return self

    def over(self, rows: Rows, same_moments: bool = False) -> FamilySpace[P, S]:
        return FamilySpace(self.components, rows)

    def family(self, frozen: frozenset[str]) -> Estimated:
        return Estimated(self.components, frozen)

    def begun(self, family: Estimated, params: P, resp: Callable | None) -> P:
        return params

    def kernel(self, params: P) -> MixtureKernel:
        return self.components.kernel(params, self.rows)

    def natural(self, params: P, origin: Any) -> Vector:
        for known, where, found in self._naturals:
            if known is params and where is origin:
                return found
        found = self.components.natural(params, origin)
        self._naturals = (*self._naturals[-1:], (params, origin, found))
        return found

    def odds(self, kernel: MixtureKernel, params: P) -> None:
        """None: the rule goes by the kernel's own log_joint."""

    def told(self, stats: S, params: P) -> S:
        return stats

    def statistics_at(self, params: P, resp: Callable[[Any], np.ndarray]) -> S:
        kernel = self.kernel(params)
        return kernel.stats(0.0, self.rows.mean(GivenSums(kernel, resp)))

    def repair(self, model: Mixture, stats: S, params: P) -> Repair | None:
        return self.components.repair(stats, params, model.e_step)


def mixture_of(
    components: Family[Any, Any],
    rows: Rows,
    *,
    prior: WeightPrior = UNIFORM,
    **options: Any,
) -> Mixture:
    """The mixture of a family over rows. It always has a prior: that of the weights, which may be
    uniform, and the family's own."""
    return Mixture(FamilySpace(components, rows), prior=prior, **options)
