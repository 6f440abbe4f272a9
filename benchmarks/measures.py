"""The measurements: each takes a cell and the peers, and returns a row of plain numbers."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from counting import counted, kernel_of, model_and_start, tally_of
from emix import TwoNormalMixture
from limits import n_cores
from peers import VARIATIONAL, EmixPeer, Fitted, Peer, SklearnPeer
from peers.base import seconds_of_fit
from problems import (
    Cell,
    Problem,
    TwoNormalsCell,
    make,
    make_two_normals,
    mean_log_likelihood,
)
from timing import interleave, ratio, ratios, summary

COMPARED_PASSES = 5  # results of the peers are compared after this many
MEMORY_PASSES = 2
SEEDS_PER_ROUND = 10
_TRIES = 5

CLOSE = 1e-6  # "at the maximum": mean log-likelihood this close to the best found
OWN_STOP = "emix, own stop"
TIGHT = 1e-10  # tolerance of the runs that look for the best
LOOSE_TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)
TOLERANCES = (1e-7, 1e-8, 1e-9, TIGHT)  # the first that ends within CLOSE is timed


class Plan(NamedTuple):
    """Time `long` against `short` passes, `repeats` times."""

    short: int
    long: int
    repeats: int


def passes(cell: Cell, peers: list[Peer], n_rounds: int) -> dict:
    """Seconds per EM pass of each peer, and how far its result is from the reference's."""
    problem = make(cell)
    peers = [peer for peer in peers if cell.structure in peer.structures]
    fitted = {peer.name: peer.fit(problem, COMPARED_PASSES) for peer in peers}
    reference = fitted.get(SklearnPeer.name, fitted[peers[-1].name])
    rounds = interleave({peer.name: pass_timer(peer, problem) for peer in peers}, n_rounds)
    return {
        "cell": cell.name,
        "size": {"n": cell.n, "d": cell.d, "k": cell.k},
        "flops": cell.flops(),
        "exponentials": cell.exponentials(),
        "bytes": cell.bytes(),
        "seconds": {name: summary(seconds) for name, seconds in rounds.items()},
        "faster_than": ratios(rounds, peers[0].name),
        "compared_passes": {name: fit.n_passes for name, fit in fitted.items()},
        "difference": {
            peer.name: _difference(fitted[peer.name], reference)
            for peer in peers
            if not peer.own_start
        },
    }


def variational(cell: Cell, peers: list[Peer], n_rounds: int) -> dict:
    """The same of the Bayesian mixtures."""
    peers = [VARIATIONAL[peer.name]() for peer in peers if peer.name in VARIATIONAL]
    return passes(cell, peers, n_rounds)


def scaling(cell: Cell, peers: list[Peer], n_rounds: int) -> dict:
    """Seconds per pass, as `passes`, of a cell that differs from others in one size."""
    return passes(cell, peers, n_rounds)


def where(cell: Cell, peers: list[Peer], n_rounds: int) -> dict:
    """What the fifth pass of emix spends its processor time on, one thread; the fastest round."""
    problem = make(cell)
    model, params = model_and_start(problem)
    for _ in range(4):
        params = model.m_step(model.e_step(params), params)
    told = counted(model_and_start(problem)[0])
    with threadpool_limits(1):
        plain = [_processor_time(lambda: model.e_step(params)) for _ in range(n_rounds + 1)]
        told.e_step(params)
        tallies = [tally_of(lambda: told.e_step(params)) for _ in range(n_rounds)]
    tally = min(tallies, key=lambda tally: sum(tally.seconds.values()))
    return {
        "cell": cell.name,
        "kernel": type(kernel_of(model, params)).__name__,
        "seconds": min(plain[1:]),
        "by_operation": dict(tally.seconds),
        "gflops_of_products": 1e-9 * tally.flops / tally.seconds["matmul"],
    }


def _processor_time(task: Callable[[], object]) -> float:
    began = time.thread_time()
    task()
    return time.thread_time() - began


