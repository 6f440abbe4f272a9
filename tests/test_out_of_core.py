"""Files larger than the memory that a process may have."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from common import clusters, fitted, integer_weights
from numpy.testing import assert_allclose

import emix

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="reads what a process uses from /proc"
)

# What every script begins with. ``allow`` limits the process to so many bytes more than it has:
# "DATA" is private memory (ulimit -d), "AS" all addresses, maps of files included (ulimit -v).
HEAD = """
import resource, sys, warnings
from pathlib import Path
import numpy as np
import emix
from emix import GaussianMixture

MB = 2**20
folder = Path(sys.argv[1])
warm = np.random.RandomState(0).normal(size=(2000, 4))
GaussianMixture(2, random_state=0).fit(warm).score(warm)

def allow(n_bytes, kind):
    name = {"DATA": "VmData:", "AS": "VmSize:"}[kind]
    lines = Path("/proc/self/status").read_text().splitlines()
    in_use = 1024 * int(next(line for line in lines if line.startswith(name)).split()[1])
    limit = in_use + n_bytes
    resource.setrlimit(getattr(resource, "RLIMIT_" + kind), (limit, limit))

def is_refused(read):
    try:
        read()
    except (MemoryError, OSError, RuntimeError):  # no more threads, either
        return True
    return False

def show(mixture):
    order = np.argsort(mixture.means_[:, 0])
    print(*mixture.weights_[order].round(2), *mixture.means_[order].mean(axis=1).round(1) + 0.0)
"""


def run(script, folder):
    """Lines that the script prints in a process of its own, on one thread."""
    pytest.importorskip("resource")
    root = str(Path(emix.__file__).parent.parent)
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    done = subprocess.run(
        [sys.executable, "-c", HEAD + script, str(folder)],
        capture_output=True,
        text=True,
        env={**os.environ, **threads, "PYTHONPATH": root},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def two_clusters(n, d):
    """A quarter of the rows about 5, the others about 0."""
    rng = np.random.RandomState(0)
    return rng.normal(size=(n, d)) + 5.0 * (rng.uniform(size=(n, 1)) < 0.25)


def write_csv(path, n_rows):
    """The same rows over and over: text takes long to make."""
    rows = two_clusters(5000, 4)
    block = "\n".join(",".join(f"{x:.8f}" for x in row) for row in rows) + "\n"
    with open(path, "w") as file:
        file.write("a,b,c,d\n")
        for _ in range(n_rows // len(rows)):
            file.write(block)


# --- CSV --------------------------------------------------------------------------------------

STREAM_OF_CSV = """
import pandas as pd

path = folder / "rows.csv"
stream = GaussianMixture(2, random_state=0)
frames = pd.read_csv(path, chunksize=20_000)
stream.partial_fit(next(frames))
allow(32 * MB, "AS")
print(path.stat().st_size > 32 * MB, is_refused(lambda: pd.read_csv(path)))
for frame in frames:
    stream.partial_fit(frame)
show(stream)
"""

CONVERTED_CSV = """
import pandas as pd

path, binary = folder / "rows.csv", folder / "rows.bin"
pd.read_csv(path, nrows=10)
allow(32 * MB, "DATA")
print(path.stat().st_size > 32 * MB, is_refused(lambda: path.read_bytes()))
with open(binary, "wb") as file:
    for frame in pd.read_csv(path, chunksize=20_000):
        frame.to_numpy(dtype=np.float64).tofile(file)
X = np.memmap(binary, dtype=np.float64, mode="r").reshape(-1, 4)
mixture = GaussianMixture(2, random_state=0).fit(X)
print(len(X), mixture.converged_)
show(mixture)
"""


def test_a_csv_file_larger_than_all_addresses_is_a_stream(tmp_path):
    pytest.importorskip("pandas")
    write_csv(tmp_path / "rows.csv", 1_400_000)
    assert run(STREAM_OF_CSV, tmp_path) == ["True True", "0.75 0.25 0.0 5.0"]


def test_a_csv_file_larger_than_private_memory_becomes_a_map(tmp_path):
    pytest.importorskip("pandas")
    write_csv(tmp_path / "rows.csv", 1_100_000)
    lines = run(CONVERTED_CSV, tmp_path)
    assert lines == ["True True", "1100000 True", "0.75 0.25 0.0 5.0"]


# --- parquet ----------------------------------------------------------------------------------

CONVERTED_PARQUET = """
import pyarrow as pa
import pyarrow.parquet as pq

