"""Parameters as trees: numbers and arrays in tuples, lists, dicts and dataclasses.

A leaf has a path, as a user would write it (``params["rates"]``), and a value.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from numbers import Real
from typing import Any, NamedTuple

import numpy as np


class Leaf(NamedTuple):
    """path, and the value there, which is no container."""

    path: str
    value: Any


def leaves(tree: Any, path: str = "params") -> Iterator[Leaf]:
    """All leaves, in order."""
    children = _children(tree)
    if children is None:
        yield Leaf(path, tree)
        return
    for label, child in children:
        yield from leaves(child, path + label)


def mapped(tree: Any, change: Callable[[Any], Any]) -> Any:
    """A tree of the same containers whose leaves are change(leaf); no container is shared."""
    children = _children(tree)
    if children is None:
        return change(tree)
    return _rebuilt(tree, [mapped(child, change) for _, child in children])


def _children(tree: Any) -> list[tuple[str, Any]] | None:
    """Labels and contents of a container; None of a leaf."""
    if isinstance(tree, dict):
        return [(f"[{key!r}]", value) for key, value in tree.items()]
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return [(f".{name}", value) for name, value in zip(tree._fields, tree, strict=True)]
    if isinstance(tree, (tuple, list)):
        return [(f"[{i}]", value) for i, value in enumerate(tree)]
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        return [(f".{name}", getattr(tree, name)) for name in _fields(tree)]
    return None


def _rebuilt(tree: Any, contents: list[Any]) -> Any:
    if isinstance(tree, dict):
        pairs = dict(zip(tree, contents, strict=True))
        return type(tree)(**pairs) if all(isinstance(key, str) for key in pairs) else pairs
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*contents)
    if isinstance(tree, (tuple, list)):
        return type(tree)(contents)
    return dataclasses.replace(tree, **dict(zip(_fields(tree), contents, strict=True)))


def _fields(tree: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(tree) if field.init]


def is_constant(value: Any) -> bool:
    """Leaves that are carried along, and are no parameters."""
    return value is None or isinstance(value, (str, bool, np.bool_))


def is_numeric(value: Any) -> bool:
    """Real numbers and arrays of them."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fiu" and not isinstance(value, np.ma.MaskedArray)
    return isinstance(value, Real) and not is_constant(value)


def numbers(tree: Any, path: str = "params", kind: str = "parameters") -> list[Leaf]:
    """The leaves that are numbers or arrays of numbers, with float values.

    TypeError if a leaf is neither this nor a constant.
    """
    found = []
    for leaf in leaves(tree, path):
        if is_numeric(leaf.value):
            found.append(Leaf(leaf.path, np.asarray(leaf.value, dtype=np.float64)))
        elif not is_constant(leaf.value):
            raise TypeError(
                f"{leaf.path} is {_described(leaf.value)}; {kind} are numbers and arrays of "
                "real numbers, in tuples, lists, dicts and dataclasses"
            )
    return found


def _described(value: Any) -> str:
    if isinstance(value, np.ma.MaskedArray):
        return "a masked array"
    kind = type(value).__name__
    return f"an array of {value.dtype}" if isinstance(value, np.ndarray) else f"of type {kind}"


def vector_of(found: list[Leaf]) -> np.ndarray:
    """All numbers, (size,)."""
    return np.concatenate([np.zeros(0), *[np.ravel(leaf.value) for leaf in found]])


def with_numbers(tree: Any, vector: np.ndarray) -> Any:
    """The tree with the numbers of a vector in place of its own, in their types: integers become
    floats."""
    position = 0

    def change(value: Any) -> Any:
        nonlocal position
        if not is_numeric(value):
            return value
        start, position = position, position + np.size(value)
        part = vector[start:position]
        if not isinstance(value, np.ndarray):
            return float(part[0])
        dtype = value.dtype if value.dtype.kind == "f" else np.float64
        return part.reshape(value.shape).astype(dtype)

    return mapped(tree, change)


def copied(tree: Any) -> Any:
    """The tree with copies of its arrays."""
    return mapped(tree, lambda value: value.copy() if isinstance(value, np.ndarray) else value)


def entry(found: list[Leaf], index: int) -> str:
    """Where number ``index`` of the vector is in the tree: ``params["rates"][1]``."""
    for path, value in found:
        if index < value.size:
            place = ", ".join(map(str, np.unravel_index(index, value.shape)))
            return f"{path}[{place}]" if place else path
        index -= value.size
    raise IndexError(index)
