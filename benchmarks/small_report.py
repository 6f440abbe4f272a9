"""Tables of the rows that `small.measured` returns."""

from __future__ import annotations

from collections.abc import Iterable

from report import Rows, number, table
from timing import geometric_mean

TITLES = {
    "mixture": "Whole default fits of GaussianMixture",
    "many": "Whole default fits of 100 components",
    "bayesian": "Whole default fits of BayesianGaussianMixture",
    "hard": "K-means as a hard mixture against KMeans(n_init=1)",
    "predictions": "Predictions and samples",
}
BY = {"n": "rows", "d": "features", "k": "components", "structure": "structure", "data": "data"}
SLOW = 0.7
ALIKE = 5e-4  # nats per row by which scores may differ that are equal
_WORST = 20


def small(rows: Rows) -> str:
    """A summary of each family and number of threads, then by size, then the slowest cells."""
    parts = ["scikit-learn's time over emix's", _summary(rows)]
    for family, title in TITLES.items():
        some = [row for row in rows if row["family"] == family]
        if some:
            parts += [f"{title}, by size", _by_size(some), "The slowest", _slowest(some)]
    refused = [f"- {row['cell']}: {row['refused']}" for row in rows if "refused" in row]
    if refused:
        parts += ["Refused, counted as slower", "\n".join(refused)]
    return "\n\n".join(parts)


def _summary(rows: Rows) -> str:
    groups = (
        (f"{TITLES[family]}, {threads} thread{'s' * (threads > 1)}", some)
        for family in TITLES
        for threads in sorted({row["threads"] for row in rows})
        if (some := [r for r in rows if r["family"] == family and r["threads"] == threads])
    )
    return _shares("what", groups)


def _by_size(rows: Rows) -> str:
    by = {"method": "method", **BY} if "method" in rows[0] else BY
    groups = (
        (f"{value} {word}" if key in "ndk" else str(value), [r for r in rows if r[key] == value])
        for key, word in by.items()
        for value in sorted({row[key] for row in rows}, key=_order)
    )
    return _shares("cells", [*groups, *_by_result(rows)])


def _by_result(rows: Rows) -> Iterable[tuple[str, Rows]]:
    """Rows of fits by which of the two ends higher."""
    fits = [row for row in rows if row.get("told", {}).get("emix")]
    above = [_above(row) for row in fits]
    for name, holds in (
        ("emix ends higher", lambda more: more > ALIKE),
        ("as high", lambda more: abs(more) <= ALIKE),
        ("lower", lambda more: more < -ALIKE),
    ):
        some = [row for row, more in zip(fits, above, strict=True) if holds(more)]
        if some:
            yield name, some


def _above(row: dict) -> float:
    return row["told"]["emix"]["score"] - row["told"]["sklearn"]["score"]


def _order(value: int | str) -> tuple[bool, int | str]:
    return isinstance(value, str), value


def _shares(name: str, groups: Iterable[tuple[str, Rows]]) -> str:
    header = [name, "number", "at least 1", f"below {SLOW}", "worst", "geometric mean"]
    return table(header, ([title, *shares(some)] for title, some in groups))


def shares(rows: Rows) -> list[str]:
    """How many, the share at least as fast, how many far slower, the worst, geometric mean."""
    faster = [row["faster"] for row in rows if "faster" in row]
    if not faster:
        return [str(len(rows)), "0%", str(len(rows)), "-", "-"]
    return [
        str(len(rows)),
        f"{sum(ratio >= 1.0 for ratio in faster) / len(rows):.0%}",
        str(sum(ratio < SLOW for ratio in faster) + len(rows) - len(faster)),
        number(min(faster)),
        number(geometric_mean(faster)),
    ]


def _slowest(rows: Rows) -> str:
    timed = sorted((row for row in rows if "faster" in row), key=lambda row: row["faster"])
    header = ["cell", "threads", "emix, ms", "scikit-learn, ms", "ratio"]
    fits = bool(timed) and bool(timed[0]["told"]["emix"])
    if fits:
        header += ["emix iterations", "scikit-learn iterations", "emix above"]
    return table(header, (_slowest_row(row, fits) for row in timed[:_WORST]))


def _slowest_row(row: dict, fits: bool) -> list[str]:
    cells = [row["cell"], str(row["threads"])]
    cells += [number(1e3 * row["seconds"][peer]) for peer in ("emix", "sklearn")]
    cells.append(number(row["faster"]))
    if fits:
        cells += [number(row["told"][peer]["n_iter"]) for peer in ("emix", "sklearn")]
        cells.append(f"{_above(row):.2g}")
    return cells
