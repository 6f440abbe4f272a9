"""Fitted estimators in the hands of other tools: files, data frames, backends, memory maps."""

import io
import pickle
import warnings
from functools import cache

import joblib
import numpy as np
import pytest
from common import clusters
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone, is_clusterer
from sklearn.compose import make_column_transformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

import emix
from emix.constraints import Allowed
from emix.priors import ConjugatePrior

X = clusters(0, 120, 3, 2)
Y = (X[:, 0] > X[:, 0].mean()).astype(int)
GAPPY = np.where(np.random.RandomState(0).uniform(size=X.shape) < 0.1, np.nan, X)
COUNTED = {
    emix.BernoulliMixture: np.greater(X, X.mean(axis=0)).astype(int),
    emix.CategoricalMixture: np.digitize(X, [-1.0, 1.0]),
    emix.PoissonMixture: np.abs(X).astype(int),
}
ESTIMATORS = {
    "mixture": emix.GaussianMixture(2),
    "tied diagonals": emix.GaussianMixture(2, covariance_type="tied_diag"),
    "spherical, annealed": emix.GaussianMixture(
        2, covariance_type="spherical", temperature=(2.0, 1.0)
    ),
    "incremental": emix.GaussianMixture(2, algorithm="incremental"),
    "conditional": emix.GaussianMixture(2, m_step="conditional"),
    "gradient": emix.GaussianMixture(2, m_step="gradient"),
    "named prior": emix.GaussianMixture(2, prior="fraley-raftery"),
    "prior": emix.GaussianMixture(2, prior=ConjugatePrior(mean_precision=0.1)),
    "constraints": emix.GaussianMixture(
        2, constraints=(Allowed((Y[:, None] == [0, 1]) | (np.arange(120)[:, None] > 9)),)
    ),
    "generator": emix.GaussianMixture(2, random_state=np.random.RandomState(1)),
    "Dirichlet process": emix.BayesianGaussianMixture(3),
    "Dirichlet": emix.BayesianGaussianMixture(
        3, weight_concentration_prior_type="dirichlet_distribution", covariance_type="tied"
    ),
    "hard": emix.HardGaussianMixture(2),
    "two normals": emix.TwoNormalMixture(),
    "bits": emix.BernoulliMixture(2),
    "categories": emix.CategoricalMixture(2),
    "counts": emix.PoissonMixture(2),
    "regressor": emix.GaussianMixtureRegressor(2),
    "classifier": emix.GaussianMixtureClassifier(2),
    "classifier by BIC": emix.GaussianMixtureClassifier("bic", max_components=2),
    "classifier, shared": emix.GaussianMixtureClassifier({0: 1, 1: 2}, shared_covariance=True),
    "detector": emix.GaussianMixtureOutlierDetector(2),
    "search": emix.MixtureSearch(n_components=(1, 2), covariance_type=["full", "tied"]),
    "imputer": emix.GaussianMixtureImputer(2, add_indicator=True),
    "merged": emix.MergedMixture(emix.GaussianMixture(3, random_state=0)),
    "imputer, drawing": emix.GaussianMixtureImputer(2, sample_posterior=True),
}
METHODS = (
    "predict",
    "predict_proba",
    "score_samples",
    "decision_function",
    "transform",
    "predict_log_proba",
)
# Types of ours that a file may name: estimators, and what a user passed to their constructor.
PUBLIC = {type(estimator) for estimator in ESTIMATORS.values()} | {ConjugatePrior, Allowed}


def rows_for(estimator):
    if isinstance(estimator, emix.TwoNormalMixture):
        return X[:, :1]
    if isinstance(estimator, emix.GaussianMixtureImputer):
        return GAPPY
    return COUNTED.get(type(estimator), X)


