"""Covariance structures by the names that constructors take."""

from __future__ import annotations

from ._normal.covariances import (
    DIAG,
    FULL,
    SPHERICAL,
    TIED,
    TIED_DIAG,
    TIED_SPHERICAL,
    Structure,
)

STRUCTURES: dict[str, Structure] = {
    "full": FULL,
    "tied": TIED,
    "diag": DIAG,
    "spherical": SPHERICAL,
    "tied_diag": TIED_DIAG,
    "tied_spherical": TIED_SPHERICAL,
}


def name_of(structure: Structure) -> str:
    """The name in ``STRUCTURES``."""
    return next(name for name, known in STRUCTURES.items() if known is structure)
