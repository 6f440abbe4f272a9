"""Covariances of few factors in many features: `python benchmarks/many_features.py` (some minutes).

The handwritten digits of scikit-learn, 8 by 8 pixels, enlarged to 28 by 28 with a little noise:
1000 rows of 784 features. Processor time of one thread, and what NumPy allocates at most, with the
default `tol` and start. General covariances need `reg_covar`.
"""

from __future__ import annotations

import time
import tracemalloc
import warnings

import numpy as np
from scipy.ndimage import zoom
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

import emix
from emix import GaussianMixture
from emix.covariances import Factors
from machine import about, machine_line

COMPONENTS, FACTORS, ROWS = 10, 10, 1000
# Standard deviation of what is added to grey levels between 0 and 1.
NOISE = 0.05


def enlarged(seed: int = 0) -> np.ndarray:
    """(ROWS, 784)"""
    rng = np.random.RandomState(seed)
    images = rng.permutation(load_digits().images)[:ROWS] / 16.0
    rows = np.array([zoom(image, 3.5, order=1).ravel() for image in images])
    return rows + NOISE * rng.normal(size=rows.shape)


def fitted(X: np.ndarray, **given) -> GaussianMixture:
    return GaussianMixture(COMPONENTS, random_state=0, **given).fit(X)


def peak(X: np.ndarray, **given) -> float:
    """MiB that NumPy allocates at most."""
    tracemalloc.start()
    fitted(X, max_iter=3, **given)
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found / 2**20


def main() -> None:
    X = enlarged()
    cases = {
        f"Factors({FACTORS})": {"covariance_type": Factors(FACTORS)},
        f"Factors({FACTORS}, noise='spherical')": {
            "covariance_type": Factors(FACTORS, noise="spherical")
        },
        "'diag'": {"covariance_type": "diag"},
        "'full', reg_covar=0.003": {"covariance_type": "full", "reg_covar": 0.003},
    }
    print(machine_line(about({"emix": emix.__version__}, ())))
    print("| `covariance_type` | seconds | passes | MiB |")
    print("|---|---|---|---|")
    for name, given in cases.items():
        began = time.process_time()
        mixture = fitted(X, **given)
        seconds = time.process_time() - began
        print(f"| `{name}` | {seconds:.1f} | {mixture.n_iter_} | {peak(X, **given):.0f} |")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with threadpool_limits(limits=1):
        main()
