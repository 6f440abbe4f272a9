"""A mixture in one or two features, drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from .._fitted.scoring import Scorer
from .._input.validation import check_flag
from .._normal.covariances import FULL
from . import _line, _plane
from ._axes import new_axes
from ._scale import N_GRID
from ._shown import Shown, chosen, read

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


class MixtureDisplay:
    """A mixture in one or two features: rows, components, density and uncertainty.

    With one feature a histogram, the components and their sum; with two a scatter plot, the
    components as ellipses at given numbers of standard deviations, and contours of the density.
    Of more features one or two are chosen, and the marginal distribution is shown; or the
    conditional one, a slice, where others have given values.

    Use :meth:`from_estimator` to make one.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, 1) or (n_samples, 2)
        The rows, in the features shown.

    labels : ndarray of shape (n_samples,)
        Most probable component of each row.

    weights : ndarray of shape (n_components,)
        Weights of the components.

    means : ndarray of shape (n_components, 1) or (n_components, 2)
        Means in the features shown.

    covariances : ndarray of shape (n_components, 1, 1) or (n_components, 2, 2)
        Covariance matrices of the features shown.

    names : list of str
        Names of the features shown.

    uncertainties : ndarray of shape (n_samples,), default=None
        One minus the probability of each row's component, given all its features; None takes the
        features shown.

    title : str, default=""
        Title of the axes, if any.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.

    figure_ : matplotlib Figure
        The figure of the axes.

    See Also
    --------
    MixturePairsDisplay : All pairs of features at once.

    Examples
    --------
    >>> from emix import GaussianMixture
    >>> from emix.datasets import load_faithful
    >>> from emix.display import MixtureDisplay
    >>> X = load_faithful().data
    >>> mixture = GaussianMixture(2, random_state=0).fit(X)
    >>> display = MixtureDisplay.from_estimator(mixture, X)
    >>> len(display.ax_.patches)
    4
    >>> slice_ = MixtureDisplay.from_estimator(mixture, X, given={0: 2.9})
    >>> slice_.ax_.get_title()
    'feature 0 = 2.9'
    """

    ax_: Axes
    figure_: Figure | SubFigure

    def __init__(
        self,
        *,
        rows: np.ndarray,
        labels: np.ndarray,
        weights: np.ndarray,
        means: np.ndarray,
        covariances: np.ndarray,
        names: Sequence[str],
        uncertainties: np.ndarray | None = None,
        title: str = "",
    ) -> None:
        self.rows, self.labels = rows, labels
        self.weights, self.means, self.covariances = weights, means, covariances
        self.names, self.title = names, title
        self.uncertainties = self.uncertainty(rows) if uncertainties is None else uncertainties

    @classmethod
    def _of(cls, shown: Shown) -> Self:
        return cls(
            rows=shown.rows,
            labels=shown.labels,
            weights=shown.normals.weights,
            means=shown.normals.means,
            covariances=shown.normals.covariances,
            names=shown.names,
            uncertainties=shown.uncertainties,
            title=shown.title,
        )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        features: int | str | Sequence[int] | Sequence[str] | None = None,
        given: Mapping[int | str, float] | None = None,
        feature_names: Sequence[str] | None = None,
        ax: Axes | None = None,
        **options: Any,
    ) -> Self:
        """Draw a fitted estimator with the rows of X.

        Parameters
        ----------
        estimator : fitted mixture
            An estimator of emix, or another with scikit-learn's covariance_type, weights_,
            means_ and precisions_cholesky_; a search that chose one; or a pipeline that ends in
            either, which is drawn in the features that the last step sees.

        X : array-like of shape (n_samples, n_features)
            Rows to show. A row with NaN is not shown where it lacks a feature.

        features : int, str or sequence of one or two of them, default=None
            Indices or names of the features to show; None shows the first two, or the only one.

        given : mapping of int or str to float, default=None
            Features and their values, in the units that the mixture sees: the slice there, the
            distribution of the others given these, is shown. Of the rows those within half a
            standard deviation of every value are shown.

        feature_names : sequence of str of length n_features, default=None
            Names of all features; None takes those that the estimator has, or numbers.

        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        **options : dict
            Passed on to :meth:`plot`.

        Returns
        -------
        display : MixtureDisplay
            The display, drawn.

        Raises
        ------
        ValueError, TypeError
            If there is no such feature, more than two are asked for, one is both shown and
            given, or the estimator is no mixture.
        """
        shown = chosen(read(estimator, X, feature_names), features, given, 2)
        if len(shown.names) > 2:
            raise ValueError(
                f"features must be one or two, got {features!r}; MixturePairsDisplay shows more"
            )
        return cls._of(shown).plot(ax=ax, **options)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        deviations: Sequence[float] = (1.0, 2.0),
        contours: bool = False,
        uncertainty: bool = False,
        bins: int | str = "auto",
    ) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        deviations : sequence of float, default=(1.0, 2.0)
            Two features: sizes of the ellipses in standard deviations.

        contours : bool, default=False
            Two features: whether to draw contours of the density, around the regions of highest
            density that hold 25, 50, 75 and 95 % of the probability within the axes.

        uncertainty : bool, default=False
            Whether to show where the components are hard to tell apart. Two features: rows are
            the larger, and places the darker, the less probable the most probable component
            is. One feature: a shade on a scale from 0 to 1.

        bins : int or str, default="auto"
            One feature: bins of the histogram, as in ``numpy.histogram``.

        Returns
        -------
        self : MixtureDisplay
        """
        contours = check_flag("contours", contours)
        uncertainty = check_flag("uncertainty", uncertainty)
        self.ax_ = new_axes(ax)
        self.figure_ = self.ax_.figure
        if len(self.names) == 1:
            _line.draw(self.ax_, self, bins, uncertainty)
        else:
            self._plot_plane(deviations, contours, uncertainty)
        if self.title:
            self.ax_.set_title(self.title)
        return self

    def _plot_plane(self, deviations: Sequence[float], contours: bool, uncertainty: bool) -> None:
        _plane.draw_rows(self.ax_, self, uncertainty)
        _plane.draw_ellipses(self.ax_, self, deviations)
        if contours:
            _plane.draw_contours(self.ax_, self, N_GRID)
        if uncertainty:
            _plane.draw_uncertainty(self.ax_, self, N_GRID)
        self.ax_.set(xlabel=self.names[0], ylabel=self.names[1])

    def _scorer(self) -> Scorer:
        factors = FULL.form.factorise(self.covariances, 0.0).factor
        return Scorer(FULL, self.weights, self.means, factors)

    def density(self, points: np.ndarray) -> np.ndarray:
        """Density of the features that are shown.

        Parameters
        ----------
        points : ndarray of shape (n_points, 1) or (n_points, 2)
            Where to evaluate it, in the units of the data.

        Returns
        -------
        density : ndarray of shape (n_points,)
            The density of the mixture there.
        """
        return np.exp(self._scorer().log_prob(points))

    def uncertainty(self, points: np.ndarray) -> np.ndarray:
        """How hard components are to tell apart: one minus the largest probability of one.

        Parameters
        ----------
        points : ndarray of shape (n_points, 1) or (n_points, 2)
            Where to evaluate it, in the units of the data.

        Returns
        -------
        uncertainty : ndarray of shape (n_points,)
            From 0 to 1 - 1/K, given the features that are shown.
        """
        return 1.0 - self._scorer().responsibilities(points).max(axis=1)
