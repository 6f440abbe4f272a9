"""The search over numbers of components and covariance structures."""

import warnings

import numpy as np
import pytest
from common import TYPES, clusters, integer_weights
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn import config_context
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emix import (
    BayesianGaussianMixture,
    GaussianMixture,
    HardGaussianMixture,
    MergedMixture,
    MixtureSearch,
    TwoNormalMixture,
)
from emix._input.structures import MCLUST
from emix.covariances import Factors
from emix.datasets import load_faithful

FAITHFUL, IRISES = load_faithful().data, load_iris().data
X = clusters(0, 150, 2, 3)
NORMAL = stats.norm.ppf((np.arange(200) + 0.5) / 200)[:, None]


def search(estimator=None, **given):
    """A small one."""
    small = {"n_components": (1, 2, 3), "covariance_type": ["full", "tied"], "random_state": 0}
    return MixtureSearch(estimator, **{**small, **given})


def cell(fitted, n_components, covariance_type):
    """The row of results_."""
    results = fitted.results_
    here = results["n_components"] == n_components
    (row,) = np.flatnonzero(here & (results["covariance_type"] == covariance_type))
    return {name: column[row] for name, column in results.items()}


@pytest.fixture(scope="module")
def fitted():
    return search().fit(X)


# --- the choice -----------------------------------------------------------------------------

# (rows, structures, numbers of components, the best, mclust's BIC of it, which has the other sign)
OF_MCLUST = {
    "faithful": (
        FAITHFUL,
        ["EEI", "EEE", "VVE", "VVV"],
        (2, 3, 4),
        ("EEE", 3),
        -2314.29567837608,
    ),
    "iris": (
        IRISES,
        ["EEE", "VEV", "VVV"],
        (1, 2, 3),
        ("VEV", 2),
        -561.728462114338,
    ),
}


@pytest.mark.parametrize("name", OF_MCLUST)
def test_the_choice_is_that_of_mclust(name):
    rows, structures, counts, (best, count), bic = OF_MCLUST[name]
    found = search(n_components=counts, covariance_type=structures).fit(rows)
    assert found.best_params_ == {"n_components": count, "covariance_type": best}
    assert_allclose(-found.best_score_, bic, rtol=1e-8)


def test_all_is_the_fourteen_structures_of_mclust():
    found = search(n_components=2, covariance_type="all", neighbours=False).fit(X)
    names = set(found.results_["covariance_type"])
    assert len(names) == 14
    assert {"EII", "VVV", "VEV", "EVE"} <= names


def test_the_best_has_the_lowest_criterion(fitted):
    results = fitted.results_
    assert fitted.best_index_ == np.argmin(results["bic"]) == np.argmin(results["rank"])
    assert fitted.best_score_ == results["bic"].min() == fitted.best_estimator_.bic(X)
    assert_array_equal(results["criterion"], results["bic"])
    for name, value in fitted.best_params_.items():
        assert getattr(fitted.best_estimator_, name) == value


@pytest.mark.parametrize("criterion", ["bic", "icl", "aic"])
def test_figures_are_those_of_the_fits(criterion):
    found = search(criterion=criterion, covariance_type=["diag"], neighbours=False).fit(X)
    for row in (cell(found, k, "diag") for k in (1, 2, 3)):
        mixture = GaussianMixture(row["n_components"], covariance_type="diag", random_state=0).fit(
            X
        )
        assert row["criterion"] == getattr(mixture, criterion)(X)
        assert_allclose(row["log_likelihood"], len(X) * mixture.score(X))
        assert row["n_parameters"] == row["n_components"] * 5 - 1
        assert_allclose(row["aic"], mixture.aic(X), rtol=1e-12)
        assert (row["converged"], row["singular"], row["start"]) == (True, False, "usual")


def test_icl_avoids_components_that_overlap():
    skewed = np.random.RandomState(0).gamma(3.0, size=(400, 1))
    options = {"covariance_type": ["full"], "n_components": (1, 2, 3, 4)}
    by_bic = search(**options).fit(skewed).best_params_["n_components"]
    by_icl = search(criterion="icl", **options).fit(skewed).best_params_["n_components"]
    assert by_icl < by_bic


