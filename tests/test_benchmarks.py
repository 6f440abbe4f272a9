"""The page of benchmarks is what the stored results say, and problems are what they are called."""

import json
from pathlib import Path

import numpy as np
import pytest
import sklearn.mixture
from sklearn.datasets import load_iris

from emix import GaussianMixture
from problems import MAXIMUM_CELLS, PASS_CELLS, SCALING_CELLS, Cell, make, mean_log_likelihood

ROOT = Path(__file__).resolve().parent.parent
RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.json"))


@pytest.mark.skipif(not RESULTS, reason="source archives come without the results")
def test_the_page_holds_the_tables_of_the_results():
    pytest.importorskip("matplotlib")
    from publish import PAGE, filled

    page = PAGE.read_text(encoding="utf-8")
    runs = [json.loads(path.read_text()) for path in RESULTS]
    assert runs
    assert filled(page, runs) == page
    first = page.index("| full-")
    assert filled(page[:first] + page[first + 6 :], runs) == page


def test_cells_have_names_of_their_own():
    cells = [*PASS_CELLS, *MAXIMUM_CELLS, *set(sum(SCALING_CELLS.values(), ()))]
    assert len({cell.name for cell in cells}) == len(set(cells))


def test_the_judge_agrees_with_the_estimator():
    problem = make(Cell("full", 500, 3, 2))
    mixture = GaussianMixture(2, random_state=0).fit(problem.X)
    judged = mean_log_likelihood(problem.X, mixture.weights_, mixture.means_, mixture.covariances_)
    assert judged == pytest.approx(mixture.score(problem.X), rel=1e-12)


def test_workers_serve_the_fits_of_the_package(tmp_path):
    """The protocol, with emix at both ends."""
    from guard import ROOT as TREE
    from guard import TreePeer
    from peers import PEERS

    problem = make(Cell("full", 400, 2, 2))
    peer = TreePeer("tree", TREE)
    try:
        peer.check()
        served = peer.fit(problem, 3)
    finally:
        peer.close()
    own = PEERS["emix"]().fit(problem, 3)
    assert served.n_passes == own.n_passes == 3
    assert (served.means == own.means).all()
    assert (served.covariances == own.covariances).all()


def _fit(height, rows=20.0, eigenvalue=0.1, **more):
    return {"seconds": 1.0, "log_likelihood": height, "rows": rows, "eigenvalue": eigenvalue} | more


def _row(ours, theirs, best=-1.0, **more):
    return {
        "problem": "p",
        "table": "iris",
        "n_components": 3,
        "synthetic": False,
        "structure": "full",
        "size": "n < 150",
        "d": 4,
        "best": {"standard": best},
        "fits": {"emix": ours, "sklearn": theirs},
    } | more


def test_a_fit_reaches_the_maximum_when_it_is_close_and_healthy():
    from quality_report import reached

    row = _row([], [])
    assert reached(row, _fit(-1.004))
    assert not reached(row, _fit(-1.006))
    assert not reached(row, _fit(0.0, rows=4.9))  # d + 1 = 5 rows
    assert not reached(row, _fit(0.0, eigenvalue=0.9e-4))
    assert not reached(row, {"seconds": 1.0, "refused": "no"})


def test_a_refused_fit_loses_and_equal_ones_tie():
    from quality_report import won_lost_tied

    refused = {"seconds": 1.0, "refused": "no"}
    ours = [_fit(0, held_out=1.0), _fit(0, held_out=1.0), refused, _fit(0)]
    theirs = [_fit(0, held_out=0.9), _fit(0, held_out=1.001), _fit(0, held_out=1.0), _fit(0)]
    assert won_lost_tied([_row(ours, theirs)], "held_out", 0.005) == "1-1-1"


def test_cells_behind_are_those_more_than_a_sixth_of_the_seeds_behind():
    from quality_report import gap, quality

    good, bad = _fit(-1.0), _fit(-2.0)
    even = _row([bad] + 5 * [good], 6 * [good])  # one seed of six
    behind = _row(2 * [bad] + 4 * [good], 6 * [good], problem="the one behind")
    assert gap(even) == pytest.approx(1 / 6)
    text = quality([even, behind])
    assert "1 of 2." in text
    assert "the one behind" in text


