"""Blocks of rows: threads, storage formats, memory."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from common import (
    FITTED,
    STRUCTURES,
    clusters,
    convergence_warnings_allowed,
    fitted,
    model_of,
    random_params,
    rows_of,
)
from numpy.testing import assert_allclose, assert_array_equal
from threadpoolctl import threadpool_limits

import emix
from emix import GaussianMixture
from emix._mixture.missing import mixture_over
from emix._normal.covariances import FULL
from emix._rows.blocks import KEPT_BYTES, standard_units
from emix._rows.grid import TILE, block_rows, shares, spans, workers

# rows that make several blocks, and several shares of the grid
MANY = 60_000


# --- threads --------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_statistics_are_bit_equal_for_any_number_of_threads(covariance_type, weighted):
    structure, X = STRUCTURES[covariance_type], clusters(0, MANY, 4, 3, 1.0)
    weight = np.random.RandomState(0).uniform(size=MANY) if weighted else None
    params = random_params(structure, 0, 3, 4)
    found = []
    for n_threads in (1, 2, 3):
        with threadpool_limits(1), workers(n_threads) as mapper:
            rows = standard_units(rows_of(X, weight, mapper=mapper))
            stats = mixture_over(structure, rows, np.zeros(4)).e_step(params)
            found.append((rows.shift, rows.scale, stats.vector, stats.value))
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            assert_array_equal(one, two)


@pytest.mark.parametrize("n", [500, MANY])
def test_fit_is_bit_equal_for_any_number_of_threads(covariance_type, n):
    X = clusters(1, n, 3, 3, 1.5)
    found = []
    for n_threads in (1, 2, 3):
        with threadpool_limits(n_threads, user_api="blas"):
            mixture = fitted(X, 3, covariance_type=covariance_type, max_iter=6, random_state=0)
            found.append((mixture, mixture.score_samples(X), mixture.predict_proba(X)))
    first = found[0]
    for other in found[1:]:
        for name in FITTED:
            assert_array_equal(getattr(other[0], name), getattr(first[0], name))
        assert other[0].lower_bounds_ == first[0].lower_bounds_
        assert_array_equal(other[1], first[1])
        assert_array_equal(other[2], first[2])


def test_spans_and_shares_cover_all_rows_once():
    for n, size in ((1, 512), (512, 512), (513, 512), (100_000, 768)):
        blocks = spans(n, size)
        assert [a for a, _ in blocks] == [0, *[b for _, b in blocks[:-1]]]
        assert blocks[-1][1] == n
        assert max(b - a for a, b in blocks) <= size + TILE
        assert min(b - a for a, b in blocks) > 0
        assert not any(a % TILE for a, _ in blocks)
        assert [block for share in shares(n, size) for block in share] == blocks


def test_blocks_have_bounded_memory():
    assert block_rows(8) * 8 <= 64 * 1024 * 1024
    assert block_rows(1000) * 1000 <= 64 * 1024 * 1024
    assert block_rows(10**9) >= 1


def test_standard_units_have_mean_zero_and_unit_variance():
    X = clusters(2, 3000, 3, 2) * [1e-9, 1.0, 1e9] + [5e-6, -1e4, 3.0]
    weight = np.random.RandomState(0).uniform(size=len(X))
    rows = standard_units(rows_of(X, weight))
    z = (X - rows.shift) / rows.scale
    assert_allclose(np.average(z, axis=0, weights=weight), 0.0, atol=1e-9)
    assert_allclose(np.average(z * z, axis=0, weights=weight), 1.0, rtol=1e-9)


# --- storage formats ------------------------------------------------------------------------


def read_only(X, tmp_path):
    X = X.copy()
    X.flags.writeable = False
    return X


def fortran(X, tmp_path):
    return np.asfortranarray(X)


def strided(X, tmp_path):
    wide = np.full((2 * X.shape[0], X.shape[1] + 3), 7.7, dtype=X.dtype)
    wide[::2, 1:-2] = X
    return wide[::2, 1:-2]


def memory_map(X, tmp_path):
    path = tmp_path / "X.bin"
    X.tofile(path)
    return np.memmap(path, dtype=X.dtype, mode="r", shape=X.shape)


FORMATS = {f.__name__: f for f in (read_only, fortran, strided, memory_map)}


@pytest.mark.parametrize("storage", FORMATS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_storage_formats_give_the_numbers_of_a_c_ordered_array(storage, dtype, tmp_path):
    X = clusters(3, 3000, 3, 3, 1.5).astype(dtype)
    other = FORMATS[storage](X, tmp_path)
    before = np.array(other)
    parameters = {"n_components": 3, "random_state": 0}
    expected, found = (fitted(data, **parameters) for data in (X, other))
    for name in FITTED:
        assert_array_equal(getattr(found, name), getattr(expected, name))
    for method in ("score_samples", "predict_proba", "predict"):
        assert_array_equal(getattr(found, method)(other), getattr(expected, method)(X))
    assert_array_equal(other, before)


@pytest.mark.parametrize("method", ["predict", "score_samples", "predict_proba"])
def test_evaluation_of_blocks_equals_that_of_small_pieces(method, covariance_type):
    X = clusters(5, 40_000, 3, 4, 1.5)
    mixture = fitted(X[:2000], 4, covariance_type=covariance_type, random_state=0)
    whole = getattr(mixture, method)(X)
    pieces = [getattr(mixture, method)(part) for part in np.array_split(X, 57)]
    # few rows are evaluated about each mean, and many about one origin: see MOMENT_LIMIT
    assert_allclose(whole, np.concatenate(pieces), rtol=1e-10, atol=1e-9)


def test_score_and_criteria_equal_those_of_small_pieces():
    X = clusters(5, 40_000, 3, 4, 1.5)
    mixture = fitted(X[:2000], 4, random_state=0)
    log_prob = np.concatenate([mixture.score_samples(part) for part in np.array_split(X, 57)])
    free = mixture._n_parameters()
    assert_allclose(mixture.score(X), log_prob.mean(), rtol=1e-12)
    assert_allclose(mixture.bic(X), -2 * log_prob.sum() + free * np.log(len(X)), rtol=1e-12)


# --- memory ---------------------------------------------------------------------------------

CAPPED = """
import resource, sys, warnings
import numpy as np
from emix import GaussianMixture