def test_a_criterion_of_ones_own_is_the_lower_the_better():
    asked = []

    def mine(mixture, rows, **others):
        asked.append(set(others))
        return mixture.bic(rows, **others)

    weight = integer_weights(0, len(X))
    found = search(criterion=mine).fit(X, sample_weight=weight)
    expected = search().fit(X, sample_weight=weight)
    assert found.best_score_ == expected.best_score_
    assert {frozenset(names) for names in asked} == {frozenset(["sample_weight"])}
    assert (
        search(criterion=GaussianMixture.icl).fit(X).best_score_
        == search(criterion="icl").fit(X).best_score_
    )


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [(None, TypeError, "must return a number, got None"), (np.nan, ValueError, "got NaN")],
)
def test_criteria_that_are_no_numbers_are_refused(value, error, message):
    with pytest.raises(error, match=message):
        search(criterion=lambda mixture, rows: value).fit(X)


# --- rows that are held out -----------------------------------------------------------------


def test_cv_is_the_mean_log_density_of_rows_that_were_held_out():
    parts = KFold(3, shuffle=True, random_state=1)
    found = search(criterion="cv", cv=parts, neighbours=False).fit(X)
    row = cell(found, 2, "tied")
    mixture = GaussianMixture(2, covariance_type="tied", random_state=0)
    scores = [clone(mixture).fit(X[train]).score(X[test]) for train, test in parts.split(X)]
    assert_allclose([row[f"split{i}_test_score"] for i in range(3)], scores, rtol=1e-12)
    assert_allclose(row["mean_test_score"], np.mean(scores))
    assert_allclose(row["std_test_score"], np.std(scores))
    assert found.best_score_ == found.results_["mean_test_score"].max()
    assert found.best_estimator_.score(X) == pytest.approx(found.score(X))


def test_rows_are_shuffled_before_they_are_held_out():
    """The irises are sorted: parts in their order would hold out whole clusters."""
    options = {"criterion": "cv", "covariance_type": ["full"], "n_components": 2}
    shuffled = search(cv=3, **options).fit(IRISES).best_score_
    assert shuffled > search(cv=KFold(3), **options).fit(IRISES).best_score_ + 1.0
    assert search(cv=3, **options).fit(IRISES).best_score_ == shuffled


def test_scores_of_held_out_rows_can_be_shown_without_deciding():
    options = {"covariance_type": ["tied"], "n_components": (1, 2)}
    found = search(cv=2, **options).fit(X)
    assert found.best_score_ == found.results_["bic"].min()
    assert np.isfinite(found.results_["mean_test_score"]).all()
    assert "mean_test_score" not in search(**options).fit(X).results_
    assert "split4_test_score" in search(criterion="cv", **options).fit(X).results_


# --- neighbours -----------------------------------------------------------------------------


def heights(found, covariance_type):
    results = found.results_
    return results["log_likelihood"][results["covariance_type"] == covariance_type]


def poor_starts():
    """What comes from neighbours must be better to be seen."""
    return GaussianMixture(init_params="random_from_data")


def test_more_components_are_never_lower():
    given = {"n_components": range(1, 10), "covariance_type": ["EEE"], "patience": None}
    alone = search(poor_starts(), neighbours=False, **given).fit(FAITHFUL)
    assert np.diff(heights(alone, "EEE")).min() < -1.0
    found = search(poor_starts(), **given).fit(FAITHFUL)
    assert np.diff(heights(found, "EEE")).min() > 0.0
    assert (heights(found, "EEE") > heights(alone, "EEE") - 1e-4).all()
    assert {"split"} <= set(found.results_["start"])


def test_two_components_are_merged_where_that_leads_higher():
    given = {"n_components": (4, 5), "covariance_type": ["VII"], "random_state": 1}
    alone = search(poor_starts(), neighbours=False, **given).fit(FAITHFUL)
    found = search(poor_starts(), **given).fit(FAITHFUL)
    assert cell(found, 4, "VII")["start"] == "merge"
    assert heights(found, "VII")[0] > heights(alone, "VII")[0] + 1.0


