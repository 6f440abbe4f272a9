"""What the machine can do: the rates that no EM pass can exceed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits


def n_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def measure() -> dict:
    """Matrix product on one and on all cores, exponential and copy on one."""
    return {
        "n_cores": n_cores(),
        "dgemm_gflops_one_core": _dgemm(1),
        "dgemm_gflops": _dgemm(n_cores()),
        "exp_ns": _exp(),
        "copy_gbytes": _copy(),
    }


def _best(task: Callable[[], object], repeats: int) -> float:
    """Smallest wall time of a task, the first call not counted."""
    task()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        task()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _dgemm(n_threads: int, size: int = 1500) -> float:
    """GFLOP/s of a product of two square float64 matrices."""
    a = np.random.default_rng(0).normal(size=(size, size))
    out = np.empty_like(a)
    with threadpool_limits(n_threads, user_api="blas"):
        return 2e-9 * size**3 / _best(lambda: np.dot(a, a, out=out), 20)


def _exp(size: int = 4096) -> float:
    """Nanoseconds of one float64 exponential, operands in cache, on one core."""
    x = np.random.default_rng(0).uniform(-30.0, 0.0, size)
    out = np.empty_like(x)
    return 1e9 * _best(lambda: np.exp(x, out=out), 2000) / size


def _copy(size: int = 25_000_000) -> float:
    """GB/s of a copy of 200 MB on one core, bytes read plus bytes written."""
    x = np.zeros(size)
    out = np.ones(size)
    return 2e-9 * x.nbytes / _best(lambda: np.copyto(out, x), 5)
