"""The course of a search: numbers of components upwards, and then downwards.

Upwards all structures are fitted with one number of components after the other, so that each fit
can start from the one before, and structures that fall behind are given up. Downwards each fit may
start from the one with more components. Where that led so high that a fit with more components is
lower, this one is mended.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, pairwise
from typing import Any

from .cells import Cell, Grid
from .criteria import Criterion
from .fits import Climbs, Outcome, is_lower, is_sound
from .rows import Part

# (function, its arguments for each call) -> results in this order, perhaps computed elsewhere.
Run = Callable[[Callable[..., Outcome], Iterable[tuple]], Iterator[Outcome]]
# What to tell of a step: which one, the cell, and what it led to or why it was left out. True ends
# the search.
Tell = Callable[[str, Cell, "Result | str"], bool]

STOPPED = "left out: the search was stopped by a callback"


@dataclass(frozen=True)
class Result:
    """The fits of a cell to all parts, the first of which are all rows; and its criterion."""

    outcomes: tuple[Outcome, ...]
    criterion: float

    @property
    def mixture(self) -> Any:
        return self.outcomes[0].mixture

    @property
    def is_sound(self) -> bool:
        return is_sound(self.mixture)


@dataclass
class Progress:
    """Of a structure: its last sound result, its best criterion, of which the lower is the better,
    and how many numbers of components did not improve on it since."""

    last: Result | None = None
    best: float = math.inf
    waited: int = 0

    def add(self, loss: float, result: Result) -> None:
        if not result.is_sound:
            self.waited += 1
            return
        self.last = result
        self.waited = 0 if loss < self.best else self.waited + 1
        self.best = min(self.best, loss)


@dataclass
class Course:
    """A search that is under way. After ``patience`` numbers of components without a better
    criterion a structure is given up; None gives up none."""

    grid: Grid
    parts: Sequence[Part]
    climbs: Climbs
    criterion: Criterion
    patience: int | None
    run: Run
    tell: Tell
    found: dict[Cell, Result] = field(default_factory=dict)
    left_out: dict[Cell, str] = field(default_factory=dict)
    is_stopped: bool = False

    def finish(self) -> None:
        """Afterwards every cell is either found or left out."""
        self.left_out.update(self.grid.left_out(self.parts))
        structures = range(len(self.grid.structures))
        progress = [Progress() for _ in structures]
        for count in self.grid.counts:
            self._upwards([Cell(structure, count) for structure in structures], progress)
        if self.climbs.neighbours:
            for larger, count in pairwise(reversed(self.grid.counts)):
                self._downwards({Cell(s, count): Cell(s, larger) for s in structures})
            for count, larger in pairwise(self.grid.counts):
                self._mend({Cell(s, larger): Cell(s, count) for s in structures})
        for cell in self.grid.cells():
            if cell not in self.found:
                self.left_out.setdefault(cell, STOPPED)

    def _upwards(self, cells: Sequence[Cell], progress: Sequence[Progress]) -> None:
        """Cells of one number of components, each from that of its structure before."""
        calls = {}
        for cell in cells:
            self._give_up(cell, progress[cell.structure])
            if cell in self.left_out:
                self._tell("fit", cell, self.left_out[cell])
            else:
                calls[cell] = self._fitting(cell, progress[cell.structure].last)
        for cell, result in self._results("fit", self.climbs.fit, calls):
            loss = -result.criterion if self.criterion.higher_is_better else result.criterion
            progress[cell.structure].add(loss, result)

    def _downwards(self, larger: Mapping[Cell, Cell]) -> None:
        """Cells of one number of components, each from that of its structure with more."""
        calls = {
            cell: self._again(cell, self.found[after])
            for cell, after in larger.items()
            if cell in self.found and after in self.found
        }
        for cell in larger.keys() - calls.keys():
            self._tell("merge", cell, self.left_out.get(cell, "no fit with more components"))
        list(self._results("merge", self.climbs.merged, calls))

    def _mend(self, smaller: Mapping[Cell, Cell]) -> None:
        """Cells that are now lower than those of their structure with fewer components."""
        calls = {}
        for cell, before in smaller.items():
            if cell not in self.found or before not in self.found:
                continue
            outcomes = self.found[cell].outcomes, self.found[before].outcomes
            if any(map(is_lower, *outcomes)):
                calls[cell] = self._again(cell, self.found[before])
        list(self._results("mend", self.climbs.mended, calls))

    def _results(
        self, step: str, function: Callable[..., Outcome], calls: Mapping[Cell, Sequence[tuple]]
    ) -> Iterator[tuple[Cell, Result]]:
        """Of cells, by the arguments of their calls for all parts."""
        if self.is_stopped:
            return
        outcomes = self.run(function, chain.from_iterable(calls.values()))
        for cell, of_parts in calls.items():
            fitted = tuple(islice(outcomes, len(of_parts)))
            self.found[cell] = Result(fitted, self.criterion.of(fitted))
            yield cell, self.found[cell]
            self._tell(step, cell, self.found[cell])
            if self.is_stopped:
                return

    def _tell(self, step: str, cell: Cell, what: Result | str) -> None:
        if not self.is_stopped:
            self.is_stopped = self.tell(step, cell, what)

    def _give_up(self, cell: Cell, progress: Progress) -> None:
        if self.patience is not None and progress.waited >= self.patience:
            text = (
                f"given up: the last {progress.waited} fits of this structure did not improve its "
                f"{self.criterion.name}"
            )
            self.left_out.setdefault(cell, text)

    def _fitting(self, cell: Cell, before: Result | None) -> Sequence[tuple]:
        parameters, n = self.grid.parameters(cell), len(self.parts)
        smaller = (None,) * n if before is None else before.outcomes
        return [(parameters, *each) for each in zip(self.parts, smaller, strict=True)]

    def _again(self, cell: Cell, neighbour: Result) -> Sequence[tuple]:
        parameters, result = self.grid.parameters(cell), self.found[cell]
        parts = zip(self.parts, result.outcomes, neighbour.outcomes, strict=True)
        return [(parameters, *each) for each in parts]
