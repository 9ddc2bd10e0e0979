"""The samples of both examples: two spirals in the plane, and a network with four neurons seen through noise.

    python generate.py

Writes `spirals.csv` and `teacher.csv`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def spirals(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Thirty points on two spirals that wind around each other one and a quarter times, labelled 1 and -1."""
    generator = np.random.default_rng(seed)
    length = np.sqrt(np.linspace(0.05, 1, 15))
    angle = 2.5 * np.pi * length
    arm = 2 * length[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = np.concatenate([arm, -arm]) + 0.05 * generator.standard_normal((30, 2))
    order = generator.permutation(30)
    return points[order], np.repeat([1, -1], 15)[order]


def teacher(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two hundred normal inputs of ten numbers, and both outputs of a network with four hidden neurons, with noise."""
    generator = np.random.default_rng(seed)
    inputs = generator.standard_normal((200, 10))
    hidden, outputs = generator.standard_normal((10, 4)), generator.standard_normal((4, 2))
    return inputs, np.maximum(inputs @ hidden, 0) @ outputs + 0.5 * generator.standard_normal((200, 2))


def save(name: str, header: list[str], columns: np.ndarray, formats: list[str]) -> None:
    np.savetxt(HERE / name, columns, formats, delimiter=",", header=",".join(header), comments="")


def main() -> None:
    """Writes both files."""
    points, labels = spirals()
    save("spirals.csv", ["x1", "x2", "label"], np.column_stack([points, labels]), ["%.3f", "%.3f", "%d"])
    inputs, targets = teacher()
    names = [*(f"x{k + 1}" for k in range(10)), "y1", "y2"]
    save("teacher.csv", names, np.column_stack([inputs, targets]), ["%.3f"] * 12)


if __name__ == "__main__":
    main()
