"""
Batch against incremental EM
============================

Batch EM reads all rows before it changes the parameters. Incremental EM changes them after every
block of rows. Both climb the same objective.
"""

# %%
# Three components on Old Faithful, all from the same poor start. Four curves: plain EM,
# incremental EM with few and with many blocks, and accelerated EM, the default. One pass reads
# every row once.
import matplotlib.pyplot as plt
import numpy as np

from emix import GaussianMixture
from emix.datasets import load_faithful

X = load_faithful().data
start = {"means_init": [[2, 50], [3, 70], [4, 90]], "tol": 1e-9}
fits = {
    "batch EM": GaussianMixture(3, acceleration=False, **start),
    "incremental, 4 blocks": GaussianMixture(
        3, acceleration=False, algorithm="incremental", batch_size=68, **start
    ),
    "incremental, 16 blocks": GaussianMixture(
        3, acceleration=False, algorithm="incremental", batch_size=17, **start
    ),
    "batch EM, accelerated": GaussianMixture(3, **start),
}
for mixture in fits.values():
    mixture.fit(X)

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
figure.set_label(
    "Two pictures with four curves each. On the left the objective rises over the first thirty "
    "passes, sooner with more blocks. On the right the distance to the best objective falls; "
    "the accelerated fit needs the fewest passes by far."
)
best = max(mixture.lower_bound_ for mixture in fits.values())
for name, mixture in fits.items():
    kept = mixture.history_[mixture.history_["accepted"]]
    passes = np.flatnonzero(mixture.history_["accepted"])
    left.plot(passes[:40], kept["objective"][:40], ".-", label=name)
    right.semilogy(passes, np.maximum(best - kept["objective"], 1e-10), label=name)
    print(f"{name:24} {mixture.n_iter_:4} passes to {mixture.lower_bound_:.6f} nats per row")
left.set(xlabel="pass", ylabel="nats per row", ylim=(-4.75, None), title="The ascent")
right.set(xlabel="pass", ylabel="nats per row", title="Below the best")
left.legend(loc="lower right")
plt.show()
