"""Rows with gaps, and EM on them row by row: the oracle of ``test_missing``."""

import numpy as np
from common import STRUCTURES, clusters, constrained, dense_stack
from scipy.special import logsumexp

LOG_2PI = np.log(2.0 * np.pi)


def with_gaps(X, share, seed=0, empty_rows=0):
    """A copy of X whose values are missing at random; some rows have none at all."""
    rng = np.random.RandomState(seed)
    X = np.array(X, dtype=float)
    X[rng.uniform(size=X.shape) < share] = np.nan
    X[rng.choice(len(X), empty_rows, replace=False)] = np.nan
    return X


def gapped_clusters(seed, n=120, d=4, n_components=2, share=0.25, empty_rows=2):
    return with_gaps(clusters(seed, n, d, n_components), share, seed, empty_rows)


def row_loop(X, weights, means, covariances, noise=0.0):
    """log_joint (n, K), E[x | o] (n, K, d) and E[(x - E)(x - E)ᵀ | o] (n, K, d, d), where rows
    stand for clouds of that noise; covariances (K, d, d)."""
    (n, d), n_components = X.shape, len(weights)
    log_joint = np.empty((n, n_components))
    mean, spread = np.empty((n, n_components, d)), np.empty((n, n_components, d, d))
    for i, x in enumerate(X):
        o = ~np.isnan(x)
        for k in range(n_components):
            own, gain = covariances[k][np.ix_(o, o)], covariances[k][:, o]
            inverse = np.linalg.inv(own)
            y = x[o] - means[k, o]
            log_joint[i, k] = np.log(weights[k]) - 0.5 * (
                y @ inverse @ y
                + np.linalg.slogdet(own)[1]
                + o.sum() * LOG_2PI
                + noise * np.trace(inverse)
            )
            filling = gain @ inverse
            mean[i, k] = means[k] + filling @ y
            spread[i, k] = covariances[k] - filling @ gain.T + noise * filling @ filling.T
    return log_joint, mean, spread


def em_with_gaps(X, covariance_type, weights, means, covariances, passes, weight=None, noise=0.0):
    """weights, means, covariances (K, d, d) after that many passes, and F at the last."""
    weight = np.ones(len(X)) if weight is None else weight
    for _ in range(passes):
        log_joint, mean, spread = row_loop(X, weights, means, covariances, noise)
        resp = np.exp(log_joint - logsumexp(log_joint, axis=1, keepdims=True)) * weight[:, None]
        total = resp.sum(axis=0)
        weights = total / total.sum()
        means = np.einsum("nk,nkd->kd", resp, mean) / total[:, None]
        y = mean - means
        scatter = np.einsum("nk,nki,nkj->kij", resp, y, y) + np.einsum("nk,nkij->kij", resp, spread)
        covariances = constrained(covariance_type, scatter, total)
    value = logsumexp(row_loop(X, weights, means, covariances, noise)[0], axis=1)
    return weights, means, covariances, np.average(value, weights=weight)


def dense_start(covariance_type, initial):
    """weights, means and covariances (K, d, d) of a dict of initial values."""
    structure = STRUCTURES[covariance_type]
    shape = initial["means_init"].shape
    precisions = dense_stack(structure, initial["precisions_init"], *shape)
    return initial["weights_init"], initial["means_init"], np.linalg.inv(precisions)
