"""Structures that tie the volumes, shapes and axes of components."""

import pickle
import warnings

import numpy as np
import pytest
from common import (
    clusters,
    dense_stack,
    model_of,
    not_converged_allowed,
    singular_allowed,
    textbook_log_joint,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import special_ortho_group
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning

from emix import (
    BayesianGaussianMixture,
    GaussianMixture,
    GaussianMixtureClassifier,
    HardGaussianMixture,
)
from emix._input.structures import NAMED, SAME_AS, STRUCTURES
from emix._mixture.curvature import curved
from emix._normal import variances
from emix._normal.common_axes import CommonAxes
from emix._normal.floor import Floor
from emix._normal.gaussian import Params
from emix._normal.parsimonious import PARSIMONIOUS
from emix.datasets import load_faithful

TIED = list(PARSIMONIOUS)
ALL = [*SAME_AS, *TIED]
# Those that do not stay themselves when features are scaled one by one.
ONE_UNIT = {"EII", "VII", "EVE", "VVE", "EEV", "VEV"}
K, D = 3, 4

# Log-likelihoods of mclust 6.0.0 (R 4.2.2), EM to a tolerance of 1e-15 from the rows cut into equal
# parts along their first principal component. Its VVE is not at a maximum.
MCLUST = {
    ("faithful", 2): {
        "EII": -1709.68137295, "VII": -1709.52928218, "EEI": -1157.68001234, "VEI": -1152.88019637,
        "EVI": -1153.88556822, "VVI": -1147.80635254, "EEE": -1140.18675944, "VEE": -1136.25985414,
        "EVE": -1136.91026067, "VVE": -1132.18744640, "EEV": -1139.33159866, "VEV": -1134.67920352,
        "EVV": -1135.76990394, "VVV": -1130.26396019,
    },
    ("iris", 3): {
        "EII": -401.80217579, "VII": -384.31409506, "EEI": -361.42552204, "VEI": -339.46872726,
        "EVI": -340.08558074, "VVI": -306.86046051, "EEE": -256.35404313, "VEE": -237.56016280,
        "EVE": -234.14023506, "VVE": -215.24087034, "EEV": -214.85037887, "VEV": -186.07328340,
        "EVV": -205.53588082, "VVV": -180.18547713,
    },
}  # fmt: skip
CASES = [(*case, name) for case in MCLUST for name in ALL]
DATA = {"faithful": load_faithful().data, "iris": load_iris().data}


@pytest.fixture(params=TIED)
def tied(request):
    return request.param


def along_first_axis(X, n_parts):
    """Labels of the rows cut into equal parts along their first principal component."""
    y = X - X.mean(axis=0)
    place = (y @ np.linalg.eigh(y.T @ y)[1][:, -1]).argsort().argsort()
    return place * n_parts // len(X)


def from_labels(X, name, labels, **options):
    n_components = labels.max() + 1
    mixture = GaussianMixture(
        n_components, covariance_type=name, init_params=labels, max_iter=100_000, **options
    )
    return mixture.fit(X)


def varying(seed, n=400):
    """Clusters of different size, shape and direction, (n, D)."""
    return clusters(seed, n, D, K, 3.0)


# --- members of a structure -------------------------------------------------------------------


def member(name, rng, n_components=K, d=D):
    """Random covariances (K, d, d) of a structure."""
    volume, shape, axes = name
    volumes = np.exp(rng.normal(size=1 if volume == "E" else n_components))
    shapes = rng.normal(size=(1 if shape == "E" else n_components, d))
    shapes = np.exp(shapes - shapes.mean(axis=1, keepdims=True))
    if shape == "I":
        shapes = np.ones((1, d))
    turns = np.eye(d)[None]
    if axes != "I":
        count = 1 if axes == "E" else n_components
        turns = special_ortho_group.rvs(d, size=count, random_state=rng).reshape(count, d, d)
    stack = volumes[:, None, None] * (turns * shapes[:, None, :]) @ turns.swapaxes(1, 2)
    return np.broadcast_to(stack, (n_components, d, d))


def as_stored(name, stack):
    structure = NAMED[name]
    stack = structure.sharing.of_equal(np.array(stack))
    return stack if structure.form.correlates else stack.diagonal(axis1=-2, axis2=-1).copy()


def dense(name, covariances, n_components=K):
    stack = NAMED[name].sharing.per_component(np.asarray(covariances, dtype=float), n_components)
    return np.array(stack) if stack.ndim == 3 else np.array([np.diag(row) for row in stack])


def check_membership(name, stack, rtol=1e-9):
    """Whether volumes, shapes and axes are equal where the name says so."""
    volume, shape, axes = name
    d = stack.shape[-1]
    volumes = np.exp(np.linalg.slogdet(stack)[1] / d)
    shapes = np.linalg.eigvalsh(stack / volumes[:, None, None])
    if volume == "E":
        assert_allclose(volumes, volumes[0], rtol=rtol)
    if shape == "E":
        assert_allclose(shapes, np.broadcast_to(shapes[0], shapes.shape), rtol=rtol)
    if axes == "E":
        for one in stack:
            for other in stack:
                size = np.linalg.norm(one) * np.linalg.norm(other)
                assert np.abs(one @ other - other @ one).max() < rtol * size
    if axes == "I":
        off = stack * (1.0 - np.eye(d))
        assert not off.any()


def differ(name, stack):
    """Whether what may vary does."""
    volumes = np.exp(np.linalg.slogdet(stack)[1] / stack.shape[-1])
    shapes = np.linalg.eigvalsh(stack / volumes[:, None, None])
    varies = [np.ptp(volumes) > 1e-3 * volumes.max(), np.ptp(shapes, axis=0).max() > 1e-3]
    return all(found for letter, found in zip(name[:2], varies, strict=True) if letter == "V")


def objective(stack, weight, scatter):
    """sum_k weight_k (log|C_k| + tr(C_k^-1 S_k)), which an estimate makes least."""
    fits = np.trace(np.linalg.solve(stack, scatter), axis1=1, axis2=2)
    return float(weight @ (np.linalg.slogdet(stack)[1] + fits))


def task(seed, name):
    """A model, weights and the scatter of random groups of rows, (K, D, D)."""
    rng = np.random.RandomState(seed)
    model = model_of(varying(seed), NAMED[name])
    scatter = np.array([np.cov(rng.normal(size=(9, D)) * rng.uniform(0.5, 2.0, D), rowvar=False)
                        for _ in range(K)])  # fmt: skip
    return model, rng.dirichlet(np.full(K, 4.0)), scatter


def before(name, rng):
    structure = NAMED[name]
    given = as_stored(name, member(name, rng))
    return Params(np.full(K, 1 / K), np.zeros((K, D)), *structure.form.factorise(given, 1e-12))


def estimated(model, name, weight, scatter, params):
    found = model.structure.estimate(weight, as_stored(name, scatter), params, model.space.floor)
    return dense(name, found.covariance), found


@pytest.mark.parametrize("seed", range(3))
def test_estimates_are_members_and_better_than_others(tied, seed):
    model, weight, scatter = task(seed, tied)
    rng = np.random.RandomState(seed)
    stack, found = estimated(model, tied, weight, scatter, before(tied, rng))
    check_membership(tied, stack)
    assert differ(tied, stack)
    assert not found.n_floored.any()
    best = objective(stack, weight, scatter)
    for _ in range(30):
        assert objective(member(tied, rng), weight, scatter) > best
    factors = found.factor if found.factor.ndim == 3 else np.array([*map(np.diag, found.factor)])
    assert_allclose(
        factors @ factors.swapaxes(1, 2) @ stack, np.tile(np.eye(D), (K, 1, 1)), atol=1e-9
    )


def moved(name, stack, rng, step):
    """A member near a member: S C_k Sᵀ, where S keeps the structure, and other volumes and
    shapes where these vary."""
    volume, shape, axes = name
    _, vectors = np.linalg.eigh(np.tensordot(rng.uniform(1, 2, K), stack, axes=1))
    if axes == "V":
        _, vectors = np.linalg.eigh(stack)
    if axes == "I":
        vectors = np.eye(D)
    own = np.array([np.diag(v.T @ c @ v) for v, c in
                    zip(np.broadcast_to(vectors, stack.shape), stack, strict=True)])  # fmt: skip
    volumes = rng.normal(size=(K if volume == "V" else 1, 1))
    shapes = rng.normal(size=(K if shape == "V" else 1, D))
    own = own * np.exp(step * (volumes + shapes - shapes.mean(axis=1, keepdims=True)))
    if axes != "I":
        skew = rng.normal(size=(*vectors.shape[:-2], D, D))
        half = 0.25 * step * (skew - skew.swapaxes(-1, -2))
        vectors = vectors @ np.linalg.solve(np.eye(D) - half, np.eye(D) + half)
    return (vectors * own[:, None, :]) @ np.broadcast_to(vectors, stack.shape).swapaxes(1, 2)


@pytest.mark.parametrize("step", [1e-4, 1e-2, 0.3])
def test_no_member_nearby_is_better(tied, step):
    model, weight, scatter = task(0, tied)
    rng = np.random.RandomState(1)
    stack, _ = estimated(model, tied, weight, scatter, before(tied, rng))
    best, gains = objective(stack, weight, scatter), []
    for _ in range(40):
        near = moved(tied, stack, rng, step)
        check_membership(tied, near, rtol=1e-7)
        gains.append(objective(near, weight, scatter) - best)
    assert min(gains) > -1e-13 * abs(best)
    assert max(gains) > 1e-3 * step**2  # it is a minimum, and of a function that is not flat


@pytest.mark.parametrize("seed", range(8))
def test_an_estimate_is_never_worse_than_what_was_before(tied, seed):
    model, weight, scatter = task(seed, tied)
    params = before(tied, np.random.RandomState(100 + seed))
    # also from a point that an estimate can hardly improve
    for _ in range(3):
        last = objective(dense(tied, params.covariances), weight, scatter)
        stack, found = estimated(model, tied, weight, scatter, params)
        assert objective(stack, weight, scatter) <= last + 1e-12 * abs(last)
        params = params._replace(covariances=found.covariance, factors=found.factor)


def test_a_component_without_rows_keeps_no_other_from_its_estimate(tied):
    model, weight, scatter = task(0, tied)
    rng = np.random.RandomState(0)
    stack, _ = estimated(
        model, tied, weight[:2] / weight[:2].sum(), scatter[:2], _two(before(tied, rng))
    )
    params = before(tied, rng)
    dead = np.append(weight[:2], 0.0)
    scatter = np.concatenate([scatter[:2], dense(tied, params.covariances)[2:]])
    found, _ = estimated(model, tied, dead, scatter, params)
    check_membership(tied, found)
    assert objective(found, dead, scatter) == pytest.approx(
        objective(stack[:2], dead[:2], scatter[:2])
    )


def _two(params):
    return Params(*(part[:2] for part in params))


# --- the floor --------------------------------------------------------------------------------


@pytest.mark.parametrize("flat", [[2], [0, 1, 2]])
def test_flat_scatter_stays_above_the_floor_and_in_the_structure(tied, flat):
    model, weight, scatter = task(0, tied)
    scatter[flat] = np.diag([1.0, 0.0, 0.0, 0.0])
    stack, found = estimated(model, tied, weight, scatter, before(tied, np.random.RandomState(0)))
    check_membership(tied, stack, rtol=1e-6)
    # a flat component has the variances of all where volumes and shapes are equal
    assert found.n_floored.any() == (len(flat) == K or tied != "EEV")
    assert np.isfinite(found.factor).all()
    least = model.space.floor.bound.least
    least = least if least.ndim == 2 else np.diag(least)
    excess = np.linalg.eigvalsh(stack - least)
    if tied in ONE_UNIT:  # held above the least eigenvalue of F in every direction
        excess = np.linalg.eigvalsh(stack) - np.linalg.eigvalsh(least)[0]
    assert excess.min() > -1e-9 * np.abs(stack).max()


@pytest.mark.parametrize("seed", range(4))
def test_proportions_have_the_volume_and_are_least(seed):
    """Karush-Kuhn-Tucker: s / a² = mu / a above the least variance, and not more at it."""
    rng = np.random.RandomState(seed)
    s, volume, least = np.exp(3 * rng.normal(size=(5, 6))), rng.normal(size=5), 0.05
    a, log_mu, free = variances.proportions(s, volume, least)
    assert_allclose(np.log(a).sum(axis=1), 6 * volume, atol=1e-10)
    assert a.min() >= least * (1 - 1e-12)
    multipliers = s / a / np.exp(log_mu)[:, None]
    above = a > least * (1 + 1e-9)
    assert_allclose(multipliers[above], 1.0, rtol=1e-10)
    assert multipliers.max() <= 1 + 1e-10
    assert_array_equal(above.sum(axis=1), free)
    assert above.any()
    assert not above.all()


def test_common_axes_of_two_features_are_those_of_the_best_angle():
    rng = np.random.RandomState(0)
    scatter = np.array([np.cov(rng.normal(size=(8, 2)), rowvar=False) for _ in range(4)])
    shares = rng.dirichlet(np.ones(4))
    search = CommonAxes(shares, scatter, lambda s: s)
    angles = np.linspace(0.0, np.pi / 2, 20_001)
    values = [
        search.at(np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])).value for t in angles
    ]
    found = search.best(np.eye(2))
    assert min(values) - 1e-15 < found.value + 1e-8
    assert found.value <= min(values)
    assert_allclose(found.axes.T @ found.axes, np.eye(2), atol=1e-14)


