"""Posterior regularisation: E-steps over the q that satisfy constraints.

The E-step maximises E_q[log_joint] + H(q), that is minimises KL(q || p(z | x)), subject to

    q_ik = 0 where component k is not allowed for row i,
    lower <= mean over rows of E_q[f(x, z)] <= upper.

With multipliers a >= 0 of the upper and b >= 0 of the lower bounds the solution is
q_ik ~ exp(log_joint_ik - (a - b)·f_ik), and a, b minimise the convex dual

    g(a, b) = mean_i log sum_k exp(log_joint_ik - (a - b)·f_ik) + a·upper - b·lower,

whose minimum is F (Ganchev, Graca, Gillenwater & Taskar 2010, section 2.3). It is found from
sums over the rows alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment, minimize

from .._normal.choice import Kernel
from .._rows.blocks import Block, Rows
from .features import NONE, At, Features
from .posterior import Rule
from .sums import KernelJob

# Bounds may be missed by this much before they are called contradictory: the solver ends a few
# millionths away where components hardly overlap.
_FEASIBLE = 1e-5
# Labelled rows of a component that its first mean is taken from.
_ENOUGH = 4096
_SOLVER = {"maxiter": 500, "ftol": 0.0, "gtol": 1e-9, "maxcor": 30, "maxls": 50}


class Tilt:
    """What is added to log_joint so that the soft rule gives the constrained posterior; F is
    then by ``gain`` more than the rule's value, and by ``gap`` less than the log-likelihood."""

    def __init__(self, constraint: Constraint, multipliers: np.ndarray, gain: float, gap: float):
        self._constraint, self._multipliers = constraint, multipliers
        self.gain, self.gap = gain, gap

    def add(self, log_joint: np.ndarray, at: At) -> None:
        self._constraint.add(log_joint, self._multipliers, at)

    def told(self, stats: Any) -> Any:
        """Statistics at the constrained posterior, whose value was the rule's."""
        stats.value += self.gain
        stats.evidence = stats.value + self.gap
        return stats


class Constraint:
    """allowed: None or (n, K) of bool; the expectations of r features have bounds lower and upper
    (r,), which may be infinite, and equal for an equation."""

    def __init__(
        self,
        allowed: np.ndarray | None,
        features: Features | None,
        lower: np.ndarray,
        upper: np.ndarray,
        names: list[str],
    ):
        self.names = names  # of the expectations, for messages
        self.allowed = allowed
        self.features = NONE if features is None else features
        self.lower, self.upper = lower, upper
        self._bounded = np.concatenate([np.isfinite(upper), np.isfinite(lower)])
        self._levels = np.concatenate([upper, -lower])[self._bounded]
        self._multipliers = np.zeros(self._levels.size)  # of the last E-step: the next one's start

    def add(self, log_joint, multipliers, at):
        """log_joint (K, m) - multipliers·f, and minus infinity where not allowed."""
        if self._levels.size:
            log_joint -= np.tensordot(multipliers, self.features.of(at), axes=1)
        if self.allowed is not None:
            log_joint[~self.allowed[at].T] = -np.inf

    def tilt(self, model: Any, kernel: Kernel) -> Tilt:
        """The solution of the E-step at the kernel's parameters."""
        evidence = self._log_sums(model, kernel, None)[0]
        if not self._levels.size:
            value = self._log_sums(model, kernel, np.zeros(0))[0]
            return Tilt(self, np.zeros(0), 0.0, evidence - value)
        found = minimize(
            lambda multipliers: self._dual(model, kernel, multipliers),
            self._multipliers,
            jac=True,
            method="L-BFGS-B",
            bounds=[(0.0, None)] * self._levels.size,
            options=_SOLVER,
        )
        self._check(model, kernel, found.x)
        self._multipliers = found.x
        gain = float(found.x @ self._levels)
        return Tilt(self, self._net(found.x), gain, evidence - float(found.fun))

    def _net(self, multipliers: np.ndarray) -> np.ndarray:
        """a - b, (r,)."""
        both = np.zeros(self._bounded.size)
        both[self._bounded] = multipliers
        upper, lower = np.split(both, 2)
        return upper - lower

    def _dual(self, model, kernel, multipliers):
        """g and its gradient: the bounds minus the expectations."""
        value, *expected = self._log_sums(model, kernel, self._net(multipliers))
        both = np.concatenate([expected, np.negative(expected)])[self._bounded]
        return value + multipliers @ self._levels, self._levels - both

    def _check(self, model, kernel, multipliers):
        expected = self._log_sums(model, kernel, self._net(multipliers))[1:]
        missed = np.maximum(expected - self.upper, self.lower - expected)
        if not missed.max() <= _FEASIBLE * (1.0 + np.abs(expected).max()):
            worst = int(np.argmax(missed))
            raise ValueError(
                f"constraints{self._and_allowed()} contradict each other: no responsibilities "
                f"satisfy all of them; {self.names[worst]} comes to {expected[worst]:g} at best, "
                f"outside [{self.lower[worst]:g}, {self.upper[worst]:g}]"
            )

    def _and_allowed(self) -> str:
        """What else has a say."""
        return "" if self.allowed is None else " (and labels, if there are any)"

    def _log_sums(self, model, kernel, multipliers) -> np.ndarray:
        """Means over rows of log sum_k exp(tilted log_joint) and of E_q[f]; without
        multipliers, of log p(x) alone."""
        return model.rows.mean(_LogSums(self, kernel, model.rule, multipliers))

    def means(self, rows: Rows) -> np.ndarray | None:
        """Means (K, d) of rows that can only be of one component, of the first of them where
        there are many; None unless every component has some."""
        if self.allowed is None:
            return None
        labelled = self.allowed.sum(axis=1) == 1
        if rows.weight is not None:
            labelled &= rows.weight > 0.0
        means = []
        for mask in self.allowed.T:
            own = np.flatnonzero(mask & labelled)[:_ENOUGH]
            weight = np.ones(own.size) if rows.weight is None else rows.weight[own]
            if not weight.sum() > 0.0:
                return None
            means.append(np.average((rows.X[own] - rows.shift) / rows.scale, 0, weight))
        return np.array(means)

    def aligned(self, model: Any, params: Any) -> Any:
        """The components in the order that agrees best with what is allowed: a start knows
        nothing of their numbers."""
        order = self.order(model, model.space.kernel(params))
        return params if order is None else model.space.taken(params, order)

    def order(self, model: Any, kernel: Kernel) -> np.ndarray | None:
        """That order, None where every component is allowed for every row."""
        if self.allowed is None:
            return None
        agreement = model.rows.mean(_Agreement(kernel, model.rule, self.allowed))
        return linear_sum_assignment(-agreement.reshape(kernel.n_components, -1))[1]


