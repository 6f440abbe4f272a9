"""
Clusters with outliers
======================

Two clusters, and a few rows far from both. A normal mixture has to explain them; t components let
them lie in their tails, and a uniform background takes them up.
"""

# %%
# The same rows, three mixtures of two components. Ellipses hold about nine tenths of a component.
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Ellipse

from emix import GaussianMixture, GaussianMixtureWithNoise, StudentMixture

rng = np.random.RandomState(1)
clusters = [rng.normal(size=(120, 2)), rng.normal(size=(80, 2)) @ [[1.0, 0.6], [0.0, 0.8]] + [5, 3]]
outliers = rng.uniform([-14, -12], [18, 16], size=(14, 2))
X = np.concatenate([*clusters, outliers])
fits = {
    "normal": GaussianMixture(2, random_state=0).fit(X),
    "t": StudentMixture(2, random_state=0).fit(X),
    "normal, with noise": GaussianMixtureWithNoise(2, random_state=0).fit(X),
}


def ellipses(ax, fit):
    matrices = fit.scale_matrices_ if hasattr(fit, "scale_matrices_") else fit.covariances_
    for mean, matrix in zip(fit.means_, matrices, strict=True):
        values, vectors = np.linalg.eigh(matrix)
        width, height = 2.0 * np.sqrt(4.6 * values)
        angle = np.degrees(np.arctan2(vectors[1, 0], vectors[0, 0]))
        ax.add_patch(Ellipse(mean, width, height, angle=angle, fill=False, lw=1.5, zorder=3))


figure, axes = plt.subplots(1, 3, figsize=(9, 3.6), sharex=True, sharey=True, layout="constrained")
figure.set_label(
    "The same rows three times. The normal mixture has one narrow ellipse and one that covers "
    "everything. The t mixture and the mixture with noise have an ellipse around each cluster; "
    "with noise the rows far away are marked as belonging to none."
)
for ax, (name, fit) in zip(axes, fits.items(), strict=True):
    labels = fit.predict(X)
    colours = np.where(labels < 0, "0.6", np.array(["C0", "C1"])[labels])
    ax.scatter(*X.T, c=colours, s=12)
    ellipses(ax, fit)
    ax.set(title=name, xlabel="first feature")
axes[0].set_ylabel("second feature")

# %%
# What one outlier does when it goes farther and farther away: how far the nearer cluster's mean is
# from where it was. In the normal mixture it either drags a cluster along or takes a component for
# itself, so that the two clusters have to share the other one.
distances = np.array([4.0, 8.0, 16.0, 32.0, 64.0, 128.0])
clean = np.concatenate(clusters)
moved = {"normal": [], "t": []}
for distance in distances:
    rows = np.concatenate([clean, [[-distance, distance]]])
    for name, kind in (("normal", GaussianMixture), ("t", StudentMixture)):
        before = kind(2, random_state=0).fit(clean).means_
        after = kind(2, random_state=0).fit(rows).means_
        gaps = np.linalg.norm(before[:, None] - after[None], axis=2)
        moved[name].append(gaps.min(axis=1).max())
figure, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
figure.set_label(
    "How far a cluster's mean moves against the distance of one outlier, on logarithmic axes. The "
    "curve of the normal mixture is far above that of the t mixture, which stays near zero."
)
for name, values in moved.items():
    ax.plot(distances, np.maximum(values, 1e-3), "o-", label=name)
ax.set(xscale="log", yscale="log", xlabel="distance of the outlier", ylabel="move of a mean")
ax.legend(title="mixture")
plt.show()
# sphinx_gallery_thumbnail_number = 1
