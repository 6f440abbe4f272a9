"""Every way to climb F: it never falls at any half-step, and stays below the log-likelihood."""

import copy
import pickle

import numpy as np
import pytest
from common import (
    FITTED,
    STRUCTURES,
    assert_same_state,
    clusters,
    fitted,
    integer_weights,
    model_of,
    not_converged_allowed,
    public_state,
    random_params,
    rows_of,
)
from numpy.testing import assert_allclose, assert_array_equal

from emix import GaussianMixture
from emix._em.ascent import Ascent
from emix._fit.stream import restored
from emix._mixture.incremental import Incremental
from emix._mixture.missing import mixture_over
from emix._mixture.online import State, follow
from emix._mixture.partial import Conditional, Gradient
from emix._mixture.posterior import at_temperature
from emix._rows.blocks import Rows
from emix.constraints import Proportions, check_constraints
from emix.priors import ConjugatePrior

K, D = 3, 2
X = clusters(0, 300, D, K, 1.2)
ROUNDING = 1e-9  # constrained E-steps are solved to about this

VARIANTS = {
    "exact": lambda model: model,
    "conditional": Conditional,
    "gradient": Gradient,
    "incremental": lambda model: Incremental(model, n_blocks=5),
}
# a constraint on all rows does not divide into blocks: fit refuses
PAIRS = [(name, False) for name in VARIANTS] + [(name, True) for name in list(VARIANTS)[:-1]]
TEMPERATURES = [0.7, 1.0, 2.0]


def model_with(structure, temperature=1.0, prior=False, constrained=False, weight=None, noise=0.0):
    model = model_of(X, structure, weight=weight, noise=noise)
    model = model.ruled(at_temperature(temperature))
    if prior:
        model.prior = ConjugatePrior(weight_concentration=1.5)._of_model(model, K)
    if constrained:
        model.constraint = check_constraints((Proportions(lower=0.2),), None, X, K)
    return model


def assert_climbs(model, passes, temperature, constrained):
    """F at the M-step and at the E-step, pass by pass."""
    values = [p.objective for p in passes if p.accepted]
    energies = [p.free_energy for p in passes if p.accepted]
    assert np.diff(values).min() >= -ROUNDING
    for before, energy, after in zip(values, energies[1:], values[1:], strict=False):
        assert before - ROUNDING <= energy <= after + ROUNDING
    if temperature == 1.0:
        tops = [p.evidence + p.log_prior for p in passes]
        assert all(p.objective <= top + ROUNDING for p, top in zip(passes, tops, strict=True))
        meet = not constrained and not isinstance(model, Incremental)
        assert not meet or passes[-1].objective == pytest.approx(tops[-1], abs=1e-12)


@pytest.mark.parametrize(("variant", "constrained"), PAIRS)
@pytest.mark.parametrize("prior", [False, True])
@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_f_never_falls_at_any_half_step(covariance_type, variant, prior, constrained, temperature):
    structure = STRUCTURES[covariance_type]
    weight = integer_weights(2, len(X)).astype(float) if prior else None
    model = model_with(structure, temperature, prior, constrained, weight, noise=0.01)
    climbed = VARIANTS[variant](model)
    ascent = Ascent(climbed, random_params(structure, 1, K, D))
    passes = ascent.run(tol=0.0, max_iter=8).passes
    assert len(passes) > 5
    assert_climbs(climbed, passes, temperature, constrained)


def test_entropy_and_log_prior_make_f(covariance_type):
    """F = E_q[log_joint] + T H(q) + log p(theta), each told in history_."""
    structure = STRUCTURES[covariance_type]
    model = model_with(structure, 1.0, prior=True)
    params = random_params(structure, 1, K, D)
    stats = model.e_step(params)
    last = Ascent(model, params).run(tol=0.0, max_iter=0).passes[-1]
    free = model_with(structure)
    expected = free.expected(stats, params)
    assert last.objective == pytest.approx(expected + last.entropy + last.log_prior, abs=1e-12)
    assert 0.0 < last.entropy < np.log(K)


@pytest.mark.parametrize("options", [{"m_step": "gradient"}, {"m_step": "conditional"}])
def test_generalised_em_finds_the_same_maximum(covariance_type, options):
    """From the same start, near a maximum."""
    start = fitted(
        X, K, covariance_type=covariance_type, random_state=0, init_params="k-means++", tol=1e-3
    )
    initial = {
        "weights_init": start.weights_,
        "means_init": start.means_,
        "precisions_init": start.precisions_,
    }
    common = {"covariance_type": covariance_type, "max_iter": 5000, "tol": 1e-9, **initial}
    exact = fitted(X, K, acceleration=False, **common)
    other = fitted(X, K, **options, **common)
    assert other.converged_
    assert other.lower_bound_ == pytest.approx(exact.lower_bound_, abs=1e-7)
    assert_allclose(other.means_, exact.means_, atol=2e-2)
    assert other.lower_bounds_[:20] != exact.lower_bounds_[:20]


