"""Tables of the rows that `quality.judged` returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import fmean, median

from best_known import STARTS_ALONE
from healthy import LEVELS, STANDARD, Shape
from quality_problems import SIZES, STRUCTURES
from report import Rows, number, table
from timing import geometric_mean

REACHED = 0.005  # per row; a fit this close to the best known healthy maximum has reached it
BEHIND = 1 / 6  # share of the seeds by which a cell may reach it less often than scikit-learn
HELD_OUT_TIE = 0.005  # per row; smaller differences of held-out log-likelihood are ties
ARI_TIE = 0.01
LOWEST = -1e300  # what an estimator gets that refuses the data
_WORST = 20  # cells told by name
BARS = {**LEVELS, STARTS_ALONE: LEVELS[STANDARD]}

_EMIX, _OTHER = "emix", "sklearn"


def packed(rows: Rows) -> list[dict]:
    """Rows to be stored: of each peer's fits, a list of each figure, None where a fit has none."""
    return [
        {**row, "fits": {peer: _columns(fits) for peer, fits in row["fits"].items()}}
        for row in rows
    ]


def _columns(fits: list[dict]) -> dict[str, list]:
    names = dict.fromkeys(name for fit in fits for name in fit)
    return {name: [fit.get(name) for fit in fits] for name in names}


def unpacked(rows: Rows) -> list[dict]:
    """What `packed` made of rows, as it was."""
    return [
        {**row, "fits": {peer: _fits(columns) for peer, columns in row["fits"].items()}}
        for row in rows
    ]


def _fits(columns: dict[str, list]) -> list[dict]:
    return [
        {name: value for name, value in zip(columns, values, strict=True) if value is not None}
        for values in zip(*columns.values(), strict=True)
    ]


def quality(rows: Rows) -> str:
    """All tables: real and synthetic groups, the whole, cells behind, what the share depends on."""
    real = [row for row in rows if not row["synthetic"]]
    synthetic = [row for row in rows if row["synthetic"]]
    parts = []
    for title, some in (("Real tables", real), ("Synthetic problems", synthetic)):
        if some:
            parts += [f"{title}: fits that reach the best known healthy maximum", _reached(some)]
            parts += ["Comparisons with scikit-learn, won-lost-tied, and time", _compared(some)]
    parts += [
        "By table and number of components, emix / scikit-learn",
        _by_table(rows),
        f"Cells more than {BEHIND:.0%} of the seeds behind scikit-learn",
        _behind(rows),
        "The share by what is called healthy and how far was searched",
        _levels(rows),
        "Refusals",
        _refusals(rows),
    ]
    return "\n\n".join(parts)


def _groups(rows: Rows) -> Iterable[tuple[str, list[dict]]]:
    """Rows of each structure and size, then all."""
    for structure in STRUCTURES:
        for size in SIZES:
            some = [row for row in rows if row["structure"] == structure and row["size"] == size]
            if some:
                yield f"{structure}, {size}", some
    yield "all", list(rows)


def _reached(rows: Rows) -> str:
    header = ["group", "cells", "fits", "emix", "scikit-learn", "cells behind"]
    header += [
        f"{what} {name}"
        for what in ("unhealthy", "refused", "warned")
        for name in ("emix", "scikit-learn")
    ]
    return table(header, (_reached_row(name, some) for name, some in _groups(rows)))


def _reached_row(name: str, rows: Rows) -> list[str]:
    known = [row for row in rows if STANDARD in row["best"]]
    cells = [name, f"{len(known)}", f"{sum(len(row['fits'][_EMIX]) for row in rows)}"]
    cells += [_percent(share(known, peer)) for peer in (_EMIX, _OTHER)]
    cells.append(str(sum(gap(row) > BEHIND + 1e-9 for row in known)))
    for told in (_unhealthy, _refused, _warned):
        cells += [
            str(sum(told(row, fit) for row in rows for fit in row["fits"][peer]))
            for peer in (_EMIX, _OTHER)
        ]
    return cells


def share(rows: Rows, peer: str, level: str = STANDARD) -> float | None:
    """Share of the fits that reach the best known maximum of a level; None without fits."""
    told = [
        reached(row, fit, level)
        for row in rows
        if level in row["best"]
        for fit in row["fits"][peer]
    ]
    return fmean(told) if told else None


def reached(row: dict, fit: dict, level: str = STANDARD) -> bool:
    """Whether a fit is healthy and at the best known height."""
    return (
        _healthy(row, fit, level)
        and fit.get("log_likelihood", LOWEST) >= row["best"][level] - REACHED
    )


def gap(row: dict) -> float:
    """How much less often than scikit-learn the fits of a cell reach the maximum."""
    return share([row], _OTHER) - share([row], _EMIX)


def _healthy(row: dict, fit: dict, level: str = STANDARD) -> bool:
    if _refused(row, fit):
        return False
    shape = Shape(fit["rows"], fit["eigenvalue"])
    return BARS[level].holds(shape, row["structure"], row["d"])


