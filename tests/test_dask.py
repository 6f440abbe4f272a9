"""Dask arrays and data frames: the fit of the same rows in memory, where the rows lie."""

import asyncio
import gc
import pickle
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from common import STARTS, TYPES, initial_values
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.pipeline import make_pipeline

import emix
from emix.constraints import Allowed, Proportions

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")
distributed = pytest.importorskip("distributed")
on_dask = pytest.importorskip("emix.dask")

FITTED = ("weights_", "means_", "covariances_", "precisions_cholesky_")


@pytest.fixture(scope="module", autouse=True)
def client():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def overlapping(n=900, d=3, k=3, seed=0):
    """Clusters that take EM a number of iterations, of features in unlike units."""
    rng = np.random.RandomState(seed)
    means = rng.normal(0.0, 1.2, (k, d))
    X = means[rng.randint(k, size=n)] + rng.normal(size=(n, d)) * rng.uniform(0.5, 1.5, d)
    return X * np.logspace(-1, 1, d) + 5.0


X = overlapping()


def chunked(X, size=200):
    return da.from_array(X, chunks=(size, *X.shape[1:]))


def assert_same_fit(found, expected, rtol=1e-12):
    assert found.n_iter_ == expected.n_iter_
    assert_allclose(found.lower_bound_, expected.lower_bound_, rtol=rtol)
    assert_allclose(found.lower_bounds_, expected.lower_bounds_, rtol=rtol)
    for name in FITTED:
        one, other = getattr(found, name), getattr(expected, name)
        assert isinstance(one, np.ndarray)
        assert one.dtype == other.dtype
        assert_allclose(one, other, rtol=rtol, atol=rtol * np.abs(other).max())


# --- the same fit ---------------------------------------------------------------------------


@pytest.mark.parametrize("covariance_type", TYPES)
def test_the_climb_is_that_in_memory(covariance_type):
    start = initial_values(0, covariance_type, X, 3)
    options = {"covariance_type": covariance_type, "tol": 1e-9, **start}
    expected = emix.GaussianMixture(3, **options).fit(X)
    found = on_dask.GaussianMixture(3, **options).fit(chunked(X))
    assert expected.n_iter_ > 5
    assert_same_fit(found, expected)


@pytest.mark.parametrize("start_name", STARTS)
def test_starts_are_those_in_memory(start_name):
    """All rows fit in the sample."""
    options = {"init_params": start_name, "random_state": 0, "max_iter": 0}
    expected = emix.GaussianMixture(3, **options).fit(X)
    found = on_dask.GaussianMixture(3, **options).fit(chunked(X))
    assert_same_fit(found, expected)


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": (3.0, 1.0)},
        {"prior": "fraley-raftery"},
        {"acceleration": False, "tol": 1e-5},
        {"m_step": "gradient", "tol": 1e-5},
        {"frozen": ("weights",)},
        {"reg_covar": 0.01},
        {"init_params": "random_from_data", "n_init": 3},
    ],
    ids=lambda options: next(iter(options)),
)
def test_every_objective_is_climbed_as_in_memory(options):
    options = {"random_state": 1, **options}
    expected = emix.GaussianMixture(3, **options).fit(X)
    found = on_dask.GaussianMixture(3, **options).fit(chunked(X))
    assert_same_fit(found, expected, 1e-11)


def test_proportions_hold_over_all_parts():
    """The dual is solved to 1e-9 in its gradient, by some passes in each iteration."""
    options = {"constraints": (Proportions([0.3, 0.7]),), "random_state": 0, "tol": 1e-2}
    expected = emix.GaussianMixture(2, **options).fit(X)
    found = on_dask.GaussianMixture(2, **options).fit(chunked(X))
    assert_same_fit(found, expected, 1e-7)
    assert_allclose(found.weights_, [0.3, 0.7], atol=1e-5)