def test_matrices_with_common_axes_are_made_diagonal():
    rng = np.random.RandomState(1)
    scatter = member("VVE", rng, 6, 8)
    place = CommonAxes(np.full(6, 1 / 6), scatter, lambda s: s).best(np.eye(8))
    off = place.turned * (1.0 - np.eye(8))
    assert np.abs(off).max() < 1e-6 * np.abs(scatter).max()


def similar(rng, n_components, d, decades):
    """Covariances with axes of their own, whose variances span so many powers of ten."""
    turns = special_ortho_group.rvs(d, size=n_components, random_state=rng)
    turns = turns.reshape(n_components, d, d)
    return (turns * np.logspace(0.0, -decades, d)) @ turns.swapaxes(1, 2)


@pytest.mark.parametrize("decades", [4, 8])
def test_the_search_for_common_axes_ends_where_rounding_is_all_that_is_left(decades):
    """Not after steps that are ever shorter and gain nothing; rounding is more with small
    variances."""
    asked, lost = 0, 0.0

    def fit(s):
        nonlocal asked
        asked += 1
        return s

    for seed in range(20):
        scatter = similar(np.random.RandomState(seed), 2, 2, decades)
        search = CommonAxes(np.full(2, 0.5), scatter, fit)
        place = search.best(np.eye(2))
        asked_so_far = asked
        lost = max(lost, place.value - search.best(place.axes).value)
        asked = asked_so_far
    assert asked <= 20 * 20
    assert lost <= 1e-15 * 10.0**decades + 1e-8


