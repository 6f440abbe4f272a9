"""How sure a fit of a mixture of normals is, and how many components it needs.

:func:`standard_errors` reads the errors of a fitted mixture off the curvature of its
log-likelihood, and :func:`bootstrap` from fits to resamples. :func:`likelihood_ratio_test` tests K
components against K + 1, and :func:`sequential_test` one number after the other.
:func:`classification_uncertainty` says how sure the labels of rows are.

These are functions of an estimator, as scikit-learn's ``cross_validate`` and
``permutation_importance`` are: an estimator is what they study, and often fit again and again.
"""

from ._inference.bootstrap import Bootstrap, bootstrap
from ._inference.classification_uncertainty import classification_uncertainty
from ._inference.likelihood_ratio import (
    LikelihoodRatioTest,
    SequentialTest,
    likelihood_ratio_test,
    sequential_test,
)
from ._inference.standard_errors import StandardErrors, standard_errors
from ._public import publish_classes as _publish_classes

__all__ = [
    "Bootstrap",
    "LikelihoodRatioTest",
    "SequentialTest",
    "StandardErrors",
    "bootstrap",
    "classification_uncertainty",
    "likelihood_ratio_test",
    "sequential_test",
    "standard_errors",
]

_publish_classes(globals())
