"""The observed information of mixtures of normals, exact (Louis 1982), also of rows with gaps.

In w = R_k⁻¹ (x - mu_k), with R_k R_kᵀ the covariance, means move to mu_k + R_k u and covariances
to R_k G_k(t) R_kᵀ (``_normal.deformations``), weights to softmax(log pi + B c). Of a row, the
features o are seen: E = R_k[o], y = x_o - mu_o, P = (E Eᵀ)⁻¹, b = Eᵀ P y = E[w | x_o], Q = Eᵀ P E
(w and 1 if all are seen). With slopes A_a and bends A_ab of G, the log-joint has the slopes

    u: b    t_a: tr(A_a (b bᵀ - Q)) / 2    c: Bᵀ (e_k - pi)

and minus its second derivatives are

    u u: Q    u t_a: Q A_a b    c c: Bᵀ (diag(pi) - pi piᵀ) B
    t_a t_b: tr(A_a Q A_b b bᵀ) - tr(A_a Q A_b Q) / 2 + tr(A_ab (Q - b bᵀ)) / 2.

The information is the expectation of these less the covariance of the slopes, both over the
components given the row, summed over rows.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular

from .._normal.deformations import Deformation, Deformations, traceless

# A direction is flat if its eigenvalue, in units in which the diagonal is one, is so small a part
# of the largest: rounding errors are 1e-13 of it.
_FLAT = 1e-9


class Part(NamedTuple):
    """Rows x (m, d), of which columns ``seen`` count; responsibilities (m, K) and weights (m,)."""

    rows: np.ndarray
    resp: np.ndarray
    weight: np.ndarray


class Dense:
    """Products of w, packed; matrices (d, d)."""

    def __init__(self, d: int):
        self._rows, self._cols = np.triu_indices(d)
        self._d, self.n_products = d, len(self._rows)

    def products(self, b: np.ndarray) -> np.ndarray:
        return b[self._rows] * b[self._cols]

    def packed(self, matrix: np.ndarray) -> np.ndarray:
        return matrix[self._rows, self._cols]

    def unpacked(self, packed: np.ndarray) -> np.ndarray:
        matrix = np.empty((self._d, self._d))
        matrix[self._rows, self._cols] = matrix[self._cols, self._rows] = packed
        return matrix

    def coefficients(self, slopes: np.ndarray) -> np.ndarray:
        """Of tr(A b bᵀ) in the packed products."""
        twice = np.where(self._rows == self._cols, 1.0, 2.0)
        return slopes[:, self._rows, self._cols] * twice

    def lens(self, one: Deformation, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """V with b = V y, where y is 0 at what is not seen; and Q."""
        if seen.all():
            return one.inverse, np.eye(self._d)
        if not seen.any():
            return np.zeros((self._d, self._d)), np.zeros((self._d, self._d))
        basis, triangle = np.linalg.qr(one.root[seen].T)
        matrix = np.zeros((self._d, self._d))
        matrix[:, seen] = solve_triangular(triangle, basis.T).T
        return matrix, basis @ basis.T

    def applied(self, lens: np.ndarray, y: np.ndarray) -> np.ndarray:
        return lens @ y

    def between(self, slopes: np.ndarray, q: np.ndarray, s: np.ndarray) -> np.ndarray:
        """tr(A_a Q A_b S)"""
        left = np.matmul(slopes, q).reshape(len(slopes), -1)
        right = np.matmul(slopes, s).swapaxes(1, 2).reshape(len(slopes), -1)
        return left @ right.T

    def along(self, q: np.ndarray, slopes: np.ndarray, first: np.ndarray) -> np.ndarray:
        """Q A_a b, (d, number of coordinates)."""
        return q @ (slopes @ first).T

    def as_matrix(self, q: np.ndarray) -> np.ndarray:
        return q


class Diagonal:
    """Squares of w alone; matrices are their diagonals (d,)."""

    def __init__(self, d: int):
        self.n_products = d

    def products(self, b: np.ndarray) -> np.ndarray:
        return b * b

    def packed(self, matrix: np.ndarray) -> np.ndarray:
        return matrix

    unpacked = coefficients = packed

    def lens(self, one: Deformation, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return one.inverse * seen, seen.astype(float)

    def applied(self, lens: np.ndarray, y: np.ndarray) -> np.ndarray:
        return lens[:, None] * y

    def between(self, slopes: np.ndarray, q: np.ndarray, s: np.ndarray) -> np.ndarray:
        return (slopes * (q * s)) @ slopes.T

    def along(self, q: np.ndarray, slopes: np.ndarray, first: np.ndarray) -> np.ndarray:
        return np.diag(q) @ (slopes * first).T

    def as_matrix(self, q: np.ndarray) -> np.ndarray:
        return np.diag(q)


class Coordinates:
    """Of weights, means and covariances: (n_free,), each component's after those of the one
    before."""

    def __init__(self, deformed: Deformations, weights: np.ndarray, means: np.ndarray):
        self.deformed, self.weights, self.means = deformed, weights, means
        self.n_components, self.d = means.shape
        self._n_logits = len(weights) - 1
        self._before_covariances = self._n_logits + means.size
        self.n_free = self._before_covariances + deformed.n_free
        # B: logits of the weights move in directions that add up to zero
        self.logits = traceless(len(weights))

    def places(self, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where weights, the mean and the covariance of component k lie."""
        start = self._n_logits + k * self.d
        covariance = self._before_covariances + self.deformed.places[k]
        return np.arange(self._n_logits), np.arange(start, start + self.d), covariance

    def free(self, frozen: Container[str]) -> np.ndarray:
        """Places of what is not frozen."""
        ends = (0, self._n_logits, self._before_covariances, self.n_free)
        names = ("weights", "means", "covariances")
        spans = [np.arange(*ends[i : i + 2]) for i, name in enumerate(names) if name not in frozen]
        return np.concatenate([np.arange(0), *spans])

    def of_weights(self) -> np.ndarray:
        """What the weights change by, (K, K - 1)."""
        spread = self.logits * self.weights
        return (spread - np.outer(spread.sum(axis=1), self.weights)).T

    def of_mean(self, k: int) -> np.ndarray:
        """What a mean changes by, (d, d)."""
        root = self.deformed.of[k].root
        return root if root.ndim == 2 else np.diag(root)

    def of_covariance(self, k: int) -> np.ndarray:
        """What a covariance changes by, (q, d, d), or (q, d) of a diagonal one."""
        one = self.deformed.of[k]
        if one.root.ndim == 1:
            return one.slopes * one.root**2
        return one.root @ one.slopes @ one.root.T


