"""Trains on samples with outliers by three losses, and measures each network on rows without outliers.

python run.py [--plot robust_regression.png]
"""

import argparse
from pathlib import Path

import numpy as np
import polars as pl
from generate import curve

import reludsl

HERE = Path(__file__).parent
HUBER = "huber { delta = 0.5 }"
LOSSES = {"squared": "squared", "huber": HUBER, "absolute": "absolute"}


def train(loss: str) -> reludsl.Solution:
    """The solution of the spec with its loss replaced."""
    spec = (HERE / "robust_regression.relu").read_text(encoding="utf-8").replace(HUBER, LOSSES[loss])
    return reludsl.solve(spec, HERE / "robust_regression.csv", test=HERE / "clean.csv")


def plot(solutions: dict[str, reludsl.Solution], path: str) -> None:
    """The samples, the curve without noise, and what each network makes of them."""
    from matplotlib import pyplot

    table = pl.read_csv(HERE / "robust_regression.csv")
    x = np.linspace(-2.0, 2.0, 401)
    figure, axes = pyplot.subplots(figsize=(6, 3.5), layout="constrained")
    axes.plot(table["x"], table["y"], ".", color="gray", label="training rows")
    axes.plot(x, curve(x), color="black", linestyle="--", linewidth=1, label="the curve")
    for loss, solution in solutions.items():
        axes.plot(x, solution.network.predict(x[:, None]), label=loss)
    axes.set(xlabel="x", ylabel="y")
    axes.legend()
    figure.savefig(path, dpi=150)


def main() -> None:
    """Prints the errors of the three networks."""
    parser = argparse.ArgumentParser(description="Three losses on samples with outliers.")
    parser.add_argument("--plot", metavar="FILE", help="where to save a picture (the extra `plot`)")
    options = parser.parse_args()
    solutions = {loss: train(loss) for loss in LOSSES}
    print("loss      neurons  rmse, training rows  rmse, clean rows")
    for loss, solution in solutions.items():
        errors = [solution.metrics[part]["rmse"] for part in ("train", "test")]
        print(f"{loss:8}  {solution.width:7}  {errors[0]:19.3f}  {errors[1]:16.3f}")
    if options.plot:
        plot(solutions, options.plot)
        print(f"picture saved to {options.plot}")


if __name__ == "__main__":
    main()