@pytest.mark.parametrize("kind", ["dirichlet_process", "dirichlet_distribution"])
def test_the_posterior_is_that_in_memory(kind):
    options = {"weight_concentration_prior_type": kind, "random_state": 0, "tol": 1e-6}
    expected = emix.BayesianGaussianMixture(4, **options).fit(X)
    found = on_dask.BayesianGaussianMixture(4, **options).fit(chunked(X))
    assert_same_fit(found, expected, 1e-11)
    assert_allclose(found.degrees_of_freedom_, expected.degrees_of_freedom_, rtol=1e-11)
    assert_allclose(found.score(chunked(X)), expected.score(X), rtol=1e-12)


def test_many_features_go_by_panels():
    wide = overlapping(600, 40, 2)
    expected = emix.GaussianMixture(2, random_state=0).fit(wide)
    found = on_dask.GaussianMixture(2, random_state=0).fit(chunked(wide, 150))
    assert_same_fit(found, expected)


# --- hard assignments -----------------------------------------------------------------------

KMEANS = {"covariance_type": "tied_spherical", "frozen": ("weights",)}


@pytest.mark.parametrize("covariance_type", TYPES)
def test_classification_is_that_in_memory(covariance_type):
    start = initial_values(0, covariance_type, X, 3)
    options = {"covariance_type": covariance_type, **start}
    expected = emix.HardGaussianMixture(3, **options).fit(X)
    found = on_dask.HardGaussianMixture(3, **options).fit(chunked(X))
    assert_same_fit(found, expected)
    assert_allclose(found.inertia_, expected.inertia_, rtol=1e-12)
    assert not hasattr(found, "labels_")
    assert_array_equal(found.predict(chunked(X)).compute(), expected.labels_)


def test_empty_clusters_get_the_rows_of_k_means():
    """Two of the centres are too far away to get any row."""
    table = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0], [30.0], [30.0]])
    centres = np.array([[1.0], [500.0], [900.0]])
    options = {**KMEANS, "means_init": centres}
    expected = emix.HardGaussianMixture(3, **options).fit(table)
    for size in (2, 3, 8):
        found = on_dask.HardGaussianMixture(3, **options).fit(chunked(table, size))
        assert_same_fit(found, expected)
        assert_array_equal(found.predict(chunked(table, size)).compute(), expected.labels_)


def test_equally_bad_rows_are_taken_in_lexicographic_order():
    """Four corners of a square, as far from its centre; repeated, so that they lie in all parts."""
    corners = np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
    table = np.concatenate([np.tile(corners, (5, 1)), np.zeros((4, 2))])
    options = {**KMEANS, "means_init": np.array([[0.0, 0.0], [50.0, 0.0], [0.0, 80.0]])}
    expected = emix.HardGaussianMixture(3, **options).fit(table)
    for rows, size in ((table, 24), (table, 7), (table[::-1], 5)):
        found = on_dask.HardGaussianMixture(3, **options).fit(chunked(rows, size))
        assert_same_fit(found, expected)
    assert len(np.unique(expected.labels_)) == 3


# --- whatever the chunks --------------------------------------------------------------------

START = initial_values(2, "full", X, 3)
EXPECTED = emix.GaussianMixture(3, **START).fit(X)
FRAME = pd.DataFrame(X, columns=["length", "width", "mass"])


def of_unknown_sizes():
    found = chunked(X)
    return found[found[:, 0] > -np.inf]


COLLECTIONS = {
    "one chunk": lambda: chunked(X, len(X)),
    "uneven chunks": lambda: da.from_array(X, chunks=((1, 700, 150, 49), (3,))),
    "empty chunks": lambda: da.from_array(X, chunks=((0, 500, 0, 400, 0), (3,))),
    "more chunks than threads": lambda: chunked(X, 90),
    "chunks of columns": lambda: da.from_array(X, chunks=(300, 2)),
    "unknown sizes": of_unknown_sizes,
    "a data frame": lambda: dd.from_pandas(FRAME, npartitions=4),
    "a data frame with an empty partition": lambda: dd.from_pandas(FRAME, npartitions=3).query(
        "index > 350"
    ),
}