def test_a_copied_component_shows_that_more_are_no_lower():
    """Where all starts end lower: with this tolerance they do."""
    mixture = GaussianMixture(tol=1e-3)
    given = {"n_components": (1, 2, 3, 4), "covariance_type": ["VVV"], "patience": None}
    alone = search(mixture, neighbours=False, **given).fit(NORMAL)
    assert np.diff(heights(alone, "VVV")).min() < -0.1
    found = search(mixture, **given).fit(NORMAL)
    assert cell(found, 4, "VVV")["start"] == "copy"
    assert np.diff(heights(found, "VVV")).min() > -1e-9


def test_numbers_of_components_may_leave_gaps():
    given = {"n_components": (2, 5, 9), "covariance_type": ["EEE"], "patience": None}
    found = search(poor_starts(), **given).fit(FAITHFUL)
    alone = search(poor_starts(), neighbours=False, **given).fit(FAITHFUL)
    assert (heights(found, "EEE") > heights(alone, "EEE") - 1e-4).all()
    assert heights(found, "EEE")[-1] > heights(alone, "EEE")[-1] + 1.0


def test_estimators_from_neighbours_have_the_parameters_of_the_template():
    template = GaussianMixture(tol=1e-6, max_iter=500)
    given = {"n_components": (8, 9), "covariance_type": ["EEE"]}
    found = search(template, criterion=lambda m, X: -m.score(X), **given).fit(FAITHFUL)
    assert cell(found, 9, "EEE")["start"] == "split"
    assert found.best_params_["n_components"] == 9
    expected = {**template.get_params(), **found.best_params_, "random_state": 0}
    assert found.best_estimator_.get_params() == expected


def test_frozen_means_are_not_moved_by_neighbours():
    template = GaussianMixture(frozen=("means",))
    found = search(template, covariance_type=["tied"]).fit(X)
    assert set(found.results_["start"]) == {"usual"}


def test_equal_weights_stay_equal():
    template = GaussianMixture(frozen=("weights",))
    given = {"n_components": range(1, 10), "covariance_type": ["EEE"], "patience": None}
    found = search(template, criterion="aic", **given).fit(FAITHFUL)
    assert {"split", "merge"} & set(found.results_["start"])
    weights = found.best_estimator_.weights_
    assert_allclose(weights, 1.0 / len(weights), rtol=1e-12)


def test_structures_that_are_no_names_have_neighbours_too():
    structures = [Factors(1), Factors(2, noise="tied_diag")]
    given = {"n_components": range(1, 5), "covariance_type": structures, "patience": None}
    found = search(**given).fit(IRISES)
    alone = search(neighbours=False, **given).fit(IRISES)
    assert {"split", "merge"} & set(found.results_["start"])
    for one in structures:
        same = [each is one for each in found.results_["covariance_type"]]
        gained = (found.results_["log_likelihood"] - alone.results_["log_likelihood"])[same]
        assert gained.min() > -1e-3
        assert np.diff(found.results_["log_likelihood"][same]).min() > 0.0
    assert isinstance(found.best_params_["covariance_type"], Factors)
    assert found.best_estimator_.loadings_.shape[0] == found.best_params_["n_components"]


# --- cells that are not fitted, or cannot win -----------------------------------------------


def test_structures_that_fall_behind_are_given_up():
    options = {"n_components": range(1, 6), "covariance_type": ["full", "VII"]}
    found = search(patience=2, neighbours=False, **options).fit(FAITHFUL)
    late = cell(found, 5, "full")
    assert late["stop_reason"].startswith("given up: the last 2 fits of this structure")
    assert np.isnan(late["bic"])
    assert not late["singular"]
    assert np.isfinite(cell(found, 4, "full")["bic"])  # two after the best, which has two
    assert np.isfinite(cell(found, 5, "VII")["bic"])  # still improves
    patient = search(patience=None, neighbours=False, **options).fit(FAITHFUL)
    assert np.isfinite(patient.results_["bic"]).all()


def with_a_line():
    """Sixty rows, and eight of a line, which invite a singular component."""
    rng = np.random.RandomState(0)
    line = np.column_stack([np.linspace(20.0, 27.0, 8), np.zeros(8)])
    return np.concatenate([rng.normal(size=(60, 2)), line])


def test_singular_fits_never_win():
    rows = with_a_line()

    def raw(mixture, X):
        return -mixture.score(X)

    found = search(criterion=raw, n_components=(1, 2)).fit(rows)
    results = found.results_
    assert results["singular"][np.argmin(results["criterion"])]
    assert not results["singular"][found.best_index_]
    sound = ~results["singular"]
    assert found.best_score_ == results["criterion"][sound].min()
    assert results["rank"][sound].max() < results["rank"][~sound].min()


