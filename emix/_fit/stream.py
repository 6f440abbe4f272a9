"""Mixtures that are fitted to one batch of rows after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from .._em.results import Result
from .._mixture.mixture import Mixture
from .._mixture.online import State, follow
from .._mixture.posterior import Rule, at_temperature
from .._normal.covariances import Structure
from .._normal.gaussian import Params
from .._normal.prior import Prior
from .._normal.stats import Stats, layout_of
from .._rows.blocks import Rows
from .._rows.grid import Mapper, block_rows, spans
from .._rows.patterns import rows_over
from .fit import Fit, Run, in_data_units

# Standard deviations from the mean beyond which a row's second moments overflow.
_FARTHEST = 1e150


class Stream(NamedTuple):
    """A state in the standard units of the first batch, with its noise and prior."""

    state: State
    shift: np.ndarray
    scale: np.ndarray
    noise: np.ndarray
    prior: Prior | None
    rule: Rule


# What an estimator keeps of a stream: arrays and numbers alone, so that pickles of this release can
# be read whatever becomes of the classes above.
Stored = dict[str, Any]


def stored(stream: Stream) -> Stored:
    """The stream as arrays and numbers; covariances follow from their factors."""
    state, prior = stream.state, stream.prior
    params = state.params
    averaged = None if state.averaged is state.stats else _plain(state.averaged)
    return {
        "weights": params.weights,
        "means": params.means,
        "factors": params.factors,
        "statistics": _plain(state.stats),
        "averaged": averaged,
        "seen": state.seen,
        "batches": state.batches,
        "shift": stream.shift,
        "scale": stream.scale,
        "noise": stream.noise,
        "temperature": stream.rule.temperature,
        "prior": None if prior is None else prior._asdict(),
    }


def _plain(stats: Stats) -> Stored:
    return {"vector": stats.vector, "origin": stats.origin, "value": stats.value}


def restored(plain: Stored, structure: Structure) -> Stream:
    """The stream again; refused where the parameters of the estimator are others by now."""
    means, factors = plain["means"], plain["factors"]
    n_floored = np.zeros(structure.sharing.leading(len(means)), dtype=int)
    covariances = structure.form.invert(factors)
    params = Params(plain["weights"], means, covariances, factors, n_floored)
    stats = _statistics(structure, plain["statistics"])
    averaged = stats if plain["averaged"] is None else _statistics(structure, plain["averaged"])
    state = State(stats, params, plain["seen"], averaged, plain["batches"])
    prior = None if plain["prior"] is None else Prior(**plain["prior"])
    units = plain["shift"], plain["scale"]
    return Stream(state, *units, plain["noise"], prior, at_temperature(plain["temperature"]))


def _statistics(structure: Structure, plain: Stored) -> Stats:
    layout = layout_of(structure, *plain["origin"].shape)
    return Stats(layout, plain["vector"], plain["origin"], plain["value"])


def begin_stream(fit: Fit, total_weight: float, rule: Rule) -> Stored:
    """After a fit to rows of this weight, of which the last climb had this rule."""
    result, model = fit.run.result, fit.model
    stats = result.stats * 1.0  # the sums, without what the climb took along
    state = State(stats, result.params, total_weight, stats, 1)
    units = model.rows.shift, model.rows.scale
    return stored(Stream(state, *units, model.space.noise, model.prior, rule))


def check_stream(plain: Stored, same_structure: bool, n_components: int) -> None:
    """Whether it can go on with these parameters of the estimator."""
    if not same_structure or len(plain["means"]) != n_components:
        raise ValueError(
            "partial_fit goes on from what was fitted, but n_components or covariance_type "
            "changed since; set them back, or clone the estimator to begin anew"
        )


def stream_model(
    stream: Stream,
    make: Callable[..., Mixture],
    structure: Structure,
    X: np.ndarray,
    weight: np.ndarray | None,
    mapper: Mapper,
) -> Mixture:
    """The model over a further batch."""
    rows = rows_over(X, weight, stream.shift, stream.scale, mapper)
    _check_distance(rows)
    model = make(structure, rows, stream.noise).ruled(stream.rule)
    if stream.prior is not None:
        seen = stream.state.seen
        prior = stream.prior.thinned(seen / (seen + rows.total_weight))
        model = replace(model, prior=prior)
    return model


def _check_distance(rows: Rows) -> None:
    """Whether moments of the rows are finite numbers, in the units of the first batch."""
    # fmax and fmin pass over what is missing
    high, low = (float(of.reduce(rows.X, axis=None)) for of in (np.fmax, np.fmin))
    largest = max(high, -low) + float(np.abs(rows.shift).max())
    if largest <= _FARTHEST * float(rows.scale.min()):
        return
    for start, stop in spans(rows.n, block_rows(8 * rows.d)):
        z = np.empty((rows.d, stop - start))
        with np.errstate(over="ignore"):
            rows.read(start, stop, z)
        if np.fmax.reduce(np.abs(z, out=z), axis=None) > _FARTHEST:
            feature, row = np.unravel_index(np.nanargmax(z), z.shape)
            row = np.arange(rows.n)[rows.at(start, stop)][row]
            raise ValueError(
                f"X has {rows.X[row, feature]:g} in row {row}, feature {feature}: "
                f"more than {_FARTHEST:g} standard deviations of the first batch from its mean, "
                f"which is {rows.shift[feature]:g}. Scale X, or leave the row out"
            )


def advance(stream: Stream, model: Mixture, offset: float, exponent: float) -> Stream:
    """After the model's rows."""
    return stream._replace(state=follow(model, stream.state, offset, exponent), prior=model.prior)


def published(stream: Stream, model: Mixture, averaging: bool) -> Fit:
    """The state's parameters in the units of the data."""
    state = stream.state
    params = model.m_step(state.averaged, state.params) if averaging else state.params
    result = Result(params, state.stats.value, (), np.inf, "a batch was taken in")
    return in_data_units(model, Run(result, False))