@pytest.mark.parametrize("name", COLLECTIONS)
def test_chunks_do_not_matter(name):
    table, expected = COLLECTIONS[name](), EXPECTED
    if name.endswith("empty partition"):
        expected = emix.GaussianMixture(3, **START).fit(X[351:])
    found = on_dask.GaussianMixture(3, **START).fit(table)
    assert_same_fit(found, expected)
    labels = found.predict(table)
    computed = labels.compute()
    assert labels.dtype == computed.dtype
    rows = X[-len(computed) :]
    assert_array_equal(computed, expected.predict(rows))
    methods = ("predict_proba", "score_samples", "transform")
    lazy = [getattr(found, method)(table) for method in methods]
    assert all(isinstance(each, da.Array) for each in lazy)
    for method, values in zip(methods, dask.compute(*lazy), strict=True):
        assert_allclose(values, getattr(expected, method)(rows), rtol=1e-9, atol=1e-12)
    assert_allclose(found.bic(table), expected.bic(rows), rtol=1e-12)


def test_single_precision_is_kept():
    single = X.astype(np.float32)
    expected = emix.GaussianMixture(3, **START).fit(single)
    found = on_dask.GaussianMixture(3, **START).fit(chunked(single))
    assert found.means_.dtype == np.float32
    for name in FITTED:
        assert_array_equal(getattr(found, name), getattr(expected, name))
    assert found.score_samples(chunked(single)).dtype == np.float32
    assert found.predict_proba(chunked(single)).compute().dtype == np.float32


def test_integers_are_numbers():
    counts = np.round(10.0 * X).astype(int)
    expected = emix.GaussianMixture(3, random_state=0).fit(counts)
    assert_same_fit(on_dask.GaussianMixture(3, random_state=0).fit(chunked(counts)), expected)


