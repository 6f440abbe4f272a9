"""A mixture from its parameters, with its components in another order, as scikit-learn's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import sklearn.mixture
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from .._density.normals import Normals, inverse
from .._input.structures import SAME_AS, STRUCTURES
from .._input.validation import check_array_of, check_covariances, check_option
from .._normal.covariances import Structure
from .._normal.gaussian import log_of_weights
from .attributes import matrices
from .base import BaseNormalMixture
from .fitted import when_fitted

# Variances below the smallest normal number have no reciprocal.
_LEAST = float(np.finfo(float).tiny)
_ORDERS = ("weight", "mean")
# Covariances that scikit-learn has, and the one that holds all others of a structure.
_SHARED = {"tied_diag": "tied", "tied_spherical": "tied"}
_OWN = ("full", "tied", "diag", "spherical")


class Conversion(BaseNormalMixture):
    """What turns parameters into a fitted mixture, and a mixture into others of equal density."""

    @classmethod
    def from_parameters(
        cls,
        weights: ArrayLike,
        means: ArrayLike,
        covariances: ArrayLike,
        *,
        covariance_type: str | None = None,
        feature_names: Sequence[str] | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> Self:
        """A fitted mixture with given parameters.

        It predicts, scores and samples as if it had been fitted. What tells of a fit
        (``converged_``, ``history_`` and the like) it does not have, and ``partial_fit`` begins
        anew.

        Parameters
        ----------
        weights : array-like of shape (n_components,)
            Weights of the components, not negative; they add up to one.

        means : array-like of shape (n_components, n_features)
            Means of the components.

        covariances : array-like
            Covariances, in the shape that ``covariances_`` has with this ``covariance_type``.

        covariance_type : {'full', 'tied', 'diag', 'spherical', 'tied_diag', 'tied_spherical'}, \
