"""Variational Bayes: every formula of the engine against an independent computation."""

from itertools import pairwise, permutations
from types import SimpleNamespace

import mpmath
import numpy as np
import pytest
from common import TYPES, clusters, dense_stack, integer_weights, model_of, random_params, spd
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.special import logsumexp

from emix._bayes.gamma import gamma_divergence, log_gamma_ratio
from emix._bayes.variational import Prior, VariationalMixture
from emix._bayes.weighting import StickBreaking
from emix._em.ascent import Ascent
from emix._em.quasi_newton import QuasiNewton
from emix._fitted.base import STRUCTURES
from emix._gaussian.bayesian_gaussian_mixture import WEIGHTINGS
from emix._normal.dense import Dense
from emix._normal.diagonal import Diagonal
from emix._normal.stats import Stats

PRIOR_TYPES = list(WEIGHTINGS)
N_COMPONENTS = 3
X = clusters(0, 60, 2, N_COMPONENTS, 1.0)
SAMPLE_WEIGHTS = {"equal": None, "integers": integer_weights(1, len(X)).astype(float)}
NOISES = [0.0, 0.3]
CASES = [("equal", 0.0), ("integers", 0.3)]


def prior_of(structure, prior_type, d, concentration=0.7):
    rng = np.random.RandomState(5)
    if isinstance(structure.form, Dense):
        covariance = spd(rng, d)
    elif isinstance(structure.form, Diagonal):
        covariance = rng.uniform(0.5, 2.0, size=d)
    else:
        covariance = np.asarray(0.8)
    factor = structure.form.factorise(covariance, 1e-300).factor
    weighting = WEIGHTINGS[prior_type](concentration)
    return Prior(weighting, 0.6, rng.normal(size=d), d + 0.5, covariance, factor)


def variational(X, structure, prior_type, weight=None, noise=0.0):
    likelihood = model_of(X, structure, weight, noise)
    prior = prior_of(structure, prior_type, X.shape[1])
    return VariationalMixture(likelihood, prior, likelihood.rows.total_weight)


def some_posterior(model, seed=3, n_components=N_COMPONENTS):
    return model.begin(random_params(model.structure, seed, n_components, model.rows.d))


# --- the textbook ---------------------------------------------------------------------------


class Precision:
    """The distribution of one precision by scipy.stats; C (d, d) is the inverse of its mean."""

    def __init__(self, structure, degrees, C, n_components):
        n = degrees * structure.sharing.n_sharing(n_components)
        self.d = len(C)
        self.dense = isinstance(structure.form, Dense)
        if self.dense:
            self.law = stats.wishart(n, np.linalg.inv(C) / n)
            return
        variances = np.diag(C) if isinstance(structure.form, Diagonal) else np.diag(C)[:1]
        shape = 0.5 * n * self.d / len(variances)
        self.law = stats.gamma(shape, scale=1.0 / (shape * variances))
        self.size = len(variances)

    def draw(self, n_draws, rng):
        if self.dense:
            return self.law.rvs(n_draws, random_state=rng).reshape(n_draws, self.d, self.d)
        return self.law.rvs((n_draws, self.size), random_state=rng)

    def log_prob(self, draws):
        if self.dense:
            return self.law.logpdf(np.moveaxis(draws, 0, -1))
        return self.law.logpdf(draws).sum(axis=-1)

    def matrices(self, draws):
        if self.dense:
            return draws
        return np.broadcast_to(draws, (len(draws), self.d))[:, :, None] * np.eye(self.d)


