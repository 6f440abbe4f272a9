"""
Clusters of several components
==============================

A mixture of normals may need several components for one bent cluster. Merging them gives the
clusters, and leaves the density as it is.
"""

# %%
# A bow, a cross and a ball. BIC finds how many components the density needs.
import matplotlib.pyplot as plt
import numpy as np

from emix import GaussianMixture, MergedMixture
from emix.display import MergingDisplay, MixtureDisplay

rng = np.random.default_rng(3)
angle = rng.uniform(0.0, np.pi, size=350)
bow = np.column_stack([3.0 * np.cos(angle), 3.0 * np.sin(angle)]) + rng.normal(0, 0.25, (350, 2))
cross = np.concatenate(
    [rng.normal(size=(120, 2)) * [1.3, 0.15], rng.normal(size=(120, 2)) * [0.15, 1.3]]
) + [7.0, 1.0]
ball = rng.normal(0.0, 0.5, (150, 2)) + [0.0, 0.3]
X = np.concatenate([bow, cross, ball])

fits = [GaussianMixture(k, n_init=3, random_state=0).fit(X) for k in range(1, 10)]
best = min(fits, key=lambda fit: fit.bic(X))
merged = MergedMixture(best).fit(X)

figure, (left, right) = plt.subplots(
    1, 2, figsize=(11, 3.4), sharex=True, sharey=True, layout="constrained"
)
figure.set_label(
    "A bow of points around a ball, and a cross beside them. Left: ellipses of seven components. "
    "Right: the same points in three colours, one for the bow, one for the ball, one for the cross."
)
MixtureDisplay.from_estimator(best, X, ax=left)
left.set(title=f"{best.n_components} components, by BIC", aspect="equal", xlabel="", ylabel="")
right.scatter(*X.T, c=[f"C{label}" for label in merged.labels_], s=9)
right.set(title=f"{merged.n_clusters_} clusters, by the elbow", aspect="equal")

# %%
# Each step joins the two clusters whose joining makes the labels most certain. The entropy falls
# steeply while parts of one cluster are joined. From the elbow on there is little left to gain:
# what is joined now were clusters. In the tree, the number at a merger is the entropy that it
# takes away, in nats.
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
figure.set_label(
    "Left: the entropy against the number of clusters, flat up to three clusters and steep from "
    "there on, with a dashed line through each part. Right: the tree of mergers with the three "
    "clusters in colours, and a dotted line where it is cut."
)
MergingDisplay.from_estimator(merged, ax=left)
MergingDisplay.from_estimator(merged, ax=right, tree=True)

# %%
# The tree can be cut at any number.
figure, axes = plt.subplots(1, 4, figsize=(13, 2.5), sharex=True, sharey=True, layout="constrained")
figure.set_label("The same points in the colours of two, three, four and five clusters.")
for ax, number in zip(axes, (2, 3, 4, 5), strict=True):
    labels = merged.predict(X, n_clusters=number)
    ax.scatter(*X.T, c=[f"C{label}" for label in labels], s=5)
    ax.set(title=f"{number} clusters", aspect="equal")
plt.show()
