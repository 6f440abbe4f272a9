"""The gallery's scripts run, and draw what they say."""

import runpy
from pathlib import Path

import pytest

matplotlib = pytest.importorskip("matplotlib")

GALLERY = sorted((Path(__file__).parent.parent / "docs" / "gallery").glob("plot_*.py"))


@pytest.mark.parametrize("script", GALLERY, ids=lambda path: path.stem)
def test_gallery_script_draws(script, monkeypatch):
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    monkeypatch.setattr(plt, "show", lambda: None)
    plt.close("all")
    runpy.run_path(str(script), run_name="__main__")
    figures = [plt.figure(number) for number in plt.get_fignums()]
    plt.close("all")
    assert figures
    for figure in figures:
        assert all(ax.has_data() for ax in figure.axes)


def test_there_is_a_gallery():
    assert GALLERY
