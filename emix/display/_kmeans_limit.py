"""How EM becomes K-means, drawn."""

from __future__ import annotations

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._gaussian.kmeans_limit import kmeans_limit
from ._axes import new_axes

# What is smaller, relatively, is rounding.
_LEAST = 1e-14


class KMeansLimitDisplay:
    """How soft EM becomes K-means as the shared variance falls.

    Five curves against the variance, which falls to the right, on logarithmic scales:

    - the mean entropy of the responsibilities;
    - the share of rows whose label is not that of K-means;
    - the distance of the means to the centres of K-means, in units of the root mean square
      distance of the centres from their mean;
    - how far the scaled log-likelihood is from minus the inertia of K-means, relative to the
      inertia. It is twice the variance times the log-likelihood of all rows;
    - how far the soft inertia is from the inertia of K-means, relative to the latter.

    If the path leads to the centres of K-means, all five tend to zero. What is below 1e-14 is
    rounding, and not drawn.

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
        self.ax_ = new_axes(ax)
        self.figure_ = self.ax_.figure
        result, table = self.result, self.result.table
        centres = result.cluster_centers
        scaled = self._apart(-table["scaled_free_energy"])
        radius = np.sqrt(((centres - centres.mean(axis=0)) ** 2).sum(axis=1).mean())
        for label, marker, height in (
            ("entropy of the responsibilities (nats per row)", "o", table["entropy"]),
            ("rows with another label", "s", 1.0 - table["agreement"]),
            ("distance of the means", "^", table["distance"] / (radius or 1.0)),
            ("scaled log-likelihood from minus the inertia", "v", scaled),
            ("soft inertia from the inertia", "x", self._apart(table["soft_inertia"])),
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
