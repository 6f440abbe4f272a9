r"""
A likelihood and the bounds that touch it
=========================================

EM replaces a curve that is hard to climb by a bound that is easy to climb. The E-step makes a bound
that touches the curve at the present parameter. The M-step goes to the top of the bound.
"""

# %%
# A mixture with one unknown number, so that everything can be drawn. One half of the rows come from
# a standard normal. The others come from a normal with the same variance and an unknown mean
# :math:`\theta`.
import matplotlib.pyplot as plt
import numpy as np
from scipy.special import entr, rel_entr

from emix import GaussianMixture
from emix.em import free_energy

rng = np.random.default_rng(1)
X = np.concatenate([rng.normal(0.0, 1.0, 30), rng.normal(3.0, 1.0, 30)])[:, None]


def at(theta):
    """The mixture with this mean of its second component."""
    return GaussianMixture.from_parameters([0.5, 0.5], [[0.0], [theta]], 1.0)


def log_joint(mixture):
    return mixture.log_prob_components(X) + np.log(mixture.weights_)


def m_step(resp):
    """The mean that is best for these responsibilities: a weighted mean of the rows."""
    return float(resp[:, 1] @ X[:, 0] / resp[:, 1].sum())


# %%
# ``free_energy`` is the bound at responsibilities and parameters of your choice. Here the
# responsibilities stay those of an E-step, and :math:`\theta` moves: a parabola. It touches the
# log-likelihood where the E-step was made, and is nowhere above it. Its top is the next
# :math:`\theta`.
thetas = np.linspace(-3.0, 6.0, 181)
mixtures = [at(theta) for theta in thetas]
log_likelihood = [mixture.score(X) for mixture in mixtures]

figure, ax = plt.subplots(figsize=(8, 4.8), layout="constrained")
figure.set_label(
    "A wavy curve, the log-likelihood, above three parabolas. Each parabola touches the curve "
    "at one point, and the top of each is the place where the next one touches it, further to "
    "the right."
)
ax.plot(thetas, log_likelihood, "k", linewidth=2, label="log-likelihood")
theta = -2.0
for step in range(3):
    resp = at(theta).predict_proba(X)  # E-step
    bound = [free_energy(log_joint(mixture), resp).mean() for mixture in mixtures]
    assert (np.array(bound) <= np.array(log_likelihood) + 1e-12).all()
    ax.plot(thetas, bound, color=f"C{step}", label=f"bound of E-step {step + 1}")
    ax.plot(theta, at(theta).score(X), "o", color=f"C{step}", markersize=8)
    theta = m_step(resp)  # M-step
    ax.plot(theta, max(bound), "^", color=f"C{step}", markersize=8)
ax.plot([], [], "o", color="0.4", label="E-step: the bound touches")
ax.plot([], [], "^", color="0.4", label="M-step: its top")
ax.set(xlabel=r"$\theta$", ylabel="nats per row", ylim=(-6.0, max(log_likelihood) + 0.2))
ax.set_title("Each bound touches the log-likelihood once")
ax.legend(loc="upper left")

# %%
# The same climb as bars. A bar as a whole is the log-likelihood. Its lower part is the bound
# :math:`\mathcal{L}(q, \theta)`, and its upper part is the divergence of q from the posterior. An
# M-step raises both. An E-step turns the whole divergence into bound.
theta, bounds, gaps, names = -1.0, [], [], []
resp = at(theta).predict_proba(X)
for step in range(1, 5):
    theta = m_step(resp)
    for name in ("M", "E"):
        posterior = at(theta).predict_proba(X)
        resp = posterior if name == "E" else resp
        bounds.append(free_energy(log_joint(at(theta)), resp).mean())
        gaps.append(rel_entr(resp, posterior).sum(axis=1).mean())
        names.append(f"{name}{step}")
        assert np.isclose(bounds[-1] + gaps[-1], at(theta).score(X))

figure, ax = plt.subplots(figsize=(8, 4.4), layout="constrained")
figure.set_label(
    "Eight stacked bars. At every M-step a piece of divergence lies on top of the bound; at the "
    "E-step that follows the bound has grown by that piece, and nothing is on top of it."
)
floor = min(bounds) - 0.1
ax.bar(names, np.array(bounds) - floor, bottom=floor, label="bound")
ax.bar(names, gaps, bottom=bounds, color="C1", label="divergence, KL(q || posterior)")
ax.set(xlabel="half-step", ylabel="nats per row", title="bound + divergence = log-likelihood")
ax.set_ylim(floor, max(bounds) + 0.1)
ax.legend(loc="upper left")

# %%
# Where the bound comes from: Jensen's inequality. The logarithm is bent downwards, so a chord lies
# below it. Take one row. Under q, the ratio p(x, z) / q(z) takes two values. The logarithm of their
# mean is log p(x); the mean of their logarithms is the bound.
row = np.exp(log_joint(at(3.0))[np.abs(X[:, 0] - 0.6).argmin()])
q = np.array([0.6, 0.4])
ratio = row / q
line = np.linspace(0.6 * ratio.min(), 1.15 * ratio.max(), 400)
mean = q @ ratio
assert np.isclose(np.log(mean), np.log(row.sum()))
bound = q @ np.log(ratio)
assert np.isclose(bound, q @ np.log(row) + entr(q).sum())

figure, ax = plt.subplots(figsize=(8, 4.4), layout="constrained")
figure.set_label(
    "The curve of the logarithm with a straight chord between two of its points. Above the mean "
    "of the two, the curve is at log p of x and the chord lies lower, at the bound."
)
ax.plot(line, np.log(line), "k", label="logarithm")
ax.plot(ratio, np.log(ratio), "o-", color="C0", label="chord")
ax.plot(mean, np.log(mean), "s", color="C2", label="log of the mean: log p(x)")
ax.plot(mean, bound, "v", color="C1", label="mean of the logs: the bound")
ax.vlines(mean, bound, np.log(mean), color="C3", label="the gap, KL(q || posterior)")
ax.set(xlabel="p(x, z) / q(z)", ylabel="nats", title="Jensen's inequality for one row")
ax.legend(loc="lower right")
plt.show()
