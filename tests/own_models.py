"""Models of a user, by E-step and M-step alone, that the tests of ``emix.em`` climb."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln, logsumexp, xlogy

# Hasselblad 1969: days, 1910 to 1912, by death notices of women of 80 years and more in The Times
DEATHS = np.arange(10.0)
DAYS = np.array([162.0, 267.0, 271.0, 185.0, 111.0, 61.0, 27.0, 8.0, 3.0, 1.0])


class PoissonMixture:
    """Params are a dict of weights and rates, (K,)."""

    def __init__(self, counts, repeats=None):
        self.x = np.asarray(counts, float)
        self.n = np.ones_like(self.x) if repeats is None else np.asarray(repeats, float)

    def e_step(self, params):
        weights, rates = params["weights"], params["rates"]
        log_joint = np.log(weights) + self.x[:, None] * np.log(rates) - rates
        log_joint -= gammaln(self.x + 1.0)[:, None]
        norm = logsumexp(log_joint, axis=1)
        resp = self.n[:, None] * np.exp(log_joint - norm[:, None])
        return (resp.sum(axis=0), self.x @ resp), self.n @ norm

    def m_step(self, statistics):
        share, total = statistics
        return {"weights": share / share.sum(), "rates": total / share}


class PoissonMixtureWithGap(PoissonMixture):
    def expected(self, statistics, params):
        share, total = statistics
        weights, rates = params["weights"], params["rates"]
        return share @ np.log(weights) + total @ np.log(rates) - share @ rates


class FreePoissonMixture(PoissonMixture):
    """Climbed in log odds and log rates."""

    def unconstrain(self, params):
        weights = params["weights"]
        return np.log(weights[1:] / weights[0]), np.log(params["rates"])

    def constrain(self, free):
        odds = np.exp(np.concatenate([[0.0], free[0]]))
        return {"weights": odds / odds.sum(), "rates": np.exp(free[1])}


class Linkage:
    """Dempster, Laird & Rubin 1977, section 1; params are a number."""

    counts = np.array([125.0, 18.0, 20.0, 34.0])

    def e_step(self, t):
        hidden = self.counts[0] * t / (2.0 + t)
        return hidden, self.counts @ np.log(np.array([2.0 + t, 1.0 - t, 1.0 - t, t]) / 4.0)

    def m_step(self, hidden):
        return (hidden + 34.0) / (hidden + 72.0)

    def expected(self, hidden, t):
        return (hidden + 34.0) * np.log(t) + 38.0 * np.log1p(-t)


class Lifetimes:
    """Exponential lifetimes, some of them censored; the rate's maximum is seen / sum of times."""

    def __init__(self, times, seen):
        self.times, self.seen = np.asarray(times, float), np.asarray(seen, bool)

    def e_step(self, rate):
        total = self.times.sum() + (~self.seen).sum() / rate
        return total, self.seen.sum() * np.log(rate) - rate * self.times.sum()

    def m_step(self, total):
        return len(self.times) / total

    def expected(self, total, rate):
        return len(self.times) * np.log(rate) - rate * total


class Rates(NamedTuple):
    weights: np.ndarray
    rates: np.ndarray


class ExponentialMixture:
    """Params are a named tuple."""

    def __init__(self, x):
        self.x = np.asarray(x, float)

    def e_step(self, params):
        log_joint = np.log(params.weights * params.rates) - np.outer(self.x, params.rates)
        norm = logsumexp(log_joint, axis=1)
        resp = np.exp(log_joint - norm[:, None])
        return {"share": resp.sum(axis=0), "total": self.x @ resp}, norm.sum()

    def m_step(self, statistics):
        share = statistics["share"]
        return Rates(share / share.sum(), share / statistics["total"])

    def expected(self, statistics, params):
        share = statistics["share"]
        return share @ np.log(params.weights * params.rates) - params.rates @ statistics["total"]


@dataclass
class Classes:
    weights: np.ndarray
    probabilities: np.ndarray  # (K, d)
    name: str = "classes"


