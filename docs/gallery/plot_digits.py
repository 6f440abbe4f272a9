"""
Digits: a mixture for many features
===================================

A handwritten digit of 8 by 8 pixels is a row of 64 numbers. ``Factors(q)`` describes how the pixels
of a kind of digit vary together by q numbers, which take far fewer rows to learn than a general
covariance does.
"""

# %%
# Ten components are fitted to half of the digits, without their labels. Each row of pictures is a
# component: its mean, five of the images that belong to it, and five that were drawn from it.
# ``reg_covar`` says that grey levels, which go from 0 to 16, are known to about a third of a level:
# without it, pixels that are black in all images of a component have no variance.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from emix import GaussianMixture
from emix.covariances import Factors

X = load_digits().data
train, test = X[::2], X[1::2]
common = {"n_components": 10, "reg_covar": 0.1, "tol": 1e-5, "random_state": 2}
mixture = GaussianMixture(covariance_type=Factors(6), **common).fit(train)
drawn, component = mixture.sample(2000, random_state=0)
labels = mixture.predict(train)

figure, axes = plt.subplots(10, 11, figsize=(7.5, 7.0), layout="constrained")
figure.set_label(
    "Ten rows of small pictures of digits: the mean of a component, five images of the data and "
    "five that were drawn from the component, which look alike."
)
for k, row in enumerate(axes):
    images = [mixture.means_[k], *train[labels == k][:5], *drawn[component == k][:5]]
    for ax, image in zip(row, images, strict=False):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0.0, vmax=16.0)
    for ax in row:
        ax.set_axis_off()
for column, title in ((0, "mean"), (3, "images"), (8, "drawn")):
    axes[0, column].set_title(title, fontsize=10)

# %%
# What a factor does: the mean of a component, and two standard deviations of its first factor to
# either side.
steps = np.linspace(-2.0, 2.0, 5)
figure, axes = plt.subplots(10, 5, figsize=(3.8, 7.0), layout="constrained")
figure.set_label(
    "Ten rows of five pictures: along each row a digit changes slowly, for instance in its slant."
)
for row, mean, loadings in zip(axes, mixture.means_, mixture.loadings_, strict=True):
    for ax, step in zip(row, steps, strict=True):
        ax.imshow((mean + step * loadings[:, 0]).reshape(8, 8), cmap="gray_r", vmin=0.0, vmax=16.0)
        ax.set_axis_off()
for ax, step in zip(axes[0], steps, strict=True):
    ax.set_title(f"{step:+.0f}" if step else "mean", fontsize=10)

# %%
# How probable the other half of the digits is, by the number of factors, beside diagonal and
# general covariances. The best ``reg_covar`` of three is taken for each; the higher, the better.
variances = (0.1, 0.3, 1.0)


def held_out(covariance_type):
    """The best mean log-density of the digits that were not seen."""
    scores = [
        GaussianMixture(covariance_type=covariance_type, **{**common, "reg_covar": variance})
        .fit(train)
        .score(test)
        for variance in variances
    ]
    return max(scores)


numbers = [1, 2, 4, 6, 8, 12]
scores = [held_out(Factors(q)) for q in numbers]
figure, ax = plt.subplots(figsize=(7.0, 3.8), layout="constrained")
figure.set_label(
    "Held-out log-density against the number of factors: it rises to a flat maximum, above the "
    "lines of general and of diagonal covariances."
)
ax.plot(numbers, scores, "o-", label="Factors(q)")
for name, style in (("full", "--"), ("diag", ":")):
    ax.axhline(held_out(name), linestyle=style, color="black", label=f"'{name}'")
ax.set(xlabel="number of factors q", ylabel="mean log-density of new digits (nats)")
ax.legend()
plt.show()
