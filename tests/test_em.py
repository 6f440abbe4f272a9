"""Models of a user: maxima, acceleration, remaining gain, and what is said of wrong ones."""

import inspect
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from own_models import (
    DAYS,
    DEATHS,
    BernoulliMixture,
    Classes,
    ExponentialMixture,
    FactorAnalysis,
    FreePoissonMixture,
    HiddenMarkov,
    Lifetimes,
    Linkage,
    PoissonMixture,
    PoissonMixtureWithGap,
    Rates,
    RegressionMixture,
)
from scipy.special import gammaln, logsumexp

from emix._em.extrapolation import OnParameters, Slowest
from emix._em.schemes import Anderson, Squared, damped
from emix._own.domain import adding_up, with_signs
from emix._own.exponential import ExponentialFamily
from emix._own.tree import copied, entry, numbers, vector_of, with_numbers
from emix._own.watched import Watched
from emix.em import ModelError, Reason, check_model, climb

SCHEMES = ["daarem", "squarem", None]
FITS = json.loads((Path(__file__).parent / "families.json").read_text(encoding="utf-8"))
DEATHS_START = {"weights": np.array([0.3, 0.7]), "rates": np.array([1.0, 2.5])}
DEATHS_MAXIMUM = -1989.945859882964


def deaths(kind=PoissonMixture):
    return kind(DEATHS, DAYS)


def two_states(n, seed, step=1.5, stays=0.9):
    rng = np.random.RandomState(seed)
    moves = rng.rand(n) > stays
    return rng.normal(step * (np.cumsum(moves) % 2), 1.0)


def lines(seed, n=300):
    rng = np.random.RandomState(seed)
    x, second = rng.uniform(0.0, 10.0, n), rng.rand(n) < 0.4
    y = np.where(second, 8.0 - x, 2.0 + x) + rng.normal(0.0, 1.5, n)
    return RegressionMixture(np.column_stack([np.ones(n), x]), y)


LINES_START = [np.array([0.5, 0.5]), np.array([[0.0, 1.0], [5.0, -1.0]]), np.array([4.0, 4.0])]


def classes(n_classes, d, seed=0):
    p = np.random.RandomState(seed).uniform(0.3, 0.7, (n_classes, d))
    return Classes(np.full(n_classes, 1.0 / n_classes), p)


def markov():
    start = {
        "start": np.array([0.5, 0.5]),
        "A": np.array([[0.8, 0.2], [0.2, 0.8]]),
        "means": np.array([-0.3, 1.5]),
        "variances": np.array([1.0, 1.0]),
    }
    return HiddenMarkov(two_states(250, 0)), start


def bernoulli():
    return BernoulliMixture(FITS["bernoulli_K2"]["X"], pseudo=0.5), classes(3, 6)


# Models with a start, by name; all climbs from there end inside of the parameters' space.
REGISTER = {
    "deaths": lambda: (deaths(), DEATHS_START),
    "deaths with gap": lambda: (deaths(PoissonMixtureWithGap), DEATHS_START),
    "deaths in free coordinates": lambda: (deaths(FreePoissonMixture), DEATHS_START),
    "linkage": lambda: (Linkage(), 0.1),
    "exponential": lambda: (
        ExponentialMixture(FITS["exponential_K2"]["x"]),
        Rates(np.array([0.5, 0.5]), np.array([0.1, 2.0])),
    ),
    "three classes and a prior": bernoulli,
    "lines": lambda: (lines(0), LINES_START),
    "hidden Markov": markov,
}


@pytest.fixture(params=REGISTER)
def problem(request):
    return REGISTER[request.param]()


# --- maxima ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [PoissonMixture, PoissonMixtureWithGap, FreePoissonMixture])
@pytest.mark.parametrize("start", [(0.3, 1.0, 2.5), (0.5, 1.0, 3.0), (0.9, 0.1, 4.0)])
def test_deaths_need_a_tenth_of_the_plain_passes(kind, start):
    """Hasselblad's data, the standard problem of this field (Varadhan & Roland 2008, section 7)."""
    share, *rates = start
    params = {"weights": np.array([share, 1.0 - share]), "rates": np.array(rates)}
    plain = climb(deaths(kind), params, acceleration=None)
    for scheme, factor in (("daarem", 20), ("squarem", 8)):
        result = climb(deaths(kind), params, acceleration=scheme)
        assert result.converged
        assert abs(result.objective - DEATHS_MAXIMUM) < 1e-8
        assert factor * result.n_iter <= plain.n_iter
        assert_allclose(result.params["rates"], [1.2561, 2.6634], atol=2e-3)
    assert abs(plain.objective - DEATHS_MAXIMUM) < 2e-8


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("start", [0.05, 0.5, 0.95])
def test_linkage(scheme, start):
    result = climb(Linkage(), start, acceleration=scheme, tol=0.0, max_iter=60)
    root = (15.0 + np.sqrt(53809.0)) / 394.0  # of 197 t² - 15 t - 68
    assert_allclose(root, 0.6268214980, atol=5e-11)
    assert_allclose(result.params, root, rtol=1e-9)
    assert_allclose(climb(Linkage(), start, acceleration=scheme).params, root, rtol=1e-4)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_censored_lifetimes_have_the_closed_form(scheme):
    rng = np.random.RandomState(0)
    life, ends = rng.exponential(3.0, 200), rng.uniform(0.0, 4.0, 200)
    model = Lifetimes(np.minimum(life, ends), life <= ends)
    result = climb(model, 1.0, acceleration=scheme, tol=1e-12)
    assert_allclose(result.params, model.seen.sum() / model.times.sum(), rtol=1e-6)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", ["poisson_K1", "poisson_K2"])
