"""Armadillo, in C++."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from .worker import WorkerPeer

SOURCE = Path(__file__).with_name("armadillo_worker.cpp")
PROGRAM = Path(__file__).resolve().parents[1] / ".armadillo" / "worker"
FLAGS = ("-std=c++17", "-O3", "-march=native", "-fopenmp")


class ArmadilloPeer(WorkerPeer):
    """`arma::gmm_full` and `arma::gmm_diag`, on all cores by OpenMP; compiled on first use."""

    name = "armadillo"
    structures = frozenset({"full", "diag"})
    install = "apt-get install g++ libarmadillo-dev"

    def command(self) -> list[str | Path]:
        if not PROGRAM.exists() or PROGRAM.stat().st_mtime < SOURCE.stat().st_mtime:
            if shutil.which("g++") is None:
                raise RuntimeError("there is no g++")
            PROGRAM.parent.mkdir(exist_ok=True)
            compile = ["g++", *FLAGS, SOURCE, "-o", PROGRAM, "-larmadillo"]
            subprocess.run(compile, check=True, capture_output=True)
        return [PROGRAM]