class _LogSums(KernelJob):
    """log sum_k exp(tilted log_joint), and E_q[f] where there are multipliers; 1 + r."""

    def __init__(self, constraint: Constraint, kernel: Kernel, rule: Rule, multipliers):
        super().__init__(kernel, 1 if multipliers is None else 1 + multipliers.size)
        self._constraint, self._kernel = constraint, kernel
        self._rule, self._multipliers = rule, multipliers

    def add(self, block: Block, sums: np.ndarray) -> None:
        buffers, weight = block.loaded(self.worker), block.weight
        log_joint = self._kernel.log_joint(buffers)
        if self._multipliers is not None:
            self._constraint.add(log_joint, self._multipliers, block.at)
        sums[0] += self._rule(log_joint, buffers.resp, buffers.work, buffers.norm, weight)
        if self.size > 1:
            features = self._constraint.features.of(block.at)
            sums[1:] += np.einsum("rkm,km->r", *_alike(features, _resp(buffers, weight)))


class _Agreement(KernelJob):
    """sum_i allowed_ik resp_il, (K, K)."""

    def __init__(self, kernel: Kernel, rule: Rule, allowed: np.ndarray):
        super().__init__(kernel, kernel.n_components**2)
        self._kernel, self._rule, self._allowed = kernel, rule, allowed

    def add(self, block: Block, sums: np.ndarray) -> None:
        buffers = block.loaded(self.worker)
        log_joint = self._kernel.log_joint(buffers)
        self._rule(log_joint, buffers.resp, buffers.work, buffers.norm, None)
        sums += (self._allowed[block.at].T @ _resp(buffers, block.weight).T).ravel()


def _resp(buffers, weight):
    """Normalised responsibilities (K, m), times the rows' weights."""
    return buffers.resp * (buffers.norm if weight is None else buffers.norm * weight)


def _alike(features, resp):
    """Features of one column serve all rows of the block: their responsibilities add up."""
    return features, resp if features.shape[2] > 1 else resp.sum(axis=1, keepdims=True)