def draw_weights(weighting, concentration, order, n_draws, rng):
    """(n_draws, K) from q, and log p - log q."""
    n_components = len(order)
    if not isinstance(weighting, StickBreaking):
        drawn = rng.dirichlet(concentration, size=n_draws)
        p, q = stats.dirichlet([weighting.prior] * n_components), stats.dirichlet(concentration)
        return drawn, p.logpdf(drawn.T) - q.logpdf(drawn.T)
    q = stats.beta(*concentration[:, order])
    sticks = q.rvs((n_draws, n_components), random_state=rng)
    ratio = stats.beta(1.0, weighting.prior).logpdf(sticks) - q.logpdf(sticks)
    left = np.cumprod(np.hstack([np.ones((n_draws, 1)), 1.0 - sticks[:, :-1]]), axis=1)
    drawn = np.empty_like(sticks)
    drawn[:, order] = sticks * left
    return drawn, ratio.sum(axis=1)


def draw_parameters(model, posterior, n_draws, rng):
    """weights (n, K), means (n, K, d), precisions (n, K, d, d) from q, and log p - log q."""
    prior, structure = model.prior, model.structure
    n_components, d = posterior.means.shape
    weights, ratio = draw_weights(
        prior.weighting, posterior.concentration, posterior.order, n_draws, rng
    )
    after = dense_stack(structure, posterior.covariances, n_components, d)
    shape = structure.shape(n_components, d)
    before = dense_stack(structure, np.broadcast_to(prior.covariance, shape), n_components, d)
    degrees = np.broadcast_to(posterior.degrees, n_components)
    means, precisions = [], []
    for k in range(n_components):
        if k == 0 or structure.sharing.separable:
            q = Precision(structure, degrees[k], after[k], n_components)
            p = Precision(structure, prior.degrees, before[k], n_components)
            drawn = q.draw(n_draws, rng)
            ratio = ratio + p.log_prob(drawn) - q.log_prob(drawn)
        precision = q.matrices(drawn)
        roots = np.linalg.cholesky(np.linalg.inv(precision))
        normal = np.einsum("nij,nj->ni", roots, rng.normal(size=(n_draws, d)))
        mean = posterior.means[k] + normal / np.sqrt(posterior.mean_precision[k])
        for sign, b, m in (
            (1.0, prior.mean_precision, prior.mean),
            (-1.0, posterior.mean_precision[k], posterior.means[k]),
        ):
            square = np.einsum("ni,nij,nj->n", mean - m, precision, mean - m)
            ratio = ratio + sign * 0.5 * (d * np.log(b) - b * square)
        means.append(mean)
        precisions.append(precision)
    return weights, np.stack(means, axis=1), np.stack(precisions, axis=1), ratio


def drawn_log_joint(X, weights, means, precisions, noise=0.0):
    """(n_draws, n, K): log weight_k + E_e log N(x + e | mu_k, P_k⁻¹)."""
    y = X[None, :, None, :] - means[:, None]
    squares = np.einsum("snki,skij,snkj->snk", y, precisions, y)
    log_dets = np.linalg.slogdet(precisions)[1] - noise * np.trace(precisions, axis1=2, axis2=3)
    constant = np.log(weights) + 0.5 * (log_dets - X.shape[1] * np.log(2.0 * np.pi))
    return constant[:, None] - 0.5 * squares


@pytest.mark.parametrize(("weight", "noise"), CASES)
@pytest.mark.parametrize("prior_type", PRIOR_TYPES)
def test_the_bound_is_that_of_monte_carlo(covariance_type, prior_type, weight, noise):
    """E_q[log p(x, z, parameters) - log q], z summed, over draws of the parameters."""
    structure, weight = STRUCTURES[covariance_type], SAMPLE_WEIGHTS[weight]
    model = variational(X, structure, prior_type, weight, noise)
    posterior = some_posterior(model)
    weight = np.ones(len(X)) if weight is None else weight
    rng = np.random.RandomState(0)
    *drawn, ratio = draw_parameters(model, posterior, 1000, rng)
    log_joint = drawn_log_joint(X, *drawn, noise)
    expected = log_joint.mean(axis=0)
    value = logsumexp(expected, axis=1)
    resp = np.exp(expected - value[:, None])
    per_draw = (np.einsum("snk,nk,n->s", log_joint, resp, weight) + ratio) / weight.sum()
    entropy = -np.sum(weight[:, None] * resp * np.log(np.maximum(resp, 1e-300))) / weight.sum()
    error = per_draw.std() / np.sqrt(len(per_draw))
    assert error < 0.02
    assert abs(model.e_step(posterior).value - per_draw.mean() - entropy) < 4.5 * error