def test_where_all_fits_are_singular_the_best_of_them_is_taken_with_a_warning():
    rows = with_a_line()
    with pytest.warns(ConvergenceWarning, match="All 1 fits have singular components") as caught:
        found = search(n_components=2, covariance_type="full").fit(rows)
    assert len(caught) == 1
    assert found.results_["singular"].all()
    assert found.best_estimator_.singular_components_.any()


def test_rows_that_are_no_more_than_features_leave_the_structures_with_axes_out():
    rows = np.random.RandomState(0).normal(size=(7, 8))
    found = search(covariance_type="all", n_components=(1, 2)).fit(rows)
    left = found.results_["stop_reason"][np.isnan(found.results_["bic"])]
    assert len(left) == 2 * 8
    assert set(left) == {"left out: 7 distinct rows are not more than 8 features"}
    assert np.isfinite(cell(found, 1, "VVI")["bic"])


def test_what_the_user_names_is_fitted():
    rows = np.random.RandomState(0).normal(size=(7, 8))
    with pytest.warns(ConvergenceWarning, match="singular"):
        found = search(covariance_type=["full"], n_components=1).fit(rows)
    assert np.isfinite(found.results_["bic"]).all()


def test_components_need_distinct_rows():
    rows = np.repeat([[0.0, 1.0], [3.0, 1.0], [1.0, 0.0]], 5, axis=0)
    found = search(n_components=(1, 2, 4), covariance_type=["tied_spherical"]).fit(rows)
    assert cell(found, 4, "tied_spherical")["stop_reason"] == (
        "left out: 4 components need as many distinct rows, and there are 3"
    )
    with pytest.warns(ConvergenceWarning):  # nothing else is asked for
        assert search(n_components=4, covariance_type="tied").fit(rows).best_index_ == 0
    with pytest.raises(ValueError, match=r"n_components: 15 row\(s\) are too few for 16"):
        search(n_components=(16, 17)).fit(rows)


def test_warnings_are_those_of_the_best_fit():
    rows = with_a_line()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = search(n_components=(1, 2)).fit(rows)  # some fit is singular, the best is not
    assert found.results_["singular"].any()
    with pytest.warns(ConvergenceWarning, match="did not converge") as caught:
        search(GaussianMixture(max_iter=1, tol=1e-12), n_components=4, neighbours=False).fit(X)
    assert len(caught) == 1
    assert caught[0].filename == __file__


# --- rows, weights, features ----------------------------------------------------------------


def test_weights_are_repetitions():
    weight = integer_weights(0, len(X))
    repeated = search().fit(np.repeat(X, weight, axis=0)).results_
    weighted = search().fit(X, sample_weight=weight).results_
    for name in ("bic", "icl", "log_likelihood", "rank"):
        assert_allclose(weighted[name], repeated[name], rtol=1e-6)


def test_order_shift_and_scale_of_the_rows_do_not_matter():
    found = search().fit(X)
    moved = search().fit((X * [1e3, 1e-2] + [5.0, -1e4])[::-1])
    assert_array_equal(moved.results_["rank"], found.results_["rank"])
    shift = len(X) * np.log(10.0)
    assert_allclose(
        moved.results_["log_likelihood"], found.results_["log_likelihood"] - shift, rtol=1e-6
    )


def test_missing_values_are_fitted_and_filled_in():
    rows = np.where(np.random.RandomState(0).uniform(size=X.shape) < 0.1, np.nan, X)
    rows = rows[~np.isnan(rows).all(axis=1)]
    found = search(n_components=(1, 2, 3, 4, 5), covariance_type=["tied"]).fit(rows)
    assert "split" in found.results_["start"]
    assert_array_equal(found.impute(rows), found.best_estimator_.impute(rows))


def test_several_fits_at_a_time_find_the_same():
    options = {"n_components": (1, 2), "cv": 2}
    one, two = search(**options).fit(X), search(n_jobs=2, **options).fit(X)
    for name, column in one.results_.items():
        if name != "fit_time":
            assert_array_equal(two.results_[name], column, err_msg=name)
    assert_array_equal(two.best_estimator_.means_, one.best_estimator_.means_)


