"""Newton's steps in EM's metric: the curvature is the objective's, and steps keep their radius."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from common import (
    STRUCTURES,
    as_initial_values,
    clusters,
    convergence_warnings_allowed,
    fitted,
    integer_weights,
    model_of,
    random_params,
)
from numpy.testing import assert_allclose
from scipy.special import softmax

from emix import GaussianMixture
from emix._em import either
from emix._em.ascent import Ascent
from emix._em.either import NewtonOrQuasi
from emix._em.newton import Newton
from emix._em.plain import Plain
from emix._mixture.curvature import Curvature, CurvedMixture, curved, patience
from emix._mixture.posterior import hard
from emix._normal.covariances import DIAG, FULL, SPHERICAL
from emix.constraints import Proportions
from emix.priors import ConjugatePrior

N, D, K = 400, 2, 3


def features(structure, z):
    """(products, z, 1) of the columns of z."""
    products = np.empty((structure.form.n_products(len(z)), z.shape[1]))
    structure.form.fill_products(z, products)
    return np.concatenate([products, z, np.ones((1, z.shape[1]))])


@pytest.mark.parametrize("structure", [FULL, DIAG, SPHERICAL])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_functions_are_orthonormal(structure, d):
    """By Gauss-Hermite quadrature, which is exact for polynomials of this degree."""
    params = random_params(structure, 0, 2, d)
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    grid = np.array(np.meshgrid(*[nodes] * d)).reshape(d, -1)
    mass = np.array(np.meshgrid(*[weights / weights.sum()] * d)).reshape(d, -1).prod(axis=0)
    basis = structure.form.orthonormal(params.factors, params.means)
    for factor, mean, own in zip(params.factors, params.means, basis, strict=True):
        z = mean[:, None] + structure.form.unwhiten(factor, grid.T).T
        found = own @ features(structure, z)
        assert_allclose((found * mass) @ found.T, np.eye(len(own)), atol=1e-10)


@pytest.mark.parametrize("weighted", [False, True])
def test_overlaps_are_sums_over_rows(covariance_type, weighted):
    structure, X = STRUCTURES[covariance_type], clusters(0, N, D, K, 1.0)
    weight = np.random.RandomState(0).uniform(size=N) if weighted else None
    plain = model_of(X, structure, weight)
    params = random_params(structure, 1, K, D)
    stats = CurvedMixture(plain).e_step(params)
    assert_allclose(stats.vector, plain.e_step(params).vector, rtol=1e-12, atol=1e-14)

    z = ((X - plain.rows.shift) / plain.rows.scale).T
    log_joint = np.concatenate(seen(plain, params), axis=1)
    resp = softmax(log_joint, axis=0)
    share = np.full(N, 1.0 / N) if weight is None else weight / weight.sum()
    T = features(structure, z)[-stats.layout.width :]
    one, other = np.triu_indices(K, 1)
    expected = np.einsum("pn,an,bn->pab", resp[one] * resp[other] * share, T, T)
    width = len(T)
    assert_allclose(stats.overlaps[:, :width], expected[:, :, -1], rtol=1e-10, atol=1e-13)
    a, b = np.triu_indices(width - 1)
    assert_allclose(stats.overlaps[:, width:], expected[:, a, b], rtol=1e-10, atol=1e-13)


def seen(model, params):
    found = []
    model.space.each(params, lambda at, log_joint, common: found.append(log_joint + common))
    return found


@pytest.mark.parametrize("weighted", [False, True])
def test_a_newton_step_from_near_the_maximum_ends_there(covariance_type, weighted):
    """The decrement is what is missing, and the step leaves next to nothing of it; EM's step from
    the same point leaves most."""
    structure, X = STRUCTURES[covariance_type], clusters(8, N, D, 2, 1.2)
    weight = integer_weights(0, N).astype(float) + 1.0 if weighted else None
    model = CurvedMixture(model_of(X, structure, weight))
    top = Ascent(model, random_params(structure, 1, 2, D), Newton(model))
    top = top.run(tol=1e-14, max_iter=2000)
    assert top.converged
    away = 0.02 * np.random.RandomState(0).normal(size=(2, D))
    params = top.params._replace(means=top.params.means + away)
    stats = model.e_step(params)
    curvature = model.curvature(params, stats)
    step = np.linalg.solve(np.eye(len(curvature.gradient)) - curvature.missing, curvature.gradient)
    missing = top.objective - stats.value
    assert missing > 1e-5
    assert_allclose(0.5 * step @ curvature.gradient, missing, rtol=0.1)
    after = model.e_step(model.m_step(curvature.statistics(step), params)).value
    assert top.objective - after < 0.02 * missing
    plain = model.e_step(model.m_step(stats, params)).value
    assert top.objective - plain > 5.0 * (top.objective - after)


def test_em_s_step_is_the_gradient(covariance_type):
    """The statistics after the step d = gradient, less what curvature adds, are EM's: a step d of
    zero leads to the expected statistics themselves."""
    structure = STRUCTURES[covariance_type]
    model = CurvedMixture(model_of(clusters(0, N, D, K, 1.0), structure))
    params = random_params(structure, 1, K, D)
    stats = model.e_step(params)
    curvature = model.curvature(params, stats)
    nowhere = curvature.statistics(np.zeros(len(curvature.gradient)))
    assert_allclose(nowhere.vector, stats.vector, rtol=1e-15)
    # at the M-step of the statistics of its own density the gradient vanishes
    at_rest = stats.at(model_statistics(structure, params, stats))
    at_rest.overlaps = stats.overlaps
    assert_allclose(Curvature(structure, params, at_rest).gradient, 0.0, atol=1e-12)


def model_statistics(structure, params, stats):
    """Statistics that the mixture itself expects about the origin: its M-step is where it is."""
    form, (n_components, d) = structure.form, params.means.shape
    scale = d if structure is SPHERICAL or structure is STRUCTURES["tied_spherical"] else 1.0
    own = structure.sharing.per_component(params.covariances, n_components) * scale
    second = own + form.outer(params.means, params.means)
    second = structure.sharing.weighted(params.weights, second)
    first = params.weights[:, None] * params.means
    origin = np.zeros_like(params.means)
    return type(stats).of(structure, params.weights, first, second, origin, 0.0).vector


def quadratic(values, gradient, seed=0):
    """A curvature with these eigenvalues of the information, and the gradient along them."""
    turn = np.linalg.qr(np.random.RandomState(seed).normal(size=(len(values),) * 2))[0]
    return SimpleNamespace(
        gradient=turn @ gradient,
        missing=np.eye(len(values)) - turn @ np.diag(values) @ turn.T,
        statistics=lambda step: step,
    )


POINT = SimpleNamespace(params=None, stats=None, gain=1.0)


def proposed(curvature, plain_points=2, settle=lambda stats, point: stats):
    """Newton's proposal after so many points of the climb; parameters are the statistics."""
    newton = Newton(SimpleNamespace(curvature=lambda params, stats: curvature, settle=settle))
    for _ in range(plain_points + 1):
        newton.push(POINT)
    return newton, newton.propose(POINT)


