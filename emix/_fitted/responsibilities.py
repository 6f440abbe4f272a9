"""Responsibilities as the features of a transformer."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from .base import BaseNormalMixture


class ResponsibilityTransformer(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseNormalMixture
):
    """A mixture that maps rows to the probabilities of its components, one column each."""

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Responsibilities as features: :meth:`predict_proba` by the name that pipelines use.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to evaluate.

        Returns
        -------
        resp : ndarray of shape (n_samples, n_components), or a data frame
            p(z = k | x); rows add up to one. ``set_output`` makes data frames of it, whose columns
            are ``get_feature_names_out()``.
        """
        return self.predict_proba(X)

    @property
    def _n_features_out(self) -> int:
        return len(self.weights_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
