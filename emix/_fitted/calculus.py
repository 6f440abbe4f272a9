"""The density of a fitted mixture as a thing to compute with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from .._density.conditional import conditional, log_densities
from .._density.divergence import (
    Bounds,
    entropy_bounds,
    moments,
    variational_approximation,
    variational_bound,
)
from .._density.modes import Modes, modes
from .._density.normals import Normals
from .._density.overlap import overlap
from .._density.univariate import highest_density, log_tail, quantile
from .._input.features import feature_indices
from .._input.validation import check_integer, check_probability, check_seed
from .conditional_mixtures import ConditionalMixtures, check_levels
from .conversion import Conversion


class KLDivergence(NamedTuple):
    """What :meth:`GaussianMixture.kl_divergence` finds, in nats."""

    estimate: float
    standard_error: float
    approximation: float
    upper_bound: float


class DensityCalculus(Conversion):
    """Marginals, conditionals, moments, tails, modes and distances of a mixture of normals.

    Everything is computed from the parameters, in double precision, with logarithms of
    densities and weights.
    """

    # --- parts ------------------------------------------------------------------------------

    def marginal(self, features: int | str | Sequence[int] | Sequence[str]) -> Self:
        """The distribution of some features.

        Parameters
        ----------
        features : int, str or sequence of them
            Indices or names of the features to keep, in the order in which they shall come;
            negative indices count from the end.

        Returns
        -------
        mixture : object
            A fitted mixture over these features, with the same weights and ``covariance_type``.

        Raises
        ------
        ValueError, TypeError
            If there is no such feature, or one comes twice.

        Examples
        --------
        >>> from emix import GaussianMixture
        >>> from emix.datasets import load_faithful
        >>> mixture = GaussianMixture(2, random_state=0).fit(load_faithful().data)
        >>> waiting = mixture.marginal([1])
        >>> waiting.means_.shape, float(waiting.cdf(70.0).round(3))
        ((2, 1), 0.386)
        """
        kept = self._indices(features)
        return self._like(self._normals().marginal(kept), self._names_of(kept))

    def conditional(
        self, features: int | str | Sequence[int] | Sequence[str], values: ArrayLike
    ) -> Self | ConditionalMixtures:
        """The distribution of the other features where some have given values.

        With features a given and b left, the weights become proportional to w_k N(a | k), and the
        normal of b has mean mu_b + C_ba C_aa⁻¹ (a - mu_a) and covariance
        C_bb - C_ba C_aa⁻¹ C_ab (Ghahramani & Jordan 1994, NIPS 6, 120-127).

        Parameters
        ----------
        features : int, str or sequence of them
            Indices or names of the m features that are given.

        values : float, array-like of shape (m,) or (n_samples, m)
            Their values. NaN where one is not known, which is then left out of the condition.

        Returns
        -------
        mixture : object
            For one row of values a fitted mixture over the features that are not given, in
            their order; those of value NaN are not part of it. Its ``covariance_type`` is the same.

        mixtures : ConditionalMixtures
            For several rows the weights, means and covariances of each.

        Raises
        ------
        ValueError, TypeError
            If features are unknown, come twice, or are all given, or the values are of
            another shape or infinite.

        Examples
        --------
        >>> from emix import GaussianMixture
        >>> from emix.datasets import load_faithful
        >>> mixture = GaussianMixture(2, random_state=0).fit(load_faithful().data)
        >>> after_long = mixture.conditional([0], [4.5])
        >>> after_long.mean_.round(1), after_long.covariance_.round(1)
        (array([81.1]), array([[30.8]]))
        """
        given = self._indices(features)
        wanted = np.setdiff1d(np.arange(self.n_features_in_), given)
        if not wanted.size:
            raise ValueError("features must leave at least one feature whose distribution is asked")
        values = np.asarray(values, dtype=float)
        if values.ndim > 2 or np.atleast_1d(values).shape[-1] != given.size:
            raise ValueError(
                f"values must have one entry per given feature, shape ({given.size},) or "
                f"(n_samples, {given.size}), got {values.shape}"
            )
        if np.isinf(values).any() or not values.size:
            raise ValueError("values must not be infinite nor empty; use NaN for unknown values")
        found = conditional(self._normals(), given, wanted, np.atleast_2d(values))
        if values.ndim == 2:
            return ConditionalMixtures._of(found)
        one = Normals(found.log_weights[0], found.means[0], found.roots[0])
        return self._like(one, self._names_of(wanted))

    def _indices(self, features) -> np.ndarray:
        """Indices of features that are given as such or by name."""
        check_is_fitted(self)
        names = list(getattr(self, "feature_names_in_", ()))
        return feature_indices(features, self.n_features_in_, names)

    def _names_of(self, features: np.ndarray) -> np.ndarray | None:
        names = getattr(self, "feature_names_in_", None)
        return None if names is None else names[features]

    # --- moments ----------------------------------------------------------------------------

    @property
    def mean_(self) -> np.ndarray:
        """Mean of the whole distribution, (n_features,)."""
        return moments(self._normals())[0]

    @property
    def covariance_(self) -> np.ndarray:
        """Covariance of the whole distribution, (n_features, n_features): within components, and
        between their means."""
        return moments(self._normals())[1]

    def log_prob_components(self, X: ArrayLike) -> np.ndarray:
        """Log-density of every row under each component by itself.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to evaluate.

        Returns
        -------
        log_prob : ndarray of shape (n_samples, n_components)
            log N(x | k), without the weights. float32 if X is.
        """
        normals, X = self._normals(), self._validated(X)
        return log_densities(normals, np.asarray(X, dtype=np.float64)).astype(X.dtype, copy=False)

    # --- one feature ------------------------------------------------------------------------

    def _line(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """log_weights, means and scales, (K,) each, of a mixture of one feature."""
        normals = self._normals()
        if normals.means.shape[1] != 1:
            raise ValueError(
                f"this is for mixtures of one feature, and there are {normals.means.shape[1]}; "
                "take one of them first, for instance mixture.marginal([0])"
            )
        return normals.log_weights, normals.means[:, 0], normals.roots[:, 0, 0]

    def cdf(self, x: ArrayLike) -> np.ndarray:
        """P(X <= x) of a mixture of one feature.

        Parameters
        ----------
        x : array-like of any shape
            Points, in the units of the data.

        Returns
        -------
        probability : ndarray of the shape of x

        Raises
        ------
        ValueError
            If there is more than one feature, or x has NaN.

        Examples
        --------
        >>> from emix import GaussianMixture
        >>> mixture = GaussianMixture.from_parameters([0.5, 0.5], [[-2.0], [2.0]], [1.0, 1.0])
        >>> mixture.cdf([0.0, 2.0])
        array([0.5       , 0.74998416])
        """
        return np.exp(self.logcdf(x))

    def ccdf(self, x: ArrayLike) -> np.ndarray:
        """P(X > x) of a mixture of one feature, exact where it is small.

        Parameters
        ----------
        x : array-like of any shape
            Points, in the units of the data.

        Returns
        -------
        probability : ndarray of the shape of x

        Raises
        ------
        ValueError
            If there is more than one feature, or x has NaN.
        """
        return np.exp(self.logccdf(x))

    def logcdf(self, x: ArrayLike) -> np.ndarray:
        """log P(X <= x) of a mixture of one feature, finite where the probability underflows.

        Parameters
        ----------
        x : array-like of any shape
            Points, in the units of the data.

        Returns
        -------
        log_probability : ndarray of the shape of x

        Raises
        ------
        ValueError
            If there is more than one feature, or x has NaN.
        """
        return log_tail(_points(x), *self._line(), 1.0)

    def logccdf(self, x: ArrayLike) -> np.ndarray:
        """log P(X > x) of a mixture of one feature, finite where the probability underflows.

        Parameters
        ----------
        x : array-like of any shape
            Points, in the units of the data.

        Returns
        -------
        log_probability : ndarray of the shape of x

        Raises
        ------
        ValueError
            If there is more than one feature, or x has NaN.
        """
        return log_tail(_points(x), *self._line(), -1.0)

    def quantile(self, q: ArrayLike) -> np.ndarray:
        """Quantiles of a mixture of one feature, the inverse of :meth:`cdf`.

        Parameters
        ----------
        q : array-like of any shape
            Probabilities, from 0 to 1.

        Returns
        -------
        x : ndarray of the shape of q
            Infinite at 0 and 1.

        Raises
        ------
        ValueError
            If there is more than one feature, or a probability is not between 0 and 1.

        Examples
        --------
        >>> from emix import GaussianMixture
        >>> mixture = GaussianMixture.from_parameters([0.5, 0.5], [[-2.0], [2.0]], [1.0, 1.0])
        >>> mixture.quantile([0.05, 0.5, 0.95]).round(2) + 0.0
        array([-3.28,  0.  ,  3.28])
        """
        return quantile(check_levels("q", q), *self._line())

    def icdf(self, q: ArrayLike) -> np.ndarray:
        """Quantiles of a mixture of one feature: :meth:`quantile` by its name in scipy.stats.

        Parameters
        ----------
        q : array-like of any shape
            Probabilities, from 0 to 1.

        Returns
        -------
        x : ndarray of the shape of q
            Infinite at 0 and 1.
        """
        return self.quantile(q)

    def iccdf(self, q: ArrayLike) -> np.ndarray:
        """Quantiles of the upper tail, the inverse of :meth:`ccdf`; exact where q is small.

        Parameters
        ----------
        q : array-like of any shape
            Probabilities P(X > x), from 0 to 1.

        Returns
        -------
        x : ndarray of the shape of q
            Infinite at 0 and 1.

        Raises
        ------
        ValueError
            If there is more than one feature, or a probability is not between 0 and 1.

        Examples
        --------
        >>> from emix import GaussianMixture
        >>> mixture = GaussianMixture.from_parameters([0.5, 0.5], [[-2.0], [2.0]], [1.0, 1.0])
        >>> mixture.iccdf([0.05, 1e-100]).round(2)
        array([ 3.28, 23.24])
        """
        log_weights, means, scales = self._line()
        # the lower tail of the mirrored mixture
        return -quantile(check_levels("q", q), log_weights, -means, scales)

    def highest_density_region(self, probability: float = 0.95) -> np.ndarray:
        """The shortest set of a given probability, of a mixture of one feature.

        It is where the density exceeds some level, and falls apart into intervals around the modes
        (Hyndman 1996, American Statistician 50, 120-126).

        Parameters
        ----------
        probability : float, default=0.95
            Probability of the set, between 0 and 1.

        Returns
        -------
        intervals : ndarray of shape (n_intervals, 2)
            Lower and upper ends, in rising order.

        Raises
        ------
        ValueError
            If there is more than one feature, or the probability is not between 0 and 1.

        Examples
        --------
        >>> from emix import GaussianMixture
        >>> mixture = GaussianMixture.from_parameters([0.5, 0.5], [[-2.0], [2.0]], [1.0, 1.0])
        >>> mixture.highest_density_region(0.8).round(2)
        array([[-3.25, -0.71],
               [ 0.71,  3.25]])
        """
        return highest_density(check_probability("probability", probability), *self._line())

    # --- the whole --------------------------------------------------------------------------

    def entropy_bounds(self) -> Bounds:
        """Bounds of the differential entropy -E log p(x), which has no closed form.

        The better of two bounds on each side: by pairwise Bhattacharyya and Kullback-Leibler
        distances of components [1]_, and by products of components and the normal of equal
        covariance [2]_.

        Returns
        -------
        bounds : named tuple (lower, upper) of float
            In nats. Equal for one component, and nearly so for components that are far apart.

        References
        ----------
        .. [1] A. Kolchinsky, B. D. Tracey (2017). Estimating mixture entropy with pairwise
           distances. Entropy 19, 361.
        .. [2] M. F. Huber, T. Bailey, H. Durrant-Whyte, U. D. Hanebeck (2008). On entropy
           approximation for Gaussian mixture random vectors. IEEE MFI 2008, 181-188.

        Examples
        --------
        >>> from emix import GaussianMixture
        >>> mixture = GaussianMixture.from_parameters([0.5, 0.5], [[-2.0], [2.0]], [1.0, 1.0])
        >>> lower, upper = mixture.entropy_bounds()
        >>> round(lower, 3), round(upper, 3)
        (1.985, 2.112)
        """
        return entropy_bounds(self._normals())

    def kl_divergence(
        self,
        other: DensityCalculus,
        *,
        n_samples: int = 10_000,
        random_state: int | np.random.RandomState | None = None,
    ) -> KLDivergence:
        """Kullback-Leibler divergence of another mixture from this one, E log p(x) - log q(x).

        The expectation is over this mixture, p; it has no closed form.

        Parameters
        ----------
        other : GaussianMixture
            q, a fitted mixture over the same features.

        n_samples : int, default=10000
            Rows that are drawn for the estimate, at least 2.

        random_state : int, RandomState instance or None, default=None
            Source of randomness; None uses the estimator's ``random_state``.

        Returns
        -------
        divergence : named tuple of float, in nats
            ``estimate``, the mean over the rows drawn, without bias, with its
            ``standard_error``; ``approximation`` and ``upper_bound``, the variational
            approximation and the variational upper bound of Hershey & Olsen [1]_, without
            chance. Both are exact for one component in each mixture.

        Raises
        ------
        ValueError, TypeError
            If ``other`` is not such a mixture.

        References
        ----------
        .. [1] J. R. Hershey, P. A. Olsen (2007). Approximating the Kullback Leibler divergence
           between Gaussian mixture models. ICASSP 2007, IV-317-320.

        Examples
        --------
        >>> from emix import GaussianMixture
        >>> p = GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
        >>> q = GaussianMixture.from_parameters([1.0], [[1.0]], [[[1.0]]])
        >>> p.kl_divergence(q, random_state=0).upper_bound
        0.5
        """
        if not isinstance(other, DensityCalculus):
            raise TypeError(f"other must be a fitted GaussianMixture, got {type(other).__name__}")
        p, q = self._normals(), other._normals()
        if p.means.shape[1] != q.means.shape[1]:
            raise ValueError(
                f"other must have the same features: {p.means.shape[1]} here, "
                f"{q.means.shape[1]} there"
            )
        n = check_integer("n_samples", n_samples, 2)
        rng = check_seed(self.random_state if random_state is None else random_state)
        rows = p.sample(n, rng)
        ratios = p.log_density(rows) - q.log_density(rows)
        return KLDivergence(
            float(ratios.mean()),
            float(ratios.std(ddof=1) / np.sqrt(n)),
            variational_approximation(p, q),
            variational_bound(p, q),
        )

    def modes(self) -> Modes:
        """Modes of the density: its local maxima, from every mean uphill.

        Mean-shift [1]_ with Newton's steps at the end. A mixture of more than one feature can have
        modes that are not reached from a mean, even more modes than components.

        Returns
        -------
        modes : named tuple
            ``locations`` of shape (n_modes, n_features), in falling order of density;
            ``log_densities`` of shape (n_modes,); ``components`` of shape (n_components,), the
            mode that the climb from each component's mean ends at.

        References
        ----------
        .. [1] M. A. Carreira-Perpinan (2000). Mode-finding for mixtures of Gaussian distributions.
           IEEE Trans. PAMI 22, 1318-1323.

        Examples
        --------
        >>> from emix import GaussianMixture
        >>> mixture = GaussianMixture.from_parameters(
        ...     [0.4, 0.2, 0.4], [[0.0], [1.0], [5.0]], [1.0, 1.0, 1.0]
        ... )
        >>> mixture.modes().locations.round(2)
        array([[0.29],
               [5.  ]])
        """
        return modes(self._normals())

    def overlap(self) -> np.ndarray:
        """Probabilities that a row of one component looks like one of another.

        Entry (i, j) is the probability, for a row drawn from component i, that component j has
        the larger weighted density: of a pair by itself, whatever the others. It is the
        distribution of a quadratic form in normals (Maitra & Melnykov 2010, J. of Computational
        and Graphical Statistics 19, 354-376), here with a relative error of about 1e-11.

        Returns
        -------
        overlap : ndarray of shape (n_components, n_components)
            Zero on the diagonal. ``overlap + overlap.T`` are the pairs' overlaps of that paper.

        Examples
        --------
        >>> from emix import GaussianMixture
        >>> mixture = GaussianMixture.from_parameters([0.5, 0.5], [[-1.0], [1.0]], [1.0, 1.0])
        >>> mixture.overlap().round(4)
        array([[0.    , 0.1587],
               [0.1587, 0.    ]])
        """
        return overlap(self._normals())


def _points(x: ArrayLike) -> np.ndarray:
    points = np.asarray(x, dtype=float)
    if np.isnan(points).any():
        raise ValueError("x contains NaN")
    return points
