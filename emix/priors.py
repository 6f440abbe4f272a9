"""Prior distributions of a mixture's parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import gammaln

from ._mixture.mixture import Mixture
from ._normal.covariances import Structure
from ._normal.prior import Prior
from ._refusals import brief
from ._validation import check_array_of, check_real

__all__ = ["ConjugatePrior"]

# Least variance of the default scale in any direction of standardised data, in which X may hardly
# vary or not at all; that of BayesianGaussianMixture.
_LEAST = 1e-6
_LOG_2PI = math.log(2.0 * math.pi)


@dataclass(frozen=True, kw_only=True)
class ConjugatePrior:
    """Dirichlet prior of the weights, normal-inverse-Wishart prior of means and covariances.

    With it, :class:`emix.GaussianMixture` maximises log-likelihood plus log-prior (maximum a
    posteriori). No covariance can then become singular, so that a component that would
    collapse onto a few rows, lives. The defaults are those of Fraley and Raftery [1]_, with one
    exception: a diagonal covariance gets the variance of each feature in place of their
    average, so that results do not depend on the features' units.

    Parameters
    ----------
    weight_concentration : float, default=1.0
        Parameter alpha of the symmetric Dirichlet prior of the weights, at least 1; 1 is the
        uniform distribution, and alpha - 1 counts pseudo-rows of each component.

    mean : array-like of shape (n_features,), default=None
        Centre m of the means; None for the mean of the data.

    mean_precision : float, default=0.01
        Pseudo-rows kappa that pull a mean to its centre: mean ~ N(m, C / kappa).

    degrees_of_freedom : float, default=None
        Degrees of freedom nu of the (inverse) Wishart distribution, greater than
        n_features - 1; None for n_features + 2. For diagonal and spherical covariances it is
        that of the inverse gamma distribution IG(nu / 2, ...), greater than 0.

    covariance : array-like, default=None
        Scale S in the shape of one component's covariance; None for the covariance of the
        data, divided by ``n_components ** (2 / n_features)``. In directions in which X hardly
        varies (a constant feature, a linear combination of others, fewer rows than features)
        the data's covariance is taken to be at least 1e-6 of the variance of standardised
        features.

    References
    ----------
    .. [1] C. Fraley, A. E. Raftery (2007). Bayesian regularization for normal mixture
       estimation and model-based clustering. J. of Classification 24, 155-181.

    Examples
    --------
    >>> import numpy as np
    >>> from emix import GaussianMixture
    >>> from emix.priors import ConjugatePrior
    >>> X = np.array([[0.0], [0.1], [0.2], [5.0]])
    >>> mixture = GaussianMixture(2, prior=ConjugatePrior(), random_state=0).fit(X)
    >>> np.sort(mixture.means_[:, 0]).round(1)
    array([0.1, 5. ])
    >>> bool(mixture.covariances_.min() > 0.1)
    True
    """

    weight_concentration: float = 1.0
    mean: Any = None
    mean_precision: float = 0.01
    degrees_of_freedom: float | None = None
    covariance: Any = None

    def _checked(self, structure: Structure, d: int) -> ConjugatePrior:
        """The same with all but what comes from the data filled in."""
        concentration = check_real("prior.weight_concentration", self.weight_concentration)
        if concentration < 1.0:
            raise ValueError(
                f"prior.weight_concentration must be at least 1, got {concentration}: below, "
                "the density of the weights is unbounded"
            )
        precision = check_real("prior.mean_precision", self.mean_precision)
        if precision == 0.0:
            raise ValueError("prior.mean_precision must be positive")
        degrees = self.degrees_of_freedom
        degrees = d + 2.0 if degrees is None else check_real("prior.degrees_of_freedom", degrees)
        least = int(structure.form.bartlett(d).max())
        if degrees <= least:
            raise ValueError(
                f"prior.degrees_of_freedom must be greater than {least}, got {degrees:g}"
            )
        mean, covariance = self.mean, self.covariance
        if mean is not None:
            mean = check_array_of("prior.mean", mean, (d,))
        if covariance is not None:
            covariance = _check_covariance(covariance, structure, d)
        return ConjugatePrior(
            weight_concentration=concentration,
            mean=mean,
            mean_precision=precision,
            degrees_of_freedom=degrees,
            covariance=covariance,
        )

    def _of_model(self, model: Mixture, n_components: int) -> Prior:
        """Checked, in the model's standard units and per unit of its weight."""
        structure, rows = model.structure, model.rows
        form, d, weight = structure.form, rows.d, rows.total_weight
        checked = self._checked(structure, d)
        # the density needs all directions: the log-determinant of a singular scale is infinite
        spread = form.factorise(model.space.spread, _LEAST).covariance
        mean, scale = np.zeros(d), spread / n_components ** (2.0 / d)
        if checked.mean is not None:
            mean = (checked.mean - rows.shift) / rows.scale
        if checked.covariance is not None:
            unit = np.ones(form.shape(d))
            scale = form.rescale(checked.covariance, unit, 1.0 / rows.scale)[0]
        degrees, kappa = checked.degrees_of_freedom, checked.mean_precision
        count, sharing = form.wishart_count(degrees, d), structure.sharing
        matrices, shared = sharing.n_matrices(n_components), sharing.n_sharing(n_components)
        const = matrices * form.log_inverse_wishart(degrees, scale, d)
        const += n_components * 0.5 * d * (math.log(kappa) - _LOG_2PI)
        alpha = checked.weight_concentration
        const += gammaln(n_components * alpha) - n_components * gammaln(alpha)
        const -= matrices * (form.log_jacobian(rows.scale) + shared * np.log(rows.scale).sum())
        return Prior(
            const=float(const) / weight,
            concentration=(alpha - 1.0) / weight,
            mean=mean,
            mean_precision=kappa / weight,
            count=count / weight,
            mean_count=1.0 / weight,
            scale=scale / weight,
        )


def _check_covariance(value: Any, structure: Structure, d: int) -> np.ndarray:
    covariance = check_array_of("prior.covariance", value, structure.form.shape(d))
    if not structure.form.is_positive(covariance):
        raise ValueError("prior.covariance must be symmetric and positive definite")
    return covariance


PRIORS = {"fraley-raftery": ConjugatePrior()}


def check_prior(value: Any) -> ConjugatePrior | None:
    if value is None or isinstance(value, ConjugatePrior):
        return value
    if isinstance(value, str) and value in PRIORS:
        return PRIORS[value]
    raise ValueError(
        f"prior must be None, an emix.priors.ConjugatePrior or 'fraley-raftery', got {brief(value)}"
    )


def same_prior(one: Any, other: Any) -> bool:
    """Whether two values of the parameter are the same prior."""
    one, other = check_prior(one), check_prior(other)
    if one is None or other is None:
        return one is other
    mine, theirs = vars(one), vars(other)
    return all(np.array_equal(mine[name], theirs[name]) for name in mine)
