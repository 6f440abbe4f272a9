"""Differences of log-gamma functions that do not cancel."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, psi

# Beyond this, Stirling's series with one correction is exact to the last bits.
_LARGE = 1e4


def log_gamma_ratio(x: np.ndarray, step: np.ndarray) -> np.ndarray:
    """ln Γ(x + s) - ln Γ(x), x and x + s positive."""
    end = x + step
    ratio = gammaln(end) - gammaln(x)
    large = np.minimum(x, end) > _LARGE
    if not large.any():
        return ratio
    return np.where(large, _stirling_ratio(np.where(large, x, _LARGE), step * large), ratio)


def _stirling_ratio(x, step):
    """By ln Γ(x) = (x - 1/2) ln x - x + ln(2 pi)/2 + 1/(12 x) - ..."""
    end = x + step
    logs = (x - 0.5) * np.log1p(step / x) + step * np.log(end) - step
    return logs - step / (12.0 * x * end)


def gamma_divergence(x: np.ndarray, step: np.ndarray) -> np.ndarray:
    """s ψ(x + s) - ln Γ(x + s) + ln Γ(x) >= 0, the Bregman divergence of ln Γ."""
    return step * psi(x + step) - log_gamma_ratio(x, step)
