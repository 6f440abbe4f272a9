"""
Latent classes of a questionnaire
=================================

Answers of a few hundred people to six questions, with gaps. Behind them are groups that nobody
wrote down: classes in which the answers do not depend on each other.
"""

# %%
# Simulated, so that the truth is known: three classes, six questions with three answers each (0 for
# never, 1 for sometimes, 2 for often), and one answer in ten is missing.
import matplotlib.pyplot as plt
import numpy as np

from emix import CategoricalMixture

rng = np.random.RandomState(0)
shares = [0.5, 0.3, 0.2]
truth = rng.dirichlet(np.full(3, 0.6), size=(3, 6))  # class, question, answer
group = rng.choice(3, size=800, p=shares)
X = np.array([[rng.choice(3, p=row) for row in truth[k]] for k in group], dtype=float)
X[rng.rand(*X.shape) < 0.1] = np.nan

fits = {k: CategoricalMixture(k, random_state=0).fit(X) for k in range(1, 6)}
criteria = {name: [getattr(fit, name)(X) for fit in fits.values()] for name in ("bic", "icl")}
best = min(fits, key=lambda k: fits[k].bic(X))

figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
figure.set_label(
    "BIC and ICL against the number of classes: BIC is lowest at three, and ICL hardly tells two "
    "from three."
)
for name, values in criteria.items():
    ax.plot(list(fits), values, "o-", label=name.upper())
ax.set(xlabel="classes", xticks=list(fits), ylabel="criterion, lower is better")
ax.legend()

# %%
# The profiles of the classes: how probable each answer is, with two standard errors on either side.
# The crosses are the truth.
fit = fits[best]
errors = fit.standard_errors(X)["probabilities_"]
to_truth = [
    min(
        range(3),
        key=lambda t: sum(abs(p[k] - truth[t, j]).sum() for j, p in enumerate(fit.probabilities_)),
    )
    for k in range(best)
]
figure, axes = plt.subplots(1, best, figsize=(9, 3.4), sharey=True, layout="constrained")
figure.set_label(
    "For each class the probabilities of three answers to six questions, with error bars. The "
    "crosses of the truth lie within nearly all of the bars."
)
for k, ax in enumerate(axes):
    for answer, name in enumerate(["never", "sometimes", "often"]):
        at = np.arange(6) + 0.22 * (answer - 1)
        heights = [p[k, answer] for p in fit.probabilities_]
        spans = [2.0 * e[k, answer] for e in errors]
        ax.errorbar(at, heights, spans, fmt="o", ms=4, capsize=2, label=name)
        ax.plot(at, truth[to_truth[k], :, answer], "kx", ms=5)
    ax.set(
        title=f"class of {fit.weights_[k]:.0%}",
        xlabel="question",
        xticks=range(6),
        ylim=(-0.1, 1.1),
    )
axes[0].set_ylabel("probability of the answer")
axes[-1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))

# %%
# People who gave few answers are hardly told apart; the probabilities say so.
answered = (~np.isnan(X)).sum(axis=1)
for count in range(3, 7):
    sure = fit.predict_proba(X[answered == count]).max(axis=1).mean()
    print(
        f"{count} answers: {np.count_nonzero(answered == count):3d} people, class {sure:.2f} sure"
    )
plt.show()
# sphinx_gallery_thumbnail_number = 2
