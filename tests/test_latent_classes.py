"""Counts, categories and bits: published maxima, missing answers, probabilities at the edge."""

import numpy as np
import pytest
from families import FITS, answers, bits, counts, some_counts
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from emix import BernoulliMixture, CategoricalMixture, PoissonMixture
from emix._em.ascent import Ascent

# Hasselblad 1969: days, 1910 to 1912, by death notices of women of 80 years and more in The Times
DEATHS = np.arange(10.0)[:, None]
DAYS = np.array([162.0, 267.0, 271.0, 185.0, 111.0, 61.0, 27.0, 8.0, 3.0, 1.0])
DEATHS_MAXIMUM = -1989.945859882964


@pytest.mark.parametrize(
    ("name", "estimator"),
    [
        ("poisson_K1", PoissonMixture(1)),
        ("poisson_K2", PoissonMixture(2)),
        ("bernoulli_K2", BernoulliMixture(2)),
        ("latent_class_K2", CategoricalMixture(2)),
    ],
)
def test_maxima_found_by_direct_maximisation_are_reached(name, estimator):
    fit = FITS[name]
    X = np.array(fit.get("X", fit.get("x")), dtype=float).reshape(
        len(fit.get("X", fit.get("x"))), -1
    )
    for seed in range(3):
        found = estimator.set_params(random_state=seed).fit(X)
        assert len(X) * found.score(X) >= fit["loglik"] - 1e-8
    order, published = found.weights_.argsort(), np.argsort(fit["weights"])
    assert_allclose(found.weights_[order], np.array(fit["weights"])[published], atol=1e-5)
    if "rate" in fit:
        assert_allclose(found.rates_[order, 0], np.array(fit["rate"])[published], rtol=1e-5)
    elif name == "bernoulli_K2":
        expected = np.array(fit["probabilities"])[published]
        assert_allclose(found.probabilities_[order], expected, atol=1e-4)
    else:
        for j, part in enumerate(found.probabilities_):
            expected = np.array([fit["probabilities"][k][j] for k in published])
            assert_allclose(part[order], expected, atol=1e-4)


def test_death_notices_take_a_tenth_of_the_plain_passes():
    start = np.column_stack([np.linspace(0.7, 0.3, 10), np.linspace(0.3, 0.7, 10)])
    fits = [
        PoissonMixture(2, init_params=start, acceleration=flag, max_iter=10_000).fit(
            DEATHS, sample_weight=DAYS
        )
        for flag in (True, False)
    ]
    fast, plain = fits
    assert plain.n_iter_ > 1000
    assert fast.n_iter_ <= plain.n_iter_ / 10
    assert np.diff(fast.lower_bounds_).min() >= 0.0
    assert_allclose(DAYS.sum() * fast.lower_bound_, DEATHS_MAXIMUM, rtol=0, atol=1e-8)


def test_counts_need_not_be_integers_but_not_negative():
    X = counts()
    fit = PoissonMixture(2, random_state=0).fit(X + 0.5)
    assert np.isfinite(fit.score_samples(X + 0.5)).all()
    X[3, 1] = -2.0
    with pytest.raises(ValueError, match=r"Negative values .* -2.0 in row 3, column 1 of X"):
        PoissonMixture(2).fit(X)


def test_a_rate_of_zero_is_one():
    """A component without any counts of a feature cannot have rows that have some."""
    X = np.array([[0.0, 5.0]] * 30 + [[9.0, 4.0]] * 20 + [[8.0, 0.0]] * 3)
    fit = PoissonMixture(2, random_state=0).fit(X)
    assert fit.rates_[:, 0].min() == 0.0
    assert np.isfinite(fit.score_samples(X)).all()
    assert fit.predict_proba([[1.0, 5.0]]).max() == 1.0
    one = PoissonMixture().fit(X[:30])
    assert_array_equal(one.score_samples([[1.0, 5.0]]), -np.inf)


def test_large_counts_keep_their_digits():
    X = counts() * 1e9
    fit = PoissonMixture(2, random_state=0, init_params=np.arange(len(X)) % 2).fit(X)
    assert np.isfinite(fit.history_["objective"]).all()
    assert np.diff(fit.lower_bounds_).min() >= 0.0


