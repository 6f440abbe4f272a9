"""Imports go one way, and only through public doors."""

import ast
import os
import re
import sys
from pathlib import Path

import pytest

import emix
import emix.dask
import emix.display
import emix.em
import emix.inference

PACKAGE = Path(emix.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
# A package of the engine, and those that it may import from.
LAYERS = {
    "_em": set(),
    "_rows": set(),
    "_normal": {"_em", "_rows"},
    "_mixture": {"_em", "_rows", "_normal"},
    "_bayes": {"_em", "_rows", "_normal", "_mixture"},
    "_density": {"_em", "_rows", "_normal"},
    "_families": {"_em", "_rows", "_normal", "_mixture"},
}
# What builds on the engine, below the estimators.
UPPER = {
    "_fit": {*LAYERS},
    "_pair": {*LAYERS, "_fit"},
    "_search": {*LAYERS, "_fit", "_input", "_fitted", "_estimator"},
}
# The estimators: a package, and the others of them that it may import from.
FACES = {
    "_input": set(),
    "_fitted": {"_input"},
    "_estimator": {"_input", "_fitted"},
    "_gaussian": {"_input", "_fitted", "_estimator"},
    "_other_families": {"_input", "_fitted", "_estimator"},
    "_derived": {"_input", "_fitted", "_estimator", "_gaussian"},
    "_inference": {"_input", "_fitted", "_estimator", "_gaussian"},
}
# What stands beside the packages: the names of users, and how they are made public.
PUBLIC = {"__init__", "__main__", "_public", "constraints", "covariances", "datasets", "em"}
PUBLIC |= {"inference", "priors"}
ENGINE = sorted(path for layer in LAYERS for path in (PACKAGE / layer).glob("*.py"))


def imports(path):
    """Absolute dotted names of all modules that a file imports from."""
    package = ["emix", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            yield ".".join([*base, *([node.module] if node.module else [])])
            if node.level and not node.module:  # from . import name
                yield from (".".join([*base, alias.name]) for alias in node.names)


def identifier(path):
    return str(path.relative_to(PACKAGE))


def dotted(path):
    return ".".join(["emix", *path.relative_to(PACKAGE).with_suffix("").parts])


def own(path):
    return {name for name in imports(path) if name.split(".")[0] == "emix"}


def test_the_imports_are_seen():
    """The checks below can fail."""
    mixture = set(imports(PACKAGE / "_mixture" / "mixture.py"))
    assert {"emix._rows.blocks", "emix._mixture.settled", "dataclasses"} <= mixture
    assert len(ENGINE) >= 40


@pytest.mark.parametrize("path", ENGINE, ids=identifier)
def test_the_engine_imports_numpy_scipy_and_lower_layers_alone(path):
    layer = path.relative_to(PACKAGE).parts[0]
    for name in imports(path):
        top, *rest = name.split(".")
        if top == "emix":
            assert rest[0] in LAYERS[layer] | {layer}, name
        else:
            assert top in sys.stdlib_module_names or top in {"numpy", "scipy"}, name


@pytest.mark.parametrize("name", ["protocols", "sharing", "factors", "rounding"])
def test_what_covariances_are_built_from_knows_nothing_of_emix(name):
    assert own(PACKAGE / "_normal" / f"{name}.py") == set()


@pytest.mark.parametrize("path", SOURCES, ids=identifier)
def test_covariances_are_asked_not_told_apart(path):
    """Forms and structures have methods and capabilities: nobody looks at their classes."""
    kinds = {"Dense", "Diagonal", "Isotropic", "Each", "Common", "Unrestricted", "Parsimonious"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"isinstance", "type"}:
            assert not kinds & {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


@pytest.mark.parametrize("layer", UPPER)
def test_fits_know_nothing_of_estimators(layer):
    paths = sorted((PACKAGE / layer).glob("*.py"))
    assert len(paths) > 3
    for path in paths:
        for name in own(path):
            assert name.split(".")[1] in UPPER[layer] | {layer}, (path.name, name)


@pytest.mark.parametrize("package", FACES)
def test_packages_of_estimators_import_one_way(package):
    paths = sorted((PACKAGE / package).glob("*.py"))
    assert len(paths) > 3
    inputs = {"constraints", "covariances", "priors"}
    for path in paths:
        for name in own(path):
            at = name.split(".")[1]
            allowed = at in FACES[package] | {package} | inputs
            assert allowed or at in LAYERS or at in UPPER, (path.name, name)


def test_every_module_has_its_package():
    """And modules of packages no underscore: the package has one."""
    assert {path.stem for path in PACKAGE.glob("*.py")} == PUBLIC
    named = [path for package in FACES for path in (PACKAGE / package).glob("_*.py")]
    assert {path.name for path in named} == {"__init__.py"}


def test_engine_modules_form_no_cycle():
    edges = {dotted(path): own(path) for path in ENGINE}
    order = []
    while edges:
        free = [name for name, needs in edges.items() if not needs & edges.keys() - {name}]
        assert free, f"cycle among {sorted(edges)}"
        order += free
        edges = {name: needs for name, needs in edges.items() if name not in free}
    assert order.index("emix._normal.stats") < order.index("emix._mixture.mixture")


@pytest.mark.parametrize("path", SOURCES, ids=identifier)
def test_no_private_module_of_another_package_is_imported(path):
    for name in imports(path):
        if name.split(".")[0] not in {"emix", "__future__"}:
            assert not any(part.startswith("_") for part in name.split(".")), name


@pytest.mark.parametrize("path", SOURCES, ids=identifier)
def test_no_private_name_of_scikit_learn_is_imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sklearn"):
            assert not [alias.name for alias in node.names if alias.name.startswith("_")]


@pytest.mark.parametrize("path", SOURCES, ids=identifier)
def test_no_path_of_a_machine_is_written_down(path):
    text = path.read_text(encoding="utf-8")
    pattern = r"(?<![\w.:/])(/(home|root|work|tmp|Users|usr|opt|var|mnt)\b|[A-Z]:\\)"
    assert not re.search(pattern, text)


# What is made for one model alone: modules and packages.
SPECIAL = {
    "BayesianGaussianMixture": [
        "emix._bayes",
        "emix._gaussian.bayesian_conversion",
        "emix._gaussian.bayesian_gaussian_mixture",
        "emix._gaussian.bayesian_prior",
        "emix._gaussian.fitted_posterior",
        "emix._gaussian.predictive",
        "emix.dask._bayesian",
    ],
    "TwoNormalMixture": [
        "emix._pair",
        "emix._gaussian.two_normal_mixture",
        "emix._gaussian.two_normal_start",
    ],
    "HardGaussianMixture": [
        "emix._gaussian.hard_gaussian_mixture",
        "emix._gaussian.kmeans_limit",
        "emix.dask._hard",
        "emix.display._kmeans_limit",
    ],
    "StudentMixture": [
        "emix._families.student",
        "emix._families.student_kernel",
        "emix._families.tails",
        "emix._other_families.student_mixture",
    ],
    "GaussianMixtureWithNoise": [
        "emix._families.background",
        "emix._other_families.gaussian_mixture_with_noise",
    ],
    "PoissonMixture": ["emix._families.poisson", "emix._other_families.poisson_mixture"],
    "BernoulliMixture": ["emix._other_families.bernoulli_mixture"],
    "CategoricalMixture": ["emix._other_families.categorical_mixture"],
    "MixtureOfRegressions": [
        "emix._families.regression",
        "emix._other_families.mixture_of_regressions",
        "emix._other_families.regression_kind",
    ],
}


@pytest.mark.parametrize("model", SPECIAL)
def test_deleting_a_special_model_is_deleting_files_and_lines_of_public_names(model):
    def is_special(name):
        return any(name == made or name.startswith(f"{made}.") for made in SPECIAL[model])

    users = {identifier(path) for path in SOURCES if any(map(is_special, own(path)))}
    users -= {identifier(path) for path in SOURCES if is_special(dotted(path))}
    public = {"__init__.py", os.path.join("display", "__init__.py")}
    assert "__init__.py" in users <= public | {os.path.join("dask", "__init__.py")}


# What a class may say although one above it says it, too: values, and what is declared there.
STATED = {"_read", "_checks", "_report"}
MADE = [kind for kind in vars(emix).values() if hasattr(kind, "set_fit_request")]


@pytest.mark.parametrize("kind", MADE, ids=lambda kind: kind.__name__)
def test_no_hook_is_overridden(kind):
    known = {}
    for each in reversed(kind.__mro__):
        if each.__module__.split(".")[0] == "emix":
            for name, value in vars(each).items():
                if name.startswith("_") and not name.startswith(("__", "_abc", "_sklearn")):
                    above = known.get(name)
                    is_declared = getattr(above, "__isabstractmethod__", False)
                    assert above is None or is_declared or name in STATED, (each, name)
                    known[name] = value
    assert known


def test_public_names():
    assert set(emix.__all__) >= {"GaussianMixture", "datasets", "__version__"}
    for name in emix.__all__:
        assert hasattr(emix, name)
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", emix.__version__)


@pytest.mark.parametrize("module", [emix, emix.dask, emix.display, emix.em, emix.inference])
def test_public_classes_are_of_the_public_module(module):
    """By this name pickles find them, wherever they are written."""
    kinds = [value for name in module.__all__ if isinstance(value := getattr(module, name), type)]
    assert {kind.__module__ for kind in kinds} == {module.__name__}
