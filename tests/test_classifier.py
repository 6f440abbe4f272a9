"""Classes as mixtures: discriminant analysis as its limit, priors, labels; outliers."""

import numpy as np
import pytest
from common import TYPES, clusters
from scipy import stats
from sklearn.covariance import EmpiricalCovariance
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB

from emix import (
    GaussianMixture,
    GaussianMixtureClassifier,
    GaussianMixtureOutlierDetector,
)
from emix._derived.outliers import _quantile

TABLES = {"iris": load_iris, "wine": load_wine}


def alternating(seed, n):
    """Two classes of two clusters each, in turns along a line: no quadric parts them."""
    rng = np.random.RandomState(seed)
    centres = np.array([[0.0, 0.0], [8.0, 0.0], [4.0, 0.0], [12.0, 0.0]])
    which = rng.randint(4, size=n)
    return centres[which] + 0.7 * rng.normal(size=(n, 2)), which // 2


def of_one_normal(X, y, priors=None):
    """log p(c) + log N(x; mean, covariance by maximum likelihood), (n, classes)."""
    labels = np.unique(y)
    priors = [np.mean(y == c) for c in labels] if priors is None else priors
    columns = []
    for c, p in zip(labels, priors, strict=True):
        rows = X[y == c]
        normal = stats.multivariate_normal(rows.mean(axis=0), np.cov(rows.T, bias=True))
        columns.append(np.log(p) + normal.logpdf(X))
    return np.column_stack(columns)


# --- limits ---------------------------------------------------------------------------------


@pytest.mark.parametrize("load", TABLES.values(), ids=TABLES)
def test_one_normal_a_class_is_quadratic_discriminant_analysis(load):
    X, y = load(return_X_y=True)
    classifier = GaussianMixtureClassifier().fit(X, y)
    joint = of_one_normal(X, y)
    np.testing.assert_allclose(classifier.predict_joint_log_proba(X), joint, rtol=1e-9)
    # scikit-learn divides by n - 1
    qda = QuadraticDiscriminantAnalysis().fit(X, y)
    np.testing.assert_array_equal(classifier.predict(X), qda.predict(X))
    np.testing.assert_allclose(classifier.priors_, qda.priors_)


@pytest.mark.parametrize("load", TABLES.values(), ids=TABLES)
def test_one_shared_normal_is_linear_discriminant_analysis(load):
    X, y = load(return_X_y=True)
    classifier = GaussianMixtureClassifier(shared_covariance=True).fit(X, y)
    lda = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=EmpiricalCovariance()).fit(
        X, y
    )
    np.testing.assert_allclose(classifier.predict_proba(X), lda.predict_proba(X), atol=1e-9)
    covariances = [mixture.covariances_ for mixture in classifier.mixtures_]
    np.testing.assert_allclose(covariances[0], lda.covariance_, rtol=1e-9)
    assert all(np.array_equal(each, covariances[0]) for each in covariances)


def test_one_diagonal_normal_a_class_is_naive_bayes():
    X, y = load_iris(return_X_y=True)
    classifier = GaussianMixtureClassifier(covariance_type="diag").fit(X, y)
    bayes = GaussianNB(var_smoothing=0.0).fit(X, y)
    np.testing.assert_allclose(classifier.predict_proba(X), bayes.predict_proba(X), atol=1e-10)
    np.testing.assert_allclose(
        classifier.predict_log_proba(X), bayes.predict_log_proba(X), atol=1e-7
    )


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("n_components", [1, 2])
def test_a_class_is_the_mixture_of_its_rows(covariance_type, n_components):
    X, y = load_iris(return_X_y=True)
    options = {"covariance_type": covariance_type, "random_state": 0}
    classifier = GaussianMixtureClassifier(n_components, **options).fit(X, y)
    for c, mixture in enumerate(classifier.mixtures_):
        alone = GaussianMixture(n_components, **options).fit(X[y == c])
        np.testing.assert_array_equal(mixture.means_, alone.means_)
    scores = np.column_stack([m.score_samples(X) for m in classifier.mixtures_])
    expected = scores + np.log(1 / 3)
    np.testing.assert_allclose(classifier.predict_joint_log_proba(X), expected, rtol=1e-12)


