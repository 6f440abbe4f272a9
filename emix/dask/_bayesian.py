"""The Bayesian Gaussian mixture on dask collections."""

from __future__ import annotations

from .. import BayesianGaussianMixture as Local
from ._base import OnDask
from ._docs import documented

_SUMMARY = """\
:class:`emix.BayesianGaussianMixture` of dask arrays and data frames.

Parameters, attributes and the fit are the same: from one start the posteriors agree to twelve
digits. Rows stay with the workers of the cluster, and as many numbers as there are parameters
travel in each pass. Starts are drawn from a sample of the rows, which are all of them if these are
not more than 16384 distinct ones. Rows with missing values are refused, and so is ``init_params``
as an array or callable. Methods that are not described below take rows in memory.
"""
_EXAMPLE = """\
>>> import dask.array as da
>>> from distributed import Client
>>> from emix.dask import BayesianGaussianMixture
>>> from emix.datasets import load_faithful
>>> client = Client(processes=False, n_workers=2, dashboard_address=":0")
>>> X = da.from_array(load_faithful().data, chunks=(68, -1))
>>> mixture = BayesianGaussianMixture(
...     6, weight_concentration_prior=0.01, random_state=0
... ).fit(X)
>>> mixture.weights_.round(3)
array([0.644, 0.356, 0.   , 0.   , 0.   , 0.   ])
>>> client.close()
"""


@documented(Local, _SUMMARY, _EXAMPLE)
class BayesianGaussianMixture(OnDask, Local):
    _local, _report_of_parts = Local, Local._report