class BernoulliMixture:
    """Params are a dataclass; ``pseudo`` rows of either answer are a beta prior."""

    def __init__(self, X, pseudo=0.0):
        self.X, self.pseudo = np.asarray(X, float), pseudo

    def e_step(self, params):
        p = params.probabilities
        log_joint = np.log(params.weights) + self.X @ np.log(p.T) + (1.0 - self.X) @ np.log1p(-p.T)
        norm = logsumexp(log_joint, axis=1)
        resp = np.exp(log_joint - norm[:, None])
        return (resp.sum(axis=0), resp.T @ self.X), norm.sum()

    def m_step(self, statistics):
        share, ones = statistics
        ones = ones + self.pseudo
        probabilities = ones / (share + 2.0 * self.pseudo)[:, None]
        return Classes(share / share.sum(), probabilities)

    def expected(self, statistics, params):
        share, ones = statistics
        p = params.probabilities
        zeros = share[:, None] - ones
        return share @ np.log(params.weights) + np.sum(xlogy(ones, p) + xlogy(zeros, 1.0 - p))

    def log_prior(self, params):
        p = params.probabilities
        return np.sum(xlogy(self.pseudo, p) + xlogy(self.pseudo, 1.0 - p))


class RegressionMixture:
    """Two lines or more (DeSarbo & Cron 1988); params are a list."""

    def __init__(self, design, y):
        self.D, self.y = np.asarray(design, float), np.asarray(y, float)

    def e_step(self, params):
        weights, coefficients, variances = params
        off = self.y[:, None] - self.D @ coefficients.T
        log_joint = np.log(weights) - 0.5 * (off**2 / variances + np.log(2.0 * np.pi * variances))
        norm = logsumexp(log_joint, axis=1)
        return np.exp(log_joint - norm[:, None]), norm.sum()

    def m_step(self, resp):
        share, coefficients, variances = resp.sum(axis=0), [], []
        for r in resp.T:
            gram = (r * self.D.T) @ self.D
            coefficients.append(np.linalg.solve(gram, self.D.T @ (r * self.y)))
            variances.append(r @ (self.y - self.D @ coefficients[-1]) ** 2 / r.sum())
        return [share / share.sum(), np.array(coefficients), np.array(variances)]


class FactorAnalysis:
    """Rubin & Thayer 1982; params are loadings (d, q) and uniquenesses (d,)."""

    def __init__(self, X, q):
        self.S, self.n, self.q = np.cov(X.T, bias=True), len(X), q

    def e_step(self, params):
        L, psi = params["loadings"], params["uniquenesses"]
        if psi.min() <= 0.0:
            raise ValueError("a uniqueness is not positive")
        C = L @ L.T + np.diag(psi)
        B = np.linalg.solve(C, L).T  # E f = B x
        value = np.linalg.slogdet(C)[1] + np.trace(np.linalg.solve(C, self.S))
        value = -0.5 * self.n * (value + len(psi) * np.log(2.0 * np.pi))
        return (self.S @ B.T, np.eye(self.q) - B @ L + B @ self.S @ B.T), value

    def m_step(self, statistics):
        cross, second = statistics
        L = np.linalg.solve(second, cross.T).T
        return {"loadings": L, "uniquenesses": np.diag(self.S - L @ cross.T).copy()}


class HiddenMarkov:
    """Normal emissions; params are start (K,), transitions (K, K), means (K,), variances (K,)."""

    def __init__(self, x):
        self.x = np.asarray(x, float)

    def e_step(self, params):
        start, A, means, variances = (params[k] for k in ("start", "A", "means", "variances"))
        off = self.x[:, None] - means
        B = np.exp(-0.5 * off**2 / variances) / np.sqrt(2.0 * np.pi * variances)
        n, K = B.shape
        forward, backward, scale = np.empty((n, K)), np.ones((n, K)), np.empty(n)
        alpha = start
        for t in range(n):
            alpha = (alpha if t == 0 else forward[t - 1] @ A) * B[t]
            scale[t] = alpha.sum()
            forward[t] = alpha / scale[t]
        for t in range(n - 2, -1, -1):
            backward[t] = A @ (B[t + 1] * backward[t + 1]) / scale[t + 1]
        gamma = forward * backward
        moves = A * (forward[:-1].T @ (B[1:] * backward[1:] / scale[1:, None]))
        return (gamma[0], moves, gamma.sum(0), self.x @ gamma, self.x**2 @ gamma), np.log(
            scale
        ).sum()

    def m_step(self, statistics):
        first, moves, share, total, square = statistics
        means = total / share
        return {
            "start": first / first.sum(),
            "A": moves / moves.sum(axis=1, keepdims=True),
            "means": means,
            "variances": square / share - means**2,
        }
