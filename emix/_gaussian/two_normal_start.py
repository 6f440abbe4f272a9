"""A start of two normals that the user gives."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from .._fit.problem import Given
from .._input.parameters import Checks, optional
from .._input.validation import check_array_of, check_positive, check_weights_init
from .._normal.covariances import DIAG, TIED_DIAG, Structure


def structure_of(equal_variance: bool) -> Structure:
    return TIED_DIAG if equal_variance else DIAG


def _check_two(name: str, value: Any) -> np.ndarray:
    """Two numbers, one for each component."""
    return check_array_of(name, value, (2,))


def _check_scales(name: str, value: Any) -> np.ndarray:
    """Two positive numbers."""
    return np.array([check_positive(name, float(scale)) for scale in _check_two(name, value)])


def _check_weights(name: str, value: Any) -> np.ndarray:
    return check_weights_init(value, 2)


# Parameters that say where to start.
START: Checks = {
    "weights_init": optional(_check_weights),
    "means_init": optional(_check_two),
    "scales_init": optional(_check_scales),
}


def given_start(values: SimpleNamespace) -> Given:
    """The user's start, with equal weights where none are given."""
    weights, means, scales = values.weights_init, values.means_init, values.scales_init
    if means is None:
        for name, value in {"weights_init": weights, "scales_init": scales}.items():
            if value is not None:
                raise ValueError(
                    f"{name} is part of a start that has no means: set means_init, too, or set "
                    f"{name}=None, and all starts are searched"
                )
        return Given()
    if scales is None:
        factors = None
    elif values.equal_variance and scales[0] != scales[1]:
        raise ValueError(
            "equal_variance=True has one scale: both numbers of scales_init must be equal, got "
            f"{scales[0]:g} and {scales[1]:g}"
        )
    else:
        structure = structure_of(values.equal_variance)
        factors = (1.0 / scales)[: structure.sharing.n_matrices(2)].reshape(structure.shape(2, 1))
    weights = np.full(2, 0.5) if weights is None else weights
    return Given(weights, means[:, None], factors)
