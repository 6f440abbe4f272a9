"""Tables of what constructor parameters may be: one check for each, run before any work.

A check gets the name and the value of a parameter and returns the value that the fit uses, or
raises an error that names the parameter. What depends on the data is checked with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from .._fit.starts import STARTS
from .refusals import brief
from .structures import STRUCTURES
from .validation import (
    check_covariance_type,
    check_flag,
    check_integer,
    check_option,
    check_real,
    check_seed,
    check_verbose,
)

Check = Callable[[str, Any], Any]
Checks = Mapping[str, Check]


def checked(estimator: Any, checks: Checks) -> SimpleNamespace:
    """The parameters that have a check, by name."""
    values = {name: check(name, getattr(estimator, name)) for name, check in checks.items()}
    return SimpleNamespace(**values)


def at_least(minimum: int) -> Check:
    """An integer."""
    return lambda name, value: check_integer(name, value, minimum)


def one_of(options: Iterable[str]) -> Check:
    return lambda name, value: check_option(name, value, options)


def covariances_of(names: Iterable[str]) -> Check:
    """One of these names, or an object of ``emix.covariances``."""
    return lambda name, value: check_covariance_type(name, value, names)


def by(check: Callable[[Any], Any]) -> Check:
    """A check that knows the parameter's name."""
    return lambda name, value: check(value)


def optional(check: Check) -> Check:
    """None, or what the check asks for."""
    return lambda name, value: None if value is None else check(name, value)


def with_data(name: str, value: Any) -> Any:
    """What can be checked with the data alone, as its shape depends on theirs."""
    return value


def check_start(name: str, value: Any) -> Any:
    """The name of a start, an array or a callable."""
    if isinstance(value, str):
        return check_option(name, value, STARTS)
    if not callable(value) and not np.ndim(value):
        raise ValueError(f"{name} must be a name, an array or a callable, got {brief(value)}")
    return value


PRINTS: Checks = {"verbose": by(check_verbose), "verbose_interval": at_least(1)}
STOPS: Checks = {"tol": check_real, "max_iter": at_least(0), "random_state": by(check_seed)}
# What the estimators that name a covariance structure have in common.
COMMON: Checks = {
    "n_components": at_least(1),
    "covariance_type": one_of(STRUCTURES),
    "reg_covar": check_real,
    "n_init": at_least(1),
    "init_params": check_start,
    "warm_start": check_flag,
    **STOPS,
    **PRINTS,
}
