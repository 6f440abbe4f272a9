"""
One objective, many climbs
==========================

Every variant of EM climbs the free energy F, half-step by half-step: the M-step raises F with the
responsibilities as they are, and the E-step closes the gap to the log-likelihood as far as
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
# F before and after each E-step, from the second sweep on. The dotted line is the
# log-likelihood plus the log-prior. A full E-step meets it; under a constraint a gap remains,
# the divergence of the responsibilities from the posterior. At another temperature than one, F
# is not a bound of the log-likelihood, and climbs all the same.
figure, axes = plt.subplots(2, 3, figsize=(12, 6.5), layout="constrained")
for ax, (name, mixture) in zip(axes.flat, fits.items(), strict=True):
    history = mixture.history_[1:13]
    sweeps = np.arange(1, len(history) + 1)
    steps = np.column_stack([history["free_energy"], history["objective"]]).ravel()[1:]
    ax.plot(np.repeat(sweeps, 2)[1:], steps, "-", label="F, at every half-step")
    ax.plot(sweeps, history["free_energy"], "v", markersize=4, label="after the M-step")
    ax.plot(sweeps, history["objective"], "^", markersize=4, label="after the E-step")
    if mixture.temperature == 1.0:
        top = history["log_likelihood"] + history["log_prior"]
        ax.plot(sweeps, top, "k:", label="log-likelihood + log-prior")
    ax.set(title=name, xlabel="sweep over the data", ylabel="per sample")
    assert (np.diff(steps) >= -1e-9).all()
axes.flat[-2].legend()

# %%
# What the E-step has to close is the divergence between the responsibilities of the sweep
# before and the posterior of the new parameters. It shrinks with the steps of EM, in the end along
# a straight line on a logarithmic scale, whose slope is the rate at which EM converges.
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name in ("EM", "conditional M-steps", "gradient M-steps", "a prior"):
    gap = fits[name].history_["gap"][1:]
    ax.semilogy(np.arange(1, len(gap) + 1), np.maximum(gap, 1e-14), ".-", label=name)
ax.set(xlabel="sweep over the data", ylabel="gap before the E-step, per sample")
ax.legend()
plt.show()