def test_poisson_reference(name, scheme):
    fit = FITS[name]
    K = fit["K"]
    start = {"weights": np.full(K, 1.0 / K), "rates": np.linspace(2.0, 8.0, K)}
    result = climb(PoissonMixture(fit["x"]), start, acceleration=scheme)
    assert_allclose(result.objective, fit["loglik"], rtol=0.0, atol=2e-8)
    order = result.params["rates"].argsort()
    assert_allclose(result.params["rates"][order], fit["rate"], rtol=1e-4)
    assert_allclose(result.params["weights"][order], fit["weights"], rtol=1e-4)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_exponential_reference(scheme):
    fit = FITS["exponential_K2"]
    start = Rates(np.array([0.5, 0.5]), np.array([0.1, 2.0]))
    result = climb(ExponentialMixture(fit["x"]), start, acceleration=scheme)
    assert isinstance(result.params, Rates)
    assert_allclose(result.objective, fit["loglik"], rtol=0.0, atol=2e-8)
    assert_allclose(result.params.rates, fit["rate"], rtol=1e-4)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_bernoulli_reference(scheme):
    fit = FITS["bernoulli_K2"]
    near = np.clip(np.array(fit["probabilities"]) + 0.05, 0.1, 0.9)
    start = Classes(np.array([0.5, 0.5]), near)
    result = climb(BernoulliMixture(fit["X"]), start, acceleration=scheme)
    assert result.params.name == "classes"
    assert_allclose(result.objective, fit["loglik"], rtol=0.0, atol=2e-8)
    assert_allclose(result.params.probabilities, fit["probabilities"], atol=1e-4)


def test_a_component_too_many_is_no_obstacle():
    """Its weight tends to zero, along a ridge where plain EM makes 12,000 passes."""
    start = {"weights": np.full(3, 1.0 / 3.0), "rates": np.array([0.5, 1.5, 3.0])}
    for scheme in ("daarem", "squarem"):
        result = climb(deaths(), start, acceleration=scheme)
        assert abs(result.objective - DEATHS_MAXIMUM) < 1e-7
        assert result.n_iter < 1000


# --- exponential families -------------------------------------------------------------------


class TwentyLines:
    """A Poisson mixture, as the guide says how to write one."""

    def __init__(self, counts, repeats):
        self.x, self.n = counts, repeats

    def e_step(self, params):
        weights, rates = params
        log_joint = np.log(weights) + np.outer(self.x, np.log(rates)) - rates
        log_joint -= gammaln(self.x + 1.0)[:, None]
        log_density = logsumexp(log_joint, axis=1)
        q = self.n[:, None] * np.exp(log_joint - log_density[:, None])
        return (q.sum(axis=0), self.x @ q), self.n @ log_density

    def m_step(self, statistics):
        share, total = statistics
        return share / share.sum(), total / share

    def expected(self, statistics, params):
        (share, total), (weights, rates) = statistics, params
        return share @ np.log(weights) + total @ np.log(rates) - share @ rates


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9])
def test_a_model_of_twenty_lines_needs_a_hundredth_of_the_plain_passes(share):
    code = inspect.getsource(TwentyLines).splitlines()[2:]
    assert len([line for line in code if line.strip()]) <= 20
    model, start = TwentyLines(DEATHS, DAYS), (np.array([share, 1.0 - share]), np.array([1.0, 2.5]))
    plain = climb(model, start, acceleration=None)
    fast = climb(model, start, acceleration="quasi-newton")
    assert fast.converged
    assert abs(fast.objective - DEATHS_MAXIMUM) < 1e-8
    assert 70 * fast.n_iter <= plain.n_iter
    kept = fast.history[fast.history["accepted"]]
    assert np.diff(kept["objective"]).min() >= -1e-13 * abs(fast.objective)
    assert fast.history["extrapolated"].any()


class WithGap(HiddenMarkov):
    def expected(self, statistics, params):
        first, moves, share, total, square = statistics
        means, variances = params["means"], params["variances"]
        off = (square - 2.0 * means * total + means**2 * share) / variances
        transitions = np.sum(moves * np.log(params["A"]))
        return (
            first @ np.log(params["start"])
            + transitions
            - 0.5 * np.sum(off + share * np.log(variances))
        )


EXPONENTIAL = {
    "linkage": REGISTER["linkage"],
    "exponential": REGISTER["exponential"],
    "three classes and a prior": bernoulli,
    "hidden Markov": lambda: (WithGap(two_states(250, 0)), markov()[1]),
    "a million rows": lambda: (
        PoissonMixtureWithGap(DEATHS, 1000.0 * DAYS),
        DEATHS_START,
    ),
}


