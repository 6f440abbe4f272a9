"""emix."""

from __future__ import annotations

from typing import ClassVar

from problems import Problem

from .base import EstimatorPeer


class EmixPeer(EstimatorPeer):
    """`emix.GaussianMixture`: plain passes without acceleration, the maximum with it."""

    name = "emix"
    module = "emix"
    install = "python -m pip install -e .   (in the root of the repository)"
    plain: ClassVar = {"acceleration": False}

    def kmeans(self, problem: Problem, n_passes: int):
        import emix

        return emix.HardGaussianMixture(
            problem.cell.k,
            covariance_type="tied_spherical",
            frozen=("weights",),
            means_init=problem.means,
            max_iter=n_passes,
        )
