"""Climbs to maxima of the likelihood of two normals, and what is known of other maxima."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from .._em.ascent import Ascent
from .._fit.problem import Problem
from .._fit.starts import Attempt
from .._normal.gaussian import Params
from .far import carried, closed_up
from .intervals import Moments
from .newton import Newton
from .peaks import peak, peak_at
from .screen import screened
from .spurious import Verdict, judged, ranked
from .two_normals import TwoNormals, pair

# Local scales from the middle of the rows: the fourth power of what is farther than this, which
# the information sums up, may overflow.
_FARTHEST = 1e50


class Sample(NamedTuple):
    """Distinct values z in ascending order, and their weights; whether they are all."""

    z: np.ndarray
    weight: np.ndarray
    is_complete: bool


class Climbs:
    """Few climbs: short runs of many starts lead to maxima, of which one pass over the rows tells
    all. Only the best of them, and what is not known to be a maximum, is climbed from."""

    n_collapsed = 0  # none is dropped for that

    def __init__(self, model: TwoNormals, sample: Sample, problem: Problem):
        self._model, self._sample, self._problem = model, sample, problem
        self.found: list[Verdict] = []
        self._n_climbs = 0

    def climbs(self, until: Callable[[], bool]) -> Iterator[Attempt]:
        """From points that are not known to be maxima, then from the best of all until the best
        is the end of a climb."""
        model = self._model
        if self._problem.given.means is not None:
            yield from self._climbed(self._given())
            return
        if len(self._sample.z) == 1:
            yield from self._climbed(self._one_normal())
            return
        for params, is_settled in self._promising():
            if is_settled:
                self.found.append(judged(model, peak_at(model, params)))
            else:
                yield from self._climbed(params)
        while (best := ranked(self.found)[0]).climb is None:
            self.found = [other for other in self.found if other.peak is not best.peak]
            yield from self._climbed(best.peak.params)

    def _climbed(self, params: Params) -> Iterator[Attempt]:
        model, problem = self._model, self._problem
        climb = Ascent(model, params, Newton(model) if problem.accelerate else None)
        yield Attempt(climb, problem)
        self.found.append(judged(model, peak(climb.params, climb.stats), self._n_climbs))
        self._n_climbs += 1

    def _one_normal(self) -> Params:
        mean, variance = self._model.mean_and_variance
        return self._model.params([0.5, 0.5], [mean] * 2, [variance] * 2)

    def _given(self) -> Params:
        """The user's start; without scales, those of the rows about their nearest mean."""
        given, rows = self._problem.given, self._model.rows
        assert given.means is not None, "a start has means"
        assert given.weights is not None, "and weights"
        means = ((given.means[:, 0] - rows.shift) / rows.scale).tolist()
        _check_distance("means_init", means, given.means.ravel())
        if given.factors is None:
            z, weight, _ = self._sample
            squares = np.subtract.outer(means, z) ** 2
            variances = [float(np.average(squares.min(axis=0), weights=weight))] * 2
        else:
            scales = [1.0 / (factor * float(rows.scale[0])) for factor in pair(given.factors)]
            _check_distance("scales_init", scales, 1.0 / given.factors.ravel())
            variances = [scale * scale for scale in scales]
        return self._model.params(given.weights.tolist(), means, variances)

    def _promising(self) -> Iterator[tuple[Params, bool]]:
        """Different points near the best that short runs lead to, the highest first, and whether
        they are maxima."""
        model, (z, weight, is_complete) = self._model, self._sample
        pooled, near = model.equal_variance, closed_up(z)
        moments = Moments(near, weight, model.floor)
        pairs, has_settled = screened(moments, model.floor, pooled, self._problem.max_iter)
        if near is not z:
            pairs = carried(pairs, near, z, weight, pooled)
        surely = has_settled & is_complete
        for *parameters, settled in zip(*(part.tolist() for part in (*pairs, surely)), strict=True):
            yield model.params(*parameters), settled


def _check_distance(name: str, values: list[float], given: np.ndarray) -> None:
    """Whether a start's numbers, in local scales about the middle of the rows, have squares that
    can be added up."""
    for value, said in zip(values, given.tolist(), strict=False):
        if not abs(value) <= _FARTHEST:
            raise ValueError(
                f"{name} has {said:g}: that is more than {_FARTHEST:g} scales of X "
                "from its middle; choose a start near the rows"
            )
