"""What the supervised estimators share: the fit of their mixtures."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted, check_X_y

from .._fitted.gaps import unmasked
from .._gaussian.gaussian_mixture import GaussianMixture
from .._input.parameters import Checks
from .._input.validation import check_rows, read_rows

# Parameters of GaussianMixture that are handed on as they are.
_HANDED_ON = (
    "covariance_type",
    "tol",
    "reg_covar",
    "max_iter",
    "n_init",
    "init_params",
    "prior",
    "random_state",
)


def checks_of(names: Iterable[str]) -> Checks:
    """What GaussianMixture asks of these parameters."""
    return {name: GaussianMixture._checks[name] for name in names}


HANDED_ON: Checks = checks_of(_HANDED_ON)


class MixtureFitting(BaseEstimator):
    """An estimator whose parameters are those of the mixtures that it fits.

    What a subclass says: its table of checks, which ``fit`` goes through before any work.
    """

    _checks: ClassVar[Checks]

    def _mixture(self, n_components: int, **others: Any) -> GaussianMixture:
        """One that is not fitted yet."""
        parameters = {name: getattr(self, name) for name in _HANDED_ON}
        return GaussianMixture(n_components, **{**parameters, **others})

    def _finite(self) -> bool | str:
        """What validation asks of training rows: NaN passes where mixtures are fitted to it."""
        allows = get_tags(self._mixture(1)).input_tags.allow_nan
        return "allow-nan" if allows else True

    def _training(self, X: Any, y: Any, **options: Any) -> tuple[np.ndarray, np.ndarray]:
        """Rows and what is known of them, of a fit that changes nothing if it fails."""
        checked = {"dtype": np.float64, "ensure_all_finite": self._finite(), "estimator": self}
        read = partial(check_X_y, y=y, ensure_min_samples=2, **checked, **options)
        return read_rows(unmasked(X), read)

    def _rows_to_predict(self, X: Any, finite: bool | str) -> np.ndarray:
        check_is_fitted(self)
        options = {"dtype": np.float64, "ensure_all_finite": finite}
        return check_rows(self, unmasked(X), reset=False, **options)


def relative(weight: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    """The weights of some rows."""
    return None if weight is None else weight[rows]
