"""Tables of rows as estimators read them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from .._rows.blocks import Rows
from .._rows.grid import Mapper
from .._rows.patterns import rows_over
from .validation import check_rows, check_sample_weight, is_plain

FLOATS = [np.float64, np.float32]


class Features(BaseEstimator):
    """Takes what scikit-learn's validation tells of training rows, until a fit has succeeded."""

    n_features_in_: int
    feature_names_in_: np.ndarray


# (estimator, X, features, **requirements) -> X: read to fit, where there are features to
# tell of, or to evaluate.
Read = Callable[..., np.ndarray]


def read_floats(
    estimator: Any, X: ArrayLike, features: Features | None = None, **requirements: Any
) -> np.ndarray:
    """Rows of finite float32 or float64 numbers."""
    if features is not None:
        if is_plain(X, None, requirements.get("ensure_min_samples", 1)):
            features.n_features_in_ = X.shape[1]
            return X
        named = {"estimator": estimator, **requirements}
        return check_rows(features, X, reset=True, dtype=FLOATS, **named)
    is_named = hasattr(estimator, "feature_names_in_")
    if not is_named and is_plain(X, getattr(estimator, "n_features_in_", -1)):
        return X
    return check_rows(estimator, X, reset=False, dtype=FLOATS, **requirements)


class Data(NamedTuple):
    """What a fit gets: rows, their weights, their features, and labels if there are any."""

    X: np.ndarray
    weight: np.ndarray | None
    features: Features
    labels: Any = None

    @property
    def n_samples(self) -> int:
        return len(self.X)

    def rows(self, mapper: Mapper) -> Rows:
        """In the units of the data, for a map over threads."""
        d = self.X.shape[1]
        return rows_over(self.X, self.weight, np.zeros(d), np.ones(d), mapper)

    @property
    def names(self) -> np.ndarray | None:
        return getattr(self.features, "feature_names_in_", None)

    @property
    def feature_attributes(self) -> dict[str, Any]:
        """What a fit publishes of its features."""
        return {"n_features_in_": self.features.n_features_in_, "feature_names_in_": self.names}

    @property
    def counted(self) -> np.ndarray:
        """Rows that have weight."""
        return self.X if self.weight is None else self.X[self.weight > 0.0]

    @property
    def total_weight(self) -> float:
        return float(len(self.X) if self.weight is None else self.weight.sum())


def read_data(
    estimator: Any, read: Read, X: ArrayLike, sample_weight: ArrayLike | None, labels: Any = None
) -> Data:
    """Training rows; nothing is written to the estimator."""
    features = Features()
    rows = read(estimator, X, features, ensure_min_samples=2)
    weight = check_sample_weight(sample_weight, rows.shape[0])
    return Data(rows, weight, features, labels)
