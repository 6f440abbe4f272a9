"""Rows of a dask collection as a fit gets them: parts that the workers hold, checked."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import dask
import numpy as np

from .._input.tables import Features
from .._mixture.start import sample_size
from .._rows.grid import Mapper
from .._rows.parts import Part, PartedRows, Summary
from .._rows.sketch import summary_of
from ..constraints import Proportions
from ._blocks import blocks_of, check_features, joined
from ._cluster import Cluster, ClusterParts

# Parts of a fit: a task of a pass takes about 2.5 ms of processor time beside its work, on the
# client, the scheduler and the worker together.
_MOST_PARTS = 1024


class Facts(NamedTuple):
    """Of a part: rows, features, dtype, and what is wrong with it. ``bad`` is the row, column and
    value of the first number that is not finite, and how many rows have such."""

    n: int
    d: int
    dtype: np.dtype
    bad: tuple[int, int, float, int] | None
    least_weight: float
    total_weight: float


@dataclass(frozen=True)
class DistributedData:
    """What ``tables.Data`` is to a fit in memory; X and weight are the sample that is here."""

    summary: Summary
    parts: ClusterParts
    features: Features
    labels: None = None

    @property
    def X(self) -> np.ndarray:
        return self.summary.X

    @property
    def weight(self) -> np.ndarray:
        return self.summary.weight

    @property
    def n_samples(self) -> int:
        return self.summary.n

    @property
    def total_weight(self) -> float:
        return self.summary.total_weight

    def rows(self, mapper: Mapper) -> PartedRows:
        d = self.X.shape[1]
        return PartedRows(self.parts, self.summary, np.zeros(d), np.ones(d))

    @property
    def names(self) -> np.ndarray | None:
        return getattr(self.features, "feature_names_in_", None)

    @property
    def feature_attributes(self) -> dict[str, Any]:
        return {"n_features_in_": self.features.n_features_in_, "feature_names_in_": self.names}

    @property
    def counted(self) -> np.ndarray:
        """The sample, and the least and the greatest value of each column: what is constant in
        these is constant in all rows."""
        return np.vstack([self.X, self.summary.low, self.summary.high]).astype(self.X.dtype)


def distributed_data(
    cluster: Cluster, X: Any, sample_weight: Any, n_components: int, rng: np.random.RandomState
) -> DistributedData:
    """The rows, checked and kept by the workers until the fit is over."""
    features = Features()
    check_features(features, X, reset=True)
    parts = _parts_of(cluster, *blocks_of(X, sample_weight))
    futures = cluster.mapped(_facts, parts)
    facts = cluster.gathered(futures)
    _check(facts, features.n_features_in_)
    parts = [part for part, fact in zip(parts, facts, strict=True) if fact.n]
    held = ClusterParts(cluster, parts)
    # of a copy: where the sample is all rows, starts are drawn as they are in memory
    seed = int(deepcopy(rng).randint(2**31 - 1))
    summary = summary_of(held, sample_size(n_components), seed)
    return DistributedData(summary, held, features)


def _parts_of(cluster: Cluster, blocks: list, weights: list | None) -> list:
    """Futures of parts, of consecutive chunks: as many as the workers have threads, if there are
    so many chunks."""
    count = min(len(blocks), max(cluster.n_threads(), 1), _MOST_PARTS)
    edges = [len(blocks) * i // count for i in range(count + 1)]
    join = dask.delayed(_part, pure=False)
    runs = list(pairwise(edges))
    return cluster.computed(
        [join(blocks[a:b], None if weights is None else weights[a:b]) for a, b in runs]
    )


def _part(blocks: list, weights: list | None) -> Part:
    return Part(*joined(blocks, weights))


def _facts(part: Part) -> Facts:
    X, weight = part
    least, total = (1.0, float(len(X))) if weight is None else _of_weight(weight)
    n, d = X.shape
    return Facts(n, d, X.dtype, _first_bad(X), least, total)


def _of_weight(weight: np.ndarray) -> tuple[float, float]:
    return float(weight.min(initial=np.inf)), float(weight.sum())


def _first_bad(X: np.ndarray) -> tuple[int, int, float, int] | None:
    with np.errstate(over="ignore", invalid="ignore"):
        if math.isfinite(np.add.reduce(X, axis=None)):
            return None
    rows = np.flatnonzero(~np.isfinite(X).all(axis=1))
    if not len(rows):
        return None
    row = int(rows[0])
    column = int(np.flatnonzero(~np.isfinite(X[row]))[0])
    return row, column, float(X[row, column]), len(rows)


def _check(facts: list[Facts], d: int) -> None:
    """Errors that name the part and the rows."""
    starts = np.cumsum([0, *(fact.n for fact in facts)]).tolist()
    n = starts[-1]
    if n < 2:
        raise ValueError(f"Found array with {n} sample(s) while a minimum of 2 is required.")
    for i, fact in enumerate(facts):
        where = f"part {i + 1} of {len(facts)} (rows {starts[i]} to {starts[i + 1] - 1})"
        if fact.d != d:
            raise ValueError(f"X has {d} columns, and {fact.d} in {where}")
        if fact.bad is not None:
            row, column, value, count = fact.bad
            kind = "NaN" if math.isnan(value) else "infinity"
            raise ValueError(
                f"Input X contains {kind}: {where} has {count} such row(s), the first is row "
                f"{starts[i] + row}, column {column}. The estimators of emix.dask take no missing "
                "values: drop such rows, for instance by dropna() of a data frame, or fit a part "
                "of the rows in memory with emix"
            )
        if not fact.least_weight >= 0.0 or not math.isfinite(fact.total_weight):
            raise ValueError(
                f"sample_weight must be finite and not negative; {where} has other weights"
            )
    if not sum(fact.total_weight for fact in facts) > 0.0:
        raise ValueError("sample_weight must not be all zero")


def check_rowwise(values: Any) -> None:
    """Parameters that have an entry for each row, or that look at rows one by one."""
    if not isinstance(values.init_params, str):
        raise ValueError(
            "init_params gives labels or responsibilities of all rows, which emix.dask does not "
            "take: name a start, or set means_init"
        )
    if getattr(values, "algorithm", "batch") != "batch":
        raise ValueError(
            f"algorithm={values.algorithm!r} needs rows in memory: set algorithm='batch'"
        )
    for each in getattr(values, "constraints", ()):
        if not isinstance(each, Proportions):
            raise ValueError(
                f"constraints: {type(each).__name__} has an entry for each row, which emix.dask "
                "does not take; it takes Proportions"
            )
