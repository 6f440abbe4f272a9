"""Short runs from many starts at once (Biernacki, Celeux & Govaert 2003).

All mixtures make their steps together, on cells of rows that share their responsibilities (Verbeek,
Nunnink & Vlassis 2006): EM first, then Newton's method where it raises the objective.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .._normal.gaussian import LOG_2PI

# Least share of a component, so that nothing overflows.
_LEAST = 1e-12
# Log-odds whose exponential is a finite number.
_LARGEST = 700.0
# A step of Newton's method moves a mean by at most one standard deviation, and changes a log
# deviation or the log-odds of the weights by at most one: the quadratic approximation is of no use
# much further.
_LONGEST = 1.0
# Least curvature, of one in labelled rows, that is believed: rounding makes less.
_FLATTEST = 1e-6
# How the first and the second component enter log-odds of the second.
_SIGN = np.array([[-1.0], [1.0]])
_HALVES = 0.5 * _SIGN
# Shared log deviations as derivatives by one.
_SHARED = np.concatenate([np.eye(4), np.eye(4)[3:]])


class Pairs(NamedTuple):
    """Many mixtures of two normals: all arrays are (S, 2)."""

    weights: np.ndarray
    means: np.ndarray
    variances: np.ndarray

    def take(self, index: np.ndarray) -> Pairs:
        return Pairs(self.weights[index], self.means[index], self.variances[index])


class Refined(NamedTuple):
    """Mixtures, F of each per unit of weight (S,), and which have settled (S,)."""

    pairs: Pairs
    objective: np.ndarray
    has_settled: np.ndarray


class Sums(NamedTuple):
    """Per unit of weight, of S mixtures: F (S,); sums of resp (1, z, z²) of both components
    (2, S, 3); and those of resp_1 resp_2 (1, z, z²)(1, z, z²)ᵀ (S, 3, 3)."""

    value: np.ndarray
    own: np.ndarray
    overlap: np.ndarray

    def take(self, index: np.ndarray) -> Sums:
        return Sums(self.value[index], self.own[:, index], self.overlap[index])

    def put(self, index: np.ndarray, other: Sums) -> None:
        """Overwrite those with these indices."""
        self.value[index] = other.value
        self.own[:, index] = other.own
        self.overlap[index] = other.overlap


class Course(NamedTuple):
    """How S mixtures go on: longest steps of Newton's method, whether the next step is EM's, and
    which have settled; all are (S,)."""

    radius: np.ndarray
    by_em: np.ndarray
    has_settled: np.ndarray

    @classmethod
    def begin(cls, n: int) -> Course:
        return cls(np.full(n, _LONGEST), np.zeros(n, dtype=bool), np.zeros(n, dtype=bool))

    def take(self, index: np.ndarray) -> Course:
        return Course(*(part[index] for part in self))


class ShortRuns:
    """Climbs on cells of rows with sums (3, m) of 1, z and z²; variances are not below a floor,
    and perhaps shared.

    Rows of a cell have the same responsibilities, those that are best for all of them: F is a
    lower bound of the log-likelihood, and no variance within a cell is lost. Log-odds of the
    components are quadratic in z, so those of all mixtures on all cells are one product of
    matrices, and so are the sums: z has to be near zero, as squares cancel. Inside of this class
    mixtures are one array (3, 2, S) of weights, means and variances, a narrow component first.
    """

    def __init__(self, sums: np.ndarray, floor: float, pooled: bool):
        self._floor, self._pooled = floor, pooled
        self._share = sums[0] / sums[0].sum()
        mean, square = sums[1] / sums[0], sums[2] / sums[0]
        self._powers = np.stack([np.ones_like(mean), mean, np.maximum(square, mean * mean)])
        weighted = self._share * self._powers
        self._weighted = weighted.T.copy()
        self._products = (weighted[:, None] * self._powers).reshape(9, -1).T.copy()
        self._whole = weighted.sum(axis=1)

    def run(self, pairs: Pairs, n_steps: int) -> Pairs:
        """The mixtures after so many EM steps."""
        packed = _packed(pairs)
        for _ in range(n_steps):
            odds, _ = self._odds(_quadratics(packed))
            packed = self._em_step(_resp(odds) @ self._weighted)
        return _unpacked(packed)

    def refine(
        self,
        pairs: Pairs,
        rounds: Sequence[int],
        least: float,
        keep: Callable[[Refined, int], np.ndarray],
    ) -> Refined:
        """The mixtures after rounds of so many steps: Newton's or, where that has just lowered F,
        EM's. Those that have settled make no more: Newton's method has made a whole step to a
        maximum of the quadratic approximation, and F differs by no more than the least. One that
        is left alone makes none either: they cost as much as those of some more.

        Before each round and at the end those go on whose indices keep(they, rounds made) gives.
        """
        packed = _packed(pairs)
        sums = self._sums(packed)
        course = Course.begin(len(sums.value))

        def kept(i):
            index = keep(Refined(_unpacked(packed), sums.value, course.has_settled), i)
            return packed[..., index], sums.take(index), course.take(index)

        for i, n_steps in enumerate(rounds):
            packed, sums, course = kept(i)
            self._newton(packed, sums, course, n_steps, least)
        packed, sums, course = kept(len(rounds))
        return Refined(_unpacked(packed), sums.value, course.has_settled)

    def _newton(
        self, packed: np.ndarray, sums: Sums, course: Course, n_steps: int, least: float
    ) -> None:
        """Steps of those that have not settled, in place: put back when they settle, and at the
        end."""
        index = np.flatnonzero(~course.has_settled)
        here, known, (radius, by_em, _) = packed[..., index], sums.take(index), course.take(index)

        def put_back(which):
            packed[..., index[which]] = here[..., which]
            sums.put(index[which], known.take(which))

        for _ in range(n_steps):
            if len(index) < 2:
                break
            trial, is_sure = self._newton_step(here, known, radius)
            if by_em.any():
                trial = np.where(by_em, self._em_step(known.own), trial)
            tried = self._sums(trial)
            gain = tried.value - known.value
            settled = is_sure & (np.abs(gain) <= least)
            rises = gain >= 0.0
            if rises.all():
                here, known = trial, tried
            else:
                here = np.where(rises, trial, here)
                known.put(rises, tried.take(rises))
            radius = np.where(by_em, 1.0, np.where(rises, 2.0, 0.25)) * radius
            radius, by_em = np.minimum(radius, _LONGEST), ~(rises | by_em)
            if settled.any():
                put_back(settled)
                course.has_settled[index[settled]] = True
                left = ~settled
                index, here, known = index[left], here[..., left], known.take(left)
                radius, by_em = radius[left], by_em[left]
        put_back(slice(None))
        course.radius[index], course.by_em[index] = radius, by_em

    def _odds(self, quadratics: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Odds of the first component (S, m), and the part of its log-odds by which they exceed
        the largest."""
        gap = (quadratics[0] - quadratics[1]) @ self._powers
        odds = np.minimum(gap, _LARGEST)
        gap -= odds
        return np.exp(odds, out=odds), gap

    def _sums(self, packed: np.ndarray) -> Sums:
        quadratics = _quadratics(packed)
        odds, excess = self._odds(quadratics)
        resp = _resp(odds)
        odds += 1.0
        np.log(odds, out=odds)
        odds += excess
        value = quadratics[1] @ self._whole + odds @ self._share - 0.5 * LOG_2PI
        own = resp @ self._weighted
        resp[0] *= resp[1]
        return Sums(value, own, (resp[0] @ self._products).reshape(-1, 3, 3))

    def _em_step(self, own: np.ndarray) -> np.ndarray:
        packed = own.transpose(2, 0, 1).copy()
        weights, means, variances = packed
        np.maximum(weights, _LEAST, out=weights)
        packed[1:] /= weights
        variances -= means * means
        if self._pooled:
            variances[:] = (weights * variances).sum(axis=0) / weights.sum(axis=0)
        np.maximum(variances, self._floor, out=variances)
        return packed

    def _newton_step(
        self, packed: np.ndarray, sums: Sums, radius: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Newton's in (logit of the second weight, means in deviations, log deviations), as that
        of ``TwoNormals``: with the sizes of the curvatures, and no longer than the radius. And
        whether it is whole, and its curvatures are positive."""
        weights, means, variances = packed
        information, gradient, units = _derivatives(packed, sums)
        if self._pooled:
            information = _SHARED.T @ information @ _SHARED
            gradient, units = gradient @ _SHARED, units @ _SHARED
        units = 1.0 / np.sqrt(np.maximum(units, _LEAST))
        information *= units[:, :, None]
        information *= units[:, None]
        gradient *= units
        is_floored = variances <= self._floor
        if is_floored.any():
            _hold(is_floored, gradient, information)
        curvature, axes = np.linalg.eigh(information)
        along = (gradient[:, None] @ axes)[:, 0]
        along /= np.maximum(np.abs(curvature), _FLATTEST)
        step = (axes @ along[:, :, None])[:, :, 0]
        step *= units
        longest = np.maximum(np.abs(step).max(axis=1), radius)
        is_sure = (curvature[:, 0] > _FLATTEST) & (longest <= radius)
        step = step.T * (radius / longest)
        trial = np.empty_like(packed)
        np.multiply(weights, np.exp(_HALVES * step[0]), out=trial[0])
        trial[0] /= trial[0].sum(axis=0)
        np.maximum(trial[0], _LEAST, out=trial[0])
        np.add(means, step[1:3] * np.sqrt(variances), out=trial[1])
        np.multiply(variances, np.exp(2.0 * step[3:]), out=trial[2])
        np.maximum(trial[2], self._floor, out=trial[2])
        return trial, is_sure


def _packed(pairs: Pairs) -> np.ndarray:
    """A narrow component first: its log-odds are far below zero for most rows, where they change
    nothing. Those of a wide one would cancel against its log-density."""
    packed = np.stack([part.T for part in pairs])
    return np.where(packed[2, 0] > packed[2, 1], packed[:, ::-1], packed)


def _unpacked(packed: np.ndarray) -> Pairs:
    return Pairs(*packed.swapaxes(1, 2))


def _hold(is_floored: np.ndarray, gradient: np.ndarray, information: np.ndarray) -> None:
    """Log deviations at the floor that would go below it stay there."""
    for k in range(3, gradient.shape[1]):
        held = is_floored[k - 3] & (gradient[:, k] < 0.0)
        gradient[held, k] = 0.0
        information[held, k] = 0.0
        information[held, :, k] = 0.0
        information[held, k, k] = 1.0


def _quadratics(packed: np.ndarray) -> np.ndarray:
    """Coefficients of 1, z and z² in log pi_k N(z | k), without its constant: (2, S, 3)."""
    weights, means, variances = packed
    found = np.empty((*means.shape, 3))
    constant, slope, bend = found[..., 0], found[..., 1], found[..., 2]
    np.divide(means, variances, out=slope)
    np.divide(-0.5, variances, out=bend)
    np.divide(weights * weights, variances, out=constant)
    np.log(constant, out=constant)
    constant -= slope * means
    constant *= 0.5
    return found


def _resp(odds: np.ndarray) -> np.ndarray:
    """Responsibilities (2, S, m)."""
    resp = np.empty((2, *odds.shape))
    np.add(odds, 1.0, out=resp[1])
    np.divide(1.0, resp[1], out=resp[1])
    np.multiply(odds, resp[1], out=resp[0])
    return resp


def _derivatives(packed: np.ndarray, sums: Sums) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Information (S, 5, 5), gradient and the diagonal of the information of labelled rows
    (S, 5) in (logit of the second weight, means in deviations, log deviations).

    The information of labelled rows less that of the labels given the rows (Louis 1982); the
    latter is the mean of resp_1 resp_2 g gᵀ, with the difference g of the components' scores,
    (1, -u_1, u_2, 1 - u_1², u_2² - 1), u = (z - mean) / deviation.
    """
    weights, means, variances = packed
    count, first, second = sums.own.transpose(2, 0, 1)
    deviations = np.sqrt(variances)
    ratio = means / deviations
    square = ratio * ratio
    # sums of resp u and resp u²
    second = (second - 2.0 * means * first) / variances + square * count
    first = first / deviations - ratio * count
    # g from (1, z, z²)
    n = len(sums.value)
    gap = np.zeros((5, 3, n))
    gap[0, 0] = 1.0
    np.multiply(ratio, -_SIGN, out=gap[1:3, 0])
    np.divide(_SIGN, deviations, out=gap[1:3, 1])
    np.multiply(square - 1.0, _SIGN, out=gap[3:, 0])
    np.divide(_SIGN, variances, out=gap[3:, 2])
    np.multiply(gap[3:, 2], -2.0 * means, out=gap[3:, 1])
    gap = gap.transpose(2, 0, 1)
    information = gap @ sums.overlap @ gap.transpose(0, 2, 1)
    units, gradient = np.empty((2, 5, n))
    np.multiply(weights[0], weights[1], out=units[0])
    units[1:3] = count
    np.multiply(count, 2.0, out=units[3:])
    np.subtract(count[1], weights[1], out=gradient[0])
    gradient[1:3] = first
    np.subtract(second, count, out=gradient[3:])
    # of labelled rows: diagonal, and each mean with its log deviation
    flat = information.reshape(n, 25)
    np.negative(flat, out=flat)
    flat[:, 0] += units[0]
    flat[:, 6:13:6] += count.T
    second *= 2.0
    flat[:, 18::6] += second.T
    first *= 2.0
    flat[:, 8:15:6] += first.T
    flat[:, 16:23:6] += first.T
    return information, gradient.T, units.T
