"""The estimator that chooses a number of components and a covariance structure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    DensityMixin,
    MetaEstimatorMixin,
    TransformerMixin,
    clone,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, check_cv
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from .._estimator.callbacks import CallbackSupportMixin, StepTasks, with_callbacks
from .._estimator.estimator import EMEstimator
from .._estimator.publication import publish
from .._estimator.report import warn
from .._fitted.base import quiet
from .._gaussian.gaussian_mixture import GaussianMixture
from .._input.parameters import Checks, at_least, by, checked, optional
from .._input.refusals import brief
from .._input.structures import MCLUST, SAME_AS
from .._input.tables import Data, read_data
from .._input.validation import check_flag, check_integer, check_seed, check_verbose
from .._search.cells import Cell, Grid
from .._search.course import Course, Result
from .._search.criteria import CRITERIA, OWN, Criterion
from .._search.fits import Climbs
from .._search.rows import Part, Rows, part
from .._search.table import Ranked, ranked, table

# Parts of the rows that a criterion by held-out rows takes if the user does not say.
_PARTS = 5


def _check_criterion(name: str, value: Any) -> Any:
    if callable(value) or (isinstance(value, str) and value in CRITERIA):
        return value
    listed = ", ".join(map(repr, CRITERIA))
    raise ValueError(f"{name} must be one of {listed} or a callable, got {brief(value)}")


def _check_counts(name: str, value: Any) -> list[int]:
    """Numbers of components, rising."""
    listed = list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]
    counts = [check_integer(name, count, 1) for count in listed]
    return sorted(_each_once(name, counts))


def _check_structures(name: str, value: Any) -> list[Any]:
    """Whatever an estimator takes; the estimator itself checks it."""
    single = isinstance(value, str) or not isinstance(value, Iterable)
    return _each_once(name, [value] if single else list(value))


def _each_once(name: str, values: list[Any]) -> list[Any]:
    if not values:
        raise ValueError(f"{name} is empty: there is nothing to choose from")
    for i, value in enumerate(values):
        if value in values[:i]:
            raise ValueError(f"{name} has {value!r} twice; name each value once")
    return values


_CHECKS: Checks = {
    "n_components": _check_counts,
    "covariance_type": _check_structures,
    "criterion": _check_criterion,
    "patience": optional(at_least(1)),
    "neighbours": check_flag,
    "verbose": by(check_verbose),
}


def _has(method: str) -> Callable[[Any], bool]:
    """Whether the best estimator, or before a fit the template, has the method."""

    def check(search: MixtureSearch) -> bool:
        getattr(getattr(search, "best_estimator_", search._template()), method)
        return True

    return check


class MixtureSearch(
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    DensityMixin,
    MetaEstimatorMixin,
    BaseEstimator,
):
    """Chooses a number of components and a covariance structure, and fits the mixture.

    Every number of components is fitted with every structure, from the usual starts and from the
    fits of its neighbours. The best fit by a criterion is kept, and answers for the search:
    ``predict``, ``score``, ``sample`` and so on are its methods. A fit with a singular component,
    whose likelihood says nothing, is chosen only if there are no others.

    Parameters
    ----------
    estimator : GaussianMixture, default=None
        An estimator whose other parameters all fits have, ``n_init`` or ``prior`` for instance; it
        is cloned. None is ``GaussianMixture()``. :class:`HardGaussianMixture` and
        :class:`BayesianGaussianMixture` will do, too.

    n_components : int or iterable of int, default=(1, 2, 3, 4, 5, 6, 7, 8, 9)
        Numbers of components to try, for instance ``range(1, 6)``.

    covariance_type : 'all', or a covariance_type or a list of them, default='all'
        Structures to try, as the estimator takes them. 'all' are the 14 structures of
        :class:`GaussianMixture` under their names of three letters, or those of them that the
        estimator has; where there are no more distinct rows than features, only those without axes
        of their own.

    criterion : {'bic', 'icl', 'aic', 'cv'} or callable, default='bic'
        What decides:

        - 'bic': the lowest -2 log L + p log n, with p free parameters and n rows (Schwarz 1978).
          R's mclust reports it with the other sign.
        - 'icl': the lowest integrated completed likelihood, which avoids overlapping components.
        - 'aic': the lowest -2 log L + 2 p.
        - 'cv': the highest mean log-density of rows that were held out.
        - callable: the lowest ``criterion(mixture, X)``, a number; with weights it is called as
          ``criterion(mixture, X, sample_weight=sample_weight)``.

    cv : int, cross-validation generator or iterable, default=None
        How rows are held out. An integer is a number of parts of the shuffled rows. None holds no
        rows out, unless the criterion is 'cv', which takes 5 parts. With other criteria the scores
        of the held-out rows are in ``results_``, and decide nothing.

    neighbours : bool, default=True
        Whether fits also start from those of the same structure with one component fewer, of which
        one is split, and with one more, of which two are merged [3]_. Without them the
        log-likelihood can fall from a number of components to the next.

    patience : int, default=3
        A structure is given up after so many numbers of components in a row that did not improve
        its criterion. This is a rule of thumb: a better fit with even more components would be
        missed. None fits all.

    n_jobs : int, default=None
        Number of fits at a time, as in joblib; -1 is one for every core.

    random_state : int, RandomState instance or None, default=None
        Source of randomness of all fits, which get the same seed; None takes that of the
        estimator.

    verbose : int, default=0
        1 prints a line for every fit.

    Attributes
    ----------
    best_estimator_ : GaussianMixture
        The chosen mixture, fitted to all rows.

    best_params_ : dict
        Its ``n_components`` and ``covariance_type``.

    best_score_ : float
        Its criterion: the higher the better with 'cv', otherwise the lower the better.

    best_index_ : int
        Its row in ``results_``.

    results_ : dict of ndarray of shape (n_cells,)
        A row for every number of components with every structure; ``pandas.DataFrame(results_)``
        makes a data frame of it. Columns:

        - ``n_components``, ``covariance_type``;
        - ``rank``: 1 for the best; singular fits come after all others;
        - ``criterion``: what decides;
        - ``log_likelihood``, ``n_parameters``, ``bic``, ``icl``, ``aic`` of the fit to all rows;
          NaN where there is none;
        - ``split0_test_score``, ..., ``mean_test_score``, ``std_test_score``: mean log-densities of
          held-out rows, if there are any;
        - ``converged``, ``n_iter``, ``stop_reason``: of the climb to that fit, or why there was
          none;
        - ``singular``: whether a component is singular, or the climb was ended on the way there;
        - ``start``: 'usual', or 'split' or 'merge' if a neighbour led higher, or 'copy' if all
          starts led lower than the fit with fewer components;
        - ``fit_time``: seconds.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during fit, if X has them and all are strings.

    See Also
    --------
    GaussianMixture : One number of components with one structure.
    emix.display.SelectionDisplay : Draws the criterion of all fits.
    sklearn.model_selection.GridSearchCV : Searches over any parameters, by held-out rows.

    References
    ----------
    .. [1] G. Schwarz (1978). Estimating the dimension of a model. Annals of Statistics 6, 461-464.
    .. [2] C. Fraley, A. E. Raftery (2002). Model-based clustering, discriminant analysis, and
       density estimation. J. American Statistical Association 97, 611-631.
    .. [3] N. Ueda, R. Nakano, Z. Ghahramani, G. E. Hinton (2000). SMEM algorithm for mixture
       models. Neural Computation 12, 2109-2128.

    Examples
    --------
    >>> from emix import MixtureSearch
    >>> from emix.datasets import load_faithful
    >>> X = load_faithful().data
    >>> search = MixtureSearch(n_components=range(1, 5), random_state=0).fit(X)
    >>> search.best_params_
    {'n_components': 3, 'covariance_type': 'EEE'}
    >>> round(search.best_score_, 2)
    2314.3
    >>> search.predict([[2.0, 50.0], [4.5, 80.0]]).shape
    (2,)
    """

    best_estimator_: Any
    best_params_: dict[str, Any]
    best_score_: float
    best_index_: int
    results_: dict[str, np.ndarray]
    n_features_in_: int
    feature_names_in_: np.ndarray

    def __init__(
        self,
        estimator: Any = None,
        *,
        n_components: int | Iterable[int] = (1, 2, 3, 4, 5, 6, 7, 8, 9),
        covariance_type: Any = "all",
        criterion: str | Callable[..., float] = "bic",
        cv: Any = None,
        neighbours: bool = True,
        patience: int | None = 3,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.estimator = estimator
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.criterion = criterion
        self.cv = cv
        self.neighbours = neighbours
        self.patience = patience
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit all mixtures to the rows of X, and keep the best.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows; NaN stands for missing values, as in :meth:`GaussianMixture.fit`.

        y : Ignored
            Present for API consistency.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, in fits and criteria alike; an integer weight is the same as
            repeating the row. None for equal weights.

        Returns
        -------
        self : object
            The fitted search.

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data are unusable; the search is then as it was before.

        Warns
        -----
        ConvergenceWarning
            Of the best fit what its ``fit`` warns of; or that all fits are singular.
        """
        self._fit(X, sample_weight)
        return self

    def fit_predict(
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> np.ndarray:
        """Fit, and return the most probable component of every row in the best mixture.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.

        y : Ignored
            Present for API consistency.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Component indices, those that ``fit(X).predict(X)`` gives.
        """
        return self.fit(X, y, sample_weight).predict(X)

    @with_callbacks
    @quiet
    def _fit(self, X: ArrayLike, sample_weight: ArrayLike | None) -> None:
        values = checked(self, _CHECKS)
        template = self._seeded()
        given = values.covariance_type
        is_chosen = given != ["all"]
        grid = Grid(given if is_chosen else _all_of(template), values.n_components, is_chosen)
        for cell in grid.cells():
            checked(_made(template, **grid.parameters(cell)), template._checks)
        data = read_data(template, template._read, X, sample_weight)
        own = values.criterion if callable(values.criterion) else None
        criterion: Criterion = OWN if own else CRITERIA[values.criterion]
        parts = self._parts(X, data, template.random_state, criterion)
        n_steps = (1 + values.neighbours) * len(list(grid.cells())) - values.neighbours * len(
            grid.structures
        )
        tasks = StepTasks(self, data.X, {"sample_weight": sample_weight}, n_steps)
        course = Course(
            grid=grid,
            parts=parts,
            climbs=Climbs(template, values.neighbours, own),
            criterion=criterion,
            patience=values.patience,
            run=partial(_run, self.n_jobs),
            tell=_Told(grid, criterion, values.verbose, tasks),
        )
        course.finish()
        attributes = self._chosen(course, data)
        publish(self, attributes, lambda: tasks.end(lambda: attributes))

    def _chosen(self, course: Course, data: Data) -> dict[str, Any]:
        """Attributes; warnings of the best fit are made."""
        order = ranked(course)
        cell = order.cells[order.best]
        best = course.found[cell]
        _warn(best, course, order)
        publish(best.mixture, data.feature_attributes)
        return {
            "best_estimator_": best.mixture,
            "best_params_": course.grid.parameters(cell),
            "best_score_": best.criterion,
            "best_index_": order.best,
            "results_": table(course, order),
            **data.feature_attributes,
        }

    def _template(self) -> Any:
        return GaussianMixture() if self.estimator is None else self.estimator

    def _seeded(self) -> Any:
        """The template with a seed that all fits share."""
        template = self._template()
        if (
            not isinstance(template, EMEstimator)
            or not {
                "n_components",
                "covariance_type",
            }
            <= template.get_params().keys()
        ):
            raise TypeError(
                "estimator must be a mixture of emix with n_components and covariance_type, such "
                f"as GaussianMixture(), got {brief(template)}"
            )
        given = template.random_state if self.random_state is None else self.random_state
        rng = check_seed(given)
        is_seed = given is not None and not isinstance(given, np.random.RandomState)
        seed = given if is_seed else int(rng.randint(np.iinfo(np.int32).max))
        return _made(template, random_state=seed)

    def _parts(self, X: Any, data: Data, seed: int, criterion: Criterion) -> list[Part]:
        """All rows, and the training parts of cross-validation if there is any."""
        rows = Rows(X if data.names is not None else data.X, data.X, data.weight)
        parts = [part(rows)]
        if self.cv is None and not criterion.higher_is_better:
            return parts
        count = _PARTS if self.cv is None else self.cv
        is_count = isinstance(count, (int, np.integer))
        splitter = KFold(count, shuffle=True, random_state=seed) if is_count else check_cv(count)
        for train, test in splitter.split(data.X):
            parts.append(part(rows.taken(train), rows.taken(test)))
        return parts

    # --- the best estimator ---------------------------------------------------------------------

    def _best(self) -> Any:
        check_is_fitted(self)
        return self.best_estimator_

    @available_if(_has("predict"))
    def predict(self, X: ArrayLike) -> np.ndarray:
        """Most probable component of every row, by the best estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to label.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Component indices.
        """
        return self._best().predict(X)

    @available_if(_has("predict_proba"))
    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Probabilities of the components given the rows, by the best estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to evaluate.

        Returns
        -------
        resp : ndarray of shape (n_samples, n_components)
            Rows add up to one.
        """
        return self._best().predict_proba(X)

    def transform(self, X: ArrayLike) -> np.ndarray:
        """What the best estimator makes of rows as features.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to evaluate.

        Returns
        -------
        features : ndarray of shape (n_samples, n_components)
            Probabilities of the components, or of a :class:`HardGaussianMixture` distances to the
            means.
        """
        return self._best().transform(X)

    @available_if(_has("impute"))
    def impute(
        self,
        X: ArrayLike,
        n_draws: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> np.ndarray:
        """Fill in missing values by the best estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, NaN where values are missing.

        n_draws : int, default=None
            None fills in conditional means; a number asks for so many draws.

        random_state : int, RandomState instance or None, default=None
            Source of randomness of the draws.

        Returns
        -------
        filled : ndarray of shape (n_samples, n_features) or (n_draws, n_samples, n_features)
            X with nothing missing.
        """
        return self._best().impute(X, n_draws=n_draws, random_state=random_state)

    @available_if(_has("score_samples"))
    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Log-density of every row under the best estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to evaluate.

        Returns
        -------
        log_prob : ndarray of shape (n_samples,)
            log p(x), natural logarithm.
        """
        return self._best().score_samples(X)

    @available_if(_has("score"))
    def score(
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> float:
        """Mean log-density of the rows under the best estimator, whatever the criterion was.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to evaluate.

        y : Ignored
            Present for API consistency.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        log_likelihood : float
            The (weighted) mean of ``score_samples(X)``.
        """
        return self._best().score(X, y, sample_weight=sample_weight)

    @available_if(_has("sample"))
    def sample(
        self, n_samples: int = 1, random_state: int | np.random.RandomState | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw from the best estimator.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.

        random_state : int, RandomState instance or None, default=None
            Source of randomness of this call; None uses the seed of the fits.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows, ordered by component.

        y : ndarray of shape (n_samples,)
            Their components.
        """
        return self._best().sample(n_samples, random_state)

    @available_if(_has("aic"))
    def aic(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Akaike information criterion of the best estimator; the lower the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that the search was fitted to.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        aic : float
        """
        return self._best().aic(X, sample_weight=sample_weight)

    @available_if(_has("bic"))
    def bic(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Bayesian information criterion of the best estimator; the lower the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that the search was fitted to.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        bic : float
        """
        return self._best().bic(X, sample_weight=sample_weight)

    @available_if(_has("icl"))
    def icl(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Integrated completed likelihood of the best estimator; the lower the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that the search was fitted to.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        icl : float
        """
        return self._best().icl(X, sample_weight=sample_weight)

    @property
    def _n_features_out(self) -> int:
        return int(self.best_params_["n_components"])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        of_template = get_tags(self._template())
        tags.estimator_type = of_template.estimator_type
        tags.input_tags.allow_nan = of_template.input_tags.allow_nan
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class _Told:
    """Prints a line for every step of the search, and tells callbacks."""

    def __init__(self, grid: Grid, criterion: Criterion, verbose: int, tasks: StepTasks):
        self._grid, self._criterion, self._verbose, self._tasks = grid, criterion, verbose, tasks

    def __call__(self, step: str, cell: Cell, what: Result | str) -> bool:
        if self._verbose and (step == "fit" or not isinstance(what, str)):
            print(f"{step} {self._grid.told(cell)}: {self._line(what)}")
        return self._tasks.step(step)

    def _line(self, what: Result | str) -> str:
        if isinstance(what, str):
            return what
        seconds = sum(outcome.seconds for outcome in what.outcomes)
        singular = "" if what.is_sound else ", singular"
        start = what.outcomes[0].start
        return f"{self._criterion.name} {what.criterion:.6g}{singular} ({start}, {seconds:.2f} s)"


def _made(template: Any, **parameters: Any) -> Any:
    """Another estimator with its parameters, but for these; not a clone, which would carry
    callbacks along."""
    given = {name: clone(value, safe=False) for name, value in template.get_params(False).items()}
    return type(template)(**{**given, **parameters})


def _all_of(template: Any) -> list[str]:
    """mclust's structures under the first of their names that the estimator takes."""

    def takes(name: str) -> bool:
        try:
            template._checks["covariance_type"]("covariance_type", name)
        except ValueError:
            return False
        return True

    named = [[each for each in (name, SAME_AS.get(name, name)) if takes(each)] for name in MCLUST]
    return [names[0] for names in named if names]


def _run(n_jobs: int | None, function: Callable, calls: Iterable[tuple]) -> Iterator:
    return iter(Parallel(n_jobs=n_jobs)(delayed(function)(*arguments) for arguments in calls))


def _warn(best: Result, course: Course, order: Ranked) -> None:
    """What there is to say of the choice."""
    if best.is_sound:
        for category, text in best.outcomes[0].remarks:
            warn(category, text)
        return
    warn(
        ConvergenceWarning,
        f"All {len(course.found)} fits have singular components, and criteria tell little of "
        "these; the best of them was taken. Decrease n_components, choose a covariance_type of "
        "fewer parameters, or set reg_covar or prior of the estimator.",
    )
