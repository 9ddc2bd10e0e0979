"""Chooses a regularizer's strength by cross-validation, on the training rows only: held-out rows take no part.

    python examples/choose_strength.py SPEC DATA 0.5 1 2 5 10 20

The rows that `reludsl solve --holdout 0.3 --split-seed 0` holds out are set aside, the others fall into four parts, and
each part is predicted by a network that was trained on the other three. Works for every spec with a hyperparameter
`beta`.
"""

import argparse

import numpy as np
import polars as pl

import reludsl

FOLDS = 4


def training_rows(count: int, holdout: float = 0.3, split_seed: int = 0) -> np.ndarray:
    """The rows that `holdout` and `split_seed` leave for training, in the order in which they were drawn."""
    return np.random.default_rng(split_seed).permutation(count)[round(holdout * count) :]


def cross_validated(spec: str, table: pl.DataFrame, strength: float, folds: int = FOLDS) -> dict[str, float]:
    """The metrics on the parts that a network has not seen, each averaged over the parts."""
    parts = np.array_split(training_rows(len(table)), folds)
    found = []
    for part in parts:
        others = np.concatenate([other for other in parts if other is not part])
        solution = reludsl.solve(spec, table[others], test=table[part], set={"beta": strength})
        found.append(solution.metrics["test"])
    return {name: float(np.mean([metrics[name] for metrics in found])) for name in found[0]}


def main() -> None:
    """Prints the metrics of every strength."""
    parser = argparse.ArgumentParser(description="Cross-validates the strength of a spec's regularizer.")
    parser.add_argument("spec")
    parser.add_argument("data")
    parser.add_argument("strengths", nargs="+", type=float)
    options = parser.parse_args()
    table = pl.read_csv(options.data)
    for strength in options.strengths:
        metrics = cross_validated(options.spec, table, strength)
        print(f"beta = {strength:g}: {', '.join(f'{name} {value:.4g}' for name, value in metrics.items())}")


if __name__ == "__main__":
    main()
