"""scikit-learn."""

from __future__ import annotations

from typing import ClassVar

from .base import EstimatorPeer


class SklearnPeer(EstimatorPeer):
    """`sklearn.mixture.GaussianMixture`.

    It computes a start even when all of it is given: the cheapest kind is asked for.
    """

    name = "sklearn"
    module = "sklearn.mixture"
    install = "python -m pip install scikit-learn"
    plain: ClassVar = {"init_params": "random_from_data"}
    best: ClassVar = {"init_params": "random_from_data"}
