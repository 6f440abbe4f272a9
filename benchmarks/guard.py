"""Time the working tree against a commit: `python benchmarks/guard.py COMMIT`.

Both take turns, each in a process of its own, on the same cells. Exit status 1 if a cell of the
working tree takes more than RATIO times as long, by the median over the rounds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import report
from measures import pass_timer
from peers.worker import WorkerPeer
from problems import PASS_CELLS, Cell, make
from timing import interleave, ratio

ROOT = Path(__file__).resolve().parents[1]
# Small data too, where a pass is mostly calls.
CELLS = (Cell("full", 1000, 2, 3), *(cell for cell in PASS_CELLS if cell.quick))


class TreePeer(WorkerPeer):
    """The emix of a source tree."""

    install = ""

    def __init__(self, name: str, root: Path):
        self.name, self.root = name, root
        super().__init__()

    def command(self) -> list[str | Path]:
        return [sys.executable, Path(__file__).with_name("emix_worker.py")]

    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.root)}

    def check(self) -> None:
        """The process imports this tree, and no other emix that is installed."""
        if Path(self.version().split()[1]).resolve() != self.root.resolve():
            raise RuntimeError(f"{self.name}: another emix was imported: {self.version()}")


def main() -> None:
    """Compare, print, exit."""
    args = _arguments()
    cells = [cell for cell in CELLS if not args.cells or cell.name in args.cells]
    with _worktree(args.commit) as base:
        peers = [TreePeer("base", base), TreePeer("tree", ROOT)]
        try:
            for peer in peers:
                peer.check()
            rows = [_compared(cell, peers, args.rounds) for cell in cells]
        finally:
            for peer in peers:
                peer.close()
    print(_table(rows))
    slower = [row["cell"] for row in rows if row["ratio"]["median"] > args.ratio]
    if slower:
        sys.exit(f"slower than {args.ratio:g} times {args.commit}: {', '.join(slower)}")
    print(f"no cell takes more than {args.ratio:g} times as long as at {args.commit}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("commit", help="what the working tree is compared with")
    parser.add_argument("--ratio", type=float, default=1.2, help="default: 1.2")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="default: 7")
    names = [cell.name for cell in CELLS]
    parser.add_argument("--cells", nargs="+", choices=names, metavar="NAME", help=", ".join(names))
    return parser.parse_args()


@contextmanager
def _worktree(commit: str) -> Iterator[Path]:
    """A checkout of the commit in a temporary directory."""
    with tempfile.TemporaryDirectory(prefix="emix-guard-") as folder:
        root = Path(folder, "base")
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", root, commit], check=True)
        try:
            yield root
        finally:
            subprocess.run([*git, "remove", "--force", root], check=True)


def _compared(cell: Cell, peers: list[TreePeer], n_rounds: int) -> dict:
    print(f"{cell.name} ...", file=sys.stderr, flush=True)
    problem = make(cell)
    rounds = interleave({peer.name: pass_timer(peer, problem) for peer in peers}, n_rounds)
    return {
        "cell": cell.name,
        "seconds": {name: min(values) for name, values in rounds.items()},
        "ratio": ratio(rounds["tree"], rounds["base"]),
    }


def _table(rows: list[dict]) -> str:
    body = (
        [
            row["cell"],
            *(report.number(1e3 * row["seconds"][name]) for name in ("base", "tree")),
            report.spread(row["ratio"]),
        ]
        for row in rows
    )
    return report.table(["cell", "commit, ms", "tree, ms", "tree / commit"], body)


if __name__ == "__main__":
    main()