@pytest.mark.parametrize("name", EXPONENTIAL)
@pytest.mark.parametrize("tol", [1e-4, 1e-7])
def test_quasi_newton_steps_climb_any_exponential_family(name, tol):
    model, start = EXPONENTIAL[name]()
    fast = climb(model, start, acceleration="quasi-newton", tol=tol)
    plain = climb(model, start, acceleration=None, tol=tol)
    assert fast.converged
    assert fast.n_iter <= plain.n_iter + 2
    kept = fast.history["objective"][fast.history["accepted"]]
    assert np.diff(kept).min() >= -1e-13 * abs(fast.objective)
    top = climb(model, fast.params, tol=1e-9).objective
    assert top - fast.objective <= max(tol, 1e-12 * abs(top))


def test_units_of_statistics_do_not_matter_to_quasi_newton_steps():
    class InThousands(PoissonMixtureWithGap):
        def e_step(self, params):
            (share, total), value = super().e_step(params)
            return {"share": share, "total": 1e-3 * total}, value

        def m_step(self, statistics):
            return super().m_step((statistics["share"], 1e3 * statistics["total"]))

        def expected(self, statistics, params):
            found = statistics["share"], 1e3 * statistics["total"]
            return super().expected(found, params)

    one, other = (
        climb(deaths(kind), DEATHS_START, acceleration="quasi-newton")
        for kind in (PoissonMixtureWithGap, InThousands)
    )
    assert one.n_iter == other.n_iter
    assert_allclose(one.params["rates"], other.params["rates"], rtol=1e-6)


def test_natural_parameters_are_the_slopes_of_q():
    watched = Watched(deaths(PoissonMixtureWithGap), DEATHS_START)
    family = ExponentialFamily(watched)
    family.about(watched.e_step(watched.start), None)
    weights, rates = DEATHS_START["weights"], DEATHS_START["rates"]
    found = family.natural(watched.start, None).vector
    assert_allclose(found, [*(np.log(weights) - rates), *np.log(rates)], rtol=1e-12)


@pytest.mark.parametrize("wrong", ["negative counts", "failure"])
@pytest.mark.parametrize("kind", [PoissonMixtureWithGap, FreePoissonMixture])
def test_statistics_that_no_data_have_lead_nowhere(wrong, kind):
    class Refusing(kind):
        def m_step(self, statistics):
            if statistics[0].max() > 1e6:
                raise ValueError("too many")
            return super().m_step(statistics)

    watched = Watched(deaths(Refusing), DEATHS_START)
    seen = watched.e_step(watched.start)
    near = watched.m_step(seen, watched.start)
    vector = np.concatenate(seen.statistics)
    assert_allclose(watched.settled(seen.at(vector), near).vector, near.vector, rtol=1e-14)
    vector[0] = -5.0 if wrong == "negative counts" else 1e7
    assert watched.settled(seen.at(vector), near) is None


def test_quasi_newton_steps_say_what_they_need():
    with pytest.raises(TypeError, match="needs expected"):
        climb(deaths(), DEATHS_START, acceleration="quasi-newton")

    class Squared(PoissonMixtureWithGap):
        def expected(self, statistics, params):
            return super().expected(statistics, params) - 1e-3 * np.sum(statistics[0] ** 2)

    with pytest.raises(ModelError, match="linear in the statistics") as error:
        climb(deaths(Squared), DEATHS_START, acceleration="quasi-newton")
    assert error.value.half_step == "expected"

    class OfAllRows(PoissonMixtureWithGap):
        def e_step(self, params):
            (share, total), value = super().e_step(params)
            return (share, np.resize(total, 10_000)), value

        def m_step(self, statistics):
            return super().m_step((statistics[0], statistics[1][:2]))

        def expected(self, statistics, params):
            return super().expected((statistics[0], statistics[1][:2]), params)

    with pytest.raises(ValueError, match="statistics have 10002 numbers"):
        climb(deaths(OfAllRows), DEATHS_START, acceleration="quasi-newton")

    class Named(PoissonMixtureWithGap):
        def e_step(self, params):
            found, value = super().e_step(params)
            return (*found, {1, 2}), value

        def m_step(self, statistics):
            return super().m_step(statistics[:2])

        def expected(self, statistics, params):
            return super().expected(statistics[:2], params)

    with pytest.raises(TypeError, match=r"statistics\[2\] is of type set; statistics are numbers"):
        climb(deaths(Named), DEATHS_START, acceleration="quasi-newton")


# --- promises -------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_objective_never_falls(problem, scheme):
    model, start = problem
    result = climb(model, start, acceleration=scheme, max_iter=300)
    kept = result.history[result.history["accepted"]]
    assert np.diff(kept["objective"]).min() >= -1e-13 * abs(result.objective)
    assert result.objective == kept["objective"][-1]
    assert len(result.history) == result.n_iter + 1
    value = model.e_step(result.params)[1]
    assert_allclose(value, result.log_likelihood, rtol=1e-14)
    assert_array_equal(result.history["log_likelihood"][-1], result.log_likelihood)


@pytest.mark.parametrize("scheme", ["daarem", "squarem"])
def test_the_estimate_of_the_remaining_gain_is_a_bound(problem, scheme):
    model, start = problem
    for tol in (1e-3, 1e-6, 1e-8):
        result = climb(model, start, acceleration=scheme, tol=tol)
        assert result.converged
        assert result.remaining_gain <= tol
        further = climb(model, result.params, tol=1e-12)
        assert further.objective - result.objective <= tol


