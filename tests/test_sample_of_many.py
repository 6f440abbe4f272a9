"""Samples of so many rows that their order is not looked for: by a hash of their values."""

import numpy as np
import pytest
from common import clusters, fitted, integer_weights, rows_of
from numpy.testing import assert_allclose, assert_array_equal

import emix._rows.sample
from emix._rows.patterns import rows_over
from emix._rows.sample import DistinctRows
from emix._rows.sketch import hashes_of


@pytest.fixture(autouse=True)
def many(monkeypatch):
    """A thousand rows are many."""
    monkeypatch.setattr(emix._rows.sample, "MOST_SORTED", 1000)


def sampled(X, weight, size):
    """Rows of the sample with their weights, and whether they are all."""
    rows, complete = DistinctRows(rows_of(X, weight)).sample(size)
    return np.column_stack([rows.X, rows.weight]), complete


def test_equal_values_have_equal_hashes():
    X = np.array([[0.0, 2.0], [-0.0, 2.0], [1.0, 3.0], [1.0, 4.0], [np.nan, 0.0], [-np.nan, 0.0]])
    found = hashes_of(X, 0)
    assert found[0] == found[1]
    assert found[4] == found[5]
    assert len(np.unique(found)) == 4
    assert_array_equal(hashes_of(X.astype(np.float32), 0), found)
    assert hashes_of(X[:, ::-1], 0)[0] != found[0]


def test_hashes_of_small_integers_are_uniform():
    X = np.column_stack(np.divmod(np.arange(200_000.0), 400))
    uniform = np.sort(hashes_of(X, 0) / 2.0**64)
    distance = np.abs(uniform - (np.arange(200_000) + 0.5) / 200_000).max()
    assert distance < 1.95 / np.sqrt(200_000)  # Kolmogorov and Smirnov: 0.1 % are beyond


def test_a_sample_depends_neither_on_order_nor_on_repetition():
    X, weight = clusters(0, 40_000, 2, 3), integer_weights(1, 40_000)
    X[:4000] = X[0]  # a heavy row
    order = np.random.RandomState(0).permutation(int(weight.sum()))
    one, complete = sampled(X, weight, 100)
    other, _ = sampled(np.repeat(X, weight, axis=0)[order], None, 100)
    assert not complete
    assert 80 < len(one) <= 100
    assert_allclose(other, one, rtol=1e-12)


def test_few_distinct_rows_are_all_in_the_sample():
    X = np.random.RandomState(0).randint(0, 5, size=(5000, 2)).astype(float)
    weight = integer_weights(0, 5000)
    found, complete = sampled(X, weight, 30)
    expected = np.bincount((5 * X[:, 0] + X[:, 1]).astype(int), weight)
    assert complete
    assert_array_equal(5 * found[:, 0] + found[:, 1], np.arange(25))
    assert_array_equal(found[:, 2], expected)
    distinct = DistinctRows(rows_of(X, weight))
    assert distinct.count == len(X)  # an upper bound
    distinct.sample(10)
    assert distinct.count == 25


@pytest.mark.parametrize("share", [0.01, 0.4])
def test_a_row_with_much_of_the_weight_is_in_the_sample(share):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(40_000, 2))
    X[rng.uniform(size=len(X)) < share] = [1.0, 7.0]
    found, _ = sampled(X, None, 500)
    heavy = found[(found[:, :2] == [1.0, 7.0]).all(axis=1)]
    assert heavy.shape == (1, 3)
    actual = (X[:, 1] == 7.0).mean()
    assert_allclose(heavy[0, 2] / found[:, 2].sum(), actual, atol=1 / 500)


def test_light_rows_of_a_sample_are_drawn_alike():
    """The mean of the sample is that of the rows, but for what chance makes of 16384."""
    X = clusters(3, 100_000, 2, 3, 3.0)
    found, _ = sampled(X, None, 4000)
    deviation = X.std(axis=0) / np.sqrt(4000)
    assert (np.abs(found[:, :2].mean(axis=0) - X.mean(axis=0)) < 4.0 * deviation).all()


def test_rows_without_weight_are_not_in_the_sample():
    X = clusters(0, 3000, 2, 3)
    weight = (np.arange(3000) % 3 > 0).astype(float)
    assert_allclose(sampled(X, weight, 100)[0], sampled(X[weight > 0.0], None, 100)[0])
    assert DistinctRows(rows_of(X, np.eye(1, 3000, 7)[0])).sample(100)[0].n == 1


def test_a_large_sample_is_found_after_a_small_one():
    X = clusters(0, 20_000, 2, 3)
    distinct = DistinctRows(rows_of(X))
    few, some = distinct.sample(100)
    assert (few.n, some) == (100, False)
    assert distinct.sample(17_000)[0].n == 17_000
    assert distinct.sample(20_000)[1]


def test_values_are_of_distinct_rows():
    X = np.random.RandomState(0).normal(size=(3000, 2))
    X[500:] = X[0]
    z = DistinctRows(rows_of(X)).values(50)
    assert z.shape[0] == 2
    assert 40 <= z.shape[1] <= 60
    assert len(np.unique(z, axis=1).T) == z.shape[1]


def test_rows_with_gaps_are_sampled():
    X = clusters(0, 40_000, 2, 3)
    X[::3, 0] = X[1::3, 1] = np.nan
    rows, complete = DistinctRows(rows_over(X, None, np.zeros(2), np.ones(2))).sample(300)
    assert not complete
    assert rows.n == 300
    assert abs(np.isnan(rows.X[:, 0]).mean() - 1 / 3) < 0.1


def test_fits_from_such_a_sample_are_those_of_the_order(monkeypatch):
    X = clusters(7, 30_000, 2, 3, 2.5)
    found = fitted(X, 3, random_state=0)
    monkeypatch.setattr(emix._rows.sample, "MOST_SORTED", len(X))
    expected = fitted(X, 3, random_state=0)
    assert_allclose(np.sort(found.means_, axis=0), np.sort(expected.means_, axis=0), atol=1e-3)
    assert_allclose(found.lower_bound_, expected.lower_bound_, atol=1e-7)
