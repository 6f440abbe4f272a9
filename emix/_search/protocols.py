"""What the search asks of a mixture that it fits."""

from __future__ import annotations

from typing import Any, Protocol, Self

import numpy as np


class Mixture(Protocol):
    """An estimator that climbs by EM; all of its parameters have public names."""

    weights_: np.ndarray
    means_: np.ndarray
    lower_bound_: float
    remaining_gain_: float
    converged_: bool
    n_iter_: int
    stop_reason_: str
    singular_components_: np.ndarray

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self: ...

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float: ...

    def bic(self, X: Any, sample_weight: Any = None) -> float: ...

    def icl(self, X: Any, sample_weight: Any = None) -> float: ...

    def predict_proba(self, X: Any) -> np.ndarray: ...

    def get_params(self, deep: bool = True) -> dict[str, Any]: ...

    def set_params(self, **parameters: Any) -> Self: ...
