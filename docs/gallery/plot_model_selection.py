"""
How many components, and which covariance
=========================================

Two ways to choose: the Bayesian information criterion of fits to all rows, and the log-density of
rows that were held out, by scikit-learn's ``GridSearchCV``.
"""

# %%
# The BIC is -2 log L + p log N for p free parameters: the lower, the better. (R's mclust reports
# it with the other sign.) Each line is a covariance structure. A simple structure needs more
# components for the same clusters, so the lowest points of the lines are at different numbers.
# The table below the picture has them.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV, KFold

from emix import GaussianMixture
from emix.datasets import load_faithful
from emix.display import MixtureDisplay

X = load_faithful().data
types = ["full", "tied", "diag", "tied_diag"]
counts = [1, 2, 3, 4]
bic = {
    name: [
        GaussianMixture(k, covariance_type=name, n_init=2, random_state=0).fit(X).bic(X)
        for k in counts
    ]
    for name in types
}


# %%
# ``score`` is the mean log-density, so a grid search compares that of the rows it holds out. The
# best is hardly better than simpler models. So the fewest components are taken that come within a
# standard error of the best.
def fewest_within_one_error(results):
    mean, count = results["mean_test_score"], results["param_n_components"].astype(int)
    best = mean.argmax()
    enough = mean >= mean[best] - results["std_test_score"][best] / np.sqrt(parts.n_splits)
    fewest = enough & (count == count[enough].min())
    return int(np.where(fewest, mean, -np.inf).argmax())


parts = KFold(6, shuffle=True, random_state=0)
search = GridSearchCV(
    GaussianMixture(n_init=2, random_state=0),
    {"n_components": counts, "covariance_type": types},
    cv=parts,
    refit=fewest_within_one_error,
)
search.fit(X)
results, chosen = search.cv_results_, search.best_estimator_

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 4), layout="constrained")
figure.set_label(
    "On the left, BIC against the number of components: a steep fall to two, then nearly level "
    "lines for four structures. In the middle, held-out log-density with error bars, level from "
    "two on. On the right, the chosen two ellipses."
)
for i, name in enumerate(types):
    rows = np.flatnonzero(results["param_covariance_type"] == name)
    error = results["std_test_score"][rows] / np.sqrt(parts.n_splits)
    apart = np.array(counts) + 0.06 * (i - 1.5)
    left.plot(counts, bic[name], "o-", label=name)
    middle.errorbar(apart, results["mean_test_score"][rows], error, fmt="o-", label=name)
left.set(xlabel="components", ylabel="BIC", title="Criterion: lower is better")
left.set_ylim(top=min(bic["full"]) + 150)
middle.set(
    xlabel="components",
    ylabel="mean log-density, nats per row",
    title="Held-out rows: higher is better",
)
middle.set_ylim(bottom=results["mean_test_score"].max() - 0.4)
for ax in (left, middle):
    ax.set_xticks(counts)
    ax.legend()
MixtureDisplay.from_estimator(chosen, X, ax=right, contours=True)
right.set(
    xlabel="eruption (minutes)",
    ylabel="waiting (minutes)",
    title=f"Chosen: {chosen.n_components} components, {chosen.covariance_type}",
)
for name in types:
    print(f"{name:10} least BIC {min(bic[name]):.0f} at {counts[np.argmin(bic[name])]} components")
lowest = min(types, key=lambda name: min(bic[name]))
print(f"lowest of all: {lowest}, {counts[np.argmin(bic[lowest])]} components")
print(f"chosen by held-out rows: {search.best_params_}")

# %%
# The two ways need not agree. BIC prefers three components that share one shape: the long
# eruptions are not quite normal, and two of the components describe them. Held-out rows do not
# tell three components from two, and the rule takes two. For a density take the first, for
# clusters the second; :meth:`~emix.GaussianMixture.icl`, which charges for overlap, takes two as
# well.
icl = {
    (name, k): GaussianMixture(k, covariance_type=name, n_init=2, random_state=0).fit(X).icl(X)
    for name in types
    for k in counts
}
print("lowest ICL:", min(icl, key=icl.get))

plt.show()
