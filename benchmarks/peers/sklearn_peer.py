"""scikit-learn."""

from __future__ import annotations

from typing import ClassVar

from problems import Problem

from .base import EstimatorPeer


class SklearnPeer(EstimatorPeer):
    """`sklearn.mixture.GaussianMixture`.

    It computes a start even when all of it is given: the cheapest kind is asked for.
    """

    name = "sklearn"
    module = "sklearn.mixture"
    install = "python -m pip install scikit-learn"
    plain: ClassVar = {"init_params": "random_from_data"}
    best: ClassVar = {"init_params": "random_from_data"}

    def kmeans(self, problem: Problem, n_passes: int):
        from sklearn.cluster import KMeans

        return KMeans(
            problem.cell.k,
            algorithm="lloyd",
            init=problem.means,
            n_init=1,
            tol=0.0,
            max_iter=n_passes,
        )

    def two_normals(self, tol: float):
        """The estimator for two normals of one feature, from its default start."""
        return self._estimator()(2, tol=tol, max_iter=10_000, reg_covar=0.0, random_state=0)
