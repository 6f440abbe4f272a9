"""A register of all mixtures: what holds for each of them is tested over it."""

import numpy as np
from common import TYPES, clusters
from families import FAMILIES
from sklearn.base import clone

from emix import (
    BayesianGaussianMixture,
    GaussianMixture,
    HardGaussianMixture,
    TwoNormalMixture,
)
from emix.constraints import Proportions
from emix.covariances import Factors

X = clusters(0, 160, 2, 2, 2.0)
GAPPED = np.where(np.random.RandomState(1).uniform(size=X.shape) < 0.15, np.nan, X)
GAPPED = GAPPED[~np.isnan(GAPPED).all(axis=1)]
SETTINGS = {
    "prior": {"prior": "fraley-raftery"},
    "proportions": {"constraints": (Proportions(),)},
    "weights frozen": {"frozen": ("weights",)},
    "annealed": {"temperature": (2.0, 1.0)},
    "warmer": {"temperature": 1.5},
    "noise": {"reg_covar": 0.1},
    "conditional": {"m_step": "conditional"},
    "random starts": {"init_params": "random_from_data", "n_init": 2},
}


def _normals():
    """name -> (estimator, rows)"""
    for name in TYPES:
        given = {"covariance_type": name, "random_state": 0}
        yield f"mixture, {name}", (GaussianMixture(2, **given), X)
        yield f"hard, {name}", (HardGaussianMixture(2, **given), X)
        yield f"mixture, {name}, gaps", (GaussianMixture(2, **given), GAPPED)
        for prior in ("dirichlet_process", "dirichlet_distribution"):
            bayesian = BayesianGaussianMixture(2, weight_concentration_prior_type=prior, **given)
            yield f"{prior}, {name}", (bayesian, X)
    for noise in ("diag", "tied_spherical"):
        factors = GaussianMixture(2, covariance_type=Factors(1, noise=noise), random_state=0)
        yield f"mixture, factors, {noise}", (factors, X)
    for name, given in SETTINGS.items():
        yield name, (GaussianMixture(2, random_state=0, **given), X)
    for kind in (HardGaussianMixture, BayesianGaussianMixture):
        yield f"{kind.__name__}, gaps", (kind(2, random_state=0), GAPPED)
    for flag in (False, True):
        yield f"two normals, equal: {flag}", (TwoNormalMixture(equal_variance=flag), X[:, [0]])


NORMALS = dict(_normals())
MIXTURES = {**NORMALS, **{name: (made, rows) for name, (made, rows, _) in FAMILIES.items()}}


def made(name):
    """An estimator that is not fitted yet, and rows."""
    estimator, rows = MIXTURES[name]
    return clone(estimator), rows


# Of rows, of a climb, or of the input; not of the mixture.
_OTHERS = {"labels_", "history_", "lower_bounds_", "n_iter_", "local_maxima_", "n_collapsed_"}
_OTHERS |= {"starts_", "converged_", "stop_reason_", "remaining_gain_", "singular_components_"}
_OTHERS |= {"n_features_in_", "feature_names_in_", "standard_errors_", "categories_"}


def parameters(estimator):
    """Numbers that describe the fitted mixture, by name."""
    found = {}
    for name, value in vars(estimator).items():
        if name.endswith("_") and name not in _OTHERS:
            parts = value if isinstance(value, list | tuple) else [value]
            found |= {f"{name}[{i}]": np.asarray(part) for i, part in enumerate(parts)}
    return found


def assert_same_mixture(one, other, rtol=1e-6):
    one, other = parameters(one), parameters(other)
    assert one.keys() == other.keys()
    assert len(one) >= 3
    for name, value in one.items():
        atol = rtol * (1e-3 + np.abs(value).max())
        np.testing.assert_allclose(other[name], value, rtol=rtol, atol=atol, err_msg=name)
