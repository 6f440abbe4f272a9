"""
Regression with several answers, classes of several clusters
============================================================

A mixture of inputs and outputs predicts distributions, also where y is no function of x. A mixture
for each class makes a classifier, whose rows without a class help, and a threshold on the density
finds outliers.
"""

# %%
# The inverse problem: x is a function of t plus noise, and t shall be found from x. Where three
# values of t lead to the same x, the mean need be none of them. The shade on the left is the
# density of t given x, with its mean, 5th and 95th percentile; on the right are mean and two
# standard deviations of a Gaussian process.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel

from emix import (
    GaussianMixtureClassifier,
    GaussianMixtureOutlierDetector,
    GaussianMixtureRegressor,
)
from emix.datasets import load_faithful

rng = np.random.RandomState(0)
t = rng.uniform(size=400)
X = (t + 0.3 * np.sin(2 * np.pi * t) + rng.uniform(-0.05, 0.05, size=400))[:, None]
regressor = GaussianMixtureRegressor(8, n_init=4, random_state=0).fit(X, t)
process = GaussianProcessRegressor(RBF(0.3) + WhiteKernel(), normalize_y=True).fit(X, t)

x, y = np.linspace(0.0, 1.0, 200), np.linspace(-0.1, 1.1, 200)
across, up = np.meshgrid(x, y)
density = np.exp(regressor.logpdf(across.reshape(-1, 1), up.ravel())).reshape(across.shape)
figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True, layout="constrained")
figure.set_label(
    "On the left, the density of t given x from a mixture, an S-shaped band that follows the "
    "rows. On the right, a Gaussian process: one mean through the middle, with a wide band."
)
for ax in axes:
    ax.plot(X, t, "k.", markersize=3, alpha=0.5)
    ax.set(xlabel="x", xlim=(0.0, 1.0), ylim=(-0.1, 1.1))
axes[0].pcolormesh(x, y, density, cmap="Blues", vmax=8.0)
axes[0].plot(x, regressor.predict(x[:, None]), "C1", label="mean")
axes[0].plot(x, regressor.quantile(x[:, None], [0.05, 0.95]), "C1--", linewidth=1)
axes[0].set(title="mixture regression: density of t given x", ylabel="t")
axes[0].legend()
mean, std = process.predict(x[:, None], return_std=True)
axes[1].plot(x, mean, "C1", label="mean")
axes[1].fill_between(x, mean - 2 * std, mean + 2 * std, color="C0", alpha=0.3)
axes[1].set(title="Gaussian process")
axes[1].legend()


# %%
# Two classes of two clusters each, in turns, with 8 labels to a class. The fit to these alone errs;
# the fit that also has the rows without a class finds the clusters. The line is where both classes
# are equally probable.
def alternating(seed, n):
    rng = np.random.RandomState(seed)
    which = rng.randint(4, size=n)
    return 4.0 * which[:, None] + 1.2 * rng.normal(size=(n, 2)), which % 2


X, classes = alternating(0, 600)
some = np.concatenate([np.flatnonzero(classes == c)[:8] for c in (0, 1)])
partial = np.full(len(X), -1)
partial[some] = classes[some]
parameters = {"n_components": 2, "covariance_type": "diag", "random_state": 0}
few = GaussianMixtureClassifier(**parameters).fit(X[some], classes[some])
helped = GaussianMixtureClassifier(**parameters, unlabelled=-1).fit(X, partial)
fits = {"8 labels a class": few, "and 584 rows without": helped}
side = np.linspace(-4.0, 16.0, 200)
points = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
figure, axes = plt.subplots(1, 2, figsize=(11, 4.6), sharey=True, layout="constrained")
figure.set_label(
    "Four clusters in a row, in turns of two classes. With 8 labels a class the border is "
    "wrong; with the rows without a class there are three borders between the clusters."
)
for ax, (name, classifier) in zip(axes, fits.items(), strict=True):
    proba = classifier.predict_proba(points)[:, 1].reshape(200, 200)
    ax.pcolormesh(side, side, proba, cmap="RdBu_r", alpha=0.5, vmin=0.0, vmax=1.0)
    ax.contour(side, side, proba, levels=[0.5], colors="k", linewidths=1)
    ax.plot(*X.T, ".", color="0.4", markersize=3)
    for c, color in ((0, "C0"), (1, "C3")):
        rows = some[classes[some] == c]
        ax.plot(*X[rows].T, "o", color=color, markeredgecolor="k")
    accuracy = classifier.score(*alternating(1, 2000))
    ax.set(title=f"{name}: accuracy {accuracy:.2f}", xlabel="feature 0")
axes[0].set_ylabel("feature 1")

# %%
# Outliers of Old Faithful: the five per cent of the rows with the lowest density lie around and
# between the clusters.
X = load_faithful().data
detector = GaussianMixtureOutlierDetector(2, contamination=0.05, random_state=0).fit(X)
out = detector.predict(X) < 0
x, y = np.linspace(1.0, 5.7, 200), np.linspace(38.0, 102.0, 200)
points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
figure, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
figure.set_label(
    "Old Faithful with a contour of the density around each cluster. Rows outside are marked "
    "with crosses."
)
height = detector.decision_function(points).reshape(200, 200)
ax.contour(x, y, height, levels=[0.0], colors="k")
ax.plot(*X[~out].T, "o", color="C0", markersize=4, alpha=0.6)
ax.plot(*X[out].T, "x", color="C3", markersize=8, label=f"{out.sum()} outliers")
ax.set(xlabel="eruption (minutes)", ylabel="waiting (minutes)", title="threshold on the density")
ax.legend(loc="lower right")
plt.show()
# sphinx_gallery_thumbnail_number = 3
