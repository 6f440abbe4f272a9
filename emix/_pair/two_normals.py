"""Two normals in one dimension: the mixture with its gradient and its curvature.

The same model as ``Mixture``, in sums about the components' means, which do not cancel. One
sweep also gives the observed information, from which Newton's method proposes points.
"""

from __future__ import annotations

import math
import threading
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.linalg.lapack import dposv

from .._em.ascent import Ascent
from .._em.quasi_newton import Plain
from .._mixture.mixture import Mixture
from .._normal.covariances import Structure
from .._normal.gaussian import LOG_2PI, Params
from .._rows.blocks import Rows
from .._rows.grid import TILE

_DEAD = 1e-300
# Newton's method leaves components with less than this share alone.
_DYING = 1e-10
_ROUNDING = 16 * 2.0**-53
# Rows of a block, so that its working arrays stay in the cache of a core.
_BLOCK_ROWS = 32 * TILE
# Newton's method may move a mean by so many standard deviations, or change the logarithm of a
# deviation or the log-odds of the weight by as much.
_LONGEST = 1.0
# Least curvature, of one in labelled rows, that is believed.
_FLATTEST = 1e-6
# Promises below this are believed: rounding hides whether they are kept.
_SURE = 1e-12
# Log-odds whose exponential is a finite number.
_LARGEST = 700.0
# (1, u_1, u_2, u_1² - 1, u_2² - 1) from b.
_CENTRED = np.eye(5)
_CENTRED[3:, 0] = -1.0
# One variance in place of two, as derivatives.
_SHARED = np.concatenate([np.eye(4), np.eye(4)[3:]])


class Sums(NamedTuple):
    """Per unit of weight: value F; sums of resp * (1, y, y²), y = x - origin; and overlap, the
    sum of resp_1 resp_2 b bᵀ, b = (1, u_1, u_2, u_1², u_2²), u = y / deviation."""

    value: float
    count: list[float]
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
        parts = (part[::-1] for part in self[1:5])
        return Sums(self.value, *parts, self.overlap[order][:, order])


class Newton(NamedTuple):
    """A proposal, the gain that the quadratic approximation promises there and at its own
    maximum, and its least curvature."""

    params: Params
    promise: float
    decrement: float
    curvature: float


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


