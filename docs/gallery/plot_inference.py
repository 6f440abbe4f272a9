"""
How sure is a fit?
==================

Standard errors by the curvature of the log-likelihood and by the bootstrap, and the test of one
component more.
"""

# %%
# Old Faithful: two components. The bars are intervals of 95 %, from the exact information, from
# fits to resampled rows, and from fits to rows of random weights. They nearly agree: the sample is
# large and the components are far apart. Variances scatter a little more over resamples than the
# information says. It believes that the components are normal, and resampled rows do not.
import matplotlib.pyplot as plt

from emix import GaussianMixture
from emix.datasets import load_faithful
from emix.display import IntervalsDisplay
from emix.inference import bootstrap, likelihood_ratio_test, standard_errors

frame = load_faithful(as_frame=True).data
mixture = GaussianMixture(2, random_state=0).fit(frame).reordered("weight")
errors = standard_errors(mixture, frame)
results = {
    "information": errors,
    "nonparametric bootstrap": bootstrap(mixture, frame, n_resamples=199, random_state=0),
    "weighted bootstrap": bootstrap(
        mixture, frame, method="weighted", n_resamples=199, random_state=0
    ),
}
names = ("weights", "means", "covariances", "correlations")
display = IntervalsDisplay.from_result(results, parameters=names)
display.figure_.set_label(
    "Seven panels: weight, two means, two variances, a covariance and a correlation each. "
    "In each three intervals for either component, nearly of the same length."
)
print(errors)

# %%
# Is there a third component? The gain of three over two is compared with the gains in samples of
# the two. The dashed line is the gain of a maximum that R's mclust stops at; it would be a small
# one even if two were the truth.
test = likelihood_ratio_test(GaussianMixture(2), frame, n_resamples=99, n_init=2, random_state=0)
figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
figure.set_label(
    "A histogram of gains in samples of two components, from about 5 to 28. A solid line at the "
    "gain in the data lies beyond its right end, a dashed line at 6.1 at its left end."
)
ax.hist(test.null_distribution, bins=20, color="0.8", label="samples of two")
ax.axvline(test.statistic, color="C3", label=f"data: {test.statistic:.1f}")
ax.axvline(6.13, color="C3", linestyle="--", label="data, at a lower maximum: 6.1")
ax.set(xlabel="twice the gain in log-likelihood (nats)", ylabel="samples")
ax.set_title("Three components against two")
figure.legend(loc="outside lower center", ncols=3)
print(test)

plt.show()
# sphinx_gallery_thumbnail_number = 1
