"""Estimates of a mixture of normals with what is known of their errors: arrays and a table."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, logit, ndtri
from sklearn.utils import Bunch

from ._validation import check_probability

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


def wald_intervals(layout: Layout, estimates: Bunch, errors: Bunch, level: float) -> Bunch:
    """Symmetric on each parameter's scale: logits of weights, logarithms of variances, Fisher's
    z of correlations; means and covariances as they are."""
    half = ndtri(0.5 + 0.5 * check_probability("level", level))
    ends = half * np.array([-1.0, 1.0])
    variances = estimates.covariances > 0.0
    if layout.n_axes == 2:
        variances = np.broadcast_to(np.eye(len(layout.features), dtype=bool), variances.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = {
            "weights": _on(estimates.weights, errors.weights, ends, _LOGIT),
            "means": _on(estimates.means, errors.means, ends, _PLAIN),
            "covariances": np.where(
                variances[..., None],
                _on(np.abs(estimates.covariances), errors.covariances, ends, _LOG),
                _on(estimates.covariances, errors.covariances, ends, _PLAIN),
            ),
        }
        if layout.n_axes == 2:
            found["correlations"] = _on(estimates.correlations, errors.correlations, ends, _FISHER)
    return Bunch(**found)


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
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.rjust, line, widths)) for line in lines)


def _rounded(value: float, error: float) -> str:
    """The digits that an error leaves."""
    if not (value and error):
        return f"{value:.6g}"
    digits = 2 + math.floor(math.log10(abs(value))) - math.floor(math.log10(error))
    return f"{value:.{min(max(digits, 1), 15)}g}"
