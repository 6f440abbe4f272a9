"""What a fit is asked: a value that an estimator states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from .._mixture.constraint import Constraint
from .._mixture.mixture import Mixture
from .._mixture.posterior import at_temperature
from .._mixture.start import nudged as nudged_means
from .._normal.covariances import Structure
from .._normal.gaussian import Params
from .._normal.prior import Prior
from .._rows.blocks import Rows, in_one_unit, standard_units
from .._rows.grid import BLOCK_BYTES


@dataclass(frozen=True)
class Given:
    """Initial values by the user, in the units of the data; None where there are none."""

    weights: np.ndarray | None = None
    means: np.ndarray | None = None
    factors: np.ndarray | None = None

    def complete(self) -> bool:
        return not any(value is None for value in (self.weights, self.means, self.factors))

    def override(self, model: Mixture, base: Any) -> Params:
        """The given values, in the model's units, in place of those of base; None will do for it
        where all are given."""
        structure, rows = model.structure, model.rows
        weights = base.weights if self.weights is None else self.weights
        means = base.means if self.means is None else (self.means - rows.shift) / rows.scale
        if self.factors is None:
            return Params(weights, means, *base[2:])
        covariance, factor = structure.form.rescale(
            structure.form.invert(self.factors), self.factors, 1.0 / rows.scale
        )
        count = np.zeros(structure.sharing.leading(len(weights)), dtype=int)
        return model.family.admitted(Params(weights, means, covariance, factor, count))


@dataclass(frozen=True)
class Phase:
    """A climb of a run: at a temperature, and by another algorithm than EM if there is a
    ``variant``, which makes a model that is climbed in its place."""

    temperature: float = 1.0
    variant: Callable[[Mixture], Any] | None = None


class Terms(Protocol):
    """Of a problem what its climbs go by, whatever the components are."""

    @property
    def tol(self) -> float: ...

    @property
    def max_iter(self) -> int: ...

    @property
    def accelerate(self) -> bool: ...

    @property
    def phases(self) -> tuple[Phase, ...]: ...

    @property
    def nudged(self) -> Callable[[Any, Any, np.random.RandomState], Any]:
        """(model, params, rng) -> parameters moved a little before a climb at another temperature:
        equal components would stay equal for ever."""


class PriorOf(Protocol):
    """The prior of a model's parameters, in the model's units."""

    def __call__(self, model: Mixture, n_components: int) -> Prior: ...


@dataclass(frozen=True)
class Problem:
    """What a fit is told: validated constructor parameters, and who solves it. See ``Terms``.

    ``model(structure, rows, noise)`` makes the model that is climbed; ``start`` names a start, or
    gives labels (n,) or responsibilities (n, K) of all rows. Races are run for starts where it
    ``searches``. ``solve`` gets the rows in the units of the data, this problem, a random state and
    an observer.
    """

    n_components: int
    structure: Structure
    solve: Callable[..., Any]
    model: Callable[..., Any]
    given: Given
    start: str | np.ndarray
    reg_covar: float
    tol: float
    max_iter: int
    n_init: int
    accelerate: bool
    prior: PriorOf | None = None
    constraint: Constraint | None = None
    phases: tuple[Phase, ...] = (Phase(),)
    searches: bool = False
    nudged: Callable = nudged_means


def is_parallel(X: np.ndarray, structure: Structure, n_components: int) -> bool:
    """Whether products are so large that BLAS would share them among threads, in an order that
    depends on how many there are."""
    d = X.shape[1]
    width = d + 1 + structure.sharing.n_own(structure.form.n_products(d))
    return 8 * len(X) * (width + 2 * n_components) > BLOCK_BYTES // 16


def make_model(rows: Rows, problem: Problem) -> Mixture:
    """The mixture over the rows in standard units."""
    rows = standard_units(rows)
    if problem.structure.one_unit:
        rows = in_one_unit(rows)  # or the form would not stay isotropic
    noise = (np.sqrt(problem.reg_covar) / rows.scale) ** 2
    model = problem.model(problem.structure, rows, noise)
    model = model.ruled(at_temperature(problem.phases[0].temperature))
    if problem.prior is not None:
        model = replace(model, prior=problem.prior(model, problem.n_components))
    if problem.constraint is not None:
        model = replace(model, constraint=problem.constraint)
    return model
