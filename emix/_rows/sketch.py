"""A sample of rows that are many or lie in several parts, and what else is to be known of them.

The sample holds the distinct rows of least hash of their values, each with all its weight: a
mergeable sketch (bottom-k; Cohen & Kaplan 2007). Neither the order of rows, nor how they are
divided into parts, nor whether a row is repeated or weighted, changes it; if the distinct rows are
few, it holds them all. Rows that carry much of the weight are in it, whatever their hash.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from .grid import spans
from .parts import Part, Parts, Summary

# A row is heavy that has 16 times the weight that a row of the sample stands for on average: it is
# in the sample whatever its hash. Of 16384 groups of hashes the weights are added up, so that only
# rows of groups that are heavy have to be looked at one by one.
_HEAVY, _GROUP_BITS = 16.0, 14
# Numbers of X that are hashed at a time: they stay in the second cache.
_NUMBERS = 64 * 1024
_HASHES = 2.0**64
_Block = tuple[np.ndarray, np.ndarray, np.ndarray]  # X, weights and hashes
# Constants of splitmix64 (Steele, Lea & Flood 2014).
_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


def summary_of(parts: Parts, size: int, seed: int) -> Summary:
    """What is known of all rows, with a sample of so many distinct rows or a few more."""
    found = parts.answer(_Survey(size, seed))
    facts = found.n, found.weight, found.is_weighted, found.low, found.high
    least = found.least
    if found.are_all:
        return Summary(*facts, least.X, least.weight, True, len(least.X))
    # the rank of the last hash among as many that are uniform
    count = round((len(least.X) - 1) * _HASHES / float(least.hashes[-1]))
    X, weight = _with_heavy(parts, found, _HEAVY / size, seed)
    return Summary(*facts, X, weight, False, count)


def _with_heavy(
    parts: Parts, found: _Found, share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The sample with all rows that have this share of the weight; the weights of the others stand
    for all that have less."""
    least, limit = found.least, share * found.weight
    groups = np.flatnonzero(found.groups >= limit)
    heavy = parts.answer(_Candidates(groups, share, seed)) if len(groups) else _NONE
    if not len(heavy.hashes):
        return least.X, least.weight
    weight = parts.answer(_Weights(heavy.hashes, seed))
    heavy, weight = heavy.taken(weight >= limit), weight[weight >= limit]
    others = least.taken(~np.isin(least.hashes, heavy.hashes, kind="sort"))
    each = (found.weight - weight.sum()) / others.weight.sum()
    X = np.concatenate([others.X, heavy.X])
    return X, np.concatenate([others.weight * max(each, 0.0), weight])


def hashes_of(X: np.ndarray, seed: int) -> np.ndarray:
    """64 bits of the values of each row (m,): splitmix64, column after column. Equal values have
    equal bits, 0.0 and -0.0 too, and gaps; a float32 has those of the same float64."""
    mixed = np.full(len(X), seed, dtype=np.uint64)
    for column in X.T:
        values = column.astype(np.float64) + 0.0
        values[np.isnan(values)] = np.nan
        mixed ^= values.view(np.uint64)
        mixed += _STEP
        for shift, factor in _MIX:
            mixed ^= mixed >> np.uint64(shift)
            mixed *= np.uint64(factor)
        mixed ^= mixed >> np.uint64(31)
    return mixed


def _blocks(part: Part, seed: int) -> Iterator[_Block]:
    """Rows that have weight, their weights and hashes, a block at a time."""
    n, d = part.X.shape
    for start, stop in spans(n, max(_NUMBERS // d, 1)) if n else ():
        X = part.X[start:stop]
        weight = np.ones(len(X)) if part.weight is None else part.weight[start:stop]
        if weight.min() == 0.0:
            X, weight = X[weight > 0.0], weight[weight > 0.0]
        yield X, weight, hashes_of(X, seed)


def _none_of(part: Part) -> _Block:
    return part.X[:0], np.empty(0), np.empty(0, dtype=np.uint64)


class _Distinct(NamedTuple):
    """Distinct rows by ascending hash, with their weights."""

    X: np.ndarray
    weight: np.ndarray
    hashes: np.ndarray

    @classmethod
    def of(cls, blocks: Sequence[_Block]) -> _Distinct:
        X, weight, hashes = (np.concatenate(arrays) for arrays in zip(*blocks, strict=True))
        order = np.argsort(hashes, kind="stable")
        hashes = hashes[order]
        first = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)])
        weight = np.add.reduceat(weight[order], first) if len(first) else weight
        return cls(X[order[first]], weight, hashes[first])

    def taken(self, index: np.ndarray | slice) -> _Distinct:
        return _Distinct(*(array[index] for array in self))