def test_a_generator_is_drawn_from_once_for_all_fits():
    def fit(rng):
        return search(random_state=rng, neighbours=False).fit(X)

    one, again = (fit(np.random.RandomState(3)) for _ in range(2))
    assert_array_equal(one.results_["bic"], again.results_["bic"])
    assert isinstance(one.best_estimator_.random_state, int)
    given = search(GaussianMixture(random_state=5), random_state=None).fit(X)
    assert given.best_estimator_.random_state == 5


def test_frames_give_names_to_the_best_and_to_what_it_returns():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["width", "height"])
    found = search().set_output(transform="pandas").fit(frame)
    assert list(found.feature_names_in_) == ["width", "height"]
    assert list(found.best_estimator_.feature_names_in_) == ["width", "height"]
    resp = found.transform(frame)
    assert list(resp.columns) == list(found.get_feature_names_out())
    assert_array_equal(resp, found.predict_proba(frame))
    with pytest.raises(ValueError, match="feature names"):
        found.predict(frame[["height", "width"]])
    table = pd.DataFrame(found.results_)
    assert len(table) == 6
    assert table.loc[found.best_index_, "rank"] == 1
    assert table["n_components"].dtype.kind == "i"


# --- an estimator among others --------------------------------------------------------------


def test_the_best_answers_for_the_search(fitted):
    best = fitted.best_estimator_
    assert_array_equal(fitted.predict(X), best.predict(X))
    assert_array_equal(fitted.fit_predict(X), best.predict(X))
    for name in ("predict_proba", "transform", "score_samples", "impute"):
        assert_array_equal(getattr(fitted, name)(X), getattr(best, name)(X), err_msg=name)
    for name in ("score", "aic", "bic", "icl"):
        assert getattr(fitted, name)(X) == getattr(best, name)(X), name
    weight = integer_weights(0, len(X))
    assert fitted.score(X, sample_weight=weight) == best.score(X, sample_weight=weight)
    assert_array_equal(fitted.sample(5, random_state=0)[0], best.sample(5, random_state=0)[0])


def test_methods_ask_for_a_fit_first():
    for name in ("predict", "transform", "bic"):
        with pytest.raises(NotFittedError):
            getattr(search(), name)(X)


def test_methods_are_those_of_the_estimator():
    assert hasattr(search(), "impute")
    assert not hasattr(search(HardGaussianMixture()), "no_such_method")


@pytest.mark.parametrize(
    ("template", "names"), [(HardGaussianMixture(), MCLUST), (BayesianGaussianMixture(), TYPES)]
)
def test_other_mixtures_are_searched_too(template, names):
    found = search(template, n_components=(1, 2, 3)).fit(X)
    assert type(found.best_estimator_) is type(template)
    assert_array_equal(found.predict(X), found.best_estimator_.predict(X))
    every = search(template, n_components=1, covariance_type="all").fit(X)
    assert set(every.results_["covariance_type"]) == set(names)


def test_the_template_is_left_as_it_was():
    template = GaussianMixture(tol=1e-5)
    found = search(template).fit(X)
    assert not hasattr(template, "means_")
    assert template.get_params() == GaussianMixture(tol=1e-5).get_params()
    assert found.best_estimator_.tol == 1e-5
    assert clone(found).set_params(estimator__tol=1e-3).estimator.tol == 1e-3


def test_components_of_the_best_can_be_merged_to_clusters():
    merged = MergedMixture(search(covariance_type=["tied"])).fit(FAITHFUL)
    best = merged.estimator_.best_estimator_
    assert set(merged.predict(FAITHFUL)) <= set(range(len(best.weights_)))


def test_in_a_pipeline_with_weights():
    weight = integer_weights(0, len(X))
    pipeline = make_pipeline(StandardScaler(), search())
    pipeline.fit(X, mixturesearch__sample_weight=weight)
    rows = StandardScaler().fit_transform(X)
    expected = search().fit(rows, sample_weight=weight)
    assert pipeline[-1].best_score_ == expected.best_score_
    assert_array_equal(pipeline.predict(X), expected.predict(rows))
    with config_context(enable_metadata_routing=True):
        routed = make_pipeline(StandardScaler(), search().set_fit_request(sample_weight=True))
        routed[0].set_fit_request(sample_weight=False)
        assert routed.fit(X, sample_weight=weight)[-1].best_score_ == expected.best_score_


