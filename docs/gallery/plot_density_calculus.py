"""
What a mixture's density tells
==============================

A fitted mixture is a density. Here are a slice through it, its marginal distribution with the
shortest regions of given probability, its modes, and how far its components can be told apart.
"""

# %%
# Old Faithful: how long to wait after an eruption of a given duration? The conditional distribution
# is a mixture whose weights and means depend on the duration. After 2.9 minutes both kinds of
# eruption are possible.
import matplotlib.pyplot as plt
import numpy as np

from emix import GaussianMixture
from emix.datasets import load_faithful
from emix.display import MixtureDisplay

X = load_faithful().data
mixture = GaussianMixture(2, random_state=0).fit(X).reordered("mean")
durations = (2.0, 2.9, 4.5)
minutes = np.linspace(40.0, 100.0, 400)

figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True, layout="constrained")
figure.set_label(
    "On the left, eruptions and waiting times with the mean and two percentiles of waiting, "
    "which jump from one cluster to the other. On the right, the density of waiting after "
    "eruptions of three lengths: one hill, two hills, one hill."
)
MixtureDisplay.from_estimator(mixture, X, ax=axes[0])
every = np.linspace(1.4, 5.3, 200)
given = mixture.conditional([0], every[:, None])
axes[0].plot(every, given.mean, "k", label="mean")
axes[0].plot(every, given.quantile([0.05, 0.95])[:, :, 0], "k--", linewidth=1)
axes[0].set(xlabel="eruption (minutes)", ylabel="waiting (minutes)")
axes[0].set_title("mean, 5th and 95th percentile of waiting")
for k, duration in enumerate(durations):
    axes[0].axvline(duration, color=f"C{k + 2}", linewidth=1)
    after = mixture.conditional([0], [duration])
    density = np.exp(after.score_samples(minutes[:, None]))
    axes[1].plot(density, minutes, color=f"C{k + 2}", label=f"after {duration} minutes")
axes[1].set(xlabel="density", title="waiting, given the eruption")
axes[1].legend()

# %%
# The waiting time by itself has two modes. The shortest region of a given probability is one
# interval or two; a central interval always has the valley in it.
waiting = mixture.marginal([1])
height = np.exp(waiting.score_samples(minutes[:, None]))
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
figure.set_label(
    "A density with two hills. Regions of 95, 80 and 50 per cent are shaded; each falls into "
    "one or two intervals. Two lines mark the modes."
)
ax.plot(minutes, height, "k")
for probability, shade in ((0.95, "0.9"), (0.8, "0.75"), (0.5, "0.55")):
    for low, high in waiting.highest_density_region(probability):
        inside = (minutes >= low) & (minutes <= high)
        ax.fill_between(minutes[inside], height[inside], color=shade)
    ax.plot([], [], color=shade, linewidth=8, label=f"{probability:.0%}")
for place in waiting.modes().locations[:, 0]:
    ax.axvline(place, color="C3", linewidth=1)
ax.set(xlabel="waiting (minutes)", ylabel="density", ylim=(0.0, None))
ax.set_title("regions of highest density, and modes")
ax.legend(title="probability", loc="upper left")

# %%
# Components are not clusters: several of them may make one hill. The numbers are overlaps: the
# probabilities that a row of one component looks like one of the other, added up for both.
rng = np.random.RandomState(0)
skewed = np.concatenate(
    [
        np.column_stack([rng.gamma(2.0, size=300), 0.5 * rng.normal(size=300)]),
        np.column_stack([7.0 + 0.5 * rng.normal(size=300), 6.0 - rng.gamma(2.0, size=300)]),
    ]
)
several = GaussianMixture(4, random_state=0, n_init=5).fit(skewed)
found, overlap = several.modes(), several.overlap()
paper = {"bbox": {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}}

figure, ax = plt.subplots(figsize=(7, 4.6), layout="constrained")
figure.set_label(
    "Two skewed clusters, each covered by two ellipses. Two stars mark the modes, and the "
    "overlap is written between ellipses of the same cluster."
)
MixtureDisplay.from_estimator(several, skewed, ax=ax, deviations=(1.5,), contours=True)
ax.plot(*found.locations.T, "k*", markersize=14, label="modes")
for i in range(4):
    for j in range(i):
        pair = overlap[i, j] + overlap[j, i]
        if pair > 0.05:
            ends = several.means_[[i, j]]
            ax.plot(*ends.T, color="k", linewidth=1)
            ax.annotate(f"{pair:.2f}", ends.mean(axis=0), ha="center", va="center", **paper)
ax.set_title(f"4 components, {len(found.locations)} modes; overlaps above 0.05")
ax.legend(loc="lower left")
plt.show()
# sphinx_gallery_thumbnail_number = 2
