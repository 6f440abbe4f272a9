"""Pictures of mixtures and of their fits; needs matplotlib, the extra ``plot``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from ._base import STRUCTURES, BaseNormalMixture
from ._fit.history import reached
from ._kmeans_limit import kmeans_limit
from ._normal.covariance import FULL
from ._scoring import Scorer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["ConvergenceDisplay", "KMeansLimitDisplay", "MixtureDisplay"]

_GRID = 200
_LEAST = 1e-14


def _check_fitted(estimator: Any, *attributes: str) -> None:
    """It is fitted, and of the kind that can be drawn."""
    check_is_fitted(estimator)
    missing = [name for name in attributes if not hasattr(estimator, name)]
    if missing and not isinstance(estimator, BaseNormalMixture):
        raise TypeError(
            f"this display draws fitted mixtures of emix; {type(estimator).__name__} has no "
            f"{missing[0]}"
        )


def _axes(ax):
    """The axes to draw on, new ones if None."""
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "Drawing needs matplotlib: `pip install matplotlib`, or install emix with its extra "
            "`plot`"
        ) from error
    return plt.subplots(layout="constrained")[1]


def _normals(estimator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (K,), means (K, d) and covariance matrices (K, d, d), for any structure; of
    scikit-learn's mixtures too."""
    if isinstance(estimator, BaseNormalMixture):
        structure, (weights, means, factors) = (
            estimator._fitted_structure(),
            estimator._parameters(),
        )
        covariances = structure.form.invert(np.asarray(factors, float))
    else:
        structure, weights, means = (
            STRUCTURES[estimator.covariance_type],
            estimator.weights_,
            estimator.means_,
        )
        covariances = np.asarray(estimator.covariances_, float)
    n_components, d = means.shape
    stack = structure.per_component(covariances, n_components)
    if stack.ndim < 3:
        variances = stack[:, None] if stack.ndim == 1 else stack
        stack = np.broadcast_to(variances, (n_components, d))[:, :, None] * np.eye(d)
    return np.asarray(weights, float), np.asarray(means, float), stack


class MixtureDisplay:
    """A mixture in one or two dimensions: rows, components and density.

    With one feature a histogram, the components and their sum; with two a scatter plot, the
    components as ellipses at given numbers of standard deviations, and contours of the density.
    Of more features one or two are chosen, and the marginal distribution is shown.

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
    >>> from emix.display import MixtureDisplay
    >>> X = load_faithful().data
    >>> mixture = GaussianMixture(2, random_state=0).fit(X)
    >>> display = MixtureDisplay.from_estimator(mixture, X)
    >>> len(display.ax_.patches)
    4
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
    ) -> None:
        self.rows, self.labels = rows, labels
        self.weights, self.means, self.covariances = weights, means, covariances
        self.names = names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        features: int | Sequence[int] | None = None,
        ax: Axes | None = None,
        **options: Any,
    ) -> Self:
        """Draw a fitted estimator with the rows of X.

        Parameters
        ----------
        estimator : fitted mixture
            An estimator of emix, or another with scikit-learn's covariance_type, weights_,
            means_ and covariances_.

        X : array-like of shape (n_samples, n_features)
            Rows to show.

        features : int or sequence of one or two int, default=None
            The features to show; None shows the first two, or the only one.

        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        **options : dict
            Passed on to :meth:`plot`.

        Returns
        -------
        display : MixtureDisplay
            The display, drawn.
        """
        _check_fitted(estimator, "weights_", "means_", "covariances_", "covariance_type")
        weights, means, covariances = _normals(estimator)
        d = means.shape[1]
        chosen = list(range(min(d, 2))) if features is None else np.ravel(features).tolist()
        if not 1 <= len(chosen) <= 2 or len(set(chosen)) < len(chosen):
            raise ValueError(f"features must be one or two different indices, got {features!r}")
        if not all(isinstance(j, int) and 0 <= j < d for j in chosen):
            raise ValueError(f"features must be indices from 0 to {d - 1}, got {features!r}")
        names = getattr(estimator, "feature_names_in_", [f"feature {j}" for j in range(d)])
        labels = estimator.predict(X)
        rows = np.asarray(X, dtype=float)[:, chosen]
        display = cls(
            rows=rows,
            labels=labels,
            weights=weights,
            means=means[:, chosen],
            covariances=covariances[:, chosen][:, :, chosen],
            names=[str(names[j]) for j in chosen],
        )
        return display.plot(ax=ax, **options)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        deviations: Sequence[float] = (1.0, 2.0),
        contours: bool = False,
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
            Two features: whether to draw contours of the density.

        bins : int or str, default="auto"
            One feature: bins of the histogram, as in ``numpy.histogram``.

        Returns
        -------
        self : MixtureDisplay
        """
        self.ax_ = _axes(ax)
        self.figure_ = self.ax_.figure
        if len(self.names) == 1:
            self._plot_one(bins)
        else:
            self._plot_two(deviations, contours)
        return self

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
        factors = FULL.form.factorise(self.covariances, 0.0).factor
        return np.exp(Scorer(FULL, self.weights, self.means, factors).log_prob(points))

    def _plot_one(self, bins):
        ax, rows = self.ax_, self.rows
        edges = np.histogram_bin_edges(rows, bins=bins)
        ax.hist(rows[:, 0], bins=edges, density=True, color="0.85", label="rows")
        grid = np.linspace(edges[0], edges[-1], _GRID)[:, None]
        ax.plot(grid, self.density(grid), "k", label="density")
        parts = zip(self.weights, self.means, self.covariances, strict=True)
        for k, (weight, mean, covariance) in enumerate(parts):
            variance = covariance[0, 0]
            normal = np.exp(-0.5 * (grid - mean) ** 2 / variance) / np.sqrt(2 * np.pi * variance)
            ax.plot(grid, weight * normal, "--", color=f"C{k % 10}", label=f"component {k}")
        ax.set(xlabel=self.names[0], ylabel="density")
        ax.legend()

    def _plot_two(self, deviations, contours):
        ax = self.ax_
        for k, (mean, covariance) in enumerate(zip(self.means, self.covariances, strict=True)):
            color = f"C{k % 10}"
            ax.plot(*self.rows[self.labels == k].T, "o", color=color, markersize=4, alpha=0.6)
            for size in deviations:
                ax.add_patch(_ellipse(mean, covariance, size, color))
            ax.plot(*mean, "+", color="black", markersize=10)
        if contours:
            self._plot_contours()
        ax.set(xlabel=self.names[0], ylabel=self.names[1])

    def _plot_contours(self):
        ax = self.ax_
        x, y = (np.linspace(*limits, _GRID) for limits in (ax.get_xlim(), ax.get_ylim()))
        points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        ax.contour(x, y, self.density(points).reshape(_GRID, _GRID), colors="0.5", linewidths=0.7)


