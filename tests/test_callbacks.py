"""scikit-learn's callbacks: tasks, fitted estimators, early stop."""

import numpy as np
import pytest
from common import (
    FITTED,
    assert_same_state,
    clusters,
    convergence_warnings_allowed,
    fitted,
    public_state,
)
from families import FAMILIES
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from emix import GaussianMixture, HardGaussianMixture, MixtureOfRegressions, TwoNormalMixture

callback = pytest.importorskip("sklearn.callback")

X = clusters(0, 200, 2, 3, 1.5)


class Recorder:
    """Keeps what the hooks are told; ``at`` is called at every iteration's end."""

    def __init__(self, at=lambda count: False):
        self.events, self.estimators, self.at = [], [], at
        self.iterations = 0

    def setup(self, estimator, context):
        self.events.append(("setup", context.task_name))

    def teardown(self, estimator, context):
        self.events.append(("teardown", context.task_name))

    def on_fit_task_begin(self, estimator, context):
        self.events.append(("begin", self.path(context)))

    def on_fit_task_end(self, estimator, context, *, X=None, metadata=None, fitted_estimator=None):
        self.events.append(("end", self.path(context)))
        if context.task_name != "iteration":
            return None
        self.iterations += 1
        self.estimators.append((fitted_estimator, X, metadata))
        return self.at(self.iterations)

    @staticmethod
    def path(context):
        names = []
        while context is not None:
            names.insert(0, f"{context.task_name}")
            context = context.parent
        return tuple(names)


def recorded(at=lambda count: False, **parameters):
    recorder = Recorder(at)
    mixture = GaussianMixture(3, random_state=0, acceleration=False, **parameters)
    mixture.set_callbacks(recorder)
    return mixture, recorder


def test_tasks_are_nested_fit_init_iteration():
    mixture, recorder = recorded()
    mixture.fit(X)
    root = recorder.events[1][1][0]
    init, iteration = (root, "init"), (root, "init", "iteration")
    expected = [("setup", root), ("begin", (root,)), ("begin", init)]
    expected += [("begin", iteration), ("end", iteration)] * mixture.n_iter_
    expected += [("end", init), ("end", (root,)), ("teardown", root)]
    assert recorder.events == expected


def test_every_run_is_an_init_task():
    mixture, recorder = recorded(n_init=4, init_params="random")
    mixture.fit(X)
    begun = [path for kind, path in recorder.events if kind == "begin" and path[-1] == "init"]
    ended = [path for kind, path in recorder.events if kind == "end" and path[-1] == "init"]
    assert 1 <= len(begun) <= 4
    assert begun == ended


def test_fits_with_collapsing_starts_can_be_watched():
    """More starts are drawn than n_init when none of them leads to a sound result."""
    data = np.random.RandomState(0).normal(size=(25, 1))
    for seed in range(12):
        options = {"init_params": "random_from_data", "random_state": seed}
        mixture, watched = GaussianMixture(3, **options), GaussianMixture(3, **options)
        watched.set_callbacks(Recorder())
        with convergence_warnings_allowed():
            mixture.fit(data)
            watched.fit(data)
        assert mixture.n_collapsed_ == watched.n_collapsed_
        assert_array_equal(mixture.means_, watched.means_)


def test_fitted_estimators_are_usable_and_are_the_states_on_the_way():
    weight = np.random.RandomState(0).uniform(size=len(X))
    mixture, recorder = recorded()
    mixture.fit(X, sample_weight=weight)
    bounds = []
    for estimator, data, metadata in recorder.estimators:
        assert estimator is not mixture
        assert_array_equal(data, X)
        assert_array_equal(metadata["sample_weight"], weight)
        assert estimator.predict(X).shape == (len(X),)
        bounds.append(estimator.score(X, sample_weight=weight))
    np.testing.assert_allclose(bounds, mixture.lower_bounds_, rtol=1e-10)
    assert_array_equal(recorder.estimators[-1][0].means_, mixture.means_)


@pytest.mark.parametrize("stop_at", [1, 3])
def test_a_callback_that_returns_true_stops_the_fit(stop_at):
    mixture, recorder = recorded(lambda count: count == stop_at, tol=1e-12)
    mixture.fit(X)
    assert recorder.iterations == mixture.n_iter_ == stop_at
    assert not mixture.converged_
    assert mixture.stop_reason_ == "stopped by a callback"
    expected = fitted(X, 3, random_state=0, acceleration=False, tol=0.0, max_iter=stop_at)
    assert_array_equal(mixture.means_, expected.means_)


def test_callbacks_change_no_number():
    watched, _ = recorded()
    alone = fitted(X, 3, random_state=0, acceleration=False)
    watched.fit(X)
    for name in FITTED:
        assert_array_equal(getattr(watched, name), getattr(alone, name))


def test_nothing_of_a_callback_is_left_behind():
    mixture, _ = recorded()
    mixture.fit(X)
    alone = fitted(X, 3, random_state=0, acceleration=False)
    assert set(vars(mixture)) - set(vars(alone)) <= {"_skl_callbacks"}
    plain = GaussianMixture(3)
    plain.fit(X)
    assert "_skl_callbacks" not in vars(plain)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_at_an_iteration_keeps_the_previous_fit(error):
    def fail(count):
        raise error("stop here")

    mixture = fitted(X, 3, random_state=0)
    before = public_state(mixture)
    mixture.set_callbacks(Recorder(fail))
    with pytest.raises(error):
        mixture.fit(X[:, :1])
    assert_same_state(before, public_state(mixture))


