"""Regression: held-out R² and log-density beside gmr, a Gaussian process and a line.

`python benchmarks/regression.py` prints the table of the guide, a minute of one core; gmr is left
out where it is not installed. Means over splits, with their standard errors.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator

import numpy as np
from scipy.stats import norm
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

from emix import GaussianMixtureRegressor

try:
    from gmr import GMM
except ImportError:
    GMM = None

Prediction = tuple[np.ndarray, np.ndarray]  # means, and log-densities of what was held out


def line(X, y, X_test, y_test) -> Prediction:
    """Least squares, with the standard deviation of the residuals."""
    fitted = LinearRegression().fit(X, y)
    mean = fitted.predict(X_test)
    return mean, norm(mean, np.std(y - fitted.predict(X))).logpdf(y_test)


def process(X, y, X_test, y_test) -> Prediction:
    kernel = ConstantKernel() * RBF(X.std()) + WhiteKernel()
    fitted = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0).fit(X, y)
    mean, std = fitted.predict(X_test, return_std=True)
    return mean, norm(mean, std).logpdf(y_test)


def mixture(n_components: int, **options) -> Callable[..., Prediction]:
    def predicted(X, y, X_test, y_test) -> Prediction:
        fitted = GaussianMixtureRegressor(n_components, random_state=0, **options).fit(X, y)
        return fitted.predict(X_test), fitted.logpdf(X_test, y_test)

    return predicted


def gmr(n_components: int) -> Callable[..., Prediction]:
    """The same model by gmr, with its own start and stop."""

    def predicted(X, y, X_test, y_test) -> Prediction:
        rows = np.column_stack([X, y])
        fitted = GMM(n_components, random_state=0).from_samples(rows, init_params="kmeans++")
        given = np.arange(X.shape[1])
        mean = fitted.predict(given, X_test)[:, 0]
        density = [
            fitted.condition(given, x).to_probability_density(np.array([[value]]))[0]
            for x, value in zip(X_test, y_test, strict=True)
        ]
        return mean, np.log(density)

    return predicted


def inverse_problem(seed: int):
    """x is a function of t plus noise, and t shall be found from x (Bishop 1994)."""
    rng = np.random.RandomState(seed)
    t = rng.uniform(size=800)
    x = t + 0.3 * np.sin(2 * np.pi * t) + rng.uniform(-0.05, 0.05, size=800)
    return x[:400, None], x[400:, None], t[:400], t[400:]


def diabetes(seed: int):
    return train_test_split(*load_diabetes(return_X_y=True), random_state=seed)


PROBLEMS = {"inverse problem": (inverse_problem, 8), "diabetes": (diabetes, 2)}


def models(n_components: int) -> Iterator[tuple[str, Callable[..., Prediction]]]:
    yield "linear regression", line
    yield "Gaussian process", process
    if GMM is not None:
        yield f"gmr, {n_components} components", gmr(n_components)
    yield f"emix, {n_components} components", mixture(n_components)
    yield f"emix, {n_components} components, tied", mixture(n_components, covariance_type="tied")
    prior = {"prior": "fraley-raftery"}
    yield f"emix, {n_components} components, prior", mixture(n_components, **prior)


def shown(values: list[float]) -> str:
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{np.mean(values):.2f} ± {error:.2f}"


def table(n_splits: int) -> str:
    lines = ["| problem | model | R² | log-density |", "|---|---|---|---|"]
    for problem, (split, n_components) in PROBLEMS.items():
        splits = [split(seed) for seed in range(n_splits)]
        for name, model in models(n_components):
            r2, logs = [], []
            for X, X_test, y, y_test in splits:
                mean, log = model(X, y, X_test, y_test)
                r2.append(r2_score(y_test, mean))
                logs.append(float(np.mean(log)))
            lines.append(f"| {problem} | {name} | {shown(r2)} | {shown(logs)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--splits", type=int, default=10, metavar="N", help="of the rows")
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    with np.errstate(divide="ignore"):
        print(table(args.splits))


if __name__ == "__main__":
    main()