def gain(curvature, step):
    information = np.eye(len(step)) - curvature.missing
    return curvature.gradient @ step - 0.5 * step @ information @ step


def test_a_short_step_is_newton_s_own():
    curvature = quadratic([0.1, 0.5, 1.0], [0.01, 0.02, 0.1])
    newton, step = proposed(curvature)
    information = np.eye(3) - curvature.missing
    assert_allclose(step, np.linalg.solve(information, curvature.gradient), rtol=1e-10)
    assert newton.decrement == pytest.approx(gain(curvature, step))


@pytest.mark.parametrize("values", [[0.001, 0.5, 1.0], [-0.5, 0.2, 1.0], [-3.0, -1.0, 0.5]])
@pytest.mark.parametrize("seed", range(3))
def test_a_long_step_is_the_best_of_its_length(values, seed):
    curvature = quadratic(values, np.array([0.3, -0.2, 1.0]), seed)
    newton, step = proposed(curvature)
    length = np.linalg.norm(step)
    assert 0.3 < length < 0.5
    others = np.random.RandomState(seed).normal(size=(2000, 3))
    others *= length / np.linalg.norm(others, axis=1, keepdims=True)
    assert gain(curvature, step) >= max(gain(curvature, other) for other in others)
    assert np.isinf(newton.decrement) == (values[0] < 0.0)


