"""What a user sees of a fit that is under way: lines in print, and callbacks."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from .._em.ascent import Ascent
from .._em.results import Pass, Result
from .._fit.runs import Observer
from .callbacks import FitTasks


class Watch(Observer):
    """Prints, and tells callbacks. ``attributes(model, climb, earlier)`` are those of a fit under
    way, ``log_unit(model)`` is what its objective lacks to that in the units of the data."""

    def __init__(
        self,
        tasks: FitTasks,
        verbose: int,
        interval: int,
        attributes: Callable[[Any, Ascent, tuple[Result, ...]], dict],
        log_unit: Callable[[Any], float],
    ):
        self._tasks, self._attributes, self._log_unit = tasks, attributes, log_unit
        self._verbose, self._interval = verbose, interval
        self._began = self._last = 0.0

    def begin_init(self, index: int) -> None:
        self._tasks.begin_init(index)
        self._began = self._last = time.perf_counter()
        if self._verbose:
            print(f"Initialization {index}")

    def watcher(self, model: Any, earlier: tuple[Result, ...]) -> Callable[[Ascent], bool] | None:
        if not self._verbose and not self._tasks.active:
            return None
        return partial(self._iteration, model, earlier)

    def _iteration(self, model: Any, earlier: tuple[Result, ...], climb: Ascent) -> bool:
        n_iter = sum(result.n_iter for result in earlier) + len(climb.passes) - 1
        if self._verbose and n_iter % self._interval == 0:
            self._print_iteration(n_iter, climb.passes)
        return self._tasks.iteration(lambda: self._attributes(model, climb, earlier))

    def _print_iteration(self, n_iter: int, passes: list[Pass]) -> None:
        line = f"  Iteration {n_iter}"
        if self._verbose > 1:
            now = time.perf_counter()
            gain = passes[-1].objective - passes[-2].objective
            line += f"\t time lapse {now - self._last:.5f}s\t ll change {gain:.5f}"
            line += f"\t remaining gain {passes[-1].remaining:.2g}"
            self._last = now
        print(line)

    def end_init(self, model: Any, result: Result) -> None:
        self._tasks.end_init()
        if self._verbose:
            line = "converged" if result.converged else "did not converge"
            line = f"Initialization {line}."
            if self._verbose > 1:
                lapse = time.perf_counter() - self._began
                bound = result.objective + self._log_unit(model)
                line += f" time lapse {lapse:.5f}s\t lower bound {bound:.5f}."
            print(line)
