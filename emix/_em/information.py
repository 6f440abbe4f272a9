"""Observed information of two normals in one dimension."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

from .blocks import Rows, block_rows
from .gaussian import Params

# Rows of working memory per row of the data.
_WIDTH = 16


def observed_information(rows: Rows, params: Params) -> np.ndarray:
    """Minus the Hessian of the log-likelihood in (logit of the second weight, means, logarithms
    of the standard deviations), (5, 5), in the units of the rows; exact at any parameters.

    Complete-data information less what the labels would add (Louis 1982, eq. 3.2): with
    s_k the gradient of log pi_k N(x | mu_k, s_k²), the latter is the variance of s_z given x,
    r_1 r_2 (s_2 - s_1)(s_2 - s_1)ᵀ for two components.
    """
    weights, means = params.weights, params.means[:, 0]
    factors = np.broadcast_to(params.factors.ravel(), 2)
    # a component without weight has log-odds that are infinite
    log_odds = logit(weights[1]) + np.log(factors[1] / factors[0])

    def work(share):
        total = np.zeros((5, 5))
        for start, stop in share:
            z = np.empty((1, stop - start))
            rows.read(start, stop, z)
            u = (z - means[:, None]) * factors[:, None]
            second = expit(log_odds + 0.5 * (u[0] - u[1]) * (u[0] + u[1]))
            total += _of_block(weights, factors, u, second, rows.weights(start, stop))
        return total

    with np.errstate(divide="ignore"):
        return rows.reduce(work, block_rows(8 * _WIDTH), 25)


def _of_block(weights, factors, u, second, weight):
    """Information in rows of residuals u (2, m), with responsibilities of the second component."""
    weight = np.ones(u.shape[1]) if weight is None else weight
    resp = np.stack([1.0 - second, second]) * weight
    gap = np.empty((5, u.shape[1]))  # s_2 - s_1
    gap[0] = 1.0
    gap[1:3] = u * factors[:, None]
    gap[3:] = u * u - 1.0
    gap[1] *= -1.0
    gap[3] *= -1.0
    total = -(gap * (resp[0] * second)) @ gap.T
    total[0, 0] += weight.sum() * weights[0] * weights[1]
    count, first, square = (
        resp.sum(axis=1),
        np.einsum("km,km->k", resp, u),
        np.einsum("km,km,km->k", resp, u, u),
    )
    for k in (0, 1):
        total[1 + k, 1 + k] += count[k] * factors[k] ** 2
        total[1 + k, 3 + k] += 2.0 * factors[k] * first[k]
        total[3 + k, 1 + k] += 2.0 * factors[k] * first[k]
        total[3 + k, 3 + k] += 2.0 * square[k]
    return total
