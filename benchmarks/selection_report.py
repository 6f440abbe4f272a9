"""The table of the rows that `selection.measured` returns."""

from __future__ import annotations

from statistics import median

from report import Rows, number, table


def selection(rows: Rows) -> str:
    """A line for every table of data, and one for all."""
    names = list(dict.fromkeys(row["table"] for row in rows))
    parts = [(name, [row for row in rows if row["table"] == name]) for name in names]
    header = [
        "table",
        "cells",
        "emix, s",
        "its n_init, median and most",
        "times faster, n_init known",
        "times faster, one n_init",
        "it was lower",
        "first start lower",
        "it was higher",
    ]
    return table(header, (_line(*part) for part in [*parts, ("all", rows)]))


def _line(name: str, rows: Rows) -> list[str]:
    """Cells that are singular are in emix's time, and not in scikit-learn's."""
    compared = [row for row in rows if not row["singular"]]
    ours, theirs = sum(row["emix"] for row in rows), sum(row["sklearn"] for row in compared)
    most = max(row["starts"] for row in compared)
    alike = sum(row["sklearn"] / row["starts"] * most for row in compared)
    return [
        name,
        str(len(compared)),
        number(ours),
        f"{median(row['starts'] for row in compared):g}, {most}",
        number(theirs / ours),
        number(alike / ours),
        str(sum(not row["reached"] for row in compared)),
        str(sum(row["starts"] > 1 for row in compared)),
        str(sum(row["above"] is not None and row["above"] > 0.1 for row in compared)),
    ]
