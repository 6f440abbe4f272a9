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

    The rows are handed to Java once a problem; `GaussianMixture.train` would do it every time.
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
        from pyspark.mllib.clustering import GaussianMixtureModel
        from pyspark.mllib.common import callMLlibFunc

        if problem is not self._problem:
            self._load(problem)
        start = _start(problem)
        tolerance, seed = 0.0, 0
        began = time.perf_counter()
        model = callMLlibFunc(
            "trainGaussianMixtureModel",
            self._rows,
            problem.cell.k,
            tolerance,
            n_passes,
            seed,
            *start,
        )
        seconds = time.perf_counter() - began
        model = GaussianMixtureModel(model)
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
        from pyspark.mllib.common import _to_java_object_rdd
        from pyspark.mllib.linalg import Vectors

        if self._context is None:
            self._context = _context()
        if self._rows is not None:
            self._rows.unpersist()
        vectors = map(Vectors.dense, problem.X)
        rows = self._context.parallelize(vectors, numSlices=os.cpu_count())
        self._rows = _to_java_object_rdd(rows).cache()
        self._rows.count()
        self._problem = problem


def _start(problem: Problem) -> tuple[list, list, list]:
    """Weights, means and covariances."""
    from pyspark.mllib.linalg import DenseMatrix, Vectors

    d = problem.cell.d
    means = [Vectors.dense(mean) for mean in problem.means]
    covariances = [DenseMatrix(d, d, covariance.ravel()) for covariance in problem.covariances]
    return problem.weights.tolist(), means, covariances


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
