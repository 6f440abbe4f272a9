"""Displays follow scikit-learn's convention and show the numbers of the fit."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.mixture import GaussianMixture as ScikitLearn

from emix import GaussianMixture, TwoNormalMixture, kmeans_limit
from emix.datasets import load_faithful

pytest.importorskip("matplotlib")
from matplotlib.figure import Figure

from emix.display import ConvergenceDisplay, KMeansLimitDisplay, MixtureDisplay

X = load_faithful().data
X3 = np.column_stack([X, X[:, 0] ** 2])
TYPES = ["full", "tied", "diag", "spherical", "tied_diag", "tied_spherical"]


def axes():
    return Figure().subplots()


@pytest.mark.parametrize("display", [MixtureDisplay, ConvergenceDisplay])
def test_other_estimators_are_refused(display):
    from sklearn.cluster import KMeans

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


@pytest.mark.parametrize("features", [(0, 0), (0, 1, 2), 3, -1, (0.5,)])
def test_bad_features_are_refused(features):
    mixture = GaussianMixture(2, random_state=0).fit(X3)
    with pytest.raises(ValueError, match="features must be"):
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
    entropy = lines["entropy of the responsibilities"].get_ydata()
    assert_array_equal(entropy, result.table["entropy"][result.table["entropy"] > 1e-14])
    assert not len(lines["rows with another label: none"].get_ydata())
    scaled = lines["$2 s^2 F$ from -inertia"].get_ydata()
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
