"""A pass over rows with gaps, beside a loop over the rows and a pass over complete data.

`python benchmarks/missing.py` prints the table of the guide. A pass is an E-step with its
statistics, on one thread; the three are timed in turn, by processor time, and ratios are of
medians. The loop is timed on some of the rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from emix._fitted.base import STRUCTURES
from emix._mixture.missing import mixture_over
from emix._mixture.mixture import Mixture
from emix._normal.gaussian import Params
from emix._rows.blocks import Rows, standard_units
from emix._rows.patterns import rows_over

_ROUNDS, _LOOPED = 15, 300


class Problem(NamedTuple):
    """Rows, features, components, share of the values that are missing or number of patterns."""

    covariance_type: str
    n: int
    d: int
    n_components: int
    missing: float


PROBLEMS = (
    Problem("full", 100_000, 10, 5, 0.2),
    Problem("full", 100_000, 10, 5, 0.02),
    Problem("full", 100_000, 10, 5, 3),
    Problem("full", 100_000, 20, 5, 0.2),
    Problem("full", 100_000, 20, 5, 0.05),
    Problem("full", 100_000, 4, 3, 0.2),
    Problem("tied", 100_000, 10, 5, 0.2),
    Problem("diag", 100_000, 10, 5, 0.2),
    Problem("spherical", 100_000, 10, 5, 0.2),
    Problem("tied_diag", 100_000, 10, 5, 0.2),
)


def draw(problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, means and factors L (K, d, d) of covariances L Lᵀ."""
    _, n, d, n_components, _ = problem
    rng = np.random.RandomState(0)
    means = 2.0 * rng.normal(size=(n_components, d))
    roots = 0.5 * rng.normal(size=(n_components, d, d)) / np.sqrt(d) + 1.2 * np.eye(d)
    label = rng.randint(n_components, size=n)
    X = means[label] + np.einsum("nij,nj->ni", roots[label], rng.normal(size=(n, d)))
    return X, means, roots


def punched(X: np.ndarray, missing: float) -> np.ndarray:
    """A copy with gaps: missing at random, or of so many patterns."""
    rng, X = np.random.RandomState(1), X.copy()
    if missing < 1:
        X[rng.uniform(size=X.shape) < missing] = np.nan
        return X
    holes = np.zeros((int(missing), X.shape[1]), dtype=bool)
    for i in range(1, len(holes)):
        holes[i, rng.choice(X.shape[1], 1 + i, replace=False)] = True
    X[holes[rng.randint(len(holes), size=len(X))]] = np.nan
    return X


def params_of(structure, model: Mixture, means, roots) -> Params:
    rows, n_components = model.rows, len(means)
    stack = roots @ roots.swapaxes(1, 2) / np.multiply.outer(rows.scale, rows.scale)
    if not structure.form.correlates:
        stack = np.diagonal(stack, axis1=1, axis2=2)
        stack = stack if len(structure.form.shape(rows.d)) else stack.mean(axis=1)
    covariances = stack.mean(axis=0) if (not structure.sharing.separable) else np.array(stack)
    weights = np.full(n_components, 1.0 / n_components)
    return Params(
        weights, (means - rows.shift) / rows.scale, *model.space.floor.factorise(covariances)
    )


def loop(z: np.ndarray, weights, means, covariances) -> None:
    """The E-step row by row."""
    n_components, d = means.shape
    weight, first = np.zeros(n_components), np.zeros((n_components, d))
    second = np.zeros((n_components, d, d))
    for row in z:
        o = ~np.isnan(row)
        log_joint, mean = np.empty(n_components), np.empty((n_components, d))
        spread = np.empty((n_components, d, d))
        for k in range(n_components):
            inverse = np.linalg.inv(covariances[k][np.ix_(o, o)])
            y = row[o] - means[k, o]
            log_det = np.linalg.slogdet(inverse)[1]
            log_joint[k] = np.log(weights[k]) - 0.5 * (y @ inverse @ y - log_det)
            filling = covariances[k][:, o] @ inverse
            mean[k] = filling @ y
            spread[k] = covariances[k] - filling @ covariances[k][o]
        resp = np.exp(log_joint - log_joint.max())
        resp /= resp.sum()
        weight += resp
        first += resp[:, None] * mean
        second += resp[:, None, None] * (mean[:, :, None] * mean[:, None, :] + spread)


def medians(*calls: Callable) -> list[float]:
    """Seconds, in turn."""
    seconds = np.empty((_ROUNDS, len(calls)))
    for i in range(_ROUNDS + 1):
        for j, call in enumerate(calls):
            began = time.process_time()
            call()
            seconds[max(i - 1, 0), j] = time.process_time() - began
    return np.median(seconds, axis=0).tolist()


def line(problem: Problem) -> str:
    structure, d = STRUCTURES[problem.covariance_type], problem.d
    complete, means, roots = draw(problem)
    X = punched(complete, problem.missing)
    rows = standard_units(rows_over(X, None, np.zeros(d), np.ones(d)))
    plain = mixture_over(structure, Rows(complete, None, rows.shift, rows.scale), np.zeros(d))
    gapped = mixture_over(structure, rows, np.zeros(d))
    params = params_of(structure, plain, means, roots)
    z = (X[:_LOOPED] - rows.shift) / rows.scale
    dense = roots @ roots.swapaxes(1, 2) / np.multiply.outer(rows.scale, rows.scale)
    ours, whole, looped = medians(
        lambda: gapped.e_step(params),
        lambda: plain.e_step(params),
        lambda: loop(z, params.weights, params.means, dense),
    )
    kind = type(gapped.kernel(params)).__name__.lower()
    looped *= problem.n / _LOOPED
    cells = (
        *problem,
        len(rows.patterns.holes),
        kind,
        f"{looped / ours:.0f}",
        f"{ours / whole:.1f}",
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def main() -> None:
    titles = ("covariances", "n", "d", "K", "missing", "patterns", "kernel")
    titles += ("loop / pass", "pass / complete pass")
    print("| " + " | ".join(titles) + " |")
    print("|" + "---|" * len(titles))
    for problem in PROBLEMS:
        print(line(problem), flush=True)


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
