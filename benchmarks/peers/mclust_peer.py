"""mclust, in R."""

from __future__ import annotations

import shutil
from pathlib import Path

from .worker import WorkerPeer


class MclustPeer(WorkerPeer):
    """`mclust::em` (Fortran)."""

    name = "mclust"
    install = "apt-get install r-cran-mclust   (or in R: install.packages('mclust'))"

    def command(self) -> list[str | Path]:
        if shutil.which("Rscript") is None:
            raise RuntimeError("there is no Rscript")
        return ["Rscript", "--vanilla", Path(__file__).with_name("mclust_worker.R")]
