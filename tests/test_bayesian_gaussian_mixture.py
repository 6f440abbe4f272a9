"""The estimator: scikit-learn's results, the predictive density, units, weights, bad input."""

import pickle

import numpy as np
import pytest
from common import (
    SKLEARN_TYPES,
    TYPES,
    assert_same_state,
    clusters,
    convergence_warnings_allowed,
    not_converged_allowed,
    public_state,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import digamma
from sklearn.mixture import BayesianGaussianMixture as Theirs
from sklearn.mixture import GaussianMixture as TheirPlain
from sklearn.model_selection import GridSearchCV
from test_variational import PRIOR_TYPES, draw_parameters, drawn_log_joint

from emix import BayesianGaussianMixture
from emix._bayes.variational import Posterior, Prior
from emix._fitted.base import STRUCTURES
from emix._gaussian.fitted_posterior import FittedPosterior
from emix.datasets import load_faithful

X = clusters(0, 200, 2, 3, 2.0)
POSTERIOR = [
    "weights_",
    "means_",
    "covariances_",
    "weight_concentration_",
    "mean_precision_",
    "degrees_of_freedom_",
]


@pytest.fixture(params=PRIOR_TYPES)
def prior_type(request):
    return request.param


def fitted(X, n_components=3, sample_weight=None, **parameters):
    mixture = BayesianGaussianMixture(n_components, **{"random_state": 0, **parameters})
    with not_converged_allowed():
        return mixture.fit(X, sample_weight=sample_weight)


def falling_responsibilities(X, n_components, seed=1):
    """Of totals that fall: scikit-learn leaves the sticks in the order of the components."""
    rng = np.random.RandomState(seed)
    resp = rng.dirichlet(np.ones(n_components), size=len(X)) ** 2
    resp *= 3.0 ** -np.arange(n_components)
    resp /= resp.sum(axis=1, keepdims=True)
    assert (np.diff(resp.sum(axis=0)) < 0.0).all()
    return resp


# --- scikit-learn ---------------------------------------------------------------------------


class TheirsFrom(Theirs):
    """scikit-learn's estimator from given responsibilities, with the exact E log|P|."""

    def start_from(self, resp, exact):
        self._resp, self._exact = resp, exact
        return self

    def _initialize_parameters(self, X, random_state, xp=None):
        self._initialize(X, self._resp)

    def _estimate_log_prob(self, X, xp=None):
        log_prob = super()._estimate_log_prob(X)
        if not self._exact or self.covariance_type in ("full", "tied"):
            return log_prob
        d, nu = X.shape[1], self.degrees_of_freedom_
        theirs = digamma(0.5 * (nu - np.arange(d)[:, None])).sum(axis=0)
        if self.covariance_type == "diag":
            return log_prob + 0.5 * (d * digamma(0.5 * nu) - theirs)
        return log_prob + 0.5 * (d * (digamma(0.5 * d * nu) - np.log(d)) - theirs)


def both(X, covariance_type, prior_type, passes, exact=True, **priors):
    resp = falling_responsibilities(X, 4)
    options = {
        "covariance_type": covariance_type,
        "weight_concentration_prior_type": prior_type,
        "max_iter": passes,
        "tol": 0.0,
        **priors,
    }
    ours = fitted(X, 4, init_params=resp, acceleration=False, **options)
    theirs = TheirsFrom(n_components=4, reg_covar=0.0, **options).start_from(resp, exact)
    with not_converged_allowed():
        return ours, theirs.fit(X)


def assert_equal_posteriors(ours, theirs, rtol=1e-8):
    order = np.argsort(-theirs.weights_, kind="stable")
    pooled = ours.covariance_type == "tied"
    for name in [*POSTERIOR, "precisions_", "precisions_cholesky_"]:
        expected, scale = np.asarray(getattr(theirs, name)), 1.0
        if not (pooled and name[:3] in ("cov", "pre", "deg")):
            expected = expected[..., order] if name.startswith("weight_") else expected[order]
        scale = np.abs(expected).max()
        assert_allclose(getattr(ours, name), expected, rtol=rtol, atol=rtol * scale, err_msg=name)


PRIORS = {
    "weight_concentration_prior": 0.3,
    "mean_precision_prior": 2.5,
    "mean_prior": [0.5, -1.0],
    "degrees_of_freedom_prior": 4.5,
}
COVARIANCE_PRIORS = {
    "full": [[2.0, 0.3], [0.3, 1.0]],
    "tied": [[2.0, 0.3], [0.3, 1.0]],
    "diag": [2.0, 1.0],
    "spherical": 1.5,
}


@pytest.mark.parametrize("passes", [1, 6])
@pytest.mark.parametrize("covariance_type", SKLEARN_TYPES)
def test_the_posterior_is_that_of_scikit_learn(covariance_type, prior_type, passes):
    """From equal responsibilities, with its E log|P| made exact for 'diag' and 'spherical'."""
    assert_equal_posteriors(*both(X, covariance_type, prior_type, passes))
    priors = {**PRIORS, "covariance_prior": COVARIANCE_PRIORS[covariance_type]}
    assert_equal_posteriors(*both(X, covariance_type, prior_type, passes, **priors))


@pytest.mark.parametrize("covariance_type", SKLEARN_TYPES)
def test_which_results_are_those_of_scikit_learn_as_it_is(covariance_type, prior_type):
    assert_equal_posteriors(*both(X[:, :1], covariance_type, prior_type, 6, exact=False))
    ours, theirs = both(X, covariance_type, prior_type, 6, exact=False)
    if covariance_type in ("full", "tied"):
        assert_equal_posteriors(ours, theirs)
    else:
        difference = np.abs(ours.mean_precision_ - np.sort(theirs.mean_precision_)[::-1])
        assert 1e-3 < difference.max() < 20.0


@pytest.mark.parametrize("covariance_type", SKLEARN_TYPES)
def test_what_the_bound_of_scikit_learn_lacks(covariance_type, prior_type):
    """A constant for 'full' and 'tied', all rows together and before the E-step; more than that
    for the others."""
    ours, theirs = both(X, covariance_type, prior_type, 10, exact=False)
    if not hasattr(theirs, "lower_bounds_"):
        pytest.skip("scikit-learn tells all bounds since 1.7")
    bounds = np.array([np.squeeze(bound) for bound in theirs.lower_bounds_])
    lacks = len(X) * ours.history_["free_energy"][1:] - bounds
    if covariance_type in ("full", "tied"):
        assert_allclose(lacks, lacks[0], rtol=1e-10)
        assert abs(lacks[0]) > 100.0
    else:
        assert np.ptp(lacks) > 0.5


def test_default_priors_are_those_of_scikit_learn():
    for covariance_type in SKLEARN_TYPES:
        ours, theirs = both(X, covariance_type, "dirichlet_process", 1)
        for name in (
            "weight_concentration_prior_",
            "mean_precision_prior_",
            "mean_prior_",
            "degrees_of_freedom_prior_",
            "covariance_prior_",
        ):
            assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-12, err_msg=name)


