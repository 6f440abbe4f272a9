"""
Six covariance structures on one data set
=========================================

The structure says which shapes the components may have. More freedom fits more shapes, and costs
more parameters.
"""

# %%
# Three clusters that differ in size, direction and spread, fitted by each structure from its
# default start. Ellipses are at one and two standard deviations. p is the number of free
# parameters. The lower the BIC, the better.
import matplotlib.pyplot as plt
import numpy as np

from emix import GaussianMixture
from emix.display import MixtureDisplay

rng = np.random.default_rng(0)
X = np.concatenate(
    [
        rng.normal(size=(150, 2)) @ [[1.6, 0.9], [0.0, 0.4]],
        rng.normal(size=(100, 2)) @ [[0.5, 0.0], [0.0, 1.5]] + [5.0, 1.0],
        rng.normal(size=(80, 2)) * 0.5 + [1.0, 4.5],
    ]
)
ABOUT = {
    "full": "any shape each",
    "tied": "one shape for all",
    "diag": "upright, one each",
    "tied_diag": "upright, one for all",
    "spherical": "round, one size each",
    "tied_spherical": "round, one size for all",
}


def n_parameters(mixture):
    """Read off the two criteria: BIC - AIC = p (log n - 2)."""
    return round((mixture.bic(X) - mixture.aic(X)) / (np.log(len(X)) - 2.0))


figure, axes = plt.subplots(2, 3, figsize=(11, 7), sharex=True, sharey=True, layout="constrained")
figure.set_label(
    "The same three clusters six times, with the ellipses of six structures: slanted and "
    "different, slanted and equal, upright and different, upright and equal, circles of "
    "different and of equal sizes. Only the first follow the clusters closely."
)
fits = {name: GaussianMixture(3, covariance_type=name, random_state=0).fit(X) for name in ABOUT}
for ax, (name, mixture) in zip(axes.flat, fits.items(), strict=True):
    MixtureDisplay.from_estimator(mixture, X, ax=ax)
    ax.set(aspect="equal", xlabel="", ylabel="")
    ax.set_title(
        f"{name}: {ABOUT[name]}\np = {n_parameters(mixture)}, BIC {mixture.bic(X):.0f}", fontsize=11
    )

# %%
# The parameters of a covariance matrix grow with the square of the number of features. So with
# many features and few rows the simpler structures win, even where the clusters are not as simple
# as that.
rows, features = 150, np.array([2, 5, 10, 20, 40])
figure, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
figure.set_label(
    "Curves of the number of parameters of three components against the number of features, on "
    "logarithmic axes. The curve of full structures is steepest, that of tied ones next; the "
    "others rise in proportion to the features."
)
K = 3
for name, covariance in {
    "full": K * features * (features + 1) / 2,
    "tied": features * (features + 1) / 2,
    "diag": K * features,
    "tied_diag": features,
    "spherical": K + 0 * features,
}.items():
    ax.loglog(features, K - 1 + K * features + covariance, "o-", label=name)
ax.set(xlabel="features", ylabel="free parameters", title="Parameters of three components")
ax.set_xticks(features, [str(count) for count in features])
ax.minorticks_off()
ax.legend()
plt.show()
