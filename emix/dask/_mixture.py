"""The Gaussian mixture on dask collections."""

from __future__ import annotations

from typing import Any, Self

from .. import GaussianMixture as Local
from ._base import OnDask
from ._blocks import is_collection
from ._docs import documented

_SUMMARY = """\
:class:`emix.GaussianMixture` of dask arrays and data frames.

Parameters, attributes and the fit are the same: from one start the parameters agree to twelve
digits. Rows stay with the workers of the cluster, and as many numbers as there are parameters
travel in each pass. Starts are drawn from a sample of the rows, which are all of them if these are
not more than 16384 distinct ones.

Rows with missing values are refused, and so are parameters with an entry for each row: ``labels``,
``init_params`` as an array or callable, and ``constraints`` other than
:class:`emix.constraints.Proportions`. ``algorithm='incremental'`` needs rows in memory.
``partial_fit`` takes batches in memory, and so do the methods that are not described below.
"""
_EXAMPLE = """\
>>> import dask.array as da
>>> from distributed import Client
>>> from emix.dask import GaussianMixture
>>> from emix.datasets import load_faithful
>>> client = Client(processes=False, n_workers=2, dashboard_address=":0")
>>> X = da.from_array(load_faithful().data, chunks=(68, -1))
>>> mixture = GaussianMixture(n_components=2, random_state=0).fit(X)
>>> order = mixture.means_[:, 0].argsort()
>>> mixture.means_[order].round(2)
array([[ 2.04, 54.48],
       [ 4.29, 79.97]])
>>> mixture.predict(X)
dask.array<concatenate, shape=(272,), dtype=int64, chunksize=(68,), chunktype=numpy.ndarray>
>>> round(mixture.score(X), 4)
-4.1554
>>> client.close()
"""


@documented(Local, _SUMMARY, _EXAMPLE)
class GaussianMixture(OnDask, Local):
    _local, _report_of_parts = Local, Local._report

    def fit(self, X: Any, y: object = None, sample_weight: Any = None, labels: Any = None) -> Self:
        if not is_collection(X):
            Local.fit(self, X, y, sample_weight, labels)
            return self
        if labels is not None:
            raise ValueError(
                "labels has an entry for each row, which emix.dask does not take: pass labels=None"
            )
        return super().fit(X, y, sample_weight)

    def fit_predict(
        self, X: Any, y: object = None, sample_weight: Any = None, labels: Any = None
    ) -> Any:
        return self.fit(X, y, sample_weight, labels).predict(X)
