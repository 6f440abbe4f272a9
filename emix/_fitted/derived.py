"""Fitted attributes that are computed when they are asked for."""

from __future__ import annotations

from typing import Any

import numpy as np


class OfLoadings:
    """Matrices (n_components, n_features, n_features) of a mixture whose covariances are kept by
    loadings: as many as they are, they are not kept. Other mixtures have the attribute of the same
    name as their own, which comes first."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, estimator: Any, owner: type | None = None) -> Any:
        if estimator is None:
            return self
        if "loadings_" not in vars(estimator):
            kind = type(estimator).__name__
            raise AttributeError(f"{kind!r} object has no attribute {self._name!r}")
        parameters = estimator._fitted().parameters
        general, factors = parameters.structure.general(parameters.factors)
        made = {
            "covariances_": general.form.invert,
            "precisions_": general.form.precision,
            "precisions_cholesky_": np.array,
        }
        return made[self._name](factors).astype(estimator.loadings_.dtype, copy=False)
