"""Peak memory of one fit: `python benchmarks/memory_worker.py PEER STRUCTURE N D K PASSES`.

A process of its own, as a peak is never forgotten. Prints one line of JSON.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

from peers import PEERS
from problems import Cell, make


def peak_bytes() -> int:
    """Largest resident size so far.

    On Linux `VmHWM`: `ru_maxrss` of a new process starts with its parent's peak there.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def forget_peak() -> None:
    """On Linux, let the peak so far be what is in use now: making X had a peak of its own."""
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")


def main(peer: str, structure: str, n: str, d: str, k: str, n_passes: str) -> None:
    """Make X, which touches all of it, then fit."""
    estimator = PEERS[peer]()
    estimator.version()
    problem = make(Cell(structure, int(n), int(d), int(k)))
    forget_peak()
    before = peak_bytes()
    fitted = estimator.fit(problem, int(n_passes))
    extra = peak_bytes() - before
    print(json.dumps({"X": problem.X.nbytes, "extra": extra, "n_passes": fitted.n_passes}))


if __name__ == "__main__":
    main(*sys.argv[1:])
