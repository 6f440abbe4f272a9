"""Two normals in one dimension: the mixture with its gradient and its curvature.

The same distribution as that of a ``Mixture``, in sums about the components' means, which do not
cancel. One pass also gives the observed information, which Newton's method and standard errors
need.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import NamedTuple

import numpy as np

from .._mixture.sums import Moments
from .._normal.covariances import Structure
from .._normal.gaussian import LOG_2PI, Params
from .._rows.blocks import Rows
from .sums import BLOCK_ROWS, Arrays, PairSums

_DEAD = 1e-300
_ROUNDING = 16 * 2.0**-53
# (1, u_1, u_2, u_1² - 1, u_2² - 1) from b.
_CENTRED = np.eye(5)
_CENTRED[3:, 0] = -1.0
# One variance in place of two, as derivatives.
_SHARED = np.concatenate([np.eye(4), np.eye(4)[3:]])


class Sums(NamedTuple):
    """Per unit of weight: value F; sums of resp * (1, y, y²), y = x - origin; and overlap, the
    sum of resp_1 resp_2 b bᵀ, b = (1, u_1, u_2, u_1², u_2²), u = y / deviation."""

    value: float
    count: list[float]  # type: ignore[assignment]  # tuples have a method of this name
    first: list[float]
    second: list[float]
    origin: list[float]
    overlap: np.ndarray

    @property
    def evidence(self) -> float:
        return self.value

    def swapped(self) -> Sums:
        """Those of the components in the other order."""
        order = [0, 2, 1, 4, 3]
        count, first, second, origin = (part[::-1] for part in self[1:5])
        return Sums(self.value, count, first, second, origin, self.overlap[order][:, order])


def pair(array: np.ndarray) -> list[float]:
    """Two numbers, also of a shared one."""
    values = array.ravel().tolist()
    return values if len(values) == 2 else values * 2


class Numbers(NamedTuple):
    """Parameters as pairs of plain numbers."""

    weights: list[float]
    means: list[float]
    variances: list[float]
    factors: list[float]


class Known(Params):
    """Parameters together with their numbers: reading these from arrays takes longer than
    what is computed from them."""

    numbers: Numbers | None = None


def numbers_of(params: Params) -> Numbers:
    return getattr(params, "numbers", None) or Numbers(*map(pair, params[:4]))


class Believed(NamedTuple):
    """Of components: a variance at the floor is an answer here, and whether it is wanted is judged
    later."""

    n_null: int = 0  # a constant column is a spike like any other

    def is_degenerate(self, params: Params) -> bool:
        return False

    def spurious_heights(self, params: Params) -> np.ndarray:
        """What criteria of selection take off the log-densities of components: nothing."""
        return np.zeros(2)


class TwoNormals:
    """Two components, one feature, structures DIAG and TIED_DIAG, no noise; variances are not
    below the floor (Hathaway 1985), a constraint under which the M-step is exact."""

    is_combinatorial = False

    def __init__(self, structure: Structure, rows: Rows, floor: float):
        self.structure, self.rows, self.floor = structure, rows, floor
        self.equal_variance = not structure.sharing.separable
        self.soundness = Believed()

    @cached_property
    def mean_and_variance(self) -> tuple[float, float]:
        """Those of all rows. The origin is in the middle of the rows: nothing cancels."""
        moments = self.rows.mean(Moments(self.structure.form, self.rows.d))
        square, mean, _ = (moments / moments[-1]).tolist()
        return mean, max(square - mean * mean, self.floor)

    @cached_property
    def one_normal(self) -> float:
        """Log-likelihood per row of one normal."""
        return -0.5 * (LOG_2PI + 1.0 + math.log(self.mean_and_variance[1]))

    def e_step(self, params: Params) -> Sums:
        rows, (weights, means, _, factors) = self.rows, numbers_of(params)
        const = [[math.log(max(weights[k], _DEAD) * factors[k]) - 0.5 * LOG_2PI] for k in (0, 1)]
        job = PairSums(params.means, params.factors.reshape(-1, 1), np.array(const))
        if rows.n <= BLOCK_ROWS:
            total = job.over(self._whole, self._weight)
            total /= rows.own_weight
        else:
            total = rows.mean(job).reshape(8, 5)
        one, two = total[:2].tolist()
        return Sums(
            float(total[7, 0]),
            [one[0], two[0]],
            [one[1] / factors[0], two[2] / factors[1]],
            [one[3] / factors[0] ** 2, two[4] / factors[1] ** 2],
            means,
            total[2:7],
        )

    def sweep(self, params: Params) -> tuple[Params, Sums]:
        return params, self.e_step(params)

    @cached_property
    def _whole(self) -> Arrays:
        """All rows, if they are few."""
        arrays = PairSums.room(self.rows.n)
        self.rows.read(0, self.rows.n, arrays.z)
        return arrays

    @cached_property
    def _weight(self) -> np.ndarray | None:
        """That of all rows, if they are few."""
        return self.rows.weights(0, self.rows.n)

    def m_step(self, sums: Sums, params: Params) -> Params:
        count, second = sums.count, sums.second
        if min(count) <= _DEAD:
            return params
        shift = [sums.first[0] / count[0], sums.first[1] / count[1]]
        scatter = [second[0] - count[0] * shift[0] ** 2, second[1] - count[1] * shift[1] ** 2]
        total = count[0] + count[1]
        if self.equal_variance:
            variances = [(scatter[0] + scatter[1]) / total] * 2
        else:
            variances = [scatter[0] / count[0], scatter[1] / count[1]]
        means = [sums.origin[0] + shift[0], sums.origin[1] + shift[1]]
        return self.params([count[0] / total, count[1] / total], means, variances)

    def params(self, weights: list, means: list, variances: list) -> Params:
        """Parameters from two weights, means and variances; the first if they share it."""
        floor = self.floor
        floored = [int(variance <= floor) for variance in variances]
        variances = [max(variance, floor) for variance in variances]
        factors = [1.0 / math.sqrt(variance) for variance in variances]
        packed = np.array([*weights, *means, *variances, *factors])
        if self.equal_variance:
            own = packed[4:5], packed[6:7], np.array(floored[0])
        else:
            own = packed[4:6, None], packed[6:, None], np.array(floored)
        params = Known(packed[:2], packed[2:4, None], *own)
        params.numbers = Numbers(weights, means, variances, factors)
        return params

    def expected(self, sums: Sums, params: Params) -> float:
        return sum(_terms(sums, params))

    def rounding(self, sums: Sums, params: Params) -> float:
        return _ROUNDING * sum(map(abs, _terms(sums, params)))

    def log_prior(self, params: Params) -> float:
        return 0.0

    def repair(self, sums: Sums, params: Params) -> None:
        """No row is given away for good: nothing is ever broken."""

    def gradient(self, sums: Sums, params: Params) -> np.ndarray:
        """Of F in (logit of the second weight, means, log deviations), per unit of weight; by
        Fisher's identity that of ``expected``."""
        weights, _, _, factors = numbers_of(params)
        one, two = factors[0] ** 2, factors[1] ** 2
        parts = [
            sums.count[1] - weights[1],
            one * sums.first[0],
            two * sums.first[1],
            one * sums.second[0] - sums.count[0],
            two * sums.second[1] - sums.count[1],
        ]
        return self._shared(np.array(parts))

    def information(self, sums: Sums, params: Params) -> np.ndarray:
        """Minus the Hessian of F, in the same parameters; exact at any of them.

        Information of labelled rows less that of the labels given the rows (Louis 1982): the
        latter is the variance of s_z, s_k the gradient of log pi_k N(x | k), which for two
        components is the mean of resp_1 resp_2 (s_2 - s_1)(s_2 - s_1)ᵀ.
        """
        weights, _, _, factors = numbers_of(params)
        # s_2 - s_1 is this times (1, u_1, u_2, u_1² - 1, u_2² - 1)
        gap = np.array([1.0, -factors[0], factors[1], -1.0, 1.0])
        information = _CENTRED @ sums.overlap @ _CENTRED.T
        information *= gap
        information *= -gap[:, None]
        information[0, 0] += weights[0] * weights[1]
        for k in (0, 1):
            precision = factors[k] ** 2
            information[1 + k, 1 + k] += precision * sums.count[k]
            information[3 + k, 3 + k] += 2.0 * precision * sums.second[k]
            cross = 2.0 * precision * sums.first[k]
            information[1 + k, 3 + k] += cross
            information[3 + k, 1 + k] += cross
        return self._shared(self._shared(information).T)

    def _shared(self, derivatives: np.ndarray) -> np.ndarray:
        """By one log deviation instead of two, along the first axis, if they are one."""
        return _SHARED.T @ derivatives if self.equal_variance else derivatives


def _terms(sums: Sums, params: Params) -> tuple[float, ...]:
    """What ``expected`` adds up: sum of resp log pi_k N(x | k) = count const - E(y - a)² / 2."""
    numbers = numbers_of(params)
    return *_terms_of(0, sums, numbers), *_terms_of(1, sums, numbers)


def _terms_of(k: int, sums: Sums, numbers: Numbers) -> tuple[float, ...]:
    count, factor = sums.count[k], numbers.factors[k]
    move, half = numbers.means[k] - sums.origin[k], -0.5 * factor * factor
    return (
        count * (math.log(max(numbers.weights[k], _DEAD) * factor) - 0.5 * LOG_2PI),
        half * sums.second[k],
        -2.0 * half * sums.first[k] * move,
        half * count * move * move,
    )
