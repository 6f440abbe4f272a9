"""emix."""

from __future__ import annotations

from typing import ClassVar

from .base import EstimatorPeer


class EmixPeer(EstimatorPeer):
    """`emix.GaussianMixture`: plain passes without acceleration, the maximum with it."""

    name = "emix"
    module = "emix"
    install = "python -m pip install -e .   (in the root of the repository)"
    plain: ClassVar = {"acceleration": False}
