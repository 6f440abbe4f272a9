"""Who shares a covariance: nobody, or all components. ``protocols.Sharing`` says what each does."""

from __future__ import annotations

import numpy as np


def _column(numbers: np.ndarray, stack: np.ndarray) -> np.ndarray:
    """Numbers (K,) that multiply a stack (K, ...)."""
    return numbers.reshape(-1, *[1] * (stack.ndim - 1))


class Each:
    """Each component has a matrix of its own: stacks are (K, ...)."""

    separable = True

    def __reduce__(self) -> str:
        return "EACH"

    def n_matrices(self, n_components):
        return n_components

    def n_sharing(self, n_components):
        return 1

    def leading(self, n_components):
        return (n_components,)

    def n_own(self, count):
        return count

    def at(self, k):
        return k

    def matrices(self, stack):
        return stack

    def per_component(self, stack, n_components):
        return stack

    def of_equal(self, stack):
        return stack

    def repeated(self, matrix, n_components):
        return np.repeat(np.asarray(matrix)[None], n_components, axis=0)

    def taken(self, stack, order):
        return stack[order]

    def kept(self, alive, new, old):
        return np.where(_column(alive, new), new, old)

    def with_axis(self, numbers, axis):
        return numbers

    def weighted(self, weight, stack):
        return _column(weight, stack) * stack

    def summed(self, stack):
        return stack

    def total(self, stack):
        return stack.sum(axis=0)

    def counts(self, weight):
        return weight

    def shares(self, weights):
        return weights

    def mean_about(self, second, weight, divisor, taken):
        return second / _column(divisor, taken) - taken

    def unwhiten(self, form, factors, normal, counts):
        parts = np.split(normal, np.cumsum(counts)[:-1])
        return np.concatenate([form.unwhiten(*each) for each in zip(factors, parts, strict=True)])


class Common:
    """All components have the same matrix: stacks have no axis for components."""

    separable = False

    def __reduce__(self) -> str:
        return "COMMON"

    def n_matrices(self, n_components):
        return 1

    def n_sharing(self, n_components):
        return n_components

    def leading(self, n_components):
        return ()

    def n_own(self, count):
        return 0

    def at(self, k):
        return ()

    def matrices(self, stack):
        return stack[None]

    def per_component(self, stack, n_components):
        return np.broadcast_to(stack, (n_components, *stack.shape))

    def of_equal(self, stack):
        return stack[0]

    def repeated(self, matrix, n_components):
        return matrix

    def taken(self, stack, order):
        return stack

    def kept(self, alive, new, old):
        return new

    def with_axis(self, numbers, axis):
        return np.expand_dims(numbers, axis)

    def weighted(self, weight, stack):
        return (weight @ stack.reshape(len(weight), -1)).reshape(stack.shape[1:])

    def summed(self, stack):
        return stack.sum(axis=0)[None]

    def total(self, stack):
        return stack

    def counts(self, weight):
        return weight.sum()

    def shares(self, weights):
        return np.ones((*weights.shape[:-1], 1))

    def mean_about(self, second, weight, divisor, taken):
        return (second - self.weighted(weight, taken)) / weight.sum()

    def unwhiten(self, form, factors, normal, counts):
        return form.unwhiten(factors, normal)


EACH, COMMON = Each(), Common()
