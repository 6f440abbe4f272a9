"""
Many starts, many maxima
========================

EM goes uphill from where it starts, so it ends at the nearest maximum and not at the highest.
This is how often, and what the maxima look like.
"""

# %%
# Four clusters of different spread. One fit makes 200 starts, each from four rows drawn at random,
# and ``starts_`` says what each of them led to. A start that cannot win is given up, as soon as no
# more than 1e-4 nats per row seem left to gain. So the heights are those of local maxima, to three
# digits.
import matplotlib.pyplot as plt
import numpy as np

from emix import GaussianMixture
from emix.display import MixtureDisplay

rng = np.random.default_rng(3)
centres = np.array([[0.0, 0.0], [3.5, 0.0], [0.5, 4.0], [5.0, 4.5]])
X = np.concatenate(
    [c + s * rng.normal(size=(60, 2)) for c, s in zip(centres, (1, 0.6, 1, 0.4), strict=True)]
)

many = GaussianMixture(
    4, covariance_type="spherical", init_params="random_from_data", n_init=200, random_state=0
).fit(X)
starts = many.starts_[many.starts_["sound"]]
reached = (starts["objective"] + starts["remaining"]).round(3)
heights, first, counts = np.unique(reached, return_index=True, return_counts=True)
default = GaussianMixture(4, covariance_type="spherical", random_state=0).fit(X)

figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
figure.set_label(
    "A bar for every maximum that was reached, at its log-likelihood. The highest was reached "
    "most often, and several lower ones by a few starts each; a triangle marks the default "
    "fit, at the highest."
)
bars = ax.bar(heights, counts, width=0.008)
ax.bar_label(bars, padding=3)
ax.plot(default.lower_bound_, 1.13 * counts.max(), "C1v", label="default fit of emix")
ax.set(xlabel="log-likelihood, nats per row", ylabel="starts", title="What 200 starts reached")
ax.set_ylim(0, 1.2 * counts.max())
ax.legend(loc="upper left")
print(f"{len(many.starts_)} starts, of which {len(starts)} ended without a spurious component")
for height, count in zip(heights[::-1], counts[::-1], strict=True):
    print(f"{height:.3f} nats per row: {count} starts")

# %%
# Three of them. In the lower ones two components share one cluster, and one component has two
# clusters. No small step leads from there to the best one: the log-likelihood falls on every way.
# So more starts help, and more passes do not. ``starts_`` has the weights and means of each start;
# a fit that begins there climbs to the end.
frequent = np.sort(np.argsort(-counts, kind="stable")[:3])[::-1]
figure, axes = plt.subplots(1, 3, figsize=(9, 3.6), sharex=True, sharey=True, layout="constrained")
figure.set_label(
    "Three scatter plots with circles of four components. In the first each cluster has a "
    "circle. In the others a large circle covers two clusters, and two circles share another "
    "cluster."
)
for ax, i in zip(axes, frequent, strict=True):
    start = starts[first[i]]
    mixture = GaussianMixture(
        4, covariance_type="spherical", weights_init=start["weights"], means_init=start["means"]
    ).fit(X)
    assert abs(mixture.lower_bound_ - heights[i]) < 0.002
    MixtureDisplay.from_estimator(mixture, X, ax=ax)
    ax.set(title=f"{heights[i]:.3f} nats: {counts[i]} of 200", aspect="equal")
    ax.label_outer()
plt.show()
