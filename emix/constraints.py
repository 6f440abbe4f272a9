"""Constraints on responsibilities: posterior regularisation.

The E-step takes, of all q that satisfy the constraints, the one of least Kullback-Leibler
divergence from the posterior p(z | x) [1]_, and the M-step goes on from there. The objective
F(q, theta) still never falls; it stays below the log-likelihood by that divergence.

References
----------
.. [1] K. Ganchev, J. Graca, J. Gillenwater, B. Taskar (2010). Posterior regularization for
   structured latent variable models. J. of Machine Learning Research 11, 2001-2049.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ._input.refusals import brief, refuse_masked
from ._input.validation import check_array_of
from ._mixture.constraint import Constraint
from ._mixture.features import Alike, At, Features, Joined, OfRows

__all__ = ["Allowed", "Expectation", "Proportions"]


class _Bounds(NamedTuple):
    """lower <= mean of E_q[f] <= upper, of r features."""

    features: Features
    lower: np.ndarray
    upper: np.ndarray
    names: list[str]  # of what is bounded, for messages


@dataclass(frozen=True)
class Allowed:
    """Components that each row may belong to.

    Parameters
    ----------
    components : array-like of bool of shape (n_samples, n_components), or callable
        True where the row may belong to the component; every row needs one. A callable gets X
        and returns such an array, so that the constraint also serves other rows (in a
        cross-validation, for instance).

    Examples
    --------
    >>> import numpy as np
    >>> from emix import GaussianMixture
    >>> from emix.constraints import Allowed
    >>> X = np.random.RandomState(0).normal(size=(100, 1))
    >>> sides = Allowed(lambda X: np.column_stack([X[:, 0] < 1, X[:, 0] > -1]))
    >>> mixture = GaussianMixture(2, constraints=(sides,), random_state=0).fit(X)
    >>> bool(mixture.means_[0, 0] < mixture.means_[1, 0])
    True
    """

    components: Any

    def _mask(self, X: np.ndarray, n_components: int) -> np.ndarray:
        given = self.components(X) if callable(self.components) else self.components
        refuse_masked("Allowed.components", given)
        allowed = np.asarray(given)
        if allowed.shape != (len(X), n_components) or allowed.dtype != bool:
            raise ValueError(
                "constraints: Allowed needs an array of bool of shape "
                f"({len(X)}, {n_components}), got {allowed.dtype} of shape {allowed.shape}"
            )
        missing = np.flatnonzero(~allowed.any(axis=1))
        if missing.size:
            raise ValueError(f"constraints: Allowed leaves no component for row {missing[0]}")
        return allowed


@dataclass(frozen=True)
class Proportions:
    """Shares of the rows that components get, in the mean of their responsibilities.

    Parameters
    ----------
    values : array-like of shape (n_components,), default=None
        The shares, which add up to one. Without values and bounds all shares are equal.

    lower, upper : float or array-like of shape (n_components,), default=None
        Bounds on shares, in place of values.

    Examples
    --------
    >>> from emix import GaussianMixture
    >>> from emix.constraints import Proportions
    >>> from emix.datasets import load_faithful
    >>> X = load_faithful().data
    >>> even = GaussianMixture(2, constraints=(Proportions(),), random_state=0).fit(X)
    >>> even.weights_.round(6)
    array([0.5, 0.5])
    """

    values: Any = None
    lower: Any = None
    upper: Any = None

    def _bounds(self, X: np.ndarray, n_components: int) -> _Bounds:
        lower, upper = self._levels(n_components)
        if (lower > upper).any() or lower.sum() > 1.0 + 1e-9 or upper.sum() < 1.0 - 1e-9:
            raise ValueError(
                "constraints: Proportions cannot be satisfied: shares add up to one, got lower "
                f"bounds {brief(lower)} and upper bounds {brief(upper)}"
            )
        features = Alike(np.eye(n_components)[:, :, None])
        names = [f"the share of component {k}" for k in range(n_components)]
        return _Bounds(features, lower, upper, names)

    def _levels(self, n_components: int) -> tuple[np.ndarray, np.ndarray]:
        bounded = self.lower is not None or self.upper is not None
        if self.values is not None and bounded:
            raise ValueError("constraints: Proportions takes values or bounds, not both")
        if not bounded:
            values = self.values
            if values is None:
                values = np.full(n_components, 1.0 / n_components)
            values = check_array_of("Proportions.values", values, (n_components,))
            if (values < 0.0).any() or abs(values.sum() - 1.0) > 1e-8:
                raise ValueError(
                    "constraints: Proportions.values must not be negative and add up to one, "
                    f"got {brief(values)}, which add up to {values.sum():g}"
                )
            # the last equation follows from the others
            return _freed(values, -np.inf), _freed(values, np.inf)
        levels = []
        for name, default in (("lower", 0.0), ("upper", 1.0)):
            value = getattr(self, name)
            value = default if value is None else value
            value = np.full(n_components, value) if np.ndim(value) == 0 else value
            levels.append(check_array_of(f"Proportions.{name}", value, (n_components,)))
        # bounds that hold for all shares bind nothing
        lower = np.where(levels[0] > 0.0, levels[0], -np.inf)
        return lower, np.where(levels[1] < 1.0, levels[1], np.inf)


@dataclass(frozen=True)
class Expectation:
    """Bounds on expectations of features f(x, z) under the responsibilities.

    Parameters
    ----------
    features : callable, or array-like of shape (n_components, n_constraints) or \
