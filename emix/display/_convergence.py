"""The ascent of a fit, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from .._fit.history import reached
from ._axes import new_axes
from ._shown import best_of, check_drawable, last_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


class ConvergenceDisplay:
    """The ascent of a fit, pass by pass.

    The objective after each pass over the data (of ``GaussianMixture`` the log-likelihood per
    sample), or what it lacks to the best value of the fit, on a logarithmic scale, with the
    estimate of the remaining gain. Accepted and rejected extrapolations are marked. Several
    fits can share axes.

    Use :meth:`from_estimator` or :meth:`from_result` to make one.

    Parameters
    ----------
    history : structured ndarray
        ``history_`` of a fitted estimator, or ``history`` of what :func:`emix.em.climb` found.

    name : str
        What the legend calls the fit.

    unit : str, default="nats per row"
        What the objective is measured in.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.

    figure_ : matplotlib Figure
        The figure of the axes.

    Examples
    --------
    >>> from emix import GaussianMixture
    >>> from emix.datasets import load_faithful
    >>> from emix.display import ConvergenceDisplay
    >>> mixture = GaussianMixture(2, random_state=0).fit(load_faithful().data)
    >>> display = ConvergenceDisplay.from_estimator(mixture)
    >>> display.ax_.get_xlabel()
    'pass over the data'
    """

    ax_: Axes
    figure_: Figure | SubFigure

    def __init__(
        self, *, history: np.ndarray, name: str = "fit", unit: str = "nats per row"
    ) -> None:
        self.history, self.name, self.unit = history, name, unit

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, name: str | None = None, ax: Axes | None = None, **options: Any
    ) -> Self:
        """Draw the ascent of a fitted estimator.

        Parameters
        ----------
        estimator : fitted mixture
            An estimator with history_, a search that chose one, or a pipeline that ends in either.

        name : str, default=None
            What the legend calls the fit; None takes the name of the class.

        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        **options : dict
            Passed on to :meth:`plot`.

        Returns
        -------
        display : ConvergenceDisplay
            The display, drawn.
        """
        estimator = best_of(last_step(best_of(estimator)))
        check_drawable(estimator, "history_")
        name = type(estimator).__name__ if name is None else name
        return cls(history=estimator.history_, name=name).plot(ax=ax, **options)

    @classmethod
    def from_result(
        cls, result: Any, *, name: str = "climb", ax: Axes | None = None, **options: Any
    ) -> Self:
        """Draw the ascent of a climb.

        Parameters
        ----------
        result : emix.em.Result
            What :func:`emix.em.climb` found.

        name : str, default="climb"
            What the legend calls it.

        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        **options : dict
            Passed on to :meth:`plot`.

        Returns
        -------
        display : ConvergenceDisplay
            The display, drawn.
        """
        return cls(history=result.history, name=name, unit="nats").plot(ax=ax, **options)

    def plot(self, ax: Axes | None = None, *, distance: bool = False, gap: bool = True) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        distance : bool, default=False
            Draw the distance to the best objective of the fit, on a logarithmic scale.

        gap : bool, default=True
            With ``distance=False``: draw the bound before the E-step, too, if it is known.

        Returns
        -------
        self : ConvergenceDisplay
        """
        self.ax_ = new_axes(ax)
        self.figure_ = self.ax_.figure
        if distance:
            self._plot_distance()
        else:
            self._plot_objective(gap)
        self.ax_.set_xlabel("pass over the data")
        self.ax_.locator_params(axis="x", integer=True)
        self.ax_.legend()
        return self

    def _reached(self):
        """Rejected points are shown where they left from."""
        return reached(self.history)

    def _plot_objective(self, gap):
        ax, history = self.ax_, self.history
        passes, objective, kept = np.arange(len(history)), self._reached(), history["accepted"]
        (line,) = ax.plot(passes, objective, "-", label=f"{self.name}: objective")
        self._mark(line.get_color(), passes, objective)
        if gap and np.isfinite(history["free_energy"][kept]).any():
            ax.plot(
                passes[kept],
                history["free_energy"][kept],
                ":",
                color=line.get_color(),
                label=f"{self.name}: bound before the E-step",
            )
        ax.set_ylabel(self.unit)

    def _plot_distance(self):
        ax, history = self.ax_, self.history
        objective = self._reached()
        passes, distance = np.arange(len(history)), objective[-1] - objective
        shown = distance > 0.0
        (line,) = ax.semilogy(
            passes[shown], distance[shown], "-", label=f"{self.name}: to the best"
        )
        self._mark(line.get_color(), passes, np.where(distance > 0.0, distance, np.nan))
        remaining = history["remaining"]
        known = np.isfinite(remaining) & (remaining > 0.0)
        ax.semilogy(
            passes[known],
            remaining[known],
            ":",
            color=line.get_color(),
            label=f"{self.name}: estimated remaining gain",
        )
        ax.set_ylabel(f"below the best, {self.unit}")

    def _mark(self, color, passes, height):
        """Dots for plain steps, triangles for extrapolated ones, crosses for rejected ones."""
        history = self.history
        plain = ~history["extrapolated"]
        jumped = history["extrapolated"] & history["accepted"]
        rejected = ~history["accepted"]
        for chosen, marker, label in (
            (plain, "o", None),
            (jumped, "^", "extrapolated"),
            (rejected, "x", "rejected"),
        ):
            if chosen.any():
                if label in self.ax_.get_legend_handles_labels()[1]:
                    label = None  # several fits share the axes, and the mark
                self.ax_.plot(
                    passes[chosen], height[chosen], marker, color=color, markersize=5, label=label
                )