@cache
def fitted(name):
    estimator = clone(ESTIMATORS[name])
    if getattr(estimator, "random_state", 0) is None:
        estimator.set_params(random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(rows_for(estimator), Y)


def results(estimator):
    rows = rows_for(estimator)[:20]
    return {name: getattr(estimator, name)(rows) for name in METHODS if hasattr(estimator, name)}


def assert_same(estimator, other):
    assert type(other) is type(estimator)
    assert vars(other).keys() == vars(estimator).keys()
    before, after = results(estimator), results(other)
    assert before
    for name, values in before.items():
        assert_array_equal(after[name], values)


# --- files ----------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", ESTIMATORS)
def test_pickles_of_every_protocol_come_back(name, protocol):
    estimator = fitted(name)
    assert_same(estimator, pickle.loads(pickle.dumps(estimator, protocol)))


class _Seen(pickle.Unpickler):
    """Lists the types of ours that a pickle names, and the modules where it looks for them."""

    def __init__(self, data):
        super().__init__(io.BytesIO(data))
        self.types, self.modules = set(), set()

    def find_class(self, module, name):
        found = super().find_class(module, name)
        if module.split(".")[0] == "emix":
            self.types.add(found)
            self.modules.add(module)
        return found


@pytest.mark.parametrize("name", ESTIMATORS)
def test_pickles_name_public_types_alone(name):
    reader = _Seen(pickle.dumps(fitted(name)))
    reader.load()
    assert type(fitted(name)) in reader.types <= PUBLIC
    # so that anything inside may be renamed
    assert not any("._" in module for module in reader.modules)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_skops_needs_trust_in_public_types_alone(name):
    skops = pytest.importorskip("skops.io")
    estimator = fitted(name)
    data = skops.dumps(estimator)
    untrusted = skops.get_untrusted_types(data=data)
    ours = {f"{each.__module__}.{each.__qualname__}" for each in PUBLIC}
    assert {each for each in untrusted if each.startswith("emix")} <= ours
    assert_same(estimator, skops.loads(data, trusted=untrusted))


def test_skops_trusts_what_to_sklearn_returns():
    skops = pytest.importorskip("skops.io")
    data = skops.dumps(fitted("mixture").to_sklearn())
    assert skops.get_untrusted_types(data=data) == []
    assert_array_equal(skops.loads(data).predict(X), fitted("mixture").predict(X))


@pytest.mark.parametrize("covariance_type", ["full", "tied"])
@pytest.mark.parametrize("weights", ["dirichlet_process", "dirichlet_distribution"])
def test_bayesian_mixtures_are_handed_on(covariance_type, weights):
    mixture = emix.BayesianGaussianMixture(
        3,
        covariance_type=covariance_type,
        weight_concentration_prior_type=weights,
        random_state=0,
    ).fit(X[:40])
    theirs = mixture.to_sklearn()
    assert type(theirs).__module__.startswith("sklearn")
    assert_allclose(theirs.predict_proba(X), mixture.predict_proba(X), rtol=1e-8, atol=1e-12)
    assert_array_equal(theirs.predict(X), mixture.predict(X))
    assert not np.shares_memory(theirs.means_, mixture.means_)
    assert clone(theirs).set_params(max_iter=1000).fit(X[:40]).n_components == 3


def test_bayesian_mixtures_of_other_responsibilities_are_not_handed_on():
    mixture = emix.BayesianGaussianMixture(2, covariance_type="diag", random_state=0).fit(X)
    with pytest.raises(ValueError, match="'full' or 'tied', got 'diag'"):
        mixture.to_sklearn()


@pytest.mark.parametrize("name", ESTIMATORS)
def test_joblib_maps_the_arrays_of_a_fit(name, tmp_path):
    estimator, path = fitted(name), tmp_path / "fit.joblib"
    joblib.dump(estimator, path)
    assert_same(estimator, joblib.load(path, mmap_mode="r"))


@pytest.mark.parametrize("name", ["mixture", "named prior", "spherical, annealed"])
def test_a_stream_goes_on_after_its_file_was_read(name):
    here = pickle.loads(pickle.dumps(fitted(name)))
    there = pickle.loads(pickle.dumps(here))
    more = clusters(1, 90, 3, 2)
    assert_array_equal(there.partial_fit(more).means_, here.partial_fit(more).means_)
    assert np.abs(here.means_ - fitted(name).means_).max() > 1e-3


def test_conditional_mixtures_are_pickled():
    given = fitted("mixture").conditional([0], X[:9, [0]])
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        back = pickle.loads(pickle.dumps(given, protocol))
        assert_array_equal(back.quantile([0.1, 0.9]), given.quantile([0.1, 0.9]))
        assert_array_equal(back.logpdf(X[:9, 1:]), given.logpdf(X[:9, 1:]))


# --- data frames ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mixture", "Dirichlet process"])
def test_responsibilities_are_features(name):
    mixture = fitted(name)
    assert_array_equal(mixture.transform(X), mixture.predict_proba(X))
    prefix = type(mixture).__name__.lower()
    expected = [f"{prefix}{k}" for k in range(len(mixture.weights_))]
    assert mixture.get_feature_names_out().tolist() == expected


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames_of_responsibilities(library):
    module = pytest.importorskip(library)
    mixture = clone(fitted("mixture")).set_output(transform=library)
    frame = mixture.fit_transform(X)
    assert isinstance(frame, module.DataFrame)
    assert list(frame.columns) == ["gaussianmixture0", "gaussianmixture1"]
    assert_array_equal(frame.to_numpy(), mixture.predict_proba(X))
    assert isinstance(mixture.predict_proba(X), np.ndarray)


def test_names_of_rows_are_kept():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["a", "b", "c"], index=[f"row {i}" for i in range(len(X))])
    mixture = emix.GaussianMixture(2, random_state=0).set_output(transform="pandas")
    assert mixture.fit_transform(frame).index.equals(frame.index)


