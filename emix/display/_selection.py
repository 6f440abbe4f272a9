"""The criterion of all fits of a search, drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ._axes import new_axes
from ._shown import last_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_MARKERS = "osD^v<>pPX*hd8"
# What axes call a criterion, and where it leads.
_NAMES = {
    "bic": "BIC (lower is better)",
    "icl": "ICL (lower is better)",
    "aic": "AIC (lower is better)",
    "mean_test_score": "mean log-density of held-out rows (higher is better)",
    "log_likelihood": "log-likelihood (not a criterion: it rises with every component)",
    "criterion": "criterion (lower is better)",
}
_HIGHER = {"mean_test_score", "log_likelihood"}


class SelectionDisplay:
    """A criterion against the number of components, a line for each covariance structure.

    The best fit has a ring around it. Fits with singular components, which cannot win, are crosses
    beside the lines.

    Use :meth:`from_estimator` or :meth:`from_results` to make one.

    Parameters
    ----------
    results : mapping from str to array-like of shape (n_cells,)
        ``results_`` of a :class:`emix.MixtureSearch`, or a data frame of it.

    criterion : str, default="bic"
        The column that is drawn.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.

    figure_ : matplotlib Figure
        The figure of the axes.

    Examples
    --------
    >>> from emix import MixtureSearch
    >>> from emix.datasets import load_faithful
    >>> from emix.display import SelectionDisplay
    >>> search = MixtureSearch(n_components=(1, 2, 3), covariance_type=["full", "tied"])
    >>> display = SelectionDisplay.from_estimator(search.fit(load_faithful().data))
    >>> display.ax_.get_ylabel()
    'BIC (lower is better)'
    """

    ax_: Axes
    figure_: Figure | SubFigure

    def __init__(self, *, results: Mapping[str, Any], criterion: str = "bic") -> None:
        self.results, self.criterion = results, criterion

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        criterion: str | None = None,
        ax: Axes | None = None,
        **options: Any,
    ) -> Self:
        """Draw the fits of a search.

        Parameters
        ----------
        estimator : fitted MixtureSearch
            A search, or a pipeline that ends in one.

        criterion : str, default=None
            The column of ``results_`` that is drawn; None takes what the search went by.

        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        **options : dict
            Passed on to :meth:`plot`.

        Returns
        -------
        display : SelectionDisplay
            The display, drawn.
        """
        search = last_step(estimator)
        check_is_fitted(search)
        if not hasattr(search, "results_"):
            raise TypeError(
                "this display draws a fitted MixtureSearch; "
                f"{type(search).__name__} has no results_"
            )
        if criterion is None:
            given = "mean_test_score" if search.criterion == "cv" else search.criterion
            criterion = given if given in search.results_ else "criterion"
        return cls.from_results(search.results_, criterion=criterion, ax=ax, **options)

    @classmethod
    def from_results(
        cls,
        results: Mapping[str, Any],
        *,
        criterion: str = "bic",
        ax: Axes | None = None,
        **options: Any,
    ) -> Self:
        """Draw a table of fits.

        Parameters
        ----------
        results : mapping from str to array-like of shape (n_cells,)
            With the columns ``n_components``, ``covariance_type``, ``singular`` and the criterion,
            as of ``results_`` or a data frame of it.

        criterion : str, default="bic"
            The column that is drawn.

        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        **options : dict
            Passed on to :meth:`plot`.

        Returns
        -------
        display : SelectionDisplay
            The display, drawn.
        """
        return cls(results=results, criterion=criterion).plot(ax=ax, **options)

    def plot(self, ax: Axes | None = None, *, span: float | None = None) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        span : float, default=None
            Show only what is at most so far from the best, in units of the criterion; None shows
            all.

        Returns
        -------
        self : SelectionDisplay
        """
        counts, names, values, singular = self._columns()
        loss = np.where(singular | np.isnan(values), np.inf, self._sign * values)
        best = int(np.argmin(loss))
        self.ax_ = new_axes(ax)
        self.figure_ = self.ax_.figure
        for i, name in enumerate(dict.fromkeys(names)):
            rows = np.array([each == name for each in names])
            self._line(i, name, counts[rows], values[rows], singular[rows])
        self._mark(counts, values, singular, best, f"best: {names[best]}, {counts[best]}")
        if span is not None:
            ends = values[best] + self._sign * span * np.array([-0.05, 1.0])
            self.ax_.set_ylim(*np.sort(ends))
        self.ax_.set_xlabel("number of components")
        self.ax_.set_ylabel(_NAMES.get(self.criterion, self.criterion))
        self.ax_.locator_params(axis="x", integer=True)
        self.ax_.legend(ncols=2, fontsize="small")
        return self

    @property
    def _sign(self) -> float:
        return -1.0 if self.criterion in _HIGHER else 1.0

    def _columns(self) -> tuple[np.ndarray, list[str], np.ndarray, np.ndarray]:
        """Numbers of components, names of structures, the criterion and what is singular."""
        needed = ("n_components", "covariance_type", "singular", self.criterion)
        missing = [name for name in needed if name not in self.results]
        if missing:
            raise ValueError(f"results has no column {missing[0]!r}; see MixtureSearch.results_")
        counts, types, singular, values = (np.asarray(self.results[name]) for name in needed)
        return counts, [str(each) for each in types], values.astype(float), singular.astype(bool)

    def _line(self, i: int, name: str, counts, values, singular) -> None:
        """Sound fits, joined where they are neighbours; the others are no points of the line."""
        order = np.argsort(counts, kind="stable")
        heights = np.where(singular, np.nan, values)[order]
        self.ax_.plot(
            counts[order],
            heights,
            marker=_MARKERS[i % len(_MARKERS)],
            markersize=5,
            linestyle="-" if i < 10 else "--",
            color=f"C{i % 10}",
            label=name,
        )

    def _mark(self, counts, values, singular, best: int, label: str) -> None:
        if singular.any():
            self.ax_.plot(
                counts[singular], values[singular], "x", color="0.6", label="singular, cannot win"
            )
        if singular[best] or np.isnan(values[best]):
            return
        self.ax_.plot(
            counts[best],
            values[best],
            "o",
            markersize=12,
            markerfacecolor="none",
            markeredgecolor="black",
            label=label,
        )