n, d = 1_000_000, 50
X = np.memmap(sys.argv[1], dtype=float, mode="r", shape=(n, d))
warm = np.random.RandomState(0).normal(size=(40_000, d))
warnings.simplefilter("ignore")
GaussianMixture(2, covariance_type="diag", max_iter=1).fit(warm)  # threads and BLAS buffers

status = open("/proc/self/statm").read().split()
in_use = int(status[0]) * resource.getpagesize()
limit = in_use + 250 * 1024 * 1024
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    np.array(X)
except MemoryError:
    print("a copy does not fit")
mixture = GaussianMixture(2, covariance_type="diag", max_iter=3, tol=0.0, random_state=0).fit(X)
print("passes", mixture.n_iter_)
print("means", *np.sort(mixture.means_.mean(axis=1)).round(1) + 0.0)
print("labels", len(mixture.predict(X)))
"""


def write_two_clusters(path, n, d):
    """Clusters about -1 and +1 in every feature, written piece by piece."""
    rng = np.random.RandomState(0)
    piece = rng.normal(size=(10_000, d)) + np.where(rng.uniform(size=(10_000, 1)) < 0.5, -1.0, 1.0)
    with open(path, "wb") as file:
        for _ in range(n // len(piece)):
            piece[rng.randint(len(piece))] += 0.01
            piece.tofile(file)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the size from /proc")
def test_fit_makes_no_copy_of_a_memory_map(tmp_path):
    pytest.importorskip("resource")
    path = tmp_path / "X.bin"
    write_two_clusters(path, 1_000_000, 50)
    root = str(Path(emix.__file__).parent.parent)
    run = subprocess.run(
        [sys.executable, "-c", CAPPED, str(path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
        check=False,
    )
    path.unlink()
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert lines == ["a copy does not fit", "passes 3", "means -1.0 1.0", "labels 1000000"]


def test_fit_holds_no_array_of_all_rows(monkeypatch):
    """Every pass reads blocks of less than all rows, unless their features are few."""
    sizes = []
    read = emix._rows.blocks.Rows.read

    def spy(self, start, stop, out):
        sizes.append(stop - start)
        read(self, start, stop, out)

    monkeypatch.setattr(emix._rows.blocks.Rows, "read", spy)
    X = clusters(6, 600_000, 2, 2)
    with threadpool_limits(1, user_api="blas"):
        mixture = GaussianMixture(2, random_state=0).fit(X)
    assert mixture.converged_
    assert max(sizes) < len(X) // 4


def test_features_are_kept_as_long_as_they_are_few():
    """A second sweep reads no row again; nothing is kept of more rows than fit."""
    for n, again in ((20_000, False), (KEPT_BYTES // 48 + 1, True)):
        model = model_of(clusters(6, n, 2, 2), FULL)
        params = random_params(FULL, 0, 2, 2)
        first = model.e_step(params)
        read = []
        model.rows.read = lambda start, stop, out, read=read: read.append(stop)
        second = model.e_step(params)
        assert bool(read) == again
        assert again or np.array_equal(first.vector, second.vector)


@pytest.mark.parametrize("share", [1e-12, 1e-18, 1e-304])
def test_standard_units_of_rows_of_vanishing_weight(share):
    X = np.array([[0.0], [1.0], [1.0], [1.0]])
    rows = standard_units(rows_of(X, np.array([share, 1.0, 1.0, 1.0])))
    assert 0.0 < rows.scale[0] <= 1.0
    with convergence_warnings_allowed():  # next to all of the weight is on equal rows
        mixture = fitted(X, 1, [share, 1.0, 1.0, 1.0])
    assert mixture.means_[0, 0] == pytest.approx(1.0)
    assert np.isfinite(mixture.score(X))


@pytest.mark.parametrize("seed", range(4))
def test_a_row_of_nearly_all_the_weight_leaves_units_that_say_something(seed):
    """The others' share of the variance is lost in rounding; without a least share it may be zero,
    and the covariance 1e270 times too large."""
    X = np.r_[np.full((1, 2), 1.3), np.random.RandomState(seed).normal(size=(50, 2))]
    weight = np.r_[1e20, np.ones(50)]
    with convergence_warnings_allowed():
        mixture = GaussianMixture(1).fit(X, sample_weight=weight)
    assert_allclose(mixture.covariances_[0], (X - 1.3).T @ (X - 1.3) / 1e20, rtol=1e-9)