def test_the_radius_follows_the_promise():
    curvature = quadratic([0.001, 0.5], [0.3, 0.2])
    newton, first = proposed(curvature)
    newton.rejected()
    assert np.linalg.norm(newton.propose(POINT)) < 0.35 * np.linalg.norm(first)
    newton, first = proposed(curvature)
    newton.accepted(gain(curvature, first))
    newton.push(POINT)
    assert np.linalg.norm(newton.propose(POINT)) > 1.5 * np.linalg.norm(first)


BENT, ROUND = ([0.001, 0.5], [0.3, 0.2]), ([0.5, 0.5], [0.01, 0.02])


def length_after(first, share_gained, second=BENT, plain_points=2):
    """Of the next step, and of the first, which gained this share of what it promised."""
    curvatures = [quadratic(*first)] * (plain_points + 1) + [quadratic(*second)] * 3
    newton = Newton(
        SimpleNamespace(
            curvature=lambda params, stats: curvatures.pop(0), settle=lambda stats, point: stats
        )
    )
    for _ in range(plain_points + 1):
        newton.push(POINT)
    step = newton.propose(POINT)
    newton.accepted(share_gained * gain(quadratic(*first), step))
    for _ in range(max(1, 2 - plain_points)):
        newton.push(POINT)
    return np.linalg.norm(newton.propose(POINT)), np.linalg.norm(step)


def test_the_radius_is_half_of_a_step_that_gained_little():
    for first in (BENT, ROUND):  # as long as the radius, and a tenth of it
        length, before = length_after(first, 0.2)
        assert 0.4 * before < length < 0.6 * before


def test_the_radius_stays_where_a_step_gained_not_all_or_was_short():
    assert 0.4 < length_after(BENT, 0.5)[0] < 0.5
    assert 0.4 < length_after(ROUND, 1.0)[0] < 0.5


def test_the_first_steps_leave_the_radius_as_it_is():
    """So that two climbs of one step are one of two."""
    for share_gained in (0.0, 1.0):
        length, before = length_after(ROUND, share_gained, plain_points=0)
        assert before < 0.1
        assert 0.4 < length < 0.5


def test_the_radius_has_limits():
    """Beyond a few units densities have nothing in common; steps that are nothing are EM's."""
    curvature = quadratic([1e-6, 0.5], [0.3, 0.2])
    newton, step = proposed(curvature)
    for _ in range(6):
        newton.accepted(gain(curvature, step))
        newton.push(POINT)
        step = newton.propose(POINT)
    assert 4.0 <= np.linalg.norm(step) < 5.0
    for _ in range(15):
        newton.rejected()
    assert newton.propose(POINT) is None
    newton.push(POINT)
    assert newton.propose(POINT) is None


def test_curvature_that_may_be_rounding_promises_no_more_than_rounding_may_hide():
    for flattest in (-1e-9, 0.0, 1e-12):
        newton, _ = proposed(quadratic([flattest, 0.5], [1e-6, 0.3]))
        expected = 0.5 * (1e-6**2 / 1e-7 + 0.3**2 / 0.5)
        assert newton.decrement == pytest.approx(expected, rel=1e-3)


def test_a_step_that_promises_nothing_is_left_to_em():
    for gradient in ([0.0, 0.0], [np.nan, 0.1]):
        assert proposed(quadratic([0.5, 0.5], gradient))[1] is None


def test_statistics_that_no_data_have_are_not_tried():
    curvature = quadratic([0.001, 0.5], [0.3, 0.2])
    assert proposed(curvature, settle=lambda stats, point: None)[1] is None
    _, step = proposed(
        curvature, settle=lambda stats, point: stats if np.linalg.norm(stats) < 0.1 else None
    )
    assert 0.0 < np.linalg.norm(step) < 0.1


