"""Tables of answers: what numbers stand for them, and what is known of them beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._families.categorical import MISSING, NEW, Categorical
from .._families.linear import LinearFamily
from .._families.prior import WeightPrior
from .._input.refusals import brief
from .._input.validation import check_option
from .._rows.blocks import Rows
from ..priors import DirichletPrior


def levels(X: np.ndarray, categories: Sequence[np.ndarray]) -> np.ndarray:
    """The index of each value among the categories of its feature."""
    found = np.empty(X.shape, dtype=np.float64)
    for j, (column, values) in enumerate(zip(X.T, categories, strict=True)):
        index = np.minimum(np.searchsorted(values, column), len(values) - 1)
        found[:, j] = np.where(values[index] == column, index, NEW)
    return np.where(np.isnan(X), MISSING, found)


def values_of(levels: np.ndarray, categories: Sequence[np.ndarray]) -> np.ndarray:
    """The categories that stand at these indices."""
    chosen = zip(categories, levels.T.astype(int), strict=True)
    return np.column_stack([values[index] for values, index in chosen])


def refuse_empty_columns(X: np.ndarray, what: str) -> None:
    """Of which nothing is known."""
    empty = np.flatnonzero(np.isnan(X).all(axis=0))
    if empty.size:
        raise ValueError(f"Column {empty[0]} of X has no {what}, only NaN; leave it out")


def categories_of(X: np.ndarray, given: Any) -> list[np.ndarray]:
    """The values of each feature that are levels: those that are given, or those in X."""
    refuse_empty_columns(X, "answers")
    found = [np.unique(column[~np.isnan(column)]) for column in X.T]
    if isinstance(given, str):
        return found
    named = [np.unique(np.asarray(values, dtype=np.float64)) for values in given]
    if len(named) != len(found):
        raise ValueError(
            f"categories must have one list for each of the {len(found)} columns of X, got "
            f"{len(named)}"
        )
    for j, (values, seen) in enumerate(zip(named, found, strict=True)):
        others = np.setdiff1d(seen, values)
        if others.size:
            raise ValueError(
                f"Column {j} of X holds {brief(others[0].item())}, which is not in categories[{j}]"
            )
    return named


def check_categories(name: str, value: Any) -> Any:
    return check_option(name, value, ("auto",)) if isinstance(value, str) else value


def bits(X: np.ndarray, threshold: float | None) -> np.ndarray:
    """0 and 1, and MISSING for missing values."""
    missing = np.isnan(X)
    if threshold is not None:
        X = np.greater(X, threshold).astype(X.dtype)
    wrong = np.argwhere(~(missing | (X == 0.0) | (X == 1.0)))
    if wrong.size:
        row, column = wrong[0]
        raise ValueError(
            f"X holds {brief(X[row, column].item())} in row {row}, column {column}; with "
            "binarize=None all values must be 0, 1 or NaN"
        )
    return np.where(missing, MISSING, X) if missing.any() else X


def with_prior(
    prior: DirichletPrior | None, rows: Rows, n_components: int, counts: tuple[int, ...]
) -> tuple[LinearFamily, WeightPrior]:
    """The family of features of so many levels, and the prior of the weights."""
    components = Categorical(counts)
    if prior is None:
        return LinearFamily(components), WeightPrior()
    unseen, weights = prior._of_rows(rows, counts, n_components)
    return LinearFamily(components, prior=unseen), weights
