"""Classification by a mixture of normals for each class."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from .._fitted.base import quiet
from .._gaussian.gaussian_mixture import GaussianMixture
from .._input.parameters import Checks, at_least, checked, optional
from .._input.refusals import brief
from .._input.structures import SAME_AS, STRUCTURES
from .._input.validation import check_array_of, check_flag, check_integer, check_sample_weight
from ..constraints import Allowed
from ..priors import ConjugatePrior
from .supervised import HANDED_ON, MixtureFitting, relative

# The structure of one covariance for all, for one of each component.
_SHARED = {"full": "tied", "diag": "tied_diag", "spherical": "tied_spherical"}
# Where a class starts, if not with 'tied_diag': spheres are for features that share a unit.
_SIMPLE = {"spherical": "tied_spherical", "tied_spherical": "tied_spherical"}
# Share of the variance of all rows that components have at least where classes are fitted together
# from a few labels: at the start alone.
_NARROWEST = 1e-4


class _Labelled(NamedTuple):
    """Validated rows: codes (n,) of their classes, -1 for none."""

    X: np.ndarray
    codes: np.ndarray
    weight: np.ndarray | None
    classes: np.ndarray

    def of_class(self, code: int) -> np.ndarray:
        """Indices of its rows of positive weight."""
        ours = self.codes == code
        return np.flatnonzero(ours if self.weight is None else ours & (self.weight > 0.0))

    def total(self, code: int) -> float:
        ours = self.codes == code
        return float(ours.sum() if self.weight is None else self.weight[ours].sum())


class _Start(NamedTuple):
    """Weights (K,) and means (K, d) of a class, and variances (d,) within its components."""

    weights: np.ndarray
    means: np.ndarray
    variances: np.ndarray


def _check_numbers(name: str, value: Any) -> int | dict | str:
    """An integer, integers by class, or 'bic'."""
    if isinstance(value, str) and value != "bic":
        raise ValueError(f"{name} must be an integer, a mapping or 'bic', got {value!r}")
    if isinstance(value, Mapping):
        return {label: check_integer(name, count, 1) for label, count in value.items()}
    return value if isinstance(value, str) else check_integer(name, value, 1)


def _check_shares(name: str, value: ArrayLike) -> np.ndarray:
    """They add up to one; of how many classes is for the data to say."""
    shares = check_array_of(name, value, (np.size(value),))
    if shares.min(initial=0.0) < 0.0 or abs(shares.sum() - 1.0) > 1e-6:
        raise ValueError(
            f"{name} must not be negative and add up to one, got a sum of {shares.sum():g}; "
            "divide them by their sum"
        )
    return shares / shares.sum()


def _check_mark(name: str, value: Any) -> Any:
    """One entry of y."""
    if np.ndim(value):
        raise TypeError(f"{name} must be one number or string, got {brief(value)}")
    return value


class GaussianMixtureClassifier(ClassifierMixin, MixtureFitting):
    """Bayes' rule with a mixture of normals for the density of each class.

    Mixture discriminant analysis [1]_ [2]_: with priors p(c) and class densities p(x | c), the
    probability of a class is proportional to p(c) p(x | c). One component for each class is
    quadratic discriminant analysis, and linear if the covariance is shared.

    Parameters
    ----------
    n_components : int, mapping or 'bic', default=1
        Number of components of each class; a mapping from each class to its number; or 'bic':
        for each class the number from 1 to ``max_components`` that has the least ``bic``.

    max_components : int, default=5
        Largest number that 'bic' tries.

    covariance_type : {'full', 'tied', 'diag', 'spherical', 'tied_diag', 'tied_spherical'}, \
default='full'
        Structure of the covariances of a class; with ``shared_covariance`` of all classes.

    shared_covariance : bool, default=False
        Whether all components of all classes have one covariance, which is then
        'full' or 'tied' (general), 'diag' or 'tied_diag', 'spherical' or 'tied_spherical'.

    priors : array-like of shape (n_classes,), default=None
        Priors of the classes in the order of ``classes_``; they add up to one. None takes the
        classes' shares of the rows, or of their weights.

    unlabelled : int or str, default=None
        The entry of y that marks rows whose class is not known, for instance -1. Such rows have
        a part in the fit: EM takes their class as one more unknown. None: all rows have a class.

    tol : float, default=1e-7
        As of :class:`GaussianMixture`.

    reg_covar : float, default=0.0
        Variance added to the diagonal of all covariances.

    max_iter : int, default=1000
        Largest number of passes of each fit.

    n_init : int, default=1
        Number of starts for each class.

    init_params : {'kmeans', 'k-means++', 'random', 'random_from_data'} or callable, \
