"""What the loop asks of every model and every acceleration, over a register of all of them."""

import inspect
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
from common import STRUCTURES, clusters, model_of, random_params, rows_of, two_close_normals
from families import counts, heavy
from gaps import gapped_clusters
from numpy.testing import assert_allclose
from own_models import DAYS, DEATHS, PoissonMixtureWithGap

from emix._bayes.variational import VariationalMixture
from emix._em.ascent import Ascent, Point
from emix._em.extrapolation import Aitken, OnParameters
from emix._em.gauges import NextGain, RemainingGain
from emix._em.newton import Newton
from emix._em.plain import Plain
from emix._em.protocols import Acceleration, Estimate, Model, Repair
from emix._em.quasi_newton import QuasiNewton
from emix._em.results import Reason
from emix._em.schemes import Anderson, Squared
from emix._families.background import WithBackground
from emix._families.linear import LinearFamily
from emix._families.normal import Extent, Normals
from emix._families.poisson import Poisson, Rates
from emix._families.regression import Regressions
from emix._families.space import mixture_of
from emix._families.student import Students
from emix._families.tails import Each
from emix._mixture.curvature import CurvedMixture
from emix._mixture.incremental import Incremental
from emix._mixture.missing import mixture_over
from emix._mixture.partial import Conditional, Gradient
from emix._mixture.posterior import hard
from emix._normal.covariances import DIAG
from emix._normal.gaussian import Params
from emix._other_families.fit import standard_rows
from emix._own.exponential import ExponentialFamily
from emix._own.watched import Watched
from emix._pair.newton import Newton as PairNewton
from emix._pair.two_normals import TwoNormals
from emix._rows.patterns import rows_over
from emix.covariances import Factors

FULL, TIED = STRUCTURES["full"], STRUCTURES["tied"]
X = clusters(1, 300, 2, 3, 1.0)
START = random_params(FULL, 1, 3, 2)
ROUNDING = 1e-12


def of_mixture(variant=lambda model: model, **options):
    return lambda: (variant(model_of(X, FULL, **options)), START)


def of_hard_clusters():
    """Five clusters of which two are far from all rows: they have none."""
    model = model_of(X, TIED, rule=hard)
    params = random_params(TIED, 0, 5, 2)
    means = np.concatenate([X[:3], [[90.0, 0.0], [0.0, 90.0]]])
    return model, params._replace(means=means)


def of_gaps():
    Z = gapped_clusters(0, n=200, d=2, empty_rows=0)
    model = mixture_over(FULL, rows_over(Z, None, np.zeros(2), np.ones(2), map), np.zeros(2))
    return model, START


def of_factors():
    structure = Factors(1)._structure()
    model = mixture_over(structure, rows_of(X), np.zeros(2))
    plain = random_params(DIAG, 1, 3, 2)
    loadings = np.random.RandomState(1).normal(size=(3, 1, 2))
    covariances = structure.form.of_parts(loadings, plain.covariances)
    factored = covariances, structure.form.factor(covariances), np.zeros(3, dtype=int)
    return model, model.family.admitted(Params(plain.weights, plain.means, *factored))


def of_variational():
    from test_variational import prior_of, some_posterior

    prior = prior_of(FULL, "dirichlet_process", 2)
    model = VariationalMixture(model_of(X, FULL), prior, float(len(X)))
    return model, some_posterior(model, n_components=4)


def of_two_normals():
    rows = model_of(two_close_normals(3, 300, separation=1.8), DIAG).rows
    model = TwoNormals(DIAG, rows, 1e-6)
    return model, model.params([0.4, 0.6], [-0.5, 1.5], [1.0, 0.7])


def of_counts():
    rows = rows_of(counts())
    model = mixture_of(LinearFamily(Poisson(2)).over(rows), rows)
    return model, Rates(np.array([0.4, 0.6]), np.array([[3.0, 7.0], [5.0, 4.0]]))


def of_tails():
    rows = standard_rows(heavy(), None, map, False)
    model = mixture_of(Students(FULL, Each(), Extent(FULL, rows)), rows)
    params = model.space.components.equal(2, rows)
    return model, params._replace(means=np.array([[-0.5, 0.2], [0.4, 0.1]]))


def of_background():
    rows = standard_rows(X, None, map, False)
    model = mixture_of(WithBackground(Normals(TIED, Extent(TIED, rows)), -3.0), rows)
    params = model.space.components.equal(3, rows)
    others = params.others._replace(means=np.array([[-0.5, 0.2], [0.4, 0.1]]))
    return model, params._replace(others=others)


