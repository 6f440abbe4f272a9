"""
emix and sklearn.mixture
========================

The same data and the same start, fitted by both. scikit-learn stops when a step was small, emix
when little is left to gain; and an answer of emix does not depend on the unit of the data.
"""

# %%
# Two clusters that overlap, and a start with both means in the middle. Each fit uses its default
# rule for stopping.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.mixture import GaussianMixture as ScikitLearn

from emix import GaussianMixture
from emix.display import MixtureDisplay

rng = np.random.default_rng(2)
first = rng.normal(size=(300, 2)) @ [[1.0, 0.6], [0.0, 0.5]]
second = rng.normal(size=(200, 2)) @ [[0.8, 0.0], [0.0, 0.6]] + [1.3, -0.4]
X = np.concatenate([first, second])
start = {
    "weights_init": [0.5, 0.5],
    "means_init": [[0.5, 0.0], [1.0, 0.0]],
    "precisions_init": [np.linalg.inv(np.cov(X.T))] * 2,
}
theirs = ScikitLearn(2, **start).fit(X)
ours = GaussianMixture(2, **start).fit(X)

figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharex=True, sharey=True, layout="constrained")
figure.set_label(
    "Two scatter plots of the same overlapping clusters, fitted by scikit-learn and by emix. "
    "The ellipses are nearly the same; the log-likelihood of emix is slightly higher."
)
for ax, name, mixture in zip(axes, ("scikit-learn", "emix"), (theirs, ours), strict=True):
    MixtureDisplay.from_estimator(mixture, X, ax=ax)
    ax.set_title(f"{name}: {mixture.n_iter_} passes, {mixture.score(X):.4f}")

# %%
# The bounds of both, pass by pass. With a tolerance that is small enough scikit-learn
# goes on to the same maximum; it needs plain EM's number of passes.
patient = ScikitLearn(2, tol=1e-9, reg_covar=0.0, max_iter=2000, **start).fit(X)
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
figure.set_label(
    "The distance to the maximum against the pass, on a logarithmic scale. The curve of "
    "emix drops within a few passes; that of scikit-learn is a long slope, and its default "
    "stops early on it."
)
best = max(ours.lower_bound_, patient.score(X)) + 1e-9
for name, mixture in (
    ("emix", ours),
    ("scikit-learn, tol=1e-9", patient),
    ("scikit-learn, default tol", theirs),
):
    distance = best - np.array(mixture.lower_bounds_)
    ax.semilogy(np.arange(1, len(distance) + 1), distance, ".-", label=name)
ax.set(xlabel="pass", ylabel="log-likelihood per row below the maximum")
ax.legend()

# %%
# In other units the density changes by the unit alone. scikit-learn adds ``reg_covar=1e-6`` to
# every variance whatever the unit, so that small units are blurred.
units = np.logspace(-5, 2, 8)
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
figure.set_label(
    "The log-likelihood against the unit of the data. The line of emix is level; that of "
    "scikit-learn falls for small units."
)
for name, Estimator in (("emix", GaussianMixture), ("scikit-learn", ScikitLearn)):
    scores = [
        Estimator(2, random_state=0).fit(unit * X).score(unit * X) + 2.0 * np.log(unit)
        for unit in units
    ]
    ax.semilogx(units, scores, ".-", label=name)
ax.set(xlabel="unit", ylabel="log-likelihood per row, in the first unit")
ax.legend()

plt.show()
# sphinx_gallery_thumbnail_number = 2
