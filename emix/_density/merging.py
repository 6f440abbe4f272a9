"""Components joined to clusters, two at a time, by the entropy that this removes.

A cluster c is a set of components, t_ic = sum of r_ik over its components k. With weights w_i of
the rows, the entropy of a clustering is

    H = -sum_i w_i sum_c t_ic log t_ic

(Baudry, Raftery, Celeux, Lo & Gottardo 2010), and joining a and b takes

    sum_i w_i [t_ia log((t_ia + t_ib) / t_ia) + t_ib log((t_ia + t_ib) / t_ib)] >= 0

from it. All terms are positive, so that even a tiny sum has its digits. Each step joins the pair
that takes most.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import xlogy

from .._rows.weights import in_unit, unit_of

# Sums that differ by less, relatively, are equal: rounding depends on the order of the rows.
_SAME = 1e-9
# Rows, in units of their mean weight, that a component holds at least: components that a
# variational fit has emptied hold less than 1e-4 (faithful and iris, 8 components), and would
# else be counted as clusters.
_FEWEST = 0.01
# Nats of entropy below which the labels of all rows together are as good as certain.
_CERTAIN = 1.0


class Tree(NamedTuple):
    """K - 1 steps from K components to one cluster: children (K - 1, 2) are what each step joins,
    a component below K, or what step child - K made. removed (K - 1,) is the entropy that it took,
    rows (K - 1,) the weight of what it joined, remaining the entropy of one cluster against what
    is not to be joined, n_held the number of components that hold rows."""

    children: np.ndarray
    removed: np.ndarray
    rows: np.ndarray
    remaining: float
    n_held: int

    @property
    def entropies(self) -> np.ndarray:
        """Of 1 to K clusters, (K,)."""
        return self.remaining + np.concatenate([[0.0], np.cumsum(self.removed[::-1])])

    def n_clusters(self, places: np.ndarray) -> int:
        """At the elbow of the entropies, which are set against ``places`` (K,), or all components
        that hold rows if their labels are as good as certain or fewer than three."""
        held = self.entropies[: self.n_held]
        if len(held) < 3 or held[-1] - self.remaining < _CERTAIN:
            return len(held)
        return elbow(places[: self.n_held], held)


def labels_of(children: np.ndarray, n_clusters: int) -> np.ndarray:
    """Clusters of the components (K,), numbered by their first components."""
    n_components = len(children) + 1
    members = {k: [k] for k in range(n_components)}
    for step, (one, other) in enumerate(children[: n_components - n_clusters].tolist()):
        members[n_components + step] = members.pop(one) + members.pop(other)
    labels = np.empty(n_components, dtype=np.int64)
    for number, components in enumerate(sorted(members.values(), key=min)):
        labels[components] = number
    return labels


def tree(resp: np.ndarray, others: np.ndarray, weight: np.ndarray) -> Tree:
    """Of responsibilities (K, n), that of what is not to be joined (n,), and weights (n,) of the
    rows. Components that hold no rows are joined first. Of equal pairs the lighter one is."""
    with np.errstate(under="ignore"):
        shares = resp @ weight
        empty = shares < _FEWEST * weight.mean()
        at = _Clusters(resp, shares.copy(), empty.copy(), weight)
        joined = [at.join() for _ in range(len(resp) - 1)]
        remaining = _removed(resp.sum(axis=0), others, weight)
    children = np.array([pair for pair, *_ in joined], dtype=np.int64).reshape(-1, 2)
    removed, rows = np.array([numbers for _, *numbers in joined], dtype=float).reshape(-1, 2).T
    return Tree(children, removed, rows, remaining, max(1, int((~empty).sum())))


class _Clusters:
    """Those that there are between two steps."""

    def __init__(self, resp, shares, empty, weight):
        self._resp, self._shares, self._empty, self._weight = list(resp), shares, empty, weight
        self._nodes, self._n_nodes = list(range(len(resp))), len(resp)
        self._removed = np.zeros((len(resp), len(resp)))
        for k in range(len(resp)):
            self._compare(k, range(k))

    def _compare(self, k: int, others) -> None:
        for other in others:
            removed = _removed(self._resp[k], self._resp[other], self._weight)
            self._removed[k, other] = self._removed[other, k] = removed

    def join(self) -> tuple[tuple[int, int], float, float]:
        """The nodes that were joined, the entropy that this took, and their weight."""
        one, other = self._pair()
        removed, pair = self._removed[one, other], (self._nodes[one], self._nodes[other])
        self._resp[one] = self._resp[one] + self._resp[other]
        self._shares[one] += self._shares[other]
        self._empty[one] &= self._empty[other]
        self._nodes[one], self._n_nodes = self._n_nodes, self._n_nodes + 1
        self._drop(other)
        self._compare(one, [k for k in range(len(self._nodes)) if k != one])
        return (min(pair), max(pair)), removed, self._shares[one]

    def _drop(self, k: int) -> None:
        del self._resp[k], self._nodes[k]
        self._shares, self._empty = np.delete(self._shares, k), np.delete(self._empty, k)
        self._removed = np.delete(np.delete(self._removed, k, axis=0), k, axis=1)

    def _pair(self) -> tuple[int, int]:
        """Positions of the pair to join, the lower one first."""
        low, high = np.triu_indices(len(self._nodes), 1)
        if self._empty.any():
            concerned = self._empty[low] | self._empty[high]
            low, high = low[concerned], high[concerned]
        removed = self._removed[low, high]
        best = np.flatnonzero(removed >= removed.max() * (1.0 - _SAME))
        lightest = best[np.argmin(self._shares[low[best]] + self._shares[high[best]])]
        return int(low[lightest]), int(high[lightest])


def _removed(one: np.ndarray, other: np.ndarray, weight: np.ndarray) -> float:
    """The entropy that joining two columns (n,) takes."""
    low, high = np.minimum(one, other), np.maximum(one, other)
    ratio = np.divide(low, high, out=np.zeros_like(low), where=high > 0.0)
    taken = xlogy(low, low + high) - xlogy(low, low) + high * np.log1p(ratio)
    return float(weight @ taken)


def places_of_numbers(rows: np.ndarray) -> np.ndarray:
    """1 to K clusters, (K,)."""
    return np.arange(1.0, len(rows) + 2.0)


def places_of_rows(rows: np.ndarray) -> np.ndarray:
    """The weight of what is joined from 1 to K clusters down to one, (K,)."""
    return np.concatenate([[0.0], np.cumsum(rows[::-1])])


def elbow(places: np.ndarray, entropies: np.ndarray) -> int:
    """The number of clusters, 2 to K - 1, for which two lines fit the entropies (K,) of 1 to K
    clusters best: one up to it and one from it on, each by least squares. Of equal fits, the one
    with most clusters."""
    # squares of what very large weights make would overflow
    places, entropies = (in_unit(each, unit_of(float(each[-1]))) for each in (places, entropies))
    numbers = range(2, len(entropies))
    misfits = [sum(misfit for *_, misfit in lines(places, entropies, k)) for k in numbers]
    best = np.array(misfits) <= min(misfits) + _SAME * np.square(entropies).sum()
    return int(numbers[np.flatnonzero(best)[-1]])


def lines(
    places: np.ndarray, entropies: np.ndarray, at: int
) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """Two lines, one through the entropies of 1 to ``at`` clusters and one through those from
    there on: places, heights there, and the sum of squares of the residuals."""
    parts = (slice(0, at), slice(at - 1, None))
    return [_line(places[part], entropies[part]) for part in parts]


def _line(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    from_mean, mean = x - x.mean(), float(y.mean())
    fitted = mean + from_mean * float(from_mean @ (y - mean) / (from_mean @ from_mean))
    return x, fitted, float(np.square(y - fitted).sum())
