"""Runs inside oneDAL's environment, as `worker.py` says."""

import os
import sys
import time
from importlib.metadata import version
from pathlib import Path

import daal4py
import numpy as np

STORAGE = {"full": "full", "diag": "diagonal"}


def load(folder, structure, n, d, k):
    """Arrays of a problem, in oneDAL's shapes."""
    n, d, k = int(n), int(d), int(k)

    def read(name, *shape):
        return np.fromfile(Path(folder, name)).reshape(shape)

    shape = (k, d, d) if structure == "full" else (k, d)
    covariances = [np.ascontiguousarray(c.reshape(-1, d)) for c in read("covariances", *shape)]
    return {
        "folder": folder,
        "storage": STORAGE[structure],
        "args": (read("X", n, d), read("weights", 1, k), read("means", k, d), covariances),
    }


def fit(problem, n_passes):
    """Run EM for `n_passes` passes (it stops before when the objective does not change)."""
    algorithm = daal4py.em_gmm(
        nComponents=problem["args"][1].size,
        maxIterations=n_passes,
        accuracyThreshold=0.0,
        regularizationFactor=0.0,
        covarianceStorage=problem["storage"],
    )
    start = time.perf_counter()
    result = algorithm.compute(*problem["args"])
    seconds = time.perf_counter() - start
    for name in ("weights", "means", "covariances"):
        array = np.ascontiguousarray(getattr(result, name), dtype=np.float64)
        array.tofile(Path(problem["folder"], f"{name}.out"))
    return f"{seconds} {int(result.nIterations[0, 0])}"


def main():
    """Serve until stdin ends; what libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    print("ready", version("daal4py"), file=answers)
    problem = None
    for line in sys.stdin:
        request, *words = line.split()
        try:
            if request == "load":
                problem = load(*words)
                print("ok", file=answers)
            else:
                print("ok", fit(problem, int(words[0])), file=answers)
        except Exception as error:
            print("error", repr(error), file=answers)


if __name__ == "__main__":
    main()
