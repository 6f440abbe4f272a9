"""The seam between the engine and where rows lie: parts that are only ever asked by pickles."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from common import TYPES, initial_values
from numpy.testing import assert_allclose, assert_array_equal

from emix._fit.problem import Given, Phase, Problem
from emix._fit.runs import Observer, fit_mixture
from emix._fitted.base import STRUCTURES
from emix._mixture.missing import mixture_over
from emix._normal.covariances import DIAG
from emix._pair.two_normals import TwoNormals
from emix._rows.blocks import Rows
from emix._rows.parts import Part, PartedRows
from emix._rows.sketch import hashes_of, summary_of


class Pickled:
    """Parts in this process, of which nothing is known but what pickles of their answers tell."""

    def __init__(self, parts, fit="a fit"):
        self._parts, self.fit = parts, fit
        self.largest = 0

    def answer(self, question):
        sent = pickle.dumps(question)
        back = [pickle.dumps(pickle.loads(sent).of(part)) for part in self._parts]
        self.largest = max(self.largest, len(sent), *map(len, back))
        return question.merged([pickle.loads(answer) for answer in back])


def divided(X, weight=None, count=3):
    """X in parts of unequal size."""
    edges = (np.linspace(0.0, 1.0, count + 1) ** 2 * len(X)).astype(int)
    return Pickled(
        [Part(X[a:b], None if weight is None else weight[a:b]) for a, b in pairwise(edges)]
    )


def rows_of(X, weight=None, size=16384, count=3):
    parts, d = divided(X, weight, count), X.shape[1]
    return PartedRows(parts, summary_of(parts, size, 0), np.zeros(d), np.ones(d))


def solved(rows, covariance_type, **options):
    problem = Problem(
        n_components=3,
        structure=STRUCTURES[covariance_type],
        solve=fit_mixture,
        model=mixture_over,
        start="kmeans",
        reg_covar=0.0,
        tol=1e-9,
        max_iter=200,
        n_init=1,
        phases=(Phase(),),
        **{"accelerate": True, "given": Given(), **options},
    )
    with np.errstate(under="ignore"):
        return fit_mixture(rows, problem, np.random.RandomState(0), Observer())


def clusters(n=900, d=3, seed=0):
    rng = np.random.RandomState(seed)
    means = rng.normal(0.0, 1.2, (3, d))
    return means[rng.randint(3, size=n)] + rng.normal(size=(n, d))


X = clusters()


def assert_same(found, expected):
    assert found.run.n_iter == expected.run.n_iter
    assert_allclose(found.lower_bound, expected.lower_bound, rtol=1e-13)
    for one, other in zip(found.run.result.params[:3], expected.run.result.params[:3], strict=True):
        assert_allclose(one, other, rtol=1e-11, atol=1e-11)


def local(X, weight=None):
    return Rows(X, weight, np.zeros(X.shape[1]), np.ones(X.shape[1]))


@pytest.mark.parametrize("covariance_type", TYPES)
def test_a_fit_to_parts_is_the_fit_to_their_rows(covariance_type):
    start = initial_values(1, covariance_type, X, 3)
    factors = STRUCTURES[covariance_type].form.factor_of_precision(start["precisions_init"])
    given = Given(start["weights_init"], start["means_init"], factors)
    for options in ({"given": given}, {"searches": covariance_type == "full"}):
        expected = solved(local(X), covariance_type, **options)
        assert_same(solved(rows_of(X), covariance_type, **options), expected)


def test_parts_of_weighted_rows():
    weight = np.random.RandomState(0).randint(0, 3, len(X)).astype(float)
    rows = rows_of(X, weight)
    assert rows.is_weighted
    assert rows.total_weight == weight.sum()
    assert_same(
        solved(rows, "full", searches=True), solved(local(X, weight), "full", searches=True)
    )


def test_one_part_has_the_bits_of_rows_in_memory():
    found, expected = solved(rows_of(X, count=1), "full"), solved(local(X), "full")
    for one, other in zip(found.run.result.params, expected.run.result.params, strict=True):
        assert_array_equal(one, other)


def test_what_travels_does_not_grow_with_the_rows():
    sizes = []
    for n in (2000, 8000):
        parts = divided(clusters(n))
        rows = PartedRows(parts, summary_of(parts, 500, 0), np.zeros(3), np.ones(3))
        parts.largest = 0
        solved(rows, "full")
        sizes.append(parts.largest)
    assert sizes[0] == pytest.approx(sizes[1], rel=0.01)
    assert sizes[1] < 20_000


def test_of_many_features_each_product_travels_once():
    """Panels hold triangles, and add up squares of matrices, which are symmetric."""
    d, parts = 40, divided(np.random.RandomState(0).normal(size=(400, 40)))
    rows = PartedRows(parts, summary_of(parts, 500, 0), np.zeros(d), np.ones(d))
    answers, questions = [], []
    ask = parts.answer

    def answer(question):
        questions.append(len(pickle.dumps(question)))
        answers.append(max(len(pickle.dumps(question.of(part))) for part in parts._parts))
        return ask(question)

    parts.answer = answer
    solved(rows, "full")
    n_bytes = 8 * 3 * ((d + 1) * (d + 2) // 2)
    assert max(answers) <= 1.1 * n_bytes
    assert max(questions) <= 1.2 * n_bytes


# --- the sample -----------------------------------------------------------------------------


def sorted_sample(summary):
    order = np.lexsort(summary.X.T[::-1])
    return summary.X[order], summary.weight[order]


def test_few_distinct_rows_are_all_in_the_sample():
    rows = np.repeat(X[:300], 3, axis=0)
    found = summary_of(divided(rows), 300, 0)
    assert found.are_all
    assert found.count == 300
    sample, weight = sorted_sample(found)
    assert_array_equal(sample, X[:300][np.lexsort(X[:300].T[::-1])])
    assert_array_equal(weight, np.full(300, 3.0))


@pytest.mark.parametrize("count", [1, 2, 7])
def test_the_sample_depends_neither_on_parts_nor_on_order(count):
    weight = np.random.RandomState(1).uniform(1.0, 5.0, len(X))
    expected = sorted_sample(summary_of(divided(X, weight), 200, 5))
    order = np.random.RandomState(2).permutation(len(X))
    found = sorted_sample(summary_of(divided(X[order], weight[order], count), 200, 5))
    assert_array_equal(found[0], expected[0])
    assert_allclose(found[1], expected[1], rtol=1e-13)
    assert len(expected[0]) == 200


def test_repeated_rows_are_weighted_rows():
    times = np.random.RandomState(1).randint(1, 4, len(X))
    repeated = np.repeat(X, times, axis=0)
    repeated = repeated[np.random.RandomState(2).permutation(len(repeated))]
    one = summary_of(divided(X, times.astype(float)), 200, 5)
    other = summary_of(divided(repeated), 200, 5)
    assert_array_equal(sorted_sample(one)[0], sorted_sample(other)[0])
    assert one.count == other.count
    assert one.total_weight == other.total_weight


def test_the_number_of_distinct_rows_is_estimated():
    rows = np.repeat(np.random.RandomState(0).normal(size=(20_000, 2)), 2, axis=0)
    found = summary_of(divided(rows), 4096, 1)
    assert not found.are_all
    assert found.count == pytest.approx(20_000, rel=0.06)


@pytest.mark.parametrize("seed", range(4))
def test_a_heavy_row_is_in_the_sample_wherever_its_copies_lie(seed):
    """A twentieth of the rows are equal: by its hash alone it would be missed."""
    rng = np.random.RandomState(seed)
    rows = rng.normal(size=(20_000, 2))
    rows[rng.permutation(len(rows))[:1000]] = 3.5
    found = summary_of(divided(rows, count=5), 400, seed)
    at = np.flatnonzero((found.X == 3.5).all(axis=1))
    assert found.weight[at].tolist() == [1000.0]
    assert found.weight.sum() == pytest.approx(20_000.0)


def test_hashes_are_of_values():
    numbers = np.array([[0.0, 1.5], [-0.0, 1.5], [1.5, 0.0]])
    one, other, third = hashes_of(numbers, 3)
    assert one == other != third
    assert_array_equal(hashes_of(numbers.astype(np.float32), 3), hashes_of(numbers, 3))
    assert not np.array_equal(hashes_of(numbers, 4), hashes_of(numbers, 3))


def test_hashes_of_small_integers_spread_over_all_bits():
    grid = np.stack(np.meshgrid(np.arange(64.0), np.arange(64.0)), axis=-1).reshape(-1, 2)
    shares = hashes_of(grid, 0) / 2.0**64
    assert np.histogram(shares, 8, (0.0, 1.0))[0] == pytest.approx(512, rel=0.15)


@pytest.mark.parametrize("is_weighted", [False, True])
def test_the_sums_of_two_normals_travel(is_weighted):
    rng = np.random.RandomState(0)
    X = np.concatenate([rng.normal(size=(20_000, 1)), rng.normal(3.0, 2.0, (20_000, 1))])
    weight = rng.randint(0, 3, len(X)).astype(float) if is_weighted else None
    here, there = (TwoNormals(DIAG, rows, 1e-6) for rows in (local(X, weight), rows_of(X, weight)))
    params = here.params([0.4, 0.6], [0.5, 2.5], [1.0, 3.0])
    for one, other in zip(there.e_step(params), here.e_step(params), strict=True):
        assert_allclose(one, other, rtol=1e-12, atol=1e-14)