WEIGHT = np.random.RandomState(0).randint(0, 3, len(X)).astype(float)
WEIGHTS = {
    "like X": (chunked(X), chunked(WEIGHT)),
    "other chunks": (chunked(X), chunked(WEIGHT, 350)),
    "in memory": (chunked(X), WEIGHT),
    "a series": tuple(
        dd.from_pandas(FRAME.assign(weight=WEIGHT), npartitions=4)[columns]
        for columns in (list(FRAME), "weight")
    ),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_rows_have_weights(name):
    table, weight = WEIGHTS[name]
    expected = emix.GaussianMixture(3, **START).fit(X, sample_weight=WEIGHT)
    found = on_dask.GaussianMixture(3, **START).fit(table, sample_weight=weight)
    assert_same_fit(found, expected)
    for method in ("score", "aic", "bic", "icl") if name == "other chunks" else ("icl",):
        value = getattr(found, method)(table, sample_weight=weight)
        assert isinstance(value, float)
        assert_allclose(value, getattr(expected, method)(X, sample_weight=WEIGHT), rtol=1e-12)


def test_one_weight_is_that_of_all_rows():
    found = on_dask.GaussianMixture(3, **START).fit(chunked(X), sample_weight=2.0)
    assert_same_fit(found, EXPECTED)


def test_names_of_columns_are_kept_and_checked():
    table = dd.from_pandas(FRAME, npartitions=2)
    found = on_dask.GaussianMixture(3, **START).fit(table)
    assert found.feature_names_in_.tolist() == list(FRAME)
    with pytest.raises(ValueError, match="feature names should match"):
        found.predict(table.rename(columns={"mass": "weight"}))


def test_starts_from_a_sample_lead_to_the_maximum_in_memory():
    """30,000 distinct rows, of which 16,384 are the sample."""
    rng = np.random.RandomState(3)
    table = (
        rng.normal(size=(30_000, 2)) + np.array([[0.0], [6.0], [12.0]])[rng.randint(3, size=30_000)]
    )
    expected = emix.GaussianMixture(3, random_state=0, tol=1e-9).fit(table)
    found = on_dask.GaussianMixture(3, random_state=0, tol=1e-9).fit(chunked(table, 11_000))
    again = on_dask.GaussianMixture(3, random_state=0, tol=1e-9).fit(chunked(table[::-1], 7_000))
    order, other, third = (each.means_[:, 0].argsort() for each in (expected, found, again))
    assert_allclose(found.lower_bound_, expected.lower_bound_, rtol=1e-9)
    assert_allclose(found.means_[other], expected.means_[order], rtol=1e-4, atol=1e-4)
    assert found.n_iter_ == again.n_iter_
    assert_allclose(again.means_[third], found.means_[other], rtol=1e-11)


# --- what cannot be fitted ------------------------------------------------------------------

TEXT = FRAME.assign(name="ann", sort=pd.Categorical(["a"] * len(X)))
UNUSABLE = {
    "text": (lambda: dd.from_pandas(TEXT, npartitions=2), "columns 'name' and 'sort' have text"),
    "dates": (
        lambda: dd.from_pandas(FRAME.assign(day=pd.Timestamp("2020-01-01")), npartitions=2),
        "column 'day' has dates",
    ),
    "objects": (
        lambda: chunked(np.where(X > 20.0, "much", X.astype(object))),
        "column 2 has text, 'much' in row",
    ),
    "a missing value": (
        lambda: chunked(with_value(np.nan)),
        r"contains NaN: part 2 of 2 \(rows 400 to 899\) has 1 such row\(s\), the first is row 613, "
        "column 1",
    ),
    "infinity": (lambda: chunked(with_value(np.inf)), "contains infinity: part 2 of 2"),
    "one dimension": (lambda: chunked(X[:, 0]), "of 1 dimensions"),
    "no rows": (lambda: chunked(X)[:0], "a minimum of 2 is required"),
    "few rows": (lambda: chunked(X)[:2], "n_components = 3, n_samples = 2"),
}


def with_value(value):
    table = X.copy()
    table[613, 1] = value
    return table


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_tables_are_refused_with_their_place(name):
    make, text = UNUSABLE[name]
    mixture = on_dask.GaussianMixture(3, random_state=0)
    with pytest.raises((TypeError, ValueError), match=text):
        mixture.fit(make())
    assert not hasattr(mixture, "means_")


@pytest.mark.parametrize(
    ("weight", "text"),
    [
        (np.ones(5), r"shape \(900,\), got \(5,\)"),
        (da.ones(5), r"shape \(900,\), got \(5,\)"),
        (np.where(np.arange(900) == 700, -1.0, 1.0), r"not negative; part 2 of 2 \(rows 400"),
        (np.where(np.arange(900) == 3, np.nan, 1.0), r"must be finite .* part 1 of 2"),
        (da.zeros(900, chunks=200), "must not be all zero"),
        (da.ones((900, 1)), "of one dimension"),
    ],
)
def test_unusable_weights_are_refused(weight, text):
    with pytest.raises(ValueError, match=text):
        on_dask.GaussianMixture(3, **START).fit(chunked(X), sample_weight=weight)


ROWWISE = {
    "init_params": {"init_params": np.zeros(900, dtype=int)},
    "algorithm": {"algorithm": "incremental"},
    "constraints": {"constraints": (Allowed(np.ones((900, 3), dtype=bool)),)},
}


@pytest.mark.parametrize("name", ROWWISE)
def test_parameters_with_an_entry_for_each_row_are_refused(name):
    with pytest.raises(ValueError, match=name):
        on_dask.GaussianMixture(3, **ROWWISE[name]).fit(chunked(X))


def test_labels_are_refused():
    with pytest.raises(ValueError, match="labels=None"):
        on_dask.GaussianMixture(3).fit(chunked(X), labels=np.zeros(900, dtype=int))


IN_MEMORY = [name for name in emix.__all__ if hasattr(getattr(emix, name), "fit")]


@pytest.mark.parametrize("name", IN_MEMORY)
def test_estimators_in_memory_refuse_dask_collections(name):
    kind = getattr(emix, name)
    estimator = kind(emix.GaussianMixture(2)) if name == "MergedMixture" else kind()
    for table in (chunked(X), dd.from_pandas(FRAME, npartitions=2)):
        with pytest.raises(TypeError, match=r"emix\.dask"):
            estimator.fit(table, np.arange(900) % 2)


def test_weights_in_dask_are_refused_in_memory():
    with pytest.raises(TypeError, match=r"sample_weight is a dask collection"):
        emix.GaussianMixture(2).fit(X, sample_weight=chunked(WEIGHT))


# --- as an estimator ------------------------------------------------------------------------


@pytest.mark.parametrize("name", on_dask.__all__)
def test_parameters_are_those_of_the_class_in_memory(name):
    here, there = getattr(on_dask, name), getattr(emix, name)
    assert here().get_params() == there().get_params()
    assert clone(here(n_components=3, tol=0.1)).get_params()["tol"] == 0.1
    with pytest.raises(NotFittedError):
        here().predict(chunked(X))
    with pytest.raises(NotFittedError):
        here().bic(chunked(X))


@pytest.mark.parametrize("name", on_dask.__all__)
def test_rows_in_memory_are_fitted_there(name):
    expected = getattr(emix, name)(3, random_state=0).fit(X)
    found = getattr(on_dask, name)(3, random_state=0).fit(X)
    assert_array_equal(found.means_, expected.means_)
    for method in ("predict", "predict_proba", "score_samples", "transform"):
        assert_array_equal(getattr(found, method)(X), getattr(expected, method)(X))
    for method in ("score", "aic", "bic", "icl"):
        assert getattr(found, method)(X) == getattr(expected, method)(X)
    assert_array_equal(found.fit_predict(X), expected.predict(X))


@pytest.mark.parametrize("name", on_dask.__all__)
def test_a_fit_goes_on_without_dask(name):
    found = getattr(on_dask, name)(3, random_state=0).fit(chunked(X))
    local = found.to_local()
    assert type(local) is getattr(emix, name)
    assert local.get_params() == found.get_params()
    assert_array_equal(local.predict(X), found.predict(chunked(X)).compute())
    again = pickle.loads(pickle.dumps(found))
    assert vars(again).keys() == vars(found).keys()
    assert_array_equal(again.predict(X), local.predict(X))


def test_a_client_is_kept_and_neither_cloned_nor_pickled(client):
    found = on_dask.GaussianMixture(3, **START)
    assert found.client is None
    found.client = client
    found.fit(chunked(X))
    assert found.client is client
    assert found.score(chunked(X)) == pytest.approx(EXPECTED.score(X))
    assert clone(found).client is None
    assert pickle.loads(pickle.dumps(found)).client is None
    assert "client" not in found.get_params()


def test_labels_come_lazily():
    found = on_dask.GaussianMixture(3, **START)
    labels = found.fit_predict(chunked(X))
    assert isinstance(labels, da.Array)
    assert_array_equal(labels.compute(), EXPECTED.predict(X))


def test_a_warm_start_goes_on_from_the_last_fit():
    start = {**START, "max_iter": 4, "warm_start": True}
    expected, found = emix.GaussianMixture(3, **start), on_dask.GaussianMixture(3, **start)
    with pytest.warns(ConvergenceWarning):
        expected.fit(X)
    with pytest.warns(ConvergenceWarning):
        found.fit(chunked(X))
    assert_same_fit(
        found.set_params(max_iter=100).fit(chunked(X)), expected.set_params(max_iter=100).fit(X)
    )


def test_a_failed_fit_leaves_the_estimator_as_it_was():
    found = on_dask.GaussianMixture(3, **START).fit(chunked(X))
    before = dict(vars(found))
    with pytest.raises(ValueError, match="NaN"):
        found.fit(chunked(with_value(np.nan)))
    assert vars(found) == before


def test_singular_components_are_told_of_as_in_memory():
    """Zeros in a column of half of the rows, and a constant column."""
    table = np.column_stack([X, np.ones(len(X))])
    table[::2, 1] = 0.0
    found, expected = (
        kind(2, random_state=0) for kind in (on_dask.GaussianMixture, emix.GaussianMixture)
    )
    with pytest.warns(ConvergenceWarning) as here:
        found.fit(chunked(table))
    with pytest.warns(ConvergenceWarning) as there:
        expected.fit(table)
    found_text, text = (re.sub(r"component \d", "", str(w[0].message)) for w in (here, there))
    assert found_text == text
    assert "x3 = 1" in str(here[0].message)
    assert found.singular_components_.sum() == expected.singular_components_.sum() == 1


def test_verbose_prints_here(capsys):
    on_dask.GaussianMixture(3, **START, verbose=1, verbose_interval=5).fit(chunked(X))
    lines = capsys.readouterr().out
    assert "Initialization 0" in lines
    assert "Iteration 10" in lines


def test_the_scheduler_holds_nothing_after_a_fit(client):
    def held():
        return client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))

    table = chunked(X)
    gc.collect()
    before = held()
    for _ in range(2):
        on_dask.GaussianMixture(3, **START).fit(table)
        gc.collect()
        for _ in range(100):  # futures are forgotten a little later
            if held() <= before:
                break
            client.sync(asyncio.sleep, 0.02)
        assert held() <= before


