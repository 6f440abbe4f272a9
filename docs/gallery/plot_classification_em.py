"""
Classification EM against K-means
=================================

K-means takes all clusters to be spheres of the same size. Classification EM has the same hard
assignments, but lets every cluster have its own share of the rows, size and shape.
"""

# %%
# Tumours of the breast, benign and malignant, by two of their thirty measurements: the mean
# radius of the cell nuclei and the largest one, in standard deviations. The groups are elongated,
# touch, and differ in number and spread. K-means cuts the long direction half-way between two
# means; with free weights and covariances a compact group and a wide one are found.
import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import scale

from emix import HardGaussianMixture
from emix.display import MixtureDisplay

SPHERES = {"covariance_type": "tied_spherical", "frozen": ("weights",)}


def clustered(X, n_components, **options):
    return HardGaussianMixture(n_components, n_init=20, random_state=0, **options).fit(X)


tumours = load_breast_cancer(as_frame=True)
X = tumours.frame[["mean radius", "worst radius"]]
X = (X - X.mean()) / X.std()
kmeans, hard = clustered(X, 2, **SPHERES), clustered(X, 2)

figure, axes = plt.subplots(1, 3, figsize=(9, 3.6), sharex=True, sharey=True, layout="constrained")
figure.set_label(
    "Tumours in three scatter plots: by diagnosis, a dense narrow group and a wide one; by "
    "K-means, which cuts the long direction in the middle; by classification EM, which finds a "
    "narrow and a wide ellipse."
)
for group, name in enumerate(tumours.target_names):
    rows = X[tumours.target == group]
    axes[0].plot(*rows.to_numpy().T, "o", color=f"C{3 + group}", markersize=4, alpha=0.6)
    axes[0].plot([], [], "o", color=f"C{3 + group}", label=name)
axes[0].legend()
axes[0].set(xlabel="mean radius", ylabel="worst radius", title="The diagnosis")
for ax, fit, name in ((axes[1], kmeans, "K-means"), (axes[2], hard, "classification EM")):
    MixtureDisplay.from_estimator(fit, X, ax=ax)
    ax.set_title(f"{name}: ARI {adjusted_rand_score(tumours.target, fit.labels_):.3f}")

# %%
# The adjusted Rand index compares clusters with the known groups: one if they are the same, zero
# on average if they have nothing to do with each other. All features in standard deviations,
# which K-means needs: on the measured units of the wines, in which one feature outweighs all
# others, its index is 0.371, and that of classification EM is the same in any units.
print(f"{'':28}{'K-means':>10}{'tied':>10}{'full':>10}")
for name, load in (("iris", load_iris), ("wine", load_wine), ("tumours", load_breast_cancer)):
    data, target = load(return_X_y=True)
    k = len(set(target))
    fits = [
        clustered(scale(data), k, **options)
        for options in (SPHERES, {"covariance_type": "tied"}, {"covariance_type": "full"})
    ]
    indices = [adjusted_rand_score(target, fit.labels_) for fit in fits]
    print(f"{name:28}" + "".join(f"{index:10.3f}" for index in indices))

# %%
# More freedom is not always better. A wine has thirteen features, and a covariance of its own
# takes 91 numbers for each of the three groups; one for all is enough, as the groups have much the
# same shape. For the tumours, whose groups differ, one covariance for all is the wrong model: the
# classification likelihood is then highest with a single cluster, and the other one stays empty.
plt.show()
