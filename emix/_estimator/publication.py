"""How a fit's attributes come to its estimator: all of them, or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def publish(
    estimator: Any, attributes: dict[str, Any], then: Callable[[], None] = lambda: None
) -> None:
    """Set attributes, and do what is to be done then; None removes one of an earlier fit.

    They are set in one step: an interrupt comes before or after it, so that no attributes of two
    fits are ever found together. If what is done then fails, the estimator is as it was.
    """
    before = vars(estimator)
    after = {**before, **attributes}
    for name, value in attributes.items():
        if value is None:
            del after[name]
    try:
        estimator.__dict__ = after
        then()
    except BaseException:
        estimator.__dict__ = before
        raise