def of_lines():
    rows = standard_rows(X, None, map, False)
    model = mixture_of(LinearFamily(Regressions.over(rows, True)), rows)
    params = model.space.components.equal(2, rows)
    return model, params._replace(coefficients=np.array([[0.5], [-0.8]]))


def of_a_user():
    start = {"weights": np.array([0.3, 0.7]), "rates": np.array([1.0, 2.5])}
    model = Watched(PoissonMixtureWithGap(DEATHS, DAYS), start)
    return model, model.start


# () -> a model and parameters of it.
MODELS = {
    "mixture": of_mixture(),
    "hard clusters": of_hard_clusters,
    "rows with gaps": of_gaps,
    "with curvature": of_mixture(CurvedMixture),
    "conditional M-steps": of_mixture(Conditional),
    "gradient M-steps": of_mixture(Gradient),
    "block after block": of_mixture(lambda model: Incremental(model, 5)),
    "factors": of_factors,
    "variational": of_variational,
    "two normals": of_two_normals,
    "counts": of_counts,
    "tails": of_tails,
    "background": of_background,
    "lines": of_lines,
    "a user's": of_a_user,
}

# model -> an acceleration of it, and the model that it is for.
ACCELERATIONS = {
    "plain": (lambda model: Plain(), "mixture"),
    "quasi-Newton": (QuasiNewton, "mixture"),
    "quasi-Newton, rows with gaps": (QuasiNewton, "rows with gaps"),
    "quasi-Newton, factors": (QuasiNewton, "factors"),
    "quasi-Newton, variational": (QuasiNewton, "variational"),
    "quasi-Newton, counts": (QuasiNewton, "counts"),
    "quasi-Newton, hard clusters": (QuasiNewton, "hard clusters"),
    "Newton": (Newton, "with curvature"),
    "Newton, two normals": (PairNewton, "two normals"),
    "Aitken": (lambda model: Aitken(), "a user's"),
    "Anderson": (lambda model: OnParameters(Anderson(), model.placed, 1e-8), "a user's"),
    "quasi-Newton, a user's": (lambda model: QuasiNewton(ExponentialFamily(model)), "a user's"),
    "squares": (lambda model: OnParameters(Squared(), model.placed, 1e-8), "a user's"),
}


class Begun(NamedTuple):
    model: object
    params: object
    acceleration: object


@pytest.fixture(params=MODELS)
def made(request):
    return MODELS[request.param]()


@pytest.fixture(params=ACCELERATIONS)
def begun(request):
    make, name = ACCELERATIONS[request.param]
    model, params = MODELS[name]()
    return Begun(model, params, make(model))


def members(protocol):
    names = vars(protocol).keys() | protocol.__annotations__.keys()
    return {name for name in names if not name.startswith("_")}


def assert_implements(implementation, protocol):
    """Every member is there, and methods take the same arguments."""
    for name in members(protocol):
        assert hasattr(implementation, name), name
        declared = getattr(protocol, name, None)
        if inspect.isfunction(declared):
            expected = list(inspect.signature(declared).parameters)[1:]
            found = inspect.signature(getattr(implementation, name)).parameters.values()
            needed = [each.name for each in found if each.default is each.empty]
            assert len(needed) <= len(expected) <= len(found), name


def test_members_are_found():
    assert members(Model) >= {"is_combinatorial", "e_step", "repair"}
    assert members(Acceleration) >= {"reach", "propose"}
    with pytest.raises(AssertionError, match="False"):
        assert_implements(SimpleNamespace(), Acceleration)
    with pytest.raises(AssertionError, match="propose"):
        assert_implements(SimpleNamespace(propose=lambda: None), SimpleProtocol)


class SimpleProtocol:
    def propose(self, point):
        """Of one argument."""


def test_models_have_all_members(made):
    assert_implements(made[0], Model)


def test_accelerations_have_all_members(begun):
    assert_implements(begun.acceleration, Acceleration)


def test_half_steps_raise_the_free_energy_and_change_nothing_else(made):
    model, params = made
    stats = model.e_step(params)
    for _ in range(4):
        rounding = model.rounding(stats, params)
        assert 0.0 <= rounding < 1e-9
        before = model.expected(stats, params)
        following = model.m_step(stats, params)
        gain = model.expected(stats, following) - before
        assert gain >= -rounding
        assert model.expected(stats, params) == before
        assert np.isfinite(model.log_prior(params))
        params, after = model.sweep(following)
        assert after.value - stats.value >= gain - rounding
        stats = after


