"""
Missing values
==============

A mixture is fitted to rows with gaps as they are, and tells what the gaps may hold: of each
component a mean and an interval, and how probable the component is.
"""

# %%
# Waiting times of Old Faithful are missing at random: more often, the longer the eruption was.
# The fit sees both kinds of rows, and the ellipses are nearly those of the full table. On the
# right is what is expected of the missing values given the eruption, with 95 % of their
# distribution, and the values that had been removed: about one in twenty lies outside.
import matplotlib.pyplot as plt
import numpy as np

from emix import GaussianMixture
from emix.datasets import load_faithful
from emix.display import MixtureDisplay

complete = load_faithful().data
rng = np.random.RandomState(0)
rank = complete[:, 0].argsort().argsort() / len(complete)
X = complete.copy()
X[rng.uniform(size=len(X)) < 0.6 * rank, 1] = np.nan
missing = np.isnan(X[:, 1])

mixture = GaussianMixture(2, random_state=0).fit(X)
draws = mixture.impute(X, n_draws=200, random_state=0)[:, missing, 1]
low, high = np.quantile(draws, [0.025, 0.975], axis=0)
filled = mixture.impute(X)

fig, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained", sharex=True, sharey=True)
fig.set_label(
    "On the left, eruptions and waiting times with two ellipses, and strokes for rows whose "
    "waiting time is missing. On the right, intervals for the missing values, with the values "
    "that had been removed mostly inside."
)
MixtureDisplay.from_estimator(mixture, X[~missing], ax=axes[0])
x = X[missing, 0]
axes[0].plot(x, np.full(len(x), 40.0), "|", color="0.4", markersize=12)
axes[0].set(title=f"{missing.sum()} of {len(X)} waiting times are missing (strokes)")
axes[0].set(xlabel="eruption (min)", ylabel="waiting (min)")

inside = np.mean((complete[missing, 1] >= low) & (complete[missing, 1] <= high))
MixtureDisplay.from_estimator(mixture, ax=axes[1], X=X[~missing][:1])
axes[1].vlines(x, low, high, color="0.75", linewidth=1, zorder=0)
axes[1].plot(x, filled[missing, 1], ".", color="0.3", markersize=5, label="expected")
axes[1].plot(x, complete[missing, 1], "x", color="C3", markersize=5, label="removed")
axes[1].set(title=f"conditional means and 95 % intervals: {inside:.0%} inside")
axes[1].set(xlabel="eruption (min)", ylabel="waiting (min)")
axes[1].legend(loc="lower right")

# %%
# Iris, where all but the first feature are missing the more often the greater that is. Filling in
# means makes correlations small, and rows without gaps are few.
from sklearn.datasets import load_iris  # noqa: E402
from sklearn.experimental import enable_iterative_imputer  # noqa: E402, F401
from sklearn.impute import IterativeImputer, SimpleImputer  # noqa: E402

iris = load_iris().data
scores = {"exact": [], "IterativeImputer": [], "means": [], "rows without gaps": []}
for seed in range(12):
    rng = np.random.RandomState(seed)
    rows = rng.permutation(iris)
    train, test = rows[:100].copy(), rows[100:]
    rank = train[:, 0].argsort().argsort() / 100
    for j in (1, 2, 3):
        train[rng.uniform(size=100) < 0.6 * rank, j] = np.nan
    treated = {
        "exact": train,
        "IterativeImputer": IterativeImputer(random_state=0, max_iter=30, tol=0.01).fit_transform(
            train
        ),
        "means": SimpleImputer().fit_transform(train),
        "rows without gaps": train[~np.isnan(train).any(axis=1)],
    }
    for name, table in treated.items():
        fit = GaussianMixture(2, random_state=0, prior="fraley-raftery").fit(table)
        scores[name].append(fit.score(test))

fig, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
fig.set_label(
    "Dots of held-out log-densities for four treatments of gaps. The exact fit is highest, "
    "IterativeImputer next, then means and rows without gaps."
)
for place, values in enumerate(scores.values()):
    ax.plot(values, np.full(len(values), place), "o", alpha=0.4)
    ax.plot(np.median(values), place, "k|", markersize=18)
ax.set_yticks(range(len(scores)), list(scores))
ax.set(xlabel="held-out log-density per row", title="Iris, 2 components, 12 divisions")
plt.show()
# sphinx_gallery_thumbnail_number = 2
