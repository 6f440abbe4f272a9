"""Checks of constructor parameters and of what is passed to fit; messages name the parameter."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence, Set
from functools import partial
from itertools import pairwise
from numbers import Integral, Real
from typing import Any, TypeGuard

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from .._normal.covariances import Structure
from .refusals import (
    brief,
    explained,
    refuse_masked,
    refuse_no_array,
    refuse_sparse,
    refuse_text,
    refuse_times,
)

_FLOATS = (np.dtype(np.float64), np.dtype(np.float32))


def check_integer(name: str, value: Any, minimum: int) -> int:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {brief(value)}")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value}")
    return int(value)


def check_real(name: str, value: Any) -> float:
    """A finite number that is not negative."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {brief(value)}")
    number = float(value)
    if not 0.0 <= number < math.inf:
        raise ValueError(f"{name} must be finite and not negative, got {value}")
    return number


def check_finite(name: str, value: Any) -> float:
    """A finite number."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {brief(value)}")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value}")
    return float(value)


def check_probability(name: str, value: Any) -> float:
    """A number strictly between 0 and 1."""
    value = check_real(name, value)
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name} must be between 0 and 1, got {value}")
    return value


def check_positive(name: str, value: Any, largest: float = 1e100) -> float:
    """A positive number, not so small or large that computations with it lose their digits."""
    number = check_real(name, value)
    if number == 0.0:
        raise ValueError(f"{name} must be positive, got {value}")
    if not 1e-100 <= number <= largest:
        raise ValueError(f"{name} must be between 1e-100 and {largest:g}, got {value}")
    return number


def check_flag(name: str, value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {brief(value)}")
    return bool(value)


def check_option(name: str, value: Any, options: Iterable[str]) -> str:
    options = list(options)
    if not isinstance(value, str) or value not in options:
        listed = ", ".join(repr(option) for option in options)
        raise ValueError(f"{name} must be one of {listed}; got {brief(value)}")
    return value


def check_covariance_type(name: str, value: Any, names: Iterable[str]) -> Any:
    """A name, or an object of ``emix.covariances``."""
    if isinstance(value, type):
        raise TypeError(f"{name} must be an object, {value.__name__}(), not its class")
    if hasattr(value, "_structure"):
        value._structure()  # refuses what it cannot be
        return value
    try:
        return check_option(name, value, names)
    except ValueError as error:
        raise ValueError(f"{error}; or an object such as emix.covariances.Factors(2)") from None


def check_rows(estimator: Any, X: Any, /, **options: Any) -> np.ndarray:
    """``validate_data``, in plain words where NumPy would misread X or say little."""
    return read_rows(X, partial(validate_data, estimator, **options))


def read_rows(X: Any, read: Callable[[Any], Any]) -> Any:
    """What ``read`` makes of X, in plain words where NumPy would misread X or say little."""
    refuse_unreadable(X)
    try:
        return read(X)
    except (TypeError, ValueError) as error:
        said = explained(X, error)
        if said is error:
            raise
        raise said from None


def refuse_unreadable(X: Any) -> None:
    """What is no table of numbers."""
    refuse_text("X", X)
    refuse_sparse("X", X)
    refuse_no_array("X", X)
    refuse_masked("X", X)
    refuse_times(X)


def is_plain(X: Any, n_features: int | None, least: int = 1) -> TypeGuard[np.ndarray]:
    """Whether X is an array of finite floats, of at least so many rows and of n_features where
    these are known, which validation would return as it is; false where it needs a closer look.
    Validation takes longer than a few rows do.
    """
    if type(X) is not np.ndarray or X.dtype not in _FLOATS or X.ndim != 2:
        return False
    n, d = X.shape
    if n < least or not d or n_features not in (None, d):
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(np.add.reduce(X, axis=None))


def check_seed(value: Any) -> np.random.RandomState:
    try:
        return check_random_state(value)
    except (ValueError, TypeError):
        raise ValueError(
            "random_state must be None, an integer from 0 to 2**32 - 1 or a RandomState instance, "
            f"got {brief(value)}"
        ) from None


PARAMETERS = ("weights", "means", "covariances")


def check_frozen(value: Any) -> frozenset[str]:
    """Names of parameters that a fit leaves alone."""
    if not isinstance(value, Sequence | Set) or isinstance(value, str):
        raise TypeError(
            f"frozen must be a tuple of parameter names, such as ('means',), got {brief(value)}"
        )
    for name in value:
        if name not in PARAMETERS:
            listed = ", ".join(repr(name) for name in PARAMETERS)
            raise ValueError(f"frozen may name {listed}; got {name!r}")
    return frozenset(value)


# Beyond these the objective loses digits to T H(q), or log_joint / T overflows.
_TEMPERATURES = (1e-9, 1e6)


def check_temperature(value: Any) -> tuple[float, ...]:
    """A positive number, or a decreasing sequence of numbers that ends at 1."""
    if isinstance(value, Real):
        temperatures: tuple[float, ...] = (check_real("temperature", value),)
    elif isinstance(value, Iterable) and not isinstance(value, str):
        temperatures = tuple(check_real("temperature", entry) for entry in value)
        falling = all(a > b for a, b in pairwise(temperatures))
        if not temperatures or temperatures[-1] != 1.0 or not falling:
            raise ValueError(
                f"temperature must be a number or decrease to 1.0 at its end, got {brief(value)}"
            )
    else:
        raise TypeError(
            f"temperature must be a number or a sequence of numbers, got {brief(value)}"
        )
    coldest, hottest = _TEMPERATURES
    if temperatures[-1] < coldest or temperatures[0] > hottest:
        raise ValueError(
            f"temperature must be between {coldest:g} and {hottest:g}, got {brief(value)}; for 0 "
            "use HardGaussianMixture"
        )
    return temperatures


def check_variances(value: Any) -> np.ndarray:
    """Positive, finite and falling."""
    variances = _as_float("variances", value, np.float64)
    if variances.ndim != 1 or not variances.size:
        raise ValueError(f"variances must be a sequence of numbers, got {brief(value)}")
    if not (np.isfinite(variances).all() and variances.min() > 0.0):
        raise ValueError(f"variances must be positive and finite, got {brief(value)}")
    if not (np.diff(variances) < 0.0).all():
        raise ValueError(f"variances must fall, got {brief(value)}")
    return variances


def check_exponent(name: str, value: Any) -> float:
    """Of the step size (offset + t) ** -exponent of online EM."""
    exponent = check_real(name, value)
    if not 0.5 < exponent <= 1.0:
        raise ValueError(f"{name} must be greater than 0.5 and at most 1, got {exponent}")
    return exponent


def check_verbose(value: Any) -> int:
    if isinstance(value, (bool, np.bool_)):
        return int(value)
    return check_integer("verbose", value, 0)


def check_sample_weight(sample_weight: Any, n_samples: int) -> np.ndarray | None:
    """(n_samples,) float64, finite, not negative, not all zero; None for equal weights."""
    if sample_weight is None:
        return None
    weight = _as_float("sample_weight", sample_weight, np.float64)
    if weight.ndim == 0:
        weight = np.full(n_samples, float(weight))
    if weight.shape != (n_samples,):
        raise ValueError(
            f"sample_weight must have one entry per row, shape ({n_samples},), got {weight.shape}"
        )
    if not np.isfinite(weight).all():
        row = int(np.argmin(np.isfinite(weight)))
        raise ValueError(
            f"sample_weight contains NaN or infinity, {weight[row]:g} in row {row}: give such rows "
            "the weight 0, or leave them out"
        )
    if weight.min() < 0.0:
        row = int(np.argmin(weight))
        raise ValueError(
            f"sample_weight must not be negative, got {weight[row]:g} in row {row}: a row of "
            "weight 0 is left out"
        )
    if not weight.max() > 0.0:
        raise ValueError("sample_weight must not be all zero")
    with np.errstate(over="ignore"):
        total = weight.sum()
    if not np.isfinite(total):
        raise ValueError("the sum of sample_weight overflows; scale the weights down")
    return weight


def _as_float(name: str, value: Any, dtype: type) -> np.ndarray:
    refuse_masked(name, value)
    refuse_no_array(name, value)
    try:
        array = np.asarray(value)
        if array.dtype.kind != "c":
            return array.astype(dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of numbers: {error}") from None
    raise ValueError(f"{name} must be an array of real numbers: Complex data not supported")


def _initial(
    parameter: str,
    short: str,
    value: Any,
    shape: tuple[int, ...],
    axes: str = "that of covariances_",
) -> np.ndarray:
    array = _as_float(parameter, value, np.float64)
    if array.shape != shape:
        raise ValueError(
            f"{parameter}: The parameter '{short}' should have the shape of {shape}, "
            f"but got {array.shape}; its shape is {axes}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{parameter} contains NaN or infinity")
    return array


def check_array_of(name: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """A finite array of this shape."""
    array = _as_float(name, value, np.float64)
    if array.shape != shape:
        raise ValueError(f"{name} must have the shape {shape}, got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} contains NaN or infinity")
    return array


def check_labels(value: Any, n_samples: int, n_components: int) -> np.ndarray:
    """(n_samples,) integers from -1, for unknown, to n_components - 1."""
    refuse_masked("labels", value)
    labels = np.asarray(value)
    if labels.shape != (n_samples,):
        raise ValueError(
            f"labels must have one entry per row, shape ({n_samples},), got {labels.shape}"
        )
    wanted = (
        f"labels must be integers from 0 to n_components - 1 = {n_components - 1}, or -1 for rows "
        "whose component is unknown"
    )
    if labels.dtype.kind not in "iu":
        raise ValueError(f"{wanted}; got {brief(labels[0].item())} of type {labels.dtype}")
    outside = np.flatnonzero((labels < -1) | (labels >= n_components))
    if outside.size:
        raise ValueError(f"{wanted}; got {labels[outside[0]]} in row {outside[0]}")
    return labels


def warn_of_labels(y: Any, labels: Any, n_components: Any) -> None:
    """Of a y, which is not read, that looks like labels where -1 says unknown; classes -1 and 1
    do not."""
    if labels is not None or y is None:
        return
    try:
        given = np.asarray(y)
    except ValueError:
        return
    if given.dtype.kind != "i" or given.ndim != 1 or not isinstance(n_components, Integral):
        return
    found = set(np.unique(given).tolist())
    if -1 in found and found != {-1, 1} and max(found) < n_components:
        warnings.warn(
            "y is not used. It looks like labels with -1 for unknown components: to use them, "
            "pass labels=y",
            UserWarning,
            stacklevel=3,
        )


def check_weights_init(value: Any, n_components: int) -> np.ndarray:
    weights = _initial("weights_init", "weights", value, (n_components,), "(n_components,)")
    if (weights < 0.0).any() or (weights > 1.0).any():
        raise ValueError(
            "weights_init: The parameter 'weights' should be in the range [0, 1], but got "
            f"max value {weights.max():.5f}, min value {weights.min():.5f}"
        )
    tolerance = 1e-6 if getattr(value, "dtype", None) == np.float32 else 1e-8
    if abs(weights.sum() - 1.0) > tolerance:
        raise ValueError(
            "weights_init: The parameter 'weights' should be normalized, but got "
            f"sum(weights) = {weights.sum():.5f}; divide them by their sum"
        )
    return weights / weights.sum()


def check_means_init(value: Any, n_components: int, n_features: int) -> np.ndarray:
    shape = (n_components, n_features)
    return _initial("means_init", "means", value, shape, "(n_components, n_features)")


def check_precisions_init(
    value: Any, name: str, structure: Structure, n_components: int, n_features: int
) -> np.ndarray:
    """Precisions in the structure's shape: symmetric positive definite, or positive."""
    shape = structure.shape(n_components, n_features)
    precisions = _initial("precisions_init", f"{name} precision", value, shape)
    return _definite("precisions_init", f"{name} precision", precisions, structure)