def test_missing_answers_leave_the_likelihood_of_the_others():
    X = answers(gaps=0.3)
    fit = CategoricalMixture(2, random_state=0).fit(X)
    seen = ~np.isnan(X[:, 0])
    joint = np.log(fit.weights_) + np.log(fit.probabilities_[0].T[X[seen, 0].astype(int)])
    only_first = np.where(np.arange(5) == 0, X, np.nan)[seen]
    assert_allclose(fit.score_samples(only_first), np.logaddexp(*joint.T))
    nothing = np.full((1, 5), np.nan)
    assert_allclose(fit.score_samples(nothing), 0.0, atol=1e-12)
    assert_allclose(fit.predict_proba(nothing), fit.weights_[None])


def test_missing_answers_that_are_no_answers_change_nothing():
    """A column of gaps but for one row, and rows without any answer."""
    X = answers()
    plain = CategoricalMixture(2, random_state=0).fit(X)
    empty = np.full((20, 5), np.nan)
    more = CategoricalMixture(2, random_state=0).fit(np.concatenate([X, empty]))
    order, others = plain.weights_.argsort(), more.weights_.argsort()
    assert_allclose(more.weights_[others], plain.weights_[order], atol=1e-4)
    with pytest.raises(ValueError, match="Column 1 of X has no answers"):
        CategoricalMixture(2).fit(np.where(np.arange(5) == 1, np.nan, X))


def test_bits_with_gaps_are_two_categories():
    X = bits()
    X[np.random.RandomState(1).rand(*X.shape) < 0.2] = np.nan
    two = CategoricalMixture(2, random_state=0).fit(X)
    one = BernoulliMixture(2, random_state=0).fit(X)
    assert_allclose(one.lower_bound_, two.lower_bound_, atol=1e-9)
    ones = np.column_stack([part[:, 1] for part in two.probabilities_])
    assert_allclose(one.probabilities_, ones, atol=1e-5)
    assert one.aic(X) == pytest.approx(two.aic(X))


def test_values_of_categories_are_any_numbers():
    X = answers()
    codes = np.array([-1.5, 7.0, 7.5, 100.0])
    coded = CategoricalMixture(2, random_state=0).fit(codes[X.astype(int)])
    plain = CategoricalMixture(2, random_state=0).fit(X)
    assert_array_equal(coded.categories_[2], codes)
    assert_array_equal(coded.predict_proba(codes[X.astype(int)]), plain.predict_proba(X))
    assert set(np.unique(coded.sample(100, random_state=0)[0])) <= set(codes)


def test_a_value_never_seen_has_probability_zero_and_says_nothing_of_the_class():
    X = answers()
    fit = CategoricalMixture(2, random_state=0).fit(X)
    new, gap = X[:1].copy(), X[:1].copy()
    new[0, 2], gap[0, 2] = 9.0, np.nan
    assert_array_equal(fit.score_samples(new), -np.inf)
    assert_array_equal(fit.predict_proba(new), fit.predict_proba(gap))
    # nor has one that only rows of weight zero have
    weighted = CategoricalMixture(2, random_state=0).fit(
        np.concatenate([X, new]), sample_weight=np.append(np.ones(len(X)), 0.0)
    )
    assert_allclose(weighted.lower_bound_, fit.lower_bound_)
    assert len(weighted.categories_[2]) == 4


def test_categories_may_be_given():
    X = answers()
    categories = [np.unique(column) for column in X.T]
    categories[0] = [0.0, 1.0, 2.0]
    fit = CategoricalMixture(2, categories=categories, random_state=0).fit(X)
    assert fit.probabilities_[0].shape == (2, 3)
    assert_array_equal(fit.probabilities_[0][:, 2], 0.0)
    with pytest.raises(ValueError, match="one list for each of the 5 columns"):
        CategoricalMixture(2, categories=categories[:2]).fit(X)
    with pytest.raises(
        ValueError, match=r"Column 1 of X holds 2.0, which is not in categories\[1\]"
    ):
        CategoricalMixture(2, categories=[[0, 1]] * 5).fit(X)
    with pytest.raises(ValueError, match="categories must be one of 'auto'"):
        CategoricalMixture(2, categories="all").fit(X)


