r"""
The K-means limit
=================

Two normals with the same variance share a row between them by a logistic curve. As the variance
falls the curve becomes a step, EM becomes the algorithm of K-means, and its objective the
inertia (Bishop 2006, section 9.3.2).
"""

# %%
# Take two components on a line with equal weights, means m1 and m2 and one variance σ². The
# responsibility g of the second for a row x is its share of the density, so that
#
# .. math::
#
#     \frac{g}{1 - g}
#     &= \frac{\exp(-(x - m_2)^2 / 2 \sigma^2)}{\exp(-(x - m_1)^2 / 2 \sigma^2)} \\
#     &= \exp\left(\frac{m_2 - m_1}{\sigma^2} \left(x - \frac{m_1 + m_2}{2}\right)\right).
#
# The normal densities' constants cancel, and so do the squares of x: the log-odds are linear in
# x, zero half-way between the means, and their slope is (m2 - m1) / σ². Hence g is the logistic
# function of them. As σ² falls to zero the slope grows without bound: every row that is not just
# half-way goes wholly to the nearer mean. In more dimensions the same holds along the line
# through the two means, and with more components for each pair of them.
import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit

from emix import GaussianMixture, kmeans_limit
from emix.datasets import load_faithful
from emix.display import KMeansLimitDisplay

x = np.linspace(-3.0, 3.0, 601)
means = np.array([[-1.0], [1.0]])
variances = (4.0, 1.0, 0.25, 0.04)

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
figure.set_label(
    "On the left, S-shaped curves of a responsibility that become a step as the variance falls. "
    "On the right, their log-odds, straight lines that become steeper."
)
for variance in variances:
    slope = (means[1, 0] - means[0, 0]) / variance
    log_odds = slope * (x - means.mean())
    right.plot(x, log_odds, label=rf"$\sigma^2 = {variance:g}$")
    left.plot(x, expit(log_odds), label=rf"$\sigma^2 = {variance:g}$")

    # the same from the package: a mixture put together from its parameters
    mixture = GaussianMixture.from_parameters([0.5, 0.5], means, variance)
    resp = mixture.predict_proba(x[:, None])[:, 1]
    assert np.allclose(resp, expit(log_odds), atol=1e-12)
for ax in (left, right):
    ax.plot(means[:, 0], [0.0, 0.0], "k^", clip_on=False)
    ax.set_xlabel("x (triangles: the means)")
left.set(ylabel="responsibility of the second component", title="The curve becomes a step")
right.set(ylabel="log-odds", ylim=(-12, 12), title="The log-odds are linear")
left.legend()

# %%
# In two dimensions: Old Faithful, both features in units of their standard deviations. The
# mixture has equal weights and one spherical covariance, both frozen; EM moves the means, and
# each variance begins where the last one ended. The shade is the responsibility of one
# component. Its contours are straight lines, across the line through the means, and they
# close up on the border half-way between these, which is that of K-means (dashed).
X = load_faithful().data
X = (X - X.mean(axis=0)) / X.std(axis=0)
path = kmeans_limit(X, 2, variances=[1.0, 0.3, 0.1, 0.01], random_state=0)

side = np.linspace(-2.6, 2.6, 200)
points = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
figure, axes = plt.subplots(1, 4, figsize=(11, 3.3), sharey=True, layout="constrained")
figure.set_label(
    "The plane, coloured by responsibility, at four variances. The border between the two "
    "clusters becomes sharp."
)
centres = path.cluster_centers
across = np.array([-1.0, 1.0]) * np.diff(centres, axis=0)[0, ::-1]
for ax, row, centre in zip(axes, path.table, path.means, strict=True):
    squares = ((points[:, None, :] - centre) ** 2).sum(axis=2)
    resp = expit((squares[:, 0] - squares[:, 1]) / (2.0 * row["variance"])).reshape(200, 200)
    shade = ax.pcolormesh(side, side, resp, cmap="coolwarm", vmin=0, vmax=1, rasterized=True)
    ax.contour(side, side, resp, levels=[0.1, 0.9], colors="white", linewidths=0.8)
    ax.plot(*X.T, "k.", markersize=3)
    ax.plot(*centre.T, "w^", markeredgecolor="black", markersize=9)
    ax.axline(centres.mean(axis=0), centres.mean(axis=0) + across, color="black", linestyle="--")
    ax.set(
        xlim=(-2.6, 2.6),
        ylim=(-2.6, 2.6),
        xlabel="eruption",
        title=rf"$\sigma^2 = {row['variance']:g}$, entropy {row['entropy']:.3f}",
    )
axes[0].set_ylabel("waiting")
figure.colorbar(shade, ax=axes, label="responsibility")

# %%
# What happens to the objective, the log-likelihood of all rows: with N rows in D dimensions and K
# components of weight 1/K,
#
# .. math::
#
#     2 \sigma^2 \mathcal{L} = {}
#     &2 \sigma^2 \sum_n \log \sum_k e^{-|x_n - m_k|^2 / 2 \sigma^2} \\
#     &- 2 \sigma^2 N \log K \\
#     &- \sigma^2 N D \log(2 \pi \sigma^2).
#
# The last two terms vanish with σ². In the first term the nearest mean wins. So it tends to minus
# the inertia, the sum of the squared distances to the nearest means. ``soft_inertia`` is the first
# term alone, with its sign changed. It gets there much faster, because only rows in the narrow
# seam between two clusters are still shared. The picture shows how far each quantity is from its
# limit.
result = kmeans_limit(X, 2, random_state=0)
print(result)
KMeansLimitDisplay.from_result(result)

plt.show()
# sphinx_gallery_thumbnail_number = 1
