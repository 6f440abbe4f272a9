"""Run the tests of packages that use scikit-learn's mixtures, with emix's in their place.

`python benchmarks/clients/try_clients.py` makes an environment for each package (in `.clients/`),
installs it there with emix, and runs its own tests where its archive on PyPI has them, and small
scripts of ours where not: first as they are, then with emix's classes in `sklearn.mixture`.
`--write` puts the table into the guide.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tarfile
import venv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
ENVIRONMENTS = REPOSITORY / ".clients"
PAGE = REPOSITORY / "docs" / "guide" / "tools.md"
BEGIN, END = "<!-- begin: clients -->", "<!-- end: clients -->"
_SHOWN = 100  # characters of a message
SECONDS = 1800  # for the tests of one package, once


@dataclass(frozen=True)
class Client:
    """A package, what else it needs, and its tests: files of its source archive, modules that it
    installs, and scripts beside this file."""

    name: str
    needs: tuple[str, ...] = ()
    archive: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()


CLIENTS = (
    Client("scikit-lego", scripts=("use_scikit_lego.py",)),
    Client("rdt", scripts=("use_rdt.py",)),
    Client("pyod", scripts=("use_pyod.py",)),
    Client("scikit-image", scripts=("use_scikit_image.py",)),
    # older ones are not looked for: pip would build each of them
    Client("graspologic", needs=("graspologic>=3.4",), scripts=("use_graspologic.py",)),
    Client("gmr", scripts=("use_gmr.py",)),
    Client("hmmlearn", modules=("hmmlearn.tests.test_gmm_hmm",)),
    Client(
        "skl2onnx",
        needs=("onnxruntime", "pandas", "packaging"),
        archive=(
            "tests/test_sklearn_gaussian_mixture_converter.py",
            "tests/test_sklearn_double_tensor_type_tr.py",
            "tests/test_sklearn_array_feature_extractor.py",
            "tests/test_op10.py",
        ),
        scripts=("use_skl2onnx.py",),
    ),
)


@dataclass(frozen=True)
class Outcome:
    """Of one run: how many tests passed, and what the others said, by how many said it."""

    passed: int
    failed: Counter[str]

    def __str__(self) -> str:
        return f"{self.passed} of {self.passed + sum(self.failed.values())}"


def python_of(client: Client) -> Path:
    """The interpreter of its environment, which is made where there is none."""
    home = ENVIRONMENTS / client.name
    if not home.exists():
        venv.create(home, with_pip=True)
    return home / "bin" / "python"


def pip(python: Path, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, capture_output=True, text=True)


def version(python: Path, name: str) -> str:
    code = f"import importlib.metadata as m; print(m.version({name!r}))"
    done = subprocess.run([str(python), "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def unpacked(client: Client, python: Path) -> Path:
    """Its source archive, of the version that is installed."""
    folder = ENVIRONMENTS / "archives"
    pinned = f"{client.name}=={version(python, client.name)}"
    pip(python, "download", "--no-deps", "--no-binary", client.name, "-d", str(folder), pinned)
    (archive,) = folder.glob(f"{client.name}-{version(python, client.name)}.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


def tests_of(client: Client, python: Path) -> list[str]:
    """What pytest is told to run."""
    found = [str(HERE / script) for script in client.scripts]
    if client.archive:
        root = unpacked(client, python)
        found += [str(root / path) for path in client.archive]
    return [*found, *client.modules]


def outcome(client: Client, python: Path, tests: list[str], replaced: bool) -> Outcome:
    """Of the tests, with emix's classes in place of scikit-learn's or not."""
    report = ENVIRONMENTS / f"{client.name}-{'emix' if replaced else 'as-it-is'}.xml"
    settings = ENVIRONMENTS / "pytest.ini"
    settings.write_text("[pytest]\n")
    plugin = ["-p", "emix_as_sklearn"] if replaced else []
    kind = ["--pyargs"] if client.modules else []
    options = ["-q", "-p", "no:cacheprovider", "-c", str(settings), f"--junitxml={report}"]
    command = [str(python), "-m", "pytest", *options, *plugin, *kind, *tests]
    paths = {"PYTHONPATH": str(HERE), "OPENBLAS_NUM_THREADS": "1", "PATH": str(python.parent)}
    report.unlink(missing_ok=True)
    settled = {"cwd": ENVIRONMENTS, "env": paths, "capture_output": True, "timeout": SECONDS}
    try:
        subprocess.run(command, check=False, **settled)
    except subprocess.TimeoutExpired:
        return Outcome(0, Counter([f"not done in {SECONDS} s"]))
    return read(report)


def read(report: Path) -> Outcome:
    """Skipped and expected failures are left out; of a test that failed, how its message begins."""
    passed, failed = 0, Counter()
    for case in ElementTree.parse(report).iter("testcase"):
        told = [each for each in case if each.tag in ("failure", "error")]
        if told:
            failed[" ".join(told[0].get("message", "").split())[:_SHOWN]] += 1
        elif case.find("skipped") is None:
            passed += 1
    return Outcome(passed, failed)


def reason(said: str) -> str:
    """What pip could not do."""
    lines = [line.strip() for line in said.splitlines()]
    conflict = [line for line in lines if " depends on " in line]
    return ", ".join(conflict) or next((line for line in lines if "ERROR" in line), said[-100:])


def row(client: Client) -> str:
    """Its line of the table."""
    python = python_of(client)
    try:
        pip(python, "install", "pytest", str(REPOSITORY), client.name, *client.needs)
    except subprocess.CalledProcessError as error:
        return f"| {client.name} | - | - | - | not installed: {reason(error.stderr)} |"
    tests = tests_of(client, python)
    before, after = (outcome(client, python, tests, replaced) for replaced in (False, True))
    own = "its own" if client.archive or client.modules else "ours"
    own = "its own and ours" if own == "its own" and client.scripts else own
    new = after.failed - before.failed
    reasons = "; ".join(f"{count} x {message}" for message, count in new.items())
    name = f"{client.name} {version(python, client.name)}"
    return f"| {name} | {own} | {before} | {after} | {reasons} |"


def table(rows: list[str]) -> str:
    passed = "passed with scikit-learn's | with emix's"
    head = f"| package | tests | {passed} | what fails with emix's alone |"
    return "\n".join([head, "|---|---|---|---|---|", *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    names = [client.name for client in CLIENTS]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--write", action="store_true", help="put the table into the guide")
    args = parser.parse_args()
    unknown = set(args.names) - set(names)
    if unknown:
        sys.exit(f"no such package: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    ENVIRONMENTS.mkdir(exist_ok=True)
    chosen = [client for client in CLIENTS if client.name in (args.names or names)]
    rows = []
    for client in chosen:
        rows.append(row(client))
        print(rows[-1], flush=True)
    if args.write:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        text = f"{before}{BEGIN}\n\n{table(rows)}\n\n{END}{after}"
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
