"""Estimates and their intervals, drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from ._axes import new_panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

    from ..inference import Bootstrap, StandardErrors

# Parameters by the names of the estimator's attributes, and of a table's lines.
_LINES = {
    "weights": "weight",
    "means": "mean",
    "covariances": "covariance",
    "correlations": "correlation",
}
# Part of the distance between components that intervals of one component take.
_SPREAD = 0.5


class Panel(NamedTuple):
    """A quantity that several components have, and lines of tables that tell of it."""

    title: str
    lines: list[np.ndarray]


class IntervalsDisplay:
    """Estimates of a mixture with their intervals as error bars.

    A panel for each quantity shows it for all components, one below the other; several results
    lie side by side. Use :meth:`from_result` to make one.

    Parameters
    ----------
    tables : mapping of str to structured ndarray
        What ``table`` of each result returned, by the names that a legend shows.

    parameters : sequence of {'weights', 'means', 'covariances', 'correlations'}
        What is shown.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (n_panels,)
        Where it was drawn.

    figure_ : matplotlib Figure
        The figure of the axes.

    Examples
    --------
    >>> from emix import GaussianMixture
    >>> from emix.datasets import load_faithful
    >>> from emix.display import IntervalsDisplay
    >>> from emix.inference import standard_errors
    >>> frame = load_faithful(as_frame=True).data
    >>> mixture = GaussianMixture(2, random_state=0).fit(frame)
    >>> display = IntervalsDisplay.from_result(standard_errors(mixture, frame))
    >>> [ax.get_title() for ax in display.axes_]
    ['weight', 'mean of eruptions', 'mean of waiting']
    """

    axes_: np.ndarray
    figure_: Figure | SubFigure

    def __init__(self, *, tables: Mapping[str, np.ndarray], parameters: Sequence[str]) -> None:
        self.tables = tables
        self.parameters = parameters

    @classmethod
    def from_result(
        cls,
        result: StandardErrors | Bootstrap | Mapping[str, StandardErrors | Bootstrap],
        *,
        level: float = 0.95,
        parameters: Sequence[str] = ("weights", "means"),
        axes: ArrayLike | None = None,
    ) -> Self:
        """Draw standard errors or a bootstrap, or several of them.

        Parameters
        ----------
        result : StandardErrors, Bootstrap, or mapping of str to these
            What :func:`emix.inference.standard_errors` or :func:`emix.inference.bootstrap`
            returned; several results of one mixture by their names.

        level : float, default=0.95
            Probability with which an interval covers its parameter.

        parameters : sequence of {'weights', 'means', 'covariances', 'correlations'}, \
default=('weights', 'means')
            What is shown.

        axes : array-like of matplotlib Axes of shape (n_panels,), default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : IntervalsDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If a parameter is unknown or the results do not have it, or level is not between 0 and
            1.
        """
        results = result if isinstance(result, Mapping) else {"": result}
        tables = {name: each.table(level=level) for name, each in results.items()}
        return cls(tables=tables, parameters=parameters).plot(axes)

    def plot(self, axes: ArrayLike | None = None) -> Self:
        """Draw the display.

        Parameters
        ----------
        axes : array-like of matplotlib Axes of shape (n_panels,), default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        self : IntervalsDisplay
        """
        panels = list(_panels(list(self.tables.values()), self.parameters))
        self.axes_ = new_panels(axes, len(panels))
        self.figure_ = self.axes_[0].figure
        for ax, panel in zip(self.axes_, panels, strict=True):
            self._draw(ax, panel)
        if len(self.tables) > 1 and axes is None:
            handles = self.axes_[0].containers
            self.figure_.legend(
                handles, list(self.tables), loc="outside lower center", ncols=len(self.tables)
            )
        elif len(self.tables) > 1:
            self.axes_[0].legend(list(self.tables))
        return self

    def _draw(self, ax: Any, panel: Panel) -> None:
        n_results = len(panel.lines)
        for at, lines in enumerate(panel.lines):
            components = np.maximum(lines["component"], 0)
            height = components + _SPREAD * ((at + 0.5) / n_results - 0.5)
            sides = lines["estimate"] - lines["lower"], lines["upper"] - lines["estimate"]
            ax.errorbar(lines["estimate"], height, xerr=np.array(sides), fmt="o", capsize=3.0)
        components = panel.lines[0]["component"]
        labels = ["all" if component < 0 else str(component) for component in components]
        ax.set(title=panel.title, yticks=np.maximum(components, 0), yticklabels=labels)
        ax.set(ylim=(components.max() + 0.5, -0.5) if components.max() >= 0 else (0.5, -0.5))
        ax.set_ylabel("component")


def _panels(tables: list[np.ndarray], parameters: Sequence[str]) -> Iterable[Panel]:
    """One for each parameter of each feature, or pair of features."""
    for parameter in parameters:
        if parameter not in _LINES:
            raise ValueError(f"parameters must be among {', '.join(_LINES)}; got {parameter!r}")
        name = _LINES[parameter]
        keys = {
            (line["feature"], line["other_feature"]): None
            for line in tables[0][tables[0]["parameter"] == name]
        }
        if not keys:
            raise ValueError(
                f"the results have no {parameter}: covariances of this covariance_type are not "
                "matrices"
            )
        for first, second in keys:
            lines = [
                table[
                    (table["parameter"] == name)
                    & (table["feature"] == first)
                    & (table["other_feature"] == second)
                ]
                for table in tables
            ]
            yield Panel(_title(name, first, second), lines)


def _title(name: str, first: str, second: str) -> str:
    if not first:
        return "variance" if name == "covariance" else name
    if first == second:
        return f"variance of {first}"
    return f"{name} of {first} and {second}" if second else f"{name} of {first}"
