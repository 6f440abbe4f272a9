"""The Bayesian mixtures of the peers that have one, from given responsibilities."""

from __future__ import annotations

from functools import cache

import numpy as np

from problems import Problem

from .base import Fitted, seconds_of_fit
from .emix_peer import EmixPeer
from .sklearn_peer import SklearnPeer

# scikit-learn leaves the sticks of its Dirichlet process in the order of the start; with this
# prior of the weights the two have equal results.
_MODEL = {"weight_concentration_prior_type": "dirichlet_distribution", "reg_covar": 0.0}


def _fitted(model, X: np.ndarray) -> Fitted:
    seconds = seconds_of_fit(model, X)
    order = np.argsort(-model.weights_)
    parts = (getattr(model, name)[order] for name in ("weights_", "means_", "covariances_"))
    return Fitted(seconds, *parts, int(model.n_iter_))


class EmixVariationalPeer(EmixPeer):
    """`emix.BayesianGaussianMixture`, plain passes."""

    structures = frozenset({"full"})

    def fit(self, problem: Problem, n_passes: int) -> Fitted:
        from emix import BayesianGaussianMixture

        model = BayesianGaussianMixture(
            problem.cell.k,
            init_params=problem.responsibilities,
            max_iter=n_passes,
            tol=0.0,
            acceleration=False,
            **_MODEL,
        )
        return _fitted(model, problem.X)


@cache
def _sklearn_mixture():
    """scikit-learn's class, which takes no responsibilities, with a start that is given."""
    from sklearn.mixture import BayesianGaussianMixture

    class Started(BayesianGaussianMixture):
        def _initialize_parameters(self, X, random_state, xp=None):
            self._initialize(X, self.responsibilities)

    return Started


class SklearnVariationalPeer(SklearnPeer):
    """`sklearn.mixture.BayesianGaussianMixture`."""

    structures = frozenset({"full"})

    def fit(self, problem: Problem, n_passes: int) -> Fitted:
        model = _sklearn_mixture()(
            n_components=problem.cell.k, max_iter=n_passes, tol=0.0, **_MODEL
        )
        model.responsibilities = problem.responsibilities
        return _fitted(model, problem.X)
