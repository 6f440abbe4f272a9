"""The gallery's scripts run, and draw what they say."""

import runpy
from pathlib import Path

import pytest
import sklearn

matplotlib = pytest.importorskip("matplotlib")

VERSION = tuple(map(int, sklearn.__version__.split(".")[:2]))
GALLERY = sorted((Path(__file__).parent.parent / "docs" / "gallery").glob("plot_*.py"))


@pytest.mark.parametrize("script", GALLERY, ids=lambda path: path.stem)
def test_gallery_script_draws(script, monkeypatch):
    import matplotlib.pyplot as plt

    if script.stem == "plot_comparison" and VERSION < (1, 7):
        pytest.skip("draws the bounds that scikit-learn keeps since 1.7")
    plt.close("all")
    plt.switch_backend("Agg")
    monkeypatch.setattr(plt, "show", lambda: None)
    runpy.run_path(str(script), run_name="__main__")
    figures = [plt.figure(number) for number in plt.get_fignums()]
    plt.close("all")
    assert figures
    for figure in figures:
        assert all(ax.has_data() for ax in figure.axes)


def test_there_is_a_gallery():
    assert GALLERY
