"""Search components and structures, against a loop over scikit-learn: `selection.py --help`.

`emix.MixtureSearch` fits one to nine components with the four structures that scikit-learn has.
Then scikit-learn's mixture is fitted to each of these cells from one start after the other, by
three of its kinds of starts in turn, until its log-likelihood is no more than 0.1 below emix's, or
so many starts were made. Fits with a collapsed component do not count. The sum of the times is that
of a grid search whose `n_init` is known beforehand for every cell: as short as it can be. A grid
search with one `n_init` takes what all cells would take with as many starts as the hardest one.
Times are those of the processor, on one thread.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import sklearn.mixture
from sklearn.datasets import load_iris, load_wine
from threadpoolctl import threadpool_limits

import emix
import selection_report
from emix.datasets import load_faithful
from healthy import expanded, metric_of
from machine import about, machine_line, save_compact
from problems import Cell, make

STRUCTURES = ("full", "tied", "diag", "spherical")
COUNTS = range(1, 10)
# Nats of the whole table: a twentieth of what is hardly worth mentioning in a BIC.
MARGIN = 0.1
# scikit-learn stops when a pass gains less, in nats per row; with its default of 1e-3 or with 1e-5
# it often ends short of its maximum by more than the margin.
TOL = 1e-6
# Least share of the variance of all rows that a component has in every direction if it has not
# collapsed; emix's least covariance is about as small.
COLLAPSED = 1e-6
# Its default, k-means, alone leads from most seeds to the same maximum.
STARTS = ("kmeans", "k-means++", "random_from_data")


def _wine() -> np.ndarray:
    """Four of its features: alcohol, flavonoids, colour, proline."""
    return load_wine().data[:, [0, 6, 9, 12]]


TABLES: dict[str, Callable[[], np.ndarray]] = {
    "Old Faithful, 272 x 2": lambda: load_faithful().data,
    "irises, 150 x 4": lambda: load_iris().data,
    "wine, 178 x 4": _wine,
    "five clusters, 1000 x 3": lambda: make(Cell("full", 1000, 3, 5, 1.5)).X,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--most", type=int, default=9, help="components (default: 9)")
    parser.add_argument("--starts", type=int, default=48, help="at most (default: 48)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all cells there")
    args = parser.parse_args(arguments)
    run = about({"emix": emix.__version__}, ["emix", "sklearn"], starts=args.starts)
    rows: list[dict] = []
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in args.tables:
            rows += measured(name, TABLES[name](), COUNTS[: args.most], args.starts)
            save_compact(args.json, run, {"selection": rows})
    print(machine_line(run), selection_report.selection(rows), sep="\n\n")


def measured(name: str, X: np.ndarray, counts: Sequence[int], most_starts: int) -> list[dict]:
    """A row for every cell. The search is made before and after the loop, and its time is the mean
    of both, shared out evenly."""
    search = emix.MixtureSearch(
        n_components=counts, covariance_type=STRUCTURES, patience=None, random_state=0
    )
    search.fit(X[:100])  # first calls look for libraries and fill caches
    before = _seconds(lambda: search.fit(X))
    results = search.results_
    rows = []
    for i, (k, structure) in enumerate(
        zip(results["n_components"], results["covariance_type"], strict=True)
    ):
        print(f"{name}, {structure}, {k} components", file=sys.stderr, flush=True)
        height = float(results["log_likelihood"][i])
        row = {"table": name, "structure": structure, "k": int(k), "height": height}
        if results["singular"][i]:
            rows.append({**row, "singular": True})
            continue
        rows.append(
            {**row, "singular": False, **_climbed(X, int(k), structure, height, most_starts)}
        )
    seconds = 0.5 * (before + _seconds(lambda: search.fit(X)))
    return [{**row, "emix": seconds / len(rows)} for row in rows]


def _climbed(X: np.ndarray, k: int, structure: str, height: float, most_starts: int) -> dict:
    """scikit-learn's starts, seconds and how far the first and the best fall short of emix."""
    best, first, seconds, starts = -np.inf, None, 0.0, 0
    metric = metric_of(X, structure)
    while best < height - MARGIN and starts < most_starts:
        mixture = sklearn.mixture.GaussianMixture(
            k,
            covariance_type=structure,
            init_params=STARTS[starts % len(STARTS)],
            tol=TOL,
            max_iter=10_000,
            reg_covar=0.0,
            random_state=starts,
        )
        began = time.process_time()
        try:
            reached = len(X) * mixture.fit(X).score(X)
            seconds += time.process_time() - began
            covariances = expanded(mixture.covariances_, structure, k, X.shape[1])
            if np.linalg.eigvalsh(metric.covariances(covariances)).min() < COLLAPSED:
                reached = -np.inf
        except ValueError:  # a covariance is singular
            reached = -np.inf
            seconds += time.process_time() - began
        starts += 1
        best = max(best, reached)
        first = reached if first is None else first
    return {
        "sklearn": seconds,
        "starts": starts,
        "reached": bool(best >= height - MARGIN),
        "first_short": float(height - first) if np.isfinite(first) else None,
        "above": float(best - height) if np.isfinite(best) else None,
    }


def _seconds(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


if __name__ == "__main__":
    main()
