"""Whether a user's model is an EM: what must hold of any, tried at points near its parameters.

With Q(u') = expected(statistics of u, u') and L the objective, L - Q is least at u' = u: there it
is the entropy of the posterior, elsewhere more, by a divergence. So L gains at least what Q does,
and the slopes of L and Q at u are equal (Fisher's identity).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .._em.ascent import Ascent
from .accelerations import ACCELERATIONS
from .faults import ModelError, check_methods
from .points import At, Seen
from .tree import numbers, vector_of
from .watched import Watched

# A step of the differences, in units of how far the first passes move.
_STEP = 1e-3
# Slopes that differ by less than this part of them are equal; 1e-9 is typical of formulas that are
# right, 1e-1 of a forgotten factor.
_SAME = 1e-5
# Rounding error of an objective, relative to it; differences of less say nothing.
_ROUNDING = 256 * 2.0**-53
# Directions are what the first passes moved along; those by less than this part of the longest are
# rounding, and lead out of the space of the parameters.
_SPAN = 1e-7
# Nats: a climb that ends where as much is to be had along a line did not end at a maximum.
_REST = 1e-6
_REST_TOL, _REST_PASSES = 1e-10, 5000


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    name : str
        What must hold.

    ok : bool or None
        Whether it does; None where it could not be told.

    detail : str
        What was measured, or what is wrong and where.
    """

    name: str
    ok: bool | None
    detail: str


@dataclass(frozen=True)
class Report:
    """What :func:`emix.em.check_model` found.

    ``print(report)`` shows a line for each finding.

    Attributes
    ----------
    findings : tuple of Finding
        ``name``, ``ok`` (None where it could not be told) and ``detail`` of each.

    ok : bool
        Whether nothing is wrong.
    """

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return all(finding.ok is not False for finding in self.findings)

    def __str__(self) -> str:
        marks = {True: "ok", False: "WRONG", None: "not told"}
        width = max(len(finding.name) for finding in self.findings)
        return "\n".join(f"{f.name:<{width}}  {marks[f.ok]}: {f.detail}" for f in self.findings)


class _Line(NamedTuple):
    """A direction through the vector, (size,), and the step of differences along it."""

    direction: np.ndarray
    step: float


def check(model: Any, params: Any, *, n_passes: int, n_directions: int, rng: Any) -> Report:
    """All findings, in the order in which a fault is best looked for."""
    findings: list[Finding] = []
    try:
        check_methods(model)
        watched = Watched(model, params)
        watched.check_round_trip()
        points = list(_passes(watched, n_passes))
    except (ModelError, TypeError) as error:
        return Report((Finding("passes", False, str(error)),))
    gain = points[-1][1].value - points[0][1].value
    findings.append(Finding("passes", True, f"{n_passes} raised the objective by {gain:.4g}"))
    findings.append(_repeatable(model, points))
    lines = _lines(watched, [at for at, _ in points], n_directions, rng)
    near = _Near(watched, *points[0])
    if not lines:
        findings.append(Finding("slopes", None, "the passes do not move from these parameters"))
    elif watched.tells_gap:
        findings += [_bound(near, lines), _fisher(near, lines), _maximises(near, lines)]
    else:
        findings.append(Finding("bound, slopes", None, "the model has no expected()"))
    findings.append(_rest(model, points[-1][0].params, lines))
    return Report(tuple(findings))


def _passes(watched: Watched, n_passes: int) -> Iterator[tuple[At, Seen]]:
    at = watched.start
    seen = watched.e_step(at)
    yield at, seen
    for _ in range(n_passes):
        at, seen = watched.sweep(watched.m_step(seen, at))
        yield at, seen


