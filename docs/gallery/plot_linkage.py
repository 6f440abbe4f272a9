"""
Genetic linkage: bounds that touch
==================================

The example with which Dempster, Laird and Rubin (1977) introduced EM, and what its E-steps look
like: each is a curve that lies below the log-likelihood and touches it where the E-step was made.
"""

# %%
# 197 animals fall into four classes of probabilities (2 + t, 1 - t, 1 - t, t) / 4. What is t? The
# first class is two, of probabilities 2/4 and t/4, and how its 125 animals divide is hidden. If it
# were known, t would be a share: of those that speak for t among all that tell of it.
import matplotlib.pyplot as plt
import numpy as np

from emix.em import climb

counts = np.array([125.0, 18.0, 20.0, 34.0])


class Linkage:
    def e_step(self, t):
        hidden = counts[0] * t / (2.0 + t)
        return hidden, counts @ np.log(np.array([2.0 + t, 1.0 - t, 1.0 - t, t]) / 4.0)

    def m_step(self, hidden):
        return (hidden + counts[3]) / (hidden + counts[1:].sum())

    def expected(self, hidden, t):
        first = (counts[0] - hidden) * np.log(2.0 / 4.0) + hidden * np.log(t / 4.0)
        return first + counts[1:] @ np.log(np.array([1.0 - t, 1.0 - t, t]) / 4.0)


# %%
# Plain EM, from a bad start. The maximum is at 0.6268214980. With ``tol=0`` the climb goes on as
# long as it may, to see how the last digits come.
path = [0.05]
result = climb(
    Linkage(),
    path[0],
    acceleration=None,
    tol=0.0,
    max_iter=16,
    callback=lambda state: path.append(state.params),
)
print(f"t = {result.params:.10f} after {result.n_iter} passes")
path = np.array(path)

# %%
# Left: the first three bounds. Each M-step goes to the top of the bound (arrows), where the
# log-likelihood is at least as high; the next E-step lifts the bound up to it. Right: soon every
# pass leaves the same share of the distance to the maximum. The bound is narrower than the
# log-likelihood, as it takes the hidden counts as known: with I the observed information and I_c
# that of the complete data, 1 - I / I_c of the distance stays.
model = Linkage()
t = np.linspace(0.02, 0.95, 400)
log_likelihood = np.array([model.e_step(value)[1] for value in t])
figure, (ax, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
figure.set_label(
    "Left: the log-likelihood of t, and three bounds below it that touch it at the first three "
    "parameters; arrows lead from each touching point to the top of its bound. Right: the distance "
    "to the maximum falls on a straight line on a logarithmic scale."
)
ax.plot(t, log_likelihood, "k", lw=2, label="log-likelihood")
for index, at in enumerate(path[:3]):
    hidden, value = model.e_step(at)
    entropy = value - model.expected(hidden, at)
    bound = np.array([model.expected(hidden, each) for each in t]) + entropy
    top = path[index + 1]
    color = f"C{index}"
    ax.plot(t, bound, color=color, lw=1.2, label=f"bound of E-step {index + 1}")
    ax.plot(at, value, "o", color=color)
    ax.annotate(
        "",
        (top, model.expected(hidden, top) + entropy),
        (at, value),
        arrowprops={"arrowstyle": "->", "color": color, "shrinkA": 4},
    )
ax.set(xlabel="t", ylabel="nats", ylim=(-330, -195))
ax.legend(loc="lower center")

rest = np.abs(path - result.params)
rest = rest[rest > 1e-12]
right.semilogy(rest, "o-", color="C0", label="plain EM")
right.set(xlabel="pass", ylabel="distance to the maximum")


def slope(value, of, step=1e-4):
    """Second derivative of a function, by differences."""
    return (of(value + step) - 2.0 * of(value) + of(value - step)) / step**2


best = result.params
observed = -slope(best, lambda value: model.e_step(value)[1])
complete = -slope(best, lambda value: model.expected(model.e_step(best)[0], value))
rate = 1.0 - observed / complete
straight = rest[3] * rate ** (np.arange(len(rest)) - 3.0)
right.semilogy(straight, "k:", label=f"{rate:.4f} of it stays in each pass")
right.legend()
plt.show()
