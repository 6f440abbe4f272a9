"""Mixtures of the same components for many rows, each with weights and means of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from .._density.conditional import Conditional
from .._density.normals import total_moments
from .._density.univariate import log_tail, quantile
from .._input.validation import check_array_of, check_integer, check_seed
from .._normal.gaussian import LOG_2PI


@dataclass(frozen=True, repr=False)
class ConditionalMixtures:
    """Distributions of some features, one for each row of values of the others.

    What :meth:`GaussianMixture.conditional` returns for many rows, and
    :meth:`GaussianMixtureRegressor.predict_distribution`. Row i is a mixture of normals of K
    components over q features.

    Attributes
    ----------
    log_weights : ndarray of shape (n_samples, n_components)
        Logarithms of the weights: log p(z = k | what is given).

    means : ndarray of shape (n_samples, n_components, q)
        Means of the components.

    covariances : ndarray of shape (n_samples, n_components, q, q)
        Covariances of the components. They depend only on which features are known, and are a
        read-only view of one (K, q, q) where that is the same for all rows.

    log_density : ndarray of shape (n_samples,)
        Log-density of what is given.

    weights, mean, covariance : ndarray
        Weights (n_samples, n_components), mean (n_samples, q) and covariance
        (n_samples, q, q) of the whole.

    Examples
    --------
    >>> from emix import GaussianMixture
    >>> from emix.datasets import load_faithful
    >>> X = load_faithful().data
    >>> mixture = GaussianMixture(2, random_state=0).fit(X)
    >>> waiting = mixture.conditional([0], [[2.0], [4.5]])
    >>> waiting.mean.round(1)
    array([[54.2],
           [81.1]])
    >>> waiting.quantile([0.05, 0.95]).round(0)[:, :, 0]
    array([[45., 63.],
           [72., 90.]])
    """

    log_weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    log_density: np.ndarray
    _roots: np.ndarray

    @classmethod
    def _of(cls, given: Conditional) -> ConditionalMixtures:
        n = len(given.means)
        roots = given.roots[:1] if n and not given.roots.strides[0] else given.roots
        covariances = roots.swapaxes(-1, -2) @ roots
        covariances = np.broadcast_to(covariances, given.roots.shape)
        return cls(given.log_weights, given.means, covariances, given.log_density, given.roots)

    def __len__(self) -> int:
        return len(self.means)

    def __repr__(self) -> str:
        n, n_components, q = self.means.shape
        return f"ConditionalMixtures(n_samples={n}, n_components={n_components}, n_features={q})"

    @property
    def weights(self) -> np.ndarray:
        return np.exp(self.log_weights)

    @property
    def mean(self) -> np.ndarray:
        return np.einsum("nk,nki->ni", self.weights, self.means)

    @property
    def covariance(self) -> np.ndarray:
        return total_moments(self.weights, self.means, self.covariances)[1]

    @property
    def variance(self) -> np.ndarray:
        """Variances of the features, (n_samples, q)."""
        weights, mean = self.weights, self.mean
        within = self.covariances.diagonal(axis1=-2, axis2=-1)
        spread = (self.means - mean[:, None, :]) ** 2
        return np.einsum("nk,nki->ni", weights, within + spread)

    def logpdf(self, Y: ArrayLike) -> np.ndarray:
        """Log-density of a row of features under each mixture.

        Parameters
        ----------
        Y : array-like of shape (n_samples, q)
            Row i is evaluated under mixture i.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
        """
        n, _, q = self.means.shape
        y = check_array_of("Y", Y, (n, q))[:, None, :] - self.means
        white = _solved(self._roots, y)
        log_dets = np.log(self._roots.diagonal(axis1=-2, axis2=-1)).sum(axis=-1)
        log_joint = self.log_weights - 0.5 * np.vecdot(white, white) - log_dets
        return logsumexp(log_joint, axis=1) - 0.5 * q * LOG_2PI

    def sample(
        self, n_samples: int = 1, random_state: int | np.random.RandomState | None = None
    ) -> np.ndarray:
        """Draw from every mixture.

        Parameters
        ----------
        n_samples : int, default=1
            Draws from each.

        random_state : int, RandomState instance or None, default=None
            Source of randomness.

        Returns
        -------
        Y : ndarray of shape (n_rows, n_samples, q)
        """
        count, rng = check_integer("n_samples", n_samples, 1), check_seed(random_state)
        n, _, q = self.means.shape
        ends = np.cumsum(self.weights, axis=1)[:, :-1]
        labels = (rng.uniform(size=(n, count, 1)) >= ends[:, None, :]).sum(axis=2)
        rows = np.arange(n)[:, None]
        normal = rng.standard_normal((n, count, q))
        found = np.array(self.means[rows, labels])
        # component by component: a root for every draw would be large
        for k in range(self.means.shape[1]):
            row, draw = np.nonzero(labels == k)
            if not row.size:
                continue
            roots = self._roots[:, k]
            if roots.strides[0]:
                found[row, draw] += np.matmul(normal[row, draw, None, :], roots[row])[:, 0]
            else:
                found[row, draw] += normal[row, draw] @ roots[0]
        return found

    def cdf(self, Y: ArrayLike) -> np.ndarray:
        """P(feature <= y) of every feature by itself.

        Where the model holds, these are uniformly distributed over the rows of new data.

        Parameters
        ----------
        Y : array-like of shape (n_samples, q)
            Row i is evaluated under mixture i.

        Returns
        -------
        probability : ndarray of shape (n_samples, q)
        """
        n, _, q = self.means.shape
        y = check_array_of("Y", Y, (n, q))
        scales = np.sqrt(self.covariances.diagonal(axis1=-2, axis2=-1))
        # (n, features, components)
        means, scales = self.means.swapaxes(1, 2), scales.swapaxes(1, 2)
        return np.exp(log_tail(y, self.log_weights[:, None, :], means, scales, 1.0))

    def quantile(self, q: float | ArrayLike) -> np.ndarray:
        """Quantiles of every feature by itself.

        Parameters
        ----------
        q : float or array-like of shape (n_quantiles,)
            Probabilities, from 0 to 1.

        Returns
        -------
        values : ndarray of shape (n_samples, q) or (n_samples, n_quantiles, q)
            Infinite at 0 and 1.

        Raises
        ------
        ValueError
            If a probability is not between 0 and 1.
        """
        levels = check_levels("q", q)
        if levels.ndim > 1:
            raise ValueError(f"q must be a number or one-dimensional, got shape {levels.shape}")
        scales = np.sqrt(self.covariances.diagonal(axis1=-2, axis2=-1))
        # (n, levels, features, components)
        means, scales = (a.swapaxes(1, 2)[:, None] for a in (self.means, scales))
        flat = np.atleast_1d(levels)
        shape = (len(self), flat.size, self.means.shape[2])
        spread = np.broadcast_to(flat[None, :, None], shape)
        values = quantile(spread, self.log_weights[:, None, None, :], means, scales)
        return values if levels.ndim else values[:, 0]


def check_levels(name: str, value: ArrayLike) -> np.ndarray:
    """Probabilities, from 0 to 1."""
    levels = np.asarray(value, dtype=float)
    if levels.size and not (levels.min() >= 0.0 and levels.max() <= 1.0):
        raise ValueError(f"{name} must be between 0 and 1, got {value!r}")
    return levels


def _solved(roots: np.ndarray, y: np.ndarray) -> np.ndarray:
    """R⁻ᵀ y, (n, K, q), by forward substitution over the features."""
    white = np.empty_like(y)
    for i in range(y.shape[-1]):
        done = np.vecdot(roots[..., :i, i], white[..., :i])
        white[..., i] = (y[..., i] - done) / roots[..., i, i]
    return white
