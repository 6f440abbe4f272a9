"""
Two regression lines
====================

Some rows follow one line and some another, and which is not written down. Least squares draws a
line between them, where there are no rows at all.
"""

# %%
# A mixture of two regressions, and one regression. The darker a point, the surer is its line.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LinearRegression

from emix import MixtureOfRegressions

rng = np.random.RandomState(3)
x = rng.uniform(0.0, 10.0, size=220)
first = rng.rand(220) < 0.4
y = np.where(first, 1.0 + 1.6 * x, 13.0 - 0.7 * x) + np.where(first, 0.6, 1.2) * rng.normal(
    size=220
)
X = x[:, None]
lines = MixtureOfRegressions(2, random_state=0).fit(X, y)
one = LinearRegression().fit(X, y)

ends = np.array([[0.0], [10.0]])
sure = lines.responsibilities(X, y)
figure, ax = plt.subplots(figsize=(7, 4.4), layout="constrained")
figure.set_label(
    "Points along a rising and a falling line, coloured by the line that they belong to and pale "
    "where the lines cross. The line of least squares runs between them."
)
for k, end in enumerate(lines.predict_components(ends).T):
    own = lines.assign(X, y) == k
    ax.scatter(x[own], y[own], s=14, color=f"C{k}", alpha=np.clip(2 * sure[own, k] - 1, 0.15, 1.0))
    ax.plot(ends, end, color=f"C{k}", lw=2, label=f"{lines.weights_[k]:.0%} of the rows")
ax.plot(ends, one.predict(ends), "k--", label="least squares")
ax.set(xlabel="x", ylabel="y")
ax.legend()

# %%
# How many lines? The criterion of Bayes counts the parameters of each further one.
bic = [MixtureOfRegressions(k, random_state=0).fit(X, y).bic(X, y) for k in (1, 2, 3, 4)]
for k, value in enumerate(bic, start=1):
    print(f"{k} lines: BIC {value:.1f}")

# %%
# The way there: what a start lacks to the maximum, by passes, from ten starts. The nearest of
# lines through a few random rows are a good place to begin. Where a curve ends above the axis, it
# is at another maximum: ten starts are made for a reason.
figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
figure.set_label(
    "The lack of log-likelihood against passes for ten starts. Some fall to rounding errors "
    "within fifteen passes, others stay at a lower maximum."
)
for seed in range(10):
    fit = MixtureOfRegressions(2, n_init=1, random_state=seed).fit(X, y)
    reached = np.array([fit.history_["objective"][0], *fit.lower_bounds_])
    ax.plot(np.maximum(lines.lower_bound_ - reached, 1e-12), color="C0", alpha=0.6)
ax.set(yscale="log", xlabel="passes", ylabel="lack, nats per row")
plt.show()
# sphinx_gallery_thumbnail_number = 1
