"""t mixtures: published maxima, degrees of freedom at their limits, outliers, units."""

import warnings

import numpy as np
import pytest
from families import FITS, heavy, log_student
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import digamma, logsumexp
from sklearn.exceptions import ConvergenceWarning

from emix import GaussianMixture, StudentMixture
from emix._em.ascent import Ascent
from emix._em.quasi_newton import QuasiNewton
from emix._families.normal import Extent
from emix._families.space import mixture_of
from emix._families.student import Students
from emix._families.student_kernel import Params
from emix._families.tails import LEAST, MOST, Common, Each, root
from emix._normal.covariances import FULL
from emix._other_families.fit import standard_rows
from emix.datasets import load_faithful


@pytest.mark.parametrize(
    ("name", "degrees_of_freedom"),
    [
        ("t_stackloss_K1_nu5", 5.0),
        ("t_faithful_K2_common", "common"),
        ("t_contaminated_K2_4.0", 4.0),
    ],
)
def test_maxima_found_by_direct_maximisation_are_reached(name, degrees_of_freedom):
    fit = FITS[name]
    X = np.array(fit["X"])
    found = StudentMixture(fit["K"], degrees_of_freedom=degrees_of_freedom, random_state=0).fit(X)
    assert len(X) * found.score(X) >= fit["loglik"] - 1e-8
    order, published = found.weights_.argsort(), np.argsort(fit["weights"])
    assert_allclose(found.means_[order], np.array(fit["means"])[published], rtol=1e-4, atol=1e-4)
    assert_allclose(found.degrees_of_freedom_, fit["degrees_of_freedom"], rtol=1e-3)


def test_the_normal_limit_is_reached_and_is_a_normal_mixture():
    X = load_faithful().data
    one = StudentMixture(degrees_of_freedom="each").fit(X)
    assert_array_equal(one.degrees_of_freedom_, [np.inf])
    assert_allclose(one.score(X), GaussianMixture().fit(X).score(X), rtol=1e-12)
    assert_allclose(one.scale_matrices_[0], np.cov(X.T, bias=True), rtol=1e-7)
    two = StudentMixture(2, degrees_of_freedom="each", random_state=0).fit(X)
    assert_allclose(np.sort(two.degrees_of_freedom_), [19.15, np.inf], rtol=1e-3)
    known = StudentMixture(2, degrees_of_freedom=np.inf, random_state=0).fit(X)
    normal = GaussianMixture(2, random_state=0, tol=1e-12).fit(X)
    assert_allclose(known.score(X), normal.score(X), rtol=1e-10)
    assert_array_equal(known.degrees_of_freedom_, np.inf)
    assert known.aic(X) == pytest.approx(normal.aic(X))


def model_of(X, tails):
    rows = standard_rows(X, None, map, False)
    return mixture_of(Students(FULL, tails, Extent(FULL, rows)), rows)


def test_a_limit_that_is_wrong_is_left():
    """From infinity, tails that are heavy are found."""
    X = heavy()
    model = model_of(X, Common())
    start = model.space.components.equal(1, model.rows)._replace(dof=np.array([np.inf]))
    result = Ascent(model, start, QuasiNewton(model)).run(tol=1e-12, max_iter=500)
    fit = StudentMixture().fit(X)
    assert np.isfinite(result.params.dof).all()
    assert_allclose(result.params.dof, fit.degrees_of_freedom_, rtol=1e-4)


def test_a_limit_that_is_not_a_maximum_is_not_accepted():
    """With degrees of freedom that double, F is higher in the limit, and its slope says that it is
    higher still before it."""
    rng = np.random.RandomState(2)
    X = rng.standard_t(60.0, size=(20_000, 1))
    model = model_of(X, Each())
    start = model.space.components.equal(1, model.rows)._replace(dof=np.array([16.0]))
    assert model.e_step(start._replace(dof=np.array([np.inf]))).value > model.e_step(start).value
    repaired = []
    result = Ascent(model, start, QuasiNewton(model)).run(
        tol=1e-12, max_iter=500, watch=lambda climb: repaired.append(climb.params.dof[0])
    )
    assert 30.0 < result.params.dof[0] < 200.0


@pytest.mark.parametrize("nu", [0.3, 2.0, 50.0, 1e4])
def test_degrees_of_freedom_solve_their_equation(nu):
    tail = float(digamma(0.5 * nu) - np.log(0.5 * nu))
    assert_allclose(root(tail), nu, rtol=1e-6)
    assert root(-1e9) == LEAST
    assert root(-1e-12) == root(1.0) == MOST