class Louis:
    """Adds up what rows tell, and makes the information of it."""

    def __init__(self, coordinates: Coordinates):
        self._at, k, d = coordinates, coordinates.n_components, coordinates.d
        self._deformed = coordinates.deformed
        self._algebra = Dense(d) if self._deformed.of[0].slopes.ndim == 3 else Diagonal(d)
        self.n_features = self._algebra.n_products + d + 1
        self._each = np.zeros((k, self.n_features, self.n_features))
        self._both = np.zeros((k * self.n_features, k * self.n_features))
        self._first = np.zeros((k, self.n_features))
        self._complete = np.zeros((coordinates.n_free, coordinates.n_free))

    def add(self, seen: np.ndarray, parts: Iterable[Part]) -> None:
        """Rows of which the same features (d,) are seen."""
        lenses = [self._algebra.lens(one, seen) for one in self._deformed.of]
        total = np.zeros_like(self._first)
        for part in parts:
            features = self._features(part, seen, lenses)
            weighted = features * part.weight
            total += (weighted * part.resp.T[:, None]).sum(axis=2)
            for own, f, g, q in zip(self._each, features, weighted, part.resp.T, strict=True):
                own += (g * q) @ f.T
            features *= part.resp.T[:, None]
            rows = features.reshape(len(self._both), -1)
            self._both += (rows * part.weight) @ rows.T
        self._first += total
        for k, (_, q) in enumerate(lenses):
            self._add_complete(k, q, total[k])

    def _features(self, part: Part, seen: np.ndarray, lenses: list) -> np.ndarray:
        """(b bᵀ - Q, b, 1) of each component, (K, p, m)."""
        n_products = self._algebra.n_products
        found = np.empty((len(lenses), self.n_features, len(part.rows)))
        for features, mean, (lens, q) in zip(found, self._at.means, lenses, strict=True):
            y = np.where(seen[:, None], part.rows.T - mean[:, None], 0.0)
            b = self._algebra.applied(lens, y)
            features[:n_products] = self._algebra.products(b) - self._algebra.packed(q)[:, None]
            features[n_products:-1] = b
            features[-1] = 1.0
        return found

    def _add_complete(self, k: int, q: np.ndarray, first: np.ndarray) -> None:
        """Minus the second derivatives, with the component known; but for the bends."""
        algebra, slopes, complete = self._algebra, self._deformed.of[k].slopes, self._complete
        n_products, weight = algebra.n_products, first[-1]
        logits, mean, places = self._at.places(k)
        complete[np.ix_(logits, logits)] += weight * self._at.logits @ self._at.of_weights()
        complete[np.ix_(mean, mean)] += weight * algebra.as_matrix(q)
        across = algebra.along(q, slopes, first[n_products:-1])
        complete[np.ix_(mean, places)] += across
        complete[np.ix_(places, mean)] += across.T
        second = algebra.unpacked(first[:n_products]) + weight * q
        own = algebra.between(slopes, q, second) - 0.5 * weight * algebra.between(slopes, q, q)
        complete[np.ix_(places, places)] += 0.5 * (own + own.T)

    def _jacobian(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Slopes (q, p) of the log-joint in the coordinates at these places, per feature."""
        coordinates, n_products = self._at, self._algebra.n_products
        places = coordinates.places(k)
        at, starts = np.concatenate(places), np.cumsum([len(each) for each in places])
        found = np.zeros((len(at), self.n_features))
        known = (np.arange(coordinates.n_components) == k) - coordinates.weights
        found[: starts[0], -1] = coordinates.logits @ known
        found[starts[0] : starts[1], n_products:-1] = np.eye(coordinates.d)
        slopes = self._deformed.of[k].slopes
        found[starts[1] :, :n_products] = 0.5 * self._algebra.coefficients(slopes)
        return at, found

    def gradient_and_information(self) -> tuple[np.ndarray, np.ndarray]:
        """(n_free,) and (n_free, n_free) in the coordinates."""
        gradient, information = np.zeros(self._at.n_free), self._complete.copy()
        jacobians = [self._jacobian(k) for k in range(self._at.n_components)]
        n_products, width = self._algebra.n_products, self.n_features
        for k, (at, jacobian) in enumerate(jacobians):
            gradient[at] += jacobian @ self._first[k]
            information[np.ix_(at, at)] -= jacobian @ self._each[k] @ jacobian.T
            bends = self._deformed.of[k].bends(self._algebra.unpacked(self._first[k, :n_products]))
            places = self._at.places(k)[2]
            information[np.ix_(places, places)] -= 0.5 * bends
            half = jacobian @ self._both[k * width : (k + 1) * width]
            for at_other, other, both in zip(
                *zip(*jacobians, strict=True), np.split(half, len(jacobians), axis=1), strict=True
            ):
                information[np.ix_(at, at_other)] += both @ other.T
        return gradient, 0.5 * (information + information.T)


def spread_of(information: np.ndarray) -> np.ndarray | None:
    """S with S Sᵀ the inverse; None if it is not positive definite."""
    unit = np.sqrt(np.maximum(information.diagonal(), np.finfo(float).tiny))
    values, vectors = np.linalg.eigh(information / unit / unit[:, None])
    if values.size and values[0] <= _FLAT * values[-1]:
        return None
    return vectors / np.sqrt(values) / unit[:, None]
