"""Differences of log-gamma functions that do not cancel."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, psi

# Beyond this, Stirling's series with one correction is exact to the last bits.
_LARGE = 1e4


def log_gamma_ratio(x: np.ndarray, step: np.ndarray) -> np.ndarray:
    """ln Γ(x + s) - ln Γ(x), x and x + s positive."""
    x, step = np.broadcast_arrays(np.asarray(x, dtype=float), step)
    large = np.minimum(x, x + step) > _LARGE
    ratio = np.where(large, _stirling_ratio(np.where(large, x, _LARGE), step * large), 0.0)
    if not large.all():
        small = ~large
        ratio[small] = gammaln(x[small] + step[small]) - gammaln(x[small])
    return ratio


def _stirling_ratio(x, step):
    """By ln Γ(x) = (x - 1/2) ln x - x + ln(2 pi)/2 + 1/(12 x) - ..."""
    end = x + step
    logs = (x - 0.5) * np.log1p(step / x) + step * np.log(end) - step
    return logs - step / (12.0 * x * end)


def gamma_divergence(x: np.ndarray, step: np.ndarray) -> np.ndarray:
    """s ψ(x + s) - ln Γ(x + s) + ln Γ(x) >= 0, the Bregman divergence of ln Γ."""
    return step * psi(np.asarray(x + step)) - log_gamma_ratio(x, step)
