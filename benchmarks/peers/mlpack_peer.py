"""mlpack, by its Python binding."""

from __future__ import annotations

import time

import numpy as np

from problems import Problem

from .base import Fitted, Peer


class MlpackPeer(Peer):
    """`mlpack.gmm_train`, which takes no start and makes its own, by chance."""

    name = "mlpack"
    structures = frozenset({"full", "diag"})
    own_start = True

    def available(self) -> str | None:
        try:
            import mlpack  # noqa: F401
        except ImportError:
            return "python -m pip install mlpack"
        return None

    def version(self) -> str:
        import mlpack

        return mlpack.__version__

    def fit(self, problem: Problem, n_passes: int) -> Fitted:
        import mlpack

        began = time.perf_counter()
        answer = mlpack.gmm_train(
            gaussians=problem.cell.k,
            input_=problem.X,
            diagonal_covariance=problem.cell.structure == "diag",
            kmeans_max_iterations=1,
            max_iterations=n_passes + 1,  # it counts from one
            tolerance=0.0,
            trials=1,
        )
        seconds = time.perf_counter() - began
        found = answer["output_model"].get_cpp_params()["GMM"]
        parts = found["dists"]
        covariances = np.array([part["covariance"] for part in parts])
        if problem.cell.structure == "diag":
            covariances = np.diagonal(covariances, axis1=1, axis2=2)
        means = np.array([np.ravel(part["mean"]) for part in parts])
        return Fitted(seconds, np.ravel(found["weights"]), means, covariances, n_passes)