@pytest.mark.parametrize("name", ["linkage", "exponential"])
def test_a_plain_step_looks_what_is_left_where_the_m_step_does_not_tell(name):
    """Without it the climb goes on until rounding errors are all that is left."""
    model, start = REGISTER[name]()
    told = climb(model, start)
    model.expected = None
    untold = climb(model, start)
    assert untold.n_iter <= told.n_iter + 4
    assert untold.converged


def test_plain_em_ends_near_the_maximum(problem):
    model, start = problem
    result = climb(model, start, acceleration=None, tol=1e-5)
    assert result.converged
    assert climb(model, result.params).objective - result.objective <= 2e-5


def test_acceleration_reaches_what_plain_em_reaches_in_fewer_passes(problem):
    model, start = problem
    plain = climb(model, start, acceleration=None)
    for scheme in ("daarem", "squarem"):
        fast = climb(model, start, acceleration=scheme)
        assert fast.objective >= plain.objective - 1e-7
        assert fast.n_iter <= plain.n_iter + 10


@pytest.mark.parametrize("scheme", ["daarem", "squarem"])
def test_units_of_the_parameters_do_not_matter(scheme):
    """Lives in seconds, or in years: the same steps."""
    x, year = np.array(FITS["exponential_K2"]["x"]), 2.0**25
    weights, rates = np.array([0.5, 0.5]), np.array([0.1, 2.0])
    one = climb(ExponentialMixture(x), Rates(weights, rates), acceleration=scheme)
    other = climb(ExponentialMixture(x * year), Rates(weights, rates / year), acceleration=scheme)
    assert one.n_iter == other.n_iter
    assert_allclose(other.params.rates * year, one.params.rates, rtol=1e-6)


@pytest.mark.parametrize("scheme", ["daarem", "squarem"])
def test_shares_add_up_to_one_wherever_a_climb_comes(scheme):
    """A long extrapolation multiplies rounding errors, and a larger sum is a larger likelihood."""
    sums = []
    start = {"weights": np.array([0.9, 0.1]), "rates": np.array([0.1, 4.0])}
    climb(
        deaths(),
        start,
        acceleration=scheme,
        callback=lambda state: sums.append(state.params["weights"].sum()),
    )
    assert np.abs(np.array(sums) - 1.0).max() < 1e-15


def test_a_generalised_m_step_climbs_too():
    class Half(Linkage):
        def e_step(self, t):
            hidden, value = super().e_step(t)
            return (hidden, t), value

        def m_step(self, statistics):
            hidden, t = statistics
            return 0.5 * (t + super().m_step(hidden))

        def expected(self, statistics, t):
            return super().expected(statistics[0], t)

    result = climb(Half(), 0.3, tol=1e-12)
    assert_allclose(result.params, 0.6268214980, rtol=1e-6)


def test_the_prior_is_part_of_the_objective():
    model, start = bernoulli()
    result = climb(model, start)
    prior = model.log_prior(result.params)
    assert prior < -1.0
    assert_allclose(result.objective, result.log_likelihood + prior, rtol=1e-14)
    assert_allclose(result.history["log_prior"][-1], prior, rtol=1e-14)
    assert result.params.probabilities.min() > 0.0
    assert result.params.probabilities.max() < 1.0


def test_half_steps_are_seen_where_the_model_tells_them():
    told = climb(deaths(PoissonMixtureWithGap), DEATHS_START, acceleration=None, max_iter=30)
    history = told.history
    assert (history["gap"][1:] > 0.0).all()
    assert (history["free_energy"][1:] > history["objective"][:-1]).all()
    untold = climb(deaths(), DEATHS_START, acceleration=None, max_iter=30)
    assert_array_equal(untold.history["objective"], history["objective"])
    assert np.isnan(untold.history["gap"][1:]).all()


def test_free_coordinates_reach_the_same_maximum():
    free = climb(deaths(FreePoissonMixture), DEATHS_START)
    assert_allclose(free.objective, DEATHS_MAXIMUM, rtol=0.0, atol=1e-8)
    assert_allclose(free.params["weights"].sum(), 1.0, rtol=1e-15)


# --- endings --------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("max_iter", [0, 1, 2, 3, 5, 8])
def test_max_iter_is_respected(scheme, max_iter):
    result = climb(deaths(), DEATHS_START, acceleration=scheme, max_iter=max_iter)
    assert result.n_iter == max_iter
    assert result.reason is Reason.MAX_ITER
    assert not result.converged


def test_reasons_are_sentences():
    assert all(str(reason)[0].isupper() and str(reason)[-1] == "." for reason in Reason)
    result = climb(Linkage(), 0.5)
    assert str(result.reason) == "The estimated remaining gain is at most tol."


def test_a_callback_stops_the_climb():
    seen = []

    def watch(state):
        seen.append(state)
        return state.n_iter == 3

    result = climb(deaths(), DEATHS_START, callback=watch)
    assert result.reason is Reason.CALLBACK
    assert [state.n_iter for state in seen] == [1, 2, 3]
    assert seen[-1].objective == result.objective
    assert_array_equal(seen[-1].params["rates"], result.params["rates"])
    told = climb(deaths(), DEATHS_START, callback=lambda state: None)
    assert told.converged


