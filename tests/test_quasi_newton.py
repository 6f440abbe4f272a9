"""Quasi-Newton acceleration: on quadratics, near saddles, about moving origins."""

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
from common import STRUCTURES, clusters, model_of, random_params, with_kernel
from numpy.testing import assert_allclose

from emix._em import quasi_newton
from emix._em.ascent import Ascent
from emix._em.plain import Plain
from emix._em.quasi_newton import QuasiNewton


class Vector(NamedTuple):
    """Statistics, or natural parameters, that are nothing but a vector."""

    vector: np.ndarray
    origin: object = None

    def at(self, vector):
        return Vector(vector, self.origin)


def quadratic(metric, missing):
    """The objective -eta·(metric - missing) eta / 2, whose maximum is zero: its M-step takes
    statistics s = metric eta to eta, and its E-step eta to s + gradient = missing eta."""
    return SimpleNamespace(
        about=lambda stats, origin: stats,
        natural=lambda eta, origin: Vector(eta),
        m_step=lambda stats: np.linalg.solve(metric, stats.vector),
        settle=lambda stats, point: np.linalg.solve(metric, stats.vector),
        e_step=lambda eta: Vector(missing @ eta),
        objective=lambda eta: -0.5 * eta @ (metric - missing) @ eta,
    )


def climb(model, accelerator, eta, sweeps):
    """The points of a climb, and the accelerator's promise at each."""
    points, promises = [eta], []
    for _ in range(sweeps):
        stats = model.e_step(points[-1])
        following = model.m_step(stats)
        point = SimpleNamespace(params=points[-1], stats=stats, following=following)
        accelerator.push(point)
        promises.append(getattr(accelerator, "decrement", None))
        trial = accelerator.propose(point)
        if trial is not None:
            if model.objective(trial) >= model.objective(points[-1]):
                accelerator.accepted(model.objective(trial) - model.objective(points[-1]))
                points.append(trial)
                continue
            accelerator.rejected()
        points.append(following)
    return points, promises


def overlapping(seed, rates):
    """A metric, and missing information with these rates of convergence in it."""
    rng = np.random.RandomState(seed)
    root = rng.normal(size=(len(rates), len(rates))) + 2.0 * np.eye(len(rates))
    turn = np.linalg.qr(rng.normal(size=root.shape))[0]
    missing = root @ turn @ np.diag(rates) @ turn.T @ root.T
    return root @ root.T, missing


SLOW = [0.0, 0.2, 0.5, 0.8, 0.9, 0.99, 0.999]


@pytest.mark.parametrize("seed", range(5))
def test_a_quadratic_is_climbed_to_its_maximum(seed):
    metric, missing = overlapping(seed, SLOW)
    model = quadratic(metric, missing)
    eta = np.random.RandomState(seed).normal(size=len(SLOW))
    accelerated, _ = climb(model, QuasiNewton(model), eta, 60)
    plain, _ = climb(model, Plain(), eta, 60)
    assert model.objective(plain[-1]) < -1e-6
    assert model.objective(accelerated[-1]) > -1e-14


@pytest.mark.parametrize("sweeps", [2, 3])
def test_points_are_compared_from_the_second_step_on(sweeps):
    model, asked = quadratic(*overlapping(0, SLOW)), []
    natural = model.natural
    model.natural = lambda *args: asked.append(args) or natural(*args)
    climb(model, QuasiNewton(model), np.ones(len(SLOW)), sweeps)
    assert bool(asked) == (sweeps > 2)


@pytest.mark.parametrize("seed", range(5))
def test_reach_bounds_what_is_left_to_gain(seed):
    model = quadratic(*overlapping(seed, SLOW))
    eta = np.random.RandomState(seed).normal(size=len(SLOW))
    accelerator = QuasiNewton(model)
    points, promises = climb(model, accelerator, eta, 40)
    left = np.array([-model.objective(point) for point in points[:-1]])
    gains = [left[i] + model.objective(model.m_step(model.e_step(points[i]))) for i in range(40)]
    assert promises[:2] == [None, None]
    assert 300.0 < accelerator.reach / 5.0 < 1000.1  # 1 / (1 - rate) of the slowest direction
    bound = np.maximum(promises[20:], accelerator.reach * np.array(gains[20:]))
    assert (left[20:] <= bound + 1e-12).all()
    assert promises[-1] > 0.01 * left[-1]


def test_the_climb_does_not_depend_on_the_basis_of_the_statistics():
    metric, missing = overlapping(0, [0.1, 0.3, 0.6, 0.7])
    basis = np.random.RandomState(1).normal(size=(4, 4))
    eta = np.random.RandomState(2).normal(size=4)
    one, other = (
        quadratic(metric, missing),
        quadratic(basis @ metric @ basis.T, basis @ missing @ basis.T),
    )
    points, _ = climb(one, QuasiNewton(one), eta, 10)
    turned, _ = climb(other, QuasiNewton(other), np.linalg.solve(basis.T, eta), 10)
    assert_allclose(np.array(turned) @ basis, np.array(points), rtol=1e-6, atol=1e-9)


def test_a_saddle_is_left_by_steps_that_grow():
    """Along the last coordinate the objective is curved upwards, and EM creeps away."""
    model = quadratic(np.eye(2), np.diag([0.5, 1.001]))
    eta = np.array([1.0, 1e-6])
    accelerated, promises = climb(model, QuasiNewton(model), eta, 30)
    plain, _ = climb(model, Plain(), eta, 30)
    assert abs(plain[-1][1]) < 1.1e-6
    assert abs(accelerated[-1][1]) > 0.01
    assert np.inf in promises


