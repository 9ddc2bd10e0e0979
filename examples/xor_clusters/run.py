"""Gradient descent on XOR clusters, step by step, and the convex program on the same samples.

    python run.py [--seed 0] [--steps 15] [--plot xor_clusters.png]

Descent fits every training label, the flipped ones too, in its first step, and only later finds what labels the clean
test samples correctly (Xu, Wang, Frei, Vardi, Hu 2023). The convex program has no steps: its optimum is the network.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from generate import Clusters, xor_clusters

import reludsl

HERE = Path(__file__).parent

# The paper's network: output weights ±1/√m stay fixed, hidden weights start small against a step.
NEURONS = 1000
STEP_SIZE = 0.01
INITIAL_SCALE = 2e-4


def network_outputs(X: np.ndarray, U: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """f(x) = Σ_j max(0, xᵀu_j) α_j of samples (k, p): (k,)."""
    outputs: np.ndarray = np.maximum(X @ U, 0.0) @ alpha
    return outputs


def accuracy(outputs: np.ndarray, labels: np.ndarray) -> float:
    """The share of the labels that the signs of the outputs give."""
    return float(np.mean(np.where(outputs >= 0, 1.0, -1.0) == labels))


def gradient_descent(
    X: np.ndarray, y: np.ndarray, steps: int, seed: int, neurons: int = NEURONS
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The weights U (p, m) and α (m,) before the first step and after each, for the mean logistic loss."""
    generator = np.random.default_rng([seed, 1])
    alpha = generator.choice([-1.0, 1.0], neurons) / np.sqrt(neurons)
    U = INITIAL_SCALE * generator.standard_normal((X.shape[1], neurons))
    yield U, alpha
    for _ in range(steps):
        sums = X @ U
        margins = y * (np.maximum(sums, 0.0) @ alpha)
        slopes = -y / (1.0 + np.exp(margins)) / len(y)
        U = U - STEP_SIZE * X.T @ ((sums > 0) * np.outer(slopes, alpha))
        yield U, alpha


def convex_optimum(data: Clusters) -> tuple[np.ndarray, np.ndarray, reludsl.Solution]:
    """The weights U (p, m) and α (m,) of the convex program's network, and its solution.

    The part of a neuron's weights that is orthogonal to all samples changes no prediction and only costs, so nothing is
    lost by training on the coordinates of the samples in their span, X V for the compact SVD X = Q S Vᵀ.
    """
    *_, transposed = np.linalg.svd(data.X, full_matrices=False)
    solution = reludsl.solve(HERE / "xor_clusters.relu", (data.X @ transposed.T, data.y))
    network = solution.network
    return transposed.T @ network.hidden_weights, network.output_weights, solution


def plot(curves: dict[str, list[float]], optimum: float, path: str) -> None:
    """The accuracies after each step as a picture, and that of the convex program's network as a line."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.5), layout="constrained")
    for name, values in curves.items():
        axes.plot(range(len(values)), values, marker="o", markersize=3, label=f"descent, {name}")
    axes.axhline(optimum, color="black", linestyle="--", linewidth=1, label="convex program, clean test")
    axes.set(xlabel="steps of gradient descent", ylabel="accuracy", ylim=(0.4, 1.02))
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=150)


def main() -> None:
    """Prints the accuracies after every step, then those of the convex program."""
    parser = argparse.ArgumentParser(description="Gradient descent and the convex program on XOR clusters.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--plot", metavar="FILE", help="where to save the picture (the extra `plot`)")
    options = parser.parse_args()
    data = xor_clusters(seed=options.seed)
    curves: dict[str, list[float]] = {"noisy training": [], "clean test": []}
    print("step  noisy training  clean test")
    for step, (U, alpha) in enumerate(gradient_descent(data.X, data.y, options.steps, options.seed)):
        curves["noisy training"].append(accuracy(network_outputs(data.X, U, alpha), data.y))
        curves["clean test"].append(accuracy(network_outputs(data.X_test, U, alpha), data.y_test))
        print(f"{step:4}  {curves['noisy training'][-1]:14.3f}  {curves['clean test'][-1]:10.3f}")

    U, alpha, solution = convex_optimum(data)
    print(solution)
    optimum = accuracy(network_outputs(data.X_test, U, alpha), data.y_test)
    fitted = accuracy(network_outputs(data.X, U, alpha), data.y)
    print(f"convex program: noisy training {fitted:.3f}, clean test {optimum:.3f}")
    if options.plot:
        plot(curves, optimum, options.plot)
        print(f"picture saved to {options.plot}")


if __name__ == "__main__":
    main()
