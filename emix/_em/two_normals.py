"""Two normals in one dimension: the mixture with its gradient and its curvature.

The same model as ``Mixture``, in sums about the components' means, which do not cancel. One
sweep also gives the observed information, from which Newton's method proposes points.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .ascent import Ascent
from .blocks import block_rows
from .gaussian import LOG_2PI, Params
from .mixture import Mixture
from .squarem import Plain

_DEAD = 1e-300
# Newton's method leaves components with less than this share alone.
_DYING = 1e-10
_ROUNDING = 16 * 2.0**-53
# Working arrays of a block, per row.
_WIDTH = 24
# Newton's method may move a mean by so many standard deviations, or change the logarithm of a
# deviation or the log-odds of the weight by as much.
_LONGEST = 1.0
# Least curvature, of one in labelled rows, that is believed.
_FLATTEST = 1e-6
# Plain steps before its first proposal.
_FIRST = 3
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


class TwoNormals(Mixture):
    """Two components, one feature, structures DIAG and TIED_DIAG, no noise."""

    def e_step(self, params: Params) -> Sums:
        rows, factors = self.rows, np.array(pair(params.factors))
        const = np.log(np.maximum(params.weights, _DEAD)) + np.log(factors) - 0.5 * LOG_2PI
        normals = params.means, factors[:, None], const[:, None]

        def work(share):
            total = np.zeros(36)
            for start, stop in share:
                z = np.empty((1, stop - start))
                rows.read(start, stop, z)
                _accumulate(z, rows.weights(start, stop), *normals, total)
            return total

        total = rows.reduce(work, block_rows(8 * _WIDTH), 36) / rows.total_weight
        moments, scales = total[1:].reshape(7, 5), 1.0 / factors
        first, second = moments[[0, 1], [1, 2]] * scales, moments[[0, 1], [3, 4]] * scales**2
        return Sums(
            float(total[0]),
            moments[:2, 0].tolist(),
            first.tolist(),
            second.tolist(),
            pair(params.means),
            moments[2:],
        )

    def m_step(self, sums: Sums, params: Params) -> Params:
        count, second = sums.count, sums.second
        if min(count) <= _DEAD:
            return params
        shift = [first / share for first, share in zip(sums.first, count, strict=True)]
        scatter = [second[k] - count[k] * shift[k] ** 2 for k in (0, 1)]
        if self.structure.pooled:
            variances = [sum(scatter) / sum(count)]
        else:
            variances = [[scatter[k] / count[k]] for k in (0, 1)]
        return Params(
            np.array(count) / sum(count),
            np.array([[sums.origin[k] + shift[k]] for k in (0, 1)]),
            *self.factorise(np.array(variances)),
        )

    def expected(self, sums: Sums, params: Params) -> float:
        return sum(_terms(sums, params))

    def rounding(self, sums: Sums, params: Params) -> float:
        return _ROUNDING * sum(map(abs, _terms(sums, params)))

    def gradient(self, sums: Sums, params: Params) -> np.ndarray:
        """Of F in (logit of the second weight, means, log deviations), per unit of weight; by
        Fisher's identity that of ``expected``."""
        precision = [factor**2 for factor in pair(params.factors)]
        parts = [sums.count[1] - params.weights[1]]
        parts += [precision[k] * sums.first[k] for k in (0, 1)]
        parts += [precision[k] * sums.second[k] - sums.count[k] for k in (0, 1)]
        return self._shared(np.array(parts))

    def information(self, sums: Sums, params: Params) -> np.ndarray:
        """Minus the Hessian of F, in the same parameters; exact at any of them.

        Information of labelled rows less that of the labels given the rows (Louis 1982): the
        latter is the variance of s_z, s_k the gradient of log pi_k N(x | k), which for two
        components is the mean of resp_1 resp_2 (s_2 - s_1)(s_2 - s_1)ᵀ.
        """
        factors = pair(params.factors)
        gap = np.zeros((5, 5))  # s_2 - s_1 from (1, u_1, u_2, u_1², u_2²)
        gap[[0, 3], 0], gap[4, 0] = 1.0, -1.0
        gap[1, 1], gap[2, 2], gap[3, 3], gap[4, 4] = -factors[0], factors[1], -1.0, 1.0
        information = -(gap @ sums.overlap @ gap.T)
        information[0, 0] += params.weights[0] * params.weights[1]
        for k in (0, 1):
            precision = factors[k] ** 2
            information[1 + k, 1 + k] += precision * sums.count[k]
            information[3 + k, 3 + k] += 2.0 * precision * sums.second[k]
            information[1 + k, 3 + k] += 2.0 * precision * sums.first[k]
            information[3 + k, 1 + k] = information[1 + k, 3 + k]
        return self._shared(self._shared(information).T)

    def newton(self, sums: Sums, params: Params, radius: float) -> Newton:
        """Newton's step, in units in which the information of labelled rows is about one: its
        curvatures are 1 - the rates of EM. Where one is not positive its size is used, so that
        the step goes uphill; steps are shortened if they are longer than the radius."""
        count, factors = np.array(sums.count), np.array(pair(params.factors))
        unit = np.sqrt([params.weights.prod(), *factors**2 * count, *2.0 * count])
        if self.structure.pooled:
            unit = np.append(unit[:3], np.hypot(*unit[3:]))
        information = self.information(sums, params) / unit / unit[:, None]
        curvature, axes = np.linalg.eigh(information)
        slope = axes.T @ (self.gradient(sums, params) / unit)
        bent = np.maximum(np.abs(curvature), _FLATTEST)
        step = axes @ (slope / bent) / unit
        length = float(np.abs(np.concatenate([step[:1], step[1:3] * factors, step[3:]])).max())
        part = radius / length if length > radius else 1.0
        decrement = 0.5 * float(slope @ (slope / bent))
        promise = part * (2.0 - part) * decrement
        return Newton(self._moved(params, part * step), promise, decrement, curvature[0])

    def _moved(self, params: Params, step: np.ndarray) -> Params:
        odds = params.weights[1] / params.weights[0] * math.exp(step[0])
        growth = np.exp(2.0 * step[3:]).reshape(params.covariances.shape)
        return Params(
            np.array([1.0, odds]) / (1.0 + odds),
            params.means + step[1:3, None],
            *self.factorise(params.covariances * growth),
        )

    def _shared(self, derivatives: np.ndarray) -> np.ndarray:
        """By one log deviation instead of two, along the first axis, if they are one."""
        return _SHARED.T @ derivatives if self.structure.pooled else derivatives