def _ellipse(mean, covariance, size, color):
    """The points at a Mahalanobis distance of ``size`` from the mean."""
    from matplotlib.patches import Ellipse

    values, vectors = np.linalg.eigh(covariance)
    angle = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
    height, width = 2.0 * size * np.sqrt(values)
    return Ellipse(mean, width, height, angle=angle, fill=False, color=color)


class ConvergenceDisplay:
    """The ascent of a fit, sweep by sweep.

    The objective after each sweep over the data (of ``GaussianMixture`` the log-likelihood per
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

    unit : str, default="per sample"
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
    'sweep over the data'
    """

    ax_: Axes
    figure_: Figure | SubFigure

    def __init__(self, *, history: np.ndarray, name: str = "fit", unit: str = "per sample") -> None:
        self.history, self.name, self.unit = history, name, unit

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, name: str | None = None, ax: Axes | None = None, **options: Any
    ) -> Self:
        """Draw the ascent of a fitted estimator.

        Parameters
        ----------
        estimator : fitted mixture
            An estimator with history_.

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
        _check_fitted(estimator, "history_")
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
        return cls(history=result.history, name=name, unit="in nats").plot(ax=ax, **options)

    def plot(self, ax: Axes | None = None, *, distance: bool = False, gap: bool = True) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        distance : bool, default=False
            Draw the distance to the best objective of the fit, on a logarithmic scale.

        gap : bool, default=True
            With ``distance=False``: draw the free energy before the E-step too, if it is known.

        Returns
        -------
        self : ConvergenceDisplay
        """
        self.ax_ = _axes(ax)
        self.figure_ = self.ax_.figure
        if distance:
            self._plot_distance()
        else:
            self._plot_objective(gap)
        self.ax_.set_xlabel("sweep over the data")
        self.ax_.locator_params(axis="x", integer=True)
        self.ax_.legend()
        return self

    def _reached(self):
        """Rejected points are shown where they left from."""
        return reached(self.history)

    def _plot_objective(self, gap):
        ax, history = self.ax_, self.history
        sweeps, objective, kept = np.arange(len(history)), self._reached(), history["accepted"]
        (line,) = ax.plot(sweeps, objective, "-", label=f"{self.name}: objective")
        self._mark(line.get_color(), sweeps, objective)
        if gap and np.isfinite(history["free_energy"][kept]).any():
            ax.plot(
                sweeps[kept],
                history["free_energy"][kept],
                ":",
                color=line.get_color(),
                label=f"{self.name}: F before the E-step",
            )
        ax.set_ylabel(self.unit)

    def _plot_distance(self):
        ax, history = self.ax_, self.history
        objective = self._reached()
        sweeps, distance = np.arange(len(history)), objective[-1] - objective
        shown = distance > 0.0
        (line,) = ax.semilogy(
            sweeps[shown], distance[shown], "-", label=f"{self.name}: to the best"
        )
        self._mark(line.get_color(), sweeps, np.where(distance > 0.0, distance, np.nan))
        remaining = history["remaining"]
        known = np.isfinite(remaining) & (remaining > 0.0)
        ax.semilogy(
            sweeps[known],
            remaining[known],
            ":",
            color=line.get_color(),
            label=f"{self.name}: estimated remaining gain",
        )
        ax.set_ylabel(f"objective {self.unit}")

    def _mark(self, color, sweeps, height):
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
                    sweeps[chosen], height[chosen], marker, color=color, markersize=5, label=label
                )


