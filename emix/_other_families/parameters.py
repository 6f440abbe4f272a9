"""Constructor parameters that the mixtures of all families have, and their checks."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from types import SimpleNamespace
from typing import Any

import numpy as np

from .._input.parameters import PRINTS, STOPS, Check, Checks, at_least, by, with_data
from .._input.refusals import brief
from .._input.validation import (
    check_flag,
    check_option,
    check_real,
    check_temperature,
    check_weights_init,
)
from .._mixture.posterior import Rule, at_temperature
from ..constraints import check_kinds

# Colder or hotter than this the objective loses digits, but for 0, which is hard assignment.
_TEMPERATURES = (1e-9, 1e6)


def _check_rules(name: str, value: Any) -> tuple[Rule, ...]:
    """The rule at each temperature."""
    if not isinstance(value, Real):
        return tuple(at_temperature(each) for each in check_temperature(value))
    found = check_real(name, value)
    coldest, hottest = _TEMPERATURES
    if found and not coldest <= found <= hottest:
        raise ValueError(f"{name} must be 0, or between {coldest:g} and {hottest:g}, got {found:g}")
    return (at_temperature(found),)


def _check_fixed(name: str, value: Any) -> frozenset[str]:
    """The weights, if they stay."""
    if not isinstance(value, tuple | list | set | frozenset) or set(value) - {"weights"}:
        raise ValueError(f"{name} must be () or ('weights',), got {brief(value)}")
    return frozenset(value)


def _check_init(name: str, value: Any) -> Any:
    """A name, or what gives labels or responsibilities."""
    if value is None:
        raise ValueError(f"{name} must be 'auto', an array or a callable, got None")
    return check_option(name, value, ("auto",)) if isinstance(value, str) else value


def prior_of_kind(kind: type, named: Callable[[Any], Any] = lambda value: value) -> Check:
    """None, a prior of this class, or what ``named`` makes one of."""

    def check(name: str, value: Any) -> Any:
        found = named(value)
        if found is None or isinstance(found, kind):
            return found
        raise ValueError(
            f"{name} must be None or an emix.priors.{kind.__name__}, got {brief(value)}"
        )

    return check


FAMILY: Checks = {
    "n_components": at_least(1),
    "n_init": at_least(1),
    "init_params": _check_init,
    "weights_init": with_data,
    "warm_start": check_flag,
    "frozen": _check_fixed,
    "temperature": _check_rules,
    "constraints": by(check_kinds),
    "acceleration": check_flag,
    **STOPS,
    **PRINTS,
}


def given_weights(values: SimpleNamespace, n_components: int) -> np.ndarray | None:
    """Weights to start with."""
    if values.weights_init is not None:
        return check_weights_init(values.weights_init, n_components)
    return np.full(n_components, 1.0 / n_components) if values.frozen else None
