"""How sure a fit of a mixture of normals is, and how many components it needs.

:func:`standard_errors` reads the errors of a fitted mixture off the curvature of its
log-likelihood.

These are functions of an estimator, as scikit-learn's ``cross_validate`` and
``permutation_importance`` are: an estimator is what they study, and often fit again and again.
"""

from ._standard_errors import StandardErrors, standard_errors

__all__ = ["StandardErrors", "standard_errors"]