def test_tol_zero_climbs_as_far_as_rounding_lets_it():
    result = climb(Linkage(), 0.5, tol=0.0, max_iter=200)
    assert_allclose(result.params, 0.6268214980, atol=1e-9)


def test_a_start_at_the_maximum_stays_there():
    for scheme in SCHEMES:
        best = climb(Linkage(), 0.5, tol=1e-14).params
        result = climb(Linkage(), best, acceleration=scheme)
        assert result.converged
        assert result.n_iter <= 3


def test_the_result_draws_itself():
    pytest.importorskip("matplotlib")
    import matplotlib.pyplot as plt

    plt.close("all")  # left by other tests: a switch would warn of them
    plt.switch_backend("Agg")
    told = climb(deaths(PoissonMixtureWithGap), DEATHS_START).plot(name="deaths")
    assert told.ax_.get_ylabel() == "nats"
    labels = told.ax_.get_legend_handles_labels()[1]
    assert "deaths: bound before the E-step" in labels
    plt.close("all")
    untold = climb(deaths(), DEATHS_START).plot(distance=True)
    assert untold.ax_.get_ylabel() == "below the best, nats"
    plain = climb(deaths(), DEATHS_START, acceleration=None, max_iter=30).plot()
    assert plain.ax_.get_legend_handles_labels()[1] == ["climb: objective"]
    plt.close("all")


# --- parameters as trees --------------------------------------------------------------------


TREES = [
    (0.5, "params"),
    (np.arange(6.0).reshape(2, 3), "params[1, 0]"),
    ((1.0, np.zeros(2), 3.0), "params[2]"),
    ([np.ones((2, 2)), 5], "params[0][1, 1]"),
    ({"a": 1.0, 3: {"b": np.ones(4)}}, "params[3]['b'][2]"),
    (Rates(np.ones(2), np.ones(2)), "params.rates[1]"),
    (Classes(np.ones(2), np.ones((2, 2))), "params.probabilities[0, 1]"),
    (np.ones(3, dtype=np.float32), "params[2]"),
]


@pytest.mark.parametrize("tree", [tree for tree, _ in TREES])
def test_trees_to_vectors_and_back(tree):
    vector = vector_of(numbers(tree))
    again = with_numbers(tree, vector + 1.0)
    assert type(again) is type(tree)
    assert_array_equal(vector_of(numbers(again)), vector + 1.0)
    assert [leaf.path for leaf in numbers(again)] == [leaf.path for leaf in numbers(tree)]


@pytest.mark.parametrize(("tree", "path"), TREES)
def test_errors_name_the_number(tree, path):
    """NaN is put at a place of the parameters that the M-step returns."""
    found = numbers(tree)
    count = sum(leaf.value.size for leaf in found)
    assert path in [entry(found, index) for index in range(count)]


def test_copies_share_nothing():
    tree = {"a": np.zeros(2), "b": (np.zeros(1), "name")}
    other = copied(tree)
    other["a"][:] = 1.0
    other["b"][0][:] = 1.0
    assert not tree["a"].any()
    assert not tree["b"][0].any()
    assert other["b"][1] == "name"


def test_signs_are_kept_on_the_way():
    start = np.array([0.4, -2.0, 1.0, 0.0])
    assert_array_equal(with_signs(start, start), start)
    assert_array_equal(with_signs(start, np.array([0.5, -9.0, 2.0, 0.0])), [0.5, -9.0, 2.0, 0.0])
    assert_allclose(with_signs(start, np.array([-0.4, -2.0, 5.0, 1.0])), [0.2, -2.0, 2.0, 0.0])
    assert_allclose(with_signs(start, np.array([0.4, 2.0, 1.0, 0.0])), [0.4, -1.0, 1.0, 0.0])


def test_shares_go_on_to_add_up_to_one():
    before = numbers((np.array([0.2, 0.8]), np.eye(2), np.array([1.0, 2.0]), 1.0, np.zeros((0, 2))))
    vector = np.array([0.4, 0.4, 1.0, 3.0, 2.0, 2.0, 0.7, 0.7, 5.0])
    assert_allclose(
        adding_up(before, vector), [0.5, 0.5, 0.25, 0.75, 0.5, 0.5, 0.7, 0.7, 5.0], rtol=1e-15
    )


# --- the schemes themselves -----------------------------------------------------------------


class Point:
    """Of the linear map u -> J u, whose objective is -|u|² / 2 in the metric 1 - J."""

    class Vector:
        def __init__(self, vector):
            self.vector = vector

    def __init__(self, J, params):
        self.params, u = params, params.vector
        self.following = self.Vector(J @ u)
        self.stats = type("Stats", (), {"value": -0.5 * u @ (u - J @ u)})
        self.gain = 1.0


def linear_climb(scheme, J, u, n):
    acceleration = OnParameters(scheme(), lambda vector, following: Point.Vector(vector), 0.0)
    point, lengths = Point(J, Point.Vector(u)), []
    for _ in range(n):
        acceleration.push(point)
        trial = acceleration.propose(point)
        lengths.append(np.linalg.norm(point.params.vector))
        if trial is not None:
            tried = Point(J, trial)
            if tried.stats.value >= point.stats.value:
                acceleration.accepted(tried.stats.value - point.stats.value)
                point = tried
                continue
            acceleration.rejected()
        point = Point(J, point.following)
    return np.array(lengths), acceleration