def test_binarize_follows_bernoulli_naive_bayes():
    X = bits()
    plain = BernoulliMixture(2, random_state=0).fit(X)
    shifted = BernoulliMixture(2, binarize=10.5, random_state=0).fit(X + 10.0)
    assert_array_equal(plain.probabilities_, shifted.probabilities_)
    strict = BernoulliMixture(2, binarize=None, random_state=0)
    assert_array_equal(strict.fit(X).probabilities_, plain.probabilities_)
    X[2, 3] = 0.4
    with pytest.raises(ValueError, match=r"X holds 0.4 in row 2, column 3; with binarize=None"):
        strict.fit(X)
    with pytest.raises(ValueError, match="binarize must be finite"):
        BernoulliMixture(binarize=np.inf).fit(X)
    with pytest.raises(TypeError, match="binarize must be a number"):
        BernoulliMixture(binarize="0").fit(X)


def test_probabilities_at_the_edge_are_exact():
    """A class of rows that all agree: 0 log 0 is 0."""
    X = np.repeat([[1.0, 1, 1, 1], [0, 0, 0, 0], [1, 0, 0, 0]], [30, 20, 10], axis=0)
    fit = BernoulliMixture(2, random_state=0).fit(X)
    assert set(np.round(fit.probabilities_.ravel(), 12)) >= {0.0, 1.0}
    assert np.isfinite(fit.history_["objective"]).all()
    assert np.isfinite(fit.score_samples(X)).all()


def test_components_without_rows_are_told():
    X = np.repeat([[0.0], [30.0]], 20, axis=0)
    resp = np.zeros((40, 3))
    resp[np.arange(40), np.repeat([0, 1], 20)] = 1.0
    resp[:, 2] = 1e-18
    with pytest.warns(ConvergenceWarning, match="Components without rows: 2"):
        fit = PoissonMixture(3, init_params=resp).fit(X)
    assert np.isfinite(fit.rates_).all()
    assert_allclose(fit.weights_, [0.5, 0.5, 0.0], atol=1e-15)


def test_climbs_to_the_same_maximum_are_not_all_finished(monkeypatch):
    """Ten starts that lead to one place are one climb after the short ones."""
    lengths = []
    plain = Ascent.run

    def run(climb, *, tol, max_iter, **options):
        lengths.append(max_iter)
        return plain(climb, tol=tol, max_iter=max_iter, **options)

    monkeypatch.setattr(Ascent, "run", run)
    PoissonMixture(2, n_init=10, random_state=0).fit(counts())
    assert lengths[:10] == [20] * 10
    assert 11 <= len(lengths) <= 13


def test_counts_that_are_missing_leave_the_likelihood_of_the_others():
    X = some_counts()
    fit = PoissonMixture(1).fit(X)
    assert_allclose(fit.rates_[0], np.nanmean(X, axis=0))
    two = PoissonMixture(2, random_state=0).fit(X)
    nothing = np.full((1, 2), np.nan)
    assert_allclose(two.score_samples(nothing), 0.0, atol=1e-12)
    assert_allclose(two.predict_proba(nothing), two.weights_[None])
    # one gap makes no difference to speak of, and none by the way it is computed
    whole = counts(n=3000)
    pierced = np.concatenate([whole, nothing])
    one, other = (PoissonMixture(2, random_state=0).fit(each) for each in (whole, pierced))
    assert_allclose(one.rates_, other.rates_, rtol=1e-2)
    with pytest.raises(ValueError, match="Column 1 of X has no counts"):
        PoissonMixture(2).fit(np.where(np.arange(2) == 1, np.nan, X))
    X[3, 1], X[2, 0] = -2.0, np.nan
    with pytest.raises(ValueError, match=r"-2\.0 in row 3, column 1"):
        PoissonMixture(2).fit(X)


@pytest.mark.parametrize("kind", [PoissonMixture, CategoricalMixture, BernoulliMixture])
def test_masked_entries_are_missing(kind):
    X, hidden = bits(), np.random.RandomState(0).rand(300, 5) < 0.2
    pierced, masked = np.where(hidden, np.nan, X), np.ma.masked_array(X, hidden)
    one, other = (kind(2, random_state=0).fit(rows) for rows in (pierced, masked))
    assert_array_equal(one.weights_, other.weights_)
    assert_array_equal(one.predict(pierced), other.predict(masked))