default='kmeans'
        How to start, on the rows of each class.

    prior : {'fraley-raftery'} or ConjugatePrior, default=None
        Prior distribution of the parameters of each class.

    random_state : int, RandomState instance or None, default=None
        Source of randomness of starts.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.

    priors_ : ndarray of shape (n_classes,)
        Priors of the classes.

    mixtures_ : list of GaussianMixture
        The density of each class.

    n_components_ : ndarray of int of shape (n_classes,)
        Number of components of each class.

    n_iter_ : int
        Passes of the longest fit after its first.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during fit, if X has them and all are strings.

    See Also
    --------
    sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis : One normal for each class.

    Notes
    -----
    With a shared covariance, or rows of unknown class, the classes are one mixture with all
    components, of which a labelled row may belong to those of its class alone
    (:class:`emix.constraints.Allowed`). It starts from fits of the labelled rows of each class,
    with one simple covariance.

    References
    ----------
    .. [1] T. Hastie, R. Tibshirani (1996). Discriminant analysis by Gaussian mixtures. J. Royal
       Statistical Society B 58, 155-176.
    .. [2] C. Fraley, A. E. Raftery (2002). Model-based clustering, discriminant analysis, and
       density estimation. J. American Statistical Association 97, 611-631.

    Examples
    --------
    >>> from emix import GaussianMixtureClassifier
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = GaussianMixtureClassifier().fit(X, y)
    >>> round(classifier.score(X, y), 3)
    0.98
    >>> classifier.predict_proba(X[[0, 70]]).round(2) + 0.0
    array([[1.  , 0.  , 0.  ],
           [0.  , 0.33, 0.67]])
    """

    classes_: np.ndarray
    priors_: np.ndarray
    mixtures_: list[GaussianMixture]
    n_components_: np.ndarray
    n_iter_: int
    n_features_in_: int
    feature_names_in_: np.ndarray

    def __init__(
        self,
        n_components: int | Mapping | str = 1,
        *,
        max_components: int = 5,
        covariance_type: str = "full",
        shared_covariance: bool = False,
        priors: ArrayLike | None = None,
        unlabelled: int | str | None = None,
        tol: float = 1e-7,
        reg_covar: float = 0.0,
        max_iter: int = 1000,
        n_init: int = 1,
        init_params: str | Callable = "kmeans",
        prior: str | ConjugatePrior | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.max_components = max_components
        self.covariance_type = covariance_type
        self.shared_covariance = shared_covariance
        self.priors = priors
        self.unlabelled = unlabelled
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.prior = prior
        self.random_state = random_state

    _checks: ClassVar[Checks] = {
        **HANDED_ON,
        "n_components": _check_numbers,
        "max_components": at_least(1),
        "shared_covariance": check_flag,
        "priors": optional(_check_shares),
        "unlabelled": _check_mark,
    }

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit a mixture to the rows of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.

        y : array-like of shape (n_samples,)
            Their classes.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, not negative; an integer weight is the same as repeating the
            row.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data are unusable, or a class has fewer than two rows or fewer
            than it has components; the estimator is then as it was before.

        Warns
        -----
        ConvergenceWarning
            If ``max_iter`` was too small for ``tol``, or a covariance is singular.
        """
        values = checked(self, self._checks)
        data = self._labelled(X, y, sample_weight)
        n_classes = len(data.classes)
        if values.priors is not None and len(values.priors) != n_classes:
            raise ValueError(f"priors must have one entry for each of {n_classes} classes")
        priors = np.array([data.total(code) for code in range(n_classes)])
        priors /= priors.sum()
        counts = _counts(data, values.n_components, values.max_components)
        if values.shared_covariance or (data.codes < 0).any():
            shared = values.shared_covariance
            priors, mixtures, n_iter = self._together(data, priors, counts, shared)
        else:
            mixtures = [self._of_class(data, c, tried) for c, tried in enumerate(counts)]
            n_iter = max(mixture.n_iter_ for mixture in mixtures)
        if values.priors is not None:
            priors = values.priors
        # names and number of features: only now, as a fit that fails changes nothing
        validate_data(self, X, skip_check_array=True)
        self.classes_, self.priors_, self.mixtures_ = data.classes, priors, mixtures
        self.n_components_ = np.array([len(mixture.means_) for mixture in mixtures])
        self.n_iter_ = n_iter
        return self

    def _labelled(self, X, y, sample_weight) -> _Labelled:
        X, y = self._training(X, y)
        known = np.ones(len(y), dtype=bool)
        if self.unlabelled is not None:
            known = np.broadcast_to(y != self.unlabelled, y.shape)
            if not known.any():
                raise ValueError(
                    f"all entries of y are {self.unlabelled!r}, that is, of no class; the fit "
                    "needs some rows of every class"
                )
        check_classification_targets(y[known])
        classes, codes = np.unique(y[known], return_inverse=True)
        every = np.full(len(y), -1)
        every[known] = codes
        return _Labelled(X, every, check_sample_weight(sample_weight, len(X)), classes)

    def _joint_type(self, shared: bool) -> str:
        """The structure of the covariances of all classes together."""
        given = SAME_AS.get(self.covariance_type, self.covariance_type)
        if given not in STRUCTURES:
            raise ValueError(
                f"covariance_type={given!r} ties the components of one class, and all classes are "
                f"fitted at once here: choose one of {', '.join(map(repr, STRUCTURES))}"
            )
        if shared:
            return _SHARED.get(given, given)
        if given in _SHARED.values():
            raise ValueError(
                f"covariance_type={given!r} with rows of unknown class needs "
                "shared_covariance=True, or the structure without 'tied': covariances that the "
                "components of one class share are not fitted for all classes at once"
            )
        return given

    def _rows(self, data: _Labelled, code: int, least: int) -> tuple[np.ndarray, Any]:
        """The rows of a class and their weights, at least so many; a weight of two is two rows."""
        rows = data.of_class(code)
        X, weight = data.X[rows], relative(data.weight, rows)
        size = len(X) if weight is None else max(len(X), int(weight.sum()))
        if not len(X) or size < least:
            label = data.classes.tolist()[code]
            noun = "row" if len(X) == 1 else "rows"
            raise ValueError(
                f"class {label!r} has {len(X)} {noun} of positive weight, and needs at least "
                f"{least}: leave the class out, decrease n_components, or set "
                "shared_covariance=True"
            )
        return X, weight

    def _of_class(self, data: _Labelled, code: int, counts: list[int]) -> GaussianMixture:
        """The mixture of a class by itself, of the number of components with the least BIC."""
        X, weight = self._rows(data, code, max(2, min(counts)))
        if len(X) == 1:
            X, weight = np.repeat(X, 2, axis=0), np.repeat(0.5 * weight, 2)
        return self._chosen(counts, X, weight, {})

    def _chosen(self, counts: list[int], X, weight, others: dict) -> GaussianMixture:
        """The fit with the least BIC."""
        if len(counts) == 1:
            return self._mixture(counts[0], **others).fit(X, sample_weight=weight)
        fits = [self._tried(self._mixture(count, **others), X, weight) for count in counts]
        found = [fit for fit in fits if fit is not None]
        return min(found, key=lambda fit: fit.bic(X, sample_weight=weight))

    def _tried(self, mixture: GaussianMixture, X, weight) -> GaussianMixture | None:
        """A fit. None where one of several components has a singular covariance: such a likelihood
        tells more of the least variance that is allowed than of the rows."""
        if mixture.n_components == 1:
            return mixture.fit(X, sample_weight=weight)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            mixture.fit(X, sample_weight=weight)
        if mixture.singular_components_.any():
            return None
        for each in caught:
            warnings.warn(each.message, each.category, stacklevel=4)
        return mixture

    def _together(self, data: _Labelled, priors, counts: list[list[int]], shared: bool):
        """Priors, the classes' mixtures and the passes of all classes as one mixture, from
        where the labelled rows of each by itself lead."""
        joint_type = self._joint_type(shared)
        starts = [self._begun(data, c, tried, joint_type) for c, tried in enumerate(counts)]
        owner = np.repeat(np.arange(len(starts)), [len(each.weights) for each in starts])
        weights = np.concatenate([p * s.weights for p, s in zip(priors, starts, strict=True)])
        variances = priors @ np.array([each.variances for each in starts])
        spread = np.nanvar(data.X, axis=0)
        # few labels say little of how wide components are, and may say that they are points
        variances = np.maximum(variances, np.where(spread > 0.0, _NARROWEST * spread, 1.0))
        allowed = (data.codes[:, None] < 0) | (data.codes[:, None] == owner)
        joint = self._mixture(
            len(owner),
            covariance_type=joint_type,
            constraints=(Allowed(allowed),),
            weights_init=weights / weights.sum(),
            means_init=np.concatenate([each.means for each in starts]),
            precisions_init=_precisions(joint_type, variances, len(owner)),
        ).fit(data.X, sample_weight=data.weight)
        parts = [_part(joint, np.flatnonzero(owner == c)) for c in range(len(starts))]
        shares = np.array([share for share, _ in parts])
        return shares, [mixture for _, mixture in parts], joint.n_iter_

    def _begun(self, data: _Labelled, code: int, counts: list[int], joint_type: str) -> _Start:
        """Where a class starts."""
        X, weight = self._rows(data, code, min(counts))
        if max(counts) == 1:
            mean = _mean(X, weight, np.nanmean(data.X, axis=0))
            return _Start(
                np.ones(1), mean[None], _mean((X - mean) ** 2, weight, np.zeros(len(mean)))
            )
        # few rows are enough for one simple covariance; BIC compares what will be fitted
        chosen = joint_type if len(counts) > 1 else _SIMPLE.get(joint_type, "tied_diag")
        others = {"covariance_type": chosen, "prior": self.prior if len(counts) > 1 else None}
        normals = self._chosen(counts, X, weight, others)._normals()
        variances = np.square(normals.roots).sum(axis=1)
        return _Start(normals.weights, normals.means, normals.weights @ variances)

    # --- prediction -------------------------------------------------------------------------

    def predict_joint_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Log-density of rows and classes, log p(x, c) = log p(c) + log p(x | c).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to evaluate.

        Returns
        -------
        log_joint : ndarray of shape (n_samples, n_classes)
        """
        X = self._rows_to_predict(X, self._finite())
        columns = [mixture.score_samples(X) for mixture in self.mixtures_]
        with np.errstate(divide="ignore"):
            return np.column_stack(columns) + np.log(self.priors_)

    @quiet
    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Logarithms of :meth:`predict_proba`, without underflow.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to evaluate.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
        """
        joint = self.predict_joint_log_proba(X)
        # far away logarithms are so large that a sum would not tell one class from two
        joint -= joint.max(axis=1, keepdims=True)
        return joint - logsumexp(joint, axis=1, keepdims=True)

    @quiet
    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to evaluate.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            The probabilities p(c | x), in the order of ``classes_``; rows add up to one.
        """
        return np.exp(self.predict_log_proba(X))

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Most probable class of every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to label.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        best = self.predict_joint_log_proba(X).argmax(axis=1)
        return self.classes_[best]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self._finite() == "allow-nan"
        return tags


def _mean(X: np.ndarray, weight: np.ndarray | None, otherwise: np.ndarray) -> np.ndarray:
    """Weighted means of the values that there are in each column, or what else to take."""
    counted = ~np.isnan(X) * (np.ones(len(X)) if weight is None else weight)[:, None]
    total = counted.sum(axis=0)
    # about what else there is, so that large numbers do not cancel
    shift = (counted * (np.where(counted > 0.0, X, otherwise) - otherwise)).sum(axis=0)
    return otherwise + shift / np.where(total > 0.0, total, 1.0)


def _counts(data: _Labelled, given: int | dict | str, most: int) -> list[list[int]]:
    """Numbers of components to try for each class."""
    labels = data.classes.tolist()
    if isinstance(given, str):
        sizes = (len(data.of_class(code)) for code in range(len(labels)))
        return [list(range(1, max(1, min(most, size // 2)) + 1)) for size in sizes]
    if not isinstance(given, dict):
        return [[given]] * len(labels)
    missing = [label for label in labels if label not in given]
    if missing:
        raise ValueError(f"n_components has no number for class {missing[0]!r}")
    return [[given[label]] for label in labels]


def _precisions(covariance_type: str, variances: np.ndarray, n_components: int) -> np.ndarray:
    """Those of components with these variances (d,), in the structure's shape."""
    structure = STRUCTURES[covariance_type]
    form = structure.form
    factor = form.factorise(form.from_variances(variances), float(np.finfo(float).tiny)).factor
    return structure.sharing.repeated(form.precision(factor), n_components)


def _part(joint: GaussianMixture, components: np.ndarray) -> tuple[float, GaussianMixture]:
    """The weight of some components of a mixture, and the mixture of them alone."""
    weights = np.asarray(joint.weights_, dtype=float)[components]
    share = float(weights.sum())
    sharing = joint._fitted().parameters.structure.sharing
    covariances = sharing.taken(np.asarray(joint.covariances_), components)
    return share, GaussianMixture.from_parameters(
        weights / share,
        joint.means_[components],
        covariances,
        covariance_type=joint.covariance_type,
    )
