"""Statistics at responsibilities that need not add up to one in every row."""

import numpy as np
import pytest
from common import STRUCTURES, clusters, dense_stack, model_of, random_params, textbook_log_joint
from numpy.testing import assert_allclose

from emix._mixture.posterior import soft
from emix._mixture.sums import RuleSums
from emix._normal.choice import choose
from emix._normal.gathered import Gathered

TIED = [name for name, structure in STRUCTURES.items() if not structure.sharing.separable]
X = clusters(3, 400, 3, 2)


@pytest.mark.parametrize("name", STRUCTURES)
@pytest.mark.parametrize("far", [0.0, 1e6])
def test_covariances_are_those_of_the_rows_at_any_responsibilities(name, far):
    """Half of every row belongs to something else."""
    structure = STRUCTURES[name]
    model = model_of(X, structure)
    z = (X - model.rows.shift) / model.rows.scale
    resp = np.random.RandomState(0).dirichlet(np.ones(3), size=len(X))[:, :2]
    params = random_params(structure, 1, 2, 3)
    params = params._replace(means=params.means + far)
    stats = model.space.statistics_at(params, lambda at: resp[at])
    found = model.m_step(stats, params)
    means = resp.T @ z / resp.sum(axis=0)[:, None]
    scatter = np.einsum("nk,kni,knj->kij", resp, z - means[:, None], z - means[:, None])
    if not structure.sharing.separable:
        scatter = np.repeat(scatter.sum(axis=0)[None] / resp.sum(), 2, axis=0)
    else:
        scatter /= resp.sum(axis=0)[:, None, None]
    dense = dense_stack(structure, found.covariances, 2, 3)
    if name.endswith("diag"):
        scatter = scatter * np.eye(3)
    if name.endswith("spherical"):
        scatter = np.trace(scatter, axis1=1, axis2=2)[:, None, None] / 3 * np.eye(3)
    tolerance = 1e-9 if far == 0.0 else 1e-3
    assert_allclose(found.means, means, atol=tolerance)
    assert_allclose(dense, scatter, atol=tolerance)


@pytest.mark.parametrize("name", TIED)
def test_log_joint_leaves_nothing_out_and_partitions_agree(name):
    structure = STRUCTURES[name]
    model, params = model_of(X, structure), random_params(structure, 1, 2, 3)
    kernel = choose(structure, params, model.natural(params), model.space.noise, None)
    assert isinstance(kernel, Gathered)
    sums = model.rows.mean(RuleSums(kernel, kernel.log_joint, soft))
    gathered, plain = kernel.stats(float(sums[0]), sums[1:]), model.e_step(params)
    assert_allclose(gathered.vector, plain.vector, atol=1e-12)
    assert_allclose(gathered.value, plain.value, rtol=1e-12)
    z = (X - model.rows.shift) / model.rows.scale
    covariances = dense_stack(structure, params.covariances, 2, 3)
    joint = textbook_log_joint(z, params.weights, params.means, covariances)
    assert_allclose(gathered.value, np.logaddexp(*joint.T).mean(), rtol=1e-12)
