"""The start that leads highest, among many that race in rounds.

Every round draws mixtures in several metrics, lets them climb for some passes, and keeps the best.
It is over when the best maximum has been met a few times, as it then is unlikely that there is a
better one that is as easy to find, or when the allowance of work is used up.
"""

from __future__ import annotations

import numpy as np

from .._normal.gaussian import Params
from .candidates import candidates, one_hot
from .joining import joined
from .mixture import Mixture
from .race import Field, Ground, Race
from .start import Apart, apart

# Distinct rows that a race needs, as a multiple of those that the covariances need: from fewer rows
# most maxima are spurious.
_TIMES = 2
# Rows for each variance of a component from which clusters can be seen to be far apart: in many
# dimensions any cut through few rows looks so.
_AMPLE = 8
# Numbers of clusters that are tried in vain until no more than those found are taken to be far
# apart: one draw may miss some.
_VAIN = 2
# Mixtures of the first round.
_FIRST = 8
# Least mixtures of a round.
_LEAST = 3
# Most mixtures of the second round; fewer where they make much work.
_SECOND = 24
# Passes until the worse ones of a round are given up, the share that goes on, and its passes.
_SHORT, _SHARE, _LONG = 4, 1.0 / 3.0, 8
# Mixtures that go on from round to round.
_KEPT = 4
# The best maximum has to be met so often. With 2 in place of 3 the share fell by 0.04 in a first
# version, on five tables and four seeds.
_HITS = 3
# Mixtures whose log-likelihoods per row differ by less lead to the same maximum.
_SAME = 2e-3
# Of what a mixture gained in its last pass so much at most is taken to be gained again.
_PROMISE = 0.01
# Decimal digits of a log-likelihood per row that rounding does not touch, even where the floor
# holds a component.
_DIGITS = 6
# Rows of a race: 1000, or 100 a component where that is more.
_ROWS, _ROWS_OF_ONE = 1000, 100
# Rows, and passes on them, by which the mixtures that are left at the end are compared.
_FINAL_ROWS, _FINAL_PASSES = 8192, 3
# Work of a pass (multiplications) of the first round and of the second.
_WORK = 1e6, 4e6
# Multiplications that the factors of a covariance take, as a multiple of d³.
_FACTORS = 30


def can_race(model: Mixture, n_components: int) -> bool:
    """Whether the rows are enough for sound components: where none can be, heights tell nothing."""
    return model.space.distinct.count >= _TIMES * n_components * model.soundness.needed


def leading(
    model: Mixture, n_components: int, rng: np.random.RandomState, n_init: int
) -> list[Params]:
    """Starts from rows that are distinct, the best first. n_init multiplies the allowance."""
    rows, complete = model.space.distinct.sample(max(_ROWS, _ROWS_OF_ONE * n_components))
    local = model.over(rows, same_moments=complete)
    clusters = _far_apart(local, n_components, rng)
    if clusters is not None and len(clusters.params.weights) == n_components:
        return [clusters.params]
    ground = Ground(local, _given_weights(model, n_components))
    if clusters is None:
        race = _rounds(ground, _Known(ground, n_components, rng, _HITS * n_init), n_init)
    else:
        race = Race(ground, joined(ground, clusters.labels, n_components))
        race.run(_SHORT)
    if not complete and len(race.value) > 1:
        race = _compared(model, n_components, race.field)
    unsound = _unsound(race, model)
    order = _order_of(_height(race), unsound)
    return [race.field.params(s) for s in order if not unsound[s] or unsound.all()]


def _far_apart(local: Mixture, n_components: int, rng: np.random.RandomState) -> Apart | None:
    """Clusters of distinct rows that are far apart: as many as there are components, in which case
    there is nothing to search for, or more. Components that are only well apart may have to cover
    two clusters. Draws after the first are the same for every search, and take none from what
    follows."""
    size = local.structure.form.n_variances(local.rows.d) + 1
    most = local.rows.n // (_AMPLE * size)
    count, left, found = n_components, _VAIN, None
    while left and count <= most:
        clusters = apart(local, count, rng)
        if clusters is not None and clusters.is_far:
            found, left = clusters, _VAIN
        elif clusters is None and found is None:
            break
        else:
            left -= 1
        if count == n_components:
            rng = np.random.RandomState(0)
        count += 1
    return found


def _given_weights(model: Mixture, n_components: int) -> np.ndarray | None:
    frozen = "weights" in model.frozen
    return np.full(n_components, 1.0 / n_components) if frozen else None


