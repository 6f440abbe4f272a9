"""Small real data sets that ship with the package."""

from __future__ import annotations

from importlib import resources
from typing import Any

import numpy as np
from sklearn.utils import Bunch

__all__ = ["load_faithful"]

_FAITHFUL = """Old Faithful eruptions

272 eruptions of the Old Faithful geyser in Yellowstone National Park, observed in August
1985: the duration of the eruption and the waiting time to the next one, both in minutes.

Source: A. Azzalini and A. W. Bowman (1990). A look at some data on the Old Faithful geyser.
Applied Statistics 39, 357-365. W. Haerdle (1991). Smoothing Techniques with Implementation
in S. Springer. The same table as ``datasets::faithful`` in R.
"""


def load_faithful(*, return_X_y: bool = False, as_frame: bool = False) -> Any:
    """Load the eruptions of Old Faithful: 272 rows, two features, no target.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch; the target is None.

    as_frame : bool, default=False
        Return ``data`` as a pandas DataFrame; needs pandas.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With attributes

        - data: ndarray of shape (272, 2), or DataFrame; duration of the eruption and waiting
          time to the next one, in minutes.
        - target: None.
        - feature_names: list of str, ``["eruptions", "waiting"]``.
        - frame: DataFrame, the table, if ``as_frame=True``; else None.
        - DESCR: str, description and source.
        - filename: str, name of the file in the package.

    (data, target) : tuple
        If ``return_X_y`` is True.

    Raises
    ------
    ImportError
        If ``as_frame=True`` and pandas is not installed.

    Examples
    --------
    >>> from emix.datasets import load_faithful
    >>> faithful = load_faithful()
    >>> faithful.data.shape, faithful.feature_names
    ((272, 2), ['eruptions', 'waiting'])
    """
    filename = "faithful.csv"
    text = resources.files("emix").joinpath("data", filename).read_text(encoding="utf-8")
    header, *lines = text.splitlines()
    names = header.split(",")
    data = np.array([[float(entry) for entry in line.split(",")] for line in lines])
    frame = None
    if as_frame:
        data = frame = _frame(data, names)
    if return_X_y:
        return data, None
    return Bunch(
        data=data,
        target=None,
        feature_names=names,
        frame=frame,
        DESCR=_FAITHFUL,
        filename=filename,
    )


def _frame(data: np.ndarray, names: list[str]) -> Any:
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "as_frame=True needs pandas; install it with `pip install pandas`"
        ) from error
    return pd.DataFrame(data, columns=names)