@pytest.mark.parametrize("scheme", [Anderson, Squared])
def test_a_linear_map_is_solved(scheme):
    turn = np.linalg.qr(np.random.RandomState(0).normal(size=(4, 4)))[0]
    J = turn @ np.diag([0.99, 0.9, 0.5, 0.1]) @ turn.T
    u = np.random.RandomState(1).normal(size=4)
    lengths, known = linear_climb(scheme, J, u, 60)
    assert np.linalg.norm(np.linalg.matrix_power(J, 60) @ u) > 0.1
    assert lengths[-1] < 0.05
    assert 50.0 < known.remaining(None).likely < 5000.0  # 1 / (1 - 0.99) is 100, and the gain 1


def test_anderson_goes_uphill_where_the_map_drives_away():
    """f = 0 is to be found at a saddle, which is not where a climb should go."""
    lengths, _ = linear_climb(Anderson, np.diag([1.01, 0.5]), np.array([1e-3, 1.0]), 100)
    assert 1e-3 * 1.01**100 < 3e-3
    assert lengths[-1] > 10.0


@pytest.mark.parametrize("share", [0.01, 0.3, 0.99])
def test_damping_shortens_the_coefficients(share):
    along, values = np.array([1.0, -2.0, 0.5]), np.array([3.0, 0.1, 1e-3])
    found, whole = damped(along, values, share), along / values
    assert_allclose(found @ found, share * (whole @ whole), rtol=1e-9)
    shift = (along / found - values) * values
    assert_allclose(shift, shift[0], rtol=1e-6)


def test_the_slowest_rate_is_not_forgotten_near_a_saddle():
    known = Slowest()
    for slowest in (100.0, np.inf, 2.0):
        known.see(slowest)
        assert np.isinf(known.left(1e-3).likely) == np.isinf(slowest)
    assert known.left(1e-3) == pytest.approx((0.1, 0.5))
    assert known.left(0.0) == (0.0, 0.0)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_free_coordinates_may_be_infinite(scheme):
    """The M-step leads to the edge of the parameters in the end."""

    class ToTheEdge:
        def e_step(self, t):
            return t, -t

        def m_step(self, t):
            return 0.0 if t < 1e-3 else 0.5 * t

        def unconstrain(self, t):
            return np.log(t)

        def constrain(self, free):
            return np.exp(free)

    result = climb(ToTheEdge(), 1.0, acceleration=scheme)
    assert result.converged
    assert result.params == 0.0


# --- wrong models ---------------------------------------------------------------------------


def broken(**methods):
    """The deaths with other methods."""
    return type("Broken", (PoissonMixtureWithGap,), methods)(DEATHS, DAYS)


right = PoissonMixtureWithGap


def with_nan(self, statistics):
    params = right.m_step(self, statistics)
    params["rates"][1] = np.nan
    return params


def with_other_shape(self, statistics):
    params = right.m_step(self, statistics)
    return {"weights": params["weights"], "rates": params["rates"][:, None]}


def without_rates(self, statistics):
    return {"weights": right.m_step(self, statistics)["weights"]}


def with_text(self, statistics):
    return {**right.m_step(self, statistics), "rates": np.array(["a", "b"])}


def in_its_statistics(self, statistics):
    share, total = statistics
    total /= share
    return {"weights": share / share.sum(), "rates": total.copy()}


def too_large(self, statistics):
    params = right.m_step(self, statistics)
    return {**params, "rates": 1.05 * params["rates"]}


def in_one_buffer(self, params):
    (share, total), value = right.e_step(self, params)
    self.__dict__.setdefault("buffer", np.zeros((2, 2)))[:] = share, total
    return (self.buffer[0], self.buffer[1]), value


def in_its_parameters(self, params):
    found = right.e_step(self, params)
    params["rates"] *= 1.1
    return found


def without_weights(self, params):
    even = {"weights": np.array([0.5, 0.5]), "rates": params["rates"]}
    return right.e_step(self, even)[0], right.e_step(self, params)[1]


def value_nan(self, params):
    return right.e_step(self, params)[0], np.nan


def value_by_row(self, params):
    return right.e_step(self, params)[0], np.zeros(10)


def the_other_way_round(self, params):
    return right.e_step(self, params)[::-1]


def statistics_alone(self, params):
    return list(right.e_step(self, params)[0])


def other_bound(self, statistics, params):
    share, _ = statistics
    return right.expected(self, statistics, params) + 0.1 * share @ params["rates"]


def nan_bound(self, statistics, params):
    return np.nan


def not_inverse(self, params):
    return params["weights"], np.log(params["rates"])


def constrained(self, free):
    return {"weights": free[0], "rates": free[1]}


def as_a_list(self, statistics):
    share, total = statistics
    return [share / share.sum(), total / share]


def nothing(self, statistics):
    return None


def text_for_a_number(self, statistics):
    share, total = statistics
    return {"weights": "half", "rates": total / share}


def masked(self, statistics):
    share, total = statistics
    return {"weights": share / share.sum(), "rates": np.ma.masked_less(total / share, 0.0)}


def flat_bound(self, statistics, params):
    return 0.0


