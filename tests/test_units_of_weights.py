"""Very large and very small sample weights: only their proportions count, beside their sum where
that says how many rows there are."""

import re
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from test_parts import rows_of as parts_of

from emix import (
    BayesianGaussianMixture,
    GaussianMixture,
    GaussianMixtureWithNoise,
    HardGaussianMixture,
    PoissonMixture,
    StudentMixture,
    TwoNormalMixture,
)
from emix._density.merging import elbow
from emix._mixture.missing import mixture_over
from emix._mixture.start import from_means
from emix._normal.covariances import FULL
from emix._pair.sorted_sample import sorted_sample
from emix._rows.blocks import Rows
from emix._rows.patterns import rows_over
from emix._search.rows import Rows as SearchRows
from emix._search.rows import part

rng = np.random.RandomState(0)
X = np.concatenate([rng.normal(size=(80, 2)), rng.normal(4.0, 0.5, size=(70, 2))])
GAPPED = np.where(rng.uniform(size=X.shape) < 0.1, np.nan, X)
COUNTS = rng.poisson(np.repeat([[3.0], [9.0]], [80, 70], axis=0), (150, 2)).astype(float)
WEIGHT = rng.uniform(0.5, 2.0, len(X))
# Powers of two, which keep all digits; sums of so large weights times squares overflow, and of
# the small ones lose digits.
SCALES = [2.0**1015, 2.0**300, 2.0**-300, 2.0**-1015]


def gaussian(X, weight, n_components=2, **options):
    return GaussianMixture(n_components, random_state=0, **options).fit(X, sample_weight=weight)


def stream(X, weight):
    mixture = GaussianMixture(2, random_state=0)
    for at in (slice(90), slice(90, None)):
        mixture.partial_fit(X[at], sample_weight=weight[at])
    return mixture


FITS = {
    "default": (X, gaussian),
    "tied": (X, lambda X, w: gaussian(X, w, covariance_type="tied")),
    "incremental": (X, lambda X, w: gaussian(X, w, algorithm="incremental")),
    "gaps": (GAPPED, gaussian),
    "k-means": (X, lambda X, w: gaussian(X, w, 9, init_params="kmeans")),
    "k-means++": (X, lambda X, w: gaussian(X, w, 3, init_params="k-means++")),
    "stream": (X[np.random.RandomState(1).permutation(len(X))], stream),
    "hard": (X, lambda X, w: HardGaussianMixture(2, random_state=0).fit(X, sample_weight=w)),
    "Student": (X, lambda X, w: StudentMixture(2, random_state=0).fit(X, sample_weight=w)),
    "noise": (X, lambda X, w: GaussianMixtureWithNoise(2, random_state=0).fit(X, sample_weight=w)),
    "Poisson": (COUNTS, lambda X, w: PoissonMixture(2, random_state=0).fit(X, sample_weight=w)),
    "two normals": (X[:, :1], lambda X, w: TwoNormalMixture().fit(X, sample_weight=w)),
}


def parameters(mixture):
    names = ("weights_", "means_", "covariances_", "scale_matrices_", "rates_", "lower_bound_")
    return {name: getattr(mixture, name) for name in names if hasattr(mixture, name)}


@pytest.mark.parametrize("scale", SCALES, ids="{:.0e}".format)
@pytest.mark.parametrize("name", FITS)
def test_fits_do_not_depend_on_the_unit_of_the_weights(name, scale):
    rows, fit = FITS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        expected, found = fit(rows, WEIGHT), fit(rows, WEIGHT * scale)
    # two normals settle when a step gains less than some nats of all rows together
    room = {"rtol": 1e-5} if name == "two normals" else {"rtol": 1e-8, "atol": 1e-10}
    for key, value in parameters(expected).items():
        assert_allclose(getattr(found, key), value, **room, err_msg=key)


