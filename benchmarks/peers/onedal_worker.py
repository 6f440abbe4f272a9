"""Runs inside oneDAL's environment: reads a request a line from stdin, answers a line each.

`{"load": folder, "structure": name}` reads the arrays of a problem, `{"fit": n_passes}` runs EM,
timed here, and writes the parameters to `fitted.npz` in the folder.
"""

import json
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path

import daal4py
import numpy as np

ARRAYS = ("X", "weights", "means", "covariances")
STORAGE = {"full": "full", "diag": "diagonal"}


def load(folder, structure):
    """Arrays of a problem, in oneDAL's shapes."""
    X, weights, means, covariances = (np.load(Path(folder, f"{name}.npy")) for name in ARRAYS)
    n_features = X.shape[1]
    return {
        "folder": folder,
        "storage": STORAGE[structure],
        "shape": covariances.shape,
        "args": (
            X,
            weights.reshape(1, -1),
            means,
            [np.ascontiguousarray(c.reshape(-1, n_features)) for c in covariances],
        ),
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
    np.savez(
        Path(problem["folder"], "fitted.npz"),
        weights=np.ravel(result.weights),
        means=result.means,
        covariances=np.reshape(result.covariances, problem["shape"]),
    )
    return {"seconds": seconds, "n_passes": int(result.nIterations[0, 0])}


def main():
    """Serve until stdin ends; what libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    print(json.dumps({"version": version("daal4py")}), file=answers)
    problem = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "load" in request:
                problem = load(request["load"], request["structure"])
                answer = {}
            else:
                answer = fit(problem, request["fit"])
        except Exception as error:
            answer = {"error": repr(error)}
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
