"""Fixtures that run a test over the registers of ``common``."""

import pytest
from common import STARTS, TYPES
from hypothesis import settings

# The same examples in every run of the suite; others in every run of `make fresh`.
settings.register_profile("fixed", max_examples=30, deadline=None, derandomize=True, database=None)
settings.register_profile("fresh", max_examples=200, deadline=None, print_blob=True)
settings.load_profile("fixed")


@pytest.fixture(params=TYPES)
def covariance_type(request):
    return request.param


@pytest.fixture(params=STARTS)
def start_name(request):
    return request.param