def _accumulate(z, weight, means, factors, const, total):
    """Adds value and moments of a block z (1, m); all else is (2, 1)."""
    basis = np.empty((5, z.shape[1]))
    basis[0] = 1.0
    np.multiply(np.subtract(z, means, out=basis[1:3]), factors, out=basis[1:3])
    np.multiply(basis[1:3], basis[1:3], out=basis[3:])
    joint = const - 0.5 * basis[3:]
    gap = joint[1] - joint[0]
    is_second = gap > 0.0
    smaller = np.exp(-np.abs(gap))
    both = smaller + 1.0
    larger = 1.0 / both
    smaller *= larger
    value = np.where(is_second, joint[1], joint[0]) + np.log(both)
    moments = np.empty((7, z.shape[1]))
    moments[0] = np.where(is_second, smaller, larger)
    moments[1] = np.where(is_second, larger, smaller)
    overlap = smaller * larger
    if weight is not None:
        moments[:2] *= weight
        overlap *= weight
        value *= weight
    np.multiply(basis, overlap, out=moments[2:])
    total[0] += value.sum()
    total[1:] += (moments @ basis.T).ravel()


def _terms(sums: Sums, params: Params) -> list[float]:
    """What ``expected`` adds up: sum of resp log pi_k N(x | k) = count const - E(y - a)² / 2."""
    weights, means, factors = pair(params.weights), pair(params.means), pair(params.factors)
    terms = []
    for k in (0, 1):
        count, first, second = sums.count[k], sums.first[k], sums.second[k]
        move, half = means[k] - sums.origin[k], -0.5 * factors[k] ** 2
        terms.append(count * (math.log(max(weights[k], _DEAD) * factors[k]) - 0.5 * LOG_2PI))
        terms += [half * second, -2.0 * half * first * move, half * count * move**2]
    return terms


class NewtonAscent(Ascent):
    """A few EM steps, then Newton's.

    A point that Newton's method proposes is kept only if F does not fall there; else an EM
    step follows, and the next proposal is nearer. Once a step has gained about what the
    quadratic approximation promised, its promise is the estimate of the remaining gain.
    """

    def __init__(self, model: TwoNormals, params: Params):
        super().__init__(model, params, accelerate=False)
        self._squarem = self._pace = _Pace()
        self._newton: Newton | None = None
        self._promised: tuple[float, float] | None = None

    def _estimate_remaining(self) -> None:
        self._newton = None
        # gradients vanish neither at the floor nor where a component is about to die
        at_edge = self.params.n_floored.any() or min(self._stats.count) < _DYING
        if self._pace.wait > 0 or at_edge:
            super()._estimate_remaining()
            return
        self._newton = self._model.newton(self._stats, self.params, self._pace.radius)
        self._remaining = math.inf
        if self._newton.curvature > -_FLATTEST and self._kept_promise():
            self._remaining = self._newton.decrement

    def _kept_promise(self) -> bool:
        """Whether the last step was Newton's and gained what it promised, to a half; or there is
        nothing left to promise."""
        noise = self._model.rounding(self._stats, self.params)
        if self._promised is None or not self._arrival[1]:
            return self._newton.decrement <= noise
        objective, promise = self._promised
        return abs(self.objective - objective - promise) <= 0.5 * promise + noise

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

    def __init__(self):
        self.wait, self.radius = _FIRST, _LONGEST

    def push(self, iterate) -> None:
        self.wait -= 1

    def accepted(self) -> None:
        self.radius = min(2.0 * self.radius, _LONGEST)

    def rejected(self) -> None:
        self.radius *= 0.25