def test_the_order_of_the_sticks_is_not_left_to_the_start():
    """Labels in another order: the same result, and a higher bound than in that order."""
    labels = np.where(X[:, 0] < np.quantile(X[:, 0], 0.1), 0, 1)
    first, second = (fitted(X, 2, init_params=start) for start in (labels, 1 - labels))
    for name in POSTERIOR:
        assert_allclose(getattr(first, name), getattr(second, name), rtol=1e-9, err_msg=name)
    assert (np.diff(first.weights_) <= 0.0).all()


# --- the density -----------------------------------------------------------------------------


def as_posterior(mixture):
    """The public attributes in the engine's form, in the units of the data."""
    n_components = len(mixture.means_)
    weighting, order = FittedPosterior(mixture).weighting, np.arange(n_components)
    prior = Prior(
        weighting,
        mixture.mean_precision_prior_,
        mixture.mean_prior_,
        mixture.degrees_of_freedom_prior_,
        mixture.covariance_prior_ / mixture.degrees_of_freedom_prior_,
        None,
    )
    empty = dict.fromkeys(Posterior._fields)
    known = {
        "concentration": np.asarray(mixture.weight_concentration_),
        "mean_precision": mixture.mean_precision_,
        "means": mixture.means_,
        "degrees": mixture.degrees_of_freedom_,
        "covariances": mixture.covariances_,
        "order": order,
    }
    return prior, Posterior(**{**empty, **known})


class _Model:
    def __init__(self, structure, prior):
        self.structure, self.prior = structure, prior


