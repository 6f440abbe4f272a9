"""Pictures of mixtures and of their fits; needs matplotlib, the extra ``plot``."""

from .._public import publish_classes as _publish_classes
from ._convergence import ConvergenceDisplay
from ._intervals import IntervalsDisplay
from ._kmeans_limit import KMeansLimitDisplay
from ._merging import MergingDisplay
from ._mixture import MixtureDisplay
from ._pairs import MixturePairsDisplay
from ._selection import SelectionDisplay

__all__ = [
    "ConvergenceDisplay",
    "IntervalsDisplay",
    "KMeansLimitDisplay",
    "MergingDisplay",
    "MixtureDisplay",
    "MixturePairsDisplay",
    "SelectionDisplay",
]

_publish_classes(globals())
