"""Student's distributions on blocks of rows: normals with means and precisions integrated out."""

from __future__ import annotations

import numpy as np

from .._normal.covariances import Structure
from .._normal.gaussian import BlockKernel, Components
from .._rows.room import Buffers
from .wishart import log_student_norm


class Students(BlockKernel):
    """log_joint of a mixture, as the kernels of ``gaussian`` give it.

    mean_precision b_k and degrees n_k (K,); where the precision is shared, n_k counts those
    of all components that share it.

    With mu_k | P_k ~ N(m_k, (b_k P_k)⁻¹) and P_k of Wishart's distribution, x - m_k is normal of
    precision P_k b_k / (1 + b_k) given P_k; integrating over P_k leaves, for every set of
    features that share a chi-square,

        norm + log|V| - power log(1 + |Vᵀ (x - m_k)|²),  V Vᵀ = E P_k b_k / ((1 + b_k) n_k).

    (Bishop 2006, eq. 10.81, for general matrices.)
    """

    def __init__(self, structure: Structure, components: Components, mean_precision, degrees):
        self.form, self.means = structure.form, components.means
        n_components, d = self.means.shape
        norm, self.power, n = log_student_norm(self.form, degrees, d)
        shrunk = np.sqrt(mean_precision / ((1.0 + mean_precision) * n))
        factors = structure.sharing.per_component(components.factors, n_components)
        self.factors = shrunk.reshape(-1, *[1] * (factors.ndim - 1)) * factors
        self.const = components.log_weights + norm + self.form.log_det(self.factors, d)

        self.n_components, self.n_features, self.n_scratch = n_components, d, d

    def log_joint_of(self, y: np.ndarray) -> np.ndarray:
        """log_joint of the rows of y (m, d), (K, m)."""
        tails = self.form.log_tails(self.factors, y, self.means)
        return self.const[:, None] - self.power[:, None] * tails

    def features(self, m: int) -> tuple[np.ndarray, np.ndarray]:
        z = np.empty((self.n_features, m))
        return z, z

    def log_joint(self, buffers: Buffers) -> np.ndarray:
        out = buffers.log_joint
        for k, mean in enumerate(self.means):
            y = np.subtract(buffers.z, mean[:, None], out=buffers.scratch)
            out[k] = self.form.log_tail(self.factors[k], y)
        out *= -self.power[:, None]
        out += self.const[:, None]
        return out
