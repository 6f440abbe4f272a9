"""pomegranate, on torch."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from importlib.metadata import version

import numpy as np

from problems import Problem

from .base import Fitted, Peer


class PomegranatePeer(Peer):
    """`pomegranate.gmm.GeneralMixtureModel` of `Normal`, in float64 as the others."""

    name = "pomegranate"
    structures = frozenset({"full", "diag"})

    def available(self) -> str | None:
        try:
            import pomegranate.gmm  # noqa: F401
        except ImportError:
            return "python -m pip install pomegranate"
        return None

    def version(self) -> str:
        return f"{version('pomegranate')} on torch {version('torch')}"

    def fit(self, problem: Problem, n_passes: int) -> Fitted:
        from pomegranate.distributions import Normal
        from pomegranate.gmm import GeneralMixtureModel

        with _float64():
            start = zip(problem.means.copy(), problem.covariances.copy(), strict=True)
            model = GeneralMixtureModel(
                [Normal(*pair, covariance_type=problem.cell.structure) for pair in start],
                priors=problem.weights.copy(),
                max_iter=n_passes,
                tol=-math.inf,
            )
            began = time.perf_counter()
            model.fit(problem.X)
            seconds = time.perf_counter() - began
        parts = model.distributions
        return Fitted(
            seconds,
            model.priors.detach().numpy(),
            np.array([part.means.detach().numpy() for part in parts]),
            np.array([part.covs.detach().numpy() for part in parts]),
            n_passes,
        )


@contextmanager
def _float64():
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