(n_samples, n_components, n_constraints)
        Values of f for every row and component; a callable gets some of the rows of X, of shape (m,
        n_features), and returns (m, n_components, n_constraints). The last axis may be left
        out where there is one constraint.

    lower, upper : float or array-like of shape (n_constraints,), default=None
        Bounds of the mean over rows of E_q[f(x, z)]; None for no bound. Equal ones are an
        equation.

    Examples
    --------
    At most a third of the rows may belong to component 0:

    >>> import numpy as np
    >>> from emix import GaussianMixture
    >>> from emix.constraints import Expectation
    >>> from emix.datasets import load_faithful
    >>> X = load_faithful().data
    >>> few = Expectation(np.array([[1.0], [0.0]]), upper=1 / 3)
    >>> mixture = GaussianMixture(2, constraints=(few,), random_state=0).fit(X)
    >>> bool(mixture.weights_[0] <= 1 / 3 + 1e-6)
    True
    """

    features: Any
    lower: Any = None
    upper: Any = None

    def _bounds(self, X: np.ndarray, n_components: int) -> _Bounds:
        features = self._features(X, n_components)
        count = features.of(slice(0, 1)).shape[0]
        lower, upper = (
            np.full(count, default)
            if value is None
            else check_array_of(f"Expectation.{name}", np.broadcast_to(value, (count,)), (count,))
            for name, value, default in (
                ("lower", self.lower, -np.inf),
                ("upper", self.upper, np.inf),
            )
        )
        if (lower > upper).any() or not (np.isfinite(lower) | np.isfinite(upper)).any():
            raise ValueError(
                "constraints: Expectation needs a lower or an upper bound, and no lower one "
                f"above its upper one; got {brief(self.lower)} and {brief(self.upper)}"
            )
        return _Bounds(features, lower, upper, [f"expectation {j}" for j in range(count)])

    def _features(self, X: np.ndarray, n_components: int) -> Features:
        given = self.features
        if callable(given):
            return _Called(given, X, n_components)
        refuse_masked("Expectation.features", given)
        array = np.asarray(given, dtype=float)
        if array.shape[0] == n_components and array.ndim <= 2 and len(X) != n_components:
            return Alike(_as_features(array[None], 1, n_components))
        return OfRows(_as_features(array, len(X), n_components).transpose(2, 1, 0))


class _Called(NamedTuple):
    """What a user's function says of rows of X."""

    function: Callable[[np.ndarray], Any]
    X: np.ndarray
    n_components: int

    def of(self, at: At) -> np.ndarray:
        rows = self.X[at]
        return _as_features(self.function(rows), len(rows), self.n_components)


def _as_features(value: Any, m: int, n_components: int) -> np.ndarray:
    """(r, K, m) of finite numbers from (m, K) or (m, K, r)."""
    refuse_masked("Expectation.features", value)
    array = np.asarray(value, dtype=float)
    array = array[:, :, None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[:2] != (m, n_components):
        raise ValueError(
            "constraints: features of Expectation must have the shape "
            f"({m}, {n_components}, n_constraints) for {m} rows, got {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ValueError("constraints: features of Expectation contain NaN or infinity")
    return array.transpose(2, 1, 0)


def _freed(values: np.ndarray, infinity: float) -> np.ndarray:
    return np.append(values[:-1], infinity)


def check_kinds(constraints: Any) -> Sequence[Allowed | Proportions | Expectation]:
    """A sequence of constraints."""
    if not isinstance(constraints, Sequence) or isinstance(constraints, str):
        raise TypeError(f"constraints must be a tuple of constraints, got {brief(constraints)}")
    for constraint in constraints:
        if not isinstance(constraint, (Allowed, Proportions, Expectation)):
            raise TypeError(
                "constraints may hold Allowed, Proportions and Expectation of "
                f"emix.constraints, got {brief(constraint)}"
            )
    return constraints


def check_constraints(
    constraints: Any, labels: np.ndarray | None, X: np.ndarray, n_components: int
) -> Constraint | None:
    """All of them as one, for the rows of X; None where there are none."""
    masks, bounds = [], []
    if labels is not None and (labels >= 0).any():
        masks.append((labels < 0)[:, None] | (labels[:, None] == np.arange(n_components)))
    for constraint in check_kinds(constraints):
        if isinstance(constraint, Allowed):
            masks.append(constraint._mask(X, n_components))
        else:
            bounds.append(constraint._bounds(X, n_components))
    if not masks and not bounds:
        return None
    return Constraint(_joint_mask(masks), *_joint_bounds(bounds, n_components))


def _joint_mask(masks: list[np.ndarray]) -> np.ndarray | None:
    if not masks:
        return None
    allowed = np.logical_and.reduce(masks)
    missing = np.flatnonzero(~allowed.any(axis=1))
    if missing.size:
        raise ValueError(
            f"constraints: labels and Allowed contradict each other for row {missing[0]}"
        )
    return allowed


def _joint_bounds(bounds: list[_Bounds], n_components: int):
    """features, lower, upper and names of all."""
    if not bounds:
        return None, np.zeros(0), np.zeros(0), []

    features = Joined([each.features for each in bounds], n_components)
    lower = np.concatenate([each.lower for each in bounds])
    upper = np.concatenate([each.upper for each in bounds])
    return features, lower, upper, [name for each in bounds for name in each.names]
