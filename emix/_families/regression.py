"""Linear regressions with normal errors: y = x·b_k + a_k + e, e of variance s_k.

Rows are (x, y), and the density is that of y given x. Statistics are the second moments of (x, y),
as of normal components; log_joint is found from residuals, which cancel less than these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .._normal.dense import Dense
from .._normal.family import DEAD
from .._normal.floor import SHARE
from .._normal.gaussian import LOG_2PI, log_of_weights
from .._rows.blocks import Rows
from .._rows.room import Buffers
from .._rows.sample import DistinctRows
from .._rows.tiles import times
from .coordinates import OfLines
from .linear import LinearKernel
from .sorting import weights_of

_FORM = Dense()
# Least variance of errors where y is a linear function of x, in units of the variance of y.
_EXACT = 1e-12
# Directions of x with less than this part of the largest variance have no coefficient of their own.
_COLLINEAR = 1e-12
# Passes of least squares and nearest lines that make a partition to start from.
_PASSES = 8
# A line is thin if its variance is below 100 times the least one. A thin line is believed only if
# it has 10 times the rows that a line needs: fewer may lie on a line by accident.
_THIN, _MANY = 100.0, 10.0
# Rows of the sample that the variance about one regression is measured on.
_SAMPLE = 16384


class Lines(NamedTuple):
    """weights (K,), coefficients (K, q), intercepts (K,) and variances of the errors (K,)."""

    weights: np.ndarray
    coefficients: np.ndarray
    intercepts: np.ndarray
    variances: np.ndarray


@dataclass(frozen=True)
class Products:
    """Packed products of z = (x, y) (d, m), then z and one."""

    d: int

    @property
    def width(self) -> int:
        return _FORM.n_products(self.d) + self.d + 1

    n_features = width

    @property
    def n_products(self) -> int:
        return _FORM.n_products(self.d)

    def features(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        features = np.empty((self.width, m))
        features[-1] = 1.0
        return features, features[self.n_products : -1]

    def fill(self, buffers: Buffers) -> None:
        _FORM.fill_products(buffers.z, buffers.features[: self.n_products])

    def common(self, z: np.ndarray) -> float:
        return 0.0


class ResidualKernel(LinearKernel):
    """log_joint = const - (scaled residual)² / 2."""

    def __init__(self, encoding: Products, coefficients: np.ndarray, params: Lines):
        super().__init__(encoding, coefficients, 0.0)
        self._from = encoding.n_products
        root = np.sqrt(params.variances)[:, None]
        contrast = (-params.coefficients, np.ones_like(root), -params.intercepts[:, None])
        self._contrast = np.concatenate(contrast, axis=1) / root
        self._const = log_of_weights(params.weights) - 0.5 * (LOG_2PI + np.log(params.variances))

    def log_joint(self, buffers: Buffers) -> np.ndarray:
        out = times(self._contrast, buffers.features[self._from :], out=buffers.log_joint)
        np.multiply(out, out, out=out)
        out *= -0.5
        out += self._const[:, None]
        return out


class Regressions:
    """The components, of q features; least is the least variance of errors."""

    def __init__(self, q: int, has_intercept: bool = True, least: float = 0.0, n_rows: int = 0):
        self.encoding, self._q, self._has_intercept = Products(q + 1), q, has_intercept
        self._least, self._n_rows = least, n_rows

    @classmethod
    def over(cls, rows: Rows, has_intercept: bool) -> Regressions:
        """For a climb over rows in units in which y has about unit variance. The least variance is
        a share of that about one regression for all."""
        free = cls(rows.d - 1, has_intercept)
        sample, _ = DistinctRows(rows).sample(_SAMPLE)
        about = _fit(*_design(_read(sample), has_intercept), weights_of(sample))[1]
        return cls(free._q, has_intercept, max(SHARE * about, _EXACT), DistinctRows(rows).count)

    def coefficients(self, params: Lines) -> np.ndarray:
        """With c = (-b, 1): log_joint = -(c·z - a)² / (2 s) + const."""
        contrast = np.column_stack([-params.coefficients, np.ones(len(params.weights))])
        by = contrast / params.variances[:, None]
        precision = by[:, :, None] * contrast[:, None]
        squares = params.intercepts**2 / params.variances
        const = log_of_weights(params.weights)
        const = const - 0.5 * (LOG_2PI + np.log(params.variances) + squares)
        lin = params.intercepts[:, None] * by
        return np.column_stack([_FORM.coefficients(precision), lin, const])

    def kernel(self, params: Lines, base: float) -> ResidualKernel:
        return ResidualKernel(self.encoding, self.coefficients(params), params)

    def estimate(self, sums: np.ndarray, params: Lines) -> Lines:
        """Weighted least squares: b = Cov(x)⁻¹ Cov(x, y), a the mean residual, s its mean
        square."""
        found = [self._of(row, *params_k) for row, *params_k in zip(sums, *params[1:], strict=True)]
        return Lines(params.weights, *(np.array(part) for part in zip(*found, strict=True)))

    def _of(self, sums, coefficients, intercept, variance):
        weight, d, split = sums[-1], self._q + 1, self.encoding.n_products
        if not weight > DEAD:
            return coefficients, intercept, variance
        second = _FORM.unpack(sums[:split], d) / weight
        mean = sums[split:-1] / weight if self._has_intercept else np.zeros(d)
        spread = second - np.outer(mean, mean)
        slopes = np.linalg.lstsq(spread[:-1, :-1], spread[:-1, -1], rcond=_COLLINEAR)[0]
        contrast = np.append(-slopes, 1.0)
        left = max(float(contrast @ spread @ contrast), self._least)
        return slopes, float(contrast @ mean), left

    def is_feasible(self, sums: np.ndarray) -> bool:
        """Whether mean squares of residuals would be positive, and those of x."""
        second = _FORM.unpack(sums[:, : self.encoding.n_products], self._q + 1)
        return bool(sums[:, -1].min() > 0.0 and np.linalg.eigvalsh(second).min() > 0.0)

    def singular(self, params: Lines) -> np.ndarray:
        """None where y is a linear function of x in all rows."""
        if self._least <= _EXACT:
            return np.zeros(0, dtype=int)
        return np.flatnonzero(params.variances <= self._least)

    def n_unsound(self, params: Lines) -> int:
        rows, needed = params.weights * self._n_rows, self._q + 2
        thin = (params.variances < _THIN * self._least) & (self._least > _EXACT)
        few = (rows < needed) | (thin & (rows < _MANY * needed))
        return int(np.count_nonzero(few | (thin & (params.variances <= self._least))))

    def n_free(self, params: Lines) -> int:
        return len(params.weights) * (self._q + int(self._has_intercept) + 1)

    def coordinates(self, params: Lines, weights_are_known: bool) -> OfLines:
        return OfLines(params, self._has_intercept, weights_are_known)

    def equal(self, n_components: int, rows: Rows) -> Lines:
        shape, ones = (n_components, self._q), np.ones(n_components)
        return Lines(ones / n_components, np.zeros(shape), np.zeros(n_components), ones)

    def labels(self, rows: Rows, n_components: int, rng: np.random.RandomState) -> np.ndarray:
        """The nearest of lines through a few rows each, and of those that are fitted to them."""
        design, y = _design(_read(rows), self._has_intercept)
        weight = weights_of(rows)
        mass = np.cumsum(weight)
        drawn = np.searchsorted(mass, rng.uniform(size=(n_components, self._q + 1)) * mass[-1])
        lines = [_fit(design[index], y[index], np.ones(len(index)))[0] for index in drawn]
        labels = _nearest(design, y, lines)
        for _ in range(_PASSES):
            for k in range(n_components):
                own = labels == k
                if np.count_nonzero(own) > self._q + 1:
                    lines[k] = _fit(design[own], y[own], weight[own])[0]
            labels = _nearest(design, y, lines)
        return labels

    def sample(self, params: Lines, labels: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        """Errors (m, 1); the regression comes on top of them."""
        return np.sqrt(params.variances[labels])[:, None] * rng.standard_normal((len(labels), 1))


def _read(rows: Rows) -> np.ndarray:
    z = np.empty((rows.d, rows.n))
    rows.read(0, rows.n, z)
    return z


def _design(z: np.ndarray, has_intercept: bool) -> tuple[np.ndarray, np.ndarray]:
    """(n, q) or (n, q + 1), and y (n,), of z (q + 1, n)."""
    x = z[:-1].T
    return (np.column_stack([x, np.ones(len(x))]) if has_intercept else x), z[-1]


def _fit(design: np.ndarray, y: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, float]:
    """Least squares, and the mean square of the residuals."""
    root = np.sqrt(weight)
    line = np.linalg.lstsq(design * root[:, None], y * root, rcond=_COLLINEAR)[0]
    left = y - design @ line
    return line, float((left * left) @ weight / weight.sum())


def _nearest(design: np.ndarray, y: np.ndarray, lines: list[np.ndarray]) -> np.ndarray:
    return np.abs(y - np.array(lines) @ design.T).argmin(axis=0)
