"""Displays follow scikit-learn's convention and show the numbers of the fit."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture as ScikitLearn
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emix import GaussianMixture, MergedMixture, MixtureSearch, TwoNormalMixture, kmeans_limit
from emix.datasets import load_faithful

pytest.importorskip("matplotlib")
from matplotlib.figure import Figure

from emix.display import (
    ConvergenceDisplay,
    IntervalsDisplay,
    KMeansLimitDisplay,
    MergingDisplay,
    MixtureDisplay,
    MixturePairsDisplay,
    SelectionDisplay,
)
from emix.inference import bootstrap, standard_errors

X = load_faithful().data
X3 = np.column_stack([X, X[:, 0] ** 2])
TYPES = ["full", "tied", "diag", "spherical", "tied_diag", "tied_spherical"]


def axes():
    return Figure().subplots()


@pytest.mark.parametrize("display", [MixtureDisplay, ConvergenceDisplay, MergingDisplay])
def test_other_estimators_are_refused(display):

    X = np.arange(20.0).reshape(10, 2)
    data = (X,) if display is MixtureDisplay else ()
    with pytest.raises(TypeError, match="KMeans has no"):
        display.from_estimator(KMeans(2, n_init=1).fit(X), *data)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_ellipses_lie_at_the_mahalanobis_distance(covariance_type):
    mixture = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(X)
    display = MixtureDisplay.from_estimator(mixture, X, ax=axes(), deviations=(1.5,))
    assert len(display.ax_.patches) == 2
    for k, ellipse in enumerate(display.ax_.patches):
        points = ellipse.get_patch_transform().transform(ellipse.get_path().vertices)
        onto = np.linalg.solve(display.covariances[k], (points - mixture.means_[k]).T)
        distance = np.sqrt(np.einsum("ij,ji->i", points - mixture.means_[k], onto))
        # Bezier curves approximate an ellipse to about 3e-4; control points lie outside
        on_curve = np.isclose(distance, 1.5, rtol=1e-3)
        assert on_curve.sum() >= 8


@pytest.mark.parametrize("covariance_type", TYPES)
def test_density_of_all_features_is_that_of_the_mixture(covariance_type):
    mixture = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(X)
    display = MixtureDisplay.from_estimator(mixture, X, ax=axes())
    assert_allclose(display.density(X), np.exp(mixture.score_samples(X)), rtol=1e-9)


def test_marginal_density_integrates_to_one():
    mixture = GaussianMixture(2, random_state=0).fit(X3)
    display = MixtureDisplay.from_estimator(mixture, X3, features=1, ax=axes())
    grid = np.linspace(0.0, 150.0, 4001)
    assert_allclose(np.trapezoid(display.density(grid[:, None]), grid), 1.0, rtol=1e-6)


def test_pair_of_many_features_takes_marginals():
    mixture = GaussianMixture(2, random_state=0).fit(X3)
    display = MixtureDisplay.from_estimator(mixture, X3, features=(2, 0), ax=axes())
    assert_allclose(display.means, mixture.means_[:, [2, 0]])
    assert_allclose(display.covariances[:, 0, 1], mixture.covariances_[:, 2, 0])


def test_contours_and_names():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["eruptions", "waiting"])
    mixture = GaussianMixture(2, random_state=0).fit(frame)
    display = MixtureDisplay.from_estimator(mixture, frame, ax=axes(), contours=True)
    assert display.ax_.get_xlabel() == "eruptions"
    assert len(display.ax_.collections) == 1
    assert display.figure_ is display.ax_.figure


def test_contours_enclose_shares_of_the_probability():
    mixture = GaussianMixture(2, random_state=0).fit(X)
    display = MixtureDisplay.from_estimator(
        mixture, X, ax=axes(), contours=True, deviations=(1.0, 4.0)
    )
    levels = display.ax_.collections[0].levels
    drawn = display.density(mixture.sample(20_000, random_state=0)[0])
    inside = [(drawn > level).mean() for level in levels]
    assert_allclose(inside, [0.95, 0.75, 0.5, 0.25], atol=0.02)


@pytest.mark.parametrize(
    ("features", "error", "message"),
    [
        ((0, 0), ValueError, "each once"),
        ((), ValueError, "at least one feature"),
        ((0, 1, 2), ValueError, "MixturePairsDisplay shows more"),
        (3, ValueError, "index 3 is out of range for 3 features"),
        ((0.5,), TypeError, "indices or names, got 0.5"),
        ("width", ValueError, "there is no 'width'; names are 'feature 0'"),
    ],
)
def test_bad_features_are_refused(features, error, message):
    mixture = GaussianMixture(2, random_state=0).fit(X3)
    with pytest.raises(error, match=message):
        MixtureDisplay.from_estimator(mixture, X3, features=features, ax=axes())


def test_convergence_shows_the_history():
    mixture = GaussianMixture(2, init_params="random", random_state=1).fit(X)
    display = ConvergenceDisplay.from_estimator(mixture, ax=axes(), name="fit")
    line = display.ax_.lines[0]
    assert_allclose(line.get_ydata()[1:], mixture.lower_bounds_)
    extrapolated = [line for line in display.ax_.lines if line.get_label() == "extrapolated"]
    accepted = mixture.history_["extrapolated"] & mixture.history_["accepted"]
    assert len(extrapolated[0].get_xdata()) == accepted.sum() > 0


def test_distance_to_the_best_falls():
    mixture = GaussianMixture(2, init_params="random", random_state=1).fit(X)
    display = ConvergenceDisplay.from_estimator(mixture, ax=axes(), distance=True)
    distance = display.ax_.lines[0].get_ydata()
    assert (np.diff(distance) <= 0.0).all()
    assert display.ax_.get_yscale() == "log"


def test_kmeans_limit_display_draws_what_tends_to_zero():
    result = kmeans_limit(X, 2, random_state=0)
    display = KMeansLimitDisplay.from_result(result, ax=axes())
    lines = {line.get_label(): line for line in display.ax_.get_lines()}
    assert len(lines) == 5
    entropy = lines["entropy of the responsibilities (nats per row)"].get_ydata()
    assert_array_equal(entropy, result.table["entropy"][result.table["entropy"] > 1e-14])
    assert not len(lines["rows with another label: none"].get_ydata())
    scaled = lines["scaled log-likelihood from minus the inertia"].get_ydata()
    assert scaled[0] > 1.0 > 1e-6 > scaled[-1]
    left, right = display.ax_.get_xlim()
    assert left > right
    assert display.figure_ is display.ax_.figure


def test_kmeans_limit_display_of_an_estimator_starts_at_its_means():
    mixture = GaussianMixture(2, random_state=0).fit(X)
    ax = axes()
    display = KMeansLimitDisplay.from_estimator(mixture, X, variances=[10.0, 1.0], ax=ax)
    assert display.ax_ is ax
    expected = kmeans_limit(X, 2, variances=[10.0, 1.0], means_init=mixture.means_)
    assert_array_equal(display.result.table, expected.table)


def test_intervals_are_drawn_from_their_lower_to_their_upper_ends():
    mixture = GaussianMixture(2, random_state=0).fit(X)
    errors = standard_errors(mixture, X)
    results = {"information": errors, "bootstrap": bootstrap(mixture, X, n_resamples=9)}
    panels = Figure().subplots(1, 4)
    names = ("means", "correlations", "weights")
    display = IntervalsDisplay.from_result(results, parameters=names, axes=panels, level=0.9)
    assert display.figure_ is panels[0].figure
    titles = [ax.get_title() for ax in panels]
    assert titles == ["mean of 0", "mean of 1", "correlation of 0 and 1", "weight"]
    assert [text.get_text() for text in panels[0].get_legend().get_texts()] == [*results]
    for at, result in enumerate(results.values()):
        line, _, (bars,) = panels[1].containers[at].lines
        assert_array_equal(line.get_xdata(), mixture.means_[:, 1])
        ends = [segment[:, 0] for segment in bars.get_segments()]
        assert_allclose(ends, result.confidence_intervals(0.9).means[:, 1])
    new = IntervalsDisplay.from_result(results)
    assert [text.get_text() for text in new.figure_.legends[0].get_texts()] == [*results]
    first, second = (container.lines[0].get_ydata() for container in panels[0].containers)
    assert (first < second).all()
    assert_array_equal(second.round(), [0, 1])


def test_intervals_of_a_shared_variance_have_a_panel_of_their_own():
    mixture = GaussianMixture(2, covariance_type="tied_spherical", random_state=0).fit(X)
    errors = standard_errors(mixture, X)
    display = IntervalsDisplay.from_result(
        errors, parameters=("covariances",), axes=[Figure().subplots()]
    )
    (ax,) = display.axes_
    assert ax.get_title() == "variance"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["all"]
    with pytest.raises(ValueError, match="the results have no correlations"):
        IntervalsDisplay.from_result(errors, parameters=("correlations",))
    with pytest.raises(ValueError, match="parameters must be among weights, means"):
        IntervalsDisplay.from_result(errors, parameters=("variances",))
    with pytest.raises(ValueError, match=r"axes must have the shape \(3,\)"):
        IntervalsDisplay.from_result(errors, axes=[ax])


@pytest.mark.parametrize("equal_variance", [False, True])
def test_two_normals_are_drawn_with_their_density(equal_variance):
    waiting = X[:, [1]]
    mixture = TwoNormalMixture(equal_variance=equal_variance).fit(waiting)
    display = MixtureDisplay.from_estimator(mixture, waiting, ax=axes())
    density, *components = display.ax_.lines
    grid = density.get_xdata()
    assert_allclose(density.get_ydata(), mixture.pdf(grid), rtol=1e-9)
    assert_allclose(sum(line.get_ydata() for line in components), mixture.pdf(grid), rtol=1e-9)
    assert len(display.ax_.patches) > 5


def test_mixtures_of_scikit_learn_are_drawn_too():
    theirs = ScikitLearn(2, covariance_type="diag", random_state=0).fit(X)
    display = MixtureDisplay.from_estimator(theirs, X, ax=axes())
    assert_allclose(display.density(X), np.exp(theirs.score_samples(X)), rtol=1e-9)


def test_several_fits_share_axes_and_the_marks_of_the_legend():
    ax = axes()
    fits = [GaussianMixture(2, init_params="random", random_state=s).fit(X) for s in (1, 2)]
    for name, mixture in zip("ab", fits, strict=True):
        ConvergenceDisplay.from_estimator(mixture, ax=ax, name=name)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert sum("objective" in label for label in labels) == 2
    assert labels.count("extrapolated") == 1
    lines = [line for line in ax.lines if "objective" in str(line.get_label())]
    for line, mixture in zip(lines, fits, strict=True):
        assert_allclose(line.get_ydata()[1:], mixture.lower_bounds_)


# --- slices, uncertainty, pairs --------------------------------------------------------------


def test_a_slice_is_the_conditional_distribution():
    mixture = GaussianMixture(2, random_state=0).fit(X3)
    display = MixtureDisplay.from_estimator(mixture, X3, given={1: 68.0}, ax=axes())
    assert display.names == ["feature 0", "feature 2"]
    assert display.ax_.get_title() == "feature 1 = 68"
    slice_ = mixture.conditional([1], [68.0])
    assert_allclose(display.density(X3[:9, [0, 2]]), np.exp(slice_.score_samples(X3[:9, [0, 2]])))
    near = np.abs(X3[:, 1] - 68.0) <= 0.5 * X3[:, 1].std()
    assert 5 < near.sum() < 60
    assert_array_equal(display.rows, X3[near][:, [0, 2]])
    assert_array_equal(display.labels, mixture.predict(X3[near]))


def test_a_slice_without_rows_shows_the_components_that_reach_there():
    mixture = GaussianMixture(2, random_state=0).fit(X3).reordered("mean")
    display = MixtureDisplay.from_estimator(mixture, X3, given={1: 20.0}, ax=axes())
    assert not len(display.rows)
    assert display.weights[1] < 1e-2
    assert len(display.ax_.patches) == 2  # two sizes of one component
    (low, high), mean = display.ax_.get_xlim(), display.means[0, 0]
    assert low < mean < high
    line = MixtureDisplay.from_estimator(mixture, X3, features=0, given={1: 20.0}, ax=axes())
    assert [each.get_label() for each in line.ax_.lines] == ["density", "component 0"]
    grid, height = line.ax_.lines[0].get_data()
    assert_allclose(np.trapezoid(height, grid[:, 0] if grid.ndim > 1 else grid), 1.0, atol=0.01)


@pytest.mark.parametrize(
    ("features", "given", "error", "message"),
    [
        (0, {0: 2.0}, ValueError, "feature 0 is given"),
        (None, {0: 2.0, 1: 1.0, 2: 1.0}, ValueError, "every feature is given"),
        (0, {}, TypeError, "a mapping from features to values"),
        (0, [1], TypeError, "a mapping from features to values"),
        (0, {1: np.nan}, ValueError, "finite values"),
        (0, {7: 1.0}, ValueError, "index 7 is out of range"),
    ],
)
def test_bad_slices_are_refused(features, given, error, message):
    mixture = GaussianMixture(2, random_state=0).fit(X3)
    with pytest.raises(error, match=message):
        MixtureDisplay.from_estimator(mixture, X3, features=features, given=given, ax=axes())


def test_uncertain_rows_are_large_and_uncertain_places_dark():
    mixture = GaussianMixture(2, covariance_type="tied", random_state=0).fit(X)
    display = MixtureDisplay.from_estimator(mixture, X, ax=axes(), uncertainty=True)
    assert_allclose(display.uncertainties, 1.0 - mixture.predict_proba(X).max(axis=1))
    *marks, shade = display.ax_.collections
    areas = np.concatenate([mark.get_sizes() for mark in marks])
    rows = np.concatenate([mark.get_offsets() for mark in marks])
    uncertain = 1.0 - mixture.predict_proba(np.asarray(rows)).max(axis=1)
    assert_allclose(areas, 16.0 + 120.0 * uncertain)
    assert areas.max() > 30.0
    values = np.asarray(shade.get_array())
    assert 0.4 < values.max() <= 0.5
    assert values.min() >= 0.0


def test_uncertainty_of_one_feature_has_a_scale_of_its_own():
    mixture = GaussianMixture(2, random_state=0).fit(X[:, [1]])
    display = MixtureDisplay.from_estimator(mixture, X[:, [1]], ax=axes(), uncertainty=True)
    other = next(ax for ax in display.figure_.axes if ax is not display.ax_)
    assert other.get_ylabel() == "uncertainty"
    heights = other.collections[0].get_paths()[0].vertices[:, 1]
    assert 0.45 < heights.max() <= 0.5


def test_rows_with_gaps_are_shown_where_they_have_values():
    gappy = X.copy()
    gappy[:50, 0] = np.nan
    mixture = GaussianMixture(2, random_state=0).fit(gappy)
    one = MixtureDisplay.from_estimator(mixture, gappy, features=0, ax=axes())
    counts = sum(patch.get_height() * patch.get_width() for patch in one.ax_.patches)
    assert_allclose(counts, 1.0)
    two = MixtureDisplay.from_estimator(mixture, gappy, ax=axes(), contours=True)
    assert np.isfinite(two.ax_.get_xlim()).all()


def test_a_display_made_by_hand_computes_its_uncertainties():
    display = MixtureDisplay(
        rows=np.array([[0.0], [-1.0]]),
        labels=np.array([0, 0]),
        weights=np.array([0.5, 0.5]),
        means=np.array([[-1.0], [1.0]]),
        covariances=np.ones((2, 1, 1)),
        names=["x"],
    )
    assert_allclose(display.uncertainties, [0.5, 1.0 / (1.0 + np.exp(2.0))])


def test_a_pipeline_is_drawn_in_the_features_of_its_last_step():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["eruptions", "waiting"])
    pipeline = make_pipeline(StandardScaler(), GaussianMixture(2, random_state=0)).fit(frame)
    display = MixtureDisplay.from_estimator(pipeline, frame, features="waiting", ax=axes())
    assert display.names == ["waiting"]
    scaled = StandardScaler().fit_transform(X)
    assert_allclose(display.rows[:, 0], scaled[:, 1])
    assert_allclose(display.means[:, 0], pipeline[-1].means_[:, 1])
    climb = ConvergenceDisplay.from_estimator(pipeline, ax=axes())
    assert_array_equal(climb.history, pipeline[-1].history_)
    with pytest.raises(TypeError, match="KMeans has no"):
        MixtureDisplay.from_estimator(make_pipeline(KMeans(2, n_init=1)).fit(X), X, ax=axes())


def test_names_can_be_given():
    mixture = GaussianMixture(2, random_state=0).fit(X)
    names = ["eruptions", "waiting"]
    options = {"feature_names": names, "given": {"eruptions": 2.0}}
    display = MixtureDisplay.from_estimator(mixture, X, ax=axes(), **options)
    assert display.names == ["waiting"]
    for wrong in (["eruptions"], [0, 1]):
        with pytest.raises(ValueError, match="feature_names must be 2 strings"):
            MixturePairsDisplay.from_estimator(mixture, X, feature_names=wrong)


def test_pairs_show_marginals_and_share_their_scales():
    mixture = GaussianMixture(2, random_state=0).fit(X3)
    display = MixturePairsDisplay.from_estimator(mixture, X3, deviations=(1.0,))
    assert display.axes_.shape == (3, 3)
    for i in range(3):
        for j in range(3):
            ax, panel = display.axes_[i, j], display.panels[i][j]
            across, up = panel.names[0], panel.names[-1]
            assert (across, up) == (f"feature {j}", f"feature {i}")
            assert_allclose(panel.means[:, 0], mixture.means_[:, j])
            assert len(ax.patches) == 2 if i > j else True
            assert ax.get_xlim() == display.axes_[2, j].get_xlim()
            if i < j:
                assert len(ax.collections) == 1
                assert ax.get_xlim() == display.axes_[j, i].get_ylim()
                assert ax.get_ylim() == display.axes_[j, i].get_xlim()
    assert [ax.get_xlabel() for ax in display.axes_[-1]] == [f"feature {j}" for j in range(3)]
    assert [ax.get_ylabel() for ax in display.axes_[:, 0]] == [f"feature {j}" for j in range(3)]


def test_pairs_of_a_slice_on_axes_that_are_given():
    mixture = GaussianMixture(2, random_state=0).fit(X3)
    grid = Figure().subplots(2, 2)
    display = MixturePairsDisplay.from_estimator(
        mixture, X3, given={1: 68.0}, axes=grid, uncertainty=True
    )
    assert display.axes_[0, 0] is grid[0, 0]
    assert display.figure_.get_suptitle() == "feature 1 = 68"
    slice_ = mixture.conditional([1], [68.0])
    points = X3[:5, [2]]
    assert_allclose(
        display.panels[1][1].density(points), np.exp(slice_.marginal([1]).score_samples(points))
    )
    with pytest.raises(ValueError, match=r"axes must have the shape \(3, 3\)"):
        MixturePairsDisplay.from_estimator(mixture, X3, axes=grid)


def test_pairs_of_one_feature_are_one_panel():
    mixture = GaussianMixture(2, random_state=0).fit(X[:, [1]])
    display = MixturePairsDisplay.from_estimator(mixture, X[:, [1]], axes=[[axes()]])
    assert len(display.axes_[0, 0].lines) == 3


# --- merged components -------------------------------------------------------------------------


def merged_display(elbow="clusters", **options):
    merged = MergedMixture(GaussianMixture(5, random_state=0), elbow=elbow).fit(X)
    return merged, MergingDisplay.from_estimator(merged, ax=axes(), **options)


def test_entropies_are_drawn_with_the_lines_that_meet_at_the_elbow():
    merged, display = merged_display()
    *fitted, points, chosen = display.ax_.lines
    assert_array_equal(points.get_ydata(), merged.entropies_)
    assert chosen.get_xdata() == [merged.n_clusters_]
    assert chosen.get_label() == f"{merged.n_clusters_} clusters"
    assert display.figure_ is display.ax_.figure
    parts = (slice(0, merged.elbow_), slice(merged.elbow_ - 1, None))
    assert len(fitted) == 2
    for line, part in zip(fitted, parts, strict=True):
        numbers = np.arange(1, 6)[part]
        expected = np.polyval(np.polyfit(numbers, merged.entropies_[part], 1), numbers)
        assert_array_equal(line.get_xdata(), numbers)
        assert_allclose(line.get_ydata(), expected, atol=1e-9)


def test_entropies_are_drawn_against_rows():
    merged, display = merged_display("rows")
    *fitted, points, _ = display.ax_.lines
    places = np.cumsum([0.0, *merged.joined_rows_[::-1]])
    assert_allclose(points.get_xdata(), places)
    assert_allclose(fitted[0].get_xdata(), places[: merged.elbow_])
    assert display.ax_.get_xlabel().startswith("rows")
    merged.set_params(elbow="clusters")
    again = MergingDisplay.from_estimator(merged, ax=axes())
    assert again.ax_.get_xlabel() == display.ax_.get_xlabel()


def test_the_tree_joins_what_was_merged():
    merged, display = merged_display(tree=True)
    leaves = [int(text.get_text()) for text in display.ax_.get_xticklabels()]
    assert sorted(leaves) == list(range(5))
    at = dict(zip(leaves, range(5), strict=True))
    removed = np.diff(merged.entropies_)[::-1]
    colors = {}
    for step, (children, line) in enumerate(zip(merged.children_, display.ax_.lines, strict=False)):
        left, _, right, _ = line.get_xdata()
        assert {left, right} == {at[child] for child in children}
        assert max(line.get_ydata()) == step + 1
        assert display.ax_.texts[step].get_text() == f"{removed[step]:.3g}"
        at[5 + step] = 0.5 * (left + right)
        colors[step] = line.get_color()
    inside = 5 - merged.n_clusters_
    assert all(colors[step].startswith("C") for step in range(inside))
    assert all(not colors[step].startswith("C") for step in range(inside, 4))


def test_nothing_to_merge_is_drawn_too():
    merged = MergedMixture(GaussianMixture(1)).fit(X)
    for tree in (False, True):
        display = MergingDisplay.from_estimator(make_pipeline(merged), ax=axes(), tree=tree)
        assert len(display.ax_.lines) >= 1
    with pytest.raises(TypeError, match="GaussianMixture has no children_"):
        MergingDisplay.from_estimator(ScikitLearn(2).fit(X))


# --- selection ------------------------------------------------------------------------------


def selection(**given):
    options = {"n_components": (1, 2, 3), "covariance_type": ["full", "tied"], "random_state": 0}
    return MixtureSearch(**{**options, **given}).fit(X)


def test_selection_has_a_line_for_each_structure_and_a_ring_around_the_best():
    search = selection()
    display = SelectionDisplay.from_estimator(search, ax=axes())
    lines = {line.get_label(): line for line in display.ax_.lines}
    assert set(lines) == {"full", "tied", "best: tied, 3"}
    assert_array_equal(lines["full"].get_xdata(), [1, 2, 3])
    assert_array_equal(lines["full"].get_ydata(), search.results_["bic"][:3])
    assert lines["best: tied, 3"].get_ydata() == [search.best_score_]
    assert display.ax_.get_ylabel() == "BIC (lower is better)"
    piped = make_pipeline(StandardScaler(), search)
    assert len(SelectionDisplay.from_estimator(piped, ax=axes()).ax_.lines) == 3


def test_selection_of_held_out_rows_rings_the_highest():
    search = selection(criterion="cv", cv=2)
    display = SelectionDisplay.from_estimator(search, ax=axes(), span=0.5)
    assert display.ax_.lines[-1].get_ydata() == [search.results_["mean_test_score"].max()]
    assert "higher is better" in display.ax_.get_ylabel()
    low, high = display.ax_.get_ylim()
    assert_allclose([high - search.best_score_, search.best_score_ - low], [0.025, 0.5])


def test_singular_fits_are_crosses_beside_the_lines():
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame(
        {
            "n_components": [1, 2, 3],
            "covariance_type": ["full"] * 3,
            "bic": [30.0, 10.0, 20.0],
            "singular": [False, True, False],
        }
    )
    ax = SelectionDisplay.from_results(table, ax=axes()).ax_
    line, crosses, ring = ax.lines
    assert_array_equal(line.get_ydata(), [30.0, np.nan, 20.0])
    assert_array_equal(crosses.get_xydata(), [[2, 10.0]])
    assert_array_equal(ring.get_xydata(), [[3, 20.0]])
    assert ax.get_legend_handles_labels()[1] == ["full", "singular, cannot win", "best: full, 3"]


def test_of_a_search_the_best_mixture_is_drawn():
    search = selection()
    for drawn in (search, make_pipeline(StandardScaler(), clone(search)).fit(X)):
        display = MixtureDisplay.from_estimator(drawn, X, ax=axes())
        assert len(display.ax_.patches) == 2 * 3  # three components, at two distances
        assert len(ConvergenceDisplay.from_estimator(drawn, ax=axes()).ax_.lines) >= 1
    assert_array_equal(
        MixtureDisplay.from_estimator(search, X, ax=axes()).means, search.best_estimator_.means_
    )


def test_selections_without_the_column_are_refused():
    with pytest.raises(ValueError, match="results has no column 'silhouette'"):
        SelectionDisplay.from_estimator(selection(), criterion="silhouette", ax=axes())
    with pytest.raises(TypeError, match="GaussianMixture has no results_"):
        SelectionDisplay.from_estimator(GaussianMixture(2, random_state=0).fit(X), ax=axes())