# --- priors ---------------------------------------------------------------------------------


def test_frequencies_of_classes_count():
    """950 rows against 50, one and a half deviations apart: the majority is right in 95 %."""
    rng = np.random.RandomState(0)
    X = np.concatenate([rng.normal(size=(950, 1)), rng.normal(size=(50, 1)) + 1.5])
    y = np.repeat([0, 1], [950, 50])
    classifier = GaussianMixtureClassifier(shared_covariance=True).fit(X, y)
    assert classifier.score(X, y) >= 0.95
    middle = classifier.predict_proba([[0.75]])[0, 1]
    assert middle == pytest.approx(0.05, abs=0.015)
    even = GaussianMixtureClassifier(shared_covariance=True, priors=[0.5, 0.5]).fit(X, y)
    assert even.predict_proba([[0.75]])[0, 1] == pytest.approx(0.5, abs=0.1)
    assert even.score(X, y) < 0.85


def test_weights_of_rows_make_priors():
    X, y = load_iris(return_X_y=True)
    weight = np.where(y == 0, 3.0, 1.0)
    classifier = GaussianMixtureClassifier().fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(classifier.priors_, [0.6, 0.2, 0.2])
    plain = GaussianMixtureClassifier().fit(X, y)
    np.testing.assert_allclose(
        classifier.mixtures_[0].covariances_, plain.mixtures_[0].covariances_, rtol=1e-9
    )


def test_given_priors_move_the_odds_by_their_ratio():
    X, y = load_iris(return_X_y=True)
    plain = GaussianMixtureClassifier().fit(X, y)
    other = GaussianMixtureClassifier(priors=[0.2, 0.2, 0.6]).fit(X, y)
    change = other.predict_joint_log_proba(X) - plain.predict_joint_log_proba(X)
    expected = np.broadcast_to(np.log([0.6, 0.6, 1.8]), change.shape)
    np.testing.assert_allclose(change, expected, atol=1e-9)


def test_probabilities_are_calibrated_where_the_model_holds():
    X, y = alternating(0, 20_000)
    classifier = GaussianMixtureClassifier(2, random_state=0).fit(X, y)
    X, y = alternating(1, 20_000)
    proba = classifier.predict_proba(X)[:, 1]
    bins = np.digitize(proba, [0.02, 0.2, 0.4, 0.6, 0.8, 0.98])
    for each in range(7):
        rows = bins == each
        error = np.sqrt(0.25 / rows.sum())
        assert abs(y[rows].mean() - proba[rows].mean()) < 4 * error


def test_far_away_probabilities_add_up_to_one():
    X, y = load_iris(return_X_y=True)
    for shared in (False, True):
        classifier = GaussianMixtureClassifier(2, shared_covariance=shared, random_state=0)
        classifier.fit(X, y)
        for distance in (300.0, 1e6, 1e100):
            rows = np.array([[distance] * 4, [-distance] * 4])
            proba = classifier.predict_proba(rows)
            np.testing.assert_allclose(proba.sum(axis=1), 1.0)


# --- numbers of components ------------------------------------------------------------------


def test_several_components_part_what_one_cannot():
    X, y = alternating(0, 400)
    held_out = alternating(1, 400)
    one = GaussianMixtureClassifier().fit(X, y).score(*held_out)
    two = GaussianMixtureClassifier(2, random_state=0).fit(X, y).score(*held_out)
    assert one < 0.8
    assert two > 0.95