def test_weights_and_labels_pass_through_fit_transform():
    mixture = emix.GaussianMixture(2, random_state=0)
    weight = np.arange(120.0)
    found = mixture.fit_transform(X, sample_weight=weight, labels=Y)
    again = clone(mixture).fit(X, sample_weight=weight, labels=Y)
    assert_array_equal(found, again.predict_proba(X))


def test_responsibilities_beside_other_features():
    mixture = emix.GaussianMixture(2, random_state=0)
    union = make_union(StandardScaler(), mixture).fit(X)
    assert union.transform(X).shape == (120, 5)
    columns = make_column_transformer((mixture, [0, 1]), remainder="passthrough").fit(X)
    resp = clone(mixture).fit(X[:, :2]).predict_proba(X[:, :2])
    assert_allclose(columns.transform(X), np.column_stack([resp, X[:, 2]]))
    assert make_pipeline(StandardScaler(), mixture).fit_transform(X).shape == (120, 2)


def test_the_clusterer_has_labels():
    """Others keep nothing of the size of the data."""
    clusterers = {name for name, estimator in ESTIMATORS.items() if is_clusterer(estimator)}
    assert clusterers == {"hard", "merged"}
    for name in clusterers:
        assert_array_equal(fitted(name).labels_, fitted(name).predict(X))
    assert_array_equal(fitted("hard").cluster_centers_, fitted("hard").means_)


# --- sparse matrices --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_sparse_matrices_are_refused_with_a_way_out(name, kind):
    estimator = fitted(name)
    rows = kind(np.nan_to_num(rows_for(estimator)))
    with pytest.raises(TypeError, match=r"Sparse .*X.toarray\(\), which takes \d.*TruncatedSVD"):
        clone(estimator).fit(rows, Y)
    for method in results(estimator):
        with pytest.raises(
            TypeError, match=r"Sparse .*X.toarray\(\), which takes \d.*TruncatedSVD"
        ):
            getattr(estimator, method)(rows)


# --- backends ---------------------------------------------------------------------------------


def searched():
    grid = {"n_components": [1, 2], "covariance_type": ["full", "tied_diag"]}
    return GridSearchCV(emix.GaussianMixture(random_state=0), grid, cv=3, n_jobs=2).fit(X)


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_backends_of_joblib_find_the_same(backend):
    with joblib.parallel_backend("sequential"):
        expected = searched()
    with joblib.parallel_backend(backend):
        found = searched()
    scores = "mean_test_score"
    assert_array_equal(found.cv_results_[scores], expected.cv_results_[scores])
    assert_array_equal(found.best_estimator_.means_, expected.best_estimator_.means_)


# its own warnings are not ours
@pytest.mark.filterwarnings("default")
def test_dask_finds_the_same():
    distributed = pytest.importorskip("distributed")
    with joblib.parallel_backend("sequential"):
        expected = searched()
    with (
        distributed.LocalCluster(n_workers=2, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_backend("dask"),
    ):
        found = searched()
    scores = "mean_test_score"
    assert_array_equal(found.cv_results_[scores], expected.cv_results_[scores])


def refitted(estimator, rows, y):
    """Whether the rows came as a memory map that cannot be written to, and the fit's results."""
    mapped = isinstance(rows, np.memmap) and not rows.flags.writeable
    return mapped, results(clone(estimator).fit(rows, y))


# fits of a few rows may stop early in a worker, where warnings are its own
def test_rows_that_joblib_maps_into_memory_are_fitted():
    names = ["mixture", "Dirichlet process", "hard", "regressor", "classifier", "detector"]
    estimators = [fitted(name) for name in names]
    jobs = (joblib.delayed(refitted)(each, X, Y) for each in estimators)
    found = joblib.Parallel(n_jobs=2, backend="loky", max_nbytes=100, mmap_mode="r")(jobs)
    for estimator, (mapped, values) in zip(estimators, found, strict=True):
        assert mapped
        for name, expected in results(estimator).items():
            assert_allclose(values[name], expected, rtol=1e-12)
