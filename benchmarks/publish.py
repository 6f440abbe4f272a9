"""Write the tables and figures of docs/benchmarks.md from what `--json` stored.

`python benchmarks/publish.py FILE...` writes, `--check` only says whether something differs.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import matplotlib as mpl

import quality_report
import report
import selection_report
import small_report
from machine import machine_line
from problems import SCALING_CELLS
from run import MEASUREMENTS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
FIGURE = PAGE.with_name("figures") / "scaling.svg"
BEGIN, END = "<!-- begin: {} -->", "<!-- end: {} -->"
PICTURE = (
    "![Milliseconds per pass against rows, features and components, on logarithmic scales]"
    "(figures/scaling.svg)"
)
# default fits against scikit-learn's, of `quality.py` and `small.py`
DEFAULTS = {
    "quality": lambda rows: quality_report.quality(quality_report.unpacked(rows)),
    "small": small_report.small,
    "selection": selection_report.selection,
}
_FEW = 3  # more peers are shown in tables of their own
LETTERS = {"n": "rows n", "d": "features d", "k": "components K"}


def main() -> None:
    """Replace what stands between the marks of the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="results, JSON")
    parser.add_argument("--check", action="store_true", help="change nothing")
    args = parser.parse_args()
    runs = [json.loads(path.read_text()) for path in args.files]
    page = PAGE.read_text(encoding="utf-8")
    text = filled(page, runs)
    if args.check:
        sys.exit(f"{PAGE.name} is not what the results say" if text != page else 0)
    PAGE.write_text(text, encoding="utf-8")
    for run in runs:
        if "scaling" in run["results"]:
            draw(run)


def filled(page: str, runs: list[dict]) -> str:
    """The page with the sections of all runs; a section's last run counts."""
    for run in runs:
        for name, text in sections(run).items():
            begin, end = BEGIN.format(name), END.format(name)
            if begin not in page:
                raise ValueError(f"{PAGE.name} has no place for {name}: no {begin}")
            before, _, rest = page.partition(begin)
            after = rest.partition(end)[2]
            page = f"{before}{begin}\n\n{machine_line(run)}\n\n{text}\n\n{end}{after}"
    return page


def sections(run: dict) -> dict[str, str]:
    """The tables of a run; those of a run of many peers have one place of their own."""
    results, peers = run["results"], run["peers"]
    limits = results.get("limits")
    texts = {} if limits is None else {"limits": report.limits(limits)}
    texts |= {name: show(results[name]) for name, show in DEFAULTS.items() if name in results}
    for name, measurement in MEASUREMENTS.items():
        if name in results:
            texts[name] = measurement.show(results[name], peers, limits)
    return texts if len(peers) <= _FEW else {"all peers": _together(texts)}


def _together(texts: dict[str, str]) -> str:
    titles = {"limits": "Limits in this run"} | {
        name: measurement.title for name, measurement in MEASUREMENTS.items()
    }
    if "scaling" in texts:
        texts["scaling"] = f"{PICTURE}\n\n{texts['scaling']}"
    return "\n\n".join(f"### {titles[name]}\n\n{text}" for name, text in texts.items())


def draw(run: dict) -> None:
    """Milliseconds per pass against n, d and K, on logarithmic scales."""
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "emix"  # the same bytes for the same numbers
    rows = {row["cell"]: row for row in run["results"]["scaling"]}
    figure = Figure(figsize=(11, 4), layout="constrained")
    axes = figure.subplots(1, 3, sharey=True)
    for ax, (letter, cells) in zip(axes, SCALING_CELLS.items(), strict=True):
        for color, peer in enumerate(run["peers"]):
            timed = [rows[cell.name] for cell in cells if cell.name in rows]
            timed = [row for row in timed if peer in row["seconds"]]
            sizes = [row["size"][letter] for row in timed]
            seconds = [1e3 * row["seconds"][peer]["median"] for row in timed]
            ax.loglog(sizes, seconds, "o-", color=f"C{color}", label=report.label(peer))
        ax.set_xlabel(LETTERS[letter])
        ax.grid(which="major", color="0.9")
    axes[0].set_ylabel("milliseconds per pass")
    axes[-1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, metadata={"Date": None})


if __name__ == "__main__":
    main()
