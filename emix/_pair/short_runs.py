"""Short runs from many starts at once (Biernacki, Celeux & Govaert 2003).

All mixtures make their steps together, on cells of rows that share their responsibilities (Verbeek,
Nunnink & Vlassis 2006): EM first, then Newton's method where it raises the objective.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .._normal.gaussian import LOG_2PI

# Least share of a component, so that nothing overflows.
_LEAST = 1e-12
# A variance of a cell below this share of its squared mean is a rounding error.
_ROUNDING = 1e-13
# A step of Newton's method moves a mean by at most one standard deviation, and changes a log
# deviation or the log-odds of the weights by at most one.
_LONGEST = 1.0
# Least curvature, of one in labelled rows, that is believed.
_FLATTEST = 1e-6


class Pairs(NamedTuple):
    """Many mixtures of two normals: all arrays are (S, 2)."""

    weights: np.ndarray
    means: np.ndarray
    variances: np.ndarray

    def take(self, index: np.ndarray) -> Pairs:
        return Pairs(self.weights[index], self.means[index], self.variances[index])

    def put(self, index: np.ndarray, other: Pairs) -> None:
        """Overwrite those with these indices."""
        for own, new in zip(self, other, strict=True):
            own[index] = new


class ShortRuns:
    """Climbs on cells of rows with sums (3, m) of 1, z and z²; variances are not below a floor,
    and perhaps shared.

    Rows of a cell have the same responsibilities, those that are best for all of them: F is a
    lower bound of the log-likelihood, and no variance within a cell is lost.
    """

    def __init__(self, sums: np.ndarray, floor: float, pooled: bool):
        self._floor, self._pooled = floor, pooled
        self._share = sums[0] / sums[0].sum()
        self._mean = sums[1] / sums[0]
        square = sums[2] / sums[0]
        variance = square - self._mean * self._mean
        self._variance = np.where(variance > _ROUNDING * square, variance, 0.0)
        self._n_scales = 1 if pooled else 2
        self._derivatives = _DERIVATIVES[pooled]

    def run(self, pairs: Pairs, n_steps: int) -> Pairs:
        """The mixtures after so many EM steps."""
        for _ in range(n_steps):
            basis = self._basis(pairs)
            resp = _resp(self._log_joint(pairs, basis))[0]
            resp *= self._share
            parts = resp.sum(axis=2), np.vecdot(resp, basis[:, 1:3]), np.vecdot(resp, basis[:, 3:])
            pairs = self._em_step(pairs, *parts)
        return pairs

    def refine(
        self,
        pairs: Pairs,
        schedule: tuple[int, ...],
        least: float,
        few: int,
        keep: Callable[[Pairs, np.ndarray, int], np.ndarray],
    ) -> Pairs:
        """The mixtures after so many steps in all, or one that gains no more than the least:
        Newton's or, where that has just lowered F, EM's.

        Before each number of steps and at the end those go on whose indices
        keep(pairs, F per unit of weight, number of numbers left) gives. Where no more than a few
        are left or still move, steps are left out: they cost as much as those of many.
        """
        objective, sums = self._sums(pairs)
        for left, n_steps in zip(range(len(schedule), 0, -1), schedule, strict=True):
            kept = keep(pairs, objective, left)
            pairs, objective, sums = pairs.take(kept), objective[kept], sums[kept]
            if len(kept) > few:
                self._newton(pairs, objective, sums, n_steps, least, few)
        return pairs.take(keep(pairs, objective, 0))

    def _newton(self, pairs: Pairs, objective, sums, n_steps, least, few) -> None:
        """Steps in place."""
        index = np.arange(len(objective))
        radius = np.full(len(index), _LONGEST)
        is_newton = np.ones(len(index), dtype=bool)
        for _ in range(n_steps):
            trial = self._newton_step(pairs.take(index), sums[index], radius[index])
            by_em = ~is_newton[index]
            if by_em.any():
                again = index[by_em]
                flat = sums[again]
                parts = flat[:, :2, 0], flat[:, _K, _K + 1], flat[:, _K, _K + 3]
                trial.put(by_em, self._em_step(pairs.take(again), *parts))
            value, tried = self._sums(trial)
            gain = value - objective[index]
            rises = gain >= 0.0
            risen = index[rises]
            pairs.put(risen, trial.take(rises))
            objective[risen], sums[risen] = value[rises], tried[rises]
            is_newton[index] = rises | by_em
            grown = np.where(by_em, 1.0, np.where(rises, 2.0, 0.25)) * radius[index]
            radius[index] = np.minimum(grown, _LONGEST)
            index = index[~(rises & (gain <= least))]
            if len(index) <= few:
                break

    def _basis(self, pairs: Pairs) -> np.ndarray:
        """Means over cells of b = (1, u_1, u_2, u_1², u_2²), u = (z - mean) / deviation:
        (S, 5, m)."""
        precision = 1.0 / pairs.variances
        basis = np.empty((len(precision), 5, len(self._mean)))
        basis[:, 0] = 1.0
        u, squares = basis[:, 1:3], basis[:, 3:]
        np.subtract(self._mean, pairs.means[..., None], out=u)
        u *= np.sqrt(precision)[..., None]
        np.multiply(u, u, out=squares)
        squares += self._variance * precision[..., None]
        return basis

    def _log_joint(self, pairs: Pairs, basis: np.ndarray) -> np.ndarray:
        """Means over cells of log pi_k N(z | k), without its constant: (S, 2, m)."""
        joint = -0.5 * basis[:, 3:]
        joint += np.log(np.maximum(pairs.weights, _LEAST) / np.sqrt(pairs.variances))[..., None]
        return joint

    def _sums(self, pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
        """F (S,), and sums of (resp_1, resp_2, resp_1 resp_2 b) bᵀ (S, 7, 5)."""
        basis = self._basis(pairs)
        resp, larger, smaller = _resp(self._log_joint(pairs, basis))
        weighted = np.empty((len(resp), 7, len(self._mean)))
        np.multiply(resp, self._share, out=weighted[:, :2])
        np.multiply(basis, (weighted[:, 0] * resp[:, 1])[:, None], out=weighted[:, 2:])
        value = (larger + np.log1p(smaller)) @ self._share - 0.5 * LOG_2PI
        return value, weighted @ basis.transpose(0, 2, 1)

    def _em_step(self, pairs: Pairs, count, first, second) -> Pairs:
        """From sums of resp * (1, u, u²), (S, 2) each."""
        count = np.maximum(count, _LEAST)
        shift = first / count
        variances = (second / count - shift * shift) * pairs.variances
        if self._pooled:
            shared = np.vecdot(count, variances) / count.sum(axis=1)
            variances = np.repeat(shared[:, None], 2, axis=1)
        means = pairs.means + shift * np.sqrt(pairs.variances)
        return Pairs(count, means, np.maximum(variances, self._floor))

    def _newton_step(self, pairs: Pairs, sums: np.ndarray, radius: np.ndarray) -> Pairs:
        """Newton's in (logit of the second weight, means in deviations, log deviations), as that
        of ``TwoNormals``: with the sizes of the curvatures, and no longer than the radius."""
        n, p = len(radius), 3 + self._n_scales
        found = sums.reshape(n, 35) @ self._derivatives
        information, gradient = found[:, : p * p].reshape(n, p, p), found[:, p * p : p * p + p]
        units = np.sqrt(np.maximum(found[:, p * p + p :], _LEAST))
        gradient[:, 0] -= pairs.weights[:, 1]
        spread = pairs.weights.prod(axis=1)
        information[:, 0, 0] += spread
        units[:, 0] = np.sqrt(spread)
        information /= units[:, :, None] * units[:, None, :]
        gradient /= units
        if (pairs.variances <= self._floor).any():
            self._hold(pairs, gradient, information)
        curvature, axes = np.linalg.eigh(information)
        along = np.vecdot(axes.swapaxes(1, 2), gradient[:, None])
        along /= np.maximum(np.abs(curvature), _FLATTEST)
        step = np.vecdot(axes, along[:, None])
        step /= units
        longest = np.maximum(np.abs(step).max(axis=1), _LEAST)
        step *= np.minimum(1.0, radius / longest)[:, None]
        odds = pairs.weights[:, 1] / pairs.weights[:, 0] * np.exp(step[:, 0])
        second = odds / (1.0 + odds)
        means = pairs.means + step[:, 1:3] * np.sqrt(pairs.variances)
        variances = pairs.variances * np.exp(2.0 * step[:, 3:])
        weights = np.stack([1.0 - second, second], axis=1)
        return Pairs(np.maximum(weights, _LEAST), means, np.maximum(variances, self._floor))

    def _hold(self, pairs: Pairs, gradient: np.ndarray, information: np.ndarray) -> None:
        """Log deviations at the floor that would go below it stay there."""
        for k in range(3, gradient.shape[1]):
            held = (pairs.variances[:, k - 3] <= self._floor) & (gradient[:, k] < 0.0)
            gradient[held, k] = 0.0
            information[held, k] = 0.0
            information[held, :, k] = 0.0
            information[held, k, k] = 1.0


_K = np.arange(2)


def _resp(joint: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Responsibilities (S, 2, m); the larger term of log sum exp joint (S, m), and what the other
    is of it."""
    gap = joint[:, 0] - joint[:, 1]
    smaller = np.exp(-np.abs(gap))
    most = 1.0 / (1.0 + smaller)
    resp = np.empty_like(joint)
    resp[:, 0] = np.where(gap > 0.0, most, smaller * most)
    np.subtract(1.0, resp[:, 0], out=resp[:, 1])
    return resp, np.maximum(joint[:, 0], joint[:, 1]), smaller


