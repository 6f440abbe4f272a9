"""Covariance structures by the names that constructors take."""

from __future__ import annotations

from typing import Any

from .._normal.covariances import (
    DIAG,
    FULL,
    SPHERICAL,
    TIED,
    TIED_DIAG,
    TIED_SPHERICAL,
    Structure,
)
from .._normal.parsimonious import PARSIMONIOUS

STRUCTURES: dict[str, Structure] = {
    "full": FULL,
    "tied": TIED,
    "diag": DIAG,
    "spherical": SPHERICAL,
    "tied_diag": TIED_DIAG,
    "tied_spherical": TIED_SPHERICAL,
}

# What mclust calls them: volume, shape and axes are equal (E) or vary (V); I for spheres, or for
# the axes of the features.
SAME_AS = {
    "EII": "tied_spherical",
    "VII": "spherical",
    "EEI": "tied_diag",
    "VVI": "diag",
    "EEE": "tied",
    "VVV": "full",
}
NAMED: dict[str, Structure] = {
    **STRUCTURES,
    **{name: STRUCTURES[other] for name, other in SAME_AS.items()},
    **PARSIMONIOUS,
}

# In mclust's order: by volume, shape and axes.
MCLUST: tuple[str, ...] = (
    *("EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE"),
    *("VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV"),
)


def structure_of(covariance_type: Any) -> Structure:
    """Of a name, or of an object that describes one."""
    describe = getattr(covariance_type, "_structure", None)
    return NAMED[covariance_type] if describe is None else describe()


def name_of(structure: Structure) -> str:
    """The name in ``STRUCTURES``."""
    return next(name for name, known in STRUCTURES.items() if known is structure)
