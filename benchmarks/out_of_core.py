"""Files larger than the memory that a process may have: the table of the guide.

`python benchmarks/out_of_core.py` writes 2.5 million rows of ten features as .npy, parquet and CSV
and prints a line for each way to fit them. Every way runs in a process of its own, on one thread,
with 190 MB of private memory beyond its imports (`ulimit -d`). It needs Linux and pyarrow.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emix import GaussianMixture

N, D, K = 2_500_000, 10, 5
ALLOWED = 190 * 1000 * 1000
PIECE = 50_000
BATCHES = (1_000, 10_000, 100_000)


# --- the files --------------------------------------------------------------------------------


def pieces(n: int):
    """Rows of overlapping normal clusters, some at a time."""
    rng = np.random.RandomState(0)
    means = rng.normal(size=(K, D)) * 1.2
    mixing = rng.normal(size=(K, D, D)) * 0.2 + np.eye(D)
    shares = rng.dirichlet(np.full(K, 5.0))
    for _ in range(n // PIECE):
        label = rng.choice(K, size=PIECE, p=shares)
        noise = rng.normal(size=(PIECE, D))
        yield means[label] + np.einsum("nij,nj->ni", mixing[label], noise)


def write(folder: Path, n: int) -> None:
    rows = np.lib.format.open_memmap(folder / "rows.npy", mode="w+", dtype=float, shape=(n, D))
    schema = pa.schema([(f"x{j}", pa.float64()) for j in range(D)])
    with pq.ParquetWriter(folder / "rows.parquet", schema) as parquet:
        for i, piece in enumerate(pieces(n)):
            rows[i * PIECE : (i + 1) * PIECE] = piece
            frame = pd.DataFrame(piece, columns=schema.names)
            parquet.write_table(pa.Table.from_pandas(frame, schema, preserve_index=False))
            frame.to_csv(
                folder / "rows.csv", index=False, header=i == 0, mode="a", float_format="%.9g"
            )
    rows.flush()


# --- the ways ---------------------------------------------------------------------------------


def map_of(folder: Path, name: str = "rows.npy") -> np.ndarray:
    return np.load(folder / name, mmap_mode="r")


def fit_map(folder: Path) -> GaussianMixture:
    return GaussianMixture(K, random_state=0).fit(map_of(folder))


def convert_parquet(folder: Path) -> None:
    file = pq.ParquetFile(folder / "rows.parquet", pre_buffer=False)
    shape = file.metadata.num_rows, file.metadata.num_columns
    rows = np.lib.format.open_memmap(folder / "a.npy", mode="w+", dtype=float, shape=shape)
    start = 0
    for batch in file.iter_batches(PIECE, use_threads=False):
        stop = start + batch.num_rows
        rows[start:stop] = np.column_stack([column.to_numpy() for column in batch.columns])
        start = stop


def convert_csv(folder: Path) -> None:
    with open(folder / "b.bin", "wb") as file:
        for frame in pd.read_csv(folder / "rows.csv", chunksize=PIECE):
            frame.to_numpy(dtype=float).tofile(file)


def stream(folder: Path, size: int) -> GaussianMixture:
    mixture = GaussianMixture(K, random_state=0)
    rows = map_of(folder)
    for start in range(0, len(rows), size):
        mixture.partial_fit(rows[start : start + size])
    return mixture


WAYS: dict[str, Callable] = {
    "`fit` of the memory map": fit_map,
    "parquet to .npy": convert_parquet,
    "CSV to binary": convert_csv,
    **{
        f"`partial_fit`, batches of {size}": lambda folder, size=size: stream(folder, size)
        for size in BATCHES
    },
}


# --- measured in a process of its own -----------------------------------------------------------


def private_bytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024


class Peak:
    """The most private memory in use between enter and exit."""

    def __enter__(self) -> Peak:
        self.bytes, self._done = 0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def _look(self) -> None:
        while not self._done.wait(0.01):
            self.bytes = max(self.bytes, private_bytes("RssAnon"))

    def __exit__(self, *_) -> None:
        self._done.set()
        self._thread.join()


def measure(folder: Path, way: str) -> None:
    """Print seconds of the processor, bytes and, of a fit, log-likelihood per row."""
    limit = private_bytes("VmData") + ALLOWED
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    warnings.simplefilter("ignore")
    before, began = private_bytes("RssAnon"), time.process_time()
    with Peak() as peak:
        fitted = WAYS[way](folder)
    found = {"seconds": time.process_time() - began, "bytes": peak.bytes - before}
    if fitted is not None:
        found |= {"score": fitted.score(map_of(folder)), "n_iter": fitted.n_iter_}
    print(json.dumps(found))


def measured(folder: Path, way: str) -> dict:
    command = [sys.executable, __file__, str(folder), way]
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    run = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, **threads}
    )
    return json.loads(run.stdout)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, N)
        for path in sorted(folder.iterdir()):
            print(f"{path.name}: {path.stat().st_size / 1e6:.0f} MB")
        print("| way | processor, s | private memory, MB | log-likelihood per row |")
        print("|---|---|---|---|")
        for way in WAYS:
            found = measured(folder, way)
            cells = way, f"{found['seconds']:.1f}", f"{found['bytes'] / 1e6:.0f}"
            print("| " + " | ".join(cells), f"{found.get('score', np.nan):.6f} |", sep=" | ")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]), sys.argv[2])
    else:
        main()
