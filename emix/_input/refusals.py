"""Plain words for input that NumPy would misread, or refuse in words of its own."""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Iterator, Mapping, Sequence, Set
from os import PathLike
from typing import Any

import numpy as np
from scipy.sparse import issparse

# Entries of a list, and characters of a text, that a message shows.
_SHOWN, _LETTERS = 5, 60

_short = reprlib.Repr()
_short.maxlist = _short.maxtuple = _short.maxset = _short.maxdict = _SHOWN
_short.maxstring = _short.maxother = _LETTERS


def some(values: Sequence) -> str:
    """The first few of a list, in words: '1, 4 and 7', or '1, 2, 3, 4, 5 and 95 more'."""
    shown = [str(value) for value in values]
    if len(shown) > _SHOWN:
        shown = [*shown[:_SHOWN], f"{len(shown) - _SHOWN} more"]
    *first, end = shown
    return f"{', '.join(first)} and {end}" if first else end


def brief(value: Any) -> str:
    """What a message shows of what it got; never a long array."""
    if isinstance(value, np.ndarray) and value.size > _SHOWN:
        return f"an array of shape {value.shape}"
    return " ".join(_short.repr(value).split())


def refuse_masked(name: str, value: Any) -> None:
    """Masked entries have values too, which would be read as data."""
    if np.ma.isMaskedArray(value) and np.ma.is_masked(value):
        raise TypeError(
            f"{name} is a masked array with {np.ma.count_masked(value)} masked entries, which "
            f"would be read as data: fill them, by {name}.filled(value), or leave out rows that "
            "have some, by numpy.ma.compress_rows"
        )


def refuse_text(name: str, value: Any) -> None:
    """Text, or a path of a file that has yet to be read."""
    if isinstance(value, (str, bytes, PathLike)):
        raise TypeError(
            f"{name} must be an array, got the text or path {brief(value)}: read the file first, "
            "for instance with numpy.loadtxt or pandas.read_csv"
        )


def refuse_sparse(name: str, value: Any) -> None:
    """Zeros count as any other value: a mixture gains nothing where they are not stored."""
    if issparse(value):
        size = 8 * math.prod(value.shape)
        raise TypeError(
            f"Sparse data was passed for {name} (shape {value.shape}), but dense data is required: "
            f"pass {name}.toarray(), which takes {_bytes(size)}, or a few columns made of all, for "
            "instance by sklearn.decomposition.TruncatedSVD"
        )


