"""
Lifetimes that are not over
===========================

A test of lamps ends after 1000 hours, when some still burn: their lifetimes are censored. Leaving
them out, or taking 1000 hours for their lifetimes, makes lamps look worse than they are. EM takes
what is expected of them.
"""

# %%
# Lifetimes are exponential with the mean 1 / r. With complete data the number of lamps and the sum
# of their lifetimes would do. A lamp that burns at time c is expected to live for c + 1 / r in all:
# that is the E-step. The M-step is the number over the sum.
import matplotlib.pyplot as plt
import numpy as np

from emix.em import climb

rng = np.random.default_rng(4)
true_mean, end = 800.0, 1000.0
life = rng.exponential(true_mean, size=120)
burns = life > end
hours = np.minimum(life, end)


class Lamps:
    """Exponential lifetimes, some of them censored."""

    def e_step(self, rate):
        expected = hours.sum() + burns.sum() / rate
        log_likelihood = (~burns).sum() * np.log(rate) - rate * hours.sum()
        return expected, log_likelihood

    def m_step(self, expected):
        return len(hours) / expected


found = climb(Lamps(), 0.01, acceleration=None, tol=1e-14)
closed_form = hours.sum() / (~burns).sum()
print(f"still burning: {burns.sum()} of {burns.size}")
print(f"mean lifetime by EM: {1 / found.params:.3f} h, in closed form: {closed_form:.3f} h")
print(f"those that died alone: {hours[~burns].mean():.0f} h; all as if dead: {hours.mean():.0f} h")
print(f"passes: {found.n_iter}")

# %%
# The share of lamps that burn. Where EM's curve goes on, there are no data: it is the model that
# speaks there.
t = np.linspace(0.0, 2500.0, 200)
figure, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
figure.set_label(
    "The share of burning lamps falls in steps until the test ends at 1000 hours. The curve by EM "
    "follows it and goes on; the curve of the lamps that died falls far too early."
)
ax.step(np.sort(hours), 1 - np.arange(1, 121) / 120, color="0.4", where="post", label="lamps")
ax.plot(t, np.exp(-t * found.params), color="C0", lw=2, label="EM")
ax.plot(t, np.exp(-t / hours[~burns].mean()), "C3--", label="lamps that died alone")
ax.axvline(end, color="0.7", lw=1)
ax.text(end + 15, 0.93, "the test ends", color="0.4")
ax.set(xlabel="hours", ylabel="share that burns", ylim=(0, 1.02))
ax.legend()

# %%
# EM comes nearer by the share of what is missing at every pass, here the share of lamps that still
# burn.
rate = 0.01
means = np.array([1.0 / rate])
for _ in range(12):
    rate = Lamps().m_step(Lamps().e_step(rate)[0])
    means = np.append(means, 1.0 / rate)
distance = np.abs(means - closed_form)
print(f"share missing: {burns.mean():.3f}")
print("ratios of distances:", (distance[1:] / distance[:-1])[:4].round(3))
