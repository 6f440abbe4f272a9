"""Spark MLlib."""

from __future__ import annotations

import os
import shutil
import time

import numpy as np

from problems import Problem

from .base import Fitted, Peer


class SparkPeer(Peer):
    """`pyspark.mllib.clustering.GaussianMixture` on a local master with all cores.

    The rows stay cached between fits, as vectors of Spark; making them does not count.
    """

    name = "spark"
    structures = frozenset({"full"})
    in_process = False

    def __init__(self):
        self._context = self._problem = self._rows = None

    def available(self) -> str | None:
        try:
            import pyspark  # noqa: F401
        except ImportError:
            return "python -m pip install pyspark   (and a Java runtime, 17 or newer)"
        if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
            return "install a Java runtime, 17 or newer"
        return None

    def version(self) -> str:
        import pyspark

        return pyspark.__version__

    def fit(self, problem: Problem, n_passes: int) -> Fitted:
        from pyspark.mllib.clustering import GaussianMixture

        if problem is not self._problem:
            self._load(problem)
        began = time.perf_counter()
        model = GaussianMixture.train(
            self._rows,
            problem.cell.k,
            convergenceTol=0.0,
            maxIterations=n_passes,
            seed=0,
            initialModel=_Start(problem),
        )
        seconds = time.perf_counter() - began
        gaussians = model.gaussians
        return Fitted(
            seconds,
            np.array(model.weights),
            np.array([part.mu.toArray() for part in gaussians]),
            np.array([part.sigma.toArray() for part in gaussians]),
            n_passes,
        )

    def close(self) -> None:
        if self._context is not None:
            self._context.stop()
            self._context = None

    def _load(self, problem: Problem) -> None:
        from pyspark.mllib.linalg import Vectors

        if self._context is None:
            self._context = _context()
        if self._rows is not None:
            self._rows.unpersist()
        vectors = map(Vectors.dense, problem.X)
        self._rows = self._context.parallelize(vectors, numSlices=os.cpu_count()).cache()
        self._rows.count()
        self._problem = problem


class _Start:
    """What `initialModel` is asked for."""

    def __init__(self, problem: Problem):
        from pyspark.mllib.linalg import DenseMatrix, Vectors
        from pyspark.mllib.stat.distribution import MultivariateGaussian

        d = problem.cell.d
        self.k, self.weights = problem.cell.k, problem.weights.tolist()
        self.gaussians = [
            MultivariateGaussian(Vectors.dense(mean), DenseMatrix(d, d, covariance.ravel()))
            for mean, covariance in zip(problem.means, problem.covariances, strict=True)
        ]


def _context():
    from pyspark import SparkConf, SparkContext

    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.memory": "4g",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
    }
    conf = SparkConf().setMaster("local[*]").setAppName("emix").setAll(settings.items())
    context = SparkContext(conf=conf)
    context.setLogLevel("OFF")
    return context