def test_bits_do_not_depend_on_the_workers(client):
    """The same parts, on one worker and on two."""
    one, two = client.scheduler_info()["workers"]
    table = chunked(X, 150)
    fits = []
    for workers in ([one, two], [one]):
        with dask.annotate(workers=workers):
            fits.append(on_dask.GaussianMixture(3, **START).fit(table))
    for name in FITTED:
        assert_array_equal(getattr(fits[0], name), getattr(fits[1], name))


# --- with dask-ml ---------------------------------------------------------------------------


def test_it_ends_a_pipeline_of_dask_ml():
    preprocessing = pytest.importorskip("dask_ml.preprocessing")
    steps = make_pipeline(
        preprocessing.StandardScaler(), on_dask.GaussianMixture(3, random_state=0)
    )
    found = steps.fit(chunked(X))
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    expected = emix.GaussianMixture(3, random_state=0).fit(scaled)
    assert_same_fit(found[-1], expected, 1e-11)
    assert_array_equal(found.predict(chunked(X)).compute(), expected.predict(scaled))


def test_wrappers_of_dask_ml_evaluate_chunks():
    wrappers = pytest.importorskip("dask_ml.wrappers")
    wrapped = wrappers.ParallelPostFit(on_dask.GaussianMixture(3, **START)).fit(X)
    assert_array_equal(wrapped.predict(chunked(X)).compute(), EXPECTED.predict(X))
    resp = wrapped.predict_proba(chunked(X))
    assert resp.shape == (900, 3)
    assert_allclose(resp.compute(), EXPECTED.predict_proba(X), rtol=1e-12, atol=1e-14)


def test_incremental_of_dask_ml_streams_chunks():
    wrappers = pytest.importorskip("dask_ml.wrappers")
    found = wrappers.Incremental(on_dask.GaussianMixture(3, random_state=0), shuffle_blocks=False)
    found.fit(chunked(X, 300))
    expected = emix.GaussianMixture(3, random_state=0)
    for start in range(0, 900, 300):
        expected.partial_fit(X[start : start + 300])
    assert_allclose(found.estimator_.means_, expected.means_, rtol=1e-12)


# --- without dask ---------------------------------------------------------------------------


def test_dask_is_imported_by_those_who_ask_for_it():
    """And an error names what is to be installed."""
    told = subprocess.run(
        [sys.executable, "-c", _WITHOUT_DASK], capture_output=True, text=True, check=True
    ).stdout
    assert "pip install 'emix[dask]'" in told


_WITHOUT_DASK = """
import sys
import emix
assert not {"dask", "distributed"} & sys.modules.keys()
sys.modules["dask"] = None
try:
    import emix.dask
except ImportError as error:
    print(error)
"""