@pytest.mark.parametrize("name", ["default", "Poisson", "two normals"])
def test_weights_of_fewer_digits_than_a_float_has_lead_to_the_same_fit(name):
    rows, fit = FITS[name]  # 1e-310 is a number of 45 bits
    expected, found = fit(rows, WEIGHT), fit(rows, WEIGHT * 1e-310)
    for key, value in parameters(expected).items():
        assert_allclose(getattr(found, key), value, rtol=1e-5, err_msg=key)


def test_ordinary_weights_are_not_touched():
    assert Rows(X, WEIGHT, np.zeros(2), np.ones(2)).weight is WEIGHT


@pytest.mark.parametrize("scale", SCALES, ids="{:.0e}".format)
def test_rows_remember_how_many_they_are(scale):
    rows = Rows(X, WEIGHT * scale, np.zeros(2), np.ones(2))
    halves = [rows.part(0, 75), rows.part(75, 150)]
    every = rows.chosen(np.arange(150), rows.weight)
    for each in (rows, rows.in_units(np.ones(2), np.ones(2)), every):
        assert each.total_weight == WEIGHT.sum() * scale
    assert_allclose(sum(half.total_weight for half in halves), rows.total_weight, rtol=1e-15)


@pytest.mark.parametrize("scale", SCALES, ids="{:.0e}".format)
def test_rows_with_gaps_remember_how_many_they_are(scale):
    units = np.zeros(2), np.ones(2)
    ordinary, rows = rows_over(GAPPED, WEIGHT, *units), rows_over(GAPPED, WEIGHT * scale, *units)
    halves = [rows.part(0, 75), rows.part(75, 150)]
    for each in (rows.in_units(*units), rows.chosen(np.arange(150), rows.weight)):
        assert each.total_weight == rows.total_weight
    assert_allclose(sum(half.total_weight for half in halves), rows.total_weight, rtol=1e-15)
    assert_allclose(rows.means_of_seen, ordinary.means_of_seen, rtol=1e-13)
    filled = mixture_over(FULL, rows, np.zeros(2)).likelihood.rows
    assert_allclose(filled.total_weight, rows.with_values().total_weight, rtol=1e-15)