WRONG = [
    ({"m_step": as_a_list}, ModelError, "m_step", "of type list, not dict"),
    ({"m_step": nothing}, ModelError, None, "of type NoneType, not dict"),
    (
        {"m_step": text_for_a_number},
        ModelError,
        "m_step",
        "is missing, or no number",
    ),
    ({"m_step": masked}, TypeError, None, r"params\['rates'\] is a masked array"),
    ({"expected": flat_bound}, ModelError, "expected", "but the next pass raises"),
    (
        {"m_step": with_nan},
        ModelError,
        "m_step",
        r"m_step, in pass 1: params\['rates'\]\[1\] is nan",
    ),
    (
        {"m_step": with_other_shape},
        ModelError,
        "m_step",
        r"params\['rates'\] has the shape \(2, 1\)",
    ),
    ({"m_step": without_rates}, ModelError, "m_step", r"params\['rates'\] is missing"),
    ({"m_step": with_text}, TypeError, None, r"m_step, in pass 1: params\['rates'\] is an array"),
    ({"m_step": in_its_statistics}, ModelError, "m_step", r"m_step changed statistics\[1\]"),
    ({"m_step": too_large}, ModelError, "m_step", "m_step lowered the bound by .* in pass"),
    (
        {"e_step": in_one_buffer},
        ModelError,
        "e_step",
        r"e_step changed statistics\[0\].* in pass 1",
    ),
    ({"e_step": in_its_parameters}, ModelError, "e_step", r"changed params\['rates'\] in place"),
    ({"e_step": without_weights}, ModelError, "e_step", "e_step fell below the bound"),
    ({"e_step": value_nan}, ModelError, "e_step", "the log-likelihood nan at the start"),
    ({"e_step": value_by_row}, TypeError, None, r"as one number, got an array of shape \(10,\)"),
    (
        {"e_step": the_other_way_round},
        TypeError,
        None,
        "the second of its pair, as one number",
    ),
    ({"e_step": statistics_alone}, TypeError, None, r"the pair \(statistics, log_likelihood\)"),
    ({"expected": other_bound}, ModelError, "e_step", "fell below the bound"),
    ({"expected": nan_bound}, ModelError, "expected", "expected returned Q nan"),
    (
        {"unconstrain": not_inverse, "constrain": constrained},
        ModelError,
        "constrain",
        r"constrain\(unconstrain\(params\)\) is not params: params\['rates'\]\[0\]",
    ),
]


@pytest.mark.parametrize(("methods", "kind", "half_step", "message"), WRONG)
def test_wrong_models_are_told_what_and_where(methods, kind, half_step, message):
    with pytest.raises(kind, match=message) as error:
        climb(broken(**methods), DEATHS_START)
    if half_step is not None:
        assert error.value.half_step == half_step
        assert error.value.params is not None
        assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)
    assert not check_model(broken(**methods), DEATHS_START).ok


@pytest.mark.parametrize("methods", [{"m_step": too_large}, {"e_step": without_weights}])
def test_without_expected_a_fall_is_told_of_the_pass(methods):
    with pytest.raises(ModelError, match="e_step and m_step lowered the objective") as error:
        climb(broken(expected=None, **methods), DEATHS_START)
    assert error.value.half_step == "pass"
    assert error.value.n_iter > 0


def test_unbiased_variances_are_no_maximum_likelihood():
    """What R's flexmix does: divides by the rows less the coefficients."""

    class Unbiased(RegressionMixture):
        def m_step(self, resp):
            weights, coefficients, variances = super().m_step(resp)
            share = resp.sum(axis=0)
            return [weights, coefficients, variances * share / (share - 2.0)]

    right_one = lines(0)
    wrong = Unbiased(right_one.D, right_one.y)
    report = check_model(wrong, LINES_START)
    assert not report.ok
    assert [finding.name for finding in report.findings if finding.ok is False] == ["rest"]
    assert check_model(right_one, LINES_START).ok


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (object(), "model has no method e_step"),
        (type("Half", (), {"e_step": lambda self, p: None})(), "model has no method m_step"),
        (broken(constrain=constrained), "no method unconstrain"),
    ],
)
def test_missing_methods_are_named(model, message):
    with pytest.raises(TypeError, match=message):
        climb(model, DEATHS_START)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"tol": -1.0}, ValueError, "tol must be finite"),
        ({"tol": "small"}, TypeError, "tol must be a number"),
        ({"max_iter": -1}, ValueError, "max_iter must be at least 0"),
        ({"max_iter": 3.0}, TypeError, "max_iter must be an integer"),
        ({"acceleration": "newton"}, ValueError, "one of 'daarem', 'squarem', 'quasi-newton' or"),
        ({"acceleration": True}, ValueError, "acceleration must be one of"),
        ({"callback": 3}, TypeError, "callback must be callable"),
    ],
)
def test_arguments_are_checked(arguments, kind, message):
    with pytest.raises(kind, match=message):
        climb(Linkage(), 0.5, **arguments)


@pytest.mark.parametrize(
    ("start", "kind", "message"),
    [
        ({"weights": np.array([0.5, 0.5]), "rates": np.array([1.0, np.inf])}, ValueError, "is inf"),
        ({"weights": np.array([0.5, 0.5]), "rates": {1, 2}}, TypeError, "is of type set"),
        ({"weights": 1j, "rates": 1.0}, TypeError, r"params\['weights'\] is of type complex"),
    ],
)
def test_starts_are_checked(start, kind, message):
    with pytest.raises(kind, match=message):
        climb(deaths(), start)


