"""A mixture in all pairs of features, drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from .._input.validation import check_flag
from . import _line, _plane
from ._axes import new_grid
from ._mixture import MixtureDisplay
from ._shown import Shown, chosen, read

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

# Points to a side of the contours of a panel, which is small, and there may be many.
_N_GRID = 100


class MixturePairsDisplay:
    """A mixture in any number of features, pair by pair: a scatter matrix.

    On the diagonal a histogram of each feature, with its density and components; below it the rows
    of each pair of features, in the colours of their components, with these as ellipses; above it
    contours of the pair's density, around 25, 50, 75 and 95 % of the probability, or its
    uncertainty. All are marginal distributions, or conditional ones, a slice, where other
    features have given values.

    Use :meth:`from_estimator` to make one.

    Parameters
    ----------
    panels : nested list of MixtureDisplay, of shape (n_features, n_features)
        What is shown in each panel; in row i and column j feature j across, feature i up.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (n_features, n_features)
        Where it was drawn.

    figure_ : matplotlib Figure
        The figure of the axes.

    See Also
    --------
    MixtureDisplay : One or two features.

    Examples
    --------
    >>> from emix import GaussianMixture
    >>> from emix.display import MixturePairsDisplay
    >>> from sklearn.datasets import load_iris
    >>> X = load_iris().data
    >>> mixture = GaussianMixture(2, random_state=0).fit(X)
    >>> MixturePairsDisplay.from_estimator(mixture, X, features=[0, 2, 3]).axes_.shape
    (3, 3)
    """

    axes_: np.ndarray
    figure_: Figure | SubFigure

    def __init__(self, *, panels: Sequence[Sequence[MixtureDisplay]]) -> None:
        self.panels = panels

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        features: int | str | Sequence[int] | Sequence[str] | None = None,
        given: Mapping[int | str, float] | None = None,
        feature_names: Sequence[str] | None = None,
        axes: ArrayLike | None = None,
        **options: Any,
    ) -> Self:
        """Draw a fitted estimator with the rows of X.

        Parameters
        ----------
        estimator : fitted mixture
            As of :meth:`MixtureDisplay.from_estimator`.

        X : array-like of shape (n_samples, n_features)
            Rows to show. A row with NaN is not shown where it lacks a feature.

        features : int, str or sequence of them, default=None
            Indices or names of the features to show; None shows all.

        given : mapping of int or str to float, default=None
            Features and their values, as of :meth:`MixtureDisplay.from_estimator`.

        feature_names : sequence of str of length n_features, default=None
            Names of all features; None takes those that the estimator has, or numbers.

        axes : array-like of matplotlib Axes of shape (n_shown, n_shown), default=None
            Where to draw; None makes a new figure.

        **options : dict
            Passed on to :meth:`plot`.

        Returns
        -------
        display : MixturePairsDisplay
            The display, drawn.

        Raises
        ------
        ValueError, TypeError
            If there is no such feature, one is both shown and given, or the estimator is no
            mixture.
        """
        shown = read(estimator, X, feature_names)
        shown = chosen(shown, features, given, len(shown.names))
        d = range(len(shown.names))
        return cls(panels=[[_panel(shown, i, j) for j in d] for i in d]).plot(axes, **options)

    def plot(
        self,
        axes: ArrayLike | None = None,
        *,
        deviations: Sequence[float] = (1.0, 2.0),
        uncertainty: bool = False,
        bins: int | str = "auto",
    ) -> Self:
        """Draw the display.

        Parameters
        ----------
        axes : array-like of matplotlib Axes of shape (n_shown, n_shown), default=None
            Where to draw; None makes a new figure.

        deviations : sequence of float, default=(1.0, 2.0)
            Sizes of the ellipses in standard deviations.

        uncertainty : bool, default=False
            Whether rows are the larger the less probable their component is, and panels above the
            diagonal show where components are hard to tell apart, by each pair of features
            alone: the darker, the harder.

        bins : int or str, default="auto"
            Bins of the histograms, as in ``numpy.histogram``.

        Returns
        -------
        self : MixturePairsDisplay
        """
        uncertainty = check_flag("uncertainty", uncertainty)
        self.axes_ = new_grid(axes, len(self.panels))
        self.figure_ = self.axes_[0, 0].figure
        pairs = list(combinations(range(len(self.panels)), 2))
        for i in range(len(self.panels)):
            self._plot_diagonal(i, bins)
        for j, i in pairs:
            _plane.draw_rows(self.axes_[i, j], self.panels[i][j], uncertainty)
            _plane.draw_ellipses(self.axes_[i, j], self.panels[i][j], deviations)
        for i, j in pairs:
            self._plot_above(i, j, uncertainty)
        self._label()
        return self

    def _plot_diagonal(self, i: int, bins: int | str) -> None:
        ax = self.axes_[i, i]
        _line.draw(ax, self.panels[i][i], bins, False)
        ax.get_legend().remove()
        ax.set(ylabel="", yticks=[])

    def _plot_above(self, i: int, j: int, uncertainty: bool) -> None:
        """Over the same values as the panel that it mirrors."""
        ax, mirrored = self.axes_[i, j], self.axes_[j, i]
        ax.set(xlim=mirrored.get_ylim(), ylim=mirrored.get_xlim())
        if uncertainty:
            _plane.draw_uncertainty(ax, self.panels[i][j], _N_GRID)
        else:
            _plane.draw_contours(ax, self.panels[i][j], _N_GRID)

    def _label(self) -> None:
        """Names at the left and below; numbers there too."""
        for ax, panel in zip(self.axes_[-1], self.panels[-1], strict=True):
            ax.set_xlabel(panel.names[0])
        for ax, row in zip(self.axes_[:, 0], self.panels, strict=True):
            ax.set_ylabel(row[0].names[-1])
        for ax in self.axes_.ravel():
            ax.label_outer()
        if self.panels[0][0].title:
            self.figure_.suptitle(self.panels[0][0].title)


def _panel(shown: Shown, i: int, j: int) -> MixtureDisplay:
    """Feature j across, feature i up."""
    return MixtureDisplay._of(shown.of(np.array([i] if i == j else [j, i])))
