"""Matrix products of wide blocks, tile by tile.

BLAS libraries have kernels for small products that need no copies of their arguments; a block
is many columns wide, and tiles of it are small. One stacked product takes them all.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .blocks import TILE

# OpenBLAS takes its kernels for small products up to so many multiplications, and, where sums
# run over the columns of both factors, up to so many results.
_SMALL_WORK = 1_000_000
_SMALL_RESULT = 1100
# With more columns in the result than this, the common kernels are as fast.
_NARROW = 32


def times(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> np.ndarray:
    """a b for a (p, q) and a wide b (q, m), into out (p, m)."""
    m = b.shape[1]
    if a.size * m <= _SMALL_WORK or a.size * TILE > _SMALL_WORK:
        return np.matmul(a, b, out=out)
    whole = m // TILE * TILE
    np.matmul(a, _tiled(b, whole), out=_tiled(out, whole))
    if whole < m:
        np.matmul(a, b[:, whole:], out=out[:, whole:])
    return out


def inner(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a bᵀ, (p, q), for wide a (p, m) and b (q, m)."""
    (p, m), q = a.shape, len(b)
    if p < q:
        return inner(b, a).T
    groups = _groups(p, q)
    if not groups or p * q * m <= _SMALL_WORK:
        return a @ b.T
    whole = m // TILE * TILE
    rows = _tiled(a, whole).reshape(-1, groups, p // groups, TILE)
    parts = np.matmul(rows, _tiled(b, whole).swapaxes(1, 2)[:, None])
    result = np.add.reduce(parts, axis=0).reshape(p, q)
    if whole < m:
        result += a[:, whole:] @ b[:, whole:].T
    return result


def _tiled(a: np.ndarray, whole: int) -> np.ndarray:
    """(tiles, p, columns): a view of the first ``whole`` columns."""
    tiles = a[:, :whole].reshape(len(a), -1, TILE)
    return tiles.swapaxes(0, 1)


@lru_cache(maxsize=256)
def _groups(p: int, q: int) -> int:
    """Into how many equal groups of at least eight rows the p are split so that p q results
    are few in each; 0 if they cannot be."""
    if q > _NARROW:
        return 0
    least = -(-p * q // _SMALL_RESULT)
    found = (g for g in range(least, p // 8 + 1) if p % g == 0)
    return 1 if least == 1 else next(found, 0)
