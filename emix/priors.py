"""Prior distributions of a mixture's parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.special import gammaln

from ._families.prior import UnseenRows, WeightPrior
from ._input.refusals import brief
from ._input.validation import check_array_of, check_real
from ._mixture.mixture import Mixture
from ._normal.covariances import Structure
from ._normal.prior import Prior
from ._rows.blocks import Rows

__all__ = ["ConjugatePrior", "DirichletPrior", "GammaPrior"]

# Least variance of the default scale in any direction of standardised data, in which X may hardly
# vary or not at all; that of BayesianGaussianMixture.
_LEAST = 1e-6
_LOG_2PI = math.log(2.0 * math.pi)


class Measured(Protocol):
    """What a prior of normals asks: rows in standard units, and their covariance in the form of a
    structure."""

    structure: Structure
    rows: Any

    @property
    def spread(self) -> np.ndarray: ...


class Counted(Protocol):
    """What a prior of rates asks of counts."""

    def means(self, rows: Rows) -> np.ndarray:
        """Of each feature, (d,)."""

    def unseen(self, events: np.ndarray, rows: float) -> np.ndarray:
        """Statistics of so many events (d,) in so many rows."""


def _check_concentration(name: str, value: Any, of: str) -> float:
    """Of a Dirichlet distribution that has a mode."""
    concentration = check_real(name, value)
    if concentration < 1.0:
        raise ValueError(
            f"{name} must be at least 1, got {concentration}: below, the density of the {of} is "
            "unbounded"
        )
    return concentration


@dataclass(frozen=True, kw_only=True)
class ConjugatePrior:
    """Dirichlet prior of the weights, normal-inverse-Wishart prior of means and covariances.

    With it, :class:`emix.GaussianMixture` maximises log-likelihood plus log-prior (maximum a
    posteriori). No covariance can then become singular, so a component that would collapse onto
    a few rows does not. The defaults are those of Fraley and Raftery [1]_, with one
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
        concentration = _check_weights(self)
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
        found = self._of_components(model.space, n_components)
        weights = self._of_weights(model.rows, n_components)
        return found._replace(concentration=weights.excess, const=found.const + weights.const)

    def _of_weights(self, rows: Rows, n_components: int) -> WeightPrior:
        """That of all weights, per unit of the rows' weight."""
        return WeightPrior.of(_check_weights(self), n_components, rows.total_weight)

    def _of_components(self, space: Measured, n_components: int) -> Prior:
        """That of means and covariances alone."""
        structure, rows = space.structure, space.rows
        form, d, weight = structure.form, rows.d, rows.total_weight
        checked = self._checked(structure, d)
        # the density needs all directions: the log-determinant of a singular scale is infinite
        spread = form.factorise(space.spread, _LEAST).covariance
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
        const -= matrices * (form.log_jacobian(rows.scale) + shared * np.log(rows.scale).sum())
        return Prior(
            const=float(const) / weight,
            concentration=0.0,
            mean=mean,
            mean_precision=kappa / weight,
            count=count / weight,
            mean_count=1.0 / weight,
            scale=scale / weight,
        )


def _check_weights(prior: ConjugatePrior | GammaPrior | DirichletPrior) -> float:
    name = "prior.weight_concentration"
    return _check_concentration(name, prior.weight_concentration, "weights")


