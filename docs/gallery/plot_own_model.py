"""
A model of your own
===================

An E-step and an M-step are all that :func:`emix.em.climb` needs. It extrapolates the parameters
from the last passes, without knowing the family, and never lets the objective fall.
"""

# %%
# A mixture of two Poisson distributions, for the number of death notices of women of 80 years and
# more in The Times of each day, 1910 to 1912 (Hasselblad 1969): the standard problem of those who
# accelerate EM, as plain EM needs some two thousand passes. ``expected`` is optional: with it the
# half-steps can be seen.
import matplotlib.pyplot as plt
import numpy as np
from scipy.special import gammaln, logsumexp

from emix.em import check_model, climb

deaths = np.arange(10.0)
days = np.array([162.0, 267.0, 271.0, 185.0, 111.0, 61.0, 27.0, 8.0, 3.0, 1.0])


class PoissonMixture:
    def e_step(self, params):
        rates = params["rates"]
        log_joint = np.log(params["weights"]) + np.outer(deaths, np.log(rates)) - rates
        log_joint -= gammaln(deaths + 1.0)[:, None]
        log_density = logsumexp(log_joint, axis=1)
        resp = days[:, None] * np.exp(log_joint - log_density[:, None])
        return (resp.sum(axis=0), deaths @ resp), days @ log_density

    def m_step(self, statistics):
        share, total = statistics
        return {"weights": share / share.sum(), "rates": total / share}

    def expected(self, statistics, params):
        share, total = statistics
        rates = params["rates"]
        return share @ np.log(params["weights"]) + total @ np.log(rates) - share @ rates


# %%
# Before one climbs for long, one may ask whether the two steps are an EM at all.
start = {"weights": np.array([0.3, 0.7]), "rates": np.array([1.0, 2.5])}
print(check_model(PoissonMixture(), start))

# %%
# Four climbs from one start. The last one uses that the family is exponential: ``expected`` is
# linear in the statistics.
names = {
    None: "plain EM",
    "squarem": "squared extrapolation",
    "daarem": "damped Anderson",
    "quasi-newton": "quasi-Newton",
}
results = {
    scheme: climb(PoissonMixture(), start, acceleration=scheme, tol=1e-10) for scheme in names
}
for scheme, result in results.items():
    print(f"{names[scheme]:22} {result.n_iter:5} passes, {result.objective:.9f}")

# %%
# What each lacks to the best of the four, by passes. The dotted lines are the estimates of what is
# left to gain. Those of steps on the parameters lie above. Those of plain EM and of quasi-Newton
# steps fall short in the beginning, as long as fast directions hide the slow one. In the end
# rounding decides.
best = max(result.objective for result in results.values())
figure, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
figure.set_label(
    "The log-likelihood left to gain against passes, on logarithmic axes. Plain EM needs more "
    "than a thousand passes, squared extrapolation about a hundred, damped Anderson some tens, and "
    "quasi-Newton steps some ten."
)
for k, (scheme, result) in enumerate(results.items()):
    history = result.history
    kept = np.flatnonzero(history["accepted"])[1:]
    lacks = np.maximum(best - history["objective"][kept], 1e-13)
    ax.loglog(kept, lacks, "-", color=f"C{k}", label=names[scheme])
    told = np.isfinite(history["remaining"][kept])
    ax.loglog(kept[told], history["remaining"][kept][told], ":", color=f"C{k}")
ax.set(xlabel="pass", ylabel="log-likelihood left to gain, in nats", ylim=(1e-12, 30))
ax.legend()

# %%
# The first passes of plain EM, half-step by half-step: an M-step raises the bound with the
# responsibilities as they are (triangles down), an E-step closes the gap to the
# log-likelihood (triangles up).
history = results[None].history[1:9]
passes = np.arange(1, len(history) + 1)
steps = np.column_stack([history["free_energy"], history["objective"]]).ravel()
figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
figure.set_label("A staircase: the bound after each M-step, and after each E-step above it.")
ax.plot(np.repeat(passes, 2), steps, "-", color="0.6")
ax.plot(passes, history["free_energy"], "v", label="after the M-step")
ax.plot(passes, history["objective"], "^", label="after the E-step")
ax.set(xlabel="pass", ylabel="bound, in nats")
ax.legend(loc="lower right")

# %%
# The mixture fits the days better than one Poisson distribution does, whose variance is its mean.
found = results["daarem"].params
mean = deaths @ days / days.sum()
one = np.exp(deaths * np.log(mean) - mean - gammaln(deaths + 1.0))
log_parts = np.outer(deaths, np.log(found["rates"])) - found["rates"]
log_parts -= gammaln(deaths + 1.0)[:, None]
parts = days.sum() * found["weights"] * np.exp(log_parts)
figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
figure.set_label(
    "Bars of days by deaths, with a curve of one Poisson distribution, which is too narrow, and "
    "one of two, which fits."
)
ax.bar(deaths, days, color="0.85", label="days")
ax.plot(deaths, days.sum() * one, "k.--", label="one Poisson distribution")
ax.plot(deaths, parts.sum(axis=1), "o-", color="C2", label="two")
for k, rate in enumerate(found["rates"]):
    ax.plot(deaths, parts[:, k], ":", color="C2", label=f"rate {rate:.2f}")
ax.set(xlabel="deaths", ylabel="days")
ax.legend()
plt.show()
# sphinx_gallery_thumbnail_number = 3
