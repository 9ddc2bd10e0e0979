"""Trains with and without the asymmetry, and measures both networks on the rows that were held out.

python run.py
"""

from pathlib import Path

import numpy as np
import polars as pl

import reludsl

HERE = Path(__file__).parent
DATA = HERE.parent / "diabetes" / "diabetes.csv"
LOW = 4.0


def split(holdout: float = 0.3, split_seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows to train on and those to hold out, as `reludsl solve --holdout 0.3 --split-seed 0` takes them."""
    table = pl.read_csv(DATA)
    order = np.random.default_rng(split_seed).permutation(len(table))
    count = round(holdout * len(table))
    return table[np.sort(order[count:])], table[np.sort(order[:count])]


def mean_cost(errors: np.ndarray) -> float:
    """The asymmetric cost of errors f - y (n,) in the target's units, averaged over the rows."""
    return float(np.mean(0.5 * np.where(errors < 0, LOW, 1.0) * errors**2))


def main() -> None:
    """Prints a line for each of the two networks."""
    train, test = split()
    print("low  mean cost  rmse  too low")
    for low in (1.0, LOW):
        solution = reludsl.solve(HERE / "custom_loss.relu", train, test=test, set={"low": low})
        errors = solution.network.predict(test) - test["progression"].to_numpy()
        rmse = float(np.sqrt(np.mean(errors**2)))
        print(f"{low:3g}  {mean_cost(errors):9.0f}  {rmse:4.1f}  {np.mean(errors < 0):7.0%}")


if __name__ == "__main__":
    main()