default=None
            Structure of the covariances. None takes the one that their shape tells; it must be
            given where there are as many components as features, more than one, and the shape
            is (n_components, n_features) or (n_components,).

        feature_names : sequence of str of length n_features, default=None
            Names of the features.

        random_state : int, RandomState instance or None, default=None
            The constructor's parameter, which ``sample`` uses.

        Returns
        -------
        mixture : object
            A fitted mixture, with float64 attributes.

        Raises
        ------
        ValueError
            If shapes do not match or leave the structure open, weights do not add up to one, or
            a covariance is not symmetric and positive definite.

        Examples
        --------
        >>> from emix import GaussianMixture
        >>> mixture = GaussianMixture.from_parameters(
        ...     [0.3, 0.7], [[0.0, 0.0], [3.0, 1.0]], [[1.0, 2.0], [0.5, 0.5]],
        ...     covariance_type="diag",
        ... )
        >>> mixture.predict([[0.2, 0.1], [2.9, 1.3]])
        array([0, 1])
        """
        means = np.asarray(means)
        if means.ndim != 2 or not means.size:
            raise ValueError(
                "means must have shape (n_components, n_features), one row per component, got "
                f"{means.shape}"
            )
        n_components, d = means.shape
        means = check_array_of("means", means, (n_components, d))
        weights = check_array_of("weights", weights, (n_components,))
        if weights.min() < 0.0 or abs(weights.sum() - 1.0) > 1e-6:
            raise ValueError(
                "weights must not be negative and add up to one, got a least weight of "
                f"{weights.min():g} and a sum of {weights.sum():g}; divide them by their sum"
            )
        if covariance_type is None:
            covariance_type = _told_by(np.shape(covariances), n_components, d)
        structure = STRUCTURES[check_option("covariance_type", covariance_type, STRUCTURES)]
        covariances = check_covariances(covariances, structure, n_components, d)
        factored = structure.form.factorise(covariances, _LEAST)
        singular = np.flatnonzero(factored.n_floored)
        if singular.size:
            own = structure.sharing.separable
            which = f"that of component {singular[0]} is" if own else "they are"
            raise ValueError(
                f"covariances must be positive definite, and {which} not: add a small variance to "
                "the diagonal, or leave out features that others determine"
            )
        mixture = cls(n_components, covariance_type=covariance_type, random_state=random_state)
        names = None if feature_names is None else _names(feature_names, d)
        weights = weights / weights.sum()
        return mixture._filled(structure, weights, means, covariances, factored.factor, names)

    def _filled(self, structure: Structure, weights, means, covariances, factors, names) -> Self:
        """This estimator with these parameters as its fit."""
        self.weights_, self.means_ = weights, means
        for name, value in matrices(structure, covariances, factors).items():
            setattr(self, name, value)
        self.n_features_in_ = means.shape[1]
        if names is not None:
            self.feature_names_in_ = np.asarray(names, dtype=object)
        return self

    def _normals(self) -> Normals:
        check_is_fitted(self)
        return Normals.of(*self._fitted().parameters[:4])

    def _estimate_log_weights(self) -> np.ndarray:
        """Logarithms of the weights, (K,); scikit-learn's private name, which other packages
        call."""
        check_is_fitted(self)
        return log_of_weights(np.asarray(self.weights_, dtype=float))

    def _fitted_type(self) -> str:
        """``covariance_type`` as it was in fit."""
        return when_fitted(self, "covariance_type", self.covariance_type)

    def _like(self, normals: Normals, names: ArrayLike | None) -> Self:
        """A fitted mixture of these normals. They have this one's structure if it is one of the
        six, which hold for parts of a matrix as for the whole; else 'full'."""
        given = self._fitted_type()
        given = SAME_AS.get(given, given)
        covariance_type = given if given in STRUCTURES else "full"
        mixture = type(self)(
            len(normals.means), covariance_type=covariance_type, random_state=self.random_state
        )
        structure = STRUCTURES[covariance_type]
        covariances = _packed(structure, normals.covariances)
        factors = _packed(structure, np.array([inverse(root) for root in normals.roots]))
        return mixture._filled(
            structure, normals.weights, normals.means, covariances, factors, names
        )

    def reordered(self, order: str | ArrayLike) -> Self:
        """The same mixture with its components in another order.

        The order of a fit depends on its start. This gives it a meaning, so that fits can be
        compared.

        Parameters
        ----------
        order : {'weight', 'mean'} or array-like of int of shape (n_components,)
            'weight': falling weight. 'mean': rising mean of the first feature, of the second
            where the first are equal, and so on. An array lists the components as they shall
            come.

        Returns
        -------
        mixture : object
            A new fitted mixture; component k is this one's ``order[k]``. This one is left as it
            is.

        Raises
        ------
        ValueError
            If the array is not a permutation of the components, or the name is unknown.

        Examples
        --------
        >>> from emix import GaussianMixture
        >>> from emix.datasets import load_faithful
        >>> X = load_faithful().data
        >>> mixture = GaussianMixture(2, random_state=0).fit(X).reordered("weight")
        >>> mixture.weights_.round(3)
        array([0.644, 0.356])
        """
        check_is_fitted(self)
        structure, *arrays, _ = self._fitted().parameters
        weights, means, factors = (np.asarray(each) for each in arrays)
        n_components = len(means)
        if isinstance(order, str):
            by = check_option("order", order, _ORDERS)
            keys = [-weights] if by == "weight" else means.T[::-1]
            order = np.lexsort(keys)
        order = np.asarray(order)
        if not np.array_equal(np.sort(order), np.arange(n_components)):
            raise ValueError(
                f"order must be one of 'weight', 'mean' or list every component from 0 to "
                f"{n_components - 1} once, got {order.tolist()}"
            )
        is_array = not structure.form.has_loadings
        covariances = self.covariances_ if is_array else structure.form.invert(factors)
        covariances, factors = (
            structure.sharing.taken(stack, order) for stack in (np.asarray(covariances), factors)
        )
        names = getattr(self, "feature_names_in_", None)
        return (
            clone(self)
            .set_params(covariance_type=self._fitted_type())
            ._filled(structure, weights[order], means[order], covariances, factors, names)
        )

    def to_sklearn(self) -> sklearn.mixture.GaussianMixture:
        """A fitted :class:`sklearn.mixture.GaussianMixture` of the same density.

        For tools that ask for scikit-learn's class. Structures that it does not have become the
        nearest one that it has: 'tied_diag' and 'tied_spherical' become 'tied', any other one
        'full'. ``aic`` and ``bic`` then count more parameters.

        Returns
        -------
        mixture : sklearn.mixture.GaussianMixture
            With equal ``predict``, ``predict_proba`` and ``score_samples`` up to rounding;
            ``sample`` draws from the same distribution. Its constructor's parameters are the
            defaults but for ``n_components``, ``covariance_type``, ``random_state``, ``max_iter``
            and ``n_init``.

        Examples
        --------
        >>> import numpy as np
        >>> from emix import GaussianMixture
        >>> from emix.datasets import load_faithful
        >>> X = load_faithful().data
        >>> mixture = GaussianMixture(2, random_state=0).fit(X)
        >>> bool(np.allclose(mixture.to_sklearn().score_samples(X), mixture.score_samples(X)))
        True
        """
        check_is_fitted(self)
        given = self._fitted_type()
        given = SAME_AS.get(given, given)
        covariance_type = given if given in _OWN else _SHARED.get(given, "full")
        structure = STRUCTURES[covariance_type]
        other = sklearn.mixture.GaussianMixture(
            self.n_components,
            covariance_type=covariance_type,
            max_iter=max(self.max_iter, 1),
            n_init=self.n_init,
            random_state=self.random_state,
        )
        if given == covariance_type:
            covariances, factors = self.covariances_, self.precisions_cholesky_
        else:
            normals = self._normals()
            covariances = _packed(structure, normals.covariances)
            factors = _packed(structure, np.array([inverse(root) for root in normals.roots]))
        fitted: dict[str, Any] = {
            "weights_": np.array(self.weights_),
            "means_": np.array(self.means_),
            "covariances_": np.array(covariances),
            "precisions_": np.array(structure.form.precision(factors)),
            "precisions_cholesky_": np.array(factors),
            "n_features_in_": self.n_features_in_,
        }
        told = ("converged_", "n_iter_", "lower_bound_", "lower_bounds_", "feature_names_in_")
        fitted |= {name: getattr(self, name) for name in told if hasattr(self, name)}
        for name, value in fitted.items():
            setattr(other, name, value)
        return other


def _packed(structure: Structure, stack: np.ndarray) -> np.ndarray:
    """(K, d, d) matrices that are members of a structure in its own shape."""
    stack = structure.sharing.of_equal(stack)
    axes = len(structure.form.shape(stack.shape[-1]))
    if axes < 2:
        stack = stack.diagonal(axis1=-2, axis2=-1)
    return np.array(stack if axes else stack[..., 0])


def _told_by(shape: tuple[int, ...], n_components: int, d: int) -> str:
    """The covariance_type of covariances of this shape."""
    fitting = [name for name, s in STRUCTURES.items() if s.shape(n_components, d) == shape]
    listed = ", ".join(repr(name) for name in fitting)
    if not fitting:
        shapes = ", ".join(f"{s.shape(n_components, d)}" for s in STRUCTURES.values())
        raise ValueError(
            f"covariances of {n_components} components and {d} features have one of the shapes "
            f"{shapes}; got {shape}"
        )
    # one number is the same covariance by any name
    if len(fitting) > 1 and n_components > 1:
        raise ValueError(
            f"covariances of shape {shape} may be {listed}, as there are as many components as "
            "features: pass covariance_type"
        )
    return fitting[0]


def _names(feature_names: Sequence[str], d: int) -> list[str]:
    names = list(feature_names)
    if len(names) != d or not all(isinstance(name, str) for name in names):
        raise ValueError(f"feature_names must be {d} strings, got {feature_names!r}")
    return names
