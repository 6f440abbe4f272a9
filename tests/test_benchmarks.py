"""The page of benchmarks is what the stored results say, and problems are what they are called."""

import json
from pathlib import Path

import pytest

from emix import GaussianMixture
from problems import MAXIMUM_CELLS, PASS_CELLS, SCALING_CELLS, Cell, make, mean_log_likelihood

ROOT = Path(__file__).resolve().parent.parent
RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.json"))


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