class TwoNormals(Mixture):
    """Two components, one feature, structures DIAG and TIED_DIAG, no noise; variances are not
    below the floor (Hathaway 1985), a constraint under which the M-step is exact."""

    def __init__(self, structure: Structure, rows: Rows, floor: float):
        super().__init__(structure, rows, np.zeros(1))
        self.floor = floor
        self._local = threading.local()
        self.equal_variance = not structure.sharing.separable

    def over(self, rows: Rows) -> TwoNormals:  # type: ignore[override]
        """This model over other rows."""
        return TwoNormals(self.structure, rows, self.floor)

    @cached_property
    def mean_and_variance(self) -> tuple[float, float]:
        """Those of all rows. The origin is in the middle of the rows: nothing cancels."""
        square, mean, _ = (self.moments / self.moments[-1]).tolist()
        return mean, max(square - mean * mean, self.floor)

    @cached_property
    def one_normal(self) -> float:
        """Log-likelihood per row of one normal."""
        return -0.5 * (LOG_2PI + 1.0 + math.log(self.mean_and_variance[1]))

    def is_degenerate(self, params: Params) -> bool:
        """A variance at the floor is an answer here: whether it is wanted is judged later."""
        return False

    @property
    def n_null(self) -> int:
        """None: a constant column is a spike like any other."""
        return 0

    def spurious_heights(self, params: Params) -> np.ndarray:
        """None: two normals are not chosen among others."""
        return np.zeros(2)

    def e_step(self, params: Params) -> Sums:
        rows, (weights, means, _, factors) = self.rows, numbers_of(params)
        const = [[math.log(max(weights[k], _DEAD) * factors[k]) - 0.5 * LOG_2PI] for k in (0, 1)]
        normals = params.means, params.factors.reshape(-1, 1), np.array(const)

        def work(share):
            blocks = (self._block.of(rows, start, stop) for start, stop in share)
            return sum(block.sums(*normals) for block in blocks)

        if rows.n <= _BLOCK_ROWS:
            total = self._whole.sums(*normals)
        else:
            total = rows.reduce(work, _BLOCK_ROWS, 40)
        total /= rows.total_weight
        one, two = total[:2].tolist()
        return Sums(
            float(total[7, 0]),
            [one[0], two[0]],
            [one[1] / factors[0], two[2] / factors[1]],
            [one[3] / factors[0] ** 2, two[4] / factors[1] ** 2],
            means,
            total[2:7],
        )

    @property
    def _block(self) -> _Block:
        """This thread's room for a block."""
        if not hasattr(self._local, "block"):
            self._local.block = _Block(_BLOCK_ROWS + TILE)  # blocks may be larger by a tile
        return self._local.block

    @cached_property
    def _whole(self) -> _Block:
        """All rows, if they are few."""
        return _Block(self.rows.n).of(self.rows, 0, self.rows.n)

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

    def newton(self, sums: Sums, params: Params, radius: float) -> Newton:
        """Newton's step, in units in which the information of labelled rows is about one: its
        curvatures are 1 - the rates of EM. Where one is not positive its size is used, so that
        the step goes uphill; steps are shortened if they are longer than the radius."""
        count, (weights, _, _, factors) = sums.count, numbers_of(params)
        squares = [weights[0] * weights[1], factors[0] ** 2 * count[0], factors[1] ** 2 * count[1]]
        if self.equal_variance:
            squares += [2.0 * (count[0] + count[1])]
        else:
            squares += [2.0 * count[0], 2.0 * count[1]]
        unit = np.sqrt(squares)
        information = self.information(sums, params) / unit
        information /= unit[:, None]
        slope = self.gradient(sums, params) / unit
        for k in self._held(slope, params):
            slope[k] = 0.0
            information[k] = information[:, k] = 0.0
            information[k, k] = 1.0
        step, curvature = _uphill(information, slope)
        decrement = 0.5 * float(slope @ step)
        odds, *shifts = (step / unit).tolist()
        length = max(
            abs(odds),
            abs(shifts[0] * factors[0]),
            abs(shifts[1] * factors[1]),
            *map(abs, shifts[2:]),
        )
        part = min(radius / length, 1.0) if length > 0.0 else 1.0
        moved = self._moved(params, [part * move for move in (odds, *shifts)])
        return Newton(moved, part * (2.0 - part) * decrement, decrement, curvature)

    def _held(self, slope: np.ndarray, params: Params) -> list[int]:
        """Log deviations at the floor that would go below it."""
        floored = params.n_floored
        if not floored.any():
            return []
        held = floored.reshape(-1) * (slope[3:] <= 0.0)
        return (3 + np.flatnonzero(held)).tolist()

    def _moved(self, params: Params, step: list[float]) -> Params:
        weights, means, variances, _ = numbers_of(params)
        odds = weights[1] / weights[0] * math.exp(step[0])
        return self.params(
            [1.0 / (1.0 + odds), odds / (1.0 + odds)],
            [means[0] + step[1], means[1] + step[2]],
            [variances[0] * math.exp(2.0 * step[3]), variances[1] * math.exp(2.0 * step[-1])],
        )

    def _shared(self, derivatives: np.ndarray) -> np.ndarray:
        """By one log deviation instead of two, along the first axis, if they are one."""
        return _SHARED.T @ derivatives if self.equal_variance else derivatives


def _uphill(information: np.ndarray, slope: np.ndarray) -> tuple[np.ndarray, float]:
    """information⁻¹ slope, with the sizes of its curvatures in place of those that are not
    positive; and the least curvature, or a positive number if all are clearly positive."""
    factor, step, failed = dposv(information, slope)
    if not failed and (least := min(factor.diagonal().tolist()) ** 2) > _FLATTEST:
        return step, least
    curvature, axes = np.linalg.eigh(information)
    bent = np.maximum(np.abs(curvature), _FLATTEST)
    return axes @ (axes.T @ slope / bent), float(curvature[0])


