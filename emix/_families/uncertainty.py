"""Standard errors from the observed information (Louis 1982).

Coefficients of linear families are logarithms of values v that are linear in free parameters phi
(rates, or probabilities that add up to one), plus terms that are linear. With s_k = D_kᵀ f the
slope of log_joint_k in phi at features f, D_k its Jacobian,

    I = sum_s T_s / v_s² V_sᵀ V_s - sum_k D_kᵀ A_k D_k + Dᵀ M D,

A_k = sum_i q_ik f fᵀ,  M = sum_i (q_i x f)(q_i x f)ᵀ,  T the statistics: what the complete data
tell, less the covariance of their slope given the rows. With a prior T has what it stands for, too:
the curvature is that of the log-likelihood and the log-prior.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._mixture.posterior import soft
from .._mixture.sums import KernelJob
from .._rows.blocks import Block, Rows
from .linear import LinearFamily, LinearKernel, Slots
from .prior import WeightPrior

# A value below this share of the largest of its kind is at the edge: it is taken as known.
_EDGE = 1e-9
# The information is singular below this ratio of its extreme eigenvalues, in units in which its
# diagonal is one: directions in which the likelihood is flat.
_FLAT = 1e-9


class Louis(KernelJob):
    """A (K, width, width), M (K width, K width) and the statistics (K, width)."""

    def __init__(self, kernel: LinearKernel):
        k, width = kernel.coefficients.shape
        super().__init__(kernel, k * width * width + (k * width) ** 2 + k * width)
        self._kernel, self._shape = kernel, (k, width)

    def parts(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        k, width = self._shape
        each, both, stats = np.split(sums, [k * width**2, k * width**2 + (k * width) ** 2])
        parts = each.reshape(k, width, width), both.reshape(k * width, k * width)
        return *parts, stats.reshape(k, width)

    def add(self, block: Block, sums: np.ndarray) -> None:
        buffers = block.loaded(self.worker)
        log_joint = self._kernel.log_joint(buffers)
        soft(log_joint, buffers.resp, buffers.work, buffers.norm, None)
        resp, f = buffers.resp * buffers.norm, buffers.features[: self._shape[1]]
        weight = np.ones(len(buffers.norm)) if block.weight is None else block.weight
        each, both, stats = self.parts(sums)
        weighted = f * weight
        for own, q in zip(each, resp, strict=True):
            own += (weighted * q) @ f.T
        rows = (resp[:, None] * f).reshape(len(both), -1)
        both += (rows * weight) @ rows.T
        stats += (resp * weight) @ f.T


def standard_errors(
    family: LinearFamily, prior: WeightPrior, rows: Rows, params: Any, weights_are_known: bool
) -> np.ndarray:
    """Of all values, (K, width); 0 of those at the edge, which are taken as known."""
    kernel, slots = family.kernel(params, rows), family.slots(params)
    job = Louis(kernel)
    each, both, stats = job.parts(rows.total(job))
    jacobian = _free(slots, weights_are_known)  # of the values
    flat = slots.values.ravel()
    used = np.where(flat > 0.0, flat, 1.0)
    scaled = jacobian / used[:, None]
    slopes = scaled + slots.linear @ jacobian
    total = stats[:, -1].sum()
    seen = stats + total * family.unseen(params)
    seen[:, -1] += total * prior.excess
    complete = (scaled * seen.ravel()[:, None]).T @ scaled
    by_component = slopes.reshape(*slots.values.shape, -1)
    spread = np.einsum("kpa,kpq,kqb->ab", by_component, each, by_component)
    information = complete - spread + slopes.T @ both @ slopes
    # in the unit of the rows' weights until here
    covariance = inverse(information) / rows.weight_unit
    return np.sqrt(np.einsum("sa,ab,sb->s", jacobian, covariance, jacobian)).reshape(
        slots.values.shape
    )


def _free(slots: Slots, weights_are_known: bool) -> np.ndarray:
    """Slopes (K width, n_free) of the values in the free ones. Of values that add up to one the
    largest follows from the others."""
    flat = slots.values.ravel()
    in_shares = np.concatenate(slots.shares)
    alone = np.setdiff1d(np.arange(flat.size), in_shares)
    columns = [[(s, 1.0)] for s in alone if flat[s] > _EDGE * flat[alone].max()]
    for group in slots.shares[1:] if weights_are_known else slots.shares:
        last = group[flat[group].argmax()]
        columns += [[(s, 1.0), (last, -1.0)] for s in group if s != last and flat[s] > _EDGE]
    jacobian = np.zeros((flat.size, len(columns)))
    for column, entries in zip(jacobian.T, columns, strict=True):
        for slot, slope in entries:
            column[slot] = slope
    return jacobian


def inverse(information: np.ndarray) -> np.ndarray:
    """The covariance of estimates, refused where the information is not positive definite."""
    sizes = information.diagonal()
    if sizes.size and sizes.min() > 0.0:
        unit = 1.0 / np.sqrt(sizes)
        values, vectors = np.linalg.eigh(information * unit * unit[:, None])
        if values[0] > _FLAT * values[-1]:
            scaled = vectors * unit[:, None]
            return (scaled / values) @ scaled.T
    elif not sizes.size:
        return information
    raise ValueError(
        "The parameters are not identified by these rows: the log-likelihood is flat in some "
        "direction at the fit, or the fit is no maximum. Decrease n_components, or fit to the "
        "same rows with a smaller tol."
    )
