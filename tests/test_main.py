"""The demonstration: ``python -m emix``."""

import sys

import pytest

from emix import __main__ as demo
from emix import __version__


def test_help_lists_the_options(capsys):
    with pytest.raises(SystemExit) as end:
        demo.main(["--help"])
    assert end.value.code == 0
    told = capsys.readouterr().out
    for option in ("--components", "--output", "--no-picture", "--version"):
        assert option in told


def test_version(capsys):
    with pytest.raises(SystemExit):
        demo.main(["--version"])
    assert capsys.readouterr().out == f"emix {__version__}\n"


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(demo, "_REPETITIONS", 1)


@pytest.mark.usefixtures("quick")
def test_prints_both_fits_and_draws_where_it_is_told(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "picture.png"
    demo.main(["--output", str(picture)])
    told = capsys.readouterr().out
    assert "-4.1553" in told
    assert "emix stopped because: estimated remaining gain at most tol=1e-07." in told
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("quick")
def test_no_picture(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    demo.main(["--no-picture", "--components", "3"])
    assert list(tmp_path.iterdir()) == []
    assert "Picture" not in capsys.readouterr().out


@pytest.mark.usefixtures("quick")
def test_says_what_is_missing_for_a_picture(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    demo.main(["--output", str(tmp_path / "picture.png")])
    assert "pip install matplotlib" in capsys.readouterr().out


def test_no_components_is_an_error(capsys):
    with pytest.raises(SystemExit) as end:
        demo.main(["--components", "0"])
    assert end.value.code == 2
    assert "--components" in capsys.readouterr().err
