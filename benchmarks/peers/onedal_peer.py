"""Intel oneDAL's EM, in an environment of its own."""

from __future__ import annotations

from pathlib import Path

from .onedal_setup import VARIABLE, interpreter
from .worker import WorkerPeer


class OneDalPeer(WorkerPeer):
    """`daal4py.em_gmm`."""

    name = "onedal"
    structures = frozenset({"full", "diag"})
    install = f"python benchmarks/peers/onedal_setup.py   (or set {VARIABLE})"

    def command(self) -> list[str | Path]:
        return [interpreter(), "-W", "ignore", Path(__file__).with_name("onedal_worker.py")]
