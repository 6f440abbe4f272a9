"""What is wrong with a model, in words."""

from __future__ import annotations

import math
from typing import Any

# A fall by more than this (part of the log-likelihood; and nats) is no rounding error of any sum,
# but a fault of the model: a million terms added one by one were off by 5e-14.
_FAULT, _FAULT_NATS = 1e-11, 1e-9


class ModelError(ValueError):
    """A model that is not an EM: what is wrong, in which half-step, and where.

    Attributes
    ----------
    half_step : str
        ``"e_step"``, ``"m_step"``, ``"pass"`` where it is one of the two, or the method that is at
        fault.

    n_iter : int
        Passes that were made before.

    params : object
        Parameters at which it happened.

    Examples
    --------
    >>> from emix.em import ModelError, climb
    >>> class Falling:
    ...     def e_step(self, t):
    ...         return t, -t
    ...     def m_step(self, t):
    ...         return 2.0 * t
    >>> try:
    ...     climb(Falling(), 1.0)
    ... except ModelError as error:
    ...     print(error.half_step, error.n_iter, error.params)
    pass 1 2.0
    """

    def __init__(
        self, message: str, *, half_step: str = "", n_iter: int = 0, params: Any = None
    ) -> None:
        super().__init__(message)
        self.half_step, self.n_iter, self.params = half_step, n_iter, params


def at_fault(value: float) -> float:
    """A fall of an objective by more than this is no rounding error."""
    return _FAULT * abs(value) + _FAULT_NATS if math.isfinite(value) else math.inf


def difference(before: list, after: list) -> str:
    """The first leaf that is not what it was."""
    known, now = dict(before), dict(after)
    for path, shape in before:
        if path not in now:
            return f"{path} is missing, or no number"
        if now[path] != shape:
            return f"{path} has the shape {now[path]}, not {shape}"
    added = [path for path, _ in after if path not in known]
    return f"{added[0]} is new" if added else "their order changed"


def shown(params: Any) -> str:
    text = repr(params).replace("\n", " ")
    return text if len(text) <= 200 else text[:200] + "..."


def check_methods(model: Any) -> None:
    """TypeError where a model lacks what it needs."""
    for name, use in (
        ("e_step", "e_step(params) -> (statistics, log_likelihood)"),
        ("m_step", "m_step(statistics) -> params"),
    ):
        if not callable(getattr(model, name, None)):
            raise TypeError(f"model has no method {name}; a model needs {use}")
    pair = [callable(getattr(model, name, None)) for name in ("constrain", "unconstrain")]
    if any(pair) and not all(pair):
        missing = "unconstrain" if pair[0] else "constrain"
        raise TypeError(f"model has no method {missing}: constrain and unconstrain go together")