def _repeatable(model: Any, points: list[tuple[At, Seen]]) -> Finding:
    """e_step and m_step are functions of what they are given, and of nothing else."""
    (first, seen), (second, _) = points[0], points[1]
    again = float(model.e_step(first.params)[1])
    off = abs(again - seen.evidence)
    if off > _ROUNDING * abs(again):
        return Finding(
            "repeatable",
            False,
            f"e_step at the same parameters gives a log-likelihood that differs by {off:.3g}: it "
            "depends on something else than them",
        )
    statistics, _ = model.e_step(first.params)
    moved = vector_of(numbers(model.m_step(statistics))) - vector_of(numbers(second.params))
    size = np.max(np.abs(vector_of(numbers(second.params))), initial=0.0)
    if np.max(np.abs(moved), initial=0.0) > 1e-8 * size:
        return Finding("repeatable", False, "m_step at the same statistics gives other parameters")
    return Finding("repeatable", True, "equal parameters give equal results")


class _Near:
    """L and Q at points near parameters, in the vector's coordinates."""

    def __init__(self, watched: Watched, at: At, seen: Seen):
        self.watched, self.at, self.seen = watched, at, seen

    def objective(self, vector: np.ndarray) -> float:
        at = self._there(vector)
        return math.nan if at is None else self.watched.e_step(at).value

    def both(self, vector: np.ndarray) -> tuple[float, float]:
        """L and Q."""
        at = self._there(vector)
        if at is None:
            return math.nan, math.nan
        return self.watched.e_step(at).value, self.bound(at)

    def bound(self, at: At) -> float:
        return self.watched.expected(self.seen, at)

    def bound_at(self, vector: np.ndarray) -> float:
        at = self._there(vector)
        return math.nan if at is None else self.bound(at)

    def _there(self, vector: np.ndarray) -> At | None:
        return self.watched.at_vector(vector, self.at)


def _lines(watched: Watched, points: list[At], n_directions: int, rng: Any) -> list[_Line]:
    """Random directions in the space that the passes moved in. Any is allowed where the model knows
    free coordinates; else constraints such as weights that add up to one hold along them."""
    path = np.array([at.vector for at in points])
    if not np.isfinite(path).all():
        return []
    moves = np.diff(path, axis=0)
    scale = np.max(np.abs(moves), axis=0, initial=0.0)
    if not scale.any():
        return []
    if watched.has_free_coordinates:
        scale = np.maximum(scale, 1e-2 * scale.max())
        span = np.eye(len(scale))
    else:
        unit = np.where(scale > 0.0, scale, 1.0)
        _, sizes, span = np.linalg.svd(moves / unit, full_matrices=False)
        span = span[sizes > _SPAN * sizes[0]]
    found = []
    for _ in range(n_directions):
        direction = rng.standard_normal(len(span)) @ span
        direction *= scale / np.linalg.norm(direction)
        found.append(_Line(direction, _step(watched, path[0], direction)))
    return found


def _step(watched: Watched, vector: np.ndarray, direction: np.ndarray) -> float:
    """Two steps do not take a coordinate a tenth of the way to zero."""
    if watched.has_free_coordinates:
        return _STEP
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.abs(vector / direction)
    return min(_STEP, 0.05 * float(np.nanmin(np.where(vector != 0.0, room, np.inf))))


def _slope(values: np.ndarray, step: float) -> tuple[float, float]:
    """From values at -2, -1, 1, 2 steps: the slope, and how far its error may be."""
    outer, inner = values[3] - values[0], values[2] - values[1]
    slope = (8.0 * inner - outer) / (12.0 * step)
    return slope, abs(slope - inner / (2.0 * step))


_AT = (-2.0, -1.0, 1.0, 2.0)


def _bound(near: _Near, lines: list[_Line]) -> Finding:
    """L gains at least what Q does, from u to any u'."""
    origin = near.seen.value - near.bound(near.at)
    worst, where = 0.0, 0.0
    for direction, step in lines:
        for times in (-100.0, -10.0, -1.0, 1.0, 10.0, 100.0):
            objective, bound = near.both(near.at.vector + times * step * direction)
            excess = origin - (objective - bound)
            if math.isfinite(excess) and excess > max(worst, _allowed(near, objective, bound)):
                worst, where = excess, objective - near.seen.value
    if worst:
        return Finding(
            "bound",
            False,
            f"from the parameters to a point near them the objective changes by {where:.4g}, and "
            f"expected() by {worst:.3g} more: it is no bound. The statistics are not the "
            "posterior's expectations, or expected() belongs to another model",
        )
    detail = f"expected() gains no more than the objective, {len(lines)} lines"
    return Finding("bound", True, detail)