def _definite(parameter: str, short: str, stack: np.ndarray, structure: Structure) -> np.ndarray:
    if not structure.form.is_positive(stack):
        raise ValueError(f"{parameter}: '{short}' should be {structure.form.positive}")
    return stack


def check_mean_prior(value: Any, n_features: int) -> np.ndarray:
    return _initial("mean_prior", "means", value, (n_features,))


def check_covariance_prior(
    value: Any, name: str, structure: Structure, n_features: int
) -> np.ndarray:
    """One member of the structure's form: symmetric positive definite, or positive."""
    shape = structure.form.shape(n_features)
    covariance = _initial("covariance_prior", f"{name} covariance_prior", value, shape)
    return _definite("covariance_prior", f"{name} covariance_prior", covariance, structure)


def check_assignment(value: Any, n_samples: int, n_components: int) -> np.ndarray:
    """Labels (n_samples,) or responsibilities (n_samples, n_components) to start from."""
    refuse_masked("init_params", value)
    array = np.asarray(value)
    if array.shape == (n_samples,):
        if array.dtype.kind not in "iu" or array.min() < 0 or array.max() >= n_components:
            raise ValueError(
                "init_params: labels must be integers from 0 to n_components - 1 = "
                f"{n_components - 1}, got {array.dtype} from {array.min()} to {array.max()}"
            )
        missing = np.setdiff1d(np.arange(n_components), array)
        if missing.size:
            raise ValueError(f"init_params: no row has label {missing[0]}; use every label")
        return array
    if array.shape != (n_samples, n_components):
        raise ValueError(
            f"init_params must give labels of shape ({n_samples},) or responsibilities of shape "
            f"({n_samples}, {n_components}), got shape {array.shape}"
        )
    resp = _as_float("init_params", array, np.float64)
    if not np.isfinite(resp).all() or resp.min() < 0.0:
        raise ValueError("init_params: responsibilities must be finite and not negative")
    if np.abs(resp.sum(axis=1) - 1.0).max() > 1e-6:
        raise ValueError("init_params: every row of the responsibilities must add up to one")
    if not (resp.sum(axis=0) > 0.0).all():
        raise ValueError("init_params: every component needs some responsibility")
    return resp


def check_covariances(
    value: Any, structure: Structure, n_components: int, n_features: int
) -> np.ndarray:
    """Covariances in the structure's shape; whether they are definite, factorising tells."""
    shape = structure.shape(n_components, n_features)
    covariances = _initial("covariances", "covariances", value, shape)
    if len(structure.form.shape(n_features)) == 2:
        size = np.sqrt(np.abs(covariances.diagonal(axis1=-2, axis2=-1)))
        uneven = np.abs(covariances - covariances.swapaxes(-1, -2))
        if (uneven > 1e-8 * size[..., :, None] * size[..., None, :]).any():
            raise ValueError("covariances must be symmetric matrices; take (C + C.T) / 2")
        covariances = 0.5 * (covariances + covariances.swapaxes(-1, -2))
    return covariances
