"""Look for maxima that ``TwoNormalMixture`` misses: `python benchmarks/two_normals.py`.

EM climbs from many random starts on random data, in code that shares nothing with the package.
A maximum that is higher than the fit, and not spurious by the fit's own rule, is a miss. Exit
status 1 if there is one.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning

from emix import TwoNormalMixture
from emix._pair.spurious import does_not_pay

N_SAMPLES = (20, 5000)  # log-uniform
LARGEST_ODDS = 20.0  # of one component against the other
LARGEST_RATIO = 5.0  # of the standard deviations
LARGEST_SEPARATION = 6.0  # of the means, in the smaller standard deviation
N_STARTS = 50
TOLERANCE = 0.01  # nats; a maximum must be higher by this to count
# Climbs that are nearer than this (weights, means and log deviations in standard units) are one.
NEAR = 1e-3
LEAST_DEVIATION = 1e-3  # of that of all rows; climbs that end there have collapsed
# Climbs end here: M-steps, and nats that the last 20 of them gained.
N_STEPS, LEAST_GAIN = 3000, 1e-5


class Problem(NamedTuple):
    """Rows in no order, and what they were drawn from."""

    x: np.ndarray
    truth: str


class Climbs(NamedTuple):
    """Many mixtures: logit of the second weight (S,), means and log deviations (S, 2)."""

    odds: np.ndarray
    means: np.ndarray
    scales: np.ndarray

    def take(self, index) -> Climbs:
        return Climbs(*(part[index] for part in self))

    def packed(self) -> np.ndarray:
        return np.column_stack(self)

    @classmethod
    def unpacked(cls, packed: np.ndarray) -> Climbs:
        return cls(packed[:, 0], packed[:, 1:3], packed[:, 3:])


def random_problem(seed: int) -> Problem:
    """Two normals of random size, weight, separation and scales."""
    rng = np.random.default_rng(seed)
    n = int(np.exp(rng.uniform(*np.log(N_SAMPLES))))
    odds = np.exp(rng.uniform(-1.0, 1.0) * np.log(LARGEST_ODDS))
    ratio = np.exp(rng.uniform(0.0, np.log(LARGEST_RATIO))) if rng.random() < 0.75 else 1.0
    separation = rng.uniform(0.0, LARGEST_SEPARATION)
    second = rng.random(n) < odds / (1.0 + odds)
    x = rng.normal(size=n) * np.where(second, ratio, 1.0) + separation * second
    return Problem(x, f"n={n} odds={odds:.3g} ratio={ratio:.2f} separation={separation:.2f}")


def e_step(x: np.ndarray, climbs: Climbs) -> tuple[np.ndarray, np.ndarray]:
    """Log-likelihoods (S,) and responsibilities of the second component (S, n)."""
    log_weights = -np.logaddexp(0.0, np.stack([climbs.odds, -climbs.odds]))
    joint = (x - climbs.means.T[..., None]) * np.exp(-climbs.scales.T)[..., None]
    joint *= -0.5 * joint
    joint += (log_weights - climbs.scales.T - 0.5 * np.log(2.0 * np.pi))[..., None]
    gap = joint[1] - joint[0]
    smaller = np.exp(-np.abs(gap))
    value = (np.maximum(joint[0], joint[1]) + np.log1p(smaller)).sum(axis=1)
    return value, np.where(gap > 0.0, 1.0, smaller) / (1.0 + smaller)


def em_step(x: np.ndarray, climbs: Climbs, least: float) -> tuple[np.ndarray, Climbs]:
    """Log-likelihoods before an EM step of every climb, and where it leads to; deviations are
    not below the least."""
    value, resp = e_step(x, climbs)
    total = resp.sum(axis=1)
    total = np.maximum(len(x) - total, 1e-10), np.maximum(total, 1e-10)
    squares = x * x
    first, second = resp @ x, resp @ squares
    means = np.stack([(x.sum() - first) / total[0], first / total[1]], axis=1)
    square = np.stack([(squares.sum() - second) / total[0], second / total[1]], axis=1)
    variances = np.maximum(square - means**2, least**2)
    return value, Climbs(np.log(total[1] / total[0]), means, 0.5 * np.log(variances))


def log_likelihood(x: np.ndarray, climbs: Climbs) -> np.ndarray:
    return e_step(x, climbs)[0]


def squared_step(x: np.ndarray, climbs: Climbs, least: float) -> Climbs:
    """Two EM steps, a longer one along their path (Varadhan & Roland 2008, scheme S3), and a
    third; two steps alone where the long one leads lower than the first."""
    _, one = em_step(x, climbs, least)
    value, two = em_step(x, one, least)
    a, b, c = climbs.packed(), one.packed(), two.packed()
    step, bend = b - a, (c - b) - (b - a)
    size = np.linalg.norm(step, axis=1) / np.maximum(np.linalg.norm(bend, axis=1), 1e-300)
    size = np.clip(size, 1.0, 200.0)[:, None]
    far = a + 2.0 * size * step + size * size * bend
    far[:, 3:] = np.clip(far[:, 3:], np.log(least), 5.0)
    far[:, 1:3] = np.clip(far[:, 1:3], x.min(), x.max())
    far[:, 0] = np.clip(far[:, 0], -25.0, 25.0)
    higher, tried = em_step(x, Climbs.unpacked(far), least)
    return Climbs.unpacked(np.where((higher < value)[:, None], c, tried.packed()))


def distinct(climbs: Climbs) -> np.ndarray:
    """Indices of climbs that have not met one before them, whatever the order of components."""
    swap = climbs.means[:, 0] > climbs.means[:, 1]
    packed = climbs.packed()
    packed[swap] = packed[swap][:, [0, 2, 1, 4, 3]]
    packed[swap, 0] *= -1.0
    kept: list[int] = []
    for i, place in enumerate(packed):
        if not any(np.abs(place - packed[j]).max() < NEAR for j in kept):
            kept.append(i)
    return np.array(kept, dtype=int)


def random_climbs(x: np.ndarray, n_starts: int, rng: np.random.Generator) -> Climbs:
    """Two rows as means; random weights and deviations."""
    means = rng.choice(x, size=(n_starts, 2))
    scales = rng.uniform(np.log(0.05), 0.0, size=(n_starts, 2))
    return Climbs(rng.normal(size=n_starts), means, scales)


def maxima_of_random_starts(x: np.ndarray, n_starts: int, seed: int) -> Climbs:
    """Where EM leads to; x is in standard units."""
    least = LEAST_DEVIATION
    climbs = random_climbs(x, n_starts, np.random.default_rng(seed))
    for _ in range(4):
        for _ in range(10):
            _, climbs = em_step(x, climbs, least)
        climbs = climbs.take(distinct(climbs))
    settled, before = [], log_likelihood(x, climbs)
    for _ in range(N_STEPS // 60):
        for _ in range(20):
            climbs = squared_step(x, climbs, least)
        value = log_likelihood(x, climbs)
        is_settled = value - before < LEAST_GAIN
        settled.append(climbs.take(is_settled))
        climbs, before = climbs.take(~is_settled), value[~is_settled]
        kept = distinct(climbs)
        climbs, before = climbs.take(kept), before[kept]
        if not len(before):
            break
    return Climbs(*map(np.concatenate, zip(*settled, climbs, strict=True)))


class Miss(NamedTuple):
    """A maximum that is higher than the fit."""

    seed: int
    truth: str
    by: float
    weight: float
    means: np.ndarray
    scales: np.ndarray


def miss(seed: int, n_starts: int = N_STARTS) -> Miss | None:
    """The highest maximum of random starts, if it is higher than the fit and not spurious."""
    x, truth = random_problem(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = TwoNormalMixture().fit(x[:, None])
    z = (x - x.mean()) / x.std()
    climbs = maxima_of_random_starts(z, n_starts, seed)
    for n_more in (0, N_STEPS):  # a climb that is about to collapse may look like a maximum
        for _ in range(n_more // 3):
            climbs = squared_step(z, climbs, LEAST_DEVIATION)
        values = log_likelihood(z, climbs) - len(x) * np.log(x.std())
        ratio = np.exp(2.0 * np.ptp(climbs.scales, axis=1))
        is_maximum = climbs.scales.min(axis=1) > np.log(LEAST_DEVIATION) + 1e-6
        is_maximum &= ~does_not_pay(ratio, values - fit.null_log_likelihood_)
        higher = is_maximum & (values > fit.log_likelihood_ + TOLERANCE)
        climbs, values = climbs.take(higher), values[higher]
        if not len(values):
            return None
    best = climbs.take(int(values.argmax()))
    by = float(values.max() - fit.log_likelihood_)
    return Miss(seed, truth, by, float(expit(best.odds)), best.means, np.exp(best.scales))


def misses(seeds: range, n_starts: int = N_STARTS) -> Iterator[Miss]:
    """Of many problems."""
    for seed in seeds:
        found = miss(seed, n_starts)
        if found is not None:
            yield found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="seed of the first data set")
    parser.add_argument("--data-sets", type=int, default=2000)
    parser.add_argument("--starts", type=int, default=N_STARTS)
    options = parser.parse_args()
    count = 0
    for found in misses(range(options.first, options.first + options.data_sets), options.starts):
        count += 1
        print(
            f"seed {found.seed} ({found.truth}): higher by {found.by:.3f} nats at weight "
            f"{found.weight:.3f}, means {found.means.round(3)}, deviations "
            f"{found.scales.round(4)} (standard units)",
            flush=True,
        )
    print(f"{count} of {options.data_sets} data sets have a higher maximum", flush=True)
    return int(count > 0)


if __name__ == "__main__":
    sys.exit(main())
