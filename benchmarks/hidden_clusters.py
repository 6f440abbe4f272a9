"""Clusters in few of many features: `python benchmarks/hidden_clusters.py` (some minutes).

Round normal clusters at points of a grid in three features, at given distances in their standard
deviations, and other features without clusters. How many default fits find them, and how long they
take: processor time of one thread, all seeds and structures together.
"""

from __future__ import annotations

import time
import warnings

import numpy as np
import sklearn.mixture
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

import emix
from machine import about, machine_line
from quality_problems import STRUCTURES
from report import table

ROWS, GRID, SEEDS = 2000, 5, 3
COMPONENTS, FEATURES, DISTANCES = (3, 5, 8, 12, 20), (3, 10), (6.0, 12.0)
# Labels that agree with the clusters as well as this have found them all.
FOUND = 0.99
ESTIMATORS = {
    "emix": emix.GaussianMixture,
    "scikit-learn": sklearn.mixture.GaussianMixture,
    "emix, Bayesian": emix.BayesianGaussianMixture,
    "scikit-learn, Bayesian": sklearn.mixture.BayesianGaussianMixture,
}


def drawn(seed: int, n_clusters: int, d: int, distance: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows (ROWS, d), and which cluster each is of."""
    rng = np.random.default_rng([seed, n_clusters, d])
    grid = np.stack(np.meshgrid(*[np.arange(float(GRID))] * 3), axis=-1).reshape(-1, 3)
    centres = np.zeros((n_clusters, d))
    centres[:, :3] = distance * rng.permutation(grid)[:n_clusters]
    labels = rng.choice(n_clusters, size=ROWS, p=rng.dirichlet(np.full(n_clusters, 5.0)))
    return centres[labels] + rng.normal(size=(ROWS, d)), labels


def judged(n_clusters: int, d: int, distance: float) -> dict[str, tuple[float, float]]:
    """The share of fits that find the clusters, and their seconds, of each estimator."""
    found: dict[str, list[bool]] = {name: [] for name in ESTIMATORS}
    seconds = dict.fromkeys(ESTIMATORS, 0.0)
    for seed in range(SEEDS):
        X, labels = drawn(seed, n_clusters, d, distance)
        for structure in STRUCTURES:
            for name, estimator in ESTIMATORS.items():
                options = {"covariance_type": structure, "random_state": seed}
                began = time.process_time()
                fitted = estimator(n_components=n_clusters, **options).fit(X)
                seconds[name] += time.process_time() - began
                found[name].append(adjusted_rand_score(labels, fitted.predict(X)) > FOUND)
    return {name: (float(np.mean(found[name])), seconds[name]) for name in ESTIMATORS}


def main() -> None:
    print(machine_line(about({"emix": emix.__version__}, ("sklearn",))))
    rows = []
    for d in FEATURES:
        for n_clusters in COMPONENTS:
            for distance in DISTANCES:
                told = judged(n_clusters, d, distance)
                shares = [f"{told[name][0]:.0%}" for name in ESTIMATORS]
                time_ratio = told["scikit-learn"][1] / told["emix"][1]
                rows.append([d, n_clusters, f"{distance:g}", *shares, f"{time_ratio:.2f}"])
    header = ["features", "clusters", "distance", *ESTIMATORS, "time, scikit-learn / emix"]
    print(table(header, ([str(cell) for cell in row] for row in rows)))


if __name__ == "__main__":
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main()
