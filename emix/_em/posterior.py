"""E-step rules: log_joint (K, m) -> the row's value and its responsibilities.

A rule maximises <q, log_joint> + H(q) over the q it allows, for every row (column of the
block). It writes *unnormalised* responsibilities into ``out``, and into ``value`` and
``norm``, both (m,),

    value = the maximum,
    norm such that resp = out * norm.

Leaving that product to the caller saves a sweep over (K, m): it can be put on the smaller
factor of the matrix product that follows, together with the sample weights.
"""

from __future__ import annotations

import math

import numpy as np


def soft(log_joint, out, value, norm) -> None:
    """q = p(z | x): value = log sum_k exp(log_joint_k), resp = exp(log_joint - value).

    The row's maximum is subtracted only if it must be: as long as the sum is a normal
    number, what underflowed in it is below its last bit. total * (1 / total) is finite for
    exactly those rows, which one scalar product checks for all.
    """
    np.exp(log_joint, out=out)
    np.add.reduce(out, axis=0, out=value)
    np.reciprocal(value, out=norm)
    if math.isfinite(value @ norm):
        np.log(value, out=value)
        return
    top = log_joint.max(axis=0)
    np.subtract(log_joint, top, out=out)
    np.exp(out, out=out)
    np.add.reduce(out, axis=0, out=value)
    np.reciprocal(value, out=norm)
    np.log(value, out=value)
    value += top


def hard(log_joint, out, value, norm) -> None:
    """q one-hot: value = max_k log_joint_k, resp = 1 at the first maximiser, else 0."""
    labels = log_joint.argmax(axis=0)
    columns = np.arange(labels.size)
    value[:] = log_joint[labels, columns]
    norm.fill(1.0)
    out.fill(0.0)
    out[labels, columns] = 1.0
