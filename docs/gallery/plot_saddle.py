"""
A saddle that EM does not leave
===============================

Where all components are equal EM stands still, although it is not at a maximum.
"""

# %%
# Two normals with variance one and equal weights, so that the two means are all there is to find.
# The picture is the log-likelihood of the two means. It has two maxima, which are the same answer
# with the components exchanged. Between them lies a saddle, as between two mountains.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from emix import GaussianMixture

X = np.concatenate([np.linspace(-3.0, -1.0, 10), np.linspace(1.0, 3.0, 10)])[:, None]
MODEL = {
    "covariance_type": "tied_spherical",
    "precisions_init": 1.0,
    "weights_init": [0.5, 0.5],
    "frozen": ("weights", "covariances"),
    "acceleration": False,
}


def path(means, passes=12):
    """The means after every pass of plain EM."""
    mixture = GaussianMixture(2, means_init=np.reshape(means, (2, 1)), max_iter=1, tol=0, **MODEL)
    places = [means]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # meant to be stopped
        for _ in range(passes):
            places.append(mixture.fit(X).means_[:, 0])
            mixture.set_params(means_init=mixture.means_)
    return np.array(places)


side = np.linspace(-3.2, 3.2, 81)
height = [
    [GaussianMixture.from_parameters([0.5, 0.5], [[a], [b]], 1.0).score(X) for a in side]
    for b in side
]
figure, ax = plt.subplots(figsize=(6.6, 5.6), layout="constrained")
figure.set_label(
    "Contours of the log-likelihood over the two means, with two hills on either side of the "
    "diagonal. A path from the diagonal ends at the saddle in the middle; a path from beside it "
    "turns at the saddle and climbs one hill."
)
ax.contour(side, side, height, levels=30, cmap="Greys", vmin=-12.0)
ax.plot(side, side, ":", color="0.5", label="equal means")
for start, name in (((2.5, 2.5), "from equal means"), ((2.5, 2.45), "from nearly equal means")):
    places = path(start)
    ax.plot(*places.T, "o-", markersize=5, label=f"EM {name}")
    ended = GaussianMixture.from_parameters([0.5, 0.5], places[-1][:, None], 1.0)
    print(f"EM {name}: ends at {(places[-1] + 0.0).round(3)}, {ended.score(X):.4f} nats per row")
ax.set(
    xlabel="first mean", ylabel="second mean", title="Log-likelihood of two means", aspect="equal"
)
ax.legend(loc="lower left")

# %%
# From equal means every row belongs to both components by one half, at every E-step, and both
# components get the same new mean. At the saddle the gradient is zero, so nothing tells EM to move:
# it is a stationary point. The curvature would tell, but EM does not look at it. From means that
# differ by a little EM leaves, slowly at first.
#
# This is why starts have different means. A stationary point can be told from a maximum by the
# eigenvalues of the second derivatives: here one is positive at the saddle.
step = 1e-3
centre = np.zeros(2)


def score(means):
    return GaussianMixture.from_parameters([0.5, 0.5], np.reshape(means, (2, 1)), 1.0).score(X)


E = step * np.eye(2)
hessian = [
    [(score(a + b) - score(a - b) - score(b - a) + score(-a - b)) / (4.0 * step**2) for a in E]
    for b in E
]
print("eigenvalues of the second derivatives:", np.linalg.eigvalsh(hessian).round(3))
assert np.linalg.eigvalsh(hessian).max() > 0.1
plt.show()
