"""Public names as the home of what has them: pickles and messages name no module inside."""

from __future__ import annotations

from typing import Any


def publish_classes(namespace: dict[str, Any]) -> None:
    """The classes of a public module say that they are of it, wherever they are written."""
    for name in namespace["__all__"]:
        if isinstance(namespace[name], type):
            namespace[name].__module__ = namespace["__name__"]
