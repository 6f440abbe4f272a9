"""Wishart distributions of a precision P, for every form of covariance.

``degrees`` n are the degrees of freedom per feature, and C = (E P)⁻¹:

- dense: Wishart of n degrees;
- diagonal: independent P_j ~ Gamma(n / 2, n C_j / 2);
- isotropic: P ~ Gamma(d n / 2, d n C / 2).

So counted, every row adds one degree, and the mean covariance after some rows is the
weighted mean of the prior's and the rows', for all forms alike.
"""

from __future__ import annotations

import numpy as np
from scipy.special import psi

from .._normal.protocols import Form
from .gamma import gamma_divergence, log_gamma_ratio


def _shared_features(form: Form, d: int) -> int:
    """How many features share one variance."""
    return d // form.n_variances(d)


def _chi_squares(form: Form, degrees: np.ndarray, d: int) -> np.ndarray:
    """Degrees of freedom of the chi-squares that make up |P|, (..., n_variances)."""
    return _shared_features(form, d) * np.asarray(degrees)[..., None] - form.bartlett(d)


def log_det_gap(form: Form, degrees: np.ndarray, d: int) -> np.ndarray:
    """E log|P| - log|E P|."""
    shared = _shared_features(form, d)
    whole = 0.5 * shared * np.asarray(degrees)[..., None]
    return shared * (psi(0.5 * _chi_squares(form, degrees, d)) - np.log(whole)).sum(-1)


def marginal_degrees(form: Form, degrees: np.ndarray, d: int, n_seen: int) -> np.ndarray:
    """Of the precision of n_seen of d features. A covariance's inverse Wishart distribution leaves
    that of some features with the same scale n C, and as many degrees less as features are left
    out."""
    lost = form.bartlett(d).max() - form.bartlett(n_seen).max()
    return (_shared_features(form, d) * np.asarray(degrees) - lost) / _shared_features(form, n_seen)


def scale_of_marginal(form: Form, degrees: np.ndarray, d: int, n_seen: int) -> np.ndarray:
    """By what the part of C that belongs to these features is multiplied."""
    own = _shared_features(form, n_seen) * marginal_degrees(form, degrees, d, n_seen)
    return _shared_features(form, d) * np.asarray(degrees) / own


def factorised(form: Form, covariance: np.ndarray, d: int, scale: np.ndarray | float = 1.0):
    """scale C scale and its factor; of equal diagonal entries meanwhile, so that neither units
    nor rounding make it singular."""
    root = np.sqrt(np.maximum(form.variances(covariance, d), np.finfo(float).tiny))
    unit, _ = form.rescale(covariance, np.zeros_like(covariance), 1.0 / root)
    fitted = form.factorise(unit, form.floor(unit))
    return form.rescale(fitted.covariance, fitted.factor, root * scale)


def divergence(form, prior, degrees, log_det_ratio, trace, d):
    """Terms of the Kullback-Leibler divergence from a prior of ``prior`` degrees and mean C0⁻¹:
    log_det_ratio = log|C| - log|C0|, trace = tr(C⁻¹ C0)."""
    added = degrees - prior
    steps = 0.5 * _shared_features(form, d) * np.asarray(added)[..., None]
    return [
        gamma_divergence(0.5 * _chi_squares(form, prior, d), steps).sum(-1),
        0.5 * prior * (log_det_ratio + trace - d),
        0.5 * d * (prior * np.log1p(added / prior) - added),
    ]


def log_student_norm(form, degrees, d):
    """Of x normal given its precision: the log of the density's constant without log|V|, the
    power of its tail, and the degrees of freedom n by which V Vᵀ is divided."""
    shared = _shared_features(form, d)
    halves = 0.5 * _chi_squares(form, degrees, d)
    norm = log_gamma_ratio(halves, np.asarray(0.5 * shared)).sum(-1) - 0.5 * d * np.log(np.pi)
    n = shared * np.asarray(degrees)
    return norm, 0.5 * (n + shared), n
