"""The free energy at responsibilities and parameters of one's choice."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr

# Responsibilities of a row add up to one but for this.
_SUM = 1e-6


def free_energy(log_joint: ArrayLike, resp: ArrayLike) -> np.ndarray:
    """The free energy of every row, at responsibilities and parameters of one's choice.

    For a row x with responsibilities r_k of the components k, and parameters theta,

        F = sum_k r_k log p(x, z = k | theta) + H(r),        H(r) = -sum_k r_k log r_k.

    F is a lower bound of log p(x | theta). It lies below by KL(r || p(z | x, theta)), so the two
    are equal where the responsibilities are the posterior of theta [1]_. The fits of emix maximise
    the mean of F over the rows.

    Parameters
    ----------
    log_joint : array-like of shape (n_samples, n_components)
        Logarithm of p(x, z = k | theta), in nats. Of a mixture it is
        ``mixture.log_prob_components(X) + numpy.log(mixture.weights_)``. It may be -inf.

    resp : array-like of shape (n_samples, n_components)
        Responsibilities: not negative, each row adds up to one.

    Returns
    -------
    free_energy : ndarray of shape (n_samples,)
        F of every row, in nats. It is -inf where a component that cannot have made the row has a
        responsibility for it.

    Raises
    ------
    ValueError
        If the arrays are not two-dimensional or differ in shape, if ``log_joint`` has NaN or
        infinity, or if the rows of ``resp`` are no probabilities.

    References
    ----------
    .. [1] R. M. Neal, G. E. Hinton (1998). A view of the EM algorithm that justifies incremental,
       sparse, and other variants. In Learning in Graphical Models, 355-368.

    Examples
    --------
    >>> import numpy as np
    >>> from emix import GaussianMixture
    >>> from emix.datasets import load_faithful
    >>> from emix.em import free_energy
    >>> X = load_faithful().data
    >>> mixture = GaussianMixture(2, random_state=0).fit(X)
    >>> log_joint = mixture.log_prob_components(X) + np.log(mixture.weights_)
    >>> posterior = mixture.predict_proba(X)
    >>> bool(np.allclose(free_energy(log_joint, posterior), mixture.score_samples(X)))
    True
    >>> halves = np.full((len(X), 2), 0.5)
    >>> bool((free_energy(log_joint, halves) < mixture.score_samples(X)).all())
    True
    """
    log_joint, resp = _table("log_joint", log_joint), _table("resp", resp)
    if log_joint.shape != resp.shape:
        raise ValueError(
            f"log_joint and resp must have the same shape, got {log_joint.shape} and {resp.shape}"
        )
    if np.isnan(log_joint).any() or np.isposinf(log_joint).any():
        raise ValueError("log_joint must be free of NaN and +inf")
    _check_probabilities(resp)
    expected = np.multiply(resp, log_joint, out=np.zeros_like(resp), where=resp > 0.0)
    return (expected + entr(resp)).sum(axis=1)


def _table(name: str, value: Any) -> np.ndarray:
    table = np.asarray(value, dtype=float)
    if table.ndim != 2:
        raise ValueError(f"{name} must have the shape (n_samples, n_components), got {table.shape}")
    return table


def _check_probabilities(resp: np.ndarray) -> None:
    if not (resp >= 0.0).all():
        raise ValueError("resp must be free of NaN and not negative")
    total = resp.sum(axis=1)
    wrong = np.flatnonzero(np.abs(total - 1.0) > _SUM)
    if wrong.size:
        row = wrong[0]
        raise ValueError(f"rows of resp must add up to one; row {row} adds up to {total[row]:.6g}")
