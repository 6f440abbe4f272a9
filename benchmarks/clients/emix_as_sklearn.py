"""A pytest plugin that puts emix's mixtures in place of scikit-learn's.

It is loaded before the tests, and so before the packages that import from ``sklearn.mixture``.
"""

import sklearn.mixture

import emix

sklearn.mixture.GaussianMixture = emix.GaussianMixture
sklearn.mixture.BayesianGaussianMixture = emix.BayesianGaussianMixture
