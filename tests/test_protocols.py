"""What the protocols of the normal family declare, every implementation has."""

import inspect
import pickle

import pytest

from emix._normal import protocols
from emix._normal.bounds import DenseBound, VarianceBound
from emix._normal.covariances import UNRESTRICTED
from emix._normal.dense import DENSE, Dense
from emix._normal.diagonal import DIAGONAL, Diagonal
from emix._normal.floor import Floor
from emix._normal.isotropic import ISOTROPIC, Isotropic
from emix._normal.low_rank import LowRank
from emix._normal.parsimonious import PARSIMONIOUS
from emix._normal.sharing import COMMON, EACH

ONE_OF_EACH = {
    protocols.Form: [DENSE, DIAGONAL, ISOTROPIC],
    protocols.Sharing: [EACH, COMMON],
    protocols.Estimator: [UNRESTRICTED, *(each.estimator for each in PARSIMONIOUS.values())],
}
CLASSES = {
    protocols.Bound: [DenseBound, VarianceBound],
    protocols.Floor: [Floor],
    protocols.Matrices: [Dense, Diagonal, Isotropic, LowRank],
}
PAIRS = [(protocol, type(each)) for protocol, known in ONE_OF_EACH.items() for each in known]
PAIRS += [(protocol, kind) for protocol, known in CLASSES.items() for kind in known]


def members(protocol):
    """Declared methods by name."""
    return {
        name: value
        for name, value in vars(protocol).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }


def told(protocol):
    """Declared capabilities."""
    return [name for kind in protocol.__mro__ for name in vars(kind).get("__annotations__", {})]


@pytest.mark.parametrize(("protocol", "kind"), sorted(set(PAIRS), key=str))
def test_methods_have_the_declared_parameters(protocol, kind):
    declared = members(protocol)
    assert declared
    for name, method in declared.items():
        own = inspect.signature(getattr(kind, name)).parameters
        assert list(own) == list(inspect.signature(method).parameters), name


@pytest.mark.parametrize(("protocol", "known"), ONE_OF_EACH.items())
def test_capabilities_are_told(protocol, known):
    for each in known:
        for name in told(protocol):
            assert isinstance(getattr(each, name), bool | str), name
    for name in told(protocols.Matrices):
        assert isinstance(getattr(LowRank(2), name), bool | str), name


@pytest.mark.parametrize("known", ONE_OF_EACH.values())
def test_there_is_one_of_each(known):
    for each in known:
        assert pickle.loads(pickle.dumps(each)) is each


def test_all_methods_are_documented():
    for protocol in [*ONE_OF_EACH, *CLASSES]:
        assert protocol.__doc__
        assert all(method.__doc__ for method in members(protocol).values())