def test_at_the_first_points_em_goes_on_unless_the_step_is_short():
    assert proposed(quadratic([0.001, 0.5], [0.3, 0.2]), plain_points=1)[1] is None
    assert proposed(quadratic([0.5, 0.5], [0.01, 0.02]), plain_points=0)[1] is not None


def test_without_a_curvature_em_goes_on():
    newton, step = proposed(None)
    assert step is None
    assert newton.remaining(POINT) is None


def test_the_curvature_is_not_asked_for_where_it_is_not_the_objective_s():
    X = clusters(0, N, D, K, 1.5)
    model, params = model_of(X, FULL), random_params(FULL, 0, K, D)
    assert isinstance(curved(model, params), CurvedMixture)
    for other in (
        replace(model, frozen=frozenset({"means"})),
        model.ruled(hard),
        model_of(X, FULL, noise=0.1),
    ):
        assert curved(other, params) is None
    assert curved(model, random_params(FULL, 0, 1, D)) is None


@pytest.mark.parametrize(
    "options", [{"prior": ConjugatePrior()}, {"constraints": (Proportions(lower=0.1),)}]
)
def test_priors_and_constraints_are_climbed_by_quasi_newton_steps(monkeypatch, options):
    X, made = clusters(0, N, D, K, 1.5), []
    monkeypatch.setattr("emix._mixture.curvature.NewtonOrQuasi", made.append)
    fitted(X, K, random_state=0, **options)
    assert not made


def test_few_sweeps_are_needed_where_components_overlap(covariance_type):
    X = clusters(1, 1000, 2, 3, 0.8)
    options = {"covariance_type": covariance_type, "random_state": 0}
    newton = GaussianMixture(3, **options).fit(X)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("emix._fit.starts.patience", lambda model, params: math.inf)
        quasi = GaussianMixture(3, **options).fit(X)
    assert newton.n_iter_ <= 30
    assert newton.n_iter_ < 0.8 * quasi.n_iter_
    options = {"covariance_type": covariance_type, "acceleration": False, "tol": 1e-12}
    further = fitted(X, 3, max_iter=5000, **options, **as_initial_values(newton))
    assert further.lower_bound_ - newton.lower_bound_ <= 2.0 * newton.tol


@pytest.mark.parametrize(
    ("covariance_type", "n_components", "d", "n", "expected"),
    [
        ("full", 3, 2, 500, True),
        ("full", 1, 2, 500, False),  # nothing is missing
        ("tied", 2, 5, 500, True),
        ("tied", 2, 30, 500, False),  # the parameters that components share count as well
        ("full", 5, 5, 500, False),
        ("full", 2, 5, 500, True),
        ("full", 2, 5, 20_000, False),  # products of features are too many to be kept
        ("spherical", 10, 5, 500, True),
        ("spherical", 10, 5, 20_000, False),  # 45 overlaps for each row
    ],
)
def test_curvature_is_worth_its_price(covariance_type, n_components, d, n, expected):
    structure = STRUCTURES[covariance_type]
    X = np.random.RandomState(0).normal(size=(n, d))
    model = model_of(X, structure)
    params = random_params(structure, 0, n_components, d)
    assert (patience(model, params) == 0.0) is expected


def held_point(name):
    """Three components, of which the floor holds the second, and which of the second moments."""
    structure, d = STRUCTURES[name], 1 if name == "full" else 2
    model = model_of(clusters(0, N, d, K, 1.0), structure)
    params = random_params(structure, 1, K, d)
    params.means[1] = 0.05  # far out its moments would cancel
    covariances, n_floored = params.covariances.copy(), np.zeros(K, dtype=int)
    least = model.space.floor.bound.least
    if name == "diag":
        covariances[1, 0], n_floored[1] = least[0], 1
        held = np.zeros((K, d), dtype=bool)
        held[1, 0] = True
    else:
        covariances[1], n_floored[1] = least, 1
        held = np.zeros((K, 1), dtype=bool)
        held[1] = True
    factors = structure.form.factorise(covariances, 0.0).factor
    return (
        model,
        params._replace(covariances=covariances, factors=factors, n_floored=n_floored),
        held,
    )


