"""Measure emix against its peers: `python benchmarks/run.py --help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import limits
import machine
import measures
import problems
import report
from peers import DEFAULT, PEERS, Peer
from problems import Cell


class Measurement(NamedTuple):
    """A table: its title, its cells, what measures a cell and what prints the rows."""

    title: str
    cells: Sequence[Cell]
    measure: Callable
    show: Callable


MEASUREMENTS = {
    "passes": Measurement(
        "Milliseconds per EM pass", problems.PASS_CELLS, measures.passes, report.passes
    ),
    "variational": Measurement(
        "Milliseconds per pass of the Bayesian mixture",
        problems.VARIATIONAL_CELLS,
        measures.variational,
        report.passes,
    ),
    "scaling": Measurement(
        "How a pass grows",
        tuple(dict.fromkeys(sum(problems.SCALING_CELLS.values(), ()))),
        measures.scaling,
        report.scaling,
    ),
    "where": Measurement(
        "Where the time of a pass goes", problems.MIXTURE_CELLS, measures.where, report.where
    ),
    "maximum": Measurement(
        "Seconds to within 1e-6 of the maximum",
        problems.MAXIMUM_CELLS,
        measures.maximum,
        report.maximum,
    ),
    "fit": Measurement(
        "A whole default fit", problems.FIT_CELLS, measures.whole_fit, report.whole_fit
    ),
    "two_normals": Measurement(
        "Two normals of one feature: a whole fit",
        problems.TWO_NORMALS_CELLS,
        measures.two_normals,
        report.two_normals,
    ),
    "memory": Measurement(
        "Peak memory on top of X", problems.MEMORY_CELLS, measures.memory, report.memory
    ),
    "threads": Measurement(
        "One thread against all cores", problems.THREAD_CELLS, measures.threads, report.threads
    ),
}
WHAT = ("limits", *MEASUREMENTS)


def main() -> None:
    """Run what the command line asks for."""
    args = _arguments()
    peers = _available(args.peers)
    rates = limits.measure() if "limits" in args.what else None
    results: dict = {} if rates is None else {"limits": rates}
    sections = [] if rates is None else [_section("Limits of this machine", report.limits(rates))]
    print(*sections, sep="\n", flush=True)
    try:
        about = machine.about(
            {peer.name: peer.version() for peer in peers},
            [peer.name for peer in peers],
            cells=args.cells,
            rounds=args.rounds,
        )
        machine.save(args.json, about, results)
        for name, (title, cells, measure, show) in MEASUREMENTS.items():
            cells = _chosen(cells, args.cells) if name in args.what else []
            for cell in cells:
                row = _measured(name, measure, cell, peers, args.rounds)
                results.setdefault(name, []).append(row)
                # after every row: a run that is stopped keeps what it has
                machine.save(args.json, about, results)
            if rows := results.get(name):
                sections.append(_section(title, show(rows, [peer.name for peer in peers], rates)))
                print(sections[-1], flush=True)
    finally:
        for peer in peers:
            peer.close()
    if args.markdown:
        args.markdown.write_text("\n".join([machine.machine_line(about), "", *sections]))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument(
        "--cells",
        nargs="+",
        default=["quick"],
        metavar="NAME",
        help="quick (default), full, or names of cells as the tables show them",
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default: 5")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all rounds there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there")
    parser.add_argument(
        "--peers",
        type=_peer_names,
        default=list(DEFAULT),
        metavar="A,B,...",
        help=f"all, or some of {','.join(PEERS)}; ratios are those of the first one "
        f"(default: {','.join(DEFAULT)})",
    )
    parser.add_argument(
        "--what",
        type=_names(WHAT),
        default=list(WHAT),
        metavar="A,B,...",
        help=f"default: {','.join(WHAT)}",
    )
    args = parser.parse_args()
    known = {cell.name for entry in MEASUREMENTS.values() for cell in entry.cells}
    unknown = set(args.cells) - known - {"quick", "full"}
    if unknown:
        parser.error(f"no such cell: {', '.join(sorted(unknown))}; there are {sorted(known)}")
    if args.rounds < 1:
        parser.error("--rounds must be at least 1")
    return args


def _names(known) -> Callable[[str], list[str]]:
    """Parser of a list separated by commas."""

    def names(text: str) -> list[str]:
        chosen = text.split(",")
        unknown = [name for name in chosen if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)} not in {', '.join(known)}")
        return chosen

    return names


def _peer_names(text: str) -> list[str]:
    return list(PEERS) if text == "all" else _names(PEERS)(text)


def _available(names: Sequence[str]) -> list[Peer]:
    """The peers that can be used; a line on stderr for each that cannot."""
    peers = []
    for name in names:
        peer = PEERS[name]()
        problem = peer.available()
        if problem is None:
            peers.append(peer)
        else:
            print(f"without {name}; to install it: {problem}", file=sys.stderr)
    if not peers:
        sys.exit("none of the peers is installed")
    return peers


def _chosen(cells: Sequence[Cell], wanted: Sequence[str]) -> list[Cell]:
    """Cells that the command line names."""
    return [
        cell
        for cell in cells
        if "full" in wanted or cell.name in wanted or (cell.quick and "quick" in wanted)
    ]


def _measured(name: str, measure: Callable, cell: Cell, peers: list[Peer], n_rounds: int) -> dict:
    """A row, with a word on stderr as it may take minutes."""
    print(f"{name} {cell.name} ...", file=sys.stderr, flush=True)
    return measure(cell, peers, n_rounds)


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n{text}\n"


if __name__ == "__main__":
    main()
