"""Posterior regularisation: the best q that satisfies the constraints."""

import pickle

import numpy as np
import pytest
from common import clusters, fitted, model_of, not_converged_allowed, random_params
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax, xlogy
from sklearn import config_context
from sklearn.datasets import load_iris
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from emix import GaussianMixture
from emix._mixture.missing import mixture_over
from emix._normal.covariances import FULL
from emix._rows.blocks import Rows
from emix.constraints import Allowed, Expectation, Proportions, check_constraints

K = 3
X = clusters(0, 240, 2, K, 1.5)
MIDDLE, HEIGHT = np.median(X[:, 0]), X[:, 1].mean() / 3
LABELS = np.where(np.arange(len(X)) % 10, -1, np.arange(len(X)) // 10 % K)


def left_or_right(X):
    return np.column_stack([X[:, 0] < MIDDLE + 1, X[:, 0] > MIDDLE - 1, np.ones(len(X), bool)])


def height(X):
    """One feature: x_1 for component 0."""
    return np.outer(X[:, 1], [1.0, 0.0, 0.0])


REGISTER = {
    "labels": ((), LABELS),
    "allowed": ((Allowed(left_or_right),), None),
    "equal": ((Proportions(),), None),
    "values": ((Proportions([0.2, 0.3, 0.5]),), None),
    "bounds": ((Proportions(lower=0.3, upper=[0.4, 0.35, 1.0]),), None),
    "expectation": ((Expectation(height, lower=HEIGHT, upper=HEIGHT),), None),
    "expectation of an array": ((Expectation(height(X), upper=HEIGHT),), None),
    "expectation, alike for all rows": ((Expectation(np.eye(K)[:, :1], upper=0.25),), None),
    "all": (
        (Allowed(left_or_right), Proportions(lower=0.25), Expectation(height, upper=HEIGHT)),
        np.where(LABELS == 2, 2, -1),
    ),
}


@pytest.fixture(params=REGISTER)
def constrained(request):
    return REGISTER[request.param]


def satisfied(constraints, labels, resp, weight=None):
    """Whether responsibilities (n, K) satisfy them."""
    if labels is not None:
        assert_array_equal(resp[labels >= 0].argmax(axis=1), labels[labels >= 0])
        assert_allclose(resp[labels >= 0].max(axis=1), 1.0)
    shares = np.average(resp, axis=0, weights=weight)
    for constraint in constraints:
        if isinstance(constraint, Allowed):
            assert (resp[~left_or_right(X)] == 0).all()
        elif isinstance(constraint, Expectation):
            is_share = np.shape(constraint.features) == (K, 1)
            of_rows = np.eye(K)[0] if is_share else height(X)
            value = np.average((resp * of_rows).sum(axis=1), weights=weight)
            assert value <= constraint.upper + 1e-7
            assert constraint.lower is None or value >= constraint.lower - 1e-7
        elif constraint.values is not None:
            assert_allclose(shares, constraint.values, atol=1e-7)
        elif constraint.lower is None:
            assert_allclose(shares, 1 / K, atol=1e-7)
        else:
            assert (shares >= np.asarray(constraint.lower) - 1e-7).all()
            upper = 1.0 if constraint.upper is None else constraint.upper
            assert (shares <= np.asarray(upper) + 1e-7).all()


def e_step(constraints, labels, weight=None):
    """Constrained responsibilities, their F, and log_joint; one block of rows."""
    model = model_of(X, FULL, weight=weight)
    model.constraint = check_constraints(constraints, labels, X, K)
    params = random_params(FULL, 4, K, 2)
    kernel = model.space.kernel(params)
    buffers = model.rows.loaded(kernel, 0, len(X))
    log_joint = kernel.log_joint(buffers).T.copy()
    tilted = log_joint.T.copy()
    model.constraint.tilt(model, kernel).add(tilted, slice(0, len(X)))
    return model, params, softmax(tilted, axis=0).T, log_joint


@pytest.mark.parametrize("weighted", [False, True])
def test_e_step_satisfies_the_constraints_and_its_value_is_f(constrained, weighted):
    constraints, labels = constrained
    weight = np.random.RandomState(0).uniform(size=len(X)) if weighted else None
    model, params, resp, log_joint = e_step(constraints, labels, weight)
    satisfied(constraints, labels, resp, weight)
    stats = model.e_step(params)
    energy = (resp * log_joint).sum(axis=1) - xlogy(resp, resp).sum(axis=1)
    assert stats.value == pytest.approx(np.average(energy, weights=weight), abs=1e-8)
    evidence = np.average(logsumexp(log_joint, axis=1), weights=weight)
    assert stats.evidence == pytest.approx(evidence, rel=1e-12)
    assert stats.value < stats.evidence
    assert_allclose(stats.weight, np.average(resp, axis=0, weights=weight), atol=1e-12)


class Travelling(Rows):
    """Rows that see pickles of jobs alone."""

    def total(self, job):
        return super().total(pickle.loads(pickle.dumps(job)))


def test_jobs_travel_with_every_constraint(constrained):
    constraints, labels = constrained
    models = []
    for kind in (Rows, Travelling):
        model = mixture_over(FULL, kind(X, None, np.zeros(2), np.ones(2)), np.zeros(2))
        model.constraint = check_constraints(constraints, labels, X, K)
        models.append(model)
    here, there = models
    start = random_params(FULL, 4, K, 2)
    params = here.constraint.aligned(here, start)
    for one, other in zip(there.constraint.aligned(there, start), params, strict=True):
        assert_array_equal(one, other)
    assert_array_equal(there.e_step(params).vector, here.e_step(params).vector)


# of SciPy before 1.14, where the solver steps out of the bounds
@pytest.mark.filterwarnings("ignore:Values in x were outside bounds:RuntimeWarning")
def test_e_step_is_the_nearest_posterior():
    """Against a general solver in the primal: a handful of rows, equal shares."""
    few = X[:9]
    model = model_of(few, FULL)
    model.constraint = check_constraints((Proportions(),), None, few, K)
    params = random_params(FULL, 4, K, 2)
    kernel = model.space.kernel(params)
    log_joint = kernel.log_joint(model.rows.loaded(kernel, 0, 9)).T.copy()

    def cost(q):
        q = q.reshape(9, K)
        return np.mean((xlogy(q, q) - q * log_joint).sum(axis=1))

    equations = [
        {"type": "eq", "fun": lambda q: q.reshape(9, K).sum(axis=1) - 1},
        {"type": "eq", "fun": lambda q: q.reshape(9, K).mean(axis=0)[:-1] - 1 / K},
    ]
    found = minimize(
        cost,
        np.full(9 * K, 1 / K),
        method="SLSQP",
        bounds=[(1e-12, 1)] * (9 * K),
        constraints=equations,
        options={"maxiter": 500, "ftol": 1e-12},
    )
    assert model.e_step(params).value == pytest.approx(-found.fun, abs=1e-6)


@pytest.mark.parametrize("prior", [None, "fraley-raftery"])
@pytest.mark.parametrize("acceleration", [True, False])
def test_f_never_falls_and_stays_below_the_log_likelihood(
    covariance_type, constrained, acceleration, prior
):
    constraints, labels = constrained
    mixture = GaussianMixture(
        K,
        covariance_type=covariance_type,
        constraints=constraints,
        acceleration=acceleration,
        prior=prior,
        max_iter=12,
        tol=1e-4,
        random_state=0,
    )
    with not_converged_allowed():
        mixture.fit(X, labels=labels)
    history = mixture.history_[mixture.history_["accepted"]]
    top = history["log_likelihood"] + history["log_prior"]
    assert np.diff(history["objective"]).min() >= -1e-9
    assert (history["free_energy"] <= history["objective"] + 1e-9).all()
    assert (history["objective"] <= top + 1e-9).all()
    assert_allclose(history["gap"], top - history["free_energy"], atol=1e-12)
    if not acceleration:
        assert (history["free_energy"][1:] >= history["objective"][:-1] - 1e-9).all()
    assert mixture.score(X) == pytest.approx(history["log_likelihood"][-1], abs=1e-9)


def test_weights_satisfy_proportions(covariance_type):
    options = {"covariance_type": covariance_type, "random_state": 0}
    equal = fitted(X, K, constraints=(Proportions(),), **options)
    assert_allclose(equal.weights_, 1 / K, atol=1e-6)
    given = fitted(X, K, constraints=(Proportions([0.5, 0.2, 0.3]),), **options)
    assert_allclose(given.weights_, [0.5, 0.2, 0.3], atol=1e-6)


def test_without_effect_they_change_nothing():
    free = fitted(X, K, random_state=0, tol=1e-13)
    bounds = (Proportions(lower=0.01, upper=0.9),)
    idle = fitted(X, K, random_state=0, tol=1e-13, constraints=bounds)
    assert_allclose(idle.means_, free.means_, rtol=1e-6)
    unknown = GaussianMixture(K, random_state=0, tol=1e-13).fit(X, labels=np.full(len(X), -1))
    assert_array_equal(unknown.means_, free.means_)


def test_a_few_labels_help_and_number_the_components():
    """Five known labels per species of iris, against random starts."""
    X, y = load_iris(return_X_y=True)
    gains = []
    for seed in range(10):
        rng = np.random.RandomState(seed)
        known = np.concatenate([rng.choice(np.flatnonzero(y == k), 5, False) for k in range(3)])
        labels = np.full(len(y), -1)
        labels[known] = y[known]
        rest = labels < 0
        free = fitted(X, 3, init_params="random", random_state=seed).predict(X)
        helped = GaussianMixture(3, random_state=seed).fit(X, labels=labels).predict(X)
        gains.append([adjusted_rand_score(y[rest], each[rest]) for each in (free, helped)])
        assert (helped == y).mean() > 0.9
    free, helped = np.mean(gains, axis=0)
    assert helped > free + 0.1


def test_labels_are_routed_and_callables_serve_every_fold():
    with config_context(enable_metadata_routing=True):
        mixture = GaussianMixture(K, random_state=0).set_fit_request(labels=True)
        pipeline = make_pipeline(mixture).fit(X, labels=LABELS)
    known = LABELS >= 0
    expected = GaussianMixture(K, random_state=0).fit(X, labels=LABELS)
    assert_array_equal(pipeline[0].means_, expected.means_)
    assert (pipeline.predict(X)[known] == LABELS[known]).mean() > 0.5
    search = GridSearchCV(
        GaussianMixture(K, random_state=0, constraints=(Allowed(left_or_right),)),
        {"covariance_type": ["full", "diag"]},
        cv=3,
    ).fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize(
    ("constraints", "labels", "error", "match"),
    [
        (None, None, TypeError, "constraints must be a tuple"),
        ("equal", None, TypeError, "constraints must be a tuple"),
        ((3,), None, TypeError, "constraints may hold"),
        ((Allowed(np.ones((4, K), bool)),), None, ValueError, "Allowed needs an array of bool"),
        ((Allowed(np.zeros((len(X), K), bool)),), None, ValueError, "no component for row 0"),
        ((Proportions([0.5, 0.5]),), None, ValueError, "Proportions.values"),
        ((Proportions([0.5, 0.5, 0.5]),), None, ValueError, "add up to one"),
        ((Proportions(lower=0.5),), None, ValueError, "cannot be satisfied"),
        ((Proportions([0.2, 0.3, 0.5], lower=0.1),), None, ValueError, "values or bounds"),
        ((Expectation(height),), None, ValueError, "needs a lower or an upper bound"),
        ((Expectation(height, upper=-1e3),), None, ValueError, "no responsibilities satisfy"),
        (
            (Expectation(np.ones((len(X), K)), upper=0.999),),
            None,
            ValueError,
            "no responsibilities",
        ),
        ((Expectation(np.ones((2, 2)), upper=1),), None, ValueError, "features of Expectation"),
        ((), np.zeros(3, int), ValueError, "labels must have one entry per row"),
        ((), np.full(len(X), K), ValueError, "labels must be integers from 0"),
        ((), np.full(len(X), 0.5), ValueError, "labels must be integers from 0"),
        (
            (Allowed(np.tile([False, True, True], (len(X), 1))),),
            np.zeros(len(X), int),
            ValueError,
            "contradict each other for row 0",
        ),
    ],
)
def test_bad_constraints_are_refused(constraints, labels, error, match):
    mixture = GaussianMixture(K, constraints=constraints)
    with pytest.raises(error, match=match):
        mixture.fit(X, labels=labels)
    assert not hasattr(mixture, "means_")
