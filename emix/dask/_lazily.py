"""What a fitted mixture says of the rows of a dask collection, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dask
import dask.array as da
import numpy as np

from .._estimator.publication import publish
from ._blocks import blocks_of, check_features, floats, weight_of, whole_rows

# Attributes that tell of the fit, and that no method reads: they would travel with each chunk.
_HISTORY = ("history_", "lower_bounds_", "_stream", "_client")


def local_of(estimator: Any, kind: type, without: tuple[str, ...] = ("_client",)) -> Any:
    """The estimator of this class with the same parameters and fitted attributes."""
    params = estimator.get_params(deep=False)
    local = kind(**params)
    left_out = {*params, *without}
    publish(local, {name: v for name, v in vars(estimator).items() if name not in left_out})
    return local


def _small(estimator: Any, kind: type) -> Any:
    """What chunks are evaluated by: names of features have been checked already."""
    return local_of(estimator, kind, (*_HISTORY, "feature_names_in_"))


def mapped(
    estimator: Any, kind: type, name: str, X: Any, n_columns: int | None, dtype: Any = None
) -> da.Array:
    """The method of this name on all chunks: a dask array of one or of n_columns columns."""
    check_features(estimator, X, reset=False)
    X = whole_rows(X)
    model = dask.delayed(_small(estimator, kind), pure=False, traverse=False)
    work = dask.delayed(_evaluated, pure=False)
    dtype = _dtype_of(X) if dtype is None else np.dtype(dtype)
    width = () if n_columns is None else (n_columns,)
    blocks, sizes = blocks_of(X)[0], _sizes(X)
    arrays = [
        da.from_delayed(work(model, name, block, width, dtype), (size, *width), dtype)
        for block, size in zip(blocks, sizes, strict=True)
    ]
    return da.concatenate(arrays, allow_unknown_chunksizes=True)


def _sizes(X: Any) -> list[float]:
    return list(X.chunks[0]) if isinstance(X, da.Array) else [np.nan] * X.npartitions


def _dtype_of(X: Any) -> np.dtype:
    """float32 if all of X is."""
    kinds = [X.dtype] if isinstance(X, da.Array) else list(X.dtypes)
    is_single = all(kind == np.float32 for kind in kinds)
    return np.dtype(np.float32 if is_single else np.float64)


def _evaluated(
    model: Any, name: str, block: Any, width: tuple[int, ...], dtype: np.dtype
) -> np.ndarray:
    X = floats(block)
    if not len(X):
        return np.empty((0, *width), dtype=dtype)
    return np.asarray(getattr(model, name)(X), dtype=dtype)


def summed(
    estimator: Any, kind: type, name: str, X: Any, sample_weight: Any, compute: Callable
) -> tuple[float, float]:
    """Sums over the rows of all chunks: what the method of this name gives for each."""
    check_features(estimator, X, reset=False)
    model = dask.delayed(_small(estimator, kind), pure=False, traverse=False)
    work, total = dask.delayed(_sums, pure=False), dask.delayed(_added, pure=False)
    blocks, weights = blocks_of(X, sample_weight)
    weights = [None] * len(blocks) if weights is None else weights
    found = [work(model, name, *pair) for pair in zip(blocks, weights, strict=True)]
    value, n = compute(total(found)).tolist()
    if not n > 0.0:
        raise ValueError("X has no rows that have weight")
    return value, n


def _sums(model: Any, name: str, block: Any, weight: Any) -> np.ndarray:
    X = floats(block)
    weight = None if weight is None else weight_of(weight, len(X))
    if not len(X) or (weight is not None and not weight.any()):
        return np.zeros(2)
    return np.array(getattr(model, name)(X, weight))


def _added(parts: list) -> np.ndarray:
    return np.sum(parts, axis=0)
