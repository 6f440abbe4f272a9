"""Which kernel: the fastest that is accurate enough."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .covariances import Structure
from .gathered import Gathered
from .gaussian import Components, Natural, Params, Products, Residuals, distant
from .mixed import Mixed, part_of, part_of_natural
from .panels import Panels
from .stats import layout_of

Kernel = Products | Panels | Residuals | Mixed

# Products of so many features and more take longer than panels for one component, and per further
# component by so much less that 1 / _FEATURES more features make up for it: passes of d = 2 to 64
# and K = 2 to 100 (one thread of an AMD EPYC server, OpenBLAS).
_LEAST, _FEATURES = 6, 2
# From 36 features on panels leave out components that do not matter to a row. This is faster than
# products if at most 0.25 of the pairs of rows and components matter (measured at d = 50, K = 100).
_SCREENED, _SHARE = 36, 0.25
# Nats by which a component is less probable on average where it does not matter.
_REACH = 46.0
# For log_joint alone panels are faster from 8 features on, with at most 0.67 components a feature.
_LEAST_FOR_SCORES, _PER_FEATURE_FOR_SCORES = 8, 0.67


def choose(
    structure: Structure, params: Params, eta: Natural, noise: np.ndarray, total: np.ndarray | None
) -> Kernel:
    """For an E-step with its statistics; eta are the natural parameters about the origin of the
    units. total is None where no moments of all rows are of use: components have matrices of their
    own, or the responsibilities of a row need not add up to one."""

    are_apart = structure.is_general and _are_apart(structure, params, eta)

    def accurate(part: Params | Components, eta: Natural) -> Products | Panels:
        n_components, d = part.means.shape
        is_wide = d > _LEAST + _FEATURES * n_components
        if structure.is_general and (is_wide or are_apart):
            return Panels(structure, part, eta)
        if total is None and not structure.sharing.separable:
            return Gathered(structure, part, eta)
        return Products(structure, part, eta, total)

    return _mixed(structure, params, eta, noise, accurate)


def choose_for_scores(
    structure: Structure, components: Components, eta: Natural, noise: np.ndarray
) -> Kernel:
    """For log_joint alone."""

    def accurate(part: Components, eta: Natural) -> Products | Panels:
        n_components, d = part.means.shape
        is_wide = d >= _LEAST_FOR_SCORES and n_components <= _PER_FEATURE_FOR_SCORES * d
        if structure.is_general and is_wide:
            return Panels(structure, part, eta)
        return Products(structure, part, eta, None)

    return _mixed(structure, components, eta, noise, accurate)


def _mixed(
    structure: Structure,
    params: Params | Components,
    eta: Natural,
    noise: np.ndarray,
    accurate: Callable,
) -> Kernel:
    """``accurate`` for components whose moments about the origin do not cancel, residuals for
    others; for all components if they share a matrix."""
    far = distant(structure, params)
    if not far.any():
        return accurate(params, eta)
    if far.all() or not structure.sharing.separable:
        return Residuals(structure, params, noise)
    near = accurate(part_of(params, ~far), part_of_natural(eta, ~far))
    return Mixed(structure, params, near, far, noise)


def _are_apart(structure: Structure, params: Params, eta: Natural) -> bool:
    """Whether few components matter to a row of many features.

    On rows of component k, log_joint_l has the mean eta_l·E_k T.
    """
    means, form = params.means, structure.form
    n_components, d = means.shape
    if not _SCREENED < d <= _LEAST + _FEATURES * n_components:
        return False
    second = params.covariances + form.outer(means, means)
    layout = layout_of(structure, n_components, d)
    moments = layout.join(form.pack(second), means, np.ones(n_components))
    expected = layout.matrix(moments) @ layout.matrix(eta.vector).T
    matter = expected >= expected.diagonal()[:, None] - _REACH
    return bool(params.weights @ matter.mean(axis=1) <= _SHARE)