pa.set_memory_pool(pa.system_memory_pool())  # the default one keeps what is freed
path, array = folder / "rows.parquet", folder / "rows.npy"
pq.read_table(folder / "few.parquet", use_threads=False)

def batches():
    return pq.ParquetFile(path, pre_buffer=False).iter_batches(20_000, use_threads=False)

def values(batch):
    return np.column_stack([column.to_numpy() for column in batch.columns])

allow(80 * MB, "DATA")
print(path.stat().st_size > 80 * MB, is_refused(lambda: path.read_bytes()))
shape = pq.ParquetFile(path).metadata.num_rows, 4
X = np.lib.format.open_memmap(array, mode="w+", dtype=np.float64, shape=shape)
start = 0
for batch in batches():
    X[start : start + batch.num_rows] = values(batch)
    start += batch.num_rows
X = np.load(array, mmap_mode="r")
mixture = GaussianMixture(2, random_state=0).fit(X)
print(len(X), mixture.converged_)
show(mixture)
stream = GaussianMixture(2, random_state=0)
for batch in batches():
    stream.partial_fit(values(batch))
show(stream)
print(abs(stream.score(X) - mixture.score(X)) < 0.01)
"""


def write_parquet(folder, n_rows):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = two_clusters(20_000, 4)
    table = pa.table({name: rows[:, j].copy() for j, name in enumerate("abcd")})
    pq.write_table(table.slice(0, 10), folder / "few.parquet")
    with pq.ParquetWriter(folder / "rows.parquet", table.schema, use_dictionary=False) as file:
        for _ in range(n_rows // len(rows)):
            file.write_table(table)


def test_a_parquet_file_larger_than_private_memory_becomes_a_map_or_a_stream(tmp_path):
    write_parquet(tmp_path, 2_700_000)
    lines = run(CONVERTED_PARQUET, tmp_path)
    expected = "0.75 0.25 0.0 5.0"
    assert lines == ["True True", "2700000 True", expected, expected, "True"]


# --- maps and scores --------------------------------------------------------------------------

MAPPED = """
shape = 5_000_000, 2
X = np.lib.format.open_memmap(folder / "X.npy", mode="w+", dtype=np.float32, shape=shape)
piece = np.random.RandomState(0).normal(size=(500_000, 2))
piece[:125_000] += 5.0
for start in range(0, len(X), len(piece)):
    X[start : start + len(piece)] = piece
del X, piece
X = np.load(folder / "X.npy", mmap_mode="r")
allow(34 * MB, "DATA")
print(is_refused(lambda: np.array(X)))
mixture = GaussianMixture(2, random_state=0).fit(X)
show(mixture)
print(is_refused(lambda: mixture.score_samples(X)))
few = X[:500_000]
print(np.isclose(mixture.score(X), mixture.score(few), rtol=1e-6))
p = 11 * np.log(len(X)), 11 * np.log(len(few))
print(np.isclose(mixture.bic(X) - p[0], 10 * (mixture.bic(few) - p[1]), rtol=1e-6))
"""


def test_fits_and_scores_of_a_map_hold_no_array_of_all_rows(tmp_path):
    expected = ["True", "0.75 0.25 0.0 5.0", "True", "True", "True"]
    assert run(MAPPED, tmp_path) == expected


def test_scores_are_sums_over_pieces_of_the_rows(monkeypatch):
    X, weight = clusters(5, 3000, 2, 2, 1.5), integer_weights(0, 3000)
    mixture = fitted(X, 2, random_state=0)
    whole = [
        getattr(mixture, name)(X, sample_weight=weight) for name in ("score", "aic", "bic", "icl")
    ]
    monkeypatch.setattr(emix._fitted.base, "_SUMMED", 1000)
    pieces = [
        getattr(mixture, name)(X, sample_weight=weight) for name in ("score", "aic", "bic", "icl")
    ]
    assert_allclose(pieces, whole, rtol=1e-12)
