"""The table of a search: a row for each cell, and which of them is the best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .cells import Cell
from .course import Course, Result

# Significant digits of a criterion that rounding does not touch.
_DIGITS = 10


class Ranked(NamedTuple):
    """Cells with their ranks, from 1 for the best; cells without a fit are last."""

    cells: list[Cell]
    ranks: np.ndarray

    @property
    def best(self) -> int:
        return int(np.argmin(self.ranks))


def ranked(course: Course) -> Ranked:
    """Sound fits come first, then the better criterion, then fewer parameters; criteria that
    differ by rounding are equal."""
    cells = list(course.grid.cells())
    sign = -1.0 if course.criterion.higher_is_better else 1.0

    def key(i: int) -> tuple:
        result = course.found.get(cells[i])
        if result is None:
            return True, True, math.inf, math.inf
        figures = result.outcomes[0].figures
        return False, not result.is_sound, sign * _rounded(result.criterion), figures.n_parameters

    order = sorted(range(len(cells)), key=key)
    ranks = np.empty(len(cells), dtype=int)
    ranks[order] = np.arange(1, len(cells) + 1)
    return Ranked(cells, ranks)


def table(course: Course, order: Ranked) -> dict[str, np.ndarray]:
    """Columns of equal length, as data frames take them."""
    cells = order.cells
    results = [course.found.get(cell) for cell in cells]
    structures = [course.grid.structures[cell.structure] for cell in cells]
    return {
        "n_components": np.array([cell.n_components for cell in cells]),
        "covariance_type": _objects(structures),
        "rank": order.ranks,
        "criterion": np.array([math.nan if r is None else r.criterion for r in results]),
        **{name: _figures(results, name) for name in _FIGURES},
        **_held_out(results, len(course.parts) - 1),
        "converged": np.array([r is not None and bool(r.mixture.converged_) for r in results]),
        "singular": np.array([r is not None and not r.is_sound for r in results]),
        "n_iter": np.array([0 if r is None else r.mixture.n_iter_ for r in results]),
        "start": _objects(["" if r is None else r.outcomes[0].start for r in results]),
        "stop_reason": _objects(
            [
                course.left_out[cell] if r is None else r.mixture.stop_reason_
                for cell, r in zip(cells, results, strict=True)
            ]
        ),
        "fit_time": np.array(
            [0.0 if r is None else sum(each.seconds for each in r.outcomes) for r in results]
        ),
    }


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


_FIGURES = ("log_likelihood", "n_parameters", "bic", "icl", "aic")


def _figures(results: Sequence[Result | None], name: str) -> np.ndarray:
    return np.array(
        [math.nan if r is None else getattr(r.outcomes[0].figures, name) for r in results]
    )


def _held_out(results: Sequence[Result | None], n_parts: int) -> dict[str, np.ndarray]:
    """Under the names of ``GridSearchCV``."""
    if not n_parts:
        return {}
    scores = np.array(
        [
            [math.nan] * n_parts
            if r is None
            else [each.figures.test_score for each in r.outcomes[1:]]
            for r in results
        ]
    )
    each = {f"split{i}_test_score": scores[:, i] for i in range(n_parts)}
    return {**each, "mean_test_score": scores.mean(axis=1), "std_test_score": scores.std(axis=1)}


def _objects(values: Sequence[Any]) -> np.ndarray:
    found = np.empty(len(values), dtype=object)
    found[:] = list(values)
    return found
