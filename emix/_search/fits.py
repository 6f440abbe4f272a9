"""The fit of one cell to one table: from the usual starts, and from those of its neighbours."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from .._estimator.publication import publish
from .._fit.runs import CUT_SHORT
from .figures import Figures, figures_of
from .neighbours import Start, copied, merges, of, splits
from .protocols import Mixture
from .rows import Part, Rows

# A parameter of estimators that can go on from weights, means and covariances.
_MEANS = "means_init"
# Passes, accelerated ones, after which starts from neighbours are compared. With fewer of them the
# wrong start goes on: of 225 cells (five tables of two to four features, five structures, one to
# nine components) 90 % ended at the best maximum known with 5 passes, 83 % with 3 passes or with 10
# of plain EM, and 57 % without neighbours. A search took 2.3 times as long as without.
_SHORT = 5


@dataclass(frozen=True)
class Outcome:
    """A fitted cell; ``start`` says which start led there, ``remarks`` are the fit's warnings."""

    mixture: Any
    start: str
    seconds: float
    remarks: tuple[tuple[type[Warning], str], ...]
    figures: Figures


def is_sound(mixture: Mixture) -> bool:
    """A maximum of the likelihood, or the way to one, and not to a singular component."""
    return not mixture.singular_components_.any() and mixture.stop_reason_ != CUT_SHORT


def rank(mixture: Mixture) -> tuple[bool, float]:
    """The larger, the better."""
    return is_sound(mixture), mixture.lower_bound_


def is_lower(outcome: Outcome, before: Outcome) -> bool:
    """Whether a cell is lower than one with fewer components, both being sound."""
    both = is_sound(outcome.mixture) and is_sound(before.mixture)
    return both and outcome.mixture.lower_bound_ < before.mixture.lower_bound_


