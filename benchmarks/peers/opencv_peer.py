"""OpenCV."""

from __future__ import annotations

import time

import numpy as np

from problems import Problem

from .base import Fitted, Peer


class OpenCvPeer(Peer):
    """`cv2.ml.EM`; OpenCV 5 is without the module `ml`.

    Its spherical covariances are not those of maximum likelihood, and left out."""

    name = "opencv"
    structures = frozenset({"full", "diag"})

    def available(self) -> str | None:
        try:
            import cv2

            cv2.ml.EM_create()
        except (ImportError, AttributeError):
            return 'python -m pip install "opencv-python-headless<5"'
        return None

    def version(self) -> str:
        import cv2

        return cv2.__version__

    def fit(self, problem: Problem, n_passes: int) -> Fitted:
        import cv2

        kinds = {
            "full": cv2.ml.EM_COV_MAT_GENERIC,
            "diag": cv2.ml.EM_COV_MAT_DIAGONAL,
        }
        structure = problem.cell.structure
        model = cv2.ml.EM_create()
        model.setClustersNumber(problem.cell.k)
        model.setCovarianceMatrixType(kinds[structure])
        # it counts the E-step after the last pass
        model.setTermCriteria((cv2.TERM_CRITERIA_COUNT, n_passes + 1, 0.0))
        start = cv2.Mat(_matrices(problem))  # or the last axis would be taken for channels
        began = time.perf_counter()
        model.trainE(problem.X, problem.means, start, problem.weights)
        seconds = time.perf_counter() - began
        covariances = np.array(model.getCovs())
        if structure == "diag":
            covariances = np.diagonal(covariances, axis1=1, axis2=2)
        return Fitted(seconds, model.getWeights()[0], model.getMeans(), covariances, n_passes)


def _matrices(problem: Problem) -> np.ndarray:
    """Covariances of the start, a matrix each."""
    identity = np.eye(problem.cell.d)
    return np.array([c if np.ndim(c) == 2 else c * identity for c in problem.covariances])
