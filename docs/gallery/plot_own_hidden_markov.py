"""
A hidden Markov model, by hand
==============================

EM began, for many, with hidden Markov models (Baum, Petrie, Soules & Weiss 1970). Here is one with
normal emissions in forty lines; :func:`emix.em.climb` does the rest.
"""

# %%
# The E-step runs forwards and backwards through the series. Its statistics are expected counts, of
# the first state, of moves and of states, and sums of x and x²; the M-step divides them.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.utils import check_random_state

from emix.em import check_model, climb


class HiddenMarkov:
    def __init__(self, x):
        self.x = x

    def posterior(self, params):
        """Probabilities of states (n, K), expected moves (K, K), and the log-likelihood."""
        moves, means, variances = params["moves"], params["means"], params["variances"]
        density = np.exp(-0.5 * (self.x[:, None] - means) ** 2 / variances)
        density /= np.sqrt(2.0 * np.pi * variances)
        forward, backward = np.empty_like(density), np.ones_like(density)
        scale = np.empty(len(self.x))
        ahead = params["first"]
        for t, seen in enumerate(density):
            joint = ahead * seen
            scale[t] = joint.sum()
            forward[t] = joint / scale[t]
            ahead = forward[t] @ moves
        onward = density / scale[:, None]
        for t in range(len(self.x) - 1, 0, -1):
            backward[t - 1] = moves @ (onward[t] * backward[t])
        expected = moves * (forward[:-1].T @ (onward[1:] * backward[1:]))
        return forward * backward, expected, np.log(scale).sum()

    def e_step(self, params):
        states, moves, log_likelihood = self.posterior(params)
        sums = states.sum(axis=0), self.x @ states, self.x**2 @ states
        return (states[0], moves, *sums), log_likelihood

    def m_step(self, statistics):
        first, moves, count, total, square = statistics
        means = total / count
        return {
            "first": first,
            "moves": moves / moves.sum(axis=1, keepdims=True),
            "means": means,
            "variances": square / count - means**2,
        }


# %%
# A series of two states that stay for ten steps on average, and overlap a good deal.
rng = check_random_state(4)
n = 600
truth = np.cumsum(rng.uniform(size=n) < 0.1) % 2
x = rng.normal(1.5 * truth, 1.0)

# %%
# One start; the steps pass the check.
start = {
    "first": np.array([0.5, 0.5]),
    "moves": np.array([[0.7, 0.3], [0.3, 0.7]]),
    "means": np.quantile(x, [0.25, 0.75]),
    "variances": np.full(2, x.var()),
}
model = HiddenMarkov(x)
print(check_model(model, start))
results = {name: climb(model, start, acceleration=name) for name in (None, "daarem")}
for name, result in results.items():
    print(f"{name or 'plain'}: {result.n_iter} passes, {result.objective:.6f}; {result.reason}")

# %%
# The series, what state it was in, and how probable the second state is given all of it.
states, _, _ = model.posterior(results["daarem"].params)
upper = np.argmax(results["daarem"].params["means"])
figure, axes = plt.subplots(2, 1, figsize=(9, 5), sharex=True, layout="constrained")
figure.set_label(
    "Above, observations over time, with the hidden level, which jumps between two values. "
    "Below, the probability of the second state, which follows the shaded times of that state."
)
axes[0].plot(x, ".", color="0.6", markersize=4)
axes[0].step(np.arange(n), np.sort(results["daarem"].params["means"])[truth], "k", where="mid")
axes[0].set(ylabel="x, and the mean of its state")
axes[1].fill_between(np.arange(n), truth, step="mid", color="0.85", label="second state")
axes[1].plot(states[:, upper], color="C2", label="its probability")
axes[1].set(xlabel="time", ylabel="probability")
axes[1].legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)

# %%
# How the two climbs went.
figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
figure.set_label(
    "The distance to the best objective on a logarithmic scale: a straight line for plain EM, "
    "and a steep fall with acceleration."
)
for name, result in results.items():
    result.plot(ax=ax, name=name or "plain EM", distance=True)
plt.show()
