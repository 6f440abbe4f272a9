"""What a fit costs on two worker processes, beside the fit in memory: the tables of the guide.

`python benchmarks/beyond.py` prints them. Fits have a given start and a fixed number of passes, and
alternate with the local fit, so that other work on the machine burdens both. Costs are seconds of
the processor of all processes; the client's process is the scheduler's too.
"""

from __future__ import annotations

import gc
import os
import pickle
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import dask.array as da
import numpy as np
from distributed import Client, LocalCluster
from threadpoolctl import threadpool_limits

import emix
import emix.dask
from emix.dask._cluster import Cluster

PASSES, ROUNDS = 10, 2
# rows, features, components
PROBLEMS = ((1_000_000, 10, 10), (200_000, 10, 10), (20_000, 50, 20))
PARTS = (2, 8)
FITS = 20


def problem(n: int, d: int, n_components: int) -> tuple[np.ndarray, dict]:
    """Overlapping clusters, and a start."""
    rng = np.random.RandomState(0)
    means = rng.normal(size=(n_components, d)) * 1.5
    X = rng.normal(size=(n, d))
    X += means[rng.randint(n_components, size=n)]
    start = {
        "weights_init": np.full(n_components, 1.0 / n_components),
        "means_init": means + rng.normal(size=means.shape) * 0.3,
        "precisions_init": np.tile(np.eye(d), (n_components, 1, 1)),
    }
    return X, {**start, "acceleration": False, "tol": 0.0}


def fit(make: Callable, X: Any, options: dict, passes: int) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make(len(options["weights_init"]), **options, max_iter=passes).fit(X)


class Seconds:
    """Processor seconds of this process, and of the workers, since the last look."""

    def __init__(self, client: Client):
        self._client = client
        self._last = self._now()

    def _now(self) -> np.ndarray:
        workers = sum(self._client.run(time.process_time).values())
        return np.array([time.process_time(), workers])

    def passed(self) -> np.ndarray:
        before, self._last = self._last, self._now()
        return self._last - before


def per_pass(work: Callable[[int], Any], clock: Callable[[], np.ndarray]) -> np.ndarray:
    """Seconds of a pass: what more passes take longer."""
    clock()
    work(2)
    few = clock()
    work(2 + PASSES)
    return (clock() - few) / PASSES


def spread(X: np.ndarray, n_parts: int, client: Client) -> da.Array:
    return client.persist(da.from_array(X, chunks=(-(-len(X) // n_parts), -1)))


class Traffic:
    """Bytes of what comes back from the workers in each gathering."""

    def __init__(self) -> None:
        self.bytes: list[int] = []
        self._gathered = Cluster.gathered

    def __enter__(self) -> Traffic:
        def counted(cluster, futures):
            found = self._gathered(cluster, futures)
            self.bytes.append(sum(len(pickle.dumps(each, protocol=5)) for each in found))
            return found

        Cluster.gathered = counted
        return self

    def __exit__(self, *_: object) -> None:
        Cluster.gathered = self._gathered


def cost(client: Client, n: int, d: int, n_components: int) -> str:
    """A line: of both fits, by turns."""
    X, options = problem(n, d, n_components)
    lazy, clock = spread(X, 2, client), Seconds(client)
    local, everywhere = [], []
    for _ in range(ROUNDS):
        one = per_pass(lambda k: fit(emix.GaussianMixture, X, options, k), clock.passed)
        both = per_pass(lambda k: fit(emix.dask.GaussianMixture, lazy, options, k), clock.passed)
        local.append(one[0])
        everywhere.append(both)
    here, workers = np.median(everywhere, axis=0)
    ratio = median(sum(b) / a for a, b in zip(local, everywhere, strict=True))
    with Traffic() as traffic:
        found = fit(emix.dask.GaussianMixture, lazy, options, 5)
    expected = fit(emix.GaussianMixture, X, options, 5)
    apart = np.abs(found.means_ / expected.means_ - 1.0).max()
    numbers = 8 * n_components * (1 + d + d * (d + 1) // 2)
    back = traffic.bytes[-1] / 2 / numbers
    cells = f"{1e3 * median(local):.0f} | {1e3 * workers:.0f} | {1e3 * here:.1f} | {ratio:.2f}"
    return f"| {n}, {d}, {n_components} | {cells} | {back:.2f} | {apart:.0e} |"


def overhead(client: Client, n_parts: int) -> str:
    """A line: of passes over few rows."""
    X, options = problem(40_000, 2, 3)
    lazy, clock = spread(X, n_parts, client), Seconds(client)
    found = []
    for _ in range(ROUNDS):
        found.append(
            per_pass(lambda k: fit(emix.dask.GaussianMixture, lazy, options, k), clock.passed)
        )
    here, workers = 1e3 * np.median(found, axis=0)
    return f"| {n_parts} | {here:.1f} | {here / n_parts:.2f} | {workers:.1f} |"


def resident() -> int:
    """Bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def growth(client: Client) -> str:
    """Of tasks of the scheduler, and of the memory of this process, over some fits."""
    X, options = problem(40_000, 5, 3)
    lazy = spread(X, 2, client)

    def n_tasks() -> int:
        return client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))

    sizes, tasks = [], []
    for _ in range(FITS + 2):
        fit(emix.dask.GaussianMixture, lazy, options, 30)
        gc.collect()
        time.sleep(0.2)
        sizes.append(resident())
        tasks.append(n_tasks())
    more = (sizes[-1] - sizes[1]) / FITS / 1e6
    return f"{FITS} fits: tasks {tasks[1]} to {tasks[-1]}, {more:.2f} MB a fit"


def main() -> None:
    with (
        threadpool_limits(1),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        print(f"Load of the machine when this began: {os.getloadavg()[0]:.1f}")
        print(
            "| n, d, K | local, ms | workers | client and scheduler | all / local | bytes | apart |"
        )
        for each in PROBLEMS:
            print(cost(client, *each), flush=True)
        print(growth(client), flush=True)
    print("| parts | client and scheduler, ms a pass | a part | workers |")
    for n_parts in PARTS:
        with (
            LocalCluster(
                n_workers=2, threads_per_worker=n_parts // 2, dashboard_address=None
            ) as cluster,
            Client(cluster) as client,
        ):
            print(overhead(client, n_parts), flush=True)


if __name__ == "__main__":
    main()