def test_quality_judges_fits_by_the_maximum_that_its_search_finds(tmp_path, capsys):
    import quality

    known, told = tmp_path / "known.json", tmp_path / "told.json"
    chosen = "--tables iris --structures tied --components 3 --synthetic 2 --synthetic-seeds 1"
    options = [*chosen.split(), "--known", str(known), "--json", str(told)]
    quality.main([*options, "--seeds", "2", "--cv-seeds", "1"])
    rows = json.loads(told.read_text())["results"]["quality"]
    assert [row["problem"] for row in rows[:2]] == ["iris-tied-k3", "iris-standardised-tied-k3"]
    assert rows[0]["key"] == rows[1]["key"]
    iris = load_iris().data
    best = GaussianMixture(3, covariance_type="tied", n_init=30, random_state=0).fit(iris)
    per_unit = np.linalg.slogdet(np.cov(iris.T))[1] / 2
    assert rows[0]["best"]["standard"] == pytest.approx(best.score(iris) + per_unit, abs=1e-5)
    assert "| all" in capsys.readouterr().out


@pytest.mark.parametrize("structure", ["full", "tied", "diag", "spherical"])
def test_the_metric_of_the_data_takes_their_units_out(structure):
    from healthy import metric_of, shape_of

    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3)) + 5.0
    units = {
        "diag": np.diag([1e3, 1.0, 1e-3]),
        "spherical": 7.0 * np.eye(3),
    }.get(structure, rng.normal(size=(3, 3)))
    covariances = np.array([np.eye(3), np.diag([1.0, 2.0, 0.1])])
    moved = units.T @ covariances @ units
    before, after = metric_of(X, structure), metric_of(X @ units + 9.0, structure)
    shapes = [
        shape_of(np.array([0.9, 0.1]), metric.covariances(some), 50)
        for metric, some in ((before, covariances), (after, moved))
    ]
    assert shapes[0].rows == shapes[1].rows == pytest.approx(5.0)
    assert shapes[0].eigenvalue == pytest.approx(shapes[1].eigenvalue)


def test_heights_are_raised_and_never_lowered(tmp_path):
    from best_known import BestKnown, key
    from quality_problems import synthetic_problems

    (problem,) = synthetic_problems(1, ["full"])
    known = BestKnown(tmp_path / "known.json")
    assert known.of(problem) is None
    known.raise_to(key(problem), {"standard": -2.0})
    known.raise_to(key(problem), {"standard": -3.0, "twice the rows": -4.0})
    known.save()
    assert BestKnown(known.path).of(problem) == {"standard": -2.0, "twice the rows": -4.0}


def test_a_run_raises_a_height_that_a_fit_passes():
    from best_known import STARTS_ALONE, BestKnown, key
    from quality import judged
    from quality_problems import real_problems

    (problem, _) = real_problems(["faithful"], ["full"], [2])
    best = BestKnown().of(problem)
    best.pop(STARTS_ALONE, None)
    row = judged(problem, 1, 1, {name: height - 0.1 for name, height in best.items()})
    assert row["key"] == key(problem)
    assert row["higher"]["standard"] == pytest.approx(best["standard"], abs=1e-6)
    assert judged(problem, 1, 1, best)["higher"] == {}


def test_splits_and_merges_find_what_one_start_misses():
    """Two clusters one behind the other, a third far off: K-means' labels put two in one."""
    from best_known import Climber
    from quality_problems import QualityProblem

    rng = np.random.default_rng(0)
    centres = np.repeat([[0.0, 0.0], [6.0, 0.0], [60.0, 0.0]], 40, axis=0)
    X = centres + rng.normal(size=(120, 2))
    climber = Climber(QualityProblem("three", "raw", "full", 3, X))
    true = np.repeat([0, 1, 2], 40)
    wrong = np.where(true < 2, 0, 1 + (X[:, 1] > 0))
    (low,), (high,) = climber.climb([wrong]), climber.climb([true])
    moved = climber.climb(list(climber.moves(low, rng)))
    assert low.log_likelihood < high.log_likelihood - 0.1
    assert max(one.log_likelihood for one in moved) > high.log_likelihood - 1e-3


