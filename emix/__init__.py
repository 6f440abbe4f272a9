"""emix: the EM algorithm for mixtures of normals, as scikit-learn estimators."""

from . import datasets
from ._bayesian_gaussian_mixture import BayesianGaussianMixture
from ._gaussian_mixture import GaussianMixture

__version__ = "0.1.0"

__all__ = ["BayesianGaussianMixture", "GaussianMixture", "__version__", "datasets"]
