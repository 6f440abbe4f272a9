"""Covariance structures: how a matrix is stored, who shares it, and how it is estimated."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .dense import DENSE
from .diagonal import DIAGONAL
from .isotropic import ISOTROPIC
from .protocols import Estimator, Factored, Floor, Form, Sharing
from .sharing import COMMON, EACH


class Unrestricted:
    """Every matrix is free: the scatter is its estimate, raised to the floor."""

    is_free = True

    def __reduce__(self) -> str:
        return "UNRESTRICTED"

    def one_unit(self, form: Form) -> bool:
        return form.one_unit

    def n_free(self, form: Form, n_matrices: int, d: int) -> int:
        return n_matrices * form.n_free(d)

    def estimate(self, weight, scatter, before, floor) -> Factored:
        return floor.factorise(scatter)


UNRESTRICTED = Unrestricted()


class Structure(NamedTuple):
    """The covariances of a mixture. Arrays of them, and of their factors, have ``shape``."""

    form: Form
    sharing: Sharing
    estimator: Estimator = UNRESTRICTED

    def shape(self, n_components: int, d: int) -> tuple[int, ...]:
        """Shape of the array of covariances."""
        return (*self.sharing.leading(n_components), *self.form.shape(d))

    def n_free(self, n_components: int, d: int) -> int:
        """Free parameters in the covariances."""
        return self.estimator.n_free(self.form, self.sharing.n_matrices(n_components), d)

    @property
    def one_unit(self) -> bool:
        """Whether features must have a common unit."""
        return self.estimator.one_unit(self.form)

    @property
    def is_free(self) -> bool:
        """Whether any matrices of the form are allowed."""
        return self.estimator.is_free

    @property
    def is_general(self) -> bool:
        """Whether each component has axes of its own."""
        return self.form.correlates and self.sharing.separable

    def estimate(
        self, weight: np.ndarray, scatter: np.ndarray, before: Any, floor: Floor
    ) -> Factored:
        """See ``protocols.Estimator``; before may be all parameters."""
        return self.estimator.estimate(weight, scatter, before, floor)

    def general(self, factors: np.ndarray) -> tuple[Structure, np.ndarray]:
        """A structure whose matrices are arrays of variances, and the factors in its shape."""
        if not self.form.has_loadings:
            return self, factors
        form: Any = self.form
        return FULL, DENSE.factorise(form.matrix(form.invert(factors)), 0.0).factor

    def squared_distances(self, factors: np.ndarray, y: np.ndarray, means: np.ndarray):
        """|U_kᵀ (y - mu_k)|², (K, m), of the rows of y (m, d) about means (K, d); where all
        components share U, in its coordinates."""
        if self.sharing.separable:
            return self.form.squared_distances(factors, y, means)
        white, centres = (self.form.whiten(factors, rows) for rows in (y, means))
        return ISOTROPIC.squared_distances(np.ones(len(means)), white, centres)


FULL = Structure(DENSE, EACH)
TIED = Structure(DENSE, COMMON)
DIAG = Structure(DIAGONAL, EACH)
SPHERICAL = Structure(ISOTROPIC, EACH)
TIED_DIAG = Structure(DIAGONAL, COMMON)
TIED_SPHERICAL = Structure(ISOTROPIC, COMMON)
