"""Components merged to clusters, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.cluster.hierarchy import dendrogram

from .._density.merging import labels_of, lines
from .._derived.merged_mixture import PLACES
from .._input.validation import check_option
from ._axes import new_axes
from ._shown import check_drawable, last_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

# What entropies are set against.
_AXES = {"clusters": "number of clusters", "rows": "rows in what is joined, from one cluster on"}
# Of what joins clusters that stay apart.
_ABOVE = "0.6"


class MergingDisplay:
    """Which components are merged, and how much less uncertain labels become.

    Two pictures [1]_. The first one shows the entropy of the labels against the number of
    clusters, with the lines up to the elbow and from there on. The second one is the tree: the
    number of clusters falls from below to above, and every merger says how many nats it takes
    away. Clusters at the chosen number have colours.

    Use :meth:`from_estimator` to make one.

    Parameters
    ----------
    children : ndarray of shape (K - 1, 2)
        ``children_`` of a fitted :class:`emix.MergedMixture`.

    entropies : ndarray of shape (K,)
        Its ``entropies_``.

    n_clusters : int
        Its ``n_clusters_``.

    elbow : int
        Its ``elbow_``.

    joined_rows : ndarray of shape (K - 1,)
        Its ``joined_rows_``.

    against : {'clusters', 'rows'}, default='clusters'
        Its ``elbow`` when it was fitted: what the entropies are set against.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.

    figure_ : matplotlib Figure
        The figure of the axes.

    References
    ----------
    .. [1] J.-P. Baudry, A. E. Raftery, G. Celeux, K. Lo, R. Gottardo (2010). Combining mixture
       components for clustering. Journal of Computational and Graphical Statistics 19, 332-353.

    Examples
    --------
    >>> from emix import GaussianMixture, MergedMixture
    >>> from emix.datasets import load_faithful
    >>> from emix.display import MergingDisplay
    >>> merged = MergedMixture(GaussianMixture(4, random_state=0)).fit(load_faithful().data)
    >>> display = MergingDisplay.from_estimator(merged)
    >>> display.ax_.get_xlabel()
    'number of clusters'
    >>> display = MergingDisplay.from_estimator(merged, tree=True)
    >>> display.ax_.get_xlabel()
    'component'
    """

    ax_: Axes
    figure_: Figure | SubFigure

    def __init__(
        self,
        *,
        children: np.ndarray,
        entropies: np.ndarray,
        n_clusters: int,
        elbow: int,
        joined_rows: np.ndarray,
        against: str = "clusters",
    ) -> None:
        self.children, self.entropies, self.joined_rows = children, entropies, joined_rows
        self.n_clusters, self.elbow, self.against = n_clusters, elbow, against

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Axes | None = None, **options: Any) -> Self:
        """Draw what an estimator has merged.

        Parameters
        ----------
        estimator : fitted MergedMixture
            Or a pipeline that ends in one.

        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        **options : dict
            Passed on to :meth:`plot`.

        Returns
        -------
        display : MergingDisplay
            The display, drawn.
        """
        merged = last_step(estimator)
        check_drawable(merged, "children_", "entropies_", "n_clusters_", "elbow_")
        shown = cls(
            children=merged.children_,
            entropies=merged.entropies_,
            n_clusters=merged.n_clusters_,
            elbow=merged.elbow_,
            joined_rows=merged.joined_rows_,
            against=merged._against,
        )
        return shown.plot(ax=ax, **options)

    def plot(self, ax: Axes | None = None, *, tree: bool = False) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        tree : bool, default=False
            The tree of mergers, rather than the entropies.

        Returns
        -------
        self : MergingDisplay
        """
        self.ax_ = new_axes(ax)
        self.figure_ = self.ax_.figure
        if tree:
            self._plot_tree()
        else:
            self._plot_entropies()
        return self

    def _plot_entropies(self):
        ax, numbers = self.ax_, np.arange(1, len(self.entropies) + 1)
        name = check_option("against", self.against, _AXES)
        places = PLACES[name](self.joined_rows)
        if 1 < self.elbow < len(numbers):
            for part, heights, _ in lines(places, self.entropies, self.elbow):
                ax.plot(part, heights, "--", color=_ABOVE)
        ax.plot(places, self.entropies, "o", color="C0")
        chosen = self.n_clusters - 1
        ax.plot(
            places[chosen],
            self.entropies[chosen],
            "o",
            markersize=13,
            markerfacecolor="none",
            color="C3",
            label=f"{self.n_clusters} clusters" if chosen else "1 cluster",
        )
        ax.set(xlabel=_AXES[name], ylabel="entropy of the labels, nats")
        if name == "clusters":
            ax.set_xticks(places)
        ax.legend(loc="upper left")

    def _plot_tree(self):
        ax, n_components = self.ax_, len(self.entropies)
        labels = labels_of(self.children, self.n_clusters)
        at, leaves = _positions(self.children)
        level = [0] * n_components
        clusters = [{int(label)} for label in labels]
        removed = np.diff(self.entropies)[::-1]
        for step, (one, other) in enumerate(self.children):
            ends = [at[one], at[one], at[other], at[other]]
            heights = [level[one], step + 1, step + 1, level[other]]
            clusters.append(clusters[one] | clusters[other])
            own = clusters[-1]
            color = f"C{min(own) % 10}" if len(own) == 1 else _ABOVE
            ax.plot(ends, heights, color=color, linewidth=2)
            middle = 0.5 * (at[one] + at[other])
            ax.annotate(
                f"{removed[step]:.3g}",
                (middle, step + 1),
                xytext=(4, 2),  # beside the line that goes on above
                textcoords="offset points",
                ha="left",
                va="bottom",
                fontsize="small",
            )
            level.append(step + 1)
        for k, place in enumerate(at[:n_components]):
            ax.plot(place, 0, "o", color=f"C{labels[k] % 10}")
        if 1 <= self.n_clusters < n_components:
            ax.axhline(n_components - self.n_clusters + 0.5, color="C3", linestyle=":")
        ax.set_xticks(range(n_components), [str(k) for k in leaves])
        ax.set_yticks(
            range(n_components), [str(n_components - step) for step in range(n_components)]
        )
        ax.set_ylim(-0.3, n_components - 0.4)
        ax.set(xlabel="component", ylabel="number of clusters")


def _positions(children: np.ndarray) -> tuple[list[float], list[int]]:
    """Where components and what is made of them are drawn, so that no lines cross, and the
    components from left to right."""
    n_components = len(children) + 1
    if n_components == 1:
        return [0.0], [0]
    heights, sizes = np.arange(1.0, n_components), [1] * n_components
    for one, other in children:
        sizes.append(sizes[one] + sizes[other])
    linkage = np.column_stack([children, heights, sizes[n_components:]]).astype(float)
    leaves = dendrogram(linkage, no_plot=True)["leaves"]
    at = np.argsort(leaves).astype(float).tolist()
    for one, other in children:
        at.append(0.5 * (at[one] + at[other]))
    return at, leaves