@pytest.mark.parametrize("weighted", [False, True])
def test_incremental_em_finds_the_same_maximum_in_fewer_sweeps(covariance_type, weighted):
    weight = np.random.RandomState(0).uniform(0.5, 2.0, size=len(X)) if weighted else None
    options = {
        "covariance_type": covariance_type,
        "init_params": "k-means++",
        "random_state": 0,
        "max_iter": 3000,
    }
    batch = fitted(X, K, weight, acceleration=False, **options)
    other = fitted(
        X, K, weight, acceleration=False, algorithm="incremental", batch_size=40, **options
    )
    assert other.converged_
    assert other.lower_bound_ == pytest.approx(batch.lower_bound_, abs=1e-6)
    assert other.lower_bound_ == pytest.approx(other.score(X, sample_weight=weight), rel=1e-12)
    assert other.n_iter_ < batch.n_iter_


def test_incremental_em_with_one_block_is_batch_em():
    structure = STRUCTURES["full"]
    model, params = model_of(X, structure), random_params(structure, 1, K, D)
    climbs = [Ascent(each, params) for each in (model, Incremental(model, 1))]
    values = [[p.objective for p in c.run(tol=0.0, max_iter=9).passes] for c in climbs]
    assert_allclose(values[1], values[0], rtol=1e-12)


def test_blocks_share_their_memory():
    """However many there are: the features kept, and the buffers of a thread."""
    n = 40_000
    model = model_of(clusters(0, n, D, K), STRUCTURES["full"])
    climbed = Incremental(model, 400)
    climbed.e_step(random_params(STRUCTURES["full"], 1, K, D))
    rows = [block.model.rows for block in climbed._blocks]
    assert {id(each.room) for each in rows} == {id(model.rows.room)}
    assert sum(each.kept_bytes for each in rows) <= model.rows.kept_bytes


# --- online ---------------------------------------------------------------------------------


def stream_of(seed, n):
    return clusters(seed, n, 3, 4, 4.0)


def online(batches, **parameters):
    mixture = GaussianMixture(4, random_state=0, **parameters)
    with not_converged_allowed():
        for batch in batches:
            mixture.partial_fit(batch)
    return mixture


@pytest.mark.parametrize("averaging", [False, True])
def test_sixty_calls_reach_the_batch_fit(covariance_type, averaging):
    """Held-out log-likelihood within 0.01 per row, from 60 batches of 150 rows."""
    rows = stream_of(0, 11_000)
    train, held_out = rows[:9000], rows[9000:]
    batch = fitted(train, 4, covariance_type=covariance_type, random_state=0)
    stream = online(np.split(train, 60), covariance_type=covariance_type, step_averaging=averaging)
    assert stream.n_iter_ == 59
    assert stream.score(held_out) > batch.score(held_out) - 0.01


def test_a_running_mean_over_one_batch_repeated_is_em():
    """With exponent 1 and no offset the second call averages the first two E-steps."""
    mixture = online([X], step_exponent=1.0, step_offset=0.0)
    stream = restored(mixture._stream, STRUCTURES["full"])
    before = stream.state
    mixture.partial_fit(X)
    rows = Rows(X, None, stream.shift, stream.scale)
    model = mixture_over(STRUCTURES["full"], rows, np.zeros(D))
    both = model.about(before.stats, model.e_step(before.params).origin)
    both = (both + model.e_step(before.params)) * 0.5
    expected = model.m_step(both, before.params)
    assert_allclose(mixture.means_, stream.shift + stream.scale * expected.means, rtol=1e-10)


def test_averaged_statistics_are_the_mean_over_batches():
    model, batches = model_of(X, STRUCTURES["full"]), (X[:100], X[100:150], X[150:])
    params = random_params(model.structure, 1, K, D)
    first = model.e_step(params)
    state, seen = State(first, params, float(len(X)), first, 1), [first.vector]
    for batch in batches:
        state = follow(model.over(rows_of(batch)), state, offset=0.0, exponent=0.6)
        seen.append(model.about(state.stats, first.origin).vector)
        averaged = model.about(state.averaged, first.origin).vector
        assert_allclose(averaged, np.mean(seen, axis=0), rtol=1e-12, atol=1e-14)


def test_partial_fit_goes_on_after_fit():
    rows = stream_of(1, 4000)
    fit = fitted(rows[:2000], 4, random_state=0)
    means = fit.means_.copy()
    fit.partial_fit(rows[2000:])
    assert 0.0 < np.abs(fit.means_ - means).max() < 0.5
    assert fit._stream["seen"] == 4000


def test_integer_weights_are_repeated_rows_in_a_stream():
    rows = stream_of(2, 1200)
    weight = integer_weights(0, 600) + 1
    first, second = (online([rows[:600]]) for _ in range(2))
    first.partial_fit(rows[600:], sample_weight=weight)
    second.partial_fit(np.repeat(rows[600:], weight, axis=0))
    assert_allclose(first.means_, second.means_, rtol=1e-9)


def test_a_stream_takes_a_single_row_and_bounded_memory():
    rows = stream_of(3, 3000)
    mixture = online([rows[:1000]])
    size = len(pickle.dumps(mixture))
    for row in rows[1000:1050]:
        mixture.partial_fit(row[None])
    assert abs(len(pickle.dumps(mixture)) - size) < 500
    assert np.isfinite(mixture.score(rows))


