"""When the loop stops, drops a step, repairs, and whom it believes."""

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
from common import model_of, two_close_normals
from numpy.testing import assert_allclose

from emix._em.ascent import Ascent, Point
from emix._em.gauges import NextGain, RemainingGain
from emix._em.plain import Plain
from emix._em.protocols import Estimate, Repair
from emix._em.results import Reason
from emix._normal.covariances import DIAG
from emix._pair.newton import Newton, proposal
from emix._pair.two_normals import TwoNormals

ROUNDING = 1e-14


class Seen(NamedTuple):
    value: float
    at: int

    @property
    def evidence(self):
        return self.value


class Scripted:
    """Parameters are numbers 0, 1, ...; F at each is given, and so are the gains of M-steps, of
    what F rises to the next unless others are given."""

    is_combinatorial = False

    def __init__(self, values, gains=None, repairs=None):
        self.values, self.repairs = values, repairs or {}
        self.gains = np.diff(values) if gains is None else gains

    def e_step(self, params):
        return Seen(self.values[params], params)

    def sweep(self, params):
        return params, self.e_step(params)

    def m_step(self, stats, params):
        return params + 1

    def expected(self, stats, params):
        """Of the parameters of the E-step zero, of the next the gain."""
        return self.gains[stats.at] if params == stats.at + 1 else 0.0

    def log_prior(self, params):
        return 0.0

    def rounding(self, stats, params):
        return ROUNDING

    def repair(self, stats, params):
        return self.repairs.get(params)


class Suggesting(Plain):
    """Proposes parameters, and has estimates, at given parameters; keeps what it is told."""

    def __init__(self, proposals=None, estimates=None):
        self.proposals, self.estimates, self.told = proposals or {}, estimates or {}, []

    def propose(self, point):
        return self.proposals.pop(point.params, None)

    def remaining(self, point):
        return self.estimates.get(point.params)

    def accepted(self, gain):
        self.told.append(gain)

    def rejected(self):
        self.told.append("rejected")


# --- falls ----------------------------------------------------------------------------------


def test_a_fall_by_more_than_rounding_ends_the_climb_where_it_was():
    values = [-4.0, -2.0, -2.0 - 3.0 * ROUNDING, 0.0]
    result = Ascent(Scripted(values, gains=[2.0, 1e-3, 1.0]), 0).run(tol=1e-9, max_iter=10)
    assert result.reason is Reason.ROUNDING
    assert (result.params, result.objective) == (1, -2.0)
    assert [each.accepted for each in result.passes] == [True, True, False]
    assert "lowered F by" in result.status


def test_a_fall_within_rounding_is_a_step():
    values = [-4.0, -2.0, -2.0 - 0.5 * ROUNDING, -1.0, -1.0]
    result = Ascent(Scripted(values, gains=[2.0, 1e-3, 1.0, 0.0]), 0).run(tol=1e-20, max_iter=3)
    assert result.params == 3
    assert all(each.accepted for each in result.passes)


def test_a_fall_where_nothing_was_left_to_gain_has_converged():
    values = [-4.0, -2.0, -2.0 - 3.0 * ROUNDING]
    result = Ascent(Scripted(values, gains=[2.0, 0.1 * ROUNDING]), 0).run(tol=1e-9, max_iter=10)
    assert result.reason is Reason.CONVERGED
    assert result.params == 1


def test_gains_within_rounding_end_a_climb_whatever_its_tol():
    """Also where they do not shrink."""
    values, gains = [-4.0, -2.0, *[-1.5] * 8], [2.0, 0.5, *[0.5 * ROUNDING] * 8]
    result = Ascent(Scripted(values, gains), 0).run(tol=1e-20, max_iter=8)
    assert result.reason is Reason.CONVERGED
    assert (result.params, result.remaining) == (3, ROUNDING)


# --- proposals ------------------------------------------------------------------------------


def test_a_proposal_is_kept_where_f_does_not_fall():
    acceleration = Suggesting(proposals={0: 3, 3: 1})
    result = Ascent(Scripted(np.arange(9.0)), 0, acceleration).run(tol=1e-9, max_iter=3)
    assert [each.extrapolated for each in result.passes] == [False, True, True, False]
    assert [each.accepted for each in result.passes] == [True, True, False, True]
    assert acceleration.told == [3.0, "rejected"]
    assert result.params == 4


def test_an_estimate_of_the_acceleration_comes_first():
    acceleration = Suggesting(estimates={4: Estimate(0.5, 0.75)})
    climb = Ascent(Scripted(np.arange(9.0)), 0, acceleration)
    assert climb.run(tol=0.8, max_iter=8).params == 4
    assert climb.within_reach == 4.5


def test_the_gain_before_a_proposal_tells_nothing_of_what_follows():
    """The estimate stays what it was: of the last two gains one is not EM's."""
    values = [0.0, 1.0, 1.5, 1.75, 1.8, 3.0, 3.0 + 1e-12, 4.0, 5.0, 6.0]
    result = Ascent(Scripted(values), 0, Suggesting(proposals={1: 5})).run(tol=1e-9, max_iter=2)
    assert result.params == 5
    assert [each.remaining for each in result.passes] == [np.inf, 1.0, 1.0]


def test_an_m_step_that_gains_nothing_is_no_end_after_a_step_that_gained():
    """As next to a saddle, where the acceleration says that there is more to come."""
    estimates = {1: Estimate(0.5, 0.75), 2: Estimate(1.0, 1.0)}
    model = Scripted([0.0, 1.0, 1.0, 2.0, 2.0], gains=[1.0, 0.0, 1.0, 0.0])
    result = Ascent(model, 0, Suggesting(estimates=estimates)).run(tol=1e-9, max_iter=4)
    assert (result.params, result.objective) == (3, 2.0)