def maximum(cell: Cell, peers: list[Peer], n_rounds: int) -> dict:
    """Seconds until the mean log-likelihood is within CLOSE of the best found by any peer.

    Every peer makes as many passes as it needs for that, which a recorded run tells; no peer
    pays for finding out. ``own_stop`` is a fit of emix that stops by its own rule.
    """
    problem = make(cell)
    trace = SklearnPeer().maximise(problem, TIGHT).trace
    accelerated = [peer for peer in peers if isinstance(peer, EmixPeer)]
    best = max([*trace, *(_score(problem, peer.maximise(problem, TIGHT)) for peer in accelerated)])
    needed = _first_close(trace, best)
    fits = _fits_to_maximum(problem, peers, needed, best)
    last: dict[str, Fitted] = {}

    def timer(name: str, fit: Callable[[], Fitted]) -> Callable[[], float]:
        def seconds() -> float:
            last[name] = fit()
            return last[name].seconds

        return seconds

    rounds = interleave({name: timer(name, fit) for name, fit in fits.items()}, n_rounds)
    return {
        "cell": cell.name,
        "best": best,
        "plain_passes": needed,
        "passes": {name: fitted.n_passes for name, fitted in last.items()},
        "seconds": {name: summary(seconds) for name, seconds in rounds.items()},
        "faster_than": ratios(rounds, peers[0].name),
        "short_of_best": {name: best - _score(problem, fitted) for name, fitted in last.items()},
    }


def whole_fit(cell: Cell, peers: list[Peer], n_rounds: int) -> dict:
    """A whole fit by default parameters, start included, on another data set each time."""
    estimators = {peer.name: peer for peer in peers if hasattr(peer, "default_fit")}
    for peer in estimators.values():
        peer.default_fit(make(cell).X, cell.k, seed=0)
    seconds: dict[str, list[float]] = {name: [] for name in estimators}
    scores: dict[str, list[float]] = {name: [] for name in estimators}
    for seed in range(SEEDS_PER_ROUND * n_rounds):
        X = make(replace(cell, seed=seed)).X
        for name, peer in estimators.items():
            took, score = peer.default_fit(X, cell.k, seed)
            seconds[name].append(took)
            scores[name].append(score)
    return {
        "cell": cell.name,
        "n_seeds": SEEDS_PER_ROUND * n_rounds,
        "seconds": {name: summary(values) for name, values in seconds.items()},
        "faster_than": ratios(seconds, peers[0].name),
        "score_gain": _gains(scores, peers[0].name),
    }


def two_normals(cell: TwoNormalsCell, peers: list[Peer], n_rounds: int) -> dict:
    """Seconds of whole fits of two normals to one feature, starts included.

    ``TwoNormalMixture`` as it is; ``GaussianMixture`` of the other peers from its default start,
    with the loosest tolerance that ends within CLOSE of the best found.
    """
    X = make_two_normals(cell)
    best = TwoNormalMixture().fit(X).lower_bound_
    fits: dict[str, Callable[[], float]] = {}
    short, passes = {}, {}
    for peer in peers:
        if isinstance(peer, EmixPeer):
            models = [TwoNormalMixture()]
        elif isinstance(peer, SklearnPeer):
            models = [peer.two_normals(tol) for tol in LOOSE_TOLERANCES]
        else:
            continue
        for model in models:
            missing = best - model.fit(X).score(X)
            if abs(missing) <= CLOSE:
                short[peer.name], passes[peer.name] = missing, int(model.n_iter_)
                fits[peer.name] = lambda model=model: seconds_of_fit(model, X)
                break
    rounds = interleave(fits, n_rounds)
    return {
        "cell": cell.name,
        "passes": passes,
        "seconds": {name: summary(seconds) for name, seconds in rounds.items()},
        "faster_than": ratios(rounds, peers[0].name),
        "short_of_best": short,
    }


def memory(cell: Cell, peers: list[Peer], n_rounds: int) -> dict:
    """Peak memory on top of X of a fit in a process of its own."""
    worker = Path(__file__).with_name("memory_worker.py")
    size = [cell.structure, *map(str, (cell.n, cell.d, cell.k, MEMORY_PASSES))]
    told = {}
    for peer in peers:
        if peer.in_process:
            command = [sys.executable, worker, peer.name, *size]
            told[peer.name] = json.loads(subprocess.check_output(command, text=True))
    return {
        "cell": cell.name,
        "X_bytes": cell.n * cell.d * 8,
        "extra_bytes": {name: answer["extra"] for name, answer in told.items()},
    }


def threads(cell: Cell, peers: list[Peer], n_rounds: int) -> dict:
    """Seconds per pass with the threads of the BLAS limited to one, and with all cores."""
    problem = make(cell)
    seconds, speedup = {}, {}
    for peer in peers:
        if not peer.in_process:
            continue
        limited = {
            "one": pass_timer(peer, problem, n_threads=1),
            "all": pass_timer(peer, problem),
        }
        rounds = interleave(limited, n_rounds)
        seconds[peer.name] = {name: summary(values) for name, values in rounds.items()}
        speedup[peer.name] = ratio(rounds["one"], rounds["all"])
    return {"cell": cell.name, "n_cores": n_cores(), "seconds": seconds, "speedup": speedup}