@pytest.mark.parametrize("prior_type", PRIOR_TYPES)
def test_the_bound_is_that_of_quadrature_in_one_dimension(prior_type):
    """Every expectation of log-densities by quadrature over weight, mean and precision."""
    model = variational(X[:, :1], STRUCTURES["full"], prior_type)
    posterior, prior, x = some_posterior(model), model.prior, X[:, 0]
    nodes, node_weights = np.polynomial.hermite_e.hermegauss(20)
    node_weights = node_weights / node_weights.sum()
    u = np.linspace(-40.0, 12.0, 4001)  # log precision
    log_joint, bound = np.empty((len(x), N_COMPONENTS)), 0.0

    def gamma_parts(degrees, C):
        return stats.gamma(0.5 * degrees, scale=2.0 / (degrees * C))

    for k in range(N_COMPONENTS):
        q = gamma_parts(posterior.degrees[k], posterior.covariances[k, 0, 0])
        p = gamma_parts(prior.degrees, prior.covariance[0, 0])
        precision = np.exp(u)
        mass = q.pdf(precision) * precision * (u[1] - u[0])
        deviation = 1.0 / np.sqrt(posterior.mean_precision[k] * precision)
        mean = posterior.means[k, 0] + nodes[:, None] * deviation
        joint = node_weights[:, None] * mass
        normal = stats.norm.logpdf
        prior_deviation = 1.0 / np.sqrt(prior.mean_precision * precision)
        bound += np.sum(
            joint
            * (
                normal(mean, prior.mean[0], prior_deviation)
                - normal(mean, posterior.means[k, 0], deviation)
                + p.logpdf(precision)
                - q.logpdf(precision)
            )
        )
        scale = 1.0 / np.sqrt(precision)
        log_joint[:, k] = [np.sum(joint * normal(row, mean, scale)) for row in x]

    odds = np.linspace(-60.0, 60.0, 20001)  # log odds of a beta variable
    log_v, log_rest = -np.logaddexp(0.0, -odds), -np.logaddexp(0.0, odds)

    def beta_expectations(a, b):
        """E log v, E log(1 - v), and the log of the density's normaliser."""
        mass = np.exp(a * log_v + b * log_rest) * (odds[1] - odds[0])
        total = mass.sum()
        return mass @ log_v / total, mass @ log_rest / total, np.log(total)

    order = posterior.order
    if prior_type == "dirichlet_process":
        first, second = posterior.concentration[:, order]
        before = [(1.0, prior.weighting.prior)] * N_COMPONENTS
    else:  # a Dirichlet distribution is made of sticks too
        first = posterior.concentration[order]
        second = np.cumsum(first[::-1])[::-1][1:]
        first = first[:-1]
        alpha = prior.weighting.prior
        before = [(alpha, alpha * (N_COMPONENTS - 1 - k)) for k in range(N_COMPONENTS - 1)]
    left = 0.0
    for k, (a, b) in enumerate(zip(first, second, strict=True)):
        mean_log, mean_log_rest, normaliser = beta_expectations(a, b)
        bound += (before[k][0] - a) * mean_log + (before[k][1] - b) * mean_log_rest
        bound += normaliser - beta_expectations(*before[k])[2]
        log_joint[:, order[k]] += left + mean_log
        left += mean_log_rest
    if prior_type == "dirichlet_distribution":
        log_joint[:, order[-1]] += left
    bound = bound / len(x) + logsumexp(log_joint, axis=1).mean()
    assert model.e_step(posterior).value == pytest.approx(bound, abs=1e-9)


# --- coordinate ascent ----------------------------------------------------------------------


