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
        """Fit the mixture to the rows of X.

        Parameters
        ----------
        X : dask array or data frame of shape (n_samples, n_features)
            Training rows, float32 or float64. Chunks may be uneven, empty, of unknown sizes and
            of some columns each. They are joined into as many parts as the workers have threads,
            which the workers hold until the fit is over; dask computes a part again that was lost
            with a worker. What is in memory is fitted as in ``emix``.

        y : Ignored
            Present for API consistency.

        sample_weight : dask array or series, or array-like, of shape (n_samples,), default=None
            Weights of the rows, not negative; an integer weight is the same as repeating the row.
            None for equal weights.

        labels : array-like of int of shape (n_samples,), default=None
            Known components of rows in memory; None for a dask collection.

        Returns
        -------
        self : object
            The fitted estimator; its attributes are NumPy arrays.

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data are unusable, if rows have missing values, or if there is
            no client; the estimator is then as it was before.

        Warns
        -----
        ConvergenceWarning
            If ``max_iter`` was too small for ``tol``, a covariance is singular, or a component
            is empty.
        """
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
        """Fit the mixture and return the most probable component of every row.

        Parameters
        ----------
        X : dask array or data frame of shape (n_samples, n_features)
            Training rows.

        y : Ignored
            Present for API consistency.

        sample_weight : dask array or series, or array-like, of shape (n_samples,), default=None
            Weights of the rows.

        labels : array-like of int of shape (n_samples,), default=None
            Known components of rows in memory; None for a dask collection.

        Returns
        -------
        labels : dask array of shape (n_samples,)
            ``predict(X)``, lazily.
        """
        return self.fit(X, y, sample_weight, labels).predict(X)
