"""A mixture whose components are merged to clusters."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.base import BaseEstimator, ClusterMixin, MetaEstimatorMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._density.merging import Tree, labels_of, places_of_numbers, places_of_rows, tree
from .._estimator.publication import publish
from .._input.refusals import brief
from .._input.validation import check_integer, check_option, check_sample_weight


def _offered(name: str) -> Any:
    """The method is there if the mixture has it."""

    def check(estimator: MergedMixture) -> bool:
        getattr(getattr(estimator, "estimator_", estimator.estimator), name)
        return True

    return available_if(check)


class MergedMixture(MetaEstimatorMixin, ClusterMixin, BaseEstimator):
    """Clusters that are made of several components of a mixture.

    A mixture may need two or three components for one cluster that is bent or skewed: the number
    that BIC finds is good for the density, and too large for the clusters. This estimator fits a
    mixture, leaves its density as it is, and joins its components two at a time, each time the
    pair that makes labels more certain than any other would: the pair that takes most from the
    entropy of the responsibilities [1]_.

    Parameters
    ----------
    estimator : estimator
        The mixture: any estimator with ``predict_proba``, such as :class:`GaussianMixture`,
        :class:`BayesianGaussianMixture`, :class:`StudentMixture`, or a pipeline that ends in one.
        It is cloned and fitted. A mixture that is fitted already is handed over in
        :class:`sklearn.frozen.FrozenEstimator`.

    n_clusters : int, default=None
        Number of clusters, at most that of the components. None takes the elbow of the
        entropies: the number for which two lines, one up to it and one from it on, fit
        ``entropies_`` best.

    elbow : {'clusters', 'rows'}, default='clusters'
        What the entropies are set against when the elbow is sought: the number of clusters, as
        mclust's ``clustCombiOptim`` does; or the number of rows in what is joined, summed up from
        one cluster on, so that small components, which can take little entropy, do not look as if
        they were clusters (the rescaled entropy plot of [1]_).

    Attributes
    ----------
    estimator_ : estimator
        The fitted mixture.

    n_components_ : int
        Number K of its components, without one of noise.

    n_clusters_ : int
        Number of clusters: ``n_clusters``, or that of the elbow.

    elbow_ : int
        Number of clusters at the elbow of the entropies.

    labels_ : ndarray of shape (n_samples,)
        Clusters of the training rows; -1 for noise.

    entropies_ : ndarray of shape (K,)
        Entropy of the labels of all training rows together, in nats: ``entropies_[k - 1]`` with
        k clusters. It never falls with k.

    joined_rows_ : ndarray of shape (K - 1,)
        Number of rows, or their weight, in what each step joined: a sum of responsibilities.

    children_ : ndarray of shape (K - 1, 2)
        What each step joined, as in :class:`sklearn.cluster.AgglomerativeClustering`: a number
        below K is a component, and a number K + i is what step i made.

    linkage_ : ndarray of shape (K - 1, 4)
        The same as a linkage matrix, for :func:`scipy.cluster.hierarchy.dendrogram`. Heights are
        the entropy that has been taken away so far.

    n_features_in_ : int
        Number of features, if the mixture tells.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if the mixture has any.

    See Also
    --------
    emix.display.MergingDisplay : Draws the entropies and the tree.
    GaussianMixture.modes : Local maxima of a density: another answer to what a cluster is.
    sklearn.cluster.AgglomerativeClustering : Joins rows by their distances.

    Notes
    -----
    With three or more components the elbow merges at least two of them, as there is no elbow
    elsewhere. But with an entropy below 1 nat labels are as good as certain, and nothing is
    merged. Look at ``entropies_`` (:class:`emix.display.MergingDisplay`) before you believe it.

    Sample weights count as repeated rows, in the fit and in the entropy. Rows of weight zero have
    labels, and no part in either.

    Components that hold less than a hundredth of a row are joined before all others, and do not
    count in the elbow: those that a :class:`BayesianGaussianMixture` has emptied. The last
    component of a :class:`GaussianMixtureWithNoise` is not joined to any: it stays the last
    column of ``predict_proba``, with the label -1. Its entropy against the others is part of
    ``entropies_``.

    Pairs whose joining takes the same entropy, to nine digits, are joined in the order of their
    weights, the lightest first.

    References
    ----------
    .. [1] J.-P. Baudry, A. E. Raftery, G. Celeux, K. Lo, R. Gottardo (2010). Combining mixture
       components for clustering. Journal of Computational and Graphical Statistics 19, 332-353.

    Examples
    --------
    Two clusters, one of which is bent:

    >>> import numpy as np
    >>> from emix import GaussianMixture, MergedMixture
    >>> rng = np.random.RandomState(0)
    >>> angle = rng.uniform(0.0, np.pi, size=400)
    >>> bow = np.column_stack([np.cos(angle), np.sin(angle)]) + 0.1 * rng.normal(size=(400, 2))
    >>> ball = 0.15 * rng.normal(size=(200, 2))
    >>> X = np.concatenate([bow, ball])
    >>> merged = MergedMixture(GaussianMixture(5, random_state=0)).fit(X)
    >>> merged.n_components_, merged.n_clusters_
    (5, 2)
    >>> np.bincount(merged.labels_).tolist()
    [400, 200]
    >>> merged.component_labels()
    array([0, 1, 0, 0, 0])
    >>> merged.predict_proba([[0.0, 0.5]], n_clusters=3).shape
    (1, 3)
    """

    estimator_: Any
    n_components_: int
    n_clusters_: int
    elbow_: int
    labels_: np.ndarray
    entropies_: np.ndarray
    joined_rows_: np.ndarray
    children_: np.ndarray
    linkage_: np.ndarray
    n_features_in_: int
    feature_names_in_: np.ndarray

    def __init__(
        self, estimator: Any, *, n_clusters: int | None = None, elbow: str = "clusters"
    ) -> None:
        self.estimator = estimator
        self.n_clusters = n_clusters
        self.elbow = elbow

    def fit(
        self,
        X: ArrayLike,
        y: object = None,
        sample_weight: ArrayLike | None = None,
        **fit_params: Any,
    ) -> Self:
        """Fit the mixture, and merge its components.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.

        y : Ignored
            Present for API consistency; handed to the ``fit`` of the mixture.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, in the mixture and in the entropy; None for equal ones.

        **fit_params : dict
            What else the ``fit`` of the mixture takes, such as ``labels``.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data are unusable; the estimator is then as it was before.
        """
        wanted = self.n_clusters
        wanted = None if wanted is None else check_integer("n_clusters", wanted, 1)
        places = PLACES[check_option("elbow", self.elbow, PLACES)]
        _check_offers(self.estimator)
        handed = {"sample_weight": sample_weight, **fit_params}
        handed = {name: value for name, value in handed.items() if value is not None}
        if get_config()["enable_metadata_routing"]:
            handed = process_routing(self, "fit", **handed).estimator.fit
        mixture = clone(self.estimator).fit(X, y, **handed)
        resp = _responsibilities(mixture, X)
        n_components = resp.shape[1] - _has_noise(mixture)
        weight = check_sample_weight(sample_weight, len(resp))
        found = _tree(resp, n_components, weight)
        elbow = found.n_clusters(places(found.rows))
        n_clusters = elbow if wanted is None else _check_at_most(wanted, n_components)
        attributes = {
            "estimator_": mixture,
            "n_components_": n_components,
            "n_clusters_": n_clusters,
            "elbow_": elbow,
            "labels_": _labels(_summed(resp, found.children, n_clusters), n_clusters),
            "entropies_": found.entropies,
            "joined_rows_": found.rows,
            "children_": found.children,
            "linkage_": _linkage(found),
            "_against": self.elbow,
        }
        names = {name: getattr(mixture, name, None) for name in _OF_FEATURES}
        publish(self, {**attributes, **names})
        return self

    def component_labels(self, n_clusters: int | None = None) -> np.ndarray:
        """The cluster of each component.

        Parameters
        ----------
        n_clusters : int, default=None
            Number of clusters, from 1 to ``n_components_``; None takes ``n_clusters_``.

        Returns
        -------
        labels : ndarray of int of shape (n_components_,)
            Clusters are numbered by their first components.
        """
        return labels_of(self._children(), self._wanted(n_clusters))

    def predict_proba(self, X: ArrayLike, n_clusters: int | None = None) -> np.ndarray:
        """Probabilities of the clusters.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to evaluate.

        n_clusters : int, default=None
            Number of clusters, from 1 to ``n_components_``; None takes ``n_clusters_``.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_clusters)
            Sums of the responsibilities of the components of each cluster. Noise, if the mixture
            has it, is one more column, the last.
        """
        children, n_clusters = self._children(), self._wanted(n_clusters)
        return _summed(_responsibilities(self.estimator_, X), children, n_clusters)

    def predict(self, X: ArrayLike, n_clusters: int | None = None) -> np.ndarray:
        """Most probable cluster of every row.

        It need not be the cluster of the most probable component.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to label.

        n_clusters : int, default=None
            Number of clusters, from 1 to ``n_components_``; None takes ``n_clusters_``.

        Returns
        -------
        labels : ndarray of int of shape (n_samples,)
            Numbers of clusters; -1 for noise.
        """
        proba = self.predict_proba(X, n_clusters)
        return _labels(proba, self._wanted(n_clusters))

    @_offered("score_samples")
    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Log-density of every row under the mixture, which merging leaves as it is.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to evaluate.

        Returns
        -------
        log_prob : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        return self.estimator_.score_samples(X)

    @_offered("score")
    def score(self, X: ArrayLike, y: object = None) -> float:
        """Score of the mixture: the mean log-density of the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to evaluate.

        y : Ignored
            Present for API consistency.

        Returns
        -------
        score : float
        """
        check_is_fitted(self)
        return self.estimator_.score(X)

    @_offered("sample")
    def sample(self, n_samples: int = 1, **options: Any) -> tuple[np.ndarray, np.ndarray]:
        """Draw from the mixture.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.

        **options : dict
            What else ``sample`` of the mixture takes, such as ``random_state``.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows.

        y : ndarray of shape (n_samples,)
            Their clusters; -1 for noise.
        """
        check_is_fitted(self)
        X, y = self.estimator_.sample(n_samples, **options)
        # rows of noise have the label -1, which takes the last entry
        return X, np.append(self.component_labels(), -1)[y]

    def _children(self) -> np.ndarray:
        check_is_fitted(self)
        return self.children_

    def _wanted(self, n_clusters: int | None) -> int:
        if n_clusters is None:
            return self.n_clusters_
        return _check_at_most(check_integer("n_clusters", n_clusters, 1), self.n_components_)

    def get_metadata_routing(self) -> MetadataRouter:
        """Which metadata ``fit`` takes for itself, and which for the mixture.

        Returns
        -------
        routing : MetadataRouter
            What is routed where.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=type(self).__name__).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        with suppress(AttributeError, TypeError):  # of what is no estimator fit will say so
            tags.input_tags = get_tags(self.estimator).input_tags
        return tags


