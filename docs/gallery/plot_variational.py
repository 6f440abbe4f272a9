"""
Components that empty themselves
================================

A Bayesian mixture of ten normals is fitted to the eruptions of Old Faithful. The evidence lower
bound charges for every component that is used: eight of the ten lose their rows. The pictures
show how, what the prior of the weights has to do with it, and scikit-learn's result.
"""

# %%
# One fit, stopped after some passes; with ``warm_start`` the next one goes on with the whole
# posterior. Components are in falling order of their weights, and those of less than one
# hundredth are not drawn.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture as SklearnMixture

from emix import BayesianGaussianMixture
from emix.datasets import load_faithful
from emix.display import ConvergenceDisplay, MixtureDisplay

X = load_faithful().data
SMALL = 0.01


def draw(mixture, ax, title):
    """The components in use; scikit-learn's are not in order."""
    order = np.argsort(-mixture.weights_)
    used = order[mixture.weights_[order] > SMALL]
    place = np.argsort(order)
    MixtureDisplay(
        rows=X,
        labels=place[mixture.predict(X)],
        weights=mixture.weights_[used],
        means=mixture.means_[used],
        covariances=mixture.covariances_[used],
        names=["eruption (minutes)", "waiting (minutes)"],
    ).plot(ax=ax)
    ax.set_title(title.format(len(used)))


figure, axes = plt.subplots(2, 2, figsize=(9, 7), sharex=True, sharey=True, layout="constrained")
figure.set_label(
    "Old Faithful after four numbers of passes. Of ten ellipses five, then three, then two are "
    "left."
)
mixture = BayesianGaussianMixture(10, max_iter=0, warm_start=True, random_state=0)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)  # meant to be stopped
    for ax, passes in zip(axes.flat, (0, 10, 20, 1000), strict=True):
        mixture.set_params(max_iter=passes).fit(X)
        draw(mixture, ax, f"bound {mixture.lower_bound_:.4f}: {{}} components")

# %%
# The bound rises all the way. It stays almost flat while a component empties itself, because
# its rows are explained as well without it; so the size of a step says little about what is to
# come, and a loose tolerance would stop on the way.
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
figure.set_label(
    "The lower bound of plain and accelerated fits rises in steps; on the right, the distance "
    "to the end."
)
plain = BayesianGaussianMixture(10, acceleration=False, random_state=0).fit(X)
accelerated = BayesianGaussianMixture(10, random_state=0).fit(X)
for fit, name in ((plain, "plain"), (accelerated, "accelerated")):
    ConvergenceDisplay.from_estimator(fit, ax=left, name=name, gap=False)
    ConvergenceDisplay.from_estimator(fit, ax=right, name=name, distance=True)
left.set_title("The evidence lower bound")
right.set_title("What is left")
for ax in (left, right):  # below, off the curves
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, fontsize="small")
print(f"passes: {plain.n_iter_} plain, {accelerated.n_iter_} with acceleration")

# %%
# A small concentration of the prior leaves few components, a large one spreads the rows over more
# of them, of which several have to share a cluster. scikit-learn, in the lower row, fits the
# same model; its default of 100 passes ends (with a warning) before the third component is
# empty, and with more of them it arrives at the same two.
figure, axes = plt.subplots(2, 3, figsize=(12, 7), sharex=True, sharey=True, layout="constrained")
figure.set_label(
    "Fits at three concentrations, by emix above and by scikit-learn below. A small "
    "concentration leaves two or three components, a large one keeps ten."
)
for column, concentration in zip(axes.T, (1e-3, 1.0, 1e3), strict=True):
    options = {
        "weight_concentration_prior_type": "dirichlet_distribution",
        "weight_concentration_prior": concentration,
        "random_state": 0,
    }
    ours = BayesianGaussianMixture(10, **options).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs = SklearnMixture(n_components=10, **options).fit(X)
    draw(ours, column[0], f"emix, concentration {concentration:g}: {{}} components")
    draw(theirs, column[1], f"scikit-learn, {concentration:g}: {{}} components")
    print(f"concentration {concentration:g}: bound {ours.lower_bound_:.4f}")
    print("  emix        ", np.sort(ours.weights_)[::-1].round(3))
    print("  scikit-learn", np.sort(theirs.weights_)[::-1].round(3))

plt.show()
