"""
Choosing components and shapes together
=======================================

``MixtureSearch`` fits several numbers of components with several covariance structures, and keeps
the fit with the lowest BIC.
"""

# %%
# Eruptions of Old Faithful, and how long to wait for the next one. Fourteen structures say what
# the components share: volume, shape and axes are equal (E), varying (V), or those of the features
# (I). The left picture has all of them. Spheres (EII, VII) need many components, as minutes of an
# eruption and minutes of waiting are no comparable units. The middle picture is its lowest part,
# where a few structures compete within ten units; such a difference says little by itself. A line
# that ends early was given up after three numbers of components that did not improve it.
import matplotlib.pyplot as plt

from emix import MixtureSearch
from emix.datasets import load_faithful
from emix.display import MixtureDisplay, SelectionDisplay

faithful = load_faithful()
search = MixtureSearch(n_components=range(1, 8), random_state=0).fit(faithful.data)

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(14, 5), layout="constrained")
figure.set_label(
    "On the left, BIC against the number of components, a line for each of 14 structures: two "
    "lines far above, the others fall steeply to two components. In the middle, the lowest 45 "
    "units of it, with a ring around three components of structure EEE. On the right, the chosen "
    "three ellipses of equal size and direction on the eruptions."
)
SelectionDisplay.from_estimator(search, ax=left)
SelectionDisplay.from_estimator(search, ax=middle, span=45.0)
middle.get_legend().remove()
MixtureDisplay.from_estimator(
    search.best_estimator_, faithful.data, feature_names=faithful.feature_names, ax=right
)
left.set_title("All structures")
middle.set_title("The lowest 45 units")
right.set_title("{covariance_type}, {n_components} components".format(**search.best_params_))

# %%
# The table of all fits, the best first: its columns are arrays, which pandas takes as they are.
# The BIC charges for parameters; the ICL charges for overlap, too, and would take two components.
for row in search.results_["rank"].argsort()[:6]:
    told = {name: search.results_[name][row] for name in ("n_components", "covariance_type")}
    bic, icl = (search.results_[name][row] for name in ("bic", "icl"))
    print("{n_components} {covariance_type}".format(**told), f"BIC {bic:.1f}  ICL {icl:.1f}")