# What entropies are set against, by the names of ``elbow``.
PLACES = {"clusters": places_of_numbers, "rows": places_of_rows}
# What is known of the features, if the mixture knows.
_OF_FEATURES = ("n_features_in_", "feature_names_in_")


def _check_offers(estimator: Any) -> None:
    for name in ("fit", "predict_proba"):
        if isinstance(estimator, type) or not hasattr(estimator, name):
            raise TypeError(
                "estimator must be a mixture with fit and predict_proba, such as "
                f"GaussianMixture(4), got {brief(estimator)}"
            )


def _check_at_most(n_clusters: int, n_components: int) -> int:
    if n_clusters > n_components:
        raise ValueError(
            f"n_clusters must be at most the number of components, {n_components}, got "
            f"{n_clusters}; ask for fewer clusters, or fit more components"
        )
    return n_clusters


def _has_noise(mixture: Any) -> bool:
    """Whether the last column of its responsibilities is one of noise."""
    last = mixture[-1] if isinstance(mixture, Pipeline) else mixture
    return hasattr(last, "noise_volume_")


def _responsibilities(mixture: Any, X: ArrayLike) -> np.ndarray:
    """(n, K), and one more column of noise."""
    resp = np.asarray(mixture.predict_proba(X))
    if resp.ndim != 2 or not np.isfinite(resp).all():
        raise ValueError(
            "estimator.predict_proba must return finite numbers of shape (n_samples, "
            f"n_components), got shape {resp.shape}, finite: {bool(np.isfinite(resp).all())}"
        )
    return resp


