"""A user's model as the loop asks for it, watched: what it returns is checked, and copied."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .copies import Copies
from .domain import adding_up, keeps_signs, with_signs
from .faults import ModelError, at_fault, difference, shown
from .points import At, Seen
from .tree import (
    copied,
    entry,
    is_numeric,
    numbers,
    vector_of,
    with_numbers,
)

# Rounding error of a log-likelihood, relative to it. Sums of a million terms added one by one were
# off by 5e-14. That of a mixture of 300,000 counts was by 1e-14: equal rows have equal errors.
_ROUNDING = 1e-13
# E-steps at which arrays are compared with copies: a model that writes into them does so at once.
_WATCHED = 4
# constrain(unconstrain(params)) may differ from params by this part of them.
_ROUND_TRIP = 1e-8
# Where expected() says that little is left to gain, the next pass may gain this many times as much.
# Near a maximum it gains at most twice what expected() tells; not tuned.
_MUCH = 100.0

Method = Callable[..., Any]


class Watched:
    """The model of ``Ascent``."""

    is_combinatorial = False

    def __init__(self, model: Any, params: Any):
        self._model = model
        self._expected: Method | None = getattr(model, "expected", None)
        self._log_prior: Method | None = getattr(model, "log_prior", None)
        self._constrain: Method | None = getattr(model, "constrain", None)
        self._unconstrain: Method | None = getattr(model, "unconstrain", None)
        self._n_seen = 0
        self._held: Copies | None = None  # of the statistics of the last E-step
        self._kind = type(params)
        self._shapes = [(leaf.path, leaf.value.shape) for leaf in numbers(params)]
        self.start = self._at(params, "params")

    @property
    def tells_gap(self) -> bool:
        return self._expected is not None

    @property
    def has_free_coordinates(self) -> bool:
        return self._unconstrain is not None

    @property
    def _where(self) -> str:
        return f"in pass {self._n_seen}" if self._n_seen else "at the start"

    @property
    def _bound_name(self) -> str:
        return "expected()" if self._log_prior is None else "expected() plus log_prior()"

    def error(self, message: str, half_step: str, at: At | Any) -> ModelError:
        params = at.params if isinstance(at, At) else at
        n_iter = max(self._n_seen - 1, 0)
        return ModelError(message, half_step=half_step, n_iter=n_iter, params=params)

    # --- the loop's questions ---------------------------------------------------------------

    def e_step(self, at: At) -> Seen:
        """At tried parameters a failure is an objective of -inf."""
        if not at.tried:
            return self._seen(at)
        try:
            with np.errstate(all="ignore"):
                seen = self._seen(at)
                if seen.value == -math.inf:
                    return seen._replace(statistics=None)
                return seen._replace(following=self._following(seen, at))
        except (ValueError, ArithmeticError):
            return Seen(-math.inf, -math.inf, None)

    def sweep(self, at: At) -> tuple[At, Seen]:
        """After an M-step, which promised to raise the objective."""
        seen = self._seen(at)
        fall = at.promise - seen.value
        if fall > at_fault(at.promise):
            raise self._fallen(fall, at)
        return at, seen

    def m_step(self, seen: Seen, at: At) -> At:
        return self._following(seen, at) if seen.following is None else seen.following

    def expected(self, seen: Seen, at: At) -> float:
        """E_q[log p(x, z | params)] + log p(params), NaN where the model has no expected()."""
        if self._expected is None or seen.statistics is None:
            return math.nan
        if not at.tried:
            return self._bound(seen, at)
        try:
            with np.errstate(all="ignore"):
                return self._bound(seen, at)
        except (ValueError, ArithmeticError):
            return math.nan

    def log_prior(self, at: At) -> float:
        try:
            with np.errstate(all="ignore"):
                return self._prior(at)
        except (ValueError, ArithmeticError):
            return math.nan

    def rounding(self, seen: Seen, at: At) -> float:
        return _ROUNDING * abs(seen.value)

    def repair(self, seen: Seen, at: At) -> None:
        """What a model needs beyond its two steps is its own affair."""

    # --- half-steps, checked ----------------------------------------------------------------

    def _seen(self, at: At) -> Seen:
        with self._unchanged(at, "e_step"):
            found = self._model.e_step(at.params)
        self._check_held("e_step")
        if not isinstance(found, tuple) or len(found) != 2:
            raise TypeError(
                "e_step must return the pair (statistics, log_likelihood), got "
                f"{type(found).__name__}"
            )
        statistics, evidence = found
        evidence = self._number(evidence, "e_step", "the log-likelihood", at)
        prior = self._prior(at)
        if self._n_seen < _WATCHED:
            self._held = Copies(statistics, "statistics")
        self._n_seen += 1
        return Seen(evidence + prior, evidence, statistics)

    def _following(self, seen: Seen, at: At) -> At:
        params = self._model.m_step(seen.statistics)
        self._check_held("m_step")
        found = self._at(params, "m_step")
        if self._expected is None:
            return At(found.params, found.vector, promise=seen.value)
        gain = self._bound(seen, found) - self._bound(seen, at)
        if -gain > at_fault(seen.value):
            raise self.error(
                f"m_step lowered the bound by {-gain:.3g} {self._where}: "
                f"{self._bound_name}, at the same statistics, is less after the M-step than before",
                "m_step",
                at,
            )
        return At(found.params, found.vector, promise=seen.value + gain)

    def _bound(self, seen: Seen, at: At) -> float:
        assert self._expected is not None
        value = self._expected(seen.statistics, at.params)
        return self._number(value, "expected", "Q", at) + self._prior(at)

    def _prior(self, at: At) -> float:
        if self._log_prior is None:
            return 0.0
        return self._number(self._log_prior(at.params), "log_prior", "the log-prior", at)

    def _fallen(self, fall: float, at: At) -> ModelError:
        what = f"by {fall:.3g} in pass {self._n_seen - 1}"
        if self._expected is not None:
            return self.error(
                f"e_step fell below the bound {what}: the M-step had raised {self._bound_name} by "
                "more than the objective rose then. The statistics are not the posterior's "
                "expectations at the parameters, or expected() or the log-likelihood belongs "
                "to another model",
                "e_step",
                at,
            )
        return self.error(
            f"e_step and m_step lowered the objective {what}. Either m_step does not maximise the "
            "expected log-likelihood of the complete data, or e_step's statistics are not its "
            "expectations under the posterior, or its log-likelihood belongs to another model. "
            "Give the model expected(statistics, params) to learn which half-step it was, or "
            "run emix.em.check_model",
            "pass",
            at,
        )

    def check_rest(self, seen: Seen, at: At, tol: float) -> None:
        """Where a climb ended as expected() had little to gain, the objective has, too."""
        if self._expected is None or not math.isfinite(seen.value):
            return
        after = self._seen(self.m_step(seen, at)).value
        gain, little = after - seen.value, max(tol, self.rounding(seen, at))
        if gain > _MUCH * little:
            raise self.error(
                f"{self._bound_name} says that at most {little:.3g} is left to gain, but the next "
                f"pass raises the objective by {gain:.3g}: expected() belongs to another model, "
                "or to other statistics",
                "expected",
                at,
            )

    # --- what is returned -------------------------------------------------------------------

    def _number(self, value: Any, half_step: str, what: str, at: At) -> float:
        if np.ndim(value) != 0 or not is_numeric(np.asarray(value)):
            described = f"an array of shape {np.shape(value)}" if np.ndim(value) else repr(value)
            place = ", the second of its pair," if half_step == "e_step" else ""
            raise TypeError(f"{half_step} must return {what}{place} as one number, got {described}")
        number = float(value)
        if not math.isfinite(number) and not at.tried:
            raise self.error(
                f"{half_step} returned {what} {number} {self._where}, at {shown(at.params)}",
                half_step,
                at,
            )
        if math.isnan(number) or number == math.inf:
            raise FloatingPointError(f"{what} {number}")
        return number

    def _at(self, params: Any, source: str) -> At:
        """Parameters that were returned, as their copy."""
        said = "" if source == "params" else f"{source}, {self._where}: "
        try:
            found = numbers(params)
        except TypeError as error:
            raise TypeError(f"{said}{error}") from None
        shapes = [(leaf.path, leaf.value.shape) for leaf in found]
        if shapes != self._shapes:
            change = difference(self._shapes, shapes)
            if type(params) is not self._kind:
                change = f"of type {type(params).__name__}, not {self._kind.__name__}"
            raise self.error(
                f"{said}parameters are not like those of the start: {change}", source, params
            )
        vector = vector_of(found)
        wrong = np.flatnonzero(~np.isfinite(vector))
        if wrong.size:
            where = entry(found, int(wrong[0]))
            raise self.error(f"{said}{where} is {vector[wrong[0]]}", source, params)
        own = copied(params)
        return At(own, self._free(own, vector))

    def _free(self, params: Any, vector: np.ndarray) -> np.ndarray:
        """Coordinates that any number may be put in place of, where the model knows them."""
        if self._unconstrain is None:
            return vector
        with np.errstate(all="ignore"):
            free = copied(self._unconstrain(params))
        self._template = free
        return vector_of(numbers(free, "unconstrain(params)"))

    def check_round_trip(self) -> None:
        """constrain(unconstrain(params)) is params."""
        if self._constrain is None or self._unconstrain is None:
            return
        found = numbers(self._constrain(self._unconstrain(copied(self.start.params))))
        before, after = vector_of(numbers(self.start.params)), vector_of(found)
        if after.shape == before.shape:
            scale = _ROUND_TRIP * np.max(np.abs(before), initial=0.0)
            wrong = np.flatnonzero(~(np.abs(after - before) <= scale))
            if not wrong.size:
                return
            where = entry(found, int(wrong[0]))
            message = f"{where} {before[wrong[0]]} becomes {after[wrong[0]]}"
        else:
            message = f"it has {after.size} numbers in place of {before.size}"
        raise self.error(
            f"constrain(unconstrain(params)) is not params: {message}", "constrain", self.start
        )

    # --- extrapolated statistics and parameters ---------------------------------------------

    def bound_at(self, statistics: Any, at: At) -> float:
        """Q of any statistics, without what the prior adds; the model has expected()."""
        assert self._expected is not None
        return float(self._expected(statistics, at.params))

    def settled(self, seen: Seen, near: At) -> At | None:
        """The M-step of extrapolated statistics, None where it fails, or leads out of where
        parameters may be: beyond that a coordinate changes its sign."""
        try:
            with np.errstate(all="ignore"):
                params = copied(self._model.m_step(seen.statistics))
                vector = vector_of(numbers(params))
                free = self._free(params, vector)
        except (ValueError, ArithmeticError):
            return None
        if not (np.isfinite(vector).all() and np.isfinite(free).all()):
            return None
        if self._constrain is None and not keeps_signs(near.vector, vector):
            return None
        return At(params, free, tried=True)

    def placed(self, vector: np.ndarray, following: At) -> At | None:
        """Parameters to try at a vector, None where there are none. Without constrain() a
        coordinate keeps the sign that it has after the M-step, since it may be a weight, a rate
        or a variance: the step from there is shortened until all do. Shares go on to add up to
        one."""
        if self._constrain is None:
            vector = with_signs(following.vector, vector)
            vector = adding_up(numbers(following.params), vector)
        return self.at_vector(vector, following)

    def at_vector(self, vector: np.ndarray, near: At) -> At | None:
        """Parameters at a vector, in containers like those near it."""
        if self._constrain is None:
            params = with_numbers(near.params, vector)
            return At(params, vector_of(numbers(params)), tried=True)
        try:
            with np.errstate(all="ignore"):
                params = self._constrain(with_numbers(self._template, vector))
                found = vector_of(numbers(params))
        except (ValueError, ArithmeticError):
            return None
        return At(copied(params), vector, tried=True) if np.isfinite(found).all() else None

    # --- arrays that change hands -----------------------------------------------------------

    def _check_held(self, half_step: str) -> None:
        """The statistics of the last E-step are what they were."""
        if self._held is None or self._n_seen > _WATCHED:
            return
        path = self._held.changed()
        if path is not None:
            raise self.error(
                f"{half_step} changed {path}, which an earlier e_step returned, "
                f"{self._where}: return new arrays, and do not write into those of before",
                half_step,
                self.start,
            )

    @contextmanager
    def _unchanged(self, at: At, half_step: str) -> Iterator[None]:
        if self._n_seen > _WATCHED:
            yield
            return
        before = Copies(at.params, "params")
        yield
        path = before.changed()
        if path is not None:
            raise self.error(
                f"{half_step} changed {path} in place, {self._where}: work on a copy",
                half_step,
                at,
            )
