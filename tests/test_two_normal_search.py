"""What the search for maxima of two normals keeps, lists and climbs from."""

import re
import warnings

import numpy as np
import pytest
from common import two_close_normals
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning

from emix import TwoNormalMixture
from emix._pair.intervals import Moments
from emix._pair.screen import screened
from emix._pair.short_runs import Pairs, ShortRuns
from two_normals import random_problem

NO_INTERVALS = np.empty((0, 2), dtype=int)


def fitted(X, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return TwoNormalMixture(**settings).fit(X)


def n_climbs(X, capsys, **settings):
    capsys.readouterr()
    fitted(X, verbose=1, **settings)
    return len(re.findall(r"Initialization \d", capsys.readouterr().out))


def overlapping(n, seed=0):
    return two_close_normals(seed, n, separation=1.5)


@pytest.mark.parametrize("n", [60, 1000, 6000])
def test_maxima_that_are_listed_are_where_a_climb_from_them_ends(n):
    X = overlapping(n)
    maxima = fitted(X).local_maxima_
    assert len(maxima) > 2
    for found in maxima:
        weights = [1.0 - found["weight"], found["weight"]]
        start = {"means_init": found["means"], "scales_init": found["scales"]}
        again = fitted(X, weights_init=weights, **start)
        assert again.log_likelihood_ == pytest.approx(found["log_likelihood"], abs=2e-3)
        assert_allclose(again.scales_, found["scales"], rtol=0.03)


def test_few_of_the_maxima_are_climbed_to(capsys):
    X = overlapping(300)
    assert 1 <= n_climbs(X, capsys) < len(fitted(X).local_maxima_)


def test_all_are_climbed_to_where_short_runs_see_a_sample(capsys):
    X = np.random.default_rng(0).normal(size=(20000, 1))
    count = len(fitted(X).local_maxima_)
    assert count > 2
    assert n_climbs(X, capsys) >= count


def test_what_is_on_its_way_is_climbed_from_if_it_is_near_the_best(capsys):
    X = random_problem(119).x[:, None]
    assert n_climbs(X, capsys) > 1
    assert np.count_nonzero(~fitted(X).local_maxima_["spurious"]) == 5
    assert n_climbs(random_problem(10).x[:, None], capsys) == 1  # far below


def test_a_shortened_step_that_gains_little_is_on_its_way():
    """Else a fourth one is listed, which is no maximum."""
    maxima = fitted(random_problem(303).x[:, None]).local_maxima_
    assert np.count_nonzero(~maxima["spurious"]) == 3


@pytest.mark.parametrize("max_iter", [0, 1, 1000])
def test_something_is_climbed_from_where_all_is_one_normal(max_iter):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(rng.integers(2, 200), 1))
        assert np.isfinite(fitted(X, equal_variance=True, max_iter=max_iter).log_likelihood_)


def test_fine_cells_are_fine_about_narrow_components():
    z = np.sort(np.random.default_rng(0).normal(size=6000))
    narrow = Pairs(np.full((1, 2), 0.5), np.array([[1.0, 0.0]]), np.array([[0.02**2, 1.0]]))
    sums = Moments(z, np.ones(6000), 1e-6).fine_cells(narrow)
    assert_allclose(sums.sum(axis=1), [6000, z.sum(), (z**2).sum()])
    assert sums.shape[1] < 600
    mean = sums[1] / sums[0]
    assert np.diff(mean[np.abs(mean - 1.0) < 0.06]).max() < 0.01
    few = Moments(z[::3], np.ones(2000), 1e-6).fine_cells(narrow)
    assert_allclose(few[1], z[::3])


@pytest.mark.parametrize("seed", range(4))
def test_one_normal_written_as_two_is_no_maximum(seed):
    X = np.random.default_rng(seed).normal(size=(200, 1))
    mixture = fitted(X, equal_variance=True)
    gain = mixture.local_maxima_["log_likelihood"] - mixture.null_log_likelihood_
    assert (np.abs(gain[1:]) > 0.05).all()


def test_the_highest_maximum_is_found_among_many_on_the_way_to_one_row():
    """Four starts shrink to the row that is far from the others."""
    mixture = fitted(random_problem(1491).x[:, None])
    assert mixture.log_likelihood_ - mixture.null_log_likelihood_ == pytest.approx(6.325, abs=1e-3)


def test_settled_are_maxima_and_others_are_told():
    z = np.sort(overlapping(300)[:, 0])
    moments = Moments(z, np.ones(300), 1e-6)
    pairs, has_settled = screened(moments, 1e-6, False, 1000)
    assert has_settled.sum() > 2
    runs = ShortRuns(moments.fine_cells(pairs), 1e-6, False)
    found = pairs.take(has_settled)
    before = refined(runs, found, [0])
    after = refined(runs, found, [50])
    assert ((after.objective - before.objective) * 300 < 1e-3).all()


def refined(runs, pairs, rounds, least=0.0):
    return runs.refine(pairs, rounds, least, lambda now, i: slice(None))


def runs_on(z):
    return ShortRuns(Moments(z, np.ones(len(z)), 1e-6).cells(NO_INTERVALS), 1e-6, False)


def test_a_saddle_is_not_settled():
    """Of equal components and data that are not normal: nothing pulls them apart."""
    z = np.sort(np.concatenate([np.linspace(-3.0, -2.0, 50), np.linspace(2.0, 3.0, 50)]))
    alike = Pairs(np.full((2, 2), 0.5), np.zeros((2, 2)), np.full((2, 2), (z**2).mean()))
    found = refined(runs_on(z), alike, [3], least=1e-3)
    assert not found.has_settled.any()


def test_what_has_settled_stays_and_one_alone_makes_no_steps():
    z = np.sort(overlapping(100)[:, 0])
    runs = runs_on(z)
    start = Pairs(
        np.array([[0.5, 0.5], [0.9, 0.1], [0.4, 0.6]]),
        np.array([[0.0, 2.0], [0.5, 3.0], [-0.5, 1.0]]),
        np.array([[0.5, 1.0], [0.5, 1.5], [0.4, 0.6]]),
    )
    found = refined(runs, start, [60], least=1e-8)
    assert found.has_settled.sum() >= 2
    again = refined(runs, start, [60, 5], least=1e-8)
    for one, other in zip(found.pairs, again.pairs, strict=True):
        assert_allclose(one[found.has_settled], other[found.has_settled], rtol=0.0)
    alone = refined(runs, start.take([0]), [10])
    assert_allclose(alone.pairs.means, start.means[:1])
    assert not alone.has_settled.any()


def test_rounds_go_on_where_those_before_ended():
    z = np.sort(overlapping(100)[:, 0])
    rng = np.random.default_rng(0)
    start = Pairs(
        np.full((40, 2), 0.5), 3.0 * rng.normal(size=(40, 2)), rng.uniform(0.1, 2.0, (40, 2))
    )
    whole, parts = (refined(runs_on(z), start, rounds) for rounds in ([8], [1] * 8))
    for one, other in zip(whole.pairs, parts.pairs, strict=True):
        assert_allclose(one, other, rtol=1e-12)