@dataclass(frozen=True, kw_only=True)
class GammaPrior:
    """Dirichlet prior of the weights, gamma prior of the rates of :class:`emix.PoissonMixture`.

    The density of a rate l is proportional to l^(shape - 1) exp(-rate l), so that the fit counts
    ``rate`` rows more for each component, with ``shape - 1`` events of the feature in all [1]_.

    Parameters
    ----------
    weight_concentration : float, default=1.0
        Parameter alpha of the symmetric Dirichlet prior of the weights, at least 1; 1 is the
        uniform distribution, and alpha - 1 counts pseudo-rows of each component.

    shape : float or array-like of shape (n_features,), default=None
        Shape of the gamma distribution, at least 1: one more than the number of pseudo-events. None
        for 1 + ``rate`` times the mean of each feature: the mode of the prior is this mean.

    rate : float, default=1.0
        Rate of the gamma distribution, positive: the number of pseudo-rows of each component.

    References
    ----------
    .. [1] A. Gelman, J. B. Carlin, H. S. Stern, D. B. Dunson, A. Vehtari, D. B. Rubin (2013).
       Bayesian Data Analysis, 3rd edition, section 2.6.

    Examples
    --------
    A rate of a component without events stays above 0:

    >>> import numpy as np
    >>> from emix import PoissonMixture
    >>> from emix.priors import GammaPrior
    >>> X = np.array([[0.0], [0.0], [0.0], [9.0], [12.0], [9.0]])
    >>> rates = PoissonMixture(2, prior=GammaPrior(shape=1.5), random_state=0).fit(X).rates_
    >>> np.sort(rates[:, 0]).round(2)
    array([0.13, 7.62])
    """

    weight_concentration: float = 1.0
    shape: Any = None
    rate: float = 1.0

    def _of_rows(
        self, rows: Rows, components: Counted, n_components: int
    ) -> tuple[UnseenRows, WeightPrior]:
        """Checked, per unit of the rows' weight; rows are in the units of the data."""
        total, alpha = rows.total_weight, _check_weights(self)
        rate = check_real("prior.rate", self.rate)
        if rate == 0.0:
            raise ValueError("prior.rate must be positive")
        if self.shape is None:
            shape = 1.0 + rate * components.means(rows)
        elif np.ndim(self.shape):
            shape = check_array_of("prior.shape", self.shape, (rows.d,))
        else:
            shape = np.full(rows.d, check_real("prior.shape", self.shape))
        if shape.min() < 1.0:
            raise ValueError(
                f"prior.shape must be at least 1, got {shape.min():g}: below, the density of the "
                "rates is unbounded"
            )
        const = n_components * float((shape * math.log(rate) - gammaln(shape)).sum())
        unseen = UnseenRows(components.unseen(shape - 1.0, rate) / total, const / total)
        return unseen, WeightPrior.of(alpha, n_components, total)


@dataclass(frozen=True, kw_only=True)
class DirichletPrior:
    """Dirichlet priors of the weights and of the probabilities of categories.

    For :class:`emix.CategoricalMixture` and :class:`emix.BernoulliMixture`, whose two values have a
    beta prior then. The fit counts ``concentration - 1`` answers of every category more in every
    component, so that no probability is 0 or 1 if it is greater than 1 [1]_.

    Parameters
    ----------
    weight_concentration : float, default=1.0
        Parameter alpha of the symmetric Dirichlet prior of the weights, at least 1; 1 is the
        uniform distribution, and alpha - 1 counts pseudo-rows of each component.

    concentration : float, default=2.0
        Parameter of the symmetric Dirichlet prior of the probabilities of each feature in each
        component, at least 1: one more than the number of pseudo-answers.

    References
    ----------
    .. [1] F. Galindo Garre, J. K. Vermunt (2006). Avoiding boundary estimates in latent class
       analysis by Bayesian posterior mode estimation. Behaviormetrika 33, 43-59.

    Examples
    --------
    >>> import numpy as np
    >>> from emix import BernoulliMixture
    >>> from emix.priors import DirichletPrior
    >>> X = np.array([[1, 1, 1], [1, 1, 1], [1, 1, 1], [0, 0, 0], [0, 0, 1]])
    >>> mixture = BernoulliMixture(2, prior=DirichletPrior(), random_state=0).fit(X)
    >>> bool(0.1 < mixture.probabilities_.min() < mixture.probabilities_.max() < 0.9)
    True
    """

    weight_concentration: float = 1.0
    concentration: float = 2.0

    def _of_rows(
        self, rows: Rows, counts: tuple[int, ...], n_components: int
    ) -> tuple[UnseenRows, WeightPrior]:
        """Checked, per unit of the rows' weight, for features of so many levels."""
        total, alpha = rows.total_weight, _check_weights(self)
        name = "prior.concentration"
        each = _check_concentration(name, self.concentration, "probabilities")
        const = sum(gammaln(count * each) - count * gammaln(each) for count in counts)
        sums = np.append(np.full(sum(counts), each - 1.0), 0.0) / total
        unseen = UnseenRows(sums, n_components * float(const) / total)
        return unseen, WeightPrior.of(alpha, n_components, total)


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