def test_bic_finds_the_number_of_each_class():
    rng = np.random.RandomState(0)
    X, y = alternating(0, 400)
    X = np.concatenate([X, rng.normal(size=(100, 2)) + [0.0, 12.0]])
    y = np.array(["even", "odd", "ball"])[np.concatenate([y, np.full(100, 2)])]
    classifier = GaussianMixtureClassifier("bic", random_state=0).fit(X, y)
    assert classifier.classes_.tolist() == ["ball", "even", "odd"]
    assert classifier.n_components_.tolist() == [1, 2, 2]
    given = {"ball": 1, "even": 2, "odd": 3}
    classifier = GaussianMixtureClassifier(given, random_state=0).fit(X, y)
    assert classifier.n_components_.tolist() == [1, 2, 3]


def test_bic_passes_over_singular_fits():
    """Of ten rows in five dimensions any two components are singular, and none is chosen."""
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(20, 5)), np.repeat([0, 1], 10)
    classifier = GaussianMixtureClassifier("bic", random_state=0).fit(X, y)
    assert classifier.n_components_.tolist() == [1, 1]


# --- shared covariances, partial labels -----------------------------------------------------


@pytest.mark.parametrize(
    ("covariance_type", "joint"),
    [("full", "tied"), ("diag", "tied_diag"), ("spherical", "tied_spherical")],
)
def test_a_shared_covariance_is_that_of_all_rows_about_their_components(covariance_type, joint):
    X, y = load_iris(return_X_y=True)
    for name in (covariance_type, joint):
        classifier = GaussianMixtureClassifier(
            2, covariance_type=name, shared_covariance=True, random_state=0
        ).fit(X, y)
        assert {m.covariance_type for m in classifier.mixtures_} == {joint}
        np.testing.assert_allclose(classifier.priors_, np.full(3, 1 / 3), rtol=1e-9)
        scatter = np.zeros((4, 4))
        for c, mixture in enumerate(classifier.mixtures_):
            rows = X[y == c]
            for resp, mean in zip(mixture.predict_proba(rows).T, mixture.means_, strict=True):
                scatter += ((rows - mean) * resp[:, None]).T @ (rows - mean)
        scatter /= len(X)
        expected = {"full": scatter, "diag": np.diag(scatter), "spherical": scatter.trace() / 4}
        np.testing.assert_allclose(
            classifier.mixtures_[0].covariances_, expected[covariance_type], rtol=1e-3, atol=1e-4
        )


def test_a_class_of_one_row_needs_a_shared_covariance():
    X, y = load_iris(return_X_y=True)
    y[y == 2] = 1
    y[-1] = 2
    with pytest.raises(ValueError, match=r"class 2 has 1 row of"):
        GaussianMixtureClassifier().fit(X, y)
    shared = GaussianMixtureClassifier(shared_covariance=True).fit(X, y)
    np.testing.assert_allclose(shared.mixtures_[2].means_, X[-1:], rtol=1e-12)


def test_rows_without_a_class_help():
    """Six labels a class, in the alternating clusters; the other rows tell where these lie."""
    X, y = alternating(0, 600)
    held_out = alternating(1, 2000)
    rng = np.random.RandomState(0)
    known = np.concatenate([rng.choice(np.flatnonzero(y == c), 6, False) for c in (0, 1)])
    partial = np.full(len(y), -1)
    partial[known] = y[known]
    options = {"covariance_type": "spherical", "random_state": 0}
    few = GaussianMixtureClassifier(2, **options).fit(X[known], y[known])
    helped = GaussianMixtureClassifier(2, unlabelled=-1, **options).fit(X, partial)
    every = GaussianMixtureClassifier(2, **options).fit(X, y)
    assert helped.classes_.tolist() == [0, 1]
    scores = [each.score(*held_out) for each in (few, helped, every)]
    assert scores[1] > scores[2] - 0.01
    assert scores[1] >= scores[0]
    means = np.concatenate([m.reordered("mean").means_ for m in helped.mixtures_])
    np.testing.assert_allclose(
        means, np.concatenate([m.reordered("mean").means_ for m in every.mixtures_]), atol=0.1
    )