def _derivatives(pooled: bool) -> np.ndarray:
    """What makes of sums of (resp_1, resp_2, resp_1 resp_2 b) bᵀ (35) the information (p, p), the
    gradient (p) and the diagonal of the information of labelled rows (p): (35, p² + 2 p).

    The parameters are (logit of the second weight, means in deviations, log deviations), and
    what the weights add is left out. The information of labelled rows less that of the labels
    given the rows (Louis 1982); the latter is the mean of resp_1 resp_2 g gᵀ, with the difference
    g of the components' scores, (1, -u_1, u_2, 1 - u_1², u_2² - 1).
    """
    gap = np.diag([1.0, -1.0, 1.0, -1.0, 1.0])
    gap[3:, 0] = [1.0, -1.0]
    information, gradient = np.zeros((7, 5, 5, 5)), np.zeros((7, 5, 5))
    information[2:] = -np.einsum("ia,jb->abij", gap, gap)
    for k in (0, 1):
        # of component k's sums of resp, resp u and resp u²
        mean, scale = 1 + k, 3 + k
        information[k, 0, mean, mean] = 1.0
        information[k, mean, mean, scale] = information[k, mean, scale, mean] = 2.0
        information[k, scale, scale, scale] = 2.0
        gradient[k, mean, mean] = gradient[k, scale, scale] = 1.0
        gradient[k, 0, scale] = -1.0
    gradient[1, 0, 0] = 1.0
    labelled = np.zeros((7, 5, 5))
    for k in (0, 1):
        labelled[k, 0, 1 + k], labelled[k, 0, 3 + k] = 1.0, 2.0
    if pooled:
        shared = np.concatenate([np.eye(4), np.eye(4)[3:]])
        information = np.einsum("abij,ip,jq->abpq", information, shared, shared)
        gradient, labelled = gradient @ shared, labelled @ shared
    parts = (information, gradient, labelled)
    return np.concatenate([part.reshape(35, -1) for part in parts], axis=1)


_DERIVATIVES = {pooled: _derivatives(pooled) for pooled in (False, True)}
