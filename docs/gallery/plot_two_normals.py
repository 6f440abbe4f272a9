"""
Two normals with confidence intervals
=====================================

The waiting times of Old Faithful are fitted by two normals, with standard errors from the
observed information. A second sample shows why not every maximum of the likelihood is wanted, and
a bootstrap test asks whether there are two normals at all.
"""

# %%
# Standard errors come from the exact Hessian of the log-likelihood at the maximum. The intervals
# of the means are drawn below the density; all intervals are printed.
import matplotlib.pyplot as plt
import numpy as np

from emix import TwoNormalMixture
from emix.datasets import load_faithful
from emix.display import MixtureDisplay

waiting = load_faithful().data[:, [1]]
mixture = TwoNormalMixture().fit(waiting)
intervals = mixture.confidence_intervals(0.95)

figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
figure.set_label(
    "A histogram of waiting times with two hills, the density of two normals, and the intervals "
    "of the two means below."
)
MixtureDisplay.from_estimator(mixture, waiting, ax=ax, bins=25)
for k in (0, 1):
    middle, ends = mixture.means_[k], intervals.means[k]
    ax.errorbar(
        middle,
        -0.0015,
        xerr=np.abs(ends - middle)[:, None],
        fmt="o",
        color=f"C{k}",
        capsize=4,
        label="mean, 95% interval" if k == 0 else None,
    )
ax.legend()
ax.set(xlabel="waiting (minutes)", title="Old Faithful")
print(f"weight {mixture.weight_:.3f}, between {intervals.weight.round(3)}")
for name in ("means", "scales"):
    for k in (0, 1):
        value = getattr(mixture, f"{name}_")[k]
        print(f"{name}[{k}] {value:.2f}, between {intervals[name][k].round(2)}")

# %%
# Of twenty points (Hastie, Tibshirani & Friedman 2009, table 8.1) the likelihood has several
# local maxima. The two highest rest on two and on four points that happen to be close together;
# they are reported as spurious, and the third is returned.
points = np.array(
    [-0.39, 0.12, 0.94, 1.67, 1.76, 2.44, 3.72, 4.28, 4.92, 5.53]
    + [0.06, 0.48, 1.01, 1.68, 1.80, 3.25, 4.12, 4.60, 5.28, 6.22]
)[:, None]
twenty = TwoNormalMixture().fit(points)
grid = np.linspace(-2.0, 8.0, 4001)[:, None]

figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), sharey=True, layout="constrained")
figure.set_label(
    "Three densities of twenty points. Two have a sharp needle on a few points and are called "
    "spurious; the third has two hills and is returned."
)
for ax, found in zip(axes, twenty.local_maxima_, strict=False):
    deviations, weights = found["scales"], [1.0 - found["weight"], found["weight"]]
    normals = np.exp(-0.5 * ((grid - found["means"]) / deviations) ** 2)
    density = normals / (deviations * np.sqrt(2.0 * np.pi)) @ weights
    ax.plot(grid, density, "k")
    ax.plot(points, np.full(len(points), -0.02), "|", color="C0", markersize=10)
    said = "spurious" if found["spurious"] else "returned"
    ax.set(title=f"log-likelihood {found['log_likelihood']:.2f}: {said}", xlabel="value")
    ax.set_ylim(-0.05, 0.7)
axes[0].set_ylabel("density")
axes[0].annotate("up to 7.7", (1.75, 0.64), xytext=(2.6, 0.62), arrowprops={"arrowstyle": "->"})

# %%
# Twice the gain in log-likelihood over one normal does not follow a chi-squared distribution, so
# it is compared with samples from one normal. With 99 samples the p-value cannot be less than
# 0.01. The twenty points may well come from one normal. None of the 99 samples gains as much as
# the waiting times do.
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
figure.set_label(
    "Histograms of the gain in samples of one normal, with a line for the data. The line of the "
    "twenty points is among the bars; that of the waiting times is far to the right."
)
for ax, (name, X) in zip(axes, {"twenty points": points, "waiting": waiting}.items(), strict=True):
    test = TwoNormalMixture(equal_variance=True).bootstrap_test(X, n_resamples=99, random_state=0)
    ax.hist(test.null_distribution, bins=20, color="0.8", label="samples of one normal")
    ax.axvline(test.statistic, color="C1", label=f"{name}: p = {test.pvalue:.2f}")
    ax.set(xlabel="2 x gain in log-likelihood", ylabel="samples")
    ax.legend()

plt.show()