@pytest.mark.parametrize("scale", [1.0, 1e-100, 1e100])
@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
def test_one_label_a_class_can_be_enough(covariance_type, scale):
    """A label says where a class is, and nothing of how wide."""
    X, _ = alternating(0, 400)
    y = np.digitize(X[:, 0], [2.0, 6.0, 10.0])
    partial = np.full(len(y), -1)
    for c in range(4):
        rows = np.flatnonzero(y == c)
        partial[rows[np.abs(X[rows] - [4.0 * c, 0.0]).sum(axis=1).argmin()]] = c
    for shared in (False, True):
        classifier = GaussianMixtureClassifier(
            covariance_type=covariance_type, shared_covariance=shared, unlabelled=-1
        ).fit(scale * X, partial)
        assert classifier.score(scale * X, y) > 0.98


def test_rows_that_are_all_labelled_make_no_difference():
    X, y = load_iris(return_X_y=True)
    one = GaussianMixtureClassifier(2, random_state=0).fit(X, y)
    other = GaussianMixtureClassifier(2, unlabelled=-1, random_state=0).fit(X, y)
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def test_the_likelihood_of_partial_labels_is_at_a_maximum():
    """Of labelled rows with their class, and of others without: moving any mean lowers it."""
    X, y = load_iris(return_X_y=True)
    partial = np.where(np.random.RandomState(0).uniform(size=len(y)) < 0.5, y, -1)
    classifier = GaussianMixtureClassifier(unlabelled=-1, tol=1e-10).fit(X, partial)

    def likelihood(mixtures):
        joint = np.column_stack([m.score_samples(X) for m in mixtures])
        joint += np.log(classifier.priors_)
        known = partial >= 0
        labelled = joint[known, partial[known]].sum()
        return labelled + np.logaddexp.reduce(joint[~known], axis=1).sum()

    best = likelihood(classifier.mixtures_)
    for c, mixture in enumerate(classifier.mixtures_):
        for step in 1e-2 * np.concatenate([np.eye(4), -np.eye(4)]):
            moved = list(classifier.mixtures_)
            moved[c] = GaussianMixture.from_parameters(
                mixture.weights_, mixture.means_ + step, mixture.covariances_
            )
            assert likelihood(moved) < best


# --- the estimator --------------------------------------------------------------------------


def test_units_change_nothing():
    X, y = load_wine(return_X_y=True)
    units = 10.0 ** np.linspace(-15, 15, X.shape[1])
    one = GaussianMixtureClassifier(random_state=0).fit(X, y).predict_proba(X)
    other = GaussianMixtureClassifier(random_state=0).fit(X * units, y).predict_proba(X * units)
    np.testing.assert_allclose(one, other, atol=1e-8)


def test_it_can_be_searched():
    X, y = load_breast_cancer(return_X_y=True)
    X = X[:, :6]
    search = GridSearchCV(
        GaussianMixtureClassifier(random_state=0, prior="fraley-raftery"),
        {"n_components": [1, 2], "shared_covariance": [False, True]},
        cv=3,
    ).fit(X, y)
    assert search.best_score_ > 0.9


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"n_components": "aic"}, ValueError, "a mapping or 'bic'"),
        ({"n_components": 0}, ValueError, "n_components must be at least 1"),
        ({"n_components": {0: 1, 1: 2}}, ValueError, "no number for class 2"),
        ({"n_components": "bic", "max_components": 0}, ValueError, "max_components"),
        ({"priors": [0.5, 0.5]}, ValueError, "priors"),
        ({"priors": [0.5, 0.5, 0.5]}, ValueError, "priors must not be negative and add up"),
        ({"shared_covariance": "yes"}, TypeError, "shared_covariance must be True or False"),
        ({"covariance_type": "round"}, ValueError, "covariance_type must be one of"),
        ({"n_components": "bic", "tol": -1.0}, ValueError, "tol must be finite"),
        ({"n_components": 60}, ValueError, "class 0 has 50 row"),
        ({"unlabelled": 0, "covariance_type": "tied"}, ValueError, "shared_covariance=True"),
    ],
)
def test_bad_parameters_are_refused_by_name(parameters, error, message):
    X, y = load_iris(return_X_y=True)
    classifier = GaussianMixtureClassifier().fit(X, y)
    before = classifier.predict_proba(X)
    with pytest.raises(error, match=message):
        classifier.set_params(**parameters).fit(X[:, :2], y)
    np.testing.assert_array_equal(classifier.predict_proba(X), before)


