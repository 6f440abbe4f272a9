"""``python -m emix``: Old Faithful fitted by emix and by scikit-learn, side by side."""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as ScikitLearn

from . import GaussianMixture, __version__
from .datasets import load_faithful
from .display import ConvergenceDisplay, MixtureDisplay

_REPETITIONS = 15


def main(arguments: list[str] | None = None) -> None:
    """Run the demonstration."""
    parser = argparse.ArgumentParser(
        prog="python -m emix",
        description="Fit the eruptions of Old Faithful with emix and with scikit-learn, print "
        "both, and draw the data, the components and the ascent of the objective.",
    )
    parser.add_argument("--components", type=int, default=2, help="number of components")
    parser.add_argument(
        "--output", type=Path, default=Path("emix-demo.png"), help="where to write the picture"
    )
    parser.add_argument("--no-picture", action="store_true", help="print only")
    parser.add_argument("--version", action="version", version=f"emix {__version__}")
    options = parser.parse_args(arguments)
    if options.components < 1:
        parser.error("--components must be at least 1")

    faithful = load_faithful()
    X, names = faithful.data, faithful.feature_names
    print(f"emix {__version__}: {len(X)} eruptions of Old Faithful ({', '.join(names)})\n")
    mixture, seconds = _timed(GaussianMixture(options.components, random_state=0), X)
    peers = [
        ("scikit-learn, default tol=1e-3", {}),
        ("scikit-learn, to the same maximum", {"tol": 1e-9, "reg_covar": 0.0, "max_iter": 10000}),
    ]
    rows = [("emix", mixture, seconds)]
    for name, settings in peers:
        peer = ScikitLearn(options.components, random_state=0, **settings)
        rows.append((name, *_timed(peer, X)))
    _print_parameters(mixture)
    _print_comparison(rows, X)
    _print_ascent(mixture.history_)
    if not options.no_picture:
        _draw(mixture, X, names, options.output)


def _timed(estimator, X):
    """The fitted estimator and the median time of a fit, in seconds."""
    seconds = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for _ in range(_REPETITIONS):
            began = time.perf_counter()
            estimator.fit(X)
            seconds.append(time.perf_counter() - began)
    return estimator, float(np.median(seconds))


def _print_parameters(mixture) -> None:
    print("component  weight  mean            standard deviations  correlation")
    for k in mixture.weights_.argsort():
        covariance = mixture.covariances_[k]
        deviations = np.sqrt(np.diag(covariance))
        print(
            f"{k:9d}  {mixture.weights_[k]:6.4f}  "
            f"({mixture.means_[k, 0]:6.4f}, {mixture.means_[k, 1]:6.3f})  "
            f"({deviations[0]:6.4f}, {deviations[1]:6.3f})     "
            f"{covariance[0, 1] / deviations.prod():11.4f}"
        )
    print()


def _print_comparison(rows, X) -> None:
    emix, own = rows[0][1], rows[0][2]
    print(f"{'':35s} mean log-likelihood      passes  milliseconds   largest difference of means")
    for name, estimator, seconds in rows:
        order = estimator.means_[:, 0].argsort()
        reference = emix.means_[emix.means_[:, 0].argsort()]
        difference = np.abs(estimator.means_[order] / reference - 1.0).max()
        print(
            f"{name:35s} {estimator.score(X):19.10f}  {estimator.n_iter_:10d}  "
            f"{1e3 * seconds:6.2f} ({seconds / own:4.1f} x)  {difference:.1e}"
        )
    print(f"\nemix stopped because: {emix.stop_reason_}.\n")


def _print_ascent(history) -> None:
    print(" pass  log-likelihood  gap closed by the E-step  estimated gain left")
    for number, row in enumerate(history):
        note = ("" if row["accepted"] else "  rejected") if row["extrapolated"] else ""
        note = "  extrapolated" + note if row["extrapolated"] else note
        print(
            f"{number:5d}  {row['log_likelihood']:14.10f}  {row['gap']:24.2e}"
            f"  {row['remaining']:19.2e}{note}"
        )
    print()


def _draw(mixture, X, names, path: Path) -> None:
    """Data with one and two standard deviation ellipses, and the objective per pass."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print(
            "No picture: it needs matplotlib, the extra `plot` of emix (`pip install matplotlib`)."
        )
        return
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    MixtureDisplay.from_estimator(mixture, X, ax=left)
    left.set(
        xlabel=f"{names[0]} (minutes)",
        ylabel=f"{names[1]} (minutes)",
        title="Old Faithful: components at 1 and 2 standard deviations",
    )
    ConvergenceDisplay.from_estimator(mixture, ax=right, name="emix")
    right.set_title("The ascent")
    figure.savefig(path, dpi=110)
    print(f"Picture: {path}")


if __name__ == "__main__":
    main()