def in_one_dimension(rate, told, eta=1.0, sweeps=20):
    """Lengths of the proposals, in EM's steps, which are accepted or not as told; the promise at
    the last one, and the accelerator."""
    model = quadratic(np.eye(1), np.array([[rate]]))
    accelerator, eta, lengths, told = QuasiNewton(model), np.array([eta]), [], list(told)
    for _ in range(sweeps):
        stats = model.e_step(eta)
        following = model.m_step(stats)
        point = SimpleNamespace(params=eta, stats=stats, following=following)
        accelerator.push(point)
        trial = accelerator.propose(point) if told else None
        if trial is None:
            eta = following
            continue
        lengths.append(float((trial - eta)[0] / (following - eta)[0]))
        if told.pop(0):
            accelerator.accepted(1.0)
            eta = trial
        else:
            accelerator.rejected()
            eta = following
    return lengths, accelerator


def test_steps_have_a_limit_that_grows_with_those_that_reached_it_and_shrinks_with_the_others():
    """Newton's step is a hundred thousand times EM's."""
    lengths, _ = in_one_dimension(1.0 - 1e-5, [True, True, True, False, False, False, False, True])
    assert_allclose(lengths, [4.0, 16.0, 64.0, 256.0, 64.0, 16.0, 4.0, 4.0], rtol=1e-6)


@pytest.mark.parametrize(("rate", "eta"), [(1.0 - 1e-9, 0.0), (0.5, 1e5)])
def test_curvature_that_may_be_rounding_and_very_long_steps_tell_nothing_of_what_is_left(rate, eta):
    """Curvature of 1e-9 of the complete data's, and a step of 5e4 standard deviations."""
    accelerator = QuasiNewton(quadratic(np.eye(1), np.eye(1)))
    for _ in range(3):
        following = rate * eta + 1.0
        point = SimpleNamespace(
            params=np.array([eta]),
            stats=Vector(np.array([following])),
            following=np.array([following]),
            gain=0.5,
        )
        accelerator.push(point)
        eta = following
    assert accelerator.remaining(point) == (np.inf, np.inf)
    assert accelerator.reach == 5.0


def test_the_slowest_direction_seen_bounds_what_is_left():
    """Where the approximation promises less: it may be at the end of the others alone."""
    _, accelerator = in_one_dimension(0.999, [True])
    promise = accelerator.decrement
    for gain, likely, bound in ((promise, 1e3, 5e3), (2e-4 * promise, 1.0, 1.0)):
        found = accelerator.remaining(SimpleNamespace(gain=gain))
        assert_allclose(found, [likely * promise, bound * promise], rtol=1e-6)


def test_at_the_maximum_nothing_is_proposed():
    model = quadratic(np.eye(1), np.array([[0.5]]))
    accelerator = QuasiNewton(model)
    points, promises = climb(model, accelerator, np.ones(1), 4)
    assert_allclose(points[3:], 0.0, atol=1e-15)  # by the first proposal
    assert promises[-1] == 0.0
    assert accelerator.propose(SimpleNamespace(params=points[-1])) is None


@pytest.mark.parametrize(
    ("eta", "stats", "following"),
    [
        (0.3, 0.15, 0.15),  # parameters go back where statistics went on
        (0.125, 0.12, 0.05),  # EM goes fifteen times as far as its gradient says
    ],
)
def test_what_was_learnt_is_forgotten_where_it_says_nonsense(eta, stats, following):
    accelerator = QuasiNewton(quadratic(np.eye(1), np.array([[0.5]])))
    climbed = [(1.0, 0.5, 0.5), (0.5, 0.25, 0.25), (0.25, 0.125, 0.125), (eta, stats, following)]
    seen = []
    for at, g, to in climbed:
        point = SimpleNamespace(
            params=np.array([at]), stats=Vector(np.array([g])), following=np.array([to]), gain=1.0
        )
        accelerator.push(point)
        seen.append(accelerator.remaining(point) is not None)
    assert seen == [False, False, True, False]
    assert accelerator.propose(point) is None


def test_steps_that_are_remembered_have_a_bound_in_bytes(monkeypatch):
    metric, missing = overlapping(0, SLOW)
    monkeypatch.setattr(quasi_newton, "_BYTES", 3 * 4 * 8 * len(SLOW))
    model = quadratic(metric, missing)
    accelerator = QuasiNewton(model)
    climb(model, accelerator, np.ones(len(SLOW)), 12)
    assert accelerator._steps.nbytes == 3 * 4 * 8 * len(SLOW)


def test_the_climb_does_not_depend_on_origins():
    """Residuals have another origin at every point."""
    structure = STRUCTURES["full"]
    X = clusters(13, 300, 2, 3, 1.0)
    models = [with_kernel(model_of(X, structure), kernel) for kernel in ("products", "residuals")]
    params = random_params(structure, 1, 3, 2)
    products, residuals = (
        Ascent(model, params, QuasiNewton(model)).run(tol=1e-9, max_iter=500) for model in models
    )
    assert products.converged
    assert products.passes[20].extrapolated
    for one, other in zip(products.passes[:25], residuals.passes[:25], strict=True):
        assert_allclose(one.objective, other.objective, rtol=1e-8)
