#!/usr/bin/env sh
# try_distribution.sh PYTHON FILE: install a wheel or sdist in a new environment, outside the
# source tree, and use what it brings.
set -eu
python=$1
file=$(realpath "$2")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
"$python" -m venv env
env/bin/python -m pip install --quiet "$file"
env/bin/python - <<'END'
from importlib.resources import files
from pathlib import Path

import emix
from emix.datasets import load_faithful

assert Path(emix.__file__).is_relative_to(Path.cwd() / "env"), emix.__file__
assert files("emix").joinpath("py.typed").is_file()
X = load_faithful().data
for name in emix.__all__:
    assert hasattr(emix, name), name
mixture = emix.GaussianMixture(2, random_state=0).fit(X)
assert mixture.converged_
assert abs(mixture.score(X) + 4.1554) < 1e-4
END
env/bin/python -m emix --no-picture | grep -q "emix stopped because"
env/bin/python -m emix --help | grep -q -- --no-picture
echo "ok: $(basename "$file")"