def test_the_density_is_the_mean_over_the_posterior(covariance_type, prior_type):
    """Monte Carlo over weights, means and precisions, new clusters included."""
    mixture = fitted(
        X[:15],
        2,
        covariance_type=covariance_type,
        weight_concentration_prior_type=prior_type,
        weight_concentration_prior=1.5,
    )
    structure = STRUCTURES[covariance_type]
    prior, posterior = as_posterior(mixture)
    points = np.array([[0.0, 0.0], [2.0, -1.0], X[0], [6.0, 5.0]])
    rng = np.random.RandomState(0)
    model = _Model(structure, prior)
    weights, means, precisions, _ = draw_parameters(model, posterior, 1500, rng)
    density = np.exp(drawn_log_joint(points, weights, means, precisions)).sum(axis=2)
    rest = 1.0 - weights.sum(axis=1)
    if prior_type == "dirichlet_process":
        assert rest.mean() > 0.01
        new = posterior._replace(
            concentration=np.array([[1.0, 1.0], [1.5, 1.5]]),
            mean_precision=np.full(2, prior.mean_precision),
            means=np.tile(prior.mean, (2, 1)),
        )
        if structure.sharing.separable:
            new = new._replace(
                degrees=np.full(2, prior.degrees),
                covariances=np.stack([prior.covariance] * 2),
            )
        _, means, precisions, _ = draw_parameters(model, new, 1500, rng)
        joint = drawn_log_joint(points, np.ones_like(weights), means, precisions)
        density = density + rest[:, None] * np.exp(joint[:, :, 0])
    else:
        assert_allclose(rest, 0.0, atol=1e-12)
    error = density.std(axis=0) / np.sqrt(len(density))
    assert (error < 0.15 * density.mean(axis=0)).all()
    assert (
        np.abs(np.exp(mixture.score_samples(points)) - density.mean(axis=0)) < 4.5 * error
    ).all()


def integral(score_samples, d, centre, scale):
    """Of exp(score_samples) over R^d, d = 1 or 2: the trapezoidal rule in sinh(t)."""
    t = np.linspace(-16.0, 16.0, 16001 if d == 1 else 451)
    line = np.sinh(t)
    measure = np.cosh(t) * (t[1] - t[0])
    if d == 1:
        density = np.exp(score_samples(centre + scale * line[:, None]))
        return float(density @ measure) * scale
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    density = np.exp(score_samples(centre + scale * grid)).reshape(len(t), len(t))
    return float(measure @ density @ measure) * scale**2


@pytest.mark.parametrize(
    ("d", "prior_type"), [(1, name) for name in PRIOR_TYPES] + [(2, PRIOR_TYPES[0])]
)
def test_the_density_integrates_to_one_and_scikit_learns_does_not(covariance_type, prior_type, d):
    options = {
        "covariance_type": covariance_type,
        "weight_concentration_prior_type": prior_type,
        "mean_prior": [1.0] * d,
    }
    mixture = fitted(X[:12, :d], 3, **options)
    whole = integral(mixture.score_samples, d, mixture.means_[0], 1.0)
    assert whole == pytest.approx(1.0, abs=1e-6)
    if covariance_type in SKLEARN_TYPES:
        with not_converged_allowed():
            theirs = Theirs(n_components=3, random_state=0, max_iter=1, **options).fit(X[:12, :d])
        assert integral(theirs.score_samples, d, theirs.means_[0], 1.0) < 0.8


def test_the_plugin_density_is_the_mixture_of_the_attributes(prior_type):
    mixture = fitted(X, 4, weight_concentration_prior_type=prior_type)
    plain = TheirPlain(4)
    plain.weights_, plain.means_ = mixture.weights_, mixture.means_
    plain.covariances_ = mixture.covariances_
    plain.precisions_cholesky_ = mixture.precisions_cholesky_
    assert_allclose(mixture.score_samples_plugin(X), plain.score_samples(X), rtol=1e-10)
    assert np.abs(mixture.score_samples(X) - plain.score_samples(X)).max() > 1e-3
    assert mixture.score(X) == pytest.approx(mixture.score_samples(X).mean())
    drawn, labels = mixture.sample(4000, random_state=1)
    mean = mixture.weights_ @ mixture.means_
    assert_allclose(drawn.mean(axis=0), mean, atol=0.2)
    assert_array_equal(np.unique(labels), np.flatnonzero(np.bincount(labels)))


