"""Fixtures that run a test over the registers of ``common``."""

import pytest
from common import STARTS, TYPES


@pytest.fixture(params=TYPES)
def covariance_type(request):
    return request.param


@pytest.fixture(params=STARTS)
def start_name(request):
    return request.param