def pass_timer(peer: Peer, problem: Problem, n_threads: int | None = None) -> Callable[[], float]:
    """A task that returns seconds per pass, with the thread pools limited or as they are.

    A difference that noise makes negative is measured again.
    """

    def limit():
        return nullcontext() if n_threads is None else threadpool_limits(n_threads)

    def seconds() -> float:
        with limit():
            for _ in range(_TRIES):
                if (measured := _seconds_per_pass(peer, problem, plan)) > 0.0:
                    return measured
        raise RuntimeError(f"{peer.name}: more passes took less time, {_TRIES} times in a row")

    with limit():
        plan = _plan(peer, problem)
    return seconds


def _plan(peer: Peer, problem: Problem, seconds: float = 0.4) -> Plan:
    """Enough passes for a timed difference of about `seconds`, enough repeats for twice that.

    At least ten, the same for all peers where passes are long: those of emix get cheaper as
    components come apart.
    """
    peer.fit(problem, 1)
    short, long = peer.fit(problem, 2), peer.fit(problem, 4)
    per_pass = max((long.seconds - short.seconds) / 2, long.seconds / 40)
    more = min(max(math.ceil(seconds / per_pass), 10), 40)
    return Plan(1, 1 + more, min(max(math.ceil(2 * seconds / (more * per_pass)), 1), 9))


def _seconds_per_pass(peer: Peer, problem: Problem, plan: Plan) -> float:
    """What more passes cost, so that no start counts; the fastest of the repeats of either."""
    pairs = [
        (peer.fit(problem, plan.short), peer.fit(problem, plan.long)) for _ in range(plan.repeats)
    ]
    short, long = (min(fits, key=lambda fit: fit.seconds) for fits in zip(*pairs, strict=True))
    if long.n_passes <= short.n_passes:
        raise RuntimeError(f"{peer.name} made {long.n_passes} of {plan.long} passes")
    return (long.seconds - short.seconds) / (long.n_passes - short.n_passes)


def _fits_to_maximum(
    problem: Problem, peers: Iterable[Peer], needed: int | None, best: float
) -> dict[str, Callable[[], Fitted]]:
    """The fit to be timed of each peer that gets within CLOSE of the best."""
    fits = {}
    for peer in peers:
        if peer.own_start:
            continue
        if isinstance(peer, EmixPeer):
            tol = _tolerance(peer, problem, best)
            if tol is not None:
                own = _first_close(peer.maximise(problem, tol).trace, best) + 1
                fits[peer.name] = lambda peer=peer, own=own: peer.climb(problem, own)
                fits[OWN_STOP] = lambda peer=peer, tol=tol: peer.maximise(problem, tol)
        elif needed is not None:
            fits[peer.name] = lambda peer=peer: peer.fit(problem, needed)
    return fits


def _first_close(trace: Iterable[float], best: float) -> int | None:
    """Index of the first pass that ends within CLOSE of the best."""
    return next((i for i, value in enumerate(trace) if value >= best - CLOSE), None)


def _tolerance(peer: EmixPeer, problem: Problem, best: float) -> float | None:
    """Loosest tolerance with which the peer ends within CLOSE of the best."""
    for tol in TOLERANCES:
        if _score(problem, peer.maximise(problem, tol)) >= best - CLOSE:
            return tol
    return None


def _score(problem: Problem, fitted: Fitted) -> float:
    return mean_log_likelihood(problem.X, fitted.weights, fitted.means, fitted.covariances)


def _difference(fitted: Fitted, reference: Fitted) -> float:
    """Largest difference of a parameter relative to the largest entry of its array."""
    return max(
        float(np.abs(getattr(fitted, name) - truth).max() / np.abs(truth).max())
        for name in ("weights", "means", "covariances")
        for truth in [getattr(reference, name)]
    )


def _gains(scores: dict[str, list[float]], subject: str) -> dict[str, dict]:
    """Mean log-likelihood of the subject above each other peer's."""
    return {
        name: summary(np.subtract(scores[subject], values).tolist())
        for name, values in scores.items()
        if name != subject and subject in scores
    }
