"""What the normal family asks of covariances: how a matrix is stored, who shares it, how it is
estimated, how small it may be.

A covariance C is kept with its factor U, upper triangular, C⁻¹ = U Uᵀ. Forms and bounds work on
stacks: any number of leading axes before those of one matrix.

Forms, sharings and estimators have no state. There is one of each, which pickles refer to by name:
structures are equal where their parts are the same.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np


class Factored(NamedTuple):
    """Covariance, its factor U, and how many of its variances the floor holds up."""

    covariance: np.ndarray
    factor: np.ndarray
    n_floored: np.ndarray


class Bound(Protocol):
    """A least covariance F: what C >= F makes of the M-step's covariances."""

    least: np.ndarray

    def factorise(self, covariance: np.ndarray) -> Factored:
        """For each of a stack argmax of -log|C| - tr(C⁻¹ S) over C >= F, S the given matrix."""


class Matrices(Protocol):
    """How a covariance is stored, and what a fitted mixture asks of it. That of d features has
    ``shape(d)``; rows give it ``n_products(d)`` second moments."""

    correlates: bool  # whether a row's features tell of each other
    one_unit: bool  # whether features must have a common unit, or the form would not stay
    has_loadings: bool  # whether a matrix is kept by loadings on factors; see ``low_rank``
    held: str  # what users are told is at the floor, where it is no feature's own variance
    positive: str  # ... that matrices must be

    def shape(self, d: int) -> tuple[int, ...]:
        """Of one matrix."""

    def n_products(self, d: int) -> int:
        """Second moments that rows give."""

    def n_variances(self, d: int) -> int:
        """Variances of a matrix that are not equal by its form."""

    def invert(self, factor: np.ndarray) -> np.ndarray:
        """Covariance (U Uᵀ)⁻¹ of a factor."""

    def log_det(self, factor: np.ndarray, d: int) -> np.ndarray:
        """log|U|."""

    def variances(self, matrix: np.ndarray, d: int) -> np.ndarray:
        """The diagonal of a matrix, (..., d)."""

    def precisions(self, factor: np.ndarray, d: int) -> np.ndarray:
        """The diagonal of U Uᵀ, (..., d): reciprocal variances of features given the others."""

    def unwhiten(self, factor: np.ndarray, normal: np.ndarray) -> np.ndarray:
        """Rows with this covariance from standard normal ones."""

    def squared_distances(self, factors: np.ndarray, y: np.ndarray, means: np.ndarray):
        """|U_kᵀ (y - mu_k)|², (K, m), of the rows of y (m, d) about means (K, d)."""

    def rescale(self, covariance: np.ndarray, factor: np.ndarray, scale: np.ndarray):
        """Covariance and factor of S x, S = diag(scale)."""

    def rescale_factor(self, factor: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """Factor of S x, S = diag(scale)."""

    def loadings(self, covariance: np.ndarray, bound: Bound, count: int) -> np.ndarray:
        """Loadings (d,), from zero to one, of the features on the directions, so many, in which a
        covariance is least beside the bound; zeros where matrices have none of their own."""


class Form(Matrices, Protocol):
    """Covariances that are arrays of variances, and their arithmetic: what M-steps from scatter,
    priors and kernels of moments ask beside."""

    def n_free(self, d: int) -> int:
        """Free numbers of a matrix."""

    def is_positive(self, stack: np.ndarray) -> bool:
        """Whether all matrices are symmetric and positive definite."""

    def fill_products(self, z: np.ndarray, out: np.ndarray) -> None:
        """Second moments (n_products, m) of the columns of z (d, m)."""

    def weighted_second(self, y: np.ndarray, resp: np.ndarray) -> np.ndarray:
        """sum_i resp_i y_i y_iᵀ over the columns of y (d, m)."""

    def pack(self, matrix: np.ndarray) -> np.ndarray:
        """Matrices as vectors of products, (..., n_products)."""

    def unpack(self, products: np.ndarray, d: int) -> np.ndarray:
        """The inverse of ``pack``."""

    def coefficients(self, precision: np.ndarray) -> np.ndarray:
        """-P/2 as coefficients of the packed products."""

    def outer(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The second moments a bᵀ, of vectors (..., d)."""

    def mean_matrix(self, second: np.ndarray, d: int) -> np.ndarray:
        """Covariances from mean second moments."""

    def from_variances(self, v: np.ndarray) -> np.ndarray:
        """The member of the form nearest to diag(v)."""

    def factorise(self, covariance: np.ndarray, floor: float | np.ndarray) -> Factored:
        """Variances below the floor are raised to it."""

    def unconstrained(self, covariance: np.ndarray, least: float) -> Factored | None:
        """None unless all variances are known to be greater than this."""

    def factor_of_precision(self, precision: np.ndarray) -> np.ndarray:
        """U with U Uᵀ = precision."""

    def precision(self, factor: np.ndarray) -> np.ndarray:
        """U Uᵀ."""

    def apply(self, precision: np.ndarray, a: np.ndarray) -> np.ndarray:
        """P a, row by row."""

    def inner(self, precision: np.ndarray, covariance: np.ndarray, d: int) -> np.ndarray:
        """tr(P C), one C for all P."""

    def whiten(self, factor: np.ndarray, a: np.ndarray) -> np.ndarray:
        """Uᵀ a, row by row."""

    def squared_distance(self, factor: np.ndarray, y: np.ndarray) -> np.ndarray:
        """|Uᵀ y|² for the columns of y (d, m)."""

    def residual_distances(self, factors: np.ndarray, y: np.ndarray, means: np.ndarray):
        """The same by residuals; U may be one for all components."""

    def log_tail(self, factor: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Student's log(1 + |Uᵀ y|²), summed over the chi-squares of |P|, of columns (d, m)."""

    def log_tails(self, factors: np.ndarray, y: np.ndarray, means: np.ndarray) -> np.ndarray:
        """The same of the rows of y (m, d) about means (K, d), (K, m)."""

    def orthonormal(self, factor: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """L (..., p, p): for T = (products, z, 1), p features, those of L T(z) are orthonormal if z
        has this mean and factor."""

    def at_floor(
        self, covariances: np.ndarray, n_floored: np.ndarray, bound: Bound
    ) -> np.ndarray | None:
        """Which second moments of components (K, products) the floor holds; None where a component
        is held in some directions that are not features."""

    def gradient_step(self, factor: np.ndarray, target: np.ndarray, step: float):
        """U moved along the gradient of log|U| - tr(Uᵀ T U)/2 in the units of U; None where it
        would be singular."""

    def trace(self, factor: np.ndarray, reference: np.ndarray, d: int) -> np.ndarray:
        """tr(P C) of factors U of P and R of C⁻¹, one R for all."""

    def bartlett(self, d: int) -> np.ndarray:
        """A Wishart matrix of n degrees of freedom has the determinant of its scale times
        independent chi-squares of n - bartlett degrees."""

    def wishart_count(self, degrees: float, d: int) -> float:
        """c of the inverse Wishart's log-density, c/2 log|P| - tr(S P)/2 + const."""

    def log_inverse_wishart(self, degrees: float, scale: np.ndarray, d: int) -> float:
        """That constant, scale S."""

    def log_jacobian(self, scale: np.ndarray) -> float:
        """Log of the Jacobian of the covariance of S x by that of x, S = diag(scale)."""

    def floor(self, total: np.ndarray) -> float:
        """Variances below this are rounding, for data with this covariance."""

    def largest(self, total: np.ndarray) -> float:
        """The largest variance in any direction."""

    def least(self, total: np.ndarray, scale: np.ndarray, share: float, rounding: float):
        """share times the covariance whose correlations are the data's and whose standard
        deviations are the features' local scales (d,)."""

    def bound(self, least: np.ndarray) -> Bound:
        """Of this least covariance."""

    def above(self, covariance: np.ndarray, bound: Bound, d: int) -> np.ndarray:
        """Variances (..., d) in units of the bound, in ascending order."""

    def whitening(self, total: np.ndarray, least: float) -> np.ndarray | None:
        """W (d, d) with W z of unit covariance, or None where the form has no metric of its own."""


class Sharing(Protocol):
    """Whether each component has a matrix or all have one: the shape of stacks, and sums over the
    components that share a matrix."""

    separable: bool  # whether components can be told apart by their matrices

    def n_matrices(self, n_components: int) -> int:
        """Matrices of so many components."""

    def n_sharing(self, n_components: int) -> int:
        """Components that share a matrix."""

    def leading(self, n_components: int) -> tuple[int, ...]:
        """Shape of a stack before the axes of one matrix."""

    def n_own(self, count: int) -> int:
        """How many of so many numbers that belong to a matrix each component has for itself."""

    def at(self, k: int) -> int | tuple[()]:
        """Index of component k's matrix in a stack."""

    def matrices(self, stack: np.ndarray) -> np.ndarray:
        """The stack with an axis for matrices, of length one if there is but one."""

    def per_component(self, stack: np.ndarray, n_components: int) -> np.ndarray:
        """The stack with an axis for components."""

    def of_equal(self, stack: np.ndarray) -> np.ndarray:
        """The inverse of ``per_component``."""

    def repeated(self, matrix: np.ndarray, n_components: int) -> np.ndarray:
        """A stack in which all components have the same matrix."""

    def taken(self, stack: np.ndarray, order: np.ndarray) -> np.ndarray:
        """The stack of some components, or of all in another order."""

    def kept(self, alive: np.ndarray, new: np.ndarray, old: np.ndarray) -> np.ndarray:
        """The new stack with the old matrices of components that are not alive (K,)."""

    def with_axis(self, numbers: np.ndarray, axis: int) -> np.ndarray:
        """Numbers of matrices (..., [K], ...) with an axis for components, at this place."""

    def weighted(self, weight: np.ndarray, stack: np.ndarray) -> np.ndarray:
        """weight_k stack_k, summed over the components that share a matrix."""

    def summed(self, stack: np.ndarray) -> np.ndarray:
        """A stack (K, ...) summed over the components that share a matrix, with their axis."""

    def total(self, stack: np.ndarray) -> np.ndarray:
        """The sum over all components of moments that are summed over those that share a matrix."""

    def counts(self, weight: np.ndarray) -> np.ndarray:
        """What each matrix rests on, of the components' weights (K,)."""

    def shares(self, weights: np.ndarray) -> np.ndarray:
        """The same of weights (..., K) that add up to one, with an axis for matrices."""

    def mean_about(self, second, weight, divisor, taken) -> np.ndarray:
        """Mean second moments about the means: sums of moments less what is taken off the mean of
        each component. divisor is the weight, one where there is none."""

    def unwhiten(self, form: Form, factors: np.ndarray, normal: np.ndarray, counts: np.ndarray):
        """``form.unwhiten`` of rows that lie component by component, so many of each."""


class Floor(Protocol):
    """The least covariance of a model: F where its share of the data's scale is not zero, and what
    keeps rounding errors out."""

    share: float
    rounding: float  # a variance below it is rounding
    above: float  # variances above it are above F in any direction

    @property
    def bound(self) -> Bound:
        """F."""

    def factorise(self, covariance: np.ndarray) -> Factored:
        """The most likely covariances above F, with their factors."""


class Estimator(Protocol):
    """What ties the covariances of components together beyond a matrix that they share."""

    is_free: bool  # whether nothing does: any matrices of the form are allowed

    def one_unit(self, form: Form) -> bool:
        """Whether features must have a common unit, or the structure would not stay."""

    def n_free(self, form: Form, n_matrices: int, d: int) -> int:
        """Free parameters of all matrices."""

    def estimate(
        self, weight: np.ndarray, scatter: np.ndarray, before: Any, floor: Floor
    ) -> Factored:
        """The most likely covariances above the floor, with their factors: argmax of

            sum over matrices of weight_k (-log|C_k| - tr(C_k⁻¹ S_k)),

        scatter S in the shape of the covariances. Where there is no closed form they are at least
        as likely as those of ``before``, which has covariances and factors."""
