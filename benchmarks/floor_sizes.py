"""Least covariances of several sizes: `python benchmarks/floor_sizes.py` (some minutes).

Default fits of the problems of `quality.py`, with the least covariance (`emix/_normal/floor.py`) at
several shares of the local scale. What counts as thin stays where it is: at 1e-4 of that scale.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

import emix
from best_known import STORE, BestKnown, Climber
from emix._mixture import soundness
from emix._mixture.missing import mixture_over
from healthy import STANDARD
from quality import _height, _in_metric
from quality_problems import STRUCTURES, TABLES, QualityProblem, real_problems, synthetic_problems
from quality_report import REACHED

SHARES = (1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4)
_THIN = 1e-4
COMPONENTS = (2, 3, 5)


@dataclass
class Tally:
    """Counts of fits: at the best known healthy maximum, with a component at the least covariance;
    their passes, those of the latter, and processor seconds."""

    fits: int = 0
    reached: int = 0
    singular: int = 0
    passes: int = 0
    passes_of_singular: int = 0
    seconds: float = 0.0


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--seeds", type=int, default=2, metavar="N", help="fits of each problem")
    parser.add_argument("--synthetic", type=int, default=96, metavar="N", help="synthetic problems")
    args = parser.parse_args(arguments)
    problems = [
        *real_problems(TABLES, STRUCTURES, COMPONENTS),
        *synthetic_problems(args.synthetic, STRUCTURES),
    ]
    known = BestKnown(STORE)
    print("| share | reached | singular | passes a fit | passes of singular fits | time |")
    print("|---|---|---|---|---|---|")
    seconds = None
    for share in SHARES:
        tally = tallied(problems, share, args.seeds, known)
        seconds = seconds or tally.seconds
        print(_line(share, tally, seconds), flush=True)


def tallied(
    problems: Sequence[QualityProblem], share: float, n_seeds: int, known: BestKnown
) -> Tally:
    """All fits with this least covariance."""
    mixture_over.__kwdefaults__["least_share"] = share
    soundness.THIN = _THIN / share
    tally = Tally()
    with threadpool_limits(1):
        for problem in problems:
            for seed in range(n_seeds):
                _add(tally, problem, seed, known.of(problem) or {})
    return tally


def _add(tally: Tally, problem: QualityProblem, seed: int, best: dict[str, float]) -> None:
    model = emix.GaussianMixture(
        problem.n_components, covariance_type=problem.structure, random_state=seed
    )
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(problem.X)
    tally.seconds += time.process_time() - began
    climber = Climber(problem)
    mixture = _in_metric(model, problem, climber)
    height = _height(climber, mixture)
    is_healthy = STANDARD in climber.levels(mixture)
    tally.fits += 1
    tally.reached += (
        height is not None and is_healthy and height >= best.get(STANDARD, np.inf) - REACHED
    )
    singular = bool(np.any(model.singular_components_))
    tally.singular += singular
    tally.passes += model.n_iter_
    tally.passes_of_singular += model.n_iter_ * singular


def _line(share: float, tally: Tally, seconds: float) -> str:
    of_singular = tally.passes_of_singular / max(tally.singular, 1)
    return (
        f"| {share:.0e} | {tally.reached / tally.fits:.3f} | {tally.singular / tally.fits:.3f} | "
        f"{tally.passes / tally.fits:.1f} | {of_singular:.1f} | {tally.seconds / seconds:.2f} |"
    )


if __name__ == "__main__":
    main()