BAD = {
    "no mixture": ({"estimator": KMeans()}, TypeError, "estimator must be a mixture of emix"),
    "no structures": ({"estimator": TwoNormalMixture()}, TypeError, "estimator must be a mixture"),
    "no number": ({"n_components": "3"}, TypeError, "n_components must be an integer, got '3'"),
    "none": ({"n_components": ()}, ValueError, "n_components is empty"),
    "zero": ({"n_components": (0, 1)}, ValueError, "n_components must be at least 1, got 0"),
    "twice": ({"n_components": (1, 2, 1)}, ValueError, "n_components has 1 twice"),
    "structure": ({"covariance_type": ["full", "round"]}, ValueError, "covariance_type must be"),
    "structure twice": ({"covariance_type": ["full"] * 2}, ValueError, "has 'full' twice"),
    "criterion": ({"criterion": "BIC"}, ValueError, "criterion must be one of 'bic', 'icl'"),
    "patience": ({"patience": 0}, ValueError, "patience must be at least 1, got 0"),
    "neighbours": ({"neighbours": 1}, TypeError, "neighbours must be True or False"),
    "verbose": ({"verbose": -1}, ValueError, "verbose must be at least 0"),
    "seed": ({"random_state": "a"}, ValueError, "random_state must be"),
    "parts": ({"cv": 1}, ValueError, "cv|n_splits"),
    "of the template": ({"estimator": GaussianMixture(tol=-1.0)}, ValueError, "tol must be"),
}


@pytest.mark.parametrize("problem", BAD)
def test_unusable_parameters_are_refused_before_any_fit(problem):
    given, error, message = BAD[problem]
    with pytest.raises(error, match=message):
        search(**given).fit(X)


def test_errors_of_a_fit_name_the_cell():
    template = GaussianMixture(means_init=[[0.0, 0.0]])
    with pytest.raises(ValueError, match="means_init") as caught:
        search(template).fit(X)
    assert "n_components=2" in caught.value.__notes__[0]


def test_a_fit_that_fails_changes_nothing(fitted):
    found = clone(fitted).fit(X)
    before = dict(vars(found))
    with pytest.raises(ValueError, match="infinity"):
        found.fit(np.where(X[3, 1] == X, np.inf, X))
    assert vars(found) == before


def test_steps_are_printed(capsys):
    search(verbose=1, covariance_type=["full"], n_components=(1, 2), n_jobs=None).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("fit n_components=1, covariance_type='full': bic ")
    assert lines[1].startswith("fit n_components=2")
    search(covariance_type=["full"], n_components=1).fit(X)
    assert capsys.readouterr().out == ""


class Recorder:
    """Counts steps, and asks to stop after some of them."""

    def __init__(self, last=None):
        self.steps, self.last = [], last

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.most = context.max_subtasks if context.parent is None else self.most

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.parent is None:
            self.fitted = fitted_estimator
            return None
        self.steps.append(context.task_name)
        return len(self.steps) == self.last


def test_callbacks_are_told_of_all_steps():
    pytest.importorskip("sklearn.callback")
    recorder = Recorder()
    found = search(patience=1).set_callbacks(recorder).fit(X)
    assert recorder.most == len(recorder.steps)
    assert recorder.steps.count("fit") == 6
    assert recorder.steps.count("merge") == 4
    assert_array_equal(recorder.fitted.predict(X), found.predict(X))


def test_a_callback_can_end_the_search():
    pytest.importorskip("sklearn.callback")
    found = search().set_callbacks(Recorder(last=3)).fit(X)
    results = found.results_
    assert np.isfinite(results["bic"]).sum() == 3
    stopped = results["stop_reason"][np.isnan(results["bic"])]
    assert set(stopped) == {"left out: the search was stopped by a callback"}
    assert np.isfinite(found.best_score_)


def test_a_search_raises_no_floating_point_error_where_numbers_underflow():
    apart = np.concatenate([X, X + 35.0])
    with np.errstate(all="raise"):
        found = search().fit(apart)
    assert_array_equal(found.predict(apart), search().fit(apart).predict(apart))