def test_stored_fits_are_told_as_they_were():
    from quality_report import packed, unpacked

    rows = [_row([_fit(-1.0, ari=0.5), {"seconds": 1.0, "refused": "no"}], [_fit(0), _fit(1)])]
    assert unpacked(json.loads(json.dumps(packed(rows)))) == rows


def test_the_maxima_of_all_problems_are_known():
    """Who changes the problems searches again: `benchmarks/quality.py --search`."""
    from best_known import STARTS_ALONE, BestKnown
    from healthy import LEVELS
    from quality_problems import (
        COMPONENTS,
        N_SYNTHETIC,
        STRUCTURES,
        TABLES,
        real_problems,
        synthetic_problems,
    )

    known = BestKnown()
    problems = [
        *real_problems(TABLES, STRUCTURES, COMPONENTS),
        *synthetic_problems(N_SYNTHETIC, STRUCTURES),
    ]
    for problem in problems:
        heights = known.of(problem)
        assert heights is not None, problem.name
        assert set(heights) <= {*LEVELS, STARTS_ALONE}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("structure", ["full", "tied", "diag", "spherical"])
def test_plain_em_of_many_starts_makes_the_passes_of_scikit_learn(structure):
    from healthy import expanded
    from plain_em import PlainEM

    X = make(Cell("full", 300, 3, 2)).X / 2.0
    responsibilities = np.random.default_rng(0).dirichlet(np.ones(2), (4, 300)).swapaxes(1, 2)
    em = PlainEM(X, structure)
    starts = em.m_step(responsibilities)
    climbed = em.climb(responsibilities, tol=-np.inf, max_passes=3)
    assert len(climbed) == 4
    for r, one in enumerate(climbed):
        precisions = np.linalg.inv(starts.covariances[r])
        shapes = {"full": precisions, "tied": precisions[0]}
        variances = np.diagonal(precisions, axis1=1, axis2=2)
        shapes |= {"diag": variances, "spherical": variances[:, 0]}
        reference = sklearn.mixture.GaussianMixture(
            2,
            covariance_type=structure,
            reg_covar=0.0,
            tol=0.0,
            max_iter=3,
            weights_init=starts.weights[r] / starts.weights[r].sum(),
            means_init=starts.means[r],
            precisions_init=shapes[structure],
        ).fit(X)
        covariances = expanded(reference.covariances_, structure, 2, 3)
        np.testing.assert_allclose(one.mixture.covariances, covariances, atol=1e-10)
        np.testing.assert_allclose(one.mixture.means, reference.means_, atol=1e-10)
        assert one.log_likelihood == pytest.approx(reference.lower_bound_, abs=1e-10)


def test_selection_counts_starts_until_the_maxima_are_equal(tmp_path, capsys):
    import selection

    told = tmp_path / "told.json"
    options = ["--most", "2", "--starts", "3", "--json", str(told)]
    selection.main(["--tables", "irises, 150 x 4", *options])
    rows = json.loads(told.read_text())["results"]["selection"]
    assert len(rows) == 8
    for row in rows:
        assert row["reached"] == (row["above"] >= -selection.MARGIN)
        assert row["reached"] or row["starts"] == 3
    assert sum(row["starts"] == 1 for row in rows) >= 4  # one component has one maximum
    assert "times faster" in capsys.readouterr().out


def test_small_tells_the_times_of_both(tmp_path, capsys):
    import small

    told = tmp_path / "told.json"
    cells = [
        "mixture-full-50x2-k2-",
        "bayesian-tied-50x1-k3-",
        "hard-50x5-k2-",
        "predict-10-rows-diag-d2",
    ]
    small.main(["--cells", *cells, "--seconds", "0", "--threads", "1", "--json", str(told)])
    rows = json.loads(told.read_text())["results"]["small"]
    assert {row["family"] for row in rows} == {"mixture", "bayesian", "hard", "predictions"}
    for row in rows:
        assert row["faster"] == pytest.approx(
            row["seconds"]["sklearn"] / row["seconds"]["emix"], rel=1e-4
        )
    assert "geometric mean" in capsys.readouterr().out
