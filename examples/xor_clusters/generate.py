"""The XOR clusters of Xu, Wang, Frei, Vardi, Hu (2023), "Benign Overfitting and Grokking in ReLU Networks ...".

    python generate.py xor_clusters.npz

Four clusters in p dimensions, with means ±mu1, labelled +1, and ±mu2, labelled -1; mu1 and mu2 are orthogonal and of
one length, the noise around the means is standard normal. No linear classifier is better than chance. Some of the
training labels are flipped, those of the test samples are not.
"""

import argparse
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Clusters:
    """Training samples X (n, p) with their labels y (n,), `clean` before flipping, and test samples with clean ones."""

    X: np.ndarray
    y: np.ndarray
    clean: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


def xor_clusters(
    n: int = 100, p: int = 10_000, squared_norm: float = 600.0, flipped: float = 0.14, n_test: int = 1000, seed: int = 0
) -> Clusters:
    """n training and `n_test` test samples in p dimensions, with means of this squared norm.

    The share `flipped` of the training labels, rounded to whole samples, is wrong.
    """
    generator = np.random.default_rng(seed)
    X, clean = draw(n, p, squared_norm, generator)
    X_test, y_test = draw(n_test, p, squared_norm, generator)
    y = clean.copy()
    y[generator.permutation(n)[: round(flipped * n)]] *= -1.0
    return Clusters(X, y, clean, X_test, y_test)


def draw(n: int, p: int, squared_norm: float, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Samples (n, p) and their labels (n,), each cluster equally likely.

    The means lie on the first two axes: the noise is the same in all directions, so which ones makes no difference.
    """
    axis, sign = generator.integers(0, 2, n), generator.choice([-1.0, 1.0], n)
    X = generator.standard_normal((n, p))
    X[np.arange(n), axis] += sign * np.sqrt(squared_norm)
    return X, np.where(axis == 0, 1.0, -1.0)


def main() -> None:
    """Saves the data with the paper's sizes."""
    parser = argparse.ArgumentParser(description="Draws the XOR clusters.")
    parser.add_argument("output", help="a .npz file")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    data = xor_clusters(seed=options.seed)
    np.savez(options.output, **vars(data))
    print(f"{len(data.y)} samples, {np.sum(data.y != data.clean)} flipped, saved to {options.output}")


if __name__ == "__main__":
    main()
