"""Latent classes: mixtures of independent categorical features."""

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
from ._validation import check_option
from .constraints import Allowed, Expectation, Proportions

# In place of a level: a missing answer, and a value that is no level.
MISSING, NEW = -1.0, -2.0


def levels(X: np.ndarray, categories: Sequence[np.ndarray]) -> np.ndarray:
    """The index of each value among the categories of its feature."""
    found = np.empty(X.shape, dtype=np.float64)
    for j, (column, values) in enumerate(zip(X.T, categories, strict=True)):
        index = np.minimum(np.searchsorted(values, column), len(values) - 1)
        found[:, j] = np.where(values[index] == column, index, NEW)
    return np.where(np.isnan(X), MISSING, found)


class CategoricalMixture(FamilyMixture):
    """Latent class analysis: mixture of independent categorical features, fitted with EM.

    Answers are independent given the class: p(x) = sum_k w_k prod_j p_kj(x_j). NaN is a missing
    answer, which is left out of the product (missing at random).

    Parameters
    ----------
    n_components : int, default=1
        Number of classes K.

    categories : 'auto' or list of array-like, default='auto'
        Values that each feature may take; 'auto' takes those in X.

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

        - 'auto': partitions of the distinct rows by k-means on indicators of the levels.
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
        Shares of the classes.

    categories_ : list of ndarray
        The values of each feature, in ascending order.

    probabilities_ : list of ndarray of shape (n_components, len(categories_[j]))
        Probabilities of the values of each feature; their rows add up to one.

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
    BernoulliMixture : For features that are 0 or 1.

    Notes
    -----
    X holds numbers, of which each value is a category. Answers of any type become numbers by
    :class:`sklearn.preprocessing.OrdinalEncoder`. A value that the fit has not seen has probability
    zero, and tells nothing about the class: ``predict`` and ``predict_proba`` take it as missing.

    The classes are identified at most where there are fewer free parameters than cells in the table
    of all answers [1]_. At maxima with a probability of 0 or 1 the likelihood is often flat.

    References
    ----------
    .. [1] L. A. Goodman (1974). Exploratory latent structure analysis using both identifiable and
       unidentifiable models. Biometrika 61, 215-231.

    Examples
    --------
    >>> import numpy as np
    >>> from emix import CategoricalMixture
    >>> rng = np.random.RandomState(0)
    >>> group = rng.rand(600) < 0.4
    >>> X = np.where(rng.rand(600, 5) < 0.8, group[:, None] * 2, rng.randint(3, size=(600, 5)))
    >>> mixture = CategoricalMixture(2, random_state=0).fit(X)
    >>> np.sort(mixture.weights_).round(1)
    array([0.4, 0.6])
    >>> mixture.predict([[0, 0, np.nan, 0, 1], [2, 2, 2, np.nan, 2]]) == mixture.predict(
    ...     [[0] * 5, [2] * 5])
    array([ True,  True])
    """

    probabilities_: list[np.ndarray]
    categories_: list[np.ndarray]

    def __init__(
        self,
        n_components: int = 1,
        *,
        categories: str | Sequence[ArrayLike] = "auto",
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
        self.categories = categories
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

    def _found(self, X: np.ndarray) -> list[np.ndarray]:
        """The values of each feature that are levels."""
        found = [np.unique(column[~np.isnan(column)]) for column in X.T]
        empty = [j for j, values in enumerate(found) if not values.size]
        if empty:
            raise ValueError(f"Column {empty[0]} of X has no answers, only NaN; leave it out")
        if isinstance(self.categories, str):
            check_option("categories", self.categories, ("auto",))
            return found
        given = [np.unique(np.asarray(values, dtype=np.float64)) for values in self.categories]
        if len(given) != len(found):
            raise ValueError(
                f"categories must have one list for each of the {len(found)} columns of X, got "
                f"{len(given)}"
            )
        for j, (values, seen) in enumerate(zip(given, found, strict=True)):
            others = np.setdiff1d(seen, values)
            if others.size:
                raise ValueError(
                    f"Column {j} of X holds {brief(others[0].item())}, which is not in "
                    f"categories[{j}]"
                )
        return given

    def _problem(self, X: np.ndarray, weight: np.ndarray | None, mapper: Any) -> Problem:
        categories = self._found(X if weight is None else X[weight > 0.0])
        family: LinearFamily[Any] = LinearFamily(
            Categorical(tuple(len(values) for values in categories))
        )
        rows = plain_rows(levels(X, categories), weight, mapper)
        return Problem(rows, family, 0.0, {"categories_": categories})

    def _rows(self, X: np.ndarray) -> Rows:
        return plain_rows(levels(X, self.categories_), None)

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Log-probability of every row under the mixture.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to evaluate.

        Returns
        -------
        log_prob : ndarray of shape (n_samples,)
            Log-probability of the answers that are not missing; minus infinity for a row with a
            value that is not in ``categories_``.
        """
        densities, rows = self._asked(X)
        is_new = (rows.X == NEW).any(axis=1)
        return np.where(is_new, -np.inf, densities.log_prob(rows))

    def _described(self, params: Classes, problem: Problem) -> dict[str, Any]:
        ends = np.cumsum([len(values) for values in problem.attributes["categories_"]])
        return {"probabilities_": np.split(params.probabilities, ends[:-1], axis=1)}

    def _in_data_units(self, z: np.ndarray) -> np.ndarray:
        chosen = zip(self.categories_, z.T.astype(int), strict=True)
        return np.column_stack([values[index] for values, index in chosen])

    def _fitted(self) -> tuple[LinearFamily, Classes]:
        parts = [np.asarray(part, dtype=np.float64) for part in self.probabilities_]
        family: LinearFamily[Any] = LinearFamily(
            Categorical(tuple(part.shape[1] for part in parts))
        )
        return family, Classes(np.asarray(self.weights_), np.concatenate(parts, axis=1))

    def standard_errors(
        self, X: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> dict[str, Any]:
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
        ends = np.cumsum([len(values) for values in self.categories_])
        return {
            "weights_": errors[:, -1],
            "probabilities_": np.split(errors[:, :-1], ends[:-1], axis=1),
        }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = True
        return tags
