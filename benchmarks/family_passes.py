"""A pass of mixtures of other families, beside one of normals with diagonal covariances.

`python benchmarks/family_passes.py` prints the table of the guide. All have the same numbers of
rows, features and components; counts have rows of their own. The kinds are timed in turn on one
thread, by processor time: the difference of a fit of some passes and one of a single pass. Ratios
are of medians.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from emix import (
    BernoulliMixture,
    GaussianMixture,
    GaussianMixtureWithNoise,
    PoissonMixture,
    StudentMixture,
)

_PASSES = 9  # of the longer fit


def kinds(n: int, d: int, n_components: int) -> dict:
    """name -> (estimator that starts from labels, rows)"""
    rng = np.random.RandomState(0)
    labels = rng.randint(n_components, size=n)
    X = 2.0 * rng.normal(size=(n_components, d))[labels] + rng.normal(size=(n, d))
    counts = rng.poisson(np.exp(1.0 + 0.5 * X.clip(-4.0, 4.0))).astype(float)
    given = {"init_params": labels, "tol": 0.0, "acceleration": False}
    diagonal = {**given, "covariance_type": "diag"}
    stray = np.where(np.arange(n) % 30, labels, n_components)  # some rows begin as noise
    noisy = {**diagonal, "init_params": stray}
    known = {"degrees_of_freedom": 4.0}
    return {
        "normal, diag": (GaussianMixture(n_components, **diagonal), X),
        "normal, full": (GaussianMixture(n_components, **given), X),
        "normal with noise, diag": (GaussianMixtureWithNoise(n_components, **noisy), X),
        "t, diag": (StudentMixture(n_components, **diagonal), X),
        "t, diag, known degrees of freedom": (StudentMixture(n_components, **diagonal, **known), X),
        "t, full": (StudentMixture(n_components, **given), X),
        "Poisson": (PoissonMixture(n_components, **given), counts),
        "Bernoulli": (BernoulliMixture(n_components, **given), X),
    }


def seconds(estimator: object, X: np.ndarray, max_iter: int) -> float:
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.set_params(max_iter=max_iter).fit(X)
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=10)
    parser.add_argument("--components", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    cells = kinds(args.rows, args.features, args.components)
    times: dict[str, list[float]] = {name: [] for name in cells}
    with threadpool_limits(1):
        for _ in range(args.rounds):
            for name, (estimator, X) in cells.items():
                long, short = (seconds(estimator, X, passes) for passes in (_PASSES, 1))
                times[name].append((long - short) / (_PASSES - 1))
    medians = {name: float(np.median(found)) for name, found in times.items()}
    print("| components | ms a pass | ratio |\n|---|---|---|")
    for name, found in medians.items():
        ratio = found / medians["normal, diag"]
        print(f"| {name} | {1e3 * found:.0f} | {ratio:.1f} |")


if __name__ == "__main__":
    main()
