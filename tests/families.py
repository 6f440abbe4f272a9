"""Mixtures of other families, for tests that hold for all of them."""

import json
from pathlib import Path

import numpy as np
from scipy import stats

from emix import BernoulliMixture, CategoricalMixture, PoissonMixture, StudentMixture

FITS = json.loads((Path(__file__).parent / "families.json").read_text(encoding="utf-8"))


def counts(seed=0, n=300):
    rng = np.random.RandomState(seed)
    rates = np.array([[2.0, 9.0], [6.0, 3.0]])
    return rng.poisson(rates[rng.randint(2, size=n)]).astype(float)


def some_counts(seed=0, n=300, gaps=0.2):
    X = counts(seed, n)
    X[np.random.RandomState(seed).rand(*X.shape) < gaps] = np.nan
    return X


def answers(seed=0, n=300, gaps=0.0):
    """Three features of 2, 3 and 4 levels that depend on one of two classes, and two more."""
    rng = np.random.RandomState(seed)
    group = rng.rand(n) < 0.4
    sizes = np.array([2, 3, 4, 2, 3])
    X = (rng.rand(n, 5) * sizes).astype(int)
    agrees = rng.rand(n, 5) < 0.7
    X = np.where(agrees, np.where(group[:, None], sizes - 1, 0), X).astype(float)
    X[rng.rand(n, 5) < gaps] = np.nan
    return X


def bits(seed=0, n=300):
    return np.minimum(answers(seed, n), 1.0)


def log_poisson(fit, X):
    seen = ~np.isnan(X)
    found = stats.poisson.logpmf(np.where(seen, X, 0.0)[:, None, :], fit.rates_)
    return np.where(seen[:, None, :], found, 0.0).sum(axis=2)


def log_categorical(fit, X):
    found = np.zeros((len(X), len(fit.weights_)))
    for values, categories, p in zip(X.T, fit.categories_, fit.probabilities_, strict=True):
        for value, logs in zip(categories, np.log(p).T, strict=True):
            found[values == value] += logs
    return found


def log_bernoulli(fit, X):
    return stats.bernoulli.logpmf(X[:, None, :].astype(int), fit.probabilities_).sum(axis=2)


def heavy(seed=0, n=300):
    """Two clusters with tails."""
    rng = np.random.RandomState(seed)
    scale = np.sqrt(rng.chisquare(4.0, size=(n, 1)) / 4.0)
    centres = np.array([[0.0, 0.0], [5.0, 3.0]])
    return centres[(rng.rand(n) < 0.4).astype(int)] + rng.normal(size=(n, 2)) / scale


def log_student(fit, X):
    d, matrices = X.shape[1], fit.scale_matrices_
    if fit.covariance_type == "tied":
        matrices = [matrices] * len(fit.weights_)
    if fit.covariance_type == "spherical":
        matrices = [np.full(d, value) for value in matrices]
    columns = [
        stats.multivariate_t.logpdf(
            X, mean, matrix if np.ndim(matrix) == 2 else np.diag(matrix), df=dof
        )
        for mean, matrix, dof in zip(fit.means_, matrices, fit.degrees_of_freedom_, strict=True)
    ]
    return np.column_stack(columns)


# name -> (estimator of two components, rows, log p(row | component) by its attributes)
FAMILIES = {
    "poisson": (PoissonMixture(2, random_state=0), counts(), log_poisson),
    "poisson, gaps": (PoissonMixture(2, random_state=0), some_counts(), log_poisson),
    "categorical": (CategoricalMixture(2, random_state=0), answers(), log_categorical),
    "gaps": (CategoricalMixture(2, random_state=0), answers(gaps=0.2), log_categorical),
    "student": (StudentMixture(2, random_state=0), heavy(), log_student),
    "student, each, tied": (
        StudentMixture(2, degrees_of_freedom="each", covariance_type="tied", random_state=0),
        heavy(1),
        log_student,
    ),
    "student, known, spherical": (
        StudentMixture(2, degrees_of_freedom=3.0, covariance_type="spherical", random_state=0),
        heavy(2),
        log_student,
    ),
    "bernoulli": (BernoulliMixture(2, random_state=0), bits(), log_bernoulli),
}
