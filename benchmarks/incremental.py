"""Sweeps and time of incremental EM to the maximum, beside batch EM: the table of the guide.

`python benchmarks/incremental.py` prints it. Every climb begins at the same start, on one thread,
and ends within 1e-6 per sample of the best objective that a long accelerated climb reaches.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from emix._em.ascent import Ascent
from emix._em.quasi_newton import QuasiNewton
from emix._mixture import start
from emix._mixture.incremental import Incremental
from emix._mixture.missing import mixture_over
from emix._mixture.mixture import Mixture
from emix._normal.covariances import FULL
from emix._rows.blocks import Rows, standard_units

_SHORT = 1e-6
_MOST = 300
BLOCKS = (4, 16, 64)
# rows, features, components, spread of the means
PROBLEMS = (
    (10_000, 5, 5, 1.0),
    (10_000, 10, 5, 0.8),
    (30_000, 4, 6, 1.0),
    (100_000, 5, 10, 1.0),
    (100_000, 3, 4, 1.2),
    (300_000, 3, 5, 0.8),
    (1_000_000, 2, 4, 2.5),
    (1_000_000, 5, 5, 1.0),
)


class Climb(NamedTuple):
    sweeps: int
    seconds: float
    arrived: bool


def draw(n: int, d: int, n_components: int, spread: float) -> np.ndarray:
    """Correlated normal clusters of unequal size, overlapping; (n, d)."""
    rng = np.random.RandomState(0)
    means = rng.normal(size=(n_components, d)) * spread
    mixing = rng.normal(size=(n_components, d, d)) * 0.3 + np.eye(d)
    shares = rng.dirichlet(np.full(n_components, 5.0))
    label = rng.choice(n_components, size=n, p=shares)
    return means[label] + np.einsum("nij,nj->ni", mixing[label], rng.normal(size=(n, d)))


def model_of(rows: Rows) -> Mixture:
    return mixture_over(FULL, rows, np.zeros(rows.d))


def climb(model, params, best: float, accelerate: bool) -> Climb:
    """From params until the objective is within reach of the best."""
    began = time.perf_counter()
    ascent = Ascent(model, params, QuasiNewton(model) if accelerate else None)
    result = ascent.run(
        tol=1e-30, max_iter=_MOST, watch=lambda climb: climb.objective >= best - _SHORT
    )
    seconds = time.perf_counter() - began
    return Climb(result.n_iter, seconds, result.objective >= best - _SHORT)


def climbs(n: int, d: int, n_components: int, spread: float) -> list[Climb]:
    """Plain EM, accelerated EM, and incremental EM with few and more blocks."""
    X = draw(n, d, n_components, spread)
    rows = standard_units(Rows(X, None, np.zeros(d), np.ones(d)))
    rng = np.random.RandomState(0)
    sample, complete = start.sample_rows(rows, n_components, rng)
    params = start.kmeans(model_of(rows).over(sample, complete), n_components, rng)
    model = model_of(rows)
    longest = Ascent(model, params, QuasiNewton(model))
    best = longest.run(tol=1e-10, max_iter=4 * _MOST).objective
    found = [climb(model_of(rows), params, best, accelerate) for accelerate in (False, True)]
    for n_blocks in BLOCKS:
        found.append(climb(Incremental(model_of(rows), n_blocks), params, best, False))
    return found


def shown(found: Climb, plain: Climb) -> str:
    """Sweeps, and time relative to plain EM."""
    if not found.arrived:
        return "-"
    return f"{found.sweeps} ({found.seconds / plain.seconds:.2f})"


def main() -> None:
    titles = ["n, d, K", "EM", "accelerated", *(f"{count} blocks" for count in BLOCKS)]
    print("| " + " | ".join(titles) + " |")
    print("|" + "---|" * len(titles))
    for problem in PROBLEMS:
        found = climbs(*problem)
        cells = [shown(each, found[0]) for each in found]
        print("| " + ", ".join(map(str, problem[:3])), *cells, sep=" | ", end=" |\n", flush=True)


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
