"""Where, when and with what numbers were made, and the file that keeps them."""

from __future__ import annotations

import datetime
import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import scipy
import sklearn
from threadpoolctl import threadpool_info

import limits
import report


def about(versions: Mapping[str, str], peers: Sequence[str], **settings) -> dict:
    """Date, machine, versions (those of the peers are given), peers and settings of a run."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpu": _cpu(),
            "n_cores": limits.n_cores(),
            "system": f"{platform.system()} {platform.machine()}",
            "blas": [
                {key: pool.get(key) for key in ("internal_api", "version", "num_threads")}
                for pool in threadpool_info()
                if pool["user_api"] == "blas"
            ],
        },
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "scikit-learn": sklearn.__version__,
            **versions,
        },
        "peers": list(peers),
        **settings,
    }


def machine_line(about: dict) -> str:
    """Date, machine and versions, in a line."""
    machine = about["machine"]
    labelled = {report.label(name): version for name, version in about["versions"].items()}
    versions = ", ".join(f"{name} {version}" for name, version in labelled.items())
    return f"{about['date'][:10]}, {machine['n_cores']} cores of {machine['cpu']}; {versions}."


def save(path: Path | None, about: dict, results: dict) -> None:
    """Write a run, if there is a file to write to."""
    if path is not None:
        path.write_text(json.dumps({**about, "results": results}, indent=1) + "\n")


def save_compact(path: Path | None, about: dict, results: Mapping[str, Sequence[dict]]) -> None:
    """Write a run of many rows, a row a line, numbers to six digits."""
    if path is not None:
        sections = (
            f"{json.dumps(name)}: [\n" + ",\n".join(json.dumps(_rounded(row)) for row in rows) + "]"
            for name, rows in results.items()
        )
        head = json.dumps(about, indent=1).removesuffix("\n}")
        path.write_text(f'{head},\n "results": {{{", ".join(sections)}}}\n}}\n')


def _rounded(value):
    """The same with six significant digits in each number."""
    if isinstance(value, dict):
        return {key: _rounded(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_rounded(entry) for entry in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _cpu() -> str:
    """Name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
