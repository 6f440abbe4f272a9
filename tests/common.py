"""Registers, seeded data, and a textbook EM that serves as the oracle."""

import warnings
from contextlib import contextmanager

import numpy as np
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning

from emix import GaussianMixture
from emix._fitted.base import STRUCTURES
from emix._mixture.missing import mixture_over
from emix._normal.dense import Dense
from emix._normal.diagonal import Diagonal
from emix._normal.gaussian import Params, Products, Residuals
from emix._normal.panels import Panels
from emix._normal.rounding import FLOOR
from emix._rows.blocks import Rows
from emix._rows.room import allocate

TYPES = list(STRUCTURES)
SKLEARN_TYPES = ["full", "tied", "diag", "spherical"]
STARTS = ["kmeans", "k-means++", "random", "random_from_data"]
FITTED = ["weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"]


# --- data -----------------------------------------------------------------------------------


def clusters(seed, n, d, n_components, separation=3.0):
    """Correlated normal clusters of unequal size, some overlap; (n, d)."""
    rng = np.random.RandomState(seed)
    centres = rng.normal(size=(n_components, d)) * separation
    mixing = rng.normal(size=(n_components, d, d)) * 0.4 + np.eye(d)
    shares = rng.dirichlet(np.full(n_components, 5.0))
    labels = rng.choice(n_components, size=n, p=shares)
    noise = np.einsum("nij,nj->ni", mixing[labels], rng.normal(size=(n, d)))
    return centres[labels] + noise


def two_close_normals(seed, n, share=0.25, separation=1.5):
    """Two univariate unit normals that are ``separation`` standard deviations apart; (n, 1)."""
    rng = np.random.RandomState(seed)
    first = rng.uniform(size=n) < share
    return (rng.normal(size=n) + np.where(first, 0.0, separation))[:, None]


def integer_weights(seed, n, highest=3):
    return np.random.RandomState(seed).randint(0, highest + 1, size=n)


def spd(rng, d):
    root = rng.normal(size=(d, d)) / np.sqrt(d)
    return root @ root.T + 0.3 * np.eye(d)


# --- parameters -----------------------------------------------------------------------------


def random_covariances(structure, rng, n_components, d):
    """Positive definite members of the structure, in its shape."""
    count = structure.sharing.n_matrices(n_components)
    if isinstance(structure.form, Dense):
        stack = np.array([spd(rng, d) for _ in range(count)])
    elif isinstance(structure.form, Diagonal):
        stack = rng.uniform(0.3, 2.0, size=(count, d))
    else:
        stack = rng.uniform(0.3, 2.0, size=count)
    return structure.sharing.of_equal(stack)


def factorised(structure, covariances, floor=FLOOR):
    return structure.form.factorise(np.asarray(covariances, dtype=float), floor)


def random_params(structure, seed, n_components, d):
    """Params in standard units."""
    rng = np.random.RandomState(seed)
    weights = rng.dirichlet(np.full(n_components, 3.0))
    means = rng.normal(size=(n_components, d))
    covariances = random_covariances(structure, rng, n_components, d)
    return Params(weights, means, *factorised(structure, covariances))


def dense_stack(structure, covariances, n_components, d):
    """(K, d, d) matrices of covariances in the structure's shape."""
    stack = structure.sharing.per_component(np.asarray(covariances, dtype=float), n_components)
    if isinstance(structure.form, Dense):
        return np.array(stack)
    if isinstance(structure.form, Diagonal):
        return np.array([np.diag(row) for row in stack])
    return np.array([value * np.eye(d) for value in stack])


def of_structure(structure, stack):
    """The structure's own shape for (K, d, d) matrices that are members of it."""
    stack = structure.sharing.of_equal(stack)
    if isinstance(structure.form, Dense):
        return stack
    if isinstance(structure.form, Diagonal):
        return np.diagonal(stack, axis1=-2, axis2=-1).copy()
    return stack[..., 0, 0]


def initial_values(seed, covariance_type, X, n_components):
    """weights_init, means_init and precisions_init of a plausible start."""
    structure, d = STRUCTURES[covariance_type], X.shape[1]
    rng = np.random.RandomState(seed)
    spread = X.std(axis=0)
    covariances = dense_stack(
        structure, random_covariances(structure, rng, n_components, d), n_components, d
    )
    if covariance_type.endswith("spherical"):
        covariances = covariances * (spread**2).mean()
    else:
        covariances = covariances * np.multiply.outer(spread, spread)
    return {
        "weights_init": rng.dirichlet(np.full(n_components, 5.0)),
        "means_init": X[rng.choice(len(X), n_components, replace=False)].astype(float),
        "precisions_init": of_structure(structure, np.linalg.inv(covariances)),
    }


def as_initial_values(mixture):
    """The initial values that go on from a fitted mixture."""
    return {
        "weights_init": mixture.weights_,
        "means_init": mixture.means_,
        "precisions_init": mixture.precisions_,
    }


# --- the textbook ---------------------------------------------------------------------------


def textbook_log_joint(X, weights, means, covariances, noise=0.0):
    """log pi_k + log N(x | mu_k, C_k) - noise tr(C_k⁻¹) / 2; (n, K)."""
    columns = [
        np.log(w) + multivariate_normal.logpdf(X, m, C) - 0.5 * noise * np.trace(np.linalg.inv(C))
        for w, m, C in zip(weights, means, covariances, strict=True)
    ]
    return np.column_stack([np.reshape(column, len(X)) for column in columns])