def _bytes(size: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


def refuse_lazy(name: str, value: Any) -> None:
    """A dask collection, which NumPy would read into memory in silence."""
    if hasattr(value, "__dask_graph__"):
        raise TypeError(
            f"{name} is a dask collection ({type(value).__name__}), which would be read into the "
            f"memory of this process. The estimators of emix.dask read it where it lies; for "
            f"others, pass {name}.compute()"
        )


def refuse_no_array(name: str, value: Any) -> None:
    """What has no order, or has yet to be read."""
    refuse_lazy(name, value)
    if value is None:
        raise TypeError(f"{name} must be an array, got None")
    if isinstance(value, Iterator):
        raise TypeError(
            f"{name} must be an array, got a {type(value).__name__}, which can be read only once: "
            f"make an array of it, for instance numpy.array(list({name}))"
        )
    if isinstance(value, (Mapping, Set)):
        raise TypeError(
            f"{name} must be an array, got a {type(value).__name__}: make a table of it, for "
            f"instance pandas.DataFrame({name}), or pass the entry that holds the rows"
        )


def refuse_times(X: Any) -> None:
    """Dates and durations, which turn into numbers of an arbitrary unit and origin."""
    timed = [name for name, values in _typed_columns(X) if _is_time(values)]
    if timed:
        raise TypeError(
            f"X must hold numbers only: {_named(timed)} dates, times or durations. Turn them into "
            "numbers in a unit of your choice, such as (x - x.min()) / numpy.timedelta64(1, 'D')"
        )


def explained(X: Any, error: Exception) -> Exception:
    """An error of reading X, in words that name the column and the value; as it is where there
    is nothing to add."""
    text = str(error)
    if text.startswith("Expected 2D array"):
        return ValueError(re.sub(r":\s*array=.*?\.\s*Reshape", ". Reshape", text, flags=re.DOTALL))
    if text.startswith("Complex data not supported"):  # what follows there is all of X
        return ValueError(
            "Complex data not supported: X must hold real numbers. Pass real and imaginary parts "
            "as columns, numpy.hstack([X.real, X.imag])"
        )
    if text.startswith("Input X contains"):
        return _not_finite(X, text) or error
    if "inhomogeneous shape" in text:
        return _ragged(X) or error
    if "could not convert" in text or "float() argument" in text:
        return _no_numbers(X, error) or error
    return error


def _not_finite(X: Any, text: str) -> Exception | None:
    """Where the first gap or infinity is, in place of advice on supervised learning."""
    is_gap = "contains NaN" in text
    is_bad = np.isnan if is_gap else np.isinf
    cure = "fill the gaps with emix.GaussianMixtureImputer" if is_gap else "put NaN in its place"
    for name, column in _columns(X):
        try:
            bad = np.flatnonzero(is_bad(column.astype(float)))
        except (TypeError, ValueError):
            return None
        if bad.size:
            count = f"{bad.size} rows" if bad.size > 1 else "one row"
            return ValueError(
                f"{text.splitlines()[0].rstrip('.')}. Column {name} has it in {count}, the first "
                f"is row {bad[0]}: leave such rows or columns out, or {cure}"
            )
    return None


def _ragged(X: Any) -> Exception | None:
    if not isinstance(X, Sequence):
        return None
    lengths = [len(row) if isinstance(row, (Sequence, np.ndarray)) else 1 for row in X]
    for i, length in enumerate(lengths):
        if length != lengths[0]:
            return ValueError(
                f"X must have rows of one length: row 0 has {lengths[0]} entries, row {i} has "
                f"{length}"
            )
    return ValueError("X must hold numbers only, but some of its entries are lists")


def _no_numbers(X: Any, error: Exception) -> Exception | None:
    found: list[str] = []
    value, row = None, 0
    for name, column in _columns(X):
        bad = next((i for i, entry in enumerate(column) if not _is_number(entry)), None)
        if bad is not None:
            if not found:
                value, row = column[bad], bad
                value = str(value) if isinstance(value, str) else value  # not np.str_
            found.append(name)
    if not found:
        return None
    if not isinstance(value, (str, bytes)):
        kind = f"{type(value).__name__} objects"
        return TypeError(
            f"X must hold numbers only: {_named(found)} {kind}, {brief(value)} in row {row} "
            f"({error})"
        )
    return ValueError(
        f"X must hold numbers only: {_named(found)} text, {brief(value)} in row {row}, which is "
        "no number. A mixture of normals describes measurements: leave text out of it. Categories "
        "are described by emix.CategoricalMixture; sklearn.preprocessing.OrdinalEncoder makes the "
        "numbers that it takes"
    )


def _is_number(entry: Any) -> bool:
    try:
        float(entry)
    except (TypeError, ValueError):
        return False
    return True


def _named(names: list) -> str:
    return f"column {names[0]} has" if len(names) == 1 else f"columns {some(names)} have"


def _columns(X: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Names, or indices, and entries of the columns of a table or an array."""
    if hasattr(X, "columns"):
        for name in X.columns:
            yield repr(name), np.asarray(X[name])
        return
    array = X if isinstance(X, np.ndarray) else np.asarray(X, dtype=object)
    if array.ndim == 2:
        for j, column in enumerate(array.T):
            yield str(j), column


def _typed_columns(X: Any) -> Iterator[tuple[str, Any]]:
    """Names, or indices, and types of the columns, where they have types."""
    if hasattr(X, "columns"):
        for name in X.columns:
            yield repr(name), getattr(X[name], "dtype", None)
    elif isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind in "mM":
        for j in range(X.shape[1]):
            yield str(j), X.dtype


def _is_time(dtype: Any) -> bool:
    """Of NumPy and pandas, which have kinds, or of polars."""
    if hasattr(dtype, "is_temporal"):
        return bool(dtype.is_temporal())
    return getattr(dtype, "kind", "") in ("m", "M")
