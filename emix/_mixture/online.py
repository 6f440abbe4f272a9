"""Online EM: statistics as a running mean over batches of rows (Cappé & Moulines 2009)."""

from __future__ import annotations

from typing import NamedTuple

from .._normal.gaussian import Params
from .._normal.stats import Stats
from .mixture import Mixture


class State(NamedTuple):
    """What is known after some batches, in standard units that stay the same.

    stats is the running mean s, params its M-step, seen the weight of all rows so far and
    averaged the mean of s over ``batches`` batches.
    """

    stats: Stats
    params: Params
    seen: float
    averaged: Stats
    batches: int


def follow(model: Mixture, state: State, offset: float, exponent: float) -> State:
    """After one more batch, the model's rows: s <- (1 - g) s + g s_batch, then an M-step.

    g = (offset + t)^-exponent, where t counts batches of this one's weight: with exponent 1 and
    no offset, s is the mean over all rows.
    """
    batch = model.e_step(state.params)
    weight = model.rows.total_weight
    seen = state.seen + weight
    rate = (offset + seen / weight) ** -exponent
    stats = model.about(state.stats, batch.origin) * (1.0 - rate) + batch * rate
    stats.value = batch.value
    batches = state.batches + 1
    before = model.about(state.averaged, stats.origin)
    averaged = before + (stats - before) * (1.0 / batches)
    return State(stats, model.m_step(stats, state.params), seen, averaged, batches)