def test_a_start_that_is_impossible_is_told():
    class Impossible(Linkage):
        def e_step(self, t):
            return 0.0, -np.inf

    with pytest.raises(ModelError, match="-inf at the start"):
        climb(Impossible(), 0.5)


@pytest.mark.parametrize("scheme", ["daarem", "squarem"])
@pytest.mark.parametrize("answer", ["error", "nan", "-inf", "warning"])
def test_extrapolations_that_the_e_step_refuses_are_dropped(scheme, answer):
    """All are refused that no M-step led to: what remains is plain EM. NumPy's warnings of
    parameters that the user never sees are not shown."""

    class Refusing(PoissonMixture):
        known, refused = [1.0], 0

        def e_step(self, params):
            if params["rates"][0] not in self.known:
                self.refused += 1
                if answer == "error":
                    raise ValueError("these are no parameters")
                if answer == "warning":
                    return None, np.log(np.float64(-1.0))
                return None, float(answer)
            return super().e_step(params)

        def m_step(self, statistics):
            params = super().m_step(statistics)
            self.known = [*self.known, params["rates"][0]]
            return params

    model = Refusing(DEATHS, DAYS)
    result = climb(model, DEATHS_START, acceleration=scheme, max_iter=40)
    kept = result.history[result.history["accepted"]]
    assert model.refused == 41 - len(kept) > 5
    plain = climb(deaths(), DEATHS_START, acceleration=None, max_iter=len(kept) - 1)
    assert_array_equal(kept["objective"], plain.history["objective"])


# --- check_model ----------------------------------------------------------------------------


def test_right_models_pass(problem):
    model, start = problem
    report = check_model(model, start)
    assert report.ok, str(report)
    names = {finding.name: finding.ok for finding in report.findings}
    assert names["passes"] is names["repeatable"] is names["rest"] is True
    if hasattr(model, "expected"):
        assert names["bound"] is names["Fisher's identity"] is names["m_step"] is True


def test_fisher_s_identity_and_the_bound_find_another_model_s_likelihood():
    def shifted(self, params):
        statistics, value = right.e_step(self, params)
        return statistics, value + 0.5 * np.log(params["rates"]).sum()

    report = check_model(broken(e_step=shifted), DEATHS_START, n_passes=3)
    found = {finding.name: finding.ok for finding in report.findings}
    assert found["bound"] is False
    assert found["Fisher's identity"] is False


def test_a_rest_with_a_slope_is_found():
    """The model forgets what censored rows have still to live, and is at rest after one pass."""

    class Forgetful(Lifetimes):
        expected = None

        def e_step(self, rate):
            return self.times.sum(), super().e_step(rate)[1]

    report = check_model(Forgetful([2.0, 3.0, 0.5, 4.0], [True, False, True, False]), 1.0)
    (wrong,) = (finding for finding in report.findings if finding.ok is False)
    assert wrong.name == "rest"
    assert "is to be had along a line" in wrong.detail


def test_hidden_state_is_found():
    """The model climbs by parameters that it keeps to itself."""

    class Stateful(PoissonMixtureWithGap):
        kept = None

        def e_step(self, params):
            return super().e_step(self.kept or params)

        def m_step(self, statistics):
            self.kept = super().m_step(statistics)
            return self.kept

    report = check_model(Stateful(DEATHS, DAYS), DEATHS_START)
    found = {finding.name: finding.ok for finding in report.findings}
    assert found["passes"] is True
    assert found["repeatable"] is False


def test_a_generalised_m_step_is_named_and_no_fault():
    class Half(PoissonMixtureWithGap):
        def e_step(self, params):
            statistics, value = super().e_step(params)
            return (*statistics, params), value

        def m_step(self, statistics):
            *statistics, before = statistics
            full = super().m_step(statistics)
            return {name: 0.5 * (full[name] + before[name]) for name in full}

        def expected(self, statistics, params):
            return super().expected(statistics[:2], params)

    report = check_model(Half(DEATHS, DAYS), DEATHS_START)
    assert report.ok
    assert "a generalised M-step" in str(report)
    assert "generalised" not in str(check_model(deaths(right), DEATHS_START))


def test_a_start_at_the_maximum_tells_little():
    best = climb(Linkage(), 0.5, tol=1e-14).params
    for _ in range(20):
        best = Linkage().m_step(Linkage().e_step(best)[0])
    report = check_model(Linkage(), best)
    assert report.ok


@pytest.mark.parametrize("scheme", ["daarem", "squarem"])
def test_parameters_that_are_not_identified(scheme):
    """Loadings may be turned: in these directions the rate is one, and nothing is to be gained."""
    rng = np.random.RandomState(1)
    X = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 8)) + rng.normal(size=(300, 8))
    start = {"loadings": rng.normal(size=(8, 2)), "uniquenesses": np.ones(8)}
    model = FactorAnalysis(X - X.mean(axis=0), 2)
    plain = climb(model, start, acceleration=None)
    result = climb(model, start, acceleration=scheme)
    assert result.converged
    assert abs(result.objective - plain.objective) < 1e-7
    assert 1.5 * result.n_iter < plain.n_iter
