"""Time default fits and predictions at every size: `python benchmarks/small.py --help`.

Whole fits of emix and of scikit-learn by their defaults, in turns in one process, and predictions
on few and on many rows. Told is scikit-learn's time over emix's.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import sklearn.cluster
import sklearn.mixture
from threadpoolctl import threadpool_limits

import emix
import small_report
from machine import about, machine_line, save_compact
from problems import Cell, make

STRUCTURES = ("full", "tied", "diag", "spherical")
N_ROWS = (50, 150, 500, 2000, 20_000)
N_FEATURES = (1, 2, 5, 10, 30)
N_COMPONENTS = (1, 2, 3, 5, 10, 20)
# Standard deviation of the means in units of the clusters' own: most rows lie between clusters,
# or (from two features on) nearly none.
OVERLAPPING, APART = 1.0, 6.0
MANY = ((2000, 2), (20_000, 2), (20_000, 10))  # rows and features of K = 100
PREDICTED_ROWS = (1, 10, 100, 1000, 20_000)
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
METHODS = ("predict", "predict_proba", "score_samples", "sample")
MODELS = ((2, 3), (10, 10), (30, 20))  # features and components of the models that predict
_FITTED_ROWS = 2000

_MAX_ROUNDS = 9
_LEAST_SECONDS = 0.004  # of predictions timed together
_PAUSE = 0.02  # seconds between peers of several threads, as in timing.py
_SAVED_EVERY = 50  # cells; a run that is stopped keeps those
# Every 17th fit of the map and every 17th prediction: 17 divides no length of a list, so that
# each value of each size occurs.
_QUICK_STEP = 17


@dataclass(frozen=True)
class Timed:
    """One comparison: a name, how it is prepared, and the two calls of a seed that are timed.

    `prepare(seed)` returns, by peer, a call without arguments that returns what `told` describes.
    """

    family: str
    name: str
    sizes: dict
    prepare: Callable[[int], dict[str, Callable]]
    told: Callable[[object], dict]
    repeats: bool = False


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    args = _arguments(arguments)
    _warm_up()
    chosen = [timed for family in args.what for timed in _chosen(FAMILIES[family](), args)]
    run = about(
        {"emix": emix.__version__},
        ["emix", "sklearn"],
        quick=args.quick,
        seconds=args.seconds,
        clock=args.clock,
    )
    rows: list[dict] = []
    for n_threads in args.threads:
        for timed in chosen:
            print(f"{timed.name}, {n_threads} threads", file=sys.stderr, flush=True)
            with threadpool_limits(n_threads):
                rows.append(measured(timed, n_threads, args.seconds, CLOCKS[args.clock]))
            if len(rows) % _SAVED_EVERY == 0:
                save_compact(args.json, run, {"small": rows})
    save_compact(args.json, run, {"small": rows})
    text = small_report.small(rows)
    print(text)
    if args.markdown:
        args.markdown.write_text(f"{machine_line(run)}\n\n{text}\n")


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--quick", action="store_true", help="a seventeenth of the cells")
    parser.add_argument(
        "--what", nargs="+", choices=FAMILIES, default=list(FAMILIES), help="default: all"
    )
    parser.add_argument("--cells", nargs="+", metavar="TEXT", help="those whose name has a TEXT")
    parser.add_argument("--threads", nargs="+", type=int, metavar="N", help="default: 1 2")
    parser.add_argument(
        "--seconds",
        type=float,
        default=0.5,
        metavar="S",
        help="rounds of a cell go on for this long (default: 0.5)",
    )
    parser.add_argument(
        "--clock",
        choices=CLOCKS,
        default="wall",
        help="what passes, or what the processor works, which tells more of one thread "
        "where others use the machine (default: wall)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all cells there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there")
    args = parser.parse_args(arguments)
    args.threads = args.threads or ([1] if args.quick else [1, 2])
    return args


def _chosen(cells: Iterator[Timed], args: argparse.Namespace) -> list[Timed]:
    chosen = list(cells)
    if args.cells:
        return [timed for timed in chosen if any(text in timed.name for text in args.cells)]
    return chosen[:: _QUICK_STEP if args.quick else 1]


def _warm_up() -> None:
    """First calls look for libraries and fill caches."""
    X = make(Cell("full", 200, 2, 2)).X
    for estimator in (emix.GaussianMixture, sklearn.mixture.GaussianMixture):
        estimator(2, random_state=0).fit(X).predict(X)
    sklearn.cluster.KMeans(2, n_init=1, random_state=0).fit(X)


def measured(timed: Timed, n_threads: int, seconds: float, clock: Callable[[], float]) -> dict:
    """A row: medians of the times and of the ratios within a round, another seed each round."""
    times: dict[str, list[float]] = {"emix": [], "sklearn": []}
    told: dict[str, list[dict]] = {"emix": [], "sklearn": []}
    row = {"family": timed.family, "cell": timed.name, **timed.sizes, "threads": n_threads}
    began = time.perf_counter()
    for seed in range(_MAX_ROUNDS):
        calls = timed.prepare(seed)
        order = ("emix", "sklearn") if seed % 2 == 0 else ("sklearn", "emix")
        for name in order:
            time.sleep(_PAUSE if n_threads > 1 else 0.0)
            try:
                took, result = _timed(calls[name], timed.repeats, clock)
            except ValueError as error:
                return {**row, "refused": f"{name}: {str(error)[:120]}"}
            times[name].append(took)
            told[name].append(timed.told(result))
        if time.perf_counter() - began > seconds:
            break
    ratios = [theirs / ours for theirs, ours in zip(times["sklearn"], times["emix"], strict=True)]
    return {
        **row,
        "rounds": len(ratios),
        "seconds": {name: statistics.median(values) for name, values in times.items()},
        "faster": statistics.median(ratios),
        "told": {name: _medians(values) for name, values in told.items()},
    }


def _timed(call: Callable, repeats: bool, clock: Callable[[], float]) -> tuple[float, object]:
    """Seconds of a call, of many in a row where it `repeats`, and what it returns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        began = clock()
        result = call()
        took = clock() - began
        if repeats:
            count = max(1, min(1000, int(_LEAST_SECONDS / max(took, 1e-6))))
            began = clock()
            for _ in range(count):
                call()
            took = (clock() - began) / count
    return took, result


