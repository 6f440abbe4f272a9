"""Arrays that change hands are compared with copies of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .tree import Leaf, copied, leaves


class Copies:
    """Of the arrays of a tree; other objects are the user's own."""

    def __init__(self, tree: Any, path: str):
        self._tree, self._path = tree, path
        self._before = _arrays(copied(tree), path)

    def changed(self) -> str | None:
        """Where an array is not what it was, None if all are."""
        for leaf, now in zip(self._before, _arrays(self._tree, self._path), strict=False):
            if not np.array_equal(leaf.value, now.value, equal_nan=leaf.value.dtype.kind == "f"):
                return leaf.path
        return None


def _arrays(tree: Any, path: str) -> list[Leaf]:
    return [leaf for leaf in leaves(tree, path) if isinstance(leaf.value, np.ndarray)]
