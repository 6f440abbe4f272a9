"""Matrix products of wide blocks, tile by tile.

BLAS libraries have kernels for small products that need no copies of their arguments; a block
is many columns wide, and tiles of it are small. One stacked product takes them all.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .grid import TILE

# OpenBLAS uses its kernels for small products up to a million multiplications, and, where sums run
# over the columns of both factors, up to 1100 results.
_SMALL_WORK = 1_000_000
_SMALL_RESULT = 1100
# Fewer rows at a time are not worth it.
_FEWEST = 8


def times(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> np.ndarray:
    """a b for a (p, q) and a wide b (q, m), into out (p, m)."""
    m = b.shape[1]
    tile = next((t for t in (TILE, TILE // 2, TILE // 4) if a.size * t <= _SMALL_WORK), m)
    if a.size * m <= _SMALL_WORK or tile >= m:
        return np.matmul(a, b, out=out)
    whole = m // tile * tile
    np.matmul(a, _tiled(b, whole, tile), out=_tiled(out, whole, tile))
    if whole < m:
        np.matmul(a, b[:, whole:], out=out[:, whole:])
    return out


def inner(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a bᵀ, (p, q), for wide a (p, m) and b (q, m)."""
    (p, m), q = a.shape, len(b)
    if _other_way_round(p, q):
        return inner(b, a).T
    groups = _groups(p, q)
    if not groups or p * q * m <= _SMALL_WORK:
        return a @ b.T
    whole = m // TILE * TILE
    rows = _tiled(a, whole, TILE).reshape(-1, groups, p // groups, TILE)
    parts = np.matmul(rows, _tiled(b, whole, TILE).swapaxes(1, 2)[:, None])
    result = np.add.reduce(parts, axis=0).reshape(p, q)
    if whole < m:
        result += a[:, whole:] @ b[:, whole:].T
    return result


def _tiled(a: np.ndarray, whole: int, tile: int) -> np.ndarray:
    """(tiles, p, tile): a view of the first ``whole`` columns."""
    return a[:, :whole].reshape(len(a), -1, tile).swapaxes(0, 1)


@lru_cache(maxsize=256)
def _groups(p: int, q: int) -> int:
    """Into how many equal groups the p rows are split so that p q results are few in each; 0 if
    they cannot be."""
    least = -(-p * q // _SMALL_RESULT)
    found = (g for g in range(least, p // _FEWEST + 1) if p % g == 0)
    return 1 if least == 1 else next(found, 0)


@lru_cache(maxsize=256)
def _other_way_round(p: int, q: int) -> bool:
    """Whether the q rows are to be split: the more of the two, if they can be."""
    if bool(_groups(p, q)) != bool(_groups(q, p)):
        return not _groups(p, q)
    return p < q