def test_equal_parameters_give_equal_statistics(made):
    model, params = made
    one, other = model.e_step(params), model.e_step(params)
    assert (one.value, one.evidence) == (other.value, other.evidence)


def test_only_hard_clusters_are_repaired(made):
    model, params = made
    stats = model.e_step(params)
    repair = model.repair(stats, params)
    if not model.is_combinatorial:
        assert repair is None
        return
    assert isinstance(repair, Repair)
    there = model.e_step(repair.params)
    assert there.value > stats.value
    assert there.weight.min() > 0.0
    assert model.repair(there, repair.params) is None
    assert repair.is_sound(repair.params, repair.params)


def test_frozen_means_are_not_moved_to_rows():
    _, params = of_hard_clusters()
    model = model_of(X, TIED, rule=hard, frozen=frozenset({"means"}))
    assert model.repair(model.e_step(params), params) is None


def test_a_repair_is_unsound_where_more_variances_are_held():
    model, params = of_hard_clusters()
    repair = model.repair(model.e_step(params), params)
    held, all_held = (params._replace(n_floored=params.n_floored + more) for more in (1, 2))
    assert not repair.is_sound(held, params)
    assert repair.is_sound(held, held)
    assert repair.is_sound(all_held, params)  # all rows lie on the means: nothing is better


def test_climbs_never_fall_and_end_where_plain_em_has_little_to_gain(begun):
    model, params, acceleration = begun
    result = Ascent(model, params, acceleration).run(tol=1e-9, max_iter=5000)
    assert result.reason is Reason.CONVERGED
    assert result.converged
    kept = np.array([each.objective for each in result.passes if each.accepted])
    assert np.diff(kept).min() >= -model.rounding(result.stats, result.params)
    following = model.m_step(result.stats, result.params)
    assert model.e_step(following).value - result.objective < 1e-8 * max(1.0, abs(kept[-1]))


def tenth_point(begun):
    """Of a plain climb that the acceleration sees."""
    model, params, acceleration = begun
    for _ in range(10):
        point = Point(model, params, model.e_step(params))
        acceleration.push(point)
        params = point.following
    return point


# Accelerations that propose nothing, the last one since nothing moves any more after ten passes.
NEVER = {"plain", "Aitken", "quasi-Newton, hard clusters"}


def test_estimates_bound_what_is_likely(begun, request):
    estimate = begun.acceleration.remaining(tenth_point(begun))
    assert (estimate is None) == (request.node.callspec.params["begun"] == "plain")
    if estimate is not None:
        assert isinstance(estimate, Estimate)
        assert 0.0 <= estimate.likely <= estimate.bound


def test_a_proposal_that_falls_is_not_made_again(begun, request):
    """After some plain steps all but the plain ones propose something, and something else, or
    nothing, once that was refused."""
    point = tenth_point(begun)
    first = begun.acceleration.propose(point)
    assert (first is None) == (request.node.callspec.params["begun"] in NEVER)
    if first is not None:
        assert type(first) is type(point.following)
        begun.acceleration.rejected()
        assert begun.acceleration.propose(point) is not first


def test_a_combinatorial_climb_takes_an_acceleration():
    """What an acceleration estimates is no reason to stop: something may move yet."""
    model, params = of_hard_clusters()
    plain = Ascent(model, params).run(tol=0.0, max_iter=200)
    fast = Ascent(model, params, QuasiNewton(model)).run(tol=0.0, max_iter=200)
    for result in (plain, fast):
        assert result.converged
        settled = model.m_step(result.stats, result.params)
        assert_allclose(settled.means, result.params.means, rtol=1e-12)


def test_gauges_take_the_word_of_an_acceleration_or_not():
    point, estimate = SimpleNamespace(gain=0.25), Estimate(2.0, 7.0)
    smooth, exact = RemainingGain(), NextGain()
    assert smooth.trust(estimate, point) == 7.0
    assert smooth.likely == 2.0
    assert exact.trust(estimate, point) == 0.25
    assert exact.likely == 2.0
    exact.trust(Estimate(0.1, 7.0), point)
    assert exact.likely == 0.25  # as much as the next M-step gains, at least


def test_every_reason_is_a_sentence():
    assert all(reason.value[0].isupper() and reason.value.endswith(".") for reason in Reason)