class KMeansLimitDisplay:
    """How soft EM becomes K-means as the shared variance falls.

    Against the variance, which falls to the right, on logarithmic scales: the mean entropy of
    the responsibilities, the distance of the means to the centres of K-means (in units of the
    root mean square distance of the centres from their mean), the share of rows whose label
    is another, and how far 2 s² F and the soft inertia are from minus and plus the inertia of
    K-means, relative to it. If the path leads to the centres of K-means, all tend to zero;
    what is below 1e-14 is rounding, and not drawn.

    Use :meth:`from_estimator` or :meth:`from_result` to make one.

    Parameters
    ----------
    result : KMeansLimit
        What :func:`emix.kmeans_limit` returned.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.

    figure_ : matplotlib Figure
        The figure of the axes.

    Examples
    --------
    >>> from emix import kmeans_limit
    >>> from emix.datasets import load_faithful
    >>> from emix.display import KMeansLimitDisplay
    >>> result = kmeans_limit(load_faithful().data, 2, random_state=0)
    >>> display = KMeansLimitDisplay.from_result(result)
    >>> display.ax_.get_xlabel()
    'shared variance'
    """

    def __init__(self, *, result):
        self.result = result

    @classmethod
    def from_result(cls, result, *, ax=None):
        """Draw a result.

        Parameters
        ----------
        result : KMeansLimit
            What :func:`emix.kmeans_limit` returned.

        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : KMeansLimitDisplay
            The display, drawn.
        """
        return cls(result=result).plot(ax=ax)

    @classmethod
    def from_estimator(cls, estimator, X, *, variances=None, ax=None):
        """Follow the limit from the means of a fitted estimator, and draw it.

        Parameters
        ----------
        estimator : fitted mixture
            An estimator with means_, where the path and K-means start.

        X : array-like of shape (n_samples, n_features)
            Rows.

        variances : array-like of shape (n_variances,), default=None
            Shared variances, falling, as in :func:`emix.kmeans_limit`.

        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : KMeansLimitDisplay
            The display, drawn.
        """
        check_is_fitted(estimator)
        means = estimator.means_
        result = kmeans_limit(X, len(means), variances=variances, means_init=means)
        return cls.from_result(result, ax=ax)

    def plot(self, ax=None):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        self : KMeansLimitDisplay
        """
        self.ax_ = _axes(ax)
        self.figure_ = self.ax_.figure
        result, table = self.result, self.result.table
        centres = result.cluster_centers
        radius = np.sqrt(((centres - centres.mean(axis=0)) ** 2).sum(axis=1).mean())
        for label, marker, height in (
            ("entropy of the responsibilities", "o", table["entropy"]),
            ("rows with another label", "s", 1.0 - table["agreement"]),
            ("distance of the means", "^", table["distance"] / (radius or 1.0)),
            ("$2 s^2 F$ from -inertia", "v", self._apart(-table["scaled_free_energy"])),
            ("soft inertia from inertia", "x", self._apart(table["soft_inertia"])),
        ):
            shown = height > _LEAST
            label = label if shown.any() else f"{label}: none"
            self.ax_.plot(table["variance"][shown], height[shown], f"{marker}-", label=label)
        self.ax_.set(xscale="log", yscale="log", xlabel="shared variance")
        self.ax_.set_ylabel("relative to K-means")
        self.ax_.invert_xaxis()
        self.ax_.legend()
        return self

    def _apart(self, inertia):
        """Relative distance to the inertia of K-means."""
        return np.abs(inertia / self.result.inertia - 1.0)
