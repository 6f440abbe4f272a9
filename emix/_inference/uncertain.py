"""Estimates of a mixture of normals with what is known of their errors: arrays and a table."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, logit, ndtri
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from .._gaussian.gaussian_mixture import GaussianMixture
from .._input.validation import check_probability, check_sample_weight

NAMES = ("weights", "means", "covariances", "correlations")


class Entry(NamedTuple):
    """One line of a table: where its value is, and whose it is. The component is -1 where all
    share it."""

    name: str
    at: tuple[int, ...]
    component: int
    feature: str
    other_feature: str


class Layout(NamedTuple):
    """What a covariance structure's arrays hold."""

    n_components: int
    features: tuple[str, ...]
    is_common: bool  # all components share a covariance
    n_axes: int  # axes of one covariance: 2 of a matrix, 1 of variances, 0 of one variance

    @property
    def entries(self) -> Iterator[Entry]:
        """In the order in which a table lists them; of symmetric matrices the upper triangle."""
        for k in range(self.n_components):
            yield Entry("weights", (k,), k, "", "")
        for k in range(self.n_components):
            for j, feature in enumerate(self.features):
                yield Entry("means", (k, j), k, feature, "")
        for k in range(1 if self.is_common else self.n_components):
            yield from self._of_covariance(k)
        if self.n_axes == 2:
            for k in range(1 if self.is_common else self.n_components):
                yield from (
                    entry._replace(name="correlations")
                    for entry in self._of_covariance(k)
                    if entry.at[-1] != entry.at[-2]
                )

    def _of_covariance(self, k: int) -> Iterator[Entry]:
        component, at = (-1, ()) if self.is_common else (k, (k,))
        if self.n_axes == 0:
            yield Entry("covariances", at, component, "", "")
            return
        for i, feature in enumerate(self.features):
            for j in range(i, len(self.features) if self.n_axes == 2 else i + 1):
                other = self.features[j]
                place = (i, j) if self.n_axes == 2 else (i,)
                yield Entry("covariances", (*at, *place), component, feature, other)


def correlations_of(covariances: np.ndarray) -> np.ndarray:
    """Of matrices (..., d, d)."""
    deviations = np.sqrt(np.diagonal(covariances, axis1=-2, axis2=-1))
    found = covariances / deviations[..., :, None] / deviations[..., None, :]
    diagonal = np.arange(covariances.shape[-1])
    found[..., diagonal, diagonal] = 1.0
    return found


def with_correlations(layout: Layout, found: dict[str, np.ndarray]) -> Bunch:
    """Estimates with the correlations that they have."""
    if layout.n_axes == 2:
        found = {**found, "correlations": correlations_of(found["covariances"])}
    return Bunch(**found)


class Mixture(NamedTuple):
    """A fitted mixture, and rows of positive weight."""

    estimator: GaussianMixture
    X: np.ndarray
    weight: np.ndarray | None
    estimates: Bunch
    layout: Layout


def read(estimator: Any, X: Any, sample_weight: Any) -> Mixture:
    """What users give, checked."""
    check_mixture(estimator)
    check_is_fitted(estimator)
    X, weight = with_weight(estimator._validated(X), sample_weight)
    return Mixture(estimator, X, weight, *described(estimator))


def check_mixture(estimator: Any) -> None:
    if not isinstance(estimator, GaussianMixture):
        raise TypeError(
            f"estimator must be a GaussianMixture, got {type(estimator).__name__}. Of a search "
            "pass its best_estimator_. PoissonMixture and CategoricalMixture have a method "
            "standard_errors, TwoNormalMixture has standard_errors_ and bootstrap_test"
        )


