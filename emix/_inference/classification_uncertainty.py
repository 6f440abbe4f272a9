"""How uncertain the labels of rows are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted


def classification_uncertainty(estimator: Any, X: ArrayLike) -> np.ndarray:
    """Probability that a row's label is wrong, if the mixture is right.

    One minus the largest responsibility. It is summed from the other ones, so that small
    uncertainties keep their digits.

    Parameters
    ----------
    estimator : fitted mixture
        Any estimator with a method ``predict_proba``.

    X : array-like of shape (n_samples, n_features)
        Rows to label.

    Returns
    -------
    uncertainty : ndarray of shape (n_samples,)
        From 0 to 1 - 1 / n_components.

    Raises
    ------
    TypeError
        If the estimator has no ``predict_proba``.

    See Also
    --------
    emix.display.MixtureDisplay : Draws it, with ``uncertainty=True``.

    Examples
    --------
    >>> from emix import GaussianMixture
    >>> from emix.datasets import load_faithful
    >>> from emix.inference import classification_uncertainty
    >>> X = load_faithful().data
    >>> mixture = GaussianMixture(2, random_state=0).fit(X)
    >>> uncertainty = classification_uncertainty(mixture, X)
    >>> int((uncertainty > 0.1).sum()), X[uncertainty.argmax()]
    (1, array([ 2.9, 63. ]))
    """
    if not hasattr(estimator, "predict_proba"):
        raise TypeError(
            f"estimator must have a method predict_proba, and {type(estimator).__name__} has none"
        )
    check_is_fitted(estimator)
    resp = np.array(estimator.predict_proba(X))
    resp[np.arange(len(resp)), resp.argmax(axis=1)] = 0.0
    return resp.sum(axis=1)
