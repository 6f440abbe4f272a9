"""The prior of a Bayesian mixture, by the constructor's parameters."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from .._bayes.variational import Prior, VariationalMixture
from .._bayes.weighting import Dirichlet, StickBreaking, Weighting
from .._bayes.wishart import factorised
from .._input.structures import NAMED, SAME_AS, STRUCTURES
from .._input.validation import (
    check_covariance_prior,
    check_mean_prior,
    check_option,
    check_positive,
)
from .._mixture.missing import mixture_over
from .._mixture.mixture import Mixture
from .._normal.covariances import Structure
from .._rows.blocks import Rows

WEIGHTINGS: dict[str, type[Weighting]] = {
    "dirichlet_process": StickBreaking,
    "dirichlet_distribution": Dirichlet,
}
# The default covariance prior has at least this variance in any direction of standardised data:
# where the data do not vary, nothing else would keep new rows at finite distances.
_LEAST = 1e-6
# Priors beyond these leave too few digits for what the data add.
_FARTHEST_MEAN = 1e6
_LARGEST_PRECISION = 1e12
_LARGEST_DEGREES = 1e9
# Rows, by the sum of their weights. The bound has n log n, which overflows from 1e305 on.
_MOST_ROWS = 1e300


def check_precision(name: str, value: Any) -> float:
    return check_positive(name, value, _LARGEST_PRECISION)


def check_degrees(name: str, value: Any) -> float:
    return check_positive(name, value, _LARGEST_DEGREES)


class GivenPrior(NamedTuple):
    """The prior in the units of the data; None where it is to come from them."""

    weighting: Weighting
    mean_precision: float
    mean: np.ndarray | None
    degrees: float
    covariance: np.ndarray | None

    def model(self, structure: Structure, rows: Rows, noise: np.ndarray) -> VariationalMixture:
        """The model, with the prior in the units of the rows."""
        # the prior keeps the bound finite, and the bound would not be exact at a floor
        rows = rows.with_values()
        if rows.total_weight > _MOST_ROWS:
            raise ValueError(
                f"sample_weight counts rows beside those that the prior is worth, and adds up to "
                f"{rows.total_weight:g}; it must not be more than {_MOST_ROWS:g}: scale it down"
            )
        likelihood = mixture_over(structure, rows, noise, least_share=0.0)
        covariance, factor = self._covariance(likelihood)
        prior = Prior(
            weighting=self.weighting,
            mean_precision=self.mean_precision,
            mean=self._mean(rows),
            degrees=self.degrees,
            covariance=covariance / self.degrees,
            factor=factor * np.sqrt(self.degrees),
        )
        return VariationalMixture(likelihood, prior, rows.total_weight)

    def _mean(self, rows: Rows) -> np.ndarray:
        if self.mean is None:
            return np.zeros(rows.d)
        mean = self.mean - rows.shift
        with np.errstate(over="ignore"):
            mean = mean / rows.scale
        if np.abs(mean).max() > _FARTHEST_MEAN:
            raise ValueError(
                f"mean_prior is more than {_FARTHEST_MEAN:g} standard deviations of X from its mean"
            )
        return mean

    def _covariance(self, likelihood: Mixture) -> tuple[np.ndarray, np.ndarray]:
        """Covariance and factor, in the units of the rows."""
        form, rows = likelihood.structure.form, likelihood.rows
        if self.covariance is None:
            total = rows.total_weight
            # weights of less than two rows in all have no unbiased variance
            unbiased = total / max(total - 1.0, 0.5 * total)
            return form.factorise(likelihood.space.spread * unbiased, _LEAST)[:2]
        with np.errstate(over="ignore", under="ignore"):
            prior = factorised(form, self.covariance, rows.d, 1.0 / rows.scale)
        variances = form.variances(prior[0], rows.d)
        if not (variances.min() >= 1e-100 and variances.max() <= 1e100):
            raise ValueError(
                "covariance_prior is more than 1e100 times smaller or larger than the variances "
                "of X"
            )
        return prior


def check_structure(name: str, value: Any) -> str:
    """A structure that has a conjugate prior."""
    is_other = isinstance(value, str) and value in NAMED and value not in STRUCTURES
    if not is_other and not hasattr(value, "_structure"):
        return check_option(name, value, STRUCTURES)
    listed = ", ".join(map(repr, STRUCTURES))
    if is_other and value in SAME_AS:
        raise ValueError(f"{name}={value!r} is called {SAME_AS[value]!r} here; it takes {listed}")
    raise ValueError(
        f"{name}={value!r} ties covariances in part or restricts them, and has no conjugate prior: "
        "the posterior of such covariances is of no known form. It takes "
        f"{listed}; or fit GaussianMixture(covariance_type={value!r}), which maximises the "
        "likelihood"
    )


def given_prior(values: SimpleNamespace, d: int) -> GivenPrior:
    """By the constructor's parameters, their shapes checked."""
    structure = STRUCTURES[values.covariance_type]
    mean, covariance = values.mean_prior, values.covariance_prior
    if mean is not None:
        mean = check_mean_prior(mean, d)
    if covariance is not None:
        covariance = check_covariance_prior(covariance, values.covariance_type, structure, d)
    kind = WEIGHTINGS[values.weight_concentration_prior_type]
    return GivenPrior(
        weighting=kind(_or(values.weight_concentration_prior, 1.0 / values.n_components)),
        mean_precision=_or(values.mean_precision_prior, 1.0),
        mean=mean,
        degrees=_degrees(_or(values.degrees_of_freedom_prior, float(d)), structure, d),
        covariance=covariance,
    )


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _degrees(degrees: float, structure: Structure, d: int) -> float:
    least = int(structure.form.bartlett(d).max())
    if degrees <= least:
        raise ValueError(
            f"The parameter 'degrees_of_freedom_prior' should be greater than {least}, but got "
            f"{degrees:.3f}."
        )
    return degrees
