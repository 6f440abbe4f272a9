"""What a normal distribution expects of missing features, for many patterns of gaps at once.

With the precision P and P_mm = L Lᵀ for the h features m that are missing, let W = L⁻¹ P_m: (h, d)
and V = L⁻ᵀ W. For z with holes at zero

    S_oo⁻¹ = P - Wᵀ W, embedded,   E[z_m | z_o] = V (mu - z),   Cov[z_m | z_o] = (L Lᵀ)⁻¹.

Arrays end in (p, c): patterns with equally many holes, and covariances, each that of g components.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .holes import roots_of_inverses


class Sums(NamedTuple):
    """Sums over the rows of patterns of r, r z and r z zᵀ, holes of z at zero: weight (g, p, c),
    first (d, g, p, c) and second (d, d, p, c), which is that of all g components."""

    weight: np.ndarray
    first: np.ndarray
    second: np.ndarray

    def clouded(self, noise: np.ndarray) -> Sums:
        """Each row stands for a cloud of this variance in what is seen of it, (d, p)."""
        each, second = np.arange(len(noise)), self.second.copy()
        second[each, each] += noise[:, :, None] * self.weight.sum(axis=0)
        return self._replace(second=second)


class Regression(NamedTuple):
    """missing (h, p), root L⁻¹ (h, h, p, c), white W and gain V (h, d, p, c), log_det
    log|L Lᵀ| (p, c)."""

    missing: np.ndarray
    root: np.ndarray
    white: np.ndarray
    gain: np.ndarray
    log_det: np.ndarray

    @classmethod
    def of(cls, precision: np.ndarray, holes: np.ndarray) -> Regression:
        """precision (d, d, c), holes (p, d) with as many in each row."""
        p, d = holes.shape
        missing = np.nonzero(holes)[1].reshape(p, -1).T
        h, shape = len(missing), (p, precision.shape[2])
        n = p * precision.shape[2]
        own = precision[missing[:, None], missing[None]].reshape(h, h, n)
        root, log_det = roots_of_inverses(own)
        white = np.einsum("abn,jbn->ajn", root, precision[:, missing].reshape(d, h, n))
        gain = np.einsum("ban,bjn->ajn", root, white)
        white, gain = white.reshape(h, d, *shape), gain.reshape(h, d, *shape)
        return cls(missing, root.reshape(h, h, *shape), white, gain, log_det.reshape(shape))

    def expected(self, means: np.ndarray) -> np.ndarray:
        """V mu (h, g, p, c), for means (d, g, c)."""
        return np.einsum("ajpc,jgc->agpc", self.gain, means)

    def complete(
        self, sums: Sums, means: np.ndarray, first: np.ndarray, second: np.ndarray
    ) -> None:
        """Adds what is expected of missing values to sums of z, (d, g, c), and of z zᵀ, (d, d, c).

        With w = sum r, f = sum r z, S = sum r z zᵀ and b = V mu

            sum r E[z_m] = w b - V f,   sum r E[z_m] zᵀ = b fᵀ - V S,
            sum r E[z_m z_mᵀ] = (w b - V f) bᵀ - (b fᵀ - V S) Vᵀ + w (L Lᵀ)⁻¹.
        """
        d, gain, root = len(first), self.gain, self.root
        base, weight = self.expected(means), sums.weight.sum(axis=0)
        linear = base * sums.weight - np.einsum("alpc,lgpc->agpc", gain, sums.first)
        cross = np.einsum("agpc,jgpc->ajpc", base, sums.first)
        cross -= np.einsum("alpc,ljpc->ajpc", gain, sums.second)
        square = np.einsum("agpc,bgpc->abpc", linear, base)
        square -= np.einsum("ajpc,bjpc->abpc", cross, gain)
        square += np.einsum("eapc,ebpc->abpc", root, root) * weight
        where = (self.missing == np.arange(d)[:, None, None]).astype(float)
        spread = np.tensordot(where, np.concatenate([cross, linear], axis=1), ([1, 2], [0, 2]))
        first += spread[:, d:]
        second += spread[:, :d] + spread[:, :d].swapaxes(0, 1)
        second += self._embedded(square, d)

    def _embedded(self, square: np.ndarray, d: int) -> np.ndarray:
        """The sum over patterns of (h, h, p, c), where they belong in (d, d, c)."""
        c = square.shape[-1]
        place = self.missing[:, None] * d + self.missing[None]
        place = place[..., None] * c + np.arange(c)
        return np.bincount(place.ravel(), square.ravel(), d * d * c).reshape(d, d, c)
