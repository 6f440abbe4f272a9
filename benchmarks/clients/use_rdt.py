"""rdt: numbers are coded by the component of a Bayesian mixture, and their place in it."""

import numpy as np
import pandas as pd
from rdt.transformers.numerical import ClusterBasedNormalizer


def rows(missing=False):
    rng = np.random.RandomState(0)
    values = np.concatenate([rng.normal(size=300), 20.0 + 3.0 * rng.normal(size=200)])
    if missing:
        values[::10] = np.nan
    return pd.DataFrame({"x": values})


def test_numbers_come_back():
    data = rows()
    coder = ClusterBasedNormalizer(max_clusters=6)
    coded = coder.fit_transform(data, "x")
    assert {"x.normalized", "x.component"} <= set(coded.columns)
    back = coder.reverse_transform(coded)
    np.testing.assert_allclose(back["x"], data["x"], atol=1e-6)


def test_numbers_with_gaps_come_back():
    data = rows(missing=True)
    coder = ClusterBasedNormalizer(max_clusters=6, missing_value_generation="from_column")
    back = coder.reverse_transform(coder.fit_transform(data, "x"))
    known = data["x"].notna()
    np.testing.assert_allclose(back.loc[known, "x"], data.loc[known, "x"], atol=1e-6)


def test_components_without_weight_are_left_out():
    coder = ClusterBasedNormalizer(max_clusters=8)
    coder.fit(rows(), "x")
    assert 2 <= sum(coder.valid_component_indicator) < 8
