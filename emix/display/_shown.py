"""What displays show: the normals of a mixture, and rows with their components."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from .._density.conditional import conditional
from .._density.normals import Normals, total_moments
from .._fitted.base import BaseNormalMixture
from .._input.features import feature_indices
from .._input.structures import STRUCTURES

# Rows belong to a slice if they lie this close to it, in standard deviations of the whole
# distribution in every feature that is given: nearer ones are few, farther ones tell of elsewhere.
_THICKNESS = 0.5


class Shown(NamedTuple):
    """Normals of d features, rows (n, d), their labels and uncertainties (n,), the features'
    names, and where the normals are a slice its name."""

    normals: Normals
    rows: np.ndarray
    labels: np.ndarray
    uncertainties: np.ndarray
    names: list[str]
    title: str = ""

    def of(self, features: np.ndarray) -> Shown:
        """Some of the features, by their marginal distribution."""
        return self._replace(
            normals=self.normals.marginal(features),
            rows=self.rows[:, features],
            names=[self.names[j] for j in features],
        )


def check_drawable(estimator: Any, *attributes: str) -> None:
    """It is fitted, and of the kind that can be drawn."""
    check_is_fitted(estimator)
    missing = [name for name in attributes if not hasattr(estimator, name)]
    if missing and not isinstance(estimator, BaseNormalMixture):
        raise TypeError(
            f"this display draws fitted mixtures of emix; {type(estimator).__name__} has no "
            f"{missing[0]}"
        )


def last_step(estimator: Any) -> Any:
    """The estimator itself, or the last one of a pipeline."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def best_of(estimator: Any) -> Any:
    """Of a search the best estimator; others themselves."""
    return getattr(estimator, "best_estimator_", estimator)


def read(estimator: Any, X: ArrayLike, feature_names: Sequence[str] | None) -> Shown:
    """A fitted mixture, a search that chose one, or a pipeline that ends in either, and rows, in
    the mixture's features; their names where others are wanted than the estimator has."""
    estimator = best_of(estimator)
    mixture = best_of(last_step(estimator))
    check_drawable(mixture, "weights_", "means_", "covariances_", "covariance_type")
    if mixture is not estimator and len(estimator) > 1:
        X = estimator[:-1].transform(X)
    normals = _normals(mixture)
    resp = mixture.predict_proba(X)
    return Shown(
        normals,
        check_array(X, dtype=np.float64, ensure_all_finite="allow-nan"),
        mixture.predict(X),
        np.asarray(1.0 - resp.max(axis=1), dtype=float),
        _wanted_names(feature_names, _names(estimator, mixture, normals.means.shape[1])),
    )


def _normals(mixture: Any) -> Normals:
    """Of any structure; of scikit-learn's mixtures too."""
    if isinstance(mixture, BaseNormalMixture):
        return Normals.of(*mixture._fitted().parameters[:4])
    structure = STRUCTURES[mixture.covariance_type]
    return Normals.of(structure, mixture.weights_, mixture.means_, mixture.precisions_cholesky_)


def _names(estimator: Any, mixture: Any, d: int) -> list[str]:
    names = getattr(mixture, "feature_names_in_", None)
    if names is None and mixture is not estimator and len(estimator) > 1:
        try:
            names = estimator[:-1].get_feature_names_out()
        except (AttributeError, ValueError):  # a step that does not say
            names = None
    return [f"feature {j}" for j in range(d)] if names is None else [str(name) for name in names]


def _wanted_names(given: Sequence[str] | None, known: list[str]) -> list[str]:
    if given is None:
        return known
    names = list(given)
    if len(names) != len(known) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"feature_names must be {len(known)} strings, got {given!r}")
    return names


def chosen(
    shown: Shown,
    features: int | str | Sequence[int] | Sequence[str] | None,
    given: Mapping[int | str, float] | None,
    most: int,
) -> Shown:
    """Some features, by default the first ones that are not given, and a slice at given values."""
    d = len(shown.names)
    if given is None:
        default = range(min(d, most))
        return shown.of(feature_indices(default if features is None else features, d, shown.names))
    at, values = _given(shown, given)
    left = np.setdiff1d(np.arange(d), at)
    wanted = left[:most] if features is None else feature_indices(features, d, shown.names)
    both = np.intersect1d(wanted, at)
    if both.size or not wanted.size:
        name = shown.names[both[0]] if both.size else "every feature"
        raise ValueError(f"features: {name} is given; show another feature, or do not give it")
    return _slice(shown, at, values, wanted)


def _given(shown: Shown, given: Mapping[int | str, float]) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(given, Mapping) or not given:
        raise TypeError(f"given must be a mapping from features to values, got {given!r}")
    at = feature_indices(list(given), len(shown.names), shown.names)
    values = np.array(list(given.values()), dtype=float)
    if not np.isfinite(values).all():
        raise ValueError(f"given must have finite values, got {dict(given)!r}")
    return at, values


def _slice(shown: Shown, at: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> Shown:
    """The distribution of the features ``wanted`` where those ``at`` have these values."""
    normals = shown.normals
    found = conditional(normals, at, wanted, values[None])
    variances = total_moments(normals.weights, normals.means, normals.covariances)[1].diagonal()
    away = np.abs(shown.rows[:, at] - values) / np.sqrt(variances[at])
    near = (away <= _THICKNESS).all(axis=1)
    names = shown.names
    return Shown(
        Normals(found.log_weights[0], found.means[0], found.roots[0]),
        shown.rows[np.ix_(near, wanted)],
        shown.labels[near],
        shown.uncertainties[near],
        [names[j] for j in wanted],
        ", ".join(f"{names[j]} = {value:g}" for j, value in zip(at, values, strict=True)),
    )
