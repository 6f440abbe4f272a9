"""What forms have in common whose factors are numbers: reciprocal standard deviations."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from .rounding import MOMENT_LIMIT

# Precisions in the units of the data whose squares are far from the range of a float64.
_MODERATE = (1e-120, 1e120)


def gradient_step(factor: np.ndarray, target: np.ndarray, step: float):
    """Where factors are numbers: u (1 + step (1 - u² t) / 2)."""
    moved = 1.0 + 0.5 * step * (1.0 - factor * factor * target)
    return factor * moved if np.min(moved) > 0.0 else None


def linear_rows(factor: np.ndarray, mean: np.ndarray, p: int) -> np.ndarray:
    """The rows y_i = u_i (z_i - mean_i) and 1 of ``orthonormal``, after p others."""
    size = p + mean.shape[-1] + 1
    found = np.zeros((*mean.shape[:-1], size, size))
    own = np.arange(p, size - 1)
    found[..., own, own] = factor
    found[..., own, -1] = -factor * mean
    found[..., -1, -1] = 1.0
    return found


def are_moderate(precisions: np.ndarray, squares: np.ndarray) -> bool:
    """Whether squares of rows, in units in which the components have these precisions, neither
    overflow nor cancel; squares (K,) are the components' distances from the origin."""
    least, most = _MODERATE
    in_range = least <= precisions.min() and precisions.max() <= most
    return bool(in_range and squares.max() <= MOMENT_LIMIT)


def stretch(scalar: np.ndarray) -> np.ndarray:
    """A trailing axis of length one."""
    return np.asarray(scalar)[..., None]


def are_positive(stack: np.ndarray) -> bool:
    return bool((stack > 0.0).all())


def log_inverse_gamma(shape: float, rates: np.ndarray) -> float:
    """Constant of the log-density of independent variances."""
    return float(np.sum(shape * np.log(rates) - gammaln(shape)))