def constrained(covariance_type, scatter, weight):
    """Covariances (K, d, d) of a type from scatter matrices and the components' weights."""
    n_components, d = scatter.shape[:2]
    if covariance_type.startswith("tied"):
        stack = np.repeat(scatter.sum(axis=0)[None] / weight.sum(), n_components, axis=0)
    else:
        stack = scatter / weight[:, None, None]
    if covariance_type.endswith("diag"):
        return stack * np.eye(d)
    if covariance_type.endswith("spherical"):
        return np.trace(stack, axis1=1, axis2=2)[:, None, None] / d * np.eye(d)
    return stack


def textbook_em(X, covariance_type, weights, means, covariances, passes, weight=None, noise=0.0):
    """weights, means, covariances (K, d, d) after that many passes, and F at the last."""
    weight = np.ones(len(X)) if weight is None else weight
    for _ in range(passes):
        log_joint = textbook_log_joint(X, weights, means, covariances, noise)
        resp = np.exp(log_joint - logsumexp(log_joint, axis=1, keepdims=True)) * weight[:, None]
        total = resp.sum(axis=0)
        weights, means = total / total.sum(), resp.T @ X / total[:, None]
        y = X[:, None, :] - means
        scatter = np.einsum("nk,nki,nkj->kij", resp, y, y)
        covariances = constrained(covariance_type, scatter, total) + noise * np.eye(X.shape[1])
    value = logsumexp(textbook_log_joint(X, weights, means, covariances, noise), axis=1)
    return weights, means, covariances, np.average(value, weights=weight)


def textbook_from(X, covariance_type, initial, passes, **options):
    """textbook_em from a dict of initial values."""
    structure = STRUCTURES[covariance_type]
    n_components, d = initial["means_init"].shape
    precisions = dense_stack(structure, initial["precisions_init"], n_components, d)
    start = (initial["weights_init"], initial["means_init"], np.linalg.inv(precisions))
    return textbook_em(X, covariance_type, *start, passes, **options)


# --- fits and engine ------------------------------------------------------------------------


@contextmanager
def convergence_warnings_allowed():
    """For data whose fits warn, where a test is about something else."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


@contextmanager
def not_converged_allowed():
    """For fits that are stopped by max_iter on purpose, or from starts that leave components
    empty; other warnings stay errors."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*did not converge.*", ConvergenceWarning)
        warnings.filterwarnings("ignore", ".*empty: no row belongs.*", ConvergenceWarning)
        yield


@contextmanager
def singular_allowed():
    """For fits of data on which a covariance has to be singular."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def fitted(X, n_components=1, sample_weight=None, **parameters):
    with not_converged_allowed():
        mixture = GaussianMixture(n_components, **parameters)
        return mixture.fit(X, sample_weight=sample_weight)


def plain_passes(X, covariance_type, initial, passes, sample_weight=None, **parameters):
    """Exactly that many passes of plain EM."""
    parameters = {"acceleration": False, "tol": 0.0, "max_iter": passes, **parameters}
    return fitted(
        X,
        len(initial["weights_init"]),
        sample_weight,
        covariance_type=covariance_type,
        **initial,
        **parameters,
    )


def dense_covariances(mixture):
    structure = STRUCTURES[mixture.covariance_type]
    return dense_stack(structure, mixture.covariances_, *mixture.means_.shape)


def rows_of(X, weight=None, shift=0.0, scale=1.0, mapper=map):
    d = X.shape[1]
    return Rows(X, weight, np.full(d, float(shift)), np.full(d, float(scale)), mapper)


def model_of(X, structure, weight=None, noise=0.0, **options):
    """The engine's mixture on X as it is."""
    rows = rows_of(X, weight)
    return mixture_over(structure, rows, np.full(X.shape[1], float(noise)), **options)


def _products(model, params):
    total = (
        model.structure.form.pack(model.space.view.total)
        if not model.structure.sharing.separable
        else None
    )
    return Products(model.structure, params, model.natural(params), total)


def _panels(model, params):
    return Panels(model.structure, params, model.natural(params))


def _residuals(model, params):
    return Residuals(model.structure, params, model.space.noise)


KERNELS = {"products": _products, "panels": _panels, "residuals": _residuals}
# Every kernel with every structure that it serves.
KERNELS_BY_TYPE = [
    (kernel, name) for kernel in KERNELS for name in TYPES if kernel != "panels" or name == "full"
]


def with_kernel(model, kernel_name):
    """The same model, held to one kernel."""
    model.space.kernel = lambda params, **_: KERNELS[kernel_name](model, params)
    return model


def kernel_log_joint(model, kernel):
    """(n, K), all rows as one block."""
    buffers = allocate(kernel, model.rows.n)
    model.rows.read(0, model.rows.n, buffers.z)
    kernel.prepare(buffers)
    return (kernel.log_joint(buffers) + kernel.common(buffers)).T.copy()


def public_state(estimator):
    """A copy of all fitted attributes."""
    return {
        name: np.array(value) if isinstance(value, np.ndarray) else value
        for name, value in vars(estimator).items()
        if name.endswith("_")
    }


def assert_same_state(before, after):
    assert before.keys() == after.keys()
    for name, value in before.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(after[name], value, err_msg=name)
        else:
            assert after[name] == value, name
