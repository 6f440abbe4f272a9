"""E-step rules: log_joint (K, m) -> responsibilities, and the sum of the rows' values.

A rule maximises <q, log_joint> + T H(q) over q, for every row (column of the block) and a
temperature T of its own. It writes *unnormalised* responsibilities into ``out`` and the
factors that normalise them into ``norm`` (m,), resp = out * norm, and returns the maxima
summed over the rows, with their weights (m,) if there are any; ``work`` (m,) is its to use, and
``log_joint`` to overwrite.

Leaving the product out * norm to the caller saves a pass over (K, m): it can be put on the
smaller factor of the matrix product that follows, together with the sample weights.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

# Logarithms are slow, so one logarithm is taken of the product of 8 rows' evidences.
_GROUP = 8
# Rows up to which that does not pay: the products cost more calls than they save.
_FEW = 4096
# Nats. exp(-46) is 1e-20: a component with this share of a row adds nothing to any sum of rows.
_NEGLIGIBLE = 46.0
# Scores (nats) that differ by less are tied: log-densities have rounding errors of up to 1e-9 that
# depend on where in a block a row stands.
TIED = 1e-9
# Columns from which maxima along the rows are faster than argmax (K = 2 to 100), columns of a
# tile that stays in the second cache, and components that a byte can count.
_MANY, _COLUMNS, _MOST_PLACES = 1000, 4096, 255
_TINY = float(np.finfo(float).tiny)


class Rule(Protocol):
    """How q follows from log_joint; see the top of this file.

    is_one_hot: q has one component a row, with norm 1. has_odds: q may be found from exponentials
    relative to one component (``soft_by_odds``). reach: how far, in nats, a component may lie below
    others at a row until its part is less than any rounding error. temperature is T above.
    """

    is_one_hot: bool
    has_odds: bool
    reach: float
    temperature: float

    def __call__(
        self,
        log_joint: np.ndarray,
        out: np.ndarray,
        work: np.ndarray,
        norm: np.ndarray,
        weight: np.ndarray | None,
    ) -> float: ...


class Soft:
    """q = p(z | x): value = log sum_k exp(log_joint_k), resp = exp(log_joint - value)."""

    is_one_hot, has_odds, reach, temperature = False, True, _NEGLIGIBLE, 1.0

    def __call__(self, log_joint, out, work, norm, weight) -> float:
        top = _exponentials(log_joint, out, work, norm)
        if weight is None:
            return _sum_of_logs(work) + (0.0 if top is None else float(top.sum()))
        np.log(work, out=work)
        if top is not None:
            work += top
        return float(work @ weight)


soft = Soft()


def log_evidence(log_joint, out, work, norm) -> np.ndarray:
    """The soft rule's values row by row, log p(x), (m,)."""
    top = _exponentials(log_joint, out, work, norm)
    np.log(work, out=work)
    if top is not None:
        work += top
    return work


def soft_by_odds(odds, total, weight) -> float:
    """The soft rule relative to one component, from the exponentials (K - 1, m) of the others: what
    normalises them, and the values summed over the rows."""
    np.add.reduce(odds, axis=0, out=total, initial=1.0)
    if weight is None:
        return _sum_of_logs(total)
    return float(np.log(total) @ weight)


def _exponentials(log_joint, out, total, norm):
    """out = exp(log_joint - top), total its sum over components, norm = 1 / total.

    top is the row's maximum, or None for zero: as long as the sum is a normal number, what
    underflowed in it is below its last bit.
    """
    np.exp(log_joint, out=out)
    np.add.reduce(out, axis=0, out=total)
    np.reciprocal(total, out=norm)
    if _all_normal(total, norm):
        return None
    top = log_joint.max(axis=0)
    np.subtract(log_joint, top, out=out)
    np.exp(out, out=out)
    np.add.reduce(out, axis=0, out=total)
    np.reciprocal(total, out=norm)
    return top


def _all_normal(number: np.ndarray, reciprocal: np.ndarray) -> bool:
    """x * (1 / x) is finite for exactly those x; one scalar product checks them all."""
    return math.isfinite(number @ reciprocal)


def _sum_of_logs(number: np.ndarray) -> float:
    """sum_i log x_i, by the logarithms of products of _GROUP of them where these are normal
    numbers."""
    if len(number) <= _FEW:
        return float(np.log(number).sum())
    size = len(number) // _GROUP * _GROUP
    product = np.multiply.reduce(number[:size].reshape(_GROUP, -1), axis=0)
    if not product.min(initial=1.0) >= _TINY:
        return float(np.log(number).sum())
    total = np.log(product, out=product).sum()
    if size < len(number):
        total += np.log(number[size:]).sum()
    return float(total) if total < math.inf else float(np.log(number).sum())


class Tempered:
    """T > 0: value = T log sum_k exp(log_joint_k / T), resp = exp((log_joint - value) / T)."""

    is_one_hot, has_odds = False, False

    def __init__(self, temperature: float):
        self.temperature, self.reach = temperature, _NEGLIGIBLE * temperature

    def __call__(self, log_joint, out, work, norm, weight) -> float:
        log_joint *= 1.0 / self.temperature
        return self.temperature * soft(log_joint, out, work, norm, weight)


class Hard:
    """T = 0, q one-hot: value = max_k log_joint_k, resp = 1 at the first maximiser, else 0."""

    is_one_hot, has_odds, reach, temperature = True, False, _NEGLIGIBLE, 0.0

    def __call__(self, log_joint, out, work, norm, weight) -> float:
        top = np.maximum.reduce(log_joint, axis=0, out=work)
        out[...] = _highest(log_joint, top)
        norm.fill(1.0)
        return float(top.sum() if weight is None else top @ weight)


hard = Hard()


def labels_of(scores: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Index of the first row that is tied with the maximum of its column (K, m), into out (m,).

    Maxima go along the rows, which argmax over the first axis does not: it takes four times as
    long.
    """
    n_components, m = scores.shape
    if m < _MANY or n_components > _MOST_PLACES:
        return (scores >= scores.max(axis=0) - TIED).argmax(axis=0, out=out)
    places = np.arange(n_components, 0, -1, dtype=np.uint8)[:, None]
    for start in range(0, m, _COLUMNS):
        part = scores[:, start : start + _COLUMNS]
        highest = part >= np.maximum.reduce(part, axis=0) - TIED
        first = np.maximum.reduce(highest * places, axis=0)
        np.subtract(n_components, first, out=out[start : start + _COLUMNS], dtype=np.int64)
    return out


def one_hot(scores: np.ndarray) -> np.ndarray:
    """1 at the first maximum of every column, else 0; (K, m) floats."""
    return _highest(scores, np.maximum.reduce(scores, axis=0)).astype(float)


def _highest(scores: np.ndarray, top: np.ndarray) -> np.ndarray:
    highest = scores >= top - TIED
    if np.count_nonzero(highest) > top.size:
        _keep_first(highest)
    return highest


def _keep_first(highest: np.ndarray) -> None:
    """Of several maximisers in a column (K, m) the first."""
    tied = np.flatnonzero(np.count_nonzero(highest, axis=0) > 1)
    first = highest[:, tied].argmax(axis=0)
    highest[:, tied] = False
    highest[first, tied] = True


def at_temperature(temperature: float) -> Rule:
    """The rule of this temperature."""
    if temperature == 0.0:
        return hard
    return soft if temperature == 1.0 else Tempered(temperature)