def _fisher(near: _Near, lines: list[_Line]) -> Finding:
    worst, told = 0.0, 0
    for direction, step in lines:
        pairs = np.array([near.both(near.at.vector + t * step * direction) for t in _AT])
        if not np.isfinite(pairs).all():
            continue
        told += 1
        objective, _ = _slope(pairs[:, 0], step)
        bound, _ = _slope(pairs[:, 1], step)
        difference, error = _slope(pairs[:, 0] - pairs[:, 1], step)
        size = abs(objective) + abs(bound)
        error += _SAME * size + _allowed(near, *pairs[0]) / step
        if abs(difference) > error:
            worst = max(worst, abs(difference) / size)
    if not told:
        return Finding("Fisher's identity", None, "no point near the parameters can be evaluated")
    if worst:
        return Finding(
            "Fisher's identity",
            False,
            f"the slopes of the objective and of expected() differ by {worst:.3g} of them, at the "
            "parameters of the E-step, where they should be equal",
        )
    return Finding(
        "Fisher's identity", True, f"objective and expected() have equal slopes, {told} lines"
    )


def _maximises(near: _Near, lines: list[_Line]) -> Finding:
    """A generalised M-step only raises Q, which is enough."""
    following = near.watched.m_step(near.seen, near.at)
    gain, left = near.bound(following) - near.bound(near.at), 0.0
    for line in lines:
        step = _step(near.watched, following.vector, line.direction)
        values = np.array(
            [near.bound_at(following.vector + t * step * line.direction) for t in (-1, 0, 1)]
        )
        left = max(left, _to_gain(values))
    if left > 1e-6 * gain + _allowed(near, near.seen.value, values[1]) / _STEP:
        detail = f"raises expected() by {gain:.4g}, and {left:.3g} more is to be had along a line"
        return Finding("m_step", True, f"{detail}: a generalised M-step")
    return Finding("m_step", True, f"maximises expected(), which rises by {gain:.4g}")


def _to_gain(values: np.ndarray) -> float:
    """From the middle of three equidistant values to the top of their parabola; zero where there is
    none, or a value is missing."""
    slope, bend = 0.5 * (values[2] - values[0]), 2.0 * values[1] - values[0] - values[2]
    return float(slope * slope / (2.0 * bend)) if bend > 0.0 else 0.0


def _rest(model: Any, params: Any, lines: list[_Line]) -> Finding:
    """Where the passes come to rest the objective has no slope."""
    watched = Watched(model, params)
    acceleration = ACCELERATIONS["daarem"](watched, _REST_TOL)
    try:
        ascent = Ascent(watched, watched.start, acceleration)
        result = ascent.run(tol=_REST_TOL, max_iter=_REST_PASSES)
    except ModelError as error:
        return Finding("rest", False, str(error))
    if not result.converged:
        return Finding("rest", None, f"the climb did not come to rest: {result.reason}")
    if not lines:
        return Finding("rest", None, "there are no directions to look along")
    near = _Near(watched, result.params, result.stats)
    worst = 0.0
    for line in lines:
        step = _step(watched, result.params.vector, line.direction)
        values = np.array(
            [near.objective(result.params.vector + t * step * line.direction) for t in (-1, 0, 1)]
        )
        sure = _allowed(near, values[0], values[1])
        if np.isfinite(values).all() and abs(values[2] - values[0]) > 100.0 * sure:
            worst = max(worst, _to_gain(values))
    if worst > _REST:
        return Finding(
            "rest",
            False,
            f"the climb comes to rest after {result.n_iter} passes where {worst:.3g} is to be had "
            "along a line: m_step does not maximise the expected log-likelihood of this model, or "
            "e_step's statistics are not its expectations",
        )
    return Finding("rest", True, f"after {result.n_iter} passes, where the objective has no slope")


def _allowed(near: _Near, objective: float, bound: float) -> float:
    """Rounding errors of a difference."""
    return _ROUNDING * (abs(near.seen.value) + abs(objective) + abs(bound))