def test_far_away_the_density_has_the_tail_of_the_prior_and_is_exact():
    """log p falls with the logarithm of the distance, to the last digits."""
    mixture = fitted(X, 2, weight_concentration_prior_type="dirichlet_process")
    far = np.array([[1e12, 0.0], [1e13, 0.0], [1e100, 0.0]])
    log_prob = mixture.score_samples(far)
    # the prior's Student density falls as |x|^-(nu + 1), nu = d = 2
    assert_allclose(np.diff(log_prob), -3.0 * np.diff(np.log(far[:, 0])), rtol=1e-9)


@pytest.mark.parametrize(("shift", "scale"), [(1e6, 1.0), (0.0, 1e-90), (-3.0, 1e80)])
def test_everything_moves_with_the_data(covariance_type, prior_type, shift, scale):
    options = {
        "covariance_type": covariance_type,
        "weight_concentration_prior_type": prior_type,
        "acceleration": False,
        "max_iter": 15,
        "tol": 0.0,
    }
    mean, covariance = np.array([1.0, 2.0]), _prior_covariance(covariance_type)
    plain = fitted(X, 4, mean_prior=mean, covariance_prior=covariance, **options)
    moved = {
        "mean_prior": mean * scale + shift,
        "covariance_prior": covariance * scale * scale,
    }
    other = fitted(X * scale + shift, 4, **options, **moved)
    rtol = 1e-8 if shift == 1e6 else 1e-9
    assert_allclose(other.weights_, plain.weights_, rtol=rtol, atol=1e-12)
    assert_allclose((other.means_ - shift) / scale, plain.means_, rtol=rtol, atol=1e-8)
    assert_allclose(other.covariances_ / scale / scale, plain.covariances_, rtol=10 * rtol)
    unit = 2.0 * np.log(scale)
    assert other.lower_bound_ == pytest.approx(plain.lower_bound_ - unit, abs=1e-8)
    there = X * scale + shift
    assert_allclose(other.score_samples(there), plain.score_samples(X) - unit, atol=1e-7)
    assert_allclose(other.predict_proba(there), plain.predict_proba(X), atol=1e-7)


def _prior_covariance(covariance_type):
    if covariance_type.endswith("spherical"):
        return np.asarray(1.5)
    return np.array([2.0, 1.0]) if covariance_type.endswith("diag") else np.diag([2.0, 1.0])


# --- the fit ----------------------------------------------------------------------------------


def test_superfluous_components_empty_themselves(prior_type):
    faithful = load_faithful().data
    mixture = fitted(
        faithful,
        10,
        weight_concentration_prior_type=prior_type,
        weight_concentration_prior=1e-3,
        n_init=5,
    )
    assert mixture.converged_
    assert (mixture.weights_ > 0.01).sum() == 2
    assert (np.diff(mixture.weights_) <= 0.0).all()
    assert_allclose(mixture.weights_[:2], [0.644, 0.356], atol=2e-3)
    assert set(mixture.predict(faithful)) == {0, 1}
    two = fitted(faithful, 2, weight_concentration_prior_type=prior_type)
    assert_allclose(mixture.means_[:2], two.means_, atol=0.05)


def test_acceleration_reaches_the_same_bound_in_fewer_passes(covariance_type, prior_type):
    options = {
        "covariance_type": covariance_type,
        "weight_concentration_prior_type": prior_type,
        "init_params": falling_responsibilities(X, 2),
        "tol": 1e-9,
    }
    plain = fitted(X, 2, acceleration=False, **options)
    fast = fitted(X, 2, **options)
    assert plain.converged_
    assert fast.converged_
    assert fast.n_iter_ <= plain.n_iter_ + 3
    assert fast.lower_bound_ >= plain.lower_bound_ - 1e-8
    accepted = fast.history_["objective"][fast.history_["accepted"]]
    assert (np.diff(accepted) >= -1e-13).all()