def _medians(told: list[dict]) -> dict:
    return {name: statistics.median(entry[name] for entry in told) for name in told[0]}


def _map() -> Iterator[Cell]:
    """Cells of the map, overlapping or apart."""
    sizes = product(N_ROWS, N_FEATURES, N_COMPONENTS, STRUCTURES, (OVERLAPPING, APART))
    for n, d, k, structure, separation in sizes:
        if k <= n:
            yield Cell(structure, n, d, k, separation)


def _every_other(cells: Iterator[Cell]) -> Iterator[Cell]:
    """Overlapping clusters of one cell, those apart of the next; these come in pairs."""
    for index, pair in enumerate(zip(cells, cells, strict=True)):
        yield pair[(index + index // len(STRUCTURES)) % 2]


def mixtures() -> Iterator[Timed]:
    """Default fits of `GaussianMixture`."""
    for cell in _map():
        yield _fits("mixture", cell, emix.GaussianMixture, sklearn.mixture.GaussianMixture)


def many() -> Iterator[Timed]:
    """Default fits of `GaussianMixture` with 100 components."""
    for (n, d), structure in product(MANY, STRUCTURES):
        cell = Cell(structure, n, d, 100, OVERLAPPING)
        yield _fits("many", cell, emix.GaussianMixture, sklearn.mixture.GaussianMixture)


def bayesian() -> Iterator[Timed]:
    """Default fits of `BayesianGaussianMixture`, of overlapping and apart clusters by turns."""
    for cell in _every_other(_map()):
        yield _fits(
            "bayesian",
            cell,
            emix.BayesianGaussianMixture,
            sklearn.mixture.BayesianGaussianMixture,
        )


def _fits(family: str, cell: Cell, ours: Callable, theirs: Callable) -> Timed:
    def prepare(seed: int) -> dict[str, Callable]:
        X = _rows(cell)
        settings = {
            "n_components": cell.k,
            "covariance_type": cell.structure,
            "random_state": seed,
        }
        models = {"emix": ours(**settings), "sklearn": theirs(**settings)}
        return {name: lambda model=model: model.fit(X) for name, model in models.items()}

    def told(model) -> dict:
        return {"n_iter": int(model.n_iter_), "score": float(model.score(_rows(cell)))}

    return Timed(family, f"{family}-{cell.name}", _sizes(cell), prepare, told)


def hard() -> Iterator[Timed]:
    """K-means as a hard mixture against `KMeans(n_init=1)`; no structure."""
    for cell in _map():
        if cell.structure == STRUCTURES[0]:
            yield _kmeans(cell)


def _kmeans(cell: Cell) -> Timed:
    def prepare(seed: int) -> dict[str, Callable]:
        X = _rows(cell)
        models = {
            "emix": emix.HardGaussianMixture(
                cell.k,
                covariance_type="tied_spherical",
                frozen=("weights",),
                random_state=seed,
            ),
            "sklearn": sklearn.cluster.KMeans(cell.k, n_init=1, random_state=seed),
        }
        return {name: lambda model=model: model.fit(X) for name, model in models.items()}

    def told(model) -> dict:
        centres = model.means_ if hasattr(model, "means_") else model.cluster_centers_
        X = _rows(cell)
        nearest = np.min([np.square(X - centre).sum(axis=1) for centre in centres], axis=0)
        return {"n_iter": int(model.n_iter_), "score": -float(nearest.mean())}

    sizes = {**_sizes(cell), "structure": "k-means"}
    return Timed("hard", f"hard-{cell.name.partition('-')[2]}", sizes, prepare, told)


def predictions() -> Iterator[Timed]:
    """Predictions and samples of fitted models."""
    models = product(STRUCTURES, MODELS)
    for (structure, (d, k)), method, n in product(models, METHODS, PREDICTED_ROWS):
        yield _predictions(Cell(structure, _FITTED_ROWS, d, k, OVERLAPPING), method, n)


def _predictions(cell: Cell, method: str, n: int) -> Timed:
    def prepare(seed: int) -> dict[str, Callable]:
        asked = n if method == "sample" else _rows(Cell(*_shape(cell, n), cell.separation))
        return {
            name: lambda model=model: getattr(model, method)(asked)
            for name, model in _fitted(cell).items()
        }

    name = f"{method}-{n}-rows-{cell.structure}-d{cell.d}-k{cell.k}"
    sizes = {**_sizes(cell), "n": n, "method": method}
    return Timed("predictions", name, sizes, prepare, lambda result: {}, repeats=True)


def _shape(cell: Cell, n: int) -> tuple[str, int, int, int]:
    return cell.structure, n, cell.d, cell.k


_FITTED: dict[Cell, dict] = {}
_ROWS: dict[Cell, np.ndarray] = {}


def _fitted(cell: Cell) -> dict:
    """Both models of a cell, fitted once; `reg_covar` equal, so that neither can refuse."""
    if cell not in _FITTED:
        _FITTED.clear()
        peers = {"emix": emix.GaussianMixture, "sklearn": sklearn.mixture.GaussianMixture}
        settings = {"covariance_type": cell.structure, "random_state": 0, "reg_covar": 1e-3}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _FITTED[cell] = {
                name: peer(cell.k, **settings).fit(_rows(cell)) for name, peer in peers.items()
            }
    return _FITTED[cell]


def _rows(cell: Cell) -> np.ndarray:
    """Rows of a cell, made once."""
    if cell not in _ROWS:
        _ROWS.clear()
        _ROWS[cell] = make(cell).X if cell.k <= cell.n else make_few(cell)
    return _ROWS[cell]


def make_few(cell: Cell) -> np.ndarray:
    """Fewer rows than components: the first ones of as many."""
    return make(Cell(cell.structure, cell.k, cell.d, cell.k, cell.separation)).X[: cell.n]


def _sizes(cell: Cell) -> dict:
    return {
        "structure": cell.structure,
        "n": cell.n,
        "d": cell.d,
        "k": cell.k,
        "data": "apart" if cell.separation == APART else "overlapping",
    }


FAMILIES = {
    "mixture": mixtures,
    "many": many,
    "bayesian": bayesian,
    "hard": hard,
    "predictions": predictions,
}


if __name__ == "__main__":
    main()