def perturbed(posterior, rng, size):
    """A neighbour of a posterior."""

    def near(value):
        value = np.asarray(value)
        return value * np.exp(size * rng.normal(size=value.shape))

    d = posterior.means.shape[1]
    factors = posterior.factors * np.exp(size * rng.normal(size=posterior.factors.shape))
    means = posterior.means + size * rng.normal(size=posterior.means.shape)
    return {
        "concentration": near(posterior.concentration),
        "mean_precision": near(posterior.mean_precision),
        "means": means,
        "degrees": d - 1 + near(posterior.degrees - d + 1),
        "factors": factors,
        "order": rng.permutation(len(posterior.order)),
    }


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("prior_type", PRIOR_TYPES)
def test_the_m_step_maximises_the_bound(covariance_type, prior_type, noise):
    """Over every factor of q(parameters), the order of the sticks included."""
    structure = STRUCTURES[covariance_type]
    model = variational(X, structure, prior_type, noise=noise)
    stats_ = model.e_step(some_posterior(model))
    best = model.m_step(stats_)
    top = model.expected(stats_, best)
    rng = np.random.RandomState(2)
    names = ["concentration", "mean_precision", "means", "degrees", "covariances", "factors"]
    names += ["n_floored", "order"]
    for size in (1e-3, 0.1):
        for changed in perturbed(best, rng, size):
            parts = {name: getattr(best, name) for name in names}
            parts[changed] = perturbed(best, rng, size)[changed]
            other = model.posterior(**parts)
            assert model.expected(stats_, other) <= top + 1e-12, changed
            if changed != "order":
                assert model.expected(stats_, other) < top, changed


@pytest.mark.parametrize("prior_type", PRIOR_TYPES)
@pytest.mark.parametrize(("weight", "noise"), CASES)
@pytest.mark.parametrize("accelerate", [True, False])
def test_the_bound_falls_at_no_half_step(covariance_type, prior_type, weight, noise, accelerate):
    structure, weight = STRUCTURES[covariance_type], SAMPLE_WEIGHTS[weight]
    model = variational(X, structure, prior_type, weight, noise)
    acceleration = QuasiNewton(model) if accelerate else None
    climb = Ascent(model, some_posterior(model, n_components=5), acceleration)
    result = climb.run(tol=1e-10, max_iter=200)
    assert len(result.passes) > 4
    kept = [p for p in result.passes if p.accepted]
    for before, after in pairwise(kept):
        assert after.objective >= before.objective - 1e-13
        assert after.objective >= after.free_energy - 1e-13
        if not after.extrapolated:
            assert after.free_energy >= before.objective - 1e-13
    assert kept[-1].objective > kept[0].objective + 1e-3


def test_falling_counts_are_the_best_order_of_the_sticks():
    """The order is part of the M-step: any other raises KL - E log p(z)."""
    sticks = StickBreaking(0.7)
    counts = np.array([3.0, 40.0, 0.5, 12.0])

    def objective(order):
        order = np.asarray(order)
        concentration = sticks.concentration(counts, order)
        value = counts @ sticks.expected_log(concentration, order)
        return value - sticks.divergence(concentration, order).sum()

    values = {order: objective(order) for order in permutations(range(4))}
    assert max(values, key=values.get) == (1, 3, 0, 2)


def test_statistics_of_a_sample_count_as_those_of_all_rows():
    """Per unit of weight: the same rows twice at half the weight are the same model."""
    structure = STRUCTURES["full"]
    single = variational(X, structure, "dirichlet_process")
    params = random_params(structure, 3, N_COMPONENTS, 2)
    doubled = single.over(model_of(np.vstack([X, X]), structure).rows, same_moments=False)
    assert_allclose(doubled.begin(params).means, single.begin(params).means, rtol=1e-12)
    posterior = single.begin(params)
    assert doubled.e_step(posterior).value == pytest.approx(single.e_step(posterior).value)


