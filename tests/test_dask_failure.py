"""Fits on a cluster that loses workers, rows or its scheduler; interrupts and progress."""

import os
import pickle
import signal
import time

import numpy as np
import pytest
from common import FITTED, assert_same_state, clusters, public_state
from numpy.testing import assert_allclose, assert_array_equal

import emix

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")
on_dask = pytest.importorskip("emix.dask")
pytest.importorskip("sklearn.callback")

X = clusters(0, 4000, 2, 3, 1.5)


class At:
    """Calls ``work`` at the end of one iteration."""

    def __init__(self, iteration, work):
        self.left, self.work = iteration, work

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name == "iteration":
            self.left -= 1
            if self.left == 0:
                self.work(fitted_estimator)


class Checkpoint(At):
    """Writes the mixture to a file, and interrupts the fit."""

    def __init__(self, iteration, path):
        super().__init__(iteration, self.write)
        self.path = path

    def write(self, so_far):
        self.path.write_bytes(pickle.dumps(so_far))
        raise KeyboardInterrupt


def plain(**options):
    """A fit of exactly 12 passes."""
    options = {"acceleration": False, "tol": 0.0, "max_iter": 12, "random_state": 0, **options}
    return on_dask.GaussianMixture(3, **options)


def fitted(mixture, rows):
    with pytest.warns(UserWarning, match="did not converge"):
        return mixture.fit(rows)


def chunked(size=1000):
    return da.from_array(X, chunks=(size, 2))


def cluster(processes=False):
    return distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=processes, dashboard_address=":0"
    )


@pytest.fixture(scope="module")
def client():
    with cluster() as at_hand, distributed.Client(at_hand) as client:
        yield client


def count_settles(client, allowed):
    """Whether the number of tasks comes down to this: a scheduler forgets a little later."""
    for _ in range(100):
        if len(names_of_tasks(client)) <= allowed:
            return True
        time.sleep(0.05)
    return False


def names_of_tasks(client):
    return client.run_on_scheduler(
        lambda dask_scheduler: [str(key) for key in dask_scheduler.tasks]
    )


def test_killed_workers_change_no_bit():
    """Rows with a recipe are computed again; rows without one are told to be lost."""
    with cluster(processes=True) as lossy, distributed.Client(lossy) as client:

        def kill(_):
            os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)

        expected = fitted(plain(), chunked())
        found = fitted(plain().set_callbacks(At(5, kill)), chunked())
        assert found.lower_bounds_ == expected.lower_bounds_
        for name in FITTED:
            assert_array_equal(getattr(found, name), getattr(expected, name))

        client.wait_for_workers(2)
        sent = client.scatter([X[:2000], X[2000:]])
        pieces = [da.from_delayed(dask.delayed(part), (2000, 2), float) for part in sent]
        before = public_state(found)
        with pytest.raises(RuntimeError, match=r"lost rows that cannot be computed again.*files"):
            found.set_callbacks(At(2, kill)).fit(da.concatenate(pieces))
        assert_same_state(before, public_state(found))


def test_rows_that_a_worker_has_no_memory_for(client):
    def full(block):
        raise MemoryError("a gigabyte is missing")

    found = fitted(plain(), chunked())
    before = public_state(found)
    lazy = chunked().map_blocks(full, dtype=float, meta=np.empty((0, 2)))
    with pytest.raises(RuntimeError, match=r"does not fit in the memory.*gigabyte is missing"):
        found.fit(lazy)
    found.client = client
    with pytest.raises(RuntimeError, match="does not fit in the memory"):
        found.score(lazy)
    assert_same_state(before, public_state(found))


def test_a_file_that_workers_cannot_read_is_told_as_it_is(client):
    def missing(block):
        raise FileNotFoundError("rows.parquet")

    with pytest.raises(FileNotFoundError, match=r"rows\.parquet"):
        plain().fit(chunked().map_blocks(missing, dtype=float, meta=np.empty((0, 2))))


def test_a_scheduler_that_is_gone():
    soon = {"distributed.comm.timeouts.connect": "300ms"}
    with dask.config.set(soon), cluster() as dying, distributed.Client(dying) as client:
        mixture = plain().set_callbacks(At(2, lambda _: client.sync(dying.scheduler.close)))
        mixture.client = client
        with pytest.raises(RuntimeError, match=r"scheduler of the cluster is gone.*client"):
            mixture.fit(chunked())
    assert not hasattr(mixture, "means_")


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_interrupt_ends_the_tasks_on_the_cluster(client, error):
    def interrupt(_):
        raise error

    mixture = fitted(plain(), chunked())
    before = public_state(mixture)
    with pytest.raises(error) as caught:  # whose traceback holds what was waited for
        mixture.set_callbacks(At(2, interrupt)).fit(chunked())
    assert count_settles(client, 0)
    assert_same_state(before, public_state(mixture))
    assert caught.value is not None
    assert_array_equal(fitted(plain(), chunked()).means_, mixture.means_)


def test_no_task_is_left_after_a_fit(client):
    for _ in range(3):
        fitted(plain(), chunked())
        assert count_settles(client, 0)


def test_progress_is_seen_on_the_client(client, capsys):
    names = []
    mixture = plain(verbose=2, verbose_interval=5)
    mixture.set_callbacks(At(3, lambda _: names.extend(names_of_tasks(client))))
    fitted(mixture, chunked(400))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Initialization 0"
    assert [line.split("\t")[0] for line in lines[1:3]] == ["  Iteration 5", "  Iteration 10"]
    assert len(mixture.history_) == 13


def test_tasks_are_named_by_their_pass(client):
    fitted(plain(), chunked())
    groups = client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.task_prefixes))
    assert {"emix pass 0", "emix pass 12"} <= set(groups)


def test_a_checkpoint_is_resumed(client, tmp_path):
    path = tmp_path / "mixture.pickle"

    whole = on_dask.GaussianMixture(3, random_state=0, acceleration=False, tol=1e-7).fit(chunked())
    broken = on_dask.GaussianMixture(3, random_state=0, acceleration=False, tol=1e-7)
    with pytest.raises(KeyboardInterrupt):
        broken.set_callbacks(Checkpoint(4, path)).fit(chunked())
    resumed = pickle.loads(path.read_bytes()).set_params(warm_start=True).set_callbacks()
    assert resumed.lower_bound_ == whole.lower_bounds_[3]
    resumed.fit(chunked())
    assert resumed.n_iter_ == whole.n_iter_ - 4
    assert_allclose(resumed.means_, whole.means_, rtol=1e-9)
    local = resumed.to_local().set_params(warm_start=True).fit(X)
    assert isinstance(local, emix.GaussianMixture)
    assert local.n_iter_ <= 2
