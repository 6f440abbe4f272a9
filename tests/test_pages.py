"""Pages of the documentation are typeset as they are meant."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *(DOCS / "guide").glob("*.md")])
PICTURE = re.compile(r"<!-- picture:(.*?)-->", re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_formulas_stand_by_themselves(page):
    """Between lines that are empty; else a formula is set into the running text, cut off on a
    phone."""
    lines = ["", *page.read_text(encoding="utf-8").splitlines(), ""]
    marks = [i for i, line in enumerate(lines) if line.strip() == "$$"]
    assert len(marks) % 2 == 0
    around = [lines[i - 1] for i in marks[::2]] + [lines[i + 1] for i in marks[1::2]]
    assert not any(line.strip() for line in around)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_pictures_are_of_the_gallery_and_say_what_is_seen(page):
    for picture in PICTURE.findall(page.read_text(encoding="utf-8")):
        found = re.fullmatch(r" (plot_\w+) (\d): (.{40,}?) ", picture, re.DOTALL)
        assert found, picture
        assert (DOCS / "gallery" / f"{found[1]}.py").exists()
