"""
EM step by step on Old Faithful
===============================

Two normals are fitted to the eruptions of Old Faithful from a poor start: both means in the
middle of the data. The pictures show the components after a few passes, and the ascent of
the objective with and without acceleration.
"""

# %%
# A fit that is told to make few passes stops early and says so in ``stop_reason_``; with
# ``warm_start`` the next one goes on from there. ``max_iter=0`` shows the start itself.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from emix import GaussianMixture
from emix.datasets import load_faithful
from emix.display import ConvergenceDisplay, MixtureDisplay

faithful = load_faithful()
X = faithful.data
start = {
    "weights_init": [0.5, 0.5],
    "means_init": [[3.2, 75.0], [3.8, 67.0]],
    "precisions_init": [np.diag(1.0 / X.var(axis=0))] * 2,
}

figure, axes = plt.subplots(2, 2, figsize=(9, 7), sharex=True, sharey=True, layout="constrained")
figure.set_label(
    "The eruptions of Old Faithful four times, with the ellipses of two components: after 0, 2, "
    "10 and more passes. They begin in the middle, and end on the two clusters."
)
for ax, passes in zip(axes.flat, (0, 2, 10, 60), strict=True):
    mixture = GaussianMixture(2, max_iter=passes, acceleration=False, **start)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # meant to be stopped
        mixture.fit(X)
    MixtureDisplay.from_estimator(mixture, X, ax=ax)
    ax.set(
        xlabel="eruption (minutes)",
        ylabel="waiting (minutes)",
        title=f"{mixture.n_iter_} passes: log-likelihood {mixture.lower_bound_:.4f}",
    )

# %%
# The log-likelihood never falls. After an M-step the bound, with the old responsibilities, lies
# below it. The next E-step closes the gap, which is the Kullback-Leibler divergence between old
# and new responsibilities. Acceleration needs fewer passes over the data for the same maximum.
plain = GaussianMixture(2, acceleration=False, **start).fit(X)
accelerated = GaussianMixture(2, **start).fit(X)

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
figure.set_label(
    "On the left, the objective of plain and of accelerated EM: a long plateau, then a rise, "
    "which comes sooner with acceleration. On the right, the distance to the best, on a "
    "logarithmic scale."
)
for mixture, name in ((plain, "plain EM"), (accelerated, "accelerated")):
    ConvergenceDisplay.from_estimator(mixture, ax=left, name=name)
    ConvergenceDisplay.from_estimator(mixture, ax=right, name=name, distance=True)
left.set_title("The ascent")
right.set_title("What is left")
for ax in (left, right):  # below, off the curves
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, fontsize="small")
print(f"passes: {plain.n_iter_} of plain EM, {accelerated.n_iter_} with acceleration")
print(f"difference in log-likelihood: {abs(plain.lower_bound_ - accelerated.lower_bound_):.1e}")

plt.show()
