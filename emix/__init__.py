"""emix: the EM algorithm for mixtures of normals, as scikit-learn estimators."""

from . import datasets
from ._bayesian_gaussian_mixture import BayesianGaussianMixture
from ._bernoulli_mixture import BernoulliMixture
from ._categorical_mixture import CategoricalMixture
from ._classifier import GaussianMixtureClassifier
from ._conditional_mixtures import ConditionalMixtures
from ._gaussian_mixture import GaussianMixture
from ._gaussian_mixture_with_noise import GaussianMixtureWithNoise
from ._hard_gaussian_mixture import HardGaussianMixture
from ._imputer import GaussianMixtureImputer
from ._kmeans_limit import KMeansLimit, kmeans_limit
from ._merged_mixture import MergedMixture
from ._mixture_of_regressions import MixtureOfRegressions
from ._mixture_search import MixtureSearch
from ._outliers import GaussianMixtureOutlierDetector
from ._poisson_mixture import PoissonMixture
from ._public import publish_classes as _publish_classes
from ._regressor import GaussianMixtureRegressor
from ._student_mixture import StudentMixture
from ._two_normal_mixture import TwoNormalMixture

__version__ = "0.1.0"

__all__ = [
    "BayesianGaussianMixture",
    "BernoulliMixture",
    "CategoricalMixture",
    "ConditionalMixtures",
    "GaussianMixture",
    "GaussianMixtureClassifier",
    "GaussianMixtureImputer",
    "GaussianMixtureOutlierDetector",
    "GaussianMixtureRegressor",
    "GaussianMixtureWithNoise",
    "HardGaussianMixture",
    "KMeansLimit",
    "MergedMixture",
    "MixtureOfRegressions",
    "MixtureSearch",
    "PoissonMixture",
    "StudentMixture",
    "TwoNormalMixture",
    "__version__",
    "datasets",
    "kmeans_limit",
]

_publish_classes(globals())
