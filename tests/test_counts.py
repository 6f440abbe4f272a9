"""Counts that no machine and no load can change, against those that were stored.

After a change that is meant, `make counts` stores the new ones.
"""

import json
from pathlib import Path

import pytest
from common import (
    KERNELS_BY_TYPE,
    STRUCTURES,
    clusters,
    fitted,
    model_of,
    random_params,
    with_kernel,
)

from counting import count_pass

STORED = Path(__file__).with_name("counts.json")
N, D, K = 20_000, 6, 5

# Starts and data are seeded; overlapping clusters need many passes.
FITS = {
    "well apart": (clusters(0, 2000, 2, 3, 8.0), {"n_components": 3}),
    "overlapping": (clusters(1, 2000, 2, 3, 0.7), {"n_components": 3}),
    "overlapping, plain EM": (
        clusters(1, 2000, 2, 3, 0.7),
        {"n_components": 3, "acceleration": False, "max_iter": 5000},
    ),
    "five features": (clusters(2, 3000, 5, 4, 1.0), {"n_components": 4}),
    "tied": (clusters(3, 2000, 3, 3, 1.0), {"n_components": 3, "covariance_type": "tied"}),
    "diag": (clusters(4, 2000, 3, 3, 1.0), {"n_components": 3, "covariance_type": "diag"}),
}


def count_kernel(kernel, covariance_type):
    structure = STRUCTURES[covariance_type]
    X = clusters(0, N, D, K)
    model = with_kernel(model_of(X, structure), kernel)
    return count_pass(model, random_params(structure, 0, K, D))


def count_fit(name):
    X, options = FITS[name]
    return fitted(X, random_state=0, **options).n_iter_


def stored():
    return json.loads(STORED.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("kernel", "covariance_type"), KERNELS_BY_TYPE)
def test_work_of_a_pass(kernel, covariance_type):
    expected = stored()["passes"][f"{kernel}, {covariance_type}"]
    assert count_kernel(kernel, covariance_type) == expected


@pytest.mark.parametrize("name", FITS)
def test_passes_of_a_fit(name):
    expected = stored()["fits"][name]
    # rounding differs between BLAS libraries, and with it where a long climb ends
    assert abs(count_fit(name) - expected) <= max(1, 0.05 * expected)


def test_products_are_what_the_formula_says():
    """2 n p (K - 1) operations each way, p features of a row; n (K - 1) exponentials."""
    counts = count_kernel("products", "full")
    p = D * (D + 1) // 2 + D + 1
    assert counts["flops of products"] == 4 * N * p * (K - 1)
    assert counts["exponentials"] == N * (K - 1)


def store():
    fits = {name: count_fit(name) for name in FITS}
    passes = {f"{kernel}, {name}": count_kernel(kernel, name) for kernel, name in KERNELS_BY_TYPE}
    counts = {"fits": fits, "passes": passes}
    STORED.write_text(json.dumps(counts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    store()
