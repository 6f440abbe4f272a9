"""Docstrings of the estimators here: parameters and attributes are those of ``emix``."""

from __future__ import annotations

import inspect
from collections.abc import Callable


def documented(local: type, summary: str, example: str) -> Callable[[type], type]:
    """The docstring of a class of ``emix``, with another summary and example."""

    def decorate(kind: type) -> type:
        parts = _parts(inspect.getdoc(local) or "")
        parts[""] = summary
        parts["Examples"] = example
        headed = (
            f"{name}\n{'-' * len(name)}\n{text}" if name else text for name, text in parts.items()
        )
        kind.__doc__ = "\n\n".join(part.strip("\n") for part in headed) + "\n"
        return kind

    return decorate


def _parts(doc: str) -> dict[str, str]:
    """Sections of a docstring by their names, the first without one."""
    lines, name = doc.splitlines(), ""
    parts: dict[str, list[str]] = {name: []}
    skip = False
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if skip:
            skip = False
        elif following and set(following) == {"-"} and len(following) == len(line):
            name, skip = line, True
            parts[name] = []
        else:
            parts[name].append(line)
    return {name: "\n".join(text) for name, text in parts.items()}
