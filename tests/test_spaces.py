"""What a mixture asks of its space, its prior and its kernel, over all of them."""

from dataclasses import replace

import numpy as np
import pytest
from common import STRUCTURES, clusters, model_of, random_params, rows_of
from families import counts
from numpy.testing import assert_allclose
from scipy.special import entr
from test_loop_contract import MODELS, assert_implements, members

from emix._families.linear import LinearFamily
from emix._families.poisson import Poisson, Rates
from emix._families.prior import UnseenRows, WeightPrior
from emix._families.space import mixture_of
from emix._mixture.protocols import (
    Estimation,
    MixtureKernel,
    MixturePrior,
    MixtureSpace,
    Soundness,
)
from emix._mixture.sums import Look
from emix.priors import ConjugatePrior

FULL = STRUCTURES["full"]
# Models of the register that are mixtures.
MIXTURES = ["mixture", "rows with gaps", "factors", "counts", "tails", "background", "lines"]


@pytest.fixture(params=MIXTURES)
def made(request):
    return MODELS[request.param]()


def test_spaces_have_all_members(made):
    model, params = made
    assert_implements(model.space, MixtureSpace)
    assert_implements(model.soundness, Soundness)
    assert_implements(model.family, Estimation)
    assert_implements(model.space.kernel(params), MixtureKernel)
    assert not model.soundness.is_degenerate(params)


def test_members_of_spaces_are_found():
    assert members(MixtureSpace) >= {"structure", "is_free", "kernel", "taken"}
    assert members(MixtureKernel) >= {"size", "log_joint", "stats"}


def responsibilities(model, params):
    """Of all rows, (n, K)."""
    found = np.empty((model.rows.n, len(params.weights)))

    def see(block, log_joint, buffers):
        joint = np.exp(log_joint - log_joint.max(axis=0))
        found[block.at] = (joint / joint.sum(axis=0)).T

    model.rows.total(Look(model.space.kernel(params), see))
    return found


def test_statistics_of_an_e_step_are_those_at_its_responsibilities(made):
    model, params = made
    resp = responsibilities(model, params)
    at_them = model.space.statistics_at(params, lambda at: resp[at])
    there = model.about(model.e_step(params), at_them.origin)
    scale = np.abs(at_them.vector).max()
    assert_allclose(there.vector, at_them.vector, rtol=1e-8, atol=1e-8 * scale)


@pytest.mark.parametrize("name", ["mixture", "counts", "background", "lines"])
def test_the_objective_is_expected_and_the_entropy_of_q(name):
    model, params = MODELS[name]()
    stats, resp = model.e_step(params), responsibilities(model, params)
    entropy = np.sum(entr(resp)) / model.rows.n
    assert_allclose(stats.value, model.expected(stats, params) + entropy, rtol=1e-10)


def test_components_in_another_order_are_the_same_mixture(made):
    model, params = made
    order = np.arange(len(params.weights))
    order[:2] = [1, 0]
    stats = model.e_step(params)
    other = model.e_step(model.space.taken(params, order))
    assert_allclose(other.value, stats.value, rtol=1e-12)
    assert_allclose(other.weight, stats.weight[order], rtol=1e-8)
    assert np.ptp(stats.weight[:2]) > 1e-3


def test_the_same_rows_again_have_the_same_objective(made):
    model, params = made
    assert_allclose(model.over(model.rows).e_step(params).value, model.e_step(params).value)


def test_weights_that_are_frozen_stay(made):
    model, params = made
    stats = model.e_step(params)
    assert np.abs(model.m_step(stats, params).weights - stats.weight).max() < 1e-12
    family = model.space.family(frozenset({"weights"}))
    assert np.array_equal(family.m_step(stats, params).weights, params.weights)


def normals_with_prior():
    X = clusters(1, 300, 2, 3, 1.0)
    model, params = model_of(X, FULL), random_params(FULL, 1, 3, 2)
    strong = ConjugatePrior(mean_precision=1e6, degrees_of_freedom=1e6)
    return model_of(X, FULL, prior=strong._of_model(model, 3)), params


def counts_with_prior():
    rows, events = rows_of(counts()), np.array([1e6, 2e6])
    family = LinearFamily(Poisson(2), prior=UnseenRows(np.append(events, 3e5), -4e6)).over(rows)
    params = Rates(np.array([0.4, 0.6]), np.array([[3.0, 7.0], [5.0, 4.0]]))
    return mixture_of(family, rows, prior=WeightPrior.of(3.0, 2, 300.0)), params


@pytest.mark.parametrize("made", [normals_with_prior, counts_with_prior])
def test_priors_have_all_members_and_their_size_is_in_the_rounding(made):
    """Terms of a strong prior cancel: the objective has errors of their size."""
    model, params = made()
    assert_implements(model.prior, MixturePrior)
    size, stats = model.prior.size(model.family, params), model.e_step(params)
    assert size >= abs(model.log_prior(params)) > 0.0
    without = replace(model, prior=None).rounding(stats, params)
    assert model.rounding(stats, params) >= without + 2.0**-52 * size