def test_proportional_matrices_end_where_rounding_is_all_that_is_left(monkeypatch):
    """The least eigenvalue has errors of the size of the largest one, and volumes follow it."""
    passes, eigh = [], np.linalg.eigh

    def counted(matrix):
        passes.append(matrix)
        return eigh(matrix)

    shape = similar(np.random.RandomState(0), 1, D, 10)[0]
    scatter = np.arange(1.0, K + 1)[:, None, None] * shape
    rng = np.random.RandomState(1)
    for k in range(K):
        X = rng.multivariate_normal(np.zeros(D), scatter[k], 50, check_valid="ignore")
        scatter[k] = X.T @ X / 50
    structure = NAMED["VEE"]
    params = Params(np.full(K, 1 / K), np.zeros((K, D)), *structure.form.factorise(scatter, 1e-20))
    floor = Floor(structure.form, np.eye(D), None, share=0.0)
    monkeypatch.setattr(np.linalg, "eigh", counted)
    found = structure.estimate(np.full(K, 1 / K), scatter, params, floor)
    assert len(passes) <= 20
    check_membership("VEE", found.covariance, rtol=1e-5)


# --- fits -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("data", "n_components", "name"), CASES)
def test_log_likelihoods_are_those_of_mclust(data, n_components, name):
    X, expected = DATA[data], MCLUST[data, n_components][name]
    mixture = from_labels(X, name, along_first_axis(X, n_components), tol=1e-12)
    found = mixture.score(X) * len(X)
    if name == "VVE":
        assert found > expected + 0.05
    else:
        assert found == pytest.approx(expected, rel=1e-8)
    check_membership(name, _dense_of(mixture), rtol=1e-7) if name in TIED else None


