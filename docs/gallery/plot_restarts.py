"""
Many starts, many maxima
========================

EM goes uphill from where it starts, so it ends at the nearest maximum and not at the highest.
This is how often, and what the maxima look like.
"""

# %%
# Four clusters of different spread, and 200 fits that each start from four rows drawn at random.
# The fits reach only a few different log-likelihoods: each of them is a local maximum.
import matplotlib.pyplot as plt
import numpy as np

from emix import GaussianMixture
from emix.display import MixtureDisplay

rng = np.random.default_rng(3)
centres = np.array([[0.0, 0.0], [3.5, 0.0], [0.5, 4.0], [5.0, 4.5]])
X = np.concatenate(
    [c + s * rng.normal(size=(60, 2)) for c, s in zip(centres, (1, 0.6, 1, 0.4), strict=True)]
)

fits = [
    GaussianMixture(
        4, covariance_type="spherical", init_params="random_from_data", random_state=seed
    ).fit(X)
    for seed in range(200)
]
reached = np.array([fit.lower_bound_ for fit in fits])
heights, first, counts = np.unique(reached.round(4), return_index=True, return_counts=True)
default = GaussianMixture(4, covariance_type="spherical", random_state=0).fit(X)

figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
figure.set_label(
    "A bar for every maximum that was reached, at its log-likelihood. The highest was reached "
    "most often, and several lower ones by a part of the starts; a dashed line marks the "
    "default fit, at the highest."
)
ax.bar(heights, counts, width=0.01)
ax.axvline(default.lower_bound_, color="C1", linestyle="--", label="default fit of emix")
ax.set(xlabel="log-likelihood, nats per row", ylabel="starts", title="What 200 starts reached")
ax.legend(loc="upper left")
for height, count in zip(heights[::-1], counts[::-1], strict=True):
    print(f"{height:.4f} nats per row: {count} of 200 starts")

# %%
# The three that were reached most often. In the lower ones two components share one cluster, and
# one component has two clusters. No small step leads from there to the best one: the
# log-likelihood falls on every way. So more starts help, and more passes do not.
frequent = np.sort(np.argsort(-counts)[:3])[::-1]
figure, axes = plt.subplots(1, 3, figsize=(12, 4.2), sharex=True, sharey=True, layout="constrained")
figure.set_label(
    "Three scatter plots with circles of four components. In the first each cluster has a "
    "circle. In the others a large circle covers two clusters, and two circles share another "
    "cluster."
)
for ax, i in zip(axes, frequent, strict=True):
    MixtureDisplay.from_estimator(fits[first[i]], X, ax=ax)
    ax.set(title=f"{heights[i]:.3f} nats per row, {counts[i]} of 200", aspect="equal")
plt.show()
