"""Displays follow scikit-learn's convention and show the numbers of the fit."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from emix import GaussianMixture
from emix.datasets import load_faithful

pytest.importorskip("matplotlib")
from matplotlib.figure import Figure

from emix.display import ConvergenceDisplay, MixtureDisplay

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