@pytest.mark.parametrize("hook", ["on_fit_task_begin", "on_fit_task_end"])
def test_an_exception_at_the_fit_task_keeps_the_previous_fit(hook):
    def fail(estimator, context):
        if context.parent is None:
            raise RuntimeError("stop here")

    mixture = fitted(X, 3, random_state=0)
    before = public_state(mixture)
    recorder = Recorder()
    setattr(recorder, hook, fail)
    mixture.set_callbacks(recorder)
    with pytest.raises(RuntimeError, match="stop here"):
        mixture.fit(X[:, :1])
    assert_same_state(before, public_state(mixture))


def test_progress_bar_shows_the_tasks(capsys):
    pytest.importorskip("rich")
    mixture = GaussianMixture(3, random_state=0).set_callbacks(callback.ProgressBar())
    mixture.fit(X)
    assert mixture.converged_
    assert "GaussianMixture" in capsys.readouterr().out


def test_scoring_monitor_logs_every_iteration():
    """Without scores: scikit-learn's monitor asks for them only where there is a y."""
    monitor = callback.ScoringMonitor(scoring=None)
    mixture = GaussianMixture(3, random_state=0, acceleration=False, tol=1e-4)
    mixture.set_callbacks(monitor).fit(X)
    tasks = [row["task_id"] for row in monitor.get_logs().data if row["task_name"] == "iteration"]
    assert tasks == list(range(mixture.n_iter_))


def test_two_normals_tell_of_every_climb():
    recorder = Recorder()
    mixture = TwoNormalMixture().set_callbacks(recorder).fit(X[:, :1])
    begun = [path for kind, path in recorder.events if kind == "begin" and path[-1] == "init"]
    assert len(begun) >= 1
    heights = [estimator.score(X[:, :1]) for estimator, _, _ in recorder.estimators]
    assert max(heights) == pytest.approx(mixture.lower_bound_, abs=1e-9)
    for estimator, _, _ in recorder.estimators:
        assert estimator.means_.shape == (2,)
        assert estimator.means_[0] <= estimator.means_[1]
        assert np.isfinite(estimator.score(X[:, :1]))


def test_states_on_the_way_through_temperatures_and_a_stop_before_the_last():
    schedule = (3.0, 2.0, 1.0)
    whole, recorder = recorded(temperature=schedule)
    whole.fit(X)
    states = [state for state, _, _ in recorder.estimators]
    assert [state.n_iter_ for state in states] == list(range(1, whole.n_iter_ + 1))
    assert states[-1].history_["temperature"].tolist() == whole.history_["temperature"].tolist()
    second = next(i for i, state in enumerate(states) if state.history_["temperature"][-1] == 2.0)
    stopped, _ = recorded(lambda count: count == second + 1, temperature=schedule)
    stopped.fit(X)
    assert stopped.stop_reason_ == "stopped by a callback"
    assert stopped.n_iter_ == second + 1
    assert set(stopped.history_["temperature"]) == {3.0, 2.0}
    assert_array_equal(stopped.means_, states[second].means_)


def test_hard_assignments_can_be_watched_and_stopped():
    recorder = Recorder(lambda count: count == 2)
    hard = HardGaussianMixture(3, init_params="random", random_state=0)
    hard.set_callbacks(recorder)
    hard.fit(X)
    assert hard.n_iter_ == 2
    assert_array_equal(hard.labels_, hard.predict(X))
    state = recorder.estimators[-1][0]
    assert_array_equal(state.predict(X), hard.labels_)


@pytest.mark.parametrize("name", FAMILIES)
def test_mixtures_of_other_families_can_be_watched_and_stopped(name):
    estimator, rows, _ = FAMILIES[name]
    recorder, alone = Recorder(), clone(estimator).fit(rows)
    watched = clone(estimator).set_callbacks(recorder).fit(rows)
    assert_array_equal(watched.weights_, alone.weights_)
    for state, seen, _ in recorder.estimators:
        assert_array_equal(seen, rows)
        assert_allclose(state.score(rows), state.lower_bound_, rtol=1e-8)
    state = recorder.estimators[-1][0]
    assert_array_equal(state.predict(rows).shape, (len(rows),))
    stopping = clone(estimator).set_params(n_init=1, tol=0.0)
    stopped = stopping.set_callbacks(Recorder(lambda count: count == 2)).fit(rows)
    assert stopped.stop_reason_ == "stopped by a callback"
    assert not stopped.converged_


def test_regressions_can_be_watched():
    rng = np.random.RandomState(0)
    y = np.where(rng.rand(200) < 0.5, X[:, 0], 5.0 - X[:, 1]) + 0.1 * rng.normal(size=200)
    recorder = Recorder()
    fit = MixtureOfRegressions(2, random_state=0).set_callbacks(recorder).fit(X, y)
    state = recorder.estimators[-1][0]
    assert_allclose(state.coef_, fit.coef_)
    assert_array_equal(recorder.estimators[0][1], X)
