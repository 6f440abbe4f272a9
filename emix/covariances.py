"""Descriptions of covariances that are more than a name."""

from __future__ import annotations

from functools import lru_cache

from sklearn.base import BaseEstimator

from ._input.validation import check_integer, check_option
from ._normal.covariances import DIAG, SPHERICAL, TIED_DIAG, TIED_SPHERICAL, Structure
from ._normal.factor_family import FactorAnalytic
from ._normal.low_rank import LowRank
from ._normal.sharing import EACH

__all__ = ["Factors"]

_NOISES = {
    "diag": DIAG,
    "spherical": SPHERICAL,
    "tied_diag": TIED_DIAG,
    "tied_spherical": TIED_SPHERICAL,
}


class Factors(BaseEstimator):
    """Covariances of few factors, for many features: C_k = W_k W_kᵀ + D_k.

    A value of ``covariance_type`` of :class:`emix.GaussianMixture`. Within a component the
    features vary together as far as they depend on ``n_factors`` numbers that are not seen, and
    else independently: a mixture of factor analysers [1]_ [2]_. A covariance then has about
    (n_factors + 1) * n_features numbers, and a pass over the data takes time and memory that grow
    with the number of features, not with its square.

    It holds parameters and learns nothing. It is a scikit-learn estimator so that ``clone``,
    ``repr`` and ``get_params`` know it, and searches reach what is in it:
    ``covariance_type__n_factors``.

    Parameters
    ----------
    n_factors : int, default=1
        Number of factors q, at least 1 and less than the number of features.

    noise : {'diag', 'spherical', 'tied_diag', 'tied_spherical'}, default='diag'
        Structure of D_k: a variance for each feature, or one for all of them (probabilistic
        principal components [3]_); of each component, or the same for all ('tied').

    See Also
    --------
    sklearn.decomposition.FactorAnalysis : One component, noise 'diag'.
    sklearn.decomposition.PCA : One component, noise 'spherical'.

    References
    ----------
    .. [1] Z. Ghahramani, G. E. Hinton (1997). The EM algorithm for mixtures of factor analyzers.
       Technical report CRG-TR-96-1, University of Toronto.
    .. [2] G. J. McLachlan, D. Peel (2000). Finite Mixture Models, chapter 8. Wiley.
    .. [3] M. E. Tipping, C. M. Bishop (1999). Mixtures of probabilistic principal component
       analyzers. Neural Computation 11, 443-482.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from emix import GaussianMixture
    >>> from emix.covariances import Factors
    >>> X = load_iris().data
    >>> mixture = GaussianMixture(3, covariance_type=Factors(1), random_state=0).fit(X)
    >>> mixture.loadings_.shape, mixture.noise_variances_.shape
    ((3, 4, 1), (3, 4))
    """

    def __init__(self, n_factors: int = 1, *, noise: str = "diag") -> None:
        self.n_factors = n_factors
        self.noise = noise

    def _structure(self) -> Structure:
        """What the engine makes of it, by checked parameters."""
        n_factors = check_integer("covariance_type.n_factors", self.n_factors, 1)
        return _structure(n_factors, check_option("covariance_type.noise", self.noise, _NOISES))


@lru_cache(maxsize=64)
def _structure(n_factors: int, noise: str) -> Structure:
    return Structure(LowRank(n_factors), EACH, FactorAnalytic(_NOISES[noise]))