_NONE = _Distinct(np.empty((0, 0)), np.empty(0), np.empty(0, dtype=np.uint64))


class _Found(NamedTuple):
    """n, weight, range, distinct rows of least hash and whether these are all, and the weights of
    the groups of hashes."""

    n: int
    weight: float
    is_weighted: bool
    low: np.ndarray
    high: np.ndarray
    least: _Distinct
    are_all: bool
    groups: np.ndarray


class _Survey:
    """See ``_Found``; the sample has so many rows."""

    def __init__(self, size: int, seed: int):
        self._size, self._seed = size, seed

    def of(self, part: Part) -> _Found:
        d = part.X.shape[1]
        low, high = np.full(d, np.inf), np.full(d, -np.inf)
        groups, total = np.zeros(2**_GROUP_BITS), 0.0
        kept: list[_Block] = [_none_of(part)]
        limit, are_all = np.uint64(2**64 - 1), True
        for X, weight, hashes in _blocks(part, self._seed):
            if not len(X):
                continue
            np.minimum(low, X.min(axis=0), out=low)
            np.maximum(high, X.max(axis=0), out=high)
            total += float(weight.sum())
            groups += np.bincount(_groups(hashes), weight, len(groups))
            near = hashes <= limit
            kept.append((X[near], weight[near], hashes[near]))
            if sum(len(block[1]) for block in kept) > 2 * self._size:
                least, fit = self._least(kept)
                kept, are_all = [least], are_all and fit
                if not are_all:
                    limit = least.hashes[-1]
        least, fit = self._least(kept)
        facts = len(part.X), total, part.weight is not None
        return _Found(*facts, low, high, least, are_all and fit, groups)

    def _least(self, blocks: Sequence[_Block]) -> tuple[_Distinct, bool]:
        """Those of least hash, and whether they are all."""
        found = _Distinct.of(blocks)
        return found.taken(slice(self._size)), len(found.hashes) <= self._size

    def merged(self, answers: list[_Found]) -> _Found:
        n, weight, is_weighted, low, high, least, are_all, groups = zip(*answers, strict=True)
        kept, fit = self._least(least)
        return _Found(
            sum(n),
            sum(weight),
            any(is_weighted),
            np.minimum.reduce(low),
            np.maximum.reduce(high),
            kept,
            fit and all(are_all),
            np.sum(groups, axis=0),
        )


def _groups(hashes: np.ndarray) -> np.ndarray:
    return (hashes >> np.uint64(64 - _GROUP_BITS)).astype(np.intp)


class _Candidates:
    """Distinct rows of some groups that have a share of the weight in one of the parts, and with
    them all that have this share of all weight."""

    def __init__(self, groups: np.ndarray, share: float, seed: int):
        self._groups, self._share, self._seed = groups, share, seed

    def of(self, part: Part) -> _Distinct:
        kept: list[_Block] = [_none_of(part)]
        total = 0.0
        for X, weight, hashes in _blocks(part, self._seed):
            total += float(weight.sum())
            own = np.isin(_groups(hashes), self._groups)
            kept.append(_Distinct.of([(X[own], weight[own], hashes[own])]))
        found = _Distinct.of(kept)
        # a little less, so that rounding does not lose a row that lies in one part
        return found.taken(found.weight >= 0.999 * self._share * total)

    def merged(self, answers: list[_Distinct]) -> _Distinct:
        return _Distinct.of(answers)


class _Weights:
    """Weights of the rows of these hashes, which ascend."""

    def __init__(self, hashes: np.ndarray, seed: int):
        self._hashes, self._seed = hashes, seed

    def of(self, part: Part) -> np.ndarray:
        found = np.zeros(len(self._hashes))
        for _, weight, hashes in _blocks(part, self._seed):
            at = np.minimum(np.searchsorted(self._hashes, hashes), len(found) - 1)
            own = self._hashes[at] == hashes
            found += np.bincount(at[own], weight[own], len(found))
        return found

    def merged(self, answers: list[np.ndarray]) -> np.ndarray:
        return np.sum(answers, axis=0)
