"""Public docstrings follow numpydoc, as its own validation sees it."""

import inspect

import pytest
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import validate

import emix
import emix.constraints
import emix.covariances
import emix.dask
import emix.datasets
import emix.display
import emix.em
import emix.inference
import emix.priors

MODULES = (
    emix,
    emix.constraints,
    emix.dask,
    emix.covariances,
    emix.datasets,
    emix.display,
    emix.em,
    emix.inference,
    emix.priors,
)
# No "See Also" and no second paragraph are needed, what returns are called may be said as
# scikit-learn does (a name and a type, perhaps nothing more), and an example of a class serves its
# methods.
LEFT_OUT = {"SA01", "ES01", "EX01", "RT02", "RT03", "SS05"}


def public_names():
    """Dotted names of public classes, their own methods, and functions."""
    for module in MODULES:
        for name in module.__all__:
            found = getattr(module, name)
            if not getattr(found, "__module__", "").startswith("emix"):
                continue
            yield f"{module.__name__}.{name}"
            if inspect.isclass(found):
                for method, value in vars(found).items():
                    if inspect.isfunction(value) and not method.startswith("_"):
                        yield f"{module.__name__}.{name}.{method}"


NAMES = sorted(set(public_names()))


def found(name):
    """The object of this name."""
    value = emix
    for part in name.split(".")[1:]:
        value = getattr(value, part)
    return value


def is_made(name):
    """Whether users make objects of this class."""
    value = found(name)
    return inspect.isclass(value) and bool(get_doc_object(value)["Parameters"])


def errors_of(name):
    left_out = set(LEFT_OUT)
    if inspect.isclass(found(name)) and not is_made(name):
        left_out |= {"PR01"}  # what users get has attributes
    return [(code, text) for code, text in validate(name)["errors"] if code not in left_out]


def test_the_names_are_found():
    assert {"emix.GaussianMixture.fit", "emix.em.climb", "emix.priors.ConjugatePrior"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_docstring_is_valid(name):
    assert errors_of(name) == []


@pytest.mark.parametrize("name", list(filter(is_made, NAMES)))
def test_a_class_that_users_make_has_an_example(name):
    assert get_doc_object(found(name))["Examples"]


@pytest.mark.parametrize("name", NAMES)
def test_examples_are_where_they_are_run(name):
    """Those of methods would not be found by the file of a class that is published elsewhere."""
    if inspect.isclass(found(name.rpartition(".")[0])):
        assert ">>>" not in (inspect.getdoc(found(name)) or "")


FAMILIES = [
    emix.PoissonMixture,
    emix.CategoricalMixture,
    emix.BernoulliMixture,
    emix.StudentMixture,
    emix.GaussianMixtureWithNoise,
    emix.MixtureOfRegressions,
]
# What is said in other words where it is another thing.
_OF_THEIR_OWN = {"n_components", "init_params", "prior", "covariance_type", "weights_"}
_OF_THEIR_OWN |= {
    "means_",
    "lower_bound_",
    "n_collapsed_",
    "singular_components_",
    "probabilities_",
}


@pytest.mark.parametrize("section", ["Parameters", "Attributes"])
def test_mixtures_of_other_families_say_the_same_of_what_they_share(section):
    """Each docstring is whole, as editors show it; a change in one is a change in all."""
    known = {}
    for kind in FAMILIES:
        for part in get_doc_object(kind)[section]:
            said = (kind.__name__, part.type, "\n".join(part.desc))
            if part.name not in _OF_THEIR_OWN:
                first = known.setdefault(part.name, said)
                assert said[1:] == first[1:], (part.name, first[0], said[0])
    assert len(known) > 5
