"""
A mixture of many features: pairs, slices, uncertainty
======================================================

More than two features are seen by their pairs, or by slices: the distribution of some features
where others have given values. Both show where components are hard to tell apart.
"""

# %%
# The measurements of Fisher's iris, and three components. On the diagonal is the density of each
# feature, with the components as dashed lines. Below it are the rows, in the colours of their
# components, and these as ellipses at one and two standard deviations. Above it are contours around
# 25, 50, 75 and 95 % of the probability of each pair.
import matplotlib.pyplot as plt
from sklearn.datasets import load_iris, load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emix import GaussianMixture
from emix.display import MixtureDisplay, MixturePairsDisplay

X = load_iris().data
names = ["sepal length", "sepal width", "petal length", "petal width"]
mixture = GaussianMixture(3, n_init=5, random_state=0).fit(X).reordered("mean")
display = MixturePairsDisplay.from_estimator(mixture, X, feature_names=names)
display.figure_.set_label(
    "A table of four by four panels: histograms with densities on the diagonal, rows with ellipses "
    "below, contours above. One component lies apart from the other two in most panels."
)

# %%
# With ``uncertainty=True`` rows are the larger the less probable their component is. The darker a
# place is above the diagonal, the less the two features tell there. These grey ridges lie between
# the components, and are narrow where two features tell much.
display = MixturePairsDisplay.from_estimator(
    mixture, X, features=names[1:], uncertainty=True, feature_names=names
)
display.figure_.set_label(
    "A table of three by three panels. Above the diagonal grey ridges run between the components."
)

# %%
# Slices: the petals of flowers whose sepals are 5, 6 and 7 cm long. Rows are shown if they lie
# within half a standard deviation of the slice. Components with less than one per cent of a slice
# are not drawn.
figure, axes = plt.subplots(1, 3, figsize=(12, 4), sharex=True, sharey=True, layout="constrained")
figure.set_label(
    "Three scatter plots of petals with ellipses. Short sepals have small petals, of one "
    "component; long sepals have large petals, of the others."
)
for ax, length in zip(axes, (5.0, 6.0, 7.0), strict=True):
    MixtureDisplay.from_estimator(
        mixture,
        X,
        features=["petal length", "petal width"],
        given={"sepal length": length},
        feature_names=names,
        contours=True,
        ax=ax,
    )
    ax.set(xlim=(0.5, 7.2), ylim=(-0.2, 2.8))

# %%
# A slice of one feature is a density again. The red shade is the uncertainty, on its own scale.
figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
figure.set_label(
    "Two densities of the petal's width. On the left two components overlap, and a red shade has "
    "peaks where their curves cross; on the right there is one component and no shade."
)
for ax, length in zip(axes, (4.9, 5.5), strict=True):
    MixtureDisplay.from_estimator(
        mixture,
        X,
        features="petal width",
        given={"petal length": length, "sepal length": 6.2},
        feature_names=names,
        uncertainty=True,
        bins=8,
        ax=ax,
    )

# %%
# Pipelines are drawn in the features that their last step sees. These are four of thirteen
# measurements of wines, in standard deviations.
wine = load_wine()
diagonal = GaussianMixture(3, covariance_type="diag", random_state=0)
pipeline = make_pipeline(StandardScaler(), diagonal).fit(wine.data)
display = MixturePairsDisplay.from_estimator(
    pipeline,
    wine.data,
    features=["alcohol", "flavanoids", "color_intensity", "proline"],
    feature_names=wine.feature_names,
)
display.figure_.set_label(
    "A table of four by four panels of wines, with upright ellipses of three components."
)
plt.show()