class _Block:
    """Rows z of a block, and room for what is computed from them."""

    def __init__(self, rows: int):
        self._room = np.empty((14, rows))

    def of(self, rows: Rows, start: int, stop: int) -> _Block:
        m = stop - start
        self._weight = rows.weights(start, stop)
        room = self._room[:, :m]
        self._z, self._basis, self._moments = room[:1], room[1:6], room[6:]
        self._basis[0] = 1.0
        rows.read(start, stop, self._z)
        return self

    def sums(self, means, factors, const) -> np.ndarray:
        """Of (resp_1, resp_2, resp_1 resp_2 b) bᵀ, b = (1, u_1, u_2, u_1², u_2²), and below them
        that of the values: (8, 5). All parameters are (2, 1)."""
        basis, moments = self._basis, self._moments
        u, resp, overlap, value = basis[1:3], moments[:2], moments[2], moments[7]
        joint, gap = moments[3:5], moments[5]  # until the moments there are computed
        np.subtract(self._z, means, out=u)
        u *= factors
        np.multiply(u, u, out=basis[3:])
        np.multiply(basis[3:], -0.5, out=joint)
        joint += const
        np.subtract(joint[0], joint[1], out=gap)
        np.minimum(gap, _LARGEST, out=gap)
        np.exp(gap, out=gap)  # odds of the first component
        np.add(gap, 1.0, out=resp[1])
        np.divide(1.0, resp[1], out=resp[1])
        np.multiply(gap, resp[1], out=resp[0])
        np.maximum(joint[0], joint[1], out=value)
        np.maximum(resp[0], resp[1], out=gap)
        np.log(gap, out=gap)
        value -= gap
        np.multiply(resp[0], resp[1], out=overlap)
        np.multiply(overlap, basis[1:], out=moments[3:7])
        if self._weight is not None:
            moments *= self._weight
        out = np.zeros((8, 5))
        np.matmul(moments[:7], basis.T, out=out[:7])
        out[7, 0] = value.sum()  # in pairs: more accurate than a product
        return out


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


class NewtonAscent(Ascent):
    """Newton's steps where they lead uphill, EM's elsewhere.

    A point that Newton's method proposes is kept only if F does not fall there; else an EM
    step follows, and the next proposal is nearer. Once a step has gained about what the
    quadratic approximation promised, its promise is the estimate of the remaining gain.
    """

    def __init__(self, model: TwoNormals, params: Params):
        super().__init__(model, params, accelerate=False)
        self._acceleration = self._pace = _Pace()
        self._newton: Newton | None = None
        self._promised: tuple[float, float] | None = None

    def _estimate_remaining(self) -> None:
        self._newton = None
        # gradients do not vanish where a component is about to die
        if min(self._stats.count) < _DYING:
            super()._estimate_remaining()
            return
        self._newton = self._model.newton(self._stats, self.params, self._pace.radius)
        self._remaining = math.inf
        if self._newton.curvature > -_FLATTEST and self._kept_promise():
            self._remaining = self._newton.decrement

    def _kept_promise(self) -> bool:
        """Whether the last step was Newton's and gained what it promised, to a half; or there is
        nothing left to promise."""
        if self._promised is None or not self._arrival[1]:
            return self._newton.decrement <= max(_SURE, self._rounding())
        objective, promise = self._promised
        missing = abs(self.objective - objective - promise) - 0.5 * promise
        return missing <= 0.0 or missing <= self._rounding()

    def _rounding(self) -> float:
        return self._model.rounding(self._stats, self.params)

    def _extrapolate(self) -> Params | None:
        proposal, self._newton = self._newton, None  # tried once: then a plain step
        if proposal is None:
            return None
        self._promised = self.objective, proposal.promise
        return proposal.params

    @property
    def within_reach(self) -> float:
        return self.objective + min(self._gauge.likely, self._remaining)


class _Pace(Plain):
    """How far Newton's method may go: less after a proposal that lowered F, which a plain step
    then follows."""

    radius = _LONGEST

    def accepted(self, gain: float) -> None:
        self.radius = min(2.0 * self.radius, _LONGEST)

    def rejected(self) -> None:
        self.radius *= 0.25
