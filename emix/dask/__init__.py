"""Mixtures of dask arrays and data frames: rows stay where they are, sums travel.

The estimators have the names and parameters of those in ``emix``, and make the same fit. Their
``fit`` runs the loop of EM in this process; in each pass the workers of a dask cluster add up what
their rows have, and send back as many numbers as the mixture has parameters. Fitted attributes are
NumPy arrays; ``predict`` and its like return dask arrays that are computed later.
"""

from importlib import import_module as _import_module

try:
    for _name in ("dask.array", "dask.dataframe", "distributed"):
        _import_module(_name)
except ImportError as _error:
    raise ImportError(
        f"emix.dask needs dask with arrays, data frames and its scheduler ({_error}): "
        "pip install 'emix[dask]'"
    ) from _error

from .._public import publish_classes as _publish_classes
from ._bayesian import BayesianGaussianMixture
from ._hard import HardGaussianMixture
from ._mixture import GaussianMixture

__all__ = ["BayesianGaussianMixture", "GaussianMixture", "HardGaussianMixture"]

_publish_classes(globals())
