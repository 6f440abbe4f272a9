"""EM for a model of your own: an E-step and an M-step are enough.

:func:`climb` makes passes of a :class:`Model`, accelerates them without knowing the family, and
stops when little is left to gain. :func:`check_model` looks for faults in a model, and
:func:`free_energy` is the bound at responsibilities of your choice.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np

from ._em.ascent import Ascent
from ._em.protocols import Acceleration
from ._em.results import Pass, Reason
from ._input.validation import check_integer, check_real, check_seed
from ._own.accelerations import ACCELERATIONS
from ._own.bound import free_energy
from ._own.check import Finding, Report, check
from ._own.faults import ModelError, check_methods
from ._own.watched import Watched
from ._public import publish_classes as _publish_classes
from .display import ConvergenceDisplay

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "Finding",
    "Model",
    "ModelError",
    "Reason",
    "Report",
    "Result",
    "State",
    "check_model",
    "climb",
    "free_energy",
]

P = TypeVar("P")
S = TypeVar("S")

_HISTORY = np.dtype(
    [
        ("free_energy", "f8"),
        ("objective", "f8"),
        ("log_likelihood", "f8"),
        ("log_prior", "f8"),
        ("gap", "f8"),
        ("remaining", "f8"),
        ("extrapolated", "?"),
        ("accepted", "?"),
    ]
)


class Model(Protocol[P, S]):
    """What :func:`climb` asks of a model: any object with these two methods is one.

    Parameters are numbers and arrays of real numbers, in tuples, lists, dicts and dataclasses, as
    deep as one likes; strings, bools and None among them are carried along. Statistics are
    anything that ``m_step`` understands.

    Four more methods are used where a model has them:

    ``expected(statistics, params)``
        Q, the expected log-likelihood of the complete data under the q of the statistics, up to a
        constant that does not depend on ``params``. With it both half-steps are checked, and
        ``history`` tells them apart. Where Q is linear in the statistics, the family is
        exponential, and ``acceleration="quasi-newton"`` takes the fewest passes.

    ``log_prior(params)``
        Log-density of the parameters. It is part of the objective, and ``m_step`` maximises Q plus
        it.

    ``unconstrain(params)``, ``constrain(free)``
        To and from coordinates that may be any real numbers, in containers as parameters are. The
        climb is then accelerated in these.
    """

    def e_step(self, params: P) -> tuple[S, float]:
        """The E-step.

        Parameters
        ----------
        params : tree of arrays
            Parameters; not to be written to.

        Returns
        -------
        statistics : object
            Expectations under the posterior of what is hidden, as ``m_step`` needs them; new
            arrays at every call.

        log_likelihood : float
            Log-likelihood of what is observed, a sum over the rows.
        """

    def m_step(self, statistics: S) -> P:
        """The M-step.

        Parameters
        ----------
        statistics : object
            What ``e_step`` returned; not to be written to.

        Returns
        -------
        params : tree of arrays
            The parameters that maximise Q, or at least raise it.
        """


@dataclass(frozen=True, eq=False)
class State(Generic[P]):
    """Where a climb is, for a callback.

    Attributes
    ----------
    params : tree of arrays
        Parameters.

    objective : float
        Log-likelihood, plus the log-prior if the model has one, in nats.

    n_iter : int
        Passes made.

    remaining_gain : float
        Estimate of what is left to gain, in nats; infinite where nothing can be said.

    Examples
    --------
    >>> from emix.em import climb
    >>> class Root:
    ...     def e_step(self, t):
    ...         return t, -((t - 2.0) ** 2)
    ...     def m_step(self, t):
    ...         return 0.5 * (t + 2.0)
    >>> result = climb(Root(), 1.0, callback=lambda state: state.objective > -1e-3)
    >>> result.reason.name
    'CALLBACK'
    """

    params: P
    objective: float
    n_iter: int
    remaining_gain: float


@dataclass(frozen=True, eq=False)
class Result(Generic[P]):
    """What :func:`climb` found.

    Attributes
    ----------
    params : tree of arrays
        Parameters of the highest objective.

    objective : float
        Log-likelihood there, plus the log-prior if the model has one, in nats.

    log_likelihood : float
        Log-likelihood there.

    statistics : object
        What ``e_step`` returned there.

    converged : bool
        Whether the estimated remaining gain is at most ``tol``.

    reason : Reason
        Why the climb ended; ``str(reason)`` is a sentence.

    remaining_gain : float
        Estimate of what is left to gain, in nats, not less than rounding errors.

    n_iter : int
        Passes, each an E-step and an M-step, after the E-step at the start.

    history : structured ndarray of shape (n_iter + 1,)
        One row per E-step: ``free_energy``, before it, and ``objective``, after it;
        ``log_likelihood``, ``log_prior``; ``gap``, which the E-step closed; ``remaining``, the
        estimate; ``extrapolated``, ``accepted``. ``free_energy`` and ``gap`` are NaN where the
        model has no ``expected``. The objective of rows that were not accepted may be -inf.

    Examples
    --------
    Lifetimes of which one is known to exceed 3 only.

    >>> from emix.em import climb
    >>> class Lifetimes:
    ...     def e_step(self, rate):
    ...         return 5.0 + 3.0 + 1.0 / rate, 2.0 * math.log(rate) - rate * 8.0
    ...     def m_step(self, total):
    ...         return 3.0 / total
    >>> import math
    >>> result = climb(Lifetimes(), 1.0, tol=1e-12)
    >>> round(result.params, 5), result.converged
    (0.25, True)
    >>> bool((result.history["objective"][1:] >= result.history["objective"][:-1]).all())
    True
    """

    params: P
    objective: float
    log_likelihood: float
    statistics: Any = field(repr=False)
    converged: bool
    reason: Reason
    remaining_gain: float
    n_iter: int
    history: np.ndarray = field(repr=False)

    def plot(self, ax: Axes | None = None, **options: Any) -> ConvergenceDisplay:
        """Draw the ascent; needs matplotlib, the extra ``plot``.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        **options : dict
            Passed on to :meth:`emix.display.ConvergenceDisplay.from_result`.

        Returns
        -------
        display : ConvergenceDisplay
            The display, drawn.
        """
        return ConvergenceDisplay.from_result(self, ax=ax, **options)


def climb(
    model: Model[P, S],
    params: P,
    *,
    tol: float = 1e-8,
    max_iter: int = 10_000,
    acceleration: str | None = "daarem",
    callback: Callable[[State[P]], object] | None = None,
) -> Result[P]:
    """Climb to a maximum of a model's log-likelihood by EM.

    E-step and M-step alternate until the estimated remaining gain is at most ``tol``. Between
    them parameters are extrapolated from the last passes; such a point is kept only if the
    objective does not fall there, so the objective never falls. Where a model breaks this
    promise, an error says which half-step is at fault.

    Parameters
    ----------
    model : Model
        An object with ``e_step`` and ``m_step``; see :class:`Model` for what else it may have.

    params : tree of arrays
        Where to start.

    tol : float, default=1e-8
        Estimated remaining gain at which to stop, in nats (of the log-likelihood that ``e_step``
        returns, which is a sum and no mean). With zero the climb ends where rounding ends it, or
        at ``max_iter``.

    max_iter : int, default=10000
        Largest number of passes; zero evaluates the start.

    acceleration : {"daarem", "squarem", "quasi-newton"} or None, default="daarem"
        Damped Anderson acceleration with restarts [2]_, squared extrapolation [3]_, quasi-Newton
        steps on the statistics [4]_, or plain EM. Without ``constrain`` an extrapolated coordinate
        keeps its sign, and shares that add up to one go on to do so. Other limits, such as
        probabilities below one, are for ``e_step`` to refuse: by a log-likelihood of NaN or -inf,
        or a ValueError. Quasi-Newton steps are for exponential families: statistics are numbers
        and arrays of them, 5000 numbers at most, in containers as parameters are, ``m_step`` takes
        weighted means of statistics, and ``expected``, which the model must have, is linear in
        them. It is called twice a pass for every number in the statistics.

    callback : callable, default=None
        Called with a :class:`State` after every pass that is kept; a true value stops the climb.

    Returns
    -------
    result : Result
        The parameters, and how the climb went. ``converged`` tells whether ``tol`` was reached;
        there is no warning where it was not.

    Raises
    ------
    ModelError
        If a half-step lowers the objective by more than rounding errors explain, returns NaN,
        parameters of other shapes, or writes into arrays that are not its own.

    TypeError, ValueError
        If an argument is unusable, ``e_step`` does not return a pair, or quasi-Newton steps are
        asked for without ``expected`` or of statistics that are no numbers.

    See Also
    --------
    check_model : Looks for faults in a model.

    Notes
    -----
    The estimate of the remaining gain is g / (1 - r), with g the gain of EM's next step and r the
    slowest rate of convergence seen, times five with an acceleration. Directions that the climb
    has not moved in may be slower, so it is an estimate and no bound.

    References
    ----------
    .. [1] A. P. Dempster, N. M. Laird, D. B. Rubin (1977). Maximum likelihood from incomplete data
       via the EM algorithm. J. Royal Statistical Society B 39, 1-38.
    .. [2] N. C. Henderson, R. Varadhan (2019). Damped Anderson acceleration with restarts and
       monotonicity control for accelerating EM and EM-like algorithms. J. of Computational and
       Graphical Statistics 28, 834-846.
    .. [3] R. Varadhan, C. Roland (2008). Simple and globally convergent methods for accelerating
       the convergence of any EM algorithm. Scandinavian J. of Statistics 35, 335-353.
    .. [4] M. Jamshidian, R. I. Jennrich (1997). Acceleration of the EM algorithm by using
       quasi-Newton methods. J. Royal Statistical Society B 59, 569-587.

    Examples
    --------
    Genetic linkage [1]_: 197 animals in four classes of probabilities (2 + t, 1 - t, 1 - t, t) / 4.
    The first class is two, 2/4 and t/4, and their counts are hidden.

    >>> import numpy as np
    >>> from emix.em import climb
    >>> class Linkage:
    ...     counts = np.array([125.0, 18.0, 20.0, 34.0])
    ...     def e_step(self, t):
    ...         probabilities = np.array([2 + t, 1 - t, 1 - t, t]) / 4
    ...         hidden = self.counts[0] * t / (2 + t)
    ...         return hidden, self.counts @ np.log(probabilities)
    ...     def m_step(self, hidden):
    ...         return (hidden + 34.0) / (hidden + 34.0 + 38.0)
    >>> result = climb(Linkage(), 0.5)
    >>> print(f"{result.params:.6f}")
    0.626821
    >>> print(result.reason)
    The estimated remaining gain is at most tol.
    """
    tol = check_real("tol", tol)
    max_iter = check_integer("max_iter", max_iter, 0)
    accelerated = _acceleration(acceleration)
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable or None, got {callback!r}")
    check_methods(model)
    watched = Watched(model, params)
    watched.check_round_trip()
    ascent = Ascent(watched, watched.start, accelerated(watched, tol))
    found = ascent.run(tol=tol, max_iter=max_iter, watch=_watch(callback))
    assert found.reason is not None
    if found.converged:
        watched.check_rest(found.stats, found.params, tol)
    return Result(
        params=found.params.params,
        objective=found.objective,
        log_likelihood=found.stats.evidence,
        statistics=found.stats.statistics,
        converged=found.converged,
        reason=found.reason,
        remaining_gain=max(found.remaining, watched.rounding(found.stats, found.params)),
        n_iter=found.n_iter,
        history=_history(found.passes, watched.tells_gap),
    )


def check_model(
    model: Model[P, S],
    params: P,
    *,
    n_passes: int = 10,
    n_directions: int = 8,
    random_state: int | np.random.RandomState | None = 0,
) -> Report:
    """Look for faults in a model of one's own, by numbers.

    What must hold of any EM is tried at parameters, and at points near them:

    - the passes raise the objective, and no half-step lowers it;
    - equal parameters give equal results, and arrays that were handed over do not change;
    - ``expected`` gains no more than the objective does, so that it is a bound;
    - Fisher's identity [1]_: at the parameters of the E-step the slopes of ``expected`` and of the
      objective are equal;
    - ``m_step`` maximises ``expected``; one that only raises it is named, but is no fault;
    - where the passes come to rest, the objective has no slope.

    The third to fifth need ``expected``. The last does not, and finds an M-step that maximises
    something else, or statistics that are no expectations.

    Parameters
    ----------
    model : Model
        The model.

    params : tree of arrays
        Parameters that are not close to a maximum: slopes are taken along what the first passes
        move.

    n_passes : int, default=10
        Plain passes to make, at least two.

    n_directions : int, default=8
        Random lines along which slopes are taken.

    random_state : int, RandomState instance or None, default=0
        Chooses the lines.

    Returns
    -------
    report : Report
        ``report.ok``, ``report.findings``; ``print(report)`` shows them.

    References
    ----------
    .. [1] G. J. McLachlan, T. Krishnan (2008). The EM Algorithm and Extensions, 2nd ed., section
       3.7. Wiley.

    Examples
    --------
    An exponential lifetime of rate r, of which some rows are known to exceed a time only. The
    second model forgets that a censored row has a life of 1 / r still to come.

    >>> import numpy as np
    >>> from emix.em import check_model
    >>> time, seen = np.array([2.0, 3.0, 0.5, 4.0]), np.array([True, False, True, False])
    >>> class Lifetimes:
    ...     def e_step(self, rate):
    ...         total = time.sum() + (~seen).sum() / rate
    ...         return total, seen.sum() * np.log(rate) - rate * time.sum()
    ...     def m_step(self, total):
    ...         return len(time) / total
    >>> check_model(Lifetimes(), 1.0).ok
    True
    >>> class Forgetful(Lifetimes):
    ...     def e_step(self, rate):
    ...         return time.sum(), super().e_step(rate)[1]
    >>> report = check_model(Forgetful(), 1.0)
    >>> report.ok
    False
    """
    return check(
        model,
        params,
        n_passes=check_integer("n_passes", n_passes, 2),
        n_directions=check_integer("n_directions", n_directions, 1),
        rng=check_seed(random_state),
    )


def _acceleration(name: str | None) -> Callable[[Watched, float], Acceleration]:
    if not isinstance(name, str | None) or name not in ACCELERATIONS:
        names = ", ".join(map(repr, filter(None, ACCELERATIONS)))
        raise ValueError(f"acceleration must be one of {names} or None, got {name!r}")
    return ACCELERATIONS[name]


def _watch(callback: Callable[[State], object] | None) -> Callable[[Ascent], bool] | None:
    if callback is None:
        return None

    def watch(ascent: Ascent) -> bool:
        last = ascent.passes[-1]
        state = State(
            ascent.params.params, ascent.objective, len(ascent.passes) - 1, last.remaining
        )
        return bool(callback(state))

    return watch


def _history(passes: tuple[Pass, ...], tells_gap: bool) -> np.ndarray:
    """One row per pass; without expected() the start's free energy is not known either."""
    rows = []
    for p in passes:
        free_energy = p.free_energy if tells_gap else math.nan
        gap = p.objective - free_energy if math.isfinite(p.objective) else math.nan
        told = p.log_prior, gap, p.remaining, p.extrapolated, p.accepted
        rows.append((free_energy, p.objective, p.evidence, *told))
    return np.array(rows, dtype=_HISTORY)


_publish_classes(globals())
