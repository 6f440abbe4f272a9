"""Products by tiles equal plain products, whatever the shapes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from emix._rows import tiles
from emix._rows.grid import TILE

SIZES = [(1, 1), (3, 6), (10, 66), (67, 20), (50, 66), (50, 101), (101, 90), (10, 233), (2, 1326)]
SHAPES = [(p, q, m) for p, q in SIZES for m in (1, TILE - 1, TILE, 5 * TILE, 9 * TILE + 7)]


def arrays(p, q, m):
    rng = np.random.RandomState(p + q + m)
    return rng.normal(size=(p, m)), rng.normal(size=(q, m)), rng.normal(size=(p, q))


@pytest.mark.parametrize(("p", "q", "m"), SHAPES)
def test_products_by_tiles_are_products(p, q, m):
    a, b, coefficients = arrays(p, q, m)
    assert_allclose(tiles.inner(a, b), a @ b.T, rtol=0, atol=1e-12 * m)
    out = np.full((p, m), np.nan)
    assert tiles.times(coefficients, b, out) is out
    assert_allclose(out, coefficients @ b, rtol=0, atol=1e-12 * q)


@pytest.mark.parametrize(("p", "q", "m"), SHAPES)
def test_views_of_wider_arrays_serve_as_well(p, q, m):
    a, b, coefficients = arrays(p, q, m + 3)
    out = np.full((p, m + 3), np.nan)
    tiles.times(coefficients, b[:, 1:-2], out[:, 1:-2])
    assert_allclose(out[:, 1:-2], coefficients @ b[:, 1:-2], rtol=0, atol=1e-12 * q)
    assert np.isnan(out[:, [0, -2, -1]]).all()
    inner = tiles.inner(a[:, 1:-2], b[:, 1:-2])
    assert_allclose(inner, a[:, 1:-2] @ b[:, 1:-2].T, rtol=0, atol=1e-12 * m)


def test_tiles_are_used():
    """The shapes above reach every branch."""
    small = tiles._SMALL_WORK
    assert any(p * q * m > small >= p * q * TILE and m % TILE for p, q, m in SHAPES)
    assert any(p * q * TILE > small >= p * q * TILE // 4 for p, q in SIZES)
    assert any(p * q * TILE // 4 > small for p, q in SIZES)
    assert any(tiles._groups(p, q) > 1 for p, q in SIZES)
    assert any(tiles._groups(p, q) == tiles._groups(q, p) == 0 for p, q in SIZES)
    assert any(p < q and not tiles._other_way_round(p, q) for p, q in SIZES)
    assert any(p > q and tiles._other_way_round(p, q) for p, q in SIZES)
