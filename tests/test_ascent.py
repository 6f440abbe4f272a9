"""The climb: F never falls, ends at a maximum, and equals what others find."""

from types import SimpleNamespace

import numpy as np
import pytest
from common import (
    SKLEARN_TYPES,
    STRUCTURES,
    TYPES,
    as_initial_values,
    clusters,
    dense_covariances,
    fitted,
    initial_values,
    integer_weights,
    model_of,
    not_converged_allowed,
    plain_passes,
    random_params,
    textbook_from,
    textbook_log_joint,
    two_close_normals,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp, softmax
from sklearn.mixture import GaussianMixture as Theirs

from emix import GaussianMixture
from emix._em.ascent import Ascent
from emix._em.quasi_newton import QuasiNewton

# F is a mean of log-densities of about 10; rounding leaves some 1e-15 of that
ROUNDING = 1e-12


# --- F never falls --------------------------------------------------------------------------


def half_steps(model, params, passes):
    """F at the start and after every M-step and E-step in turn."""
    stats = model.e_step(params)
    values = [stats.value]
    for _ in range(passes):
        entropy = stats.value - model.expected(stats, params)
        params = model.m_step(stats, params)
        values.append(model.expected(stats, params) + entropy)
        stats = model.e_step(params)
        values.append(stats.value)
    return np.array(values)


@pytest.mark.parametrize("noise", [0.0, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", [0, 4])
def test_free_energy_rises_at_every_half_step(covariance_type, noise, weighted, seed):
    structure = STRUCTURES[covariance_type]
    weight = integer_weights(seed, 200).astype(float) if weighted else None
    model = model_of(clusters(seed, 200, 3, 3, 1.0), structure, weight, noise)
    values = half_steps(model, random_params(structure, seed, 3, 3), 25)
    assert np.diff(values).min() >= -ROUNDING
    assert values[-1] > values[0] + 0.1


def assert_history_ascends(mixture):
    history = mixture.history_
    assert (history["free_energy"] <= history["log_likelihood"] + ROUNDING).all()
    accepted = history["log_likelihood"][history["accepted"]]
    assert np.diff(accepted).min() >= -ROUNDING
    assert (np.diff(mixture.lower_bounds_) >= 0).all()
    gap = history["log_likelihood"] - history["free_energy"]
    assert_allclose(history["gap"], gap, rtol=1e-6, atol=ROUNDING)


@pytest.mark.parametrize("acceleration", [True, False])
@pytest.mark.parametrize("reg_covar", [0.0, 0.5])
@pytest.mark.parametrize("weighted", [False, True])
def test_history_ascends(covariance_type, acceleration, reg_covar, weighted):
    X = clusters(5, 250, 2, 3, 1.2)
    weight = integer_weights(1, 250) if weighted else None
    for seed, start in enumerate(("kmeans", "k-means++", "random", "random_from_data")):
        mixture = fitted(
            X,
            3,
            weight,
            covariance_type=covariance_type,
            acceleration=acceleration,
            reg_covar=reg_covar,
            init_params=start,
            random_state=seed,
            max_iter=60,
        )
        assert_history_ascends(mixture)


def test_plain_passes_raise_the_free_energy_at_the_m_step_as_well(covariance_type):
    X = clusters(6, 250, 2, 3, 1.2)
    mixture = plain_passes(X, covariance_type, initial_values(0, covariance_type, X, 3), 30)
    history = mixture.history_
    gains = history["free_energy"][1:] - history["log_likelihood"][:-1]
    assert gains.min() >= -ROUNDING
    assert not history["extrapolated"].any()
    assert history["accepted"].all()


def test_extrapolation_is_tried_and_kept_on_overlapping_data():
    mixture = fitted(two_close_normals(0, 500), 2, covariance_type="tied", random_state=0)
    extrapolated = mixture.history_["extrapolated"]
    assert extrapolated.any()
    assert mixture.history_["accepted"][extrapolated].any()


def test_free_energy_after_the_e_step_is_the_log_likelihood(covariance_type):
    X = clusters(7, 200, 3, 2, 1.5)
    initial = initial_values(0, covariance_type, X, 2)
    for passes in (0, 1, 4):
        mixture = plain_passes(X, covariance_type, initial, passes)
        covariances = dense_covariances(mixture)
        log_joint = textbook_log_joint(X, mixture.weights_, mixture.means_, covariances)
        expected = logsumexp(log_joint, axis=1).mean()
        assert_allclose(mixture.history_["log_likelihood"][-1], expected, rtol=1e-12)


# --- maxima ---------------------------------------------------------------------------------


def score_in_means(X, mixture, weight=None):
    """Gradient of the mean log-likelihood in the means, in units of standard deviations."""
    covariances = dense_covariances(mixture)
    log_joint = textbook_log_joint(X, mixture.weights_, mixture.means_, covariances)
    resp = softmax(log_joint, axis=1)
    weight = np.ones(len(X)) if weight is None else weight
    y = X[:, None, :] - mixture.means_
    pulls = np.einsum("n,nk,nki->ki", weight, resp, y) / weight.sum()
    return np.array([np.linalg.solve(C, g) for C, g in zip(covariances, pulls, strict=True)])


def test_score_in_means_is_the_finite_difference_of_score():
    """The gradient that the next tests rely on."""
    X = clusters(8, 200, 2, 2, 1.5)
    options = {"init_params": "random", "max_iter": 2, "tol": 0.0, "acceleration": False}
    mixture = fitted(X, 2, random_state=0, **options)
    gradient = score_in_means(X, mixture)
    for index in np.ndindex(gradient.shape):
        values = []
        for step in (1e-5, -1e-5):
            mixture.means_[index] += step
            values.append(mixture.score(X))
            mixture.means_[index] -= step
        assert_allclose((values[0] - values[1]) / 2e-5, gradient[index], rtol=1e-5, atol=1e-9)
    assert abs(gradient).max() > 1e-3


@pytest.mark.parametrize("acceleration", [True, False])
@pytest.mark.parametrize("weighted", [False, True])
def test_converged_means_zero_gradient(covariance_type, acceleration, weighted):
    X = clusters(8, 300, 2, 3)
    weight = integer_weights(3, 300).astype(float) if weighted else None
    mixture = fitted(
        X,
        3,
        weight,
        covariance_type=covariance_type,
        random_state=0,
        acceleration=acceleration,
        tol=1e-12,
    )
    assert mixture.converged_
    # a remaining gain g leaves a gradient of about sqrt(2 g * curvature)
    assert abs(score_in_means(X, mixture, weight)).max() < 1e-5


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reg_covar", [0.0, 0.4])
def test_equals_the_textbook(covariance_type, weighted, reg_covar):
    X = clusters(9, 200, 3, 3, 1.5)
    weight = integer_weights(4, 200).astype(float) if weighted else None
    initial = initial_values(2, covariance_type, X, 3)
    mixture = plain_passes(X, covariance_type, initial, 15, weight, reg_covar=reg_covar)
    weights, means, covariances, value = textbook_from(
        X, covariance_type, initial, 15, weight=weight, noise=reg_covar
    )
    assert_allclose(mixture.weights_, weights, rtol=1e-9)
    assert_allclose(mixture.means_, means, rtol=1e-9, atol=1e-10)
    assert_allclose(dense_covariances(mixture), covariances, rtol=1e-9, atol=1e-10)
    assert_allclose(mixture.lower_bound_, value, rtol=1e-11)


@pytest.mark.parametrize("name", SKLEARN_TYPES)
@pytest.mark.parametrize(("n", "d", "n_components"), [(500, 2, 3), (400, 7, 4), (600, 30, 2)])
def test_equals_scikit_learn_from_equal_starts(name, n, d, n_components):
    X = clusters(d, n, d, n_components, 2.0)
    initial = initial_values(3, name, X, n_components)
    options = {"covariance_type": name, "reg_covar": 0.0, "tol": 0.0, "max_iter": 10, **initial}
    ours = fitted(X, n_components, acceleration=False, **options)
    with not_converged_allowed():
        theirs = Theirs(n_components, **options).fit(X)
    assert ours.n_iter_ == theirs.n_iter_ == 10
    for attribute in ("weights_", "means_", "covariances_", "precisions_cholesky_"):
        expected = getattr(theirs, attribute)
        scale = abs(expected).max()
        assert_allclose(getattr(ours, attribute), expected, rtol=1e-9, atol=1e-9 * scale)
    assert_allclose(ours.score_samples(X), theirs.score_samples(X), rtol=1e-9)
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-7, atol=1e-10)
    assert_array_equal(ours.predict(X), theirs.predict(X))


# --- stopping -------------------------------------------------------------------------------

# (covariance type, data): overlapping problems on which plain EM needs 100 to 10000 passes
OVERLAPPING = {
    "tied, 1000 rows": ("tied", two_close_normals(0, 1000)),
    "tied, 5000 rows": ("tied", two_close_normals(1, 5000)),
    "tied_spherical": ("tied_spherical", clusters(1, 2000, 2, 2, 0.9)),
    "full, d = 2": ("full", clusters(3, 2000, 2, 2, 1.0)),
    "diag, d = 3": ("diag", clusters(4, 2000, 3, 2, 1.0)),
    "spherical, d = 2": ("spherical", clusters(5, 2000, 2, 2, 1.0)),
    "full, 1.5 sd, seed 0": ("full", two_close_normals(0, 5000)),
    "full, 1.5 sd, seed 1": ("full", two_close_normals(1, 1000)),
    "full, 1.5 sd, seed 2": ("full", two_close_normals(2, 1000)),
    "full, 1.5 sd, seed 3": ("full", two_close_normals(3, 1000)),
    "full, 1.5 sd, seed 2, 20000 rows": ("full", two_close_normals(2, 20000)),
    "full, 1.5 sd, seed 3, 20000 rows": ("full", two_close_normals(3, 20000)),
}


def gap_to_the_maximum(X, mixture):
    """What a much tighter fit gains from where this one stopped."""
    tighter = fitted(
        X,
        mixture.n_components,
        covariance_type=mixture.covariance_type,
        tol=1e-13,
        max_iter=20000,
        **as_initial_values(mixture),
    )
    return tighter.lower_bound_ - mixture.lower_bound_


@pytest.mark.parametrize("problem", OVERLAPPING)
@pytest.mark.parametrize("acceleration", [True, False])
def test_tol_bounds_the_remaining_gain(problem, acceleration):
    covariance_type, X = OVERLAPPING[problem]
    mixture = fitted(
        X,
        2,
        covariance_type=covariance_type,
        # after a race, whose long steps leave slow directions alone, the first rates of plain EM
        # are too small
        init_params="kmeans" if acceleration else "k-means++",
        random_state=0,
        acceleration=acceleration,
        max_iter=20000,
    )
    assert mixture.converged_
    assert mixture.remaining_gain_ <= mixture.tol
    assert gap_to_the_maximum(X, mixture) <= 2 * mixture.tol


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_default_finds_the_maximum_where_scikit_learn_stops_early(seed):
    X = two_close_normals(seed, 5000)
    options = {"n_components": 2, "covariance_type": "tied", "random_state": 0}
    theirs = Theirs(**options).fit(X)
    ours = GaussianMixture(**options).fit(X)
    exact = fitted(X, 2, covariance_type="tied", tol=1e-14, **as_initial_values(ours))
    assert_allclose(ours.weights_, exact.weights_, atol=0.004)
    assert abs(theirs.weights_.min() - exact.weights_.min()) > 0.1
    assert ours.score(X) > theirs.score(X) + 1e-4


def test_acceleration_saves_passes_on_overlapping_data():
    ratios = []
    for covariance_type, X in list(OVERLAPPING.values())[:6]:
        initial = initial_values(0, covariance_type, X, 2)
        passes = [
            fitted(
                X,
                2,
                covariance_type=covariance_type,
                acceleration=acceleration,
                max_iter=20000,
                **initial,
            ).n_iter_
            for acceleration in (True, False)
        ]
        ratios.append(passes[1] / passes[0])
    assert np.exp(np.mean(np.log(ratios))) > 2.0
    assert min(ratios) > 0.9


@pytest.mark.parametrize("acceleration", [True, False])
@pytest.mark.parametrize("max_iter", [0, 1, 2, 3, 4, 7, 20])
def test_max_iter_is_respected_exactly(covariance_type, acceleration, max_iter):
    X = clusters(10, 150, 2, 3, 1.0)
    for seed in range(3):
        mixture = fitted(
            X,
            3,
            covariance_type=covariance_type,
            acceleration=acceleration,
            tol=0.0,
            max_iter=max_iter,
            random_state=seed,
        )
        assert mixture.n_iter_ == max_iter
        assert len(mixture.lower_bounds_) == max_iter
        assert len(mixture.history_) == max_iter + 1
        assert not mixture.converged_
        assert mixture.stop_reason_ == f"max_iter={max_iter} reached"


def test_tol_zero_makes_all_iterations_even_where_nothing_is_left_to_gain():
    X = clusters(11, 100, 2, 2, 8.0)
    mixture = fitted(X, 2, tol=0.0, max_iter=150, random_state=0)
    assert mixture.n_iter_ == 150


@pytest.mark.parametrize("acceleration", [True, False])
def test_a_smaller_tol_never_stops_earlier(covariance_type, acceleration):
    X = clusters(12, 300, 2, 2, 1.5)
    initial = initial_values(0, covariance_type, X, 2)
    passes = [
        fitted(X, 2, covariance_type=covariance_type, tol=tol, **initial).n_iter_
        for tol in (1e-3, 1e-5, 1e-7, 1e-9)
    ]
    assert passes == sorted(passes)
    assert passes[0] < passes[-1]


# --- the loop itself ------------------------------------------------------------------------


def climb(covariance_type="full", accelerate=True, n_components=3):
    structure = STRUCTURES[covariance_type]
    model = model_of(clusters(13, 300, 2, n_components, 1.0), structure)
    acceleration = QuasiNewton(model) if accelerate else None
    return Ascent(model, random_params(structure, 1, n_components, 2), acceleration)


def test_watch_is_told_of_every_point_and_stops():
    seen = []

    def watch(state):
        seen.append((state.params, len(state.passes)))
        return len(seen) == 3

    result = climb(accelerate=False).run(tol=1e-12, max_iter=100, watch=watch)
    assert [count for _, count in seen] == [2, 3, 4]
    assert result.n_iter == 3
    assert result.params is seen[-1][0]
    assert not result.converged
    assert "stopped by a callback" in result.status


def test_watch_that_returns_false_changes_nothing():
    watched = climb().run(tol=1e-9, max_iter=200, watch=lambda state: False)
    alone = climb().run(tol=1e-9, max_iter=200)
    assert_array_equal(watched.params.means, alone.params.means)
    assert watched.passes == alone.passes


@pytest.mark.parametrize("accelerate", [True, False])
@pytest.mark.parametrize("name", TYPES)
def test_a_climb_taken_up_again_equals_one_run(name, accelerate):
    whole = climb(name, accelerate).run(tol=1e-10, max_iter=300)
    parts = climb(name, accelerate)
    parts.run(tol=1e-2, max_iter=300)
    parts.run(tol=1e-4, max_iter=300)
    resumed = parts.run(tol=1e-10, max_iter=300)
    assert resumed.n_iter == whole.n_iter
    assert resumed.passes == whole.passes
    for one, other in zip(resumed.params, whole.params, strict=True):
        assert_array_equal(one, other)


def test_a_plain_climb_taken_up_after_max_iter_equals_one_run():
    whole = climb(accelerate=False).run(tol=1e-10, max_iter=300)
    parts = climb(accelerate=False)
    for max_iter in (0, 1, 2, 10):
        assert parts.run(tol=1e-10, max_iter=max_iter).n_iter == max_iter
    assert_array_equal(parts.run(tol=1e-10, max_iter=300).params.means, whole.params.means)


def test_result_is_the_best_accepted_pass():
    result = climb().run(tol=1e-9, max_iter=200)
    accepted = [p.objective for p in result.passes if p.accepted]
    assert result.objective == accepted[-1] == max(accepted)
    model = model_of(clusters(13, 300, 2, 3, 1.0), STRUCTURES["full"])
    assert_allclose(model.e_step(result.params).value, result.objective, rtol=1e-13)


def test_converged_result_says_so_in_words():
    result = climb().run(tol=1e-6, max_iter=500)
    assert result.converged
    assert result.remaining <= 1e-6
    assert "remaining gain" in result.status


class AtTheTop:
    """A model at its maximum, where rounding lowers F by more than its bound."""

    is_combinatorial = False

    def __init__(self):
        self.sweeps = 0

    def e_step(self, params):
        self.sweeps += 1
        return SimpleNamespace(value=-4.5 - 4e-14 * (self.sweeps > 1), evidence=-4.5)

    def sweep(self, params):
        return params, self.e_step(params)

    def m_step(self, stats, params):
        return params

    def expected(self, stats, params):
        return -5.0

    def rounding(self, stats, params):
        return 1e-14

    def log_prior(self, params):
        return 0.0

    def repair(self, stats, params):
        return None


def test_a_start_with_nothing_to_gain_has_converged_even_if_rounding_lowers_f():
    result = Ascent(AtTheTop(), None).run(tol=1e-7, max_iter=10)
    assert result.converged
    assert result.remaining == 1e-14
    assert result.objective == -4.5