# --- repairs --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "is_sound", "is_kept"), [(5, True, True), (5, False, False), (0, True, False)]
)
def test_a_repair_is_kept_where_f_rises_and_it_is_sound(to, is_sound, is_kept):
    asked = []

    def judge(params, other):
        asked.append((params, other))
        return is_sound

    model = Scripted(np.arange(9.0), repairs={1: Repair(to, judge)})
    result = Ascent(model, 0).run(tol=1e-9, max_iter=2)
    assert result.params == (to if is_kept else 1)
    assert result.passes[2].accepted is is_kept
    assert asked == [(to + 1, 2)]  # the M-step there, and the one that it takes the place of


def test_a_climb_does_not_end_where_something_is_to_be_repaired():
    """Nor with the estimate of before the repair."""
    values = [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 2.0, 2.0]
    whole = Ascent(Scripted(values), 0).run(tol=1e-9, max_iter=6)
    broken = Scripted(values, repairs={1: Repair(4, lambda params, other: True)})
    mended = Ascent(broken, 0).run(tol=1e-9, max_iter=6)
    assert (whole.converged, whole.objective) == (True, 0.0)
    assert (mended.converged, mended.objective) == (True, 2.0)


# --- gauges ---------------------------------------------------------------------------------


def test_the_slowest_of_the_last_four_rates_counts():
    gauge = RemainingGain()
    for rate, slowest in [(0.9, 0.9), (0.5, 0.9), (0.2, 0.9), (0.1, 0.9), (0.3, 0.5), (0.1, 0.3)]:
        found = gauge.update(1.0, 1.0, rate, 0.0)
        assert_allclose(found, slowest / (1.0 - slowest))
        assert gauge.likely == found


def test_reach_is_a_bound_and_no_forecast():
    gauge = RemainingGain()
    assert gauge.update(1e-3, 1e-3, 5e-4, reach=100.0) == pytest.approx(0.1)
    assert gauge.likely == pytest.approx(1e-3)


def test_the_larger_of_a_step_s_gain_and_its_m_step_s_goes_on():
    """Where a step lost by its E-step what the M-step had gained, it tells nothing."""
    assert_allclose(RemainingGain().update(0.1, 1.0, 0.5, 0.0), 1.0)


def test_gains_that_do_not_shrink_have_no_end():
    assert RemainingGain().update(1.0, 1.0, 1.0, 0.0) == np.inf


@pytest.mark.parametrize(("tol", "words"), [(0.0, "nothing moves"), (0.1, "at most tol=0.1")])
def test_a_combinatorial_climb_ends_where_an_m_step_gains_nothing(tol, words):
    model = Scripted([0.0, 1.0, 2.0, 2.05, 2.05, 2.05])
    model.is_combinatorial = True
    result = Ascent(model, 0).run(tol=tol, max_iter=9)
    assert result.params == (3 if tol == 0.0 else 2)
    assert words in result.status
    gauge = NextGain()
    assert gauge.update(gain=3.0, before=9.0, after=0.5, reach=7.0) == 0.5
    assert gauge.likely == 3.0


# --- Newton's method for two normals --------------------------------------------------------


@pytest.fixture
def two():
    rows = model_of(two_close_normals(3, 300, separation=2.5), DIAG).rows
    model = TwoNormals(DIAG, rows, 1e-6)
    return model, model.params([0.4, 0.6], [-0.5, 2.0], [1.0, 0.7])


def point_of(model, params):
    return Point(model, params, model.e_step(params))


def test_a_promise_is_believed_once_one_was_kept(two):
    """To a half; the first is not, and none is after a plain step."""
    model, params = two
    point = point_of(model, Ascent(model, params).run(tol=1e-20, max_iter=10).params)
    promise = proposal(model, point.stats, point.params, 1.0).promise
    assert promise > 1e-9
    for gain, is_believed in ((0.6 * promise, True), (0.4 * promise, False), (None, False)):
        newton = Newton(model)
        newton.push(point)
        assert newton.remaining(point) == (np.inf, np.inf)
        following = point_of(model, newton.propose(point))
        if gain is not None:
            newton.accepted(gain)
        newton.push(following)
        assert np.isfinite(newton.remaining(following).bound) == is_believed
        assert newton.next_gain(following) == newton.remaining(following).bound


def test_a_proposal_is_made_once_and_a_refused_one_shortens_the_next(two):
    model, params = two
    point = point_of(model, params)
    newton = Newton(model)
    newton.push(point)
    first = newton.propose(point)
    newton.rejected()
    assert newton.propose(point) is None
    newton.push(point)
    second = newton.propose(point)
    moves = [np.abs(each.means - params.means).max() for each in (first, second)]
    assert moves[1] < moves[0]


def test_dying_components_are_left_to_em(two):
    model, _ = two
    params = model.params([1e-13, 1.0 - 1e-13], [-0.5, 2.0], [1.0, 0.7])
    point = point_of(model, params)
    newton = Newton(model)
    newton.push(point)
    assert newton.remaining(point) is None
    assert newton.propose(point) is None
    assert newton.next_gain(point) == point.gain
    alive = SimpleNamespace(params=params, stats=point_of(model, two[1]).stats, rounding=0.0)
    newton.push(alive)
    assert newton.remaining(alive) is not None
