"""emix: the EM algorithm for mixtures of normals, as scikit-learn estimators."""

from . import datasets
from ._derived.classifier import GaussianMixtureClassifier
from ._derived.imputer import GaussianMixtureImputer
from ._derived.merged_mixture import MergedMixture
from ._derived.mixture_search import MixtureSearch
from ._derived.outliers import GaussianMixtureOutlierDetector
from ._derived.regressor import GaussianMixtureRegressor
from ._fitted.conditional_mixtures import ConditionalMixtures
from ._gaussian.bayesian_gaussian_mixture import BayesianGaussianMixture
from ._gaussian.gaussian_mixture import GaussianMixture
from ._gaussian.hard_gaussian_mixture import HardGaussianMixture
from ._gaussian.kmeans_limit import KMeansLimit, kmeans_limit
from ._gaussian.two_normal_mixture import TwoNormalMixture
from ._other_families.bernoulli_mixture import BernoulliMixture
from ._other_families.categorical_mixture import CategoricalMixture
from ._other_families.gaussian_mixture_with_noise import GaussianMixtureWithNoise
from ._other_families.mixture_of_regressions import MixtureOfRegressions
from ._other_families.poisson_mixture import PoissonMixture
from ._other_families.student_mixture import StudentMixture
from ._public import publish_classes as _publish_classes

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
