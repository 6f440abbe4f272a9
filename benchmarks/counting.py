"""What a pass does, counted: figures that are the same on every run and every machine.

The buffers of a kernel are handed out as arrays that tell of every NumPy call on them. Calls on
other arrays, K small ones mostly, are not seen.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable

import numpy as np

from emix import GaussianMixture
from emix._fit.problem import make_model
from emix._input.parameters import checked
from emix._input.tables import Data, Features
from emix._mixture.mixture import Mixture
from emix._normal.choice import Kernel
from emix._rows.grid import block_rows, spans
from emix._rows.room import Buffers, bytes_per_row
from problems import Problem


class Tally:
    """Calls, elements and processor time by the name of the operation, and flops of products."""

    def __init__(self):
        self.calls: dict[str, int] = defaultdict(int)
        self.elements: dict[str, int] = defaultdict(int)
        self.seconds: dict[str, float] = defaultdict(float)
        self.flops = 0

    def add(self, name: str, inputs: tuple, result, seconds: float) -> None:
        self.calls[name] += 1
        self.seconds[name] += seconds
        if name == "matmul":
            # one factor's inner axis for each element of the result, of A Aᵀ half of them
            a, b = inputs
            is_symmetric = a.__array_interface__["data"] == b.__array_interface__["data"]
            self.flops += (1 if is_symmetric else 2) * a.shape[-1] * np.size(result)
        else:
            arrays = [np.size(array) for array in (*inputs, result)]
            self.elements[name] += max(arrays)


class Counted(np.ndarray):
    """Tells the tally of all NumPy functions that it takes part in."""

    tally = Tally()

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        plain = tuple(map(_plain, inputs))
        if out is not None:
            options["out"] = tuple(map(_plain, out))
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        began = time.thread_time()
        result = getattr(ufunc, method)(*plain, **options)
        Counted.tally.add(name, plain, result, time.thread_time() - began)
        return result.view(Counted) if isinstance(result, np.ndarray) else result

    def __array_function__(self, function, types, arguments, options):
        plain = tuple(map(_plain, arguments))
        options = {name: _plain(value) for name, value in options.items()}
        began = time.thread_time()
        result = function(*plain, **options)
        arrays = tuple(array for array in plain if isinstance(array, np.ndarray))
        Counted.tally.add(function.__name__, arrays, result, time.thread_time() - began)
        return result.view(Counted) if isinstance(result, np.ndarray) else result


def _plain(value):
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value))
    return value.view(np.ndarray) if isinstance(value, Counted) else value


def model_and_start(problem: Problem) -> tuple[Mixture, tuple]:
    """What a fit of the problem climbs on, with one thread, and its first parameters."""
    estimator = GaussianMixture(
        problem.cell.k,
        covariance_type=problem.cell.structure,
        weights_init=problem.weights,
        means_init=problem.means,
        precisions_init=problem.precisions,
    )
    values = checked(estimator, estimator._checks)
    data = Data(problem.X, None, Features())
    asked = estimator._problem(values, data)
    model = make_model(data.rows(map), asked)
    return model, asked.given.override(model, None)


def counted(model: Mixture) -> Mixture:
    """The model, its buffers made to tell the tally."""
    choose, load, read = model.space.kernel, model.rows.loaded, model.rows.read

    def kernel(params):
        chosen = choose(params)
        prepare = chosen.prepare
        chosen.prepare = lambda buffers: prepare(_telling(buffers))
        return chosen

    model.space.kernel = kernel
    model.rows.loaded = lambda *block: _telling(load(*block))
    model.rows.read = lambda start, stop, out: read(start, stop, out.view(Counted))
    return model


def _telling(buffers: Buffers) -> Buffers:
    return Buffers(*(array if array is None else array.view(Counted) for array in buffers))


def tally_of(work: Callable[[], object]) -> Tally:
    """What is counted while work is done."""
    Counted.tally = Tally()
    work()
    return Counted.tally


def kernel_of(model: Mixture, params) -> Kernel:
    """What an E-step is computed with."""
    kernel = model.space.kernel(params)
    return model.space.view.odds(kernel, params) or kernel


def count_pass(model: Mixture, params) -> dict:
    """The figures of one E-step, the buffers being there already.

    Calls are those of one block; of the elements, those of exponentials are told apart.
    """
    kernel = kernel_of(model, params)
    model = counted(model)
    model.e_step(params)
    tally = tally_of(lambda: model.e_step(params))
    n_blocks = len(spans(model.rows.n, block_rows(bytes_per_row(kernel))))
    return {
        "kernel": type(kernel).__name__,
        "blocks": n_blocks,
        "calls per block": math.ceil(sum(tally.calls.values()) / n_blocks),
        "flops of products": tally.flops,
        "exponentials": tally.elements["exp"],
        "elements of other operations": sum(tally.elements.values()) - tally.elements["exp"],
        "bytes per row": bytes_per_row(kernel),
    }
