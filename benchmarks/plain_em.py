"""Plain EM from many starts at once, in the metric of the data: the judge's own climber.

Independent of emix and of scikit-learn, so that a search for the best maximum owes nothing to
what it judges. Rows must be in a metric where variances are about 1 (`healthy.Metric`): moments
are formed without centring.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_SINGULAR = 1e-7  # a pivot of a covariance below this ends a climb; healthy ones are above 1e-5
_EMPTY = 0.5  # rows; a component with fewer ends a climb


class Mixtures(NamedTuple):
    """R mixtures of K normals: weights (R, K), means (R, K, d), covariances (R, K, d, d)."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray

    def take(self, which) -> Mixtures:
        """Some of the mixtures."""
        return Mixtures(*(array[which] for array in self))


class Climbed(NamedTuple):
    """A mixture, (K, ...), and its mean log-likelihood."""

    log_likelihood: float
    mixture: Mixtures


class PlainEM:
    """EM of a structure on rows, (n, d), for many mixtures at once."""

    def __init__(self, Z: np.ndarray, structure: str) -> None:
        self.structure = structure
        self.Z = Z
        n, self.d = Z.shape
        # pairs of features whose products the structure needs; the scatter of tied covariances
        # does not change from pass to pass
        diagonal = np.diag_indices(self.d)
        none = (np.array([], int), np.array([], int))
        self.pairs = {"full": np.triu_indices(self.d), "tied": none}.get(structure, diagonal)
        squares = Z[:, self.pairs[0]] * Z[:, self.pairs[1]]
        self.features = np.hstack([squares, Z, np.ones((n, 1))])  # (n, p)
        self.scatter = Z.T @ Z / n

    def climb(self, responsibilities: np.ndarray, tol: float, max_passes: int) -> list[Climbed]:
        """From (R, K, n) until a pass gains less than `tol` per row; dropped where singular."""
        done: list[Climbed] = []
        mixtures = self.m_step(responsibilities)
        last = np.full(len(responsibilities), -np.inf)
        for _ in range(max_passes):
            sound, precisions, log_dets = self._precisions(mixtures)
            mixtures, last = mixtures.take(sound), last[sound]
            if not len(last):
                return done
            responsibilities, score = self._e_step(mixtures, precisions, log_dets)
            still = score - last >= tol
            done += [Climbed(float(score[r]), mixtures.take(r)) for r in np.flatnonzero(~still)]
            if not still.any():
                return done
            mixtures, last = self.m_step(responsibilities[still]), score[still]
        # out of passes: a last pass cannot lower the height that is told
        sound = np.flatnonzero(self._precisions(mixtures)[0])
        return done + [Climbed(float(last[r]), mixtures.take(r)) for r in sound]

    def m_step(self, responsibilities: np.ndarray) -> Mixtures:
        """Weights, means and covariances of responsibilities, (R, K, n)."""
        r, k, n = responsibilities.shape
        d = self.d
        sums = (responsibilities.reshape(r * k, n) @ self.features).reshape(r, k, -1)
        totals = sums[..., -1]
        moments = sums / np.maximum(totals, 1e-300)[..., None]
        means = moments[..., -1 - d : -1]
        return Mixtures(totals / n, means, self._covariances(totals / n, means, moments))

    def _covariances(self, weights, means, moments) -> np.ndarray:
        """(R, K, d, d) of the moments about the origin, (R, K, p)."""
        r, k, d = means.shape
        if self.structure == "tied":
            pooled = self.scatter - np.einsum("rk,rki,rkj->rij", weights, means, means)
            return np.broadcast_to(pooled[:, None], (r, k, d, d))
        i, j = self.pairs
        covariances = np.zeros((r, k, d, d))
        covariances[..., i, j] = moments[..., : len(i)] - means[..., i] * means[..., j]
        covariances[..., j, i] = covariances[..., i, j]
        if self.structure == "spherical":
            variances = np.trace(covariances, axis1=2, axis2=3) / d
            return variances[..., None, None] * np.eye(d)
        return covariances

    def responsibilities(self, mixtures: Mixtures) -> tuple[np.ndarray, np.ndarray]:
        """(R, K, n) and mean log-likelihoods, (R,), of mixtures that are not singular."""
        _, precisions, log_dets = self._precisions(mixtures)
        return self._e_step(mixtures, precisions, log_dets)

    def _e_step(self, mixtures, precisions, log_dets):
        r, k, d = mixtures.means.shape
        n = len(self.features)
        coefficients = np.empty((r, k, self.features.shape[1]))
        i, j = self.pairs
        coefficients[..., : len(i)] = -np.where(i == j, 0.5, 1.0) * precisions[..., i, j]
        pulled = np.einsum("rkij,rkj->rki", precisions, mixtures.means)
        coefficients[..., -1 - d : -1] = pulled
        coefficients[..., -1] = np.log(mixtures.weights) - 0.5 * (
            d * np.log(2 * np.pi) + log_dets + np.einsum("rki,rki->rk", pulled, mixtures.means)
        )
        joint = (coefficients.reshape(r * k, -1) @ self.features.T).reshape(r, k, n)
        if self.structure == "tied":
            joint -= 0.5 * np.einsum("rni,ni->rn", self.Z @ precisions[:, 0], self.Z)[:, None]
        top = joint.max(axis=1, keepdims=True)
        np.exp(np.subtract(joint, top, out=joint), out=joint)
        sums = joint.sum(axis=1, keepdims=True)
        scores = (top + np.log(sums)).mean(axis=(1, 2))
        joint /= sums
        return joint, scores

    def _precisions(self, mixtures: Mixtures):
        """Which mixtures are not singular, and the precisions and log determinants of those."""
        sound = mixtures.weights.min(axis=1) * len(self.features) > _EMPTY
        covariances = mixtures.covariances[sound]
        pivots = _pivots(covariances)
        well = pivots.min(axis=(1, 2)) > _SINGULAR if len(pivots) else np.zeros(0, bool)
        sound[sound] = well
        return sound, np.linalg.inv(covariances[well]), np.log(pivots[well]).sum(axis=2)


def _pivots(covariances: np.ndarray) -> np.ndarray:
    """Squared diagonals of the Cholesky factors, (R, K, d); 0 where there is none."""
    try:
        return np.square(np.diagonal(np.linalg.cholesky(covariances), axis1=2, axis2=3))
    except np.linalg.LinAlgError:
        if len(covariances) == 1:
            return np.zeros(covariances.shape[:3])
        return np.concatenate([_pivots(one[None]) for one in covariances])
