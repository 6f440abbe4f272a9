"""Peers that run in a process, and often a language, of their own.

A worker reads a request a line from stdin and answers with a line:

    (at the start)                  ready VERSION
    load FOLDER STRUCTURE N D K     ok
    fit PASSES                      ok SECONDS PASSES
    (anything that went wrong)      error MESSAGE

It times its fits itself. Arrays are files of float64 numbers in the folder, rows one after the
other, in the shapes of scikit-learn: `X`, `weights`, `means` and `covariances` are the problem,
`weights.out`, `means.out` and `covariances.out` are what a fit leaves.
"""

from __future__ import annotations

import subprocess
import tempfile
from abc import abstractmethod
from pathlib import Path

import numpy as np

from problems import Problem

from .base import Fitted, Peer

ARRAYS = ("weights", "means", "covariances")


class WorkerPeer(Peer):
    """One worker process serves all fits; data go to it once a problem."""

    install: str
    in_process = False

    def __init__(self):
        self._worker: subprocess.Popen | None = None
        self._version = ""
        self._problem: Problem | None = None
        self._folder = tempfile.TemporaryDirectory(prefix=f"emix-{self.name}-")

    @abstractmethod
    def command(self) -> list[str | Path]:
        """What starts the worker; an OSError or RuntimeError if it cannot be started."""

    def environment(self) -> dict[str, str] | None:
        """Variables of the worker's environment; None for those of this process."""
        return None

    def available(self) -> str | None:
        try:
            self.version()
        except (OSError, RuntimeError, subprocess.SubprocessError):
            return self.install
        return None

    def version(self) -> str:
        self._start()
        return self._version

    def fit(self, problem: Problem, n_passes: int) -> Fitted:
        self._start()
        if problem is not self._problem:
            self._load(problem)
        seconds, passes = self._ask(f"fit {n_passes}")
        shapes = (getattr(problem, name).shape for name in ARRAYS)
        arrays = (
            np.fromfile(Path(self._folder.name, f"{name}.out")).reshape(shape)
            for name, shape in zip(ARRAYS, shapes, strict=True)
        )
        return Fitted(float(seconds), *arrays, int(passes))

    def close(self) -> None:
        if self._worker is not None:
            self._worker.communicate()
            self._worker = None
        self._folder.cleanup()

    def _start(self) -> None:
        if self._worker is not None:
            return
        self._worker = subprocess.Popen(
            self.command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=self.environment(),
        )
        self._version = " ".join(self._answer())

    def _load(self, problem: Problem) -> None:
        for name in ("X", *ARRAYS):
            array = np.ascontiguousarray(getattr(problem, name), dtype=np.float64)
            array.tofile(Path(self._folder.name, name))
        cell = problem.cell
        self._ask(f"load {self._folder.name} {cell.structure} {cell.n} {cell.d} {cell.k}")
        self._problem = problem

    def _ask(self, request: str) -> list[str]:
        self._worker.stdin.write(request + "\n")
        self._worker.stdin.flush()
        return self._answer()

    def _answer(self) -> list[str]:
        line = self._worker.stdout.readline()
        if not line:
            self._worker.communicate()
            self._worker = None
            raise RuntimeError(f"the worker of {self.name} ended")
        kind, *words = line.split()
        if kind not in ("ready", "ok"):
            raise RuntimeError(f"{self.name}: {line.strip()}")
        return words
