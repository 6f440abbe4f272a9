"""
One objective, many climbs
==========================

Every variant of EM climbs the same bound, half-step by half-step. The M-step raises the bound
with the responsibilities as they are. The E-step closes the gap to the log-likelihood, as far as
it may.
"""

# %%
# One start for all: Old Faithful, and three components in a row of means.
import matplotlib.pyplot as plt
import numpy as np

from emix import GaussianMixture
from emix.constraints import Proportions
from emix.datasets import load_faithful

X = load_faithful().data
start = {"means_init": [[2, 50], [3, 70], [4, 90]], "acceleration": False, "tol": 1e-9}
fits = {
    "EM": GaussianMixture(3, **start),
    "conditional M-steps": GaussianMixture(3, m_step="conditional", **start),
    "gradient M-steps": GaussianMixture(3, m_step="gradient", **start),
    "a prior": GaussianMixture(3, prior="fraley-raftery", **start),
    "equal shares": GaussianMixture(3, constraints=(Proportions(),), **start),
    "temperature 2": GaussianMixture(3, temperature=2.0, **start),
}
for mixture in fits.values():
    mixture.fit(X)

# %%
# The bound before and after each E-step, in the first twelve passes. The dotted line is the
# log-likelihood plus the log-prior. A full E-step meets it. Under a constraint a gap remains: the
# divergence of the responsibilities from the posterior. At another temperature than one, the
# objective is not a bound of the log-likelihood, and it rises all the same.
figure, axes = plt.subplots(2, 3, figsize=(12, 6.5), layout="constrained")
figure.set_label(
    "Six climbs as zigzag lines of the bound, with the log-likelihood as a dotted line. In four "
    "of them E-steps meet it; with equal shares they stay below."
)
for ax, (name, mixture) in zip(axes.flat, fits.items(), strict=True):
    history = mixture.history_[1:13]
    passes = np.arange(1, len(history) + 1)
    steps = np.column_stack([history["free_energy"], history["objective"]]).ravel()[1:]
    ax.plot(np.repeat(passes, 2)[1:], steps, "-", label="bound, at every half-step")
    ax.plot(passes, history["free_energy"], "v", markersize=4, label="after the M-step")
    ax.plot(passes, history["objective"], "^", markersize=4, label="after the E-step")
    if mixture.temperature == 1.0:
        top = history["log_likelihood"] + history["log_prior"]
        ax.plot(passes, top, "k:", label="log-likelihood + log-prior")
    ax.set(title=name, xlabel="pass", ylabel="nats per row")
    assert (np.diff(steps) >= -1e-9).all()
axes.flat[-2].legend()

# %%
# What the E-step has to close is the divergence between the old responsibilities and the
# posterior of the new parameters. It says how much the responsibilities change in a pass. It
# falls while the fit rests near a saddle, and rises while a component moves on to other rows. At
# the end it falls along a straight line on this logarithmic scale. The slope is the rate at which
# EM converges.
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
figure.set_label(
    "The gap before each E-step on a logarithmic scale. It falls, rises once or twice, and "
    "falls along a straight line at the end."
)
for name in ("EM", "conditional M-steps", "gradient M-steps", "a prior"):
    gap = fits[name].history_["gap"][1:]
    ax.semilogy(np.arange(1, len(gap) + 1), np.maximum(gap, 1e-14), ".-", label=name)
ax.set(xlabel="pass", ylabel="gap before the E-step, nats per row")
ax.legend()
plt.show()
# sphinx_gallery_thumbnail_number = 2