@pytest.mark.parametrize("prior_type", PRIOR_TYPES)
def test_a_component_without_rows_has_the_prior(covariance_type, prior_type):
    structure = STRUCTURES[covariance_type]
    model = variational(X, structure, prior_type)
    params = random_params(structure, 3, N_COMPONENTS, 2)
    resp = np.zeros((len(X), N_COMPONENTS))
    resp[:, 1] = 1.0
    posterior = model.begin(params, lambda at: resp[at])
    assert posterior.order[0] == 1
    assert_allclose(posterior.means[[0, 2]], [model.prior.mean] * 2, rtol=1e-12)
    assert_allclose(posterior.mean_precision[[0, 2]], model.prior.mean_precision)
    assert np.isfinite(model.e_step(posterior).value)
    if structure.sharing.separable:
        assert_allclose(posterior.covariances[0], model.prior.covariance, rtol=1e-12)


@pytest.mark.parametrize("prior_type", PRIOR_TYPES)
def test_a_component_extrapolated_below_zero_is_empty(covariance_type, prior_type):
    structure = STRUCTURES[covariance_type]
    model = variational(X, structure, prior_type)
    before = model.e_step(some_posterior(model))
    matrix = before.layout.matrix(before.vector.copy())
    matrix[0] *= -0.1
    vector = np.concatenate([matrix.ravel(), before.vector[matrix.size :]])
    after = Stats(before.layout, vector, before.origin, before.value)
    posterior = model.m_step(after)
    nothing = SimpleNamespace(params=None, following=posterior)
    assert_array_equal(model.settle(after, nothing).means, posterior.means)
    assert posterior.mean_precision[0] == model.prior.mean_precision
    assert_allclose(posterior.means[0], model.prior.mean, rtol=1e-12)
    if structure.sharing.separable:
        assert_allclose(posterior.covariances[0], model.prior.covariance, rtol=1e-12)


# --- special functions ------------------------------------------------------------------------


@pytest.mark.parametrize("x", [1e-8, 0.3, 7.0, 9.9e3, 1.1e4, 1e9, 1e20])
@pytest.mark.parametrize("step", [0.0, 1e-3, 0.5, 30.0, 1e5, -0.2])
def test_gamma_functions_do_not_cancel(x, step):
    if x + step <= 0.0:
        step = -0.5 * x
    with mpmath.workdps(60):
        big, small = mpmath.mpf(x), mpmath.mpf(step)
        ratio = mpmath.loggamma(big + small) - mpmath.loggamma(big)
        loss = small * mpmath.digamma(big + small) - ratio
    noise = 1e-15 * (1.0 + abs(step) * (1.0 + np.log1p(x + abs(step))))
    noise += 4e-16 * max(1.0, min(x, 1e4) * 10)
    assert float(log_gamma_ratio(x, step)) == pytest.approx(float(ratio), rel=1e-14, abs=noise)
    assert float(gamma_divergence(x, step)) == pytest.approx(float(loss), rel=1e-13, abs=3 * noise)


@pytest.mark.parametrize("concentration", [1e-100, 1e-5, 1e5, 1e15])
@pytest.mark.parametrize("prior_type", PRIOR_TYPES)
def test_extreme_concentrations_keep_the_bound_finite_and_monotone(prior_type, concentration):
    structure = STRUCTURES["full"]
    likelihood = model_of(X, structure)
    prior = prior_of(structure, prior_type, 2, concentration)
    model = VariationalMixture(likelihood, prior, float(len(X)))
    climb = Ascent(model, some_posterior(model, n_components=6), QuasiNewton(model))
    passes = [p for p in climb.run(tol=1e-9, max_iter=200).passes if p.accepted]
    objective = np.array([p.objective for p in passes])
    assert np.isfinite(objective).all()
    assert (np.diff(objective) >= -1e-13).all()


def test_registers_are_complete():
    assert len(TYPES) == 6
    assert PRIOR_TYPES == ["dirichlet_process", "dirichlet_distribution"]