def with_weight(X: np.ndarray, sample_weight: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Rows of positive weight, and their weights."""
    weight = check_sample_weight(sample_weight, len(X))
    if weight is not None and not weight.all():
        X, weight = X[weight > 0.0], weight[weight > 0.0]
    return X, weight


def described(estimator: GaussianMixture) -> tuple[Bunch, Layout]:
    """Estimates of a fitted mixture, and what their arrays hold."""
    found = {
        name: np.array(getattr(estimator, f"{name}_"), dtype=np.float64)
        for name in ("weights", "means", "covariances")
    }
    n_components, d = found["means"].shape
    structure = estimator._fitted().parameters.structure
    names = getattr(estimator, "feature_names_in_", range(d))
    n_axes = len(structure.form.shape(d))
    is_common = not structure.sharing.separable
    layout = Layout(n_components, tuple(map(str, names)), is_common, n_axes)
    return with_correlations(layout, found), layout


class Uncertain(ABC):
    """Estimates and their standard errors, which intervals come with."""

    estimates: Bunch
    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    correlations: np.ndarray | None
    _layout: Layout

    @abstractmethod
    def confidence_intervals(self, level: float = 0.95) -> Bunch:
        """Lower and upper ends in a last axis of length 2."""

    def table(self, level: float = 0.95) -> np.ndarray:
        """All estimates, one line each.

        Parameters
        ----------
        level : float, default=0.95
            Probability with which an interval covers the parameter.

        Returns
        -------
        table : structured ndarray of shape (n_lines,)
            With the columns ``parameter`` ('weight', 'mean', 'covariance' or 'correlation'),
            ``component`` (-1 where all share it), ``feature``, ``other_feature``, ``estimate``,
            ``standard_error``, ``lower`` and ``upper``; ``pandas.DataFrame(table)`` makes a
            frame of it.

        Raises
        ------
        ValueError, TypeError
            If level is not a number between 0 and 1.
        """
        intervals = self.confidence_intervals(level)
        return table_of(self._layout, self.estimates, self._errors(), intervals)

    def _errors(self) -> Bunch:
        return Bunch(**{name: getattr(self, name) for name in NAMES})

    def __repr__(self) -> str:
        return printed(self.table())


def wald_intervals(
    layout: Layout, estimates: Bunch, errors: Bunch, joint: np.ndarray, level: float
) -> Bunch:
    """Symmetric on each parameter's scale: logits of weights, logarithms of variances, Fisher's
    z of correlations; covariances on those of their variances and their correlation. joint is the
    covariance of the estimates in the order of the layout's entries."""
    half = ndtri(0.5 + 0.5 * check_probability("level", level))
    ends = half * np.array([-1.0, 1.0])
    with np.errstate(divide="ignore", invalid="ignore"):
        found = {
            "weights": _on(estimates.weights, errors.weights, ends, _LOGIT),
            "means": _on(estimates.means, errors.means, ends, _PLAIN),
            "covariances": _on(np.abs(estimates.covariances), errors.covariances, ends, _LOG),
        }
        if layout.n_axes == 2:
            found["correlations"] = _on(estimates.correlations, errors.correlations, ends, _FISHER)
    if layout.n_axes == 2:
        entries = {(entry.name, entry.at): i for i, entry in enumerate(layout.entries)}
        for (name, at), place in entries.items():
            if name == "covariances" and at[-2] != at[-1]:
                first, second = ((*at[:-2], i, i) for i in at[-2:])
                places = [entries[name, first], place, entries[name, second]]
                v, c, w = (estimates.covariances[each] for each in (first, at, second))
                interval = _of_covariance(v, c, w, joint[np.ix_(places, places)], ends)
                for each in (at, (*at[:-2], *at[:-3:-1])):
                    found["covariances"][each] = interval
    return Bunch(**found)


def _of_covariance(v: float, c: float, w: float, joint: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Of a covariance c of features with variances v and w, of which joint (3, 3) is the
    covariance in the order v, c, w.

    On the scales t = (log v, log w, artanh r), on which c = sqrt(v w) r has the slope g, the ends
    are c at t + z W g / sqrt(g W g), W the covariance of t: along the line on which c changes most
    for what is known of t. So they go with the size of the variances, and no interval leaves what
    a correlation can be.
    """
    size = math.sqrt(v) * math.sqrt(w)
    r = c / size
    free = (1.0 - r) * (1.0 + r)
    slopes = np.diag([1.0 / v, 1.0 / size / free, 1.0 / w])
    slopes[1, [0, 2]] = -0.5 * r / free / np.array([v, w])
    t, covariance = np.array([0.0, math.atanh(r), 0.0]), slopes @ joint @ slopes.T
    g = np.array([0.5 * c, size * free, 0.5 * c])
    error = math.sqrt(max(g @ covariance @ g, 0.0))
    if error == 0.0:
        return np.array([c, c])
    moved = t[:, None] + np.outer(covariance @ g / error, ends)
    return size * np.exp(0.5 * (moved[0] + moved[2])) * np.tanh(moved[1])


class _Scale(NamedTuple):
    """A function, its slope and its inverse."""

    of: Any
    slope: Any
    back: Any


_PLAIN = _Scale(lambda x: x, np.ones_like, lambda x: x)
_LOG = _Scale(np.log, lambda x: 1.0 / x, np.exp)
_LOGIT = _Scale(logit, lambda x: 1.0 / (x * (1.0 - x)), expit)
_FISHER = _Scale(np.arctanh, lambda x: 1.0 / (1.0 - x * x), np.tanh)


def _on(value: np.ndarray, error: np.ndarray, ends: np.ndarray, scale: _Scale) -> np.ndarray:
    """Intervals (..., 2); what is known has an interval of length zero."""
    moved = scale.of(value)[..., None] + (scale.slope(value) * error)[..., None] * ends
    return np.where(error[..., None] == 0.0, value[..., None], scale.back(moved))


def percentiles(values: np.ndarray, level: float) -> np.ndarray:
    """Intervals (..., 2) of values (B, ...)."""
    tail = 0.5 - 0.5 * check_probability("level", level)
    return np.moveaxis(np.quantile(values, [tail, 1.0 - tail], axis=0), 0, -1)


_SINGULAR = {
    "weights": "weight",
    "means": "mean",
    "covariances": "covariance",
    "correlations": "correlation",
}


def table_of(layout: Layout, estimates: Bunch, errors: Bunch, intervals: Bunch) -> np.ndarray:
    """One line per parameter."""
    width = max([1, *map(len, layout.features)])
    kind = np.dtype(
        [
            ("parameter", "U11"),
            ("component", "i8"),
            ("feature", f"U{width}"),
            ("other_feature", f"U{width}"),
            ("estimate", "f8"),
            ("standard_error", "f8"),
            ("lower", "f8"),
            ("upper", "f8"),
        ]
    )
    return np.array(
        [
            (
                _SINGULAR[name],
                component,
                feature,
                other,
                estimates[name][at],
                errors[name][at],
                *intervals[name][at],
            )
            for name, at, component, feature, other in layout.entries
        ],
        dtype=kind,
    )


def printed(table: np.ndarray) -> str:
    """The table in columns of equal width: errors with two digits, and what they leave of the
    other numbers."""
    lines = [list(table.dtype.names or ())]
    for *names, estimate, error, lower, upper in table.tolist():
        values = [_rounded(value, error) for value in (estimate, lower, upper)]
        lines.append([*map(str, names), values[0], f"{error:.2g}", *values[1:]])
    return columns(lines)


def columns(lines: list[list[str]]) -> str:
    """Of equal width."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.rjust, line, widths)) for line in lines)


def _rounded(value: float, error: float) -> str:
    """The digits that an error leaves."""
    if not (value and error):
        return f"{value:.6g}"
    digits = 2 + math.floor(math.log10(abs(value))) - math.floor(math.log10(error))
    return f"{value:.{min(max(digits, 1), 15)}g}"
