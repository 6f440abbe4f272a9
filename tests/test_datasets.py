"""The data that ship with the package."""

import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from emix.datasets import load_faithful


def test_faithful_is_the_table_of_272_eruptions():
    faithful = load_faithful()
    assert faithful.data.shape == (272, 2)
    assert faithful.data.dtype == np.float64
    assert faithful.feature_names == ["eruptions", "waiting"]
    assert_array_equal(faithful.data[[0, 1, -1]], [[3.6, 79], [1.8, 54], [4.467, 74]])
    # the values that R prints for datasets::faithful
    assert_allclose(faithful.data.mean(axis=0), [3.4878, 70.897], atol=6e-4)
    assert_allclose(faithful.data.std(axis=0, ddof=1), [1.141371, 13.594974], atol=1e-6)
    assert_allclose(np.corrcoef(faithful.data.T)[0, 1], 0.9008112, atol=1e-7)


def test_faithful_has_no_target_and_says_where_it_is_from():
    faithful = load_faithful()
    assert faithful.target is None
    assert faithful.frame is None
    assert "Azzalini" in faithful.DESCR
    assert faithful.filename == "faithful.csv"


def test_pair_of_data_and_target():
    data, target = load_faithful(return_X_y=True)
    assert_array_equal(data, load_faithful().data)
    assert target is None


def test_frame():
    pd = pytest.importorskip("pandas")
    faithful = load_faithful(as_frame=True)
    assert isinstance(faithful.frame, pd.DataFrame)
    assert faithful.data is faithful.frame
    assert list(faithful.frame.columns) == ["eruptions", "waiting"]
    assert_array_equal(faithful.frame.to_numpy(), load_faithful().data)
    data, target = load_faithful(return_X_y=True, as_frame=True)
    assert isinstance(data, pd.DataFrame)
    assert target is None


def test_arrays_need_no_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert load_faithful().data.shape == (272, 2)
    with pytest.raises(ImportError, match="pip install pandas"):
        load_faithful(as_frame=True)


def test_every_call_gives_data_of_its_own():
    load_faithful().data[:] = 0.0
    assert load_faithful().data.min() > 0.0


def test_options_have_to_be_named():
    with pytest.raises(TypeError):
        load_faithful(True)