def test_slope_of_the_normal_limit_is_that_of_the_likelihood():
    X = heavy()
    model = model_of(X, Each())
    start = model.space.components.equal(2, model.rows)
    start = start._replace(means=np.array([[0.1, 0.2], [-0.3, 0.5]]))

    def value(inverse):
        with np.errstate(divide="ignore"):
            return model.e_step(start._replace(dof=np.array([1.0 / inverse, np.inf]))).value

    limit = model.e_step(start._replace(dof=np.full(2, np.inf)))
    slope = (value(2e-5) - limit.value) / 2e-5
    assert_allclose(limit.tails[0], slope, rtol=1e-2)


def test_outliers_hardly_move_the_clusters():
    rng = np.random.RandomState(0)
    X = np.concatenate([rng.normal(size=(100, 2)), rng.normal(size=(80, 2)) + 6.0])
    clean = StudentMixture(2, random_state=0).fit(X)
    spoilt = StudentMixture(2, random_state=0).fit(np.concatenate([X, [[1e5, -1e5], [2e5, 1e4]]]))
    order, other = clean.weights_.argsort(), spoilt.weights_.argsort()
    assert_allclose(spoilt.means_[other], clean.means_[order], atol=0.2)
    assert_array_equal(spoilt.predict(X) == other[0], clean.predict(X) == order[0])


@pytest.mark.parametrize("scale", [1e-8, 1e8])
@pytest.mark.parametrize("shift", [0.0, 1e4])
@pytest.mark.parametrize("covariance_type", ["full", "diag", "tied_spherical"])
def test_units_and_origin_do_not_matter(scale, shift, covariance_type):
    X = heavy()
    options = {"covariance_type": covariance_type, "random_state": 0}
    plain = StudentMixture(2, **options).fit(X)
    moved = StudentMixture(2, **options).fit((X + shift) * scale)
    assert_allclose(moved.means_ / scale - shift, plain.means_, atol=1e-4)
    assert_allclose(moved.degrees_of_freedom_, plain.degrees_of_freedom_, rtol=1e-3)
    unit = 2.0 * np.log(scale)
    assert_allclose(moved.lower_bound_ + unit, plain.lower_bound_, atol=1e-7)
    assert_allclose(moved.predict_proba((X + shift) * scale), plain.predict_proba(X), atol=1e-4)


def test_equal_rows_are_held_at_a_least_scale_and_told():
    X = np.concatenate([heavy()[:, :2], np.full((60, 2), 9.0)])
    with pytest.warns(ConvergenceWarning, match="on rows that do not vary in some direction: "):
        fit = StudentMixture(3, degrees_of_freedom=5.0, random_state=0).fit(X)
    assert len(fit.singular_components_) == 1
    assert np.isfinite(fit.score_samples(X)).all()


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ("both", ValueError, "degrees_of_freedom must be one of 'common', 'each'"),
        (0.01, ValueError, "degrees_of_freedom must be between 0.1 and 1e"),
        (-1.0, ValueError, "degrees_of_freedom must be finite and not negative"),
        (None, TypeError, "degrees_of_freedom must be a number"),
    ],
)
def test_bad_degrees_of_freedom_are_named(value, error, message):
    with pytest.raises(error, match=message):
        StudentMixture(degrees_of_freedom=value).fit(heavy())


def test_components_without_rows_keep_their_tails():
    model = model_of(heavy(), Each())
    params = model.space.components.equal(2, model.rows)
    stats = model.space.statistics_at(params, lambda at: np.eye(2)[np.zeros(300, dtype=int)][at])
    found = model.m_step(stats, params)
    assert isinstance(found, Params)
    assert found.dof[1] == params.dof[1]
    assert_array_equal(found.means[1], params.means[1])
    assert_array_equal(found.weights, [1.0, 0.0])


@pytest.mark.parametrize("name", ["VEI", "EVI", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV"])
def test_all_structures_of_normals_have_t_components(name):
    X = heavy()
    given = {"covariance_type": name, "n_init": 2, "random_state": 0}
    limit = StudentMixture(2, degrees_of_freedom=np.inf, **given)
    normal = GaussianMixture(2, covariance_type=name, tol=1e-10, random_state=0).fit(X)
    assert_allclose(limit.fit(X).lower_bound_, normal.lower_bound_, atol=1e-8)
    assert_allclose(limit.bic(X), normal.bic(X), rtol=1e-9)
    robust = StudentMixture(2, degrees_of_freedom=4.0, **given).fit(X)
    assert robust.lower_bound_ > limit.lower_bound_
    joint = np.log(robust.weights_) + log_student(robust, X)
    assert_allclose(robust.score_samples(X), logsumexp(joint, axis=1), rtol=1e-9, atol=1e-9)
    if name != "VVV":
        with pytest.raises(ValueError, match="share volume, shape or axes alone"):
            robust.standard_errors(X)


def test_a_component_of_one_row_raises_no_floating_point_error():
    X = np.random.RandomState(0).normal(size=(20, 2))
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = StudentMixture(9, random_state=0).fit(X)
    assert np.isfinite(fit.scale_matrices_).all()