def test_an_empty_component_gets_a_row_with_its_share():
    start = {"means_init": np.array([[0.0, 0.0], [4.0, 4.0], [1e3, 1e3]]), "max_iter": 1}
    fits = [
        HardGaussianMixture(3, covariance_type="tied_spherical", frozen=("weights",), **start)
        for _ in range(2)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one, other = (
            fit.fit(X, sample_weight=WEIGHT * scale)
            for fit, scale in zip(fits, (1.0, 2.0**300), strict=True)
        )
    assert_array_equal(one.labels_, other.labels_)
    assert_allclose(one.covariances_, other.covariances_, rtol=1e-12)
    assert_allclose(one.inertia_, other.inertia_ * 2.0**-300, rtol=1e-12)


def test_a_start_at_given_means_has_the_spread_of_the_rows():
    found = [
        from_means(mixture_over(FULL, rows, np.zeros(2)), np.array([[0.0, 0.0], [4.0, 4.0]]))
        for rows in (Rows(X, WEIGHT * s, np.zeros(2), np.ones(2)) for s in (1.0, 2.0**300))
    ]
    assert_allclose(found[0].covariances, found[1].covariances, rtol=1e-12)


@pytest.mark.parametrize("scale", SCALES, ids="{:.0e}".format)
def test_scores_are_means(scale):
    for rows, fit in (FITS["default"], FITS["Poisson"]):
        mixture = fit(rows, WEIGHT)
        expected = mixture.score(rows, sample_weight=WEIGHT)
        assert_allclose(mixture.score(rows, sample_weight=WEIGHT * scale), expected, rtol=1e-13)


def test_criteria_count_the_rows():
    mixture, scale = gaussian(X, WEIGHT), 2.0**300
    n, weight = WEIGHT.sum() * scale, WEIGHT * scale
    expected = -2.0 * n * mixture.score(X, sample_weight=weight)
    assert_allclose(mixture.bic(X, sample_weight=weight), expected, rtol=1e-13)
    weight = WEIGHT / scale
    penalty = mixture._n_parameters() * np.log(weight.sum())
    assert_allclose(mixture.bic(X, sample_weight=weight), penalty, rtol=1e-13)


def test_standard_errors_go_with_the_root_of_the_weight():
    mixture = FITS["Poisson"][1](COUNTS, WEIGHT)
    expected = mixture.standard_errors(COUNTS, sample_weight=WEIGHT)
    found = mixture.standard_errors(COUNTS, sample_weight=WEIGHT * 2.0**300)
    assert_allclose(found["rates_"] * 2.0**150, expected["rates_"], rtol=1e-10)


def test_a_spike_is_told_with_the_weight_that_was_given():
    x = np.append(X[:, 0], np.full(60, 2.0))[:, None]
    with pytest.warns(UserWarning, match=re.escape(f"rests on {60 * 2.0**300:g} rows")):
        TwoNormalMixture().fit(x, sample_weight=np.full(len(x), 2.0**300))


def test_short_runs_of_two_normals_know_what_a_nat_is_worth():
    heavy, light = (FITS["two normals"][1](X[:, :1], WEIGHT * s) for s in (2.0**300, 2.0**-300))
    assert len(heavy.local_maxima_) == 1  # all others are worth too little
    assert len(light.local_maxima_) > 1
    assert heavy.n_iter_ == FITS["two normals"][1](X[:, :1], WEIGHT * 2.0**40).n_iter_


def test_a_sample_of_many_values_counts_them():
    x, weight = np.arange(20000.0)[:, None], np.ones(20000)
    for scale in (2.0**300, 2.0**-300):
        _, found, complete = sorted_sample(Rows(x, weight * scale, np.zeros(1), np.ones(1)))
        assert found.sum() == 16384
        assert not complete


def test_errors_of_two_normals_are_infinite_where_the_information_overflows():
    mixture = FITS["two normals"][1](X[:, :1] * 1e-3, WEIGHT * 2.0**1015)
    assert np.isinf(mixture.information_).any()
    assert np.isinf(mixture.standard_errors_.means).all()


def test_a_search_holds_its_sample_in_the_weights_that_were_given():
    weight = WEIGHT * 2.0**300
    sample = part(SearchRows(X, X, weight)).sample
    assert_allclose(sample.weight.sum(), weight.sum(), rtol=1e-13)


@pytest.mark.parametrize("scale", SCALES, ids="{:.0e}".format)
def test_parts_share_a_unit(scale):
    # the first part has next to none of the weight
    weight = WEIGHT * np.where(np.arange(len(X)) < 17, 2.0**-120, 1.0)
    one, other = parts_of(X, weight), parts_of(X, weight * scale)
    for found, expected in zip(other.moments(), one.moments(), strict=True):
        assert_allclose(found, expected, rtol=1e-13)
    for rows in (other, other.at_hand.rows):
        assert_allclose(rows.total_weight, one.total_weight * scale, rtol=1e-14)


def test_merging_finds_the_elbow_of_large_entropies():
    places, entropies = np.array([0.0, 3.0, 5.0, 6.0]), np.array([0.0, 10.0, 20.0, 100.0])
    expected = elbow(places, entropies)
    assert expected == elbow(places * 2.0**1000, entropies * 2.0**1000) == 3


def test_a_bayesian_mixture_counts_rows_up_to_a_limit():
    mixture = BayesianGaussianMixture(2, random_state=0).fit(X, sample_weight=WEIGHT * 2.0**900)
    assert_allclose(mixture.lower_bound_, gaussian(X, WEIGHT).lower_bound_, rtol=1e-9)
    with pytest.raises(ValueError, match=r"adds up to .* must not be more than 1e\+300"):
        mixture.fit(X, sample_weight=WEIGHT * 2.0**1000)


def test_a_sum_of_weights_that_overflows_is_refused_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="the sum of sample_weight overflows"):
            gaussian(X, np.full(len(X), 1e308))