def _rounds(ground: Ground, known: _Known, n_init: int) -> Race:
    """The first round, and more with larger numbers of mixtures until the best maximum is known."""
    work = known.n_components * ground.features.size
    work += _FACTORS * ground.factor_work(known.n_components)
    first, second = (int(np.clip(limit / work, _LEAST, _SECOND)) for limit in _WORK)
    first = min(first, _FIRST)
    known.round(first)
    for _ in range(n_init):
        if known.is_met or second <= first:
            break
        known.round(second)
    return known.race


class _Known:
    """The best mixtures of all rounds, and how often each was met."""

    def __init__(self, ground: Ground, n_components: int, rng, times: int):
        """A maximum is known that was met so many times."""
        self._ground, self.n_components, self._rng = ground, n_components, rng
        self._times = times
        self._race: Race | None = None
        self._hits = np.zeros(0)
        self.is_met = False  # whether the best maximum is known

    @property
    def race(self) -> Race:
        """After the first round."""
        assert self._race is not None
        return self._race

    def round(self, count: int) -> None:
        ground, k = self._ground, self.n_components
        labels = candidates(ground.model, ground.z, ground.share, k, count, self._rng)
        fresh = Race(ground, ground.statistics(one_hot(labels, k)))
        fresh.run(_SHORT)
        most = count if count <= _FIRST else int(_SHARE * count)
        fresh.keep(_promising(fresh, ground.model, most))
        hits = np.ones(len(fresh.value))
        if self._race is not None:
            fresh.join(self._race)
            hits = np.concatenate([hits, self._hits])
        self._race, self._hits = fresh, hits
        ranks = _Ranks(fresh, ground.model)
        if not self._is_decided(ranks):
            fresh.run(_LONG)
            ranks = _Ranks(fresh, ground.model)
        self._merge(ranks)

    def _is_decided(self, ranks: _Ranks) -> bool:
        """Whether more passes would tell nothing: the best maximum is known, and no other mixture
        gains so much that it could get there."""
        may_win = self.race.value + _LONG * self.race.gain > ranks.height[ranks.order[0]]
        is_met = self._hits[ranks.same].sum() >= self._times
        return bool(is_met and ranks.is_sound and not (may_win & ~ranks.same).any())

    def _merge(self, ranks: _Ranks) -> None:
        """Those at the best maximum become one, and the others but a few are given up."""
        order, same = ranks.order, ranks.same
        self._hits[order[0]] = self._hits[same].sum()
        kept = np.array([order[0], *(s for s in order[1:] if not same[s])][:_KEPT])
        self.race.keep(kept)
        self._hits = self._hits[kept]
        self.is_met = bool(ranks.is_sound and self._hits[0] >= self._times)


class _Ranks:
    """The mixtures of a race: heights (S,), their order, which are at the best maximum, and whether
    the best is sound."""

    def __init__(self, race: Race, model: Mixture):
        unsound, self.height = _unsound(race, model), _height(race)
        self.order = _order_of(self.height, unsound)
        best = self.order[0]
        self.same = np.abs(self.height - self.height[best]) < _SAME
        self.is_sound = not unsound[best]


def _height(race: Race) -> np.ndarray:
    return race.value + np.minimum(race.gain, _PROMISE)


def _unsound(race: Race, model: Mixture) -> np.ndarray:
    """How many components of each mixture rest on too little."""
    return np.count_nonzero(model.soundness.unsound(*race.field), axis=1)


def _promising(race: Race, model: Mixture, most: int) -> np.ndarray:
    """The highest, so many at most. Beside sound ones but one that is not, the highest: these
    hardly ever recover, and take long; it wins if all end so, as they may where rows have few
    values."""
    unsound = _unsound(race, model) > 0
    n_sound = np.count_nonzero(~unsound)
    order = _order_of(_height(race), unsound)
    return order[: min(most, n_sound + 1) if n_sound else most]


def _order_of(height: np.ndarray, unsound: np.ndarray) -> np.ndarray:
    """Sound ones first, then by height; of equals the first, so that rounding has no say."""
    return np.lexsort((-np.round(height, _DIGITS), unsound > 0))


def _compared(model: Mixture, n_components: int, field: Field) -> Race:
    """Some passes on more rows."""
    rows, complete = model.space.distinct.sample(_FINAL_ROWS)
    local = model.over(rows, same_moments=complete)
    race = Race.of(Ground(local, _given_weights(model, n_components)), field)
    race.run(_FINAL_PASSES)
    return race