def _refused(row: dict, fit: dict) -> bool:
    return "refused" in fit


def _unhealthy(row: dict, fit: dict) -> bool:
    return not _refused(row, fit) and not _healthy(row, fit)


def _warned(row: dict, fit: dict) -> bool:
    return bool(fit.get("warnings"))


def _by_table(rows: Rows) -> str:
    components = sorted({row["n_components"] for row in rows})
    header = ["table", *(f"K = {k}" for k in components)]
    body = (
        [
            name,
            *(
                _pair([r for r in rows if r["table"] == name and r["n_components"] == k])
                for k in components
            ),
        ]
        for name in dict.fromkeys(row["table"] for row in rows)
    )
    return table(header, body)


def _pair(rows: Rows) -> str:
    return " / ".join(_percent(share(rows, peer)) for peer in (_EMIX, _OTHER))


def _compared(rows: Rows) -> str:
    header = ["group", "held-out score", "ARI", "ARI, emix alone at the maximum"]
    header += ["time, all", "time, geometric mean", "time, worst"]
    return table(header, (_compared_row(name, some) for name, some in _groups(rows)))


def _compared_row(name: str, rows: Rows) -> list[str]:
    return [
        name,
        won_lost_tied(rows, "held_out", HELD_OUT_TIE),
        won_lost_tied(rows, "ari", ARI_TIE),
        won_lost_tied(rows, "ari", ARI_TIE, _only_ours_is_at_the_maximum),
        *map(number, time_ratios(rows)),
    ]


def _only_ours_is_at_the_maximum(row: dict, ours: dict, theirs: dict) -> bool:
    is_known = STANDARD in row["best"]
    return is_known and reached(row, ours) and not reached(row, theirs)


def won_lost_tied(
    rows: Rows, what: str, tie: float, counts: Callable[[dict, dict, dict], bool] | None = None
) -> str:
    """Comparisons of fits from the same seed, all or those that count; who alone is refused has
    lost."""
    won = lost = tied = 0
    for row in rows:
        for ours, theirs in zip(row["fits"][_EMIX], row["fits"][_OTHER], strict=True):
            is_told = what in ours or what in theirs
            if is_told and (counts is None or counts(row, ours, theirs)):
                difference = _value(ours, what) - _value(theirs, what)
                won += difference > tie
                lost += difference < -tie
                tied += not abs(difference) > tie
    return f"{won}-{lost}-{tied}"


def _value(fit: dict, what: str) -> float:
    """A finite value, the lowest where there is none."""
    return max(fit.get(what, LOWEST), LOWEST)


def time_ratios(rows: Rows) -> tuple[float, float, float]:
    """scikit-learn's time over emix's: of the sums; geometric mean and least of cells' medians."""

    def seconds(row: dict, peer: str, reduce: Callable) -> float:
        return reduce([fit["seconds"] for fit in row["fits"][peer]])

    sums = [sum(seconds(row, peer, sum) for row in rows) for peer in (_OTHER, _EMIX)]
    ratios = [seconds(row, _OTHER, median) / seconds(row, _EMIX, median) for row in rows]
    return sums[0] / sums[1], geometric_mean(ratios), min(ratios)


def _behind(rows: Rows) -> str:
    known = [row for row in rows if STANDARD in row["best"]]
    ordered = sorted(known, key=lambda row: -gap(row))
    behind = [row for row in ordered if gap(row) > BEHIND + 1e-9]
    if not behind:
        return f"None of {len(known)}."
    header = ["problem", "seeds", "emix", "scikit-learn", "emix short of best, median"]
    body = [
        [
            row["problem"],
            str(len(row["fits"][_EMIX])),
            *(_percent(share([row], peer)) for peer in (_EMIX, _OTHER)),
            number(_short(row)),
        ]
        for row in behind[:_WORST]
    ]
    more = "" if len(behind) <= _WORST else f"\n\nThe worst {_WORST} of them."
    return f"{len(behind)} of {len(known)}.\n\n{table(header, body)}{more}"


def _short(row: dict) -> float | None:
    """Median distance of emix's fits from the best; negative where they are singular and above."""
    heights = [fit["log_likelihood"] for fit in row["fits"][_EMIX] if "log_likelihood" in fit]
    return row["best"][STANDARD] - median(heights) if heights else None


def _levels(rows: Rows) -> str:
    header = ["healthy", "cells with a maximum", "emix", "scikit-learn"]
    body = (
        [
            level,
            str(sum(level in row["best"] for row in rows)),
            *(_percent(share(rows, peer, level)) for peer in (_EMIX, _OTHER)),
        ]
        for level in BARS
    )
    return table(header, body)


def _refusals(rows: Rows) -> str:
    told = [
        f"- {row['problem']}, {peer}, {len(messages)} of {len(row['fits'][peer])}: {messages[0]}"
        for row in rows
        for peer in row["fits"]
        if (messages := [fit["refused"] for fit in row["fits"][peer] if _refused(row, fit)])
    ]
    return "\n".join(told) or "None."


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"