def _tree(resp: np.ndarray, n_components: int, weight: np.ndarray | None) -> Tree:
    if weight is not None:
        resp, weight = resp[weight > 0.0], weight[weight > 0.0]
    columns = np.ascontiguousarray(resp.T, dtype=np.float64)
    noise = columns[n_components:].sum(axis=0)
    return tree(columns[:n_components], noise, np.ones(len(resp)) if weight is None else weight)


def _summed(resp: np.ndarray, children: np.ndarray, n_clusters: int) -> np.ndarray:
    """Probabilities of clusters (n, n_clusters), and of noise where it is there."""
    n_components = len(children) + 1
    clusters = np.zeros((len(resp), n_clusters), dtype=resp.dtype)
    for k, cluster in enumerate(labels_of(children, n_clusters)):
        clusters[:, cluster] += resp[:, k]
    return np.hstack([np.minimum(clusters, 1.0), resp[:, n_components:]])


def _labels(proba: np.ndarray, n_clusters: int) -> np.ndarray:
    labels = proba.argmax(axis=1)
    return np.where(labels < n_clusters, labels, -1)


def _linkage(found: Tree) -> np.ndarray:
    """(K - 1, 4): what is joined, how high, and how many components that makes."""
    sizes = [1] * (len(found.children) + 1)
    for one, other in found.children:
        sizes.append(sizes[one] + sizes[other])
    made = np.array(sizes[len(found.children) + 1 :], dtype=np.float64)
    return np.column_stack([found.children, np.cumsum(found.removed), made])
