"""What the estimators that take rows with missing values have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from .._fit.fit import Fit
from .._fit.problem import Problem
from .._input.tables import Data, Features, read_floats
from .._input.validation import check_integer, check_seed
from .._rows.patterns import has_gaps
from .base import quiet
from .fitted import Fitted


class GapsMixin:
    """Takes NaN, and masked entries, as values that are missing at random."""

    random_state: Any
    _asked: Callable[[], Fitted]
    _validated: Callable[[ArrayLike], np.ndarray]

    @quiet
    def impute(
        self,
        X: ArrayLike,
        n_draws: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> np.ndarray:
        """Fill in missing values, given the values that a row has.

        The conditional distribution of what a row lacks is a mixture of normals: component k has
        the weight ``predict_proba(X)[:, k]``, the mean mu_m + S_mo S_oo⁻¹ (x_o - mu_o) and the
        covariance S_mm - S_mo S_oo⁻¹ S_om, where o are the features that the row has and m
        those that it lacks (Ghahramani & Jordan 1994).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, NaN where values are missing.

        n_draws : int, default=None
            None fills in the conditional means. A number asks for as many draws from the
            conditional distribution, as multiple imputation needs: means alone understate
            variances and overstate correlations.

        random_state : int, RandomState instance or None, default=None
            Source of randomness of the draws; None uses the estimator's ``random_state``.

        Returns
        -------
        filled : ndarray of shape (n_samples, n_features) or (n_draws, n_samples, n_features)
            X with nothing missing; values that were there are as they were. float32 if X is.

        Raises
        ------
        ValueError, TypeError
            If X or n_draws are unusable.

        Examples
        --------
        >>> import numpy as np
        >>> from emix import GaussianMixture
        >>> from emix.datasets import load_faithful
        >>> X = load_faithful().data
        >>> mixture = GaussianMixture(2, random_state=0).fit(X)
        >>> mixture.impute([[2.0, np.nan], [4.5, np.nan]]).round(1)
        array([[ 2. , 54.2],
               [ 4.5, 81.1]])
        """
        check_is_fitted(self)
        if n_draws is not None:
            n_draws = check_integer("n_draws", n_draws, 1)
        X = self._validated(X)
        if n_draws is None:
            return self._asked().allocation().imputed(X)
        rng = check_seed(self.random_state if random_state is None else random_state)
        scorer = self._asked().allocation()
        return np.stack([scorer.drawn(X, rng) for _ in range(n_draws)])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def read_with_gaps(
    estimator: Any, X: Any, features: Features | None = None, **requirements: Any
) -> np.ndarray:
    """Rows of floats; NaN and masked entries are values that are missing."""
    requirements["ensure_all_finite"] = "allow-nan"
    return read_floats(estimator, unmasked(X), features, **requirements)


def unmasked(X: Any) -> Any:
    """NaN in place of masked entries."""
    if not isinstance(X, np.ma.MaskedArray):
        return X
    kind = X.dtype if X.dtype.kind == "f" else np.float64
    return np.ma.filled(X.astype(kind), np.nan)


def check_columns(data: Data) -> None:
    """An error that names the features without any value in rows that have weight."""
    if not has_gaps(data.X):
        return
    empty = np.isnan(data.counted).all(axis=0)
    if not empty.any():
        return
    j = int(empty.argmax())
    name = "" if data.names is None else f" ({data.names[j]!r})"
    raise ValueError(
        f"X has no value in column {j}{name}, in rows that have weight: nothing can be learned of "
        "it. Leave the column out"
    )


def of_pairs(problem: Problem, fit: Fit, data: Data) -> str:
    """Features that no row has together: nothing tells how they vary together."""
    rows = fit.model.rows
    if rows.patterns is None or fit.model.prior is not None:
        return ""  # a prior says what the data do not
    if not problem.structure.form.correlates:
        return ""
    patterns = rows.patterns
    seen = patterns.seen[patterns.weight(rows.weight) > 0.0]
    together = np.triu(seen.T @ seen == 0.0, 1)
    if not together.any():
        return ""
    i, j = (int(at) for at in np.argwhere(together)[0])
    more = np.count_nonzero(together) - 1
    also = f", nor do {more} more pairs of columns" if more else ""
    return (
        f"No row has values in both columns {i} and {j}{also}: the data do not tell their "
        "covariance given the other columns, and the one returned depends on the start. Use a "
        "diagonal covariance_type, or a prior."
    )
