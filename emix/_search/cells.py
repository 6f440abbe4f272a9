"""The cells of a search: a number of components with a covariance structure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .._input.structures import structure_of
from .rows import Part


class Cell(NamedTuple):
    """Structures are counted, as one need not be hashable."""

    structure: int
    n_components: int


@dataclass(frozen=True)
class Grid:
    """All cells: structures as ``covariance_type`` takes them, numbers of components that rise.

    ``chosen`` says whether the user named the structures, or takes whatever fits the rows.
    """

    structures: Sequence[Any]
    counts: Sequence[int]
    chosen: bool

    def cells(self) -> Iterator[Cell]:
        for structure in range(len(self.structures)):
            for count in self.counts:
                yield Cell(structure, count)

    def parameters(self, cell: Cell) -> dict[str, Any]:
        """What the cell sets in an estimator."""
        return {
            "n_components": cell.n_components,
            "covariance_type": self.structures[cell.structure],
        }

    def told(self, cell: Cell) -> str:
        pairs = (f"{name}={value!r}" for name, value in self.parameters(cell).items())
        return ", ".join(pairs)

    def left_out(self, parts: Sequence[Part]) -> dict[Cell, str]:
        """Why cells are not fitted, by the smallest of the tables that they would be fitted to.

        A component needs a distinct row, and matrices with axes of their own need more rows than
        features. Where nothing would be left the second rule and then the first give way: what
        is asked for is fitted, and singular.
        """
        least = min(part.n_distinct for part in parts)
        n_features = parts[0].rows.array.shape[1]
        few = {
            cell: f"left out: {cell.n_components} components need as many distinct rows, and "
            f"there are {least}"
            for cell in self.cells()
            if cell.n_components > least
        }
        flat = {
            cell: f"left out: {least} distinct rows are not more than {n_features} features"
            for cell in self.cells()
            if not self.chosen and least <= n_features and self._has_axes(cell)
        }
        n_cells = len(self.structures) * len(self.counts)
        for reasons in ({**flat, **few}, few):
            if len(reasons) < n_cells:
                return reasons
        return self._impossible(min(len(part.rows.array) for part in parts))

    def _has_axes(self, cell: Cell) -> bool:
        return bool(structure_of(self.structures[cell.structure]).form.correlates)

    def _impossible(self, n_rows: int) -> dict[Cell, str]:
        """Cells that no estimator fits; an error if these are all."""
        reasons = {
            cell: f"left out: {cell.n_components} components need as many rows, and there are "
            f"{n_rows}"
            for cell in self.cells()
            if cell.n_components > n_rows
        }
        if len(reasons) == len(self.structures) * len(self.counts):
            raise ValueError(
                f"n_components: {n_rows} row(s) are too few for {min(self.counts)} component(s), "
                "the fewest that are asked for; decrease n_components"
            )
        return reasons
