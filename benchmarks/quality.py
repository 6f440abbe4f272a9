"""Judge default fits of emix and scikit-learn: `python benchmarks/quality.py --help`.

Both estimators are fitted by their defaults to the same rows from the same seeds. Told are the
share of fits that reach the best known healthy maximum, refusals, warnings, held-out
log-likelihood, the adjusted Rand index (ARI), and the processor time: every fit has one thread, and
what else the machine does should not count.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import sklearn.mixture
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import KFold
from threadpoolctl import threadpool_limits

import emix
import quality_report
from best_known import STORE, BestKnown, Climber, Heights, key, search
from healthy import expanded, shape_of
from machine import about, machine_line, save_compact
from plain_em import Mixtures
from problems import mean_log_likelihood
from quality_problems import (
    COMPONENTS,
    N_SYNTHETIC,
    STRUCTURES,
    TABLES,
    QualityProblem,
    real_problems,
    synthetic_problems,
)

ESTIMATORS = {
    "emix": emix.GaussianMixture,
    "sklearn": sklearn.mixture.GaussianMixture,
}
N_FOLDS = 5
_HIGHER = 1e-5  # per row; a fit this much above the best known is climbed on from and stored
# What `--quick` takes: about two minutes of one core.
QUICK = {"components": [2, 3, 5], "seeds": 3, "cv_seeds": 1, "synthetic": 96, "synthetic_seeds": 1}
FULL = {
    "components": list(COMPONENTS),
    "seeds": 10,
    "cv_seeds": 2,
    "synthetic": N_SYNTHETIC,
    "synthetic_seeds": 5,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    args = _arguments(arguments)
    real = real_problems(args.tables, args.structures, args.components)
    synthetic = synthetic_problems(args.synthetic, args.structures)
    problems = [*real, *synthetic]
    known = BestKnown(args.known)
    if args.search:
        _search(problems, known, args.jobs)
        return
    missing = [problem for problem in problems if known.of(problem) is None]
    _search(missing, known, args.jobs)
    rows = list(_each(partial(_judged, args=args, known=known), problems, args.jobs))
    for row in rows:
        known.raise_to(row["key"], row["higher"])
    if any(row["higher"] for row in rows):
        known.save()
    for row, problem in zip(rows, problems, strict=True):
        row["best"] = known.of(problem)
    told = about({"emix": emix.__version__}, list(ESTIMATORS), n_threads=1, jobs=args.jobs)
    save_compact(args.json, told, {"quality": quality_report.packed(rows)})
    text = quality_report.quality(rows)
    print(text)
    if args.markdown:
        args.markdown.write_text(f"{machine_line(told)}\n\n{text}\n")


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--quick", action="store_true", help="fewer K, seeds and problems")
    parser.add_argument("--tables", nargs="*", choices=TABLES, default=list(TABLES))
    parser.add_argument("--structures", nargs="+", choices=STRUCTURES, default=list(STRUCTURES))
    parser.add_argument("--components", nargs="+", type=int, metavar="K")
    parser.add_argument("--seeds", type=int, metavar="N", help="fits of each real problem")
    parser.add_argument(
        "--cv-seeds", type=int, metavar="N", help=f"{N_FOLDS}-fold splits of each real problem"
    )
    parser.add_argument("--synthetic", type=int, metavar="N", help="how many synthetic problems")
    parser.add_argument("--synthetic-seeds", type=int, metavar="N", help="fits of each of them")
    parser.add_argument(
        "--peer-n-init", type=int, default=1, metavar="N", help="n_init of scikit-learn's fits"
    )
    parser.add_argument(
        "--peer-tol", type=float, default=1e-3, metavar="TOL", help="tol of scikit-learn's fits"
    )
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    parser.add_argument(
        "--search",
        action="store_true",
        help="search for the best maxima of the chosen problems, store them and stop",
    )
    parser.add_argument("--known", type=Path, default=STORE, metavar="FILE", help="stored maxima")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all fits there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there")
    args = parser.parse_args(arguments)
    for name, value in (QUICK if args.quick else FULL).items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    if not 0 <= args.synthetic <= N_SYNTHETIC:
        parser.error(f"--synthetic must be between 0 and {N_SYNTHETIC}")
    return args


def _search(problems: Sequence[QualityProblem], known: BestKnown, n_jobs: int) -> None:
    """Search for the maxima of problems and store them; one search serves equal keys."""
    by_key: dict[str, QualityProblem] = {}
    for problem in problems:
        by_key.setdefault(key(problem), problem)
    for problem_key, heights in zip(
        by_key, _each(search, list(by_key.values()), n_jobs), strict=True
    ):
        known.raise_to(problem_key, heights)
        known.save()  # after every one: a search that is stopped keeps what it has


def _each(task: Callable, problems: Sequence[QualityProblem], n_jobs: int) -> Iterator:
    """Results of a task for all problems in order, one thread each, with a word on stderr."""
    one_thread = partial(_with_one_thread, task)
    with ExitStack() as stack:
        run = map
        if n_jobs > 1:
            run = stack.enter_context(ProcessPoolExecutor(n_jobs)).map
        for problem, result in zip(problems, run(one_thread, problems), strict=True):
            print(problem.name, file=sys.stderr, flush=True)
            yield result


def _with_one_thread(task: Callable, problem: QualityProblem):
    with threadpool_limits(1):
        return task(problem)


def _judged(problem: QualityProblem, args: argparse.Namespace, known: BestKnown) -> dict:
    n_seeds = args.synthetic_seeds if problem.synthetic else args.seeds
    peer = {"n_init": args.peer_n_init, "tol": args.peer_tol}
    if args.peer_tol < 1e-3:
        peer["max_iter"] = 2000  # or the default limit would end most fits before
    return judged(problem, n_seeds, args.cv_seeds, known.of(problem) or {}, {"sklearn": peer})


def judged(
    problem: QualityProblem,
    n_seeds: int,
    n_splits: int,
    best: Heights,
    given: dict[str, dict] | None = None,
) -> dict:
    """A row: all fits of a problem, the peers taking turns, and what was found above `best`; with
    parameters that are given to a peer."""
    given = given or {}
    climber = Climber(problem)
    fits: dict[str, list[dict]] = {name: [] for name in ESTIMATORS}
    higher: Heights = {}
    for seed in range(n_seeds):
        order = list(ESTIMATORS) if seed % 2 == 0 else list(ESTIMATORS)[::-1]
        for name in order:
            fit, mixture = _fit(name, problem, seed, climber, given.get(name, {}))
            fits[name].append(fit)
            if mixture is not None:
                _raise(higher, climber, mixture, fit, best)
    if not problem.synthetic:
        for seed in range(n_splits):
            for name in ESTIMATORS:
                fits[name][seed]["held_out"] = _cross_validated(
                    name, problem, seed, given.get(name, {})
                )
    return {
        "problem": problem.name,
        "key": key(problem),
        "table": "synthetic" if problem.synthetic else problem.table,
        "n_components": problem.n_components,
        "synthetic": problem.synthetic,
        "structure": problem.structure,
        "size": problem.size,
        "d": problem.X.shape[1],
        "fits": fits,
        "higher": higher,
    }


def _fit(
    name: str, problem: QualityProblem, seed: int, climber: Climber, given: dict
) -> tuple[dict, Mixtures | None]:
    """What a default fit took and gave, and the fitted mixture in the metric."""
    model = _estimator(name, problem, seed, given)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        began = time.process_time()
        try:
            model.fit(problem.X)
        except ValueError as error:
            seconds = time.process_time() - began
            return {"seconds": seconds, "refused": str(error).partition("\n")[0][:200]}, None
        seconds = time.process_time() - began
    mixture = _in_metric(model, problem, climber)
    shape = shape_of(mixture.weights, mixture.covariances, len(problem.X))
    fit = {
        "seconds": seconds,
        "n_iter": int(model.n_iter_),
        "warnings": sorted({warning.category.__name__ for warning in caught}),
        "rows": shape.rows,
        "eigenvalue": shape.eigenvalue,
    }
    if (height := _height(climber, mixture)) is not None:
        fit["log_likelihood"] = height
    labels, rows = problem.labels, problem.X
    if problem.synthetic:
        labels, rows = problem.labels_test, problem.X_test
        fit["held_out"] = float(model.score(rows))
    if labels is not None:
        fit["ari"] = float(adjusted_rand_score(labels, model.predict(rows)))
    return fit, mixture


def _estimator(name: str, problem: QualityProblem, seed: int, given: dict):
    return ESTIMATORS[name](
        problem.n_components, covariance_type=problem.structure, random_state=seed, **given
    )


def _in_metric(model, problem: QualityProblem, climber: Climber) -> Mixtures:
    """The fitted mixture, (K, ...), in the metric of the data."""
    k, d = model.means_.shape
    covariances = expanded(np.asarray(model.covariances_), problem.structure, k, d)
    metric = climber.metric
    return Mixtures(
        np.asarray(model.weights_), metric.rows(model.means_), metric.covariances(covariances)
    )


def _height(climber: Climber, mixture: Mixtures) -> float | None:
    """Mean log-likelihood in the metric by the common judge; None where that is not finite."""
    kept = mixture.weights > 0
    try:
        height = mean_log_likelihood(climber.rows, *(array[kept] for array in mixture))
    except np.linalg.LinAlgError:
        return None
    return height if np.isfinite(height) else None


def _raise(higher: Heights, climber: Climber, mixture: Mixtures, fit: dict, best: Heights) -> None:
    """Where a fit is above a best known height, climb on to its maximum and keep that."""
    height = fit.get("log_likelihood", quality_report.LOWEST)
    levels = climber.levels(mixture) if "log_likelihood" in fit else []
    if any(height > best.get(level, -np.inf) + _HIGHER for level in levels):
        polished = climber.polish(mixture)
        for level, found in climber.heights([polished] if polished else []).items():
            if found > max(best.get(level, -np.inf), higher.get(level, -np.inf)):
                higher[level] = found


def _cross_validated(name: str, problem: QualityProblem, seed: int, given: dict) -> float:
    """Mean held-out log-likelihood per row of five folds; the lowest where one is refused."""
    scores = []
    for train, test in KFold(N_FOLDS, shuffle=True, random_state=seed).split(problem.X):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                model = _estimator(name, problem, seed, given).fit(problem.X[train])
            except ValueError:
                return quality_report.LOWEST
        scores.append(model.score(problem.X[test]))
    return float(np.mean(scores))


if __name__ == "__main__":
    main()
