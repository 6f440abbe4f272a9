"""scikit-learn's own tests of its mixtures, run on emix's classes."""

import inspect
import itertools

import numpy as np
import pytest
import sklearn
from sklearn import mixture as theirs
from sklearn.mixture.tests import test_bayesian_mixture, test_gaussian_mixture, test_mixture

from emix import BayesianGaussianMixture, GaussianMixture

CLASSES = {
    theirs.GaussianMixture: GaussianMixture,
    theirs.BayesianGaussianMixture: BayesianGaussianMixture,
}

LEFT_OUT = {
    "test_check_weights": "its expected message has the largest and least value swapped",
    "test_suffstat_sk_full": "tests a private function",
    "test_suffstat_sk_tied": "tests a private function",
    "test_suffstat_sk_diag": "tests a private function",
    "test_gaussian_suffstat_sk_spherical": "tests a private function",
    "test_compute_log_det_cholesky": "tests a private function",
    "test_monotonic_likelihood": (
        "needs tol to bound the last gain, emix's bounds what remains: the data are on a ridge "
        "where plain EM needs 4530 passes"
    ),
    "test_gaussian_mixture_precisions_init_diag": (
        "gives precisions in the order in which sklearn.cluster.KMeans numbers the clusters"
    ),
    "test_gaussian_mixture_precisions_init": "calls private methods",
    "test_multiple_init": "expects more of n_init=5 where both find the maximum",
    "test_warm_start": "expects five iterations not to converge from the start",
    "test_gaussian_mixture_fit_convergence_warning": (
        "expects one iteration not to converge, which is enough after a search of starts"
    ),
    "test_regularisation": "expects data on single points to be refused; none are",
    "test_init": "compares n_init=1 and 10 after one iteration: searches differ",
    "test_gaussian_mixture_all_init_does_not_estimate_gaussian_parameters": (
        "mocks a private function"
    ),
    "test_gaussian_mixture_array_api_compliance": "tests the array API, which emix has not",
    "test_gaussian_mixture_raises_where_array_api_not_implemented": (
        "tests the array API, which emix has not"
    ),
}

if tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 7):
    LEFT_OUT["test_regularisation"] = "expects the message of before 1.7, emix has that of since"

LEFT_OUT_BAYESIAN = {
    "test_log_dirichlet_norm": "tests a private function",
    "test_log_wishart_norm": "tests a private function",
    "test_compare_covar_type": "calls private methods",
}

LEFT_OUT_SINGLE = {
    "test_score": (
        "compares the mean of rounded float32 log-densities to score, the mean of unrounded "
        "ones, to seven decimals"
    ),
}

FIXTURES = {"global_dtype": [np.float64, np.float32], "global_random_seed": [0, 42]}


def substituted(value):
    """emix's estimator in place of scikit-learn's."""
    return CLASSES[type(value)](**value.get_params()) if type(value) in CLASSES else value


def parameter_sets(function):
    """Keyword arguments of all runs of a test function: its marks, then the fixtures."""
    axes = []
    for mark in getattr(function, "pytestmark", []):
        if mark.name != "parametrize":
            continue
        names, values = mark.args
        names = [name.strip() for name in names.split(",")] if isinstance(names, str) else names
        rows = [value if len(names) > 1 else (value,) for value in values]
        axes.append([dict(zip(names, map(substituted, row), strict=True)) for row in rows])
    for name in inspect.signature(function).parameters:
        if name in FIXTURES:
            axes.append([{name: value} for value in FIXTURES[name]])
    for row in itertools.product(*axes):
        yield {name: value for part in row for name, value in part.items()}


def concerns_emix(name, arguments):
    return not (name in LEFT_OUT_SINGLE and arguments.get("global_dtype") == np.float32)


MODULES = {
    test_gaussian_mixture: LEFT_OUT,
    test_mixture: {},
    test_bayesian_mixture: LEFT_OUT_BAYESIAN,
}


def collected():
    """(module, function, arguments) of all tests of the modules that concern emix."""
    for module, left_out in MODULES.items():
        for name, function in vars(module).items():
            if not name.startswith("test_") or name in left_out or not inspect.isfunction(function):
                continue
            for arguments in parameter_sets(function):
                if concerns_emix(name, arguments):
                    yield module, function, arguments


COLLECTED = list(collected())


def identifier(case):
    _, function, arguments = case
    values = [getattr(value, "__name__", str(value)) for value in arguments.values()]
    return "-".join([function.__name__.removeprefix("test_"), *values])


# as in scikit-learn's own configuration, where warnings are no errors
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("case", COLLECTED, ids=identifier)
def test_of_scikit_learn(case, monkeypatch):
    module, function, arguments = case
    for ours in CLASSES.values():
        if hasattr(module, ours.__name__):
            monkeypatch.setattr(module, ours.__name__, ours)
    function(**arguments)


def test_nearly_all_tests_of_scikit_learn_ran():
    functions = {function.__name__ for _, function, _ in COLLECTED}
    assert len(functions) >= 34
    assert len(COLLECTED) >= 59


def test_every_argument_of_a_test_is_provided():
    for _, function, arguments in COLLECTED:
        assert set(inspect.signature(function).parameters) == set(arguments)
