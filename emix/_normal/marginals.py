"""Dense covariances on blocks of rows with gaps, by the marginal normals of all patterns.

Let P_mm = L Lᵀ, with R = L⁻¹ embedded in zeros (d, d), and W = R P. Then Cov[y | o] = Rᵀ R,
S_oo⁻¹ = P - Wᵀ W, embedded, and E[y | o] = A y with A = I - Rᵀ W, for y with holes at zero. Hence
with Q = P - Wᵀ W log_joint = eta_p T(z0), T(z0) =
(products, z, 1) with holes at zero, where the natural parameters eta_p are those of Q and mu; and
sums of T(z0) over the rows of a pattern, times their responsibilities, are all that statistics
need: with F = sum r y and S = sum r y yᵀ

    sum r E[y] = A F,   sum r E[y yᵀ] = A S Aᵀ + N Rᵀ R.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .._rows.grid import TILE
from .._rows.patterns import GappedRows, Point
from .._rows.room import Buffers
from .._rows.tiles import inner, times
from .covariances import Structure
from .gaps import OfPatterns, roots_of_inverses
from .gaussian import LOG_2PI
from .stats import Stats

# Bytes of matrices (d, d) that are worked on at a time, and of those that are kept.
_CHUNK, _KEPT = 4 * 1024 * 1024, 32 * 1024 * 1024


class Marginals(OfPatterns):
    """Features are T, and the index of each row's pattern."""

    def __init__(self, structure: Structure, point: Point, noise: np.ndarray, rows: GappedRows):
        super().__init__(structure, point, noise, rows)
        self.n_products = structure.form.n_products(self.d)
        self.width = self.n_products + self.d + 1
        self.n_features, self.n_scratch = self.width + 1, 0
        factors = self.stacked(point.factors)
        self.precision = structure.form.precision(factors)
        self.half = structure.form.log_det(factors, self.d)
        self.shape = (len(self.patterns.holes), self.n_components, self.width)
        self.size = int(np.prod(self.shape))
        self.eta = np.empty(self.shape)
        keeps = 16 * len(factors) * len(self.patterns.holes) * self.d**2 <= _KEPT
        self._kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for part in self._parts():
            root, white, log_det = self._roots(part)
            self.eta[part] = self._natural(part, white, log_det)
            if keeps:
                self._kept[part.start] = root, white

    def _parts(self) -> Iterator[slice]:
        """Runs of patterns with equally many holes, not too many at a time."""
        counts = self.patterns.n_holes
        size = max(1, _CHUNK // (8 * self.n_components * self.d**2))
        for n_holes in np.unique(counts):
            first, last = np.searchsorted(counts, [n_holes, n_holes + 1])
            for start in range(first, last, size):
                yield slice(start, min(start + size, last))

    def _roots(self, part: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """R and W, (1 or K, p, d, d), and log|P_mm| (1 or K, p) of some patterns."""
        holes, d = self.patterns.holes[part], self.d
        missing = np.nonzero(holes)[1].reshape(len(holes), -1).T
        inverse, log_det = roots_of_inverses(
            self.precision[:, missing[:, None, :], missing[None, :, :]]
        )
        root = np.zeros((len(self.precision), len(holes), d, d))
        pattern = np.arange(len(holes))
        root[:, pattern, missing[:, None, :], missing[None, :, :]] = inverse
        white = np.matmul(root.reshape(len(root), -1, d), self.precision)
        return root, white.reshape(root.shape), log_det

    def _filling(self, part: slice) -> tuple[np.ndarray, np.ndarray]:
        """A and Rᵀ, (1 or K, p, d, d), of some patterns."""
        kept = self._kept.get(part.start)
        root, white = self._roots(part)[:2] if kept is None else kept
        flipped = root.swapaxes(-1, -2)
        return np.eye(self.d) - np.matmul(flipped, white), flipped

    def _natural(self, part: slice, white: np.ndarray, log_det: np.ndarray) -> np.ndarray:
        """(p, K, width)."""
        precision = self.precision[:, None] - np.matmul(white.swapaxes(-1, -2), white)
        means = self.point.means
        n_seen = self.d - self.patterns.n_holes[part]
        lin = np.einsum("kpij,kj->kpi", *_alike(precision, means))
        twice = np.einsum("kpi,ki->kp", lin, means) + n_seen * LOG_2PI + log_det
        twice += precision.diagonal(axis1=-2, axis2=-1) @ self.noise
        const = self.point.log_weights[:, None] + self.half[:, None] + self.refund[part]
        const = const - 0.5 * twice
        found = np.empty((len(n_seen), *self.shape[1:]))
        coefficients = self.structure.form.coefficients(precision)
        found[:, :, : self.n_products] = coefficients.swapaxes(0, 1)
        found[:, :, self.n_products : -1] = lin.swapaxes(0, 1)
        found[:, :, -1] = const.T
        return found

    def features(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        features = np.empty((self.n_features, m))
        return features, features[self.n_products : -1]

    def prepare(self, buffers: Buffers) -> None:
        features, z = buffers.features, buffers.z[:-1]
        np.copyto(z, 0.0, where=np.isnan(z))
        self.structure.form.fill_products(z, features[: self.n_products])
        features[-1] = features[-2]  # the index of patterns, where T has its one
        features[-2] = 1.0

    def _runs(self, buffers: Buffers) -> tuple[np.ndarray, list[tuple[int, int, int]]]:
        """T (width, m), and (pattern, first, last) of the runs of one pattern."""
        index = buffers.features[-1]
        first = np.flatnonzero(np.append(True, index[1:] != index[:-1]))
        patterns, edges = index[first].astype(np.intp).tolist(), [*first.tolist(), len(index)]
        return buffers.features[:-1], list(zip(patterns, edges[:-1], edges[1:], strict=True))

    def log_joint(self, buffers: Buffers) -> np.ndarray:
        features, runs = self._runs(buffers)
        out = buffers.log_joint
        for pattern, a, b in runs:
            product = times if b - a > TILE else np.matmul
            product(self.eta[pattern], features[:, a:b], out=out[:, a:b])
        return out

    def accumulate(self, buffers: Buffers, scale: np.ndarray | None, sums: np.ndarray) -> None:
        features, runs = self._runs(buffers)
        resp = buffers.resp if scale is None else np.multiply(buffers.resp, scale, buffers.resp)
        total = sums.reshape(self.shape)
        for pattern, a, b in runs:
            own, rows = resp[:, a:b], features[:, a:b]
            total[pattern] += inner(own, rows) if b - a > TILE else own @ rows.T

    def stats(self, value: float, sums: np.ndarray) -> Stats:
        total, structure, d = sums.reshape(self.shape), self.structure, self.d
        first = np.zeros((self.n_components, d))
        second = np.zeros((self.n_components, d, d))
        for part in self._parts():
            own_first, own_second = self._completed(part, total[part])
            first += own_first
            second += own_second
        second = structure.sharing.weighted(np.ones(self.n_components), second)
        weight, means = total[:, :, -1].sum(axis=0), self.point.means
        return self._about_origin(Stats.of(structure, weight, first, second, means, value))

    def _completed(self, part: slice, total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First and second moments (K, ...) about the means of the rows of some patterns."""
        filling, root = self._filling(part)
        seen = self.patterns.seen[part]
        total = total.swapaxes(0, 1)
        weight = total[..., -1][..., None]
        offset = seen * self.point.means[:, None]
        first = total[..., self.n_products : -1] - weight * offset
        second = self.structure.form.unpack(total[..., : self.n_products], self.d)
        # sum z zᵀ = sum (y + a)(y + a)ᵀ
        cross = _outer(first, offset)
        second = second - cross - cross.swapaxes(-1, -2) - _outer(weight * offset, offset)
        diagonal = np.arange(self.d)
        second[..., diagonal, diagonal] += weight * seen * self.noise
        second = np.matmul(np.matmul(filling, second), filling.swapaxes(-1, -2))
        second += weight[..., None] * (np.matmul(root, root.swapaxes(-1, -2)) - np.diag(self.noise))
        return np.matmul(filling, first[..., None])[..., 0].sum(axis=1), second.sum(axis=1)

    def filled(self, buffers: Buffers) -> np.ndarray:
        """E[z | what is seen, k], (K, d, m)."""
        features, runs = self._runs(buffers)
        z, means = features[self.n_products : -1], self.point.means[:, :, None]
        out = np.empty((self.n_components, *z.shape))
        for pattern, a, b in runs:
            root, white, _ = self._roots(slice(pattern, pattern + 1))
            filling = np.eye(self.d) - np.matmul(root[:, 0].swapaxes(-1, -2), white[:, 0])
            seen = self.patterns.seen[pattern, :, None]
            out[:, :, a:b] = np.matmul(filling, z[:, a:b] - seen * means)
        return out + means


def _outer(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., :, None] * b[..., None, :]


def _alike(stack: np.ndarray, means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The stack with one entry per component."""
    return np.broadcast_to(stack, (len(means), *stack.shape[1:])), means
