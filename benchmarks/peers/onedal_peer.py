"""Intel oneDAL's EM, in a process and an environment of its own."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from problems import Problem

from .base import Fitted, Peer
from .onedal_setup import VARIABLE, interpreter


class OneDalPeer(Peer):
    """`daal4py.em_gmm`: one worker process serves all fits, data go to it once a problem."""

    name = "onedal"
    structures = frozenset({"full", "diag"})
    in_process = False

    def __init__(self):
        self._worker: subprocess.Popen | None = None
        self._version = ""
        self._problem: Problem | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="emix-onedal-")

    def available(self) -> str | None:
        try:
            self.version()
        except (OSError, RuntimeError):
            return f"python benchmarks/peers/onedal_setup.py   (or set {VARIABLE})"
        return None

    def version(self) -> str:
        self._start()
        return self._version

    def fit(self, problem: Problem, n_passes: int) -> Fitted:
        self._start()
        if problem is not self._problem:
            self._load(problem)
        answer = self._ask({"fit": n_passes})
        with np.load(Path(self._folder.name, "fitted.npz")) as arrays:
            parameters = (arrays["weights"], arrays["means"], arrays["covariances"])
        return Fitted(answer["seconds"], *parameters, answer["n_passes"])

    def close(self) -> None:
        if self._worker is not None:
            self._worker.communicate()
            self._worker = None
        self._folder.cleanup()

    def _start(self) -> None:
        if self._worker is not None:
            return
        self._worker = subprocess.Popen(
            [interpreter(), "-W", "ignore", Path(__file__).with_name("onedal_worker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._version = self._answer()["version"]

    def _load(self, problem: Problem) -> None:
        for name in ("X", "weights", "means", "covariances"):
            np.save(Path(self._folder.name, f"{name}.npy"), getattr(problem, name))
        self._ask({"load": self._folder.name, "structure": problem.cell.structure})
        self._problem = problem

    def _ask(self, request: dict) -> dict:
        self._worker.stdin.write(json.dumps(request) + "\n")
        self._worker.stdin.flush()
        return self._answer()

    def _answer(self) -> dict:
        line = self._worker.stdout.readline()
        if not line:
            self._worker.communicate()
            self._worker = None
            raise RuntimeError("oneDAL's worker ended")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"oneDAL: {answer['error']}")
        return answer