def test_warm_start_goes_on_with_the_whole_posterior(covariance_type, prior_type):
    options = {
        "covariance_type": covariance_type,
        "weight_concentration_prior_type": prior_type,
        "acceleration": False,
        "tol": 0.0,
    }
    mixture = fitted(X, 4, max_iter=3, warm_start=True, **options)
    with not_converged_allowed():
        mixture.fit(X)
    whole = fitted(X, 4, max_iter=6, **options)
    for name in POSTERIOR:
        assert_allclose(getattr(mixture, name), getattr(whole, name), rtol=1e-9, err_msg=name)
    assert mixture.lower_bound_ == pytest.approx(whole.lower_bound_, abs=1e-12)
    mixture.set_params(n_components=3)
    with pytest.raises(ValueError, match="warm_start=True goes on from the previous fit"):
        mixture.fit(X)
    other = PRIOR_TYPES[1 - PRIOR_TYPES.index(prior_type)]
    mixture.set_params(n_components=4, weight_concentration_prior_type=other)
    with pytest.raises(ValueError, match="weight_concentration_prior_type changed"):
        mixture.fit(X)


def test_the_bound_after_the_fit_is_that_of_the_attributes(covariance_type, prior_type):
    """Refitting from the posterior with no step tells the bound again."""
    mixture = fitted(
        X, 4, covariance_type=covariance_type, weight_concentration_prior_type=prior_type
    )
    again = pickle.loads(pickle.dumps(mixture)).set_params(warm_start=True, max_iter=0).fit(X)
    assert again.lower_bound_ == pytest.approx(mixture.lower_bound_, abs=1e-11)
    for name in POSTERIOR:
        assert_allclose(getattr(again, name), getattr(mixture, name), rtol=1e-10, err_msg=name)


def test_it_can_be_searched():
    search = GridSearchCV(
        BayesianGaussianMixture(random_state=0),
        {"n_components": [1, 3], "weight_concentration_prior_type": PRIOR_TYPES},
        cv=2,
    ).fit(X)
    assert search.best_params_["n_components"] == 3


def test_many_rows_in_blocks_are_the_same_sums(prior_type):
    big = np.tile(X, (150, 1))
    resp = np.tile(falling_responsibilities(X, 3), (150, 1))
    options = {
        "weight_concentration_prior_type": prior_type,
        "acceleration": False,
        "tol": 0.0,
        "max_iter": 3,
    }
    repeated = fitted(big, 3, init_params=resp, **options)
    weighted = fitted(X, 3, np.full(len(X), 150), init_params=resp[: len(X)], **options)
    for name in POSTERIOR:
        assert_allclose(getattr(repeated, name), getattr(weighted, name), rtol=1e-8, err_msg=name)


EXTREME = [
    {"weight_concentration_prior": 1e-100},
    {"weight_concentration_prior": 1e100},
    {"mean_precision_prior": 1e-100},
    {"mean_precision_prior": 1e12},
    {"degrees_of_freedom_prior": 1e9},
    {"degrees_of_freedom_prior": 1e9, "covariance_prior": 1e9 * np.eye(2)},
    {"mean_prior": [1e5, -1e5]},
    {"covariance_prior": 1e-20 * np.eye(2)},
    {"covariance_prior": 1e20 * np.eye(2)},
]


@pytest.mark.parametrize("priors", EXTREME)
def test_extreme_priors_give_a_finite_and_monotone_fit(priors, prior_type):
    with convergence_warnings_allowed():  # of components at covariance_prior=1e-12
        mixture = fitted(X, 4, weight_concentration_prior_type=prior_type, **priors)
    for name in POSTERIOR:
        assert np.isfinite(getattr(mixture, name)).all(), name
    objective = mixture.history_["objective"][mixture.history_["accepted"]]
    assert np.isfinite(objective).all()
    assert (np.diff(objective) >= -1e-8 * np.abs(objective[1:])).all()
    assert np.isfinite(mixture.score_samples(X)).all()


DEGENERATE = {
    "identical rows": np.full((20, 3), 3.7),
    "two distinct rows": np.repeat([[0.0, 1.0], [5.0, -2.0]], 10, axis=0),
    "constant column": np.column_stack([X[:60, 0], np.full(60, 1e6)]),
    "collinear columns": X[:60, :1] * [1.0, 2.0, -1.0],
    "n equals K": X[:3],
    "n less than d": np.random.RandomState(0).normal(size=(6, 10)),
    "far outlier": np.vstack([X[:60], [[1e12, -1e12]]]),
    "huge": X[:60] * 1e140,
    "tiny": X[:60] * 1e-140,
}


