"""
Volume, shape and axes: fourteen covariance structures
======================================================

A covariance has a volume, a shape and axes. Each of the three can be equal for all components or
vary. That makes fourteen structures, and their names say which: E is equal, V varies, I is round or
upright.
"""

# %%
# Three clusters with one direction in common, of different size and shape, fitted by every
# structure from its default start. Ellipses are at one and two standard deviations. p counts the
# free parameters, and the lower the BIC, the better. The best one is framed.
import matplotlib.pyplot as plt
import numpy as np

from emix import GaussianMixture
from emix.display import MixtureDisplay

rng = np.random.default_rng(1)
turn = np.array([[np.cos(0.6), -np.sin(0.6)], [np.sin(0.6), np.cos(0.6)]])
X = np.concatenate(
    [
        rng.normal(size=(150, 2)) * [1.8, 0.3] @ turn.T,
        rng.normal(size=(120, 2)) * [0.4, 1.2] @ turn.T + [5.0, -0.5],
        rng.normal(size=(120, 2)) * [1.2, 0.9] @ turn.T + [-1.0, 5.0],
    ]
)
NAMES = [
    "EII",
    "VII",
    "EEI",
    "VEI",
    "EVI",
    "VVI",
    "EEE",
    "VEE",
    "EVE",
    "VVE",
    "EEV",
    "VEV",
    "EVV",
    "VVV",
]
fits = {
    name: GaussianMixture(3, covariance_type=name, random_state=0).fit(X).reordered("mean")
    for name in NAMES
}
bic = {name: mixture.bic(X) for name, mixture in fits.items()}
best = min(bic, key=bic.get)
n_free = {
    name: round((bic[name] - mixture.aic(X)) / (np.log(len(X)) - 2.0))
    for name, mixture in fits.items()
}

figure, axes = plt.subplots(3, 5, figsize=(13, 8.2), sharex=True, sharey=True, layout="constrained")
figure.set_label(
    "The same three clusters fourteen times, with the ellipses of fourteen structures: round ones, "
    "upright ones, slanted ones with common axes, and slanted ones with axes of their own."
)
for ax, (name, mixture) in zip(axes.flat, fits.items(), strict=False):
    MixtureDisplay.from_estimator(mixture, X, ax=ax)
    ax.set(aspect="equal", xlabel="", ylabel="")
    ax.set_title(f"{name}: p = {n_free[name]}, BIC {bic[name]:.0f}", fontsize=10)
for spine in axes.flat[NAMES.index(best)].spines.values():
    spine.set(linewidth=3.0, color="tab:red")
axes.flat[-1].plot(*X.T, ".", color="gray")
axes.flat[-1].set(aspect="equal")
axes.flat[-1].set_title("the rows", fontsize=10)

# %%
# The clusters were drawn from VVE: all have the same axes, and nothing else in common. It has two
# parameters less than VVV, which fits hardly better. In more features the difference grows: here
# are the parameters of three components in ten features.
K, D = 3, 10
volumes, shapes, turns = {"E": 1, "V": K}, {"E": 1, "V": K, "I": 0}, {"E": 1, "V": K, "I": 0}
covariance = {
    name: volumes[name[0]] + shapes[name[1]] * (D - 1) + turns[name[2]] * D * (D - 1) // 2
    for name in NAMES
}
figure, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
figure.set_label(
    "Bars of the number of covariance parameters of fourteen structures in ten features: few for "
    "round and upright ones, about sixty to eighty for common axes, well over a hundred for axes "
    "that vary."
)
ax.bar(
    NAMES, covariance.values(), color=["tab:red" if name == best else "tab:blue" for name in NAMES]
)
ax.bar_label(ax.containers[0])
ax.margins(y=0.1)
ax.set(ylabel="covariance parameters", title="Three components in ten features")
plt.show()
