"""emix: the EM algorithm for mixtures of normals, as scikit-learn estimators."""

from . import datasets
from ._gaussian_mixture import GaussianMixture
from ._two_normal_mixture import TwoNormalMixture

__version__ = "0.1.0"

__all__ = ["GaussianMixture", "TwoNormalMixture", "__version__", "datasets"]