def test_a_failed_call_changes_nothing():
    mixture = online([X[:200]])
    before = public_state(mixture)
    with pytest.raises(ValueError, match="infinity"):
        mixture.partial_fit(np.full((5, D), np.inf))
    with pytest.raises(ValueError, match="features"):
        mixture.partial_fit(np.zeros((5, D + 1)))
    assert_same_state(before, public_state(mixture))


@pytest.mark.parametrize("changed", [{"n_components": 3}, {"covariance_type": "tied"}])
def test_a_stream_does_not_change_its_model(changed):
    mixture = online([X[:200]]).set_params(**changed)
    with pytest.raises(ValueError, match="n_components or covariance_type changed since"):
        mixture.partial_fit(X[200:])


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ({}, {"temperature": 2.0}),
        ({}, {"reg_covar": 0.1}),
        ({}, {"prior": "fraley-raftery"}),
        ({"prior": "fraley-raftery"}, {"prior": None}),
        ({"prior": ConjugatePrior(mean=np.zeros(D))}, {"prior": ConjugatePrior(mean=np.ones(D))}),
    ],
)
def test_a_stream_does_not_change_its_objective(given, changed):
    mixture = online([X[:200]], **given).set_params(**changed)
    before = public_state(mixture)
    (name,) = changed
    with pytest.raises(ValueError, match=f"{name} changed since"):
        mixture.partial_fit(X[200:])
    assert_same_state(before, public_state(mixture))


@pytest.mark.parametrize(
    "given",
    [
        {"prior": "fraley-raftery"},
        {"prior": ConjugatePrior(mean=np.zeros(D))},
        {"temperature": [2.0, 1.0]},
    ],
)
def test_equal_parameters_are_no_change(given):
    mixture = online([X[:200]], **given)
    mixture.set_params(**copy.deepcopy(given)).partial_fit(X[200:])
    assert mixture.n_iter_ == 1


def test_a_stream_goes_on_at_the_last_temperature():
    mixture = online([X[:200]], temperature=(8.0, 1.0))
    stream = restored(mixture._stream, STRUCTURES["full"])
    rows = Rows(X[200:], None, stream.shift, stream.scale)
    model = mixture_over(STRUCTURES["full"], rows, np.zeros(D))
    expected = model.e_step(stream.state.params).value
    expected -= np.log(stream.scale).sum()
    mixture.partial_fit(X[200:])
    assert mixture.lower_bound_ == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("given", [{"algorithm": "incremental"}, {"m_step": "gradient"}])
def test_partial_fit_is_no_part_of_other_algorithms(given):
    mixture = GaussianMixture(2, **given)
    assert not hasattr(mixture, "partial_fit")
    with pytest.raises(AttributeError, match="partial_fit") as caught:
        mixture.partial_fit(X)
    assert "algorithm='batch' and m_step='exact'" in str(caught.value.__cause__)
    assert hasattr(GaussianMixture(2), "partial_fit")


@pytest.mark.parametrize("far", [1e155, -1e160, 1.7e308])
def test_a_row_whose_square_overflows_is_refused_by_name(covariance_type, far):
    mixture = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(X)
    before = public_state(mixture)
    batch = X[:50].copy()
    batch[7, 1] = far
    with pytest.raises(ValueError, match=r"X has .* in row 7, feature 1.*Scale X"):
        mixture.partial_fit(batch)
    assert_same_state(before, public_state(mixture))
    batch[7, 1] = 1e148
    assert np.isfinite(mixture.partial_fit(batch).means_).all()


def test_the_first_batch_needs_a_row_per_component():
    with pytest.raises(ValueError, match="n_samples >= n_components"):
        GaussianMixture(4).partial_fit(X[:3])


# --- bad input ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"algorithm": "online"}, "algorithm must be one of 'batch', 'incremental'"),
        ({"m_step": "newton"}, "m_step must be one of"),
        ({"algorithm": "incremental", "batch_size": 0}, "batch_size must be at least 1"),
        ({"algorithm": "incremental", "m_step": "gradient"}, "needs m_step='exact'"),
        ({"algorithm": "incremental", "constraints": (Proportions(),)}, "need algorithm=.batch"),
        ({"batch_size": 100}, "batch_size=100 needs algorithm='incremental'"),
    ],
)
def test_bad_variants_are_refused(parameters, match):
    with pytest.raises(ValueError, match=match):
        GaussianMixture(K, **parameters).fit(X)


@pytest.mark.parametrize("exponent", [0.3, 0.5, 1.1])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_bad_step_sizes_are_refused_at_once(exponent, method):
    mixture = GaussianMixture(K, step_exponent=exponent, random_state=0)
    with pytest.raises(ValueError, match="step_exponent must be greater"):
        getattr(mixture, method)(X)


def test_attributes_after_a_stream_are_those_of_a_fit():
    fit, stream = fitted(X, K, random_state=0), online([X[:200], X[200:]])
    for name in FITTED:
        assert getattr(stream, name).dtype == getattr(fit, name).dtype
    assert_array_equal(stream.n_features_in_, D)
