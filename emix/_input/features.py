"""Features by index or by name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def feature_indices(features: object, d: int, names: Sequence[str] = ()) -> np.ndarray:
    """Indices of features, (m,), each once; negative ones count from the end."""
    single = isinstance(features, str) or np.ndim(features) == 0
    listed = [features] if single else list(features)  # type: ignore[call-overload]
    found = [_index(feature, d, list(names)) for feature in listed]
    if not found or len(set(found)) < len(found):
        raise ValueError(f"features must name at least one feature, each once; got {features!r}")
    return np.array(found)


def _index(feature: object, d: int, names: list[str]) -> int:
    if isinstance(feature, str):
        if feature not in names:
            known = ", ".join(map(repr, names)) or "none: X had no names"
            raise ValueError(f"features: there is no {feature!r}; names are {known}")
        return names.index(feature)
    if not isinstance(feature, (int, np.integer)) or isinstance(feature, bool):
        raise TypeError(f"features must be indices or names, got {feature!r}")
    if not -d <= feature < d:
        raise ValueError(f"features: index {feature} is out of range for {d} features")
    return int(feature) % d
