"""How often a row of one component is more probably one of another (Maitra & Melnykov 2010).

For x of component i, D(x) = log w_j N(x | j) - log w_i N(x | i) is a quadratic form in normals.
With x = mu_i + R_iᵀ e, M = R_j⁻ᵀ R_iᵀ = P diag(m) Qᵀ and v = Pᵀ R_j⁻ᵀ (mu_i - mu_j), it is

    D = t + sum_l (a_l e_l² / 2 - b_l e_l),   e standard normal,
    t = log(w_j / w_i) + log|R_i| - log|R_j| - |v|² / 2,   a_l = 1 - m_l²,   b_l = v_l m_l,

and its cumulant generating function is

    K(s) = t s + sum_l [-log(1 - a_l s) + b_l² s² / (1 - a_l s)] / 2.

P(D > 0) is the integral of exp(K(s)) / (2 pi i s) along a path from -i oo to i oo that crosses the
real axis between zero and the first singularity, all of which are real. The path crosses at the
saddle point, where the integrand is smallest on the axis, so that even a tiny probability has its
digits (Rice 1980), and bends to the side on which the integrand decays.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit

from .normals import Normals, whitened

# The trapezoidal rule's variable u: the path ends exp(60) widths of the saddle away. It begins with
# 300 nodes, and doubles them, at most 8 times, until the sum changes by less than 1e-11 of itself.
_REACH, _NODES, _HALVINGS, _SAME = 60.0, 300, 8, 1e-11
# Slope of the path against the vertical: below 1 the squares that equal covariances leave decay.
_BEND = 0.5
# Logarithms of s between which the saddle point is sought.
_WIDEST = 80.0


def overlap(normals: Normals) -> np.ndarray:
    """P(w_j N(x | j) > w_i N(x | i) | x of component i), (K, K); zero for i = j."""
    n_components, d = normals.means.shape
    found = np.zeros((n_components, n_components))
    # a component of weight zero loses to any other, and never wins
    log_odds = normals.log_weights - normals.log_weights[:, None]
    const = log_odds + normals.log_dets[:, None] - normals.log_dets
    for j, (root, mean) in enumerate(zip(normals.roots, normals.means, strict=True)):
        ratios = whitened(root, normals.roots.reshape(-1, d)).reshape(-1, d, d)
        shifts = whitened(root, normals.means - mean)
        for i in range(n_components):
            if i != j:
                left, m, _ = np.linalg.svd(ratios[i].T)
                v = left.T @ shifts[i]
                drift = const[i, j] - 0.5 * np.vdot(v, v)
                found[i, j] = positive_probability(drift, (1.0 - m) * (1.0 + m), v * m)
    return found


def positive_probability(t: float, a: np.ndarray, b: np.ndarray) -> float:
    """P(t + sum_l (a_l e_l² / 2 - b_l e_l) > 0)."""
    if t + 0.5 * a.sum() > 0.0:
        return 1.0 - _tail(-t, -a, b * b)
    return _tail(t, a, b * b)


def _tail(t: float, a: np.ndarray, squares: np.ndarray) -> float:
    """The same where the mean of D is not positive; squares are b²."""
    moving = (a != 0.0) | (squares != 0.0)
    a, squares = a[moving], squares[moving]
    curved = a != 0.0
    # K(s) -> s top as s grows, and top is the largest value of D if all a are negative
    top = t - 0.5 * (squares[curved] / a[curved]).sum()
    if a.max(initial=-1.0) < 0.0 and top <= 0.0:
        return 0.0

    def exponent(s):
        """K(s) - log s, and with it log of the integrand."""
        pole = 1.0 - np.multiply.outer(s, a)
        terms = squares * (s * s)[..., None] / pole - np.log(pole)
        return t * s + 0.5 * terms.sum(axis=-1) - np.log(s)

    first = 1.0 / a.max(initial=0.0) if a.max(initial=0.0) > 0.0 else math.inf
    saddle = _saddle(exponent, first)
    pole = 1.0 - a * saddle
    # second derivative of the exponent there
    curvature = (0.5 * a * a / pole**2 + squares / pole**3).sum() + saddle**-2
    width = 1.0 / math.sqrt(curvature)
    bend = -math.copysign(_BEND, top)
    height = exponent(np.array(saddle))

    def integrand(u):
        path = saddle + width * (bend * (np.cosh(u) - 1.0) + 1j * np.sinh(u))
        step = width * (bend * np.sinh(u) + 1j * np.cosh(u))
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            values = (np.exp(exponent(path) - height) * step).imag
        return np.where(np.isfinite(values), values, 0.0)

    integral = _trapezoid(integrand) / math.pi
    return float(min(max(integral * math.exp(height), 0.0), 1.0))


def _trapezoid(integrand) -> float:
    """Over u > 0 of a function that is even, by halving the step until the sum stands."""
    step = _REACH / _NODES
    total = 0.5 * integrand(np.zeros(1))[0] + integrand(step * np.arange(1, _NODES)).sum()
    for _ in range(_HALVINGS):
        last = total * step
        step *= 0.5
        total += integrand(np.arange(step, _REACH, 2.0 * step)).sum()
        if abs(total * step - last) <= _SAME * abs(last):
            break
    return total * step


def _saddle(exponent, first: float) -> float:
    """Where the convex function is least, between zero and the first singularity."""

    def place(z):
        return first * expit(z) if math.isfinite(first) else math.exp(z)

    low, high = -_WIDEST, _WIDEST
    if math.isfinite(first):
        high = 34.0  # expit(z) is 1 beyond
    found = minimize_scalar(
        lambda z: float(exponent(np.array(place(z)))), bounds=(low, high), method="bounded"
    )
    return place(found.x)
