"""What the starts of a fit led to: ``starts_``."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from common import (
    STRUCTURES,
    clusters,
    convergence_warnings_allowed,
    fitted,
    model_of,
    random_params,
)
from estimators import FAMILIES, made
from numpy.testing import assert_allclose

from emix import BayesianGaussianMixture, GaussianMixture, HardGaussianMixture, StudentMixture
from emix._em.ascent import Ascent
from emix._em.results import Climbed, Reason
from emix._fit import starts

X = clusters(3, 240, 2, 4)
DRAWN = {"covariance_type": "spherical", "init_params": "random_from_data", "random_state": 0}
GIVEN_UP = "given up: another start leads as high or higher"
KINDS = [GaussianMixture, HardGaussianMixture, BayesianGaussianMixture]


@cache
def many_starts():
    return GaussianMixture(4, n_init=40, **DRAWN).fit(X)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_init", [1, 6])
def test_the_start_of_the_result_comes_first(kind, n_init):
    mixture = kind(3, n_init=n_init, **DRAWN).fit(X)
    first = mixture.starts_[0]
    assert first["objective"] == mixture.lower_bound_
    assert first["remaining"] == mixture.remaining_gain_
    assert first["n_iter"] == mixture.n_iter_
    assert first["reason"] == mixture.stop_reason_
    assert first["sound"]
    assert not first["given_up"]
    assert_allclose(first["weights"], mixture.weights_, rtol=1e-12)
    assert_allclose(first["means"], mixture.means_, rtol=1e-12)
    assert len(mixture.starts_) == n_init


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_families_tell_of_their_starts(name):
    estimator, rows = made(name)
    mixture = estimator.fit(rows)
    assert mixture.starts_["objective"][0] == mixture.lower_bound_
    assert_allclose(mixture.starts_["weights"][0], mixture.weights_)
    assert not mixture.starts_["given_up"][0]


def test_every_start_is_there_and_the_lower_ones_come_later():
    starts = many_starts().starts_
    assert len(starts) == 40
    sound = starts["objective"][starts["sound"]]
    assert (np.diff(sound) <= 0.0).all()
    assert (np.diff(starts["sound"].astype(int)) <= 0).all()
    assert len(np.unique(sound.round(3))) > 1


def test_a_lower_height_is_that_of_a_local_maximum():
    starts = many_starts().starts_
    lower = starts[starts["given_up"] & starts["sound"]]
    height = lower["objective"][0]
    climb = GaussianMixture(
        4,
        covariance_type="spherical",
        weights_init=lower["weights"][0],
        means_init=lower["means"][0],
    ).fit(X)
    assert abs(climb.lower_bound_ - height) < 1e-3 + lower["remaining"][0]
    assert climb.lower_bound_ < starts["objective"][0] - 0.01


def test_starts_that_are_given_up_end_below_the_result_or_are_not_sound():
    starts = many_starts().starts_
    given_up = starts[starts["given_up"]]
    assert len(given_up)
    assert (given_up["n_iter"] <= 20).all()
    reach = given_up["objective"] + given_up["remaining"]
    assert ((reach < starts["objective"][0]) | ~given_up["sound"]).all()
    said = {GIVEN_UP, "given up: a component is not sound"}
    assert set(given_up["reason"]) <= said


def test_unsound_starts_are_those_that_are_counted():
    rows = np.random.RandomState(0).normal(size=(25, 1))
    mixture = fitted(rows, 3, n_init=20, init_params="random_from_data", random_state=0)
    assert np.count_nonzero(~mixture.starts_["sound"]) == mixture.n_collapsed_ > 0


@pytest.mark.parametrize(
    ("separation", "tol", "max_iter", "n_iter", "remaining"),
    [
        (3.0, 1e-9, 100, 14, 1e-4),  # what is left to gain hardly changes which leads
        (2.0, 1e-9, 100, 20, np.inf),
        (2.0, 1e-9, 5, 5, np.inf),
        (2.0, 1e-2, 100, 1, 1e-2),
    ],
)
def test_short_climbs_end_soon(separation, tol, max_iter, n_iter, remaining):
    model = model_of(clusters(0, 200, 2, 2, separation), STRUCTURES["full"])
    climb = Ascent(model, random_params(STRUCTURES["full"], 1, 2, 2))
    result = starts.run_a_little(climb, SimpleNamespace(tol=tol, max_iter=max_iter))
    assert result.n_iter == n_iter
    assert 1e-5 < result.remaining <= remaining


@pytest.mark.parametrize(
    ("sound", "likely", "kept", "n_collapsed"),
    [
        # -1.3 may get to -1.0, which is the best, and beyond; -1.5 may not
        ([True] * 4, [0.0, 0.2, 0.4, 0.4], [0, 2], 0),
        # two of which -1.2 leads are not sound
        ([False, True, True, False], [0.0, 0.0, 0.0, 9.0], [1], 2),
        # where none is sound, the best may become so
        ([False] * 4, [0.0, 0.0, 0.0, 9.0], [0, 3], 4),
    ],
)
def test_after_short_climbs_those_go_on_that_can_still_win(
    monkeypatch, sound, likely, kept, n_collapsed
):
    objectives = [-1.0, -1.2, -1.3, -1.5]
    climbs = [
        SimpleNamespace(objective=objective, within_reach=objective + more, is_sound=is_sound)
        for objective, more, is_sound in zip(objectives, likely, sound, strict=True)
    ]
    monkeypatch.setattr(starts, "run_a_little", lambda climb, problem: climb)
    monkeypatch.setattr(
        starts,
        "judge",
        lambda ground, climb: SimpleNamespace(climbed=Climbed(climb, 20, climb.is_sound)),
    )
    rows = SimpleNamespace(constraint=None)
    problem = SimpleNamespace(given=SimpleNamespace(means=None))
    begun = starts.Starts(rows, problem, np.random.RandomState(0))
    assert begun._selected(rows, climbs[::-1]) == [climbs[i] for i in kept]
    assert begun.n_collapsed == n_collapsed
    assert len(begun.given_up) == 4 - len(kept)


def test_starts_of_a_race_on_filled_rows_are_ordered_by_short_climbs_sound_ones_first(monkeypatch):
    heights = [(-1.0, False), (-3.0, True), (-2.0, True), (-0.5, False)]
    found = [SimpleNamespace(objective=at, is_sound=is_sound) for at, is_sound in heights]
    monkeypatch.setattr(starts.start, "sample_of", lambda model, n_components: (None, True))
    monkeypatch.setattr(starts, "begin", lambda model, each, problem: SimpleNamespace(params=each))
    monkeypatch.setattr(
        starts,
        "run_a_little",
        lambda climb, problem: SimpleNamespace(
            params=climb.params, objective=climb.params.objective, reason=Reason.MAX_ITER
        ),
    )
    soundness = SimpleNamespace(is_degenerate=lambda each: not each.is_sound)
    model = SimpleNamespace(constraint=None, soundness=soundness)
    problem = SimpleNamespace(given=SimpleNamespace(means=None), n_components=2)
    ordered = starts.Starts(model, problem, np.random.RandomState(0))._by_short_climbs(found)
    assert ordered == [found[i] for i in (2, 1, 3, 0)]


@pytest.mark.parametrize(("n_found_sound", "expected"), [(1, 1), (2, 2), (9, 3)])
def test_starts_are_tried_until_one_leads_to_a_sound_result(monkeypatch, n_found_sound, expected):
    """The best of a race, the next best one, and the best by plain EM: no more than is needed."""
    model = SimpleNamespace(
        begin=lambda params: params,
        constraint=None,
        structure=SimpleNamespace(is_free=True),
        soundness=SimpleNamespace(is_degenerate=lambda params: False),
    )
    model.likelihood = model
    given = SimpleNamespace(means=None, override=lambda likelihood, params: params)
    problem = SimpleNamespace(given=given, n_components=2, n_init=1, max_iter=100)
    monkeypatch.setattr(starts, "leading", lambda *_: ["best", "next", "third"])
    begun = starts.Starts(model, problem, np.random.RandomState(0))
    monkeypatch.setattr(begun, "_attempt", lambda params, may_give_up=False: params)
    monkeypatch.setattr(begun, "_cautious", lambda params: iter([f"{params} by plain EM"]))
    made = []
    for attempt in begun._searched(until=lambda: len(made) >= n_found_sound):
        made.append(attempt)
    assert made == ["best", "next", "best by plain EM"][:expected]


def test_starts_on_a_sample_say_so():
    rows = np.concatenate(
        [np.random.RandomState(0).normal(size=(4500, 1)) + m for m in (0, 8, 16, 24)]
    )
    options = {"init_params": "random_from_data", "n_init": 6, "random_state": 0, "tol": 1e-4}
    mixture = GaussianMixture(4, **options).fit(rows)
    given_up = mixture.starts_[mixture.starts_["given_up"]]
    assert len(given_up)
    assert all("on a sample of the rows" in reason for reason in given_up["reason"])
    assert 0.0 < (mixture.lower_bound_ - given_up["objective"]).max() < 1.0


MANY = np.random.RandomState(0).normal(size=(17_000, 1)) + 4.0 * (np.arange(17_000)[:, None] % 2)


def test_climbs_from_given_means_begin_there_also_where_rows_are_many():
    means = [[-1.0], [6.0]]
    there = fitted(MANY, 2, means_init=means, max_iter=0)
    mixture = fitted(MANY, 2, means_init=means, max_iter=1)
    assert mixture.history_["log_likelihood"][0] == pytest.approx(there.lower_bound_, rel=1e-12)


def test_units_are_those_of_the_data():
    one = GaussianMixture(3, n_init=5, **DRAWN).fit(X)
    other = GaussianMixture(3, n_init=5, **DRAWN).fit(1000.0 * X + 7.0)
    shift = 2.0 * np.log(1000.0)
    assert_allclose(other.starts_["objective"], one.starts_["objective"] - shift, atol=1e-9)
    assert_allclose(other.starts_["means"], 1000.0 * one.starts_["means"] + 7.0, rtol=1e-6)


def test_a_climb_that_leads_to_an_unsound_component_is_told():
    rows = np.random.RandomState(0).normal(size=(200, 1))
    mixture = GaussianMixture(10, random_state=1).fit(rows)
    starts = mixture.starts_
    assert starts["sound"].tolist() == sorted(starts["sound"].tolist(), reverse=True)
    assert np.count_nonzero(~starts["sound"]) == mixture.n_collapsed_
    assert starts["reason"][-1] == "given up: a component is not sound"


def test_starts_of_a_bayesian_fit_have_their_components_in_falling_order():
    starts = BayesianGaussianMixture(5, n_init=3, random_state=0).fit(X).starts_
    assert (np.diff(starts["weights"], axis=1) <= 1e-12).all()


def test_another_fit_replaces_them_and_a_failed_one_does_not():
    mixture = GaussianMixture(3, n_init=5, **DRAWN).fit(X)
    with pytest.raises(ValueError, match="n_init"):
        mixture.set_params(n_init=0).fit(X)
    assert len(mixture.starts_) == 5
    assert len(mixture.set_params(n_init=2).fit(X).starts_) == 2


def test_families_give_up_starts_that_lead_no_higher():
    with convergence_warnings_allowed():
        mixture = StudentMixture(3, n_init=6, tol=1e-6, random_state=0).fit(X)
    assert len(mixture.starts_) == 6
    assert mixture.starts_["given_up"].any()
    assert set(mixture.starts_["reason"][1:]) >= {GIVEN_UP}


def test_another_start_is_tried_only_where_rows_are_enough_for_sound_components():
    X = clusters(0, 50, 30, 20)
    with convergence_warnings_allowed():
        enough, few = (
            GaussianMixture(20, covariance_type=form, random_state=0).fit(X)
            for form in ("spherical", "diag")
        )
    assert not enough.starts_["sound"].any()
    assert (len(enough.starts_), len(few.starts_)) == (2, 1)
