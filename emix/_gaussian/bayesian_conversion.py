"""A Bayesian mixture as scikit-learn's."""

from __future__ import annotations

import numpy as np
import sklearn.mixture
from sklearn.utils.validation import check_is_fitted

from .._fitted.base import BaseNormalMixture
from .._fitted.fitted import when_fitted

# Structures for which scikit-learn's responsibilities are those of the posterior. For 'diag' and
# 'spherical' scikit-learn uses the formula of full matrices, which gives others. It has neither
# 'tied_diag' nor 'tied_spherical'.
_EQUAL = ("full", "tied")
_COPIED = (
    "weights_",
    "means_",
    "covariances_",
    "precisions_",
    "precisions_cholesky_",
    "weight_concentration_",
    "weight_concentration_prior_",
    "mean_precision_",
    "mean_precision_prior_",
    "mean_prior_",
    "degrees_of_freedom_",
    "degrees_of_freedom_prior_",
    "covariance_prior_",
    "converged_",
    "n_iter_",
    "lower_bound_",
    "lower_bounds_",
    "n_features_in_",
    "feature_names_in_",
)


class BayesianConversion(BaseNormalMixture):
    """What hands a fitted Bayesian mixture on."""

    def to_sklearn(self) -> sklearn.mixture.BayesianGaussianMixture:
        """A fitted :class:`sklearn.mixture.BayesianGaussianMixture` of the same posterior.

        For tools that ask for scikit-learn's class.

        Returns
        -------
        mixture : sklearn.mixture.BayesianGaussianMixture
            With equal ``predict`` and ``predict_proba`` up to rounding. Its ``score_samples`` is
            another function of the posterior than the predictive density.

        Raises
        ------
        ValueError
            If ``covariance_type`` is not 'full' or 'tied': scikit-learn's responsibilities of the
            others are not those of this posterior.

        Examples
        --------
        >>> import numpy as np
        >>> from emix import BayesianGaussianMixture
        >>> from emix.datasets import load_faithful
        >>> X = load_faithful().data
        >>> mixture = BayesianGaussianMixture(3, random_state=0).fit(X)
        >>> bool(np.allclose(mixture.to_sklearn().predict_proba(X), mixture.predict_proba(X)))
        True
        """
        check_is_fitted(self)
        covariance_type = when_fitted(self, "covariance_type", self.covariance_type)
        if covariance_type not in _EQUAL:
            raise ValueError(
                f"to_sklearn is for covariance_type 'full' or 'tied', got {covariance_type!r}: "
                "scikit-learn would compute other responsibilities. For the density of the "
                "expected parameters take GaussianMixture.from_parameters"
            )
        sticks = isinstance(self.weight_concentration_, tuple)
        other = sklearn.mixture.BayesianGaussianMixture(
            n_components=len(self.weights_),
            covariance_type=covariance_type,
            weight_concentration_prior_type=f"dirichlet_{'process' if sticks else 'distribution'}",
            random_state=self.random_state,
        )
        for name in _COPIED:
            if hasattr(self, name):
                value = getattr(self, name)
                setattr(other, name, value.copy() if isinstance(value, np.ndarray) else value)
        return other