@dataclass(frozen=True)
class Climbs:
    """The climbs of a template estimator. ``neighbours`` says whether starts come from neighbours,
    too; ``own`` is a criterion of the user's."""

    template: Any
    neighbours: bool
    own: Callable[..., float] | None = None

    @cached_property
    def _common(self) -> dict[str, Any]:
        """Parameters that all fits have."""
        return self.template.get_params(deep=False)

    def _made(self, parameters: dict[str, Any]) -> Mixture:
        return type(self.template)(**{**self._common, **parameters})

    def _fitted(self, mixture: Mixture, rows: Rows) -> Mixture:
        """Its warnings name features; afterwards it takes arrays."""
        try:
            mixture.fit(rows.table, sample_weight=rows.weight)
        except Exception as error:
            error.add_note(f"This was the fit of {mixture}.")
            raise
        if hasattr(mixture, "feature_names_in_"):
            publish(mixture, {"feature_names_in_": None})
        return mixture

    def fit(self, parameters: dict[str, Any], part: Part, before: Outcome | None) -> Outcome:
        """A cell; ``before`` is that of the same structure with fewer components."""
        began = time.perf_counter()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            mixture = self._fitted(self._made(parameters), part.rows)
        usual = Outcome(mixture, "usual", 0.0, _remarks(caught), Figures())
        found = usual if before is None else self._from_smaller(parameters, part, usual, before)
        return self._told(found, part, began)

    def mended(
        self, parameters: dict[str, Any], part: Part, outcome: Outcome, before: Outcome
    ) -> Outcome:
        """A cell that is fitted already, no lower than ``before`` with fewer components."""
        if not is_lower(outcome, before):
            return outcome
        began = time.perf_counter() - outcome.seconds
        return self._told(self._from_smaller(parameters, part, outcome, before), part, began)

    def merged(
        self, parameters: dict[str, Any], part: Part, outcome: Outcome, after: Outcome
    ) -> Outcome:
        """A cell that is fitted already, perhaps higher; ``after`` is that of the same structure
        with more components. One component has one maximum alone."""
        if parameters["n_components"] == 1 or not self._has_neighbour(after):
            return outcome
        began = time.perf_counter() - outcome.seconds
        short = self._led(after.mixture, parameters, part, merges)
        return self._told(self._onward(parameters, part, outcome, short, "merge"), part, began)

    def _told(self, found: Outcome, part: Part, began: float) -> Outcome:
        figures = figures_of(found.mixture, part, self.own)
        return replace(found, figures=figures, seconds=time.perf_counter() - began)

    @property
    def _frozen(self) -> frozenset[str]:
        return frozenset(getattr(self.template, "frozen", ()))

    def _has_neighbour(self, outcome: Outcome) -> bool:
        """Whether a start can come from it, and the estimator takes one. Means and covariances that
        are left alone are not to be moved by what a fit found."""
        can = self.neighbours and not self._frozen & {"means", "covariances"}
        return can and _MEANS in self._common and is_sound(outcome.mixture)

    def _from_smaller(
        self, parameters: dict[str, Any], part: Part, usual: Outcome, before: Outcome
    ) -> Outcome:
        """The best of the usual start and of splits. If all are lower than the smaller mixture was,
        a copy of one of its components shows that this cell reaches as high."""
        if not self._has_neighbour(before):
            return usual
        short = self._led(before.mixture, parameters, part, splits)
        found = self._onward(parameters, part, usual, short, "split")
        if is_lower(found, before):
            copy = self._copied(before.mixture, parameters, part)
            found = max(found, copy, key=lambda outcome: rank(outcome.mixture))
        return found

    def _copied(self, mixture: Mixture, parameters: dict[str, Any], part: Part) -> Outcome:
        """As high as the mixture, or higher. From a copy the climb may go a long way, as every
        direction out of it is level at first; if that ends at a singular component, it does not
        begin."""
        while (count := len(mixture.means_)) < parameters["n_components"]:
            start, larger = copied(mixture), {**parameters, "n_components": count + 1}
            found = self._climbed(larger, start, part.rows, "copy")
            if not is_sound(found.mixture):
                found = self._climbed(larger, start, part.rows, "copy", max_iter=0)
            mixture = found.mixture
        return found

    def _led(
        self,
        mixture: Mixture,
        parameters: dict[str, Any],
        part: Part,
        starts_of: Callable[[Mixture, Rows], Iterable[Start]],
    ) -> Mixture | None:
        """The best mixture of these parameters that a few passes lead to, on the sample; by
        steps of one component."""
        wanted = parameters["n_components"]
        while (count := len(mixture.means_)) != wanted:
            next_count = count + (1 if count < wanted else -1)
            now = {**parameters, "n_components": next_count}
            tried = [
                self._climbed(now, start, part.sample, "", max_iter=_SHORT).mixture
                for start in starts_of(mixture, part.sample)
            ]
            if not tried:
                return None
            mixture = max(tried, key=rank)
        return mixture

    def _onward(
        self,
        parameters: dict[str, Any],
        part: Part,
        best: Outcome,
        short: Mixture | None,
        name: str,
    ) -> Outcome:
        """The better of what there is and of what the short climb leads to, if it can win."""
        if short is None or not self._is_within_reach(parameters, part, best.mixture, short):
            return best
        found = self._climbed(parameters, of(short), part.rows, name)
        return max(best, found, key=lambda outcome: rank(outcome.mixture))

    def _is_within_reach(
        self, parameters: dict[str, Any], part: Part, best: Mixture, short: Mixture
    ) -> bool:
        """Whether the short climb may end higher, by its estimate of what is left to gain."""
        if not is_sound(best):
            return True
        there = self._climbed(parameters, of(best), part.sample, "", max_iter=0).mixture
        return short.lower_bound_ + short.remaining_gain_ > there.lower_bound_

    def _climbed(
        self, parameters: dict[str, Any], start: Start, rows: Rows, name: str, **more: Any
    ) -> Outcome:
        """From a start; a mixture with a name is kept, and has the parameters of its cell alone."""
        given = {"warm_start": True, **more}
        mixture = self._made({**parameters, **given})
        publish(mixture, start.attributes(self._frozen))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self._fitted(mixture, rows)
        if name:
            mixture.set_params(**{key: self._common[key] for key in given})
        return Outcome(mixture, name, 0.0, _remarks(caught), Figures())


def _remarks(caught: list[warnings.WarningMessage]) -> tuple[tuple[type[Warning], str], ...]:
    return tuple((each.category, str(each.message)) for each in caught)
