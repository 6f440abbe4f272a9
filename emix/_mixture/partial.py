"""Generalised EM: M-steps that raise the expected log-joint without maximising it.

An ``Ascent`` needs no more (Dempster, Laird & Rubin 1977, section 3).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .._normal.gaussian import Params
from .._normal.stats import Stats
from .mixture import Mixture

_HALVINGS = 40


class _Partial:
    """What is the mixture's own: all but M-step and pass."""

    def __init__(self, model: Mixture):
        self._model, self.is_combinatorial = model, model.is_combinatorial
        self.e_step, self.expected, self.log_prior = model.e_step, model.expected, model.log_prior
        self.rounding, self.repair = model.rounding, model.repair


def _freezing(model: Mixture, name: str) -> Mixture:
    """The model with one more parameter frozen."""
    return replace(model, frozen=model.frozen | {name})


class Conditional(_Partial):
    """Conditional maximisations, each after an E-step of its own: of weights and means given
    the covariances, then of weights and covariances given the means (multicycle ECM; Meng &
    Rubin 1993, section 3). A pass goes through the data twice."""

    def m_step(self, stats: Stats, params: Params) -> Params:
        return _freezing(self._model, "covariances").m_step(stats, params)

    def sweep(self, params: Params) -> tuple[Params, Stats]:
        stats = self._model.e_step(params)
        params = _freezing(self._model, "means").m_step(stats, params)
        return params, self._model.e_step(params)


class Gradient(_Partial):
    """A step along the gradient, for families whose M-step has no closed form; shown on the
    normal family, where it has one.

    In each component's own units (mu + U⁻ᵀ a, factor U (I + G), weights ~ w exp(b)) the
    gradient of the expected log-joint at a = G = b = 0, divided by the component's weight, is

        a = Uᵀ E[x - mu],  G = triu(I - Uᵀ E[(x - mu)(x - mu)ᵀ] U), half of it on the diagonal,

    and b the relative excess of the component's weight. The step is halved until the
    expected log-joint does not fall.
    """

    def sweep(self, params: Params) -> tuple[Params, Stats]:
        return self._model.sweep(params)

    def m_step(self, stats: Stats, params: Params) -> Params:
        model = self._model
        target = _freezing(model, "means").m_step(stats, params)  # covariances about these means
        towards = model.m_step(stats, params)
        before = model.expected(stats, params)
        step = 1.0
        for _ in range(_HALVINGS):
            moved = self._moved(params, towards, target.covariances, step)
            if moved is not None and model.expected(stats, moved) >= before:
                return moved
            step *= 0.5
        return params

    def _moved(self, params: Params, towards: Params, target, step: float) -> Params | None:
        """Parameters after a step of this length; None where a factor would be singular."""
        form = self._model.structure.form
        excess = (towards.weights - params.weights) / np.maximum(params.weights, 1e-300)
        weights = params.weights * np.exp(np.clip(step * excess, -1.0, 1.0))
        means = params.means + step * (towards.means - params.means)
        factors = form.gradient_step(params.factors, target, step)
        if factors is None:
            return None
        covariances = form.invert(factors)
        fitted = self._model.space.floor.factorise(covariances)
        return Params(weights / weights.sum(), means, *fitted)