@pytest.mark.parametrize("name", ["full", "diag", "spherical"])
def test_variances_at_the_floor_stay_there(name):
    model, params, held = held_point(name)
    bent = CurvedMixture(model)
    stats = bent.e_step(params)
    found, whole = bent.curvature(params, stats), Curvature(model.structure, params, stats)
    d = params.means.shape[1]
    is_free = np.c_[~held, np.ones((K, d + 1), dtype=bool)].ravel()
    assert_allclose(found.gradient, whole.gradient[is_free], rtol=1e-12)
    assert_allclose(found.missing, whole.missing[np.ix_(is_free, is_free)], rtol=1e-12)
    step = np.random.RandomState(0).normal(size=is_free.sum())
    padded = np.zeros(is_free.size)
    padded[is_free] = step
    assert_allclose(found.statistics(step).vector, whole.statistics(padded).vector, rtol=1e-12)


def test_the_curvature_is_not_known_where_the_floor_holds_some_directions():
    X = clusters(0, N, D, K, 1.0)
    for name, n_floored in (("full", [0, 1, 0]), ("tied", 1)):
        model, params = model_of(X, STRUCTURES[name]), random_params(STRUCTURES[name], 1, K, D)
        assert curved(model, params) is not None
        assert curved(model, params._replace(n_floored=np.array(n_floored))) is None


def test_a_component_on_one_value_does_not_make_a_climb_long():
    """A thousand passes, where its curvature is not used."""
    rng = np.random.default_rng
    X = np.r_[rng(600).normal(0, 2, 300), rng(601).normal(9, 2, 300)].round()[:, None]
    with convergence_warnings_allowed():
        mixture = GaussianMixture(8, random_state=1).fit(X)
    assert mixture.singular_components_.any()
    assert mixture.converged_
    assert mixture.n_iter_ < 300


def test_where_the_curvature_is_not_known_quasi_newton_steps_go_on(monkeypatch):
    model = model_of(clusters(0, N, D, K, 0.8), FULL)
    params = random_params(FULL, 0, K, D)
    climbs = []
    for steps in (NewtonOrQuasi, Newton):
        bent = CurvedMixture(model)
        monkeypatch.setattr(bent, "curvature", lambda params, stats: None)
        climb = Ascent(bent, params, steps(bent))
        climbs.append(climb.run(tol=1e-9, max_iter=1000))
    assert len(climbs[0].passes) < 0.5 * len(climbs[1].passes)
    assert any(entry.extrapolated for entry in climbs[0].passes)


def test_after_newton_s_step_quasi_newton_s_begin_anew():
    known = quadratic([0.5, 0.5], [0.01, 0.02])
    answers = [None, None, known, None]
    family = SimpleNamespace(curvature=lambda params, stats: answers.pop(0))
    steps, made = NewtonOrQuasi(family), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(either, "QuasiNewton", lambda family: made.append(1) or Plain())
        for _ in range(4):
            steps.push(POINT)
    assert len(made) == 2


def test_newton_s_steps_come_late_where_they_are_dear_and_never_where_they_are_too_dear():
    X = np.random.RandomState(0).normal(size=(20_000, 5))
    late, later, never = (
        patience(model_of(X[:, :d], structure), random_params(structure, 0, k, d))
        for structure, k, d in ((SPHERICAL, 20, 2), (FULL, 10, 5), (FULL, 50, 5))
    )
    assert 20 < late < later < 400
    assert never == math.inf


def test_a_long_climb_arrives_by_newton_s_steps():
    X = clusters(0, 2000, 2, 20, 1.0)
    settings = {"covariance_type": "diag", "random_state": 0}
    mixed = fitted(X, 20, **settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("emix._fit.starts.patience", lambda model, params: math.inf)
        quasi = fitted(X, 20, **settings)
    assert quasi.n_iter_ > 2 * mixed.n_iter_
    assert mixed.lower_bound_ >= quasi.lower_bound_ - 2.0 * mixed.tol
    assert len(mixed.lower_bounds_) == mixed.n_iter_
    assert (np.diff(mixed.lower_bounds_) >= 0.0).all()