@pytest.mark.parametrize("problem", DEGENERATE)
def test_degenerate_data_give_a_finite_and_monotone_fit(problem, covariance_type):
    data = DEGENERATE[problem]
    with convergence_warnings_allowed():
        mixture = fitted(data, 3, covariance_type=covariance_type)
    for name in POSTERIOR:
        assert np.isfinite(getattr(mixture, name)).all(), name
    accepted = mixture.history_["objective"][mixture.history_["accepted"]]
    assert np.isfinite(accepted).all()
    assert (np.diff(accepted) >= -1e-9 * np.abs(accepted[1:])).all()
    assert np.isfinite(mixture.score_samples(data)).all()
    assert_allclose(mixture.predict_proba(data).sum(axis=1), 1.0, rtol=1e-9)


# --- bad input --------------------------------------------------------------------------------


BAD = [
    ("weight_concentration_prior_type", "dirichlet", ValueError, "must be one of 'dirichlet_pro"),
    ("weight_concentration_prior", 0.0, ValueError, "must be positive"),
    ("weight_concentration_prior", -1.0, ValueError, "finite and not negative"),
    ("weight_concentration_prior", np.nan, ValueError, "finite and not negative"),
    ("weight_concentration_prior", 1e-200, ValueError, "between 1e-100 and 1e\\+100"),
    ("weight_concentration_prior", "much", TypeError, "must be a number"),
    ("mean_precision_prior", 0, ValueError, "must be positive"),
    ("mean_precision_prior", [1.0], TypeError, "must be a number"),
    ("mean_precision_prior", 1e13, ValueError, "between 1e-100 and 1e\\+12"),
    ("mean_prior", [0.0, 1e8], ValueError, "standard deviations of X from its mean"),
    ("mean_prior", [1e308, 0.0], ValueError, "standard deviations of X from its mean"),
    ("degrees_of_freedom_prior", 1e10, ValueError, "between 1e-100 and 1e\\+09"),
    ("mean_prior", [1.0], ValueError, "should have the shape of"),
    ("mean_prior", [np.inf, 0.0], ValueError, "NaN or infinity"),
    ("mean_prior", "mean", ValueError, "must be an array of numbers"),
    ("degrees_of_freedom_prior", 1.0, ValueError, "should be greater than 1, but got 1.000"),
    ("degrees_of_freedom_prior", np.inf, ValueError, "finite and not negative"),
    ("covariance_prior", 1.0, ValueError, "should have the shape of"),
    ("covariance_prior", 1e200 * np.eye(2), ValueError, "1e100 times smaller or larger"),
    ("covariance_prior", 1e-300 * np.eye(2), ValueError, "1e100 times smaller or larger"),
    ("covariance_prior", [[1.0, 2.0], [2.0, 1.0]], ValueError, "positive-definite"),
    ("covariance_prior", [[1.0, 0.5], [0.0, 1.0]], ValueError, "symmetric"),
    ("covariance_prior", [[np.nan, 0.0], [0.0, 1.0]], ValueError, "NaN or infinity"),
]


@pytest.mark.parametrize(("name", "value", "error", "match"), BAD)
def test_bad_priors_are_refused_by_name(name, value, error, match):
    mixture = fitted(X, 2)
    before = public_state(mixture)
    with pytest.raises(error, match=match) as caught:
        mixture.set_params(**{name: value}).fit(X)
    assert name in str(caught.value)
    assert_same_state(before, public_state(mixture))


@pytest.mark.parametrize(
    ("covariance_type", "value"),
    [("diag", [1.0, 0.0]), ("tied_diag", [1.0, -1.0]), ("spherical", 0.0), ("diag", 1.0)],
)
def test_variances_of_the_prior_must_be_positive_and_of_the_shape(covariance_type, value):
    with pytest.raises(ValueError, match="covariance_prior"):
        fitted(X, 2, covariance_type=covariance_type, covariance_prior=value)


@pytest.mark.parametrize(
    "covariance_type", [name for name in TYPES if name not in ("full", "tied")]
)
def test_independent_variances_need_positive_degrees_alone(covariance_type):
    mixture = fitted(X, 2, covariance_type=covariance_type, degrees_of_freedom_prior=0.1)
    assert mixture.degrees_of_freedom_prior_ == 0.1
    with pytest.raises(ValueError, match="degrees_of_freedom_prior must be positive"):
        fitted(X, 2, covariance_type=covariance_type, degrees_of_freedom_prior=0.0)
