"""Serves fits by the emix that this process imports, as `peers/worker.py` says."""

import os
import sys
from pathlib import Path

import numpy as np

import emix
from peers.emix_peer import EmixPeer
from problems import Cell, Problem


def load(folder, structure, n, d, k):
    """The problem that the guard made."""
    cell = Cell(structure, int(n), int(d), int(k))
    shape = {
        "full": (cell.k, cell.d, cell.d),
        "tied": (cell.d, cell.d),
        "diag": (cell.k, cell.d),
        "kmeans": (),
    }
    shapes = {
        "X": (cell.n, cell.d),
        "weights": (cell.k,),
        "means": (cell.k, cell.d),
        "covariances": shape.get(structure, (cell.k,)),
    }
    read = {name: np.fromfile(Path(folder, name)).reshape(size) for name, size in shapes.items()}
    return folder, Problem(cell, **read)


def fit(folder, problem, n_passes):
    """Plain passes, timed; parameters to the folder."""
    fitted = EmixPeer().fit(problem, n_passes)
    for name in ("weights", "means", "covariances"):
        np.ascontiguousarray(getattr(fitted, name)).tofile(Path(folder, f"{name}.out"))
    return f"{fitted.seconds} {fitted.n_passes}"


def main():
    """Serve until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    print("ready", emix.__version__, Path(emix.__file__).parents[1], file=answers)
    loaded = None
    for line in sys.stdin:
        request, *words = line.split()
        if request == "load":
            loaded = load(*words)
            print("ok", file=answers)
        else:
            print("ok", fit(*loaded, int(words[0])), file=answers)


if __name__ == "__main__":
    main()
