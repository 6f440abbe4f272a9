"""Mixtures of independent features that are 0 or 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._families.categorical import Categorical, Classes
from ._families.linear import LinearFamily
from ._family_fit import Problem, plain_rows
from ._family_mixture import FamilyMixture
from ._refusals import brief
from ._rows.blocks import Rows
from ._tables import read_floats_or_nan
from ._validation import check_finite
from .constraints import Allowed, Expectation, Proportions


class BernoulliMixture(FamilyMixture):
    """Mixture of independent features that are 0 or 1, fitted by maximum likelihood with EM.

    p(x) = sum_k w_k prod_j p_kj^x_j (1 - p_kj)^(1 - x_j). NaN is a missing value, which is left out
    of the product (missing at random).

    Parameters
    ----------
    n_components : int, default=1
        Number of components K.

    binarize : float or None, default=0.0
        Values above this threshold are 1 and others are 0, as in
        :class:`sklearn.naive_bayes.BernoulliNB`. With None X must hold 0, 1 and NaN alone.

    tol : float, default=1e-10
        The fit has converged when what EM would still gain in mean log-likelihood per sample is
        estimated to be at most ``tol``. With 0 the fit makes ``max_iter`` passes.

    max_iter : int, default=10000
        Largest number of passes over the data after the first.

    n_init : int, default=10
        Number of starts. They are compared after a short climb, and only those that can still
        win go on; the best result is kept.

    init_params : 'auto', array-like or callable, default='auto'
        How to start:

        - 'auto': partitions of the distinct rows by k-means, from k-means++ seeds.
        - array of shape (n_samples,): integer labels, or of shape (n_samples, n_components):
          responsibilities.
        - callable: ``init_params(X, n_components, random_state)`` returns such an array.

    weights_init : array-like of shape (n_components,), default=None
        Initial weights of the components.

    frozen : () or ('weights',), default=()
        ('weights',) leaves the weights at ``weights_init``, or at equal ones.

    temperature : float, default=1.0
        T in the objective mean max_q <q, log_joint> + T H(q), H the entropy of the
        responsibilities q. 1 is maximum likelihood, 0 assigns every row to one component
        (classification EM).

    constraints : tuple of Allowed, Proportions or Expectation, default=()
        Constraints on responsibilities; see :mod:`emix.constraints`.

    acceleration : bool, default=True
        Extrapolate EM by quasi-Newton steps on the statistics (Jamshidian & Jennrich 1997); such a
        step is kept only if it does not lower the objective. False is plain EM.

    random_state : int, RandomState instance or None, default=None
        Source of randomness of starts and of :meth:`sample`.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Weights of the components.

    probabilities_ : ndarray of shape (n_components, n_features)
        Probabilities of a 1.

    converged_ : bool
        Whether ``tol`` was reached.

    n_iter_ : int
        Passes of the best climb after its first, which evaluates the start.

    stop_reason_ : str
        Why it ended.

    lower_bound_ : float
        The objective at the result, per sample: ``score(X)`` of the training rows, for
        temperature 1 without constraints.

    lower_bounds_ : list of float
        The objective after each of these passes; it never falls.

    remaining_gain_ : float
        Estimate of what more passes would add to ``lower_bound_``.

    history_ : structured ndarray of shape (n_iter_ + 1,)
        One row per pass over the data: ``free_energy``, ``objective``, ``log_likelihood``,
        ``log_prior``, ``entropy``, ``gap``, ``remaining``, ``extrapolated``, ``accepted``,
        ``temperature``.

    n_collapsed_ : int
        0: nothing collapses in this family.

    starts_ : structured ndarray of shape (n_starts,)
        What each start led to. The start of the result comes first, then the others by falling
        objective, and last those with a component that is not sound. The fields are

        - ``objective``: where the climb ended, in the units of ``lower_bound_``;
        - ``remaining``: the estimate of what it would still gain;
        - ``n_iter``: its passes after the first;
        - ``reason``: why it ended;
        - ``sound``: whether no component rests on too few rows or is too thin;
        - ``given_up``: whether it was ended early, as another start leads as high or higher, or
          as a component is not sound;
        - ``weights``: the weights where it ended.

    singular_components_ : ndarray of int
        None: no component of this family is.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has any that are strings.

    See Also
    --------
    CategoricalMixture : For features of more than two levels.

    References
    ----------
    .. [1] C. M. Bishop (2006). Pattern Recognition and Machine Learning, section 9.3.3. Springer.

    Examples
    --------
    >>> import numpy as np
    >>> from emix import BernoulliMixture
    >>> rng = np.random.RandomState(0)
    >>> X = rng.rand(500, 6) < np.where(rng.rand(500, 1) < 0.3, 0.9, 0.2)
    >>> mixture = BernoulliMixture(2, random_state=0).fit(X)
    >>> np.sort(mixture.weights_).round(1)
    array([0.3, 0.7])
    >>> bool((mixture.probabilities_[mixture.weights_.argmin()] > 0.7).all())
    True
    """

    probabilities_: np.ndarray

    def __init__(
        self,
        n_components: int = 1,
        *,
        binarize: float | None = 0.0,
        tol: float = 1e-10,
        max_iter: int = 10_000,
        n_init: int = 10,
        init_params: str | ArrayLike | Callable = "auto",
        weights_init: ArrayLike | None = None,
        frozen: tuple[str, ...] = (),
        temperature: float = 1.0,
        constraints: Sequence[Allowed | Proportions | Expectation] = (),
        acceleration: bool = True,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.binarize = binarize
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.frozen = frozen
        self.temperature = temperature
        self.constraints = constraints
        self.acceleration = acceleration
        self.random_state = random_state

    _read = staticmethod(read_floats_or_nan)

    def _levels(self, X: np.ndarray) -> np.ndarray:
        """0 and 1, and -1 for missing values."""
        missing = np.isnan(X)
        if self.binarize is not None:
            threshold = check_finite("binarize", self.binarize)
            X = np.greater(X, threshold).astype(X.dtype)
        wrong = np.argwhere(~(missing | (X == 0.0) | (X == 1.0)))
        if wrong.size:
            row, column = wrong[0]
            raise ValueError(
                f"X holds {brief(X[row, column].item())} in row {row}, column {column}; with "
                "binarize=None all values must be 0, 1 or NaN"
            )
        return np.where(missing, -1.0, X) if missing.any() else X

    def _problem(self, X: np.ndarray, weight: np.ndarray | None, mapper: Any) -> Problem:
        family: LinearFamily[Any] = LinearFamily(Categorical((2,) * X.shape[1]))
        return Problem(plain_rows(self._levels(X), weight, mapper), family, 0.0, {})

    def _rows(self, X: np.ndarray) -> Rows:
        return plain_rows(self._levels(X), None)

    def _described(self, params: Classes, problem: Problem) -> dict[str, Any]:
        return {"probabilities_": params.probabilities[:, 1::2].copy()}

    def _fitted(self) -> tuple[LinearFamily, Classes]:
        ones = np.asarray(self.probabilities_, dtype=np.float64)
        both = np.stack([1.0 - ones, ones], axis=2).reshape(len(ones), -1)
        family: LinearFamily[Any] = LinearFamily(Categorical((2,) * ones.shape[1]))
        return family, Classes(np.asarray(self.weights_), both)

    def standard_errors(
        self, X: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> dict[str, np.ndarray]:
        """Standard errors of the parameters, from the observed information.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that the model was fitted to.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, those that the fit had: how often each was seen.

        Returns
        -------
        errors : dict
            'weights_' and 'probabilities_', in the shapes of the attributes. 0 where a
            parameter is at the edge of what is possible, or frozen: it is taken as known.

        Raises
        ------
        ValueError
            If the parameters are not identified by the rows.

        References
        ----------
        T. A. Louis (1982). Finding the observed information matrix when using the EM algorithm.
        J. Royal Statistical Society B 44, 226-233.
        """
        errors = self._errors(X, sample_weight)
        return {"weights_": errors[:, -1], "probabilities_": errors[:, 1:-1:2]}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
