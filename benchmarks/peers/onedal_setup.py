"""Make the environment of the oneDAL peer: `python benchmarks/peers/onedal_setup.py`.

daal4py 2024.7, the last with `em_gmm`, imports only with numpy < 2 and scikit-learn 1.4.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = ("daal4py==2024.7.0", "numpy<2", "scikit-learn==1.4.2", "packaging")
ENVIRONMENT = Path(__file__).resolve().parents[1] / ".onedal"
VARIABLE = "EMIX_ONEDAL_PYTHON"


def interpreter() -> Path:
    """Interpreter that has daal4py: the one that the variable names, else the one made here."""
    inside = Path("Scripts", "python.exe") if os.name == "nt" else Path("bin", "python")
    return Path(os.environ.get(VARIABLE) or ENVIRONMENT / inside)


def main() -> None:
    """Create the environment and install into it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--python",
        default=sys.executable,
        help="Python 3.9 to 3.12, for which daal4py 2024.7 has wheels (default: this one)",
    )
    python = parser.parse_args().python
    os.environ.pop(VARIABLE, None)
    subprocess.run([python, "-m", "venv", ENVIRONMENT], check=True)
    subprocess.run([interpreter(), "-m", "pip", "install", *REQUIREMENTS], check=True)
    subprocess.run([interpreter(), "-W", "ignore", "-c", "import daal4py"], check=True)
    print(f"ready: {interpreter()}")


if __name__ == "__main__":
    main()
