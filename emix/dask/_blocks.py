"""Dask arrays and data frames as blocks of rows, each with its weights."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import dask
import dask.array as da
import numpy as np
import pandas as pd
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from .._input.refusals import brief, refuse_times, some
from .._input.tables import FLOATS
from .._input.validation import read_rows


def is_collection(X: Any) -> bool:
    return bool(dask.is_dask_collection(X))


def names_of(X: Any) -> list | None:
    """Names of the columns of a data frame."""
    return list(X.columns) if hasattr(X, "columns") else None


def check_features(estimator: Any, X: Any, reset: bool) -> None:
    """Whether X is a table of numbers and has the features that the estimator knows, which are
    told of it with ``reset``."""
    if getattr(X, "ndim", None) != 2 or not hasattr(X, "to_delayed"):
        raise ValueError(
            "X must be a dask array or data frame of rows and columns, got "
            f"{type(X).__name__} of {getattr(X, 'ndim', 'no')} dimensions"
        )
    refuse_times(X)
    names = names_of(X)
    if names is None:
        _check_number(X)
        header: Any = np.empty((1, X.shape[1]))
    else:
        _check_columns(X)
        header = pd.DataFrame(np.empty((1, len(names))), columns=names)
    validate_data(estimator, header, reset=reset, skip_check_array=True)


def _check_number(X: Any) -> None:
    if X.dtype.kind not in "fiubO":
        raise ValueError(f"X must hold numbers only, got a dask array of {X.dtype}")


def _check_columns(X: Any) -> None:
    """Columns of text and categories are told by their types, before anything is read."""
    text = [repr(name) for name, kind in X.dtypes.items() if _is_text(kind)]
    if text:
        which = f"column {text[0]} has" if len(text) == 1 else f"columns {some(text)} have"
        raise ValueError(
            f"X must hold numbers only: {which} text or categories. Leave out what is no "
            "measurement: a mixture of normals describes numbers that vary continuously"
        )


def _is_text(kind: Any) -> bool:
    return isinstance(kind, (pd.StringDtype, pd.CategoricalDtype))


def whole_rows(X: Any) -> Any:
    """The same with chunks of rows alone."""
    if isinstance(X, da.Array) and X.numblocks[1] > 1:
        return X.rechunk({1: -1})
    return X


def row_counts(X: Any) -> list[int] | None:
    """Rows of each chunk, where they are known."""
    sizes = X.chunks[0] if isinstance(X, da.Array) else (np.nan,)
    return None if np.isnan(sizes).any() else [int(size) for size in sizes]


def blocks_of(X: Any, sample_weight: Any = None) -> tuple[list, list | None]:
    """The chunks of X, and the weights of each, which dask has yet to compute. Weights in memory
    need chunks of known sizes."""
    X = whole_rows(X)
    blocks = np.ravel(X.to_delayed()).tolist()
    if sample_weight is None:
        return blocks, None
    if is_collection(sample_weight):
        weights = _weight_blocks(X, sample_weight, len(blocks))
    else:
        weights = _slices(sample_weight, row_counts(X), len(blocks))
    return blocks, weights


def _weight_blocks(X: Any, weight: Any, n_blocks: int) -> list:
    if getattr(weight, "ndim", None) != 1:
        raise ValueError("sample_weight must have one entry per row, of one dimension")
    counts = row_counts(X)
    if isinstance(weight, da.Array) and counts is not None and row_counts(weight) is not None:
        if weight.shape[0] != sum(counts):
            raise ValueError(
                f"sample_weight must have one entry per row, shape ({sum(counts)},), got "
                f"{weight.shape}"
            )
        weight = weight.rechunk((tuple(counts),))
    blocks = np.ravel(weight.to_delayed()).tolist()
    if len(blocks) != n_blocks:
        raise ValueError(
            f"sample_weight has {len(blocks)} chunks and X has {n_blocks}, of sizes that are not "
            "known: give them the same chunks, or call compute_chunk_sizes() on both"
        )
    return blocks


def _slices(weight: Any, counts: list[int] | None, n_blocks: int) -> list:
    weight = np.asarray(weight, dtype=np.float64)
    if weight.ndim == 0:
        return [weight] * n_blocks
    if counts is None:
        raise ValueError(
            "sample_weight lies in memory, and the chunks of X have sizes that are not known: pass "
            "a dask array with the chunks of X, or call X.compute_chunk_sizes() first"
        )
    if weight.shape != (sum(counts),):
        raise ValueError(
            f"sample_weight must have one entry per row, shape ({sum(counts)},), got {weight.shape}"
        )
    edges = np.cumsum([0, *counts])
    return [weight[a:b] for a, b in pairwise(edges)]


def floats(block: Any) -> np.ndarray:
    """The rows of a chunk, float32 or float64; NaN and infinity are left to others to judge."""
    options: dict[str, Any] = {"ensure_min_samples": 0, "ensure_all_finite": False}
    return read_rows(block, partial(check_array, dtype=FLOATS, **options))


def joined(blocks: Sequence[Any], weights: Sequence[Any] | None) -> tuple[np.ndarray, Any]:
    """Chunks as one array, and their weights, (n,) or None."""
    arrays = [floats(block) for block in blocks]
    X = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
    if weights is None:
        return X, None
    return X, np.concatenate([weight_of(w, len(a)) for w, a in zip(weights, arrays, strict=True)])


def weight_of(weight: Any, n: int) -> np.ndarray:
    """(n,) float64; checked for nothing but their number."""
    found = np.asarray(weight, dtype=np.float64)
    found = np.full(n, float(found)) if found.ndim == 0 else found
    if found.shape != (n,):
        raise ValueError(
            f"sample_weight must have one entry per row, and a chunk of {n} rows has {brief(found)}"
        )
    return found