def test_only_unknown_classes_are_refused():
    X = clusters(0, 20, 2, 1)
    with pytest.raises(ValueError, match="all entries of y are -1"):
        GaussianMixtureClassifier(unlabelled=-1).fit(X, np.full(20, -1))


# --- outliers -------------------------------------------------------------------------------


def test_a_share_of_the_training_rows_is_out():
    X = clusters(0, 200, 3, 2)
    for share in (0.005, 0.01, 0.1, 0.29, 0.33, 0.5):
        detector = GaussianMixtureOutlierDetector(2, contamination=share, random_state=0).fit(X)
        labels = detector.predict(X)
        assert (labels == -1).sum() == round(200 * share)
        np.testing.assert_array_equal(labels, detector.fit_predict(X))
        np.testing.assert_array_equal(
            detector.decision_function(X), detector.score_samples(X) - detector.offset_
        )


def test_scores_are_log_densities():
    X = clusters(0, 200, 3, 2)
    detector = GaussianMixtureOutlierDetector(2, random_state=0).fit(X)
    mixture = GaussianMixture(2, random_state=0).fit(X)
    np.testing.assert_array_equal(detector.score_samples(X), mixture.score_samples(X))
    assert detector.predict([[100.0, 100.0, 100.0]])[0] == -1
    assert detector.predict(detector.mixture_.means_).tolist() == [1, 1]


def test_outliers_between_clusters_are_found():
    """Where one normal, as in an elliptic envelope, has its largest density."""
    rng = np.random.RandomState(0)
    X = np.concatenate([rng.normal(size=(100, 2)) + 8.0, rng.normal(size=(100, 2)) - 8.0])
    assert GaussianMixtureOutlierDetector(2, random_state=0).fit(X).predict([[0, 0]])[0] == -1
    assert GaussianMixtureOutlierDetector(1).fit(X).predict([[0.0, 0.0]])[0] == 1


def test_quantile_with_weights_is_that_of_repeated_rows_in_any_unit():
    rng = np.random.RandomState(0)
    scores = rng.normal(size=50)
    weight = rng.randint(0, 4, size=50).astype(float)
    for share in (0.01, 0.1, 0.25, 0.5):
        repeated = np.repeat(scores, weight.astype(int))
        expected = np.quantile(repeated, share, method="averaged_inverted_cdf")
        assert _quantile(scores, weight, share) == pytest.approx(expected, rel=1e-12)
        assert _quantile(scores, weight / 7.3, share) == pytest.approx(expected, rel=1e-12)
        plain = np.quantile(scores, share, method="averaged_inverted_cdf")
        assert _quantile(scores, None, share) == pytest.approx(plain, rel=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.6, -0.1, np.nan])
def test_bad_contamination_is_refused(share):
    X = clusters(0, 50, 2, 1)
    with pytest.raises(ValueError, match="contamination"):
        GaussianMixtureOutlierDetector(contamination=share).fit(X)


def test_classes_in_cross_validation():
    X, y = load_iris(return_X_y=True)
    assert cross_val_score(GaussianMixtureClassifier(), X, y, cv=5).mean() > 0.95


def test_classes_that_are_out_of_the_question_raise_no_floating_point_error():
    X = clusters(0, 100, 2, 2)
    labels = np.arange(100) % 2
    with np.errstate(all="raise"):
        fit = GaussianMixtureClassifier(random_state=0).fit(X + 50.0 * labels[:, None], labels)
        proba = fit.predict_proba(X)
        assert np.isfinite(fit.predict_log_proba(X)).all()
    assert proba.min() < 1e-300
