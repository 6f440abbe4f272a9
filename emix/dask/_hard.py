"""Classification EM and K-means on dask collections."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .. import HardGaussianMixture as Local
from .._fit.fit import Fit
from .._fit.problem import Problem
from .._fitted.scoring import Scorer
from .._gaussian.hard_gaussian_mixture import allocation, assignments_of, inertia
from .._rows.blocks import Rows
from ._base import OnDask
from ._docs import documented

_SUMMARY = """\
:class:`emix.HardGaussianMixture` of dask arrays and data frames.

Parameters, attributes and the fit are the same, but for ``labels_``, which a fit to a dask
collection does not have: ``predict(X)`` gives them, lazily. Rows stay with the workers of the
cluster, and as many numbers as there are parameters travel in each pass. Starts are drawn from a
sample of the rows, which are all of them if these are not more than 16384 distinct ones. Rows with
missing values are refused, and so is ``init_params`` as an array or callable. Methods that are not
described below take rows in memory.
"""
_EXAMPLE = """\
>>> import dask.array as da
>>> from distributed import Client
>>> from emix.dask import HardGaussianMixture
>>> from emix.datasets import load_faithful
>>> client = Client(processes=False, n_workers=2, dashboard_address=":0")
>>> X = da.from_array(load_faithful().data, chunks=(68, -1))
>>> kmeans = HardGaussianMixture(
...     2, covariance_type="tied_spherical", frozen=("weights",), random_state=0
... ).fit(X)
>>> round(kmeans.inertia_, 2)
8901.77
>>> client.close()
"""


class Inertia:
    """Sum of squared distances of the rows to the means of their components."""

    def __init__(self, scorer: Scorer, means: np.ndarray):
        self._scorer, self._means = scorer, means

    def of(self, rows: Rows) -> float:
        squares = inertia(rows.X, rows.weight, self._means, self._scorer.labels(rows.X))
        return squares * rows.weight_unit

    def merged(self, answers: list[float]) -> float:
        return sum(answers)


def clusters_of(problem: Problem, fit: Fit, data: Any, attributes: dict) -> dict[str, Any]:
    """The sum of squares, and the number of iterations; labels of an earlier fit go."""
    question = Inertia(allocation(problem, attributes), attributes["means_"])
    squares = data.rows(map).answer(question)
    passes = assignments_of(problem, fit, data, attributes)
    return {"labels_": None, "inertia_": squares, **passes}


@documented(Local, _SUMMARY, _EXAMPLE)
class HardGaussianMixture(OnDask, Local):
    _local = Local
    _report_of_parts = replace(Local._report, conclusion=clusters_of)
