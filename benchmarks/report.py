"""Tables of the rows that `measures` returns, as Markdown that also reads well as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from measures import OWN_STOP
from timing import geometric_mean

Rows = Sequence[dict]
LABELS = {
    "sklearn": "scikit-learn",
    "onedal": "oneDAL",
    "armadillo": "Armadillo",
    "opencv": "OpenCV",
    "spark": "Spark",
}


def label(peer: str) -> str:
    """Name of a peer in a table."""
    return LABELS.get(peer, peer)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Aligned Markdown table, numbers to the right."""
    lines = [list(header), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(
        "| " + " | ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) + " |"
        for line in [lines[0], rule, *lines[1:]]
    )


def number(value: float | None) -> str:
    """Three significant digits."""
    if value is None:
        return "-"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def spread(values: dict | None) -> str:
    """Median and range of the rounds."""
    if values is None:
        return "-"
    return f"{number(values['median'])} [{number(values['min'])}..{number(values['max'])}]"


def passes(rows: Rows, peers: Sequence[str], limits: dict | None) -> str:
    """Milliseconds per pass, ratios, agreement; then the subject's rates, where limits are."""
    parts = [
        _times(rows, peers),
        f"How many times faster {peers[0]} is than",
        _ratios(rows, peers[1:]),
        "Largest difference of a parameter from scikit-learn's after five passes, relative to the "
        "largest entry of its array:",
        _differences(rows, peers),
    ]
    if limits:
        parts += [f"What {peers[0]} achieves, beside the machine:", rates(rows, peers[0], limits)]
    return "\n\n".join(parts)


def scaling(rows: Rows, peers: Sequence[str], limits: dict | None) -> str:
    """Milliseconds per pass."""
    return _times(rows, peers)


def _times(rows: Rows, peers: Sequence[str]) -> str:
    header = ["cell", *(f"{label(peer)}, ms" for peer in peers)]
    body = (
        [row["cell"], *(number(_scaled(_median(row["seconds"].get(p)), 1e3)) for p in peers)]
        for row in rows
    )
    return table(header, body)


def _ratios(rows: Rows, others: Sequence[str]) -> str:
    body = (
        [row["cell"], *(spread(row["faster_than"].get(peer)) for peer in others)] for row in rows
    )
    return table(["cell", *map(label, others)], body)


def _differences(rows: Rows, peers: Sequence[str]) -> str:
    shown = [peer for peer in peers if peer != "sklearn"]
    shown = [peer for peer in shown if any(peer in row["difference"] for row in rows)]
    body = (
        [row["cell"], *(_difference(row["difference"].get(peer)) for peer in shown)] for row in rows
    )
    return table(["cell", *map(label, shown)], body)


def rates(rows: Rows, subject: str, limits: dict) -> str:
    """What a pass of the subject achieves, beside what the machine does in the same run."""
    header = ["cell", "GFLOP/s", "of dgemm", "Gexp/s", "of np.exp", "GB/s", "of copy", "of limit"]
    timed = (row for row in rows if subject in row["seconds"])
    return table(header, (_rates_row(row, subject, limits) for row in timed))


def _rates_row(row: dict, subject: str, limits: dict) -> list[str]:
    seconds = row["seconds"][subject]["median"]
    done = (1e-9 * row["flops"], 1e-9 * row["exponentials"], 1e-9 * row["bytes"])
    able = (
        limits["dgemm_gflops"],
        limits["n_cores"] / limits["exp_ns"],
        limits["copy_gbytes"],
    )
    needed = [work / rate for work, rate in zip(done, able, strict=True)]
    cells = []
    for work, time in zip(done, needed, strict=True):
        cells += [number(work / seconds), f"{time / seconds:.0%}"]
    # cores multiply or exponentiate, and the memory delivers meanwhile
    least = max(needed[0] + needed[1], needed[2])
    return [row["cell"], *cells, f"{least / seconds:.0%}"]


# Operations on blocks by what they are for.
PURPOSES = {
    "products": ("matmul",),
    "exp, log": ("exp", "log", "reciprocal", "multiply.reduce"),
    "multiply, divide": ("multiply", "divide", "einsum"),
    "subtract": ("subtract",),
    "sums": ("add", "add.reduce"),
}


def where(rows: Rows, peers: Sequence[str], limits: dict | None) -> str:
    """Shares of the processor time that is spent inside NumPy."""
    header = ["cell", "kernel", "ms, one thread", *PURPOSES, "others", "GFLOP/s of products"]
    return table(header, map(_where_row, rows))


def _where_row(row: dict) -> list[str]:
    seconds, total = row["by_operation"], sum(row["by_operation"].values())
    shares = [sum(seconds.get(name, 0.0) for name in names) / total for names in PURPOSES.values()]
    return [
        row["cell"],
        row["kernel"],
        number(1e3 * row["seconds"]),
        *(f"{share:.0%}" for share in (*shares, max(0.0, 1.0 - sum(shares)))),
        number(row["gflops_of_products"]),
    ]


def maximum(rows: Rows, peers: Sequence[str], limits: dict | None) -> str:
    """Seconds to the maximum, and the geometric mean and minimum of the ratios."""
    subject, others = peers[0], peers[1:]
    header = [
        "problem",
        "plain passes",
        f"{subject} passes",
        *(f"{label(peer)}, s" for peer in peers),
        "emix to its own stop, s",
        *(f"{subject} x {label(peer)}" for peer in others),
        "short of best",
    ]
    body = [
        [
            row["cell"],
            _count(row["plain_passes"]),
            _count(row["passes"].get(subject)),
            *(number(_median(row["seconds"].get(peer))) for peer in (*peers, OWN_STOP)),
            *(spread(row["faster_than"].get(peer)) for peer in others),
            _difference(max(row["short_of_best"].values(), default=None)),
        ]
        for row in rows
    ]
    blank = [""] * (3 + len(peers))
    for name, reduce in (("geometric mean", geometric_mean), ("minimum", min)):
        reduced = [number(_reduced(rows, peer, reduce)) for peer in others]
        body.append([name, *blank, *reduced, ""])
    return table(header, body)


def whole_fit(rows: Rows, peers: Sequence[str], limits: dict | None) -> str:
    """Milliseconds of a whole default fit."""
    subject = peers[0]
    timed = [peer for peer in peers if peer in rows[0]["seconds"]]
    others = [peer for peer in timed if peer != subject]
    header = [
        "cell",
        "seeds",
        *(f"{label(peer)}, ms" for peer in timed),
        *(f"{subject} x {label(peer)}" for peer in others),
        *(f"score above {label(peer)}" for peer in others),
    ]
    body = (
        [
            row["cell"],
            _count(row["n_seeds"]),
            *(number(_scaled(_median(row["seconds"][peer]), 1e3)) for peer in timed),
            *(spread(row["faster_than"].get(peer)) for peer in others),
            *(spread(row["score_gain"].get(peer)) for peer in others),
        ]
        for row in rows
    )
    return table(header, body)


def two_normals(rows: Rows, peers: Sequence[str], limits: dict | None) -> str:
    """Milliseconds of a whole fit to the same maximum."""
    timed = [peer for peer in peers if peer in rows[0]["seconds"]]
    others = timed[1:]
    header = [
        "cell",
        *(f"{label(peer)}, ms" for peer in timed),
        *(f"{label(peer)} iterations" for peer in others),
        *(f"{peers[0]} x {label(peer)}" for peer in others),
        "short of best",
    ]
    body = (
        [
            row["cell"],
            *(number(_scaled(_median(row["seconds"].get(peer)), 1e3)) for peer in timed),
            *(_count(row["passes"].get(peer)) for peer in others),
            *(spread(row["faster_than"].get(peer)) for peer in others),
            _difference(max(row["short_of_best"].values())),
        ]
        for row in rows
    )
    return table(header, body)


def memory(rows: Rows, peers: Sequence[str], limits: dict | None) -> str:
    """Megabytes on top of X."""
    timed = [peer for peer in peers if peer in rows[0]["extra_bytes"]]
    body = (
        [
            row["cell"],
            number(row["X_bytes"] / 1e6),
            *(number(row["extra_bytes"][peer] / 1e6) for peer in timed),
        ]
        for row in rows
    )
    return table(["cell", "X, MB", *(f"{label(peer)}, MB" for peer in timed)], body)


def threads(rows: Rows, peers: Sequence[str], limits: dict | None) -> str:
    """Milliseconds per pass on one and on all cores."""
    body = (
        [
            row["cell"],
            label(peer),
            number(1e3 * seconds["one"]["median"]),
            number(1e3 * seconds["all"]["median"]),
            spread(row["speedup"][peer]),
        ]
        for row in rows
        for peer, seconds in row["seconds"].items()
    )
    cores = rows[0]["n_cores"]
    return table(["cell", "peer", "1 thread, ms", f"{cores} threads, ms", "speed-up"], body)


def limits(values: dict) -> str:
    """What the machine can do."""
    cores = values["n_cores"]
    body = [
        ["dgemm, one core", f"{values['dgemm_gflops_one_core']:.0f} GFLOP/s"],
        [f"dgemm, {cores} threads", f"{values['dgemm_gflops']:.0f} GFLOP/s"],
        ["np.exp in cache, one core", f"{values['exp_ns']:.2f} ns an element"],
        ["copy, one core, read + written", f"{values['copy_gbytes']:.0f} GB/s"],
    ]
    return table(["limit", "rate"], body)


def _reduced(rows: Rows, peer: str, reduce: Callable) -> float | None:
    """Reduction of the median ratios to a peer over the problems that have one."""
    medians = [row["faster_than"][peer]["median"] for row in rows if peer in row["faster_than"]]
    return reduce(medians) if medians else None


def _median(values: dict | None) -> float | None:
    return values and values["median"]


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else factor * value


def _count(value: int | None) -> str:
    return "not reached" if value is None else str(value)


def _difference(value: float | None) -> str:
    return "-" if value is None else f"{value:.1e}"
