"""emix: the EM algorithm for mixtures of normals, as scikit-learn estimators."""

from . import datasets
from ._gaussian_mixture import GaussianMixture

__version__ = "0.1.0"

__all__ = ["GaussianMixture", "__version__", "datasets"]