def _dense_of(mixture):
    return dense(mixture.covariance_type, mixture.covariances_, mixture.n_components)


def test_the_maximum_of_common_axes_on_old_faithful():
    X = DATA["faithful"]
    found = from_labels(X, "VVE", along_first_axis(X, 2), tol=1e-12).score(X) * len(X)
    assert found == pytest.approx(-1132.11264246, rel=1e-9)


# Covariance parameters of K components in d features, as mclust counts them.
COUNTS = {
    "EII": lambda k, d: 1,
    "VII": lambda k, d: k,
    "EEI": lambda k, d: d,
    "VEI": lambda k, d: k + d - 1,
    "EVI": lambda k, d: 1 + k * (d - 1),
    "VVI": lambda k, d: k * d,
    "EEE": lambda k, d: d * (d + 1) // 2,
    "VEE": lambda k, d: k + d * (d + 1) // 2 - 1,
    "EVE": lambda k, d: 1 + k * (d - 1) + d * (d - 1) // 2,
    "VVE": lambda k, d: k * d + d * (d - 1) // 2,
    "EEV": lambda k, d: d + k * d * (d - 1) // 2,
    "VEV": lambda k, d: k + d - 1 + k * d * (d - 1) // 2,
    "EVV": lambda k, d: 1 + k * (d * (d + 1) // 2 - 1),
    "VVV": lambda k, d: k * d * (d + 1) // 2,
}


@pytest.mark.parametrize("name", ALL)
def test_free_parameters(name):
    for n_components, d in [(1, 1), (2, 1), (3, 4), (5, 3)]:
        assert NAMED[name].n_free(n_components, d) == COUNTS[name](n_components, d)
    X = DATA["iris"]
    mixture = GaussianMixture(3, covariance_type=name, random_state=0, frozen=("weights",)).fit(X)
    n_free = COUNTS[name](3, 4) + 3 * 4
    expected = -2 * mixture.score(X) * len(X) + n_free * np.log(len(X))
    assert mixture.bic(X) == pytest.approx(expected)
    assert_array_equal(mixture.weights_, np.full(3, 1 / 3))


@pytest.mark.parametrize("name", SAME_AS)
def test_two_names_of_a_structure_are_one_fit(name):
    X = varying(0)
    mine, other = (
        GaussianMixture(3, covariance_type=each, random_state=0).fit(X)
        for each in (name, SAME_AS[name])
    )
    assert_array_equal(mine.covariances_, other.covariances_)
    assert mine.bic(X) == other.bic(X)
    assert mine.marginal([0, 1]).covariance_type == SAME_AS[name]
    assert mine.to_sklearn().covariance_type == other.to_sklearn().covariance_type
    assert mine.reordered("weight").covariance_type == name


def test_default_fits_climb_to_a_maximum(tied):
    X = varying(1)
    mixture = GaussianMixture(3, covariance_type=tied, random_state=0).fit(X)
    assert mixture.converged_
    assert np.diff(mixture.lower_bounds_).min() >= 0.0
    check_membership(tied, _dense_of(mixture), rtol=1e-7)
    full = GaussianMixture(3, random_state=0).fit(X)
    assert mixture.score(X) < full.score(X)
    again = clone(mixture).set_params(covariance_type="EEI" if tied[2] == "I" else "EEE").fit(X)
    assert mixture.score(X) > again.score(X)


def test_winners_of_a_race_are_compared_within_the_structure():
    """The winner itself leads to -1132.8."""
    X = DATA["faithful"]
    mixture = GaussianMixture(3, covariance_type="EEV", random_state=1).fit(X)
    assert mixture.score(X) * len(X) == pytest.approx(-1126.1632, abs=1e-3)


def test_long_steps_wait_until_passes_gain_little():
    """With them from the beginning this climb ends at -1122.68, another maximum than plain EM's."""
    X = DATA["faithful"]
    labels = along_first_axis(X, 4)
    fast, plain = (
        from_labels(X, "EVE", labels, tol=1e-10, acceleration=each) for each in (True, False)
    )
    assert fast.score(X) == pytest.approx(plain.score(X), abs=1e-8)
    assert fast.n_iter_ < 0.5 * plain.n_iter_


def test_newton_steps_are_for_free_matrices(tied):
    model = model_of(varying(0, 120), NAMED[tied])
    params = before(tied, np.random.RandomState(0))
    assert curved(model, params) is None
    free = model_of(varying(0, 120), STRUCTURES["diag" if tied[2] == "I" else "full"])
    assert curved(free, params) is not None


def test_given_precisions_are_taken_into_the_structure(tied):
    X, rng = varying(2), np.random.RandomState(0)
    other = "VVI" if tied[2] == "I" else "VVV"
    precisions = np.linalg.inv(member(other, rng))
    start = GaussianMixture(
        K,
        covariance_type=tied,
        weights_init=np.full(K, 1 / K),
        means_init=X[:K],
        precisions_init=as_stored(tied, 0.5 * (precisions + precisions.swapaxes(1, 2))),
        max_iter=0,
    )
    with not_converged_allowed():
        check_membership(tied, _dense_of(start.fit(X)), rtol=1e-7)
        mixture = clone(start).set_params(max_iter=50).fit(X)
    assert np.diff(mixture.lower_bounds_).min() >= 0.0
    # what is of the structure stays as it is
    again = clone(start).set_params(precisions_init=start.precisions_)
    with not_converged_allowed():
        assert_allclose(again.fit(X).covariances_, start.covariances_, rtol=1e-9)


# --- relations --------------------------------------------------------------------------------


def same_fit(one, other, rtol=1e-6):
    assert_allclose(one.weights_, other.weights_, rtol=rtol)
    assert_allclose(one.means_, other.means_, rtol=rtol, atol=rtol)
    assert_allclose(one.covariances_, other.covariances_, rtol=rtol, atol=rtol)


def test_units_and_origin_change_nothing(tied):
    X = varying(3)
    labels = along_first_axis(X, K)
    scale = np.full(D, 1e3) if tied in ONE_UNIT else np.array([1e-3, 1.0, 10.0, 1e4])
    one = from_labels(X, tied, labels, tol=1e-12)
    other = from_labels(5.0 * scale + scale * X, tied, labels, tol=1e-12)
    assert_allclose(other.means_ / scale - 5.0, one.means_, rtol=1e-6)
    stack = _dense_of(other) / np.multiply.outer(scale, scale)
    assert_allclose(stack, _dense_of(one), rtol=1e-5, atol=1e-6)


def test_weights_count_rows(tied):
    X = varying(4, 150)
    weight = np.random.RandomState(0).randint(1, 4, size=len(X))
    labels = along_first_axis(X, K)
    options = {"covariance_type": tied, "tol": 1e-12, "max_iter": 5000}
    one = GaussianMixture(K, init_params=labels, **options).fit(X, sample_weight=weight)
    repeated = GaussianMixture(K, init_params=np.repeat(labels, weight), **options)
    same_fit(one, repeated.fit(np.repeat(X, weight, axis=0)))


def test_float32(tied):
    X = varying(5).astype(np.float32)
    labels = along_first_axis(X.astype(float), K)
    one, other = (from_labels(each, tied, labels) for each in (X, X.astype(float)))
    assert one.covariances_.dtype == np.float32
    same_fit(one, other, rtol=1e-4)


def test_values_may_be_missing(tied):
    X = varying(6)
    labels = along_first_axis(X, K)
    gaps = X.copy()
    gaps[np.random.RandomState(0).uniform(size=X.shape) < 0.1] = np.nan
    mixture = from_labels(gaps, tied, labels)
    assert np.diff(mixture.lower_bounds_).min() >= 0.0
    check_membership(tied, _dense_of(mixture), rtol=1e-7)
    assert abs(mixture.score(X) - from_labels(X, tied, labels).score(X)) < 0.1


def test_a_prior_is_climbed(tied):
    X = varying(7)
    mixture = from_labels(X, tied, along_first_axis(X, K), prior="fraley-raftery", tol=1e-10)
    assert np.diff(mixture.lower_bounds_).min() >= 0.0
    check_membership(tied, _dense_of(mixture), rtol=1e-7)
    plain = from_labels(X, tied, along_first_axis(X, K))
    assert mixture.score(X) < plain.score(X)


def test_pickles_samples_and_other_densities(tied):
    X = varying(8)
    mixture = GaussianMixture(K, covariance_type=tied, random_state=0).fit(X)
    again = pickle.loads(pickle.dumps(mixture))
    assert_array_equal(again.score_samples(X), mixture.score_samples(X))
    again.partial_fit(X[:200])
    check_membership(tied, _dense_of(again), rtol=1e-7)
    assert_allclose(mixture.to_sklearn().score_samples(X), mixture.score_samples(X))
    rows, labels = mixture.sample(20_000)
    for k in range(K):
        found = np.cov(rows[labels == k], rowvar=False)
        size = np.sqrt(np.diag(_dense_of(mixture)[k]))
        error = (found - _dense_of(mixture)[k]) / np.multiply.outer(size, size)
        assert np.abs(error).max() < 6.0 / np.sqrt((labels == k).sum())


def test_rows_on_a_plane(tied):
    X = varying(9)
    for column in (X[:, 0] - X[:, 1], np.ones(len(X))):
        rows = np.column_stack([X, column])
        with singular_allowed():
            mixture = GaussianMixture(K, covariance_type=tied, random_state=0).fit(rows)
        assert np.isfinite(mixture.score(rows))
        check_membership(tied, _dense_of(mixture), rtol=1e-5)


def test_few_rows(tied):
    X = varying(9)[:6]
    with singular_allowed():
        mixture = GaussianMixture(2, covariance_type=tied, random_state=0).fit(X)
    assert np.isfinite(mixture.score(X))
    assert np.isfinite(mixture.bic(X))


@pytest.mark.parametrize("name", ["VEI", "VVE"])
def test_one_feature(name):
    X = DATA["faithful"][:, :1]
    mixture = GaussianMixture(2, covariance_type=name, random_state=0).fit(X)
    assert mixture.score(X) == pytest.approx(GaussianMixture(2, random_state=0).fit(X).score(X))


# --- classification EM ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_clusters_of_a_structure_are_those_of_its_m_step(name):
    """Celeux & Govaert 1995, section 3."""
    X = varying(3)
    hard = HardGaussianMixture(K, covariance_type=name, random_state=0).fit(X)
    assert hard.converged_
    assert (np.diff(hard.lower_bounds_) >= 0.0).all()
    assert_array_equal(hard.labels_, hard.predict(X))
    options = {"covariance_type": name, "init_params": hard.labels_, "max_iter": 0}
    with not_converged_allowed():
        step = GaussianMixture(K, **options).fit(X)
    assert_allclose(hard.weights_, step.weights_, rtol=1e-12)
    assert_allclose(hard.covariances_, step.covariances_, rtol=1e-4, atol=1e-6)
    stack = dense_stack(NAMED[name], hard.covariances_, K, D)
    parts = hard.weights_, hard.means_, stack
    value = textbook_log_joint(X, *parts).max(axis=1).mean()
    assert hard.lower_bound_ == pytest.approx(value, rel=1e-10)


def test_an_empty_cluster_of_a_structure_gets_rows(tied):
    rng = np.random.RandomState(0)
    parts = [rng.normal(size=(100, 2)), rng.normal(size=(100, 2)) + [8.0, 0.0]]
    X = np.concatenate([*parts, 0.3 * rng.normal(size=(5, 2)) + [0.0, 15.0]])
    given = [[0.0, 0.0], [8.0, 0.0], [500.0, 500.0]]
    hard = HardGaussianMixture(3, covariance_type=tied, means_init=given).fit(X)
    assert (np.bincount(hard.labels_, minlength=3) > 0).all()


# --- refusals ---------------------------------------------------------------------------------


def test_steps_of_single_components_are_refused(tied):
    with pytest.raises(ValueError, match=f"m_step='gradient'.*{tied}.*ties them"):
        GaussianMixture(2, covariance_type=tied, m_step="gradient").fit(varying(0))


def test_structures_without_a_conjugate_prior_are_refused(tied):
    with pytest.raises(ValueError, match=f"{tied}.*no conjugate prior.*GaussianMixture"):
        BayesianGaussianMixture(2, covariance_type=tied).fit(varying(0))


def test_the_posterior_is_told_of_the_other_name():
    with pytest.raises(ValueError, match="'VVV' is called 'full' here"):
        BayesianGaussianMixture(2, covariance_type="VVV").fit(varying(0))


def test_classes_that_are_fitted_at_once_refuse_the_name(tied):
    X, y = load_iris(return_X_y=True)
    y = np.where(np.arange(len(y)) % 2, y, -1)
    with pytest.raises(ValueError, match=f"{tied}.*ties the components of one class"):
        GaussianMixtureClassifier(covariance_type=tied, unlabelled=-1).fit(X, y)


def test_names_are_checked():
    with pytest.raises(ValueError, match=r"covariance_type must be one of .*'VEI'.* got 'VEX'"):
        GaussianMixture(covariance_type="VEX").fit(varying(0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GaussianMixture(covariance_type="VEV").fit(varying(0))


def test_variances_beyond_the_digits_of_each_other_leave_densities_finite():
    wild = np.exp(8.0 * np.random.RandomState(0).normal(size=(120, 2)))
    far = np.random.RandomState(0).normal(size=(120, 3))
    far[0], far[1] = 1e100, -1e100
    for rows, name, n_components in ((far, "VEE", 1), (wild, "EVV", 4), (wild, "EVE", 4)):
        with warnings.catch_warnings(), np.errstate(divide="raise", invalid="raise"):
            warnings.simplefilter("ignore", ConvergenceWarning)
            mixture = GaussianMixture(n_components, covariance_type=name, random_state=0).fit(rows)
        assert np.isfinite(mixture.lower_bounds_).all()
