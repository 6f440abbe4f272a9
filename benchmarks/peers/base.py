"""What a peer must be able to do, and the one adapter for scikit-learn's interface."""

from __future__ import annotations

import importlib
import time
import warnings
from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from problems import Problem


class Fitted(NamedTuple):
    """A fit: its wall time, the parameters in scikit-learn's shapes, the passes really made.

    `trace` holds the mean log-likelihood before each pass where the peer tells it.
    """

    seconds: float
    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    n_passes: int
    trace: tuple[float, ...] = ()


class Peer(ABC):
    """An implementation of EM."""

    name: str
    structures: frozenset[str] = frozenset({"full", "tied", "diag", "spherical", "kmeans"})
    in_process: bool = True  # obeys threadpoolctl's limits around the call
    own_start: bool = False  # passes are timed from a start of its own, and results not compared

    @abstractmethod
    def available(self) -> str | None:
        """None if it can be used, else a line on how to install it."""

    @abstractmethod
    def version(self) -> str:
        """Version of the implementation."""

    @abstractmethod
    def fit(self, problem: Problem, n_passes: int) -> Fitted:
        """Exactly `n_passes` plain EM passes from the problem's start (fewer at a fixed point)."""

    def close(self) -> None:  # noqa: B027 - most peers hold nothing
        """Let go of what the peer holds."""


class EstimatorPeer(Peer):
    """A `GaussianMixture` with scikit-learn's interface.

    `module` holds the class; `plain` and `best` are its parameters for plain passes and for
    the way to the maximum.
    """

    module: str
    install: str
    plain: ClassVar[dict[str, object]] = {}
    best: ClassVar[dict[str, object]] = {}

    def available(self) -> str | None:
        try:
            self._estimator()
        except (ImportError, AttributeError):
            return self.install
        return None

    def version(self) -> str:
        return importlib.import_module(self.module.partition(".")[0]).__version__

    def fit(self, problem: Problem, n_passes: int) -> Fitted:
        if problem.cell.structure == "kmeans":
            return _clustered(self.kmeans(problem, n_passes), problem.X)
        return self._fit(problem, max_iter=n_passes, tol=0.0, **self.plain)

    @abstractmethod
    def kmeans(self, problem: Problem, n_passes: int):
        """Unfitted estimator that makes that many passes of K-means from the problem's means."""

    def maximise(self, problem: Problem, tol: float, max_passes: int = 5000) -> Fitted:
        """Fit as a user would, until the peer's own rule with tolerance `tol` stops it."""
        return self._fit(problem, max_iter=max_passes, tol=tol, **self.best)

    def climb(self, problem: Problem, n_passes: int) -> Fitted:
        """Exactly `n_passes` passes on the way to the maximum."""
        return self._fit(problem, max_iter=n_passes, tol=0.0, **self.best)

    def default_fit(self, X: np.ndarray, n_components: int, seed: int) -> tuple[float, float]:
        """Seconds of a whole fit by default parameters, and the mean log-likelihood reached."""
        model = self._estimator()(n_components, random_state=seed)
        return seconds_of_fit(model, X), model.score(X)

    def _estimator(self):
        return importlib.import_module(self.module).GaussianMixture

    def _fit(self, problem: Problem, **parameters) -> Fitted:
        model = self._estimator()(
            problem.cell.k,
            covariance_type=problem.cell.structure,
            weights_init=problem.weights,
            means_init=problem.means,
            precisions_init=problem.precisions,
            reg_covar=0.0,
            **parameters,
        )
        seconds = seconds_of_fit(model, problem.X)
        return Fitted(
            seconds,
            np.asarray(model.weights_),
            np.asarray(model.means_),
            np.asarray(model.covariances_),
            int(model.n_iter_),
            tuple(getattr(model, "lower_bounds_", ())),
        )


def _clustered(model, X: np.ndarray) -> Fitted:
    """A fit of K-means: shares, centres, and the variance within the clusters."""
    seconds = seconds_of_fit(model, X)
    shares = np.bincount(model.labels_, minlength=len(model.cluster_centers_)) / len(X)
    variance = np.array(model.inertia_ / X.size)
    return Fitted(seconds, shares, model.cluster_centers_, variance, int(model.n_iter_))


def seconds_of_fit(model, X: np.ndarray) -> float:
    """Wall time of `model.fit(X)`; a fixed number of passes is no failure to converge."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = time.perf_counter()
        model.fit(X)
        return time.perf_counter() - start
